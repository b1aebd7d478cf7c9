//! What went as it is written, and why the rest did not.

use crate::protocol::Time;

/// Something that went as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Line of the file.
    pub line: usize,
    /// When.
    pub at: Time,
    /// The line.
    pub text: String,
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Line of the file.
    pub line: usize,
    /// When.
    pub at: Time,
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// What happened, and what should have.
    pub text: String,
    /// The nearest candidates, and in what they differ.
    pub details: Vec<String>,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Something did not come in time.
    Missed,
    /// Something came for which no line waits.
    Unexpected,
    /// Something came before what has to come first.
    OutOfOrder,
    /// Something came that must not.
    Never,
    /// Something that is counted is not as it has to be.
    Check,
    /// A line was reached too late, or not at all.
    Late,
    /// Records or calls got lost in the site.
    Lost,
}

impl FailureKind {
    /// Its word in results.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Unexpected => "unexpected",
            Self::OutOfOrder => "out of order",
            Self::Never => "never",
            Self::Check => "check",
            Self::Late => "late",
            Self::Lost => "lost",
        }
    }
}
