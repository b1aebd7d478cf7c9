//! Conversations as text, one step a line: what `tap` writes, `replay` and `decode` read, and the tests play.
//!
//! ```text
//! [TIME] [@DN] app|ocs FROM -> TO MESSAGE key=value ...        a message; `...` at the end: other attributes are free
//! wait 1s                                                       time passes
//! trigger [OCS] set_inactive 101-732                            something happens inside an OCS
//! profile strict                                                how the OCS behaves, before the first message
//! ```
//!
//! Attributes have the vendor's key in short: `campaign`, `mode`, `dnc.phone`, `schedule.1.stop_at_dials`. Numbers may
//! be written as words (`mode=predict`). The grammar is in `proto-fixtures/conversations/README.md`.

use std::fmt;
use std::time::Duration;

use crate::engine::ocs::dialer::millis_from_word;
use crate::engine::ocs::{Held, Internal};
use crate::engine::words::{WordError, nearest, quote, split, unquote};
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::Direction;
use crate::message::GroupDbid;
use crate::message::MessageError;
use crate::message::MessageType;
use crate::message::Pair;
use crate::message::Target;
use crate::wire::EncodeError;
use crate::wire::Text;

mod attributes;
mod pattern;
mod tree;
use attributes::{Kind, TOP, of_name};
pub use pattern::{Difference, Pattern};
use tree::{build, contains, print_list, tree_of};

/// What stands in for people.
pub trait Veil {
    /// For a phone or a customer id.
    fn person(&self, text: &Text) -> Text;
    /// For words in which a phone may stand.
    fn words(&self, text: &Text) -> Text;
}

/// Whether phones and customer ids of people are printed.
#[derive(Clone, Copy, Default)]
pub enum Mask<'v> {
    /// As they are, for those who may see them.
    #[default]
    Show,
    /// As something else that reads the same way.
    Veil(&'v dyn Veil),
}

/// One line of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A message is sent, or expected.
    Message(Box<MessageStep>),
    /// Time passes.
    Wait(Duration),
    /// Something happens inside an OCS, or inside every OCS.
    Trigger(Option<AppDbid>, Internal),
    /// How the OCS behaves.
    Profile(String),
}

/// A message with what is known of its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageStep {
    /// When, in any spelling that begins with a digit or `+`.
    pub time: Option<String>,
    /// The CommDN.
    pub dn: Option<String>,
    /// The message.
    pub message: CommDnMessage,
    /// The line ends in `...`: attributes that it does not name may be there.
    pub open: bool,
}

/// A line that is no step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// Quotes or escapes.
    #[error(transparent)]
    Words(#[from] WordError),
    /// A word that is not what has to stand there.
    #[error("expected {wanted}, found '{found}'{hint}")]
    Expected {
        /// What is wanted.
        wanted: &'static str,
        /// What stands there.
        found: String,
        /// `, did you mean 'x'`, or nothing.
        hint: String,
    },
    /// The attributes do not make this message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The message is too long.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// An attribute that the message does not have.
    #[error("{message} has no attribute {attribute}")]
    NotOfMessage {
        /// The message.
        message: MessageType,
        /// The attribute.
        attribute: String,
    },
}

/// A conversation file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {error}")]
pub struct ConversationError {
    /// Line of the file, from 1.
    pub line: usize,
    /// What is wrong there.
    pub error: StepError,
}

/// Reads a whole file: every step with its line.
///
/// # Errors
/// [`ConversationError`] with the line.
pub fn parse(text: &str) -> Result<Vec<(usize, Step)>, ConversationError> {
    let mut steps = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        match parse_step(content) {
            Ok(None) => {}
            Ok(Some(step)) => steps.push((line, step)),
            Err(error) => return Err(ConversationError { line, error }),
        }
    }
    Ok(steps)
}

/// Reads one line; nothing for an empty one or a comment.
///
/// # Errors
/// [`StepError`].
pub fn parse_step(line: &str) -> Result<Option<Step>, StepError> {
    match split(line)?.as_slice() {
        [] => Ok(None),
        words => step_of_words(words).map(Some),
    }
}

/// Reads the words of one line.
///
/// # Errors
/// [`StepError`].
pub fn step_of_words(words: &[&str]) -> Result<Step, StepError> {
    Ok(match words {
        ["wait", duration] => Step::Wait(read_duration(duration)?),
        ["profile", name] => Step::Profile(unquote(name)?),
        ["trigger", ocs, rest @ ..] if ocs.starts_with(|c: char| c.is_ascii_digit()) => {
            Step::Trigger(Some(AppDbid(read_int("an OCS", ocs)?)), read_trigger(rest)?)
        }
        ["trigger", rest @ ..] => Step::Trigger(None, read_trigger(rest)?),
        words => Step::Message(Box::new(read_message(words)?)),
    })
}

/// Whether a word is the path of an attribute: `campaign`, `dnc.phone`, `schedule.1.goal`.
#[must_use]
pub fn is_attribute(path: &str) -> bool {
    let mut table = Some(TOP);
    path.split('.').all(|name| match table.and_then(|table| of_name(table, name)) {
        Some((attribute, _)) => {
            table = match attribute.kind {
                Kind::List(inner) => Some(inner),
                Kind::Int(_) | Kind::Text => None,
            };
            true
        }
        None => false,
    })
}

/// The value of one attribute of a message, as it is printed but without quotes.
#[must_use]
pub fn attribute(message: &CommDnMessage, path: &str) -> Option<String> {
    let mut line = String::new();
    print_list(&mut line, "", TOP, &tree_of(message).ok()?, Mask::Show);
    let words = split(&line).ok()?;
    let found = words.into_iter().find_map(|word| word.strip_prefix(path)?.strip_prefix('='))?;
    unquote(found).ok()
}

/// Prints one message as a line; `time` must be without blanks.
#[must_use]
pub fn print_step(time: Option<&str>, dn: Option<&str>, message: &CommDnMessage, mask: Mask<'_>) -> String {
    use std::fmt::Write;
    let mut line = String::new();
    if let Some(time) = time {
        line.push_str(time);
        line.push(' ');
    }
    if let Some(dn) = dn {
        line.push('@');
        line.push_str(&quote(dn));
        line.push(' ');
    }
    let kind = message.body.message_type();
    let role = match kind.row().map(|row| row.direction) {
        Some(Direction::FromOcs) => "ocs",
        _ => "app",
    };
    let _ = write!(line, "{role} {} -> {} {kind}", message.origin, message.target);
    match tree_of(message) {
        Ok(tree) => print_list(&mut line, "", TOP, &tree, mask),
        // Nothing that came over a wire is longer than a wire can carry.
        Err(error) => drop(write!(line, " # {error}")),
    }
    line
}

impl MessageStep {
    /// True when `found` is what this step expects.
    #[must_use]
    pub fn fits(&self, found: &CommDnMessage) -> bool {
        if !self.open {
            return self.message == *found;
        }
        let addresses = (self.message.origin, self.message.target) == (found.origin, found.target);
        match (tree_of(&self.message), tree_of(found)) {
            (Ok(wanted), Ok(found)) => addresses && contains(&found, &wanted),
            (Err(_), _) | (_, Err(_)) => false,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(step) => {
                let line = print_step(step.time.as_deref(), step.dn.as_deref(), &step.message, Mask::Show);
                write!(f, "{line}{}", if step.open { " ..." } else { "" })
            }
            Self::Wait(duration) => write!(f, "wait {}ms", duration.as_millis()),
            Self::Profile(name) => write!(f, "profile {}", quote(name)),
            Self::Trigger(ocs, internal) => {
                f.write_str("trigger ")?;
                if let Some(ocs) = ocs {
                    write!(f, "{ocs} ")?;
                }
                match internal {
                    Internal::SetInactive(pair) => write!(f, "set_inactive {pair}"),
                    Internal::ClearInactive(pair) => write!(f, "clear_inactive {pair}"),
                    Internal::Depleted(pair) => write!(f, "depleted {pair}"),
                    Internal::CallEnded(pair) => write!(f, "call_ended {pair}"),
                    Internal::RecordTaken { list, record_id, pair, held } => {
                        let held = if *held == Held::Call { "call" } else { "desktop" };
                        write!(f, "record_taken {} {record_id} {pair} {held}", quote(list))
                    }
                    Internal::RecordBack { list, record_id } => write!(f, "record_back {} {record_id}", quote(list)),
                    Internal::ItemEnd(group) => write!(f, "item_end {group}"),
                    Internal::Restart => f.write_str("restart"),
                }
            }
        }
    }
}

fn expected(wanted: &'static str, found: &str) -> StepError {
    StepError::Expected { wanted, found: found.to_owned(), hint: String::new() }
}

fn read_int(wanted: &'static str, word: &str) -> Result<i32, StepError> {
    word.parse().map_err(|_| expected(wanted, word))
}

fn read_duration(word: &str) -> Result<Duration, StepError> {
    const WANTED: &str = "a duration such as 500ms, 1s, 5m or 2h";
    let millis = millis_from_word(word).ok_or_else(|| expected(WANTED, word))?;
    Ok(Duration::from_millis(millis))
}

fn read_pair(word: &str) -> Result<Pair, StepError> {
    const WANTED: &str = "a pair such as 101-732";
    let (campaign, group) = word.split_once('-').ok_or_else(|| expected(WANTED, word))?;
    Ok(Pair::new(read_int(WANTED, campaign)?, read_int(WANTED, group)?))
}

fn read_trigger(words: &[&str]) -> Result<Internal, StepError> {
    Ok(match words {
        ["set_inactive", pair] => Internal::SetInactive(read_pair(pair)?),
        ["clear_inactive", pair] => Internal::ClearInactive(read_pair(pair)?),
        ["depleted", pair] => Internal::Depleted(read_pair(pair)?),
        ["call_ended", pair] => Internal::CallEnded(read_pair(pair)?),
        ["record_taken", list, id, pair, held @ ("call" | "desktop")] => Internal::RecordTaken {
            list: unquote(list)?,
            record_id: read_int("a record id", id)?,
            pair: read_pair(pair)?,
            held: if *held == "call" { Held::Call } else { Held::Desktop },
        },
        ["record_back", list, id] => {
            Internal::RecordBack { list: unquote(list)?, record_id: read_int("a record id", id)? }
        }
        ["item_end", group] => Internal::ItemEnd(GroupDbid(read_int("a group", group)?)),
        ["restart"] => Internal::Restart,
        other => {
            const WANTED: &str = "set_inactive, clear_inactive, depleted or call_ended PAIR, record_taken LIST ID PAIR call|desktop, \
                                  record_back LIST ID, \
                                  item_end GROUP, or restart";
            return Err(expected(WANTED, &other.join(" ")));
        }
    })
}

fn read_message(words: &[&str]) -> Result<MessageStep, StepError> {
    const SHAPE: &str = "app|ocs FROM -> TO MESSAGE, wait, trigger or profile";
    let mut words = words;
    let (mut time, mut dn) = (None, None);
    if let [first, rest @ ..] = words
        && first.starts_with(|c: char| c.is_ascii_digit() || c == '+')
    {
        (time, words) = (Some((*first).to_owned()), rest);
    }
    if let [first, rest @ ..] = words
        && let Some(name) = first.strip_prefix('@')
    {
        (dn, words) = (Some(unquote(name)?), rest);
    }
    let [role, origin, arrow, target, kind, attributes @ ..] = words else {
        return Err(expected(SHAPE, &words.join(" ")));
    };
    if !matches!(*role, "app" | "ocs") || *arrow != "->" {
        return Err(expected(SHAPE, &words.join(" ")));
    }
    let kind = read_kind(kind)?;
    let is_event = kind.row().is_some_and(|row| row.direction == Direction::FromOcs);
    if is_event != (*role == "ocs") {
        return Err(expected(if is_event { "ocs, which sends this event" } else { "app" }, role));
    }
    let origin = AppDbid(read_int("the DBID of the sender", origin)?);
    let target = Target::from(read_int("the DBID of the receiver or 0", target)?);
    let (attributes, open) = match attributes {
        [rest @ .., "..."] => (rest, true),
        all => (all, false),
    };
    let message = build(kind, origin, target, attributes)?;
    Ok(MessageStep { time, dn, message, open })
}

fn read_kind(word: &str) -> Result<MessageType, StepError> {
    let number = word.strip_prefix("Unknown(").and_then(|word| word.strip_suffix(')'));
    let kind = match number {
        Some(number) => Some(MessageType(read_int("a message number", number)?)),
        None => MessageType::from_name(word),
    };
    kind.ok_or_else(|| {
        let near = nearest(word, crate::message::TABLE.iter().map(|row| row.name));
        StepError::Expected { wanted: "a message", found: word.to_owned(), hint: hint(near) }
    })
}

fn hint(near: Option<&str>) -> String {
    near.map(|near| format!(", did you mean '{near}'")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
