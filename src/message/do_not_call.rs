//! `CM_ReqDoNotCall` (32) and `CM_EvDoNotCallProcessed` (33); the list `do_not_call` under Properties.

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

/// `CM_ReqDoNotCall` (32): put a phone, a customer or both on the do-not-call list. Answer:
/// `CM_EvDoNotCallProcessed` (33). Target 0 is allowed; there is no request that takes an entry back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DoNotCall {
    /// `GSW_PHONE`, 1 to 64 bytes; this or the customer id is mandatory.
    pub phone: Option<Phone>,
    /// `GSW_CUSTOMER_ID`, 1 to 64 bytes.
    pub customer_id: Option<CustomerId>,
    /// `GSW_CHAIN_ATTR`; absent = `AllChain`, our own clients always send it.
    pub scope: Option<ChainAttr>,
}

/// `CM_EvDoNotCallProcessed` (33): the entry is in the list of the OCS that answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DoNotCallProcessed {
    /// Absent or 0 = no error.
    pub error: Option<ErrorCode>,
    /// Words to the error.
    pub error_message: Option<Text>,
    /// Echo of the request; the vendor page leaves open whether it is there.
    pub do_not_call: Option<DoNotCall>,
}

impl DoNotCall {
    pub(super) fn read_list(fields: &mut Fields<'_, '_>) -> Result<Self, FieldError> {
        Ok(Self {
            phone: fields.text(keys::PHONE)?.map(Phone::from),
            customer_id: fields.text(keys::CUSTOMER_ID)?.map(CustomerId::from),
            scope: fields.text(keys::CHAIN_ATTR)?.map(ChainAttr::from),
        })
    }

    pub(super) fn write_list(&self, writer: &mut ListWriter<'_>) {
        let scope = self.scope.as_ref().map(ChainAttr::to_text);
        let pairs = [
            (keys::PHONE, self.phone.as_ref().map(Phone::reveal)),
            (keys::CUSTOMER_ID, self.customer_id.as_ref().map(CustomerId::reveal)),
            (keys::CHAIN_ATTR, scope.as_ref()),
        ];
        for (key, value) in pairs {
            if let Some(value) = value {
                writer.text(key.as_bytes(), value);
            }
        }
    }
}

impl Body for DoNotCall {
    fn read(fields: &mut Fields<'_, '_>) -> Result<Self, FieldError> {
        let list = fields.property(keys::DO_NOT_CALL, Self::read_list)?;
        list.ok_or_else(|| fields.error(keys::PROPERTIES, FieldErrorKind::Missing("list do_not_call")))
    }

    fn top(&self) -> Top<'_> {
        Top { do_not_call: Some(self), ..Top::default() }
    }
}

impl Body for DoNotCallProcessed {
    fn read(fields: &mut Fields<'_, '_>) -> Result<Self, FieldError> {
        Ok(Self {
            error: fields.int(keys::ERROR)?.map(ErrorCode),
            error_message: fields.text(keys::ERROR_MESSAGE)?,
            do_not_call: fields.property(keys::DO_NOT_CALL, DoNotCall::read_list)?,
        })
    }

    fn top(&self) -> Top<'_> {
        Top {
            error: self.error,
            error_message: self.error_message.as_ref(),
            do_not_call: self.do_not_call.as_ref(),
            ..Top::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ChainScope;
    use crate::message::testing::{failure, round_trip};
    use crate::wire::TkvList;

    #[test]
    fn request_and_answer_travel_there_and_back() {
        let request = DoNotCall {
            phone: Some("5551234".into()),
            customer_id: Some("C-7".into()),
            scope: Some(ChainScope::AllChain.into()),
        };
        round_trip(request.clone().into());
        round_trip(
            DoNotCallProcessed { error: Some(ErrorCode::NO), error_message: None, do_not_call: Some(request) }.into(),
        );
        round_trip(DoNotCallProcessed::default().into());
    }

    #[test]
    fn a_request_without_its_list_says_what_is_missing() {
        let tree = TkvList::new().int(keys::MESSAGE_TYPE, 32).int(keys::ORIGIN_APP_ID, 201).int(keys::TARGET_APP_ID, 0);
        assert_eq!(failure(&tree), "GSW_CM_AttrProperties: expected list do_not_call, found nothing");
    }
}
