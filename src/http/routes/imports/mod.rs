//! Calling lists and what loads them: uploads, jobs, profiles.

pub(super) mod files;
mod jobs;
mod lists;
mod profiles;
mod uploads;

use crate::http::access::{Caller, Routes};
use crate::http::dto::ImportSettings;
use crate::http::problem::Problem;
use crate::service::access::{Object, Verb};
use crate::service::import::{ImportError, ImportService};
use crate::store::StoreErrorKind;

pub(super) fn routes() -> Routes {
    Routes::new().merge(lists::routes()).merge(uploads::routes()).merge(jobs::routes()).merge(profiles::routes())
}

fn wrong(detail: impl Into<String>) -> Problem {
    Problem::new("invalid-parameter", 422, detail)
}

/// Refuses what the caller may not do to a list, or to contacts outside of lists.
fn need(caller: &Caller, verb: Verb, list: Option<&str>) -> Result<(), Problem> {
    caller.need(verb, Object { list, ..Object::default() })
}

/// The settings of a request over those of the profile that it names.
async fn profile_of(
    imports: &ImportService,
    name: Option<&str>,
    settings: Option<ImportSettings>,
) -> Result<crate::contact::ImportProfile, Problem> {
    let base = match name {
        Some(name) => Some(imports.profile(name).await?.profile),
        None => None,
    };
    crate::http::shown::profile(settings.unwrap_or_default(), base).map_err(wrong)
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        let detail = error.to_string();
        match error {
            ImportError::Io(_) => {
                tracing::error!(%error, "a file of imports");
                Self::new("file-unreadable", 500, "a file of this import cannot be read or written")
            }
            ImportError::File(_) => Self::new("invalid-file", 400, detail),
            ImportError::Mapping(_) | ImportError::Settings(_) | ImportError::Refused(_) => {
                Self::new("invalid-settings", 400, detail)
            }
            ImportError::FileChanged(_) => Self::new("file-changed", 409, detail),
            ImportError::Unknown { what, .. } => Self::new(&format!("{what}-not-found"), 404, detail),
            ImportError::Taken { .. } => Self::new("name-taken", 409, detail),
            ImportError::Stale { .. } => {
                Self::new("version-mismatch", 409, detail).hint("read it again, then change it")
            }
            ImportError::State { .. } => Self::new("wrong-state", 409, detail),
            ImportError::InUse(_) => {
                Self::new("in-use", 409, detail).hint("try again when they are not dialed any more")
            }
            ImportError::Busy(_) => Self::new("too-many-jobs", 429, detail).retry_after(10),
            ImportError::Store(error) if error.kind == StoreErrorKind::KeyUsed => {
                Self::new("idempotency-conflict", 422, detail).hint("use a new key for a new request")
            }
            ImportError::Store(error) => error.into(),
        }
    }
}
