//! Packing a list into a reused buffer: the one place where list bytes are made.

use bytes::BytesMut;

use crate::wire::{
    Charset, Dialect, Text, Value,
    dialect::{IntOrder, ListPrefix},
    limits::{DEPTH_MAX, KEY_BYTES_MAX, LIST_BYTES_MAX, PAIRS_MAX, VALUE_BYTES_MAX},
    text::escape_bytes,
};

/// Why a list cannot be packed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A key longer than its length field can say.
    #[error("key_bytes: a key of {0} bytes, limit is {KEY_BYTES_MAX}")]
    KeyBytes(usize),
    /// A value longer than its length field can say.
    #[error("value_bytes: '{key}' has {bytes} bytes, limit is {VALUE_BYTES_MAX}")]
    ValueBytes {
        /// The key of the value.
        key: String,
        /// Its length.
        bytes: usize,
    },
    /// More bytes than one list may have.
    #[error("list_bytes: a list of {bytes} bytes, limit is {limit}")]
    ListBytes {
        /// The length it would have.
        bytes: usize,
        /// The ceiling, or the setting `list_bytes_max`.
        limit: usize,
    },
    /// Too many lists in each other.
    #[error("depth: '{0}' would be list {depth} in each other, limit is {DEPTH_MAX}", depth = DEPTH_MAX + 1)]
    Depth(String),
    /// Too many pairs.
    #[error("pairs: more than {PAIRS_MAX} pairs")]
    Pairs,
    /// A character that the dialect's charset lacks.
    #[error("charset: '{key}' has a character that {charset} lacks")]
    Charset {
        /// The key of the text.
        key: String,
        /// The charset of the dialect.
        charset: Charset,
    },
}

/// Packs pairs behind each other. The first error sticks, later pairs are skipped, the buffer is given back as it was.
#[derive(Debug)]
pub struct ListWriter<'b> {
    /// Behind `end` it holds zeros: room is made for many pairs at once, and each then only fills its own.
    out: &'b mut BytesMut,
    end: usize,
    dialect: Dialect,
    count: usize,
    depth: usize,
    /// Pairs that may still come; none behind an error.
    pairs_left: usize,
    error: Option<EncodeError>,
}

/// Bytes of room that are made at least, and at most before a list has shown that it needs more.
const ROOM_BYTES: (usize, usize) = (256, 2_048);

impl<'b> ListWriter<'b> {
    /// Packs one top-level list at the end of `out`.
    ///
    /// # Errors
    /// The first [`EncodeError`]; `out` is then unchanged.
    pub fn write(
        out: &'b mut BytesMut,
        dialect: &Dialect,
        fill: impl FnOnce(&mut ListWriter<'_>),
    ) -> Result<(), EncodeError> {
        let start = out.len();
        let (least, most) = ROOM_BYTES;
        let room = out.capacity().saturating_sub(start).clamp(least, most);
        out.resize(start.saturating_add(room), 0);
        let end = start.saturating_add(2);
        let mut writer =
            ListWriter { out, end, dialect: *dialect, count: 0, depth: 1, pairs_left: PAIRS_MAX, error: None };
        fill(&mut writer);
        let (end, count, error) = (writer.end, writer.count, writer.error.take());
        let bytes = end.saturating_sub(start);
        let result = match (error, u16::try_from(count)) {
            (Some(error), _) => Err(error),
            (None, Err(_)) => Err(EncodeError::Pairs),
            (None, Ok(_)) if bytes > LIST_BYTES_MAX => Err(EncodeError::ListBytes { bytes, limit: LIST_BYTES_MAX }),
            (None, Ok(count)) => {
                patch(out, start, &count.to_be_bytes());
                Ok(())
            }
        };
        out.truncate(if result.is_ok() { end } else { start });
        result
    }

    /// Adds an int. Inlined, so that a key that is known beforehand is a few stores.
    #[inline(always)]
    pub fn int(&mut self, key: &[u8], value: i32) {
        let [v0, v1, v2, v3] = match self.dialect.int_order {
            IntOrder::Big => value.to_be_bytes(),
            IntOrder::Little => value.to_le_bytes(),
        };
        if let Some(place) = self.pair(1, key, 6).and_then(|place| place.first_chunk_mut::<6>()) {
            *place = [0, 4, v0, v1, v2, v3];
        }
    }

    /// Adds a string.
    pub fn text(&mut self, key: &[u8], value: &Text) {
        let charset = self.dialect.charset;
        match value.to_bytes(charset) {
            Some(bytes) => self.scalar(0, key, &bytes),
            None => self.fail(EncodeError::Charset { key: escape_bytes(key), charset }),
        }
    }

    /// Adds a nested list.
    pub fn list(&mut self, key: &[u8], fill: impl FnOnce(&mut Self)) {
        if self.depth >= DEPTH_MAX {
            return self.fail(EncodeError::Depth(escape_bytes(key)));
        }
        // 4 bytes of prefix and 2 of count, in three spellings
        if self.pair(3, key, 6).is_none() {
            return;
        }
        let start = self.end.saturating_sub(6);
        let count_above = std::mem::take(&mut self.count);
        self.depth = self.depth.saturating_add(1);
        fill(self);
        self.depth = self.depth.saturating_sub(1);
        let count = std::mem::replace(&mut self.count, count_above);
        if self.error.is_some() {
            return;
        }
        let n = self.end.saturating_sub(start).saturating_sub(4);
        match nested_head(self.dialect.list_prefix, n, count) {
            Some(head) => patch(self.out, start, &head),
            None => self.fail(EncodeError::ListBytes { bytes: n, limit: LIST_BYTES_MAX }),
        }
    }

    /// Adds any value of a tree.
    pub fn value(&mut self, key: &[u8], value: &Value) {
        match value {
            Value::Str(text) => self.text(key, text),
            Value::Int(number) => self.int(key, *number),
            Value::Binary(bytes) => self.scalar(2, key, bytes),
            Value::List(list) => self.list(key, |writer| list.write(writer)),
            Value::Unicode(text) => {
                let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
                self.scalar(4, key, &bytes);
            }
            Value::Opaque { code, bytes } => self.scalar(*code, key, bytes),
        }
    }

    fn scalar(&mut self, code: u8, key: &[u8], bytes: &[u8]) {
        let Ok(length) = u16::try_from(bytes.len()) else {
            return self.fail(EncodeError::ValueBytes { key: escape_bytes(key), bytes: bytes.len() });
        };
        let place = self.pair(code, key, bytes.len().saturating_add(2));
        if let Some((length_place, place)) = place.and_then(|place| place.split_first_chunk_mut::<2>()) {
            *length_place = length.to_be_bytes();
            place.copy_from_slice(bytes);
        }
    }

    /// Writes code and key of a pair and gives the `more` bytes behind them; `None` when there is an error.
    #[inline(always)]
    fn pair(&mut self, code: u8, key: &[u8], more: usize) -> Option<&mut [u8]> {
        let Ok(length) = u16::try_from(key.len()) else {
            self.fail(EncodeError::KeyBytes(key.len()));
            return None;
        };
        let Some(pairs_left) = self.pairs_left.checked_sub(1) else {
            self.fail(EncodeError::Pairs);
            return None;
        };
        self.pairs_left = pairs_left;
        self.count = self.count.saturating_add(1);
        let start = self.end;
        self.end = start.saturating_add(3).saturating_add(key.len()).saturating_add(more);
        if self.end > self.out.len() {
            self.make_room();
        }
        let [l0, l1] = length.to_be_bytes();
        let (head, rest) = self.out.get_mut(start..self.end)?.split_first_chunk_mut::<3>()?;
        *head = [code, l0, l1];
        let (key_place, rest) = rest.split_at_mut_checked(key.len())?;
        key_place.copy_from_slice(key);
        Some(rest)
    }

    #[cold]
    fn make_room(&mut self) {
        self.out.resize(self.end.saturating_mul(2), 0);
    }

    #[cold]
    fn fail(&mut self, error: EncodeError) {
        self.error.get_or_insert(error);
        self.pairs_left = 0;
    }
}

/// Prefix and count of a nested list of `n` bytes, its u16 count included; `None` when they do not fit.
fn nested_head(prefix: ListPrefix, n: usize, count: usize) -> Option<[u8; 6]> {
    let (n, count) = (u16::try_from(n).ok()?, u16::try_from(count).ok()?);
    let ([n0, n1], [c0, c1]) = (n.to_be_bytes(), count.to_be_bytes());
    let [o0, o1] = n.checked_add(2)?.to_be_bytes();
    Some(match prefix {
        ListPrefix::Len32 => [0, 0, n0, n1, c0, c1],
        ListPrefix::Len16Inner16 => [o0, o1, n0, n1, c0, c1],
        ListPrefix::Len16Count32 => [o0, o1, 0, 0, c0, c1],
    })
}

fn patch(out: &mut BytesMut, at: usize, bytes: &[u8]) {
    if let Some(place) = at.checked_add(bytes.len()).and_then(|end| out.get_mut(at..end)) {
        place.copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::TkvList;

    fn pack(fill: impl FnOnce(&mut ListWriter<'_>)) -> Result<usize, EncodeError> {
        let mut out = BytesMut::from(&b"before"[..]);
        let result = ListWriter::write(&mut out, &Dialect::default(), fill);
        let bytes = out.len() - 6;
        assert!(out.starts_with(b"before"));
        assert!(result.is_ok() || bytes == 0, "a failed list leaves the buffer as it was");
        result.map(|()| bytes)
    }

    fn deep(lists: usize) -> TkvList {
        (1..lists).fold(TkvList::new(), |inner, _| TkvList::new().list("k", inner))
    }

    #[test]
    fn every_limit_holds_up_to_its_last_value() {
        assert_eq!(pack(|list| list.value(b"", &Value::Binary(vec![0; LIST_BYTES_MAX - 7]))), Ok(LIST_BYTES_MAX));
        assert_eq!(pack(|list| (0..PAIRS_MAX).for_each(|_| list.int(b"", 0))), Ok(2 + 9 * PAIRS_MAX));
        assert_eq!(pack(|list| deep(DEPTH_MAX).write(list)), Ok(2 + 15 * 10));
    }

    #[test]
    fn beyond_a_limit_nothing_is_packed() {
        let limit = LIST_BYTES_MAX;
        let beyond = pack(|list| list.value(b"", &Value::Binary(vec![0; LIST_BYTES_MAX - 6])));
        assert_eq!(beyond, Err(EncodeError::ListBytes { bytes: LIST_BYTES_MAX + 1, limit }));
        assert_eq!(pack(|list| (0..=PAIRS_MAX).for_each(|_| list.int(b"", 0))), Err(EncodeError::Pairs));
        assert_eq!(pack(|list| deep(DEPTH_MAX + 1).write(list)), Err(EncodeError::Depth("k".into())));
        assert_eq!(pack(|list| list.int(&[0; KEY_BYTES_MAX + 1], 0)), Err(EncodeError::KeyBytes(KEY_BYTES_MAX + 1)));
        let value = pack(|list| list.value(b"k", &Value::Binary(vec![0; VALUE_BYTES_MAX + 1])));
        assert_eq!(value, Err(EncodeError::ValueBytes { key: "k".into(), bytes: VALUE_BYTES_MAX + 1 }));
        let nested = pack(|list| list.list(b"p", |list| list.value(b"", &Value::Binary(vec![0; VALUE_BYTES_MAX]))));
        assert_eq!(nested, Err(EncodeError::ListBytes { bytes: VALUE_BYTES_MAX + 7, limit }));
    }

    #[test]
    fn the_first_error_is_the_one_reported() {
        let dialect = Dialect { charset: Charset::Iso8859_1, ..Dialect::default() };
        let list = TkvList::new().list("p", TkvList::new().str("euro", "\u{20ac}")).str("other", "\u{20ac}");
        let error = list.encode(&dialect).unwrap_err();
        assert_eq!(error.to_string(), "charset: 'euro' has a character that iso-8859-1 lacks");
    }
}
