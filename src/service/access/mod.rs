//! Who may do what: scopes, keys, tokens, certificates, the rate of each client, and the audit of it all.

mod jwks;
mod jwt;
mod key;
mod policy;
mod principal;
mod scope;
mod session;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use secrecy::SecretString;
use tokio::sync::watch;

pub use jwks::JwksError;
pub use jwt::ALGORITHMS;
pub use key::{KEY_PREFIX, KeyError, KeyRecord, KeyWish, mint};
pub use policy::{Exposed, may_listen};
pub use principal::{Principal, PrincipalKind};
pub use scope::{Grants, Object, Scope, ScopeError, Verb};
pub use session::Session;

use crate::protocol::UtcTime;
use crate::service::{AuthSection, Config, wall};
use crate::store::{AuditRow, Pending, Receipt, Store, StoreError, Write};
use jwt::JwtCheck;
use key::{KeyTable, hex, is_key};
use session::{SessionTable, is_session};

/// Clients whose rate is remembered before those that rest are forgotten.
const CLIENTS_MAX: usize = 10_000;

/// How often is looked whether a token has ended.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Checks callers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Access(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: Option<Rules>,
    store: Arc<dyn Store>,
    keys: KeyTable,
    sessions: SessionTable,
    rate: Option<DefaultKeyedRateLimiter<String>>,
    /// Changes whenever a key is revoked.
    revoked: watch::Sender<()>,
}

/// How callers are recognised.
#[derive(Debug)]
struct Rules {
    jwt: Option<JwtCheck>,
    certificates: Vec<([u8; 32], Principal)>,
}

/// Why the rules of access cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The keys of tokens.
    #[error(transparent)]
    Jwks(#[from] JwksError),
    /// A scope in the configuration.
    #[error("auth.client[{at}].scopes: {error}")]
    Scope {
        /// Which client.
        at: usize,
        /// What is wrong.
        error: ScopeError,
    },
    /// The fingerprint of a certificate.
    #[error("auth.client[{0}].sha256: expected 64 hex digits")]
    Fingerprint(usize),
    /// The store.
    #[error("keys: {0}")]
    Store(#[from] StoreError),
}

/// Why a key is not made or not ended.
#[derive(Debug, thiserror::Error)]
pub enum KeyChangeError {
    /// The wish.
    #[error(transparent)]
    Wish(#[from] KeyError),
    /// The store does not keep it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such key.
    #[error("key '{0}' is not known")]
    Unknown(String),
}

impl Access {
    /// As the configuration says. Reads the keys of both kinds, so that what is wrong is told at the start.
    ///
    /// # Errors
    /// [`AccessError`]
    pub async fn new(config: &Config, store: Arc<dyn Store>) -> Result<Self, AccessError> {
        let rules = if config.auth.is_none() { None } else { Some(Rules::new(&config.auth)?) };
        if let Some(jwt) = rules.as_ref().and_then(|rules| rules.jwt.as_ref()) {
            jwt.load().await?;
        }
        let keys = KeyTable::default();
        for kept in store.api_keys().await? {
            keys.put(kept.into());
        }
        let quota = |per_second| Quota::per_second(per_second);
        let rate = NonZeroU32::new(config.limits.client_rate_per_s).map(|per_second| {
            let burst = NonZeroU32::new(config.limits.client_burst).unwrap_or(per_second);
            RateLimiter::keyed(quota(per_second).allow_burst(burst))
        });
        Ok(Self(Arc::new(Inner {
            rules,
            store,
            keys,
            sessions: SessionTable::default(),
            rate,
            revoked: watch::Sender::new(()),
        })))
    }

    /// Who asks. Without rules everybody is the only user of this machine. A token goes before a certificate.
    ///
    /// # Errors
    /// In a few words why a token is not believed.
    pub async fn identify(
        &self,
        token: Option<&str>,
        certificate: Option<[u8; 32]>,
    ) -> Result<Principal, &'static str> {
        let Some(rules) = &self.0.rules else { return Ok(Principal::anonymous_loopback()) };
        let Some(token) = token else {
            let known = rules.certificates.iter().find(|(known, _)| Some(*known) == certificate);
            return Ok(known.map_or_else(Principal::stranger, |(_, principal)| principal.clone()));
        };
        if is_session(token) {
            let at = now();
            let (key, ends_at) = self.0.sessions.check(token, at).ok_or("the token is unknown or has expired")?;
            let record = self.0.keys.find(&key).filter(|record| record.state(at) == "active");
            let record = record.ok_or("the key of the token has expired or was revoked")?;
            let ends_at = Some(record.expires_at.map_or(ends_at, |end| end.min(ends_at)));
            let subject = format!("key/{}", record.id);
            return Ok(Principal { subject, kind: PrincipalKind::Key, grants: record.grants, ends_at });
        }
        if is_key(token) {
            let record = self.0.keys.check(token, now()).ok_or("the key is unknown, expired or revoked")?;
            let at = now();
            if self.0.keys.used(&record, at) {
                // Nobody waits for it: it is queued now, and a store that refuses has said so elsewhere.
                drop(self.0.store.commit(vec![Write::KeyUsed { id: record.id.clone(), at }]));
            }
            let (subject, ends_at) = (format!("key/{}", record.id), record.expires_at);
            return Ok(Principal { subject, kind: PrincipalKind::Key, grants: record.grants, ends_at });
        }
        match &rules.jwt {
            Some(jwt) => jwt.check(token).await,
            None => Err("the token is no key of this gateway"),
        }
    }

    /// A token for a client who proves that it has a key: its name is the id of the key, its secret the key itself or
    /// the part behind the id. Where nobody has to say who they are, names that are no key's are as good as any.
    #[must_use]
    pub fn open_session(&self, client: &str, secret: &str) -> Option<Session> {
        let at = now();
        let known = self.0.keys.find(client).is_some();
        if self.0.rules.is_none() && !known && !client.is_empty() && !secret.is_empty() {
            return self.0.sessions.open("", at);
        }
        let whole = if is_key(secret) { secret.to_owned() } else { format!("{KEY_PREFIX}{client}_{secret}") };
        let record = self.0.keys.check(&whole, at).filter(|record| record.id == client)?;
        if self.0.keys.used(&record, at) {
            drop(self.0.store.commit(vec![Write::KeyUsed { id: record.id.clone(), at }]));
        }
        self.0.sessions.open(&record.id, at)
    }

    /// Resolves with the reason when what a caller was recognised by is good for nothing any more. Never for those who
    /// need nothing.
    pub async fn worthless(self, principal: Arc<Principal>) -> &'static str {
        let mut revoked = self.0.revoked.subscribe();
        loop {
            let id = principal.subject.strip_prefix("key/").filter(|_| principal.kind == PrincipalKind::Key);
            if id.is_some_and(|id| self.0.keys.find(id).is_none_or(|record| record.revoked_at.is_some())) {
                return "the key was revoked";
            }
            let left = principal.ends_at.map(|end| end.seconds.0.saturating_sub(now().seconds.0));
            if left.is_some_and(|left| left <= 0) {
                return "the token has expired";
            }
            // The wall clock may be set meanwhile.
            let look = left.map(|left| Duration::from_secs(left.unsigned_abs()).min(LOOK_EVERY));
            tokio::select! {
                _ = revoked.changed(), if id.is_some() => {}
                () = tokio::time::sleep(look.unwrap_or_default()), if look.is_some() => {}
                () = std::future::pending() => {}
            }
        }
    }

    /// Counts one request of a client against its rate.
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn spend(&self, client: &str) -> Result<(), Duration> {
        let Some(rate) = &self.0.rate else { return Ok(()) };
        if rate.len() > CLIENTS_MAX {
            rate.retain_recent();
        }
        rate.check_key(&client.to_owned()).map_err(|wait| wait.wait_time_from(DefaultClock::default().now()))
    }

    /// Makes a key. The key itself is handed out once.
    ///
    /// # Errors
    /// [`KeyChangeError`]
    pub async fn create_key(&self, wish: &KeyWish, by: &str) -> Result<(KeyRecord, SecretString), KeyChangeError> {
        let (record, key) = mint(wish, by, now())?;
        self.0.store.commit(vec![Write::KeyCreated(Box::new(record.clone().into()))]).await?;
        self.0.keys.put(record.clone());
        Ok((record, key))
    }

    /// Every key, revoked ones too.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyRecord> {
        let mut keys = self.0.keys.all();
        keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        keys
    }

    /// Ends a key: at once here, and kept.
    ///
    /// # Errors
    /// [`KeyChangeError`]
    pub async fn revoke_key(&self, id: &str) -> Result<KeyRecord, KeyChangeError> {
        let mut record = self.0.keys.find(id).ok_or_else(|| KeyChangeError::Unknown(id.to_owned()))?;
        let at = *record.revoked_at.get_or_insert_with(now);
        self.0.keys.put(record.clone());
        self.0.revoked.send_replace(());
        self.0.store.commit(vec![Write::KeyRevoked { id: id.to_owned(), at }]).await?;
        Ok(record)
    }

    /// Appends to the audit; the row is queued now, and kept once this resolves.
    pub fn audit(&self, row: AuditRow) -> Pending<Receipt> {
        self.0.store.commit(vec![Write::Audit(Box::new(row))])
    }

    /// Where keys and audit are kept.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.0.store
    }
}

impl Rules {
    fn new(auth: &AuthSection) -> Result<Self, AccessError> {
        let mut certificates = Vec::new();
        for (at, client) in auth.client.iter().enumerate() {
            let grants = Grants::parse(&client.scopes).map_err(|error| AccessError::Scope { at, error })?;
            let sha256 = fingerprint(&client.sha256).ok_or(AccessError::Fingerprint(at))?;
            let subject = format!("cert/{}", client.name);
            certificates.push((sha256, Principal { subject, kind: PrincipalKind::ClientCert, grants, ends_at: None }));
        }
        Ok(Self { jwt: JwtCheck::new(auth)?, certificates })
    }
}

/// 64 hex digits in any case, with or without colons.
fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits: String = text.chars().filter(|c| *c != ':').collect::<String>().to_ascii_lowercase();
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    (hex(&bytes) == digits).then_some(bytes)
}

/// True for 64 hex digits.
pub(crate) fn is_fingerprint(text: &str) -> bool {
    fingerprint(text).is_some()
}

/// The wall clock.
#[must_use]
pub fn now() -> UtcTime {
    UtcTime::from(wall::now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::ClientSection;
    use crate::store::sqlite::{Options, SqliteStore};

    fn config() -> Config {
        let mut config = Config::default();
        config.auth.mode = "tokens".into();
        config.auth.client.push(ClientSection {
            name: "ivr".into(),
            sha256: "AB:".repeat(31) + "ab",
            scopes: vec!["dnc:add".into()],
        });
        config
    }

    fn store() -> Arc<dyn Store> {
        Arc::new(SqliteStore::in_memory(Options::default()).unwrap())
    }

    async fn access(config: &Config) -> Access {
        Access::new(config, store()).await.unwrap()
    }

    #[tokio::test]
    async fn without_rules_everybody_may_do_everything() {
        let access = access(&Config::default()).await;
        let anybody = access.identify(Some("nonsense"), None).await.unwrap();
        assert_eq!(anybody.kind, PrincipalKind::AnonymousLoopback);
        assert!(Verb::all().all(|verb| anybody.may(verb, Object::default())));
    }

    #[tokio::test]
    async fn with_rules_a_caller_is_its_key_its_certificate_or_nobody() {
        let access = access(&config()).await;
        let nobody = access.identify(None, None).await.unwrap();
        assert_eq!(nobody.kind, PrincipalKind::Stranger);
        assert!(Verb::all().all(|verb| !nobody.may(verb, Object::default())));
        let ivr = access.identify(None, Some([0xab; 32])).await.unwrap();
        assert_eq!((ivr.subject.as_str(), ivr.kind), ("cert/ivr", PrincipalKind::ClientCert));
        assert_eq!(access.identify(None, Some([0xac; 32])).await.unwrap().kind, PrincipalKind::Stranger);
        assert!(access.identify(Some("cdn_0_0"), Some([0xab; 32])).await.is_err(), "a bad token is not helped out");
    }

    #[tokio::test]
    async fn a_key_is_kept_used_and_revoked() {
        use secrecy::ExposeSecret;
        let (config, store) = (config(), store());
        let access = Access::new(&config, Arc::clone(&store)).await.unwrap();
        let wish = KeyWish { name: "crm".into(), scopes: vec!["dnc:add".into()], expires_at: None };
        let (record, key) = access.create_key(&wish, "test").await.unwrap();
        let again = Access::new(&config, Arc::clone(&store)).await.unwrap();
        for access in [&access, &again] {
            let crm = access.identify(Some(key.expose_secret()), None).await.unwrap();
            assert_eq!(crm.subject, format!("key/{}", record.id));
        }
        access.revoke_key(&record.id).await.unwrap();
        assert!(access.identify(Some(key.expose_secret()), None).await.is_err());
        assert!(matches!(access.revoke_key("0").await, Err(KeyChangeError::Unknown(_))));
        assert!(access.keys()[0].revoked_at.is_some());
        let later = Access::new(&config, store).await.unwrap();
        assert!(later.identify(Some(key.expose_secret()), None).await.is_err(), "revoked is revoked for ever");
    }

    #[tokio::test]
    async fn a_client_that_is_too_fast_is_told_how_long_to_wait_and_others_are_not() {
        let mut config = config();
        (config.limits.client_rate_per_s, config.limits.client_burst) = (1, 3);
        let access = access(&config).await;
        assert!((0..3).all(|_| access.spend("a").is_ok()));
        let wait = access.spend("a").unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
        assert!(access.spend("b").is_ok());
    }

    #[test]
    fn fingerprints_are_64_hex_digits() {
        assert_eq!(fingerprint(&"0f".repeat(32)), Some([0x0f; 32]));
        for wrong in ["", "0f", &"0f".repeat(33), &"+f".repeat(32), &"0g".repeat(32), &"é".repeat(32)] {
            assert_eq!(fingerprint(wrong), None, "{wrong}");
        }
    }
}
