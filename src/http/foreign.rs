//! What our own refusals are called in the words of other systems: whoever speaks to one of their addresses reads its
//! own kind of error, also when no handler of it was reached.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::contact::dialler::Refusal;
use crate::contact::genesys_cloud::ErrorCode;
use crate::contact::ucs::Fault;
use crate::http::problem::Told;
use crate::service::contact_lists;
use crate::service::{JtelSection, UcsSection};

/// Paths in front of the addresses of each system.
#[derive(Clone, Debug)]
pub(super) struct Bases {
    pub ucs: String,
    pub jtel: String,
}

impl Default for Bases {
    fn default() -> Self {
        Self { ucs: UcsSection::default().base, jtel: JtelSection::default().base }
    }
}

/// Paths in front of the addresses of A and B, which are one system: its errors are alike.
const CLOUD: [&str; 4] = ["/api/v2/outbound", "/api/v2/downloads", "/api/v2/externalcontacts", "/uploads/v2"];

/// After so many seconds another try makes sense, where too much waits.
const BUSY_SECONDS: &str = "10";

/// An error in the words of A and B.
#[derive(Debug)]
pub(super) struct CloudError(pub contact_lists::Refusal);

/// An error in the words of C.
pub(super) struct UcsFault(pub Fault);

/// An error in the words of D.
pub(super) struct JtelRefusal(pub Refusal);

fn answer(status: u16, body: Value, detail: String) -> Response {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (code, Json(body)).into_response();
    let told = Told { slug: Some(format!("status-{status}")), detail: Some(detail), request: None };
    response.extensions_mut().insert(told);
    response
}

impl IntoResponse for CloudError {
    fn into_response(self) -> Response {
        let Self(contact_lists::Refusal(mut body)) = self;
        body.context_id = uuid::Uuid::new_v4().to_string();
        tracing::debug!(context = %body.context_id, code = %body.code, "refused");
        let busy = body.status == 429;
        let mut response = answer(body.status, serde_json::to_value(&body).unwrap_or_default(), body.message);
        if busy {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(BUSY_SECONDS));
        }
        response
    }
}

impl<T: Into<contact_lists::Refusal>> From<T> for CloudError {
    fn from(refusal: T) -> Self {
        Self(refusal.into())
    }
}

impl IntoResponse for UcsFault {
    fn into_response(self) -> Response {
        let Self(fault) = self;
        answer(fault.code, fault.body(), fault.message)
    }
}

impl IntoResponse for JtelRefusal {
    fn into_response(self) -> Response {
        let Self(refusal) = self;
        answer(refusal.status, refusal.body(), refusal.error)
    }
}

impl<T: Into<Fault>> From<T> for UcsFault {
    fn from(fault: T) -> Self {
        Self(fault.into())
    }
}

impl<T: Into<Refusal>> From<T> for JtelRefusal {
    fn from(refusal: T) -> Self {
        Self(refusal.into())
    }
}

/// Puts addresses of A and B right that clients have put together of parts: `//api/v2/...`, and one slash at the end.
pub(super) fn straighten(uri: &mut Uri) {
    let path = uri.path();
    if !path.starts_with("//") && !path.ends_with('/') {
        return;
    }
    let plain = format!("/{}", path.strip_suffix('/').unwrap_or(path).trim_start_matches('/'));
    let is_ours = |base: &str| plain.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if !CLOUD.into_iter().chain(["/oauth"]).any(is_ours) {
        return;
    }
    let target = uri.query().map_or_else(|| plain.clone(), |query| format!("{plain}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = target.parse().ok();
    if let Ok(straight) = Uri::from_parts(parts) {
        *uri = straight;
    }
}

/// Says our own problems in the words of the system whose address it is.
pub(super) async fn translate(State(bases): State<Arc<Bases>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let below = |base: &str| path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let speak: fn(u16, &str, String) -> Response = match (below(&bases.ucs), below(&bases.jtel)) {
        (true, _) => as_fault,
        (false, true) => as_refusal,
        (false, false) if CLOUD.into_iter().any(below) => as_cloud,
        (false, false) => return next.run(request).await,
    };
    let mut response = next.run(request).await;
    // People stand in these answers.
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let is_problem =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json");
    let Some(told) = response.extensions().get::<Told>().cloned().filter(|_| is_problem) else { return response };
    let (slug, detail) = (told.slug.clone().unwrap_or_default(), told.detail.clone().unwrap_or_default());
    let mut spoken = speak(response.status().as_u16(), &slug, detail);
    for name in [header::ALLOW, header::WWW_AUTHENTICATE, header::RETRY_AFTER, header::CACHE_CONTROL] {
        if let Some(value) = response.headers().get(&name) {
            spoken.headers_mut().insert(name, value.clone());
        }
    }
    spoken.extensions_mut().insert(told);
    spoken
}

/// A and B: a status has its code.
fn as_cloud(status: u16, _: &str, detail: String) -> Response {
    let code = match status {
        401 => ErrorCode::AuthenticationRequired.word(),
        403 => ErrorCode::NotAuthorized.word(),
        404 => ErrorCode::NotFound.word(),
        429 => ErrorCode::TooManyRequests.word(),
        400..=499 => ErrorCode::BadRequest.word(),
        503 => "service.unavailable",
        _ => "internal.server.error",
    };
    CloudError(contact_lists::Refusal::ours(status, code, &detail)).into_response()
}

/// C: who may not is 401; what cannot be read is 400.
fn as_fault(status: u16, slug: &str, detail: String) -> Response {
    let code = match (status, slug) {
        (403, "forbidden") => 401,
        (400 | 401 | 403 | 404 | 405 | 413 | 415 | 429 | 503, _) => status,
        (400..=499, _) => 400,
        _ => 500,
    };
    UcsFault(Fault::new(code, detail)).into_response()
}

/// D: who may not is 401; an address that is none is 404 without a word.
fn as_refusal(status: u16, slug: &str, detail: String) -> Response {
    let status = match (status, slug) {
        (404, "not-found") | (405, _) => return StatusCode::NOT_FOUND.into_response(),
        (403, "forbidden") => 401,
        (400 | 401 | 403 | 404 | 409 | 413 | 429, _) => status,
        (400..=499, _) => 400,
        _ => 500,
    };
    JtelRefusal(Refusal::new(status, detail)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_and_b_are_put_right_and_no_others() {
        let straight = |given: &str| {
            let mut uri: Uri = given.parse().unwrap();
            straighten(&mut uri);
            uri.to_string()
        };
        for (given, wanted) in [
            ("/api/v2/outbound/contactlists/", "/api/v2/outbound/contactlists"),
            ("//api/v2/outbound/contactlists?name=a%2F", "/api/v2/outbound/contactlists?name=a%2F"),
            ("/api/v2/externalcontacts/import/settings/?after=x", "/api/v2/externalcontacts/import/settings?after=x"),
            ("/oauth/token/", "/oauth/token"),
            ("/uploads/v2/contactlist/1/?expires=2", "/uploads/v2/contactlist/1?expires=2"),
            ("http://host:80//oauth/token", "http://host:80/oauth/token"),
        ] {
            assert_eq!(straight(given), wanted);
        }
        for other in ["/", "//", "/docs/", "/v1/lists/", "/api/v2/outboundx/", "/api/v2/outbound/contactlists"] {
            assert_eq!(straight(other), other);
        }
    }
}
