//! From cells to drafts: compiled once from header, profile and list, then filled row by row.

use super::csv::{Cells, Header};
use super::phone::PhoneLibrary;
use super::{CallingList, Draft, ImportProfile, Remark};

/// A header or profile that cannot be used: exit 2, status 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// A column that the profile names is not in the header.
    #[error("{role} column {column:?} is not in the header")]
    Missing {
        /// id, callable, phone, ...
        role: &'static str,
        /// Its name.
        column: String,
    },
    /// The list has no such column.
    #[error("column {0:?} is not in the list")]
    NotInList(String),
    /// Two headers go to one attribute.
    #[error("columns {0:?} and {1:?} both go to attribute {2:?}")]
    Twice(String, String, String),
    /// Keys need a column that is not there.
    #[error("match key {0} has no column")]
    NoKey(String),
    /// Nothing has this code.
    #[error("country {0:?} is unknown, expected a code of ISO 3166")]
    Country(String),
}

/// How cells become fields of a draft.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Columns of the file that are not read, for one warning `ignored-column` each.
    pub ignored: Vec<String>,
    /// Columns of the list that the file lacks.
    pub absent: Vec<String>,
}

impl Mapping {
    /// Compiles.
    ///
    /// # Errors
    /// [`MappingError`]
    pub fn new(_header: &Header, _profile: &ImportProfile, _list: Option<&CallingList>) -> Result<Self, MappingError> {
        todo!()
    }

    /// A draft with all names filled in, to be used for every row.
    #[must_use]
    pub fn draft(&self) -> Draft {
        todo!()
    }

    /// Fills a draft that [`Mapping::draft`] made with the cells of a row. All checks of a row are done here; what
    /// they found is in `remarks`.
    pub fn fill(&self, _draft: &mut Draft, _record: u64, _line: u64, _cells: &Cells<'_>, _phones: &dyn PhoneLibrary) {
        todo!()
    }

    /// Warnings that hold for the whole file.
    #[must_use]
    pub fn warnings(&self) -> Vec<Remark> {
        todo!()
    }
}
