//! Reading logs: an iterator over the printed messages, total over any bytes.

use std::borrow::Cow;

use crate::wire::{
    Dialect, Text, TkvList, Value,
    limits::{ATTRIBUTES_MAX, DEPTH_MAX, PAIRS_MAX, TEXT_LINE_BYTES_MAX, VALUE_BYTES_MAX},
    logtext::{
        Attribute, AttributeValue, Block, COMMDN_HEADER, Head, HeadKind, PrintedList, Style, Verdict,
        check::{judge, unstated},
        line::{self, AttributeLine, Closing, HeadLine, PairForm, shown},
        nest::{Printed, build, by_indentation, by_stated_lengths, flat},
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

/// Why text is no tree; for text that a person or a fixture gives as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeTextError {
    /// A line that does not fit.
    #[error(transparent)]
    Line(#[from] Problem),
}

/// Reads a log block by block. Lines that are no part of a block are passed over.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    lines: Lines<'a>,
    dialect: Dialect,
    lenient: bool,
    style: Style,
    time: Option<String>,
    /// What the line just before told about the other side.
    peer: Option<String>,
    problems: Vec<Problem>,
}

/// Problems beyond this many are not kept, so that no log can grow the list without end.
const PROBLEMS_MAX: usize = 1_000;

#[derive(Clone, Copy, Debug)]
struct Lines<'a> {
    rest: &'a [u8],
    /// The line that comes next, from 1.
    number: usize,
}

impl<'a> Lines<'a> {
    fn peek(&self) -> Option<(&'a [u8], Self)> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|byte| *byte == b'\n').unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at_checked(end)?;
        Some((line, Self { rest: rest.get(1..).unwrap_or_default(), number: self.number.saturating_add(1) }))
    }
}

/// A block while it is read.
struct Open {
    comm: bool,
    /// Its head ended with a carriage return, so the others do too.
    returns: bool,
    attributes: Vec<Attribute>,
    list: Option<OpenList>,
}

struct OpenList {
    name: String,
    line: usize,
    length: Option<usize>,
    head: Vec<u8>,
    pairs: Vec<Printed>,
    /// Blanks before its attribute.
    indent: usize,
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

    fn problem(&mut self, line: usize, kind: ProblemKind) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { line, kind });
        }
    }

    /// The line with web typography mapped back; without the line's own carriage return.
    fn clean(&self, line: &'a [u8], returns: bool) -> Cow<'a, [u8]> {
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

    fn body(&mut self, open: &mut Open) {
        while let Some((raw, after)) = self.lines.peek() {
            let number = self.lines.number;
            if raw.len() > TEXT_LINE_BYTES_MAX {
                self.lines = after;
                self.problem(number, ProblemKind::LineTooLong(raw.len()));
                continue;
            }
            let line = self.clean(raw, true);
            let inner = line.trim_ascii_start();
            if inner.is_empty() {
                self.lines = after;
                return;
            }
            if line::head(&line, true).is_some() || line::time_of(&line).is_some() {
                return;
            }
            let text = self.clean(raw, open.returns);
            let margin = text.len().saturating_sub(inner_of(&text).len());
            if margin == 0 && !self.lenient {
                return;
            }
            let before = std::mem::replace(&mut self.lines, after);
            if let Some((name, value)) = line::attribute(&text, self.dialect.charset) {
                let name = shown(name, self.dialect.charset);
                self.attribute(open, number, margin, name, value);
            } else if inner.starts_with(b"'") && self.pair(open, number, margin, inner_of(&text)) {
                // read
            } else if margin == 0 {
                self.lines = before;
                return;
            } else if let Some((key, value)) = line::comm_line(&line).filter(|_| open.comm) {
                self.comm_pair(open, number, key, value);
            } else {
                self.problem(number, ProblemKind::NoForm);
            }
        }
    }

    fn attribute(&mut self, open: &mut Open, line: usize, indent: usize, name: String, value: AttributeLine<'_>) {
        self.finish_list(open);
        if open.attributes.len() >= ATTRIBUTES_MAX {
            return self.problem(line, ProblemKind::Attributes);
        }
        let value = match value {
            AttributeLine::Value(value) => value,
            AttributeLine::Quoted(text) => AttributeValue::Text(self.text(line, text, open.returns)),
            AttributeLine::List(length, head) => {
                let length = Some(length);
                open.list = Some(OpenList { name, line, length, head, pairs: Vec::new(), indent });
                return;
            }
        };
        open.attributes.push(Attribute { name, value });
    }

    /// Reads a pair and those behind it on the same line; false when the line is none.
    fn pair(&mut self, open: &mut Open, number: usize, indent: usize, line: &[u8]) -> bool {
        let (mut rest, mut inline) = (line, false);
        // Quoted pairs stand below the unquoted key of their list, with whatever blanks.
        let indent = if open.comm { indent.max(1) } else { indent };
        while let Some(pair) = line::pair(rest, self.style, &self.dialect) {
            let (value, stated, behind) = match pair.form {
                PairForm::Value(value) => (value, None, &[][..]),
                PairForm::Quoted(text) => (Value::Str(self.text(number, text, open.returns)), None, &[][..]),
                PairForm::List(stated, behind) => (Value::List(TkvList::new()), stated, behind),
            };
            match &mut open.list {
                Some(list) if list.pairs.len() < PAIRS_MAX => {
                    list.pairs.push(Printed { key: pair.key, value, indent, inline, stated, line: number });
                }
                Some(_) => self.problem(number, ProblemKind::Pairs),
                None => self.problem(number, ProblemKind::NoList),
            }
            if behind.trim_ascii().is_empty() {
                return true;
            }
            (rest, inline) = (behind, true);
        }
        if inline {
            self.problem(number, ProblemKind::NoForm); // behind `(list)` stands no pair
        }
        inline
    }

    /// A line of what OCS prints of its own clients: all of them together are one list.
    fn comm_pair(&mut self, open: &mut Open, number: usize, key: &[u8], value: &[u8]) {
        let charset = self.dialect.charset;
        let bare = value.is_empty() || value.starts_with(b"(list") || value.eq_ignore_ascii_case(b"list");
        let value = if bare {
            Value::List(TkvList::new())
        } else {
            match line::attribute_value(line::without_symbol(value), charset) {
                AttributeLine::Quoted(text) => Value::Str(self.text(number, text, open.returns)),
                AttributeLine::List(..) => Value::List(TkvList::new()),
                AttributeLine::Value(AttributeValue::Number(number)) => match i32::try_from(number) {
                    Ok(number) => Value::Int(number),
                    Err(_) => Value::Str(Text::from_bytes(value, charset)),
                },
                AttributeLine::Value(_) => Value::Str(Text::from_bytes(value, charset)),
            }
        };
        let list = open.list.get_or_insert_with(|| OpenList {
            name: "UserData".to_owned(),
            line: number,
            length: None,
            head: Vec::new(),
            pairs: Vec::new(),
            indent: 0,
        });
        if list.pairs.len() >= PAIRS_MAX {
            return self.problem(number, ProblemKind::Pairs);
        }
        list.pairs.push(Printed { key: key.to_vec(), value, indent: 0, inline: false, stated: None, line: number });
    }

    fn finish_list(&mut self, open: &mut Open) {
        let Some(OpenList { name, line, length, head, pairs, indent }) = open.list.take() else { return };
        // One level is what a pair has more than its attribute.
        let first = pairs.first().map_or(0, |pair| pair.indent);
        let unit = first.checked_sub(indent).filter(|unit| *unit > 0).unwrap_or(1);
        let (tree, packed, verdict) = if self.style == Style::Commdn && pairs.iter().any(|pair| pair.stated.is_some()) {
            self.stated(pairs, length, &head)
        } else if let Some(length) = length {
            let judged = judge(pairs, length, &head, unit, &self.dialect);
            (judged.tree, judged.packed, judged.verdict)
        } else {
            let tree = unstated(pairs, unit);
            let packed = tree.encode(&self.dialect).ok().map(|bytes| bytes.len());
            (tree, packed, Verdict::Unstated)
        };
        let list = PrintedList { line, length, head, packed, tree, verdict };
        if open.attributes.len() >= ATTRIBUTES_MAX {
            return self.problem(line, ProblemKind::Attributes);
        }
        open.attributes.push(Attribute { name, value: AttributeValue::List(list) });
    }

    /// A list of style commdn: its lengths tell everything.
    fn stated(&mut self, pairs: Vec<Printed>, length: Option<usize>, head: &[u8]) -> (TkvList, Option<usize>, Verdict) {
        let tree = match stated_tree(pairs, &self.dialect) {
            Ok(tree) => tree,
            Err((tree, problem)) => {
                let why = problem.kind.to_string();
                self.problem(problem.line, problem.kind);
                return (tree, None, Verdict::Disagree { why });
            }
        };
        match (tree.encode(&self.dialect), length) {
            (Ok(bytes), None) => (tree, Some(bytes.len()), Verdict::Unstated),
            (Ok(bytes), Some(length)) if bytes.len() == length && bytes.starts_with(head) => {
                (tree, Some(length), Verdict::Agree)
            }
            (Ok(bytes), Some(length)) => {
                let why = format!("the printed pairs need {} bytes, the print states {length}", bytes.len());
                (tree, Some(bytes.len()), Verdict::Disagree { why })
            }
            (Err(error), _) => {
                (tree, None, Verdict::Disagree { why: format!("the printed pairs cannot be packed: {error}") })
            }
        }
    }

    /// The text behind an opening quote; it may go on for several lines.
    fn text(&mut self, number: usize, first: &[u8], returns: bool) -> Text {
        let charset = self.dialect.charset;
        let read = |bytes: &[u8]| Text::from_bytes(bytes, charset);
        if self.style == Style::Commdn {
            return match line::quoted(first) {
                Some((text, _)) => text.text(charset),
                None => {
                    self.problem(number, ProblemKind::NoQuote);
                    read(first)
                }
            };
        }
        match line::close(first) {
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
            if let Closing::Closed(inner) = line::close(&line) {
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

/// Reads pairs alone in style commdn. Lists state their length, or their children are indented deeper; empty lines and
/// lines that start with `#` are passed over.
///
/// # Errors
/// The first line that does not fit.
pub fn read_tree(input: &[u8], dialect: &Dialect) -> Result<TkvList, TreeTextError> {
    let mut lines = Lines { rest: input, number: 1 };
    let mut pairs: Vec<Printed> = Vec::new();
    while let Some((raw, after)) = lines.peek() {
        let number = lines.number;
        lines = after;
        let fail = |kind| TreeTextError::Line(Problem { line: number, kind });
        let line = raw.strip_suffix(b"\r").unwrap_or(raw);
        let mut rest = inner_of(line);
        let indent = line.len().saturating_sub(rest.len());
        if rest.is_empty() || rest.starts_with(b"#") {
            continue;
        }
        let mut inline = false;
        while !rest.is_empty() {
            let pair = line::pair(rest, Style::Commdn, dialect).ok_or_else(|| fail(ProblemKind::NoForm))?;
            let (value, stated, behind) = match pair.form {
                PairForm::Value(value) => (value, None, &[][..]),
                PairForm::List(stated, behind) => (Value::List(TkvList::new()), stated, behind),
                PairForm::Quoted(_) => return Err(fail(ProblemKind::NoQuote)),
            };
            if pairs.len() >= PAIRS_MAX {
                return Err(fail(ProblemKind::Pairs));
            }
            pairs.push(Printed { key: pair.key, value, indent, inline, stated, line: number });
            (rest, inline) = (behind.trim_ascii(), true);
        }
    }
    stated_tree(pairs, dialect).map_err(|(_, problem)| TreeTextError::Line(problem))
}

/// The tree by the stated lengths of its lists, or by indentation when none states one; else flat, with the problem.
fn stated_tree(pairs: Vec<Printed>, dialect: &Dialect) -> Result<TkvList, (TkvList, Problem)> {
    let last = pairs.last().map_or(0, |pair| pair.line);
    let size = |pair: &Printed| {
        let value = match &pair.value {
            Value::Str(text) => text.to_bytes(dialect.charset).map_or(0, |bytes| bytes.len()),
            Value::Int(_) | Value::List(_) => 4, // of a list: its prefix and its count
            Value::Binary(bytes) | Value::Opaque { bytes, .. } => bytes.len(),
            Value::Unicode(text) => text.encode_utf16().count().saturating_mul(2),
        };
        pair.key.len().saturating_add(value).saturating_add(5)
    };
    let depths = if pairs.iter().any(|pair| pair.stated.is_some()) {
        let sizes: Vec<usize> = pairs.iter().map(size).collect();
        by_stated_lengths(&pairs, &sizes)
    } else {
        by_indentation(&pairs, 1).map_or(if pairs.is_empty() { Ok(Vec::new()) } else { Err(last) }, Ok)
    };
    match depths {
        Ok(depths) => {
            build(pairs.clone(), &depths).ok_or_else(|| (flat(pairs), Problem { line: last, kind: ProblemKind::Depth }))
        }
        Err(line) => Err((flat(pairs), Problem { line, kind: ProblemKind::ListLength })),
    }
}

/// The line behind its blanks. A carriage return is no blank: it may be the last byte of a line inside a text.
fn inner_of(line: &[u8]) -> &[u8] {
    let blanks = line.iter().take_while(|byte| **byte == b' ' || **byte == b'\t').count();
    line.get(blanks..).unwrap_or_default()
}

/// Quotes and blanks as a web page shows them, and what they were.
const TYPOGRAPHY: &[(&str, u8)] = &[
    ("\u{2018}", b'\''),
    ("\u{2019}", b'\''),
    ("\u{201a}", b'\''),
    ("\u{201b}", b'\''),
    ("\u{2032}", b'\''),
    ("\u{00b4}", b'\''),
    ("\u{201c}", b'"'),
    ("\u{201d}", b'"'),
    ("\u{00a0}", b' '),
    ("\u{2002}", b' '),
    ("\u{2003}", b' '),
    ("\u{2009}", b' '),
    ("\u{202f}", b' '),
];

fn straighten(line: &[u8]) -> Cow<'_, [u8]> {
    if line.is_ascii() {
        return Cow::Borrowed(line);
    }
    let mut straight = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((byte, after)) = rest.split_first() {
        let mapped = TYPOGRAPHY.iter().find_map(|(shown, was)| Some((rest.strip_prefix(shown.as_bytes())?, *was)));
        let (behind, byte) = mapped.unwrap_or((after, *byte));
        straight.push(byte);
        rest = behind;
    }
    Cow::Owned(straight)
}
