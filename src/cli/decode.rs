//! `decode`: lists out of hex, tap lines and logs, as text and as the message they are.

use serde_json::{Map, Value as Json, json};

use crate::cli::args::{DecodeArgs, DecodeFormat, DialectArgs};
use crate::cli::client::Ctx;
use crate::cli::config::read_bytes;
use crate::cli::exit::{CliError, Exit};
use crate::cli::text::{Found, read_hex, read_log, read_raw, read_tap, read_trees};
use crate::message::{CommDnMessage, Message, keys};
use crate::wire::logtext::{Reader, Verdict, write_tree};
use crate::wire::{Dialect, Reading, TkvList, Value, escape_bytes};

impl DialectArgs {
    /// The dialect, what is absent being the default.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        let standard = Dialect::default();
        Dialect {
            list_prefix: self.list_prefix.unwrap_or(standard.list_prefix),
            int_order: self.int_order.unwrap_or(standard.int_order),
            charset: self.charset.unwrap_or(standard.charset),
            framing: standard.framing,
        }
    }
}

/// Runs `decode`.
///
/// # Errors
/// Exit 2 when nothing can be read, with the place; exit 6 when only a part can.
pub(super) fn run(args: &DecodeArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let bytes = read_bytes(&args.file)?;
    let dialect = args.dialect.dialect();
    let reading = if args.strict { Reading::Strict } else { Reading::Tolerant };
    let format = match args.format {
        DecodeFormat::Auto => detect(&bytes, &dialect, args.lenient)?,
        format => format,
    };
    let found = match format {
        DecodeFormat::Hex => read_hex(&bytes, &dialect, reading),
        DecodeFormat::Raw => vec![read_raw(&bytes, 1, &dialect, reading)],
        DecodeFormat::Tap => read_tap(&bytes, &dialect),
        DecodeFormat::Tree => read_trees(&bytes, &dialect),
        DecodeFormat::Log | DecodeFormat::Auto => read_log(&bytes, &dialect, args.lenient, ctx),
    };
    let (mut good, mut bad) = (0, Vec::new());
    for (n, list) in found.into_iter().enumerate() {
        match list.and_then(|list| print(n + 1, &list, &dialect, reading, ctx)) {
            Ok(()) => good += 1,
            Err(error) if error.exit == Exit::Usage => bad.push(error),
            Err(error) => return Err(error),
        }
    }
    match (good, bad.pop()) {
        (0, None) => Err(CliError::usage(format!("{}: no list found", args.file.display()))
            .hint("say what the file holds with --format; a log copied from a web page may need --lenient")),
        (_, None) => Ok(Exit::Done),
        (0, Some(error)) if bad.is_empty() => Err(error),
        (good, Some(error)) => {
            bad.iter().for_each(|error| ctx.out.error(error));
            Err(CliError { exit: if good == 0 { Exit::Usage } else { Exit::Partial }, ..error })
        }
    }
}

/// What a file holds, by looking at it.
fn detect(bytes: &[u8], dialect: &Dialect, lenient: bool) -> Result<DecodeFormat, CliError> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
    let hex = |line: &str| line.bytes().all(|byte| byte.is_ascii_hexdigit() || byte.is_ascii_whitespace());
    if bytes.contains(&0) {
        return Ok(DecodeFormat::Raw);
    }
    if lines.peek().is_some_and(|line| line.starts_with('{')) {
        return Ok(DecodeFormat::Tap);
    }
    if lines.peek().is_some() && lines.clone().all(hex) {
        return Ok(DecodeFormat::Hex);
    }
    if Reader::new(bytes, dialect, lenient).next().is_some() {
        return Ok(DecodeFormat::Log);
    }
    if lines.peek().is_some_and(|line| line.starts_with('\'')) || text.starts_with('#') && lines.peek().is_none() {
        return Ok(DecodeFormat::Tree);
    }
    if lines.clone().any(|line| line.contains("CM_")) {
        return Ok(DecodeFormat::Tap);
    }
    let first: String = lines.next().unwrap_or_default().chars().take(40).collect();
    Err(CliError::usage(format!("expected hex, tap lines, list text or a log, found '{first}'"))
        .hint("say what the file holds with --format; a log copied from a web page may need --lenient"))
}

fn print(n: usize, found: &Found, dialect: &Dialect, reading: Reading, ctx: &Ctx) -> Result<(), CliError> {
    let place = |what: &str| CliError::usage(format!("list {n}, line {}: {what}", found.line));
    let packed = found.tree.encode(dialect);
    let message = match &packed {
        Ok(bytes) if found.tree.first(keys::MESSAGE_TYPE).is_some() => {
            Some(CommDnMessage::decode(bytes, dialect, reading).map_err(|error| error.to_string()))
        }
        Ok(_) => None,
        Err(error) => return Err(place(&error.to_string())),
    };
    let hidden = found.verdict.as_ref().is_some_and(|verdict| *verdict == Verdict::Filtered);
    if let (Reading::Strict, Some(Err(error)), false) = (reading, &message, hidden) {
        return Err(place(error));
    }
    if ctx.out.json {
        return ctx.out.document(&document(n, found, packed.map_or(0, |bytes| bytes.len()), message.as_ref()));
    }
    let mut text = Vec::new();
    write_tree(&mut text, &found.tree, dialect).map_err(|error| place(&error.to_string()))?;
    let header = text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| at + 1);
    let mut title = format!("# list {n}, line {}", found.line);
    if let Some((attribute, head)) = &found.place {
        title.push_str(&format!(", {attribute} of {head}"));
    }
    title.push_str(&format!(", {} bytes", packed.map_or(0, |bytes| bytes.len())));
    match &found.verdict {
        Some(Verdict::Disagree { why }) => title.push_str(&format!(", disagree: {why}")),
        Some(verdict) => title.push_str(&format!(", {}", verdict.name())),
        None => {}
    }
    title.push('\n');
    text.splice(header..header, title.into_bytes());
    match message {
        Some(Ok(decoded)) => {
            for (name, fact) in facts(&decoded.message) {
                text.extend(format!("# {name}: {}\n", fact.words()).into_bytes());
            }
            for warning in decoded.warnings {
                text.extend(format!("# warning: {warning}\n").into_bytes());
            }
        }
        Some(Err(error)) => text.extend(format!("# not a readable message: {error}\n").into_bytes()),
        None => {}
    }
    ctx.out.bytes(&text)
}

type Typed = Result<crate::message::Decoded, String>;

fn document(n: usize, found: &Found, bytes: usize, message: Option<&Typed>) -> Json {
    let (attribute, head) = found.place.clone().unzip();
    let why = match &found.verdict {
        Some(Verdict::Disagree { why }) => Some(why.as_str()),
        _ => None,
    };
    let warnings = match message {
        Some(Ok(decoded)) => decoded.warnings.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    let read = message.and_then(|message| message.as_ref().ok()).map(|decoded| message_json(&decoded.message));
    json!({
        "schema": "commdn.list.v1",
        "list": n,
        "line": found.line,
        "attribute": attribute,
        "of": head,
        "bytes": bytes,
        "verdict": found.verdict.as_ref().map(Verdict::name),
        "why": why,
        "pairs": pairs_json(&found.tree),
        "message": read,
        "warnings": warnings,
        "error": message.and_then(|message| message.as_ref().err()),
    })
}

fn pairs_json(list: &TkvList) -> Json {
    let pair = |(key, value): &(crate::wire::Key, Value)| {
        let key = std::str::from_utf8(key).map_or_else(|_| escape_bytes(key), str::to_owned);
        let mut pair = json!({ "key": key, "type": value.kind() });
        pair["value"] = match value {
            Value::Str(text) => text.display().into(),
            Value::Int(number) => (*number).into(),
            Value::List(list) => pairs_json(list),
            Value::Unicode(text) => text.as_str().into(),
            Value::Binary(bytes) => hex(bytes).into(),
            Value::Opaque { code, bytes } => {
                pair["code"] = (*code).into();
                hex(bytes).into()
            }
        };
        pair
    };
    list.pairs().iter().map(pair).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Something that a message tells.
enum Fact {
    Number(i32),
    /// An enumeration: name, slug, number.
    Word(Option<&'static str>, Option<&'static str>, i32),
    Text(String),
}

impl Fact {
    fn words(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Word(Some(name), _, number) => format!("{name} ({number})"),
            Self::Word(None, _, number) => format!("unknown ({number})"),
            Self::Text(text) => text.escape_debug().to_string(),
        }
    }
}

/// What a message tells beside its pairs, in the order of the specification.
fn facts(message: &CommDnMessage) -> Vec<(&'static str, Fact)> {
    let body = &message.body;
    let number = body.message_type();
    let mut facts = vec![
        ("message", Fact::Word(number.name(), number.name(), number.0)),
        ("origin", Fact::Number(message.origin.0)),
        ("target", Fact::Number(message.target.dbid())),
    ];
    if let Some(pair) = body.pair() {
        facts.push(("campaign", Fact::Number(pair.campaign.0)));
        facts.push(("group", Fact::Number(pair.group.0)));
    }
    let dialing = body.dialing();
    if let Some(mode) = dialing.mode {
        facts.push(("mode", Fact::Word(mode.name(), mode.slug(), mode.0)));
    }
    if let Some(method) = dialing.optimize_by {
        facts.push(("optimize_by", Fact::Word(method.name(), method.slug(), method.0)));
    }
    facts.extend(dialing.goal.map(|goal| ("goal", Fact::Number(goal))));
    let status = match body {
        Message::ErrorEvent(event) => event.status,
        body => body.pair_event().and_then(|event| event.status),
    };
    if let Some(status) = status {
        facts.push(("status", Fact::Word(status.name(), status.slug(), status.0)));
    }
    if let Some(error) = body.error() {
        facts.push(("error", Fact::Word(error.name(), error.name(), error.0)));
    }
    facts.extend(body.error_message().map(|text| ("error_message", Fact::Text(text.display().into_owned()))));
    facts.extend(message.reference_id.map(|id| ("reference_id", Fact::Number(id))));
    if let Some(schedule) = body.schedule() {
        let description = schedule.description.as_ref().map(|text| text.display().into_owned());
        facts.push(("sequence", Fact::Text(description.unwrap_or_default())));
        facts.push(("items", Fact::Number(i32::try_from(schedule.items.len()).unwrap_or(i32::MAX))));
    }
    if let Some(entry) = body.do_not_call() {
        person(
            &mut facts,
            entry.phone.as_ref().map(|phone| phone.reveal()),
            entry.customer_id.as_ref().map(|id| id.reveal()),
        );
        facts.extend(entry.scope.as_ref().map(|scope| ("scope", Fact::Text(scope.to_text().display().into_owned()))));
    }
    if let Some(cancel) = body.cancel_record() {
        person(
            &mut facts,
            cancel.phone.as_ref().map(|phone| phone.reveal()),
            cancel.customer_id.as_ref().map(|id| id.reveal()),
        );
        let texts = [
            ("campaign_name", cancel.campaign_name.clone()),
            ("scope", cancel.scope.as_ref().map(crate::message::ChainAttr::to_text)),
            ("ocs_message", cancel.message.clone()),
        ];
        facts.extend(
            texts.into_iter().filter_map(|(name, text)| Some((name, Fact::Text(text?.display().into_owned())))),
        );
    }
    facts
}

fn person(
    facts: &mut Vec<(&'static str, Fact)>,
    phone: Option<&crate::wire::Text>,
    customer: Option<&crate::wire::Text>,
) {
    for (name, text) in [("phone", phone), ("customer_id", customer)] {
        facts.extend(text.map(|text| (name, Fact::Text(text.display().into_owned()))));
    }
}

fn message_json(message: &CommDnMessage) -> Json {
    let mut members = Map::new();
    for (name, fact) in facts(message) {
        let (name, number_name) = match name {
            "message" => ("name", "type".to_owned()),
            "error" => ("error_name", "error".to_owned()),
            name => (name, format!("{name}_id")),
        };
        match fact {
            Fact::Number(number) => drop(members.insert(name.into(), number.into())),
            Fact::Text(text) => drop(members.insert(name.into(), text.into())),
            Fact::Word(_, slug, number) => {
                members.insert(name.into(), slug.into());
                members.insert(number_name, number.into());
            }
        }
    }
    Json::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(text: &str) -> Option<DecodeFormat> {
        detect(text.as_bytes(), &Dialect::default(), false).ok()
    }

    #[test]
    fn the_format_is_seen_from_the_file() {
        assert_eq!(detected("0001 0000\n# remark\n11\n"), Some(DecodeFormat::Hex));
        assert_eq!(detected("\0\0"), Some(DecodeFormat::Raw));
        assert_eq!(detected("{\"step\":\"x\"}\n"), Some(DecodeFormat::Tap));
        assert_eq!(detected("# commdn-text 1\n'a'\t1\n"), Some(DecodeFormat::Tree));
        assert_eq!(detected("# commdn-text 1\n"), Some(DecodeFormat::Tree));
        assert_eq!(detected("message RequestDistributeUserEvent\n\tAttributeThisDN\t'9'\n"), Some(DecodeFormat::Log));
        assert_eq!(detected("0.012 A -> OCS CM_ReqGetCampaignStatus campaign=101\n"), Some(DecodeFormat::Tap));
        assert_eq!(detected("hello"), None);
        assert_eq!(detected(""), None);
    }

    #[test]
    fn enumerations_are_names_with_their_numbers() {
        let hex = "00070100124753575f434d5f4d6573736167655479706500040000001b0100164753575f434d5f417474724f726967696e417070494400040000012d0100164753575f434d5f4174747254617267657441707049440004000000c90100154753575f434d5f4174747243616d706169676e49440004000000650100124753575f434d5f4174747247726f757049440004000002dc0100104753575f434d5f417474724572726f720004000000040000174753575f434d5f417474724572726f724d657373616765001363616d706169676e206e6f74206c6f61646564";
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        let decoded = CommDnMessage::decode(&bytes, &Dialect::default(), Reading::Strict).unwrap();
        let wanted = json!({
            "name": "CM_EvError", "type": 27, "origin": 301, "target": 201, "campaign": 101, "group": 732,
            "error_name": "CM_ERROR_CAMPAIGN_NOT_LOADED", "error": 4, "error_message": "campaign not loaded",
        });
        assert_eq!(message_json(&decoded.message), wanted);
    }
}
