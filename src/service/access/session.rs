//! Tokens that a program gets for a key (RFC 6749, 4.4): `cdt_<id>_<secret>`, good for an hour, of which only the SHA-256 is
//! kept, in memory. A token is never worth more than its key.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::protocol::UtcTime;
use crate::protocol::time::UtcSeconds;
use crate::service::access::key::hex;

/// What every token begins with.
const TOKEN_PREFIX: &str = "cdt_";
/// Seconds for which a token counts.
const TOKEN_SECONDS: u32 = 3_600;
/// Tokens that are kept; the one that ends first goes for one more.
const TOKENS_MAX: usize = 10_000;

/// A token on its way to who asked for it.
#[derive(Clone, Debug)]
pub struct Session {
    /// Shown once and kept nowhere.
    pub token: SecretString,
    /// Seconds for which it counts.
    pub seconds: u32,
}

/// A token as it is kept.
#[derive(Debug)]
struct Held {
    sha256: [u8; 32],
    key: String,
    ends_at: UtcTime,
}

/// The tokens that count.
#[derive(Debug, Default)]
pub(super) struct SessionTable(Mutex<BTreeMap<String, Held>>);

/// True for a text that means to be such a token.
pub(super) fn is_session(token: &str) -> bool {
    token.starts_with(TOKEN_PREFIX)
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

impl SessionTable {
    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a token for a key; `None` = the operating system gives no random bytes.
    pub(super) fn open(&self, key: &str, now: UtcTime) -> Option<Session> {
        let (mut id, mut secret) = ([0; 8], [0; 32]);
        getrandom::fill(&mut id).and_then(|()| getrandom::fill(&mut secret)).ok()?;
        let id = hex(&id);
        let token = SecretString::from(format!("{TOKEN_PREFIX}{id}_{}", hex(&secret)));
        let seconds = UtcSeconds(now.seconds.0.saturating_add(i64::from(TOKEN_SECONDS)));
        let ends_at = UtcTime { seconds, ..now };
        let mut held = self.held();
        held.retain(|_, other| other.ends_at > now);
        if held.len() >= TOKENS_MAX
            && let Some(first) = held.iter().min_by_key(|(_, other)| other.ends_at).map(|(id, _)| id.clone())
        {
            held.remove(&first);
        }
        held.insert(id, Held { sha256: digest(token.expose_secret()), key: key.to_owned(), ends_at });
        Some(Session { token, seconds: TOKEN_SECONDS })
    }

    /// The key of a token that counts now, and when the token ends.
    pub(super) fn check(&self, token: &str, now: UtcTime) -> Option<(String, UtcTime)> {
        let (id, _) = token.strip_prefix(TOKEN_PREFIX)?.split_once('_')?;
        let held = self.held();
        let found = held.get(id)?;
        let same: bool = found.sha256.ct_eq(&digest(token)).into();
        (same && found.ends_at > now).then(|| (found.key.clone(), found.ends_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> UtcTime {
        UtcTime { seconds: UtcSeconds(seconds), micros: 0 }
    }

    #[test]
    fn a_token_counts_for_its_hour_and_no_other_text_does() {
        let table = SessionTable::default();
        let session = table.open("k", at(10)).unwrap();
        let token = session.token.expose_secret();
        let end = 10 + i64::from(session.seconds);
        assert_eq!(table.check(token, at(end - 1)), Some(("k".to_owned(), at(end))));
        assert_eq!(table.check(token, at(end)), None);
        for n in 0..token.len() {
            let mut wrong = token.as_bytes().to_vec();
            wrong[n] = if wrong[n] == b'0' { b'1' } else { b'0' };
            assert_eq!(table.check(std::str::from_utf8(&wrong).unwrap(), at(11)), None, "byte {n}");
        }
        assert!(!format!("{session:?} {table:?}").contains(token.rsplit('_').next().unwrap()));
    }

    #[test]
    fn tokens_that_ended_are_forgotten() {
        let table = SessionTable::default();
        for n in 0..5 {
            table.open("k", at(n * 4_000)).unwrap();
        }
        assert_eq!(table.held().len(), 1);
    }
}
