//! What goes back to an application: the answer of its OCS with the application's DBID, or the gateway's refusal.

use std::sync::Arc;

use bytes::Bytes;

use crate::message::AppDbid;
use crate::message::ErrorCode;
use crate::message::ErrorEvent;
use crate::message::Message;
use crate::message::keys;
use crate::net::listener::Announcer;
use crate::protocol::responder::Requester;
use crate::protocol::responder::Responder;
use crate::service::gateway::Passed;
use crate::wire::Dialect;
use crate::wire::EncodeError;
use crate::wire::Key;
use crate::wire::Reading;
use crate::wire::Text;
use crate::wire::TkvList;
use crate::wire::Value;

/// How UserEvents leave by the port.
#[derive(Clone, Debug)]
pub(super) struct Outlet {
    pub(super) announcer: Announcer,
    pub(super) dialect: Dialect,
}

/// Where the answers to one request go, and what a refusal of it says.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) outlet: Outlet,
    pub(super) dn: Text,
    pub(super) requester: Requester,
    /// The OCSs it asks.
    pub(super) asked: Arc<[Responder]>,
    /// What a refusal repeats of it.
    pub(super) about: ErrorEvent,
}

impl Outlet {
    /// Sends UserData that came in another layout and for somebody else.
    pub(super) fn pass(&self, dn: &Text, user_data: &[u8], from: &Dialect, target: i32, reference_id: Option<i32>) {
        match readdressed(user_data, from, target, reference_id).map(|list| list.encode(&self.dialect)) {
            Some(Ok(packed)) => self.announcer.announce(dn.clone(), packed.freeze()),
            Some(Err(error)) => self.unsendable(&error),
            None => {} // it was read when it came
        }
    }

    fn unsendable(&self, error: &EncodeError) {
        tracing::error!(%error, charset = self.dialect.charset.name(), "an event cannot be written for the port");
    }
}

impl Reply {
    /// News of the request.
    pub(super) fn passed(&self, passed: Passed) {
        match passed {
            Passed::Told { user_data, dialect } => {
                let Requester { origin: AppDbid(target), reference_id } = self.requester;
                self.outlet.pass(&self.dn, &user_data, &dialect, target, reference_id);
            }
            Passed::Refused { code, text } => self.refuse(code, Some(text)),
        }
    }

    /// Each OCS that was asked refuses, by the mouth of the gateway.
    pub(super) fn refuse(&self, code: ErrorCode, text: Option<&str>) {
        for responder in &*self.asked {
            let error = ErrorEvent { error: Some(code), ..self.about.clone() };
            let mut message = responder.answer(self.requester, error);
            if let (Message::ErrorEvent(error), Some(text)) = (&mut message.body, text) {
                error.error_message = Some(text.into());
            }
            match message.encode(&self.outlet.dialect) {
                Ok(packed) => self.announce(packed),
                Err(error) => self.outlet.unsendable(&error),
            }
        }
    }

    fn announce(&self, packed: Bytes) {
        self.outlet.announcer.announce(self.dn.clone(), packed);
    }
}

/// The list as it came, but for whom it is addressed to and the reference id, which is the application's own.
fn readdressed(user_data: &[u8], from: &Dialect, target: i32, reference_id: Option<i32>) -> Option<TkvList> {
    let mut list = TkvList::decode(user_data, from, Reading::Tolerant).ok()?;
    let is = |key: &Key, name: &str| key.eq_ignore_ascii_case(name.as_bytes());
    let pairs = list.pairs_mut();
    // The exact key goes before one in another case, as for every reader.
    let exact = pairs.iter().position(|(key, _)| **key == *keys::TARGET_APP_ID.as_bytes());
    let place = exact.or_else(|| pairs.iter().position(|(key, _)| is(key, keys::TARGET_APP_ID)));
    if let Some((_, value)) = place.and_then(|place| pairs.get_mut(place)) {
        *value = Value::Int(target);
    }
    match reference_id {
        None => pairs.retain(|(key, _)| !is(key, keys::REFERENCE_ID)),
        Some(id) => {
            for (_, value) in pairs.iter_mut().filter(|(key, _)| is(key, keys::REFERENCE_ID)) {
                *value = Value::Int(id);
            }
        }
    }
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dialect::ListPrefix;

    fn answer(target: i32) -> TkvList {
        TkvList::new()
            .int(keys::MESSAGE_TYPE, 33)
            .str("unknown", "kept")
            .int(keys::TARGET_APP_ID, target)
            .int(keys::ORIGIN_APP_ID, 301)
            .list(keys::PROPERTIES, TkvList::new().list(keys::DO_NOT_CALL, TkvList::new().str(keys::PHONE, "5551234")))
    }

    #[test]
    fn only_the_target_changes_and_the_order_stays() {
        let from = Dialect { list_prefix: ListPrefix::Len16Inner16, ..Dialect::default() };
        let packed = answer(205).encode(&from).unwrap();
        assert_eq!(readdressed(&packed, &from, 209, None), Some(answer(209)));
    }

    #[test]
    fn a_reference_id_of_the_gateway_is_never_shown() {
        let dialect = Dialect::default();
        let packed = answer(205).int(keys::REFERENCE_ID, 77).encode(&dialect).unwrap();
        assert_eq!(readdressed(&packed, &dialect, 209, None), Some(answer(209)));
        assert_eq!(readdressed(&packed, &dialect, 209, Some(5)), Some(answer(209).int(keys::REFERENCE_ID, 5)));
    }
}
