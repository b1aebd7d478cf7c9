//! From the bytes of a file to batches of drafts, on a thread of its own; memory does not grow with the file.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::contact::csv::{self, Format, Framer, Header, HeaderRules, Limits, find_format};
use crate::contact::phone::{NumberingPlans, PhoneLibrary};
use crate::contact::{CallingList, ImportProfile, Mapping, MappingError, Remark, SourceKind};
use crate::service::import::BATCH_RECORDS;
use crate::service::import::error::{Answer, ImportError};
use crate::store::contacts::{Batch, Cursor, Item};

/// Bytes that are read at once.
const CHUNK: usize = 256 << 10;
/// Bytes of records in one batch. A record is at most 1 MiB.
const BATCH_BYTES: usize = 1 << 20;

/// A file that can be read: what it is written in, its columns, and where they go.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) format: Format,
    pub(super) header: Header,
    pub(super) mapping: Mapping,
    pub(super) size: u64,
    file: File,
    framer: Framer,
    limits: Limits,
    /// Bytes that were taken off the file for the header.
    hash: Option<Sha256>,
    phones: Arc<dyn PhoneLibrary>,
    batch_records: usize,
    /// What was read last.
    bytes: Vec<u8>,
    /// Nothing comes behind it.
    ended: bool,
}

/// What the thread found behind the last record.
#[derive(Debug)]
pub(super) struct End {
    /// Blank lines of the file.
    pub(super) blank_lines: u64,
    /// SHA-256 of the whole file, when it was read from its start.
    pub(super) sha256: Option<String>,
}

/// The sizes that hold for a system.
pub(super) fn limits_of(source: SourceKind) -> Limits {
    match source {
        SourceKind::GenesysCloud => Limits::GENESYS_CLOUD,
        SourceKind::External => Limits::EXTERNAL,
        SourceKind::Classic => Limits::CLASSIC,
        SourceKind::Native | SourceKind::Ucs | SourceKind::Jtel => Limits::NATIVE,
    }
}

/// How a system reads headers.
pub(super) fn header_rules(source: SourceKind) -> HeaderRules {
    HeaderRules { trim: source != SourceKind::Ucs, ignore_case: source == SourceKind::External }
}

/// Format, header, and a framer that stands behind it.
pub(super) fn open(path: &Path, profile: &ImportProfile) -> Answer<(File, u64, Format, Header, Framer, Sha256)> {
    let limits = limits_of(profile.source);
    let unreadable = |error: std::io::Error| ImportError::Io(format!("{}: {error}", path.display()));
    let mut file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() {
        return Err(ImportError::Io(format!("{}: expected a regular file", path.display())));
    }
    if about.len() > limits.file {
        let what = format!("the file has {} bytes, limit is {}", about.len(), limits.file);
        return Err(ImportError::Settings(what));
    }
    let mut bytes = Vec::new();
    let taken = file.by_ref().take(csv::SAMPLE_BYTES as u64).read_to_end(&mut bytes).map_err(unreadable)?;
    let whole = taken < csv::SAMPLE_BYTES;
    let format = find_format(&bytes, whole, &profile.encoding, profile.delimiter)?;
    let mut framer = Framer::new(format, limits);
    let mut hash = Sha256::new();
    loop {
        hash.update(&bytes);
        framer.push(&bytes);
        if bytes.is_empty() || whole {
            framer.finish();
        }
        if let Some(header) = Header::take(&mut framer, header_rules(profile.source), &limits)? {
            framer.expect(header.names.len(), profile.ragged);
            return Ok((file, about.len(), format, header, framer, hash));
        }
        bytes.clear();
        file.by_ref().take(CHUNK as u64).read_to_end(&mut bytes).map_err(unreadable)?;
    }
}

impl Source {
    /// Opens a file at its first record.
    pub(super) fn open(
        path: &Path,
        profile: &ImportProfile,
        list: Option<&CallingList>,
        phones: Arc<dyn PhoneLibrary>,
    ) -> Answer<Self> {
        let (file, size, format, header, framer, hash) = open(path, profile)?;
        let mapping = Mapping::new(&header, profile, list)?;
        mapping.check_country(&*phones)?;
        if profile.source == SourceKind::Classic
            && let Some(column) = mapping.absent_required().next()
        {
            return Err(MappingError::Missing { role: "required", column: column.to_owned() }.into());
        }
        let limits = limits_of(profile.source);
        Ok(Self {
            format,
            header,
            mapping,
            size,
            file,
            framer,
            limits,
            hash: Some(hash),
            phones,
            batch_records: BATCH_RECORDS,
            bytes: Vec::new(),
            ended: false,
        })
    }

    /// Goes on behind the records that a cursor has seen.
    pub(super) fn resume(&mut self, profile: &ImportProfile, at: Cursor, blank_lines: u64) -> Answer<()> {
        if at.line == 0 {
            return Ok(());
        }
        let cursor =
            csv::Cursor { offset: at.offset, record: at.record, line: at.line, blank_lines, header_read: true };
        self.framer = Framer::resume(self.format, self.limits, self.header.names.len(), profile.ragged, cursor);
        self.hash = None;
        self.file.seek(SeekFrom::Start(at.offset)).map_err(|error| ImportError::Io(error.to_string()))?;
        Ok(())
    }

    /// Batches of at most so many records, and never of many.
    pub(super) fn in_batches_of(&mut self, records: usize) {
        self.batch_records = records.clamp(1, BATCH_RECORDS);
    }

    /// Does not hash what it reads: somebody has done so.
    pub(super) fn without_hash(&mut self) {
        self.hash = None;
    }

    /// Fills a batch up to its limits; false = the file has ended.
    fn fill(&mut self, batch: &mut Batch) -> std::io::Result<bool> {
        loop {
            while self.take(batch) {
                if batch.len >= self.batch_records || batch.raw.len() >= BATCH_BYTES {
                    return Ok(true);
                }
            }
            if self.ended {
                return Ok(false);
            }
            self.bytes.resize(CHUNK, 0);
            let read = self.file.read(&mut self.bytes)?;
            let read = self.bytes.get(..read).unwrap_or_default();
            if read.is_empty() {
                self.ended = true;
                self.framer.finish();
            }
            if let Some(hash) = &mut self.hash {
                hash.update(read);
            }
            self.framer.push(read);
        }
    }

    /// Reads to the end, or until nobody takes batches any more. Batches that were applied come back to be filled again.
    pub(super) fn run(mut self, to: &mpsc::Sender<Batch>, back: &mut mpsc::Receiver<Batch>) -> std::io::Result<End> {
        let mut batch = Batch::default();
        let mut more = true;
        while more {
            more = self.fill(&mut batch)?;
            if batch.len > 0 && to.blocking_send(std::mem::take(&mut batch)).is_err() {
                break;
            }
            batch = empty(back.try_recv().ok());
        }
        Ok(End { blank_lines: self.framer.cursor().blank_lines, sha256: self.hash.take().map(hex) })
    }

    /// One record more; false = the framer has none.
    fn take(&mut self, batch: &mut Batch) -> bool {
        let csv::Item::Row(row) = self.framer.next() else { return false };
        if batch.items.len() == batch.len {
            batch.items.push(Item { draft: self.mapping.draft(), ..Item::default() });
        }
        let Some(item) = batch.items.get_mut(batch.len) else { return false };
        item.raw = row.raw.map(|raw| {
            let from = batch.raw.len();
            batch.raw.extend_from_slice(raw);
            from..batch.raw.len()
        });
        match &row.cells {
            Ok(cells) => self.mapping.fill(&mut item.draft, row.record, row.line, cells, &*self.phones),
            Err(remark) => unreadable(item, row.record, row.line, remark.clone()),
        }
        let cursor = self.framer.cursor();
        (item.offset, item.line, item.blank_lines) = (cursor.offset, cursor.line, cursor.blank_lines);
        batch.len += 1;
        true
    }
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadThrough {
    /// Records without an error.
    pub good: u64,
    /// Records with one.
    pub bad: u64,
    /// SHA-256 in hex.
    pub sha256: String,
}

/// Reads, checks and hashes every record of a file as an import does, on the caller's thread and without a store.
///
/// # Errors
/// The file cannot be read, or does not fit the profile.
pub fn read_through(path: &Path, profile: &ImportProfile) -> Answer<ReadThrough> {
    let mut source = Source::open(path, profile, None, Arc::new(NumberingPlans))?;
    let (mut batch, mut good, mut bad) = (Batch::default(), 0, 0);
    let mut more = true;
    while more {
        batch = empty(Some(batch));
        more = source.fill(&mut batch).map_err(|error| ImportError::Io(error.to_string()))?;
        let fails = |item: &&Item| item.draft.error().is_some();
        let failed = batch.items.iter().take(batch.len).filter(fails).count() as u64;
        (good, bad) = (good + batch.len as u64 - failed, bad + failed);
    }
    Ok(ReadThrough { good, bad, sha256: source.hash.take().map(hex).unwrap_or_default() })
}

/// A record that gives no cells. Names of the draft stay for the next one.
fn unreadable(item: &mut Item, record: u64, line: u64, remark: Remark) {
    let draft = &mut item.draft;
    (draft.record, draft.line) = (record, line);
    draft.key.clear();
    draft.id.clear();
    draft.keys.clear();
    draft.remarks.clear();
    draft.remarks.push(remark);
}

fn empty(used: Option<Batch>) -> Batch {
    let mut batch = used.unwrap_or_default();
    batch.len = 0;
    batch.raw.clear();
    batch
}

fn hex(hash: Sha256) -> String {
    let hash: [u8; 32] = hash.finalize().into();
    crate::store::hex(&hash)
}

/// SHA-256 of a file in hex.
pub(super) fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut bytes = vec![0; CHUNK];
    loop {
        let read = file.read(&mut bytes)?;
        if read == 0 {
            return Ok(hex(hash));
        }
        hash.update(bytes.get(..read).unwrap_or_default());
    }
}
