//! One sequence: what to do next. It knows the plan, the log and the time, and asks for everything else.
//!
//! ```text
//!            time, window, conditions          not loaded                 loaded             started
//! Waiting ----------------------------> Asking ----------> Acting(Load) --------> Acting(Start) -----> Dialing
//!    ^                                     | loaded by others                | refused                   | end
//!    |                                     v                                 v                           v
//!    +---- step over (pause, next step) <--+---------- Acting(Unload) <------+------------------- Acting(Stop)
//!
//! nobody can say what became of a request, and after every restart: Asking, then what the state allows
//! ```
//!
//! An intent is journaled before its request. A request of the same attempt is one request, however often it is handed
//! over; another attempt is begun only when the one before it never went out, was refused, or has no effect and cannot
//! have one any more. So no step is started twice. A stop is begun again until the campaign stands still.

use std::collections::{BTreeMap, VecDeque};

use crate::engine::RequestNumber;
use crate::engine::sequence::log::{Act, ActOutcome, Entry, SequenceResult, StepResult, What};
use crate::engine::sequence::model::{OnFailure, RETRIES, RETRY_APART_MS, Sequence, Step};
use crate::message::AppDbid;
use crate::message::ErrorCode;
use crate::message::GroupCampStatus;
use crate::message::Pair;

/// Pause before a request that did not go out is tried again, and before a question that nobody answered.
const AGAIN_MS: i64 = 2_000;
/// Pause before a stop without effect is said again.
const STOP_AGAIN_MS: i64 = 5_000;
/// How long a start may take to come to an outcome before it is overtaken by a stop, though its time is shorter.
const PENDING_MS: i64 = 45_000;
/// How long OCS has to tell whether a campaign dials that may have been started before a crash.
const TELL_MS: i64 = 15_000;
/// How long a campaign dials before OCS is asked whether it still does: events can be lost.
const LOOK_MS: i64 = 60_000;
/// How long a campaign that OCS has stopped by itself has to unload by itself.
const GRACE_MS: i64 = 5_000;

const NOT_LOADED: GroupCampStatus = GroupCampStatus::NOT_LOADED;
const RUNNING: GroupCampStatus = GroupCampStatus::RUNNING;

/// Something that a machine is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Nothing but the time.
    Tick,
    /// The state of a campaign as it is known now.
    Status {
        /// On which OCS.
        ocs: AppDbid,
        /// Which.
        pair: Pair,
        /// The state.
        status: GroupCampStatus,
    },
    /// What OCS says to [`Output::Ask`]; `None` = nothing.
    Asked(Option<GroupCampStatus>),
    /// What became of [`Output::Submit`].
    Outcome {
        /// What.
        act: Act,
        /// Which time.
        attempt: u32,
        /// How it ended.
        outcome: ActOutcome,
        /// The request.
        request: Option<RequestNumber>,
        /// In words.
        detail: Option<String>,
    },
    /// The sequence is to stop.
    Stop,
}

/// Something that a machine wants done. What follows a [`Output::Journal`] waits until that is on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Keep it.
    Journal(Entry),
    /// Ask OCS for the state of the step's campaign.
    Ask {
        /// Which step.
        step: usize,
    },
    /// Ask OCS to do something. Handed over again it is the same request.
    Submit {
        /// For which step.
        step: usize,
        /// What.
        act: Act,
        /// Which time.
        attempt: u32,
    },
    /// The sequence is over.
    Done(SequenceResult),
}

/// Where a sequence stands, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The step in turn.
    pub step: usize,
    /// `waiting`, `asking`, `loading`, `starting`, `dialing`, `stopping`, `unloading`, `over`.
    pub phase: &'static str,
    /// When something is due by itself.
    pub due_ms: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// The step is about to begin.
    Begin,
    /// A request of an earlier run, or of another node: it may be on its way.
    Resume(Act, u32),
    /// What has this request brought about?
    Verify(Act),
    /// The same, and if it is nothing it may be begun again.
    Again(Act),
    /// Does it still dial?
    Dialing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Asking(Why),
    AskLater(i64, Why),
    Acting(Act, u32),
    ActLater(i64, Act),
    Dialing,
    /// It stands still, though it was to dial: OCS may be about to unload it.
    Settling(i64),
    Over,
}

/// One sequence.
#[derive(Clone, Debug)]
pub struct Machine {
    sequence: Sequence,
    at: usize,
    phase: Phase,
    /// The step in turn does not begin before.
    not_before_ms: Option<i64>,
    attempts: BTreeMap<Act, u32>,
    failures: u32,
    /// Since when it dials, or may do so: when it was known to, or, after a crash, when its start was asked for.
    started_ms: Option<i64>,
    /// When the state was asked for that tells whether it was started.
    resumed_ms: Option<i64>,
    /// Attempts of the act in turn that had no effect, since it was taken up: what a crash cut off is not counted for long.
    futile: u32,
    /// Why it stops or unloads.
    then: Option<StepResult>,
    detail: Option<String>,
    bad: bool,
    /// A step was over because the sequence was told to stop.
    ended_asked: bool,
    stop: bool,
    /// While it dials: when OCS is asked whether it does.
    look_ms: i64,
    known: BTreeMap<(AppDbid, Pair), GroupCampStatus>,
    out: VecDeque<Output>,
}

impl Machine {
    /// Goes on where the log ends; an empty one is a new run. Nothing is done before the first [`Machine::handle`].
    #[must_use]
    pub fn resume(sequence: Sequence, log: &[Entry], stop: bool) -> Self {
        let mut machine = Self {
            not_before_ms: sequence.start_ms,
            sequence,
            at: 0,
            phase: Phase::Waiting,
            attempts: BTreeMap::new(),
            failures: 0,
            started_ms: None,
            resumed_ms: None,
            futile: 0,
            then: None,
            detail: None,
            bad: false,
            ended_asked: false,
            stop,
            look_ms: i64::MAX,
            known: BTreeMap::new(),
            out: VecDeque::new(),
        };
        for entry in log {
            machine.replay(entry);
        }
        if machine.phase != Phase::Over && machine.at >= machine.sequence.steps.len() {
            machine.phase = Phase::Waiting; // the last entry is missing
        }
        machine
    }

    fn replay(&mut self, entry: &Entry) {
        match entry.what {
            What::Intent { act, attempt, then } => {
                self.attempts.insert(act, attempt);
                self.then = then.or(self.then);
                self.detail = entry.detail.clone().or(self.detail.take());
                if act == Act::Start {
                    self.started_ms = Some(entry.at_ms);
                }
                self.phase = Phase::AskLater(entry.at_ms, Why::Resume(act, attempt));
            }
            What::Outcome { act, outcome, request, .. } => {
                if act == Act::Start && outcome == ActOutcome::Done && request.is_some() {
                    self.started_ms = Some(entry.at_ms);
                }
                let why = match (act, outcome) {
                    (Act::Start, ActOutcome::Done) => Why::Dialing,
                    (_, ActOutcome::NoEffect) => Why::Again(act),
                    _ => Why::Verify(act),
                };
                self.phase = match outcome {
                    ActOutcome::NotSent => Phase::ActLater(entry.at_ms, act),
                    _ => Phase::AskLater(entry.at_ms, why),
                };
            }
            What::Failed => {
                self.failures += 1;
                self.fresh();
                self.not_before_ms = Some(entry.at_ms.saturating_add(RETRY_APART_MS));
            }
            What::StepEnded(result) => {
                self.tally(result);
                self.step_over(entry.at_ms);
            }
            What::Ended(_) => self.phase = Phase::Over,
        }
    }

    /// The plan.
    #[must_use]
    pub fn sequence(&self) -> &Sequence {
        &self.sequence
    }

    /// Where it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let act = |act| match act {
            Act::Load => "loading",
            Act::Start => "starting",
            Act::Stop => "stopping",
            Act::Unload => "unloading",
        };
        let phase = match self.phase {
            Phase::Waiting => "waiting",
            Phase::Asking(_) | Phase::AskLater(..) => "asking",
            Phase::Acting(it, _) | Phase::ActLater(_, it) => act(it),
            Phase::Dialing => "dialing",
            Phase::Settling(_) => "unloading",
            Phase::Over => "over",
        };
        Standing { step: self.at, phase, due_ms: self.next_due() }
    }

    /// When it wants to hear of the time.
    #[must_use]
    pub fn next_due(&self) -> Option<i64> {
        let end = if self.stop { Some(i64::MIN) } else { self.end_ms() };
        let end = end.filter(|_| self.may_dial());
        let own = match self.phase {
            Phase::Waiting => self.waits_until(),
            Phase::AskLater(at, _) | Phase::ActLater(at, _) | Phase::Settling(at) => Some(at),
            Phase::Dialing => Some(self.look_ms),
            Phase::Asking(_) | Phase::Acting(..) | Phase::Over => None,
        };
        own.into_iter().chain(end).min()
    }

    /// As far as is known it dials, or may do so at any moment.
    fn may_dial(&self) -> bool {
        match self.phase {
            Phase::Dialing | Phase::Acting(Act::Start, _) => true,
            Phase::Asking(why) | Phase::AskLater(_, why) => {
                matches!(
                    why,
                    Why::Dialing | Why::Verify(Act::Start) | Why::Again(Act::Start) | Why::Resume(Act::Start, _)
                )
            }
            Phase::Acting(..) | Phase::ActLater(..) | Phase::Settling(_) | Phase::Waiting | Phase::Over => false,
        }
    }

    /// Takes the next output.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Something happens.
    pub fn handle(&mut self, now_ms: i64, input: Input) {
        match input {
            Input::Tick => {}
            Input::Stop => self.stop = true,
            Input::Status { ocs, pair, status } => {
                self.known.insert((ocs, pair), status);
                if self.step().is_some_and(|step| (step.ocs, step.pair) == (ocs, pair)) {
                    self.seen(now_ms, status);
                }
            }
            Input::Asked(status) => {
                if let Phase::Asking(why) = self.phase {
                    self.asked(now_ms, why, status);
                }
            }
            Input::Outcome { act, attempt, outcome, request, detail } => {
                if self.phase == Phase::Acting(act, attempt) {
                    self.outcome(now_ms, act, attempt, outcome, request, detail);
                }
            }
        }
        self.tick(now_ms);
    }

    fn step(&self) -> Option<&Step> {
        self.sequence.steps.get(self.at)
    }

    fn is_native(&self) -> bool {
        self.step().is_some_and(|step| step.schedule.is_some())
    }

    // --- time

    /// When the step in turn has to be looked at again, while it waits.
    fn waits_until(&self) -> Option<i64> {
        let Some(step) = self.step() else { return Some(i64::MIN) };
        if self.stop {
            return Some(i64::MIN);
        }
        let begin = self.not_before_ms.unwrap_or(i64::MIN);
        let opens = step
            .window
            .as_ref()
            .map_or(Some(begin), |window| if begin == i64::MIN { Some(begin) } else { window.opens(begin) });
        let holds = step.when.iter().all(|it| it.want.holds(self.known.get(&(it.ocs, it.pair)).copied()));
        let due = opens.filter(|_| holds);
        due.into_iter().chain(step.end.at_ms).min()
    }

    /// When what dials, or may do so, is to stop.
    fn end_ms(&self) -> Option<i64> {
        let (step, started) = (self.step()?, self.started_ms);
        let closes = step.window.as_ref().zip(started).and_then(|(window, started)| window.closes(started));
        [step.end.at_ms, self.after_ms(), closes].into_iter().flatten().min()
    }

    /// The end that counts from the start. As long as nobody knows whether it was started, there is a while to find out;
    /// then it is stopped in any case.
    fn after_ms(&self) -> Option<i64> {
        let (after, started) = (self.step()?.end.after_ms?, self.started_ms?);
        let end = started.saturating_add(after);
        match self.phase {
            Phase::Acting(Act::Start, _) => Some(end.max(started.saturating_add(PENDING_MS))),
            Phase::Asking(why) | Phase::AskLater(_, why) => match why {
                Why::Resume(..) => Some(end.max(self.resumed_ms?.saturating_add(TELL_MS))),
                Why::Verify(_) | Why::Again(_) => Some(end.max(started.saturating_add(PENDING_MS))),
                Why::Begin | Why::Dialing => Some(end),
            },
            Phase::Dialing | Phase::Settling(_) => Some(end),
            Phase::Waiting | Phase::Acting(..) | Phase::ActLater(..) | Phase::Over => None,
        }
    }

    /// Its time is over, whether it was started or not.
    fn is_closed(&self, now_ms: i64) -> bool {
        let Some(step) = self.step() else { return true };
        self.stop
            || step.end.at_ms.is_some_and(|end| end <= now_ms)
            || step.window.as_ref().is_some_and(|window| !window.is_open(now_ms))
    }

    fn is_past_end(&self, now_ms: i64) -> bool {
        self.is_closed(now_ms) || self.end_ms().is_some_and(|end| end <= now_ms)
    }

    fn tick(&mut self, now_ms: i64) {
        if self.may_dial() && self.is_past_end(now_ms) {
            // A start without an outcome is superseded where it waits, and stopped where it does not.
            self.then.get_or_insert(if self.stop { StepResult::Asked } else { StepResult::Time });
            return self.act(now_ms, Act::Stop);
        }
        match self.phase {
            Phase::Waiting => self.try_begin(now_ms),
            Phase::AskLater(at, why) if at <= now_ms => {
                if matches!(why, Why::Resume(..)) {
                    self.resumed_ms.get_or_insert(now_ms);
                }
                self.ask(why);
            }
            Phase::ActLater(at, act) if at <= now_ms => self.act_again(now_ms, act),
            Phase::Dialing if self.look_ms <= now_ms => self.ask(Why::Dialing),
            Phase::Settling(at) if at <= now_ms => self.ask(Why::Dialing),
            Phase::AskLater(..)
            | Phase::ActLater(..)
            | Phase::Dialing
            | Phase::Settling(_)
            | Phase::Asking(_)
            | Phase::Acting(..)
            | Phase::Over => {}
        }
    }

    fn try_begin(&mut self, now_ms: i64) {
        let Some(step) = self.step() else {
            let result = match (self.ended_asked, self.bad) {
                (true, _) => SequenceResult::Stopped,
                (false, true) => SequenceResult::Partly,
                (false, false) => SequenceResult::Done,
            };
            return self.end(now_ms, result);
        };
        if self.stop {
            return self.end(now_ms, SequenceResult::Stopped);
        }
        if step.end.at_ms.is_some_and(|end| end <= now_ms) {
            self.detail = Some("its end had passed before it could begin".into());
            return self.finish(now_ms, StepResult::Skipped);
        }
        if self.not_before_ms.is_some_and(|begin| now_ms < begin) {
            return;
        }
        if let Some(window) = &step.window
            && !window.is_open(now_ms)
        {
            match window.opens(now_ms) {
                Some(opens) => self.not_before_ms = Some(opens),
                None => {
                    self.detail = Some("its window never opens".into());
                    self.finish(now_ms, StepResult::Skipped);
                }
            }
            return;
        }
        if step.when.iter().all(|it| it.want.holds(self.known.get(&(it.ocs, it.pair)).copied())) {
            self.ask(Why::Begin);
        }
    }

    // --- asking

    fn ask(&mut self, why: Why) {
        self.phase = Phase::Asking(why);
        self.out.push_back(Output::Ask { step: self.at });
    }

    fn asked(&mut self, now_ms: i64, why: Why, status: Option<GroupCampStatus>) {
        let later = Phase::AskLater(now_ms.saturating_add(AGAIN_MS), why);
        let is_late = self.step().and_then(|step| step.end.at_ms).is_some_and(|end| end <= now_ms);
        if why == Why::Begin && (self.stop || is_late) {
            self.phase = Phase::Waiting; // which ends it
            return;
        }
        let Some(GroupCampStatus(status)) = status else {
            if why == Why::Begin {
                return self.begin_later(now_ms);
            }
            self.phase = later;
            return;
        };
        match (why, status) {
            (Why::Begin, 0) => self.act(now_ms, Act::Load),
            (Why::Begin, 1 | 2) => self.begin_later(now_ms),
            (Why::Begin, _) => self.failed(now_ms, "the campaign is loaded already, by somebody else".into()),
            (Why::Resume(act, attempt), status) => self.resumed(now_ms, act, attempt, status),
            (Why::Again(Act::Load), 0) | (Why::Again(Act::Start), 3 | 4) if self.may_try() => {
                if let Why::Again(act) = why {
                    self.act_again(now_ms, act);
                }
            }
            (Why::Again(act), _) => self.asked(now_ms, Why::Verify(act), Some(GroupCampStatus(status))),
            (Why::Verify(Act::Load), 3..=5) => self.loaded(now_ms),
            (Why::Verify(Act::Load), 0) => self.failed(now_ms, "the load has had no effect".into()),
            (Why::Verify(Act::Start), 5) => self.dial(now_ms),
            (Why::Verify(Act::Start), 0) => self.failed(now_ms, "the start has had no effect".into()),
            (Why::Verify(Act::Start), 3 | 4) => self.unload_failed(now_ms, "the start has had no effect"),
            (Why::Verify(Act::Stop), 0) | (Why::Verify(Act::Unload), 0) => self.ended(now_ms),
            (Why::Verify(Act::Stop), 5) => {
                self.phase = Phase::ActLater(now_ms.saturating_add(STOP_AGAIN_MS), Act::Stop);
            }
            (Why::Verify(Act::Stop), 3 | 4) => self.act(now_ms, Act::Unload),
            (Why::Verify(Act::Stop), 1 | 2) => {
                self.phase = Phase::AskLater(now_ms.saturating_add(AGAIN_MS), Why::Verify(Act::Unload));
            }
            (Why::Verify(Act::Unload), 5) => self.act(now_ms, Act::Stop),
            (Why::Verify(Act::Unload), 3 | 4) => {
                self.phase = Phase::ActLater(now_ms.saturating_add(AGAIN_MS), Act::Unload);
            }
            (Why::Dialing, 5) => self.dial(now_ms),
            (Why::Dialing, 3 | 4) if self.is_native() => self.dial(now_ms),
            (Why::Dialing, 3 | 4) => {
                self.then.get_or_insert(StepResult::Stopped);
                self.act(now_ms, Act::Unload);
            }
            (Why::Dialing, 0) => self.gone(now_ms),
            (Why::Verify(_) | Why::Dialing, _) => self.phase = later,
        }
    }

    /// It cannot begin at the moment; its end may pass meanwhile.
    fn begin_later(&mut self, now_ms: i64) {
        self.phase = Phase::Waiting;
        self.not_before_ms = Some(now_ms.saturating_add(AGAIN_MS));
    }

    /// An intent whose end nobody has written down. What has had its effect is done; else it is handed over again, as
    /// the same request. What is not to begin any more is not: a stop supersedes it wherever it waits.
    fn resumed(&mut self, now_ms: i64, act: Act, attempt: u32, status: i32) {
        let later = Phase::AskLater(now_ms.saturating_add(AGAIN_MS), Why::Resume(act, attempt));
        match (act, status) {
            (Act::Load, 3..=5) | (Act::Start, 5) | (Act::Stop, 0..=4) | (Act::Unload, 0) => {
                let what = What::Outcome { act, attempt, outcome: ActOutcome::Done, request: None };
                self.journal(now_ms, what, Some(format!("the campaign is {}", words(status))));
                self.done(now_ms, act, status);
            }
            (Act::Load | Act::Unload, 1 | 2) => self.phase = later,
            // It was loaded, and is not any more: a start can do nothing, and whatever it did is over.
            (Act::Start, 0) => {
                let what = What::Outcome { act, attempt, outcome: ActOutcome::Unknown, request: None };
                self.journal(now_ms, what, Some("the campaign is not loaded any more".into()));
                self.gone(now_ms);
            }
            (Act::Load, _) if self.is_closed(now_ms) => {
                self.then.get_or_insert(if self.stop { StepResult::Asked } else { StepResult::Skipped });
                self.act(now_ms, Act::Unload);
            }
            (Act::Load | Act::Start | Act::Stop | Act::Unload, _) => {
                if act == Act::Start {
                    self.started_ms = Some(now_ms);
                }
                self.phase = Phase::Acting(act, attempt);
                self.out.push_back(Output::Submit { step: self.at, act, attempt });
            }
        }
    }

    /// The mirror has something to say about the step's campaign.
    fn seen(&mut self, now_ms: i64, GroupCampStatus(status): GroupCampStatus) {
        match (self.phase, status) {
            (Phase::Dialing | Phase::Settling(_), 0) => self.gone(now_ms),
            (Phase::Dialing, 1..=4) if !self.is_native() => {
                self.phase = Phase::Settling(now_ms.saturating_add(GRACE_MS));
            }
            (Phase::Settling(_), 5) => self.dial(now_ms),
            _ => {} // while something is asked, its outcome decides
        }
    }

    fn dial(&mut self, now_ms: i64) {
        (self.phase, self.look_ms) = (Phase::Dialing, now_ms.saturating_add(LOOK_MS));
    }

    /// It dialed, and is not loaded any more.
    fn gone(&mut self, now_ms: i64) {
        let by_itself = self.step().is_some_and(|step| step.end.depleted || step.schedule.is_some());
        let result = if by_itself { StepResult::Depleted } else { StepResult::Stopped };
        self.finish(now_ms, self.then.unwrap_or(result));
    }

    // --- acting

    fn act(&mut self, now_ms: i64, act: Act) {
        let attempt = self.attempts.get(&act).map_or(1, |last| last + 1);
        self.attempts.insert(act, attempt);
        if act == Act::Start {
            self.started_ms = Some(now_ms);
        }
        let then = self.then.filter(|_| matches!(act, Act::Stop | Act::Unload));
        let detail = self.detail.clone().filter(|_| then.is_some());
        self.journal(now_ms, What::Intent { act, attempt, then }, detail);
        self.phase = Phase::Acting(act, attempt);
        self.out.push_back(Output::Submit { step: self.at, act, attempt });
    }

    /// A request that did not go out, or a stop that has had no effect.
    fn act_again(&mut self, now_ms: i64, act: Act) {
        match act {
            Act::Load if self.is_closed(now_ms) => {
                self.detail = Some("it could not be loaded before its end".into());
                self.finish(now_ms, if self.stop { StepResult::Asked } else { StepResult::Skipped });
            }
            Act::Start if self.is_closed(now_ms) => {
                self.detail = Some("it could not be started before its end".into());
                self.then = Some(if self.stop { StepResult::Asked } else { StepResult::Skipped });
                self.act(now_ms, Act::Unload);
            }
            Act::Load | Act::Start | Act::Stop | Act::Unload => self.act(now_ms, act),
        }
    }

    fn outcome(
        &mut self,
        now_ms: i64,
        act: Act,
        attempt: u32,
        outcome: ActOutcome,
        request: Option<RequestNumber>,
        detail: Option<String>,
    ) {
        self.journal(now_ms, What::Outcome { act, attempt, outcome, request }, detail.clone());
        let refused = |what: &str| format!("{what}: {}", detail.as_deref().unwrap_or("OCS said no"));
        match (act, outcome) {
            (Act::Load, ActOutcome::Done) => self.done(now_ms, act, 4),
            (Act::Start, ActOutcome::Done) => {
                self.started_ms = Some(now_ms);
                self.done(now_ms, act, 5);
            }
            (Act::Stop, ActOutcome::Done) => self.done(now_ms, act, 4),
            (Act::Unload, ActOutcome::Done) => self.ended(now_ms),
            // Somebody else has started what we have loaded: it is ours to stop.
            (Act::Start, ActOutcome::Refused(Some(code))) if self.runs_already(code) => self.done(now_ms, act, 5),
            (Act::Stop, ActOutcome::Refused(Some(ErrorCode::CAMPAIGN_NOT_STARTED))) => self.done(now_ms, act, 4),
            (Act::Stop | Act::Unload, ActOutcome::Refused(Some(code))) if self.is_gone(code) => self.ended(now_ms),
            (Act::Load, ActOutcome::Refused(_)) => self.failed(now_ms, refused("the load is refused")),
            (Act::Start, ActOutcome::Refused(_)) => self.unload_failed(now_ms, &refused("the start is refused")),
            (_, ActOutcome::NotSent) => self.phase = Phase::ActLater(now_ms.saturating_add(AGAIN_MS), act),
            (_, ActOutcome::NoEffect) => {
                self.futile += 1;
                self.ask(Why::Again(act));
            }
            (_, ActOutcome::Unknown) | (Act::Stop | Act::Unload, ActOutcome::Refused(_)) => self.ask(Why::Verify(act)),
        }
    }

    /// What had no effect so often has none.
    fn may_try(&self) -> bool {
        self.futile < RETRIES
    }

    fn runs_already(&self, code: ErrorCode) -> bool {
        code == ErrorCode::CAMPAIGN_ALREADY_STARTED
            || (self.is_native() && code == ErrorCode::INVALID_CAMPAIGN_SCHEDULE_MODE)
    }

    fn is_gone(&self, code: ErrorCode) -> bool {
        code == ErrorCode::CAMPAIGN_NOT_LOADED || (self.is_native() && code == ErrorCode::CAMPAIGN_SCHEDULE_NOT_FOUND)
    }

    /// It has had its effect; the campaign is in this state now.
    fn done(&mut self, now_ms: i64, act: Act, status: i32) {
        self.futile = 0;
        match act {
            Act::Load => self.loaded(now_ms),
            Act::Start => self.dial(now_ms),
            Act::Stop if status == 0 => self.ended(now_ms),
            Act::Stop if matches!(status, 1 | 2) => {
                self.phase = Phase::AskLater(now_ms.saturating_add(AGAIN_MS), Why::Verify(Act::Unload));
            }
            Act::Stop => self.act(now_ms, Act::Unload),
            Act::Unload => self.ended(now_ms),
        }
    }

    fn loaded(&mut self, now_ms: i64) {
        if self.is_closed(now_ms) {
            self.detail = Some("its end had passed before it was started".into());
            self.then = Some(if self.stop { StepResult::Asked } else { StepResult::Skipped });
            return self.act(now_ms, Act::Unload);
        }
        self.act(now_ms, Act::Start);
    }

    fn unload_failed(&mut self, now_ms: i64, detail: &str) {
        self.detail = Some(detail.to_owned());
        self.then = Some(StepResult::Failed);
        self.act(now_ms, Act::Unload);
    }

    /// The campaign is not loaded any more, as it was meant to be.
    fn ended(&mut self, now_ms: i64) {
        match self.then {
            Some(StepResult::Failed) => {
                let detail = self.detail.take().unwrap_or_default();
                self.failed(now_ms, detail);
            }
            then => self.finish(now_ms, then.unwrap_or(StepResult::Stopped)),
        }
    }

    // --- the end of a step

    /// The step cannot be done, and nothing of it is left.
    fn failed(&mut self, now_ms: i64, detail: String) {
        let policy = self.step().map_or(OnFailure::Skip, |step| step.on_failure);
        self.detail = Some(detail);
        if policy == OnFailure::Retry && self.failures + 1 < RETRIES && !self.is_closed(now_ms) {
            self.failures += 1;
            let detail = self.detail.take();
            self.journal(now_ms, What::Failed, detail);
            self.fresh();
            self.not_before_ms = Some(now_ms.saturating_add(RETRY_APART_MS));
            return;
        }
        self.finish(now_ms, StepResult::Failed);
        if policy == OnFailure::Abort {
            self.end(now_ms, SequenceResult::Aborted);
        }
    }

    fn finish(&mut self, now_ms: i64, result: StepResult) {
        let detail = self.detail.take();
        self.journal(now_ms, What::StepEnded(result), detail);
        self.tally(result);
        self.step_over(now_ms);
    }

    fn tally(&mut self, result: StepResult) {
        self.bad |= !result.is_good();
        self.ended_asked |= result == StepResult::Asked;
    }

    /// The next step is in turn, after the pause.
    fn step_over(&mut self, at_ms: i64) {
        let pause = self.step().map_or(0, |step| step.pause_after_ms);
        self.at += 1;
        (self.failures, self.detail) = (0, None);
        self.attempts.clear();
        self.fresh();
        let is_last = self.at >= self.sequence.steps.len();
        self.not_before_ms = Some(if is_last { at_ms } else { at_ms.saturating_add(pause) });
    }

    fn fresh(&mut self) {
        (self.phase, self.started_ms, self.resumed_ms, self.then) = (Phase::Waiting, None, None, None);
        self.futile = 0;
    }

    fn end(&mut self, now_ms: i64, result: SequenceResult) {
        self.journal(now_ms, What::Ended(result), None);
        self.phase = Phase::Over;
        self.out.push_back(Output::Done(result));
    }

    fn journal(&mut self, at_ms: i64, what: What, detail: Option<String>) {
        self.out.push_back(Output::Journal(Entry { at_ms, step: self.at, what, detail }));
    }
}

fn words(status: i32) -> &'static str {
    match GroupCampStatus(status) {
        NOT_LOADED => "not loaded",
        RUNNING => "running",
        GroupCampStatus(1 | 2) => "being unloaded",
        _ => "loaded",
    }
}
