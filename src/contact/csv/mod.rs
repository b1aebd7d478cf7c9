//! Bytes of a file to records (specification 4.5): csv-core under a framer of our own that keeps numbers, lines, bytes.

mod encoding;
mod framer;
mod header;

pub use encoding::{Charset, EncodingVerdict};
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

/// Finds out how a file is to be read. `sample` is its first 1 MiB (less only when `whole`); `encoding` is `auto` or a
/// label; `delimiter` `None` = found out.
///
/// # Errors
/// [`FileError`]
pub fn find_format(
    _sample: &[u8],
    _whole: bool,
    _encoding: &str,
    _delimiter: Option<char>,
) -> Result<Format, FileError> {
    todo!()
}

/// Bytes that [`find_format`] wants.
pub const SAMPLE_BYTES: usize = 1 << 20;
