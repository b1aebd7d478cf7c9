//! What a file looks like, before anything is done with it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::contact::csv::{self, Item};
use crate::contact::external::{classic_profile, with_equal_names};
use crate::contact::{CallingList, ImportProfile, Mapping, SourceKind};
use crate::service::import::ImportService;
use crate::service::import::error::{Answer, ImportError};
use crate::service::import::source::{self, Source};

/// The first rows of a file, and what was found out about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Its characters, by WHATWG.
    pub encoding: String,
    /// Nothing said so.
    pub guessed: bool,
    /// Between cells.
    pub delimiter: char,
    /// Names of its columns.
    pub header: Vec<String>,
    /// Cells as text; a row that cannot be read is an empty one.
    pub rows: Vec<Vec<String>>,
    /// Of each column, by those rows.
    pub types: Vec<ColumnType>,
    /// Columns of the file that are not read.
    pub ignored: Vec<String>,
    /// Columns of the list that the file lacks.
    pub absent: Vec<String>,
    /// Why profile or list do not fit; nothing else is affected.
    pub mismatch: Option<String>,
    /// Bytes of the file.
    pub size: u64,
}

/// What the cells of a column look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// No cell has a value.
    Empty,
    /// Digits, perhaps with a sign.
    Integer,
    /// A number with a decimal point.
    Number,
    /// A phone with `+`.
    Phone,
    /// A mail address.
    Email,
    /// A day.
    Date,
    /// Anything else.
    Text,
}

impl ColumnType {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Date => "date",
            Self::Text => "text",
        }
    }

    fn of_cell(cell: &str) -> Self {
        let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell);
        let is_phone = cell.starts_with('+') && digits.bytes().filter(u8::is_ascii_digit).count() >= 7;
        let mut date = cell.splitn(3, '-').map(|part| part.bytes().take_while(u8::is_ascii_digit).count());
        match cell {
            _ if cell.trim().is_empty() => Self::Empty,
            _ if is_phone && digits.chars().all(|c| c.is_ascii_digit() || " ().-".contains(c)) => Self::Phone,
            _ if digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.len() < 19 => Self::Integer,
            _ if digits.parse::<f64>().is_ok_and(f64::is_finite)
                && digits.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                Self::Number
            }
            _ if cell.contains('@') && !cell.contains(' ') => Self::Email,
            _ if (date.next(), date.next(), date.next()) == (Some(4), Some(2), Some(2)) => Self::Date,
            _ => Self::Text,
        }
    }

    fn with(self, cell: &str) -> Self {
        match (self, Self::of_cell(cell)) {
            (same, Self::Empty) => same,
            (Self::Empty, other) => other,
            (Self::Integer, Self::Number) | (Self::Number, Self::Integer) => Self::Number,
            (same, other) if same == other => same,
            _ => Self::Text,
        }
    }
}

impl ImportService {
    /// The first rows of a file.
    ///
    /// # Errors
    /// It cannot be read as CSV.
    pub async fn preview(
        &self,
        file: PathBuf,
        profile: ImportProfile,
        list: Option<CallingList>,
        rows: usize,
    ) -> Answer<Preview> {
        let work = move || preview(&file, &profile, list.as_ref(), rows);
        tokio::task::spawn_blocking(work).await.map_err(|error| ImportError::Io(error.to_string()))?
    }

    /// A profile whose mapping hangs on the header: those of B, where nobody has said where columns go.
    pub(super) async fn fitted(&self, file: PathBuf, profile: ImportProfile) -> Answer<ImportProfile> {
        let hangs = matches!(profile.source, SourceKind::Classic | SourceKind::External);
        if !hangs || profile.only_mapped || !profile.mapping.is_empty() {
            return Ok(profile);
        }
        let work = move || {
            let (_, _, _, header, _, _) = source::open(&file, &profile)?;
            if profile.source == SourceKind::External {
                return Ok(with_equal_names(profile, &header.names));
            }
            let fit = classic_profile(&header.names, &profile.external_source);
            let fit = fit.map_err(|error| ImportError::Settings(error.to_string()))?;
            Ok(ImportProfile { mapping: fit.mapping, only_mapped: true, ..profile })
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| ImportError::Io(error.to_string()))?
    }

    /// Whether a file can be read and fits.
    pub(super) async fn inspect(&self, file: PathBuf, profile: ImportProfile, list: Option<CallingList>) -> Answer<()> {
        let phones = Arc::clone(&self.inner.settings.phones);
        let work = move || Source::open(&file, &profile, list.as_ref(), phones).map(|_| ());
        tokio::task::spawn_blocking(work).await.map_err(|error| ImportError::Io(error.to_string()))?
    }
}

fn preview(
    file: &std::path::Path,
    profile: &ImportProfile,
    list: Option<&CallingList>,
    most: usize,
) -> Answer<Preview> {
    use std::io::Read as _;
    let (mut file, size, format, header, mut framer, _) = source::open(file, profile)?;
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut types = vec![ColumnType::Empty; header.names.len()];
    let mut bytes = Vec::new();
    while rows.len() < most {
        match framer.next() {
            Item::End => break,
            Item::Row(row) => {
                let cells: Vec<String> =
                    row.cells.map(|cells| cells.iter().map(str::to_owned).collect()).unwrap_or_default();
                for (kind, cell) in types.iter_mut().zip(&cells) {
                    *kind = kind.with(cell);
                }
                rows.push(cells);
            }
            Item::NeedBytes => {
                bytes.clear();
                let read = file.by_ref().take(csv::SAMPLE_BYTES as u64).read_to_end(&mut bytes);
                if read.map_err(|error| ImportError::Io(error.to_string()))? == 0 {
                    framer.finish();
                }
                framer.push(&bytes);
            }
        }
    }
    let mapping = Mapping::new(&header, profile, list);
    let (ignored, absent, mismatch) = match mapping {
        Ok(mapping) => (mapping.ignored, mapping.absent, None),
        Err(error) => (Vec::new(), Vec::new(), Some(error.to_string())),
    };
    Ok(Preview {
        encoding: format.charset.name().to_owned(),
        guessed: format.guessed,
        delimiter: char::from(format.delimiter),
        header: header.names,
        rows,
        types,
        ignored,
        absent,
        mismatch,
        size,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_what_all_their_cells_are() {
        let of = |cells: &[&str]| cells.iter().fold(ColumnType::Empty, |kind, cell| kind.with(cell));
        assert_eq!(of(&["1", "", "-20"]), ColumnType::Integer);
        assert_eq!(of(&["1", "2.5"]), ColumnType::Number);
        assert_eq!(of(&["+420777888777", "+49 (30) 1234-5678"]), ColumnType::Phone);
        assert_eq!(of(&["a@b.org"]), ColumnType::Email);
        assert_eq!(of(&["2026-01-31", "2026-02-01T10:00:00"]), ColumnType::Date);
        assert_eq!(of(&["1", "one"]), ColumnType::Text);
        assert_eq!(of(&["", " "]), ColumnType::Empty);
    }
}
