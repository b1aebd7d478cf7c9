//! Sequences with what happened to them, and leases: the types, and the trait that a backend fills.

use std::{fmt, time::Duration};

use crate::engine::sequence::{Entry, SequenceResult};
use crate::store::Pending;

/// Keeps sequences and leases. All methods may be called from any task; none blocks it.
pub trait SequenceStore: Send + Sync + fmt::Debug {
    /// True when no other process can have this store open: whoever held a lease before is gone.
    fn is_sole(&self) -> bool;
    /// Takes or renews a lease; its epoch, or `None` when somebody else has it.
    fn take_lease(&self, take: TakeLease) -> Pending<Option<i64>>;
    /// Gives a lease back. One that is not held is left as it is.
    fn release_lease(&self, fence: Fence) -> Pending<()>;

    /// Makes a sequence: its number is given. A key that its asker has used gives the sequence of that time.
    fn create_sequence(&self, new: NewSequence) -> Pending<StoredSequence>;
    /// One sequence with its log.
    fn sequence(&self, number: i64) -> Pending<Option<(StoredSequence, Vec<Entry>)>>;
    /// Sequences with smaller numbers, from the newest on.
    fn sequences(&self, before: Option<i64>, most: usize, open_only: bool) -> Pending<Vec<StoredSequence>>;
    /// Adds to the log of a sequence, all or nothing, if the lease is still ours; its end ends the sequence.
    fn append_log(&self, fence: Fence, number: i64, entries: Vec<Entry>) -> Pending<()>;
    /// A sequence is to stop; the first who says so counts. The sequence as it is then.
    fn ask_stop(&self, number: i64, by: String, at_ms: i64) -> Pending<Option<StoredSequence>>;
}

/// Who wants a lease, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeLease {
    /// Which.
    pub name: String,
    /// Who wants it.
    pub holder: String,
    /// The epoch that is renewed; `None` = it is taken.
    pub epoch: Option<i64>,
    /// How long it is granted for.
    pub ttl: Duration,
    /// How long after its end another may have it.
    pub grace: Duration,
    /// Whoever has it is known to be gone.
    pub others_are_gone: bool,
}

/// What a write proves before it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The lease.
    pub lease: String,
    /// Who has it.
    pub holder: String,
    /// Its epoch.
    pub epoch: i64,
}

/// A sequence as it is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSequence {
    /// Its name, for people.
    pub name: String,
    /// `gateway` or `ocs`.
    pub run_by: String,
    /// Who asked for it.
    pub asked_by: String,
    /// Milliseconds since 1970 UTC.
    pub created_at: i64,
    /// The plan as JSON.
    pub plan: String,
    /// The file as it was given.
    pub source: String,
    /// The asker's own name for it, with SHA-256 of what was asked.
    pub key: Option<(String, [u8; 32])>,
}

/// A sequence as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSequence {
    /// The order of creation, and its name for programs.
    pub number: i64,
    /// What was accepted.
    pub new: NewSequence,
    /// When it was told to stop, and by whom.
    pub stop_asked: Option<(i64, String)>,
    /// When and how it ended.
    pub ended: Option<(i64, SequenceResult)>,
}
