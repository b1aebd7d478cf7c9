//! The requests of a recording in a simulated site, and where its answers begin to differ.

use std::collections::BTreeMap;
use std::time::Duration;

use super::record::Clock;
use super::{Line, Moment, Scenario, Step, print_span};
use crate::engine::conversation::{Mask, MessageStep, Pattern, print_step};
use crate::message::CommDnMessage;
use crate::message::Direction;
use crate::protocol::Time;

/// How long the site may go on answering after the last line: as long as an unload may take.
const FAREWELL: Duration = Duration::from_secs(330);
/// Between two requests of a recording that has no times.
const STEP: Duration = Duration::from_secs(1);

/// A recording, taken apart.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The requests at their times, and nothing else that has to come.
    pub scenario: Scenario,
    /// What was said, with the line: requests and events.
    said: Vec<(usize, MessageStep)>,
}

/// Where a simulated site goes another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// Line of the recording.
    pub line: usize,
    /// What was recorded; absent when the site says more than that.
    pub recorded: Option<String>,
    /// What the site said instead; absent when it said nothing more.
    pub simulated: Option<String>,
    /// In what they differ.
    pub differences: Vec<String>,
    /// The last request before it.
    pub request: Option<(usize, String)>,
}

impl Replay {
    /// Of a scenario that is a recording: its message lines, their times counted from the first one.
    #[must_use]
    pub fn new(recording: &Scenario) -> Self {
        let mut said = Vec::new();
        for Line { line, step } in recording.steps.iter() {
            match step {
                Step::Send(step) => said.push((*line, (**step).clone())),
                Step::Expect(expectation) => {
                    let events = expectation.patterns.iter().filter_map(|(line, it)| Some((*line, it.step()?.clone())));
                    said.extend(events);
                }
                _ => {}
            }
        }
        let (mut clock, mut first, mut last) = (Clock::default(), None, Duration::ZERO);
        let mut steps: Vec<Line> = Vec::new();
        let anything = Pattern::read(&["ocs", "*", "->", "*", "*"]);
        steps.extend(anything.ok().map(|pattern| Line { line: 0, step: Step::Optional(pattern) }));
        for (line, step) in &said {
            let read = step.time.as_deref().and_then(|time| clock.read(time));
            let passed = read.map(|at| at - *first.get_or_insert(at)).and_then(|passed| u64::try_from(passed).ok());
            let is_event = is_event(&step.message);
            let next = if steps.len() < 2 || is_event { last } else { last + STEP };
            last = last.max(passed.map_or(next, Duration::from_millis));
            if !is_event {
                steps.push(Line { line: *line, step: Step::At(Moment::After(last)) });
                steps.push(Line { line: *line, step: Step::Send(Box::new(step.clone())) });
            }
        }
        let scenario = Scenario { steps: steps.into(), length: Some(last + FAREWELL), ..recording.clone() };
        Self { scenario, said }
    }

    /// How many requests there are.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.said.iter().filter(|(_, step)| !is_event(&step.message)).count()
    }

    /// How many events there are.
    #[must_use]
    pub fn events(&self) -> usize {
        self.said.len() - self.requests()
    }

    /// The first event of the recording for which the site said something else. Compared is what each OCS says to each
    /// application, in order; the words of an error are each OCS's own.
    #[must_use]
    pub fn divergence(&self, simulated: &[(Time, CommDnMessage)]) -> Option<Divergence> {
        let mut heard: BTreeMap<(i32, i32), Vec<&(Time, CommDnMessage)>> = BTreeMap::new();
        for event in simulated.iter().filter(|(_, message)| is_event(message)) {
            heard.entry((event.1.origin.0, event.1.target.dbid())).or_default().push(event);
        }
        let mut places: BTreeMap<(i32, i32), usize> = BTreeMap::new();
        let mut request = None;
        for (line, step) in &self.said {
            if !is_event(&step.message) {
                request = Some((*line, shown(&step.message)));
                continue;
            }
            let key = (step.message.origin.0, step.message.target.dbid());
            let place = places.entry(key).or_default();
            let found = heard.get(&key).and_then(|events| events.get(*place));
            *place += 1;
            let pattern = Pattern::of_step(step.clone());
            let differences: Vec<String> = found
                .map(|(_, event)| pattern.differences(event))
                .unwrap_or_default()
                .into_iter()
                .filter(|difference| !matches!(difference.what.as_str(), "text" | "cancel.message"))
                .map(|difference| difference.to_string())
                .collect();
            if found.is_none() || !differences.is_empty() {
                return Some(Divergence {
                    line: *line,
                    recorded: Some(pattern.to_string()),
                    simulated: found.map(|(at, event)| told(*at, event)),
                    differences,
                    request,
                });
            }
        }
        let more = heard.iter().filter_map(|(key, events)| events.get(places.get(key).copied().unwrap_or(0)));
        let (at, event) = more.min_by_key(|(at, _)| *at)?;
        Some(Divergence {
            line: self.said.last().map_or(1, |(line, _)| *line),
            recorded: None,
            simulated: Some(told(*at, event)),
            differences: Vec::new(),
            request,
        })
    }
}

impl Divergence {
    /// In words; `file` stands before the line.
    #[must_use]
    pub fn text(&self, file: &str) -> String {
        let recorded = self.recorded.as_deref().unwrap_or("nothing more");
        let mut text = format!("{file}:{}: the site goes another way\n    recorded:  {recorded}\n", self.line);
        text.push_str(&format!("    simulated: {}\n", self.simulated.as_deref().unwrap_or("nothing more")));
        self.differences.iter().for_each(|difference| text.push_str(&format!("      {difference}\n")));
        if let Some((line, request)) = &self.request {
            text.push_str(&format!("    after line {line}: {request}\n"));
        }
        text
    }
}

fn is_event(message: &CommDnMessage) -> bool {
    message.body.message_type().row().is_some_and(|row| row.direction == Direction::FromOcs)
}

fn shown(message: &CommDnMessage) -> String {
    print_step(None, None, message, Mask::Show)
}

fn told(at: Time, event: &CommDnMessage) -> String {
    format!("{} (after {})", shown(event), print_span(at.0))
}
