//! Cells that a spreadsheet would run, and CSV that we write (specification 5).

use std::borrow::Cow;

/// A cell as it is exported: one `'` in front of what a spreadsheet would run.
#[must_use]
pub fn mark(_cell: &str) -> Cow<'_, str> {
    todo!()
}

/// Takes exactly one mark away.
#[must_use]
pub fn unmark(_cell: &str) -> &str {
    todo!()
}

/// Writes one row of CSV with LF; `marked` = formulas are marked and quoted.
pub fn write_row<'a>(_out: &mut Vec<u8>, _cells: impl IntoIterator<Item = &'a str>, _marked: bool) {
    todo!()
}
