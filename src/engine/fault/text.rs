//! The words of a fault, read.

use std::str::FromStr;
use std::time::Duration;

use super::{Answer, Moment, Peer, Rule, Spoiled, Way, What, When};
use crate::engine::conversation::{Step, StepError, is_attribute, parse_step};
use crate::engine::filter::{Filter, FilterError, KEYS};
use crate::engine::ocs::dialer::{Span, millis_from_word};
use crate::engine::words::{WordError, nearest, split, unquote};
use crate::message::AppDbid;
use crate::message::ErrorCode;
use crate::wire::ErrorCode as TServerCode;

/// Every kind of fault, as it is written.
pub const WHATS: &[&str] = &[
    "drop",
    "delay",
    "duplicate",
    "reorder",
    "corrupt",
    "split",
    "slow",
    "cut",
    "half-open",
    "switchover",
    "jump",
    "refuse",
    "answer",
    "silent",
    "fail",
    "without-ids",
    "look-alike",
    "two-answers",
];

const CONDITIONS: &[&str] = &[
    "from",
    "to",
    "for",
    "at",
    "now",
    "ocs",
    "app",
    "client",
    "up",
    "down",
    "nth",
    "every",
    "first",
    "probability",
    "seed",
];

/// Most copies of one frame.
const COPIES_MAX: u32 = 100;
pub(super) const COPY_AFTER: Duration = Duration::from_millis(0);
pub(super) const AGAIN_AFTER: Duration = Duration::from_millis(100);
pub(super) const REORDER_MOST: Duration = Duration::from_secs(5);
pub(super) const BACKUP_FOR: Duration = Duration::from_secs(1);
pub(super) const PIECE_BYTES: usize = 16;

/// Words that are no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// Quotes or escapes.
    #[error(transparent)]
    Words(#[from] WordError),
    /// A word that is not what has to stand there.
    #[error("expected {wanted}, found '{found}'{hint}")]
    Expected {
        /// What is wanted.
        wanted: String,
        /// What stands there.
        found: String,
        /// `, did you mean 'x'`, or nothing.
        hint: String,
    },
    /// A comparison that cannot be understood.
    #[error("{error}{hint}")]
    Filter {
        /// What is wrong with it.
        error: FilterError,
        /// `, did you mean 'x'`, or nothing.
        hint: String,
    },
    /// The message of an `answer`.
    #[error("answer: {0}")]
    Answer(#[from] StepError),
    /// Conditions that do not go together.
    #[error("{0}")]
    Senseless(&'static str),
}

/// Reads a line: `drop ocs 301 type=CM_Ev* from 10s to 20s`, with or without `fault` before it.
///
/// # Errors
/// [`FaultError`].
pub fn read_line(line: &str) -> Result<Rule, FaultError> {
    match split(line)?.as_slice() {
        ["fault", words @ ..] | words => read(words),
    }
}

/// Reads the words behind `fault`.
///
/// # Errors
/// [`FaultError`] with the word and, where there is one, the nearest that was meant.
pub fn read(words: &[&str]) -> Result<Rule, FaultError> {
    let mut reader = Reader { words };
    let what = reader.what()?;
    let when = reader.when()?;
    let timed = when.at.is_some();
    if timed && !what.is_timed() {
        return Err(FaultError::Senseless("at and now are for cut, half-open, switchover and jump"));
    }
    if timed && (when.from.is_some() || when.to.is_some()) {
        return Err(FaultError::Senseless("at and now need no from and to"));
    }
    if when.to.is_some() && when.lasts.is_some() {
        return Err(FaultError::Senseless("to and for are two ends of one time"));
    }
    if when.to.is_some_and(|to| to <= when.from.unwrap_or_default()) {
        return Err(FaultError::Senseless("to is not after from"));
    }
    Ok(Rule { what, when })
}

struct Reader<'w> {
    words: &'w [&'w str],
}

impl<'w> Reader<'w> {
    fn next(&mut self) -> Option<&'w str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    /// The next word if it can be read so.
    fn option<T>(&mut self, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let found = self.words.first().and_then(|word| read(word))?;
        self.words = self.words.get(1..).unwrap_or_default();
        Some(found)
    }

    fn wanted<T>(&mut self, wanted: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, FaultError> {
        let word = self.next().unwrap_or_default();
        read(word).ok_or_else(|| expected(wanted, word, None))
    }

    fn after(&mut self, otherwise: Duration) -> Result<Duration, FaultError> {
        match self.option(|word| (word == "after").then_some(())) {
            Some(()) => self.wanted(DURATION, duration),
            None => Ok(otherwise),
        }
    }

    fn what(&mut self) -> Result<What, FaultError> {
        let word = self.next().unwrap_or_default();
        // In topologies and triggers words are joined by an underscore.
        Ok(match word.replace('_', "-").as_str() {
            "drop" => What::Drop,
            "delay" => What::Delay(self.wanted("a span such as 2s, 1s-3s or ~2s", Span::from_word)?),
            "duplicate" => {
                let copies = self.option(|word| number(word, 1..=u64::from(COPIES_MAX)));
                let copies = copies.and_then(|copies| u32::try_from(copies).ok()).unwrap_or(1);
                What::Duplicate { copies, after: self.after(COPY_AFTER)? }
            }
            "reorder" => What::Reorder(self.option(duration).unwrap_or(REORDER_MOST)),
            "corrupt" => What::Corrupt(self.option(spoiled).unwrap_or(Spoiled::Frame)),
            "split" => {
                let bytes = self.option(|word| number(word, 1..=1 << 20)).and_then(|bytes| usize::try_from(bytes).ok());
                What::Split(bytes.unwrap_or(PIECE_BYTES))
            }
            "slow" => {
                let bytes = self.wanted("bytes a second", |word| number(word, 1..=u64::from(u32::MAX)))?;
                What::Slow(u32::try_from(bytes).unwrap_or(u32::MAX))
            }
            "cut" => What::Cut,
            "half-open" => What::HalfOpen,
            "switchover" => What::Switchover(self.option(duration).unwrap_or(BACKUP_FOR)),
            "jump" => What::Jump(self.wanted(DURATION, duration)?),
            "refuse" => What::Refuse(self.wanted("the code of a CM_EvError or its word", error_code)?),
            "answer" => What::Answer(Box::new(self.answer()?)),
            "silent" => What::Silent,
            "fail" => What::Fail(self.wanted("the code of an EventError", |word| word.parse().ok().map(TServerCode))?),
            "without-ids" => What::WithoutIds,
            "look-alike" => What::LookAlike,
            "two-answers" => What::TwoAnswers(self.after(AGAIN_AFTER)?),
            other => return Err(expected("a fault", word, nearest(other, WHATS.iter().copied()))),
        })
    }

    fn answer(&mut self) -> Result<Answer, FaultError> {
        let word = self.next().unwrap_or_default();
        Answer::read(&unquote(word)?)
    }

    fn when(&mut self) -> Result<When, FaultError> {
        let mut when = When::default();
        while let Some(word) = self.next() {
            match word {
                "from" => when.from = Some(self.wanted(DURATION, duration)?),
                "to" => when.to = Some(self.wanted(DURATION, duration)?),
                "for" => when.lasts = Some(self.wanted(DURATION, duration)?),
                "at" => when.at = Some(Moment::At(self.wanted(DURATION, duration)?)),
                "now" => when.at = Some(Moment::Now),
                "ocs" => when.peer = Some(Peer::Ocs(self.wanted("the DBID of an OCS", dbid)?)),
                "app" => when.peer = Some(Peer::App(self.wanted("the DBID of an application", dbid)?)),
                "client" => {
                    let name =
                        self.wanted("the name of a client", |word| unquote(word).ok().filter(|it| !it.is_empty()));
                    when.peer = Some(Peer::Client(name?));
                }
                "up" => when.way = Some(Way::Up),
                "down" => when.way = Some(Way::Down),
                "nth" => when.nth = Some(self.wanted(COUNT, count)?),
                "every" => when.every = Some(self.wanted(COUNT, count)?),
                "first" => when.first = Some(self.wanted(COUNT, count)?),
                "probability" => {
                    let per_mille = self.wanted("a number of a thousand, 0 to 1000", |word| number(word, 0..=1_000))?;
                    when.probability = u32::try_from(per_mille).ok();
                }
                "seed" => when.seed = Some(self.wanted("a number", |word| word.parse().ok())?),
                comparison if comparison.contains('=') => when.matching.push(filter(&unquote(comparison)?)?),
                other => return Err(condition(other)),
            }
        }
        Ok(when)
    }
}

const DURATION: &str = "a duration such as 500ms, 20s, 5m or 2h";
const COUNT: &str = "a number from 1";

fn expected(wanted: &str, found: &str, near: Option<&str>) -> FaultError {
    FaultError::Expected { wanted: wanted.to_owned(), found: found.to_owned(), hint: hint(near) }
}

fn hint(near: Option<&str>) -> String {
    near.map(|near| format!(", did you mean '{near}'")).unwrap_or_default()
}

/// A word that is no condition; message names are often written without their key.
fn condition(word: &str) -> FaultError {
    if word.starts_with("CM_") || word.starts_with("Event") || word.starts_with("Request") {
        return expected("a condition", word, Some(&format!("type={word}")));
    }
    expected("a condition", word, nearest(word, CONDITIONS.iter().copied()))
}

fn filter(text: &str) -> Result<Filter, FaultError> {
    let known = |key: &str| KEYS.contains(&key) || is_attribute(key);
    Filter::parse_with(text, &known).map_err(|error| {
        let key = error.term.split(['=', '!']).next().unwrap_or_default().trim();
        let hint = if known(key) { String::new() } else { hint(nearest(key, KEYS.iter().copied())) };
        FaultError::Filter { error, hint }
    })
}

fn duration(word: &str) -> Option<Duration> {
    millis_from_word(word).map(Duration::from_millis)
}

fn number(word: &str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
    word.parse().ok().filter(|number| range.contains(number))
}

fn count(word: &str) -> Option<u64> {
    number(word, 1..=u64::MAX)
}

fn dbid(word: &str) -> Option<AppDbid> {
    word.parse().ok().filter(|dbid| *dbid > 0).map(AppDbid)
}

fn error_code(word: &str) -> Option<ErrorCode> {
    word.parse().ok().map(ErrorCode).or_else(|| ErrorCode::from_word(word))
}

fn spoiled(word: &str) -> Option<Spoiled> {
    SPOILED.iter().find(|(_, known)| *known == word).map(|(spoiled, _)| *spoiled)
}

pub(super) const SPOILED: &[(Spoiled, &str)] =
    &[(Spoiled::Frame, "frame"), (Spoiled::List, "list"), (Spoiled::Message, "message")];

impl Answer {
    /// Reads `MESSAGE KEY=VALUE ...`, as conversations have it behind the arrow.
    ///
    /// # Errors
    /// [`FaultError`].
    pub fn read(text: &str) -> Result<Self, FaultError> {
        match parse_step(&format!("ocs 0 -> 0 {text}"))? {
            Some(Step::Message(step)) => Ok(Self { text: text.to_owned(), message: step.message }),
            _ => Err(expected("\"MESSAGE KEY=VALUE ...\"", text, None)),
        }
    }
}

impl FromStr for Rule {
    type Err = FaultError;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        read_line(line)
    }
}
