//! The keys of a file.

use serde::{Deserialize, Serialize};

/// A sequence file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceShape {
    /// Its name.
    pub name: String,
    /// When it begins: `2026-12-01T17:00:00[Europe/Prague]`; absent = at once.
    #[serde(default)]
    pub start: Option<String>,
    /// Zone of the clock times in it; absent = that of the start, else UTC.
    #[serde(default)]
    pub zone: Option<String>,
    /// The campaigns, in order.
    #[serde(default)]
    pub step: Vec<StepShape>,
}

/// A campaign of a sequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepShape {
    /// By DBID or name.
    pub campaign: Dialed,
    /// By DBID or name.
    pub group: Dialed,
    /// Dial mode; absent = the last known one, else the configured one.
    #[serde(default)]
    pub mode: Option<Dialed>,
    /// Method with its goal: `{ busy_factor = 80 }`.
    #[serde(default)]
    pub optimize: Option<OptimizeShape>,
    /// When it is over: the first of these; absent = when no record is left.
    #[serde(default)]
    pub stop: Option<StopShape>,
    /// Pause before the next step: `10m`.
    #[serde(default)]
    pub sleep_before_next: Option<String>,
    /// `skip`, `retry` or `abort`.
    #[serde(default)]
    pub on_failure: Option<String>,
    /// It waits until these hold.
    #[serde(default)]
    pub when: Option<Conditions>,
    /// It begins on these days only: `["mon", "tue"]`.
    #[serde(default)]
    pub weekdays: Option<Vec<String>>,
    /// It begins within these hours, and is over with them: `08:00-21:00`.
    #[serde(default)]
    pub hours: Option<String>,
    /// Zone of its days, hours and stop; absent = that of the sequence.
    #[serde(default)]
    pub zone: Option<String>,
}

/// A name, or a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dialed {
    /// A number.
    Number(i32),
    /// A name.
    Name(String),
}

impl Dialed {
    /// As a word.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Name(name) => name.clone(),
        }
    }
}

/// One method with its goal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizeShape {
    /// Percent.
    #[serde(default)]
    pub busy_factor: Option<i32>,
    /// Percent.
    #[serde(default)]
    pub overdial_rate: Option<i32>,
    /// Seconds.
    #[serde(default)]
    pub wait_time: Option<i32>,
}

impl OptimizeShape {
    /// What is given.
    pub(super) fn all(&self) -> Vec<(&'static str, i32)> {
        let all =
            [("busy_factor", self.busy_factor), ("overdial_rate", self.overdial_rate), ("wait_time", self.wait_time)];
        all.into_iter().filter_map(|(name, goal)| Some((name, goal?))).collect()
    }
}

/// When a step is over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopShape {
    /// A clock time of the day on which the sequence begins, or one with its date.
    #[serde(default)]
    pub at: Option<String>,
    /// So long after its start.
    #[serde(default)]
    pub after: Option<String>,
    /// Dial attempts.
    #[serde(default)]
    pub dials: Option<i64>,
    /// Transferred calls.
    #[serde(default)]
    pub contacts: Option<i64>,
    /// When no record is left; absent = true.
    #[serde(default)]
    pub depleted: Option<bool>,
}

/// One condition, or some.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Conditions {
    /// One.
    One(WhenShape),
    /// All of them.
    All(Vec<WhenShape>),
}

impl Conditions {
    pub(super) fn all(&self) -> Vec<&WhenShape> {
        match self {
            Self::One(when) => vec![when],
            Self::All(whens) => whens.iter().collect(),
        }
    }
}

/// A state that a step waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhenShape {
    /// By DBID or name.
    pub campaign: Dialed,
    /// By DBID or name; absent = the step's.
    #[serde(default)]
    pub group: Option<Dialed>,
    /// `loaded`, `running`, `active`, `not_loaded`, ...
    pub status: String,
}
