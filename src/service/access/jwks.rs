//! The public keys of whoever signs our tokens: from a file or a configured address, kept, and asked for again when a
//! token names a key that is not among them.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::StreamExt;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse};
use reqwest::{Url, redirect};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Most bytes of a key set.
const SET_BYTES_MAX: usize = 256 * 1024;
/// How long the address may take to answer.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    File(String),
    Url(Url),
}

/// Why a key set cannot be had or used.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// An address that tokens must not depend on.
    #[error("auth.jwks_url: expected https, or http on loopback, without a user name, found '{0}'")]
    Address(String),
    /// The file cannot be read.
    #[error("auth.jwks_file {file}: {error}")]
    File {
        /// Its path.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// The address did not answer with a key set.
    #[error("auth.jwks_url: {0}")]
    Fetch(String),
    /// What was found is no key set.
    #[error("key set: expected a JSON object with keys, {0}")]
    Shape(serde_json::Error),
    /// Nothing in it can check a signature.
    #[error("key set: expected a public key with a kid (RSA, EC or Ed25519), found none")]
    Empty,
}

/// How often keys are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// Least time between two tries: a flood of tokens with invented kids costs one try.
    pub floor: Duration,
    /// Keys older than this are asked for again: one that was withdrawn is not used for ever.
    pub age_max: Duration,
}

/// The keys, shared by all that check tokens.
#[derive(Debug)]
pub(super) struct Jwks {
    source: Source,
    http: Option<reqwest::Client>,
    pace: Pace,
    known: RwLock<Known>,
    /// Held by the one who asks; the others wait for its answer. When the last try was.
    asking: Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
struct Known {
    keys: Arc<Vec<Jwk>>,
    since: Option<Instant>,
}

impl Source {
    /// An address from the configuration: no other names where keys come from.
    pub(super) fn url(text: &str) -> Result<Self, JwksError> {
        let wrong = || JwksError::Address(text.to_owned());
        let url = Url::parse(text).map_err(|_| wrong())?;
        let host = url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let loopback = host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let safe = url.scheme() == "https" || (url.scheme() == "http" && loopback);
        let plain = url.username().is_empty() && url.password().is_none();
        if safe && plain && !host.is_empty() { Ok(Self::Url(url)) } else { Err(wrong()) }
    }
}

impl Jwks {
    pub(super) fn new(source: Source, pace: Pace) -> Result<Self, JwksError> {
        let http = match &source {
            Source::File(_) => None,
            Source::Url(_) => {
                crate::net::tls::install_provider();
                let builder = reqwest::Client::builder()
                    .redirect(redirect::Policy::none())
                    .no_proxy()
                    .timeout(FETCH_TIMEOUT)
                    .user_agent(concat!("commdn/", env!("CARGO_PKG_VERSION")));
                Some(builder.build().map_err(|error| JwksError::Fetch(error.to_string()))?)
            }
        };
        let known = RwLock::default();
        Ok(Self { source, http, pace, known, asking: Mutex::default() })
    }

    /// The key of that id; without an id the only key, if there is only one.
    pub(super) async fn key(&self, kid: Option<&str>) -> Option<Jwk> {
        let found = self.find(kid);
        if found.is_some() && !self.is_old() {
            return found;
        }
        if let Err(error) = self.ask_again(kid).await {
            tracing::warn!(%error, "the keys of tokens could not be refreshed");
        }
        self.find(kid)
    }

    fn find(&self, kid: Option<&str>) -> Option<Jwk> {
        let keys = Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner).keys);
        match kid {
            Some(kid) => keys.iter().find(|key| key.common.key_id.as_deref() == Some(kid)).cloned(),
            None => keys.first().filter(|_| keys.len() == 1).cloned(),
        }
    }

    fn is_old(&self) -> bool {
        let since = self.known.read().unwrap_or_else(PoisonError::into_inner).since;
        since.is_none_or(|since| since.elapsed() >= self.pace.age_max)
    }

    /// Asks the source, unless it was asked a moment ago.
    async fn ask_again(&self, kid: Option<&str>) -> Result<(), JwksError> {
        let mut last = self.asking.lock().await;
        let came_meanwhile = self.find(kid).is_some() && !self.is_old();
        if came_meanwhile || last.is_some_and(|last| last.elapsed() < self.pace.floor) {
            return Ok(());
        }
        *last = Some(Instant::now());
        self.load().await
    }

    /// Reads the source now.
    pub(super) async fn load(&self) -> Result<(), JwksError> {
        let bytes = match (&self.source, &self.http) {
            (Source::Url(url), Some(http)) => fetch(http, url).await?,
            (Source::File(file), _) => {
                let read = tokio::fs::read(file).await;
                read.map_err(|error| JwksError::File { file: file.clone(), error })?
            }
            (Source::Url(_), None) => Vec::new(),
        };
        let set: JwkSet = serde_json::from_slice(&bytes).map_err(JwksError::Shape)?;
        let keys: Vec<Jwk> = set.keys.into_iter().filter(can_check).collect();
        if keys.is_empty() {
            return Err(JwksError::Empty);
        }
        let known = Known { keys: Arc::new(keys), since: Some(Instant::now()) };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }
}

/// A shared secret in a key set would let everybody who can read the set sign tokens.
fn can_check(key: &Jwk) -> bool {
    use AlgorithmParameters as Kind;
    let public = matches!(key.algorithm, Kind::RSA(_) | Kind::EllipticCurve(_) | Kind::OctetKeyPair(_));
    let signs = key.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
    public && signs
}

async fn fetch(http: &reqwest::Client, url: &Url) -> Result<Vec<u8>, JwksError> {
    let failed = |error: reqwest::Error| JwksError::Fetch(error.to_string());
    let response = http.get(url.clone()).header("accept", "application/json").send().await.map_err(failed)?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(JwksError::Fetch(format!("expected 200, found {}", response.status())));
    }
    let mut bytes = Vec::new();
    let mut parts = response.bytes_stream();
    while let Some(part) = parts.next().await {
        bytes.extend_from_slice(&part.map_err(failed)?);
        if bytes.len() > SET_BYTES_MAX {
            return Err(JwksError::Fetch(format!("the key set has more than {SET_BYTES_MAX} bytes")));
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_https_or_from_this_machine() {
        for good in ["https://idp.example/keys", "http://127.0.0.1:9/keys", "http://[::1]/k", "http://localhost:1/"] {
            assert!(Source::url(good).is_ok(), "{good}");
        }
        for bad in [
            "http://idp.example/keys",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
            "https://user@idp.example/",
            "https://user:secret@idp.example/",
            "http://user@127.0.0.1/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "idp.example/keys",
            "https://",
            "",
        ] {
            assert!(Source::url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn shared_secrets_and_keys_for_encryption_are_left_out() {
        let key = |text: &str| serde_json::from_str::<Jwk>(text).unwrap();
        assert!(!can_check(&key(r#"{"kty":"oct","kid":"a","k":"AAAA"}"#)));
        assert!(!can_check(&key(r#"{"kty":"RSA","kid":"a","use":"enc","n":"AQAB","e":"AQAB"}"#)));
        assert!(can_check(&key(r#"{"kty":"RSA","kid":"a","use":"sig","n":"AQAB","e":"AQAB"}"#)));
        assert!(can_check(&key(r#"{"kty":"OKP","kid":"a","crv":"Ed25519","x":"AAAA"}"#)));
    }
}
