//! The simulated T-Server: logins, DNs, fan-out. One machine for all sessions; answers come with the request.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use bytes::{Bytes, BytesMut};

use crate::protocol::heartbeat::{Beat, Heartbeat};
use crate::protocol::time::{Time, UtcTime};
use crate::wire::limits::{DNS_PER_SESSION_MAX, LOGIN_SECONDS};
use crate::wire::tserver::{ADDRESS_TYPE_DN, PROTOCOL_VERSION, REGISTER_MODE_SHARED};
use crate::wire::user_event::{
    EventAck, EventDnBackInService, EventDnOutOfService, EventError, EventLinkConnected, EventLinkDisconnected,
    EventPrimaryChanged, EventRegistered, EventServerInfo, EventUnregistered, EventUserEvent,
    RequestDistributeUserEvent, RequestRegisterAddress, RequestRegisterClient, RequestUnregisterAddress,
};
use crate::wire::{
    AttributeNumber, AttributeValue, ErrorCode, EventStamp, Frame, MessageId, Reading, ReferenceId, TMessage,
    TServerMessage, Text, sequence_tail, tserver::REFERENCE_NONE,
};

mod config;
mod io;
#[cfg(test)]
mod tests;

pub use config::{DnConfig, Login, TServerConfig, Tristate, UnknownTristate, used_dns};
pub use io::{CloseReason, Outgoing, SessionId, TServerInput, TServerOutput, UserEventSeen};

/// ```text
/// Accepted --> Strange --RequestRegisterClient--> Known(name) --> gone: closed, heartbeat, unreadable
///                 |  no login in LOGIN_SECONDS, refused --> gone
/// ```
#[derive(Debug)]
enum Standing {
    Strange { deadline: Time },
    Known { application: Text },
}

#[derive(Debug)]
struct Session {
    login: Standing,
    heartbeat: Heartbeat,
    /// When the timer set looks at this session next; never later than its real deadline.
    timer: Option<Time>,
    events: u32,
    dns: Vec<Text>,
    /// Answered, but not yet handed to the socket; ascending. As long as its queue of answers may be.
    in_flight: Vec<u32>,
}

#[derive(Debug)]
struct Dn {
    in_service: bool,
    /// Who has registered it, in that order; all of them see its events in one order.
    sessions: Vec<SessionId>,
}

/// Now, in both ways of counting.
#[derive(Clone, Copy)]
struct Moment {
    now: Time,
    utc: UtcTime,
}

/// The machine. Feed it with [`TServer::handle`], then take everything [`TServer::poll`] gives.
#[derive(Debug)]
pub struct TServer {
    config: TServerConfig,
    switch_up: bool,
    sessions: BTreeMap<SessionId, Session>,
    dns: BTreeMap<Text, Dn>,
    timers: BTreeSet<(Time, SessionId)>,
    scratch: BytesMut,
    out: VecDeque<TServerOutput>,
}

/// A refusal: its code, and for people more than the table's words where there is more to say.
type Refusal = (ErrorCode, Option<String>);

impl TServer {
    /// A server without sessions.
    #[must_use]
    pub fn new(config: TServerConfig) -> Self {
        let dn = |dn: &DnConfig| (dn.name.clone(), Dn { in_service: dn.in_service, sessions: Vec::new() });
        Self {
            switch_up: config.switch_up,
            sessions: BTreeMap::new(),
            dns: config.dns.iter().map(dn).collect(),
            timers: BTreeSet::new(),
            scratch: BytesMut::new(),
            out: VecDeque::new(),
            config,
        }
    }

    /// The settings it was made with, echo and role as they are now.
    #[must_use]
    pub fn config(&self) -> &TServerConfig {
        &self.config
    }

    /// What to do next, in order.
    pub fn poll(&mut self) -> Option<TServerOutput> {
        self.out.pop_front()
    }

    /// When a tick is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.timers.first().map(|(time, _)| *time)
    }

    /// How many sessions there are.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// The sessions on a DN.
    #[must_use]
    pub fn registered(&self, dn: &Text) -> &[SessionId] {
        self.dns.get(dn).map_or(&[], |dn| &dn.sessions)
    }

    /// The one way in. `utc` is what events carry; `now` only measures lengths.
    pub fn handle(&mut self, now: Time, utc: UtcTime, input: TServerInput) {
        let at = Moment { now, utc };
        match input {
            TServerInput::Accepted(id) => self.accepted(at, id),
            TServerInput::Heard(id) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.heartbeat.heard(now);
                }
            }
            TServerInput::Frame(id, frame) => self.frame(at, id, frame),
            TServerInput::Flushed(id) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.in_flight.clear();
                }
            }
            TServerInput::Broken(id, error) => self.close(id, error.into()),
            TServerInput::Closed(id) => self.forget(id),
            TServerInput::Tick => self.tick(at),
            TServerInput::SetSwitch(up) => {
                if std::mem::replace(&mut self.switch_up, up) != up {
                    self.tell_all(at, &self.switch_event());
                }
            }
            TServerInput::SetInService(name, in_service) => self.set_in_service(at, &name, in_service),
            TServerInput::SetRole(role) => {
                if std::mem::replace(&mut self.config.role, role) != role {
                    self.tell_all(at, &EventPrimaryChanged { role }.into());
                }
            }
            TServerInput::SetEcho(echo) => self.config.echo_to_sender = echo,
        }
    }

    fn accepted(&mut self, at: Moment, id: SessionId) {
        if self.sessions.len() >= self.config.sessions_max {
            return self.out.push_back(TServerOutput::Close(id, CloseReason::Sessions));
        }
        let deadline = at.now.saturating_add(Duration::from_secs(LOGIN_SECONDS));
        let session = Session {
            login: Standing::Strange { deadline },
            heartbeat: Heartbeat::new(at.now, self.config.heartbeat),
            timer: None,
            events: 0,
            dns: Vec::new(),
            in_flight: Vec::new(),
        };
        self.sessions.insert(id, session);
        self.set_timer(id);
    }

    fn frame(&mut self, at: Moment, id: SessionId, frame: Frame) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.heartbeat.heard(at.now);
        match frame {
            Frame::Message(body) => match TMessage::decode(&body, &self.config.dialect, self.config.reading) {
                Ok(message) => self.message(at, id, &message),
                Err(error) => self.close(id, error.into()),
            },
            Frame::Poll(serial) => self.send_frame(id, &Frame::PollAnswer(serial), true),
            Frame::PollAnswer(_) => {} // that it came is all it says
            Frame::PollSettings(millis) => {
                session.heartbeat.set_idle(at.now, Duration::from_millis(u64::from(millis)));
                self.set_timer(id);
            }
            Frame::Reserved(_) => {} // the reader of the stream has warned
        }
    }

    fn tick(&mut self, at: Moment) {
        while let Some((due, id)) = self.timers.first().copied().filter(|(due, _)| *due <= at.now) {
            self.timers.remove(&(due, id));
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            session.timer = None;
            if matches!(session.login, Standing::Strange { deadline } if deadline <= at.now) {
                self.close(id, CloseReason::LoginTimeout);
                continue;
            }
            match session.heartbeat.tick(at.now) {
                Beat::Quiet => {}
                Beat::Poll(serial) => self.send_frame(id, &Frame::Poll(serial), false),
                Beat::Lost => {
                    self.close(id, CloseReason::Heartbeat);
                    continue;
                }
            }
            self.set_timer(id);
        }
    }

    /// Moves a session's timer forward if it must be; one that comes too early only looks and is set again.
    fn set_timer(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let login = match session.login {
            Standing::Strange { deadline } => Some(deadline),
            Standing::Known { .. } => None,
        };
        let Some(due) = login.into_iter().chain(session.heartbeat.next_deadline()).min() else { return };
        if session.timer.is_some_and(|timer| timer <= due) {
            return;
        }
        if let Some(later) = session.timer.replace(due) {
            self.timers.remove(&(later, id));
        }
        self.timers.insert((due, id));
    }

    /// The checks in the order of commdn.md 3.4: login, id, attributes, and with the request the rest.
    fn message(&mut self, at: Moment, id: SessionId, message: &TMessage) {
        let known = self.sessions.get(&id).is_some_and(|session| matches!(session.login, Standing::Known { .. }));
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
        self.out.push_back(TServerOutput::Seen(UserEventSeen {
            at: at.utc,
            session: id,
            application,
            dn: name,
            user_data,
        }));
        Ok(())
    }

    /// Writes an event once and sends it to everybody on the DN but one.
    fn fan_out(&mut self, at: Moment, dn: &Text, event: &TServerMessage, except: Option<SessionId>) {
        let Some(dn) = self.dns.get(dn) else { return };
        let receivers = dn.sessions.iter().filter(|id| Some(**id) != except);
        Self::share(&mut self.scratch, &mut self.out, &mut self.sessions, &self.config, at, event, receivers.copied());
    }

    /// Tells an event to every session that has logged in.
    fn tell_all(&mut self, at: Moment, event: &TServerMessage) {
        let known = self.sessions.iter().filter(|(_, session)| matches!(session.login, Standing::Known { .. }));
        let known: Vec<SessionId> = known.map(|(id, _)| *id).collect();
        Self::share(&mut self.scratch, &mut self.out, &mut self.sessions, &self.config, at, event, known.into_iter());
    }

    fn share(
        scratch: &mut BytesMut,
        out: &mut VecDeque<TServerOutput>,
        sessions: &mut BTreeMap<SessionId, Session>,
        config: &TServerConfig,
        at: Moment,
        event: &TServerMessage,
        receivers: impl Iterator<Item = SessionId>,
    ) {
        let mut receivers = receivers.peekable();
        if receivers.peek().is_none() {
            return;
        }
        // Every text in it came in this dialect or from the settings; one that cannot be written reaches nobody.
        if event.encode_shared(scratch, &config.dialect, at.utc.seconds.to_u32(), at.utc.micros).is_err() {
            return;
        }
        let head = scratch.split().freeze();
        for id in receivers {
            let Some(session) = sessions.get_mut(&id) else { continue };
            session.events = session.events.wrapping_add(1);
            let tail = Some(sequence_tail(session.events));
            out.push_back(TServerOutput::Send(id, Outgoing { head: head.clone(), tail, urgent: false }));
        }
    }

    fn set_in_service(&mut self, at: Moment, name: &Text, in_service: bool) {
        let Some(dn) = self.dns.get_mut(name) else { return };
        if std::mem::replace(&mut dn.in_service, in_service) == in_service {
            return;
        }
        let this_dn = name.clone();
        let event: TServerMessage = match in_service {
            true => EventDnBackInService { this_dn }.into(),
            false => EventDnOutOfService { this_dn }.into(),
        };
        self.fan_out(at, name, &event, None);
    }

    fn switch_event(&self) -> TServerMessage {
        if self.switch_up {
            return EventLinkConnected {}.into();
        }
        let code = ErrorCode::NO_SWITCH;
        EventLinkDisconnected { code: Some(code), message: code.name().map(Text::from) }.into()
    }

    fn send(&mut self, at: Moment, id: SessionId, event: &TServerMessage) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.events = session.events.wrapping_add(1);
        let (seconds, micros) = (at.utc.seconds.to_u32(), at.utc.micros);
        let stamp = EventStamp { seconds, micros, sequence: Some(session.events) };
        match event.encode(&mut self.scratch, &self.config.dialect, Some(stamp)) {
            Ok(()) => self.send_scratch(id, false),
            Err(error) => self.close(id, error.into()),
        }
    }

    fn send_frame(&mut self, id: SessionId, frame: &Frame, urgent: bool) {
        frame.encode(&mut self.scratch);
        self.send_scratch(id, urgent);
    }

    fn send_scratch(&mut self, id: SessionId, urgent: bool) {
        let head = self.scratch.split().freeze();
        self.out.push_back(TServerOutput::Send(id, Outgoing { head, tail: None, urgent }));
    }

    fn close(&mut self, id: SessionId, reason: CloseReason) {
        if self.sessions.contains_key(&id) {
            self.forget(id);
            self.out.push_back(TServerOutput::Close(id, reason));
        }
    }

    /// Closing unregisters all DNs of the session.
    fn forget(&mut self, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else { return };
        if let Some(timer) = session.timer {
            self.timers.remove(&(timer, id));
        }
        for name in &session.dns {
            if let Some(dn) = self.dns.get_mut(name) {
                dn.sessions.retain(|session| *session != id);
            }
        }
    }
}
