//! What a job is, how far it has come, and where that is kept.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::contact::Counts;
use crate::contact::PhonePolicy;
use crate::contact::csv::Cursor;
use crate::contact::genesys_cloud::{ListLimits, ParameterError, Parameters, PhoneColumnParameter};
use crate::service::own_file;
use crate::service::push::error::PushError;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskKind {
    /// Contacts of a file are sent.
    Push,
    /// Contacts of a file go.
    Delete,
    /// All contacts of a list go.
    Clear,
}

impl TaskKind {
    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Delete => "delete",
            Self::Clear => "clear",
        }
    }
}

/// What was asked for. It never changes, and it holds no secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// Push, delete or clear.
    pub kind: TaskKind,
    /// The file; none for a clear.
    pub file: Option<PathBuf>,
    /// Column of ids.
    pub id_column: Option<String>,
    /// Column of 0 and 1.
    pub callable_column: Option<String>,
    /// An existing list.
    pub list_id: Option<String>,
    /// A list to be made.
    pub list_name: Option<String>,
    /// The list is emptied first.
    pub clear_first: bool,
    /// Columns of the file that are sent.
    pub columns: Vec<String>,
    /// (column, type)
    pub phone_columns: Vec<(String, String)>,
    /// `require`, `warn`, `asis`
    pub phone_policy: String,
    /// ISO 3166; empty = none.
    pub default_country: String,
    /// First record that is read, from 1.
    pub start_from: u64,
    /// Bad records that are allowed.
    pub max_errors: Option<u64>,
    /// Share of bad records that is allowed, in hundredths of a percent, looked at every 1,000 records.
    pub max_error_share: Option<u32>,
    /// Nothing is sent when a record is bad.
    pub atomic: bool,
    /// Bad records are no reason to keep a list from being emptied, nor to end with another exit code.
    pub allow_rejects: bool,
    /// Nothing is sent at all.
    pub dry_run: bool,
    /// A refused batch fails as a whole.
    pub no_split: bool,
    /// Batches whose outcome is unknown do not stop the job.
    pub continue_unknown: bool,
    /// Most characters of a value.
    pub value_chars: u32,
    /// Where the outcome of each record goes.
    pub outcome: Option<PathBuf>,
    /// Where failed records go.
    pub reject: Option<PathBuf>,
}

impl Task {
    /// A task of parameters in the document's words, all else as by default.
    #[must_use]
    pub fn new(kind: TaskKind, parameters: &Parameters) -> Self {
        let phones = parameters.phone_columns.iter().flatten();
        Self {
            kind,
            file: parameters.file_name.clone(),
            id_column: parameters.id_column.clone(),
            callable_column: parameters.callable_column.clone(),
            list_id: parameters.contact_list_id.clone(),
            list_name: parameters.contact_list_name.clone(),
            clear_first: parameters.clear_contact_list_before_upload.unwrap_or(false),
            columns: parameters.column_names.clone().unwrap_or_default(),
            phone_columns: phones.map(|phone| (phone.column.clone(), phone.kind.clone())).collect(),
            phone_policy: PhonePolicy::AsIs.word().to_owned(),
            default_country: String::new(),
            start_from: 1,
            max_errors: None,
            max_error_share: None,
            atomic: false,
            allow_rejects: false,
            dry_run: false,
            no_split: false,
            continue_unknown: false,
            value_chars: 512,
            outcome: None,
            reject: None,
        }
    }

    /// The same in the document's words.
    fn parameters(&self) -> Parameters {
        let phones = self.phone_columns.iter();
        let phones = phones.map(|(column, kind)| PhoneColumnParameter { column: column.clone(), kind: kind.clone() });
        Parameters {
            id_column: self.id_column.clone(),
            callable_column: self.callable_column.clone(),
            contact_list_id: self.list_id.clone(),
            contact_list_name: self.list_name.clone(),
            column_names: Some(self.columns.clone()),
            phone_columns: Some(phones.collect()),
            ..Parameters::default()
        }
        .without_empty()
    }

    /// Checks what can be checked without file and wire.
    ///
    /// # Errors
    /// [`PushError::Parameters`], [`PushError::Settings`]
    pub fn check(&self) -> Result<(), PushError> {
        let missing = |name| Err(PushError::Parameters(ParameterError::Missing(name)));
        if self.kind == TaskKind::Push {
            self.parameters().check_push(&ListLimits::default())?;
        } else if self.list_id.is_none() {
            return missing("contact_list_id");
        }
        if self.kind == TaskKind::Delete && self.id_column.is_none() {
            return missing("id_column");
        }
        if self.kind != TaskKind::Clear && self.file.is_none() {
            return missing("file_name");
        }
        if self.list_id.as_deref().is_some_and(|id| matches!(id, "." | "..")) {
            return Err(PushError::Settings("contact_list_id: dots are no id".to_owned()));
        }
        self.policy().map(|_| ())
    }

    /// Columns of a list that is made, and of `data`.
    #[must_use]
    pub fn list_columns(&self) -> Vec<String> {
        self.parameters().list_columns()
    }

    pub(super) fn policy(&self) -> Result<PhonePolicy, PushError> {
        self.phone_policy.parse().map_err(|error| PushError::Settings(format!("phone policy: {error}")))
    }

    /// Id and name are both there: the id wins.
    #[must_use]
    pub fn has_both_lists(&self) -> bool {
        self.kind == TaskKind::Push && self.list_id.is_some() && self.list_name.is_some()
    }
}

/// How far a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Nothing was sent.
    #[default]
    Made,
    /// The list is there, and its columns are known.
    Listed,
    /// It was emptied, or was not to be.
    Sending,
    /// Done.
    Ended,
}

/// A place in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Bytes in front of it.
    pub offset: u64,
    /// Number of the record in front of it.
    pub record: u64,
    /// Physical line that begins here; 0 = nothing was read yet.
    pub line: u64,
    /// Blank lines in front of it.
    pub blank_lines: u64,
}

impl From<Cursor> for Place {
    fn from(at: Cursor) -> Self {
        Self { offset: at.offset, record: at.record, line: at.line, blank_lines: at.blank_lines }
    }
}

impl From<Place> for Cursor {
    fn from(at: Place) -> Self {
        let Place { offset, record, line, blank_lines } = at;
        Self { offset, record, line, blank_lines, header_read: true }
    }
}

/// A job and how far it has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// `commdn.push_job.v1`
    pub schema: String,
    /// Its id.
    pub id: String,
    /// Where to send to: an address, domain or name.
    pub region: String,
    /// As whom.
    pub client_id: String,
    /// Where the secret is read from.
    pub client_secret_file: Option<PathBuf>,
    /// What was asked for.
    pub task: Task,
    /// How far it is.
    pub stage: Stage,
    /// Bytes of the file.
    pub size: u64,
    /// SHA-256 of the file in hex; empty until it was read.
    pub sha256: String,
    /// The list, once it is known.
    pub list_id: Option<String>,
    /// This job made or emptied the list: what is sent comes new.
    pub fresh: bool,
    /// Columns of `data`, once the list is known.
    pub columns: Vec<String>,
    /// Behind the last record whose outcome is written.
    pub place: Place,
    /// Bytes of the outcome file.
    pub outcome_len: u64,
    /// Bytes of the reject file.
    pub reject_len: u64,
    /// Sums up to there.
    pub sums: Counts,
    /// The last record of a request that is under way and cannot be repeated; 0 = there is none.
    pub in_flight: u64,
}

impl State {
    /// A job that was not begun.
    #[must_use]
    pub fn new(id: String, region: String, client_id: String, secret_file: Option<PathBuf>, task: Task) -> Self {
        Self {
            schema: "commdn.push_job.v1".to_owned(),
            id,
            region,
            client_id,
            client_secret_file: secret_file,
            task,
            stage: Stage::Made,
            size: 0,
            sha256: String::new(),
            list_id: None,
            fresh: false,
            columns: Vec::new(),
            place: Place::default(),
            outcome_len: 0,
            reject_len: 0,
            sums: Counts::default(),
            in_flight: 0,
        }
    }

    /// Nothing was done on the other side yet.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.place.line == 0 && self.in_flight == 0 && !self.fresh
    }
}

/// Keeps states.
pub trait Ledger: Send + std::fmt::Debug {
    /// Writes a state; once this returns it is on the disk.
    ///
    /// # Errors
    /// What the disk says.
    fn save(&mut self, state: &State) -> std::io::Result<()>;
}

/// One file a job, readable by its owner only; replaced as a whole.
#[derive(Clone, Debug)]
pub struct FileLedger {
    path: PathBuf,
}

impl FileLedger {
    /// At a path.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Reads what was kept.
    ///
    /// # Errors
    /// No file, or no state in it.
    pub fn load(path: &Path) -> std::io::Result<State> {
        let bytes = fs::read(path)?;
        serde_json::from_slice(&bytes).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
    }
}

impl Ledger for FileLedger {
    fn save(&mut self, state: &State) -> std::io::Result<()> {
        let bytes = serde_json::to_vec(state)?;
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let mut file = own_file(&beside, fs::File::options().create(true).truncate(true))?;
        file.write_all(&bytes)?;
        file.sync_data()?;
        fs::rename(&beside, &self.path)
    }
}

/// Keeps nothing: dry runs, clears, and files that are gone afterwards.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLedger;

impl Ledger for NoLedger {
    fn save(&mut self, _state: &State) -> std::io::Result<()> {
        Ok(())
    }
}
