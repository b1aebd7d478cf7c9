//! The client's connection machine: dial, log in, register, keep alive, tell what happened, dial again.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::BytesMut;

use crate::protocol::heartbeat::{Beat, Heartbeat};
use crate::protocol::time::Time;
use crate::wire::limits::ANSWER_SECONDS;
use crate::wire::tserver::PROTOCOL_VERSION;
use crate::wire::user_event::RequestRegisterClient;
use crate::wire::{Frame, MessageEncodeError, TMessage, TServerMessage, Text};

mod in_flight;
mod io;
mod redial;
mod session;
#[cfg(test)]
mod tests;

use in_flight::{Asked, InFlight};
pub use io::{Failure, Ignored, LinkConfig, LinkInput, LinkOutput, LossReason, Tag};
use redial::{Attempt, Redial};
pub use redial::{Endpoint, Jitter};

/// ```text
///            Start                    Connected              93, role 0
/// Stopped ----------> Dialing ----------------> LoggingIn --------------> Live
///                     ^     |  failed, timeout      | refused, role 1       | closed, heartbeat, 133 role 1
///       rest is over  |     v                       v no answer             v
///                     Resting <---------------------+-----------------------+
/// ```
/// Stop leads from every state to Stopped. A rest of no length is skipped.
#[derive(Debug)]
enum State {
    Stopped,
    Resting { until: Time, attempt: Attempt },
    Dialing { attempt: Attempt, deadline: Time },
    LoggingIn { attempt: Attempt, deadline: Time },
    Live { since: Time, switch_up: bool, told_up: bool },
}

/// A DN of ours within the present session.
#[derive(Clone, Debug, PartialEq, Eq)]
enum DnState {
    Wanted,
    Asked,
    Registered,
    Refused { failure: Failure, again_at: Time },
}

/// The machine. Feed it with [`Link::handle`], then take everything [`Link::poll`] gives.
#[derive(Debug)]
pub struct Link {
    config: LinkConfig,
    state: State,
    redial: Redial,
    jitter: Jitter,
    heartbeat: Heartbeat,
    dns: BTreeMap<Text, DnState>,
    in_flight: InFlight,
    scratch: BytesMut,
    out: VecDeque<LinkOutput>,
}

impl Link {
    /// A link that waits for its start.
    #[must_use]
    pub fn new(config: LinkConfig) -> Self {
        Self {
            state: State::Stopped,
            redial: Redial::new(config.has_backup),
            jitter: Jitter::FULL,
            heartbeat: Heartbeat::new(Time::ZERO, Duration::ZERO),
            dns: config.dns.iter().map(|dn| (dn.clone(), DnState::Wanted)).collect(),
            in_flight: InFlight::default(),
            scratch: BytesMut::new(),
            out: VecDeque::new(),
            config,
        }
    }

    /// The random factor of the next rest; give another one before every input that may end in a rest.
    pub fn set_jitter(&mut self, jitter: Jitter) {
        self.jitter = jitter;
    }

    /// What to do next, in order.
    pub fn poll(&mut self) -> Option<LinkOutput> {
        self.out.pop_front()
    }

    /// When a tick is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let again = self.dns.values().filter_map(|dn| match dn {
            DnState::Refused { again_at, .. } => Some(*again_at),
            DnState::Wanted | DnState::Asked | DnState::Registered => None,
        });
        match self.state {
            State::Stopped => None,
            State::Resting { until, .. } => Some(until),
            State::Dialing { deadline, .. } => Some(deadline),
            State::LoggingIn { deadline, .. } => self.heartbeat.next_deadline().into_iter().chain([deadline]).min(),
            State::Live { .. } => {
                again.chain(self.heartbeat.next_deadline()).chain(self.in_flight.next_deadline()).min()
            }
        }
    }

    /// The one way in.
    pub fn handle(&mut self, now: Time, input: LinkInput) {
        match input {
            LinkInput::Start => {
                if let State::Stopped = self.state {
                    let (attempt, at) = self.redial.round(now);
                    self.attempt_at(now, attempt, at);
                }
            }
            LinkInput::Stop => self.stop(),
            LinkInput::Redial => self.dial_again(now),
            LinkInput::Switch => {
                self.redial.switch();
                self.dial_again(now);
            }
            LinkInput::Connected => self.connected(now),
            LinkInput::DialFailed => {
                if let State::Dialing { .. } = self.state {
                    self.lose(now, LossReason::Connect);
                }
            }
            LinkInput::Heard => self.heartbeat.heard(now),
            LinkInput::Frame(frame) => {
                if matches!(self.state, State::LoggingIn { .. } | State::Live { .. }) {
                    self.frame(now, frame);
                }
            }
            LinkInput::Broken(error) => self.lose_connection(now, error.into()),
            LinkInput::Closed => self.lose_connection(now, LossReason::Closed),
            LinkInput::Tick => self.tick(now),
            LinkInput::Register(dn) => {
                self.dns.entry(dn).or_insert(DnState::Wanted);
                self.register_wanted(now);
            }
            LinkInput::Unregister(dn) => self.unregister(now, dn),
            LinkInput::Distribute { dn, user_data, tag } => {
                if let Err(failure) = self.distribute(now, dn, user_data, tag) {
                    self.out.push_back(LinkOutput::Failed(tag, failure));
                }
            }
        }
    }

    fn tick(&mut self, now: Time) {
        match self.state {
            State::Stopped => return,
            State::Resting { until, attempt } if until <= now => return self.dial(now, attempt),
            State::Dialing { deadline, .. } if deadline <= now => return self.lose(now, LossReason::ConnectTimeout),
            State::LoggingIn { deadline, .. } if deadline <= now => return self.lose(now, LossReason::NoAnswer),
            State::Resting { .. } | State::Dialing { .. } => return,
            State::LoggingIn { .. } | State::Live { .. } => {}
        }
        match self.heartbeat.tick(now) {
            Beat::Quiet => {}
            Beat::Poll(serial) => {
                self.send_frame(&Frame::Poll(serial), false);
                self.out.push_back(LinkOutput::PollSent(serial));
            }
            Beat::Lost => return self.lose(now, LossReason::Heartbeat),
        }
        while let Some(asked) = self.in_flight.expired(now) {
            match asked {
                Asked::Distribute(tag) => self.out.push_back(LinkOutput::Failed(tag, Failure::TimedOut)),
                // A server that does not answer these is of no use.
                Asked::Register(_) | Asked::Unregister(_) => return self.lose(now, LossReason::NoAnswer),
            }
        }
        self.register_wanted(now);
    }

    fn attempt_at(&mut self, now: Time, attempt: Attempt, at: Time) {
        if at <= now {
            return self.dial(now, attempt);
        }
        self.state = State::Resting { until: at, attempt };
        self.out.push_back(LinkOutput::RestUntil(at));
    }

    fn dial(&mut self, now: Time, attempt: Attempt) {
        self.redial.attempted(attempt.endpoint, now);
        self.state = State::Dialing { attempt, deadline: now.saturating_add(self.config.connect_timeout) };
        self.out.push_back(LinkOutput::Dial(attempt.endpoint));
    }

    fn connected(&mut self, now: Time) {
        let State::Dialing { attempt, .. } = self.state else { return };
        self.state = State::LoggingIn { attempt, deadline: now.saturating_add(Duration::from_secs(ANSWER_SECONDS)) };
        self.heartbeat = Heartbeat::new(now, self.config.heartbeat);
        let login = RequestRegisterClient {
            reference: None,
            protocol_version: PROTOCOL_VERSION.into(),
            application_name: self.config.application_name.clone(),
            application_password: self.config.password.clone(),
        };
        if let Err(error) = self.send(&login.into()) {
            return self.lose(now, error.into());
        }
        let millis = u32::try_from(self.config.remote_heartbeat.as_millis()).unwrap_or(u32::MAX);
        self.send_frame(&Frame::PollSettings(millis), false);
    }

    fn frame(&mut self, now: Time, frame: Frame) {
        self.heartbeat.heard(now);
        match frame {
            Frame::Message(body) => match TMessage::decode(&body, &self.config.dialect, self.config.reading) {
                Ok(message) => self.message(now, &message),
                Err(error) => self.lose(now, error.into()),
            },
            Frame::Poll(serial) => {
                self.send_frame(&Frame::PollAnswer(serial), true);
                self.out.push_back(LinkOutput::PollAnswered(serial));
            }
            Frame::PollAnswer(_) => {} // that it came is all it says
            Frame::PollSettings(millis) => self.heartbeat.set_idle(now, Duration::from_millis(u64::from(millis))),
            Frame::Reserved(kind) => self.ignore(Ignored::FrameKind(kind)),
        }
    }

    /// As [`Link::lose`], for news that only a connection can bring.
    fn lose_connection(&mut self, now: Time, reason: LossReason) {
        if matches!(self.state, State::LoggingIn { .. } | State::Live { .. }) {
            self.lose(now, reason);
        }
    }

    /// Ends the attempt or the session, and begins what follows.
    fn lose(&mut self, now: Time, reason: LossReason) {
        let (attempt, at) = match self.state {
            State::Dialing { attempt, .. } | State::LoggingIn { attempt, .. } => {
                self.out.push_back(LinkOutput::Close);
                self.out.push_back(LinkOutput::AttemptFailed(attempt.endpoint, reason));
                self.redial.after(attempt, now, self.jitter)
            }
            State::Live { since, .. } => {
                self.end_session(reason);
                self.redial.lived(now.saturating_sub(since));
                self.redial.round(now)
            }
            State::Stopped | State::Resting { .. } => return,
        };
        self.attempt_at(now, attempt, at);
    }

    /// Whatever is under way is left, and a first round begins; no sooner than the gap between attempts allows.
    fn dial_again(&mut self, now: Time) {
        match self.state {
            State::Stopped => return,
            State::Resting { .. } => {}
            State::Dialing { attempt, .. } | State::LoggingIn { attempt, .. } => {
                self.out.push_back(LinkOutput::Close);
                self.out.push_back(LinkOutput::AttemptFailed(attempt.endpoint, LossReason::Asked));
            }
            State::Live { .. } => self.end_session(LossReason::Asked),
        }
        self.redial.begin_again();
        let (attempt, at) = self.redial.round(now);
        self.attempt_at(now, attempt, at);
    }

    fn stop(&mut self) {
        match self.state {
            State::Stopped | State::Resting { .. } => {}
            State::Dialing { .. } | State::LoggingIn { .. } => self.out.push_back(LinkOutput::Close),
            State::Live { .. } => self.end_session(LossReason::Stopped),
        }
        self.state = State::Stopped;
    }

    fn end_session(&mut self, reason: LossReason) {
        self.out.push_back(LinkOutput::Close);
        for asked in self.in_flight.drain() {
            match asked {
                Asked::Distribute(tag) => self.out.push_back(LinkOutput::Failed(tag, Failure::LinkLost)),
                Asked::Unregister(dn) => self.out.push_back(LinkOutput::Unregistered(dn)), // closing does it too
                Asked::Register(_) => {}                                                   // wanted again, below
            }
        }
        self.dns.values_mut().for_each(|dn| *dn = DnState::Wanted);
        self.out.push_back(LinkOutput::Lost(reason));
    }

    fn send(&mut self, message: &TServerMessage) -> Result<(), MessageEncodeError> {
        message.encode(&mut self.scratch, &self.config.dialect, None)?;
        self.out.push_back(LinkOutput::Send { bytes: self.scratch.split().freeze(), urgent: false });
        Ok(())
    }

    fn send_frame(&mut self, frame: &Frame, urgent: bool) {
        frame.encode(&mut self.scratch);
        self.out.push_back(LinkOutput::Send { bytes: self.scratch.split().freeze(), urgent });
    }

    fn ignore(&mut self, what: Ignored) {
        self.out.push_back(LinkOutput::Ignored(what));
    }
}
