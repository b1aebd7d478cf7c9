//! Hash chains: every row of evidence carries the SHA-256 of the row before it and of itself.
//!
//! ```text
//! hash(n) = SHA-256( hash(n-1) | field(chain name) | field(n) | field(column 1) | field(column 2) ... )
//! field   = kind, length of the value as u32 big-endian, the value
//! kind    = 0 null (length 0) | 1 integer (8 bytes, big-endian) | 2 text (UTF-8) | 3 bytes
//! ```
//!
//! hash(0) is 32 zero bytes. Columns come in the order of [`Chain::columns`]. A length in front of each value keeps two
//! rows from having the same bytes. What was removed by age leaves an anchor (the last removed row and its hash), and a
//! row of the chain that says the same, so that nobody can move the anchor alone.

use std::fmt;

use sha2::{Digest, Sha256};

/// Which chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    /// Evidence of do-not-call entries.
    Dnc,
    /// Who did what.
    Audit,
}

impl Chain {
    /// Every chain.
    pub const ALL: [Self; 2] = [Self::Dnc, Self::Audit];

    /// Its name in files and JSON.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Dnc => "dnc",
            Self::Audit => "audit",
        }
    }

    /// Reads what [`Chain::slug`] writes.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|chain| chain.slug() == slug)
    }

    /// The table.
    #[must_use]
    pub fn table(self) -> &'static str {
        match self {
            Self::Dnc => "dnc_evidence",
            Self::Audit => "audit",
        }
    }

    /// The columns that are hashed, in this order.
    #[must_use]
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Dnc => &[
                "at",
                "event",
                "request",
                "who",
                "channel",
                "phone",
                "customer",
                "raw",
                "normalised",
                "scope",
                "note",
                "message",
                "tenant",
                "campaign",
                "list",
                "expires_at",
                "expected",
                "ocs",
                "latency",
                "code",
            ],
            Self::Audit => &["at", "action", "request", "subject", "client", "object", "outcome", "detail"],
        }
    }

    /// The column and the word of rows that say what was removed by age, and the column that says it.
    pub(crate) fn purge_words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Dnc => ("event", "purged", "note"),
            Self::Audit => ("action", "purged", "detail"),
        }
    }
}

/// A hash of a row.
pub type Hash = [u8; 32];

/// The last row of a chain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which chain.
    pub chain: Chain,
    /// Number of the last row; rows are numbered from 1 without a gap.
    pub count: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Head {
    /// Of a chain without rows.
    #[must_use]
    pub fn empty(chain: Chain) -> Self {
        Self { chain, count: 0, hash: [0; 32] }
    }

    /// Reads one line that `Display` wrote.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let chain = Chain::from_slug(words.next()?)?;
        let count = words.next()?.parse().ok()?;
        let hash = unhex(words.next()?)?;
        words.next().is_none().then_some(Self { chain, count, hash })
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.chain.slug(), self.count, hex(&self.hash))
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({self})")
    }
}

/// What a walk along a chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which chain.
    pub chain: Chain,
    /// Rows that were read.
    pub rows: u64,
    /// The last removed by age; 0 = none.
    pub purged_to: u64,
    /// What the rows add up to.
    pub head: Head,
    /// Whether there was a head to compare with.
    pub compared: bool,
    /// The first thing that is wrong.
    pub fault: Option<Fault>,
}

impl Report {
    /// Nothing is wrong.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.fault.is_none()
    }
}

/// What is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Number of the row.
    pub row: u64,
    /// What is wrong with it.
    pub kind: FaultKind,
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It does not have the hash that it carries: it, or its order, was changed.
    Changed,
    /// It is not there, and later ones are.
    Missing,
    /// It and all after it are not there, and a head says that they were.
    CutOff,
    /// It is whole, and another than the one a head names: the chain was written anew from some row on.
    Rewritten,
    /// What says how far rows were removed by age is not what the chain says.
    Anchor,
    /// The entry it is about is not in the list, or is not as it says.
    Entry,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, kind } = self;
        match kind {
            FaultKind::Changed => write!(f, "row {row} was changed, or stands in another place than it was written"),
            FaultKind::Missing => write!(f, "row {row} is missing"),
            FaultKind::CutOff => write!(f, "row {row} and what came after it are cut off"),
            FaultKind::Rewritten => write!(f, "row {row} is not the one that the head names: the chain was rewritten"),
            FaultKind::Anchor => write!(f, "row {row}: what was removed before it is not what the chain says"),
            FaultKind::Entry => write!(f, "row {row}: its entry is not in the do-not-call list"),
        }
    }
}

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    Null,
    Int(i64),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
}

/// Adds one row up.
pub(crate) struct RowHash(Sha256);

impl RowHash {
    pub(crate) fn new(previous: &Hash, chain: Chain, row: u64) -> Self {
        let mut hash = Self(Sha256::new());
        hash.0.update(previous);
        hash.field(Field::Text(chain.slug().as_bytes()));
        hash.field(Field::Int(row.cast_signed()));
        hash
    }

    pub(crate) fn field(&mut self, field: Field<'_>) {
        let number;
        let (kind, bytes): (u8, &[u8]) = match field {
            Field::Null => (0, &[]),
            Field::Int(value) => {
                number = value.to_be_bytes();
                (1, &number)
            }
            Field::Text(bytes) => (2, bytes),
            Field::Bytes(bytes) => (3, bytes),
        };
        // No value of a row is longer: SQLite's own limit is below it.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.update([kind]);
        self.0.update(length.to_be_bytes());
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Hash {
        self.0.finalize().into()
    }
}

/// A hash for people and files.
#[must_use]
pub fn hex(hash: &Hash) -> String {
    use fmt::Write as _;
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
        text
    })
}

/// Reads what [`hex`] writes.
#[must_use]
pub fn unhex(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(fields: &[Field<'_>]) -> Hash {
        let mut row = RowHash::new(&[0; 32], Chain::Dnc, 1);
        for field in fields {
            row.field(*field);
        }
        row.finish()
    }

    #[test]
    fn the_canonical_form_is_what_is_written_above() {
        let mut bytes = vec![0; 32];
        bytes.extend([2, 0, 0, 0, 3, b'd', b'n', b'c']);
        bytes.extend([1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]);
        bytes.extend([2, 0, 0, 0, 2, b'a', b'b', 0, 0, 0, 0, 0]);
        let expected: Hash = Sha256::digest(&bytes).into();
        assert_eq!(hashed(&[Field::Text(b"ab"), Field::Null]), expected);
    }

    #[test]
    fn neighbours_cannot_lend_each_other_bytes() {
        assert_ne!(hashed(&[Field::Text(b"ab"), Field::Text(b"c")]), hashed(&[Field::Text(b"a"), Field::Text(b"bc")]));
        assert_ne!(hashed(&[Field::Text(b"a")]), hashed(&[Field::Bytes(b"a")]));
        assert_ne!(hashed(&[Field::Null]), hashed(&[Field::Text(b"")]));
    }

    #[test]
    fn heads_are_read_back() {
        let head = Head { chain: Chain::Audit, count: 17, hash: [0xa5; 32] };
        assert_eq!(Head::parse(&head.to_string()), Some(head));
        assert_eq!(Head::parse("audit 17 zz"), None);
        assert_eq!(Head::parse("other 17 00"), None);
    }
}
