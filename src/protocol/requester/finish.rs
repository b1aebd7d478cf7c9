//! Ends: of flights (what shadow they leave), of legs, and of jobs.

use std::sync::Arc;

use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::ErrorCode;
use crate::message::RequestKind;
use crate::message::Target;
use crate::protocol::Time;
use crate::protocol::correlate::{Fit, fit};
use crate::protocol::requester::Requester;
use crate::protocol::requester::asked::{Asked, Place};
use crate::protocol::requester::book::{FlightId, JobId};
use crate::protocol::requester::config::TargetZeroPolicy;
use crate::protocol::requester::event::Addressed;
use crate::protocol::requester::finder::Tag;
use crate::protocol::requester::io::{Output, Progress};
use crate::protocol::requester::job::{Flight, Step, Timer, Want};
use crate::protocol::requester::mutant::Mutant;
use crate::protocol::requester::outcome::{AnswerResult, OcsAnswer, Outcome, UnknownReason, Why};
use crate::protocol::requester::shadow::{Cover, Shadow};
use crate::protocol::requester::{after, bump};

impl Requester {
    /// An event decides this flight.
    pub(super) fn resolve(&mut self, event: &Addressed<'_>, number: FlightId, why: Why) {
        let Some(flight) = self.jobs.flight(number) else { return };
        if flight.settling {
            self.on_told(event, number);
            return;
        }
        let (job, leg, kind) = (flight.job, flight.leg(), flight.asked.kind);
        let sends = self.jobs.get(&job).and_then(|job| job.legs.get(leg)).map_or(0, |leg| leg.sends.len());
        let repeated = kind == RequestKind::DoNotCall && sends > 1;
        let why = if repeated && matches!(why, Why::Exact | Why::SoleCandidate) { Why::ByRepeat } else { why };
        if matches!(why, Why::Exact | Why::SoleCandidate) {
            self.retire_answered(event.now, number, event.message);
        } else {
            self.retire_full(event.now, number);
        }
        self.resolve_leg(event, job, leg, why);
    }

    /// An event decides this leg, whatever became of its flights.
    pub(super) fn resolve_leg(&mut self, event: &Addressed<'_>, job: JobId, leg: usize, why: Why) {
        let Some(record) = self.jobs.get(&job).and_then(|job| job.legs.get(leg)) else { return };
        let single = record.sends.len() <= 1;
        if let Some(flight) = record.flight.as_ref().map(Flight::id) {
            // A do-not-call that was proved by its only send: what proves it again does no harm, its refusal would.
            if why == Why::DncProof && self.is(Mutant::NoShadowAfterProof) {
                self.remove_flight(flight);
            } else if why == Why::DncProof && single {
                self.retire_proved(event.now, flight);
            } else {
                self.retire_full(event.now, flight);
            }
        }
        let answer = OcsAnswer::of_event(
            self.ocs_dbid(record_ocs(self, job, leg)),
            why,
            event.message,
            event.frame,
            self.took(event.now, job, leg),
        );
        self.finish_leg(event.now, job, leg, answer);
    }

    fn took(&self, now: Time, job: JobId, leg: usize) -> std::time::Duration {
        self.jobs.get(&job).and_then(|job| job.legs.get(leg)).map(|leg| leg.took(now)).unwrap_or_default()
    }

    /// Takes a flight off the wire without a shadow.
    pub(super) fn remove_flight(&mut self, number: FlightId) {
        self.take_flight(number);
    }

    fn take_flight(&mut self, number: FlightId) -> Option<Flight> {
        let flight = self.jobs.land(number)?;
        self.timers.clear((flight.due, Timer::Flight(number)));
        let slot = flight.job.slot();
        let others = self.jobs.flights_at(slot, flight.place).next().is_some();
        self.live.remove(flight.place, flight.asked.kind, slot, others);
        if let Some(reference) = flight.reference {
            self.references.remove(&(flight.place.ocs, reference));
        }
        self.freed.push_back((flight.place.ocs, flight.asked.clone()));
        Some(flight)
    }

    /// Rule 6: until sent + B + D everything may still come.
    pub(super) fn retire_full(&mut self, now: Time, number: FlightId) {
        let Some(flight) = self.take_flight(number) else { return };
        let until = self.life_of(now, &flight);
        let Flight { place, asked, .. } = flight;
        self.lay(now, Shadow { place, asked, cover: Cover::Full, until, since: now });
    }

    /// Rule 6: the echo may have been another's, so what refuses this one is still to come.
    fn retire_proved(&mut self, now: Time, number: FlightId) {
        let Some(flight) = self.jobs.flight(number) else { return };
        if !self.echo(flight.place.ocs).names_subject(flight.asked.kind) {
            self.retire_full(now, number);
            return;
        }
        let Some(flight) = self.take_flight(number) else { return };
        let until = self.life_of(now, &flight);
        let Flight { place, asked, .. } = flight;
        self.lay(now, Shadow { place, asked, cover: Cover::Aside, until, since: now });
    }

    fn life_of(&self, now: Time, flight: &Flight) -> Time {
        // Not acknowledged: it may have been sent as late as now.
        let sent = flight.sent.unwrap_or(now);
        let b = after(sent, self.config.b_of(flight.asked.kind));
        if self.is(Mutant::ShadowWithoutD) { b } else { after(b, self.config.d) }
    }

    /// Rule 6: what an answered request leaves behind.
    pub(super) fn retire_answered(&mut self, now: Time, number: FlightId, answer: &Arc<CommDnMessage>) {
        let Some(flight) = self.take_flight(number) else { return };
        if self.is(Mutant::NoQuarantine) {
            return;
        }
        let life = self.life_of(now, &flight);
        let double = after(now, self.config.d);
        let notifies = self.ocss.get(flight.place.ocs).is_some_and(|peer| peer.notifies);
        let Flight { place, asked, settling, .. } = flight;
        let kind = asked.kind;
        let shadow = |cover, until| Shadow { place, asked: asked.clone(), cover, until, since: now };
        let equal = || Cover::Equal(Arc::clone(answer));
        match kind {
            // Assumed: where notifications are addressed to us the event may not have been the read's own answer.
            // Nor where what it took may have been the answer to something beside it, and its own is still to come.
            RequestKind::Status if notifies || self.told_by_status(place, &asked) => {
                self.lay(now, shadow(Cover::Full, life));
            }
            RequestKind::Status => {
                self.lay(now, shadow(equal(), double));
                if settling && self.config.pool.len() > 1 {
                    self.lay(now, shadow(Cover::Aside, life));
                }
            }
            RequestKind::DoNotCall => {
                // Where the echo is not proved the double could partly fit another entry of the same phone.
                let named = self.echo(place.ocs).names_subject(kind);
                let covered = matches!(fit(&asked.body, &answer.body), Fit::Answer { refusal: false, carried: true });
                if !(named && covered) {
                    self.lay(now, shadow(equal(), double));
                }
            }
            RequestKind::CancelRecord => self.lay(now, shadow(equal(), double)),
            _ if notifies => self.lay(now, shadow(Cover::Full, life)),
            _ => {
                self.lay(now, shadow(equal(), double));
                if self.config.pool.len() > 1 {
                    self.lay(now, shadow(Cover::Aside, life));
                }
                if kind == RequestKind::Unload {
                    self.lay(now, shadow(Cover::Draining, life));
                }
            }
        }
    }

    /// Another read of the pair, or a force unload (which some OCSs answer with a status), is live on this address, or
    /// a shadow of one.
    fn told_by_status(&self, place: Place, asked: &Asked) -> bool {
        let Some(pair) = asked.pair() else { return false };
        let told = |kind| matches!(kind, RequestKind::Status | RequestKind::ForceUnload);
        let mut live = self.live_of_pair(place, pair);
        live.any(|flight| told(flight.asked.kind))
            || self.shadows.of_read(place, pair).is_some()
            || self.shadows.of_pair(place, pair).any(|shadow| told(shadow.asked.kind))
    }

    /// The leg has its result; the job ends with its last leg, or when the policy has enough.
    pub(super) fn finish_leg(&mut self, now: Time, job: JobId, leg: usize, answer: OcsAnswer) {
        self.stop_leg(now, job, leg);
        let Some(record) = self.jobs.get(&job) else { return };
        if record.legs.len() > 1 {
            self.progress(job, &Progress::Answer(answer.clone()));
        }
        if let Some(leg) = self.jobs.get_mut(&job).and_then(|job| job.legs.get_mut(leg)) {
            leg.answer = Some(Box::new(answer));
        }
        let Some(record) = self.jobs.get(&job) else { return };
        let good = record.legs.iter().filter_map(|leg| leg.answer.as_deref()).filter(|answer| is_good(answer)).count();
        let policy = match (record.target, record.asked.kind) {
            (Target::One(_), _) => TargetZeroPolicy::All,
            (Target::Every, RequestKind::CancelRecord) => self.config.cancel_policy,
            (Target::Every, _) => self.config.do_not_call_policy,
        };
        let enough = match policy {
            TargetZeroPolicy::All => false,
            TargetZeroPolicy::Any => good > 0,
            TargetZeroPolicy::Quorum => good.saturating_mul(2) > record.legs.len(),
        };
        if !enough && record.legs.iter().any(|leg| leg.answer.is_none()) {
            return;
        }
        let answers = self.answers_so_far(now, job, UnknownReason::Silent);
        let outcome = Outcome::of_answers(answers, enough);
        self.finish_job(now, job, &outcome);
    }

    /// What each OCS said; those that have not are silent for the reason given.
    pub(super) fn answers_so_far(&self, now: Time, job: JobId, reason: UnknownReason) -> Vec<OcsAnswer> {
        let Some(job) = self.jobs.get(&job) else { return Vec::new() };
        let silent = |leg: &crate::protocol::requester::job::Leg| {
            OcsAnswer::silent(self.ocs_dbid(leg.ocs), reason, leg.took(now))
        };
        job.legs.iter().map(|leg| leg.answer.as_deref().cloned().unwrap_or_else(|| silent(leg))).collect()
    }

    /// Ends everything a leg still has going.
    fn stop_leg(&mut self, now: Time, job: JobId, leg: usize) {
        let Some(record) = self.jobs.get(&job).and_then(|job| job.legs.get(leg)) else { return };
        let (flight, step) = (record.flight.as_ref().map(Flight::id), record.step);
        let question = record.question.as_deref().map(Flight::id);
        if let Some(flight) = flight {
            self.retire_full(now, flight);
        }
        if let Some(question) = question {
            self.retire_full(now, question);
        }
        if step == Step::RepeatWanted {
            self.drop_want(Want { job, leg: Some(leg) });
        }
        self.set_step(job, leg, Step::Idle);
        self.arm_leg(job, leg, None);
    }

    /// The job is over: one outcome for each waiter, the lane goes on.
    pub(super) fn finish_job(&mut self, now: Time, number: JobId, outcome: &Outcome) {
        let legs = self.jobs.get(&number).map_or(0, |job| job.legs.len());
        for leg in 0..legs {
            self.stop_leg(now, number, leg);
        }
        self.drop_want(Want { job: number, leg: None });
        let Some(job) = self.jobs.remove(&number) else { return };
        self.leave_lanes(number, &job);
        for leg in &job.legs {
            self.freed.push_back((leg.ocs, job.asked.clone()));
        }
        for waiter in &job.waiters {
            if let Some(due) = waiter.due {
                self.timers.clear((due, Timer::Waiter(waiter.id)));
            }
            self.requests.remove(Tag::of_number(waiter.id.0), number.slot());
            bump(&mut self.counters.outcomes);
            self.out.push_back(Output::Outcome { id: waiter.id, outcome: outcome.clone() });
        }
    }

    pub(super) fn finish_silent(&mut self, now: Time, job: JobId, leg: usize, reason: UnknownReason) {
        let ocs: AppDbid = self.ocs_dbid(record_ocs(self, job, leg));
        let answer = OcsAnswer::silent(ocs, reason, self.took(now, job, leg));
        self.finish_leg(now, job, leg, answer);
    }
}

fn record_ocs(requester: &Requester, job: JobId, leg: usize) -> usize {
    requester.jobs.get(&job).and_then(|job| job.legs.get(leg)).map_or(usize::MAX, |leg| leg.ocs)
}

fn is_good(answer: &OcsAnswer) -> bool {
    matches!(answer.result, AnswerResult::Answered | AnswerResult::Observed | AnswerResult::Partial)
        && answer.code.is_none_or(|code| code == ErrorCode::NO)
}
