//! One call to the other side: token, tries, waits. Redirects are not followed; the token goes to the configured hosts
//! only.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Method, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::contact::genesys_cloud::Hosts;
use crate::contact::genesys_cloud::percent_encoded;
use crate::contact::genesys_cloud::shape::{TokenAnswer, TokenError};
use crate::service::push::error::PushError;
use crate::service::push::outside::Outside;

/// How often a request is made before it is given up.
const TRIES_MAX: u32 = 10;
/// Longest wait of our own.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Longest wait that the other side may ask for.
const ASKED_WAIT_MAX: Duration = Duration::from_secs(3_600);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 32 << 20;
/// Most characters of another side's words that are repeated.
const WORDS_MAX: usize = 300;

/// Who we are.
#[derive(Clone, Debug)]
pub struct Account {
    /// Name of the client.
    pub client_id: String,
    /// Its secret.
    pub secret: SecretString,
}

/// What may be chosen about connections.
#[derive(Clone, Debug)]
pub struct RemoteOptions {
    /// How long an answer may take.
    pub timeout: Duration,
    /// Roots that certificates may come from, PEM; none = those of this machine.
    pub roots: Option<Vec<u8>>,
}

/// The other side.
#[derive(Debug)]
pub struct Remote {
    http: reqwest::Client,
    api: Url,
    login: Url,
    account: Account,
    token: Mutex<Option<Token>>,
    outside: Arc<dyn Outside>,
    stop: CancellationToken,
}

#[derive(Clone, Debug)]
struct Token {
    header: HeaderValue,
    text: SecretString,
    /// Milliseconds since 1970 UTC.
    renew_at: i64,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    /// What errors call it.
    pub(super) what: &'a str,
    pub(super) method: Method,
    /// Segments of the path, as they are before they are encoded.
    pub(super) path: &'a [&'a str],
    /// Encoded.
    pub(super) query: &'a str,
    /// JSON.
    pub(super) body: Option<Bytes>,
    /// Doing it twice is doing it once.
    pub(super) repeatable: bool,
}

/// An answer that ends a call.
#[derive(Debug)]
pub(super) enum Answer {
    /// Status 2xx.
    Taken {
        body: Vec<u8>,
        /// `X-Commdn-Not-Deleted`
        not_deleted: u64,
    },
    /// Any other status that is no reason to try again.
    Refused { status: u16, code: String, message: String },
}

/// What is told of a refusal; all else of its body may be as it likes.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// What one try brought.
enum Try {
    Answer { status: u16, headers: HeaderMap, body: Vec<u8> },
    NotSent(String),
    NotAnswered(String),
}

impl Remote {
    /// A client of a region.
    ///
    /// # Errors
    /// [`PushError::Settings`]
    pub fn new(
        region: &str,
        account: Account,
        options: &RemoteOptions,
        outside: Arc<dyn Outside>,
        stop: CancellationToken,
    ) -> Result<Self, PushError> {
        let hosts = Hosts::of(region).map_err(|error| PushError::Settings(format!("region: {error}")))?;
        let (api, api_is_here) = address(&hosts.api)?;
        let (login, login_is_here) = address(&hosts.login)?;
        crate::net::tls::install_provider();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(options.timeout)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("commdn/", env!("CARGO_PKG_VERSION")));
        if api_is_here && login_is_here {
            builder = builder.no_proxy();
        }
        if let Some(roots) = &options.roots {
            let roots = Certificate::from_pem_bundle(roots);
            let roots = roots.map_err(|error| PushError::Settings(format!("roots: {error}")))?;
            builder = builder.tls_certs_only(roots);
        }
        let http = builder.build().map_err(|error| PushError::Settings(format!("certificates: {error}")))?;
        Ok(Self { http, api, login, account, token: Mutex::default(), outside, stop })
    }

    /// Bytes of the address of a path, without query.
    pub(super) fn address_bytes(&self, path: &[&str]) -> usize {
        self.url(path, "").as_str().len()
    }

    /// Asks for a token, unless there is one that counts.
    pub(super) async fn sign_in(&self) -> Result<(), PushError> {
        self.token().await.map(|_| ())
    }

    /// Makes a call until it is answered for good.
    pub(super) async fn call(&self, call: &Call<'_>) -> Result<Answer, PushError> {
        let url = self.url(call.path, call.query);
        let (mut tries, mut renewed, mut unanswered) = (0, false, None);
        loop {
            let token = self.token().await?;
            let mut request = self.http.request(call.method.clone(), url.clone());
            request = request.header(AUTHORIZATION, token.header.clone()).header(ACCEPT, "application/json");
            if let Some(body) = &call.body {
                request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
            }
            tries += 1;
            let (asked, why) = match self.attempt(request).await {
                Try::Answer { status: 200..=299, headers, body } => {
                    let header = headers.get("x-commdn-not-deleted").and_then(|value| value.to_str().ok());
                    let not_deleted = header.and_then(|value| value.parse().ok()).unwrap_or(0);
                    return Ok(Answer::Taken { body, not_deleted });
                }
                Try::Answer { status: 401, .. } if !renewed => {
                    // The same request again with another token; the one that is refused counts as no try.
                    renewed = true;
                    tries -= 1;
                    self.forget(&token);
                    continue;
                }
                Try::Answer { status: status @ (429 | 502 | 503 | 504), headers, .. } => {
                    (self.asked_wait(&headers), format!("status {status}"))
                }
                Try::Answer { status: status @ 500..=599, .. } if call.repeatable => {
                    unanswered = Some(format!("status {status}"));
                    (None, format!("status {status}"))
                }
                // The other side broke: whether it was done before that, nobody knows.
                Try::Answer { status: status @ 500..=599, .. } => {
                    return Err(PushError::Unknown { what: call.what.to_owned(), why: format!("status {status}") });
                }
                Try::Answer { status, body, .. } => return self.refused(call.what, status, &body),
                Try::NotSent(why) => (None, why),
                Try::NotAnswered(why) if call.repeatable => {
                    unanswered = Some(why.clone());
                    (None, why)
                }
                Try::NotAnswered(why) => return Err(PushError::Unknown { what: call.what.to_owned(), why }),
            };
            if let Err(error) = self.pause(call.what, tries, asked, why).await {
                let what = call.what.to_owned();
                return Err(match (error, unanswered) {
                    (PushError::Unreachable { .. }, Some(why)) => PushError::Unknown { what, why },
                    (error, _) => error,
                });
            }
        }
    }

    fn refused(&self, what: &str, status: u16, body: &[u8]) -> Result<Answer, PushError> {
        let error: Refusal = serde_json::from_slice(body).unwrap_or_default();
        let code = self.words(&error.code.unwrap_or_default());
        let what = what.to_owned();
        match status {
            401 | 403 => Err(PushError::Credentials { what, status, code }),
            404 => Err(PushError::NoList(what)),
            300..=399 => Ok(Answer::Refused { status, code, message: "redirects are not followed".to_owned() }),
            _ => Ok(Answer::Refused { status, code, message: self.words(&error.message.unwrap_or_default()) }),
        }
    }

    /// Another side's words: one line, not too long, and never what we sent in confidence.
    fn words(&self, text: &str) -> String {
        let mut text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let secrets = [Some(&self.account.secret), token.as_ref().map(|token| &token.text)];
        for secret in secrets.into_iter().flatten().filter(|secret| !secret.expose_secret().is_empty()) {
            text = text.replace(secret.expose_secret(), "***");
        }
        text.trim().chars().take(WORDS_MAX).collect()
    }

    async fn token(&self) -> Result<Token, PushError> {
        let held = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(token) = held.filter(|token| self.outside.now_ms() < token.renew_at) {
            return Ok(token);
        }
        let what = "token call";
        let mut url = self.login.clone();
        extend(&mut url, &["oauth", "token"]);
        let mut tries = 0;
        loop {
            tries += 1;
            let asked_at = self.outside.now_ms();
            let request = self
                .http
                .post(url.clone())
                .basic_auth(&self.account.client_id, Some(self.account.secret.expose_secret()))
                .header(ACCEPT, "application/json")
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body("grant_type=client_credentials");
            let (asked, why) = match self.attempt(request).await {
                Try::Answer { status: 200, body, .. } => {
                    let token = granted(&body, asked_at)?;
                    *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
                    return Ok(token);
                }
                Try::Answer { status: status @ (429 | 500..=599), headers, .. } => {
                    (self.asked_wait(&headers), format!("status {status}"))
                }
                Try::Answer { status, body, .. } => {
                    let code = serde_json::from_slice::<TokenError>(&body).map(|body| body.error).unwrap_or_default();
                    let (what, code) = (what.to_owned(), self.words(&code));
                    let message = String::new();
                    return Err(match status {
                        400 | 401 | 403 => PushError::Credentials { what, status, code },
                        _ => PushError::Refused { what, status, code, message },
                    });
                }
                Try::NotSent(why) | Try::NotAnswered(why) => (None, why),
            };
            self.pause(what, tries, asked, why).await?;
        }
    }

    /// A token that was refused is not used again.
    fn forget(&self, refused: &Token) {
        let mut held = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|token| token.header == refused.header) {
            *held = None;
        }
    }

    async fn attempt(&self, request: reqwest::RequestBuilder) -> Try {
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() || error.is_builder() => return Try::NotSent(innermost(&error)),
            Err(error) if error.is_timeout() => return Try::NotAnswered("no answer in time".to_owned()),
            Err(error) => return Try::NotAnswered(innermost(&error)),
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        let mut parts = response.bytes_stream();
        // The status is the answer; what the body lacks is only told less.
        while let Some(Ok(part)) = parts.next().await {
            if body.len() + part.len() > ANSWER_BYTES_MAX {
                break;
            }
            body.extend_from_slice(&part);
        }
        Try::Answer { status, headers, body }
    }

    /// Waits before the next try: as the other side asks, else 1, 2, 4 ... 60 s and up to a quarter more.
    async fn pause(&self, what: &str, tries: u32, asked: Option<Duration>, why: String) -> Result<(), PushError> {
        let unreachable = |why| PushError::Unreachable { what: what.to_owned(), tries, why };
        if tries >= TRIES_MAX {
            return Err(unreachable(why));
        }
        if let Some(asked) = asked.filter(|asked| *asked > ASKED_WAIT_MAX) {
            return Err(unreachable(format!("{why}, to be tried again in {} s", asked.as_secs())));
        }
        let step = Duration::from_secs(1 << (tries - 1).min(6)).min(WAIT_MAX);
        let jitter = step * (self.outside.chance() % 1_000) / 4_000;
        let wait = asked.unwrap_or(step + jitter);
        tracing::info!(what, tries, why, wait_ms = wait.as_millis() as u64, "trying again");
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(PushError::Interrupted),
            () = self.outside.wait(wait) => Ok(()),
        }
    }

    /// `Retry-After`: seconds, or a date.
    fn asked_wait(&self, headers: &HeaderMap) -> Option<Duration> {
        let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
        let left = at.saturating_sub(self.outside.now_ms());
        Some(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
    }

    fn url(&self, path: &[&str], query: &str) -> Url {
        let mut url = self.api.clone();
        extend(&mut url, path);
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        url
    }
}

/// Appends segments, percent-encoded.
fn extend(url: &mut Url, path: &[&str]) {
    let mut whole = url.path().trim_end_matches('/').to_owned();
    for segment in path {
        whole.push('/');
        whole.push_str(&percent_encoded(segment));
    }
    url.set_path(&whole);
}

/// An address that a secret may be sent to, and whether it is of this machine: [`Hosts`] has said so, and whoever connects
/// must read the same in it.
fn address(text: &str) -> Result<(Url, bool), PushError> {
    let wrong = |why: &str| PushError::Settings(format!("region {text:?}: {why}"));
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("expected no name and no password in it"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("expected no query in it"));
    }
    match url.scheme() {
        "https" => Ok((url, is_here)),
        "http" if is_here => Ok((url, true)),
        "http" => Err(wrong("http goes to this machine only, expected https")),
        _ => Err(wrong("expected https")),
    }
}

/// A token that was granted; renewed when less than 60 s, or less than a tenth of its time, is left.
fn granted(body: &[u8], asked_at: i64) -> Result<Token, PushError> {
    let wrong = |message: &str| PushError::Refused {
        what: "token call".to_owned(),
        status: 200,
        code: String::new(),
        message: message.to_owned(),
    };
    let answer: TokenAnswer = serde_json::from_slice(body).map_err(|_| wrong("the answer is no token"))?;
    let mut header = HeaderValue::try_from(format!("Bearer {}", answer.access_token))
        .map_err(|_| wrong("the token cannot stand in a header"))?;
    header.set_sensitive(true);
    let renew_at = match answer.expires_in.and_then(|seconds| i64::try_from(seconds).ok()) {
        None => i64::MAX,
        Some(seconds) => {
            let milliseconds = seconds.saturating_mul(1_000);
            asked_at.saturating_add(milliseconds - (milliseconds / 10).min(60_000))
        }
    };
    Ok(Token { header, text: SecretString::from(answer.access_token), renew_at })
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut source = error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    source.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_over_https_or_stays_on_this_machine() {
        for good in ["https://api.mypurecloud.de", "http://127.0.0.1:9", "http://[::1]:9/base", "http://localhost"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in [
            "http://api.mypurecloud.de",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "https://user:secret@host",
            "https://host/?a=b",
            "ftp://127.0.0.1",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_is_renewed_before_its_end() {
        let renewed = |body: &str| granted(body.as_bytes(), 1_000).unwrap().renew_at;
        assert_eq!(renewed(r#"{"access_token":"t","expires_in":86400}"#), 1_000 + 86_340_000);
        assert_eq!(renewed(r#"{"access_token":"t","expires_in":100}"#), 1_000 + 90_000);
        assert_eq!(renewed(r#"{"access_token":"t"}"#), i64::MAX);
        assert!(granted(b"{}", 0).is_err());
        assert!(granted(br#"{"access_token":"a\nb"}"#, 0).is_err());
    }

    #[test]
    fn segments_are_encoded() {
        let mut url = Url::parse("http://localhost:1/base/").unwrap();
        extend(&mut url, &["lists", "a/b c"]);
        assert_eq!(url.as_str(), "http://localhost:1/base/lists/a%2Fb%20c");
    }
}
