//! The words of a fault, printed as they are read.

use std::fmt;
use std::time::Duration;

use super::text::{AGAIN_AFTER, BACKUP_FOR, COPY_AFTER, PIECE_BYTES, REORDER_MOST, SPOILED};
use super::{Moment, Peer, Rule, Spoiled, Way, What, When};
use crate::engine::ocs::dialer::Span;
use crate::engine::words::quote;

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.what, self.when)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drop => f.write_str("drop"),
            Self::Delay(span) => write!(f, "delay {}", Spanned(*span)),
            Self::Duplicate { copies, after } => {
                f.write_str("duplicate")?;
                if *copies != 1 {
                    write!(f, " {copies}")?;
                }
                if *after == COPY_AFTER { Ok(()) } else { write!(f, " after {}", Length(*after)) }
            }
            Self::Reorder(most) => with_length(f, "reorder", *most, REORDER_MOST),
            Self::Corrupt(Spoiled::Frame) => f.write_str("corrupt"),
            Self::Corrupt(spoiled) => {
                let word = SPOILED.iter().find(|(known, _)| known == spoiled).map_or("frame", |(_, word)| word);
                write!(f, "corrupt {word}")
            }
            Self::Split(PIECE_BYTES) => f.write_str("split"),
            Self::Split(bytes) => write!(f, "split {bytes}"),
            Self::Slow(bytes) => write!(f, "slow {bytes}"),
            Self::Cut => f.write_str("cut"),
            Self::HalfOpen => f.write_str("half-open"),
            Self::Switchover(backup) => with_length(f, "switchover", *backup, BACKUP_FOR),
            Self::Jump(leap) => write!(f, "jump {}", Length(*leap)),
            Self::Refuse(code) => write!(f, "refuse {}", code.0),
            Self::Answer(answer) => write!(f, "answer {}", quote(&answer.text)),
            Self::Silent => f.write_str("silent"),
            Self::Fail(code) => write!(f, "fail {}", code.0),
            Self::WithoutIds => f.write_str("without-ids"),
            Self::LookAlike => f.write_str("look-alike"),
            Self::TwoAnswers(AGAIN_AFTER) => f.write_str("two-answers"),
            Self::TwoAnswers(after) => write!(f, "two-answers after {}", Length(*after)),
        }
    }
}

fn with_length(f: &mut fmt::Formatter<'_>, word: &str, length: Duration, usual: Duration) -> fmt::Result {
    if length == usual { f.write_str(word) } else { write!(f, "{word} {}", Length(length)) }
}

/// With a blank before each condition.
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = |f: &mut fmt::Formatter<'_>, word: &str, length: Option<Duration>| match length {
            Some(length) => write!(f, " {word} {}", Length(length)),
            None => Ok(()),
        };
        length(f, "from", self.from)?;
        length(f, "to", self.to)?;
        length(f, "for", self.lasts)?;
        match self.at {
            Some(Moment::Now) => f.write_str(" now")?,
            Some(Moment::At(at)) => length(f, "at", Some(at))?,
            None => {}
        }
        match &self.peer {
            Some(Peer::Ocs(dbid)) => write!(f, " ocs {dbid}")?,
            Some(Peer::App(dbid)) => write!(f, " app {dbid}")?,
            Some(Peer::Client(name)) => write!(f, " client {}", quote(name))?,
            None => {}
        }
        match self.way {
            Some(Way::Up) => f.write_str(" up")?,
            Some(Way::Down) => f.write_str(" down")?,
            None => {}
        }
        for filter in &self.matching {
            let text = filter.to_string();
            let bare = |c: char| c.is_alphanumeric() || "_+-.*@:/=!".contains(c);
            match text.chars().all(bare) {
                true => write!(f, " {text}")?,
                false => write!(f, " {}", quote(&text))?,
            }
        }
        let numbers = [("nth", self.nth), ("every", self.every), ("first", self.first)];
        let chance = [("probability", self.probability.map(u64::from)), ("seed", self.seed)];
        for (word, number) in numbers.into_iter().chain(chance) {
            if let Some(number) = number {
                write!(f, " {word} {number}")?;
            }
        }
        Ok(())
    }
}

/// A length of time in the largest unit that says it whole.
struct Length(Duration);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
        let unit = units.into_iter().find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit));
        let (unit, word) = unit.unwrap_or((1, "ms"));
        write!(f, "{}{word}", millis / unit)
    }
}

struct Spanned(Span);

impl fmt::Display for Spanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = |millis: u64| Length(Duration::from_millis(millis));
        match self.0 {
            Span::Between(min, max) if min == max => write!(f, "{}", length(min)),
            Span::Between(min, max) => write!(f, "{}-{}", length(min), length(max)),
            Span::Mean(mean) => write!(f, "~{}", length(mean)),
        }
    }
}
