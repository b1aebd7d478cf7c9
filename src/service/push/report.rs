//! Outcome and reject file: on the disk before the place that they stand for is kept.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::contact::csv::{Format, Header};
use crate::contact::{OutcomeWriter, RecordReport, RejectWriter, Severity};
use crate::service::own_file;
use crate::service::push::error::PushError;

/// Both files.
#[derive(Debug)]
pub(super) struct Reports {
    outcome: Option<Part>,
    reject: Option<(Part, RejectWriter)>,
}

#[derive(Debug)]
struct Part {
    file: File,
    buffer: Vec<u8>,
    len: u64,
}

/// Bytes that wait for one write.
const BUFFER: usize = 256 << 10;

impl Part {
    /// Opens a file, cut to a length.
    fn open(path: &Path, len: u64) -> Result<Self, PushError> {
        let open = || {
            let mut file = own_file(path, File::options().create(true).truncate(false))?;
            if file.metadata()?.len() < len {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "shorter than what was written into it"));
            }
            file.set_len(len)?;
            file.seek(SeekFrom::Start(len))?;
            Ok(Self { file, buffer: Vec::new(), len })
        };
        open().map_err(|error| PushError::disk(path, &error))
    }

    fn write(&mut self, at_least: usize) -> io::Result<()> {
        if self.buffer.len() >= at_least {
            self.file.write_all(&self.buffer)?;
            self.len += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }

    fn seal(&mut self) -> io::Result<u64> {
        self.write(0)?;
        self.file.sync_data()?;
        Ok(self.len)
    }
}

impl Reports {
    pub(super) fn open(
        outcome: (Option<&Path>, u64),
        reject: (Option<&Path>, u64),
        format: Format,
        header: &Header,
    ) -> Result<Self, PushError> {
        let open = |(path, len): (Option<&Path>, u64)| path.map(|path| Part::open(path, len)).transpose();
        let mut outcome = open(outcome)?;
        if let Some(part) = outcome.as_mut().filter(|part| part.len == 0) {
            OutcomeWriter.header(&mut part.buffer);
        }
        let reject = open(reject)?.map(|mut part| {
            let mut writer = RejectWriter::new(format, header);
            if part.len == 0 {
                writer.header(&mut part.buffer, header);
            }
            (part, writer)
        });
        Ok(Self { outcome, reject })
    }

    /// One record.
    pub(super) fn write(&mut self, report: &RecordReport, raw: Option<&[u8]>) -> io::Result<()> {
        if let Some(part) = &mut self.outcome {
            OutcomeWriter.row(&mut part.buffer, report);
            part.write(BUFFER)?;
        }
        let error = report.remarks.iter().find(|remark| remark.severity == Severity::Error);
        if let (Some((part, writer)), Some(error)) = (&mut self.reject, error) {
            writer.row(&mut part.buffer, report.line, raw, error);
            part.write(BUFFER)?;
        }
        Ok(())
    }

    /// Brings all of it to the disk; how long the files are.
    pub(super) fn seal(&mut self) -> io::Result<(u64, u64)> {
        let outcome = self.outcome.as_mut().map_or(Ok(0), Part::seal)?;
        let reject = self.reject.as_mut().map_or(Ok(0), |(part, _)| part.seal())?;
        Ok((outcome, reject))
    }
}
