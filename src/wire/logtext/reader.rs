//! Reading logs: an iterator over the printed messages, total over any bytes.

use std::borrow::Cow;

use crate::wire::{
    Dialect, Text,
    limits::{ATTRIBUTES_MAX, DEPTH_MAX, PAIRS_MAX, TEXT_LINE_BYTES_MAX, VALUE_BYTES_MAX},
    logtext::{
        Block, COMMDN_HEADER, Head, HeadKind, Style,
        body::Open,
        line::{self, HeadLine, shown},
        quote::{self, Closing},
        typography::straighten,
    },
};

/// A line that could not be read as its block asks for; the block and all others are kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// What was found.
    pub kind: ProblemKind,
}

/// What a line of a log can have wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    /// Longer than any line we read; skipped.
    #[error("a line of {0} bytes, limit is {TEXT_LINE_BYTES_MAX}")]
    LineTooLong(usize),
    /// Neither attribute nor pair, and no text before it that it could continue.
    #[error("expected an attribute or a pair")]
    NoForm,
    /// A pair without an attribute that holds a list.
    #[error("a pair outside a list")]
    NoList,
    /// More pairs than one list may have; skipped.
    #[error("more than {PAIRS_MAX} pairs in one list")]
    Pairs,
    /// More attributes than one message may have; skipped.
    #[error("more than {ATTRIBUTES_MAX} attributes in one message")]
    Attributes,
    /// Lists in each other beyond the limit; the pairs are kept flat.
    #[error("more than {DEPTH_MAX} lists in each other")]
    Depth,
    /// Style commdn: the length behind `(list` does not fit the pairs; they are kept flat.
    #[error("the stated length of a list does not fit its pairs")]
    ListLength,
    /// Text without its closing quote.
    #[error("a text without its closing quote")]
    NoQuote,
}

/// Reads a log block by block. Lines that are no part of a block are passed over.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    pub(super) lines: Lines<'a>,
    pub(super) dialect: Dialect,
    pub(super) lenient: bool,
    pub(super) style: Style,
    time: Option<String>,
    /// What the line just before told about the other side.
    peer: Option<String>,
    problems: Vec<Problem>,
}

/// Problems beyond this many are not kept, so that no log can grow the list without end.
const PROBLEMS_MAX: usize = 1_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct Lines<'a> {
    pub(super) rest: &'a [u8],
    /// The line that comes next, from 1.
    pub(super) number: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn peek(&self) -> Option<(&'a [u8], Self)> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|byte| *byte == b'\n').unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at_checked(end)?;
        Some((line, Self { rest: rest.get(1..).unwrap_or_default(), number: self.number.saturating_add(1) }))
    }
}

impl<'a> Reader<'a> {
    /// A reader of a whole log. `lenient` maps typographic quotes and blanks of web copies back, and takes lines
    /// of a block that lost the blanks before them.
    #[must_use]
    pub fn new(input: &'a [u8], dialect: &Dialect, lenient: bool) -> Self {
        let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
        let lines = Lines { rest: input, number: 1 };
        Self { lines, dialect: *dialect, lenient, style: Style::Vendor, time: None, peer: None, problems: Vec::new() }
    }

    /// What could not be read up to here, in line order.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What could not be read.
    #[must_use]
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    pub(super) fn problem(&mut self, line: usize, kind: ProblemKind) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { line, kind });
        }
    }

    /// The line with web typography mapped back; without the line's own carriage return.
    pub(super) fn clean(&self, line: &'a [u8], returns: bool) -> Cow<'a, [u8]> {
        let line = if returns { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
        if self.lenient { straighten(line) } else { Cow::Borrowed(line) }
    }

    /// The bytes that must not be read as a part of the text before them.
    fn is_known(&self, line: &[u8]) -> bool {
        let inner = line.trim_ascii_start();
        line::head(line, true).is_some()
            || line::attribute(line, self.dialect.charset).is_some()
            || line::pair(inner, self.style, &self.dialect).is_some()
            || line::time_of(line).is_some()
            || inner.starts_with(b"..sent to")
    }

    /// Passes over everything up to the next head and reads it.
    fn next_head(&mut self) -> Option<(Block, bool)> {
        let mut in_header = false;
        loop {
            let (raw, after) = self.lines.peek()?;
            let number = self.lines.number;
            self.lines = after;
            if raw.len() > TEXT_LINE_BYTES_MAX {
                self.problem(number, ProblemKind::LineTooLong(raw.len()));
                continue;
            }
            let line = self.clean(raw, true);
            if line.starts_with(COMMDN_HEADER.as_bytes()) {
                self.style = Style::Commdn;
                continue;
            }
            // The header of a file ends with an empty line; one that was cut ends with the first line that has a time.
            in_header = (in_header || line.starts_with(b"Application name:"))
                && !line.trim_ascii().is_empty()
                && line::time_of(&line).is_none();
            if in_header {
                continue;
            }
            if let Some(head) = line::head(&line, true) {
                let block = self.start(number, &line, &head);
                return Some((block, raw.ends_with(b"\r")));
            }
            if let Some(time) = line::time_of(&line) {
                self.time = Some(shown(time, self.dialect.charset));
            }
            self.peer = line::peer_of(&line).map(|peer| shown(peer, self.dialect.charset));
        }
    }

    fn start(&mut self, number: usize, line: &[u8], head: &HeadLine<'_>) -> Block {
        let charset = self.dialect.charset;
        if let Some(time) = line::time_of(line) {
            self.time = Some(shown(time, charset));
        }
        let peer = self.peer.take().or_else(|| head.peer.map(|peer| shown(peer, charset)));
        let tail = head.name.len().saturating_add(head.behind.len());
        let before = line.trim_ascii().split_at_checked(line.trim_ascii().len().saturating_sub(tail));
        let before = match head.kind {
            HeadKind::CommPrint => line.get(..line.len().saturating_sub(line.trim_ascii_start().len())),
            _ => before.map(|(before, _)| before),
        };
        let head = Head {
            kind: head.kind,
            name: shown(head.name, charset),
            before: shown(before.unwrap_or_default(), charset),
            behind: shown(head.behind, charset),
        };
        Block { line: number, time: self.time.clone(), peer, head, attributes: Vec::new() }
    }

    /// The text behind an opening quote; it may go on for several lines.
    pub(super) fn text(&mut self, number: usize, first: &[u8], returns: bool) -> Text {
        let charset = self.dialect.charset;
        let read = |bytes: &[u8]| Text::from_bytes(bytes, charset);
        if self.style == Style::Commdn {
            return match quote::quoted(first) {
                Some((text, _)) => text.text(charset),
                None => {
                    self.problem(number, ProblemKind::NoQuote);
                    read(first)
                }
            };
        }
        match quote::close(first) {
            Closing::Closed(text) => match self.go_on(first, returns, false) {
                Some(longer) => read(&longer),
                None => read(text),
            },
            Closing::Open(inner) => match self.go_on(first, returns, true) {
                Some(longer) => read(&longer),
                None => {
                    if inner.is_none() {
                        self.problem(number, ProblemKind::NoQuote);
                    }
                    read(inner.unwrap_or_else(|| first.trim_ascii_end()))
                }
            },
        }
    }

    /// Follows a text over its next lines up to one that ends with a quote. A text that is still open may go on in an
    /// empty line or at the first column; one that looks closed only in lines that start with a blank.
    fn go_on(&mut self, first: &[u8], returns: bool, open: bool) -> Option<Vec<u8>> {
        let mut lines = self.lines;
        let mut text = first.to_vec();
        let mut ended = None;
        while let Some((raw, after)) = lines.peek() {
            let line = self.clean(raw, returns);
            let blank_led = line.first().is_some_and(|byte| *byte == b' ' || *byte == b'\t');
            let goes_on = blank_led && !line.trim_ascii().is_empty() || open && ended.is_none();
            if !goes_on || self.is_known(&line) || text.len().saturating_add(line.len()) > VALUE_BYTES_MAX {
                break;
            }
            lines = after;
            text.push(b'\n');
            let start = text.len();
            text.extend_from_slice(&line);
            if let Closing::Closed(inner) = quote::close(&line) {
                ended = Some((start.saturating_add(inner.len()), lines));
            }
        }
        let (end, lines) = ended?;
        text.truncate(end);
        self.lines = lines;
        Some(text)
    }
}

impl Iterator for Reader<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let (mut block, returns) = self.next_head()?;
        let comm = block.head.kind == HeadKind::CommPrint;
        let mut open = Open { comm, returns, attributes: Vec::new(), list: None };
        self.body(&mut open);
        self.finish_list(&mut open);
        block.attributes = open.attributes;
        Some(block)
    }
}

/// The line behind its blanks. A carriage return is no blank: it may be the last byte of a line inside a text.
pub(super) fn inner_of(line: &[u8]) -> &[u8] {
    let blanks = line.iter().take_while(|byte| **byte == b' ' || **byte == b'\t').count();
    line.get(blanks..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{
        TkvList,
        logtext::{Attribute, AttributeValue, Verdict},
    };

    fn read(log: &str) -> (Vec<Block>, Vec<String>) {
        let mut reader = Reader::new(log.as_bytes(), &Dialect::default(), false);
        let blocks = reader.by_ref().collect();
        (blocks, reader.problems().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_beyond_a_limit_is_left_out_and_reported() {
        let long = "x".repeat(TEXT_LINE_BYTES_MAX);
        let log = format!("message RequestA\n\tAttributeA\t'{long}'\n\tAttributeB\t1\n");
        let (blocks, problems) = read(&log);
        assert_eq!(blocks[0].attributes, [Attribute { name: "B".into(), value: AttributeValue::Number(1) }]);
        assert_eq!(problems, ["line 2: a line of 65550 bytes, limit is 65536"]);

        let log = format!("message RequestA\n{}", "\tAttributeA\t1\n".repeat(ATTRIBUTES_MAX + 1));
        let (blocks, problems) = read(&log);
        assert_eq!((blocks[0].attributes.len(), problems.len()), (ATTRIBUTES_MAX, 1));

        let pairs = "\t\t'k'\t1\n".repeat(PAIRS_MAX + 1);
        let (blocks, problems) =
            read(&format!("message RequestA\n\tAttributeUserData\t[40962] 10 00 01 00..\n{pairs}"));
        assert_eq!(blocks[0].lists().next().unwrap().1.verdict, Verdict::Agree);
        assert_eq!(problems, ["line 4099: more than 4096 pairs in one list"]);
    }

    #[test]
    fn lists_too_deep_in_each_other_are_kept_flat_and_disagree() {
        let deep = "'p'(list) ".repeat(17);
        let (blocks, _) = read(&format!("message RequestA\n\tAttributeUserData\t[172] 00 01 03 00..\n\t\t{deep}\n"));
        let list = blocks[0].lists().next().unwrap().1;
        assert_eq!(list.tree.len(), 17);
        assert_eq!(list.verdict, Verdict::Disagree { why: "more than 16 lists in each other".into() });
    }

    #[test]
    fn an_open_text_ends_at_the_next_known_line() {
        let (blocks, problems) =
            read("message RequestA\n\tAttributeA\t'one\ntwo\n\nmessage RequestB\n\tAttributeB\t'x'\n");
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0].attribute("A"), Some(&AttributeValue::Text("one".into())));
        assert_eq!(blocks[1].attribute("B"), Some(&AttributeValue::Text("x".into())));
        assert_eq!(problems, ["line 2: a text without its closing quote"]);
    }

    #[test]
    fn a_block_ends_at_a_line_that_starts_without_a_blank() {
        let log = "message RequestA\n\tAttributeA\t1\nother\n\tAttributeB\t2\n";
        let (blocks, problems) = read(log);
        assert_eq!((blocks.len(), blocks[0].attributes.len()), (1, 1));
        assert_eq!(problems, [] as [String; 0]);
    }

    #[test]
    fn the_bytes_of_a_charset_are_counted_not_its_characters() {
        let dialect = Dialect { charset: crate::wire::Charset::Iso8859_1, ..Dialect::default() };
        let log = b"message RequestA\n\tAttributeUserData\t[11] 00 01 00 00..\n\t\t's'\t'Zo\xeb'\n";
        let block = Reader::new(log, &dialect, false).next().unwrap();
        let list = block.lists().next().unwrap().1;
        assert_eq!((&list.verdict, &list.tree), (&Verdict::Agree, &TkvList::new().str("s", "Zo\u{eb}")));
        let utf8 = Reader::new(log, &Dialect::default(), false).next().unwrap();
        assert_eq!(utf8.lists().next().unwrap().1.verdict, Verdict::Agree);
    }
}
