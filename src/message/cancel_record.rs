//! `CM_ReqCancelRecord` (30) and `CM_EvRecordCanceled` (31); the list `cancel_record` under Properties.

use crate::message::Body;
use crate::message::ChainAttr;
use crate::message::CustomerId;
use crate::message::ErrorCode;
use crate::message::Phone;
use crate::message::fields::{FieldError, FieldErrorKind, Fields};
use crate::message::keys;
use crate::message::top::Top;
use crate::wire::ListWriter;
use crate::wire::Text;

/// What OCS writes into `GSW_MESSAGE` when records on a desktop were left alone. Any text there means partial.
pub const RECORDS_ON_DESKTOP: &str = "Incomplete processing: record(s) on desktop";

/// `CM_ReqCancelRecord` (30): cancel the records of a phone. Answer: `CM_EvRecordCanceled` (31). Target 0 is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CancelRecord {
    /// `GSW_PHONE`, mandatory; 1 to 64 bytes.
    pub phone: Option<Phone>,
    /// `GSW_CAMPAIGN_NAME`: only in this campaign; absent = in every loaded campaign.
    pub campaign_name: Option<Text>,
    /// `GSW_CHAIN_ATTR`; absent = `AllChain`.
    pub scope: Option<ChainAttr>,
    /// `GSW_CUSTOMER_ID`: the record must match both.
    pub customer_id: Option<CustomerId>,
    /// `GSW_MESSAGE`, answers only.
    pub message: Option<Text>,
}

/// `CM_EvRecordCanceled` (31): done, or with a `GSW_MESSAGE` partly done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordCanceled {
    /// Absent or 0 = no error.
    pub error: Option<ErrorCode>,
    /// Words to the error.
    pub error_message: Option<Text>,
    /// Echo of the request; a real OCS may lack it.
    pub cancel_record: Option<CancelRecord>,
}

impl RecordCanceled {
    /// The text that makes the answer partial.
    #[must_use]
    pub fn partial(&self) -> Option<&Text> {
        self.cancel_record.as_ref()?.message.as_ref().filter(|message| !message.is_empty())
    }
}

impl CancelRecord {
    pub(super) fn read_list(fields: &mut Fields<'_, '_>) -> Result<Self, FieldError> {
        Ok(Self {
            phone: fields.text(keys::PHONE)?.map(Phone::from),
            campaign_name: fields.text(keys::CAMPAIGN_NAME)?,
            scope: fields.text(keys::CHAIN_ATTR)?.map(ChainAttr::from),
            customer_id: fields.text(keys::CUSTOMER_ID)?.map(CustomerId::from),
            message: fields.text(keys::MESSAGE)?,
        })
    }

    pub(super) fn write_list(&self, writer: &mut ListWriter<'_>) {
        let scope = self.scope.as_ref().map(ChainAttr::to_text);
        let pairs = [
            (keys::PHONE, self.phone.as_ref().map(Phone::reveal)),
            (keys::CAMPAIGN_NAME, self.campaign_name.as_ref()),
            (keys::CHAIN_ATTR, scope.as_ref()),
            (keys::CUSTOMER_ID, self.customer_id.as_ref().map(CustomerId::reveal)),
            (keys::MESSAGE, self.message.as_ref()),
        ];
        for (key, value) in pairs {
            if let Some(value) = value {
                writer.text(key.as_bytes(), value);
            }
        }
    }
}

impl Body for CancelRecord {
    fn read(fields: &mut Fields<'_, '_>) -> Result<Self, FieldError> {
        let list = fields.property(keys::CANCEL_RECORD, Self::read_list)?;
        list.ok_or_else(|| fields.error(keys::PROPERTIES, FieldErrorKind::Missing("list cancel_record")))
    }

    fn top(&self) -> Top<'_> {
        Top { cancel_record: Some(self), ..Top::default() }
    }
}

impl Body for RecordCanceled {
    fn read(fields: &mut Fields<'_, '_>) -> Result<Self, FieldError> {
        Ok(Self {
            error: fields.int(keys::ERROR)?.map(ErrorCode),
            error_message: fields.text(keys::ERROR_MESSAGE)?,
            cancel_record: fields.property(keys::CANCEL_RECORD, CancelRecord::read_list)?,
        })
    }

    fn top(&self) -> Top<'_> {
        Top {
            error: self.error,
            error_message: self.error_message.as_ref(),
            cancel_record: self.cancel_record.as_ref(),
            ..Top::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ChainScope;
    use crate::message::testing::{from_tree, round_trip};
    use crate::wire::TkvList;

    fn request() -> CancelRecord {
        CancelRecord {
            phone: Some("5551234".into()),
            campaign_name: Some("Renewals".into()),
            scope: Some(ChainScope::RecordOnly.into()),
            customer_id: Some("C-7".into()),
            message: None,
        }
    }

    #[test]
    fn request_and_answer_travel_there_and_back() {
        round_trip(request().into());
        let partial = CancelRecord { message: Some(RECORDS_ON_DESKTOP.into()), ..request() };
        let answer = RecordCanceled { error: Some(ErrorCode::NO), error_message: None, cancel_record: Some(partial) };
        assert_eq!(answer.partial(), Some(&Text::from(RECORDS_ON_DESKTOP)));
        round_trip(answer.into());
        round_trip(RecordCanceled::default().into());
    }

    #[test]
    fn a_chain_word_outside_the_table_is_kept() {
        let tree =
            TkvList::new().int(keys::MESSAGE_TYPE, 30).int(keys::ORIGIN_APP_ID, 201).int(keys::TARGET_APP_ID, 0).list(
                keys::PROPERTIES,
                TkvList::new().list(keys::CANCEL_RECORD, TkvList::new().str(keys::CHAIN_ATTR, "Half")),
            );
        let crate::message::Message::CancelRecord(cancel) = from_tree(&tree).body else { panic!("a cancel") };
        assert_eq!(cancel.scope, Some(ChainAttr::Other("Half".into())));
    }
}
