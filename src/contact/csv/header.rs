//! The first record of a file.

use super::{FileError, Framer, Limits};

/// Names of columns, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// As they stand in the file, trimmed where the rules say so.
    pub names: Vec<String>,
    /// Names are compared without regard to case.
    pub ignore_case: bool,
    /// Bytes of the header, without its line end: the reject file starts with them.
    pub raw: Vec<u8>,
}

/// How a header is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderRules {
    /// Blanks at both ends of a name go; not in C.
    pub trim: bool,
    /// B's new flow.
    pub ignore_case: bool,
}

impl Header {
    /// Takes the header off a framer that was given bytes up to its end (`Ok(None)` = push more), and tells the framer how many
    /// cells a record has.
    ///
    /// # Errors
    /// [`FileError`]
    pub fn take(_framer: &mut Framer, _rules: HeaderRules, _limits: &Limits) -> Result<Option<Self>, FileError> {
        todo!()
    }

    /// Where a column is.
    #[must_use]
    pub fn find(&self, _name: &str) -> Option<usize> {
        todo!()
    }
}
