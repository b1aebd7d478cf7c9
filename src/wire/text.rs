//! Text of string values: Unicode where the bytes allow it, the raw bytes where they do not.

use std::{borrow::Cow, cmp::Ordering, fmt};

use encoding_rs::{EUC_KR, Encoding, GBK, SHIFT_JIS, UTF_8, WINDOWS_1251, WINDOWS_1252};

/// Charset of the strings of one dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// Unicode, 8 bit.
    #[default]
    Utf8,
    /// Latin 1: every byte is the code point of the same number.
    Iso8859_1,
    /// Western Windows.
    Windows1252,
    /// Cyrillic Windows.
    Windows1251,
    /// Japanese.
    ShiftJis,
    /// Korean.
    EucKr,
    /// Simplified Chinese.
    Gbk,
}

impl Charset {
    /// `None` for Latin 1, which the web's tables (and so `encoding_rs`) replace by windows-1252.
    fn table(self) -> Option<&'static Encoding> {
        match self {
            Self::Utf8 => Some(UTF_8),
            Self::Iso8859_1 => None,
            Self::Windows1252 => Some(WINDOWS_1252),
            Self::Windows1251 => Some(WINDOWS_1251),
            Self::ShiftJis => Some(SHIFT_JIS),
            Self::EucKr => Some(EUC_KR),
            Self::Gbk => Some(GBK),
        }
    }

    /// The bytes as text, if they are valid; every charset here reads ASCII as itself.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        if self == Self::Utf8 || bytes.is_ascii() {
            return std::str::from_utf8(bytes).ok().map(Cow::Borrowed);
        }
        match self.table() {
            Some(table) => table.decode_without_bom_handling_and_without_replacement(bytes),
            None => Some(encoding_rs::mem::decode_latin1(bytes)),
        }
    }

    /// The text as bytes, if the charset has all its characters.
    #[must_use]
    pub fn encode(self, text: &str) -> Option<Cow<'_, [u8]>> {
        if self == Self::Utf8 || text.is_ascii() {
            return Some(Cow::Borrowed(text.as_bytes()));
        }
        let Some(table) = self.table() else {
            return encoding_rs::mem::is_str_latin1(text).then(|| encoding_rs::mem::encode_latin1_lossy(text));
        };
        let (bytes, _, replaced) = table.encode(text);
        (!replaced).then_some(bytes)
    }
}

/// Most bytes of a text that stands in its value itself: phones, names and DBIDs do.
const SHORT_BYTES: usize = 22;

/// A string value. Bytes that are no text in the dialect's charset are kept, so that they survive a round trip.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text(Form);

/// What fits is always short, so that equal texts have equal forms.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    /// Unicode; the bytes behind it are 0.
    Short {
        len: u8,
        bytes: [u8; SHORT_BYTES],
    },
    Unicode(Box<str>),
    Raw(Box<[u8]>),
}

impl Text {
    /// Reads bytes of a dialect. A spelling that would not encode back to the same bytes stays raw.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], charset: Charset) -> Self {
        if bytes.is_ascii()
            && let Some(short) = Form::short(bytes)
        {
            return Self(short);
        }
        match charset.decode(bytes) {
            Some(text) if charset.encode(&text).as_deref() == Some(bytes) => Self::from(&*text),
            Some(_) | None => Self(Form::Raw(bytes.into())),
        }
    }

    /// The bytes that travel; `None` when the charset lacks a character.
    #[must_use]
    pub fn to_bytes(&self, charset: Charset) -> Option<Cow<'_, [u8]>> {
        match self.as_str() {
            Some(text) => charset.encode(text),
            None => Some(Cow::Borrowed(self.kept())),
        }
    }

    /// The bytes as they are kept here: UTF-8, or raw.
    fn kept(&self) -> &[u8] {
        match &self.0 {
            Form::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or(bytes),
            Form::Unicode(text) => text.as_bytes(),
            Form::Raw(bytes) => bytes,
        }
    }

    /// The text, `None` for raw bytes.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Form::Short { .. } => std::str::from_utf8(self.kept()).ok(),
            Form::Unicode(text) => Some(text),
            Form::Raw(_) => None,
        }
    }

    /// The text for people: raw bytes beyond ASCII as `\xNN`.
    #[must_use]
    pub fn display(&self) -> Cow<'_, str> {
        self.as_str().map_or_else(|| Cow::Owned(escape_bytes(self.kept())), Cow::Borrowed)
    }

    /// True when there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept().is_empty()
    }

    /// Equal but for ASCII case, as the vendor's own words are read.
    #[must_use]
    pub fn eq_ignore_ascii_case(&self, other: &str) -> bool {
        self.as_str().is_some_and(|text| text.eq_ignore_ascii_case(other))
    }
}

/// Bytes for people: ASCII as it is, the rest as `\xNN`.
#[must_use]
pub fn escape_bytes(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b' '..=b'~' => shown.push(char::from(*byte)),
            other => shown.push_str(&format!("\\x{other:02x}")),
        }
    }
    shown
}

impl Form {
    fn short(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; SHORT_BYTES];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self::Short { len: u8::try_from(text.len()).ok()?, bytes })
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Form::short(text.as_bytes()).unwrap_or_else(|| Form::Unicode(text.into())))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Form::short(text.as_bytes()).unwrap_or_else(|| Form::Unicode(text.into())))
    }
}

/// Unicode before raw bytes, each by its bytes.
impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |text: &Self| matches!(text.0, Form::Raw(_));
        rank(self).cmp(&rank(other)).then_with(|| self.kept().cmp(other.kept()))
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_tested_charsets_read_and_write() {
        let cases: [(Charset, &[u8], &str); 4] = [
            (Charset::Utf8, &[0x5a, 0x6f, 0xc3, 0xab], "Zoë"),
            (Charset::Iso8859_1, &[0x5a, 0x6f, 0xeb, 0x80], "Zoë\u{80}"),
            (Charset::Windows1252, &[0x5a, 0x6f, 0xeb, 0x80], "Zoë€"),
            (Charset::Windows1251, &[0xcf, 0xf0], "Пр"),
        ];
        for (charset, bytes, shown) in cases {
            let text = Text::from_bytes(bytes, charset);
            assert_eq!(text.as_str(), Some(shown), "{charset}");
            assert_eq!(text.to_bytes(charset).as_deref(), Some(bytes), "{charset}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_survive_and_are_shown_escaped() {
        let text = Text::from_bytes(&[b'a', 0xff], Charset::Utf8);
        assert_eq!(text.as_str(), None);
        assert_eq!(text.to_string(), "a\\xff");
        assert_eq!(text.to_bytes(Charset::Utf8).as_deref(), Some(&[b'a', 0xff][..]));
    }

    #[test]
    fn a_character_the_charset_lacks_is_not_replaced() {
        assert_eq!(Text::from("€").to_bytes(Charset::Iso8859_1), None);
        assert_eq!(Text::from("Ж").to_bytes(Charset::Windows1252), None);
    }

    #[test]
    fn short_and_long_texts_are_one_order_and_as_long_as_they_were() {
        let spelled = |length: usize| "a".repeat(length);
        for length in [0, 1, SHORT_BYTES - 1, SHORT_BYTES, SHORT_BYTES + 1, 70_000] {
            let text = Text::from(spelled(length));
            assert_eq!(text.as_str(), Some(&*spelled(length)));
            assert_eq!(text, Text::from_bytes(spelled(length).as_bytes(), Charset::Iso8859_1));
            assert!(text < Text::from(spelled(length + 1)) && text < Text::from_bytes(&[0xff], Charset::Utf8));
        }
        assert!(Text::from(spelled(SHORT_BYTES + 1)) < Text::from("b"));
        assert_eq!(size_of::<Text>(), 24);
    }
}
