//! What is being done: the file itself, and the blocks beside it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Expectation, Step, Steps};
use crate::engine::conversation::Pattern;
use crate::protocol::Time;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The step is not begun.
    Ready,
    /// Waits for a moment.
    Until(Time),
    /// Waits for events.
    Waiting { since: Time, deadline: Time },
    /// Nothing is left.
    Done,
}

#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) steps: Steps,
    pub(super) at: usize,
    pub(super) state: State,
    /// The step before was a request: another one may follow at once.
    pub(super) has_sent: bool,
    /// Events of the run of expectations that have come: step and place in it.
    pub(super) met: BTreeSet<(usize, usize)>,
}

impl Task {
    pub(super) fn new(steps: Steps) -> Self {
        Self { steps, at: 0, state: State::Ready, has_sent: false, met: BTreeSet::new() }
    }

    /// The expectations that an event may meet now: those in turn and, behind them or behind a wait, the next ones.
    fn run(&self) -> Vec<(usize, &Expectation)> {
        let waits = matches!(self.state, State::Until(_));
        let steps = self.steps.iter().enumerate().skip(self.at + usize::from(waits));
        let mut run = Vec::new();
        for (at, line) in steps {
            match &line.step {
                Step::Expect(expectation) => run.push((at, expectation)),
                Step::Optional(_) | Step::Never { .. } | Step::When { .. } | Step::Every { .. } => {}
                _ => break,
            }
        }
        run
    }

    /// What is still open in the run: step, place, line, pattern, and whether it is in turn.
    pub(super) fn open(&self) -> Vec<(usize, usize, usize, &Pattern, bool)> {
        let mut open = Vec::new();
        let mut turn = None;
        for (at, expectation) in self.run() {
            for (place, (line, pattern)) in expectation.patterns.iter().enumerate() {
                if !self.met.contains(&(at, place)) {
                    let in_turn = *turn.get_or_insert(at) == at;
                    open.push((at, place, *line, pattern, in_turn));
                }
            }
        }
        open
    }
}

#[derive(Clone, Debug)]
pub(super) struct Every {
    pub(super) next: Time,
    pub(super) period: Duration,
    pub(super) until: Option<Time>,
    pub(super) steps: Steps,
}

#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) pattern: Pattern,
    pub(super) once: bool,
    pub(super) steps: Steps,
}

#[derive(Clone, Debug)]
pub(super) struct Ban {
    pub(super) line: usize,
    pub(super) pattern: Pattern,
    pub(super) until: Option<Time>,
}
