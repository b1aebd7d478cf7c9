//! The first record of a file: names of its columns.

use crate::contact::outcome::REJECT_COLUMNS;

use super::{FileError, Framer, Item, Limits};

/// Names of columns, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// As they stand in the file, trimmed where the rules say so.
    pub names: Vec<String>,
    /// Names are compared without regard to case.
    pub ignore_case: bool,
    /// Bytes of the header as the framer gave them, without line end: the reject file starts with them.
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
    /// Takes the header off a framer (`Ok(None)` = push more bytes). Then say [`Framer::expect`].
    ///
    /// # Errors
    /// [`FileError`]
    pub fn take(framer: &mut Framer, rules: HeaderRules, limits: &Limits) -> Result<Option<Self>, FileError> {
        let row = match framer.next() {
            Item::NeedBytes => return Ok(None),
            Item::End => return Err(FileError::MissingHeader),
            Item::Row(row) => row,
        };
        let cells = row.cells.map_err(|error| FileError::Header(format!("{}: {}", error.code, error.message)))?;
        if cells.len() > limits.columns {
            return Err(FileError::TooManyColumns { found: cells.len(), limit: limits.columns });
        }
        let trimmed = |name: &str| if rules.trim { name.trim().to_owned() } else { name.to_owned() };
        let names = cells.iter().map(trimmed).collect();
        Self::from_names(names, rules, row.raw.unwrap_or_default().to_vec()).map(Some)
    }

    /// Names that came another way.
    ///
    /// # Errors
    /// [`FileError::EmptyName`], [`FileError::RepeatedName`]
    pub fn from_names(names: Vec<String>, rules: HeaderRules, raw: Vec<u8>) -> Result<Self, FileError> {
        let mut seen = std::collections::BTreeSet::new();
        for (n, name) in names.iter().enumerate() {
            if name.is_empty() {
                return Err(FileError::EmptyName(n.saturating_add(1)));
            }
            // Of a reject file that was rejected again; neither is read.
            if !REJECT_COLUMNS.contains(&name.as_str())
                && !seen.insert(if rules.ignore_case { name.to_lowercase() } else { name.clone() })
            {
                return Err(FileError::RepeatedName(name.clone()));
            }
        }
        Ok(Self { names, ignore_case: rules.ignore_case, raw })
    }

    /// Where a column is.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|column| self.same(column, name))
    }

    /// Whether two names are of one column.
    #[must_use]
    pub fn same(&self, left: &str, right: &str) -> bool {
        left == right || (self.ignore_case && left.to_lowercase() == right.to_lowercase())
    }
}
