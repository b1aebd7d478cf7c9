//! Health, readiness, version, links, metrics, and what `doctor` looks at.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use utoipa_axum::routes;

use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::convert;
use crate::http::dto::{DiagnosisDto, LinkDto, LinkWishDto, Page, ProblemDto, ReadyDto, VersionDto};
use crate::http::extract::{JsonBody, Place};
use crate::http::problem::Problem;
use crate::message::AppDbid;
use crate::service::access::Verb;
use crate::service::gateway::OrderError;
use crate::wire::dialect::{CLAIM, Framing};

pub(super) fn routes() -> Routes {
    Routes::new()
        .guarded(&[Verb::CampaignRead], routes!(links))
        .guarded(&[Verb::Admin], routes!(change_link))
        .guarded(&[Verb::CampaignRead], routes!(diagnosis))
        .guarded(&[Verb::Admin], routes!(clear_alarm))
        .open(routes!(healthz))
        .open(routes!(readyz))
        .guarded_or_local(&[Verb::Admin], routes!(metrics))
        .open(routes!(version))
}

pub(crate) fn all_links(door: &Door) -> Vec<LinkDto> {
    door.gateway.link_names().iter().map(|name| convert::link(&door.gateway, name)).collect()
}

/// Links to T-Servers.
#[utoipa::path(get, path = "/v1/links", tag = "operations", responses((status = 200, body = Page<LinkDto>)))]
async fn links(State(door): State<Door>) -> Json<Page<LinkDto>> {
    Json(Page { schema: "commdn.links.v1".into(), items: all_links(&door), next: None })
}

/// Leave the session of a link and dial again: the same member of its pair first (`redial`), or the other (`switch`).
#[utoipa::path(post, path = "/v1/links", tag = "operations", request_body = LinkWishDto,
    responses((status = 200, body = LinkDto), (status = 404, body = ProblemDto), (status = 409, body = ProblemDto),
    (status = 422, body = ProblemDto)))]
async fn change_link(
    State(door): State<Door>,
    JsonBody(wish): JsonBody<LinkWishDto>,
) -> Result<Json<LinkDto>, Problem> {
    let Some(entry) = door.gateway.links().find(&wish.link) else {
        let detail = format!("there is no link '{}'", wish.link);
        return Err(Problem::new("link-not-found", 404, detail).hint("GET /v1/links names them"));
    };
    let given = match wish.action.as_str() {
        "redial" => entry.handle.redial(),
        "switch" if entry.snapshot.backup.is_none() => {
            let detail = format!("link '{}' has no backup to switch to", wish.link);
            return Err(Problem::new("no-backup", 409, detail).hint("give its [[tserver]] a backup, or use redial"));
        }
        "switch" => entry.handle.switch(),
        other => {
            let detail = format!("action: expected redial or switch, found '{other}'");
            return Err(Problem::new("invalid-parameter", 422, detail));
        }
    };
    given.map_err(|refused| Problem::new("overloaded", 503, refused.to_string()).retry_after(1))?;
    tracing::info!(link = %wish.link, action = %wish.action, "asked for by a caller");
    Ok(Json(convert::link(&door.gateway, &wish.link)))
}

/// Somebody has looked after one of our DBIDs that another program had sent with: it is used again.
#[utoipa::path(delete, path = "/v1/alarms/{origin}", tag = "operations",
    params(("origin" = i32, Path, description = "our application DBID")),
    responses((status = 200, body = DiagnosisDto), (status = 404, body = ProblemDto)))]
async fn clear_alarm(
    State(door): State<Door>,
    caller: Caller,
    Place(origin): Place<i32>,
) -> Result<Json<DiagnosisDto>, Problem> {
    caller.note(format!("application {origin}"));
    match door.gateway.clear_alarm(AppDbid(origin)).await {
        Some(true) => {
            let sight = door.gateway.sight().await;
            Ok(Json(convert::diagnosis(&door.gateway, sight.as_ref(), all_links(&door))))
        }
        Some(false) => {
            let detail = format!("there is no alarm about application {origin}");
            Err(Problem::new("alarm-not-found", 404, detail).hint("GET /v1/diagnosis has them as origins_alarmed"))
        }
        None => Err(OrderError::Stopping.into()),
    }
}

/// What `doctor` looks at: links, OCSs, own DBIDs, journal, clock.
#[utoipa::path(get, path = "/v1/diagnosis", tag = "operations", responses((status = 200, body = DiagnosisDto)))]
async fn diagnosis(State(door): State<Door>) -> Json<DiagnosisDto> {
    let sight = door.gateway.sight().await;
    Json(convert::diagnosis(&door.gateway, sight.as_ref(), all_links(&door)))
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "operations", responses((status = 200, body = String)))]
async fn healthz() -> &'static str {
    "ok\n"
}

/// Requests are taken: the journal can be written and nobody stops the gateway. Links are told, not required: without
/// one a do-not-call is kept until it is back.
#[utoipa::path(get, path = "/readyz", tag = "operations",
    responses((status = 200, body = ReadyDto), (status = 503, body = ReadyDto)))]
async fn readyz(State(door): State<Door>) -> impl IntoResponse {
    let health = door.gateway.health();
    let ready = ReadyDto {
        schema: "commdn.ready.v1".into(),
        ready: health.is_ready(),
        draining: health.is_draining(),
        journal_fault: health.journal_fault(),
        links: all_links(&door),
    };
    let status = if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ready))
}

/// Everything that is counted, for Prometheus. The names are in docs/operations.md.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses((status = 200, body = String)))]
async fn metrics(State(door): State<Door>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], door.gateway.exposition().await)
}

/// Version, and what is claimed about the wire.
#[utoipa::path(get, path = "/version", tag = "operations", responses((status = 200, body = VersionDto)))]
async fn version() -> Json<VersionDto> {
    Json(VersionDto {
        schema: "commdn.version.v1".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        framing: Framing::default().name().into(),
        compatibility: CLAIM.into(),
    })
}
