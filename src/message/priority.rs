//! `dialing_priority`: how General, rescheduled and callback records share the dialing.

use crate::message::fields::{FieldError, Fields};
use crate::message::keys;
use crate::message::top::put;
use crate::wire::ListWriter;

/// Shares of the record kinds; an absent one stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DialingPriority {
    /// `General`.
    pub general: Option<PriorityShare>,
    /// `CampaignRescheduled`.
    pub campaign_rescheduled: Option<PriorityShare>,
    /// `CampaignCallBack`.
    pub campaign_call_back: Option<PriorityShare>,
}

/// One record kind's share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PriorityShare {
    /// 0 to 3, higher first.
    pub priority: Option<i32>,
    /// Records taken in one turn, 0 to 9,999.
    pub n_records: Option<i32>,
}

impl DialingPriority {
    /// True when every number is in its range.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        [self.general, self.campaign_rescheduled, self.campaign_call_back].iter().flatten().all(|share| {
            share.priority.is_none_or(|priority| (0..=3).contains(&priority))
                && share.n_records.is_none_or(|n| (0..=9_999).contains(&n))
        })
    }

    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Result<Self, FieldError> {
        Ok(Self {
            general: fields.nested(keys::GENERAL, PriorityShare::read)?,
            campaign_rescheduled: fields.nested(keys::CAMPAIGN_RESCHEDULED, PriorityShare::read)?,
            campaign_call_back: fields.nested(keys::CAMPAIGN_CALL_BACK, PriorityShare::read)?,
        })
    }

    pub(super) fn write(&self, writer: &mut ListWriter<'_>) {
        let shares = [
            (keys::GENERAL, self.general),
            (keys::CAMPAIGN_RESCHEDULED, self.campaign_rescheduled),
            (keys::CAMPAIGN_CALL_BACK, self.campaign_call_back),
        ];
        for (key, share) in shares {
            let Some(share) = share else { continue };
            writer.list(key.as_bytes(), |writer| {
                put(writer, keys::PRIORITY, share.priority);
                put(writer, keys::N_RECORDS, share.n_records);
            });
        }
    }
}

impl PriorityShare {
    fn read(fields: &mut Fields<'_, '_>) -> Result<Self, FieldError> {
        Ok(Self { priority: fields.int(keys::PRIORITY)?, n_records: fields.int(keys::N_RECORDS)? })
    }
}
