//! What is applied at once, and what is said about it.

use std::io;
use std::ops::Range;

use tokio::sync::mpsc;

use crate::contact::CallingList;
use crate::contact::Contact;
use crate::contact::Draft;
use crate::contact::ImportProfile;
use crate::contact::RecordReport;
use crate::store::contacts::{ImportJob, Progress};

/// Records of one transaction.
pub const TRANSACTION_RECORDS_MAX: usize = 10_000;
/// Bytes of records behind which a transaction takes no other batch.
pub const TRANSACTION_BYTES: usize = 4 << 20;
/// Records of one transaction while others wait for the writer.
pub const BUSY_RECORDS_MAX: usize = 1_000;
/// Milliseconds of one transaction while others wait for the writer.
pub const BUSY_MS_MAX: u64 = 20;

/// All that applying a draft looks at besides the store.
#[derive(Clone, Debug)]
pub struct Context {
    /// Number of the job; `None` for a call, which cannot be undone.
    pub job: Option<i64>,
    /// Id of the job: ids of contacts that come without one are made of it and of the record's number.
    pub job_id: Option<String>,
    /// The choices.
    pub profile: ImportProfile,
    /// The list.
    pub list: Option<CallingList>,
    /// Records name contacts to be deleted.
    pub delete: bool,
    /// Name of a zone and its DBID.
    pub zones: Vec<(String, i32)>,
}

/// One record of a batch.
#[derive(Debug, Default)]
pub struct Item {
    /// What it says.
    pub draft: Draft,
    /// Where its bytes stand in [`Batch::raw`]; `None` = they were not kept.
    pub raw: Option<Range<usize>>,
    /// Byte of the file behind it.
    pub offset: u64,
    /// Line of the file behind it.
    pub line: u64,
    /// Blank lines in front of that.
    pub blank_lines: u64,
}

/// Records that were read, in file order.
#[derive(Debug, Default)]
pub struct Batch {
    /// The records that count; the vector may be longer, so that their texts keep their buffers.
    pub items: Vec<Item>,
    /// How many of them count.
    pub len: usize,
    /// Bytes of the records.
    pub raw: Vec<u8>,
}

/// Where reports go.
pub trait Sink: Send {
    /// One record. Nothing is written yet. True = the validation said something else about it.
    fn report(&mut self, report: &RecordReport, raw: Option<&[u8]>) -> bool;
    /// Writes all that was reported and brings it to the disk; the lengths of outcome and reject file. When the
    /// transaction fails all the same, the job fails, and the files are cut when it is taken up again.
    ///
    /// # Errors
    /// What the disk says.
    fn seal(&mut self) -> io::Result<(u64, u64)>;
}

/// Batches on their way from whoever reads them, and back to be filled again.
#[derive(Debug)]
pub struct Feed {
    /// What was read; closed at the end of the file, or when reading failed.
    pub next: mpsc::Receiver<Batch>,
    /// What was applied.
    pub back: mpsc::Sender<Batch>,
    /// Records of one transaction.
    pub most: usize,
}

impl Feed {
    /// Gives a batch back for the next one; false = that is not there yet.
    pub fn swap(&mut self, batch: &mut Batch) -> bool {
        let Ok(next) = self.next.try_recv() else { return false };
        self.give_back(std::mem::replace(batch, next));
        true
    }

    /// One too many is dropped.
    pub fn give_back(&mut self, used: Batch) {
        let _ = self.back.try_send(used);
    }

    /// One that gives nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { next: mpsc::channel(1).1, back: mpsc::channel(1).0, most: 0 }
    }
}

/// A piece of work for the writer, on its way there and back.
pub struct Piece {
    /// What does not change.
    pub context: std::sync::Arc<Context>,
    /// The records.
    pub batch: Batch,
    /// The first of them that was not applied yet.
    pub next: usize,
    /// Where more of them come from while the transaction is a small one.
    pub feed: Feed,
    /// The job's progress, which is written with them.
    pub progress: Progress,
    /// Where reports go.
    pub sink: Box<dyn Sink>,
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Piece").field("len", &self.batch.len).field("next", &self.next).finish_non_exhaustive()
    }
}

impl Piece {
    /// All of it was applied.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.next >= self.batch.len
    }
}

/// What a call did.
#[derive(Clone, Debug)]
pub struct Called {
    /// In the order of the drafts.
    pub reports: Vec<RecordReport>,
    /// The contact of each draft as it is stored now; `None` when nothing is.
    pub contacts: Vec<Option<Contact>>,
    /// Sums.
    pub counts: crate::contact::Counts,
    /// False = nothing was stored, because a draft failed.
    pub stored: bool,
}

/// A validation that goes on: applies drafts to a picture of the store, and writes nothing into it.
pub trait DryRun: Send {
    /// Applies the records of a piece.
    ///
    /// # Errors
    /// What the store says.
    fn apply(&mut self, piece: &mut Piece, now_ms: i64) -> Result<(), crate::store::StoreError>;
}

/// What a delete by ids did with one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The contact is gone.
    Deleted,
    /// A record of it is retrieved.
    InUse,
    /// There is none.
    Unknown,
}

/// What a piece of a clear did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Contacts that are gone.
    pub deleted: u64,
    /// Their records that were cancelled.
    pub cancellations: u64,
    /// (number, id) of contacts that stay because they are in use.
    pub in_use: Vec<(i64, String)>,
    /// The last number that was looked at.
    pub after: i64,
    /// There are more behind it.
    pub more: bool,
}

/// What is done to a job by [`super::ContactStore::change_job`]; false = nothing is written.
pub type JobChange = Box<dyn FnOnce(&mut ImportJob) -> bool + Send>;
