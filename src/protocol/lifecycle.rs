//! THE table: what a request does to a campaign on a group (specification 5.3) and to a sequence (5.7).
//!
//! ```text
//! NotLoaded --load--> Active --start--> Running --stop--> Active
//! Active --unload--> UnloadInProgress --closed--> NotLoaded
//! Running --unload--> WaitingUnload --drained--> UnloadInProgress --closed--> NotLoaded
//! any loaded state --force unload--> NotLoaded
//! ```
//!
//! The cells are data, read from a profile; simulator, client checks and tests use the same table.

use std::collections::BTreeMap;

use crate::message::ErrorCode;
use crate::message::GroupCampStatus;
use crate::message::MessageType;
use crate::message::RequestKind;

/// Defines a closed set of states with the words of the profile files.
macro_rules! states {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type { $($(#[$vdoc])* $variant,)+ }

        impl $type {
            /// Every value with its word, in the order of the specification.
            pub const ALL: &[(Self, &str)] = &[$((Self::$variant, $word)),+];

            /// The word of profile and conversation files.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value of a word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().find(|(_, known)| *known == word).map(|(value, _)| *value)
            }
        }
    };
}

states! {
    /// State of a campaign on a group, closed: the six rows of `GSW_CM_AttrGroupCampStatus`.
    PairState {
        /// 0.
        NotLoaded = "not_loaded",
        /// 3: loaded, cannot dial.
        InActive = "inactive",
        /// 4: loaded, idle.
        Active = "active",
        /// 5: loaded, dialing.
        Running = "running",
        /// 1: unload was asked, calls are open.
        WaitingUnload = "waiting_unload",
        /// 2: unload is being done.
        UnloadInProgress = "unload_in_progress",
    }
}

impl PairState {
    /// The number that travels.
    #[must_use]
    pub fn status(self) -> GroupCampStatus {
        match self {
            Self::NotLoaded => GroupCampStatus::NOT_LOADED,
            Self::InActive => GroupCampStatus::INACTIVE,
            Self::Active => GroupCampStatus::ACTIVE,
            Self::Running => GroupCampStatus::RUNNING,
            Self::WaitingUnload => GroupCampStatus::WAITING_UNLOAD,
            Self::UnloadInProgress => GroupCampStatus::UNLOAD_IN_PROGRESS,
        }
    }

    /// The state of a number, `None` outside the table.
    #[must_use]
    pub fn from_status(status: GroupCampStatus) -> Option<Self> {
        Self::ALL.iter().map(|(state, _)| *state).find(|state| state.status() == status)
    }

    /// Everything but `NotLoaded`.
    #[must_use]
    pub fn is_loaded(self) -> bool {
        self != Self::NotLoaded
    }
}

states! {
    /// State of the sequence of a group.
    SequenceState {
        /// No sequence.
        None = "none",
        /// Loaded, not begun or stopped.
        Loaded = "loaded",
        /// Its items are being run.
        Running = "running",
    }
}

states! {
    /// What changes a campaign on a group without a request.
    Trigger {
        /// No call and no record with an agent is left, or the longest wait for that is over.
        Drained = "drained",
        /// The unload is done.
        Closed = "closed",
        /// No record is left and auto completion is on.
        Depleted = "depleted",
        /// Licence or T-Server link is lost.
        SetInactive = "set_inactive",
        /// Licence or T-Server link is back.
        ClearInactive = "clear_inactive",
        /// A delayed change of the mode takes effect.
        ModeInEffect = "mode_in_effect",
    }
}

/// An event with the state that it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emit {
    /// 19 to 24.
    pub event: MessageType,
    /// `GSW_CM_AttrGroupCampStatus`; `None` = the state of the sequence's item in turn.
    pub status: Option<GroupCampStatus>,
}

/// One cell: what a request does in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<S> {
    /// `CM_EvError` with this code; the state stays.
    Refuse(ErrorCode),
    /// A new state, which may be the old one.
    Go {
        /// The state from now on.
        next: S,
        /// Sent now.
        events: Vec<Emit>,
        /// Sent when the unload is done.
        when_closed: Option<Emit>,
    },
}

/// The tables of one profile. Every campaign request has a cell in every state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    pub(super) campaign: BTreeMap<(RequestKind, PairState), Outcome<PairState>>,
    pub(super) sequence: BTreeMap<(RequestKind, SequenceState), Outcome<SequenceState>>,
    pub(super) triggers: BTreeMap<(Trigger, PairState), Outcome<PairState>>,
}

impl Lifecycle {
    /// What a request does to a campaign on a group; `None` for cancel and do-not-call, which have no state.
    #[must_use]
    pub fn campaign(&self, request: RequestKind, state: PairState) -> Option<&Outcome<PairState>> {
        self.campaign.get(&(request, state))
    }

    /// What a request does to a sequence; `None` for cancel and do-not-call.
    #[must_use]
    pub fn sequence(&self, request: RequestKind, state: SequenceState) -> Option<&Outcome<SequenceState>> {
        self.sequence.get(&(request, state))
    }

    /// What a trigger does; `None` = nothing in this state.
    #[must_use]
    pub fn trigger(&self, trigger: Trigger, state: PairState) -> Option<&Outcome<PairState>> {
        self.triggers.get(&(trigger, state))
    }
}

/// The requests with a row in both tables.
pub(super) fn campaign_requests() -> impl Iterator<Item = (RequestKind, &'static str)> {
    let rows = RequestKind::ALL.into_iter().filter(|(kind, _, _)| kind.is_campaign_control());
    rows.map(|(kind, _, slug)| (kind, slug))
}

/// A state that a cell may name.
pub(super) trait CellState: Copy {
    fn read(word: &str) -> Option<Self>;
}

impl CellState for PairState {
    fn read(word: &str) -> Option<Self> {
        word.parse().ok().map(GroupCampStatus).and_then(Self::from_status)
    }
}

impl CellState for SequenceState {
    fn read(word: &str) -> Option<Self> {
        Self::from_word(word)
    }
}

/// Reads a cell; the error says what was wanted.
pub(super) fn read_cell<S: CellState>(cell: &str) -> Result<Outcome<S>, &'static str> {
    if let Some(code) = cell.strip_prefix("27/") {
        let code = code.parse().ok().map(ErrorCode).filter(|code| code.name().is_some());
        return code.map(Outcome::Refuse).ok_or("27/N with an error number of the table");
    }
    let (next, list) = cell.split_once(':').ok_or("27/N or STATE:EVENT[STATUS]")?;
    let next = S::read(next).ok_or("a state of this table before the colon")?;
    let (mut events, mut when_closed) = (Vec::new(), None);
    for word in list.split(',') {
        match word.strip_prefix("when_closed=") {
            Some(later) => when_closed = Some(read_emit(later)?),
            None => events.push(read_emit(word)?),
        }
    }
    Ok(Outcome::Go { next, events, when_closed })
}

fn read_emit(word: &str) -> Result<Emit, &'static str> {
    const WANTED: &str = "EVENT[STATUS] with an event 19 to 24 and a status of the table or `item`";
    let (event, status) = word.strip_suffix(']').and_then(|word| word.split_once('[')).ok_or(WANTED)?;
    let event = event.parse().ok().filter(|event| (19..=24).contains(event)).ok_or(WANTED)?;
    let status = match status {
        "item" => None,
        number => Some(PairState::read(number).ok_or(WANTED)?.status()),
    };
    Ok(Emit { event: MessageType(event), status })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_their_numbers_are_one_to_one() {
        for (state, word) in PairState::ALL {
            assert_eq!(PairState::from_status(state.status()), Some(*state));
            assert_eq!(PairState::from_word(word), Some(*state));
        }
        assert_eq!(PairState::from_status(GroupCampStatus(6)), None);
    }

    #[test]
    fn cells_are_read() {
        let go = |cell: &str| read_cell::<PairState>(cell).unwrap();
        let emit = |event, status| Emit { event: MessageType(event), status: Some(GroupCampStatus(status)) };
        assert_eq!(go("27/16"), Outcome::Refuse(ErrorCode(16)));
        assert_eq!(
            go("1:22[1],when_closed=20[0]"),
            Outcome::Go { next: PairState::WaitingUnload, events: vec![emit(22, 1)], when_closed: Some(emit(20, 0)) }
        );
        for bad in ["", "27/", "27/99", "4", "9:19[4]", "4:", "4:19", "4:19[6]", "4:27[4]", "4:19[4],", "loaded:19[4]"]
        {
            assert!(read_cell::<PairState>(bad).is_err(), "{bad}");
        }
        assert!(read_cell::<SequenceState>("loaded:24[item]").is_ok());
    }
}
