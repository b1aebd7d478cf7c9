//! What the events about a campaign on a group have in common (19 to 24, specification 4.4).

use crate::message::ErrorCode;
use crate::message::GroupCampStatus;
use crate::message::Pair;
use crate::message::dialing::Dialing;
use crate::message::fields::{FieldError, Fields};
use crate::message::keys;
use crate::message::priority::DialingPriority;
use crate::message::schedule::CampaignSchedule;
use crate::message::top::{Top, read_pair, read_priority, read_schedule};
use crate::wire::Text;

/// State of a campaign on a group as an event tells it. A real OCS may leave out all but the pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairEvent {
    /// Which campaign on which group; campaign 0 = the sequence.
    pub pair: Pair,
    /// Mode, method and goal in force.
    pub dialing: Dialing,
    /// State after the event.
    pub status: Option<GroupCampStatus>,
    /// Absent or 0 = no error; anything else makes the event a refusal.
    pub error: Option<ErrorCode>,
    /// Words to the error.
    pub error_message: Option<Text>,
    /// Echo of a sequence; in a status answer with the state of each item.
    pub schedule: Option<CampaignSchedule>,
    /// Echo of the priorities.
    pub priority: Option<DialingPriority>,
}

impl PairEvent {
    /// An event without error that tells nothing but the pair and its state.
    #[must_use]
    pub fn new(pair: Pair, status: GroupCampStatus) -> Self {
        Self {
            pair,
            dialing: Dialing::default(),
            status: Some(status),
            error: Some(ErrorCode::NO),
            error_message: None,
            schedule: None,
            priority: None,
        }
    }

    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Result<Self, FieldError> {
        Ok(Self {
            pair: read_pair(fields)?,
            dialing: Dialing::read(fields)?,
            status: fields.int(keys::GROUP_CAMP_STATUS)?.map(GroupCampStatus),
            error: fields.int(keys::ERROR)?.map(ErrorCode),
            error_message: fields.text(keys::ERROR_MESSAGE)?,
            schedule: read_schedule(fields)?,
            priority: read_priority(fields)?,
        })
    }

    pub(super) fn top(&self) -> Top<'_> {
        Top {
            dialing: self.dialing,
            status: self.status,
            error: self.error,
            error_message: self.error_message.as_ref(),
            schedule: self.schedule.as_ref(),
            priority: self.priority.as_ref(),
            ..Top::of_pair(self.pair)
        }
    }
}

/// Declares an event that is a [`PairEvent`] under its own name and number.
macro_rules! pair_event {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $type(pub $crate::message::PairEvent);

        impl $crate::message::Body for $type {
            fn read(fields: &mut $crate::message::Fields<'_, '_>) -> Result<Self, $crate::message::FieldError> {
                $crate::message::PairEvent::read(fields).map(Self)
            }

            fn top(&self) -> $crate::message::top::Top<'_> {
                self.0.top()
            }
        }
    };
}
pub(super) use pair_event;
