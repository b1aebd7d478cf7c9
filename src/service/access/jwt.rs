//! JSON Web Tokens: who signed them, for whom, until when, and what their scopes allow.

use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use crate::protocol::{UtcSeconds, UtcTime};
use crate::service::AuthSection;
use crate::service::access::jwks::{Jwks, JwksError, Pace, Source};
use crate::service::access::{Grants, Principal, PrincipalKind};

/// Algorithms with a public key; a shared secret is never one.
pub const ALGORITHMS: &[(&str, Algorithm)] = &[
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// Longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Checks tokens.
#[derive(Debug)]
pub(super) struct JwtCheck {
    jwks: Jwks,
    algorithms: Vec<Algorithm>,
    issuer: String,
    audience: String,
    leeway_s: u64,
}

#[derive(Debug, Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
    #[serde(default)]
    scope: Option<Words>,
    #[serde(default)]
    scp: Option<Words>,
}

/// Scopes as the signers of this world write them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Words {
    /// Joined by spaces.
    Text(String),
    Each(Vec<String>),
}

impl JwtCheck {
    /// As the configuration says; `None` when it names no key set.
    pub(super) fn new(auth: &AuthSection) -> Result<Option<Self>, JwksError> {
        let source = match (&auth.jwks_file, &auth.jwks_url) {
            (Some(file), _) => Source::File(file.clone()),
            (None, Some(url)) => Source::url(url)?,
            (None, None) => return Ok(None),
        };
        let pace = Pace {
            floor: Duration::from_secs(auth.jwks_floor_s),
            age_max: Duration::from_secs(auth.jwks_age_s.max(auth.jwks_floor_s)),
        };
        let named = |name: &String| ALGORITHMS.iter().find(|(known, _)| known == name).map(|(_, algorithm)| *algorithm);
        Ok(Some(Self {
            jwks: Jwks::new(source, pace)?,
            algorithms: auth.algorithms.iter().filter_map(named).collect(),
            issuer: auth.issuer.clone().unwrap_or_default(),
            audience: auth.audience.clone().unwrap_or_default(),
            leeway_s: auth.leeway_s,
        }))
    }

    /// Reads the keys, so that a start with a wrong file says so at once.
    pub(super) async fn load(&self) -> Result<(), JwksError> {
        self.jwks.load().await
    }

    /// Who the token is about, or in a few words why it is not believed.
    pub(super) async fn check(&self, token: &str) -> Result<Principal, &'static str> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err("the token is too long");
        }
        let header = decode_header(token).map_err(|_| "the token is neither a key nor a JSON Web Token")?;
        if !self.algorithms.contains(&header.alg) {
            return Err("the token is signed with an algorithm that is not allowed");
        }
        let key =
            self.jwks.key(header.kid.as_deref()).await.ok_or("the token is signed with a key that is not known")?;
        let of_key = key.common.key_algorithm;
        if of_key.is_some_and(|of_key| of_key.to_string() != format!("{:?}", header.alg)) {
            return Err("the token is signed with another algorithm than its key is for");
        }
        let decoding = DecodingKey::from_jwk(&key).map_err(|_| "the key of the token cannot be used")?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = self.leeway_s;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        let token = decode::<Claims>(token, &decoding, &validation).map_err(|error| reason(error.kind()))?;
        let Claims { sub, exp, scope, scp } = token.claims;
        if sub.is_empty() || sub.len() > 255 || sub.chars().any(char::is_control) {
            return Err("the token names no subject");
        }
        let words: Vec<String> = [scope, scp].into_iter().flatten().flat_map(Words::each).collect();
        let grants = Grants::of_token(words.iter().map(String::as_str));
        let end = exp.saturating_add(i64::try_from(self.leeway_s).unwrap_or(i64::MAX));
        let ends_at = Some(UtcTime { seconds: UtcSeconds(end), micros: 0 });
        Ok(Principal { subject: format!("jwt/{sub}"), kind: PrincipalKind::Jwt, grants, ends_at })
    }
}

impl Words {
    fn each(self) -> Vec<String> {
        match self {
            Self::Text(text) => text.split(' ').map(str::to_owned).collect(),
            Self::Each(words) => words,
        }
    }
}

fn reason(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidIssuer => "the token is of another issuer",
        ErrorKind::InvalidAudience => "the token is for another audience",
        ErrorKind::MissingRequiredClaim(_) => "the token lacks one of exp, iss, aud and sub",
        ErrorKind::InvalidSignature => "the signature of the token is wrong",
        _ => "the token cannot be used",
    }
}
