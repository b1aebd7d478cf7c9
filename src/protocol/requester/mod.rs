//! The application side of the protocol: submissions in, frames and outcomes out.
//!
//! CM_ messages carry no request number. This machine keeps every request in a lane, sends it on an address where its
//! answer cannot be taken for another's, lets shadows stand in for what has ended, and settles what it cannot tell by
//! asking. It holds no clock and no randomness: the same inputs give the same outputs.
//!
//! ```text
//! Submit -> lane -> address (origin DBID) -> Journal, Send -> event -> Outcome
//!                                                         -> silence, doubt, lost link -> settling -> Outcome
//! ```

mod asked;
mod book;
mod config;
mod echo;
mod event;
mod fetch;
mod finder;
mod finish;
mod io;
mod job;
mod lane;
mod live;
#[cfg_attr(not(feature = "mutants"), allow(unreachable_pub, dead_code))]
mod mutant;
mod origin;
mod outcome;
mod own;
mod restore;
mod send;
mod settle;
mod shadow;
mod submit;
mod table;
mod timers;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

pub use config::{DnAddress, LinkId, OcsPeer, POOL_ADVISED_MIN, RequesterConfig, TargetZeroPolicy};
pub use echo::{EchoFact, EchoKnowledge, Proof};
pub use io::{Alarm, Input, JournalMark, JournalRow, Output, Progress, RequestId, SendId, Standing, Submission};
pub use job::SendNote;
#[cfg(feature = "mutants")]
pub use mutant::Mutant;
pub use outcome::{AnswerResult, Limit, LocalRefusal, NotSent, OcsAnswer, Outcome, RefusedBy, UnknownReason, Why};
pub use view::{Counters, LegView, Queues, RequestPhase, RequestView, Sizes, WaitsFor};

use crate::message::AppDbid;
use crate::message::RequestKind;
use crate::protocol::Time;
use asked::{Asked, OcsIx, Place};
use book::{Book, FlightId, JobId};
use finder::Finder;
use job::{Timer, Want};
use live::Live;
use own::OwnFrames;
use shadow::{Proofs, Shadows};
use table::Table;
use timers::Timers;

/// The application side of the protocol, for one gateway.
#[derive(Clone, Debug)]
pub struct Requester {
    config: RequesterConfig,
    ocss: Vec<Ocs>,
    by_dbid: BTreeMap<AppDbid, OcsIx>,
    /// Origins that somebody else has used.
    alarmed: BTreeSet<AppDbid>,
    /// Origins that were used so before the restart: what was asked with them is forgotten. True while it may have been
    /// about a person, too; the answer to an unload lives longest.
    forged_before: BTreeMap<AppDbid, bool>,
    links: BTreeSet<LinkId>,
    jobs: Book,
    /// Where the job of each submission stands in the book.
    requests: Finder,
    /// Where the jobs about a subject stand in the book.
    subjects: Finder,
    lanes: usize,
    next_send: u64,
    live: Live,
    /// Live flights by the reference id they carry.
    references: Table<(OcsIx, i32), FlightId>,
    shadows: Shadows,
    proofs: Proofs,
    own: OwnFrames,
    /// The last event that could have been any request of its place.
    doubts: BTreeMap<Place, Time>,
    wants: BTreeSet<Want>,
    /// The wants for cancel and do-not-call, by OCS and kind.
    wants_of: BTreeMap<(OcsIx, RequestKind), BTreeSet<Want>>,
    /// Where something ended, so that others may go.
    freed: VecDeque<(OcsIx, Asked)>,
    /// Everybody who wants an address is to try again.
    retry_all: bool,
    shadows_full: bool,
    timers: Timers,
    /// After a restart: until when a status may still answer a question that is forgotten.
    questions_until: Time,
    /// Counts sends, for "least recently used".
    tick: u64,
    counters: Counters,
    out: VecDeque<Output>,
}

/// One OCS as the machine sees it.
#[derive(Clone, Debug)]
struct Ocs {
    dbid: AppDbid,
    address: DnAddress,
    echo: EchoKnowledge,
    /// It has been seen to address notifications to us.
    notifies: bool,
    /// When each origin was used last.
    used: BTreeMap<AppDbid, u64>,
}

impl Requester {
    /// A requester without links; tell it of them by [`Input::LinkUp`].
    #[must_use]
    pub fn new(config: RequesterConfig) -> Self {
        let mut by_dbid = BTreeMap::new();
        let mut ocss = Vec::with_capacity(config.ocss.len());
        for (ix, peer) in config.ocss.iter().enumerate() {
            for member in [Some(peer.dbid), peer.backup].into_iter().flatten() {
                by_dbid.entry(member).or_insert(ix);
            }
            ocss.push(Ocs {
                dbid: peer.dbid,
                address: peer.address.clone(),
                echo: peer.echo,
                notifies: false,
                used: BTreeMap::new(),
            });
        }
        let next_send = config.first_send;
        Self {
            config,
            ocss,
            by_dbid,
            alarmed: BTreeSet::new(),
            forged_before: BTreeMap::new(),
            links: BTreeSet::new(),
            jobs: Book::default(),
            requests: Finder::default(),
            subjects: Finder::default(),
            lanes: 0,
            next_send,
            live: Live::default(),
            references: Table::default(),
            shadows: Shadows::default(),
            proofs: Proofs::default(),
            own: OwnFrames::default(),
            doubts: BTreeMap::new(),
            wants: BTreeSet::new(),
            wants_of: BTreeMap::new(),
            freed: VecDeque::new(),
            retry_all: false,
            shadows_full: false,
            timers: Timers::default(),
            questions_until: Time::ZERO,
            tick: 0,
            counters: Counters::default(),
            out: VecDeque::new(),
        }
    }

    /// Takes one input at a time; drain [`Requester::poll`] afterwards. Deadlines that passed before `now` come first.
    pub fn handle(&mut self, now: Time, input: Input) {
        let on_time = matches!(input, Input::Timer);
        self.run_timers(now, on_time);
        match input {
            Input::Submit(submission) => self.submit(now, submission),
            Input::Event { link, dn, message, user_data } => {
                self.on_event(now, DnAddress { link, dn }, message, &user_data);
            }
            Input::Acked { send } => self.on_acked(now, send),
            Input::SendFailed { send, tserver_code } => self.on_send_failed(now, send, tserver_code),
            Input::LinkUp { link } => self.on_link_up(now, link),
            Input::LinkDown { link } => self.on_link_down(now, link),
            Input::Restored(rows) => self.restore(now, rows),
            Input::Alarmed { origin } => self.on_alarmed(now, origin),
            Input::Timer => {}
            Input::ClearAlarm { origin } => {
                self.alarmed.remove(&origin);
                self.retry_all = true;
            }
        }
        self.serve_freed(now);
        // So that the next deadline is that of a timer that is not cleared.
        self.first_timer();
    }

    /// What to do next; `None` when everything is said.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to come back with [`Input::Timer`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.first_due()
    }

    /// Ends are inclusive: what comes at the very moment of a deadline still counts.
    fn run_timers(&mut self, now: Time, on_time: bool) {
        while let Some((due, timer)) = self.first_timer() {
            if due > now || (due == now && !on_time) {
                return;
            }
            self.take_timer((due, timer));
            match timer {
                Timer::Flight(flight) if self.has_more_time(flight, due) => {}
                Timer::Flight(flight) => self.on_flight_due(now, flight),
                Timer::Leg(job, leg) => self.on_leg_due(now, job, leg),
                Timer::Waiter(request) => self.on_waiter_due(now, request),
                Timer::Shadow(number) => self.on_shadow_due(due, number),
                Timer::Own(send) => self.own.remove(send),
                Timer::Forged(origin) => self.on_forged_due(due, origin),
                Timer::Proofs => {
                    if let Some(due) = self.proofs.forget(due) {
                        self.set_timer(due, Timer::Proofs);
                    }
                }
            }
            self.serve_freed(now);
        }
    }

    fn on_shadow_due(&mut self, due: Time, number: u64) {
        if let Some(until) = self.shadows.until(number)
            && until > due
        {
            self.set_timer(until, Timer::Shadow(number));
            return;
        }
        if let Some(shadow) = self.shadows.remove(number) {
            self.freed.push_back((shadow.place.ocs, shadow.asked));
            if self.shadows_full {
                self.shadows_full = false;
                self.retry_all = true;
            }
        }
    }

    fn arm_flight(&mut self, number: FlightId, until: Time) {
        if let Some(flight) = self.jobs.flight_mut(number) {
            flight.until = until;
            // Nearly always it is given more time, and answered long before any of it has passed.
            if until < flight.due {
                self.timers.clear((flight.due, Timer::Flight(number)));
                flight.due = until;
                self.set_timer(until, Timer::Flight(number));
            }
        }
    }

    /// A flight that was given more time after its timer was set.
    fn has_more_time(&mut self, number: FlightId, due: Time) -> bool {
        let Some(flight) = self.jobs.flight_mut(number).filter(|flight| flight.until > due) else { return false };
        flight.due = flight.until;
        let until = flight.until;
        self.set_timer(until, Timer::Flight(number));
        true
    }

    fn arm_leg(&mut self, job: JobId, leg: usize, due: Option<Time>) {
        if let Some(record) = self.jobs.get_mut(&job).and_then(|job| job.legs.get_mut(leg)) {
            if let Some(due) = record.due {
                self.timers.clear((due, Timer::Leg(job, leg)));
            }
            record.due = due;
            if let Some(due) = due {
                self.set_timer(due, Timer::Leg(job, leg));
            }
        }
    }

    fn link_is_up(&self, ocs: OcsIx) -> bool {
        self.ocss.get(ocs).is_some_and(|ocs| self.links.contains(&ocs.address.link))
    }

    fn echo(&self, ocs: OcsIx) -> EchoKnowledge {
        self.ocss.get(ocs).map(|ocs| ocs.echo).unwrap_or_default()
    }

    fn ocs_dbid(&self, ocs: OcsIx) -> AppDbid {
        self.ocss.get(ocs).map_or(AppDbid(0), |ocs| ocs.dbid)
    }

    fn progress(&mut self, job: JobId, progress: &Progress) {
        let Some(job) = self.jobs.get(&job) else { return };
        for waiter in &job.waiters {
            self.out.push_back(Output::Progress { id: waiter.id, progress: progress.clone() });
        }
    }
}

/// A time later than another; stays at the end of time.
fn after(time: Time, later: Duration) -> Time {
    Time(time.0.saturating_add(later))
}

/// Counts one more.
fn bump(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
