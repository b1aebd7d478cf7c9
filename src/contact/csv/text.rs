//! Bytes of cells to text, and where each cell lies in it.

use super::encoding::Charset;

/// Where the cells of a record lie.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// From, to; no more than `keep`.
    pub(super) list: Vec<(usize, usize)>,
    /// Cells that are kept.
    pub(super) keep: usize,
    /// All cells.
    pub(super) count: usize,
    /// A cell that is not kept has a text.
    pub(super) surplus_filled: bool,
    /// Bytes of text, and cells, that csv-core wrote.
    pub(super) text: usize,
    pub(super) ends: usize,
}

impl Spans {
    fn clear(&mut self) {
        self.list.clear();
        (self.count, self.surplus_filled) = (0, false);
    }

    fn add(&mut self, from: usize, to: usize) {
        if self.count < self.keep {
            self.list.push((from, to));
        } else {
            self.surplus_filled |= to > from;
        }
        self.count = self.count.saturating_add(1);
    }

    /// Splits a record without quotes. Gives whether it holds a NUL.
    ///
    /// Cells are short, so that a search for each delimiter would begin more often than it runs: eight bytes are looked
    /// at together.
    pub(super) fn at_delimiters(&mut self, delimiter: u8, bytes: &[u8]) -> bool {
        self.clear();
        let pattern = u64::from_le_bytes([delimiter; 8]);
        let (words, rest) = bytes.as_chunks::<8>();
        let (mut from, mut base, mut nul) = (0, 0_usize, false);
        for word in words {
            let word = u64::from_le_bytes(*word);
            nul |= zero_bytes(word) != 0;
            let mut hits = zero_bytes(word ^ pattern);
            while hits != 0 {
                let at = base.saturating_add(usize::try_from(hits.trailing_zeros() / 8).unwrap_or(0));
                self.add(from, at);
                from = at.saturating_add(1);
                hits &= hits.wrapping_sub(1);
            }
            base = base.saturating_add(8);
        }
        for (n, byte) in rest.iter().enumerate() {
            nul |= *byte == 0;
            if *byte == delimiter {
                let at = base.saturating_add(n);
                self.add(from, at);
                from = at.saturating_add(1);
            }
        }
        self.add(from, bytes.len());
        nul
    }

    pub(super) fn at_ends(&mut self, ends: &[usize]) {
        self.clear();
        let mut from = 0;
        for end in ends {
            self.add(from, *end);
            from = *end;
        }
    }

    pub(super) fn longer_than(&self, limit: usize) -> Option<usize> {
        self.list.iter().position(|(from, to)| to.saturating_sub(*from) > limit)
    }
}

/// The highest bit of each byte that is zero, and no other bit.
fn zero_bytes(word: u64) -> u64 {
    const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    !((word & LOW).wrapping_add(LOW) | word | LOW)
}

/// A record: its bytes, and those of its cells, which are the same when it has no quotes.
pub(super) struct Text<'a> {
    pub(super) raw: &'a [u8],
    pub(super) cells: &'a [u8],
}

impl<'a> Text<'a> {
    /// The text of the cells; the spans are moved where characters have other lengths. Else the place in `raw` of the
    /// first byte that is no character.
    pub(super) fn decode(self, charset: Charset, spans: &mut Spans, decoded: &'a mut String) -> Result<&'a str, usize> {
        let Charset::Other(encoding) = charset else {
            // The cells alone would not do: halves of a character may meet where a quote was between them.
            let text = std::str::from_utf8(self.raw).map_err(|error| error.valid_up_to())?;
            if std::ptr::eq(self.raw, self.cells) {
                return Ok(text);
            }
            return std::str::from_utf8(self.cells).map_err(|error| error.valid_up_to());
        };
        if self.raw.is_ascii() {
            return std::str::from_utf8(self.cells).map_err(|error| error.valid_up_to());
        }
        decoded.clear();
        if encoding.decode_without_bom_handling_and_without_replacement(self.raw).is_none() {
            return Err(first_malformed(encoding, self.raw));
        }
        for (from, to) in &mut spans.list {
            let cell = self.cells.get(*from..*to).unwrap_or_default();
            let text = encoding.decode_without_bom_handling_and_without_replacement(cell).ok_or(0_usize)?;
            *from = decoded.len();
            decoded.push_str(&text);
            *to = decoded.len();
        }
        Ok(decoded)
    }
}

/// Where the first bytes are that are no character.
fn first_malformed(encoding: &'static encoding_rs::Encoding, raw: &[u8]) -> usize {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut out = String::with_capacity(decoder.max_utf8_buffer_length_without_replacement(raw.len()).unwrap_or(0));
    let (result, read) = decoder.decode_to_string_without_replacement(raw, &mut out, true);
    match result {
        encoding_rs::DecoderResult::Malformed(bytes, behind) => {
            read.saturating_sub(usize::from(bytes)).saturating_sub(usize::from(behind))
        }
        encoding_rs::DecoderResult::InputEmpty | encoding_rs::DecoderResult::OutputFull => read,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn eight_bytes_at_once_are_split_as_each_alone(bytes in proptest::collection::vec(prop_oneof![Just(b','), Just(0), Just(b'a'), any::<u8>()], 0..40)) {
            let mut spans = Spans { keep: usize::MAX, ..Spans::default() };
            prop_assert_eq!(spans.at_delimiters(b',', &bytes), bytes.contains(&0));
            let cells: Vec<_> = spans.list.iter().map(|(from, to)| &bytes[*from..*to]).collect();
            prop_assert_eq!(cells, bytes.split(|byte| *byte == b',').collect::<Vec<_>>());
        }
    }
}
