//! What a sequence is, once names are looked up and local times are moments.

use crate::engine::sequence::window::Window;
use crate::message::AppDbid;
use crate::message::CampaignSchedule;
use crate::message::Dialing;
use crate::message::GroupCampStatus;
use crate::message::Pair;

/// How often a step with `on_failure = retry` is tried (specification 5.7).
pub const RETRIES: u32 = 3;
/// How far its tries are apart.
pub const RETRY_APART_MS: i64 = 60_000;

/// Campaigns one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    /// Its name, for people; `Description` of a schedule.
    pub name: String,
    /// Not before; `None` = at once.
    pub start_ms: Option<i64>,
    /// In order.
    pub steps: Vec<Step>,
}

/// One campaign of a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The OCS that runs it.
    pub ocs: AppDbid,
    /// Which campaign on which group; campaign 0 for a step that is a schedule.
    pub pair: Pair,
    /// How it dials; what is absent is taken from the last known state or the configuration.
    pub dialing: Dialing,
    /// When it is over.
    pub end: End,
    /// Milliseconds between its end and the next step.
    pub pause_after_ms: i64,
    /// What follows when it cannot be loaded or started.
    pub on_failure: OnFailure,
    /// It begins when all of them hold.
    pub when: Vec<Condition>,
    /// It begins within, and is over with it.
    pub window: Option<Window>,
    /// OCS runs it by this schedule.
    pub schedule: Option<Box<CampaignSchedule>>,
}

impl Step {
    /// A step that dials until no record is left.
    #[must_use]
    pub fn new(ocs: AppDbid, pair: Pair, dialing: Dialing) -> Self {
        Self {
            ocs,
            pair,
            dialing,
            end: End::default(),
            pause_after_ms: 0,
            on_failure: OnFailure::default(),
            when: Vec::new(),
            window: None,
            schedule: None,
        }
    }
}

/// When a step is over: the first of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// At a moment.
    pub at_ms: Option<i64>,
    /// So long after its start.
    pub after_ms: Option<i64>,
    /// After so many dial attempts; OCS alone counts them.
    pub dials: Option<i32>,
    /// After so many transferred calls; OCS alone counts them.
    pub contacts: Option<i32>,
    /// When no record is left.
    pub depleted: bool,
}

impl Default for End {
    fn default() -> Self {
        Self { at_ms: None, after_ms: None, dials: None, contacts: None, depleted: true }
    }
}

impl End {
    /// It ends by something that only OCS can count.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.dials.is_some() || self.contacts.is_some()
    }
}

/// What follows when a step cannot be loaded or started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The next step.
    #[default]
    Skip,
    /// The same again, three tries in all, then the next step.
    Retry,
    /// The sequence is over.
    Abort,
}

impl OnFailure {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Skip, Self::Retry, Self::Abort];

    /// The name in files and JSON.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Retry => "retry",
            Self::Abort => "abort",
        }
    }

    /// Reads what [`OnFailure::slug`] writes.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.slug() == slug)
    }
}

/// A state of another campaign that a step waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The OCS that runs it.
    pub ocs: AppDbid,
    /// Which campaign on which group.
    pub pair: Pair,
    /// The state.
    pub want: Want,
}

/// What the mirror is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Loaded, whether it dials or not.
    Loaded,
    /// This state.
    Status(GroupCampStatus),
}

impl Want {
    /// `loaded`, or the word of a state.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        if word == "loaded" {
            return Some(Self::Loaded);
        }
        let known = GroupCampStatus::TABLE.iter().find(|(_, _, slug)| *slug == word);
        known.map(|(status, _, _)| Self::Status(*status))
    }

    /// Reads back by [`Want::from_word`].
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Status(status) => status.slug().unwrap_or("not_loaded"),
        }
    }

    /// Every word.
    pub fn words() -> impl Iterator<Item = &'static str> {
        std::iter::once("loaded").chain(GroupCampStatus::TABLE.iter().map(|(_, _, slug)| *slug))
    }

    /// Does it hold?
    #[must_use]
    pub fn holds(self, status: Option<GroupCampStatus>) -> bool {
        match self {
            Self::Loaded => matches!(status, Some(GroupCampStatus(3..=5))),
            Self::Status(wanted) => status == Some(wanted),
        }
    }
}
