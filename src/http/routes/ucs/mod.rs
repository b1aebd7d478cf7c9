//! C: profiles of UCS. The addresses stand below `ucs.base`.

mod metadata;
mod profiles;
mod words;

use axum::http::HeaderMap;

use crate::contact::ucs::{Fault, Origin};
use crate::http::Door;
use crate::http::access::Routes;
use crate::http::foreign::UcsFault;
use crate::http::problem::Problem;

pub(super) fn routes() -> Routes {
    Routes::new().merge(profiles::routes()).merge(metadata::routes())
}

impl From<Problem> for Fault {
    /// Its status and words are translated on the way out like those of every other address of C.
    fn from(problem: Problem) -> Self {
        let code = if problem.body.status == 422 { 400 } else { problem.body.status };
        Self::new(code, problem.body.detail)
    }
}

/// Whose profiles a request is about.
fn origin(door: &Door, headers: &HeaderMap) -> Result<Origin, UcsFault> {
    let text = |name: &str| match headers.get(name) {
        None => Ok(None),
        Some(value) => value.to_str().map(Some).map_err(|_| Fault::bad(format!("{name}: expected a text"))),
    };
    let (tenant, segment) = (text("x-genesys-tenantid")?, text("x-genesys-segment")?);
    Ok(door.ucs.origin(tenant, segment)?)
}
