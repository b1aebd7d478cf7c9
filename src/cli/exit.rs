//! How a verb ends: exit codes, errors, and the one mapping from HTTP answers to both.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::http::dto::{ProblemDto, RequestDto};
use crate::message::ErrorCode;

/// The exit code of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Internal error.
    Internal = 1,
    /// Usage or configuration.
    Usage = 2,
    /// Cannot reach gateway, T-Server or OCS.
    Unreachable = 3,
    /// No answer in time, outcome unknown.
    Unknown = 4,
    /// OCS refused.
    Refused = 5,
    /// Partly done.
    Partial = 6,
    /// Not authorised.
    NotAuthorised = 7,
    /// Not found.
    NotFound = 8,
    /// Conflict with an open request.
    Conflict = 9,
    /// A stated expectation or threshold was missed.
    Missed = 10,
    /// Interrupted.
    Interrupted = 130,
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a verb did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    /// The exit code.
    pub exit: Exit,
    /// One line: what was found and what was wanted. Empty = nothing is printed.
    pub message: String,
    /// One line: what to do about it.
    pub hint: Option<String>,
    /// What the gateway answered.
    pub problem: Option<Box<ProblemDto>>,
}

impl CliError {
    /// An error without hint.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None, problem: None }
    }

    /// Wrong words on the command line, in a file or in the configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Something that must not happen.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Exit::Internal, message)
    }

    /// The error with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whoever read our stdout went away: an end, but no error.
    #[must_use]
    pub fn closed() -> Self {
        Self::new(Exit::Done, "")
    }

    /// What the gateway answered instead of doing it.
    #[must_use]
    pub fn from_problem(problem: ProblemDto) -> Self {
        let exit = exit_of_problem(&problem);
        let message = match problem.code {
            Some(code) => {
                let name = problem.name.as_deref().or_else(|| ErrorCode(code).name());
                let words = match (ErrorCode(code).slug(), problem.ocs_message.as_deref()) {
                    (Some(_), _) if code > 0 => ErrorCode(code).words(),
                    (_, Some(message)) if !message.is_empty() => message.to_owned(),
                    _ => "the request was refused".to_owned(),
                };
                let name = name.map(|name| format!(", {name}")).unwrap_or_default();
                format!("{words} (OCS error {code}{name})")
            }
            None if problem.detail.is_empty() => problem.title.clone(),
            None => problem.detail.clone(),
        };
        let hint = problem.hint.clone();
        Self { exit, message: one_line(&message), hint, problem: Some(Box::new(problem)) }
    }

    /// The object of `--json`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let problem = self.problem.as_deref();
        json!({
            "schema": "commdn.error.v1",
            "exit": self.exit.code(),
            "message": self.message,
            "hint": self.hint,
            "code": problem.and_then(|problem| problem.code),
            "name": problem.and_then(|problem| problem.name.clone()),
            "request_id": problem.and_then(|problem| problem.request_id.clone()),
            "problem": problem,
        })
    }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The exit code of an answer that is no success. A stated OCS code always wins: OCS was reached and said no.
#[must_use]
pub fn exit_of_problem(problem: &ProblemDto) -> Exit {
    let slug = problem.problem_type.rsplit('/').next().unwrap_or_default();
    if problem.code.is_some() {
        return Exit::Refused;
    }
    match (problem.status, slug) {
        (502, "ocs-error") => Exit::Refused,
        (401 | 403, _) => Exit::NotAuthorised,
        (404, _) => Exit::NotFound,
        (409, _) => Exit::Conflict,
        (504, _) => Exit::Unknown,
        (429 | 502 | 503, _) => Exit::Unreachable,
        (400..=499, _) => Exit::Usage,
        _ => Exit::Internal,
    }
}

/// The exit code of a request that was taken. `waited` = the caller wanted the outcome.
#[must_use]
pub fn exit_of_outcome(request: &RequestDto, waited: bool) -> Exit {
    match request.outcome.as_str() {
        "answered" => Exit::Done,
        "partial" | "mixed" => Exit::Partial,
        "refused" => Exit::Refused,
        "unknown" => Exit::Unknown,
        _ if waited => Exit::Unknown, // pending, draining: the time is up and the outcome open
        _ => Exit::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, slug: &str, code: Option<i32>) -> ProblemDto {
        ProblemDto { problem_type: format!("/problems/{slug}"), status, code, ..ProblemDto::default() }
    }

    #[test]
    fn every_problem_has_its_exit_code() {
        let table = [
            (404, "campaign-not-found", Some(3), Exit::Refused),
            (404, "group-not-found", Some(8), Exit::Refused),
            (404, "campaign-not-in-group", Some(9), Exit::Refused),
            (404, "sequence-not-found", Some(13), Exit::Refused),
            (404, "not-found", None, Exit::NotFound),
            (409, "campaign-already-started", Some(7), Exit::Refused),
            (409, "part-of-sequence", Some(17), Exit::Refused),
            (409, "conflict", None, Exit::Conflict),
            (422, "invalid-parameter", Some(10), Exit::Refused),
            (422, "invalid-parameter", None, Exit::Usage),
            (400, "invalid-body", None, Exit::Usage),
            (413, "too-large", None, Exit::Usage),
            (415, "invalid-body", None, Exit::Usage),
            (403, "licence-violation", Some(15), Exit::Refused),
            (403, "forbidden", None, Exit::NotAuthorised),
            (401, "unauthorised", None, Exit::NotAuthorised),
            (502, "ocs-error", None, Exit::Refused),
            (502, "ocs-error", Some(0), Exit::Refused),
            (502, "link-down", None, Exit::Unreachable),
            (502, "about:blank", None, Exit::Unreachable),
            (504, "ocs-silent", None, Exit::Unknown),
            (504, "link-timeout", None, Exit::Unknown),
            (503, "overloaded", None, Exit::Unreachable),
            (429, "overloaded", None, Exit::Unreachable),
            (500, "internal", None, Exit::Internal),
        ];
        for (status, slug, code, wanted) in table {
            assert_eq!(exit_of_problem(&problem(status, slug, code)), wanted, "{status} {slug} {code:?}");
        }
    }

    #[test]
    fn every_outcome_has_its_exit_code() {
        let table = [
            ("answered", true, Exit::Done),
            ("partial", true, Exit::Partial),
            ("mixed", true, Exit::Partial),
            ("refused", true, Exit::Refused),
            ("unknown", false, Exit::Unknown),
            ("pending", true, Exit::Unknown),
            ("pending", false, Exit::Done),
            ("draining", true, Exit::Unknown),
            ("draining", false, Exit::Done),
        ];
        for (outcome, waited, wanted) in table {
            let request = RequestDto { outcome: outcome.into(), ..RequestDto::default() };
            assert_eq!(exit_of_outcome(&request, waited), wanted, "{outcome} {waited}");
        }
    }

    #[test]
    fn a_refusal_names_words_code_and_name() {
        let mut refused = problem(409, "campaign-already-started", Some(7));
        refused.name = Some("CM_ERROR_CAMPAIGN_ALREADY_STARTED".into());
        let error = CliError::from_problem(refused);
        let wanted = "campaign already started (OCS error 7, CM_ERROR_CAMPAIGN_ALREADY_STARTED)";
        assert_eq!(error.to_string(), wanted);
        assert_eq!(error.to_json()["code"], 7);
    }

    #[test]
    fn a_code_outside_the_table_is_told_in_the_words_of_ocs() {
        let mut odd = problem(502, "ocs-error", Some(99));
        odd.ocs_message = Some("no\nluck".into());
        assert_eq!(CliError::from_problem(odd).to_string(), "no luck (OCS error 99)");
        let zero = problem(502, "ocs-error", Some(0));
        assert_eq!(CliError::from_problem(zero).to_string(), "the request was refused (OCS error 0, CM_ERROR_NO)");
    }
}
