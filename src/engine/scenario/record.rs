//! What was said at a real site becomes a scenario: messages with their times, and a site in which they make sense.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::engine::conversation::{Mask, Step, parse_step, print_step};
use crate::engine::words::quote;
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::Dialing;
use crate::message::Direction;
use crate::message::ErrorCode;
use crate::message::Message;
use crate::message::Target;
use crate::message::keys;
use crate::wire::Dialect;
use crate::wire::Reading;
use crate::wire::logtext::{Block, HeadKind, Reader, Verdict};

/// One message of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Milliseconds of a clock that only goes forward; absent when it was not told.
    pub at: Option<i64>,
    /// The message.
    pub message: CommDnMessage,
}

/// What came of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// The messages, each once.
    pub messages: Vec<Recorded>,
    /// Lines of messages that could not be read, with why: filtered, ambiguous, not of the CommDN.
    pub left_out: Vec<(usize, String)>,
    /// Copies for other clients.
    pub copies: usize,
}

/// Reads the CommDN messages of a printed T-Server or OCS log. A message that the log prints as a request and again
/// for every client that it is distributed to is taken once.
#[must_use]
pub fn import_log(log: &[u8], dialect: &Dialect, lenient: bool) -> Import {
    let mut import = Import::default();
    let mut clock = Clock::default();
    let mut asked: Vec<CommDnMessage> = Vec::new();
    for block in Reader::new(log, dialect, lenient) {
        let message = match message_of(&block, dialect) {
            None => continue,
            Some(Err(why)) => {
                import.left_out.push((block.line, why));
                continue;
            }
            Some(Ok(message)) => message,
        };
        let at = block.time.as_deref().and_then(|time| clock.read(time));
        let is_copy = match block.head.kind {
            HeadKind::TserverRequest | HeadKind::OcsSent => {
                asked.push(message.clone());
                false
            }
            HeadKind::TserverEvent | HeadKind::OcsReceived | HeadKind::CommPrint => {
                let again = import.messages.last().is_some_and(|last| last.at == at && last.message == message);
                again || asked.contains(&message)
            }
        };
        if is_copy {
            import.copies += 1;
        } else {
            import.messages.push(Recorded { at, message });
        }
    }
    import
}

fn message_of(block: &Block, dialect: &Dialect) -> Option<Result<CommDnMessage, String>> {
    let (_, list) = block.lists().find(|(_, list)| list.tree.first(keys::MESSAGE_TYPE).is_some())?;
    match &list.verdict {
        Verdict::Filtered => return Some(Err("the log hides a part of it".to_owned())),
        Verdict::Ambiguous => return Some(Err("it cannot be told what is nested in what".to_owned())),
        _ => {}
    }
    let read = list.tree.encode(dialect).map_err(|error| error.to_string());
    Some(read.and_then(|bytes| match CommDnMessage::decode(&bytes, dialect, Reading::Tolerant) {
        Ok(decoded) => Ok(decoded.message),
        Err(error) => Err(error.to_string()),
    }))
}

/// Lines of `tap`, of a recording or of a conversation; the others are left out, with why.
#[must_use]
pub fn read_lines(text: &str) -> Import {
    let mut import = Import::default();
    let mut clock = Clock::default();
    for (line, content) in (1..).zip(text.lines()) {
        match parse_step(content) {
            Ok(Some(Step::Message(step))) => {
                let at = step.time.as_deref().and_then(|time| clock.read(time));
                import.messages.push(Recorded { at, message: step.message });
            }
            Ok(_) => {}
            Err(error) => import.left_out.push((line, error.to_string())),
        }
    }
    import
}

/// Printed times as milliseconds of a clock that only goes forward.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    last: Option<i64>,
    days: i64,
}

impl Clock {
    /// `+1.250`, `10:00:00.125`, `2026-03-02T10:00:00.125Z`, any of them behind an `@`.
    pub(super) fn read(&mut self, word: &str) -> Option<i64> {
        const DAY: i64 = 86_400_000;
        let word = word.trim_start_matches('@').trim_end_matches('Z');
        if let Some(seconds) = word.strip_prefix('+') {
            return millis(seconds);
        }
        let time = word.rsplit('T').next()?;
        let mut parts = time.split(':');
        let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
        let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
        let mut at = (hours * 60 + minutes) * 60_000 + millis(seconds)? + self.days * DAY;
        // Past midnight; a little backwards is another thread's line.
        if self.last.is_some_and(|last| last - at > DAY / 2) {
            self.days += 1;
            at += DAY;
        }
        let at = self.last.map_or(at, |last| last.max(at));
        self.last = Some(at);
        Some(at)
    }
}

/// `1.25` as milliseconds.
fn millis(seconds: &str) -> Option<i64> {
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, ""));
    let digits: String = part.chars().chain("000".chars()).take(3).collect();
    Some(whole.parse::<i64>().ok()? * 1_000 + digits.parse::<i64>().ok()?)
}

/// A recording as a scenario: a site that knows who takes part, then the messages with their times from the first one.
#[must_use]
pub fn write_scenario(title: &str, messages: &[Recorded], mask: Mask<'_>) -> String {
    let mut text = format!("scenario {}\nsite empty\n", quote(title));
    text.push_str(&site_of(messages));
    text.push('\n');
    let first = messages.iter().find_map(|recorded| recorded.at);
    for Recorded { at, message } in messages {
        let passed = at.zip(first).map(|(at, first)| (at - first).max(0));
        let time = passed.map(|passed| format!("+{}.{:03}", passed / 1_000, passed % 1_000));
        let _ = writeln!(text, "{}", print_step(time.as_deref(), None, message, mask));
    }
    text
}

fn is_event(message: &CommDnMessage) -> bool {
    message.body.message_type().row().is_some_and(|row| row.direction == Direction::FromOcs)
}

/// What is known of a campaign on a group.
#[derive(Default)]
struct Known {
    ocs: Option<AppDbid>,
    dialing: Dialing,
    error: Option<ErrorCode>,
    works: bool,
}

/// Lines of the topology language: everybody who speaks, and every campaign and group that is spoken of, unless an OCS
/// has said that it does not know them.
fn site_of(messages: &[Recorded]) -> String {
    let (mut ocss, mut origins) = (BTreeSet::new(), BTreeSet::new());
    let mut pairs: BTreeMap<(i32, i32), Known> = BTreeMap::new();
    for Recorded { message, .. } in messages {
        let ocs = match (is_event(message), message.target) {
            (true, _) => Some(message.origin),
            (false, Target::One(ocs)) => Some(ocs),
            (false, Target::Every) => None,
        };
        ocss.extend(ocs);
        if !is_event(message) {
            origins.insert(message.origin);
        }
        let Some(pair) = message.body.pair() else { continue };
        let items = message.body.schedule().into_iter().flat_map(|schedule| &schedule.items);
        let items = items.filter_map(|(_, item)| item.campaign).map(|campaign| campaign.0);
        for campaign in items.chain([pair.campaign.0]).filter(|campaign| *campaign != 0) {
            let known = pairs.entry((campaign, pair.group.0)).or_default();
            known.ocs = known.ocs.or(ocs);
            match &message.body {
                Message::ErrorEvent(event) => known.error = known.error.or(event.error),
                body if is_event(message) => {
                    known.works = true;
                    known.ocs = ocs;
                    if campaign == pair.campaign.0 {
                        known.dialing = known.dialing.or(body.dialing());
                    }
                }
                _ => {}
            }
        }
    }
    print_site(&ocss, &origins, &pairs)
}

fn print_site(ocss: &BTreeSet<AppDbid>, origins: &BTreeSet<AppDbid>, pairs: &BTreeMap<(i32, i32), Known>) -> String {
    let mut text = String::from("comm_dn CommDN_1\n");
    let all: Vec<String> = ocss.iter().map(ToString::to_string).collect();
    for ocs in ocss {
        let _ = writeln!(text, "ocs {ocs} OCS_{ocs} modes=1-5,8,9,11");
    }
    for origin in origins.iter().filter(|_| !all.is_empty()) {
        let _ = writeln!(text, "origin {origin} server ocs={}", all.join(","));
    }
    let says = |known: &Known, code: ErrorCode| !known.works && known.error == Some(code);
    let of_group = |group: i32| pairs.iter().filter(move |((_, it), _)| *it == group);
    let groups: BTreeSet<i32> = pairs.keys().map(|(_, group)| *group).collect();
    let groups: Vec<i32> = groups
        .into_iter()
        .filter(|group| !of_group(*group).all(|(_, known)| says(known, ErrorCode::GROUP_NOT_FOUND)))
        .collect();
    for group in &groups {
        let _ = writeln!(text, "group {group} Group_{group}");
    }
    let mut campaigns = BTreeSet::new();
    for ((campaign, _), known) in pairs {
        if says(known, ErrorCode::CAMPAIGN_NOT_FOUND) || !campaigns.insert(*campaign) {
            continue;
        }
        let mut all = pairs.iter().filter(|((it, _), _)| it == campaign).map(|(_, known)| known);
        let Some(ocs) = all.clone().find(|known| known.works).or_else(|| all.clone().next()).and_then(|it| it.ocs)
        else {
            campaigns.remove(campaign);
            continue;
        };
        let disabled = if all.all(|known| says(known, ErrorCode::WRONG_CONFIGURATION)) { " disabled" } else { "" };
        let _ = writeln!(text, "list list_{campaign} contacts=20 seed={campaign}");
        let _ = writeln!(text, "campaign {campaign} Campaign_{campaign} ocs={ocs} lists=list_{campaign}{disabled}");
    }
    for ((campaign, group), known) in pairs {
        let known_pair = campaigns.contains(campaign) && groups.contains(group);
        if !known_pair || says(known, ErrorCode::GROUP_CAMP_NOT_FOUND) {
            continue;
        }
        let _ = write!(text, "pair {campaign}-{group}");
        let Dialing { mode, optimize_by, goal } = known.dialing;
        let words = [
            mode.map(|mode| format!(" mode={}", mode.0)),
            optimize_by.map(|method| format!(" optimize_by={}", method.0)),
            goal.map(|goal| format!(" goal={goal}")),
        ];
        words.into_iter().flatten().for_each(|word| text.push_str(&word));
        text.push('\n');
    }
    text
}
