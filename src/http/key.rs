//! `Idempotency-Key`: the caller's own name for what it asks, with a hash of all of it.

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use crate::http::extract::BODY_BYTES_MAX;
use crate::http::problem::Problem;
use crate::service::gateway::GivenKey;

/// The header.
const HEADER: &str = "idempotency-key";
/// A file is no order: it may be sent twice, and is larger than what is hashed here.
const UPLOADS: &str = "/v1/import-uploads";
/// Longest key.
const KEY_MAX: usize = 255;

/// Reads the key of a request that changes something, for [`crate::http::extract::Manner`].
pub(super) async fn read(request: Request, next: Next) -> Response {
    if !matches!(*request.method(), Method::POST | Method::PUT) {
        return next.run(request).await;
    }
    let Some(key) = request.headers().get(HEADER) else { return next.run(request).await };
    if request.uri().path() == UPLOADS {
        return next.run(request).await;
    }
    let key = key.to_str().unwrap_or_default().to_owned();
    if key.is_empty() || key.len() > KEY_MAX {
        let detail = format!("Idempotency-Key: expected 1 to {KEY_MAX} visible characters, found {}", key.len());
        return Problem::new("invalid-parameter", 422, detail).into_response();
    }
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return Problem::new("body-too-long", 413, format!("the body has more than {BODY_BYTES_MAX} bytes"))
            .into_response();
    };
    // The same key for another verb or another campaign is another body too.
    let mut hash = Sha256::new();
    for part in [parts.method.as_str().as_bytes(), parts.uri.path().as_bytes()] {
        hash.update(part);
        hash.update([0]);
    }
    hash.update(&body);
    parts.extensions.insert(GivenKey { key, body_sha256: hash.finalize().into() });
    next.run(Request::from_parts(parts, Body::from(body))).await
}
