//! A sequence as people write it: TOML or JSON. Names become DBIDs, local times become moments; what is wrong is told
//! with its line and the nearest word.

mod moments;
mod place;
mod shape;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::engine::Router;
use crate::engine::ocs::dialer::millis_from_word;
use crate::engine::sequence::{Condition, End, Lint, OnFailure, Sequence, Step, Want, Window};
use crate::engine::words::nearest;
use crate::message::{AppDbid, DialMode, Dialing, OptimizeBy, Pair};
use moments::{Clock, Local};
use place::Places;
pub use shape::{Conditions, Dialed, OptimizeShape, SequenceShape, StepShape, StopShape, WhenShape};

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TOML.
    Toml,
    /// JSON.
    Json,
}

/// Something wrong with a file, or odd about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// It cannot be run like this.
    pub is_error: bool,
    /// Line in the file, from 1.
    pub line: Option<usize>,
    /// Column, from 1.
    pub column: Option<usize>,
    /// The key, for instance `step[0].campaign`.
    pub path: String,
    /// What was found and what was wanted.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// A file that could be read.
#[derive(Clone, Debug)]
pub struct SequenceFile {
    /// What it says.
    pub sequence: Sequence,
    /// What is odd about it already.
    pub warnings: Vec<Flaw>,
    places: Places,
}

impl SequenceFile {
    /// What a plan finds odd, with its place in the file.
    #[must_use]
    pub fn flaw(&self, lint: &Lint) -> Flaw {
        let path = match lint.step {
            Some(step) => format!("step[{step}].{}", lint.key),
            None => lint.key.to_owned(),
        };
        self.places.flaw(lint.is_error, path, lint.message.clone(), None)
    }
}

/// Reads a file as of a moment (milliseconds since 1970 UTC), which says what today is.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(text: &str, format: Format, router: &Router, now_ms: i64) -> Result<SequenceFile, Vec<Flaw>> {
    let (shape, places) = place::parse(text, format).map_err(|flaw| vec![flaw])?;
    let mut reader = Reader { router, places, flaws: Vec::new(), now_ms };
    let sequence = reader.sequence(&shape);
    let Reader { places, mut flaws, .. } = reader;
    if flaws.iter().any(|flaw| flaw.is_error) {
        flaws.sort_by_key(|flaw| flaw.line);
        return Err(flaws);
    }
    Ok(SequenceFile { sequence, warnings: flaws, places })
}

struct Reader<'a> {
    router: &'a Router,
    places: Places,
    flaws: Vec<Flaw>,
    now_ms: i64,
}

/// What stands for a value that is wrong: the flaw is told, and reading goes on to find the others.
const NOBODY: i32 = 0;

impl Reader<'_> {
    fn error(&mut self, path: &str, message: impl Into<String>, hint: Option<String>) {
        let flaw = self.places.flaw(true, path.to_owned(), message.into(), hint);
        self.flaws.push(flaw);
    }

    /// The value, or its flaw.
    fn take<T>(&mut self, path: &str, found: Result<T, String>) -> Option<T> {
        found.map_err(|message| self.error(path, message, None)).ok()
    }

    fn sequence(&mut self, shape: &SequenceShape) -> Sequence {
        if shape.name.trim().is_empty() || shape.name.len() > 255 {
            self.error("name", "expected a name of 1 to 255 bytes", None);
        }
        let zone = shape.zone.as_deref().unwrap_or("UTC");
        let start = shape.start.as_deref().and_then(|text| {
            let read = Local::read(text, zone);
            self.local("start", read)
        });
        let named = shape.zone.clone().or_else(|| start.as_ref().and_then(|start| start.zone_name.clone()));
        let zone_name = named.unwrap_or_else(|| "UTC".into());
        let start_ms = start.map(|start| start.ms);
        let clock = Clock::new(&zone_name, start_ms.unwrap_or(self.now_ms));
        let clock = self.take("zone", clock).unwrap_or_else(|| Clock::utc(self.now_ms));
        let mut steps = Vec::with_capacity(shape.step.len());
        for (at, step) in shape.step.iter().enumerate() {
            steps.push(self.step(&format!("step[{at}]"), step, &clock, start_ms));
        }
        Sequence { name: shape.name.trim().to_owned(), start_ms, steps }
    }

    /// A moment by local clocks, with what has to be said about it.
    fn local(&mut self, path: &str, found: Result<Local, moments::Wrong>) -> Option<Local> {
        match found {
            Ok(local) => {
                if let Some(twice) = &local.warning {
                    let flaw = self.places.flaw(false, path.to_owned(), twice.clone(), None);
                    self.flaws.push(flaw);
                }
                Some(local)
            }
            Err(wrong) => {
                self.error(path, wrong.message, wrong.hint);
                None
            }
        }
    }

    fn step(&mut self, path: &str, shape: &StepShape, clock: &Clock, start_ms: Option<i64>) -> Step {
        let key = |key: &str| format!("{path}.{key}");
        let (ocs, campaign) = self.campaign(&key("campaign"), &shape.campaign);
        let group = self.group(&key("group"), &shape.group);
        let own = shape.zone.as_deref().map(|zone| Clock::new(zone, start_ms.unwrap_or(self.now_ms)));
        let own = own.and_then(|own| self.take(&key("zone"), own));
        let clock = own.as_ref().unwrap_or(clock);
        let mut step = Step::new(ocs, Pair::new(campaign, group), self.dialing(path, shape));
        step.end = self.end(path, shape.stop.as_ref(), clock);
        if let Some(word) = &shape.sleep_before_next {
            step.pause_after_ms = self.millis(&key("sleep_before_next"), word).unwrap_or(0);
        }
        if let Some(word) = &shape.on_failure {
            let words = OnFailure::ALL.map(OnFailure::slug);
            let found = OnFailure::from_slug(word).ok_or_else(|| unknown(word, "one of", &words));
            step.on_failure = self.take(&key("on_failure"), found).unwrap_or_default();
        }
        let whens = shape.when.as_ref().map(Conditions::all).unwrap_or_default();
        for when in whens {
            let condition = self.condition(&key("when"), when, group);
            step.when.extend(condition);
        }
        step.window = self.window(path, shape, clock);
        step
    }

    fn campaign(&mut self, path: &str, word: &Dialed) -> (AppDbid, i32) {
        let found = find(&word.text(), |word| self.router.campaign(word).map(|it| (it.object.ocs, it.dbid)));
        self.take(path, found).unwrap_or((AppDbid(NOBODY), NOBODY))
    }

    fn group(&mut self, path: &str, word: &Dialed) -> i32 {
        let found = find(&word.text(), |word| self.router.group(word).map(|it| it.dbid));
        self.take(path, found).unwrap_or(NOBODY)
    }

    fn dialing(&mut self, path: &str, shape: &StepShape) -> Dialing {
        let mut dialing = Dialing::default();
        if let Some(word) = &shape.mode {
            let documented = DialMode::TABLE.iter().filter(|(mode, _, _)| mode.is_documented());
            let words: Vec<&str> = documented.map(|(_, _, slug)| *slug).collect();
            let word = word.text();
            // The vendor's documents say predictive and progressive, its constants do not.
            let short = word.to_lowercase().replace('-', "_").replace("predictive", "predict");
            let short = short.replace("progressive", "progress");
            let found = DialMode::from_word(&short).or_else(|| DialMode::from_word(&word));
            let found = found.filter(|mode| mode.is_documented());
            dialing.mode = self.take(&format!("{path}.mode"), found.ok_or_else(|| unknown(&word, "one of", &words)));
        }
        if let Some(optimize) = &shape.optimize {
            let given = optimize.all();
            let place = format!("{path}.optimize");
            match given.as_slice() {
                [(method, goal)] => (dialing.optimize_by, dialing.goal) = (OptimizeBy::from_word(method), Some(*goal)),
                _ => self.error(&place, format!("expected one method, found {}", given.len()), None),
            }
        }
        dialing
    }

    fn end(&mut self, path: &str, shape: Option<&StopShape>, clock: &Clock) -> End {
        let Some(shape) = shape else { return End::default() };
        let key = |key: &str| format!("{path}.stop.{key}");
        let at = shape.at.as_deref().map(|text| clock.moment(text));
        let at = at.and_then(|at| self.local(&key("at"), at));
        let count = |reader: &mut Self, name: &str, value: Option<i64>| {
            let value = value?;
            let fits = i32::try_from(value).ok().filter(|value| *value > 0);
            reader.take(&key(name), fits.ok_or_else(|| format!("expected 1 to {}, found {value}", i32::MAX)))
        };
        End {
            at_ms: at.map(|at| at.ms),
            after_ms: shape.after.as_deref().and_then(|word| self.millis(&key("after"), word)),
            dials: count(self, "dials", shape.dials),
            contacts: count(self, "contacts", shape.contacts),
            depleted: shape.depleted.unwrap_or(true),
        }
    }

    fn millis(&mut self, path: &str, word: &str) -> Option<i64> {
        let found = millis_from_word(word).and_then(|millis| i64::try_from(millis).ok());
        self.take(path, found.ok_or_else(|| format!("expected a duration such as 90s, 10m or 2h, found '{word}'")))
    }

    fn condition(&mut self, path: &str, shape: &WhenShape, own_group: i32) -> Option<Condition> {
        let (ocs, campaign) = self.campaign(path, &shape.campaign);
        let group = shape.group.as_ref().map_or(own_group, |group| self.group(path, group));
        let words: Vec<&str> = Want::words().collect();
        let want = Want::from_word(&shape.status).ok_or_else(|| unknown(&shape.status, "a status, one of", &words));
        let want = self.take(path, want)?;
        Some(Condition { ocs, pair: Pair::new(campaign, group), want })
    }

    fn window(&mut self, path: &str, shape: &StepShape, clock: &Clock) -> Option<Window> {
        if shape.weekdays.is_none() && shape.hours.is_none() {
            return None;
        }
        let mut window = Window {
            zone: clock.zone.clone(),
            zone_name: clock.zone_name.clone(),
            days: Window::EVERY_DAY,
            from_s: 0,
            till_s: 86_400,
        };
        if let Some(days) = &shape.weekdays {
            window.days = 0;
            for word in days {
                let short: String = word.to_lowercase().chars().take(3).collect();
                let found = Window::DAYS.iter().position(|day| *day == short);
                let found = found.ok_or_else(|| unknown(word, "one of", &Window::DAYS));
                if let Some(day) = self.take(&format!("{path}.weekdays"), found) {
                    window.days |= 1 << day;
                }
            }
        }
        if let Some(hours) = &shape.hours {
            let parts = hours.split_once('-').and_then(|(from, till)| {
                let seconds = |text: &str| moments::clock_seconds(text.trim());
                seconds(from).zip(seconds(till))
            });
            let parts = parts.filter(|(from, till)| from != till && *from < 86_400);
            let found = parts.ok_or_else(|| format!("expected hours such as 08:00-21:00, found '{hours}'"));
            if let Some((from, till)) = self.take(&format!("{path}.hours"), found) {
                (window.from_s, window.till_s) = (from, till);
            }
        }
        Some(window)
    }
}

/// An object by its DBID or name; in a file a hyphen or an underscore may stand for a blank.
fn find<T, E: fmt::Display>(word: &str, find: impl Fn(&str) -> Result<T, E>) -> Result<T, String> {
    find(word)
        .or_else(|error| find(&word.replace(['-', '_'], " ")).map_err(|_| error))
        .map_err(|error| error.to_string())
}

fn unknown(found: &str, wanted: &str, words: &[&str]) -> String {
    let near = nearest(found, words.iter().copied()).map(|near| format!(", did you mean '{near}'?"));
    format!("expected {wanted} {}, found '{found}'{}", words.join(", "), near.unwrap_or_default())
}
