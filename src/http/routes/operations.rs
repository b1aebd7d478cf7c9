//! Health, readiness, version, links.

use axum::{Json, extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::Door;
use crate::http::convert;
use crate::http::dto::{LinkDto, Page, ReadyDto, VersionDto};
use crate::wire::dialect::{CLAIM, Framing};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(links))
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(version))
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

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "operations", responses((status = 200, body = String)))]
async fn healthz() -> &'static str {
    "ok\n"
}

/// Requests are taken: the store takes writes. Links are told, not required: without one a do-not-call is kept until it is back.
#[utoipa::path(get, path = "/readyz", tag = "operations", responses((status = 200, body = ReadyDto), (status = 503, body = ReadyDto)))]
async fn readyz(State(door): State<Door>) -> (StatusCode, Json<ReadyDto>) {
    let trouble = door.gateway.store_trouble();
    let status = if trouble.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let reason = trouble.map(|error| error.to_string());
    (
        status,
        Json(ReadyDto { schema: "commdn.ready.v1".into(), ready: reason.is_none(), reason, links: all_links(&door) }),
    )
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
