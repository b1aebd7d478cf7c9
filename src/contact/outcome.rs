//! The outcome file and the reject file (specification 4.4), as bytes.

use super::csv::{Charset, Format, Header, to_charset};
use super::formula::{write_cell, write_row};
use super::{RecordReport, Remark, Severity};

/// Columns that a reject file has behind those of its source. Import does not read them.
pub const REJECT_COLUMNS: [&str; 2] = ["reject_code", "reject_message"];

/// Columns of an outcome file.
const OUTCOME_COLUMNS: [&str; 8] = ["record", "line", "key", "outcome", "contact_id", "code", "column", "message"];

/// Rows of the outcome file: UTF-8, LF, comma, formulas marked.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutcomeWriter;

impl OutcomeWriter {
    /// The header with its line end.
    pub fn header(&self, out: &mut Vec<u8>) {
        write_row(out, OUTCOME_COLUMNS, false);
    }

    /// One record. The first error gives code and column, else the first warning; all others stand in the message.
    pub fn row(&self, out: &mut Vec<u8>, report: &RecordReport) {
        let error = report.remarks.iter().position(|remark| remark.severity == Severity::Error).unwrap_or(0);
        let first = report.remarks.get(error);
        let mut message = first.map(|remark| remark.message.clone()).unwrap_or_default();
        for (_, remark) in report.remarks.iter().enumerate().filter(|(n, _)| *n != error) {
            message.push_str("; ");
            message.push_str(remark.code.word());
            message.push_str(if remark.column.is_empty() { "" } else { " " });
            message.push_str(&remark.column);
            message.push_str(": ");
            message.push_str(&remark.message);
        }
        let (record, line) = (report.record.to_string(), report.line.to_string());
        let cells = [
            record.as_str(),
            &line,
            &report.key,
            report.outcome.word(),
            &report.contact_id,
            first.map_or("", |remark| remark.code.word()),
            first.map_or("", |remark| &remark.column),
            &message,
        ];
        write_row(out, cells, true);
    }
}

/// Rows of the reject file: the bytes that came, and two fields more, in the source's characters and delimiter.
#[derive(Clone, Debug)]
pub struct RejectWriter {
    format: Format,
    columns: usize,
    added: Vec<u8>,
}

impl RejectWriter {
    /// For a source of this form and header.
    #[must_use]
    pub fn new(format: Format, header: &Header) -> Self {
        Self { format, columns: header.names.len(), added: Vec::new() }
    }

    /// The source's mark and header, and the two columns.
    pub fn header(&mut self, out: &mut Vec<u8>, header: &Header) {
        if self.format.bom > 0 {
            to_charset(self.format.charset, "\u{feff}".as_bytes(), out);
        }
        self.source_bytes(out, &header.raw);
        let [code, message] = REJECT_COLUMNS;
        self.add(out, code, message);
    }

    /// One record that failed; `raw` as the framer gave it.
    pub fn row(&mut self, out: &mut Vec<u8>, line: u64, raw: Option<&[u8]>, error: &Remark) {
        let column = if error.column.is_empty() { String::new() } else { format!("{}: ", error.column) };
        match raw {
            Some(raw) => {
                self.source_bytes(out, raw);
                self.add(out, error.code.word(), &format!("{column}{}", error.message));
            }
            None => {
                let empty = vec![self.format.delimiter; self.columns.saturating_sub(1)];
                self.source_bytes(out, &empty);
                self.add(out, error.code.word(), &format!("{column}{}, not copied, line {line}", error.message));
            }
        }
    }

    fn source_bytes(&self, out: &mut Vec<u8>, raw: &[u8]) {
        match self.format.charset.is_wide() {
            true => to_charset(self.format.charset, raw, out),
            false => out.extend_from_slice(raw),
        }
    }

    fn add(&mut self, out: &mut Vec<u8>, code: &str, message: &str) {
        self.added.clear();
        self.added.push(self.format.delimiter);
        write_cell(&mut self.added, code, self.format.delimiter);
        self.added.push(self.format.delimiter);
        write_cell(&mut self.added, message, self.format.delimiter);
        self.added.push(b'\n');
        match self.format.charset {
            Charset::Utf8 => out.extend_from_slice(&self.added),
            _ => to_charset(self.format.charset, &self.added, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::csv::{Framer, HeaderRules, Item, Limits, find_format};
    use crate::contact::{Code, Outcome, Ragged};

    const RULES: HeaderRules = HeaderRules { trim: true, ignore_case: false };

    /// Rejects all records of a file that cannot be read, and says how many.
    fn reject(bytes: &[u8], limits: Limits) -> (Vec<u8>, usize) {
        let format = find_format(bytes, true, "auto", None).unwrap();
        let mut framer = Framer::new(format, limits);
        framer.push(bytes);
        framer.finish();
        let header = Header::take(&mut framer, RULES, &limits).unwrap().unwrap();
        framer.expect(header.names.len(), Ragged::Error);
        let mut writer = RejectWriter::new(format, &header);
        let (mut out, mut rows) = (Vec::new(), 0);
        writer.header(&mut out, &header);
        while let Item::Row(row) = framer.next() {
            if let Err(error) = row.cells {
                writer.row(&mut out, row.line, row.raw, &error);
                rows += 1;
            }
        }
        (out, rows)
    }

    #[test]
    fn a_row_has_one_code_and_all_messages() {
        let report = RecordReport {
            record: 3,
            line: 5,
            key: "=42".to_owned(),
            outcome: Outcome::Failed,
            contact_id: String::new(),
            remarks: vec![
                Remark::warning(Code::NoPhone, "", "no phone"),
                Remark::error(Code::BadEmail, "mail", "no @, \"name@host\" wanted"),
                Remark::error(Code::TooLong, "city", "101 characters, limit is 100"),
            ],
        };
        let mut out = Vec::new();
        OutcomeWriter.header(&mut out);
        OutcomeWriter.row(&mut out, &report);
        let wanted = "record,line,key,outcome,contact_id,code,column,message\n3,5,\"'=42\",failed,,bad-email,mail,\
            \"no @, \"\"name@host\"\" wanted; no-phone: no phone; too-long city: 101 characters, limit is 100\"\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }

    #[test]
    fn original_bytes_are_kept_with_their_delimiter_and_mark() {
        let (out, _) =
            reject("\u{feff}id;name;city\r\n1;a;b\r\n2;\"x\r\ny\"\r\n3;ok;ok\r\n".as_bytes(), Limits::NATIVE);
        let wanted = "\u{feff}id;name;city;reject_code;reject_message\n2;\"x\r\ny\";ragged;found 2 cells, wanted 3\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }

    #[test]
    fn a_record_above_the_limit_leaves_its_line() {
        let limits = Limits { record: 10, ..Limits::NATIVE };
        let (out, _) = reject(b"a,b\n1,xxxxxxxxxxxx\n", limits);
        let text = String::from_utf8(out).unwrap();
        assert!(text.ends_with("\n,,record-too-long,\"more than 10 bytes, line 2, not copied, line 2\"\n"), "{text}");
    }

    #[test]
    fn utf_16_stays_utf_16() {
        let mut bytes = vec![0xFF, 0xFE];
        bytes.extend("a,b\n1\n2,Jiří\n".encode_utf16().flat_map(u16::to_le_bytes));
        let (out, rows) = reject(&bytes, Limits::NATIVE);
        let units: Vec<_> = out.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let wanted = "\u{feff}a,b,reject_code,reject_message\n1,ragged,\"found 1 cells, wanted 2\"\n";
        assert_eq!((String::from_utf16(&units).unwrap(), rows), (wanted.to_owned(), 1));
    }

    #[test]
    fn a_reject_file_may_be_rejected_again() {
        let (first, _) = reject(b"a,b\n1\n", Limits::NATIVE);
        let (second, rows) = reject(&first, Limits::NATIVE);
        assert_eq!(rows, 1, "still one cell short: {}", String::from_utf8_lossy(&second));
    }
}
