//! The machine that plays a scenario: what was heard and the time go in, what is to be done comes out.
//!
//! The lines of the file are done one after the other. `when` and `every` make tasks beside them, each with steps of its
//! own. An event belongs to the first task that waits for it; one that nobody waits for ends the run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::report::{near_events, near_lines};
use super::task::{Ban, Every, State, Task, Watch};
use super::{Failure, FailureKind, Line, Moment, Passed, Step, Steps, WITHIN, print_span};
use crate::engine::conversation::{Mask, Pattern, print_step};
use crate::engine::fault::Rule;
use crate::engine::ocs::Internal;
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::protocol::{Time, UtcSeconds};

/// Most events that are kept to be compared with what did not come.
const HEARD_MAX: usize = 512;
/// Most tasks at a time.
const TASKS_MAX: usize = 10_000;

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) enum Output {
    /// A request, or an event that no OCS has sent.
    Send { message: Box<CommDnMessage>, forged: bool },
    /// Inside one OCS, or all.
    Trigger(Option<AppDbid>, Internal),
    /// A fault begins.
    Fault(usize, Box<Rule>),
    /// The site is looked at; [`Play::checked`] is told.
    Check(usize, super::Check),
}

/// What holds for the whole run.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    pub(super) start: UtcSeconds,
    pub(super) length: Option<Duration>,
    pub(super) within: Option<Duration>,
    /// Events for these are allowed when no line waits for them: somebody else asked.
    pub(super) others: Vec<i32>,
}

/// The machine.
#[derive(Debug)]
pub(super) struct Play {
    frame: Frame,
    /// The first one is the file itself.
    tasks: Vec<Task>,
    everys: Vec<Every>,
    watches: Vec<Watch>,
    bans: Vec<Ban>,
    optionals: Vec<(usize, Pattern)>,
    heard: VecDeque<(Time, CommDnMessage)>,
    out: VecDeque<Output>,
    passed: Vec<Passed>,
    failure: Option<Failure>,
    is_over: bool,
}

impl Play {
    pub(super) fn new(steps: Steps, frame: Frame) -> Self {
        Self {
            frame,
            tasks: vec![Task::new(steps)],
            everys: Vec::new(),
            watches: Vec::new(),
            bans: Vec::new(),
            optionals: Vec::new(),
            heard: VecDeque::new(),
            out: VecDeque::new(),
            passed: Vec::new(),
            failure: None,
            is_over: false,
        }
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over || self.failure.is_some()
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    pub(super) fn result(&self) -> (&[Passed], Option<&Failure>) {
        (&self.passed, self.failure.as_ref())
    }

    /// When something is to be done that nobody else causes.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        let of_task = |task: &Task| match task.state {
            State::Until(at) => Some(at),
            State::Waiting { deadline, .. } => Some(deadline),
            State::Ready | State::Done => None,
        };
        let tasks = self.tasks.iter().filter_map(of_task);
        let everys = self.everys.iter().map(|every| every.next);
        tasks.chain(everys).chain(self.frame.length.map(Time)).min()
    }

    /// An event came.
    pub(super) fn hear(&mut self, now: Time, event: &CommDnMessage) {
        if self.is_over() {
            return;
        }
        if self.heard.len() == HEARD_MAX {
            self.heard.pop_front();
        }
        self.heard.push_back((now, event.clone()));
        let banned = self.bans.iter().find(|ban| ban.until.is_none_or(|until| now < until) && ban.pattern.fits(event));
        if let Some(Ban { line, pattern, .. }) = banned {
            let text = format!("this must not come: {}", shown(event));
            let details = vec![format!("line {line} says: never {pattern}")];
            return self.fail(Failure { line: *line, at: now, kind: FailureKind::Never, text, details });
        }
        let begun: Vec<usize> =
            self.watches.iter().enumerate().filter(|(_, it)| it.pattern.fits(event)).map(|(at, _)| at).collect();
        self.belongs(now, event, !begun.is_empty());
        for at in begun.into_iter().rev() {
            let steps = Arc::clone(&self.watches[at].steps);
            if self.watches[at].once {
                self.watches.remove(at);
            }
            self.begin(now, steps);
        }
        self.go_on(now, &mut false);
    }

    fn begin(&mut self, now: Time, steps: Steps) {
        // The file itself stays the first one.
        let done = self.tasks.iter().skip(1).position(|task| task.state == State::Done);
        match done {
            Some(at) => self.tasks[at + 1] = Task::new(steps),
            None if self.tasks.len() < TASKS_MAX => self.tasks.push(Task::new(steps)),
            None => {
                let text = format!("expected at most {TASKS_MAX} blocks at a time, found one more");
                let line = steps.first().map_or(0, |line| line.line);
                self.fail(Failure { line, at: now, kind: FailureKind::Late, text, details: Vec::new() });
            }
        }
    }

    /// Finds the line that waits for an event.
    fn belongs(&mut self, now: Time, event: &CommDnMessage, watched: bool) {
        let find = |in_turn: bool| {
            self.tasks.iter().enumerate().find_map(|(task, it)| {
                let fit = |(.., pattern, turn): &(usize, usize, usize, &Pattern, bool)| {
                    *turn == in_turn && pattern.fits(event)
                };
                it.open()
                    .into_iter()
                    .find(fit)
                    .map(|(at, place, line, pattern, _)| (task, at, place, line, pattern.to_string()))
            })
        };
        if let Some((task, at, place, line, text)) = find(true) {
            self.tasks[task].met.insert((at, place));
            return self.passed.push(Passed { line, at: now, text });
        }
        let allowed = self.optionals.iter().any(|(_, pattern)| pattern.fits(event));
        if allowed || watched || self.frame.others.contains(&event.target.dbid()) {
            return;
        }
        let open: Vec<(usize, &Pattern)> =
            self.tasks.iter().flat_map(Task::open).map(|(_, _, line, pattern, _)| (line, pattern)).collect();
        let failure = if let Some((task, _, _, line, _)) = find(false) {
            let first = self.tasks[task].open().into_iter().find(|(.., turn)| *turn);
            let before = first.map(|(_, _, line, pattern, _)| format!("line {line} comes first: {pattern}"));
            let hint = "if the order does not matter, put the lines between 'unordered' and 'end'".to_owned();
            let details = before.into_iter().chain([hint]).collect();
            let text = format!("came before its turn: {}", shown(event));
            Failure { line, at: now, kind: FailureKind::OutOfOrder, text, details }
        } else {
            let mut details = near_lines(&open, event, "waits for");
            if open.is_empty() {
                let (later, text) = (self.later(), "comes later, waits for");
                details = near_lines(&later, event, text);
                details.push("no line waits for an event now".to_owned());
            }
            details.push(format!("if it may come, say so above: optional {}", Pattern::of(event.clone())));
            let line = self.line();
            Failure {
                line,
                at: now,
                kind: FailureKind::Unexpected,
                text: format!("not expected: {}", shown(event)),
                details,
            }
        };
        self.fail(failure);
    }

    /// Where the file is.
    fn line(&self) -> usize {
        let Some(task) = self.tasks.first() else { return 0 };
        task.steps.get(task.at).or_else(|| task.steps.last()).map_or(0, |line| line.line)
    }

    /// Expectations of the file that are not in turn yet.
    fn later(&self) -> Vec<(usize, &Pattern)> {
        let Some(task) = self.tasks.first() else { return Vec::new() };
        let steps = task.steps.iter().skip(task.at);
        let expectations = steps.filter_map(|line| match &line.step {
            Step::Expect(expectation) => Some(expectation),
            _ => None,
        });
        expectations.flat_map(|it| it.patterns.iter().map(|(line, pattern)| (*line, pattern))).take(100).collect()
    }

    /// Everything that was caused has happened: those who wait for silence go on, and time that is up is up.
    pub(super) fn quiet(&mut self, now: Time) {
        if self.is_over() {
            return;
        }
        for at in 0..self.everys.len() {
            let Every { next, period, until, steps } = &mut self.everys[at];
            if *next <= now {
                *next = *next + *period;
                let due = until.is_none_or(|until| now <= until);
                let steps = Arc::clone(steps);
                if due {
                    self.begin(now, steps);
                }
            }
        }
        self.everys.retain(|every| every.until.is_none_or(|until| every.next <= until));
        let mut quiet = true;
        self.go_on(now, &mut quiet);
        if self.is_over() || !quiet {
            return;
        }
        if let Some(failure) = self.tasks.iter().find_map(|task| self.too_late(task, now)) {
            return self.fail(failure);
        }
        let idle = self.tasks.iter().all(|task| task.state == State::Done);
        let endless = self.everys.iter().all(|every| every.until.is_none());
        match self.frame.length {
            None if idle && endless => self.is_over = true,
            Some(length) if now >= Time(length) => {
                if !idle && let Some(failure) = self.tasks.iter().find_map(|task| self.unfinished(task, now)) {
                    self.fail(failure);
                }
                self.is_over = true;
            }
            _ => {}
        }
        if self.is_over() && self.failure.is_none() {
            let held = self.bans.iter().map(|ban| (ban.line, format!("never {}", ban.pattern)));
            self.passed.extend(held.map(|(line, text)| Passed { line, at: now, text }));
        }
    }

    fn too_late(&self, task: &Task, now: Time) -> Option<Failure> {
        let State::Waiting { since, deadline } = task.state else { return None };
        if deadline > now {
            return None;
        }
        let waited = print_span(deadline.0.saturating_sub(since.0));
        self.missed(task, now, since, &format!("did not come within {waited}"))
    }

    fn missed(&self, task: &Task, now: Time, since: Time, how: &str) -> Option<Failure> {
        let (_, _, line, pattern, _) = task.open().into_iter().next()?;
        let details = near_events(pattern, &self.heard, since);
        let text = format!("{how}: {pattern}");
        Some(Failure { line, at: now, kind: FailureKind::Missed, text, details })
    }

    fn unfinished(&self, task: &Task, now: Time) -> Option<Failure> {
        match task.state {
            State::Done => None,
            State::Waiting { since, .. } => self.missed(task, now, since, "did not come before the end of the run"),
            State::Ready | State::Until(_) => {
                let line = task.steps.get(task.at)?;
                let text = format!("the run ended before this line was done: {}", line.step);
                Some(Failure { line: line.line, at: now, kind: FailureKind::Late, text, details: Vec::new() })
            }
        }
    }

    /// What a check has found.
    pub(super) fn checked(&mut self, now: Time, line: usize, check: &super::Check, found: (bool, String)) {
        let text = format!("check {check}");
        match found {
            (true, _) => self.passed.push(Passed { line, at: now, text }),
            (false, sides) => {
                let text = format!("does not hold: {text}");
                self.fail(Failure { line, at: now, kind: FailureKind::Check, text, details: vec![sides] });
            }
        }
    }

    fn go_on(&mut self, now: Time, quiet: &mut bool) {
        let mut at = 0;
        while at < self.tasks.len() && !self.is_over() {
            while self.step(at, now, quiet) {}
            at += 1;
        }
    }

    /// Does one step of a task; false when it has to wait.
    fn step(&mut self, at: usize, now: Time, quiet: &mut bool) -> bool {
        if self.is_over() {
            return false;
        }
        let task = &mut self.tasks[at];
        let Some(Line { line, step }) = task.steps.get(task.at).cloned() else {
            task.state = State::Done;
            return false;
        };
        let has_sent = std::mem::take(&mut task.has_sent);
        match step {
            Step::Expect(expectation) => {
                if !matches!(task.state, State::Waiting { .. }) {
                    let within = expectation.within.or(self.frame.within).unwrap_or(WITHIN);
                    task.state = State::Waiting { since: now, deadline: now + within };
                }
                if (0..expectation.patterns.len()).any(|place| !task.met.contains(&(task.at, place))) {
                    return false;
                }
            }
            Step::Optional(pattern) => self.optionals.push((line, pattern)),
            Step::Never { pattern, lasting } => {
                self.bans.push(Ban { line, pattern, until: lasting.map(|lasting| now + lasting) });
            }
            Step::When { pattern, once, steps } => self.watches.push(Watch { pattern, once, steps }),
            Step::Every { period, until, steps } => {
                let until = until.and_then(|until| self.moment(until));
                self.everys.push(Every { next: now, period, until, steps });
                *quiet = false; // it begins at this moment
            }
            Step::Send(sent) => {
                if !has_sent && !*quiet {
                    return false;
                }
                *quiet = false;
                let message = Box::new(sent.message);
                self.out.push_back(Output::Send { message, forged: false });
                self.tasks[at].has_sent = true;
            }
            Step::Wait(_) | Step::At(_) if !matches!(task.state, State::Until(_)) => {
                if !*quiet {
                    task.has_sent = has_sent;
                    return false;
                }
                let until = match step {
                    Step::At(moment) => self.moment(moment),
                    Step::Wait(duration) => Some(now + duration),
                    _ => None,
                };
                let until = until.unwrap_or(now);
                if until < now {
                    let text = format!("reached {} after its moment: {step}", print_span((now.0) - (until.0)));
                    self.fail(Failure { line, at: now, kind: FailureKind::Late, text, details: Vec::new() });
                    return false;
                }
                self.tasks[at].state = State::Until(until);
                return true;
            }
            Step::Wait(_) | Step::At(_) => match task.state {
                State::Until(until) if until > now => return false,
                _ => {}
            },
            Step::Say(_) | Step::Trigger(..) | Step::Fault(_) | Step::Check(_) if !*quiet => {
                task.has_sent = has_sent;
                return false;
            }
            Step::Say(said) => {
                self.out.push_back(Output::Send { message: Box::new(said.message), forged: true });
                *quiet = false;
            }
            Step::Trigger(ocs, internal) => {
                self.out.push_back(Output::Trigger(ocs, internal));
                *quiet = false;
            }
            Step::Fault(rule) => {
                self.out.push_back(Output::Fault(line, rule));
                *quiet = false;
            }
            Step::Check(check) => {
                self.out.push_back(Output::Check(line, check));
                *quiet = false;
            }
            Step::Profile(_) => {} // begins an act of its own, see `Scenario::acts`
        }
        let task = &mut self.tasks[at];
        task.at += 1;
        task.state = State::Ready;
        true
    }

    fn moment(&self, moment: Moment) -> Option<Time> {
        moment.time(self.frame.start, self.frame.length)
    }

    /// Expectations and checks of the file that were not reached, with their lines.
    pub(super) fn skipped(&self) -> BTreeMap<usize, String> {
        let done: BTreeSet<usize> = self.passed.iter().map(|passed| passed.line).collect();
        let failed = self.failure.as_ref().map(|failure| failure.line);
        let Some(task) = self.tasks.first() else { return BTreeMap::new() };
        let mut left = BTreeMap::new();
        for Line { line, step } in task.steps.iter() {
            match step {
                Step::Expect(it) => left.extend(it.patterns.iter().map(|(line, pattern)| (*line, pattern.to_string()))),
                Step::Check(_) | Step::Never { .. } => drop(left.insert(*line, step.to_string())),
                _ => {}
            }
        }
        left.retain(|line, _| !done.contains(line) && Some(*line) != failed);
        left
    }
}

/// An event in one line.
fn shown(event: &CommDnMessage) -> String {
    print_step(None, None, event, Mask::Show)
}
