//! Lanes (rule 5): the open requests of one subject at one OCS. A lane has no record of its own: its members are found
//! by their subject, and stand in it as their own records say.

use crate::message::RequestKind;
use crate::protocol::correlate::Subject;
use crate::protocol::requester::Requester;
use crate::protocol::requester::asked::{Asked, Key, OcsIx};
use crate::protocol::requester::book::JobId;
use crate::protocol::requester::job::{Few, Job, Phase};

impl Requester {
    /// Everybody in a lane, reads included; the key is that of the subject.
    pub(super) fn in_lane<'s>(
        &'s self,
        ocs: OcsIx,
        key: Key,
        subject: &'s Subject,
    ) -> impl Iterator<Item = (JobId, &'s Job)> {
        let jobs = self.subjects.under(key).filter_map(|job| self.jobs.at(u32::try_from(job).ok()?));
        jobs.filter(move |(_, job)| job.asked.is_about(subject) && job.legs.iter().any(|leg| leg.ocs == ocs))
    }

    fn in_lane_of<'s>(&'s self, ocs: OcsIx, asked: &'s Asked) -> impl Iterator<Item = (JobId, &'s Job)> {
        self.in_lane(ocs, asked.key(), &asked.subject)
    }

    /// Those on the wire in a lane, in order of submission.
    pub(super) fn live_in_lane<'s>(&'s self, ocs: OcsIx, asked: &'s Asked) -> Few<JobId> {
        let live = self.in_lane_of(ocs, asked).filter(|(_, job)| is_live(job));
        let mut live: Few<JobId> = live.map(|(id, _)| id).collect();
        live.sort_unstable();
        live
    }

    /// Those who wait in a lane, in the order in which they leave: force unloads first, then stops.
    pub(super) fn waiting_in_lane<'s>(&'s self, ocs: OcsIx, asked: &'s Asked) -> Few<JobId> {
        let waiting = self.in_lane_of(ocs, asked).filter(|(_, job)| waits(job));
        let mut waiting: Few<(u8, JobId)> = waiting.map(|(id, job)| (rank(job.asked.kind), id)).collect();
        waiting.sort_unstable();
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
