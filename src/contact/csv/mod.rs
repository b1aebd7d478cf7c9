//! Bytes of a file to records (specification 4.5): csv-core under a framer of our own that keeps numbers, lines, bytes.

mod encoding;
mod framer;
mod header;
mod text;

pub use encoding::Charset;
pub use framer::{Cells, Cursor, Framer, Item, Row};
pub use header::{Header, HeaderRules};

/// Sizes above which a file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one cell.
    pub field: usize,
    /// Bytes of one record.
    pub record: usize,
    /// Columns of the header.
    pub columns: usize,
    /// Bytes of a file.
    pub file: u64,
}

impl Limits {
    /// 64 KiB, 1 MiB, 1,024 columns, 4 GiB.
    pub const NATIVE: Self = Self { field: 64 << 10, record: 1 << 20, columns: 1024, file: 4 << 30 };
    /// A: 50 columns, uploads of 1 GiB.
    pub const GENESYS_CLOUD: Self = Self { columns: 50, file: 1 << 30, ..Self::NATIVE };
    /// B: 50 MB.
    pub const EXTERNAL: Self = Self { file: 50_000_000, ..Self::NATIVE };
    /// B's old flow: 10 MB.
    pub const CLASSIC: Self = Self { file: 10_000_000, ..Self::NATIVE };
}

impl Default for Limits {
    fn default() -> Self {
        Self::NATIVE
    }
}

/// How the bytes of a file are to be read: found out once, then kept with the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Its characters.
    pub charset: Charset,
    /// Bytes of the mark at its start.
    pub bom: usize,
    /// Nothing said which characters: windows-1252 was taken.
    pub guessed: bool,
    /// Between cells.
    pub delimiter: u8,
}

/// A file that cannot be read at all: exit 2, status 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// No byte, or blank lines only.
    #[error("missing header")]
    MissingHeader,
    /// A name of no encoding that can be read.
    #[error("encoding {0:?} is not known")]
    UnknownEncoding(String),
    /// Known, and not read.
    #[error("encoding {0} is not read, convert the file to UTF-8")]
    RefusedEncoding(&'static str),
    /// A mark at the start speaks against the encoding that was named.
    #[error("the file starts with a mark of {found}, expected {wanted}")]
    OtherMark {
        /// By the mark.
        found: &'static str,
        /// By the profile.
        wanted: &'static str,
    },
    /// No such delimiter.
    #[error("delimiter {0:?} cannot be used, expected one ASCII character that is no quote, line end or NUL")]
    Delimiter(char),
    /// The header cannot be read.
    #[error("header: {0}")]
    Header(String),
    /// A header without a name.
    #[error("column {0} of the header has no name")]
    EmptyName(usize),
    /// A name that is there twice.
    #[error("column {0:?} is in the header twice")]
    RepeatedName(String),
    /// More columns than the limit.
    #[error("the header has {found} columns, limit is {limit}")]
    TooManyColumns {
        /// In the header.
        found: usize,
        /// In [`Limits`].
        limit: usize,
    },
}

/// Bytes that [`find_format`] wants.
pub const SAMPLE_BYTES: usize = 1 << 20;

/// Bytes as the framer gives them, back in the characters of their file. Text of ours may come this way too; letters that
/// the file's characters lack become numeric references.
pub(super) fn to_charset(charset: Charset, bytes: &[u8], out: &mut Vec<u8>) {
    match charset {
        Charset::Utf8 => out.extend_from_slice(bytes),
        Charset::Utf16Le => encoding::narrow(bytes, true, out),
        Charset::Utf16Be => encoding::narrow(bytes, false, out),
        Charset::Other(encoding) => {
            out.extend_from_slice(&encoding.encode(std::str::from_utf8(bytes).unwrap_or_default()).0);
        }
    }
}

/// Records behind the header that decide about the delimiter.
const DELIMITER_RECORDS: usize = 10;

/// Finds out how a file is to be read. `sample` is its first [`SAMPLE_BYTES`] (less only when `whole`); `encoding` is
/// `auto` or a label; `delimiter` `None` = found out.
///
/// # Errors
/// [`FileError`]
pub fn find_format(sample: &[u8], whole: bool, encoding: &str, delimiter: Option<char>) -> Result<Format, FileError> {
    let (charset, bom, guessed) = encoding::find(sample, whole, encoding)?;
    let format = Format { charset, bom, guessed, delimiter: b',' };
    match delimiter {
        Some(given) => Ok(Format { delimiter: usable_delimiter(given, charset)?, ..format }),
        None => Ok(Format { delimiter: find_delimiter(sample, whole, format), ..format }),
    }
}

fn usable_delimiter(given: char, charset: Charset) -> Result<u8, FileError> {
    let wrong = || FileError::Delimiter(given);
    let byte = u8::try_from(given).ok().filter(u8::is_ascii).ok_or_else(wrong)?;
    // The second byte of a letter may look like one of these.
    let is_half = matches!(charset, Charset::Other(encoding) if !encoding.is_single_byte()) && byte >= 0x30;
    if matches!(byte, b'"' | b'\r' | b'\n' | 0) || is_half { Err(wrong()) } else { Ok(byte) }
}

/// The one that gives header and first records the same number of cells above 1; several: comma. When there is none,
/// the one that does so for more than half of the records, since some of them may be short.
fn find_delimiter(sample: &[u8], whole: bool, format: Format) -> u8 {
    let fits = [b',', b';', b'\t', b'|'].map(|delimiter| {
        let mut framer = Framer::new(Format { delimiter, ..format }, Limits::NATIVE);
        framer.push(sample);
        if whole {
            framer.finish();
        }
        let mut counts = Vec::new();
        while counts.len() <= DELIMITER_RECORDS
            && let Item::Row(row) = framer.next()
        {
            // What cannot be read says nothing about delimiters.
            counts.extend(row.cells.ok().map(|cells| cells.len()));
        }
        let header = counts.first().copied().filter(|columns| *columns > 1);
        let equal = counts.iter().skip(1).filter(|count| Some(**count) == header).count();
        let records = counts.len().saturating_sub(1);
        (delimiter, header.is_some() && equal == records, header.is_some() && equal > records.saturating_sub(equal))
    });
    let only = |fits: &mut dyn Iterator<Item = u8>| fits.next().filter(|_| fits.next().is_none());
    let all = || fits.iter().filter(|fit| fit.1).map(|fit| fit.0);
    let most = || fits.iter().filter(|fit| fit.2).map(|fit| fit.0);
    let found = if all().next().is_some() { only(&mut all()) } else { only(&mut most()) };
    found.unwrap_or(b',')
}

#[cfg(test)]
mod tests;
