//! Lanes (rule 5): the open requests of one subject at one OCS. A lane has no record of its own: its members are found
//! by their subject, and stand in it as their own records say.

use crate::message::Message;
use crate::message::RequestKind;
use crate::protocol::requester::Requester;
use crate::protocol::requester::asked::{Asked, Key, OcsIx};
use crate::protocol::requester::book::JobId;
use crate::protocol::requester::finder::Tag;
use crate::protocol::requester::io::RequestId;
use crate::protocol::requester::job::{Few, Job, Phase};

impl Requester {
    /// The jobs that are found by a key of a subject.
    pub(super) fn about(&self, key: Key) -> impl Iterator<Item = (JobId, &Job)> {
        let jobs = self.subjects.find(Tag::of(&key)).filter_map(|slot| self.jobs.at(slot));
        jobs.filter(move |(_, job)| job.asked.keys_of_subject().any(|other| other == key))
    }

    /// Everybody in a lane, reads included: the key and the subject are those of a request, or of the echo of one.
    pub(super) fn in_lane<'s>(
        &'s self,
        ocs: OcsIx,
        key: Key,
        subject: &'s Message,
    ) -> impl Iterator<Item = (JobId, &'s Job)> {
        let legs_here = move |job: &Job| job.legs.iter().any(|leg| leg.ocs == ocs);
        self.about(key).filter(move |(_, job)| job.asked.is_about(subject) && legs_here(job))
    }

    /// The job of an open submission.
    pub(super) fn job_of(&self, id: RequestId) -> Option<JobId> {
        let mut jobs = self.requests.find(Tag::of_number(id.0)).filter_map(|slot| self.jobs.at(slot));
        let (job, _) = jobs.find(|(_, job)| job.waiters.iter().any(|waiter| waiter.id == id))?;
        Some(job)
    }

    /// A new job takes its place in its lanes.
    pub(super) fn enter_lanes(&mut self, number: JobId, asked: &Asked) {
        for key in asked.keys_of_subject() {
            self.subjects.insert(Tag::of(&key), number.slot());
        }
        let legs = self.jobs.get(&number).map(|job| &job.legs).into_iter().flatten();
        let first = legs.filter(|leg| self.in_lane_of(leg.ocs, asked).all(|(other, _)| other == number)).count();
        self.lanes = self.lanes.saturating_add(first);
    }

    /// A job that has ended; it is in the book no more.
    pub(super) fn leave_lanes(&mut self, number: JobId, job: &Job) {
        for key in job.asked.keys_of_subject() {
            self.subjects.remove(Tag::of(&key), number.slot());
        }
        for leg in &job.legs {
            if self.in_lane_of(leg.ocs, &job.asked).next().is_none() {
                self.lanes = self.lanes.saturating_sub(1);
            } else if job.asked.kind.is_mutating() {
                // A read that was sent before this outcome tells nothing about it.
                self.forget_read(leg.ocs, &job.asked);
            }
        }
    }

    fn in_lane_of<'s>(&'s self, ocs: OcsIx, asked: &'s Asked) -> impl Iterator<Item = (JobId, &'s Job)> {
        self.in_lane(ocs, asked.key(), &asked.body)
    }

    /// Those on the wire in a lane, in order of submission.
    pub(super) fn live_in_lane<'s>(&'s self, ocs: OcsIx, asked: &'s Asked) -> Few<JobId> {
        let live = self.in_lane_of(ocs, asked).filter(|(_, job)| is_live(job));
        let mut live: Few<JobId> = live.map(|(id, _)| id).collect();
        live.sort_unstable();
        live.dedup();
        live
    }

    /// Those who wait in a lane, in the order in which they leave: force unloads first, then stops.
    pub(super) fn waiting_in_lane<'s>(&'s self, ocs: OcsIx, asked: &'s Asked) -> Few<JobId> {
        let waiting = self.in_lane_of(ocs, asked).filter(|(_, job)| waits(job));
        let mut waiting: Few<(u8, JobId)> = waiting.map(|(id, job)| (rank(job.asked.kind), id)).collect();
        waiting.sort_unstable();
        waiting.dedup();
        waiting.into_iter().map(|(_, id)| id).collect()
    }

    /// The next to leave.
    pub(super) fn head_of_lane<'s>(&'s self, ocs: OcsIx, asked: &'s Asked) -> Option<JobId> {
        let waiting = self.in_lane_of(ocs, asked).filter(|(_, job)| waits(job));
        waiting.map(|(id, job)| (rank(job.asked.kind), id)).min().map(|(_, id)| id)
    }

    /// The one that was submitted last, reads apart.
    pub(super) fn last_in_lane<'s>(&'s self, ocs: OcsIx, asked: &'s Asked) -> Option<JobId> {
        self.in_lane_of(ocs, asked).filter(|(_, job)| job.asked.kind.is_mutating()).map(|(id, _)| id).max()
    }

    /// Rule 5: it may leave beside what is live.
    pub(super) fn lane_admits<'s>(&'s self, ocs: OcsIx, asked: &'s Asked) -> bool {
        use RequestKind::{ForceUnload, Load, SetMode, Start, Stop};
        self.in_lane_of(ocs, asked).filter(|(_, job)| is_live(job)).all(|(_, live)| match asked.kind {
            ForceUnload => live.asked.kind != ForceUnload,
            Stop => matches!(live.asked.kind, Load | Start | SetMode),
            _ => false,
        })
    }

    /// A read that another may join.
    pub(super) fn read_in_lane<'s>(&'s self, ocs: OcsIx, asked: &'s Asked) -> Option<JobId> {
        self.in_lane_of(ocs, asked).find(|(_, job)| job.joinable).map(|(id, _)| id)
    }

    pub(super) fn forget_read(&mut self, ocs: OcsIx, asked: &Asked) {
        while let Some(job) = self.read_in_lane(ocs, asked).and_then(|read| self.jobs.get_mut(&read)) {
            job.joinable = false;
        }
    }
}

fn waits(job: &Job) -> bool {
    job.phase != Phase::Sent && job.asked.kind.is_mutating()
}

fn is_live(job: &Job) -> bool {
    job.phase == Phase::Sent && job.asked.kind.is_mutating()
}

fn rank(kind: RequestKind) -> u8 {
    match kind {
        RequestKind::ForceUnload => 0,
        RequestKind::Stop => 1,
        _ => 2,
    }
}
