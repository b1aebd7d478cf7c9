//! Floor 7: the HTTP door. REST, server-sent events, OpenAPI; it holds no rule of the protocol.

mod convert;
pub mod dto;
mod extract;
mod guard;
mod key;
mod problem;
mod routes;
mod stream;

use std::{io, sync::Arc};

use axum::{Router, middleware, response::IntoResponse};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use crate::service::gateway::Gateway;
use guard::AllowedHosts;
use problem::Problem;

/// What the handlers share.
#[derive(Clone, Debug)]
struct Door {
    gateway: Gateway,
    stop: CancellationToken,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "commdn",
        description = "Campaign control, do-not-call and cancel-record for Genesys Outbound, over the Communication DN API. \
            Errors are application/problem+json.",
        license(name = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "campaigns", description = "Load, start, stop, unload, dial mode, state"),
        (name = "people", description = "Do-not-call and cancel-record"),
        (name = "requests", description = "What was asked and what became of it"),
        (name = "streams", description = "Server-sent events"),
        (name = "operations", description = "Health and version")
    )
)]
struct Api;

fn api() -> OpenApiRouter<Door> {
    OpenApiRouter::with_openapi(Api::openapi()).merge(routes::all()).merge(stream::routes())
}

/// The OpenAPI 3.1 document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    api().into_openapi()
}

/// Serves the gateway's door until the token is cancelled; open answers are finished, streams are ended.
///
/// # Errors
/// The listener's.
pub async fn serve(
    listener: TcpListener,
    gateway: Gateway,
    allowed_hosts: &[String],
    stop: CancellationToken,
) -> io::Result<()> {
    let (router, openapi) = api().split_for_parts();
    let guard = AllowedHosts(Arc::from(allowed_hosts));
    let app: Router = router
        .with_state(Door { gateway, stop: stop.clone() })
        .merge(SwaggerUi::new("/docs").url("/openapi.json", openapi))
        .fallback(no_such_page)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn(key::read))
        .layer(middleware::from_fn_with_state(guard, guard::check));
    axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn no_such_page(uri: axum::http::Uri) -> impl IntoResponse {
    Problem::new("not-found", 404, format!("there is nothing at {}", uri.path())).hint("the API is described at /docs")
}

async fn no_such_method(method: axum::http::Method, uri: axum::http::Uri) -> impl IntoResponse {
    let detail = format!("{method} is not answered at {}", uri.path());
    Problem::new("method-not-allowed", 405, detail).hint("the header Allow has what is; the API is described at /docs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_openapi_3_1_and_names_every_verb() {
        let document = serde_json::to_value(openapi()).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let paths = document["paths"].as_object().unwrap();
        for path in [
            "/v1/campaigns",
            "/v1/campaigns/{campaign}/groups/{group}",
            "/v1/campaigns/{campaign}/groups/{group}/load",
            "/v1/campaigns/{campaign}/groups/{group}/unload",
            "/v1/campaigns/{campaign}/groups/{group}/force-unload",
            "/v1/campaigns/{campaign}/groups/{group}/start",
            "/v1/campaigns/{campaign}/groups/{group}/stop",
            "/v1/campaigns/{campaign}/groups/{group}/complete",
            "/v1/campaigns/{campaign}/groups/{group}/mode",
            "/v1/dnc",
            "/v1/records/cancel",
            "/v1/requests",
            "/v1/requests/{id}",
            "/v1/requests/{id}/explain",
            "/v1/events",
            "/v1/tap",
            "/v1/send",
            "/v1/links",
            "/healthz",
            "/readyz",
            "/version",
        ] {
            assert!(paths.contains_key(path), "{path}");
        }
    }
}
