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
