//! The outcome file and the reject file (specification 4.4), as bytes.

use super::csv::{Format, Header};
use super::{RecordReport, Remark};

/// Rows of the outcome file: UTF-8, LF, comma, formulas marked.
#[derive(Debug, Default)]
pub struct OutcomeWriter {}

impl OutcomeWriter {
    /// The header with its line end.
    pub fn header(&self, _out: &mut Vec<u8>) {
        todo!()
    }

    /// One record.
    pub fn row(&self, _out: &mut Vec<u8>, _report: &RecordReport) {
        todo!()
    }
}

/// Rows of the reject file: the bytes that came, and two fields more, in the source's characters.
#[derive(Debug)]
pub struct RejectWriter {}

impl RejectWriter {
    /// For a source of this form.
    #[must_use]
    pub fn new(_format: Format) -> Self {
        todo!()
    }

    /// The source's header and `reject_code,reject_message`, with the source's mark in front.
    pub fn header(&self, _out: &mut Vec<u8>, _header: &Header) {
        todo!()
    }

    /// One record that failed; `raw` as the framer gave it.
    pub fn row(&self, _out: &mut Vec<u8>, _record: u64, _line: u64, _raw: Option<&[u8]>, _error: &Remark) {
        todo!()
    }
}
