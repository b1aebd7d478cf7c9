//! Rule 2, last part: copies of our own frames, and frames that somebody else sent with our DBID.

use std::collections::BTreeMap;

use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::Message;
use crate::message::RequestKind;
use crate::message::Target;
use crate::protocol::Time;
use crate::protocol::requester::Requester;
use crate::protocol::requester::after;
use crate::protocol::requester::asked::{Asked, OcsIx, Place};
use crate::protocol::requester::book::FlightId;
use crate::protocol::requester::config::DnAddress;
use crate::protocol::requester::io::{Alarm, Output, SendId, Standing};
use crate::protocol::requester::job::{Few, Timer};
use crate::protocol::requester::live::Index;
use crate::protocol::requester::mutant::Mutant;
use crate::protocol::requester::shadow::{Cover, Shadow};

/// Our own frames, so that their copies are known when the T-Server sends them back.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnFrames {
    all: BTreeMap<SendId, OwnFrame>,
    index: Index<OwnKey>,
    /// Frames younger than this were forgotten for want of room.
    unsure_until: Time,
}

/// Origin, target, kind and a digest of the subject.
type OwnKey = (AppDbid, i32, RequestKind, u64);

#[derive(Clone, Debug)]
struct OwnFrame {
    key: OwnKey,
    asked: Asked,
    sent: Sent,
}

/// Where and for how long a frame is known, and the flights that it started.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) flights: Few<FlightId>,
    pub(super) address: DnAddress,
    pub(super) until: Time,
}

fn own_key(origin: AppDbid, target: i32, asked: &Asked) -> OwnKey {
    (origin, target, asked.kind, asked.digest())
}

impl OwnFrames {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn contains(&self, send: SendId) -> bool {
        self.all.contains_key(&send)
    }

    /// Remembers a frame; the answer is the one that had to go for it.
    pub(super) fn insert(
        &mut self,
        send: SendId,
        (origin, target, asked): (AppDbid, i32, &Asked),
        sent: Sent,
        most: usize,
    ) -> Option<(SendId, Time)> {
        let key = own_key(origin, target, asked);
        self.index.insert(key, send.0);
        self.all.insert(send, OwnFrame { key, asked: asked.clone(), sent });
        if self.all.len() <= most {
            return None;
        }
        let (oldest, frame) = self.all.pop_first()?;
        self.index.remove(frame.key, oldest.0);
        self.unsure_until = self.unsure_until.max(frame.sent.until);
        Some((oldest, frame.sent.until))
    }

    /// The flights that a frame started; none where it is forgotten, as if its EventACK had never come.
    pub(super) fn flights(&self, send: SendId) -> impl Iterator<Item = FlightId> {
        self.all.get(&send).into_iter().flat_map(|frame| frame.sent.flights.iter().copied())
    }

    pub(super) fn remove(&mut self, send: SendId) {
        if let Some(frame) = self.all.remove(&send) {
            self.index.remove(frame.key, send.0);
        }
    }

    /// `None`: it may have been ours, but that is forgotten.
    pub(super) fn knows(
        &self,
        now: Time,
        (origin, target, asked): (AppDbid, i32, &Asked),
        address: &DnAddress,
    ) -> Option<bool> {
        let key = own_key(origin, target, asked);
        let known = self
            .index
            .under(key)
            .filter_map(|send| self.all.get(&SendId(send)))
            .any(|frame| frame.asked.body == asked.body && frame.sent.address == *address);
        if known { Some(true) } else { (now > self.unsure_until).then_some(false) }
    }
}

impl Requester {
    pub(super) fn own_or_forged(&mut self, now: Time, address: &DnAddress, message: &CommDnMessage) -> Standing {
        let origin = message.origin;
        let asked = Asked::of(message.body.clone());
        if let Some(asked) = &asked {
            match self.own.knows(now, (origin, message.target.dbid(), asked), address) {
                Some(true) => return Standing::OwnCopy,
                None => return Standing::NotAddressed,
                Some(false) => {}
            }
        }
        if self.alarmed.insert(origin) {
            self.out.push_back(Output::Alarm(Alarm::ForgedOrigin { origin, address: address.clone() }));
        }
        if let Some(asked) = asked {
            for ocs in self.meant_by(address, message.target) {
                self.lay_forged(now, Place { ocs, origin }, &asked);
            }
        }
        Standing::Forged
    }

    /// Rule 16: which requests were forged before the restart is forgotten, so for as long as any answer can live
    /// nothing on that DBID decides but an echo that proves.
    pub(super) fn on_alarmed(&mut self, now: Time, origin: AppDbid) {
        if self.config.pool.contains(&origin) && self.forged_before.insert(origin, true).is_none() {
            self.alarmed.insert(origin);
            let due = after(after(now, self.config.b), self.config.d);
            self.set_timer(due, Timer::Forged(origin));
        }
    }

    pub(super) fn on_forged_due(&mut self, now: Time, origin: AppDbid) {
        let about_people = self.forged_before.insert(origin, false);
        if about_people == Some(true) {
            let more = self.config.b_unload.saturating_sub(self.config.b);
            self.set_timer(after(now, more.max(self.config.d)), Timer::Forged(origin));
        } else {
            self.forged_before.remove(&origin);
        }
        self.retry_all = true;
    }

    /// Whether an event on this DBID can answer what was forged before the restart.
    pub(super) fn may_answer_forged(&self, origin: AppDbid, event: &Message) -> bool {
        let about_person = match event {
            Message::DoNotCallProcessed(_) | Message::RecordCanceled(_) => true,
            Message::ErrorEvent(error) => error.do_not_call.is_some() || error.cancel_record.is_some(),
            _ => false,
        };
        self.forged_before.get(&origin).is_some_and(|people| *people || !about_person)
    }

    fn meant_by(&self, address: &DnAddress, target: Target) -> Vec<OcsIx> {
        let one = match target {
            Target::Every => None,
            Target::One(dbid) => Some(self.by_dbid.get(&dbid).copied()),
        };
        let here = self.ocss.iter().enumerate().filter(|(_, peer)| peer.address == *address).map(|(ocs, _)| ocs);
        here.filter(|ocs| one.is_none_or(|one| one == Some(*ocs))).collect()
    }

    /// OCS will answer it to us, so a full shadow waits for that answer. Past the limit only the alarm is left.
    fn lay_forged(&mut self, now: Time, place: Place, asked: &Asked) {
        let until = after(after(now, self.config.b_of(asked.kind)), self.config.d);
        if let Some(twin) = self.shadows.twin(place, asked) {
            self.shadows.extend(twin, until);
            return;
        }
        if !self.shadows_are_full(1) {
            self.lay(now, Shadow { place, asked: asked.clone(), cover: Cover::Full, until, since: now });
        }
    }

    pub(super) fn lay(&mut self, now: Time, shadow: Shadow) {
        if shadow.until < now || self.is(Mutant::FirstFit) || self.is(Mutant::OneInFlight) {
            return;
        }
        let until = shadow.until;
        let number = self.shadows.insert(shadow);
        self.set_timer(until, Timer::Shadow(number));
    }
}
