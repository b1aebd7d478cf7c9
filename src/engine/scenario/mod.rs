//! Scenarios: a conversation file that knows more kinds of line. What is sent, what has to come and what must not,
//! faults, counts; the grammar is in `docs/scenarios.md`.
//!
//! ```text
//! parse.rs   text -> Scenario, every mistake (finding.rs) with line, column and nearest word
//! check.rs   Scenario and its site -> what can never come, what is not used
//! play.rs    the machine: events and time in, requests and verdicts out; task.rs what it does beside each other
//! stage.rs   the machine in a World: one application for every sender
//! report.rs  what came out: words, JUnit XML; ladder.rs the arrows
//! record.rs  messages of a tap or a log -> text; replay.rs the same requests in a simulated site
//! ```

mod check;
mod count;
mod finding;
mod ladder;
mod moment;
mod parse;
mod play;
mod record;
mod replay;
mod report;
mod shipped;
mod site;
mod stage;
mod task;
#[cfg(test)]
mod tests;
mod verdict;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use check::check;
pub use count::{Check, CountError};
pub use finding::{Finding, Severity};
pub use ladder::{Arrow, Ladder};
pub use moment::{Moment, print_span, print_utc, read_utc};
pub use parse::{Given, Parsed, parse, parse_with};
pub use record::{Import, Recorded, import_log, read_lines, write_scenario};
pub use replay::{Divergence, Replay};
pub use report::{ActReport, Coverage, Report};
pub use shipped::{SHIPPED, Shipped};
pub use site::{Base, Site};
pub use stage::{Setting, Stage, perform};
pub use verdict::{Failure, FailureKind, Passed};

use crate::engine::conversation::{MessageStep, Pattern, Step as Talk};
use crate::engine::fault::Rule;
use crate::engine::ocs::Internal;
use crate::engine::words::quote;
use crate::message::AppDbid;
use crate::protocol::UtcSeconds;

/// The calendar at the start of a scenario that says nothing of it: 2026-03-02T08:00:00Z, a Monday.
pub const START: UtcSeconds = UtcSeconds(1_772_438_400);
/// How long an expectation waits when nothing else is said: as long as a client does.
pub const WITHIN: Duration = Duration::from_secs(10);

/// A scenario file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scenario {
    /// Its first words.
    pub title: String,
    /// Where it takes place.
    pub site: Site,
    /// How the OCSs behave until a `profile` line says otherwise.
    pub profile: Option<String>,
    /// Of the calls, and of faults that leave something to chance.
    pub seed: Option<u64>,
    /// The calendar at the start.
    pub start: Option<UtcSeconds>,
    /// How long it takes; absent: until nothing is left to do.
    pub length: Option<Duration>,
    /// How long an expectation waits that does not say so itself.
    pub within: Option<Duration>,
    /// Somebody loads and starts every campaign of the site.
    pub operator: bool,
    /// Names and what stands for them.
    pub variables: Vec<(String, String)>,
    /// What happens, in the order of the file.
    pub steps: Steps,
}

/// Steps that are done one after the other.
pub type Steps = Arc<[Line]>;

/// A step and where it stands. Equal steps on other lines are equal.
#[derive(Clone, Debug, Eq)]
pub struct Line {
    /// Line of the file, from 1.
    pub line: usize,
    /// What is done.
    pub step: Step,
}

impl PartialEq for Line {
    fn eq(&self, other: &Self) -> bool {
        self.step == other.step
    }
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An application sends a request.
    Send(Box<MessageStep>),
    /// An event comes that no OCS of the site has sent.
    Say(Box<MessageStep>),
    /// Events have to come.
    Expect(Expectation),
    /// From here on this may come.
    Optional(Pattern),
    /// From here on, or for so long, this must not come.
    Never {
        /// What.
        pattern: Pattern,
        /// How long; absent: until the end.
        lasting: Option<Duration>,
    },
    /// From here on: every time this comes, or the first time only, the steps are done.
    When {
        /// What.
        pattern: Pattern,
        /// Only the first time.
        once: bool,
        /// What is done then.
        steps: Steps,
    },
    /// From here on, again and again, without waiting for it.
    Every {
        /// How often.
        period: Duration,
        /// The last moment at which it may begin; absent: as long as the rest lasts.
        until: Option<Moment>,
        /// What is done.
        steps: Steps,
    },
    /// Waits until then.
    At(Moment),
    /// Waits so long.
    Wait(Duration),
    /// Something happens inside an OCS, or inside every OCS.
    Trigger(Option<AppDbid>, Internal),
    /// A fault from here on.
    Fault(Box<Rule>),
    /// Something that is counted has to be so.
    Check(Check),
    /// Everything starts anew: fresh OCSs with this profile.
    Profile(String),
}

/// Events that have to come.
#[derive(Clone, Debug, Eq)]
pub struct Expectation {
    /// How long after the step is reached.
    pub within: Option<Duration>,
    /// Each with its line.
    pub patterns: Vec<(usize, Pattern)>,
    /// In whatever order.
    pub unordered: bool,
}

impl PartialEq for Expectation {
    fn eq(&self, other: &Self) -> bool {
        let patterns = |it: &Self| it.patterns.iter().map(|(_, pattern)| pattern.clone()).collect::<Vec<_>>();
        (self.within, self.unordered) == (other.within, other.unordered) && patterns(self) == patterns(other)
    }
}

impl Scenario {
    /// The steps between two `profile` lines, each with the profile that holds there.
    #[must_use]
    pub fn acts(&self) -> Vec<(Option<String>, Steps)> {
        let mut acts = vec![(self.profile.clone(), Vec::new())];
        for line in self.steps.iter() {
            match (&line.step, acts.last_mut()) {
                (Step::Profile(name), _) => acts.push((Some(name.clone()), Vec::new())),
                (_, Some((_, steps))) => steps.push(line.clone()),
                (_, None) => {}
            }
        }
        let any = acts.len() > 1;
        acts.into_iter()
            .filter(|(_, steps)| !any || !steps.is_empty())
            .map(|(profile, steps)| (profile, steps.into()))
            .collect()
    }

    /// The senders of its requests, each once.
    #[must_use]
    pub fn senders(&self) -> Vec<AppDbid> {
        let mut all = Vec::new();
        each(&self.steps, &mut |line| {
            if let Step::Send(step) = &line.step {
                all.push(step.message.origin);
            }
        });
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Looks at every line, those inside blocks included.
pub(crate) fn each<'s>(steps: &'s [Line], look: &mut dyn FnMut(&'s Line)) {
    for line in steps {
        look(line);
        match &line.step {
            Step::When { steps, .. } | Step::Every { steps, .. } => each(steps, look),
            _ => {}
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.title.is_empty() {
            writeln!(f, "scenario {}", quote(&self.title))?;
        }
        write!(f, "{}", self.site)?;
        for (name, value) in &self.variables {
            writeln!(f, "let {name} = {value}")?;
        }
        if let Some(profile) = &self.profile {
            writeln!(f, "profile {}", quote(profile))?;
        }
        if let Some(seed) = self.seed {
            writeln!(f, "seed {seed}")?;
        }
        if let Some(start) = self.start {
            writeln!(f, "start {}", print_utc(start))?;
        }
        if let Some(length) = self.length {
            writeln!(f, "for {}", print_span(length))?;
        }
        if let Some(within) = self.within {
            writeln!(f, "within {}", print_span(within))?;
        }
        if self.operator {
            writeln!(f, "operator")?;
        }
        print_steps(f, &self.steps, 0)
    }
}

fn print_steps(f: &mut fmt::Formatter<'_>, steps: &[Line], depth: usize) -> fmt::Result {
    for line in steps {
        write!(f, "{:1$}", "", depth * 2)?;
        writeln!(f, "{}", line.step)?;
        let (Step::When { steps, .. } | Step::Every { steps, .. }) = &line.step else { continue };
        print_steps(f, steps, depth + 1)?;
        writeln!(f, "{:1$}end", "", depth * 2)?;
    }
    Ok(())
}

/// The line itself; what stands in a block is printed by whoever prints the scenario.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(step) => write!(f, "{}", Talk::Message(step.clone())),
            Self::Say(step) => write!(f, "say {}", Talk::Message(step.clone())),
            Self::Expect(expectation) => write!(f, "{expectation}"),
            Self::Optional(pattern) => write!(f, "optional {pattern}"),
            Self::Never { pattern, lasting: None } => write!(f, "never {pattern}"),
            Self::Never { pattern, lasting: Some(lasting) } => {
                write!(f, "never for {} {pattern}", print_span(*lasting))
            }
            Self::When { pattern, once, .. } => write!(f, "when {}{pattern}", if *once { "once " } else { "" }),
            Self::Every { period, until: None, .. } => write!(f, "every {}", print_span(*period)),
            Self::Every { period, until: Some(until), .. } => write!(f, "every {} until {until}", print_span(*period)),
            Self::At(moment) => write!(f, "at {moment}"),
            Self::Wait(duration) => write!(f, "wait {}", print_span(*duration)),
            Self::Trigger(ocs, internal) => write!(f, "{}", Talk::Trigger(*ocs, internal.clone())),
            Self::Fault(rule) => write!(f, "fault {rule}"),
            Self::Check(check) => write!(f, "check {check}"),
            Self::Profile(name) => write!(f, "profile {}", quote(name)),
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let within = self.within.map(|within| format!(" within {}", print_span(within))).unwrap_or_default();
        match self.patterns.as_slice() {
            [(_, pattern)] if !self.unordered => write!(f, "expect{within} {pattern}"),
            patterns => {
                writeln!(f, "unordered{within}")?;
                patterns.iter().try_for_each(|(_, pattern)| writeln!(f, "  {pattern}"))?;
                f.write_str("end")
            }
        }
    }
}
