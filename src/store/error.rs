//! What a store cannot do, where, and what helps.

use std::fmt;

/// Why a store refuses, and what to do about it. No error names a phone or a customer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}{}{}", if self.remedy.is_empty() { "" } else { "; " }, self.remedy)]
pub struct StoreError {
    /// What a caller can act on.
    pub kind: StoreErrorKind,
    /// What was found and what was wanted, with the file or table.
    pub what: String,
    /// What helps; empty when nothing but the caller's own correction does.
    pub remedy: &'static str,
}

/// What a caller can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreErrorKind {
    /// Another process has the store.
    InUse,
    /// No room left on the disk, or in the file.
    Full,
    /// The disk does not read or write.
    Io,
    /// There is no such store.
    Missing,
    /// The file is no store, or not a whole one.
    Damaged,
    /// Written by a newer version of this program.
    Newer,
    /// The store was closed.
    Closed,
    /// A rule of the tables forbids these writes; others are not affected.
    Refused,
    /// The subject has used this idempotency key before.
    KeyUsed,
    /// Whoever writes has lost the lease that the write needs.
    Fenced,
    /// A mistake of this program.
    Internal,
}

impl StoreErrorKind {
    /// The short name.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::InUse => "in_use",
            Self::Full => "full",
            Self::Io => "io",
            Self::Missing => "missing",
            Self::Damaged => "damaged",
            Self::Newer => "newer",
            Self::Closed => "closed",
            Self::Refused => "refused",
            Self::KeyUsed => "key_used",
            Self::Fenced => "fenced",
            Self::Internal => "internal",
        }
    }

    /// True for what these writes alone have brought about: the store itself is well.
    #[must_use]
    pub fn is_of_the_writes(self) -> bool {
        matches!(self, Self::Refused | Self::KeyUsed | Self::Fenced)
    }
}

impl StoreError {
    /// With the remedy that belongs to the kind.
    #[must_use]
    pub fn new(kind: StoreErrorKind, what: impl fmt::Display) -> Self {
        let remedy = match kind {
            StoreErrorKind::InUse => "stop that process, or ask it over HTTP instead of with --data",
            StoreErrorKind::Full => "make room on the disk; the store goes on by itself",
            StoreErrorKind::Io => "look at the disk and the rights of the folder, then start again",
            StoreErrorKind::Damaged => "see `commdn store check`, and put a backup back with `commdn store restore`",
            StoreErrorKind::Newer => "use that version, or a backup from before its first start",
            StoreErrorKind::Missing
            | StoreErrorKind::Closed
            | StoreErrorKind::Refused
            | StoreErrorKind::KeyUsed
            | StoreErrorKind::Fenced
            | StoreErrorKind::Internal => "",
        };
        Self { kind, what: what.to_string(), remedy }
    }
}
