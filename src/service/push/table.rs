//! The file as rows that are checked: the same code for the validation and for the batches.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::contact::csv::{Cells, Format, Framer, Header, HeaderRules, Item, Limits, Row, SAMPLE_BYTES, find_format};
use crate::contact::genesys_cloud::ContactBody;
use crate::contact::phone::NumberingPlans;
use crate::contact::phone::PhoneLibrary;
use crate::contact::{
    Code, Draft, ImportProfile, Mapping, PhoneColumn, PhonePolicy, Ragged, Remark, Severity, SourceKind,
};
use crate::service::push::error::PushError;
use crate::service::push::state::{Place, Task, TaskKind};
use crate::store::hex;

/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// A row, checked.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) record: u64,
    pub(super) line: u64,
    pub(super) key: String,
    /// Its bytes, for the reject file.
    pub(super) raw: Option<Vec<u8>>,
    pub(super) remarks: Vec<Remark>,
    /// `None` = it is bad.
    pub(super) send: Option<Send>,
    /// Behind it.
    pub(super) after: Place,
}

/// What is sent of a row.
#[derive(Debug)]
pub(super) struct Send {
    pub(super) id: Option<String>,
    /// The contact; empty where only ids are sent.
    pub(super) json: Vec<u8>,
}

/// A file that is read row by row; memory does not grow with it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) format: Format,
    pub(super) header: Header,
    pub(super) size: u64,
    /// Columns that are not read.
    pub(super) ignored: Vec<String>,
    /// Records in front of the first that is to be read, since somebody asked last.
    pub(super) before_start: u64,
    file: File,
    path: std::path::PathBuf,
    chunk: Vec<u8>,
    hash: Option<Sha256>,
    read_bytes: u64,
    start_from: u64,
    framer: Framer,
    rows: Rows,
}

/// How a row becomes an entry.
#[derive(Debug)]
struct Rows {
    kind: TaskKind,
    mapping: Mapping,
    draft: Draft,
    /// Name, cell, and the phone that it is, of each column of `data`.
    columns: Vec<(String, usize, Option<usize>)>,
    id_column: String,
    has_id: bool,
    has_callable: bool,
    /// Phones travel as they are.
    as_is: bool,
}

fn profile(task: &Task, policy: PhonePolicy) -> ImportProfile {
    let roles = [task.id_column.as_ref(), task.callable_column.as_ref()];
    let phones = task.phone_columns.iter();
    let sent = task.columns.iter().filter(|column| !roles.contains(&Some(*column)));
    let is_push = task.kind == TaskKind::Push;
    let phone = |(column, kind): &(String, String)| PhoneColumn {
        column: column.clone(),
        kind: kind.clone(),
        time_zone_column: None,
    };
    ImportProfile {
        source: SourceKind::GenesysCloud,
        only_mapped: true,
        mapping: sent.filter(|_| is_push).map(|column| (column.clone(), column.clone())).collect(),
        id_column: task.id_column.clone(),
        callable_column: task.callable_column.clone().filter(|_| is_push),
        phone_columns: phones.filter(|_| is_push).map(phone).collect(),
        phones: policy,
        default_country: task.default_country.clone(),
        phone_required: false,
        max_value_chars: Some(task.value_chars),
        ..ImportProfile::default()
    }
}

impl Table {
    /// Opens the file of a task and checks its header. `columns` are those of `data`; `at` = go on there.
    pub(super) fn open(task: &Task, columns: &[String], at: Option<Place>) -> Result<Self, PushError> {
        let path = task.file.as_deref().unwrap_or(Path::new(""));
        let unreadable = |error: std::io::Error| PushError::Settings(format!("{}: {error}", path.display()));
        let mut file = File::open(path).map_err(unreadable)?;
        let about = file.metadata().map_err(unreadable)?;
        let limits = Limits::NATIVE;
        if !about.is_file() {
            return Err(PushError::Settings(format!("{}: expected a file", path.display())));
        }
        if about.len() > limits.file {
            let message = format!("{}: {} bytes, limit is {}", path.display(), about.len(), limits.file);
            return Err(PushError::Settings(message));
        }
        let mut sample = Vec::new();
        file.by_ref().take(SAMPLE_BYTES as u64).read_to_end(&mut sample).map_err(unreadable)?;
        let whole = sample.len() < SAMPLE_BYTES;
        let format = find_format(&sample, whole, "utf-8", Some(','))?;
        let mut framer = Framer::new(format, limits);
        framer.push(&sample);
        if whole {
            framer.finish();
        }
        let rules = HeaderRules { trim: true, ignore_case: false };
        let taken = Header::take(&mut framer, rules, &limits)?;
        let header = taken.ok_or_else(|| PushError::Settings("the header has more than 1 MiB".to_owned()))?;
        framer.expect(header.names.len(), Ragged::Error);
        let policy = task.policy()?;
        let mapping = Mapping::new(&header, &profile(task, policy), None)?;
        mapping.check_country(&NumberingPlans)?;
        let mut hash = Sha256::new();
        hash.update(&sample);
        let mut table = Self {
            ignored: mapping.ignored.clone(),
            rows: Rows::new(task, policy, mapping, &header, columns),
            format,
            header,
            size: about.len(),
            before_start: 0,
            file,
            path: path.to_owned(),
            chunk: vec![0; CHUNK],
            hash: Some(hash),
            read_bytes: sample.len() as u64,
            start_from: task.start_from,
            framer,
        };
        if let Some(at) = at.filter(|at| at.line > 0) {
            table.file.seek(SeekFrom::Start(at.offset)).map_err(unreadable)?;
            table.framer = Framer::resume(format, limits, table.header.names.len(), Ragged::Error, at.into());
            (table.hash, table.read_bytes) = (None, at.offset);
        }
        Ok(table)
    }

    /// The next row; `None` = there is no more.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, PushError> {
        loop {
            match self.framer.next() {
                Item::End => return Ok(None),
                Item::NeedBytes => {}
                Item::Row(row) if row.record < self.start_from => {
                    self.before_start += 1;
                    continue;
                }
                Item::Row(row) => {
                    let mut entry = self.rows.read(row);
                    entry.after = self.framer.cursor().into();
                    return Ok(Some(entry));
                }
            }
            let count = self.file.read(&mut self.chunk).map_err(|error| PushError::disk(&self.path, &error))?;
            let bytes = self.chunk.get(..count).unwrap_or_default();
            if let Some(hash) = &mut self.hash {
                hash.update(bytes);
            }
            self.read_bytes += bytes.len() as u64;
            match bytes {
                [] => self.framer.finish(),
                bytes => self.framer.push(bytes),
            }
        }
    }

    /// Where the file was read up to.
    pub(super) fn place(&self) -> Place {
        self.framer.cursor().into()
    }

    /// SHA-256 of the file, when it was read from its start to its end.
    pub(super) fn sha256(&mut self) -> Option<String> {
        let hash = self.hash.take().filter(|_| self.read_bytes == self.size)?;
        Some(hex(&hash.finalize().into()))
    }
}

impl Rows {
    fn new(task: &Task, policy: PhonePolicy, mapping: Mapping, header: &Header, columns: &[String]) -> Self {
        let draft = mapping.draft();
        let phone = |name: &str| draft.phones.iter().position(|phone| phone.column == name);
        let place = |name: &String| Some((name.clone(), header.find(name)?, phone(name)));
        Self {
            kind: task.kind,
            columns: columns.iter().filter_map(place).collect(),
            id_column: task.id_column.clone().unwrap_or_default(),
            has_id: task.id_column.is_some(),
            has_callable: task.callable_column.is_some(),
            as_is: policy == PhonePolicy::AsIs,
            mapping,
            draft,
        }
    }

    fn read(&mut self, row: Row<'_>) -> Entry {
        let mut entry = Entry {
            record: row.record,
            line: row.line,
            key: String::new(),
            raw: row.raw.map(<[u8]>::to_vec),
            remarks: Vec::new(),
            send: None,
            after: Place::default(),
        };
        let cells = match row.cells {
            Ok(cells) => cells,
            Err(remark) => {
                entry.remarks.push(remark);
                return entry;
            }
        };
        self.mapping.fill(&mut self.draft, row.record, row.line, &cells, &NumberingPlans as &dyn PhoneLibrary);
        let draft = &self.draft;
        entry.key.clone_from(&draft.id);
        entry.remarks.clone_from(&draft.remarks);
        if self.kind == TaskKind::Delete {
            let error = |code, message| Remark::error(code, &self.id_column, message);
            if draft.id.is_empty() {
                entry.remarks.push(error(Code::MissingKey, "expected an id"));
            } else if draft.id.contains(',') {
                entry.remarks.push(error(Code::Type, "an id with a comma cannot stand in a list of ids"));
            }
        }
        if entry.remarks.iter().all(|remark| remark.severity != Severity::Error) {
            let id = Some(draft.id.clone()).filter(|id| self.has_id && !id.is_empty());
            let json = if self.kind == TaskKind::Push { self.json(id.as_deref(), &cells) } else { Vec::new() };
            entry.send = Some(Send { id, json });
        }
        entry
    }

    fn json(&self, id: Option<&str>, cells: &Cells<'_>) -> Vec<u8> {
        let value = |cell: usize, phone: Option<usize>| {
            let read = phone.filter(|_| !self.as_is).and_then(|n| self.draft.phones.get(n)?.e164.as_deref());
            read.unwrap_or(cells.get(cell).trim())
        };
        let data = self.columns.iter().map(|(name, cell, phone)| (name.as_str(), value(*cell, *phone)));
        let callable = self.draft.callable.filter(|_| self.has_callable);
        let contact = ContactBody::to_send(id, data, callable);
        serde_json::to_vec(&contact).unwrap_or_default() // texts by text: nothing that JSON lacks
    }
}
