//! Contacts as they are read, profiles with a name, uploads.

use crate::contact::Contact;
use crate::contact::ImportProfile;
use crate::store::contacts::ListRow;

/// A contact as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredContact {
    /// The contact; its `job` is the number of its job as text.
    pub contact: Contact,
    /// Id of the job that made it.
    pub job_id: Option<String>,
}

/// What became of a change of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListChange {
    /// It is changed.
    Changed(ListRow),
    /// Somebody else was first: the version that is stored.
    Stale(i64),
    /// Another list has that name.
    NameTaken,
    /// There is no such list.
    Unknown,
}

/// A profile with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedProfile {
    /// A UUID.
    pub id: String,
    /// Unique.
    pub name: String,
    /// Which interface made it: `native`, `settings`, `csv-settings`, ...
    pub kind: String,
    /// Who made it.
    pub owner: String,
    /// Goes up with every change; 0 = not stored yet.
    pub version: i64,
    /// Milliseconds since 1970 UTC.
    pub created_at: i64,
    /// Milliseconds since 1970 UTC.
    pub modified_at: i64,
    /// The choices.
    pub profile: ImportProfile,
    /// Anything that an interface wants to find again, as JSON.
    pub extra: String,
}

/// A file that somebody has sent, or is about to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredUpload {
    /// A UUID; the file's name in the folder of uploads.
    pub id: String,
    /// Who sends it.
    pub owner: String,
    /// What its user calls it: a label, never a path.
    pub file_name: String,
    /// Bytes that were announced.
    pub announced: Option<u64>,
    /// Bytes that came; `None` = it is not complete.
    pub bytes: Option<u64>,
    /// SHA-256 in hex.
    pub sha256: Option<String>,
    /// Milliseconds since 1970 UTC.
    pub created_at: i64,
    /// Anything that an interface wants to find again, as JSON.
    pub extra: String,
}
