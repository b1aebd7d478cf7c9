//! The requests of commdn.md 3.3 with their checks in the order of 3.4.

use bytes::Bytes;

use crate::wire::limits::DNS_PER_SESSION_MAX;
use crate::wire::tserver::{ADDRESS_TYPE_DN, PROTOCOL_VERSION, REFERENCE_NONE, REGISTER_MODE_SHARED};
use crate::wire::user_event::{
    EventAck, EventError, EventLinkConnected, EventRegistered, EventServerInfo, EventUnregistered, EventUserEvent,
    RequestDistributeUserEvent, RequestRegisterAddress, RequestRegisterClient, RequestUnregisterAddress,
};
use crate::wire::{
    AttributeNumber, AttributeValue, ErrorCode, MessageId, Reading, ReferenceId, TMessage, TServerMessage, Text,
};

use super::{CloseReason, Login, Moment, Session, SessionId, Standing, TServer, TServerOutput, UserEventSeen};

/// A refusal: its code, and for people more than the table's words where there is more to say.
type Refusal = (ErrorCode, Option<String>);

impl TServer {
    /// The checks in the order of commdn.md 3.4: login, id, attributes, and with the request the rest.
    pub(super) fn message(&mut self, at: Moment, id: SessionId, known: bool, message: &TMessage) {
        let result = match (known, message.id) {
            (false, MessageId::REQUEST_REGISTER_CLIENT)
            | (
                true,
                MessageId::REQUEST_REGISTER_ADDRESS
                | MessageId::REQUEST_UNREGISTER_ADDRESS
                | MessageId::REQUEST_DISTRIBUTE_USER_EVENT,
            ) => self.typed(id, message).and_then(|typed| self.request(at, id, typed)),
            (false, _) => Err((ErrorCode::UNSUPPORTED, Some("unsupported operation: log in first".to_owned()))),
            (true, _) => Err((ErrorCode::UNSUPPORTED, None)),
        };
        if let Err((code, text)) = result {
            let reference = match message.value(AttributeNumber::REFERENCE_ID) {
                Some(AttributeValue::U32(reference)) if *reference != REFERENCE_NONE => Some(ReferenceId(*reference)),
                _ => None,
            };
            let dn = [AttributeNumber::THIS_DN, AttributeNumber::COMMUNICATION_DN];
            let this_dn = dn.iter().find_map(|number| match message.value(*number) {
                Some(AttributeValue::Str(text)) => Some(text.clone()),
                _ => None,
            });
            let text = text.map(Text::from).or_else(|| code.name().map(Text::from));
            self.send(at, id, &EventError { reference, this_dn, code, message: text }.into());
        }
    }

    /// Reads the attributes: everything that is answered with 53.
    fn typed(&mut self, id: SessionId, message: &TMessage) -> Result<TServerMessage, Refusal> {
        let invalid = |text: String| (ErrorCode::INVALID_ATTRIBUTE, Some(text));
        if let Some(number) = message.doubled().filter(|_| self.config.reading == Reading::Strict) {
            return Err(invalid(format!("{number} came twice")));
        }
        let typed = TServerMessage::read(message).map_err(|error| invalid(error.to_string()))?;
        let limit = self.config.list_bytes_max;
        for attribute in message.attributes() {
            match &attribute.value {
                AttributeValue::List(packed) if packed.len() > limit => {
                    let (number, found) = (attribute.number, packed.len());
                    return Err(invalid(format!("{number} has {found} bytes, limit is {limit}")));
                }
                AttributeValue::Str(text)
                    if text.is_empty()
                        && matches!(attribute.number, AttributeNumber::THIS_DN | AttributeNumber::COMMUNICATION_DN) =>
                {
                    return Err(invalid(format!("{} is empty", attribute.number)));
                }
                _ => {}
            }
        }
        if let Some(AttributeValue::U32(reference)) = message.value(AttributeNumber::REFERENCE_ID)
            && let Some(session) = self.sessions.get_mut(&id)
            && *reference != REFERENCE_NONE
        {
            match session.in_flight.binary_search(reference) {
                Ok(_) => return Err(invalid(format!("ReferenceID {reference} is in flight already"))),
                Err(place) => session.in_flight.insert(place, *reference),
            }
        }
        typed.ok_or((ErrorCode::UNSUPPORTED, None))
    }

    fn request(&mut self, at: Moment, id: SessionId, request: TServerMessage) -> Result<(), Refusal> {
        match request {
            TServerMessage::RequestRegisterClient(request) => self.login(at, id, request),
            TServerMessage::RequestRegisterAddress(request) => return self.register(at, id, request),
            TServerMessage::RequestUnregisterAddress(request) => return self.unregister(at, id, request),
            TServerMessage::RequestDistributeUserEvent(request) => return self.distribute(at, id, request),
            _ => return Err((ErrorCode::UNSUPPORTED, None)), // events are for clients
        }
        Ok(())
    }

    fn login(&mut self, at: Moment, id: SessionId, request: RequestRegisterClient) {
        let accepted = |login: &Login| {
            login.name == request.application_name
                && (login.password.is_none() || login.password == request.application_password)
        };
        let refusal = if request.protocol_version.as_str() != Some(PROTOCOL_VERSION) {
            Some((ErrorCode::WRONG_VERSION, ErrorCode::WRONG_VERSION.name().map(Text::from)))
        } else if !self.config.logins.is_empty() && !self.config.logins.iter().any(accepted) {
            Some((ErrorCode::UNKNOWN_ERROR, Some("application name or password refused".into())))
        } else {
            None
        };
        if let Some((code, message)) = refusal {
            self.send(at, id, &EventError { reference: request.reference, this_dn: None, code, message }.into());
            return self.close(id, CloseReason::LoginRefused(code));
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.login = Standing::Known { application: request.application_name };
        }
        self.set_timer(id);
        let info = EventServerInfo {
            reference: request.reference,
            protocol_version: PROTOCOL_VERSION.into(),
            server_version: self.config.server_version.clone(),
            role: self.config.role,
            session_id: format!("{:08X}{:08X}", at.utc.seconds.0, id.0).into(),
        };
        self.send(at, id, &info.into());
        if self.switch_up {
            self.send(at, id, &EventLinkConnected {}.into());
        }
    }

    fn register(&mut self, at: Moment, id: SessionId, request: RequestRegisterAddress) -> Result<(), Refusal> {
        let RequestRegisterAddress { reference, this_dn, address_type, register_mode } = request;
        if register_mode.is_some_and(|mode| mode != REGISTER_MODE_SHARED)
            || address_type.is_some_and(|kind| kind != ADDRESS_TYPE_DN)
        {
            return Err((ErrorCode::UNSUPPORTED, None));
        }
        let dn = self.dns.get_mut(&this_dn).ok_or((ErrorCode::DN_NOT_CONFIGURED, None))?;
        if !dn.in_service {
            return Err((ErrorCode::OUT_OF_SERVICE, None));
        }
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        if !session.dns.contains(&this_dn) {
            if session.dns.len() >= DNS_PER_SESSION_MAX {
                let text = format!("more than {DNS_PER_SESSION_MAX} DNs in one session");
                return Err((ErrorCode::INVALID_ATTRIBUTE, Some(text)));
            }
            session.dns.push(this_dn.clone());
            dn.sessions.push(id);
        }
        let event = EventRegistered { reference, this_dn, extensions: None, address_type: ADDRESS_TYPE_DN };
        self.send(at, id, &event.into());
        Ok(())
    }

    fn unregister(&mut self, at: Moment, id: SessionId, request: RequestUnregisterAddress) -> Result<(), Refusal> {
        let RequestUnregisterAddress { reference, this_dn } = request;
        let session = self.sessions.get_mut(&id).ok_or((ErrorCode::NOT_REGISTERED, None))?;
        let place = session.dns.iter().position(|dn| *dn == this_dn).ok_or((ErrorCode::NOT_REGISTERED, None))?;
        session.dns.remove(place);
        if let Some(dn) = self.dns.get_mut(&this_dn) {
            dn.sessions.retain(|session| *session != id);
        }
        let event = EventUnregistered { reference: Some(reference), this_dn, code: None, message: None };
        self.send(at, id, &event.into());
        Ok(())
    }

    fn distribute(&mut self, at: Moment, id: SessionId, request: RequestDistributeUserEvent) -> Result<(), Refusal> {
        if !self.switch_up {
            return Err((ErrorCode::NO_SWITCH, None));
        }
        let name = request.communication_dn;
        let dn = self.dns.get(&name).ok_or((ErrorCode::DN_NOT_CONFIGURED, None))?;
        if !dn.in_service {
            return Err((ErrorCode::OUT_OF_SERVICE, None));
        }
        let Some(Session { dns, login: Standing::Known { application }, .. }) = self.sessions.get(&id) else {
            return Err((ErrorCode::NOT_REGISTERED, None));
        };
        if !dns.contains(&name) {
            return Err((ErrorCode::NOT_REGISTERED, None));
        }
        let application = application.clone();
        self.send(at, id, &EventAck { reference: request.reference, this_dn: Some(name.clone()) }.into());

        let mut event = EventUserEvent {
            reference: None,
            this_dn: name.clone(),
            communication_dn: name.clone(),
            user_data: request.user_data,
            extensions: request.extensions,
            reason: request.reason,
        };
        // The received bytes share a read buffer; whoever keeps the user data must not keep that alive.
        let user_data = Bytes::copy_from_slice(&event.user_data);
        let shared = TServerMessage::EventUserEvent(event.clone());
        self.fan_out(at, &name, &shared, Some(id));
        if self.config.echo_to_sender {
            event.reference = Some(request.reference);
            self.send(at, id, &event.into());
        }
        self.give_answers();
        self.out.push_back(TServerOutput::Seen(UserEventSeen {
            at: at.utc,
            session: id,
            application,
            dn: name,
            user_data,
        }));
        Ok(())
    }
}
