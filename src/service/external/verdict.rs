//! Whether a file can be read: looked through from its first to its last byte, no record of it kept.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::contact::Code;
use crate::contact::Ragged;
use crate::contact::csv::{FileError, Format, Framer, Header, HeaderRules, Item, Limits, SAMPLE_BYTES, find_format};
use crate::contact::external::shape::{FileVerdict, LineError};

/// Lines that are named; a file that is none of CSV would have no end of them.
const ERRORS_MAX: usize = 100;
/// Bytes that are read at once.
const CHUNK: u64 = 256 << 10;

/// What is to be said about a file.
///
/// # Errors
/// It cannot be read from the disk.
pub(super) fn of_file(path: &Path) -> io::Result<FileVerdict> {
    look(&mut File::open(path)?)
}

fn look(file: &mut impl Read) -> io::Result<FileVerdict> {
    let mut bytes = Vec::new();
    let taken = file.by_ref().take(SAMPLE_BYTES as u64).read_to_end(&mut bytes)?;
    let whole = taken < SAMPLE_BYTES;
    let mut verdict = FileVerdict { separator_valid: true, file_encoding_valid: true, errors: Vec::new() };
    let format = match find_format(&bytes, whole, "utf-8", Some(',')) {
        Ok(format) => format,
        Err(error) => {
            verdict.file_encoding_valid = false;
            verdict.add(1, error.to_string());
            return Ok(verdict);
        }
    };
    verdict.separator_valid = commas(&bytes, whole, format);
    let mut framer = Framer::new(format, Limits::EXTERNAL);
    let mut has_header = false;
    loop {
        framer.push(&bytes);
        if bytes.is_empty() || whole {
            framer.finish();
        }
        if !has_header {
            let rules = HeaderRules { trim: true, ignore_case: true };
            match Header::take(&mut framer, rules, &Limits::EXTERNAL) {
                Ok(None) => {}
                Ok(Some(header)) => {
                    framer.expect(header.names.len(), Ragged::Error);
                    has_header = true;
                }
                Err(error) => {
                    let about_bytes = format!("header: {}", Code::BadEncoding);
                    let is_encoding =
                        matches!(&error, FileError::Header(_)) && error.to_string().starts_with(&about_bytes);
                    verdict.file_encoding_valid &= !is_encoding;
                    verdict.add(1, error.to_string());
                    return Ok(verdict);
                }
            }
        }
        if has_header && verdict.rows(&mut framer) {
            return Ok(verdict);
        }
        bytes.clear();
        file.by_ref().take(CHUNK).read_to_end(&mut bytes)?;
    }
}

/// Whether commas are between the cells: nothing else fits better.
fn commas(sample: &[u8], whole: bool, format: Format) -> bool {
    find_format(sample, whole, "utf-8", None).is_ok_and(|found| found.delimiter == format.delimiter)
}

impl FileVerdict {
    fn add(&mut self, line_number: u64, message: String) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(LineError { line_number, message });
        }
    }

    /// Looks at the rows that are there; true = it was the last, or enough is said.
    fn rows(&mut self, framer: &mut Framer) -> bool {
        loop {
            match framer.next() {
                Item::NeedBytes => return false,
                Item::End => return true,
                Item::Row(row) => {
                    let Err(remark) = row.cells else { continue };
                    self.file_encoding_valid &= remark.code != Code::BadEncoding;
                    self.add(row.line, format!("{}: {}", remark.code, remark.message));
                }
            }
            if self.errors.len() >= ERRORS_MAX && !self.file_encoding_valid {
                return true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &[u8]) -> (bool, bool, Vec<u64>) {
        let verdict = look(&mut &*text).unwrap();
        let lines = verdict.errors.iter().map(|error| error.line_number).collect();
        (verdict.separator_valid, verdict.file_encoding_valid, lines)
    }

    #[test]
    fn a_good_file_has_no_errors() {
        assert_eq!(of(b"a,b\n1,2\n3,\"x\ny\"\n"), (true, true, vec![]));
        assert_eq!(of("\u{feff}a\n1\n".as_bytes()), (true, true, vec![]));
    }

    #[test]
    fn each_line_that_cannot_be_read_is_named() {
        assert_eq!(of(b"a,b\n1\n2,3\n4,5,6\n"), (true, true, vec![2, 4]));
        assert_eq!(of(b"a,b\n1,\xff\n2,3\n"), (true, false, vec![2]));
        assert_eq!(of(b"a,b\n\"1,2\n3,4\n"), (true, true, vec![2]));
        assert_eq!(of(&b"a,b\n".iter().chain(&b"1\n".repeat(500)).copied().collect::<Vec<_>>()).2.len(), ERRORS_MAX);
    }

    #[test]
    fn other_separators_and_encodings_are_seen() {
        assert_eq!(of(b"a;b\n1;2\n3;4\n"), (false, true, vec![]));
        assert_eq!(of(b"\xff\xfea\0,\0b\0\n\0"), (true, false, vec![1]));
        assert_eq!(of(b"a,\xe9\n1,2\n"), (true, false, vec![1]));
    }

    #[test]
    fn a_header_that_is_none_is_told() {
        for text in [&b""[..], b"\n\n", b"a,,b\n", b"a,A\n"] {
            assert_eq!(of(text).2, [1], "{text:?}");
        }
    }

    #[test]
    fn a_character_across_two_reads_is_whole() {
        let mut text = b"a,b\n".to_vec();
        while text.len() < SAMPLE_BYTES + 3 * usize::try_from(CHUNK).unwrap() {
            text.extend_from_slice("é,x\n".as_bytes());
        }
        assert_eq!(of(&text), (true, true, vec![]));
    }
}
