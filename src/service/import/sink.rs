//! Outcome and reject file of a pass, and beside them one byte a record for the pass that follows.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::contact::csv::{Format, Header};
use crate::contact::{Outcome, OutcomeWriter, RecordReport, RejectWriter, Severity};
use crate::service::own_file;
use crate::store::contacts::Sink;

/// Where a pass tells what it did.
#[derive(Clone, Debug, Default)]
pub(super) struct SinkFiles {
    pub(super) outcome: Option<PathBuf>,
    pub(super) reject: Option<PathBuf>,
    /// What the validation said of each record: written by it, read by the import.
    pub(super) verdicts: Option<PathBuf>,
}

/// Which pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// Verdicts are written; files are brought to the disk at its end.
    Validation,
    /// Verdicts are compared; files are on the disk before each commit. So many records were reported before.
    Import(u64),
}

/// The files of a pass.
#[derive(Debug)]
pub(super) struct FileSink {
    outcome: Option<Part>,
    reject: Option<Part>,
    outcome_writer: OutcomeWriter,
    reject_writer: RejectWriter,
    pass: Pass,
    written: Option<BufWriter<File>>,
    compared: Option<BufReader<File>>,
}

#[derive(Debug)]
struct Part {
    file: File,
    len: u64,
    buffer: Vec<u8>,
    clean: bool,
    /// A write has failed: what stands behind `len` is not known.
    broken: bool,
}

/// Bytes that wait for one write.
const BUFFER: usize = 256 << 10;

impl Part {
    /// Opens a file, cut to a length; a new one is readable by its owner only.
    fn open(path: &Path, len: u64) -> io::Result<Self> {
        let mut file = own_file(path, File::options().create(true).truncate(false))?;
        if file.metadata()?.len() < len {
            let what = format!("{}: shorter than the {len} bytes that were written", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        file.set_len(len)?;
        file.seek(SeekFrom::Start(len))?;
        Ok(Self { file, len, buffer: Vec::with_capacity(BUFFER), clean: true, broken: false })
    }

    fn write_some(&mut self, at_least: usize) -> io::Result<()> {
        if self.buffer.len() < at_least.max(1) {
            return Ok(());
        }
        if self.broken {
            return Err(io::Error::other("an earlier write has failed"));
        }
        self.file.write_all(&self.buffer).inspect_err(|_| self.broken = true)?;
        self.len += self.buffer.len() as u64;
        self.buffer.clear();
        self.clean = false;
        Ok(())
    }

    fn seal(&mut self, sync: bool) -> io::Result<u64> {
        self.write_some(1)?;
        if sync && !self.clean {
            self.file.sync_data()?;
            self.clean = true;
        }
        Ok(self.len)
    }
}

impl FileSink {
    /// Opens the files of a pass, cut to `lengths`.
    pub(super) fn open(
        files: &SinkFiles,
        pass: Pass,
        lengths: (u64, u64),
        format: Format,
        header: &Header,
    ) -> io::Result<Self> {
        let open = |path: &Option<PathBuf>, len| path.as_ref().map(|path| Part::open(path, len)).transpose();
        let mut sink = Self {
            outcome: open(&files.outcome, lengths.0)?,
            reject: open(&files.reject, lengths.1)?,
            outcome_writer: OutcomeWriter,
            reject_writer: RejectWriter::new(format, header),
            pass,
            written: None,
            compared: None,
        };
        if let Some(part) = sink.outcome.as_mut().filter(|part| part.len == 0) {
            sink.outcome_writer.header(&mut part.buffer);
        }
        if let Some(part) = sink.reject.as_mut().filter(|part| part.len == 0) {
            sink.reject_writer.header(&mut part.buffer, header);
        }
        match (pass, &files.verdicts) {
            (Pass::Validation, Some(path)) => sink.written = Some(BufWriter::new(File::create(path)?)),
            (Pass::Import(reported), Some(path)) => {
                // Without it nothing is compared; that is no reason not to import.
                if let Ok(mut file) = File::open(path) {
                    file.seek(SeekFrom::Start(reported))?;
                    sink.compared = Some(BufReader::new(file));
                }
            }
            (_, None) => {}
        }
        Ok(sink)
    }
}

impl Sink for FileSink {
    fn report(&mut self, report: &RecordReport, raw: Option<&[u8]>) -> bool {
        if let Some(part) = &mut self.outcome {
            self.outcome_writer.row(&mut part.buffer, report);
            // What the disk refuses now it refuses at the seal too, and there somebody hears it.
            let _ = part.write_some(BUFFER);
        }
        let error = report.remarks.iter().find(|remark| remark.severity == Severity::Error);
        if let (Some(part), Some(error), Outcome::Failed) = (&mut self.reject, error, report.outcome) {
            self.reject_writer.row(&mut part.buffer, report.line, raw, error);
            let _ = part.write_some(BUFFER);
        }
        let verdict = report.outcome as u8;
        if let Some(written) = &mut self.written
            && written.write_all(&[verdict]).is_err()
        {
            self.written = None; // the import compares nothing then
        }
        let mut before = [0];
        match &mut self.compared {
            Some(compared) => compared.read_exact(&mut before).is_ok() && before != [verdict],
            None => false,
        }
    }

    fn seal(&mut self) -> io::Result<(u64, u64)> {
        let sync = self.pass != Pass::Validation;
        let outcome = self.outcome.as_mut().map_or(Ok(0), |part| part.seal(sync))?;
        let reject = self.reject.as_mut().map_or(Ok(0), |part| part.seal(sync))?;
        if let Some(written) = &mut self.written {
            written.flush()?;
        }
        Ok((outcome, reject))
    }
}

/// Brings what a pass wrote to the disk at its end; files without a record get their header.
pub(super) fn finish(sink: &mut dyn Sink, files: &SinkFiles) -> io::Result<(u64, u64)> {
    let lengths = sink.seal()?;
    for path in [&files.outcome, &files.reject].into_iter().flatten() {
        File::open(path)?.sync_all()?;
    }
    Ok(lengths)
}
