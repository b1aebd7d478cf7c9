//! The top-level keys of UserData, written in one order for every message (specification 4.2).

use crate::message::CancelRecord;
use crate::message::DoNotCall;
use crate::message::ErrorCode;
use crate::message::GroupCampStatus;
use crate::message::GroupDbid;
use crate::message::Pair;
use crate::message::dialing::{AutoCompletion, AutoCompletionPlace, Dialing};
use crate::message::fields::{FieldError, Fields};
use crate::message::ids::CampaignDbid;
use crate::message::keys;
use crate::message::priority::DialingPriority;
use crate::message::schedule::CampaignSchedule;
use crate::wire::ListWriter;
use crate::wire::Text;

/// What a message has to say beside its type and addresses; absent fields are not written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Top<'m> {
    pub(super) campaign: Option<CampaignDbid>,
    pub(super) group: Option<GroupDbid>,
    pub(super) dialing: Dialing,
    pub(super) status: Option<GroupCampStatus>,
    pub(super) error: Option<ErrorCode>,
    pub(super) error_message: Option<&'m Text>,
    pub(super) auto_completion: Option<AutoCompletion>,
    pub(super) schedule: Option<&'m CampaignSchedule>,
    pub(super) priority: Option<&'m DialingPriority>,
    pub(super) cancel_record: Option<&'m CancelRecord>,
    pub(super) do_not_call: Option<&'m DoNotCall>,
}

impl Top<'_> {
    pub(super) fn of_pair(pair: Pair) -> Self {
        Self { campaign: Some(pair.campaign), group: Some(pair.group), ..Self::default() }
    }

    /// Writes the keys behind `GSW_CM_AttrTargetAppID`.
    pub(super) fn write(&self, writer: &mut ListWriter<'_>, reference_id: Option<i32>) {
        put(writer, keys::CAMPAIGN_ID, self.campaign.map(|campaign| campaign.0));
        put(writer, keys::GROUP_ID, self.group.map(|group| group.0));
        put(writer, keys::DIAL_MODE, self.dialing.mode.map(|mode| mode.0));
        put(writer, keys::OPTIMIZE_BY, self.dialing.optimize_by.map(|method| method.0));
        put(writer, keys::OPTIMIZE_GOAL, self.dialing.goal);
        put(writer, keys::GROUP_CAMP_STATUS, self.status.map(|status| status.0));
        put(writer, keys::ERROR, self.error.map(|error| error.0));
        if let Some(text) = self.error_message {
            writer.text(keys::ERROR_MESSAGE.as_bytes(), text);
        }
        put(writer, keys::REFERENCE_ID, reference_id);
        let auto = |place| self.auto_completion.filter(|auto| auto.place == place).map(|auto| i32::from(auto.on));
        put(writer, keys::AUTO_COMPLETION, auto(AutoCompletionPlace::Top));
        let inside = auto(AutoCompletionPlace::Properties);
        if inside.is_none() && !self.has_properties() {
            return;
        }
        writer.list(keys::PROPERTIES.as_bytes(), |writer| {
            put(writer, keys::AUTO_COMPLETION, inside);
            if let Some(schedule) = self.schedule {
                writer.list(keys::CAMPAIGN_SCHEDULE.as_bytes(), |writer| schedule.write(writer));
            }
            if let Some(priority) = self.priority {
                writer.list(keys::DIALING_PRIORITY.as_bytes(), |writer| priority.write(writer));
            }
            if let Some(record) = self.cancel_record {
                writer.list(keys::CANCEL_RECORD.as_bytes(), |writer| record.write_list(writer));
            }
            if let Some(entry) = self.do_not_call {
                writer.list(keys::DO_NOT_CALL.as_bytes(), |writer| entry.write_list(writer));
            }
        });
    }

    fn has_properties(&self) -> bool {
        self.schedule.is_some() || self.priority.is_some() || self.cancel_record.is_some() || self.do_not_call.is_some()
    }
}

/// Writes an int that is there.
#[inline(always)]
pub(super) fn put(writer: &mut ListWriter<'_>, key: &str, value: Option<i32>) {
    if let Some(value) = value {
        writer.int(key.as_bytes(), value);
    }
}

pub(super) fn read_pair(fields: &mut Fields<'_, '_>) -> Result<Pair, FieldError> {
    Ok(Pair::new(fields.required_int(keys::CAMPAIGN_ID)?, fields.required_int(keys::GROUP_ID)?))
}

pub(super) fn read_schedule(fields: &mut Fields<'_, '_>) -> Result<Option<CampaignSchedule>, FieldError> {
    fields.property(keys::CAMPAIGN_SCHEDULE, CampaignSchedule::read)
}

pub(super) fn read_priority(fields: &mut Fields<'_, '_>) -> Result<Option<DialingPriority>, FieldError> {
    fields.property(keys::DIALING_PRIORITY, DialingPriority::read)
}
