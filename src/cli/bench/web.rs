//! What the HTTP door answers, as a code to count by.

use crate::cli::exit::{CliError, Exit};
use crate::http::dto::{ProblemDto, RequestDto};

/// The code of an error: the OCS's own when it has one, else the HTTP status and the kind of problem.
pub(super) fn code(error: &CliError) -> String {
    match (&error.problem, error.exit) {
        (Some(problem), _) => of_problem(problem),
        (None, Exit::Unreachable) => "unreachable".into(),
        (None, Exit::Unknown) => "no_answer".into(),
        (None, _) => "not_understood".into(),
    }
}

fn of_problem(problem: &ProblemDto) -> String {
    match (problem.code, &problem.name) {
        (Some(code), Some(name)) => format!("{name} ({code})"),
        (Some(code), None) => format!("OCS error {code}"),
        (None, _) => {
            let slug = problem.problem_type.rsplit('/').next().filter(|slug| !slug.starts_with("about:"));
            format!("http {} {}", problem.status, slug.unwrap_or_default()).trim_end().to_owned()
        }
    }
}

/// What a request came to. `waited` = an outcome is wanted, not only that it was taken.
pub(super) fn came(request: &RequestDto, waited: bool) -> Result<(), String> {
    match request.outcome.as_str() {
        "answered" => Ok(()),
        "pending" | "draining" if !waited => Ok(()),
        outcome => {
            let reason = request.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            Err(format!("{outcome}{reason}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_is_counted_under_the_name_that_tells_most() {
        let problem = |status, problem_type: &str, code, name: Option<&str>| {
            let (problem_type, name) = (problem_type.to_owned(), name.map(str::to_owned));
            code_of(ProblemDto { status, problem_type, code, name, ..ProblemDto::default() })
        };
        let started = Some("CM_ERROR_CAMPAIGN_ALREADY_STARTED");
        assert_eq!(problem(409, "/problems/x", Some(7), started), "CM_ERROR_CAMPAIGN_ALREADY_STARTED (7)");
        assert_eq!(problem(502, "/problems/ocs-error", Some(99), None), "OCS error 99");
        assert_eq!(problem(429, "/problems/overloaded", None, None), "http 429 overloaded");
        assert_eq!(problem(502, "about:blank", None, None), "http 502");
        assert_eq!(code(&CliError::new(Exit::Unreachable, "gone")), "unreachable");
        assert_eq!(code(&CliError::new(Exit::Unknown, "late")), "no_answer");
    }

    fn code_of(problem: ProblemDto) -> String {
        code(&CliError::from_problem(problem))
    }

    #[test]
    fn a_request_that_is_open_is_enough_only_for_who_does_not_wait() {
        let request = |outcome: &str, reason: Option<&str>| RequestDto {
            outcome: outcome.into(),
            reason: reason.map(str::to_owned),
            ..RequestDto::default()
        };
        assert_eq!(came(&request("answered", None), true), Ok(()));
        assert_eq!(came(&request("pending", None), false), Ok(()));
        assert_eq!(came(&request("pending", None), true), Err("pending".into()));
        assert_eq!(came(&request("unknown", Some("silent")), true), Err("unknown (silent)".into()));
    }
}
