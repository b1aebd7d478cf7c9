//! Reading requests: bodies with an error that names the place, and how long a caller waits.

use std::time::Duration;

use axum::{
    body::{Body, HttpBody},
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, header, request::Parts},
};
use futures_util::StreamExt;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::timeout;

use crate::http::access::Caller;
use crate::http::problem::Problem;
use crate::http::serve::BODY;
use crate::service::gateway::{Asker, GivenKey};

/// Most bytes of a request's body.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;

/// Most bytes of a body with contacts.
const CONTACT_BYTES_MAX: usize = 8 << 20;

/// A JSON body; an empty one is `{}`.
pub(super) struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = timeout(BODY, whole(body, BODY_BYTES_MAX)).await.map_err(|_| too_slow())??;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { need_json(&parts.headers).map(|()| &*bytes)? };
        let is_object = bytes.trim_ascii_start().starts_with(b"{");
        let read = serde_json::from_slice(bytes).map_err(|error| {
            let slug = if error.is_data() { "invalid-parameter" } else { "invalid-json" };
            let status = if error.is_data() { 422 } else { 400 };
            Problem::new(slug, status, format!("body: {}", without_values(&error.to_string())))
        })?;
        // Members without names would be taken in their order.
        let wrong = || Problem::new("invalid-parameter", 422, "body: expected an object, found an array");
        if is_object { Ok(Self(read)) } else { Err(wrong()) }
    }
}

/// A JSON body of a contact, in the words of another system: any value.
pub(super) async fn contact_body(request: Request) -> Result<Value, Problem> {
    let (parts, body) = request.into_parts();
    need_json(&parts.headers)?;
    let bytes = timeout(BODY, whole(body, CONTACT_BYTES_MAX)).await.map_err(|_| too_slow())??;
    serde_json::from_slice(&bytes).map_err(|_| Problem::new("invalid-json", 400, "the body is no JSON"))
}

/// The same, where a request may have no body: null.
pub(super) async fn maybe_body(request: Request) -> Result<Value, Problem> {
    let (parts, body) = request.into_parts();
    let bytes = timeout(BODY, whole(body, CONTACT_BYTES_MAX)).await.map_err(|_| too_slow())??;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    need_json(&parts.headers)?;
    serde_json::from_slice(&bytes).map_err(|_| Problem::new("invalid-json", 400, "the body is no JSON"))
}

/// A short body as text.
pub(super) async fn text_body(request: Request) -> Result<String, Problem> {
    let bytes = timeout(BODY, whole(request.into_body(), BODY_BYTES_MAX)).await.map_err(|_| too_slow())??;
    String::from_utf8(bytes).map_err(|_| Problem::new("invalid-parameter", 400, "the body is no UTF-8"))
}

/// A body that did not come in its time.
fn too_slow() -> Problem {
    Problem::new("body-too-slow", 408, format!("the body did not come within {} s", BODY.as_secs()))
}

/// The bytes of a body, which is not read further than it may be long.
async fn whole(body: Body, most: usize) -> Result<Vec<u8>, Problem> {
    not_longer(&body, most as u64)?;
    let (mut parts, mut bytes) = (body.into_data_stream(), Vec::new());
    while let Some(part) = parts.next().await {
        bytes.extend_from_slice(&part.map_err(|_| Problem::new("body-broken-off", 400, "the body broke off"))?);
        if bytes.len() > most {
            return Err(too_long(most as u64));
        }
    }
    Ok(bytes)
}

/// Refuses a body that says of itself that it is too long, before any of it is read.
pub(super) fn not_longer(body: &Body, most: u64) -> Result<(), Problem> {
    if body.size_hint().lower() > most { Err(too_long(most)) } else { Ok(()) }
}

fn too_long(most: u64) -> Problem {
    Problem::new("body-too-long", 413, format!("the body has more than {most} bytes"))
}

/// The words of an error without the value that was found: it may be a phone. Names of fields that are not known are
/// kept as long as they look like names.
fn without_values(error: &str) -> String {
    let Some((found, wanted)) = error.rsplit_once(", expected ") else { return error.to_owned() };
    let kind = found.split(['`', '"']).next().unwrap_or_default().trim_end();
    let name = found.strip_prefix("unknown field `").and_then(|rest| rest.strip_suffix('`'));
    let is_name = |name: &&str| name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    match name.filter(is_name) {
        Some(_) => error.to_owned(),
        None => format!("{kind}, expected {wanted}"),
    }
}

/// A query string; one that cannot be read is a problem document.
pub(super) struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        let Query(query) = query.map_err(|error| Problem::new("invalid-parameter", 422, error.body_text()))?;
        Ok(Self(query))
    }
}

/// The names in a path; bytes that are no text are a problem document.
pub(super) struct Place<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Place<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        let Path(names) = path.map_err(|error| Problem::new("invalid-parameter", 400, error.body_text()))?;
        Ok(Self(names))
    }
}

/// A page of another site can post forms and plain text without being asked, but not JSON.
fn need_json(headers: &HeaderMap) -> Result<(), Problem> {
    let found = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("nothing");
    let essence = found.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::media_type(found))
}

/// What a verb may be told beside its body.
#[derive(Debug, Default)]
pub(super) struct Manner {
    /// How long the caller waits; `None` = the default.
    pub wait: Option<Duration>,
    /// Show what would be sent, and send nothing.
    pub dry_run: bool,
    /// Who asks: its key, token or certificate, else the name of its program.
    pub asker: Asker,
}

#[derive(Debug, Deserialize)]
struct MannerQuery {
    wait: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Manner {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Asked(query) = Asked::<MannerQuery>::from_request_parts(parts, state).await?;
        let caller = Caller::from_request_parts(parts, state).await?;
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let asynchronous = text(header::HeaderName::from_static("prefer"))
            .is_some_and(|prefer| prefer.split([',', ';']).any(|word| word.trim() == "respond-async"));
        let wait = match query.wait {
            Some(text) => Some(parse_wait(&text)?),
            None => asynchronous.then_some(Duration::ZERO),
        };
        let agent = text(header::USER_AGENT).map_or("http", |agent| agent.split(' ').next().unwrap_or(agent));
        let channel = match agent.split('/').next() {
            Some("commdn") => "cli",
            Some("commdn-import") => "import",
            _ => "http",
        };
        // Who has proved who it is is called by that name, whatever its program says.
        let asked_by = if caller.is_anonymous() { agent } else { caller.subject() };
        let asked_by: String = asked_by.chars().filter(|c| !c.is_control()).take(64).collect();
        let asker = Asker::new(&asked_by, channel).with_key(parts.extensions.get::<GivenKey>().cloned());
        Ok(Self { wait, dry_run: query.dry_run, asker })
    }
}

/// Longest time that a caller may wait.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// `0`, `500ms`, `30s`, `2m`; a bare number is seconds.
pub(super) fn parse_wait(text: &str) -> Result<Duration, Problem> {
    let wrong = || {
        let detail = format!("wait: expected 0 to 600s, such as 500ms, 30s or 2m, found '{text}'");
        Problem::new("invalid-parameter", 422, detail)
    };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let wait = match text.get(digits.len()..).unwrap_or_default() {
        "ms" => Duration::from_millis(number),
        "" | "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        _ => return Err(wrong()),
    };
    if wait > WAIT_MAX { Err(wrong()) } else { Ok(wait) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_what_was_found_but_never_the_value() {
        let shown = |text: &str| {
            let error = serde_json::from_str::<crate::http::dto::DncBody>(text).unwrap_err();
            without_values(&error.to_string())
        };
        assert_eq!(shown(r#"{"phone":4915}"#), "invalid type: integer, expected a string at line 1 column 13");
        assert_eq!(
            shown(r#""a`, expected \"b""#).split(" at ").next(),
            Some("invalid type: string, expected struct DncBody")
        );
        assert!(shown(r#"{"fone":1}"#).starts_with("unknown field `fone`, expected one of `phone`"));
        assert!(shown(r#"{"+4915":1}"#).starts_with("unknown field, expected"));
    }

    #[test]
    fn waits_are_read_in_their_units() {
        assert_eq!(parse_wait("0").unwrap(), Duration::ZERO);
        assert_eq!(parse_wait("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(parse_wait("30s").unwrap(), Duration::from_secs(30));
        assert_eq!(parse_wait("2m").unwrap(), Duration::from_secs(120));
        for wrong in ["", "s", "-1", "1h", "601s", "99999999999999999999"] {
            assert!(parse_wait(wrong).is_err(), "{wrong}");
        }
    }
}
