//! The timeline of a sequence: who runs each step, when it begins and ends, and what is odd about it.

use crate::engine::Router;
use crate::engine::sequence::model::{Sequence, Step};
use crate::engine::sequence::native::Obstacle;
use crate::message::CampaignDbid;
use crate::message::DialMode;
use crate::message::GroupDbid;
use crate::message::OptimizeBy;

/// Percent of calls without an agent that regulators allow; a goal above it is told.
const OVERDIAL_MAX: i32 = 3;

/// Who runs a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunBy {
    /// OCS can, as part of the whole (`submit`).
    Ocs,
    /// The gateway, for this reason.
    Gateway(Obstacle),
}

/// When something happens, as far as it can be told: not before, and not after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Not before.
    pub earliest_ms: i64,
    /// Not after; `None` = nobody can say.
    pub latest_ms: Option<i64>,
}

/// A step in its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it begins.
    pub begin: Moment,
    /// When it ends.
    pub end: Moment,
    /// Who runs it.
    pub by: RunBy,
    /// It is never begun: its end has passed before it can.
    pub skipped: bool,
}

/// Something about a step, or about the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// It cannot be run like this.
    pub is_error: bool,
    /// Which step; `None` = the whole.
    pub step: Option<usize>,
    /// The key that it is about.
    pub key: &'static str,
    /// In words.
    pub message: String,
}

/// Another campaign on a group: it runs, or another sequence will run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// On which group.
    pub group: GroupDbid,
    /// Which campaign.
    pub campaign: CampaignDbid,
    /// How it dials.
    pub mode: Option<DialMode>,
    /// From when on.
    pub from_ms: i64,
    /// Until when; `None` = nobody can say.
    pub till_ms: Option<i64>,
    /// Who has it, in words: `sequence 'night'`, `dialing now`.
    pub by: String,
}

/// The timeline and what is odd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Step by step.
    pub lines: Vec<Line>,
    /// What is odd; the errors first.
    pub lints: Vec<Lint>,
}

impl Plan {
    /// Nothing is in its way.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.lints.iter().all(|lint| !lint.is_error)
    }
}

/// The plan as of a moment.
#[must_use]
pub fn plan(sequence: &Sequence, router: &Router, elsewhere: &[Elsewhere], now_ms: i64) -> Plan {
    let mut lines = Vec::with_capacity(sequence.steps.len());
    let first = sequence.start_ms.unwrap_or(now_ms).max(now_ms);
    let mut free = Moment { earliest_ms: first, latest_ms: Some(first) };
    for (at, step) in sequence.steps.iter().enumerate() {
        let line = line(step, free, sequence.obstacle(at));
        let pause = |ms: i64| ms.saturating_add(step.pause_after_ms);
        free = Moment { earliest_ms: pause(line.end.earliest_ms), latest_ms: line.end.latest_ms.map(pause) };
        lines.push(line);
    }
    let mut check = Check { sequence, router, lints: Vec::new() };
    check.whole();
    for (at, (step, line)) in sequence.steps.iter().zip(&lines).enumerate() {
        check.step(at, step, *line);
        check.clashes(at, step, *line, elsewhere);
    }
    let mut lints = check.lints;
    lints.sort_by_key(|lint| !lint.is_error);
    Plan { lines, lints }
}

fn line(step: &Step, free: Moment, obstacle: Option<Obstacle>) -> Line {
    let by = obstacle.map_or(RunBy::Ocs, RunBy::Gateway);
    let opens = |ms: i64| step.window.as_ref().map_or(Some(ms), |window| window.opens(ms));
    let end_at = step.end.at_ms;
    let earliest = opens(free.earliest_ms);
    let Some(earliest_ms) = earliest.filter(|begin| end_at.is_none_or(|end| *begin < end)) else {
        return Line { begin: free, end: free, by, skipped: true };
    };
    let begin = Moment {
        earliest_ms,
        // A condition is met when it is met.
        latest_ms: free.latest_ms.and_then(opens).filter(|_| step.when.is_empty()).or(end_at),
    };
    let end_of = |begin: i64| {
        let after = step.end.after_ms.map(|after| begin.saturating_add(after));
        let closes = step.window.as_ref().and_then(|window| window.closes(begin));
        [end_at, after, closes].into_iter().flatten().min()
    };
    let open_end = step.end.depleted || step.end.is_counted();
    let end = Moment {
        earliest_ms: if open_end { earliest_ms } else { end_of(earliest_ms).unwrap_or(earliest_ms) },
        latest_ms: begin.latest_ms.and_then(end_of).or(end_at),
    };
    Line { begin, end, by, skipped: false }
}

struct Check<'a> {
    sequence: &'a Sequence,
    router: &'a Router,
    lints: Vec<Lint>,
}

impl Check<'_> {
    fn add(&mut self, is_error: bool, step: Option<usize>, key: &'static str, message: String) {
        self.lints.push(Lint { is_error, step, key, message });
    }

    fn name(&self, campaign: CampaignDbid) -> String {
        self.router.campaign_name(campaign).map_or_else(|| campaign.0.to_string(), str::to_owned)
    }

    fn group_name(&self, group: GroupDbid) -> String {
        self.router.group_name(group).map_or_else(|| group.0.to_string(), str::to_owned)
    }

    fn whole(&mut self) {
        if self.sequence.steps.is_empty() {
            self.add(true, None, "step", "expected at least one step, found none".into());
        }
        if self.sequence.steps.len() > 64 {
            let found = self.sequence.steps.len();
            self.add(true, None, "step", format!("expected at most 64 steps, found {found}"));
        }
        for (at, step) in self.sequence.steps.iter().enumerate() {
            let before =
                self.sequence.steps.iter().take(at).position(|other| other.pair.campaign == step.pair.campaign);
            if let Some(before) = before {
                let name = self.name(step.pair.campaign);
                let text = format!("campaign '{name}' is used twice, by step {} too", before + 1);
                self.add(false, Some(at), "campaign", text);
            }
        }
    }

    fn step(&mut self, at: usize, step: &Step, line: Line) {
        let here = Some(at);
        let start = self.sequence.start_ms;
        if step.end.at_ms.is_some_and(|end| start.is_some_and(|start| end <= start)) {
            let text = "the stop is not after the start of the sequence; a stop on a later day needs its date";
            self.add(true, here, "stop.at", text.into());
        } else if line.skipped {
            let window = step.window.is_some();
            let text = if window {
                "never begun: its hours come after its stop, or never"
            } else {
                "never begun: its stop has passed"
            };
            self.add(false, here, "stop.at", text.into());
        }
        let has_end =
            step.end.depleted || step.end.is_counted() || step.end.at_ms.is_some() || step.end.after_ms.is_some();
        if !has_end && step.window.is_none() {
            self.add(
                true,
                here,
                "stop",
                "nothing ends this step: expected at, after, dials, contacts or depleted".into(),
            );
        }
        if step.end.is_counted() && !step.end.depleted {
            let text = "OCS alone counts dials and contacts, and it ends a step when no record is left as well";
            self.add(true, here, "stop.depleted", text.into());
        }
        let dialing = step.dialing.or(self.router.configured(step.pair));
        let uses_goal = dialing.mode.is_none_or(DialMode::uses_goal);
        let given = step.dialing.optimize_by.is_some_and(|method| method != OptimizeBy::NONE);
        if !uses_goal && given {
            let mode = dialing.mode.and_then(DialMode::slug).unwrap_or("this mode");
            self.add(false, here, "optimize", format!("the goal is ignored by {mode}"));
        }
        if uses_goal
            && dialing.optimize_by == Some(OptimizeBy::OVERDIAL_RATE)
            && dialing.goal.is_some_and(|goal| goal > OVERDIAL_MAX)
        {
            let goal = dialing.goal.unwrap_or_default();
            let text =
                format!("an overdial rate of {goal} %: more than {OVERDIAL_MAX} % is not allowed in many countries");
            self.add(false, here, "optimize", text);
        }
        let max = dialing.optimize_by.and_then(OptimizeBy::goal_max);
        if let Some((goal, max)) = dialing.goal.zip(max).filter(|(goal, max)| uses_goal && !(0..=*max).contains(goal)) {
            self.add(true, here, "optimize", format!("expected a goal from 0 to {max}, found {goal}"));
        }
        if self.router.pairs().all(|(pair, _)| pair != step.pair) {
            let (campaign, group) = (self.name(step.pair.campaign), self.group_name(step.pair.group));
            self.add(false, here, "group", format!("campaign '{campaign}' is not configured on group '{group}'"));
        }
        for condition in &step.when {
            if condition.pair == step.pair {
                self.add(true, here, "when", "the step waits for itself".into());
            }
        }
    }

    /// Modes that exclude each other on a group (specification 5.4).
    fn clashes(&mut self, at: usize, step: &Step, line: Line, elsewhere: &[Elsewhere]) {
        let mode = step.dialing.mode.or(self.router.configured(step.pair).mode);
        if !mode.is_some_and(DialMode::excludes_others) || line.skipped {
            return;
        }
        let clashing = elsewhere.iter().filter(|other| {
            other.group == step.pair.group
                && other.campaign != step.pair.campaign
                && other.mode.is_none_or(DialMode::excludes_others)
                && line.end.latest_ms.is_none_or(|end| other.from_ms < end)
                && other.till_ms.is_none_or(|till| line.begin.earliest_ms < till)
        });
        let texts: Vec<String> = clashing
            .map(|other| {
                let (campaign, group) = (self.name(other.campaign), self.group_name(other.group));
                format!(
                    "clashes with campaign '{campaign}' on group '{group}' ({}): OCS would refuse the start",
                    other.by
                )
            })
            .collect();
        for text in texts {
            self.add(false, Some(at), "group", text);
        }
    }
}
