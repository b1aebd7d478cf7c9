//! Takes bytes in chunks of any size and gives records. Where a chunk ends decides nothing.
//!
//! A record without a quote is found by its line end and split at its delimiters. At the first quote csv-core takes
//! over, from the record's first byte to its end.

use std::{fmt, ops::Range};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::{memchr, memchr2_iter, memchr3};

use super::encoding::{Charset, Widened, wide_len};
use super::text::{Spans, Text};
use super::{Format, Limits};
use crate::contact::{Code, Ragged, Remark};

/// A place between two records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Bytes of the file in front of it, mark included.
    pub offset: u64,
    /// Number of the record in front of it: 0 = the header, or nothing yet.
    pub record: u64,
    /// Physical line that begins here.
    pub line: u64,
    /// Blank lines in front of it.
    pub blank_lines: u64,
    /// The header is in front of it.
    pub header_read: bool,
}

/// Splits bytes into records.
#[derive(Debug)]
pub struct Framer {
    format: Format,
    limits: Limits,
    /// Bytes as UTF-8, where the file is UTF-16.
    widened: Option<Widened>,
    /// Bytes of the mark that are still to come.
    mark: usize,
    buffer: Vec<u8>,
    /// Where the current record begins in the buffer.
    start: usize,
    /// Bytes of the current record that hold neither line end nor quote.
    scanned: usize,
    ended: bool,
    quoted: Option<Quoted>,
    reader: Reader,
    cells: Vec<u8>,
    ends: Vec<usize>,
    spans: Spans,
    decoded: String,
    wanted: Option<(usize, Ragged)>,
    /// Behind what was given last, and in front of what is looked at.
    cursor: Cursor,
}

/// A record that csv-core reads.
#[derive(Debug, Default)]
struct Quoted {
    /// Bytes in front of `start` that were let go, since the record is too long.
    dropped: u64,
    /// The same in the file, where it is UTF-16.
    dropped_wide: u64,
    /// Line ends in them.
    lines: u64,
    /// The last of them was a CR.
    after_cr: bool,
    /// Bytes from `start` on that csv-core has read.
    read: usize,
    text: usize,
    cells: usize,
    unterminated: bool,
    done: bool,
}

/// What the framer says.
#[derive(Debug)]
pub enum Item<'a> {
    /// More bytes are needed: [`Framer::push`] or [`Framer::finish`].
    NeedBytes,
    /// A record.
    Row(Row<'a>),
    /// Nothing comes any more.
    End,
}

/// A record.
#[derive(Debug)]
pub struct Row<'a> {
    /// From 1, the first behind the header; the header itself is 0.
    pub record: u64,
    /// Physical line of its first byte, from 1.
    pub line: u64,
    /// Offset of its first byte in the file.
    pub offset: u64,
    /// Its bytes without the line end, to be given to a reject writer; `None` = above the limit, not kept.
    pub raw: Option<&'a [u8]>,
    /// Its cells, or why it cannot be read.
    pub cells: Result<Cells<'a>, Remark>,
}

/// Cells of a record as text.
#[derive(Clone, Copy)]
pub struct Cells<'a> {
    text: &'a str,
    spans: &'a [(usize, usize)],
    count: usize,
}

impl fmt::Debug for Cells<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Cells").field("count", &self.count).finish_non_exhaustive()
    }
}

impl<'a> Cells<'a> {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The n-th; empty when there is none.
    #[must_use]
    #[inline]
    pub fn get(&self, n: usize) -> &'a str {
        let cell = self.spans.get(n).and_then(|(from, to)| self.text.get(*from..*to));
        cell.unwrap_or_default()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + '_ {
        (0..self.len()).map(|n| self.get(n))
    }
}

/// Where a record lies.
struct Found {
    raw: Option<Range<usize>>,
    quoted: bool,
    unterminated: bool,
    /// Behind its line end.
    next: Cursor,
}

enum Step {
    NeedBytes,
    End,
    Found(Found),
}

impl Framer {
    /// Begins at the first byte of a file.
    #[must_use]
    pub fn new(format: Format, limits: Limits) -> Self {
        let offset = u64::try_from(format.bom).unwrap_or(0);
        let at = Cursor { offset, line: 1, ..Cursor::default() };
        Self { mark: format.bom, wanted: None, ..Self::resume(format, limits, 0, Ragged::Error, at) }
    }

    /// Begins at a cursor: bytes pushed are those from `at.offset` on.
    #[must_use]
    pub fn resume(format: Format, limits: Limits, columns: usize, ragged: Ragged, at: Cursor) -> Self {
        Self {
            format,
            limits,
            widened: Widened::new(format.charset),
            mark: 0,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            ended: false,
            quoted: None,
            reader: ReaderBuilder::new().delimiter(format.delimiter).build(),
            cells: vec![0; 512],
            ends: vec![0; 32],
            spans: Spans::default(),
            decoded: String::new(),
            wanted: Some((columns, ragged)),
            cursor: at,
        }
    }

    /// How many cells a record is to have.
    pub fn expect(&mut self, columns: usize, ragged: Ragged) {
        self.wanted = Some((columns, ragged));
    }

    /// Takes bytes of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        let cut = self.mark.min(bytes.len());
        self.mark = self.mark.saturating_sub(cut);
        let bytes = bytes.get(cut..).unwrap_or_default();
        self.buffer.drain(..self.start.min(self.buffer.len()));
        self.start = 0;
        match &mut self.widened {
            None => self.buffer.extend_from_slice(bytes),
            Some(widened) => widened.push(bytes, &mut self.buffer),
        }
    }

    /// Says that no byte comes any more.
    pub fn finish(&mut self) {
        if let Some(widened) = &mut self.widened {
            widened.finish(&mut self.buffer);
        }
        self.ended = true;
    }

    /// The next record.
    #[expect(clippy::should_implement_trait, reason = "what it gives borrows from it")]
    pub fn next(&mut self) -> Item<'_> {
        match self.step() {
            Step::NeedBytes => Item::NeedBytes,
            Step::End => Item::End,
            Step::Found(found) => Item::Row(self.row(found)),
        }
    }

    /// Behind the record that was given last, and the blank lines that were seen behind it.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Bytes that are held.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.buffer.capacity() + self.cells.len() + self.ends.len() * 8
    }

    fn step(&mut self) -> Step {
        if self.quoted.is_none() && !self.skip_blank_lines() {
            return Step::NeedBytes;
        }
        if self.quoted.is_none() {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            if rest.is_empty() {
                return if self.ended { Step::End } else { Step::NeedBytes };
            }
            let unseen = rest.get(self.scanned..).unwrap_or_default();
            let at = memchr3(b'\n', b'\r', b'"', unseen).map(|at| at.saturating_add(self.scanned));
            match at.and_then(|at| Some((at, *rest.get(at)?, rest.get(at.saturating_add(1))))) {
                Some((_, b'"', _)) => self.begin_quoted(),
                Some((at, b'\r', None)) if !self.ended => {
                    self.scanned = at; // The line end may have a second byte.
                    return Step::NeedBytes;
                }
                Some((at, b'\r', Some(b'\n'))) => return self.plain(at, 2),
                Some((at, _, _)) => return self.plain(at, 1),
                None if self.ended => return self.plain(rest.len(), 0),
                None if rest.len() > self.limits.record => self.begin_quoted(),
                None => {
                    self.scanned = rest.len();
                    return Step::NeedBytes;
                }
            }
        }
        self.read_quoted()
    }

    /// False = more bytes are needed to tell.
    fn skip_blank_lines(&mut self) -> bool {
        if self.scanned > 0 {
            return true;
        }
        loop {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            let bytes = match rest {
                [b'\r'] if !self.ended => return false,
                [b'\r', b'\n', ..] => 2,
                [b'\r' | b'\n', ..] => 1,
                _ => return true,
            };
            self.start = self.start.saturating_add(bytes);
            let unit = if self.widened.is_some() { 2 } else { 1 };
            let bytes = u64::try_from(bytes).unwrap_or(0).saturating_mul(unit);
            self.cursor.offset = self.cursor.offset.saturating_add(bytes);
            self.cursor.line = self.cursor.line.saturating_add(1);
            self.cursor.blank_lines = self.cursor.blank_lines.saturating_add(1);
        }
    }

    /// A record without quotes, `len` bytes long, and its line end.
    fn plain(&mut self, len: usize, end: usize) -> Step {
        let raw = self.start..self.start.saturating_add(len);
        let behind = raw.end.saturating_add(end);
        let next = self.cursor_behind(behind, 0, 1);
        (self.start, self.scanned) = (behind, 0);
        let raw = (len <= self.limits.record).then_some(raw);
        Step::Found(Found { raw, quoted: false, unterminated: false, next })
    }

    fn cursor_behind(&self, end: usize, dropped: u64, lines: u64) -> Cursor {
        let bytes = self.buffer.get(self.start..end).unwrap_or_default();
        let len = if self.widened.is_some() { wide_len(bytes) } else { u64::try_from(bytes.len()).unwrap_or(0) };
        Cursor {
            offset: self.cursor.offset.saturating_add(dropped).saturating_add(len),
            record: if self.cursor.header_read { self.cursor.record.saturating_add(1) } else { 0 },
            line: self.cursor.line.saturating_add(lines),
            header_read: true,
            ..self.cursor
        }
    }

    fn begin_quoted(&mut self) {
        self.reader.reset();
        // It would take the first bytes that it sees for the mark of a file, if a record began with them.
        let _ = self.reader.read_record(b"\n", &mut self.cells, &mut self.ends);
        self.quoted = Some(Quoted::default());
    }

    fn read_quoted(&mut self) -> Step {
        let Some(mut quoted) = self.quoted.take() else { return Step::NeedBytes };
        while !quoted.done {
            let at_end = self.start.saturating_add(quoted.read) >= self.buffer.len();
            if at_end {
                self.let_go(&mut quoted);
                if !self.ended {
                    self.quoted = Some(quoted);
                    return Step::NeedBytes;
                }
            }
            let input = self.buffer.get(self.start.saturating_add(quoted.read)..).unwrap_or_default();
            // The end of the file stands for a line end, which is data inside of quotes.
            let input = if at_end { b"\n" } else { input };
            let text = self.cells.get_mut(quoted.text..).unwrap_or_default();
            let ends = self.ends.get_mut(quoted.cells..).unwrap_or_default();
            let (result, read, wrote, cells) = self.reader.read_record(input, text, ends);
            quoted.read = quoted.read.saturating_add(if at_end { 0 } else { read });
            quoted.text = quoted.text.saturating_add(wrote);
            quoted.cells = quoted.cells.saturating_add(cells);
            match result {
                ReadRecordResult::InputEmpty => (quoted.unterminated, quoted.done) = (at_end, at_end),
                // What is too long is not kept: its room is used again.
                ReadRecordResult::OutputFull if quoted.dropped > 0 => quoted.text = 0,
                ReadRecordResult::OutputEndsFull if quoted.dropped > 0 => quoted.cells = 0,
                ReadRecordResult::OutputFull => self.cells.resize(self.cells.len().saturating_mul(2), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len().saturating_mul(2), 0),
                ReadRecordResult::Record | ReadRecordResult::End => quoted.done = true,
            }
        }
        let mut end = self.start.saturating_add(quoted.read);
        let mut terminator = 0;
        if !quoted.unterminated && quoted.read > 0 {
            match self.buffer.get(..end).unwrap_or_default() {
                [.., b'\r', b'\n'] => terminator = 2,
                [.., b'\n'] => terminator = 1,
                [.., b'\r'] => match self.buffer.get(end) {
                    None if !self.ended => {
                        self.quoted = Some(quoted);
                        return Step::NeedBytes;
                    }
                    Some(b'\n') => (end, terminator) = (end.saturating_add(1), 2),
                    _ => terminator = 1,
                },
                _ => {}
            }
        }
        let raw = self.start..end.saturating_sub(terminator);
        let bytes = self.buffer.get(self.start..end).unwrap_or_default();
        let lines = quoted.lines.saturating_add(count_line_ends(bytes, &mut quoted.after_cr));
        let dropped = if self.widened.is_some() { quoted.dropped_wide } else { quoted.dropped };
        let next = self.cursor_behind(end, dropped, lines);
        (self.start, self.scanned) = (end, 0);
        (self.spans.text, self.spans.ends) = (quoted.text, quoted.cells);
        let kept = quoted.dropped == 0 && raw.len() <= self.limits.record;
        Step::Found(Found { raw: kept.then_some(raw), quoted: true, unterminated: quoted.unterminated, next })
    }

    /// Lets the bytes go that were read of a record that is too long.
    fn let_go(&mut self, quoted: &mut Quoted) {
        if quoted.dropped == 0 && quoted.read <= self.limits.record {
            return;
        }
        let end = self.start.saturating_add(quoted.read);
        let bytes = self.buffer.get(self.start..end).unwrap_or_default();
        quoted.lines = quoted.lines.saturating_add(count_line_ends(bytes, &mut quoted.after_cr));
        quoted.dropped = quoted.dropped.saturating_add(u64::try_from(bytes.len()).unwrap_or(0));
        quoted.dropped_wide = quoted.dropped_wide.saturating_add(wide_len(bytes));
        (quoted.read, quoted.text, quoted.cells) = (0, 0, 0);
        self.start = end;
    }

    /// Reads the cells of a record that was found.
    fn row(&mut self, found: Found) -> Row<'_> {
        let Cursor { offset, line, .. } = self.cursor;
        self.cursor = found.next;
        let record = found.next.record;
        let raw = found.raw.and_then(|range| self.buffer.get(range));
        let fail = |code, message: String| Err(Remark::error(code, "", message));
        let Some(bytes) = raw else {
            let message = match found.unterminated {
                true => fail(Code::UnterminatedQuote, "no closing quote until the end of the file".to_owned()),
                false => fail(Code::RecordTooLong, format!("more than {} bytes, line {line}", self.limits.record)),
            };
            return Row { record, line, offset, raw: None, cells: message };
        };
        let row = |cells| Row { record, line, offset, raw, cells };
        if found.unterminated {
            return row(fail(Code::UnterminatedQuote, "no closing quote until the end of the file".to_owned()));
        }
        self.spans.keep = self.wanted.map_or(self.limits.columns, |(columns, _)| columns);
        let (text, has_nul) = if found.quoted {
            let cells = self.cells.get(..self.spans.text).unwrap_or_default();
            self.spans.at_ends(self.ends.get(..self.spans.ends).unwrap_or_default());
            (Text { raw: bytes, cells }, memchr(0, cells).is_some())
        } else {
            (Text { raw: bytes, cells: bytes }, self.spans.at_delimiters(self.format.delimiter, bytes))
        };
        if has_nul {
            let at = place(bytes, memchr(0, bytes).unwrap_or(0), offset, self.format.charset);
            return row(fail(Code::NulByte, format!("byte {at} of the file is NUL")));
        }
        let text = match text.decode(self.format.charset, &mut self.spans, &mut self.decoded) {
            Ok(text) => text,
            Err(at) => {
                let at = place(bytes, at, offset, self.format.charset);
                let name = self.format.charset.name();
                return row(fail(Code::BadEncoding, format!("byte {at} of the file is not {name}")));
            }
        };
        if text.len() > self.limits.field
            && let Some(n) = self.spans.longer_than(self.limits.field)
        {
            let limit = self.limits.field;
            return row(fail(Code::FieldTooLong, format!("cell {} is longer than {limit} bytes", n.saturating_add(1))));
        }
        let count = match self.wanted {
            None => self.spans.count,
            Some((wanted, _)) if self.spans.count == wanted => wanted,
            Some((wanted, Ragged::Pad)) if !self.spans.surplus_filled => wanted,
            Some((wanted, _)) => {
                let found = self.spans.count;
                return row(fail(Code::Ragged, format!("found {found} cells, wanted {wanted}")));
            }
        };
        row(Ok(Cells { text, spans: &self.spans.list, count }))
    }
}

/// Offset in the file of a byte of a record.
fn place(record: &[u8], at: usize, offset: u64, charset: Charset) -> u64 {
    let before = record.get(..at).unwrap_or_default();
    let before = if charset.is_wide() { wide_len(before) } else { u64::try_from(before.len()).unwrap_or(0) };
    offset.saturating_add(before)
}

/// CRLF, LF and CR.
fn count_line_ends(bytes: &[u8], after_cr: &mut bool) -> u64 {
    let mut count = 0_u64;
    let mut last_cr = after_cr.then_some(usize::MAX);
    for at in memchr2_iter(b'\n', b'\r', bytes) {
        let is_lf = bytes.get(at) == Some(&b'\n');
        // MAX stands for the byte in front of these.
        let second = is_lf && last_cr.is_some_and(|cr| cr.wrapping_add(1) == at);
        if !second {
            count = count.saturating_add(1);
        }
        last_cr = (!is_lf).then_some(at);
    }
    *after_cr = bytes.last().map_or(*after_cr, |last| *last == b'\r');
    count
}
