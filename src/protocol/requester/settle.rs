//! Rules 10 and 11: what is not known is asked (campaign control) or repeated (do-not-call); lost links.

use std::time::Duration;

use crate::message::CampaignSchedule;
use crate::message::ErrorCode;
use crate::message::GetCampaignStatus;
use crate::message::GroupCampStatus;
use crate::message::Message;
use crate::message::RequestKind;
use crate::message::Target;
use crate::protocol::Time;
use crate::protocol::correlate::is_in_effect;
use crate::protocol::requester::Requester;
use crate::protocol::requester::after;
use crate::protocol::requester::asked::{Asked, OcsIx};
use crate::protocol::requester::book::{FlightId, JobId};
use crate::protocol::requester::config::{LinkId, REPEATS_MAX, SETTLE_PAUSE_MAX, SETTLE_RETRY};
use crate::protocol::requester::echo::EchoFact;
use crate::protocol::requester::event::Addressed;
use crate::protocol::requester::io::Progress;
use crate::protocol::requester::job::{Flight, Phase, Step, Want};
use crate::protocol::requester::mutant::Mutant;
use crate::protocol::requester::outcome::{OcsAnswer, UnknownReason, Why};
use crate::protocol::requester::send::Frame;

impl Requester {
    /// No answer in time.
    pub(super) fn on_flight_due(&mut self, now: Time, number: FlightId) {
        let Some(flight) = self.jobs.flight(number) else { return };
        let (job, leg, kind, place) = (flight.job, flight.leg(), flight.asked.kind, flight.place);
        let (settling, emitted) = (flight.settling, flight.emitted);
        self.retire_full(now, number);
        if settling {
            self.ask_again(now, job, leg, false);
            return;
        }
        let doubted = self.doubts.get(&place).is_some_and(|at| *at >= emitted);
        let Some(record) = self.jobs.get_mut(&job) else { return };
        let patient = record.patient;
        let Some(record) = record.legs.get_mut(leg) else { return };
        record.suspect |= doubted;
        let unreferenced = std::mem::take(&mut record.unreferenced);
        let (step, reason) = (record.step, record.reason());
        if unreferenced {
            self.note_echo(place.ocs, EchoFact::Reference, false);
        }
        if !self.link_is_up(place.ocs) {
            self.wait_for_link(now, job, leg, patient);
            return;
        }
        match kind {
            RequestKind::DoNotCall => self.schedule_repeat(now, job, leg),
            RequestKind::CancelRecord | RequestKind::Status => self.finish_silent(now, job, leg, reason),
            _ if step == Step::Idle => self.begin_settling(now, job, leg),
            _ => {}
        }
    }

    /// The link is down past the deadline: only a journaled do-not-call waits for it.
    pub(super) fn wait_for_link(&mut self, now: Time, job: JobId, leg: usize, patient: bool) {
        if patient {
            self.set_step(job, leg, Step::WaitLink);
            self.arm_leg(job, leg, None);
        } else {
            self.finish_silent(now, job, leg, UnknownReason::LinkDown);
        }
    }

    pub(super) fn on_leg_due(&mut self, now: Time, job: JobId, leg: usize) {
        let Some(record) = self.jobs.get_mut(&job).and_then(|job| job.legs.get_mut(leg)) else { return };
        record.due = None;
        let (step, give_up) = (record.step, record.give_up);
        match step {
            Step::Ask | Step::Asking if now >= give_up => {
                let reason = self.jobs.get(&job).and_then(|job| job.legs.get(leg)).map(|leg| leg.reason());
                self.finish_silent(now, job, leg, reason.unwrap_or(UnknownReason::Silent));
            }
            Step::Ask => self.ask(now, job, leg),
            Step::Repeat => {
                self.set_step(job, leg, Step::RepeatWanted);
                let want = Want { job, leg: Some(leg) };
                self.add_want(want);
                self.try_want(now, want);
            }
            Step::WaitLink => self.finish_silent(now, job, leg, UnknownReason::LinkDown),
            Step::Idle | Step::Asking | Step::RepeatWanted => {}
        }
    }

    /// Campaign control only: asks now, unless it is asking already.
    pub(super) fn begin_settling(&mut self, now: Time, job: JobId, leg: usize) {
        let Some(record) = self.jobs.get(&job).and_then(|job| job.legs.get(leg)) else { return };
        let first = match record.step {
            Step::Idle | Step::WaitLink => true,
            Step::Ask => record.asks == 0,
            Step::Asking | Step::Repeat | Step::RepeatWanted => false,
        };
        if first {
            self.progress(job, &Progress::Settling);
            self.ask(now, job, leg);
        }
    }

    /// One question at a time, on a DBID where no older answer can be taken for it.
    fn ask(&mut self, now: Time, job: JobId, leg: usize) {
        let Some((record, asked)) = self.jobs.get(&job).and_then(|job| Some((job.legs.get(leg)?, job.asked.clone())))
        else {
            return;
        };
        let (ocs, to, give_up) = (record.ocs, record.to, record.give_up);
        let sent = record.sends.first().map_or(now, |send| send.at);
        let Some(pair) = asked.pair() else { return };
        if !self.link_is_up(ocs) {
            self.set_step(job, leg, Step::WaitLink);
            self.arm_leg(job, leg, Some(give_up));
            return;
        }
        let from = self.believed_from(ocs, sent);
        if now < from {
            let last = give_up.max(after(from, self.config.answer));
            if let Some(record) = self.jobs.get_mut(&job).and_then(|job| job.legs.get_mut(leg)) {
                record.give_up = last;
            }
            self.set_step(job, leg, Step::Ask);
            self.arm_leg(job, leg, Some(from));
            return;
        }
        let address = self.ocss.get(ocs).map(|ocs| ocs.address.clone());
        // A question leaves shadows as well.
        let origin = if self.shadows_are_full(1) { None } else { self.choose_settling(ocs, pair, sent) };
        let (Some(origin), Some(address)) = (origin, address) else {
            self.set_step(job, leg, Step::Ask);
            self.arm_leg(job, leg, Some(after(now, SETTLE_RETRY).min(give_up)));
            return;
        };
        let mut read = GetCampaignStatus::new(pair);
        let description = asked.body.schedule().map(|schedule| schedule.description.clone());
        read.schedule = description.map(|description| CampaignSchedule { description, ..CampaignSchedule::default() });
        let Some(question) = Asked::of(Message::from(read)) else { return };
        let target = Target::One(to);
        let frame = Frame { job, legs: vec![leg], settling: true, origin, target, asked: question, address };
        if self.emit(now, frame).is_some() {
            self.set_step(job, leg, Step::Asking);
        }
        self.arm_leg(job, leg, Some(give_up));
    }

    /// From when on a status tells what came of a request: after a restart questions are forgotten, and where
    /// notifications are addressed to us, only B and D tell an older one from an answer.
    fn believed_from(&self, ocs: OcsIx, sent: Time) -> Time {
        let notifies = self.ocss.get(ocs).is_some_and(|peer| peer.notifies);
        if self.is(Mutant::SettlesFromOlderStatus) {
            Time::ZERO
        } else if notifies {
            self.questions_until.max(after(after(sent, self.config.b), self.config.d))
        } else {
            self.questions_until
        }
    }

    /// When settling gives up: after a restart not before a question could be asked and answered.
    pub(super) fn settled_by(&self, now: Time, give_up: Time) -> Time {
        let asked = after(self.questions_until, self.config.answer);
        if now < self.questions_until { give_up.max(asked) } else { give_up }
    }

    /// The answer to a question of settling.
    pub(super) fn on_told(&mut self, event: &Addressed<'_>, number: FlightId) {
        let Some((job, leg)) = self.jobs.flight(number).map(|flight| (flight.job, flight.leg())) else { return };
        self.retire_answered(event.now, number, event.message);
        let Some(record) = self.jobs.get(&job) else { return };
        let state = match &event.message.body {
            Message::CampaignStatus(state) if state.0.error.is_none_or(|code| code == ErrorCode::NO) => Some(&state.0),
            _ => None,
        };
        let kind = record.asked.kind;
        let sent = record.legs.get(leg).and_then(|leg| leg.sends.first()).map_or(event.now, |send| send.at);
        if event.now < self.believed_from(event.place.ocs, sent) {
            self.ask_again(event.now, job, leg, false);
            return;
        }
        if state.is_some_and(|state| is_in_effect(&record.asked.body, state)) {
            self.resolve_by_status(event, job, leg);
            return;
        }
        let status = state.and_then(|state| state.status);
        let ending = matches!(status, Some(GroupCampStatus::WAITING_UNLOAD | GroupCampStatus::UNLOAD_IN_PROGRESS));
        if kind == RequestKind::Unload && ending {
            self.accept_draining(event, job, leg);
        }
        self.ask_again(event.now, job, leg, status.is_some());
    }

    fn resolve_by_status(&mut self, event: &Addressed<'_>, job: JobId, leg: usize) {
        let Some(record) = self.jobs.get(&job).and_then(|job| job.legs.get(leg)) else { return };
        let (ocs, took, flight) = (record.ocs, record.took(event.now), record.flight.as_ref().map(Flight::id));
        if let Some(flight) = flight {
            self.retire_full(event.now, flight);
        }
        self.set_step(job, leg, Step::Idle);
        let told = OcsAnswer::of_event(self.ocs_dbid(ocs), Why::ByStatus, event.message, event.frame, took);
        let answer = OcsAnswer { result: crate::protocol::requester::AnswerResult::Answered, ..told };
        self.finish_leg(event.now, job, leg, answer);
    }

    /// After 1, 2, 4 ... seconds, until sent + B.
    pub(super) fn ask_again(&mut self, now: Time, job: JobId, leg: usize, told: bool) {
        let Some(record) = self.jobs.get_mut(&job).and_then(|job| job.legs.get_mut(leg)) else { return };
        let pause = Duration::from_secs(1_u64.checked_shl(record.asks).unwrap_or(u64::MAX)).min(SETTLE_PAUSE_MAX);
        record.asks = record.asks.saturating_add(1);
        record.told |= told;
        record.step = Step::Ask;
        let due = after(now, pause).min(record.give_up.max(now));
        self.arm_leg(job, leg, Some(due));
    }

    /// Rule 7: at most once per timeout, with backoff, at most three times.
    pub(super) fn schedule_repeat(&mut self, now: Time, job: JobId, leg: usize) {
        let Some(record) = self.jobs.get(&job).and_then(|job| job.legs.get(leg)) else { return };
        if matches!(record.step, Step::Repeat | Step::RepeatWanted) {
            return;
        }
        let sends = u32::try_from(record.sends.len()).unwrap_or(u32::MAX);
        if sends > REPEATS_MAX && record.flight.is_some() {
            return; // the last repeat may still be answered; its own deadline comes back here
        }
        if sends > REPEATS_MAX {
            let reason = record.reason();
            self.finish_silent(now, job, leg, reason);
            return;
        }
        let due = record.sends.last().map_or(now, |last| {
            let times = 1_u32.checked_shl(sends.saturating_sub(1)).unwrap_or(u32::MAX);
            after(last.at, self.config.answer.saturating_mul(times)).max(now)
        });
        self.progress(job, &Progress::Settling);
        self.set_step(job, leg, Step::Repeat);
        self.arm_leg(job, leg, Some(due));
    }

    /// Rule 11: everything in flight may or may not have arrived.
    pub(super) fn on_link_down(&mut self, now: Time, link: LinkId) {
        if !self.links.remove(&link) {
            return;
        }
        for number in self.flights_on(link) {
            let Some(flight) = self.jobs.flight_mut(number) else { continue };
            flight.sent.get_or_insert(now);
            flight.checking = true;
            let (job, leg, settling) = (flight.job, flight.leg(), flight.settling);
            if settling {
                self.retire_full(now, number);
                self.set_step(job, leg, Step::WaitLink);
            } else {
                self.progress(job, &Progress::Checking);
            }
        }
    }

    fn flights_on(&self, link: LinkId) -> Vec<FlightId> {
        let on = |ocs: OcsIx| self.ocss.get(ocs).is_some_and(|peer| peer.address.link == link);
        self.jobs.flights_in_order().into_iter().filter(|flight| on(flight.place.ocs)).map(Flight::id).collect()
    }

    pub(super) fn on_link_up(&mut self, now: Time, link: LinkId) {
        self.links.insert(link);
        if self.is(Mutant::ForgetsShadowsOnReconnect) {
            self.shadows = crate::protocol::requester::shadow::Shadows::default();
        }
        // Do-not-call goes first, what waited for the link and what is repeated; then everything else.
        self.take_up(now, link, true);
        let waiting = self
            .wants
            .iter()
            .filter(|want| self.jobs.get(&want.job).is_some_and(|job| job.asked.kind == RequestKind::DoNotCall));
        for want in waiting.copied().collect::<Vec<Want>>() {
            self.retry_if_wanted(now, want);
        }
        self.take_up(now, link, false);
        self.retry_all = true;
    }

    /// Takes up again what was in flight, or waited for its link: do-not-call, or all the rest.
    fn take_up(&mut self, now: Time, link: LinkId, do_not_call: bool) {
        let is_turn = |kind: RequestKind| (kind == RequestKind::DoNotCall) == do_not_call;
        for number in self.flights_on(link) {
            let Some(flight) = self.jobs.flight_mut(number) else { continue };
            if !is_turn(flight.asked.kind) || !std::mem::take(&mut flight.checking) {
                continue;
            }
            let (job, leg, kind) = (flight.job, flight.leg(), flight.asked.kind);
            // A read changes nothing and is simply asked again.
            if kind == RequestKind::Status {
                self.read_again(now, number, job, leg);
                continue;
            }
            let sent = flight.sent.unwrap_or(now);
            let candidate_until = after(sent, self.config.b_of(kind)).max(now);
            self.arm_flight(number, candidate_until);
            let give_up = self.settled_by(now, candidate_until);
            if let Some(record) = self.jobs.get_mut(&job).and_then(|job| job.legs.get_mut(leg)) {
                record.give_up = give_up;
            }
            match kind {
                RequestKind::DoNotCall => self.schedule_repeat(now, job, leg),
                RequestKind::CancelRecord => {}
                _ => self.begin_settling(now, job, leg),
            }
        }
        for (job, leg, kind) in self.waiting_for(link).into_iter().filter(|(_, _, kind)| is_turn(*kind)) {
            match kind {
                RequestKind::DoNotCall => self.schedule_repeat(now, job, leg),
                _ => self.begin_settling(now, job, leg),
            }
        }
    }

    fn waiting_for(&self, link: LinkId) -> Vec<(JobId, usize, RequestKind)> {
        let on = |ocs: OcsIx| self.ocss.get(ocs).is_some_and(|peer| peer.address.link == link);
        let sent = self.jobs.in_order().filter(|(_, job)| job.phase == Phase::Sent);
        let legs = sent.flat_map(|(number, job)| {
            let kind = job.asked.kind;
            job.legs.iter().enumerate().map(move |(ix, leg)| (number, ix, kind, leg))
        });
        let waits = legs.filter(|(_, _, _, leg)| leg.step == Step::WaitLink && on(leg.ocs));
        waits.map(|(job, leg, kind, _)| (job, leg, kind)).collect()
    }

    fn read_again(&mut self, now: Time, number: FlightId, job: JobId, leg: usize) {
        self.retire_full(now, number);
        let Some((record, asked)) = self.jobs.get(&job).and_then(|job| Some((job.legs.get(leg)?, job.asked.clone())))
        else {
            return;
        };
        let (ocs, to) = (record.ocs, record.to);
        let address = self.ocss.get(ocs).map(|peer| peer.address.clone());
        let (Some(origin), Some(address)) = (self.choose_origin(&[ocs], &asked), address) else { return };
        let target = Target::One(to);
        self.emit(now, Frame { job, legs: vec![leg], settling: false, origin, target, asked, address });
    }

    /// What stands in a lane after a restart is live there, as it was.
    pub(super) fn occupy(&mut self, job: JobId) {
        let Some(record) = self.jobs.get_mut(&job) else { return };
        record.phase = Phase::Sent;
    }
}
