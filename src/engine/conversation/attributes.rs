//! The short names of the attributes: one table for printing and parsing.

use crate::message::DialMode;
use crate::message::ErrorCode;
use crate::message::GroupCampStatus;
use crate::message::OptimizeBy;
use crate::message::keys;

/// One attribute.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) key: &'static str,
    /// Stands in `GSW_CM_AttrProperties`, though the text writes it at the top.
    pub(super) in_properties: bool,
    pub(super) kind: Kind,
}

/// What its value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A number, or a word of its table.
    Int(fn(&str) -> Option<i32>),
    /// Text.
    Text,
    /// A list with attributes of its own.
    List(&'static [Attribute]),
}

const fn int(name: &'static str, key: &'static str, words: fn(&str) -> Option<i32>) -> Attribute {
    Attribute { name, key, in_properties: false, kind: Kind::Int(words) }
}
const fn text(name: &'static str, key: &'static str) -> Attribute {
    Attribute { name, key, in_properties: false, kind: Kind::Text }
}
const fn list(name: &'static str, key: &'static str, inner: &'static [Attribute]) -> Attribute {
    Attribute { name, key, in_properties: false, kind: Kind::List(inner) }
}
const fn property(name: &'static str, key: &'static str, inner: &'static [Attribute]) -> Attribute {
    Attribute { name, key, in_properties: true, kind: Kind::List(inner) }
}

pub(super) static TOP: &[Attribute] = &[
    int("campaign", keys::CAMPAIGN_ID, plain),
    int("group", keys::GROUP_ID, plain),
    int("mode", keys::DIAL_MODE, mode),
    int("optimize_by", keys::OPTIMIZE_BY, method),
    int("goal", keys::OPTIMIZE_GOAL, plain),
    int("status", keys::GROUP_CAMP_STATUS, status),
    int("error", keys::ERROR, error),
    text("text", keys::ERROR_MESSAGE),
    int("reference", keys::REFERENCE_ID, plain),
    int("auto_completion", keys::AUTO_COMPLETION, plain),
    list("properties", keys::PROPERTIES, PROPERTIES),
    property("schedule", keys::CAMPAIGN_SCHEDULE, SCHEDULE),
    property("priority", keys::DIALING_PRIORITY, PRIORITY),
    property("cancel", keys::CANCEL_RECORD, CANCEL),
    property("dnc", keys::DO_NOT_CALL, DNC),
];
static PROPERTIES: &[Attribute] = &[int("auto_completion", keys::AUTO_COMPLETION, plain)];
static SCHEDULE: &[Attribute] = &[
    text("description", keys::DESCRIPTION),
    int("start_time", keys::START_TIME, plain),
    int("n_items", keys::N_ITEMS, plain),
    // Stands for the numbers from 1.
    list("N", keys::SCHEDULE_ITEM_PREFIX, ITEM),
];
static ITEM: &[Attribute] = &[
    int("campaign", keys::ITEM_CAMPAIGN_DBID, plain),
    int("mode", keys::ITEM_DIAL_MODE, mode),
    int("optimize_by", keys::ITEM_OPT_METHOD, method),
    int("goal", keys::ITEM_OPT_METHOD_VALUE, plain),
    int("stop_at_time", keys::ITEM_STOP_AT_TIME, plain),
    int("stop_at_contacts", keys::ITEM_STOP_AT_CONTACTS, plain),
    int("stop_at_dials", keys::ITEM_STOP_AT_DIALS, plain),
    int("sleep_minutes", keys::ITEM_SLEEP_BEFORE_NEXT_START, plain),
    int("status", keys::ITEM_STATUS, status),
];
static PRIORITY: &[Attribute] = &[
    list("general", keys::GENERAL, SHARE),
    list("rescheduled", keys::CAMPAIGN_RESCHEDULED, SHARE),
    list("call_back", keys::CAMPAIGN_CALL_BACK, SHARE),
];
static SHARE: &[Attribute] = &[int("priority", keys::PRIORITY, plain), int("n_records", keys::N_RECORDS, plain)];
static CANCEL: &[Attribute] = &[
    text("phone", keys::PHONE),
    text("campaign_name", keys::CAMPAIGN_NAME),
    text("scope", keys::CHAIN_ATTR),
    text("customer_id", keys::CUSTOMER_ID),
    text("message", keys::MESSAGE),
];
static DNC: &[Attribute] =
    &[text("phone", keys::PHONE), text("customer_id", keys::CUSTOMER_ID), text("scope", keys::CHAIN_ATTR)];

/// The table behind an attribute: numbers and their words.
pub(super) fn words(path: &str) -> Vec<(i32, &'static str)> {
    match path.rsplit('.').next() {
        Some("mode") => DialMode::TABLE.iter().map(|(it, _, slug)| (it.0, *slug)).collect(),
        Some("optimize_by") => OptimizeBy::TABLE.iter().map(|(it, _, slug)| (it.0, *slug)).collect(),
        Some("status") => GroupCampStatus::TABLE.iter().map(|(it, _, slug)| (it.0, *slug)).collect(),
        Some("error") => ErrorCode::TABLE.iter().map(|(it, _, slug)| (it.0, *slug)).collect(),
        _ => Vec::new(),
    }
}

fn is_items(attribute: &Attribute) -> bool {
    attribute.key == keys::SCHEDULE_ITEM_PREFIX
}

/// The attribute of a name, with the vendor's key.
pub(super) fn of_name(table: &'static [Attribute], name: &str) -> Option<(&'static Attribute, String)> {
    if name.parse::<i32>().is_ok() {
        let items = table.iter().find(|attribute| is_items(attribute))?;
        return Some((items, format!("{}{name}", items.key)));
    }
    let found = table.iter().find(|attribute| attribute.name == name && !is_items(attribute))?;
    Some((found, found.key.to_owned()))
}

/// The attribute of a vendor's key, with its name.
pub(super) fn of_key(table: &'static [Attribute], key: &[u8]) -> Option<(String, &'static Attribute)> {
    table.iter().find_map(|attribute| {
        if is_items(attribute) {
            let number = key.strip_prefix(attribute.key.as_bytes())?;
            return Some((String::from_utf8(number.to_vec()).ok()?, attribute));
        }
        (attribute.key.as_bytes() == key).then(|| (attribute.name.to_owned(), attribute))
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
