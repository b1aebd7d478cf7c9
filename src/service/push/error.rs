//! Why a job went no further. No cell of a file, no token and no secret stands in it.

use crate::contact::MappingError;
use crate::contact::csv::FileError;
use crate::contact::genesys_cloud::ParameterError;

/// Why a job went no further.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// Parameters, or a file that is another one than the job's.
    #[error("{0}")]
    Settings(String),
    /// Parameters that contradict each other.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// The file cannot be read as CSV.
    #[error(transparent)]
    File(#[from] FileError),
    /// The header lacks what the parameters name.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// Records failed before anything was sent, and the parameters do not allow that.
    #[error("{failed} of {records} records are bad, nothing was sent: {why}")]
    BadRecords {
        /// Bad records.
        failed: u64,
        /// Records that were looked at.
        records: u64,
        /// Which parameter does not allow it.
        why: &'static str,
    },
    /// More bad records than are allowed.
    #[error("{failed} of {records} records are bad, more than are allowed; nothing was sent")]
    TooManyBad {
        /// Bad records.
        failed: u64,
        /// Records that were looked at.
        records: u64,
    },
    /// A file of ours or the one that is read.
    #[error("{0}")]
    Disk(String),
    /// Nobody took the request, however often it was made.
    #[error("{what}: not taken in {tries} tries, last {why}")]
    Unreachable {
        /// Which call.
        what: String,
        /// How often.
        tries: u32,
        /// What was answered last.
        why: String,
    },
    /// A request was sent and never answered.
    #[error("{what}: sent, and not answered ({why}); nobody knows whether it was done")]
    Unknown {
        /// Which call.
        what: String,
        /// What happened instead of an answer.
        why: String,
    },
    /// The other side said no.
    #[error("{what}: refused with {status}{}{}", space(.code), colon(.message))]
    Refused {
        /// Which call.
        what: String,
        /// Of the answer.
        status: u16,
        /// Its `code`.
        code: String,
        /// Its `message`.
        message: String,
    },
    /// Client, token or scope.
    #[error("{what}: not allowed, status {status}{}", space(.code))]
    Credentials {
        /// Which call.
        what: String,
        /// Of the answer.
        status: u16,
        /// Its `code`, or `error` of the token call.
        code: String,
    },
    /// The list is not there.
    #[error("{0}: there is no such list")]
    NoList(String),
    /// Somebody stops us.
    #[error("interrupted")]
    Interrupted,
}

fn space(code: &str) -> String {
    if code.is_empty() { String::new() } else { format!(" {code}") }
}

fn colon(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

impl PushError {
    /// A file at a path.
    pub(super) fn disk(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::Disk(format!("{}: {error}", path.display()))
    }
}
