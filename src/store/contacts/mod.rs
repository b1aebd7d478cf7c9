//! Contacts, their lists, and the jobs that load them: the types, and the trait that a backend fills.

mod batch;
mod job;
mod saved;

use std::fmt;
use std::sync::Arc;

pub use batch::{
    BUSY_MS_MAX, BUSY_RECORDS_MAX, Batch, Called, Cleared, Context, DryRun, Feed, Item, JobChange, Piece, Removal,
    Sink, TRANSACTION_BYTES, TRANSACTION_RECORDS_MAX,
};
pub use job::{Cursor, ImportJob, JobEvent, JobKind, JobSpec, JobState, Progress, Step, Stop, StopReason, Undone};
pub use saved::{ListChange, SavedProfile, StoredContact, StoredUpload, new_list};

use crate::contact::CallingList;
use crate::contact::Draft;
use crate::contact::MatchKey;
use crate::contact::Organisation;
use crate::engine::ocs::Record;
use crate::store::Pending;
use crate::store::StoreError;

/// Which contact is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContactRef {
    /// By its store-wide integer.
    Number(i64),
    /// By its id in a list; `None` = outside of lists.
    Id(Option<i64>, String),
}

/// Keeps contacts. All methods may be called from any task; none blocks it, except a [`DryRun`]'s own.
pub trait ContactStore: Send + Sync + fmt::Debug {
    /// Every list that has settings of an import.
    fn calling_lists(&self) -> Pending<Vec<ListRow>>;
    /// Makes a list: `number` and `version` are given. A name or id that is there is refused.
    fn create_list(&self, list: CallingList, at: i64) -> Pending<ListRow>;
    /// Changes a list whose version is still `version`.
    fn change_list(&self, list: CallingList, version: i64, at: i64) -> Pending<ListChange>;
    /// Removes a list with its contacts and records. Do-not-call entries stay.
    fn delete_list(&self, list: i64) -> Pending<bool>;

    /// One contact with its chain.
    fn contact(&self, which: ContactRef) -> Pending<Option<StoredContact>>;
    /// Contacts that a key finds, from the oldest on; `list` = in that list only. The key is indexed when it is not.
    fn contacts_by_key(
        &self,
        list: Option<Option<i64>>,
        key: MatchKey,
        emails: Vec<String>,
        value: String,
    ) -> Pending<Vec<StoredContact>>;
    /// Contacts with a greater number, from the oldest on; `list` as above.
    fn contacts_after(&self, list: Option<Option<i64>>, after: i64, most: usize) -> Pending<Vec<StoredContact>>;
    /// Records of a chain.
    fn chain(&self, list: i64, contact: i64) -> Pending<Vec<Record>>;
    /// One organisation.
    fn organisation(&self, number: i64) -> Pending<Option<Organisation>>;
    /// Organisations with a greater number.
    fn organisations_after(&self, after: i64, most: usize) -> Pending<Vec<Organisation>>;

    /// Makes keys of these kinds known to the store, and fills them for what is stored, in short pieces.
    fn index_keys(&self, keys: Vec<MatchKey>, emails: Vec<String>) -> Pending<()>;
    /// Applies records from `piece.next` on: as many as a transaction may take. What was applied is on the disk.
    fn apply(&self, piece: Piece, now_ms: i64) -> Pending<Piece>;
    /// Applies drafts in one transaction; with `all_or_nothing` a draft that fails takes the others back.
    fn call(&self, context: Arc<Context>, drafts: Vec<Draft>, all_or_nothing: bool, now_ms: i64) -> Pending<Called>;
    /// Begins a validation.
    fn dry_run(&self) -> Pending<Box<dyn DryRun>>;
    /// Removes contacts by id, those in use stay.
    fn delete_contacts(&self, list: Option<i64>, ids: Vec<String>) -> Pending<Vec<Removal>>;
    /// Removes some contacts of a list.
    fn clear_some(&self, list: i64, after: i64, most: usize, job: Option<i64>) -> Pending<Cleared>;
    /// Takes back some of what a job did, newest first.
    fn undo_some(&self, job: i64, most: usize, now_ms: i64) -> Pending<Undone>;

    /// Makes a job; its number is given.
    fn create_job(&self, job: ImportJob) -> Pending<ImportJob>;
    /// One job.
    fn job(&self, id: &str) -> Pending<Option<ImportJob>>;
    /// Jobs from the newest on; `before` = with smaller numbers.
    fn jobs(&self, before: Option<i64>, most: usize, open_only: bool) -> Pending<Vec<ImportJob>>;
    /// Changes a job as it is at that moment; what is stored afterwards.
    fn change_job(&self, id: &str, change: JobChange) -> Pending<Option<ImportJob>>;

    /// Saved profiles by name.
    fn profiles(&self) -> Pending<Vec<SavedProfile>>;
    /// Makes or changes a profile: version 0 = it must be new, else it must be the one that is stored.
    fn save_profile(&self, profile: SavedProfile) -> Pending<Option<SavedProfile>>;
    /// Removes a profile by id.
    fn delete_profile(&self, id: &str) -> Pending<bool>;

    /// One upload.
    fn upload(&self, id: &str) -> Pending<Option<StoredUpload>>;
    /// Makes or changes an upload.
    fn save_upload(&self, upload: StoredUpload) -> Pending<()>;
    /// Removes an upload.
    fn delete_upload(&self, id: &str) -> Pending<bool>;
    /// Uploads that are older.
    fn uploads_before(&self, created_at: i64) -> Pending<Vec<StoredUpload>>;
}

/// A list as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct ListRow {
    /// Its settings.
    pub list: CallingList,
    /// Contacts in it.
    pub size: u64,
    /// Milliseconds since 1970 UTC.
    pub created_at: i64,
    /// Milliseconds since 1970 UTC.
    pub modified_at: i64,
    /// The import that wrote it last: id of the job.
    pub last_job: Option<String>,
}

/// A refusal for a reason that the caller can correct.
pub(crate) fn refused(what: impl fmt::Display) -> StoreError {
    StoreError::new(crate::store::StoreErrorKind::Refused, what)
}
