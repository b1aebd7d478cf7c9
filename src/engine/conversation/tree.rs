//! Messages as lists, and lists as attributes: the same road as over the wire, so that no field is forgotten.

use super::attributes::{Attribute, Kind, TOP, of_key, of_name, words};
use super::{Mask, StepError, expected, hint};
use crate::engine::words::{nearest, quote, unquote};
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::MessageType;
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

/// Makes the list that would travel, and reads it as the message it is.
pub(super) fn build(
    kind: MessageType,
    origin: AppDbid,
    target: Target,
    attributes: &[&str],
) -> Result<CommDnMessage, StepError> {
    let mut tree = TkvList::new()
        .int(keys::MESSAGE_TYPE, kind.0)
        .int(keys::ORIGIN_APP_ID, origin.0)
        .int(keys::TARGET_APP_ID, target.dbid());
    for word in attributes {
        insert(&mut tree, word)?;
    }
    let bytes = tree.encode(&Dialect::default())?;
    // Tolerant for texts that are no UTF-8; the other tolerances are mistakes here.
    let decoded = CommDnMessage::decode(&bytes, &Dialect::default(), Reading::Tolerant)?;
    if let Some(warning) = decoded.warnings.iter().find(|warning| warning.kind == WarningKind::DuplicateKey) {
        return Err(expected("every attribute once", &warning.path));
    }
    let kept = tree_of(&decoded.message)?;
    for word in attributes {
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
pub(super) fn insert(tree: &mut TkvList, word: &str) -> Result<(), StepError> {
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
                let number = number.ok_or_else(|| {
                    let near = nearest(value, words(path).into_iter().map(|(_, word)| word));
                    StepError::Expected { wanted: "a number or its word", found: value.to_owned(), hint: hint(near) }
                })?;
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

pub(super) fn print_list(line: &mut String, prefix: &str, table: &'static [Attribute], list: &TkvList, mask: Mask<'_>) {
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

fn print_properties(line: &mut String, properties: &TkvList, mask: Mask<'_>) {
    for (key, value) in properties.pairs() {
        match of_key(TOP, key) {
            Some((name, attribute)) if attribute.in_properties => print_value(line, &name, attribute, value, mask),
            Some((name, attribute)) => print_value(line, &format!("properties.{name}"), attribute, value, mask),
            None => {}
        }
    }
}

fn print_value(line: &mut String, path: &str, attribute: &'static Attribute, value: &Value, mask: Mask<'_>) {
    use std::fmt::Write;
    let shown = |text: &Text| match mask {
        Mask::Show => print_text(text),
        Mask::Veil(veil) if matches!(attribute.key, keys::PHONE | keys::CUSTOMER_ID) => print_text(&veil.person(text)),
        Mask::Veil(veil) if matches!(attribute.key, keys::ERROR_MESSAGE | keys::MESSAGE) => {
            print_text(&veil.words(text))
        }
        Mask::Veil(_) => print_text(text),
    };
    let _ = match (value, attribute.kind) {
        (Value::List(inner), Kind::List(_)) if inner.is_empty() => write!(line, " {path}={{}}"),
        (Value::List(inner), Kind::List(table)) => {
            print_list(line, &format!("{path}."), table, inner, mask);
            Ok(())
        }
        (Value::Str(text), _) => write!(line, " {path}={}", shown(text)),
        (Value::Int(number), _) => write!(line, " {path}={number}"),
        _ => Ok(()), // writers send nothing else
    };
}

pub(super) fn tree_of(message: &CommDnMessage) -> Result<TkvList, EncodeError> {
    let bytes = message.encode(&Dialect::default())?;
    // What was just written reads back.
    Ok(TkvList::decode(&bytes, &Dialect::default(), Reading::Tolerant).unwrap_or_default())
}

/// Everything of `wanted` stands in `found`, at any depth.
pub(super) fn contains(found: &TkvList, wanted: &TkvList) -> bool {
    wanted.pairs().iter().all(|(key, value)| {
        found.pairs().iter().filter(|(name, _)| name == key).any(|(_, other)| match (other, value) {
            (Value::List(found), Value::List(wanted)) => contains(found, wanted),
            (found, wanted) => found == wanted,
        })
    })
}
