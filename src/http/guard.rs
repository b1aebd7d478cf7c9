//! Who may talk to the door from a browser: known Host headers only, no foreign pages.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::http::problem::Problem;

/// Names that a Host header may have beside loopback ones. A page that points its own name at this machine (DNS
/// rebinding) is refused by it.
#[derive(Clone, Debug, Default)]
pub(super) struct AllowedHosts(pub Arc<[String]>);

impl AllowedHosts {
    fn allows(&self, host: &str) -> bool {
        let name = host_name(host);
        let is_loopback = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        is_loopback
            || name.eq_ignore_ascii_case("localhost")
            || self.0.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
    }
}

/// The name of `name:port`, without the brackets of an IPv6 address.
fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// Refuses a Host that is not allowed, and requests that a page of another origin makes.
pub(super) async fn check(State(allowed): State<AllowedHosts>, request: Request, next: Next) -> Response {
    match verdict(&allowed, request.headers(), request.uri().host()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// What browsers may do with our answers: the explorer runs its own scripts, everything else none.
pub(super) async fn harden(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let explorer = path == "/docs" || path.starts_with("/docs/");
    let keeps = path.starts_with("/v1/");
    let mut response = next.run(request).await;
    let policy = if explorer {
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; \
            base-uri 'none'; form-action 'none'"
    } else {
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    };
    let always = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    let caching = keeps.then_some((header::CACHE_CONTROL, "no-store"));
    for (name, value) in always.into_iter().chain(caching) {
        // A page that knows better has said so.
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn verdict(allowed: &AllowedHosts, headers: &HeaderMap, uri_host: Option<&str>) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).or(uri_host).unwrap_or_default();
    if !allowed.allows(host) {
        let detail = format!("Host '{host}' is not answered here");
        return Err(Problem::new("host-not-allowed", 403, detail).hint("add the name to http.allowed_hosts"));
    }
    if let Some(origin) = text(header::ORIGIN) {
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        if !allowed.allows(host) {
            let detail = format!("requests of pages of '{origin}' are not answered here");
            return Err(Problem::new("origin-not-allowed", 403, detail));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &'static str, origin: Option<&'static str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        verdict(&AllowedHosts(Arc::from(["ocs.example".to_owned()])), &headers, None).is_ok()
    }

    #[test]
    fn loopback_and_configured_names_are_answered() {
        for host in ["localhost:8080", "127.0.0.1:8080", "127.0.0.1", "[::1]:8080", "OCS.example:80", "ocs.example"] {
            assert!(check(host, None), "{host}");
        }
        for host in ["evil.example:8080", "192.168.0.7:8080", "", "localhost.evil.example"] {
            assert!(!check(host, None), "{host}");
        }
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        assert!(check("localhost:8080", Some("http://localhost:8080")));
        assert!(!check("localhost:8080", Some("https://evil.example")));
        assert!(!check("localhost:8080", Some("null")));
    }
}
