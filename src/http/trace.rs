//! Every answer has a name: the id of its request, in the header `X-Request-Id` and in the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::Instrument;
use tracing::field::Empty;

use crate::engine::RequestNumber;
use crate::http::problem::Problem;
use crate::protocol::UtcTime;
use crate::service::gateway::Gateway;
use crate::service::wall;

/// The header that names an answer's request.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the layer around all routes knows.
#[derive(Clone, Debug)]
pub(super) struct Tracer {
    gateway: Gateway,
    next: Arc<AtomicU64>,
}

impl Tracer {
    pub(super) fn new(gateway: Gateway) -> Self {
        let first = RequestNumber::next(UtcTime::from(wall::now()), None);
        Self { gateway, next: Arc::new(AtomicU64::new(first.0)) }
    }

    /// The id of an answer that is about no request to OCS: `h` and 16 digits.
    fn fresh(&self) -> String {
        format!("h{:016x}", self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// Names the answer, counts it, and puts its id into every line of the log on the way. The log has the pattern of the
/// path, never the path: a phone may stand in it. A caller's own id is not taken over for the same reason.
pub(super) async fn trace(State(tracer): State<Tracer>, request: Request, next: Next) -> Response {
    let id = tracer.fresh();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let span = tracing::info_span!("http", id, method = %known(request.method()), route, request = Empty);
    let started = Instant::now();
    let mut response = async {
        let response = match admitted(&tracer.gateway, request.method()) {
            Ok(()) => next.run(request).await,
            Err(problem) => problem.into_response(),
        };
        let status = response.status().as_u16();
        let took_ms = started.elapsed().as_secs_f64() * 1_000.0;
        match status {
            500 => tracing::error!(status, took_ms, "answered"),
            _ => tracing::debug!(status, took_ms, "answered"),
        }
        response
    }
    .instrument(span)
    .await;
    tracer.gateway.metrics().http_answered(response.status().as_u16());
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().entry(REQUEST_ID).or_insert(id);
    }
    response
}

/// Anything may stand in a method.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE | Method::OPTIONS => {
            method.as_str()
        }
        _ => "other",
    }
}

/// A gateway that is about to stop takes nothing new; what was asked before can still be read.
fn admitted(gateway: &Gateway, method: &Method) -> Result<(), Problem> {
    if gateway.health().is_draining() && !method.is_safe() {
        return Err(Problem::new("stopping", 503, "the gateway is stopping").retry_after(5));
    }
    Ok(())
}

/// Puts the id of a request to OCS into the log lines of the answer it belongs to.
pub(super) fn about(number: RequestNumber) {
    tracing::Span::current().record("request", tracing::field::display(number));
}
