//! Rules 5 and 9: submissions, lanes, superseding and joining.

use smallvec::smallvec;

use crate::message::AppDbid;
use crate::message::Message;
use crate::message::RequestKind;
use crate::message::Target;
use crate::protocol::Time;
use crate::protocol::requester::Requester;
use crate::protocol::requester::asked::{Asked, OcsIx};
use crate::protocol::requester::book::JobId;
use crate::protocol::requester::config::SHADOWS_PER_SEND;
use crate::protocol::requester::finder::Tag;
use crate::protocol::requester::io::{Output, RequestId, Submission};
use crate::protocol::requester::job::{Few, Job, Leg, Phase, Timer, Waiter, Want};
use crate::protocol::requester::mutant::Mutant;
use crate::protocol::requester::outcome::{Limit, LocalRefusal, NotSent, Outcome, RefusedBy, UnknownReason};
use crate::protocol::requester::{after, bump};

impl Requester {
    pub(super) fn submit(&mut self, now: Time, submission: Submission) {
        if self.job_of(submission.id).is_some() {
            // The one that is open ends once; a second outcome under the same number would break that.
            bump(&mut self.counters.duplicate_ids);
            return;
        }
        let id = submission.id;
        if let Err(by) = self.try_submit(now, submission) {
            bump(&mut self.counters.refused_locally);
            self.out.push_back(Output::Outcome { id, outcome: Outcome::Refused { by, answers: Vec::new() } });
        }
    }

    fn try_submit(&mut self, now: Time, submission: Submission) -> Result<(), RefusedBy> {
        let Submission { id, target, body, deadline, durable } = submission;
        let number = body.message_type();
        let asked = Asked::of(body).ok_or(LocalRefusal::NotARequest(number))?;
        let legs = self.legs(target, asked.kind)?;
        if self.config.pool.is_empty() {
            return Err(LocalRefusal::NoOrigin.into());
        }
        if self.requests.len() >= self.config.requests_max {
            return Err(RefusedBy::Overloaded(Limit::Requests));
        }
        let patient = durable && asked.kind == RequestKind::DoNotCall;
        // After a restart what is before it in its lane may have to wait for the first questions.
        let from = now.max(self.questions_until);
        let waiter = Waiter {
            id,
            deadline: deadline.map(|wait| after(now, wait)),
            unsent_until: (!patient).then(|| after(from, self.config.lane_wait)),
            due: None,
        };
        if asked.kind == RequestKind::Status {
            self.submit_read(now, asked, target, legs, waiter);
            return Ok(());
        }
        if self.shadows_are_full(legs.len()) {
            return Err(RefusedBy::Overloaded(Limit::Shadows));
        }
        let urgent = is_urgent(asked.kind);
        let over = self.is(Mutant::JoinsStopOverStart).then(|| self.equal_in_lane(&asked, &legs)).flatten();
        if let Some(job) = over {
            self.join(job, waiter, patient);
            return Ok(());
        }
        if urgent {
            self.supersede(now, &asked, &legs);
        }
        if let Some(job) = self.joinable(&asked, target, &legs) {
            self.join(job, waiter, patient);
            return Ok(());
        }
        for leg in &legs {
            let waiting = self.waiting_in_lane(leg.ocs, &asked).len();
            if waiting >= self.config.lane_length {
                return Err(RefusedBy::Overloaded(Limit::Lane));
            }
        }
        let ocss: Few<OcsIx> = legs.iter().map(|leg| leg.ocs).collect();
        let job = self.new_job(now, asked.clone(), target, legs, patient);
        self.enter(job, waiter, patient);
        for ocs in ocss {
            self.pump(now, ocs, &asked);
        }
        self.arm_unsent(job, waiter.id);
        Ok(())
    }

    /// Rule 9: to whom it goes.
    fn legs(&self, target: Target, kind: RequestKind) -> Result<Few<Leg>, LocalRefusal> {
        match target {
            Target::One(dbid) => {
                let ocs = self.by_dbid.get(&dbid).ok_or(LocalRefusal::UnknownOcs(dbid))?;
                Ok(smallvec![Leg::new(*ocs, dbid)])
            }
            Target::Every if !matches!(kind, RequestKind::CancelRecord | RequestKind::DoNotCall) => {
                Err(LocalRefusal::TargetZero)
            }
            Target::Every if self.ocss.is_empty() => Err(LocalRefusal::NoOcs),
            Target::Every => Ok(self.ocss.iter().enumerate().map(|(ocs, peer)| Leg::new(ocs, peer.dbid)).collect()),
        }
    }

    pub(super) fn legs_of_every(&self) -> Few<Leg> {
        self.ocss.iter().enumerate().map(|(ocs, peer)| Leg::new(ocs, peer.dbid)).collect()
    }

    pub(super) fn leg_of(&self, dbid: AppDbid) -> Option<Leg> {
        self.by_dbid.get(&dbid).map(|ocs| Leg::new(*ocs, dbid))
    }

    pub(super) fn new_job(&mut self, now: Time, asked: Asked, target: Target, legs: Few<Leg>, patient: bool) -> JobId {
        let keys = asked.clone();
        let (waiters, phase) = (Few::new(), Phase::Queued);
        let job =
            self.jobs.insert(Job { asked, target, waiters, legs, phase, submitted: now, patient, joinable: false });
        self.enter_lanes(job, &keys);
        job
    }

    /// Shadows that may come of what is live count as if they were there.
    pub(super) fn shadows_are_full(&mut self, more: usize) -> bool {
        let to_come = self.jobs.flights().saturating_add(more).saturating_mul(SHADOWS_PER_SEND);
        let full = self.shadows.len().saturating_add(to_come) > self.config.shadows_max;
        if full && !self.shadows_full {
            self.shadows_full = true;
            self.out.push_back(Output::Alarm(crate::protocol::requester::Alarm::ShadowsFull));
        }
        full
    }

    /// Joins, and waits from now on.
    pub(super) fn join(&mut self, job: JobId, waiter: Waiter, patient: bool) {
        self.enter(job, waiter, patient);
        self.arm_waiter(job, waiter.id);
    }

    fn enter(&mut self, job: JobId, waiter: Waiter, patient: bool) {
        let Some(record) = self.jobs.get_mut(&job) else { return };
        record.patient |= patient;
        record.waiters.push(waiter);
        self.requests.insert(Tag::of_number(waiter.id.0), job.slot());
    }

    /// Rule 5: joins only the last of its lanes, only while that is not on the wire (do-not-call: also then).
    fn joinable(&self, asked: &Asked, target: Target, legs: &[Leg]) -> Option<JobId> {
        let mut last = None;
        for leg in legs {
            let job = self.last_in_lane(leg.ocs, asked)?;
            if *last.get_or_insert(job) != job {
                return None;
            }
        }
        let number = last?;
        let job = self.jobs.get(&number)?;
        let in_time = job.phase != Phase::Sent || asked.kind == RequestKind::DoNotCall;
        (in_time && job.target == target && job.asked.body == asked.body).then_some(number)
    }

    /// For a mutant: any equal request that waits.
    fn equal_in_lane(&self, asked: &Asked, legs: &[Leg]) -> Option<JobId> {
        let equal = |job: &JobId| self.jobs.get(job).is_some_and(|job| job.asked.body == asked.body);
        self.waiting_in_lane(legs.first()?.ocs, asked).into_iter().find(equal)
    }

    fn supersede(&mut self, now: Time, asked: &Asked, legs: &[Leg]) {
        for leg in legs {
            let mut waiting = self.waiting_in_lane(leg.ocs, asked);
            waiting.retain(|job| self.is_superseded(*job));
            for job in waiting {
                let outcome = Outcome::Refused { by: RefusedBy::Superseded, answers: Vec::new() };
                self.finish_job(now, job, &outcome);
            }
        }
    }

    fn is_superseded(&self, job: JobId) -> bool {
        use RequestKind::{Load, SetMode, Start};
        self.jobs.get(&job).is_some_and(|job| matches!(job.asked.kind, Load | Start | SetMode))
    }

    /// Reads wait for no lane; a read joins one that was sent after the lane's last outcome.
    fn submit_read(&mut self, now: Time, asked: Asked, target: Target, legs: Few<Leg>, waiter: Waiter) {
        let Some(ocs) = legs.first().map(|leg| leg.ocs) else { return };
        let before = self.read_in_lane(ocs, &asked);
        let same = |job: &JobId| {
            self.jobs.get(job).is_some_and(|job| job.target == target && same_read(&job.asked.body, &asked.body))
        };
        if let Some(job) = before.filter(same) {
            self.join(job, waiter, false);
            return;
        }
        self.forget_read(ocs, &asked);
        let job = self.new_job(now, asked, target, legs, false);
        self.enter(job, waiter, false);
        if let Some(job) = self.jobs.get_mut(&job) {
            job.joinable = true;
        }
        self.want_first(now, job);
        self.arm_unsent(job, waiter.id);
    }

    /// Lets leave what may leave, from the head of a lane on.
    pub(super) fn pump(&mut self, now: Time, ocs: OcsIx, asked: &Asked) {
        while let Some(head) = self.head_of_lane(ocs, asked) {
            let Some(job) = self.jobs.get(&head) else { return };
            let sent = match job.phase {
                Phase::Queued if self.may_leave(head) => self.want_first(now, head),
                Phase::Wanting => self.try_want(now, Want { job: head, leg: None }),
                Phase::Queued | Phase::Sent => return,
            };
            if !sent {
                return;
            }
        }
    }

    /// Its turn in every lane it waits in.
    pub(super) fn may_leave(&self, number: JobId) -> bool {
        let Some(job) = self.jobs.get(&number) else { return false };
        job.legs.iter().all(|leg| {
            self.head_of_lane(leg.ocs, &job.asked) == Some(number)
                && (self.is(Mutant::FirstFit) || self.lane_admits(leg.ocs, &job.asked))
        })
    }

    fn want_first(&mut self, now: Time, job: JobId) -> bool {
        if let Some(record) = self.jobs.get_mut(&job) {
            record.phase = Phase::Wanting;
        }
        let want = Want { job, leg: None };
        self.add_want(want);
        self.try_want(now, want)
    }

    /// A submission that has just come needs no timer if it left at once and has no deadline.
    fn arm_unsent(&mut self, job: JobId, id: RequestId) {
        if self.jobs.get(&job).is_some_and(|job| job.phase != Phase::Sent) {
            self.arm_waiter(job, id);
        }
    }

    pub(super) fn arm_waiter(&mut self, job: JobId, id: RequestId) {
        let Some(record) = self.jobs.get_mut(&job) else { return };
        let unsent = record.phase != Phase::Sent;
        let Some(waiter) = record.waiters.iter_mut().find(|waiter| waiter.id == id) else { return };
        if let Some(due) = waiter.due {
            self.timers.clear((due, Timer::Waiter(id)));
        }
        let until = if unsent { waiter.unsent_until } else { None };
        waiter.due = waiter.deadline.into_iter().chain(until).min();
        if let Some(due) = waiter.due {
            self.set_timer(due, Timer::Waiter(id));
        }
    }

    /// A waiter leaves; the request on the wire lives on for the others.
    pub(super) fn on_waiter_due(&mut self, now: Time, id: RequestId) {
        let Some(number) = self.job_of(id) else { return };
        let Some(job) = self.jobs.get_mut(&number) else { return };
        let Some(waiter) = job.waiters.iter_mut().find(|waiter| waiter.id == id) else { return };
        waiter.due = None;
        let overdue = waiter.deadline.is_some_and(|deadline| deadline <= now);
        let sent = job.phase == Phase::Sent;
        if sent && !overdue {
            self.arm_waiter(number, id);
            return;
        }
        let outcome = if sent {
            let answers = self.answers_so_far(now, number, UnknownReason::Deadline);
            Outcome::Unknown { reason: UnknownReason::Deadline, answers }
        } else {
            Outcome::Refused { by: RefusedBy::NotSent(self.why_unsent(number)), answers: Vec::new() }
        };
        if self.jobs.get(&number).is_some_and(|job| job.waiters.len() <= 1) {
            self.finish_job(now, number, &outcome);
            return;
        }
        if let Some(job) = self.jobs.get_mut(&number) {
            job.waiters.retain(|waiter| waiter.id != id);
        }
        self.requests.remove(Tag::of_number(id.0), number.slot());
        self.out.push_back(Output::Outcome { id, outcome });
    }

    pub(super) fn why_unsent(&self, number: JobId) -> NotSent {
        let Some(job) = self.jobs.get(&number) else { return NotSent::Lane };
        if job.phase == Phase::Queued {
            return NotSent::Lane;
        }
        let up = job.legs.iter().all(|leg| self.link_is_up(leg.ocs));
        if up { NotSent::Address } else { NotSent::LinkDown }
    }
}

/// Stop and force unload.
pub(super) fn is_urgent(kind: RequestKind) -> bool {
    matches!(kind, RequestKind::Stop | RequestKind::ForceUnload)
}

fn same_read(one: &Message, other: &Message) -> bool {
    one == other
}
