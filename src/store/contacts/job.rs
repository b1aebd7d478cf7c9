//! An import job: what was asked for, what has become of it, and where it may go from there.
//!
//! ```text
//! created -> validating -> validated --continue--> importing -> completed
//!                |             |                      |
//!                +-> failed    +--cancel--> cancelled +-> failed | cancelled      failed --retry--> the step that failed
//! ```
//!
//! Assumed: a job may be cancelled in every state that is not final, so also before its turn has come and while it is
//! validated.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::contact::Counts;
use crate::contact::ImportProfile;

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It waits for its turn.
    Created,
    /// Every record is looked at; nothing is written.
    Validating,
    /// It waits to be told to go on.
    Validated,
    /// Records are written.
    Importing,
    /// Done.
    Completed,
    /// Stopped by a fault or by too many bad records.
    Failed,
    /// Stopped by somebody.
    Cancelled,
}

/// What may happen to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobEvent {
    /// Its turn has come.
    Start,
    /// Every record was looked at.
    Validated,
    /// Somebody, or the job itself, lets it go on.
    Continue,
    /// Every record was written.
    Complete,
    /// It cannot go on.
    Fail,
    /// Somebody stops it.
    Cancel,
    /// Somebody has it try again.
    Retry,
}

/// The two passes over a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// The first: nothing is written.
    Validating,
    /// The second.
    Importing,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Validating,
        Self::Validated,
        Self::Importing,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word in tables and answers.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Validating => "validating",
            Self::Validated => "validated",
            Self::Importing => "importing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state with that word.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.slug() == slug)
    }

    /// Nothing more happens by itself.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// THE table. `None` = refused. `reached` is the step that a job which failed was in.
    #[must_use]
    pub fn after(self, event: JobEvent, reached: Option<Step>) -> Option<Self> {
        use JobEvent as E;
        match (self, event) {
            (Self::Created, E::Start) => Some(Self::Validating),
            (Self::Validating, E::Validated) => Some(Self::Validated),
            (Self::Validated, E::Continue) => Some(Self::Importing),
            (Self::Importing, E::Complete) => Some(Self::Completed),
            (Self::Validating | Self::Importing, E::Fail) => Some(Self::Failed),
            (Self::Created | Self::Validating | Self::Validated | Self::Importing, E::Cancel) => Some(Self::Cancelled),
            (Self::Failed, E::Retry) => match reached {
                Some(Step::Importing) => Some(Self::Importing),
                Some(Step::Validating) | None => Some(Self::Validating),
            },
            (
                Self::Created
                | Self::Validating
                | Self::Validated
                | Self::Importing
                | Self::Completed
                | Self::Failed
                | Self::Cancelled,
                _,
            ) => None,
        }
    }
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// Records of a file are stored.
    Import,
    /// Contacts are stored by a call.
    Call,
    /// Contacts go by their ids.
    Delete,
    /// All contacts of a list go.
    Clear,
    /// Contacts are sent to another system.
    Push,
}

impl JobKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Import, Self::Call, Self::Delete, Self::Clear, Self::Push];

    /// The word in tables and answers.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Call => "call",
            Self::Delete => "delete",
            Self::Clear => "clear",
            Self::Push => "push",
        }
    }

    /// The kind with that word.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == slug)
    }
}

/// What was asked for. It never changes: a job that is taken up again does what it was made for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// All choices.
    pub profile: ImportProfile,
    /// Number of the list; `None` = contacts outside of lists.
    pub list: Option<i64>,
    /// Name of the list, when it was made for this job.
    #[serde(default)]
    pub made_list: Option<String>,
    /// The file that is read; `None` for calls and clears.
    pub file: Option<PathBuf>,
    /// What its user calls it: a label, never a path.
    pub file_name: String,
    /// The upload it came by.
    pub upload: Option<String>,
    /// Where the outcome of each record goes.
    pub outcome: Option<PathBuf>,
    /// Where failed records go.
    pub reject: Option<PathBuf>,
    /// Where the validation's outcomes go, when they are kept apart.
    pub dry_outcome: Option<PathBuf>,
    /// Goes on by itself when it is validated.
    pub auto_continue: bool,
    /// Ends when it is validated.
    pub dry_run: bool,
    /// The caller's own name for the request, and SHA-256 of what it said.
    pub idempotency: Option<(String, String)>,
    /// Anything that an interface wants to find again, as JSON.
    pub extra: String,
}

/// How far a pass has come. All of it is committed with the contacts it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Byte behind the last record.
    pub offset: u64,
    /// Number of the last record.
    pub record: u64,
    /// Physical line on which the next record begins; 0 = the file was not read yet.
    pub line: u64,
    /// Bytes of the outcome file.
    pub outcome_len: u64,
    /// Bytes of the reject file.
    pub reject_len: u64,
}

/// Why a pass went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// More bad records than the profile allows.
    MaxErrors,
    /// Somebody cancelled it.
    Cancelled,
}

/// Where a pass went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Why.
    pub reason: StopReason,
    /// The last record that was looked at.
    pub last_record: u64,
}

/// What `undo` has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// Contacts that the job had made and that are gone.
    pub deleted: u64,
    /// Contacts that are as they were before the job.
    pub restored: u64,
    /// Contacts that stay as they are, because somebody else has changed or dialed them since.
    pub kept: u64,
    /// Numbers of the first of those.
    pub kept_numbers: Vec<i64>,
    /// Contacts that the job had made are looked at down to this number.
    pub down_to: Option<i64>,
    /// All of it is done.
    pub finished: bool,
}

/// What has become of a job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// The last step that it reached.
    pub step: Option<Step>,
    /// Bytes of the file.
    pub size: u64,
    /// SHA-256 of the file in hex, once it was read.
    pub sha256: Option<String>,
    /// How its text is encoded, and whether that was guessed.
    pub encoding: String,
    /// What separates its cells.
    pub delimiter: Option<char>,
    /// What the validation found.
    pub validation: Counts,
    /// What the import did.
    pub counts: Counts,
    /// How far the import has come.
    pub cursor: Cursor,
    /// Where it stopped.
    pub stopped: Option<Stop>,
    /// Why it failed. No cell of a file stands in it.
    pub failure: Option<String>,
    /// Who let it go on.
    pub continued_by: Option<String>,
    /// When its turn came; milliseconds since 1970 UTC.
    pub started_at: Option<i64>,
    /// When it was validated.
    pub validated_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// How often it was taken up again after an interruption.
    pub resumes: u32,
    /// Numbers of the contacts that it made lie between these.
    pub contacts: Option<(i64, i64)>,
    /// Before-images that it has written.
    pub images: i64,
    /// Cancellations that went with deleted contacts.
    pub cancellations: u64,
    /// What undoing it has done.
    pub undone: Option<Undone>,
    /// Anything that an interface wants to find again, as JSON.
    pub extra: String,
}

/// A job as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportJob {
    /// In the order of creation.
    pub number: i64,
    /// What interfaces call it: a UUID.
    pub id: String,
    /// What it does.
    pub kind: JobKind,
    /// Where it is.
    pub state: JobState,
    /// Who started it.
    pub owner: String,
    /// Milliseconds since 1970 UTC.
    pub created_at: i64,
    /// Who wants it to stop. It stands beside the progress, which belongs to whoever runs the job.
    pub cancelled_by: Option<String>,
    /// What was asked for.
    pub spec: JobSpec,
    /// What has become of it.
    pub progress: Progress,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_goes_only_where_the_drawing_lets_it() {
        use JobEvent::{Cancel, Complete, Continue, Fail, Retry, Start, Validated};
        let events = [Start, Validated, Continue, Complete, Fail, Cancel, Retry];
        let drawn = |state: JobState| {
            let to = events.map(|event| state.after(event, Some(Step::Importing)).map_or("-", JobState::slug));
            to.join(" ")
        };
        assert_eq!(drawn(JobState::Created), "validating - - - - cancelled -");
        assert_eq!(drawn(JobState::Validating), "- validated - - failed cancelled -");
        assert_eq!(drawn(JobState::Validated), "- - importing - - cancelled -");
        assert_eq!(drawn(JobState::Importing), "- - - completed failed cancelled -");
        assert_eq!(drawn(JobState::Completed), "- - - - - - -");
        assert_eq!(drawn(JobState::Failed), "- - - - - - importing");
        assert_eq!(drawn(JobState::Cancelled), "- - - - - - -");
        assert_eq!(JobState::Failed.after(Retry, Some(Step::Validating)), Some(JobState::Validating));
    }

    #[test]
    fn words_of_states_and_kinds_come_back() {
        for state in JobState::ALL {
            assert_eq!(JobState::from_slug(state.slug()), Some(state));
        }
        for kind in JobKind::ALL {
            assert_eq!(JobKind::from_slug(kind.slug()), Some(kind));
        }
    }
}
