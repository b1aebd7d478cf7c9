//! The lane of one subject at one OCS: who waits, who is on the wire, and a read that another may join.

use crate::message::RequestKind;
use crate::protocol::requester::book::JobId;
use crate::protocol::requester::job::Few;

/// Nearly always one job, so all stand in one short list.
#[derive(Clone, Debug, Default)]
pub(super) struct Lane(Few<Member>);

#[derive(Clone, Copy, Debug)]
struct Member {
    job: JobId,
    kind: RequestKind,
    stands: Stands,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    /// Waiting; those who do stand in the order in which they leave.
    Waits,
    Live,
    /// A read that another may join.
    Read,
}

impl Lane {
    fn who(&self, stands: Stands) -> impl DoubleEndedIterator<Item = (JobId, RequestKind)> {
        self.0.iter().filter(move |member| member.stands == stands).map(|member| (member.job, member.kind))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order in which they leave.
    pub(super) fn waiting(&self) -> impl DoubleEndedIterator<Item = (JobId, RequestKind)> {
        self.who(Stands::Waits)
    }

    /// The next to leave.
    pub(super) fn head(&self) -> Option<JobId> {
        self.waiting().next().map(|(job, _)| job)
    }

    pub(super) fn live(&self) -> impl Iterator<Item = JobId> {
        self.who(Stands::Live).map(|(job, _)| job)
    }

    pub(super) fn read(&self) -> Option<JobId> {
        self.who(Stands::Read).next().map(|(job, _)| job)
    }

    /// The job that was submitted last, reads apart.
    pub(super) fn last(&self) -> Option<JobId> {
        self.0.iter().filter(|member| member.stands != Stands::Read).map(|member| member.job).max()
    }

    /// Rule 5: what may leave beside what is live.
    pub(super) fn admits(&self, kind: RequestKind) -> bool {
        use RequestKind::{ForceUnload, Load, SetMode, Start, Stop};
        self.who(Stands::Live).all(|(_, live)| match kind {
            ForceUnload => live != ForceUnload,
            Stop => matches!(live, Load | Start | SetMode),
            _ => false,
        })
    }

    /// Waits behind so many others.
    pub(super) fn wait(&mut self, behind: usize, job: JobId, kind: RequestKind) {
        let waiting = self.0.iter().enumerate().filter(|(_, member)| member.stands == Stands::Waits);
        let at = waiting.map(|(at, _)| at).nth(behind).unwrap_or(self.0.len());
        self.0.insert(at, Member { job, kind, stands: Stands::Waits });
    }

    /// Goes on the wire.
    pub(super) fn leave(&mut self, job: JobId, kind: RequestKind) {
        self.0.retain(|member| member.job != job || member.stands != Stands::Waits);
        self.0.push(Member { job, kind, stands: Stands::Live });
    }

    pub(super) fn set_read(&mut self, job: JobId) {
        self.forget_read();
        self.0.push(Member { job, kind: RequestKind::Status, stands: Stands::Read });
    }

    pub(super) fn forget_read(&mut self) {
        self.0.retain(|member| member.stands != Stands::Read);
    }

    pub(super) fn remove(&mut self, job: JobId) {
        self.0.retain(|member| member.job != job);
    }
}
