//! Takes bytes in chunks of any size and gives records. Where a chunk ends decides nothing.

use super::{Format, Limits};
use crate::contact::{Ragged, Remark};

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
pub struct Framer {}

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
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    text: &'a str,
    spans: &'a [(usize, usize)],
}

impl<'a> Cells<'a> {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The n-th; empty when there is none.
    #[must_use]
    pub fn get(&self, n: usize) -> &'a str {
        let cell = self.spans.get(n).and_then(|(from, to)| self.text.get(*from..*to));
        cell.unwrap_or_default()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + '_ {
        (0..self.len()).map(|n| self.get(n))
    }
}

impl Framer {
    /// Begins at the first byte of a file.
    #[must_use]
    pub fn new(_format: Format, _limits: Limits) -> Self {
        todo!()
    }

    /// Begins at a cursor: bytes pushed are those from `cursor.offset` on.
    #[must_use]
    pub fn resume(_format: Format, _limits: Limits, _columns: usize, _ragged: Ragged, _at: Cursor) -> Self {
        todo!()
    }

    /// How many cells a record is to have.
    pub fn expect(&mut self, _columns: usize, _ragged: Ragged) {
        todo!()
    }

    /// Takes bytes of the file.
    pub fn push(&mut self, _bytes: &[u8]) {
        todo!()
    }

    /// Says that no byte comes any more.
    pub fn finish(&mut self) {
        todo!()
    }

    /// The next record.
    #[expect(clippy::should_implement_trait, reason = "what it gives borrows from it")]
    pub fn next(&mut self) -> Item<'_> {
        todo!()
    }

    /// Behind the record that was given last.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        todo!()
    }
}
