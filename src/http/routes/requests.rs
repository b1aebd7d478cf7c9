//! What was asked and what became of it.

use std::sync::Arc;

use axum::{Json, extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{answer, page_limit, page_of};
use crate::engine::RequestNumber;
use crate::engine::Which;
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::convert;
use crate::http::dto::{ExplainDto, Page, ProblemDto, RequestDto};
use crate::http::extract::{Asked, Manner, Place};
use crate::http::problem::Problem;
use crate::message::Pair;
use crate::service::access::{Object, Verb};
use crate::service::gateway::Standing;

/// A request about a campaign is read with one, a request about a person with the other.
const READ: &[Verb] = &[Verb::CampaignRead, Verb::DncRead];

pub(super) fn routes() -> Routes {
    Routes::new()
        .guarded_within(READ, routes!(list))
        .guarded_within(READ, routes!(show))
        .guarded_within(READ, routes!(explain))
        .guarded(&[Verb::DncAdd], routes!(retry))
}

/// May the caller see requests of this kind about that pair?
pub(crate) fn may_read(caller: &Caller, pair: Option<Pair>) -> bool {
    match pair {
        Some(pair) => caller.may(Verb::CampaignRead, Object::pair(pair.campaign.0, pair.group.0)),
        None => caller.may(Verb::DncRead, Object::default()),
    }
}

/// Most requests on one page.
const PAGE_MAX: usize = 500;

#[derive(Debug, Deserialize, IntoParams)]
struct ListQuery {
    /// Entries of a page, 1 to 500.
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
    /// `open`, `ended`, `dead` or `all`; dead = do-not-calls that were given up.
    state: Option<String>,
}

/// Requests from the newest on, page by page.
#[utoipa::path(get, path = "/v1/requests", tag = "requests", params(ListQuery),
    responses((status = 200, body = Page<RequestDto>), (status = 422, body = ProblemDto)))]
async fn list(
    State(door): State<Door>,
    caller: Caller,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Page<RequestDto>>, Problem> {
    let which = match query.state.as_deref() {
        None | Some("all" | "dead") => Which::All,
        Some("open") => Which::Open,
        Some("ended") => Which::Ended,
        Some(other) => {
            let detail = format!("state: expected open, ended, dead or all, found '{other}'");
            return Err(Problem::new("invalid-parameter", 422, detail));
        }
    };
    let after = query.after.as_deref().map(|text| number(text, 422)).transpose()?;
    let limit = page_limit(query.limit, PAGE_MAX);
    let dead = query.state.as_deref() == Some("dead");
    let found = readable(&door, &caller, (which, dead), after, limit + 1).await;
    let (records, next) = page_of(found, limit, |standing| standing.record.number.to_string());
    let items = records.iter().map(|standing| convert::standing(door.gateway.router(), standing)).collect();
    Ok(Json(Page { schema: "commdn.requests.v1".into(), items, next }))
}

/// One request.
#[utoipa::path(get, path = "/v1/requests/{id}", tag = "requests", params(("id" = String, Path, description = "request_id")),
    responses((status = 200, body = RequestDto), (status = 404, body = ProblemDto)))]
async fn show(State(door): State<Door>, caller: Caller, Place(id): Place<String>) -> Result<Json<RequestDto>, Problem> {
    let standing = door.gateway.standing(number(&id, 404)?).await;
    Ok(Json(convert::standing(door.gateway.router(), &visible(&caller, &id, standing)?)))
}

/// Why a request stands or ended as it did.
#[utoipa::path(get, path = "/v1/requests/{id}/explain", tag = "requests",
    params(("id" = String, Path, description = "request_id")),
    responses((status = 200, body = ExplainDto), (status = 404, body = ProblemDto)))]
async fn explain(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<Json<ExplainDto>, Problem> {
    let standing = visible(&caller, &id, door.gateway.explain(number(&id, 404)?).await)?;
    let dialect = door.gateway.link_names().first().map(|name| door.gateway.dialect(name)).unwrap_or_default();
    Ok(Json(convert::explain(door.gateway.router(), &standing, dialect, door.gateway.pseudonyms())))
}

/// Try a do-not-call again that was given up or waits for its next attempt. Only the OCSs that have not confirmed it are
/// asked.
#[utoipa::path(post, path = "/v1/requests/{id}/retry", tag = "requests",
    params(("id" = String, Path, description = "request_id")),
    responses((status = 200, body = RequestDto), (status = 202, body = RequestDto), (status = 404, body = ProblemDto),
    (status = 409, body = ProblemDto), (status = 503, body = ProblemDto)))]
async fn retry(State(door): State<Door>, Place(id): Place<String>, manner: Manner) -> Result<Response, Problem> {
    let accepted = door.gateway.retry(number(&id, 404)?).await?;
    answer(&door, accepted, manner.wait).await
}

/// Requests that the caller may see, from the newest on.
async fn readable(
    door: &Door,
    caller: &Caller,
    (which, dead): (Which, bool),
    mut after: Option<RequestNumber>,
    most: usize,
) -> Vec<Standing> {
    let mut found = Vec::new();
    loop {
        let page = match dead {
            true => door.gateway.dead_letters(after, most).await,
            false => {
                let records = door.gateway.requests(which, after, most).await;
                records.into_iter().map(|record| Standing::of(Arc::new(record))).collect()
            }
        };
        let (last, full) = (page.last().map(|standing| standing.record.number), page.len() == most);
        found.extend(page.into_iter().filter(|standing| may_read(caller, standing.record.pair)));
        if found.len() >= most || !full {
            found.truncate(most);
            return found;
        }
        after = last;
    }
}

/// A request that the caller may not see is not there.
fn visible(caller: &Caller, id: &str, standing: Option<Standing>) -> Result<Standing, Problem> {
    standing.filter(|standing| may_read(caller, standing.record.pair)).ok_or_else(|| {
        Problem::new("request-not-found", 404, format!("request {id} is not known, or no longer"))
            .hint("requests are listed at /v1/requests")
    })
}

pub(super) fn number(text: &str, status: u16) -> Result<RequestNumber, Problem> {
    let wrong = || {
        let detail = format!("expected a request id such as r019a5c3e7b2f0000, found '{text}'");
        Problem::new(if status == 404 { "request-not-found" } else { "invalid-parameter" }, status, detail)
    };
    RequestNumber::parse(text).ok_or_else(wrong)
}
