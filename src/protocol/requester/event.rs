//! Rules 2, 7, 8, 14: what an event is to us, and which request it decides.

use std::sync::Arc;

use bytes::Bytes;

use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::DoNotCall;
use crate::message::ErrorCode;
use crate::message::GroupCampStatus;
use crate::message::Message;
use crate::message::PairEvent;
use crate::message::RequestKind;
use crate::message::Target;
use crate::protocol::Time;
use crate::protocol::correlate::{Fit, fit, is_error_event};
use crate::protocol::requester::Requester;
use crate::protocol::requester::asked::{Lookup, Named, OcsIx, Place, lookup};
use crate::protocol::requester::book::{FlightId, JobId};
use crate::protocol::requester::config::DnAddress;
use crate::protocol::requester::echo::{EchoFact, Proof};
use crate::protocol::requester::io::{Output, Progress, Standing};
use crate::protocol::requester::job::{Few, Flight, Phase, Timer};
use crate::protocol::requester::mutant::Mutant;
use crate::protocol::requester::outcome::Why;
use crate::protocol::requester::shadow::Cover;
use crate::protocol::requester::{after, bump};

/// An event that passed rule 2.
pub(super) struct Addressed<'e> {
    pub(super) now: Time,
    pub(super) place: Place,
    pub(super) message: &'e Arc<CommDnMessage>,
    pub(super) frame: &'e Bytes,
    pub(super) lookup: Lookup,
}

impl Addressed<'_> {
    fn body(&self) -> &Message {
        &self.message.body
    }
}

impl Requester {
    pub(super) fn on_event(&mut self, now: Time, address: DnAddress, message: CommDnMessage, frame: &Bytes) {
        bump(&mut self.counters.events);
        let message = Arc::new(message);
        // The view of the world goes first, whatever the event decides; its standing is filled in below.
        let at = self.out.len();
        let standing = Standing::NotAddressed;
        self.out.push_back(Output::Mirror { address: address.clone(), message: Arc::clone(&message), standing });
        let found = self.stand(now, &address, &message, frame);
        self.counters.count(found);
        if let Some(Output::Mirror { standing, .. }) = self.out.get_mut(at) {
            *standing = found;
        }
    }

    /// Rule 2.
    fn stand(&mut self, now: Time, address: &DnAddress, message: &Arc<CommDnMessage>, frame: &Bytes) -> Standing {
        if self.config.pool.contains(&message.origin) {
            return self.own_or_forged(now, address, message);
        }
        let target = match message.target {
            Target::Every if self.is(Mutant::AcceptsTargetZero) => self.config.pool.first().copied(),
            Target::Every => None,
            Target::One(origin) => Some(origin),
        };
        let Some(origin) = target else { return Standing::NotAddressed };
        if !self.config.pool.contains(&origin) {
            return Standing::NotAddressed;
        }
        let stranger = self.is(Mutant::AcceptsForeignOrigin).then_some(0);
        let ocs = self.by_dbid.get(&message.origin).copied().or(stranger);
        let Some(ocs) = ocs.filter(|ocs| self.ocss.get(*ocs).is_some_and(|peer| peer.address == *address)) else {
            return Standing::Foreign;
        };
        if message.body.request_kind().is_some() {
            return Standing::Foreign;
        }
        let standing = self.correlate(&Addressed {
            now,
            place: Place { ocs, origin },
            message,
            frame,
            lookup: lookup(&message.body),
        });
        if self.is(Mutant::AcceptsOtherOcs) && standing != Standing::Answer {
            let other = self.ocss.len().saturating_sub(1).saturating_sub(ocs);
            let place = Place { ocs: other, origin };
            return self.correlate(&Addressed { now, place, message, frame, lookup: lookup(&message.body) });
        }
        standing
    }

    fn correlate(&mut self, event: &Addressed<'_>) -> Standing {
        if self.echo(event.place.ocs).reference == Proof::Proved {
            return self.by_reference(event);
        }
        if let Some(standing) = self.mutant_takes(event) {
            return standing;
        }
        if let Message::CampaignStatus(state) = event.body() {
            return self.on_status(event, &state.0);
        }
        self.fetch(&event.lookup);
        if let Some(standing) = self.dnc_proof(event) {
            return standing;
        }
        self.note_missing_echo(event);
        let found = self.candidates(event.place, &event.lookup);
        let mut fits: Vec<(FlightId, Fit)> = Vec::with_capacity(found.flights.len());
        for number in found.flights {
            let Some(flight) = self.jobs.flight(number) else { continue };
            let fit = fit(&flight.asked.body, event.body());
            if self.is(Mutant::FiltersCancelOnCode3)
                && flight.asked.kind == RequestKind::CancelRecord
                && event.body().error() == Some(ErrorCode::CAMPAIGN_NOT_FOUND)
            {
                continue;
            }
            // Without ids every live request of the address counts, whatever its code could mean (rule 8).
            if fit.is_possible() || found.anything {
                fits.push((number, fit));
            }
        }
        let echo = self.echo(event.place.ocs);
        let shadow = self.shadows.fitting(event.place, event.body(), &event.lookup, &echo);
        if let Some(shadow) = shadow
            && let Cover::Equal(answer) = &shadow.cover
            && answer.body == *event.body()
        {
            self.counters.saw_double(event.now.saturating_sub(shadow.since));
        }
        let forged = self.may_answer_forged(event.place.origin, event.body());
        let shadowed = shadow.is_some() || forged || self.may_answer_forgotten_read(event);
        if fits.iter().any(|(_, fit)| *fit == Fit::Fact) {
            return self.refuse_by_fact(event, &fits);
        }
        if found.anything && (fits.len() > 1 || found.more) {
            self.doubts.insert(event.place, event.now);
            return Standing::Ambiguous;
        }
        let possible = fits.iter().any(|(_, fit)| fit.is_possible());
        if !possible && !found.more {
            return self.nobody_waits(event, shadowed);
        }
        if let [(flight, Fit::Draining { known })] = fits.as_slice() {
            return self.on_draining(event, *flight, *known, shadowed);
        }
        if !shadowed && !found.more && self.is_both_unloads(event, &fits) {
            for (flight, _) in fits {
                self.resolve(event, flight, Why::ByState);
            }
            return Standing::Answer;
        }
        match fits.as_slice() {
            [(flight, Fit::Answer { carried, refusal })]
                if !shadowed && !found.more && (*carried || *refusal || !self.must_carry(event.place.ocs, *flight)) =>
            {
                let why = if *carried { Why::Exact } else { Why::SoleCandidate };
                self.learn(event, *flight);
                self.resolve(event, *flight, why);
                Standing::Answer
            }
            _ => {
                self.suspect(event, &fits);
                Standing::Ambiguous
            }
        }
    }

    /// What the mutants decide that have no rule left to break in place.
    fn mutant_takes(&mut self, event: &Addressed<'_>) -> Option<Standing> {
        let first_fit = self.is(Mutant::FirstFit);
        let among_two = self.is(Mutant::ResolvesErrorAmongTwo) && is_error_event(event.body());
        let draining = self.is(Mutant::TakesDrainingForStop);
        let status = self.is(Mutant::StatusAnswersForceUnload);
        if !(first_fit || among_two || draining || status) {
            return None;
        }
        let found = self.candidates(event.place, &event.lookup);
        let mut taken = found.flights.into_iter().filter(|number| {
            let Some(flight) = self.jobs.flight(*number).filter(|flight| !flight.settling) else { return false };
            let told = event.body().pair_event().and_then(|state| state.status);
            let kind = flight.asked.kind;
            let fits = matches!(fit(&flight.asked.body, event.body()), Fit::Answer { .. } | Fit::Fact);
            let stops = kind == RequestKind::Stop
                && matches!(event.body(), Message::DialingStopped(_))
                && told == Some(GroupCampStatus::WAITING_UNLOAD);
            let unloads = kind == RequestKind::ForceUnload
                && matches!(event.body(), Message::CampaignStatus(_))
                && told == Some(GroupCampStatus::NOT_LOADED);
            ((first_fit || among_two) && fits) || (draining && stops) || (status && unloads)
        });
        let number = taken.next()?;
        if among_two && found.anything && taken.next().is_none() {
            return None;
        }
        drop(taken);
        self.resolve(event, number, Why::SoleCandidate);
        Some(Standing::Answer)
    }

    /// Reads are not journaled, so after a restart the CM_EvError of one can still come.
    fn may_answer_forgotten_read(&self, event: &Addressed<'_>) -> bool {
        let Message::ErrorEvent(error) = event.body() else { return false };
        let about_person = error.do_not_call.is_some() || error.cancel_record.is_some();
        event.now < self.questions_until && !about_person && !self.is(Mutant::ForgetsShadowsOnRestart)
    }

    /// Where the echo is proved, a success that does not repeat the whole subject is another's.
    fn must_carry(&self, ocs: OcsIx, flight: FlightId) -> bool {
        let kind = self.jobs.flight(flight).map(|flight| flight.asked.kind);
        kind.is_some_and(|kind| !kind.is_campaign_control() && self.echo(ocs).names_subject(kind))
    }

    /// 20 with status 0 ends a live 8 and a live 29 of the pair: both asked for that state (rule 3).
    fn is_both_unloads(&self, event: &Addressed<'_>, fits: &[(FlightId, Fit)]) -> bool {
        let Message::CampaignUnloaded(state) = event.body() else { return false };
        state.0.status == Some(GroupCampStatus::NOT_LOADED)
            && fits.len() > 1
            && fits.iter().all(|(_, fit)| matches!(fit, Fit::Answer { refusal: false, .. }))
    }

    fn nobody_waits(&mut self, event: &Addressed<'_>, shadowed: bool) -> Standing {
        if shadowed {
            return Standing::Late;
        }
        let about_pair = event.body().pair_event().is_some();
        if let Some(peer) = self.ocss.get_mut(event.place.ocs)
            && about_pair
        {
            peer.notifies = true;
        }
        Standing::Notification
    }

    /// Rule 8: codes 3, 8 and 9 with ids are true of the pair, so they refuse whoever asked about it.
    fn refuse_by_fact(&mut self, event: &Addressed<'_>, fits: &[(FlightId, Fit)]) -> Standing {
        for (flight, _) in fits.iter().filter(|(_, fit)| *fit == Fit::Fact) {
            self.resolve(event, *flight, Why::Exact);
        }
        let rest: Vec<(FlightId, Fit)> = fits.iter().copied().filter(|(_, fit)| *fit != Fit::Fact).collect();
        self.suspect(event, &rest);
        Standing::Answer
    }

    fn on_draining(&mut self, event: &Addressed<'_>, flight: FlightId, known: bool, shadowed: bool) -> Standing {
        if !known || shadowed {
            return Standing::Ambiguous;
        }
        let Some((job, leg)) = self.jobs.flight(flight).map(|flight| (flight.job, flight.leg())) else {
            return Standing::Late;
        };
        self.accept_draining(event, job, leg);
        Standing::Answer
    }

    pub(super) fn accept_draining(&mut self, event: &Addressed<'_>, job: JobId, leg: usize) {
        let Some(record) = self.jobs.get_mut(&job).and_then(|job| job.legs.get_mut(leg)) else { return };
        if !std::mem::replace(&mut record.draining, true) {
            let ocs = self.ocs_dbid(event.place.ocs);
            self.progress(job, &Progress::AcceptedDraining { ocs, frame: event.frame.clone() });
        }
    }

    /// Rule 7: the candidates are suspect. Campaign control is asked at once, but for a CM_EvError, which stops nothing.
    fn suspect(&mut self, event: &Addressed<'_>, fits: &[(FlightId, Fit)]) {
        for (number, fit) in fits {
            let Some(flight) = self.jobs.flight(*number).filter(|flight| !flight.settling && fit.is_possible()) else {
                continue;
            };
            let (job, leg, kind) = (flight.job, flight.leg(), flight.asked.kind);
            let Some(record) = self.jobs.get_mut(&job).and_then(|job| job.legs.get_mut(leg)) else { continue };
            if !std::mem::replace(&mut record.suspect, true) {
                self.progress(job, &Progress::Suspect);
            }
            if !is_error_event(event.body()) && kind.is_campaign_control() && kind.is_mutating() {
                self.begin_settling(event.now, job, leg);
            }
        }
    }

    /// A 33 without error whose echo covers every key resolves every live do-not-call of that OCS and subject that was
    /// sent with the DBID it is addressed to, whatever shadows stand: the entry is in the list.
    fn dnc_proof(&mut self, event: &Addressed<'_>) -> Option<Standing> {
        let Message::DoNotCallProcessed(answer) = event.body() else { return None };
        if answer.error.is_some_and(|code| code != ErrorCode::NO) {
            return None;
        }
        answer.do_not_call.as_ref().filter(|entry| **entry != DoNotCall::default())?;
        let Lookup::Keys([Some(key), ..]) = event.lookup else { return None };
        let mut proved = Few::new();
        let mut named = None;
        let lane = self.in_lane(event.place.ocs, key, event.body()).filter(|(_, job)| job.phase == Phase::Sent);
        for (number, job) in lane {
            named = Some(job.asked.named());
            for (ix, leg) in job.legs.iter().enumerate() {
                let sent = leg.sends.iter().any(|send| send.origin == event.place.origin);
                if leg.ocs == event.place.ocs && leg.answer.is_none() && sent {
                    proved.push((number, ix, leg.flight.as_ref().map(|flight| (flight.id(), flight.place))));
                }
            }
        }
        proved.sort_unstable_by_key(|(number, ..)| *number);
        let named = named.filter(|_| !proved.is_empty())?;
        let echo = self.echo(event.place.ocs);
        let doubled = self.note_proof(event, named);
        let forged = self.may_answer_forged(event.place.origin, event.body());
        let shadowed =
            doubled || forged || self.shadows.fitting(event.place, event.body(), &event.lookup, &echo).is_some();
        for (job, leg, flight) in proved {
            match flight {
                Some((flight, place)) if place == event.place && !shadowed => {
                    self.learn(event, flight);
                    self.resolve(event, flight, Why::Exact);
                }
                Some(_) | None => self.resolve_leg(event, job, leg, Why::DncProof),
            }
        }
        Some(Standing::Answer)
    }

    /// Rule 6: for D the next echo of the same entry may be the double of this one. True: it may be one itself.
    fn note_proof(&mut self, event: &Addressed<'_>, entry: Named) -> bool {
        let now = event.now;
        if self.is(Mutant::NoQuarantine) {
            return false;
        }
        if let Some(first) = self.proofs.first(event.place, &entry, now) {
            self.counters.saw_double(now.saturating_sub(first));
            return true;
        }
        let alone = self.proofs.is_empty();
        let until = after(now, self.config.d);
        self.proofs.insert(event.place, entry, now, until);
        if alone {
            self.set_timer(until, Timer::Proofs);
        }
        false
    }

    /// Reads: a user's read takes any addressed status of its pair, settling takes the answer to its own question.
    fn on_status(&mut self, event: &Addressed<'_>, state: &PairEvent) -> Standing {
        let mut reads: Vec<FlightId> = self.live_of_pair(event.place, state.pair).map(Flight::id).collect();
        reads.sort_unstable();
        let shadowed = self.shadows.of_read(event.place, state.pair).is_some();
        let mut answered = false;
        for number in reads {
            let Some(flight) = self.jobs.flight(number) else { continue };
            if fit(&flight.asked.body, event.body()).is_possible() {
                answered = true;
                self.learn(event, number);
                self.resolve(event, number, Why::Exact);
            }
        }
        if answered { Standing::Answer } else { self.nobody_waits(event, shadowed) }
    }

    /// Rule 15: a proved echo of the reference id is a true request id and replaces rules 4 to 8.
    fn by_reference(&mut self, event: &Addressed<'_>) -> Standing {
        let Some(reference) = event.message.reference_id else {
            for number in self.candidates(event.place, &event.lookup).flights {
                let Some(flight) = self.jobs.flight(number) else { continue };
                let could = fit(&flight.asked.body, event.body()).is_possible();
                let (job, leg) = (flight.job, flight.leg());
                if let Some(leg) = self.jobs.get_mut(&job).and_then(|job| job.legs.get_mut(leg))
                    && could
                {
                    leg.unreferenced = true;
                }
            }
            return Standing::Notification;
        };
        let number = self.references.get(&(event.place.ocs, reference)).copied();
        let flight = number.and_then(|number| Some((number, self.jobs.flight(number)?)));
        let Some((number, flight)) = flight.filter(|(_, flight)| flight.place == event.place) else {
            return Standing::Late;
        };
        match fit(&flight.asked.body, event.body()) {
            Fit::Answer { .. } | Fit::Fact => {
                self.resolve(event, number, Why::Exact);
                Standing::Answer
            }
            Fit::Draining { known } => self.on_draining(event, number, known, false),
            Fit::No | Fit::Item => Standing::Notification,
        }
    }

    /// An answer without any echo contradicts a proof, whoever it is for.
    fn note_missing_echo(&mut self, event: &Addressed<'_>) {
        let refused = is_refusal(event.body());
        match event.body() {
            Message::DoNotCallProcessed(answer) if !refused && answer.do_not_call.is_none() => {
                self.note_echo(event.place.ocs, EchoFact::DoNotCall, false);
            }
            Message::RecordCanceled(answer) if !refused && answer.cancel_record.is_none() => {
                self.note_echo(event.place.ocs, EchoFact::Cancel, false);
            }
            _ => {}
        }
    }

    /// Rule 15: what a clean exchange says about the echoes of this OCS.
    fn learn(&mut self, event: &Addressed<'_>, number: FlightId) {
        let Some(flight) = self.jobs.flight(number) else { return };
        let ocs = event.place.ocs;
        let reference = flight.reference;
        let kind = flight.asked.kind;
        let carried = matches!(fit(&flight.asked.body, event.body()), Fit::Answer { carried: true, .. } | Fit::Fact);
        let life = event.now.saturating_sub(flight.sent.unwrap_or(flight.emitted));
        self.counters.saw_answer(kind, life);
        if let Some(reference) = reference {
            self.note_echo(ocs, EchoFact::Reference, event.message.reference_id == Some(reference));
        }
        let fact = match (event.body(), kind) {
            (Message::DoNotCallProcessed(_) | Message::RecordCanceled(_), _) if is_refusal(event.body()) => return,
            (Message::ErrorEvent(_), RequestKind::DoNotCall | RequestKind::CancelRecord) => EchoFact::ErrorSubject,
            (Message::ErrorEvent(_), _) => EchoFact::ErrorIds,
            (Message::DoNotCallProcessed(_), _) => EchoFact::DoNotCall,
            (Message::RecordCanceled(_), _) => EchoFact::Cancel,
            _ => return,
        };
        self.note_echo(ocs, fact, carried);
    }

    pub(super) fn note_echo(&mut self, ocs: OcsIx, fact: EchoFact, seen: bool) {
        let Some(peer) = self.ocss.get_mut(ocs) else { return };
        let Some(proved) = peer.echo.note(fact, seen) else { return };
        let ocs: AppDbid = peer.dbid;
        self.out.push_back(Output::Echo { ocs, fact, proved });
        self.retry_all = true;
    }
}

fn is_refusal(event: &Message) -> bool {
    event.error().is_some_and(|code| code != ErrorCode::NO)
}
