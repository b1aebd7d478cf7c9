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

use crate::engine::ocs::Internal;
use crate::engine::words::{WordError, nearest, quote, split, unquote};
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::DialMode;
use crate::message::Direction;
use crate::message::ErrorCode;
use crate::message::GroupCampStatus;
use crate::message::GroupDbid;
use crate::message::MessageError;
use crate::message::MessageType;
use crate::message::OptimizeBy;
use crate::message::Pair;
use crate::message::Target;
use crate::message::WarningKind;
use crate::message::keys;
use crate::wire::Charset;
use crate::wire::Dialect;
use crate::wire::EncodeError;
use crate::wire::Reading;
use crate::wire::Text;
use crate::wire::TkvList;
use crate::wire::Value;

mod attributes;
use attributes::{Attribute, Kind, TOP, of_key, of_name};

/// Whether numbers and customer ids of people are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mask {
    /// As they are, for those who may see them.
    #[default]
    Show,
    /// As `***`.
    Hide,
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
    let words = split(line)?;
    let step = match words.as_slice() {
        [] => return Ok(None),
        ["wait", duration] => Step::Wait(read_duration(duration)?),
        ["profile", name] => Step::Profile(unquote(name)?),
        ["trigger", ocs, rest @ ..] if ocs.starts_with(|c: char| c.is_ascii_digit()) => {
            Step::Trigger(Some(AppDbid(read_int("an OCS", ocs)?)), read_trigger(rest)?)
        }
        ["trigger", rest @ ..] => Step::Trigger(None, read_trigger(rest)?),
        words => Step::Message(Box::new(read_message(words)?)),
    };
    Ok(Some(step))
}

/// Prints one message as a line; `time` must be without blanks.
#[must_use]
pub fn print_step(time: Option<&str>, dn: Option<&str>, message: &CommDnMessage, mask: Mask) -> String {
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
                    Internal::RecordBack { list, record_id } => write!(f, "record_back {} {record_id}", quote(list)),
                    Internal::ItemBegin(group) => write!(f, "item_begin {group}"),
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
    const WANTED: &str = "a duration such as 500ms, 1s or 5m";
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| expected(WANTED, word))?;
    let millis = match &word[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err(expected(WANTED, word)),
    };
    Ok(Duration::from_millis(number.saturating_mul(millis)))
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
        ["record_back", list, id] => {
            Internal::RecordBack { list: unquote(list)?, record_id: read_int("a record id", id)? }
        }
        ["item_begin", group] => Internal::ItemBegin(GroupDbid(read_int("a group", group)?)),
        ["item_end", group] => Internal::ItemEnd(GroupDbid(read_int("a group", group)?)),
        ["restart"] => Internal::Restart,
        other => {
            const WANTED: &str = "set_inactive, clear_inactive, depleted or call_ended PAIR, record_back LIST ID, \
                                  item_begin or item_end GROUP, or restart";
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

/// Makes the list that would travel, and reads it as the message it is.
fn build(kind: MessageType, origin: AppDbid, target: Target, words: &[&str]) -> Result<CommDnMessage, StepError> {
    let mut tree = TkvList::new()
        .int(keys::MESSAGE_TYPE, kind.0)
        .int(keys::ORIGIN_APP_ID, origin.0)
        .int(keys::TARGET_APP_ID, target.dbid());
    for word in words {
        insert(&mut tree, word)?;
    }
    let bytes = tree.encode(&Dialect::default())?;
    // Tolerant for texts that are no UTF-8; the other tolerances are mistakes here.
    let decoded = CommDnMessage::decode(&bytes, &Dialect::default(), Reading::Tolerant)?;
    if let Some(warning) = decoded.warnings.iter().find(|warning| warning.kind == WarningKind::DuplicateKey) {
        return Err(expected("every attribute once", &warning.path));
    }
    let kept = tree_of(&decoded.message)?;
    for word in words {
        let mut wanted = TkvList::new();
        insert(&mut wanted, word)?;
        if !contains(&kept, &wanted) {
            let attribute = word.split('=').next().unwrap_or(word).to_owned();
            return Err(StepError::NotOfMessage { message: kind, attribute });
        }
    }
    Ok(decoded.message)
}

/// Puts one `path=value` into a list.
fn insert(tree: &mut TkvList, word: &str) -> Result<(), StepError> {
    let (path, value) = word.split_once('=').ok_or_else(|| expected("key=value", word))?;
    let mut list = tree;
    let mut table = TOP;
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        let Some((attribute, key)) = of_name(table, name) else {
            let near = nearest(name, table.iter().map(|attribute| attribute.name));
            return Err(StepError::Expected { wanted: "an attribute", found: path.to_owned(), hint: hint(near) });
        };
        if attribute.in_properties {
            list = nested(list, keys::PROPERTIES);
        }
        match attribute.kind {
            Kind::List(inner) => {
                list = nested(list, &key);
                table = inner;
                if names.peek().is_none() {
                    return if value == "{}" { Ok(()) } else { Err(expected("{} for an empty list", value)) };
                }
            }
            Kind::Int(read) if names.peek().is_none() => {
                let number = value.parse().ok().or_else(|| read(value));
                let number = number.ok_or_else(|| expected("a number or its word", value))?;
                list.push(key.into_bytes(), Value::Int(number));
                return Ok(());
            }
            Kind::Text if names.peek().is_none() => {
                list.push(key.into_bytes(), Value::Str(read_text(value)?));
                return Ok(());
            }
            Kind::Int(_) | Kind::Text => return Err(expected("an attribute", path)),
        }
    }
    Err(expected("an attribute", path))
}

/// The nested list under a key, made when it is not there.
fn nested<'a>(list: &'a mut TkvList, key: &str) -> &'a mut TkvList {
    let at = list.pairs().iter().position(|(name, value)| **name == *key.as_bytes() && matches!(value, Value::List(_)));
    let at = at.unwrap_or_else(|| {
        list.push(key.as_bytes().to_vec(), Value::List(TkvList::new()));
        list.len() - 1
    });
    match &mut list.pairs_mut()[at].1 {
        Value::List(inner) => inner,
        _ => unreachable!("found or pushed as a list"),
    }
}

fn read_text(word: &str) -> Result<Text, StepError> {
    let hex = word.strip_prefix("hex\"").and_then(|word| word.strip_suffix('"'));
    let Some(hex) = hex else { return Ok(Text::from(unquote(word)?)) };
    let digits: Option<Vec<u32>> = hex.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0).ok_or_else(|| expected("hex\"..\"", word))?;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap_or(u8::MAX)).collect();
    Ok(Text::from_bytes(&bytes, Charset::Utf8))
}

fn print_text(text: &Text) -> String {
    match text.as_str() {
        Some(text) => quote(text),
        None => {
            let bytes = text.to_bytes(Charset::Utf8).unwrap_or_default();
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("hex\"{hex}\"")
        }
    }
}

fn print_list(line: &mut String, prefix: &str, table: &'static [Attribute], list: &TkvList, mask: Mask) {
    for (key, value) in list.pairs() {
        if prefix.is_empty() && **key == *keys::PROPERTIES.as_bytes() {
            if let Value::List(properties) = value {
                print_properties(line, properties, mask);
            }
            continue;
        }
        let Some((name, attribute)) = of_key(table, key) else { continue }; // the head is printed before
        if !attribute.in_properties {
            print_value(line, &format!("{prefix}{name}"), attribute, value, mask);
        }
    }
}

fn print_properties(line: &mut String, properties: &TkvList, mask: Mask) {
    for (key, value) in properties.pairs() {
        match of_key(TOP, key) {
            Some((name, attribute)) if attribute.in_properties => print_value(line, &name, attribute, value, mask),
            Some((name, attribute)) => print_value(line, &format!("properties.{name}"), attribute, value, mask),
            None => {}
        }
    }
}

fn print_value(line: &mut String, path: &str, attribute: &'static Attribute, value: &Value, mask: Mask) {
    use std::fmt::Write;
    let hidden = mask == Mask::Hide && matches!(attribute.key, keys::PHONE | keys::CUSTOMER_ID);
    let _ = match (value, attribute.kind) {
        (Value::List(inner), Kind::List(_)) if inner.is_empty() => write!(line, " {path}={{}}"),
        (Value::List(inner), Kind::List(table)) => {
            print_list(line, &format!("{path}."), table, inner, mask);
            Ok(())
        }
        (Value::Str(_), _) if hidden => write!(line, " {path}=***"),
        (Value::Str(text), _) => write!(line, " {path}={}", print_text(text)),
        (Value::Int(number), _) => write!(line, " {path}={number}"),
        _ => Ok(()), // writers send nothing else
    };
}

fn tree_of(message: &CommDnMessage) -> Result<TkvList, EncodeError> {
    let bytes = message.encode(&Dialect::default())?;
    // What was just written reads back.
    Ok(TkvList::decode(&bytes, &Dialect::default(), Reading::Tolerant).unwrap_or_default())
}

/// Everything of `wanted` stands in `found`, at any depth.
fn contains(found: &TkvList, wanted: &TkvList) -> bool {
    wanted.pairs().iter().all(|(key, value)| {
        found.pairs().iter().filter(|(name, _)| name == key).any(|(_, other)| match (other, value) {
            (Value::List(found), Value::List(wanted)) => contains(found, wanted),
            (found, wanted) => found == wanted,
        })
    })
}

/// Words for a number: of the table of its key.
fn mode(word: &str) -> Option<i32> {
    DialMode::from_word(word).map(|it| it.0)
}
fn method(word: &str) -> Option<i32> {
    OptimizeBy::from_word(word).map(|it| it.0)
}
fn status(word: &str) -> Option<i32> {
    GroupCampStatus::from_word(word).map(|it| it.0)
}
fn error(word: &str) -> Option<i32> {
    ErrorCode::from_word(word).map(|it| it.0)
}
fn plain(_: &str) -> Option<i32> {
    None
}

#[cfg(test)]
mod tests;
