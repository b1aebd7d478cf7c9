//! What came out of a scenario: in words, and as JUnit XML.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::time::Duration;

use super::{Failure, Ladder, Passed};
use crate::engine::conversation::{Mask, Pattern, print_step};
use crate::engine::ocs::dialer::CampaignCounts;
use crate::engine::world::TraceHash;
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::Direction;
use crate::message::Message;
use crate::protocol::{Time, UtcSeconds};

/// Most candidates that are told.
const NEAREST_MAX: usize = 3;

/// What the OCSs have said, counted by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Events by their number.
    pub messages: BTreeMap<i32, u64>,
    /// `GSW_CM_AttrError`.
    pub errors: BTreeMap<i32, u64>,
    /// `GSW_CM_AttrGroupCampStatus`.
    pub states: BTreeMap<i32, u64>,
}

impl Coverage {
    /// A message passed the T-Server.
    pub fn pass(&mut self, message: &CommDnMessage) {
        let kind = message.body.message_type();
        if kind.row().is_none_or(|row| row.direction != Direction::FromOcs) {
            return;
        }
        *self.messages.entry(kind.0).or_default() += 1;
        if let Some(error) = message.body.error() {
            *self.errors.entry(error.0).or_default() += 1;
        }
        let status = match &message.body {
            Message::ErrorEvent(event) => event.status,
            body => body.pair_event().and_then(|event| event.status),
        };
        if let Some(status) = status {
            *self.states.entry(status.0).or_default() += 1;
        }
    }

    /// Adds what another one has counted.
    pub fn add(&mut self, other: &Self) {
        let sum = |into: &mut BTreeMap<i32, u64>, from: &BTreeMap<i32, u64>| {
            from.iter().for_each(|(number, count)| *into.entry(*number).or_default() += count);
        };
        sum(&mut self.messages, &other.messages);
        sum(&mut self.errors, &other.errors);
        sum(&mut self.states, &other.states);
    }
}

/// One act: what was played in one site.
#[derive(Clone, Debug)]
pub struct ActReport {
    /// The profile that was named for it.
    pub profile: Option<String>,
    /// The calendar at its start.
    pub start: UtcSeconds,
    /// How long it took.
    pub ran: Duration,
    /// The hash over everything that happened.
    pub trace: TraceHash,
    /// Records and calls of every campaign.
    pub counts: Vec<(AppDbid, CampaignCounts)>,
    /// Expectations and checks that hold.
    pub passed: Vec<Passed>,
    /// Those that were not reached, with their lines.
    pub skipped: BTreeMap<usize, String>,
    /// Why it ended before its end.
    pub failure: Option<Failure>,
    /// What the OCSs have said.
    pub coverage: Coverage,
    /// Who said what to whom.
    pub ladder: Ladder,
}

/// A whole scenario.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its first words.
    pub title: String,
    /// Its acts; one unless the profile changes.
    pub acts: Vec<ActReport>,
}

impl Report {
    /// True when everything went as it is written.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failures().next().is_none()
    }

    /// Why it did not.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.acts.iter().filter_map(|act| act.failure.as_ref())
    }

    /// How many expectations and checks hold.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.acts.iter().map(|act| act.passed.len()).sum()
    }

    /// What the OCSs have said in all acts.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        let mut all = Coverage::default();
        self.acts.iter().for_each(|act| all.add(&act.coverage));
        all
    }

    /// The verdict in words; failures with line, moment and candidates. `file` stands before the lines.
    #[must_use]
    pub fn text(&self, file: &str) -> String {
        let mut text = String::new();
        for failure in self.failures() {
            let _ = writeln!(
                text,
                "{file}:{}: {} after {}: {}",
                failure.line,
                failure.kind.word(),
                clock(failure.at),
                failure.text
            );
            for line in failure.details.iter().flat_map(|detail| detail.lines()) {
                let _ = writeln!(text, "    {line}");
            }
        }
        let skipped: usize = self.acts.iter().map(|act| act.skipped.len()).sum();
        let verdict = if self.is_good() { "passed" } else { "failed" };
        let _ = write!(
            text,
            "{verdict}: {} of {} expectations and checks hold",
            self.passed(),
            self.passed() + skipped + self.failures().count()
        );
        text
    }

    /// JUnit XML: a suite for the scenario, a case for every expectation and check.
    #[must_use]
    pub fn junit(&self, file: &str) -> String {
        let failures = self.failures().count();
        let skipped: usize = self.acts.iter().map(|act| act.skipped.len()).sum();
        let tests = self.passed() + failures + skipped;
        let seconds = |time: Duration| format!("{}.{:03}", time.as_secs(), time.subsec_millis());
        let ran: Duration = self.acts.iter().map(|act| act.ran).sum();
        let name = xml(if self.title.is_empty() { file } else { &self.title });
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
        let _ = writeln!(
            text,
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"{}\">",
            seconds(ran)
        );
        let mut case = |line: usize, name: &str, at: Option<Time>, inner: &str| {
            let at = at.map(|at| format!(" time=\"{}\"", seconds(at.0))).unwrap_or_default();
            let (name, file) = (xml(&format!("line {line}: {name}")), xml(file));
            let head = format!("    <testcase classname=\"{file}\" name=\"{name}\"{at}");
            let _ = match inner {
                "" => writeln!(text, "{head}/>"),
                inner => writeln!(text, "{head}>{inner}</testcase>"),
            };
        };
        for act in &self.acts {
            act.passed.iter().for_each(|passed| case(passed.line, &passed.text, Some(passed.at), ""));
            if let Some(failure) = &act.failure {
                let (kind, told) = (failure.kind.word(), xml(&failure.text));
                let details = xml(&failure.details.join("\n"));
                let inner = format!("<failure type=\"{kind}\" message=\"{told}\">{details}</failure>");
                case(failure.line, kind, Some(failure.at), &inner);
            }
            act.skipped.iter().for_each(|(line, name)| case(*line, name, None, "<skipped/>"));
        }
        text.push_str("  </testsuite>\n</testsuites>\n");
        text
    }
}

/// Text between tags or quotes; what XML does not know is left out.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

/// `1:02:03.500`
pub(super) fn clock(at: Time) -> String {
    let seconds = at.0.as_secs();
    format!("{}:{:02}:{:02}.{:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60, at.0.subsec_millis())
}

/// The lines that an event fits best, with what differs.
pub(super) fn near_lines(lines: &[(usize, &Pattern)], event: &CommDnMessage, verb: &str) -> Vec<String> {
    let mut all: Vec<(usize, usize, &Pattern)> =
        lines.iter().map(|(line, pattern)| (pattern.distance(event), *line, *pattern)).collect();
    all.sort_by_key(|(distance, line, _)| (*distance, *line));
    all.truncate(NEAREST_MAX);
    all.into_iter()
        .map(|(_, line, pattern)| format!("line {line} {verb}: {pattern}{}", differing(pattern, event)))
        .collect()
}

/// The events that fit a line best, with what differs.
pub(super) fn near_events(pattern: &Pattern, heard: &VecDeque<(Time, CommDnMessage)>, since: Time) -> Vec<String> {
    let mut all: Vec<(bool, usize, usize)> = heard
        .iter()
        .enumerate()
        .map(|(at, (time, event))| (*time < since, pattern.distance(event), at))
        .filter(|(before, distance, _)| !*before || *distance < 8)
        .collect();
    all.sort_by_key(|(before, distance, at)| (*distance, *before, std::cmp::Reverse(*at)));
    all.truncate(NEAREST_MAX);
    if all.is_empty() {
        return vec!["nothing came that is like it".to_owned()];
    }
    let told = |(before, _, at): (bool, usize, usize)| {
        let (time, event) = heard.get(at)?;
        let line = print_step(None, None, event, Mask::Show);
        let before = if before { ", before this line was reached" } else { "" };
        Some(format!("nearest, at {}{before}: {line}{}", clock(*time), differing(pattern, event)))
    };
    all.into_iter().filter_map(told).collect()
}

fn differing(pattern: &Pattern, event: &CommDnMessage) -> String {
    let differences = pattern.differences(event);
    let mut text: String = differences.iter().map(|difference| format!("\n  {difference}")).collect();
    if !differences.is_empty() && differences.iter().all(|it| it.wanted.is_none()) {
        text.push_str("\n  if other attributes do not matter, end the line with ...");
    }
    text
}
