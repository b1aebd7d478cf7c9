//! What has happened to a sequence, in order: written before and after every request, and all that a run goes on from.

use crate::engine::RequestNumber;
use crate::message::ErrorCode;

/// What is asked of OCS for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// Load the campaign.
    Load,
    /// Start dialing.
    Start,
    /// Stop dialing.
    Stop,
    /// Unload the campaign.
    Unload,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, in milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// The step in turn, from 0.
    pub step: usize,
    /// What.
    pub what: What,
    /// In words.
    pub detail: Option<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Something is about to be asked. Written before it is sent.
    Intent {
        /// What.
        act: Act,
        /// Which time; each has a request of its own.
        attempt: u32,
        /// Why it stops or unloads: the result that the step will have.
        then: Option<StepResult>,
    },
    /// What became of it.
    Outcome {
        /// What.
        act: Act,
        /// Which time.
        attempt: u32,
        /// How it ended.
        outcome: ActOutcome,
        /// The request; `None` = the state of the campaign told it.
        request: Option<RequestNumber>,
    },
    /// The step could not be done, and is tried again.
    Failed,
    /// The step is over.
    StepEnded(StepResult),
    /// The sequence is over.
    Ended(SequenceResult),
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActOutcome {
    /// It is done.
    Done,
    /// OCS said no.
    Refused(Option<ErrorCode>),
    /// It did not go out, and never will.
    NotSent,
    /// It may have gone out, has had no effect, and the time in which it could have one is over.
    NoEffect,
    /// Nobody can say.
    Unknown,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// Its time was over.
    Time,
    /// No record is left, or OCS has ended the schedule.
    Depleted,
    /// Somebody else stopped or unloaded it.
    Stopped,
    /// The sequence was told to stop.
    Asked,
    /// It was not begun: its time had passed.
    Skipped,
    /// It could not be loaded or started.
    Failed,
}

/// How a sequence ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceResult {
    /// Every step had its turn.
    Done,
    /// Every step had its turn, and one of them failed or was skipped.
    Partly,
    /// A step failed, and no other was to follow.
    Aborted,
    /// It was told to stop.
    Stopped,
}

/// Words of an enumeration, and the way back.
macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal,)+ }) => {
        impl $type {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in stores and JSON.
            #[must_use]
            pub fn slug(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// Reads what `slug` writes.
            #[must_use]
            pub fn from_slug(slug: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.slug() == slug)
            }
        }
    };
}

words! { Act { Load = "load", Start = "start", Stop = "stop", Unload = "unload", } }
words! { StepResult {
    Time = "time", Depleted = "depleted", Stopped = "stopped", Asked = "asked", Skipped = "skipped", Failed = "failed",
} }
words! { SequenceResult { Done = "done", Partly = "partly", Aborted = "aborted", Stopped = "stopped", } }

impl StepResult {
    /// It had its turn as it was written.
    #[must_use]
    pub fn is_good(self) -> bool {
        !matches!(self, Self::Skipped | Self::Failed)
    }
}

impl ActOutcome {
    /// The name in stores and JSON, without its code.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused(_) => "refused",
            Self::NotSent => "not_sent",
            Self::NoEffect => "no_effect",
            Self::Unknown => "unknown",
        }
    }

    /// Reads what [`ActOutcome::slug`] writes.
    #[must_use]
    pub fn from_slug(slug: &str, code: Option<ErrorCode>) -> Option<Self> {
        match slug {
            "done" => Some(Self::Done),
            "refused" => Some(Self::Refused(code)),
            "not_sent" => Some(Self::NotSent),
            "no_effect" => Some(Self::NoEffect),
            "unknown" => Some(Self::Unknown),
            _ => None,
        }
    }
}
