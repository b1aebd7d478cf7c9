//! Which characters the bytes of a file are.

use encoding_rs::Encoding;

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
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Other(encoding) => encoding.name(),
        }
    }
}

/// What was found out about a file's characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodingVerdict {
    /// The characters.
    pub charset: Charset,
    /// Bytes of the mark.
    pub bom: usize,
    /// Nothing said so.
    pub guessed: bool,
}
