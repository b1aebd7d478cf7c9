//! Contacts as they are read, profiles with a name, uploads.

use crate::contact::CallingList;
use crate::contact::Contact;
use crate::contact::ImportProfile;
use crate::store::contacts::ListRow;

/// A list with the defaults of the specification (section 2), not stored yet.
#[must_use]
pub fn new_list(name: &str) -> CallingList {
    CallingList {
        number: 0,
        id: String::new(),
        name: name.to_owned(),
        columns: Vec::new(),
        phone_columns: Vec::new(),
        email_columns: Vec::new(),
        customer_column: None,
        phone_policy: None,
        trim: true,
        daily_from: 28_800,
        daily_till: 75_600,
        time_zone: String::new(),
        tz_dbid: 0,
        contact_info_type: 1,
        chain_n_base: 0,
        version: 0,
        rules: Vec::new(),
        extra: String::new(),
    }
}

/// A contact as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredContact {
    /// The contact; its `job` is the number of its job as text.
    pub contact: Contact,
    /// Id of the job that made it.
    pub job_id: Option<String>,
}

/// What became of a change of a list.
#[derive(Clone, Debug, PartialEq)]
pub enum ListChange {
    /// It is changed.
    Changed(Box<ListRow>),
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
