//! TKVList as an owned tree: an ordered multimap, for building and for keeping.

use std::borrow::Cow;

use bytes::BytesMut;

use crate::wire::{DecodeError, Dialect, EncodeError, ListView, ListWriter, Reading, Text, ValueView};

/// The key of a pair: bytes, compared exactly.
pub type Key = Cow<'static, [u8]>;

/// An ordered multimap: pairs keep their order, a key may occur more than once, a nested list may be empty.
///
/// ```
/// use commdn::wire::{Dialect, Reading, TkvList};
///
/// let list = TkvList::new().int("n", 5).list("p", TkvList::new().str("x", "hi"));
/// let bytes = list.encode(&Dialect::default()).unwrap();
/// assert_eq!(bytes.len(), 30);
/// assert_eq!(TkvList::decode(&bytes, &Dialect::default(), Reading::Strict), Ok(list));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TkvList {
    pairs: Vec<(Key, Value)>,
}

/// A value with its type code on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Code 0: text in the dialect's charset.
    Str(Text),
    /// Code 1: signed, 32 bit.
    Int(i32),
    /// Code 2: any bytes.
    Binary(Vec<u8>),
    /// Code 3: a list.
    List(TkvList),
    /// Code 4: text that travels as UTF-16.
    Unicode(String),
    /// Codes 5 to 255, and code 4 whose bytes are no UTF-16: kept as they came.
    Opaque {
        /// The type code.
        code: u8,
        /// The value bytes.
        bytes: Vec<u8>,
    },
}

impl Value {
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

impl TkvList {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pair at the end.
    pub fn push(&mut self, key: impl Into<Key>, value: Value) {
        self.pairs.push((key.into(), value));
    }

    /// The list with one more int.
    #[must_use]
    pub fn int(mut self, key: &'static str, value: i32) -> Self {
        self.push(key.as_bytes(), Value::Int(value));
        self
    }

    /// The list with one more string.
    #[must_use]
    pub fn str(mut self, key: &'static str, value: impl Into<Text>) -> Self {
        self.push(key.as_bytes(), Value::Str(value.into()));
        self
    }

    /// The list with one more nested list.
    #[must_use]
    pub fn list(mut self, key: &'static str, value: TkvList) -> Self {
        self.push(key.as_bytes(), Value::List(value));
        self
    }

    /// The first value under a key.
    #[must_use]
    pub fn first(&self, key: &str) -> Option<&Value> {
        self.pairs.iter().find(|(name, _)| **name == *key.as_bytes()).map(|(_, value)| value)
    }

    /// Every value under a key, in order.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Value> {
        self.pairs.iter().filter(move |(name, _)| **name == *key.as_bytes()).map(|(_, value)| value)
    }

    /// The pairs in order.
    #[must_use]
    pub fn pairs(&self) -> &[(Key, Value)] {
        &self.pairs
    }

    /// The pairs in order, for editing.
    pub fn pairs_mut(&mut self) -> &mut Vec<(Key, Value)> {
        &mut self.pairs
    }

    /// How many pairs stand at the top.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// True without pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Reads a packed list into a tree.
    ///
    /// # Errors
    /// [`DecodeError`] names what does not fit and the byte where it was seen.
    pub fn decode(bytes: &[u8], dialect: &Dialect, reading: Reading) -> Result<Self, DecodeError> {
        ListView::parse(bytes, dialect, reading).map(|view| Self::from(&view))
    }

    /// Packs the tree, up to the protocol's ceiling of one list.
    ///
    /// # Errors
    /// [`EncodeError`] names the limit or the text that does not fit.
    pub fn encode(&self, dialect: &Dialect) -> Result<BytesMut, EncodeError> {
        let mut out = BytesMut::new();
        self.encode_into(&mut out, dialect)?;
        Ok(out)
    }

    /// Packs the tree at the end of a reused buffer; on an error the buffer is as it was.
    ///
    /// # Errors
    /// As [`TkvList::encode`].
    pub fn encode_into(&self, out: &mut BytesMut, dialect: &Dialect) -> Result<(), EncodeError> {
        ListWriter::write(out, dialect, |writer| self.write(writer))
    }

    /// Hands the pairs to a writer.
    pub fn write(&self, writer: &mut ListWriter<'_>) {
        for (key, value) in &self.pairs {
            writer.value(key, value);
        }
    }
}

impl From<&ListView<'_>> for TkvList {
    fn from(view: &ListView<'_>) -> Self {
        let pairs = view.iter().map(|(key, value)| (Cow::Owned(key.to_vec()), Value::from(&value))).collect();
        Self { pairs }
    }
}

impl From<&ValueView<'_>> for Value {
    fn from(view: &ValueView<'_>) -> Self {
        match view {
            ValueView::Str(text) => Self::Str(text.to_text()),
            ValueView::Int(number) => Self::Int(*number),
            ValueView::Binary(bytes) => Self::Binary(bytes.to_vec()),
            ValueView::List(list) => Self::List(TkvList::from(list)),
            ValueView::Unicode(bytes) => match decode_utf16(bytes) {
                Some(text) => Self::Unicode(text),
                None => Self::Opaque { code: 4, bytes: bytes.to_vec() },
            },
            ValueView::Opaque { code, bytes } => Self::Opaque { code: *code, bytes: bytes.to_vec() },
        }
    }
}

/// UTF-16, big-endian, without a mark; `None` for an odd length or a lone surrogate.
pub(crate) fn decode_utf16(bytes: &[u8]) -> Option<String> {
    let (units, odd) = bytes.as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    char::decode_utf16(units.iter().map(|unit| u16::from_be_bytes(*unit))).collect::<Result<_, _>>().ok()
}
