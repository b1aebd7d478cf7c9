//! CSV that we write, and cells that a spreadsheet would run (specification 5).

use std::borrow::Cow;

/// A cell as it is exported: one `'` in front of what a spreadsheet would run, and of what already looks so marked.
#[must_use]
pub fn mark(cell: &str) -> Cow<'_, str> {
    if runs(cell.trim_start_matches('\'')) { format!("'{cell}").into() } else { cell.into() }
}

/// The way back: takes exactly one mark away.
#[must_use]
pub fn unmark(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if runs(rest.trim_start_matches('\'')) => rest,
        _ => cell,
    }
}

/// Whether a spreadsheet may take a cell for a formula. Phones and numbers with a sign are none.
fn runs(cell: &str) -> bool {
    match cell.as_bytes() {
        [b'=' | b'@' | b'\t' | b'\r', ..] => true,
        [b'+' | b'-', rest @ ..] => {
            !rest.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'(' | b')' | b'.' | b'-'))
        }
        _ => false,
    }
}

/// Writes one row of CSV with comma and LF; `marked` = formulas are marked, and such cells quoted.
pub fn write_row<'a>(out: &mut Vec<u8>, cells: impl IntoIterator<Item = &'a str>, marked: bool) {
    let begin = out.len();
    for (n, cell) in cells.into_iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        match mark(cell) {
            Cow::Owned(cell) if marked => write_quoted(out, &cell),
            _ => write_cell(out, cell, b','),
        }
    }
    // One empty cell would be a blank line, which is no record.
    if out.len() == begin {
        out.extend_from_slice(b"\"\"");
    }
    out.push(b'\n');
}

/// Writes one cell, quoted when it must be.
pub(super) fn write_cell(out: &mut Vec<u8>, cell: &str, delimiter: u8) {
    let special = |byte: u8| byte == delimiter || matches!(byte, b'"' | b'\r' | b'\n');
    if cell.bytes().any(special) {
        write_quoted(out, cell);
    } else {
        out.extend_from_slice(cell.as_bytes());
    }
}

fn write_quoted(out: &mut Vec<u8>, cell: &str) {
    out.push(b'"');
    for (n, part) in cell.split('"').enumerate() {
        if n > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(part.as_bytes());
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contact::csv::{Framer, Item, Limits, find_format};

    fn row(cells: &[&str], marked: bool) -> String {
        let mut out = Vec::new();
        write_row(&mut out, cells.iter().copied(), marked);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_a_spreadsheet_would_run_is_marked_and_quoted() {
        // Example N4.
        assert_eq!(row(&["=1+1", "-x", "+420777888777"], true), "\"'=1+1\",\"'-x\",+420777888777\n");
        assert_eq!(row(&["=1+1", "a,b", "c\"d"], false), "=1+1,\"a,b\",\"c\"\"d\"\n");
        for (cell, marked) in [
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("@x", "'@x"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            ("'=x", "''=x"),
            ("''=x", "'''=x"),
            ("'x", "'x"),
            ("-5 (0).2-3", "-5 (0).2-3"),
            ("", ""),
        ] {
            assert_eq!((&*mark(cell), unmark(marked)), (marked, cell));
        }
    }

    #[test]
    fn one_empty_cell_is_no_blank_line() {
        assert_eq!(row(&[""], true), "\"\"\n");
    }

    proptest! {
        #[test]
        fn a_marked_cell_comes_back(cell in "['=@+\\-\t\r0-9 a]{0,6}") {
            let marked = mark(&cell);
            prop_assert_eq!(unmark(&marked), &cell);
            prop_assert!(!runs(&marked));
        }

        #[test]
        fn what_is_written_is_read_back(cells in proptest::collection::vec("[a-c,;\"'=+\r\n\té ]{0,6}", 2..5)) {
            let texts: Vec<_> = cells.iter().map(String::as_str).collect();
            let bytes = row(&texts, true).into_bytes();
            let mut framer = Framer::new(find_format(&bytes, true, "auto", Some(',')).unwrap(), Limits::NATIVE);
            framer.push(&bytes);
            framer.finish();
            let Item::Row(read) = framer.next() else { panic!("no row") };
            let read: Vec<_> = read.cells.unwrap().iter().map(|cell| unmark(cell).to_owned()).collect();
            prop_assert_eq!(read, cells);
        }
    }
}
