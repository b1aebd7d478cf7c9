//! Tokens for a client and its secret, which are a key of ours.

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use secrecy::ExposeSecret;
use utoipa_axum::routes;

use super::words::{ContactListsToken, ContactListsTokenError};
use crate::contact::genesys_cloud::shape::{TokenAnswer, TokenError};
use crate::http::Door;
use crate::http::access::Routes;
use crate::http::extract::text_body;

pub(super) fn routes() -> Routes {
    Routes::new().open(routes!(token))
}

/// A token for an hour. The client is the id of a key of `commdn key create`, its secret the key; as Basic credentials, or
/// as `client_id` and `client_secret` of the form.
#[utoipa::path(post, path = "/oauth/token", tag = "contact-lists",
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "grant_type=client_credentials"),
    responses((status = 200, body = ContactListsToken), (status = 400, body = ContactListsTokenError),
        (status = 401, body = ContactListsTokenError)))]
async fn token(State(door): State<Door>, request: Request) -> Response {
    let basic = basic(request.headers());
    let form = match text_body(request).await {
        Ok(text) => pairs(&text),
        Err(_) => None,
    };
    let Some(form) = form else { return refused(StatusCode::BAD_REQUEST, "invalid_request") };
    let word = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    match word("grant_type").as_deref() {
        Some("client_credentials") => {}
        Some(_) => return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type"),
        None => return refused(StatusCode::BAD_REQUEST, "invalid_request"),
    }
    let credentials = basic.or_else(|| Some((word("client_id")?, word("client_secret")?)));
    let session = credentials.and_then(|(client, secret)| door.access.open_session(&client, &secret));
    let Some(session) = session else { return refused(StatusCode::UNAUTHORIZED, "invalid_client") };
    let answer = TokenAnswer {
        access_token: session.token.expose_secret().to_owned(),
        token_type: "bearer".into(),
        expires_in: Some(u64::from(session.seconds)),
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}

fn refused(status: StatusCode, error: &str) -> Response {
    let mut response = (status, Json(TokenError { error: error.to_owned() })).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"commdn\""));
    }
    response
}

/// Client and secret of `Authorization: Basic`.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, pair) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let pair = scheme.eq_ignore_ascii_case("basic").then(|| BASE64.decode(pair.trim()).ok())??;
    let pair = String::from_utf8(pair).ok()?;
    pair.split_once(':').map(|(client, secret)| (client.to_owned(), secret.to_owned()))
}

/// A form is written as a query is.
fn pairs(form: &str) -> Option<Vec<(String, String)>> {
    let uri: Uri = format!("/?{}", form.trim()).parse().ok()?;
    Query::try_from_uri(&uri).ok().map(|Query(pairs)| pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_basic_credentials_are_read() {
        let form = pairs("grant_type=client_credentials&client_id=a%20b&x=").unwrap();
        assert_eq!(form[0], ("grant_type".to_owned(), "client_credentials".to_owned()));
        assert_eq!(form[1].1, "a b");
        assert!(pairs("").unwrap().is_empty() && pairs("a b").is_none());
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            basic(&headers)
        };
        assert_eq!(of("Basic YTpiOmM="), Some(("a".to_owned(), "b:c".to_owned())));
        for wrong in ["Basic", "Basic !", "Bearer YTpi", "Basic YQ=="] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
