//! The simulated T-Server: logins, DNs, fan-out. One machine for all sessions; answers come with the request.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use bytes::{Bytes, BytesMut};

use crate::protocol::heartbeat::{Beat, Heartbeat};
use crate::protocol::time::{Time, UtcTime};
use crate::wire::limits::LOGIN_SECONDS;
use crate::wire::user_event::{
    EventDnBackInService, EventDnOutOfService, EventLinkConnected, EventLinkDisconnected, EventPrimaryChanged,
    EventUserEvent,
};
use crate::wire::{
    ErrorCode, EventStamp, Frame, FrameView, MessageId, Reading, TMessage, TServerMessage, Text, next_frame,
    sequence_tail,
};

mod config;
mod io;
mod requests;
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

/// Direct answers are written behind each other into pieces of this size, each given away as it is done.
const SCRATCH_BYTES: usize = 4_096;
/// With less room than this a new piece is begun, so that an answer need not grow.
const SCRATCH_LEAST: usize = 256;

/// The machine. Feed it with [`TServer::handle`], then take everything [`TServer::poll`] gives.
#[derive(Debug)]
pub struct TServer {
    config: TServerConfig,
    switch_up: bool,
    sessions: BTreeMap<SessionId, Session>,
    dns: BTreeMap<Text, Dn>,
    timers: BTreeSet<(Time, SessionId)>,
    scratch: BytesMut,
    /// Read into again and again.
    message: TMessage,
    /// While frames of one read are answered: what stands in `scratch`.
    answering: Option<Answers>,
    out: VecDeque<TServerOutput>,
}

/// Direct answers that are not given out yet.
#[derive(Debug)]
struct Answers {
    to: SessionId,
    frames: usize,
}

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
            message: TMessage::new(MessageId(0)),
            answering: None,
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

    /// The ApplicationName of a session; empty before its login.
    #[must_use]
    pub fn application(&self, id: SessionId) -> Cow<'_, str> {
        match self.sessions.get(&id).map(|session| &session.login) {
            Some(Standing::Known { application }) => application.display(),
            Some(Standing::Strange { .. }) | None => Cow::Borrowed(""),
        }
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
            TServerInput::Frame(id, Frame::Message(body)) => self.frame(at, id, FrameView::Message(&body), &body),
            TServerInput::Frame(id, Frame::Poll(serial)) => self.number(at, id, FrameView::Poll(serial)),
            TServerInput::Frame(id, Frame::PollAnswer(serial)) => self.number(at, id, FrameView::PollAnswer(serial)),
            TServerInput::Frame(id, Frame::PollSettings(millis)) => {
                self.number(at, id, FrameView::PollSettings(millis));
            }
            TServerInput::Frame(id, Frame::Reserved(kind)) => self.number(at, id, FrameView::Reserved(kind)),
            TServerInput::Frames(id, whole) => self.frames(at, id, &whole),
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
            TServerInput::Announce { dn, user_data } => self.announce(at, dn, user_data),
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

    /// All frames of one read. The reader of the stream has found their ends, and told what is wrong behind them.
    fn frames(&mut self, at: Moment, id: SessionId, whole: &Bytes) {
        let mut rest = &whole[..];
        self.answering = Some(Answers { to: id, frames: 0 });
        while let Ok(Some(frame)) = next_frame(&mut rest, usize::MAX, Reading::Tolerant) {
            self.frame(at, id, frame, whole);
        }
        self.give_answers();
        self.answering = None;
    }

    fn number(&mut self, at: Moment, id: SessionId, frame: FrameView<'_>) {
        self.frame(at, id, frame, &Bytes::new());
    }

    fn frame(&mut self, at: Moment, id: SessionId, frame: FrameView<'_>, whole: &Bytes) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.heartbeat.heard(at.now);
        match frame {
            FrameView::Message(body) => {
                let known = matches!(session.login, Standing::Known { .. });
                let mut message = std::mem::replace(&mut self.message, TMessage::new(MessageId(0)));
                match message.read_part(whole, body, &self.config.dialect, self.config.reading) {
                    Ok(()) => self.message(at, id, known, &message),
                    Err(error) => self.close(id, error.into()),
                }
                message.clear(); // bytes of the frame are not kept alive
                self.message = message;
            }
            FrameView::Poll(serial) => self.send_frame(id, &Frame::PollAnswer(serial), true),
            FrameView::PollAnswer(_) => {} // that it came is all it says
            FrameView::PollSettings(millis) => {
                session.heartbeat.set_idle(at.now, Duration::from_millis(u64::from(millis)));
                self.set_timer(id);
            }
            FrameView::Reserved(_) => {} // the reader of the stream has warned
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
        let due = login.into_iter().chain(session.heartbeat.next_deadline()).min();
        if session.timer.is_some_and(|timer| due.is_some_and(|due| timer <= due)) {
            return;
        }
        if let Some(other) = std::mem::replace(&mut session.timer, due) {
            self.timers.remove(&(other, id));
        }
        self.timers.extend(due.map(|due| (due, id)));
    }

    /// Writes an event once and sends it to everybody on the DN but one.
    fn fan_out(&mut self, at: Moment, dn: &Text, event: &TServerMessage, except: Option<SessionId>) {
        self.give_answers();
        let Some(dn) = self.dns.get(dn) else { return };
        let receivers = dn.sessions.iter().filter(|id| Some(**id) != except);
        Self::share(&mut self.scratch, &mut self.out, &mut self.sessions, &self.config, at, event, receivers.copied());
    }

    fn announce(&mut self, at: Moment, dn: Text, user_data: Bytes) {
        if !self.dns.get(&dn).is_some_and(|dn| dn.in_service) {
            return;
        }
        let (this_dn, communication_dn) = (dn.clone(), dn.clone());
        let event =
            EventUserEvent { reference: None, this_dn, communication_dn, user_data, extensions: None, reason: None };
        self.fan_out(at, &dn, &event.into(), None);
    }

    /// Tells an event to every session that has logged in.
    fn tell_all(&mut self, at: Moment, event: &TServerMessage) {
        self.give_answers();
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
            out.push_back(TServerOutput::Send(id, Outgoing { head: head.clone(), tail, urgent: false, frames: 1 }));
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
        let room = self.scratch.capacity().saturating_sub(self.scratch.len());
        if room < SCRATCH_LEAST || self.answering.as_ref().is_some_and(|answers| answers.to != id) {
            self.give_answers();
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.events = session.events.wrapping_add(1);
        let (seconds, micros) = (at.utc.seconds.to_u32(), at.utc.micros);
        let stamp = EventStamp { seconds, micros, sequence: Some(session.events) };
        if self.scratch.capacity() < SCRATCH_LEAST {
            self.scratch.reserve(SCRATCH_BYTES);
        }
        match event.encode(&mut self.scratch, &self.config.dialect, Some(stamp)) {
            Ok(()) => match &mut self.answering {
                Some(answers) if answers.to == id => answers.frames = answers.frames.saturating_add(1),
                Some(_) | None => self.send_scratch(id, false, 1),
            },
            Err(error) => self.close(id, error.into()),
        }
    }

    fn send_frame(&mut self, id: SessionId, frame: &Frame, urgent: bool) {
        self.give_answers();
        frame.encode(&mut self.scratch);
        self.send_scratch(id, urgent, 1);
    }

    fn send_scratch(&mut self, id: SessionId, urgent: bool, frames: usize) {
        let head = self.scratch.split().freeze();
        self.out.push_back(TServerOutput::Send(id, Outgoing { head, tail: None, urgent, frames }));
    }

    /// Before anything else is written or said: answers keep their place.
    fn give_answers(&mut self) {
        let Some(Answers { to, frames }) = &mut self.answering else { return };
        let (to, frames) = (*to, std::mem::take(frames));
        if frames > 0 {
            self.send_scratch(to, false, frames);
        }
    }

    fn close(&mut self, id: SessionId, reason: CloseReason) {
        self.give_answers();
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
