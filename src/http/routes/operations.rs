//! Health, readiness, version, links, metrics, and what `doctor` looks at.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use utoipa_axum::routes;

use crate::http::Door;
use crate::http::access::Routes;
use crate::http::convert;
use crate::http::dto::{DiagnosisDto, LinkDto, Page, ReadyDto, VersionDto};
use crate::service::access::Verb;
use crate::wire::dialect::{CLAIM, Framing};

pub(super) fn routes() -> Routes {
    Routes::new()
        .guarded(&[Verb::CampaignRead], routes!(links))
        .guarded(&[Verb::CampaignRead], routes!(diagnosis))
        .open(routes!(healthz))
        .open(routes!(readyz))
        .guarded_or_local(&[Verb::Admin], routes!(metrics))
        .open(routes!(version))
}

pub(crate) fn all_links(door: &Door) -> Vec<LinkDto> {
    let directory = door.gateway.links();
    let names = door.gateway.link_names();
    names.iter().map(|name| convert::link(name, directory.find(name).map(|entry| entry.snapshot).as_ref())).collect()
}

/// Links to T-Servers.
#[utoipa::path(get, path = "/v1/links", tag = "operations", responses((status = 200, body = Page<LinkDto>)))]
async fn links(State(door): State<Door>) -> Json<Page<LinkDto>> {
    Json(Page { schema: "commdn.links.v1".into(), items: all_links(&door), next: None })
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
