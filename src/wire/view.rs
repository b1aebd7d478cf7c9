//! Reading a packed list in place: checked once, then looked at without allocating.

use std::borrow::Cow;

use nom::{
    IResult, Parser,
    number::complete::{be_u16, be_u32},
};

use crate::wire::{
    Charset, Dialect, Reading, Text,
    dialect::{IntOrder, ListPrefix},
    limits::{DEPTH_MAX, LIST_BYTES_MAX, PAIRS_MAX},
    text::escape_bytes,
    tkv::decode_utf16,
};

/// What is wrong with a packed list, and at which byte of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {at}")]
pub struct DecodeError {
    /// Offset in the packed list.
    pub at: usize,
    /// What was found there.
    pub kind: DecodeErrorKind,
}

/// The ways in which bytes are no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// The bytes end inside a list.
    #[error("truncated: the list goes on behind the last byte")]
    Truncated,
    /// Bytes stand behind the last pair.
    #[error("trailing: bytes behind the last pair")]
    Trailing,
    /// A nested list's prefix disagrees with the bytes that its pairs use.
    #[error("list_length: the prefix of a nested list disagrees with its pairs")]
    ListLength,
    /// An int whose length is not 4.
    #[error("int_width: an int of {0} bytes, expected 4")]
    IntWidth(usize),
    /// More lists in each other than [`DEPTH_MAX`].
    #[error("depth: more than {DEPTH_MAX} lists in each other")]
    Depth,
    /// More pairs than [`PAIRS_MAX`].
    #[error("pairs: {0} pairs, limit is {PAIRS_MAX}")]
    Pairs(usize),
    /// A list longer than [`LIST_BYTES_MAX`].
    #[error("list_bytes: a list of {0} bytes, limit is {LIST_BYTES_MAX}")]
    ListBytes(usize),
    /// Strict: bytes that are no text in the charset.
    #[error("charset: bytes that are no text in {0}")]
    Charset(Charset),
    /// Strict: a unicode value that is no UTF-16.
    #[error("unicode: a value that is no UTF-16")]
    Unicode,
    /// Strict: a type code outside the table.
    #[error("unknown_type: type code {0}")]
    UnknownType(u8),
}

impl DecodeErrorKind {
    /// The short name that specifications, fixtures and JSON use.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Trailing => "trailing",
            Self::ListLength => "list_length",
            Self::IntWidth(_) => "int_width",
            Self::Depth => "depth",
            Self::Pairs(_) => "pairs",
            Self::ListBytes(_) => "list_bytes",
            Self::Charset(_) => "charset",
            Self::Unicode => "unicode",
            Self::UnknownType(_) => "unknown_type",
        }
    }
}

/// A packed list, checked whole, read in place.
#[derive(Clone, Copy, Debug)]
pub struct ListView<'a> {
    pairs: &'a [u8],
    count: usize,
    dialect: Dialect,
}

/// A value in place.
#[derive(Clone, Copy, Debug)]
pub enum ValueView<'a> {
    /// Code 0.
    Str(StrView<'a>),
    /// Code 1.
    Int(i32),
    /// Code 2.
    Binary(&'a [u8]),
    /// Code 3.
    List(ListView<'a>),
    /// Code 4, UTF-16 or (tolerant) not.
    Unicode(&'a [u8]),
    /// Codes 5 to 255.
    Opaque {
        /// The type code.
        code: u8,
        /// The value bytes.
        bytes: &'a [u8],
    },
}

/// A string in place, with the charset to read it by.
#[derive(Clone, Copy, Debug)]
pub struct StrView<'a> {
    /// The bytes that travelled.
    pub bytes: &'a [u8],
    charset: Charset,
}

impl<'a> StrView<'a> {
    /// The text, `None` when the bytes are none in the charset.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'a, str>> {
        self.charset.decode(self.bytes)
    }

    /// An owned value that encodes back to the same bytes.
    #[must_use]
    pub fn to_text(&self) -> Text {
        Text::from_bytes(self.bytes, self.charset)
    }

    /// The text for people, bytes that are none as `\xNN`.
    #[must_use]
    pub fn display(&self) -> Cow<'a, str> {
        self.text().unwrap_or_else(|| Cow::Owned(escape_bytes(self.bytes)))
    }
}

impl ValueView<'_> {
    /// What people call this kind of value, for error texts.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Str(_) => "string",
            Self::Int(_) => "int",
            Self::Binary(_) => "binary",
            Self::List(_) => "list",
            Self::Unicode(_) => "unicode",
            Self::Opaque { .. } => "opaque",
        }
    }
}

impl<'a> ListView<'a> {
    /// Checks a whole packed list: structure, limits and, in strict reading, charset, UTF-16 and type codes.
    ///
    /// # Errors
    /// [`DecodeError`] with the first byte that does not fit. A list that merely ends early is `truncated`.
    pub fn parse(bytes: &'a [u8], dialect: &Dialect, reading: Reading) -> Result<Self, DecodeError> {
        if bytes.len() > LIST_BYTES_MAX {
            return Err(DecodeError { at: 0, kind: DecodeErrorKind::ListBytes(bytes.len()) });
        }
        let truncated = DecodeError { at: bytes.len(), kind: DecodeErrorKind::Truncated };
        let (pairs, count) = count16(bytes).map_err(|_| truncated)?;
        Checker { whole: bytes, dialect: *dialect, reading, pairs_seen: 0 }.check(pairs, count)?;
        Ok(Self { pairs, count, dialect: *dialect })
    }

    /// How many pairs stand at the top.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// True without pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The pairs in order.
    #[must_use]
    pub fn iter(&self) -> Pairs<'a> {
        Pairs { rest: self.pairs, left: self.count, dialect: self.dialect }
    }

    /// The first value under a key, compared exactly.
    #[must_use]
    pub fn first(&self, key: &str) -> Option<ValueView<'a>> {
        self.iter().find(|(name, _)| *name == key.as_bytes()).map(|(_, value)| value)
    }

    /// Every value under a key, in order.
    pub fn all(&self, key: &'a str) -> impl Iterator<Item = ValueView<'a>> {
        self.iter().filter(move |(name, _)| *name == key.as_bytes()).map(|(_, value)| value)
    }
}

impl<'a> IntoIterator for &ListView<'a> {
    type Item = (&'a [u8], ValueView<'a>);
    type IntoIter = Pairs<'a>;

    fn into_iter(self) -> Pairs<'a> {
        self.iter()
    }
}

/// Walks the pairs of a checked list.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    rest: &'a [u8],
    left: usize,
    dialect: Dialect,
}

impl<'a> Pairs<'a> {
    /// True when no pair is left.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.left == 0
    }

    /// The next value, if it stands under this key; else nothing is taken.
    #[inline(always)]
    pub fn next_under(&mut self, key: &[u8]) -> Option<ValueView<'a>> {
        let left = self.left.checked_sub(1)?;
        let (code, name, rest) = pair_head(self.rest)?;
        if name != key {
            return None;
        }
        let (value, rest) = value(code, rest, self.dialect)?;
        (self.left, self.rest) = (left, rest);
        Some(value)
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], ValueView<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (code, key, rest) = pair_head(self.rest)?;
        let (value, rest) = value(code, rest, self.dialect)?;
        self.rest = rest;
        Some((key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

fn count16(input: &[u8]) -> Parsed<'_, usize> {
    be_u16.map(usize::from).parse_complete(input)
}

/// Code, key, and what follows them. By hand, as is [`scalar`]: these two are nearly the whole cost of a check.
#[inline(always)]
fn pair_head(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let ([code, k0, k1], rest) = input.split_first_chunk::<3>()?;
    let (key, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*k0, *k1])))?;
    Some((*code, key, rest))
}

/// The bytes of a scalar value, and what follows them.
#[inline]
fn scalar(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = input.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// The value that stands here in a checked list, and what follows it.
#[inline(always)]
fn value(code: u8, input: &[u8], dialect: Dialect) -> Option<(ValueView<'_>, &[u8])> {
    if code == 3 {
        let (rest, (list, pairs, count)) = nested(input, dialect.list_prefix)?;
        debug_assert!(pairs.len() <= list.len(), "the pairs are a part of their list");
        return Some((ValueView::List(ListView { pairs, count, dialect }), rest));
    }
    let (bytes, rest) = scalar(input)?;
    let value = match code {
        1 => ValueView::Int(int(bytes, dialect.int_order)?),
        0 => ValueView::Str(StrView { bytes, charset: dialect.charset }),
        2 => ValueView::Binary(bytes),
        4 => ValueView::Unicode(bytes),
        code => ValueView::Opaque { code, bytes },
    };
    Some((value, rest))
}

/// The prefix of a nested list: how many bytes of list follow, or `None` inside when its two lengths disagree.
fn list_prefix(input: &[u8], prefix: ListPrefix) -> Parsed<'_, Option<usize>> {
    match prefix {
        ListPrefix::Len32 => be_u32.map(|n| usize::try_from(n).ok()).parse_complete(input),
        ListPrefix::Len16Inner16 => (be_u16, be_u16)
            .map(|(outer, inner)| (outer.checked_sub(2) == Some(inner)).then(|| usize::from(inner)))
            .parse_complete(input),
        ListPrefix::Len16Count32 => be_u16.map(|n| Some(usize::from(n))).parse_complete(input),
    }
}

/// The count at the head of a nested list.
fn nested_count(list: &[u8], prefix: ListPrefix) -> Parsed<'_, usize> {
    match prefix {
        ListPrefix::Len32 | ListPrefix::Len16Inner16 => count16(list),
        ListPrefix::Len16Count32 => be_u32.map(|n| usize::try_from(n).unwrap_or(usize::MAX)).parse_complete(list),
    }
}

/// (list, its pairs, their count) of a nested list that was checked, and what follows it.
type Nested<'a> = (&'a [u8], (&'a [u8], &'a [u8], usize));

fn nested(input: &[u8], prefix: ListPrefix) -> Option<Nested<'_>> {
    let (rest, n) = list_prefix(input, prefix).ok()?;
    let (list, rest) = rest.split_at_checked(n?)?;
    let (pairs, count) = nested_count(list, prefix).ok()?;
    Some((rest, (list, pairs, count)))
}

fn int(bytes: &[u8], order: IntOrder) -> Option<i32> {
    let bytes = <[u8; 4]>::try_from(bytes).ok()?;
    Some(match order {
        IntOrder::Big => i32::from_be_bytes(bytes),
        IntOrder::Little => i32::from_le_bytes(bytes),
    })
}

/// One pass over the bytes with a stack of fixed size: no recursion, no allocation.
struct Checker<'a> {
    whole: &'a [u8],
    dialect: Dialect,
    reading: Reading,
    pairs_seen: usize,
}

/// A list whose pairs are not all read: how many are left, and the bytes behind the nested list being read.
#[derive(Clone, Copy)]
struct Level<'a> {
    left: usize,
    after: &'a [u8],
}

impl<'a> Checker<'a> {
    fn check(&mut self, pairs: &'a [u8], count: usize) -> Result<(), DecodeError> {
        let mut above = [Level { left: 0, after: &[][..] }; DEPTH_MAX];
        let mut depth = 1_usize; // lists that are open, the top one included
        let mut after: &'a [u8] = &[]; // bytes of the message behind the list being read
        let (mut rest, mut left) = (pairs, count);
        self.count(count, rest, after)?;
        loop {
            let Some(one_less) = left.checked_sub(1) else {
                if depth == 1 {
                    return if rest.is_empty() { Ok(()) } else { Err(self.at(rest, after, DecodeErrorKind::Trailing)) };
                }
                if !rest.is_empty() {
                    return Err(self.at(rest, after, DecodeErrorKind::ListLength));
                }
                depth = depth.saturating_sub(1);
                let Some(level) = above.get(depth) else { return Ok(()) };
                // `after` is the rest of the list above, followed by what lies behind that list.
                let own = after.len().saturating_sub(level.after.len());
                (rest, left) = (after.get(..own).unwrap_or_default(), level.left);
                after = level.after;
                continue;
            };
            left = one_less;
            let short = if depth == 1 { DecodeErrorKind::Truncated } else { DecodeErrorKind::ListLength };
            let Some((code, _, body)) = pair_head(rest) else { return Err(self.at(rest, after, short)) };
            if code != 3 {
                let Some((value, behind)) = scalar(body) else { return Err(self.at(body, after, short)) };
                self.scalar(code, value, body, after)?;
                rest = behind;
                continue;
            }
            let (list_on, n) = list_prefix(body, self.dialect.list_prefix).map_err(|_| self.at(body, after, short))?;
            let n = n.ok_or_else(|| self.at(body, after, DecodeErrorKind::ListLength))?;
            let Some((list, behind)) = list_on.split_at_checked(n) else {
                let beyond = n > list_on.len().saturating_add(after.len());
                let kind = if beyond { DecodeErrorKind::Truncated } else { DecodeErrorKind::ListLength };
                return Err(self.at(body, after, kind));
            };
            let Some(level) = above.get_mut(depth) else {
                return Err(self.at(body, after, DecodeErrorKind::Depth));
            };
            *level = Level { left, after };
            depth = depth.saturating_add(1);
            let behind_bytes = behind.len().saturating_add(after.len());
            after = self.tail(behind_bytes);
            let (pairs, count) = nested_count(list, self.dialect.list_prefix)
                .map_err(|_| self.at(list, after, DecodeErrorKind::ListLength))?;
            self.count(count, pairs, after)?;
            (rest, left) = (pairs, count);
        }
    }

    /// The last `bytes` bytes of the message.
    fn tail(&self, bytes: usize) -> &'a [u8] {
        self.whole.len().checked_sub(bytes).and_then(|at| self.whole.get(at..)).unwrap_or_default()
    }

    fn count(&mut self, count: usize, rest: &[u8], after: &[u8]) -> Result<(), DecodeError> {
        self.pairs_seen = self.pairs_seen.saturating_add(count);
        if self.pairs_seen > PAIRS_MAX {
            return Err(self.at(rest, after, DecodeErrorKind::Pairs(self.pairs_seen)));
        }
        Ok(())
    }

    #[inline]
    fn scalar(&self, code: u8, value: &[u8], body: &[u8], after: &[u8]) -> Result<(), DecodeError> {
        let strict = self.reading == Reading::Strict;
        let kind = match code {
            1 if value.len() != 4 => DecodeErrorKind::IntWidth(value.len()),
            0 if strict && (value.contains(&0) || self.dialect.charset.decode(value).is_none()) => {
                DecodeErrorKind::Charset(self.dialect.charset)
            }
            4 if strict && decode_utf16(value).is_none() => DecodeErrorKind::Unicode,
            5.. if strict => DecodeErrorKind::UnknownType(code),
            _ => return Ok(()),
        };
        Err(self.at(body, after, kind))
    }

    /// The error at the first byte of `rest`, a part of the list that `after` follows.
    #[cold]
    fn at(&self, rest: &[u8], after: &[u8], kind: DecodeErrorKind) -> DecodeError {
        let behind = rest.len().saturating_add(after.len());
        DecodeError { at: self.whole.len().saturating_sub(behind), kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::TkvList;

    fn error(hex: &[u8]) -> (usize, &'static str) {
        let error = ListView::parse(hex, &Dialect::default(), Reading::Strict).unwrap_err();
        (error.at, error.kind.name())
    }

    #[test]
    fn an_error_names_the_byte_where_it_was_seen() {
        assert_eq!(error(&[0]), (1, "truncated"));
        assert_eq!(error(&[0, 0, 0]), (2, "trailing"));
        assert_eq!(error(&[0, 1, 1, 0, 1, b'n', 0, 3, 0, 0, 5]), (6, "int_width"));
        assert_eq!(error(&[0, 1, 3, 0, 1, b'p', 0, 0, 0, 3, 0, 0, 0]), (12, "list_length"));
        assert_eq!(error(&[0, 1, 3, 0, 1, b'p', 0, 0, 0, 9, 0, 0]), (6, "truncated"));
        assert_eq!(error(&[0, 1, 0, 0, 1, b'k', 0, 1, 0xff]), (6, "charset"));
        assert_eq!(error(&[0, 1, 0, 0, 1, b'k', 0, 1, 0]), (6, "charset"));
        assert_eq!(error(&[0x10, 1]), (2, "pairs"));
        assert_eq!(error(&vec![0; LIST_BYTES_MAX + 1]), (0, "list_bytes"));
    }

    #[test]
    fn a_prefix_whose_two_lengths_differ_is_a_wrong_list_length() {
        let dialect = Dialect { list_prefix: ListPrefix::Len16Inner16, ..Dialect::default() };
        let mut bytes = TkvList::new().list("p", TkvList::new().int("n", 1)).encode(&dialect).unwrap();
        assert!(ListView::parse(&bytes, &dialect, Reading::Strict).is_ok());
        bytes[7] += 1;
        let error = ListView::parse(&bytes, &dialect, Reading::Strict).unwrap_err();
        assert_eq!((error.at, error.kind), (6, DecodeErrorKind::ListLength));
    }

    #[test]
    fn lists_in_each_other_are_read_in_place_and_in_order() {
        let inner = TkvList::new().int("a", 1).list("e", TkvList::new()).int("a", 2);
        let bytes = TkvList::new().list("p", inner).str("s", "x").encode(&Dialect::default()).unwrap();
        let list = ListView::parse(&bytes, &Dialect::default(), Reading::Strict).unwrap();
        let Some(ValueView::List(inner)) = list.first("p") else { panic!("a list") };
        let ints: Vec<i32> = inner
            .all("a")
            .map(|value| match value {
                ValueView::Int(number) => number,
                other => panic!("{}", other.kind()),
            })
            .collect();
        assert_eq!((ints, inner.len(), list.len()), (vec![1, 2], 3, 2));
        assert!(matches!(list.first("s"), Some(ValueView::Str(text)) if text.text().as_deref() == Some("x")));
    }
}
