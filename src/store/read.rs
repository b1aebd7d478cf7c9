//! What can be asked of a store.

use std::{fmt, time::Duration};

use bytes::Bytes;

use crate::engine::RequestNumber;
use crate::engine::RequestRecord;
use crate::engine::Which;
use crate::message::AppDbid;
use crate::message::CustomerId;
use crate::message::ErrorCode;
use crate::message::Phone;
use crate::protocol::UtcTime;
use crate::protocol::requester::SendId;
use crate::store::chain::{Chain, Head, Report};
use crate::store::write::{AuditRow, DncEntry, ListHead, Mark};

/// A request with what the journal alone knows of it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredRequest {
    /// The request.
    pub record: RequestRecord,
    /// Its UserData, packed in the default dialect. Holds personal data.
    pub body: Bytes,
    /// How long the caller wanted to wait for an outcome.
    pub deadline: Option<Duration>,
    /// Outlives a lost link.
    pub durable: bool,
    /// How often it has failed.
    pub attempts: u32,
    /// When it is tried next.
    pub not_before: Option<UtcTime>,
    /// It was given up.
    pub dead: Option<Dead>,
    /// Its marks in the order of the sends.
    pub marks: Vec<Mark>,
}

impl fmt::Debug for StoredRequest {
    /// Without the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { record, marks, attempts, dead, .. } = self;
        write!(f, "StoredRequest({record:?}, {} marks, {attempts} attempts, {dead:?})", marks.len())
    }
}

/// A request was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    /// When.
    pub at: UtcTime,
    /// Why.
    pub reason: String,
}

/// Which requests a list shows, from the newest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestPage {
    /// Open, ended, or all.
    pub which: Which,
    /// Those older than this one.
    pub after: Option<RequestNumber>,
    /// At most so many.
    pub most: usize,
}

impl Default for RequestPage {
    fn default() -> Self {
        Self { which: Which::All, after: None, most: 100 }
    }
}

/// One of our DBIDs that somebody else has sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredAlarm {
    /// Which.
    pub origin: AppDbid,
    /// When it was seen.
    pub at: UtcTime,
    /// When an operator has looked at it; `None` = the alarm stands.
    pub cleared_at: Option<UtcTime>,
}

/// What an idempotency key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHeld {
    /// The request.
    pub number: RequestNumber,
    /// SHA-256 of the body that came with it.
    pub body_sha256: [u8; 32],
}

/// The last numbers that were given out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastNumbers {
    /// The newest request.
    pub request: Option<RequestNumber>,
    /// The newest frame.
    pub send: Option<SendId>,
}

/// A do-not-call entry and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DncEvidence {
    /// Number of its row in the chain.
    pub row: u64,
    /// Hash of that row.
    pub hash: [u8; 32],
    /// The entry.
    pub entry: DncEntry,
    /// Each OCS that is to confirm it, or has said something.
    pub deliveries: Vec<Delivery>,
}

impl DncEvidence {
    /// Every OCS that is to confirm it has done so.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.deliveries.iter().all(|delivery| delivery.confirmed_at.is_some())
    }
}

/// How far an entry has come with one OCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which OCS.
    pub ocs: AppDbid,
    /// When it confirmed.
    pub confirmed_at: Option<UtcTime>,
    /// How long after the entry was accepted.
    pub latency: Option<Duration>,
    /// The code of its last refusal.
    pub code: Option<ErrorCode>,
}

/// Which do-not-call entries are wanted. What is not given is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DncQuery {
    /// This number, as sent, as given or in its one spelling.
    pub phone: Option<Phone>,
    /// This customer.
    pub customer: Option<CustomerId>,
    /// Only those that an expected OCS has not confirmed.
    pub unconfirmed: bool,
    /// Only those accepted before.
    pub before: Option<UtcTime>,
    /// Only those accepted at that time or later.
    pub since: Option<UtcTime>,
    /// Only those after this one; they come from the oldest on.
    pub after: Option<RequestNumber>,
    /// At most so many; 0 = 1,000.
    pub most: usize,
}

/// Which audit rows are wanted, from the newest on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only of this subject.
    pub subject: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Only rows before this one.
    pub after: Option<u64>,
    /// At most so many; 0 = 100.
    pub most: usize,
}

/// An audit row with its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// Number of the row.
    pub row: u64,
    /// Its hash.
    pub hash: [u8; 32],
    /// What it says.
    pub audit: AuditRow,
}

/// A calling list and how long it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredList {
    /// Its settings.
    pub head: ListHead,
    /// Its rows.
    pub records: u64,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests without an end.
    pub open: u64,
    /// Open requests that were never sent.
    pub unsent: u64,
    /// Dead letters.
    pub dead: u64,
    /// Requests in all.
    pub requests: u64,
    /// Do-not-call entries with evidence.
    pub dnc: u64,
    /// Those that an expected OCS has not confirmed.
    pub dnc_unconfirmed: u64,
    /// Audit rows.
    pub audit: u64,
}

/// What is removed: everything that is older and settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Ended requests accepted before.
    pub journal: Option<UtcTime>,
    /// Audit rows before.
    pub audit: Option<UtcTime>,
    /// Evidence of do-not-call entries before. The entries themselves stay in the list until they expire.
    pub dnc: Option<UtcTime>,
    /// Idempotency keys used before.
    pub keys: Option<UtcTime>,
    /// The time now, for the rows that say what was removed.
    pub at: UtcTime,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Requests.
    pub requests: u64,
    /// Audit rows.
    pub audit: u64,
    /// Evidence rows.
    pub dnc: u64,
    /// Expired entries of the do-not-call list.
    pub expired: u64,
    /// Idempotency keys.
    pub keys: u64,
}

/// What `store check` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// What the database says of itself; empty when it is whole.
    pub damage: Vec<String>,
    /// Version of the tables.
    pub schema: u32,
    /// Each chain.
    pub chains: Vec<Report>,
    /// How much there is.
    pub counts: Counts,
}

impl CheckReport {
    /// Nothing was found.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.damage.is_empty() && self.chains.iter().all(Report::is_whole)
    }
}

/// How a store does, at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Batches that wait for the writer.
    pub queued: u64,
    /// Commits that reached the disk.
    pub commits: u64,
    /// Batches in them.
    pub batches: u64,
    /// Writes in them.
    pub writes: u64,
    /// Batches in the largest commit.
    pub largest: u64,
    /// How long the last commit took, with its sync.
    pub last_commit: Duration,
    /// The longest.
    pub slowest_commit: Duration,
    /// All together.
    pub total_commit: Duration,
    /// Batches that were refused for a reason of their own.
    pub refused: u64,
    /// Commits that the disk refused.
    pub errors: u64,
}

/// What a commit says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Batches that were made durable by the same sync.
    pub together: usize,
}

/// What is to be verified, and against what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verify {
    /// Which chain.
    pub chain: Chain,
    /// A head that was kept elsewhere; `None` = the one in the heads file.
    pub head: Option<Head>,
}
