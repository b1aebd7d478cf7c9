//! `CM_EvError` (27): answers any request, without saying which.

use crate::message::Body;
use crate::message::CampaignDbid;
use crate::message::CancelRecord;
use crate::message::DoNotCall;
use crate::message::ErrorCode;
use crate::message::GroupCampStatus;
use crate::message::GroupDbid;
use crate::message::Pair;
use crate::message::fields::{FieldError, Fields};
use crate::message::keys;
use crate::message::top::Top;
use crate::wire::Text;

/// `CM_EvError` (27). A real OCS may leave out everything but the code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorEvent {
    /// Campaign of the failed request.
    pub campaign: Option<CampaignDbid>,
    /// Group of the failed request.
    pub group: Option<GroupDbid>,
    /// State of the pair.
    pub status: Option<GroupCampStatus>,
    /// The code; absent or 0 = an error of unknown kind.
    pub error: Option<ErrorCode>,
    /// Words to the code.
    pub error_message: Option<Text>,
    /// Echo of a failed cancel.
    pub cancel_record: Option<CancelRecord>,
    /// Echo of a failed do-not-call.
    pub do_not_call: Option<DoNotCall>,
}

impl ErrorEvent {
    /// The pair, when the event names both of its numbers.
    #[must_use]
    pub fn pair(&self) -> Option<Pair> {
        Some(Pair { campaign: self.campaign?, group: self.group? })
    }
}

impl Body for ErrorEvent {
    fn read(fields: &mut Fields<'_, '_>) -> Result<Self, FieldError> {
        Ok(Self {
            campaign: fields.int(keys::CAMPAIGN_ID)?.map(CampaignDbid),
            group: fields.int(keys::GROUP_ID)?.map(GroupDbid),
            status: fields.int(keys::GROUP_CAMP_STATUS)?.map(GroupCampStatus),
            error: fields.int(keys::ERROR)?.map(ErrorCode),
            error_message: fields.text(keys::ERROR_MESSAGE)?,
            cancel_record: fields.property(keys::CANCEL_RECORD, CancelRecord::read_list)?,
            do_not_call: fields.property(keys::DO_NOT_CALL, DoNotCall::read_list)?,
        })
    }

    fn top(&self) -> Top<'_> {
        Top {
            campaign: self.campaign,
            group: self.group,
            status: self.status,
            error: self.error,
            error_message: self.error_message.as_ref(),
            cancel_record: self.cancel_record.as_ref(),
            do_not_call: self.do_not_call.as_ref(),
            ..Top::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::testing::round_trip;

    #[test]
    fn an_error_travels_with_and_without_ids() {
        round_trip(ErrorEvent::default().into());
        let full = ErrorEvent {
            campaign: Some(CampaignDbid(101)),
            group: Some(GroupDbid(732)),
            status: Some(GroupCampStatus::ACTIVE),
            error: Some(ErrorCode(4)),
            error_message: Some("campaign not loaded".into()),
            ..ErrorEvent::default()
        };
        assert_eq!(full.pair(), Some(Pair::new(101, 732)));
        round_trip(full.into());
    }
}
