//! Why an import, or something around it, is refused.

use crate::contact::MappingError;
use crate::contact::RecordReport;
use crate::contact::csv::FileError;
use crate::store::StoreError;
use crate::store::contacts::JobState;

/// What a caller can act on. No text holds a cell of a file.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be opened or read: exit 2, status 400.
    #[error("{0}")]
    Io(String),
    /// The file cannot be read as CSV: exit 2, status 400.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its columns do not fit the profile: exit 2, status 400.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// Settings that contradict each other, or name nothing: exit 2, status 400.
    #[error("{0}")]
    Settings(String),
    /// The file is not the one that the job began with: exit 2, status 409.
    #[error("the file has changed since the job began: {0}")]
    FileChanged(String),
    /// There is no such list, job, profile, contact or upload: exit 8, status 404.
    #[error("there is no {what} {name:?}")]
    Unknown {
        /// Kind of thing.
        what: &'static str,
        /// As it was asked for.
        name: String,
    },
    /// A name that is taken: exit 2, status 409.
    #[error("there is a {what} named {name:?} already")]
    Taken {
        /// Kind of thing.
        what: &'static str,
        /// As it was given.
        name: String,
    },
    /// Somebody else has changed it since: status 409.
    #[error("version {given} is not the stored one, {stored}")]
    Stale {
        /// Of the caller.
        given: i64,
        /// Of the store.
        stored: i64,
    },
    /// The job is in another state: exit 9, status 409.
    #[error("the job is {state}, it cannot {wanted}", state = .state.slug())]
    State {
        /// Where it is.
        state: JobState,
        /// What was wanted.
        wanted: &'static str,
    },
    /// Contacts of it are being dialed: exit 9, status 409.
    #[error("{0}")]
    InUse(String),
    /// Too many jobs wait: status 429.
    #[error("{0} jobs wait already")]
    Busy(usize),
    /// Records of a call that stores all or nothing.
    #[error("{} records cannot be stored", .0.len())]
    Refused(Vec<RecordReport>),
    /// The store: exit 3, status 503.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ImportError {
    /// Something that is not there.
    #[must_use]
    pub fn unknown(what: &'static str, name: impl Into<String>) -> Self {
        Self::Unknown { what, name: name.into() }
    }
}

/// What a function of this room answers.
pub type Answer<T> = Result<T, ImportError>;
