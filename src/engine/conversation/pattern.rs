//! Messages that are waited for: one, or whatever fits; and in what another one differs.

use std::fmt;

use super::attributes::{TOP, words as table};
use super::tree::{contains, insert, print_list, tree_of};
use super::{Mask, MessageStep, StepError, expected, print_step, read_int, read_kind, read_message};
use crate::engine::filter::matches;
use crate::engine::words::split;
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::Direction;
use crate::message::MessageType;
use crate::message::Target;
use crate::wire::TkvList;

/// What an event has to look like. `*` stands for any sender, any receiver, and any part of a message's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Shape);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    /// Nothing is left open but, with `...`, other attributes.
    One(Box<MessageStep>),
    /// Something is; what is not named may be there.
    Any { from: Option<AppDbid>, to: Option<Target>, name: String, tree: TkvList },
}

/// One thing in which a message is not what was waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `from`, `to`, `message` or an attribute.
    pub what: String,
    /// What was waited for, `None` when nothing.
    pub wanted: Option<String>,
    /// What came, `None` when nothing.
    pub came: Option<String>,
}

impl Pattern {
    /// Reads the words of an event: `ocs 301 -> 201 CM_EvError error=7 ...`.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn read(words: &[&str]) -> Result<Self, StepError> {
        const SHAPE: &str = "ocs FROM -> TO MESSAGE";
        if let ["ocs", from, "->", to, name, attributes @ ..] = words
            && [from, to, name].iter().any(|word| word.contains('*'))
        {
            return Self::read_any(from, to, name, attributes);
        }
        let step = match (read_message(words), words) {
            // Open, and without what the message always has.
            (Err(StepError::Message(_)), ["ocs", from, "->", to, name, attributes @ .., "..."]) => {
                return Self::read_any(from, to, name, attributes);
            }
            (read, _) => read?,
        };
        match step.message.body.message_type().row().map(|row| row.direction) {
            Some(Direction::FromOcs) => Ok(Self(Shape::One(Box::new(step)))),
            _ => Err(expected(SHAPE, &words.join(" "))),
        }
    }

    fn read_any(from: &str, to: &str, name: &str, attributes: &[&str]) -> Result<Self, StepError> {
        let from = (from != "*").then(|| read_int("the DBID of the sender or *", from)).transpose()?.map(AppDbid);
        let to = (to != "*").then(|| read_int("the DBID of the receiver, 0 or *", to)).transpose()?.map(Target::from);
        let attributes = match attributes {
            [rest @ .., "..."] => rest,
            all => all,
        };
        let mut tree = TkvList::new();
        for word in attributes {
            insert(&mut tree, word)?;
        }
        if !name.contains('*') {
            let kind = read_kind(name)?;
            if kind.row().is_none_or(|row| row.direction != Direction::FromOcs) {
                return Err(expected("an event", name));
            }
            // Only to be told of attributes that the message does not have.
            let named = |key: &str| attributes.iter().any(|word| word.split_once('=').is_some_and(|(it, _)| it == key));
            let missing = [("campaign", "campaign=0"), ("group", "group=0")].into_iter().filter(|(key, _)| !named(key));
            let whole: Vec<&str> = attributes.iter().copied().chain(missing.map(|(_, word)| word)).collect();
            match super::build(kind, AppDbid(0), Target::Every, &whole) {
                Err(StepError::NotOfMessage { attribute, .. }) if !named(&attribute) => {}
                built => drop(built?),
            }
        }
        Ok(Self(Shape::Any { from, to, name: name.to_owned(), tree }))
    }

    /// Exactly this message.
    #[must_use]
    pub fn of(message: CommDnMessage) -> Self {
        Self(Shape::One(Box::new(MessageStep { time: None, dn: None, message, open: false })))
    }

    /// What a line says of one message.
    #[must_use]
    pub fn of_step(step: MessageStep) -> Self {
        Self(Shape::One(Box::new(step)))
    }

    /// What the line says, when it is of one message.
    #[must_use]
    pub fn step(&self) -> Option<&MessageStep> {
        match &self.0 {
            Shape::One(step) => Some(step),
            Shape::Any { .. } => None,
        }
    }

    /// Whether an event is one of those.
    #[must_use]
    pub fn fits(&self, found: &CommDnMessage) -> bool {
        match &self.0 {
            Shape::One(step) => step.fits(found),
            Shape::Any { from, to, name, tree } => {
                from.is_none_or(|from| from == found.origin)
                    && to.is_none_or(|to| to == found.target)
                    && matches(name, &found.body.message_type().to_string())
                    && tree_of(found).is_ok_and(|found| contains(&found, tree))
            }
        }
    }

    /// Who has to send it, when that is said.
    #[must_use]
    pub fn from(&self) -> Option<AppDbid> {
        match &self.0 {
            Shape::One(step) => Some(step.message.origin),
            Shape::Any { from, .. } => *from,
        }
    }

    /// For whom it has to be, when that is said.
    #[must_use]
    pub fn to(&self) -> Option<Target> {
        match &self.0 {
            Shape::One(step) => Some(step.message.target),
            Shape::Any { to, .. } => *to,
        }
    }

    /// The message, when it is one.
    #[must_use]
    pub fn message_type(&self) -> Option<MessageType> {
        match &self.0 {
            Shape::One(step) => Some(step.message.body.message_type()),
            Shape::Any { name, .. } => MessageType::from_name(name),
        }
    }

    /// The number that an attribute at the top has to have, when that is said.
    #[must_use]
    pub fn number(&self, attribute: &str) -> Option<i32> {
        let prefix = format!("{attribute}=");
        self.attributes().iter().find_map(|word| word.strip_prefix(&prefix)?.parse().ok())
    }

    fn is_open(&self) -> bool {
        match &self.0 {
            Shape::One(step) => step.open,
            Shape::Any { .. } => true,
        }
    }

    fn attributes(&self) -> Vec<String> {
        match &self.0 {
            Shape::One(step) => attributes(&step.message),
            Shape::Any { tree, .. } => {
                let mut line = String::new();
                print_list(&mut line, "", TOP, tree, Mask::Show);
                words(&line)
            }
        }
    }

    fn name(&self) -> String {
        match &self.0 {
            Shape::One(step) => step.message.body.message_type().to_string(),
            Shape::Any { name, .. } => name.clone(),
        }
    }

    /// In what an event differs; empty when it fits.
    #[must_use]
    pub fn differences(&self, found: &CommDnMessage) -> Vec<Difference> {
        let mut all = Vec::new();
        let mut differ = |what: &str, wanted: Option<String>, came: Option<String>| {
            all.push(Difference { what: what.to_owned(), wanted, came });
        };
        let name = found.body.message_type().to_string();
        if !matches(&self.name(), &name) {
            differ("message", Some(self.name()), Some(name));
        }
        if let Some(from) = self.from().filter(|from| *from != found.origin) {
            differ("from", Some(from.to_string()), Some(found.origin.to_string()));
        }
        if let Some(to) = self.to().filter(|to| *to != found.target) {
            differ("to", Some(to.to_string()), Some(found.target.to_string()));
        }
        let (wanted, came) = (self.attributes(), attributes(found));
        let value = |all: &[String], key: &str| {
            let word = all.iter().find(|word| word.split_once('=').is_some_and(|(name, _)| name == key))?;
            word.split_once('=').map(|(_, value)| value.to_owned())
        };
        for word in &wanted {
            let Some((key, wanted)) = word.split_once('=') else { continue };
            let came = value(&came, key);
            if came.as_deref() != Some(wanted) {
                differ(key, Some(wanted.to_owned()), came);
            }
        }
        if !self.is_open() {
            for word in &came {
                let Some((key, came)) = word.split_once('=') else { continue };
                if value(&wanted, key).is_none() {
                    differ(key, None, Some(came.to_owned()));
                }
            }
        }
        all
    }

    /// How far away an event is: another message weighs most, then sender and receiver, then attributes.
    #[must_use]
    pub fn distance(&self, found: &CommDnMessage) -> usize {
        let weight = |difference: &Difference| match difference.what.as_str() {
            "message" => 8,
            "from" | "to" => 4,
            "campaign" | "group" => 2,
            _ => 1,
        };
        self.differences(found).iter().map(weight).sum()
    }
}

/// The attributes of a message, each `key=value`.
fn attributes(message: &CommDnMessage) -> Vec<String> {
    let line = print_step(None, None, message, Mask::Show);
    words(&line).split_off(5) // role, from, arrow, to, name
}

/// What was printed a moment ago has its quotes closed.
fn words(line: &str) -> Vec<String> {
    split(line).unwrap_or_default().into_iter().map(str::to_owned).collect()
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Shape::One(step) => {
                let line = print_step(step.time.as_deref(), step.dn.as_deref(), &step.message, Mask::Show);
                write!(f, "{line}{}", if step.open { " ..." } else { "" })
            }
            Shape::Any { from, to, name, .. } => {
                let word = |dbid: Option<String>| dbid.unwrap_or_else(|| "*".to_owned());
                let (from, to) = (word(from.map(|from| from.to_string())), word(to.map(|to| to.to_string())));
                write!(f, "ocs {from} -> {to} {name}")?;
                self.attributes().iter().try_for_each(|word| write!(f, " {word}"))?;
                f.write_str(" ...")
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, wanted, came } = self;
        let named = |value: &str| {
            let number: Option<i32> = value.parse().ok();
            let word = table(what).into_iter().find(|(it, _)| Some(*it) == number);
            word.map_or_else(|| value.to_owned(), |(_, word)| format!("{value} ({word})"))
        };
        let (wanted, came) = (wanted.as_deref().map(named), came.as_deref().map(named));
        match (wanted, came) {
            (Some(wanted), Some(came)) => write!(f, "{what}: wanted {wanted}, came {came}"),
            (Some(wanted), None) => write!(f, "{what}: wanted {wanted}, came without"),
            (None, came) => write!(f, "{what}: wanted none, came {}", came.unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(line: &str) -> Pattern {
        Pattern::read(&split(line).unwrap()).unwrap()
    }

    fn message(line: &str) -> CommDnMessage {
        read_message(&split(line).unwrap()).unwrap().message
    }

    #[test]
    fn stars_leave_open_what_they_stand_for() {
        let error =
            message("ocs 301 -> 201 CM_EvError campaign=101 group=732 status=5 error=7 text=\"already started\"");
        for (line, fits) in [
            ("ocs * -> 201 CM_EvError error=7 ...", true),
            ("ocs * -> * CM_Ev*", true),
            ("ocs * -> * CM_Ev* error=4 ...", false),
            ("ocs 302 -> * CM_Ev*", false),
            ("ocs * -> 0 CM_EvError ...", false),
            ("ocs 301 -> 201 CM_EvError error=7 ...", true),
            ("ocs 301 -> 201 CM_EvError error=7", false),
        ] {
            let pattern = pattern(line);
            assert_eq!(pattern.fits(&error), fits, "{line}");
            assert_eq!(pattern.fits(&error), pattern.differences(&error).is_empty(), "{line}");
            assert_eq!(self::pattern(&pattern.to_string()), pattern, "{line}");
        }
    }

    #[test]
    fn a_request_a_typo_and_a_stranger_are_no_patterns() {
        for (line, wanted) in [
            ("app 201 -> 301 CM_ReqStopDialing campaign=1 group=2", "expected ocs FROM -> TO MESSAGE"),
            ("ocs * -> 201 CM_EvEror", "did you mean 'CM_EvError'"),
            ("ocs * -> 201 CM_EvError eror=7", "did you mean 'error'"),
            ("ocs * -> 201 CM_ReqStopDialing ...", "expected an event"),
            ("ocs * -> 201 CM_EvDialingStopped dnc.phone=1 ...", "CM_EvDialingStopped has no attribute dnc.phone"),
        ] {
            let told = Pattern::read(&split(line).unwrap()).unwrap_err().to_string();
            assert!(told.contains(wanted), "{line}: {told}");
        }
    }

    #[test]
    fn what_differs_is_told_and_weighed() {
        let wanted = pattern("ocs 301 -> 201 CM_EvDialingStarted campaign=101 group=732 status=5 error=0");
        let near = message("ocs 301 -> 201 CM_EvDialingStarted campaign=101 group=732 status=4 goal=80");
        let told: Vec<String> = wanted.differences(&near).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "status: wanted 5 (running), came 4 (active)",
                "error: wanted 0 (no_error), came without",
                "goal: wanted none, came 80"
            ]
        );
        let far = message("ocs 302 -> 201 CM_EvError campaign=101 group=732 error=7");
        assert!(wanted.distance(&near) < wanted.distance(&far));
    }
}
