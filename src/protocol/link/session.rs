//! What happens within a session: events that come, DNs, user events that go.

use std::time::Duration;

use bytes::Bytes;

use crate::protocol::time::Time;
use crate::wire::tserver::{ADDRESS_TYPE_DN, PROTOCOL_VERSION, REGISTER_MODE_SHARED};
use crate::wire::user_event::{
    EventError, EventServerInfo, RequestDistributeUserEvent, RequestRegisterAddress, RequestUnregisterAddress,
};
use crate::wire::{ErrorCode, MessageId, ReferenceId, ServerRole, TMessage, TServerMessage, Text};

use super::in_flight::Asked;
use super::redial::Attempt;
use super::{DnState, Failure, Ignored, Link, LinkOutput, LossReason, State, Tag};

/// How often a DN that the server refused is asked for again. Assumed: nothing public says that a client is told.
const REGISTER_AGAIN: Duration = Duration::from_secs(5);

impl Link {
    pub(super) fn message(&mut self, now: Time, message: &TMessage) {
        let id = message.id;
        let typed = match TServerMessage::read(message) {
            Ok(Some(typed)) => typed,
            Ok(None) => return self.ignore(Ignored::Message(id)),
            Err(error) => return self.ignore(Ignored::Attribute(id, error)),
        };
        match (&mut self.state, typed) {
            (State::LoggingIn { attempt, .. }, TServerMessage::EventServerInfo(info)) => {
                let attempt = *attempt;
                self.logged_in(now, attempt, info);
            }
            (State::LoggingIn { .. }, TServerMessage::EventError(error)) => {
                self.lose(now, LossReason::LoginRefused(error.code));
            }
            (State::Live { switch_up, .. }, TServerMessage::EventLinkConnected(_)) => {
                *switch_up = true;
                self.tell_up();
            }
            (State::Live { switch_up, told_up, .. }, TServerMessage::EventLinkDisconnected(_)) => {
                (*switch_up, *told_up) = (false, false);
                self.out.push_back(LinkOutput::SwitchDown);
            }
            (State::Live { .. }, TServerMessage::EventUserEvent(event)) => self.out.push_back(LinkOutput::UserEvent {
                dn: event.this_dn,
                user_data: event.user_data,
                own_copy: event.reference.is_some(),
            }),
            (State::Live { .. }, TServerMessage::EventAck(ack)) => {
                self.answer(now, id, Some(ack.reference), None);
            }
            (State::Live { .. }, TServerMessage::EventRegistered(event)) => {
                self.answer(now, id, Some(event.reference), None);
            }
            (State::Live { .. }, TServerMessage::EventUnregistered(event)) => match event.reference {
                Some(reference) => self.answer(now, id, Some(reference), None),
                None => {
                    let code = event.code.unwrap_or(ErrorCode::UNKNOWN_ERROR);
                    self.refused(now, event.this_dn, Failure::Refused { code, text: event.message });
                }
            },
            (State::Live { .. }, TServerMessage::EventError(EventError { reference, code, message, .. })) => {
                self.answer(now, id, reference, Some(Failure::Refused { code, text: message }));
            }
            (State::Live { .. }, TServerMessage::EventPrimaryChanged(event)) => {
                if event.role == ServerRole::BACKUP {
                    self.lose(now, LossReason::Backup);
                }
            }
            (State::Live { .. }, TServerMessage::EventDnOutOfService(event)) => {
                self.out.push_back(LinkOutput::DnOutOfService(event.this_dn));
            }
            (State::Live { .. }, TServerMessage::EventDnBackInService(event)) => {
                self.out.push_back(LinkOutput::DnBackInService(event.this_dn));
            }
            // Before the login is answered no other event is due, and requests are never for us.
            (_, _) => self.ignore(Ignored::Message(id)),
        }
    }

    fn logged_in(&mut self, now: Time, attempt: Attempt, info: EventServerInfo) {
        if info.protocol_version.as_str() != Some(PROTOCOL_VERSION) {
            return self.lose(now, LossReason::Version(info.protocol_version));
        }
        if info.role == ServerRole::BACKUP {
            return self.lose(now, LossReason::Backup);
        }
        self.redial.used(attempt.endpoint);
        self.state = State::Live { since: now, switch_up: false, told_up: false };
        self.out.push_back(LinkOutput::LoggedIn(attempt.endpoint));
        self.register_wanted(now);
    }

    /// Asks for every DN that is wanted and was not asked for, as far as the limit of requests in flight allows.
    pub(super) fn register_wanted(&mut self, now: Time) {
        let State::Live { .. } = self.state else { return };
        let due = self.dns.iter().filter(|(_, dn)| match dn {
            DnState::Wanted => true,
            DnState::Refused { again_at, .. } => *again_at <= now,
            DnState::Asked | DnState::Registered => false,
        });
        let due: Vec<Text> = due.map(|(name, _)| name.clone()).collect();
        for name in due {
            let Some(reference) = self.in_flight.add(now, Asked::Register(name.clone())) else { return };
            let request = RequestRegisterAddress {
                reference,
                this_dn: name.clone(),
                address_type: Some(ADDRESS_TYPE_DN),
                register_mode: Some(REGISTER_MODE_SHARED),
            };
            match self.send(&request.into()) {
                // A refusal that is asked about again is told again only when it changes.
                Ok(()) => match self.dns.get_mut(&name) {
                    Some(DnState::Refused { again_at, .. }) => {
                        *again_at = now.saturating_add(REGISTER_AGAIN.saturating_mul(2));
                    }
                    Some(state) => *state = DnState::Asked,
                    None => {}
                },
                Err(error) => {
                    self.in_flight.answered(Some(reference));
                    self.refused(now, name, error.into());
                }
            }
        }
    }

    fn refused(&mut self, now: Time, dn: Text, failure: Failure) {
        let Some(state) = self.dns.get_mut(&dn) else { return };
        let known = matches!(state, DnState::Refused { failure: before, .. } if *before == failure);
        *state = DnState::Refused { failure: failure.clone(), again_at: now.saturating_add(REGISTER_AGAIN) };
        if !known {
            self.out.push_back(LinkOutput::NotRegistered(dn, failure));
        }
        self.tell_up();
    }

    pub(super) fn unregister(&mut self, now: Time, dn: Text) {
        let Some(state) = self.dns.remove(&dn) else { return };
        if state != DnState::Registered {
            return self.out.push_back(LinkOutput::Unregistered(dn));
        }
        let Some(reference) = self.in_flight.add(now, Asked::Unregister(dn.clone())) else {
            self.dns.insert(dn.clone(), state);
            return self.out.push_back(LinkOutput::NotRegistered(dn, Failure::Busy));
        };
        if self.send(&RequestUnregisterAddress { reference, this_dn: dn.clone() }.into()).is_err() {
            self.in_flight.answered(Some(reference)); // never: the same text was sent to register it
        }
    }

    pub(super) fn distribute(&mut self, now: Time, dn: Text, user_data: Bytes, tag: Tag) -> Result<(), Failure> {
        match self.state {
            State::Live { switch_up: true, .. } => {}
            State::Live { switch_up: false, .. } => return Err(Failure::local(ErrorCode::NO_SWITCH)),
            State::Stopped | State::Resting { .. } | State::Dialing { .. } | State::LoggingIn { .. } => {
                return Err(Failure::LinkDown);
            }
        }
        if self.dns.get(&dn) != Some(&DnState::Registered) {
            return Err(Failure::local(ErrorCode::NOT_REGISTERED));
        }
        let reference = self.in_flight.add(now, Asked::Distribute(tag)).ok_or(Failure::Busy)?;
        let request = RequestDistributeUserEvent {
            reference,
            this_dn: Some(dn.clone()),
            communication_dn: dn,
            user_data,
            extensions: None,
            reason: None,
        };
        self.send(&request.into()).map_err(|error| {
            self.in_flight.answered(Some(reference));
            error.into()
        })
    }

    /// The direct answer to a request: good, or the failure.
    fn answer(&mut self, now: Time, id: MessageId, reference: Option<ReferenceId>, failure: Option<Failure>) {
        match (self.in_flight.answered(reference), failure) {
            (Some(Asked::Distribute(tag)), None) => self.out.push_back(LinkOutput::Acked(tag)),
            (Some(Asked::Distribute(tag)), Some(failure)) => self.out.push_back(LinkOutput::Failed(tag, failure)),
            (Some(Asked::Register(dn)), Some(failure)) => self.refused(now, dn, failure),
            (Some(Asked::Register(dn)), None) => match self.dns.get_mut(&dn) {
                Some(state) => {
                    *state = DnState::Registered;
                    self.out.push_back(LinkOutput::Registered(dn));
                    self.tell_up();
                }
                None => {
                    // The owner changed its mind meanwhile: leave again.
                    self.dns.insert(dn.clone(), DnState::Registered);
                    self.unregister(now, dn);
                }
            },
            // Refused means that it was not registered: the wish is granted as well.
            (Some(Asked::Unregister(dn)), _) => self.out.push_back(LinkOutput::Unregistered(dn)),
            (None, _) => self.ignore(Ignored::Unasked(id)),
        }
        self.register_wanted(now);
    }

    /// Tells once that everything is ready, when it is.
    fn tell_up(&mut self) {
        let State::Live { switch_up: true, told_up, .. } = &mut self.state else { return };
        let settled = self.dns.values().all(|dn| !matches!(dn, DnState::Wanted | DnState::Asked));
        let registered = self.dns.iter().filter(|(_, dn)| **dn == DnState::Registered);
        let registered: Vec<Text> = registered.map(|(name, _)| name.clone()).collect();
        if settled && !*told_up && (self.dns.is_empty() || !registered.is_empty()) {
            *told_up = true;
            self.out.push_back(LinkOutput::Up(registered));
        }
    }
}
