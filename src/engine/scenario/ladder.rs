//! Who said what to whom, as arrows: in letters, or as a Mermaid sequence diagram.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::report::clock;
use crate::message::CommDnMessage;
use crate::message::Direction;
use crate::message::Message;
use crate::protocol::Time;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// When it passed, as text.
    pub at: String,
    /// DBID of the sender.
    pub from: i32,
    /// DBID of the receiver; 0 = everybody.
    pub to: i32,
    /// It comes from an OCS.
    pub is_event: bool,
    /// Name and what matters of it.
    pub label: String,
}

/// Messages in the order in which they passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ladder {
    /// The arrows.
    pub arrows: Vec<Arrow>,
    /// What is not a message, each with the number of arrows before it, its time and its words.
    pub notes: Vec<(usize, String, String)>,
    /// How many more there were.
    pub more: u64,
}

/// Most arrows that are kept.
const ARROWS_MAX: usize = 2_000;
/// Letters from one participant to the next.
const GAP: usize = 16;

impl Ladder {
    /// A message passed.
    pub fn pass(&mut self, at: Time, message: &CommDnMessage) {
        self.pass_at(&clock(at), message);
    }

    /// Something else happened: a fault struck.
    pub fn note(&mut self, at: Time, text: String) {
        if self.notes.len() < ARROWS_MAX {
            self.notes.push((self.arrows.len(), clock(at), text));
        }
    }

    fn notes_before(&self, arrow: usize) -> impl Iterator<Item = (&str, &str)> {
        let notes = self.notes.iter().filter(move |(before, ..)| *before == arrow);
        notes.map(|(_, at, text)| (at.as_str(), text.as_str()))
    }

    /// A message passed at a time that is known as text only.
    pub fn pass_at(&mut self, at: &str, message: &CommDnMessage) {
        if self.arrows.len() >= ARROWS_MAX {
            self.more += 1;
            return;
        }
        let row = message.body.message_type().row();
        self.arrows.push(Arrow {
            at: at.to_owned(),
            from: message.origin.0,
            to: message.target.dbid(),
            is_event: row.is_some_and(|row| row.direction == Direction::FromOcs),
            label: label(message),
        });
    }

    /// Everybody, applications first.
    fn participants(&self) -> Vec<(i32, bool)> {
        let ends = self.arrows.iter().flat_map(|arrow| [(arrow.is_event, arrow.from), (!arrow.is_event, arrow.to)]);
        let all: BTreeSet<(bool, i32)> = ends.filter(|(_, dbid)| *dbid != 0).collect();
        all.into_iter().map(|(is_ocs, dbid)| (dbid, is_ocs)).collect()
    }

    /// In letters: one column a participant.
    #[must_use]
    pub fn text(&self) -> String {
        let participants = self.participants();
        let width = self.arrows.iter().map(|arrow| arrow.at.chars().count()).max().unwrap_or(0) + 2;
        let place = |dbid: i32| participants.iter().position(|(known, _)| *known == dbid);
        let mut text = format!("{:width$}", "");
        for (dbid, is_ocs) in &participants {
            let _ = write!(text, "{:<GAP$}", format!("{} {dbid}", if *is_ocs { "ocs" } else { "app" }));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        let last = participants.len().saturating_sub(1);
        for (number, arrow) in self.arrows.iter().enumerate() {
            for (at, note) in self.notes_before(number) {
                let _ = writeln!(text, "{at:<width$}! {note}");
            }
            // For everybody: to the other end of the board.
            let to_all = if arrow.is_event { 0 } else { last };
            let (from, to) = (place(arrow.from).unwrap_or(0), place(arrow.to).unwrap_or(to_all));
            let mut row: Vec<char> = vec![' '; last * GAP + 1];
            (0..=last).for_each(|column| row[column * GAP] = '|');
            let (left, right) = (from.min(to) * GAP, from.max(to) * GAP);
            row.iter_mut().take(right).skip(left + 1).for_each(|letter| *letter = '-');
            match from <= to {
                true if right > left => row[right - 1] = '>',
                false => row[left + 1] = '<',
                true => {}
            }
            let row: String = row.into_iter().collect();
            let all = if arrow.to == 0 { " to everybody" } else { "" };
            let _ = writeln!(text, "{:<width$}{row}  {}{all}", arrow.at, arrow.label);
        }
        for (at, note) in self.notes_before(self.arrows.len()) {
            let _ = writeln!(text, "{at:<width$}! {note}");
        }
        if self.more > 0 {
            let _ = writeln!(text, "... and {} more", self.more);
        }
        text
    }

    /// As a Mermaid sequence diagram.
    #[must_use]
    pub fn mermaid(&self) -> String {
        let mut text = String::from("sequenceDiagram\n");
        let participants = self.participants();
        for (dbid, is_ocs) in &participants {
            let (short, long) = if *is_ocs { ("o", "ocs") } else { ("a", "app") };
            let _ = writeln!(text, "    participant {short}{dbid} as {long} {dbid}");
        }
        let id = |dbid: i32, is_ocs: bool| format!("{}{dbid}", if is_ocs { 'o' } else { 'a' });
        let ends = participants.first().zip(participants.last());
        let over = ends.map(|(first, last)| format!("{},{}", id(first.0, first.1), id(last.0, last.1)));
        let note = |text: &mut String, number: usize| {
            for (_, note) in self.notes_before(number) {
                let _ = writeln!(text, "    Note over {}: {}", over.as_deref().unwrap_or_default(), plain(note));
            }
        };
        for (number, arrow) in self.arrows.iter().enumerate() {
            note(&mut text, number);
            let from = id(arrow.from, arrow.is_event);
            let label = plain(&arrow.label);
            let line = match arrow.to {
                0 => {
                    let ends = [participants.first(), participants.last()].map(|it| it.map(|it| id(it.0, it.1)));
                    let [Some(first), Some(last)] = ends else { continue };
                    let to = if arrow.is_event { first } else { last };
                    format!("    {from}--){to}: {label} (to everybody)")
                }
                to => format!("    {from}->>{}: {label}", id(to, !arrow.is_event)),
            };
            let _ = writeln!(text, "{line}");
        }
        note(&mut text, self.arrows.len());
        text
    }
}

/// Text that is no syntax of Mermaid.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c == ';' || c == '#' { ',' } else { c }).collect()
}

/// Name, campaign, and what an event says of state and error. No phone.
fn label(message: &CommDnMessage) -> String {
    let mut label = message.body.message_type().to_string();
    if let Some(pair) = message.body.pair() {
        let _ = write!(label, " {pair}");
    }
    let status = match &message.body {
        Message::ErrorEvent(event) => event.status,
        body => body.pair_event().and_then(|event| event.status),
    };
    if let Some(word) = status.and_then(crate::message::GroupCampStatus::slug) {
        let _ = write!(label, " {word}");
    }
    if let Some(error) = message.body.error().filter(|error| error.0 != 0) {
        let _ = write!(label, " error {}", error.0);
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::conversation::{Step, parse_step};

    fn ladder(lines: &[&str]) -> Ladder {
        let mut ladder = Ladder::default();
        for (at, line) in lines.iter().enumerate() {
            let Ok(Some(Step::Message(step))) = parse_step(line) else { panic!("{line}") };
            ladder.pass(Time::from_secs(u64::try_from(at).unwrap()), &step.message);
        }
        ladder
    }

    #[test]
    fn a_ladder_is_drawn_in_letters_and_as_mermaid() {
        let ladder = ladder(&[
            "app 201 -> 301 CM_ReqLoadCampaign campaign=101 group=732",
            "ocs 301 -> 201 CM_EvError campaign=101 group=732 status=4 error=5",
            "app 201 -> 0 CM_ReqDoNotCall dnc.phone=+12025550100",
            "ocs 302 -> 0 CM_EvCampaignStatus campaign=102 group=733 status=3",
        ]);
        let wanted = [
            "             app 201         ocs 301         ocs 302",
            "0:00:00.000  |-------------->|               |  CM_ReqLoadCampaign 101-732",
            "0:00:01.000  |<--------------|               |  CM_EvError 101-732 active error 5",
            "0:00:02.000  |------------------------------>|  CM_ReqDoNotCall to everybody",
            "0:00:03.000  |<------------------------------|  CM_EvCampaignStatus 102-733 inactive to everybody",
            "",
        ];
        assert_eq!(ladder.text(), wanted.join("\n"));
        let mermaid = ladder.mermaid();
        assert!(
            mermaid.starts_with("sequenceDiagram\n    participant a201 as app 201\n    participant o301 as ocs 301\n")
        );
        assert!(mermaid.contains("    o301->>a201: CM_EvError 101-732 active error 5\n"), "{mermaid}");
        assert!(mermaid.contains("    a201--)o302: CM_ReqDoNotCall (to everybody)\n"), "{mermaid}");
        assert!(!mermaid.contains("2025550100") && !ladder.text().contains("2025550100"));
    }
}
