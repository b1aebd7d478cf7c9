//! Floor 5: what outlives the process. One trait shaped by use, one SQLite backend, one suite that any backend passes.
//!
//! ```text
//! callers -> commit(writes) -> one writer thread: all that waits, one transaction, one sync -> every caller hears
//!         -> reads          -> connections of their own, beside the writer
//! ```
//!
//! A call enters the queue when it is made, not when its future is first polled: calls of one task are written in their
//! order, and dropping the future does not take the writes back.

mod chain;
#[cfg(test)]
mod conformance;
pub mod contacts;
mod error;
mod read;
pub mod sequences;
pub mod sqlite;
mod write;

use std::{fmt, path::PathBuf, sync::Arc};

use futures_util::future::BoxFuture;

pub use chain::{Chain, Fault, FaultKind, Hash, Head, Report, hex, unhex};
pub use error::{StoreError, StoreErrorKind};
pub use read::{
    AuditQuery, Audited, CheckReport, Counts, Dead, Delivery, DncEvidence, DncQuery, KeyHeld, LastNumbers, Purged,
    Receipt, RequestPage, Retention, StoreStats, StoredAlarm, StoredList, StoredRequest, Verify,
};
pub use sqlite::SqliteStore;
pub use write::{
    Accept, ApiKey, AuditRow, DncAnswer, DncEntry, IdempotencyKey, ListHead, ListedDnc, Mark, StopWish, Write,
};

use crate::engine::PairState;
use crate::engine::RequestNumber;
use crate::engine::RequestRecord;
use crate::engine::ocs::Record;
use crate::message::AppDbid;
use crate::protocol::UtcTime;
use crate::protocol::requester::EchoKnowledge;

/// What a store is still to say.
pub type Pending<T> = BoxFuture<'static, Result<T, StoreError>>;

/// Keeps what was accepted. All methods may be called from any task; none blocks it.
pub trait Store: Send + Sync + fmt::Debug {
    /// Writes all of it in one transaction; once this resolves it is on the disk. No writes at all are a probe: one row
    /// of the store's own is written and synced.
    fn commit(&self, writes: Vec<Write>) -> Pending<Receipt> {
        self.commit_shared(writes.into_iter().map(Arc::new).collect())
    }

    /// The same for a caller that keeps its writes until they are on the disk.
    fn commit_shared(&self, writes: Vec<Arc<Write>>) -> Pending<Receipt>;

    /// The same store, for contacts and imports.
    fn contacts(&self) -> Arc<dyn contacts::ContactStore>;
    /// The same store, for sequences and leases.
    fn sequences(&self) -> Arc<dyn sequences::SequenceStore>;

    /// What was given out last, so that numbers go on from there.
    fn last_numbers(&self) -> Pending<LastNumbers>;
    /// One request with its steps and marks.
    fn request(&self, number: RequestNumber) -> Pending<Option<StoredRequest>>;
    /// Requests from the newest on, without steps.
    fn requests(&self, page: RequestPage) -> Pending<Vec<RequestRecord>>;
    /// Dead letters before this one, from the newest on, without steps and marks; each with its reason.
    fn dead_letters(&self, after: Option<RequestNumber>, most: usize) -> Pending<Vec<StoredRequest>>;
    /// Every open request, and every other with a mark since then, from the oldest on, without steps (rule 16).
    fn restored(&self, marked_since: UtcTime) -> Pending<Vec<StoredRequest>>;
    /// What a subject's idempotency key stands for.
    fn key_held(&self, subject: &str, key: &str) -> Pending<Option<KeyHeld>>;
    /// Pairs that are to stop.
    fn stop_wishes(&self) -> Pending<Vec<StopWish>>;
    /// Own DBIDs that somebody else has used, the cleared ones too.
    fn alarms(&self) -> Pending<Vec<StoredAlarm>>;
    /// What is known about echoes.
    fn echoes(&self) -> Pending<Vec<(AppDbid, EchoKnowledge)>>;
    /// The mirror.
    fn states(&self) -> Pending<Vec<PairState>>;
    /// How much there is.
    fn counts(&self) -> Pending<Counts>;

    /// One do-not-call entry.
    fn dnc(&self, request: RequestNumber) -> Pending<Option<DncEvidence>>;
    /// Do-not-call entries from the oldest on.
    fn dnc_entries(&self, query: DncQuery) -> Pending<Vec<DncEvidence>>;
    /// Rows of a do-not-call list after a row of that number: the gateway's, or a simulated OCS's.
    fn dnc_list(&self, ocs: Option<AppDbid>, after: u64, most: usize) -> Pending<Vec<(u64, ListedDnc)>>;

    /// Audit rows from the newest on.
    fn audit(&self, query: AuditQuery) -> Pending<Vec<Audited>>;
    /// The key with this hash of its secret, revoked or not.
    fn api_key(&self, sha256: Hash) -> Pending<Option<ApiKey>>;
    /// Every key, from the oldest on.
    fn api_keys(&self) -> Pending<Vec<ApiKey>>;

    /// Calling lists by name.
    fn lists(&self) -> Pending<Vec<StoredList>>;
    /// Rows of a calling list with a greater `record_id`.
    fn records(&self, list: &str, after: Option<i32>, most: usize) -> Pending<Vec<Record>>;

    /// The last row of each chain.
    fn heads(&self) -> Pending<Vec<Head>>;
    /// Walks along a chain.
    fn verify(&self, what: Verify) -> Pending<Report>;
    /// Reads all of it and says what is wrong.
    fn check(&self) -> Pending<CheckReport>;
    /// Removes what is old. Chains stay verifiable.
    fn purge(&self, what: Retention) -> Pending<Purged>;
    /// Writes a copy of the whole store into a new file while work goes on.
    fn backup(&self, file: PathBuf) -> Pending<()>;

    /// How it does.
    fn stats(&self) -> StoreStats;
    /// Why it does not take writes at the moment; `None` = it does.
    fn trouble(&self) -> Option<StoreError>;
    /// Writes what waits and closes. Later calls get [`StoreErrorKind::Closed`].
    fn close(&self) -> Pending<()>;
}
