//! Sending: wants, frames, journal marks, EventACK and its failures (rules 12, 16).

use std::collections::BTreeMap;

use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::RequestKind;
use crate::message::Target;
use crate::protocol::Time;
use crate::protocol::requester::Requester;
use crate::protocol::requester::asked::{Asked, OcsIx, Place};
use crate::protocol::requester::book::{FlightId, JobId};
use crate::protocol::requester::config::DnAddress;
use crate::protocol::requester::echo::Proof;
use crate::protocol::requester::io::{JournalMark, Output, Progress, SendId};
use crate::protocol::requester::job::{Few, Flight, LegIx, Phase, SendNote, Step, Timer, Want};
use crate::protocol::requester::mutant::Mutant;
use crate::protocol::requester::outcome::{AnswerResult, OcsAnswer, UnknownReason};
use crate::protocol::requester::own::Sent;
use crate::protocol::requester::{after, bump};

/// EventError "no answer in time": the frame may have been delivered.
const TSERVER_TIMEOUT: i32 = 57;

/// A frame in the making.
pub(super) struct Frame {
    pub(super) job: JobId,
    pub(super) legs: Vec<usize>,
    pub(super) settling: bool,
    pub(super) origin: AppDbid,
    pub(super) target: Target,
    pub(super) asked: Asked,
    pub(super) address: DnAddress,
}

impl Requester {
    pub(super) fn add_want(&mut self, want: Want) {
        self.wants.insert(want);
        for key in self.want_keys(want) {
            self.wants_of.entry(key).or_default().insert(want);
        }
    }

    pub(super) fn drop_want(&mut self, want: Want) {
        if !self.wants.remove(&want) {
            return;
        }
        for key in self.want_keys(want) {
            if let Some(wants) = self.wants_of.get_mut(&key) {
                wants.remove(&want);
                if wants.is_empty() {
                    self.wants_of.remove(&key);
                }
            }
        }
    }

    /// The queues of cancel and do-not-call; campaign control is found by its lane.
    fn want_keys(&self, want: Want) -> Vec<(OcsIx, RequestKind)> {
        let Some(job) = self.jobs.get(&want.job) else { return Vec::new() };
        if job.asked.kind.is_campaign_control() {
            return Vec::new();
        }
        let legs = job.legs.iter().enumerate().filter(|(ix, _)| want.leg.is_none_or(|leg| leg == *ix));
        legs.map(|(_, leg)| (leg.ocs, job.asked.kind)).collect()
    }

    /// Something ended: those who may have waited for it try again, in order of submission.
    pub(super) fn serve_freed(&mut self, now: Time) {
        while let Some((ocs, asked)) = self.freed.pop_front() {
            self.pump(now, ocs, &asked);
            let kind = asked.kind;
            if kind.is_campaign_control() {
                continue;
            }
            if self.echo(ocs).names_subject(kind) || self.echo(ocs).reference == Proof::Proved {
                let live = self.live_in_lane(ocs, &asked);
                for job in live {
                    let legs = self.jobs.get(&job).map_or(0, |job| job.legs.len());
                    for leg in 0..legs {
                        self.retry_if_wanted(now, Want { job, leg: Some(leg) });
                    }
                }
            } else {
                while let Some(want) = self.wants_of.get(&(ocs, kind)).and_then(|wants| wants.first().copied()) {
                    let first = |requester: &Self| {
                        requester.wants_of.get(&(ocs, kind)).and_then(|wants| wants.first().copied())
                    };
                    if !self.try_want(now, want) && first(self) == Some(want) {
                        break;
                    }
                }
            }
        }
        if std::mem::take(&mut self.retry_all) {
            // After a link came back: do-not-calls, cancels, then the rest, each in order of submission.
            let rank = |want: &Want| match self.jobs.get(&want.job).map(|job| job.asked.kind) {
                Some(RequestKind::DoNotCall) => 0_u8,
                Some(RequestKind::CancelRecord) => 1,
                _ => 2,
            };
            let mut wants: Vec<Want> = self.wants.iter().copied().collect();
            wants.sort_by_key(rank);
            for want in wants {
                self.retry_if_wanted(now, want);
            }
            if !self.freed.is_empty() {
                self.serve_freed(now);
            }
        }
    }

    pub(super) fn retry_if_wanted(&mut self, now: Time, want: Want) {
        if self.wants.contains(&want) {
            self.try_want(now, want);
        }
    }

    /// True when it went out, or does not want to any more.
    pub(super) fn try_want(&mut self, now: Time, want: Want) -> bool {
        match want.leg {
            None => self.try_first(now, want),
            Some(leg) => self.try_repeat(now, want, leg),
        }
    }

    /// Where echoes are not proved, requests of a kind take addresses in order of submission.
    fn is_next(&self, ocs: OcsIx, kind: RequestKind, want: Want) -> bool {
        let echo = self.echo(ocs);
        if kind.is_campaign_control() || echo.names_subject(kind) || echo.reference == Proof::Proved {
            return true;
        }
        self.wants_of.get(&(ocs, kind)).and_then(|wants| wants.first()) == Some(&want)
    }

    fn try_first(&mut self, now: Time, want: Want) -> bool {
        let Some(job) = self.jobs.get(&want.job) else {
            self.wants.remove(&want);
            return true;
        };
        let asked = job.asked.clone();
        let target = job.target;
        let patient = job.patient;
        let all: Vec<OcsIx> = job.legs.iter().map(|leg| leg.ocs).collect();
        if asked.kind.is_mutating() && !self.may_leave(want.job) {
            // Something urgent went ahead of it.
            self.drop_want(want);
            if let Some(job) = self.jobs.get_mut(&want.job) {
                job.phase = Phase::Queued;
            }
            return false;
        }
        let up: Vec<usize> =
            all.iter().enumerate().filter(|(_, ocs)| self.link_is_up(**ocs)).map(|(leg, _)| leg).collect();
        // A do-not-call reaches the OCSs of a lost link later; the others can as well be asked all at once.
        let enough = if asked.kind == RequestKind::DoNotCall { !up.is_empty() } else { up.len() == all.len() };
        if !enough || !all.iter().all(|ocs| self.is_next(*ocs, asked.kind, want)) {
            return false;
        }
        if asked.kind.is_mutating() && self.shadows_are_full(all.len()) {
            return false;
        }
        let ocss: Vec<OcsIx> = up.iter().filter_map(|leg| all.get(*leg).copied()).collect();
        let Some(origin) = self.choose_origin(&ocss, &asked) else { return false };
        self.drop_want(want);
        if let Some(job) = self.jobs.get_mut(&want.job) {
            job.phase = Phase::Sent;
        }
        let waiters = self.jobs.get(&want.job).map(|job| job.waiters.clone()).unwrap_or_default();
        for waiter in waiters {
            self.arm_waiter(want.job, waiter.id);
        }
        let mut frames: BTreeMap<DnAddress, Vec<usize>> = BTreeMap::new();
        for leg in &up {
            let address = all.get(*leg).and_then(|ocs| self.ocss.get(*ocs)).map(|ocs| ocs.address.clone());
            if let Some(address) = address {
                frames.entry(address).or_default().push(*leg);
            }
        }
        for (address, legs) in frames {
            let frame = Frame { job: want.job, legs, settling: false, origin, target, asked: asked.clone(), address };
            self.emit(now, frame);
        }
        for leg in (0..all.len()).filter(|leg| !up.contains(leg)) {
            self.set_step(want.job, leg, Step::WaitLink);
            let due = (!patient).then(|| after(now, self.config.answer_of(asked.kind)));
            self.arm_leg(want.job, leg, due);
        }
        true
    }

    fn try_repeat(&mut self, now: Time, want: Want, leg: usize) -> bool {
        let Some((asked, ocs, to, patient)) = self.jobs.get(&want.job).and_then(|job| {
            let record = job.legs.get(leg).filter(|record| record.answer.is_none())?;
            Some((job.asked.clone(), record.ocs, record.to, job.patient))
        }) else {
            self.drop_want(want);
            return true;
        };
        if !self.link_is_up(ocs) {
            self.drop_want(want);
            self.wait_for_link(now, want.job, leg, patient);
            return true;
        }
        if !self.is_next(ocs, asked.kind, want) || self.shadows_are_full(1) {
            return false;
        }
        let before = self.jobs.get(&want.job).and_then(|job| job.legs.get(leg)).and_then(|leg| leg.sends.last());
        let before = before.map(|send| send.origin).filter(|_| self.is(Mutant::RepeatsIntoOwnShadow));
        let Some(origin) = before.or_else(|| self.choose_origin(&[ocs], &asked)) else { return false };
        self.drop_want(want);
        let older = self
            .jobs
            .get(&want.job)
            .and_then(|job| job.legs.get(leg))
            .and_then(|leg| leg.flight.as_ref())
            .map(Flight::id);
        if let Some(older) = older {
            self.retire_full(now, older);
        }
        self.set_step(want.job, leg, Step::Idle);
        let Some(address) = self.ocss.get(ocs).map(|ocs| ocs.address.clone()) else { return true };
        let target = Target::One(to);
        self.emit(now, Frame { job: want.job, legs: vec![leg], settling: false, origin, target, asked, address });
        true
    }

    pub(super) fn set_step(&mut self, job: JobId, leg: usize, step: Step) {
        if let Some(record) = self.jobs.get_mut(&job).and_then(|job| job.legs.get_mut(leg)) {
            record.step = step;
        }
    }

    /// Gives out one frame and takes note of a flight for each OCS it is for.
    pub(super) fn emit(&mut self, now: Time, frame: Frame) -> Option<FlightId> {
        let Frame { job, legs, settling, origin, target, asked, address } = frame;
        let send = SendId(self.next_send);
        let reference = self.config.send_reference_id.then(|| reference_of(send));
        let until = after(now, self.config.answer_of(asked.kind));
        self.tick = self.tick.saturating_add(1);
        let mut ocss = Vec::with_capacity(legs.len());
        let mut flights = Few::new();
        for leg in &legs {
            let number = self.next_send;
            self.next_send = self.next_send.saturating_add(1);
            let Some(ocs) = self.jobs.get(&job).and_then(|job| job.legs.get(*leg)).map(|leg| leg.ocs) else { continue };
            let place = Place { ocs, origin };
            if let Some(peer) = self.ocss.get_mut(ocs) {
                peer.used.insert(origin, self.tick);
                ocss.push(peer.dbid);
            }
            let flight = Flight {
                number,
                job,
                leg: leg_ix(*leg),
                settling,
                place,
                asked: asked.clone(),
                emitted: now,
                sent: None,
                until,
                due: until,
                checking: false,
                reference,
            };
            let id = self.launch(flight);
            flights.push(id);
            if let Some(reference) = reference {
                self.references.insert((ocs, reference), id);
            }
            if !settling {
                self.note_send(now, job, *leg, SendNote { send, origin, at: now }, asked.kind);
            }
        }
        // One number is used even if no OCS was left, so that frames never share one.
        self.next_send = self.next_send.max(send.0.saturating_add(1));
        let own_until = after(after(now, self.config.b_of(asked.kind)), self.config.d);
        let own = (origin, target.dbid(), &asked);
        let first = flights.first().copied();
        let sent = Sent { flights, address: address.clone(), until: own_until };
        if let Some((oldest, due)) = self.own.insert(send, own, sent, self.config.own_frames_max) {
            self.timers.clear((due, Timer::Own(oldest)));
        }
        self.set_timer(own_until, Timer::Own(send));
        if asked.kind.is_mutating() {
            let requests = self.jobs.get(&job).map(|job| job.waiters.iter().map(|waiter| waiter.id).collect());
            let requests = requests.unwrap_or_default();
            let mark = JournalMark { send, requests, ocss, address: address.clone(), origin, kind: asked.kind };
            self.out.push_back(Output::Journal(mark));
        }
        bump(&mut self.counters.sends);
        let message = CommDnMessage { origin, target, reference_id: reference, body: asked.body.clone() };
        self.out.push_back(Output::Send { send, address, message });
        if !settling {
            self.progress(job, &Progress::Sent { send, origin });
        }
        first
    }

    /// Takes note of a flight, so that what it is about finds it.
    pub(super) fn launch(&mut self, flight: Flight) -> FlightId {
        let (id, until) = (flight.id(), flight.until);
        self.live.insert(flight.place, flight.asked.kind, flight.job.slot());
        self.jobs.launch(flight);
        self.set_timer(until, Timer::Flight(id));
        id
    }

    fn note_send(&mut self, now: Time, job: JobId, leg: usize, note: SendNote, kind: RequestKind) {
        let give_up = self.settled_by(now, after(now, self.config.b_of(kind)));
        let asked_from = after(now, self.config.unload_asked_after);
        if let Some(record) = self.jobs.get_mut(&job).and_then(|job| job.legs.get_mut(leg)) {
            record.sends.push(note);
            record.give_up = give_up;
        }
        if kind == RequestKind::Unload {
            self.set_step(job, leg, Step::Ask);
            self.arm_leg(job, leg, Some(asked_from));
        }
    }

    /// The flights of a frame that is remembered.
    fn flights_of(&self, send: SendId) -> Few<FlightId> {
        self.own.flights(send).filter(|id| self.jobs.flight(*id).is_some()).collect()
    }

    pub(super) fn on_acked(&mut self, now: Time, send: SendId) {
        for number in self.flights_of(send) {
            let Some(flight) = self.jobs.flight_mut(number) else { continue };
            if flight.sent.is_some() {
                continue;
            }
            flight.sent = Some(now);
            let (kind, job, leg, settling) = (flight.asked.kind, flight.job, flight.leg(), flight.settling);
            self.arm_flight(number, after(now, self.config.answer_of(kind)));
            let give_up = self.settled_by(now, after(now, self.config.b_of(kind)));
            if let Some(record) = self.jobs.get_mut(&job).and_then(|job| job.legs.get_mut(leg))
                && !settling
            {
                record.give_up = give_up;
            }
        }
    }

    pub(super) fn on_send_failed(&mut self, now: Time, send: SendId, tserver_code: Option<i32>) {
        let refused = tserver_code.filter(|code| *code != TSERVER_TIMEOUT);
        for number in self.flights_of(send) {
            let Some(flight) = self.jobs.flight_mut(number) else { continue };
            let Some(code) = refused else {
                // It may have been delivered by now: count B from here.
                flight.sent.get_or_insert(now);
                continue;
            };
            let (job, leg, settling, kind) = (flight.job, flight.leg(), flight.settling, flight.asked.kind);
            self.remove_flight(number);
            if settling {
                self.ask_again(now, job, leg, false);
                continue;
            }
            let patient = self.jobs.get(&job).is_some_and(|job| job.patient);
            if kind == RequestKind::DoNotCall && patient {
                self.schedule_repeat(now, job, leg);
                continue;
            }
            let Some(record) = self.jobs.get(&job).and_then(|job| job.legs.get(leg)) else { continue };
            let silent = OcsAnswer::silent(self.ocs_dbid(record.ocs), UnknownReason::LinkDown, record.took(now));
            let code = Some(crate::message::ErrorCode(code));
            let answer = OcsAnswer { result: AnswerResult::NotSent, unknown: None, code, ..silent };
            self.finish_leg(now, job, leg, answer);
        }
    }
}

/// There are far fewer OCSs in a configuration.
pub(super) fn leg_ix(leg: usize) -> LegIx {
    LegIx::try_from(leg).unwrap_or(LegIx::MAX)
}

/// Counted from 1, within the positive ints.
fn reference_of(send: SendId) -> i32 {
    const RANGE: u64 = 0x7fff_ffff;
    let number = send.0.checked_rem(RANGE).unwrap_or(0).saturating_add(1);
    i32::try_from(number).unwrap_or(1)
}
