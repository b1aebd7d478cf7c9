//! Which characters the bytes of a file are, and UTF-16 as bytes that can be framed.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::FileError;

/// Characters of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// One of WHATWG's whose ASCII is ASCII.
    Other(&'static Encoding),
}

impl Charset {
    /// Its name by WHATWG: `UTF-8`, `UTF-16LE`, `windows-1252`, ...
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => UTF_8.name(),
            Self::Utf16Le => UTF_16LE.name(),
            Self::Utf16Be => UTF_16BE.name(),
            Self::Other(encoding) => encoding.name(),
        }
    }

    /// By its [`Charset::name`] or any label of WHATWG.
    ///
    /// # Errors
    /// [`FileError::UnknownEncoding`], [`FileError::RefusedEncoding`]
    pub fn from_label(label: &str) -> Result<Self, FileError> {
        let Some(encoding) = Encoding::for_label(label.as_bytes()) else {
            return Err(FileError::UnknownEncoding(label.to_owned()));
        };
        match encoding {
            found if found == UTF_8 => Ok(Self::Utf8),
            found if found == UTF_16LE => Ok(Self::Utf16Le),
            found if found == UTF_16BE => Ok(Self::Utf16Be),
            // Its bytes change their meaning with what came before: delimiters could not be told from letters.
            found if !found.is_ascii_compatible() => Err(FileError::RefusedEncoding(found.name())),
            found => Ok(Self::Other(found)),
        }
    }

    /// True when one character is two bytes or four.
    #[must_use]
    pub fn is_wide(self) -> bool {
        matches!(self, Self::Utf16Le | Self::Utf16Be)
    }
}

/// Finds the characters of a file whose first bytes are `sample`: what its mark says, else what the label says, else
/// UTF-8 when that is possible. Gives charset, bytes of the mark, and whether it is only a guess.
pub(super) fn find(sample: &[u8], whole: bool, label: &str) -> Result<(Charset, usize, bool), FileError> {
    let mark = Encoding::for_bom(sample);
    let marked = mark.and_then(|(encoding, bytes)| Some((Charset::from_label(encoding.name()).ok()?, bytes)));
    let auto = label.is_empty() || label.eq_ignore_ascii_case("auto");
    // Without a byte order in its name, the mark says it.
    let open = auto || (label.eq_ignore_ascii_case("utf-16") && marked.is_some_and(|(found, _)| found.is_wide()));
    if open && let Some((charset, bytes)) = marked {
        return Ok((charset, bytes, false));
    }
    if !auto {
        let wanted = Charset::from_label(label)?;
        return match marked {
            None => Ok((wanted, 0, false)),
            Some((found, bytes)) if found == wanted => Ok((wanted, bytes, false)),
            Some((found, _)) => Err(FileError::OtherMark { found: found.name(), wanted: wanted.name() }),
        };
    }
    match std::str::from_utf8(sample) {
        Ok(_) => Ok((Charset::Utf8, 0, false)),
        // A character that the end of the sample cuts.
        Err(error) if error.error_len().is_none() && !whole => Ok((Charset::Utf8, 0, false)),
        Err(_) => Ok((Charset::Other(WINDOWS_1252), 0, true)),
    }
}

/// Turns UTF-16 into the bytes of UTF-8. What is no character stays recognisable, so that the way back is exact: a lone
/// surrogate becomes its three bytes, a lone last byte [`LONE_BYTE`]; neither is valid UTF-8.
#[derive(Debug)]
pub(super) struct Widened {
    little: bool,
    byte: Option<u8>,
    high: Option<u16>,
    units: Vec<u16>,
}

/// Half a unit at the end of a file.
const LONE_BYTE: u8 = 0xFF;

impl Widened {
    pub(super) fn new(charset: Charset) -> Option<Self> {
        charset.is_wide().then(|| Self {
            little: charset == Charset::Utf16Le,
            byte: None,
            high: None,
            units: Vec::new(),
        })
    }

    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.units.clear();
        self.units.extend(self.high.take());
        let mut first = self.byte.take();
        for byte in bytes {
            match first.take() {
                None => first = Some(*byte),
                Some(first) if self.little => self.units.push(u16::from_le_bytes([first, *byte])),
                Some(first) => self.units.push(u16::from_be_bytes([first, *byte])),
            }
        }
        self.byte = first;
        if self.units.last().is_some_and(|unit| (0xD800..0xDC00).contains(unit)) {
            self.high = self.units.pop();
        }
        for found in char::decode_utf16(self.units.iter().copied()) {
            match found {
                Ok(found) => out.extend_from_slice(found.encode_utf8(&mut [0; 4]).as_bytes()),
                Err(error) => out.extend_from_slice(&lone_surrogate(error.unpaired_surrogate())),
            }
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(unit) = self.high.take() {
            out.extend_from_slice(&lone_surrogate(unit));
        }
        if self.byte.take().is_some() {
            out.push(LONE_BYTE);
        }
    }
}

/// The three bytes that UTF-8 would have for it.
fn lone_surrogate(unit: u16) -> [u8; 3] {
    let low_six = |bits: u16| 0x80 | u8::try_from(bits & 0x3F).unwrap_or(0);
    [0xED, low_six(unit >> 6), low_six(unit)]
}

/// How many bytes of UTF-16 these bytes were.
pub(super) fn wide_len(bytes: &[u8]) -> u64 {
    let each = bytes.iter().map(|byte| match *byte {
        LONE_BYTE => 1,
        0xF0..=0xFE => 4,
        0x80..=0xBF => 0,
        _ => 2,
    });
    each.sum()
}

/// The way back: bytes of a file that [`Widened`] made readable.
pub(super) fn narrow(mut bytes: &[u8], little: bool, out: &mut Vec<u8>) {
    let mut unit = |unit: u16| out.extend_from_slice(&if little { unit.to_le_bytes() } else { unit.to_be_bytes() });
    while !bytes.is_empty() {
        let valid = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                bytes.get(..error.valid_up_to()).and_then(|good| std::str::from_utf8(good).ok()).unwrap_or_default()
            }
        };
        valid.encode_utf16().for_each(&mut unit);
        bytes = bytes.get(valid.len()..).unwrap_or_default();
        match bytes {
            [0xED, first, second, rest @ ..] => {
                unit(0xD000 | (u16::from(*first) & 0x3F) << 6 | (u16::from(*second) & 0x3F));
                bytes = rest;
            }
            // Half a unit: what stood in it cannot be repaired.
            [_, rest @ ..] => bytes = rest,
            [] => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mark_decides_and_then_valid_utf_8_and_then_windows_1252() {
        let found = |bytes: &[u8], whole| find(bytes, whole, "auto").unwrap();
        assert_eq!(found(b"\xEF\xBB\xBFa", true), (Charset::Utf8, 3, false));
        assert_eq!(found(b"\xFF\xFEa\0", true), (Charset::Utf16Le, 2, false));
        assert_eq!(found(b"\xFE\xFF\0a", true), (Charset::Utf16Be, 2, false));
        assert_eq!(found("jiří".as_bytes(), true), (Charset::Utf8, 0, false));
        assert_eq!(found(b"M\xFCller", true), (Charset::Other(WINDOWS_1252), 0, true));
    }

    #[test]
    fn a_character_cut_at_the_end_of_the_sample_is_no_error_of_the_file() {
        assert_eq!(find(b"jir\xC5", false, "auto").unwrap().0, Charset::Utf8);
        assert_eq!(find(b"jir\xC5", true, "auto").unwrap(), (Charset::Other(WINDOWS_1252), 0, true));
    }

    #[test]
    fn labels_are_those_of_whatwg() {
        assert_eq!(find(b"a", true, "latin1").unwrap().0.name(), "windows-1252");
        assert_eq!(find(b"a", true, "Shift_JIS").unwrap().0.name(), "Shift_JIS");
        assert_eq!(find(b"a", true, "klingon"), Err(FileError::UnknownEncoding("klingon".to_owned())));
        assert_eq!(find(b"a", true, "iso-2022-jp"), Err(FileError::RefusedEncoding("ISO-2022-JP")));
    }

    #[test]
    fn a_mark_of_another_encoding_than_the_label_is_an_error() {
        let error = find(b"\xFF\xFEa\0", true, "utf-8").unwrap_err();
        assert_eq!(error.to_string(), "the file starts with a mark of UTF-16LE, expected UTF-8");
        assert_eq!(find(b"\xFE\xFF\0a", true, "utf-16").unwrap(), (Charset::Utf16Be, 2, false));
    }

    proptest! {
        #[test]
        fn any_utf_16_goes_there_and_back(units: Vec<u16>, cut in 0_usize..40, little: bool) {
            let charset = if little { Charset::Utf16Le } else { Charset::Utf16Be };
            let bytes: Vec<u8> = units.iter().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect();
            let (mut there, mut back) = (Vec::new(), Vec::new());
            let mut widened = Widened::new(charset).unwrap();
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            widened.push(first, &mut there);
            widened.push(second, &mut there);
            widened.finish(&mut there);
            narrow(&there, little, &mut back);
            prop_assert_eq!(wide_len(&there), bytes.len() as u64);
            prop_assert_eq!(back, bytes);
            let text = char::decode_utf16(units.iter().copied()).collect::<Result<String, _>>().ok();
            prop_assert_eq!(String::from_utf8(there).ok(), text);
        }
    }
}
