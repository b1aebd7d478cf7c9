//! The records of the requester: requests on the wire, their legs (one for each OCS) and flights.
//!
//! ```text
//! job   Queued --lane free--> Wanting --address free--> Sent --all legs answered--> (gone, one outcome a waiter)
//! leg   Idle --timed out, suspect, checking--> Ask <--> Asking            campaign control
//!                                              Repeat --> RepeatWanted    do-not-call
//!            --link lost--> WaitLink
//! ```

use std::time::Duration;

use smallvec::SmallVec;

use crate::message::AppDbid;
use crate::message::Target;
use crate::protocol::Time;
use crate::protocol::requester::asked::{Asked, OcsIx, Place};
use crate::protocol::requester::book::{FlightId, JobId};
use crate::protocol::requester::io::{RequestId, SendId};
use crate::protocol::requester::outcome::{OcsAnswer, UnknownReason};

/// A list that nearly always holds one, which then stands in the record itself.
pub(super) type Few<T> = SmallVec<[T; 1]>;

/// One request on the wire, for one submission or several equal ones.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) asked: Asked,
    pub(super) target: Target,
    pub(super) waiters: Few<Waiter>,
    pub(super) legs: Few<Leg>,
    pub(super) phase: Phase,
    pub(super) submitted: Time,
    /// A journaled do-not-call: no deadline for link, lane and address.
    pub(super) patient: bool,
    /// A read that another may join.
    pub(super) joinable: bool,
}

/// How far a job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waiting in its lanes.
    Queued,
    /// Its turn; waiting for an address or a link.
    Wanting,
    /// On the wire at least once.
    Sent,
}

/// A submission that waits for the outcome.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiter {
    pub(super) id: RequestId,
    pub(super) deadline: Option<Time>,
    /// Until when it may wait for something to be sent.
    pub(super) unsent_until: Option<Time>,
    pub(super) due: Option<Time>,
}

/// A job at one OCS.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub(super) ocs: OcsIx,
    /// The member that is addressed when it is addressed alone.
    pub(super) to: AppDbid,
    /// The live send, if there is one.
    pub(super) flight: Option<Flight>,
    /// The live question about it, while settling.
    pub(super) question: Option<Box<Flight>>,
    pub(super) sends: Few<SendNote>,
    pub(super) suspect: bool,
    pub(super) draining: bool,
    /// An event without our reference id would have fitted, though its echo is proved.
    pub(super) unreferenced: bool,
    pub(super) step: Step,
    pub(super) due: Option<Time>,
    /// Sent + B: the end of settling.
    pub(super) give_up: Time,
    /// Questions asked while settling.
    pub(super) asks: u32,
    /// Some question was answered.
    pub(super) told: bool,
    pub(super) answer: Option<Box<OcsAnswer>>,
}

impl Leg {
    pub(super) fn new(ocs: OcsIx, to: AppDbid) -> Self {
        Self {
            ocs,
            to,
            flight: None,
            question: None,
            sends: Few::new(),
            suspect: false,
            draining: false,
            unreferenced: false,
            step: Step::Idle,
            due: None,
            give_up: Time::ZERO,
            asks: 0,
            told: false,
            answer: None,
        }
    }

    /// What its silence means.
    pub(super) fn reason(&self) -> UnknownReason {
        match (self.told, self.suspect) {
            (true, _) => UnknownReason::NotInEffect,
            (false, true) => UnknownReason::Ambiguous,
            (false, false) => UnknownReason::Silent,
        }
    }

    pub(super) fn took(&self, now: Time) -> Duration {
        self.sends.last().map_or(Duration::ZERO, |send| now.saturating_sub(send.at))
    }
}

/// One send of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendNote {
    /// The frame.
    pub send: SendId,
    /// Our DBID.
    pub origin: AppDbid,
    /// When it was given out.
    pub at: Time,
}

/// What settling does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Idle,
    /// Asks for the state when due.
    Ask,
    /// Waits for the state.
    Asking,
    /// Repeats when due.
    Repeat,
    /// Waits for an address to repeat on.
    RepeatWanted,
    /// Waits for the link.
    WaitLink,
}

/// A leg of a job; short, as a job has one for each OCS at most.
pub(super) type LegIx = u16;

/// One send to one OCS while its answer is expected.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    /// In the order of sending; the first of a frame has the frame's own number.
    pub(super) number: u64,
    pub(super) job: JobId,
    pub(super) leg: LegIx,
    /// Asks for the state on behalf of the leg.
    pub(super) settling: bool,
    pub(super) place: Place,
    pub(super) asked: Asked,
    pub(super) emitted: Time,
    /// EventACK, or the loss of the link.
    pub(super) sent: Option<Time>,
    /// When it ends without an answer.
    pub(super) until: Time,
    /// When its timer comes; if that is before the end, it is set again then.
    pub(super) due: Time,
    pub(super) checking: bool,
    pub(super) reference: Option<i32>,
}

/// A job, or one leg of it, that waits for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Want {
    pub(super) job: JobId,
    /// `None`: the first send of all legs.
    pub(super) leg: Option<usize>,
}

/// What the clock is set for; of what is due at the same moment, the first here goes first: a caller who leaves needs
/// no repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Flight(FlightId),
    Waiter(RequestId),
    Leg(JobId, usize),
    Shadow(u64),
    Own(SendId),
    Proofs,
    Forged(AppDbid),
}
