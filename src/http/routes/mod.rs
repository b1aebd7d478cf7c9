//! The verbs, one noun a file.

mod access;
pub(crate) use access::{audited, key, verdict};
mod adjacent;
mod backup;
mod campaigns;
mod dnc;
mod external;
mod forms;
mod genesys_cloud;
mod imports;
mod jtel;
mod operations;
pub(super) use operations::all_links;
mod people;
mod requests;
mod sequences;
pub(super) use requests::may_read;
mod send;
mod sim;
mod ucs;

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::http::Door;
use crate::http::access::Routes;
use crate::http::convert;
use crate::http::dto::{DryRunDto, Word};
use crate::http::extract::Manner;
use crate::http::foreign::Bases;
use crate::http::problem::{Problem, SILENCE_HINT, Told};
use crate::http::trace::{REQUEST_ID, about};
use crate::service::gateway::{Accepted, Order, OrderError};

/// Routes of other systems' interfaces, below the paths of the configuration.
pub(super) fn foreign(bases: &Bases) -> Routes {
    Routes::new().under(&bases.ucs, ucs::routes()).under(&format!("{}/{{clients_id}}", bases.jtel), jtel::routes())
}

pub(super) fn all() -> Routes {
    Routes::new()
        .merge(campaigns::routes())
        .merge(people::routes())
        .merge(dnc::routes())
        .merge(imports::routes())
        .merge(requests::routes())
        .merge(sequences::routes())
        .merge(send::routes())
        .merge(operations::routes())
        .merge(backup::routes())
        .merge(adjacent::routes())
        .merge(access::routes())
        .merge(genesys_cloud::routes())
        .merge(external::routes())
        .merge(sim::routes())
}

/// Entries of a page when a caller does not say.
const PAGE_DEFAULT: usize = 50;

/// How many entries a page has.
fn page_limit(wanted: Option<usize>, most: usize) -> usize {
    wanted.unwrap_or(PAGE_DEFAULT).clamp(1, most)
}

/// Cuts what was read, one entry more than a page has, to a page; with the name of its last entry when others follow.
fn page_of<T>(mut entries: Vec<T>, limit: usize, name: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(name);
    (entries, next)
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        let detail = error.to_string();
        match error {
            OrderError::Route(route) => {
                let slug = match route.noun {
                    "group" => "group-not-found",
                    "campaign" => "campaign-not-found",
                    _ => "ocs-not-found",
                };
                Self::new(slug, 404, detail).hint("names and DBIDs come from the gateway's configuration")
            }
            OrderError::Refusal(_) | OrderError::Word { .. } | OrderError::Encode(_) => {
                Self::new("invalid-parameter", 422, detail)
            }
            OrderError::Overloaded => Self::new("overloaded", 503, detail).retry_after(1),
            OrderError::Store(_) => Self::new("store-unavailable", 503, detail)
                .hint("nothing was taken; look at /readyz, and repeat it with an Idempotency-Key")
                .retry_after(2),
            OrderError::KeyConflict(number) => Self::new("idempotency-conflict", 422, detail)
                .hint("use a new key for a new request")
                .request(&number.to_string()),
            OrderError::NotRepeatable(number) => Self::new("not-repeatable", 409, detail)
                .hint("what it asked for can be asked for anew")
                .request(&number.to_string()),
            OrderError::NoSuchRequest(_) => {
                Self::new("request-not-found", 404, detail).hint("requests are listed at /v1/requests")
            }
            OrderError::Stopping | OrderError::TooLate => Self::new("stopping", 503, detail).retry_after(5),
        }
    }
}

impl Word {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Name(name) => name.clone(),
        }
    }
}

/// Gives an order to the gateway and answers as the caller wishes.
async fn order(door: &Door, order: Order, manner: Manner) -> Result<Response, Problem> {
    if manner.dry_run {
        let text = door.gateway.dry_run(order).await?;
        return Ok(Json(DryRunDto { schema: "commdn.dry_run.v1".into(), text }).into_response());
    }
    let accepted = door.gateway.submit(order, manner.asker).await?;
    answer(door, accepted, manner.wait).await
}

/// Waits for the end of a request: 200, its problem, or 202 when it is still open.
///
/// A request whose answer time has passed without one is 504 at once, though the gateway goes on to find out what
/// became of it: the caller who waited that long wants the diagnosis.
async fn answer(door: &Door, accepted: Accepted, wait: Option<Duration>) -> Result<Response, Problem> {
    about(accepted.number);
    let wait = wait.unwrap_or_else(|| door.gateway.default_wait());
    // Both a time-out and a gateway that stops leave the request as it stands.
    let _ = tokio::time::timeout(wait, accepted.ended).await;
    let number = accepted.number;
    let standing = door.gateway.standing(number).await;
    let standing = standing.ok_or_else(|| Problem::from(OrderError::Stopping).request(&number.to_string()))?;
    let mut request = convert::standing(door.gateway.router(), &standing);
    let status = match standing.phase {
        // Who does not wait is always told where to look, however fast the answer was.
        "ended" if wait.is_zero() && !request.answers.is_empty() => StatusCode::ACCEPTED,
        "ended" => match Problem::of_request(&request) {
            Some(problem) => return Err(problem),
            None => StatusCode::OK,
        },
        _ if standing.overdue && !wait.is_zero() => {
            let what = if standing.suspect { "no clear answer" } else { "no answer" };
            let seconds = wait.as_secs_f64();
            let detail = format!("{what} within {seconds:.1} s; the gateway goes on to find out what became of it");
            let problem = if standing.suspect { Problem::unclear(detail) } else { Problem::silent(detail) };
            return Err(problem.request(&request.request_id));
        }
        _ => {
            let waits = standing.waits_for.map(|reason| format!("it waits for {reason}"));
            request.hint = waits.or_else(|| standing.overdue.then(|| SILENCE_HINT.to_owned()));
            StatusCode::ACCEPTED
        }
    };
    let mut response = (status, Json(&request)).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/requests/{number}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.extensions_mut().insert(Told { request: Some(number), ..Told::default() });
    if let Ok(id) = HeaderValue::from_str(&request.request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(response)
}
