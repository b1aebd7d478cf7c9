//! Who asks.

use std::fmt;

use crate::protocol::UtcTime;
use crate::service::access::{Grants, Object, Verb};

/// How a caller was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalKind {
    /// Nobody in particular, on a machine that serves loopback only.
    AnonymousLoopback,
    /// Nobody, where callers must say who they are: may do nothing.
    Stranger,
    /// An API key.
    Key,
    /// A JSON Web Token.
    Jwt,
    /// A client certificate.
    ClientCert,
}

/// A caller and what it may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Stable name: `loopback`, `key/<id>`, `jwt/<sub>`, `cert/<name>`. Idempotency keys belong to it.
    pub subject: String,
    /// How it was recognised.
    pub kind: PrincipalKind,
    /// What it may do.
    pub grants: Grants,
    /// When the token by which it was recognised ends.
    pub ends_at: Option<UtcTime>,
}

impl Principal {
    /// Everybody on loopback, where no access rules exist.
    #[must_use]
    pub fn anonymous_loopback() -> Self {
        Self {
            subject: "loopback".into(),
            kind: PrincipalKind::AnonymousLoopback,
            grants: Grants::everything(),
            ends_at: None,
        }
    }

    /// Who has not said who it is.
    #[must_use]
    pub fn stranger() -> Self {
        Self { subject: "nobody".into(), kind: PrincipalKind::Stranger, grants: Grants::default(), ends_at: None }
    }

    /// May it do this to that object?
    #[must_use]
    pub fn may(&self, verb: Verb, object: Object<'_>) -> bool {
        self.grants.allows(verb, object)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject)
    }
}
