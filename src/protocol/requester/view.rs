//! What operators and `request explain` see.

use std::time::Duration;

use crate::message::AppDbid;
use crate::message::RequestKind;
use crate::message::Target;
use crate::protocol::Time;
use crate::protocol::requester::Requester;
use crate::protocol::requester::bump;
use crate::protocol::requester::io::{RequestId, Standing};
use crate::protocol::requester::job::{Leg, Phase, SendNote, Step};
use crate::protocol::requester::outcome::{NotSent, OcsAnswer};

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestPhase {
    /// Nothing was sent yet.
    Waiting(WaitsFor),
    /// On the wire, its answer is expected.
    Live,
    /// On the wire when the link was lost; not known whether it arrived.
    Checking,
    /// Being asked for or repeated.
    Settling,
}

/// What a request waits for before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// The requests before it in its lane.
    Lane,
    /// An origin DBID on which it cannot be confused.
    Address,
    /// The link.
    Link,
}

/// One request as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestView {
    /// What is asked.
    pub kind: RequestKind,
    /// Of whom.
    pub target: Target,
    /// How far it has come.
    pub phase: RequestPhase,
    /// When it was submitted.
    pub submitted: Time,
    /// When this caller leaves.
    pub deadline: Option<Time>,
    /// Submissions that share the request on the wire, this one included.
    pub waiters: usize,
    /// Requests before it in its (first) lane.
    pub lane_position: Option<usize>,
    /// One for each OCS.
    pub legs: Vec<LegView>,
}

/// A request at one OCS.
#[derive(Clone, Debug, PartialEq)]
pub struct LegView {
    /// The OCS (its primary DBID).
    pub ocs: AppDbid,
    /// Its sends, oldest first.
    pub sends: Vec<SendNote>,
    /// An event came that could have been its answer or another's.
    pub suspect: bool,
    /// The unload was accepted, calls are still open.
    pub draining: bool,
    /// Questions asked about its state.
    pub asks: u32,
    /// What happens next, and when.
    pub next: Option<Time>,
    /// What it came to.
    pub answer: Option<OcsAnswer>,
}

/// How much the machine holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Submissions without an outcome.
    pub requests: usize,
    /// Requests on the wire or waiting for it; equal submissions share one.
    pub jobs: usize,
    /// Lanes.
    pub lanes: usize,
    /// Sends whose answer is expected.
    pub live: usize,
    /// Shadows.
    pub shadows: usize,
    /// Own frames remembered.
    pub own_frames: usize,
    /// Deadlines.
    pub timers: usize,
}

/// Requests of which nothing was sent yet, by what they wait for, and the others. Counting walks through all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queues {
    /// Behind others in their lane.
    pub lane: usize,
    /// For an origin DBID.
    pub address: usize,
    /// For a link.
    pub link: usize,
    /// Sent, and without an outcome.
    pub under_way: usize,
}

/// What has happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events that came in.
    pub events: u64,
    /// Events that decided something.
    pub answers: u64,
    /// Addressed to us, asked by nobody.
    pub unasked: u64,
    /// Late or doubled.
    pub late: u64,
    /// Could have been the answer to more than one request.
    pub ambiguous: u64,
    /// For others, or for nobody in particular.
    pub not_addressed: u64,
    /// Addressed to us by somebody we do not know, or on another DN.
    pub foreign: u64,
    /// Our own frames, back from the T-Server.
    pub own_copies: u64,
    /// Sent by somebody else with our DBID.
    pub forged: u64,
    /// Frames given out.
    pub sends: u64,
    /// Outcomes given out, without those refused at once.
    pub outcomes: u64,
    /// Submissions refused at once.
    pub refused_locally: u64,
    /// Submissions under a number in use; they are ignored.
    pub duplicate_ids: u64,
    /// Longest time from a send to its answer, unloads apart; to be held against B.
    pub longest_answer_life: Duration,
    /// The same of unloads, which have a B of their own.
    pub longest_unload_life: Duration,
    /// Longest time from an answer to its double; to be held against D.
    pub longest_double_gap: Duration,
}

impl Counters {
    pub(super) fn count(&mut self, standing: Standing) {
        bump(match standing {
            Standing::Answer => &mut self.answers,
            Standing::Notification => &mut self.unasked,
            Standing::Late => &mut self.late,
            Standing::Ambiguous => &mut self.ambiguous,
            Standing::NotAddressed => &mut self.not_addressed,
            Standing::OwnCopy => &mut self.own_copies,
            Standing::Forged => &mut self.forged,
            Standing::Foreign => &mut self.foreign,
        });
    }

    pub(super) fn saw_answer(&mut self, kind: RequestKind, life: Duration) {
        let longest = match kind {
            RequestKind::Unload => &mut self.longest_unload_life,
            _ => &mut self.longest_answer_life,
        };
        *longest = life.max(*longest);
    }

    pub(super) fn saw_double(&mut self, gap: Duration) {
        self.longest_double_gap = self.longest_double_gap.max(gap);
    }
}

impl Requester {
    /// One open request, `None` when it has ended or never was.
    #[must_use]
    pub fn inspect(&self, id: RequestId) -> Option<RequestView> {
        let number = self.job_of(id)?;
        let job = self.jobs.get(&number)?;
        let phase = match job.phase {
            Phase::Sent => self.phase_on_wire(&job.legs),
            Phase::Queued | Phase::Wanting => RequestPhase::Waiting(match self.why_unsent(number) {
                NotSent::Lane => WaitsFor::Lane,
                NotSent::LinkDown => WaitsFor::Link,
                NotSent::Address | NotSent::TServer(_) | NotSent::Overdue => WaitsFor::Address,
            }),
        };
        let lane = job.legs.first().map(|leg| self.waiting_in_lane(leg.ocs, &job.asked));
        Some(RequestView {
            kind: job.asked.kind,
            target: job.target,
            phase,
            submitted: job.submitted,
            deadline: job.waiters.iter().find(|waiter| waiter.id == id).and_then(|waiter| waiter.deadline),
            waiters: job.waiters.len(),
            lane_position: lane.and_then(|lane| lane.iter().position(|waiting| *waiting == number)),
            legs: job.legs.iter().map(|leg| self.leg_view(leg)).collect(),
        })
    }

    fn phase_on_wire(&self, legs: &[Leg]) -> RequestPhase {
        let open = || legs.iter().filter(|leg| leg.answer.is_none());
        let flights = || open().filter_map(|leg| leg.flight.as_ref());
        if flights().any(|flight| flight.checking) {
            RequestPhase::Checking
        } else if open().any(|leg| matches!(leg.step, Step::Asking | Step::Repeat | Step::RepeatWanted))
            || flights().next().is_none()
        {
            RequestPhase::Settling
        } else {
            RequestPhase::Live
        }
    }

    fn leg_view(&self, leg: &Leg) -> LegView {
        let flight = leg.flight.as_ref().map(|flight| flight.until);
        LegView {
            ocs: self.ocs_dbid(leg.ocs),
            sends: leg.sends.to_vec(),
            suspect: leg.suspect,
            draining: leg.draining,
            asks: leg.asks,
            next: leg.due.into_iter().chain(flight).min(),
            answer: leg.answer.as_deref().cloned(),
        }
    }

    /// Submissions without an outcome, by number.
    pub fn open_requests(&self) -> impl Iterator<Item = RequestId> {
        let waiters = self.jobs.in_order().flat_map(|(_, job)| &job.waiters);
        let mut open: Vec<RequestId> = waiters.map(|waiter| waiter.id).collect();
        open.sort_unstable();
        open.into_iter()
    }

    /// What has happened since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How much the machine holds.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        Sizes {
            requests: self.requests.len(),
            jobs: self.jobs.len(),
            lanes: self.lanes,
            live: self.jobs.flights(),
            shadows: self.shadows.len(),
            own_frames: self.own.len(),
            timers: self.timers.len(),
        }
    }

    /// What the open requests wait for.
    #[must_use]
    pub fn queues(&self) -> Queues {
        let mut queues = Queues::default();
        for (number, job) in self.jobs.in_order() {
            let place = match (job.phase, self.why_unsent(number)) {
                (Phase::Sent, _) => &mut queues.under_way,
                (Phase::Queued, _) | (_, NotSent::Lane) => &mut queues.lane,
                (_, NotSent::LinkDown) => &mut queues.link,
                (_, NotSent::Address | NotSent::TServer(_) | NotSent::Overdue) => &mut queues.address,
            };
            *place = place.saturating_add(1);
        }
        queues
    }

    /// The origins that wait for an operator.
    pub fn alarmed_origins(&self) -> impl Iterator<Item = AppDbid> {
        self.alarmed.iter().copied()
    }

    /// What is known about the echoes of an OCS.
    #[must_use]
    pub fn echo_of(&self, ocs: AppDbid) -> Option<crate::protocol::requester::EchoKnowledge> {
        self.by_dbid.get(&ocs).map(|ocs| self.echo(*ocs))
    }
}
