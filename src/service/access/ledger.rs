//! What access keeps: keys, and who did what. A store keeps it on disk; [`MemoryLedger`] for as long as the process runs.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt, ready};

use crate::engine::RequestNumber;
use crate::protocol::UtcTime;
use crate::service::access::KeyRecord;

/// Somebody did something. Personal data does not belong here: a person is a pseudonym.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: UtcTime,
    /// Who.
    pub subject: String,
    /// From where.
    pub client: Option<String>,
    /// What: a verb of the scopes.
    pub action: String,
    /// To what: a path without its query, and a pseudonym for a person.
    pub object: Option<String>,
    /// `done`, `accepted`, `denied` or the slug of the problem.
    pub outcome: String,
    /// The request it became.
    pub request: Option<RequestNumber>,
}

/// An entry with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedEntry {
    /// Number of the row, from 1.
    pub row: u64,
    /// Hash of the chain up to this row, when the ledger is chained.
    pub hash: Option<[u8; 32]>,
    /// What it says.
    pub entry: AuditEntry,
}

/// Which entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditAsk {
    /// Only of this subject.
    pub subject: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Only rows before this one.
    pub before: Option<u64>,
    /// At most so many.
    pub most: usize,
}

/// What a walk along the chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditVerdict {
    /// Rows that were read.
    pub rows: u64,
    /// The first row that is wrong, and what is wrong with it.
    pub fault: Option<(u64, String)>,
    /// Hash of the last row, when the ledger is chained.
    pub head: Option<[u8; 32]>,
}

/// Why the ledger does not do it; no personal data in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LedgerError(pub String);

/// What a ledger is still to say. The call is made when the method is called, not when this is first polled.
pub type Said<T> = BoxFuture<'static, Result<T, LedgerError>>;

/// Keeps keys and audit.
pub trait Ledger: Send + Sync + fmt::Debug {
    /// Every key, revoked ones too.
    fn keys(&self) -> Said<Vec<KeyRecord>>;
    /// Keeps a new key.
    fn add_key(&self, record: KeyRecord) -> Said<()>;
    /// Ends a key.
    fn revoke_key(&self, id: String, at: UtcTime) -> Said<()>;
    /// Appends to the audit; once this resolves it is kept.
    fn append(&self, entry: AuditEntry) -> Said<()>;
    /// Entries from the newest on.
    fn audited(&self, ask: AuditAsk) -> Said<Vec<AuditedEntry>>;
    /// Walks along the chain.
    fn verify_audit(&self) -> Said<AuditVerdict>;
}

/// Entries that a ledger in memory holds at most; the oldest go first.
const ENTRIES_MAX: usize = 10_000;

/// A ledger that ends with the process.
#[derive(Debug, Default)]
pub struct MemoryLedger(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    keys: Vec<KeyRecord>,
    entries: std::collections::VecDeque<AuditEntry>,
    dropped: u64,
}

impl MemoryLedger {
    fn with<T: Send + 'static>(&self, act: impl FnOnce(&mut Kept) -> T) -> Said<T> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ready(Ok(act(&mut kept))).boxed()
    }
}

impl Ledger for MemoryLedger {
    fn keys(&self) -> Said<Vec<KeyRecord>> {
        self.with(|kept| kept.keys.clone())
    }

    fn add_key(&self, record: KeyRecord) -> Said<()> {
        self.with(|kept| kept.keys.push(record))
    }

    fn revoke_key(&self, id: String, at: UtcTime) -> Said<()> {
        self.with(|kept| {
            for key in kept.keys.iter_mut().filter(|key| key.id == id) {
                key.revoked_at.get_or_insert(at);
            }
        })
    }

    fn append(&self, entry: AuditEntry) -> Said<()> {
        self.with(|kept| {
            kept.entries.push_back(entry);
            if kept.entries.len() > ENTRIES_MAX {
                kept.entries.pop_front();
                kept.dropped += 1;
            }
        })
    }

    fn audited(&self, ask: AuditAsk) -> Said<Vec<AuditedEntry>> {
        self.with(|kept| {
            let last = kept.dropped + kept.entries.len() as u64;
            let numbered = kept.entries.iter().rev().zip((1..=last).rev());
            let wanted = numbered.filter(|(entry, row)| {
                ask.before.is_none_or(|before| *row < before)
                    && ask.subject.as_ref().is_none_or(|subject| *subject == entry.subject)
                    && ask.action.as_ref().is_none_or(|action| *action == entry.action)
            });
            wanted.take(ask.most).map(|(entry, row)| AuditedEntry { row, hash: None, entry: entry.clone() }).collect()
        })
    }

    fn verify_audit(&self) -> Said<AuditVerdict> {
        self.with(|kept| AuditVerdict { rows: kept.entries.len() as u64, fault: None, head: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn entries_come_from_the_newest_on_and_in_pages() {
        let ledger = MemoryLedger::default();
        for action in ["dnc:add", "campaign:start", "dnc:add"] {
            let entry = AuditEntry { action: action.into(), subject: "key/a".into(), ..AuditEntry::default() };
            ledger.append(entry).await.unwrap();
        }
        let ask = AuditAsk { most: 2, ..AuditAsk::default() };
        let rows: Vec<u64> = ledger.audited(ask.clone()).await.unwrap().iter().map(|it| it.row).collect();
        assert_eq!(rows, [3, 2]);
        let rest = ledger.audited(AuditAsk { before: Some(2), ..ask.clone() }).await.unwrap();
        assert_eq!(rest.iter().map(|it| it.row).collect::<Vec<_>>(), [1]);
        let dnc = ledger.audited(AuditAsk { action: Some("dnc:add".into()), ..ask }).await.unwrap();
        assert_eq!(dnc.iter().map(|it| it.row).collect::<Vec<_>>(), [3, 1]);
    }
}
