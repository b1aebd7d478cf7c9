//! API keys: `cdn_<id>_<secret>`, 256 random bits of which only the SHA-256 is kept.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{PoisonError, RwLock};

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::protocol::UtcTime;
use crate::service::access::{Grants, ScopeError};
use crate::store::ApiKey;

/// What every key begins with, so that a leaked one is recognised by scanners.
pub const KEY_PREFIX: &str = "cdn_";
/// The use of a key is kept so often and not more.
const USED_EVERY_S: u64 = 60;
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;

/// An API key as it is kept: without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// 16 hex digits; the second part of the key.
    pub id: String,
    /// SHA-256 of the whole key.
    pub sha256: [u8; 32],
    /// Whom or what it is for.
    pub name: String,
    /// What it may do.
    pub grants: Grants,
    /// When it was made.
    pub created_at: UtcTime,
    /// By whom.
    pub created_by: String,
    /// When it ends by itself.
    pub expires_at: Option<UtcTime>,
    /// When it was revoked.
    pub revoked_at: Option<UtcTime>,
    /// When it was used last, to about a minute.
    pub used_at: Option<UtcTime>,
}

impl KeyRecord {
    /// `active`, `revoked` or `expired`.
    #[must_use]
    pub fn state(&self, now: UtcTime) -> &'static str {
        match (self.revoked_at, self.expires_at) {
            (Some(_), _) => "revoked",
            (None, Some(end)) if end <= now => "expired",
            (None, _) => "active",
        }
    }
}

impl From<KeyRecord> for ApiKey {
    fn from(record: KeyRecord) -> Self {
        Self {
            id: record.id,
            sha256: record.sha256,
            subject: record.name,
            scopes: record.grants.words(),
            created_at: record.created_at,
            created_by: record.created_by,
            expires_at: record.expires_at,
            revoked_at: record.revoked_at,
            used_at: record.used_at,
        }
    }
}

impl From<ApiKey> for KeyRecord {
    /// A scope that this version does not know grants nothing.
    fn from(kept: ApiKey) -> Self {
        Self {
            grants: Grants::of_token(kept.scopes.iter().map(String::as_str)),
            id: kept.id,
            sha256: kept.sha256,
            name: kept.subject,
            created_at: kept.created_at,
            created_by: kept.created_by,
            expires_at: kept.expires_at,
            revoked_at: kept.revoked_at,
            used_at: kept.used_at,
        }
    }
}

/// What a new key is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyWish {
    /// Whom or what it is for, 1 to 64 characters.
    pub name: String,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// When it ends by itself.
    pub expires_at: Option<UtcTime>,
}

/// Why no key is made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No name, or one that is no name.
    #[error("name: expected 1 to 64 characters that can be printed, found {0}")]
    Name(usize),
    /// A key that may do nothing.
    #[error("scopes: expected at least one, found none")]
    NoScope,
    /// A scope that cannot be understood.
    #[error("scopes: {0}")]
    Scope(#[from] ScopeError),
    /// It would never be good.
    #[error("expires: expected a time that is still to come")]
    Past,
    /// The operating system gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
}

/// Makes a key: its record, and the key itself, which is shown once and kept nowhere.
///
/// # Errors
/// [`KeyError`]
pub fn mint(wish: &KeyWish, by: &str, now: UtcTime) -> Result<(KeyRecord, SecretString), KeyError> {
    let length = wish.name.chars().count();
    if !(1..=64).contains(&length) || wish.name.chars().any(char::is_control) {
        return Err(KeyError::Name(length));
    }
    let grants = Grants::parse(&wish.scopes)?;
    if grants.is_empty() {
        return Err(KeyError::NoScope);
    }
    if wish.expires_at.is_some_and(|end| end <= now) {
        return Err(KeyError::Past);
    }
    let (mut id, mut secret) = ([0; ID_BYTES], [0; SECRET_BYTES]);
    getrandom::fill(&mut id).and_then(|()| getrandom::fill(&mut secret)).map_err(KeyError::Random)?;
    let id = hex(&id);
    let key = SecretString::from(format!("{KEY_PREFIX}{id}_{}", hex(&secret)));
    let record = KeyRecord {
        sha256: digest(key.expose_secret()),
        id,
        name: wish.name.clone(),
        grants,
        created_at: now,
        created_by: by.to_owned(),
        expires_at: wish.expires_at,
        revoked_at: None,
        used_at: None,
    };
    Ok((record, key))
}

/// True for a token that means to be a key.
pub(super) fn is_key(token: &str) -> bool {
    token.starts_with(KEY_PREFIX)
}

/// The keys that are known, for a look-up with every request.
#[derive(Debug, Default)]
pub(super) struct KeyTable(RwLock<BTreeMap<String, KeyRecord>>);

impl KeyTable {
    pub(super) fn put(&self, record: KeyRecord) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(record.id.clone(), record);
    }

    pub(super) fn find(&self, id: &str) -> Option<KeyRecord> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(super) fn all(&self) -> Vec<KeyRecord> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Notes that a key is used; true once a minute, when that is to be kept.
    pub(super) fn used(&self, record: &KeyRecord, now: UtcTime) -> bool {
        let is_due = |used_at: Option<UtcTime>| {
            used_at.is_none_or(|used| now.seconds.0.saturating_sub(used.seconds.0).unsigned_abs() >= USED_EVERY_S)
        };
        if !is_due(record.used_at) {
            return false;
        }
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = keys.get_mut(&record.id).filter(|known| is_due(known.used_at)) else { return false };
        known.used_at = Some(now);
        true
    }

    /// The record of a key that is good now. Unknown, wrong, revoked and expired ones are all alike to the caller.
    pub(super) fn check(&self, token: &str, now: UtcTime) -> Option<KeyRecord> {
        let (id, _) = token.strip_prefix(KEY_PREFIX)?.split_once('_')?;
        let record = self.find(id)?;
        let same: bool = record.sha256.ct_eq(&digest(token)).into();
        (same && record.state(now) == "active").then_some(record)
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing into a String does not fail
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::time::UtcSeconds;
    use crate::service::access::{Object, Verb};

    fn at(seconds: i64) -> UtcTime {
        UtcTime { seconds: UtcSeconds(seconds), micros: 0 }
    }

    fn wish(scopes: &[&str]) -> KeyWish {
        KeyWish {
            name: "crm".into(),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            expires_at: Some(at(1_000)),
        }
    }

    fn minted() -> (KeyTable, KeyRecord, String) {
        let (record, key) = mint(&wish(&["dnc:add"]), "test", at(1)).unwrap();
        let table = KeyTable::default();
        table.put(record.clone());
        (table, record, key.expose_secret().to_owned())
    }

    #[test]
    fn a_key_is_good_until_it_ends_or_is_revoked() {
        let (table, mut record, key) = minted();
        let found = table.check(&key, at(2)).unwrap();
        assert!(found.grants.allows(Verb::DncAdd, Object::default()));
        assert!(!found.grants.allows(Verb::DncRead, Object::default()));
        assert_eq!(table.check(&key, at(1_000)), None);
        record.revoked_at = Some(at(3));
        table.put(record);
        assert_eq!(table.check(&key, at(4)), None);
    }

    #[test]
    fn the_use_of_a_key_is_kept_once_a_minute() {
        let (table, record, key) = minted();
        let used = |seconds| table.used(&table.check(&key, at(seconds)).unwrap(), at(seconds));
        assert_eq!([10, 11, 69, 70, 71, 5].map(used), [true, false, false, true, false, true], "a clock set back too");
        assert_eq!(table.find(&record.id).unwrap().used_at, Some(at(5)));
        assert!(!table.used(&record, at(6)), "of two at a time one is kept");
    }

    #[test]
    fn a_key_with_any_byte_changed_is_none() {
        let (table, _, key) = minted();
        assert_eq!(key.len(), KEY_PREFIX.len() + 16 + 1 + 64);
        for at_byte in 0..key.len() {
            let mut wrong = key.clone().into_bytes();
            wrong[at_byte] = if wrong[at_byte] == b'0' { b'1' } else { b'0' };
            assert_eq!(table.check(std::str::from_utf8(&wrong).unwrap(), at(2)), None, "byte {at_byte}");
        }
        for wrong in ["", "cdn_", "cdn__", &key[..key.len() - 1], &format!("{key}0"), &key.to_uppercase()] {
            assert_eq!(table.check(wrong, at(2)), None, "{wrong}");
        }
    }

    #[test]
    fn neither_record_nor_key_shows_the_secret() {
        let (record, key) = mint(&wish(&["admin"]), "test", at(1)).unwrap();
        let secret = key.expose_secret().rsplit('_').next().unwrap();
        assert!(!format!("{record:?}{key:?}").contains(secret));
        let (_, other) = mint(&wish(&["admin"]), "test", at(1)).unwrap();
        assert_ne!(key.expose_secret(), other.expose_secret());
    }

    #[test]
    fn a_key_without_sense_is_not_made() {
        let error = |wish: KeyWish| mint(&wish, "test", at(1)).unwrap_err().to_string();
        assert!(error(KeyWish { name: String::new(), ..wish(&["admin"]) }).starts_with("name"));
        assert!(error(KeyWish { name: "a\nb".into(), ..wish(&["admin"]) }).starts_with("name"));
        assert!(error(wish(&[])).starts_with("scopes"));
        assert!(error(wish(&["campaign:dial"])).contains("'campaign:dial'"));
        assert!(error(KeyWish { expires_at: Some(at(1)), ..wish(&["admin"]) }).starts_with("expires"));
    }
}
