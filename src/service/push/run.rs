//! A job from its start, or from where it stands, to its end.

use bytes::Bytes;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::contact::Severity;
use crate::contact::genesys_cloud::PhoneBody;
use crate::contact::{Code, Counts, Outcome, Remark};
use crate::service::push::error::PushError;
use crate::service::push::remote::{Answer, Call, Remote};
use crate::service::push::report::Reports;
use crate::service::push::send::Sender;
use crate::service::push::state::{Ledger, Stage, State, TaskKind};
use crate::service::push::table::Table;

/// Records between two looks at the clock, the user and the share of errors.
const STRIDE: u64 = 1_000;

/// Which part of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The whole file is checked; nothing is sent.
    Validating,
    /// Batches go out.
    Sending,
    /// What was not reached is written down.
    Ending,
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Which part.
    pub phase: Phase,
    /// Bytes of the file behind us.
    pub bytes: u64,
    /// Bytes of the file.
    pub total: u64,
    /// Sums up to here.
    pub sums: Counts,
}

/// Somebody who wants to see how far it is.
pub trait Watch: Send + Sync {
    /// Called after each thousand records that were checked and each request that was answered.
    fn seen(&self, seen: &Seen);
}

/// A job that is to be run.
pub struct Job<'a> {
    /// What it is and where it stands.
    pub state: State,
    /// Where it goes; none only in a dry run.
    pub remote: Option<&'a Remote>,
    /// Where its state is kept.
    pub ledger: &'a mut dyn Ledger,
    /// Who watches.
    pub watch: &'a dyn Watch,
    /// Ends it after the request in hand.
    pub stop: CancellationToken,
}

/// What is read of a list; all else in the answer may be as it likes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    column_names: Vec<String>,
}

/// What a job came to.
#[derive(Debug)]
pub struct Finished {
    /// Where it stands; sums are those of the whole file.
    pub state: State,
    /// What is to be said about the file as a whole.
    pub warnings: Vec<Remark>,
    /// Why it went no further.
    pub error: Option<PushError>,
}

impl std::fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("id", &self.state.id).finish_non_exhaustive()
    }
}

impl Job<'_> {
    /// Runs it.
    pub async fn run(mut self) -> Finished {
        let mut warnings = Vec::new();
        let result = match self.state.task.check() {
            Err(error) => Err(error),
            Ok(()) if self.state.task.kind == TaskKind::Clear => self.clear_only().await,
            Ok(()) => self.transfer(&mut warnings).await,
        };
        Finished { state: self.state, warnings, error: result.err() }
    }

    async fn clear_only(&mut self) -> Result<(), PushError> {
        self.state.list_id.clone_from(&self.state.task.list_id);
        let Some(remote) = self.remote else { return Ok(()) };
        remote.sign_in().await?;
        self.clear(remote).await
    }

    async fn transfer(&mut self, warnings: &mut Vec<Remark>) -> Result<(), PushError> {
        if self.state.task.has_both_lists() {
            let message = "contact_list_id and contact_list_name are both there, the id counts";
            warnings.push(Remark::warning(Code::BothListIds, "", message));
        }
        let allowed = self.validate(warnings).await?;
        let prepared = match (allowed, self.remote) {
            (Err(error), _) => Err(error),
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(remote)) => self.prepare(remote, warnings).await,
        };
        let state = &mut self.state;
        let columns = if state.columns.is_empty() { state.task.list_columns() } else { state.columns.clone() };
        if self.remote.is_none() {
            state.fresh = state.task.clear_first || state.task.list_id.is_none();
        }
        let table = Table::open(&state.task, &columns, Some(state.place))?;
        let outcome = (state.task.outcome.as_deref(), state.outcome_len);
        let reject = (state.task.reject.as_deref(), state.reject_len);
        let reports = Reports::open(outcome, reject, table.format, &table.header)?;
        let mut sender = Sender {
            state,
            ledger: self.ledger,
            watch: self.watch,
            stop: &self.stop,
            table,
            reports,
            held: std::collections::VecDeque::new(),
            hand: 0,
        };
        let result = match (prepared, self.remote) {
            (Err(error), _) => Err(error),
            (Ok(()), None) => sender.pretend(),
            (Ok(()), Some(remote)) => sender.run(remote).await,
        };
        sender.end(result)
    }

    /// Reads the whole file. The inner result says whether what was found may be sent.
    async fn validate(&mut self, warnings: &mut Vec<Remark>) -> Result<Result<(), PushError>, PushError> {
        let task = &self.state.task;
        let mut table = Table::open(task, &task.list_columns(), None)?;
        if !table.ignored.is_empty() && task.kind == TaskKind::Push {
            let message = format!("not read: {}", table.ignored.join(", "));
            warnings.push(Remark::warning(Code::IgnoredColumn, "", message));
        }
        let (mut sums, mut too_many) = (Counts::default(), false);
        while let Some(entry) = table.next()? {
            let is_bad = entry.remarks.iter().any(|remark| remark.severity == Severity::Error);
            // Nothing is sent yet.
            sums.add(if is_bad { Outcome::Failed } else { Outcome::Unchanged }, &[]);
            if sums.records().is_multiple_of(STRIDE) {
                too_many |= self.share_is_too_large(&sums);
                let bytes = entry.after.offset;
                self.watch.seen(&Seen { phase: Phase::Validating, bytes, total: table.size, sums });
                tokio::task::yield_now().await;
                if self.stop.is_cancelled() {
                    return Err(PushError::Interrupted);
                }
            }
        }
        too_many |= self.share_is_too_large(&sums) || task.max_errors.is_some_and(|most| sums.failed > most);
        let size = table.size;
        let sha256 =
            table.sha256().ok_or_else(|| PushError::Settings("the file changes while it is read".to_owned()))?;
        if !self.state.sha256.is_empty() && (self.state.size, &self.state.sha256) != (size, &sha256) {
            return Err(PushError::Settings("the file is another one than that of the job".to_owned()));
        }
        let is_new = self.state.stage == Stage::Made;
        let (failed, records) = (sums.failed, sums.records());
        let bad = |why| Ok(Err(PushError::BadRecords { failed, records, why }));
        (self.state.size, self.state.sha256) = (size, sha256);
        let task = &self.state.task;
        match is_new {
            true if too_many => Ok(Err(PushError::TooManyBad { failed, records })),
            true if task.atomic && failed > 0 => bad("all or nothing was asked for"),
            true if task.clear_first && failed > 0 && !task.allow_rejects => {
                bad("a list is emptied only for a file without bad records, or with --allow-rejects")
            }
            _ => Ok(Ok(())),
        }
    }

    fn share_is_too_large(&self, sums: &Counts) -> bool {
        let most = self.state.task.max_error_share.map(u64::from);
        most.is_some_and(|most| sums.failed.saturating_mul(10_000) > most.saturating_mul(sums.records()))
    }

    /// Token, list, clear.
    async fn prepare(&mut self, remote: &Remote, warnings: &mut Vec<Remark>) -> Result<(), PushError> {
        remote.sign_in().await?;
        if self.state.stage < Stage::Listed {
            match (self.state.task.kind, self.state.task.list_id.clone()) {
                (TaskKind::Push, Some(list)) => self.compare(remote, &list, warnings).await?,
                (TaskKind::Push, None) => self.create(remote).await?,
                (TaskKind::Delete | TaskKind::Clear, list) => self.state.list_id = list,
            }
            self.reach(Stage::Listed)?;
        }
        if self.state.stage < Stage::Sending {
            if self.state.task.clear_first && !self.state.fresh {
                self.clear(remote).await?;
                self.state.fresh = true;
            }
            self.reach(Stage::Sending)?;
        }
        Ok(())
    }

    fn reach(&mut self, stage: Stage) -> Result<(), PushError> {
        self.state.stage = stage;
        self.ledger.save(&self.state).map_err(|error| PushError::Disk(format!("job file: {error}")))
    }

    /// A list that is there: its columns hold what is sent.
    async fn compare(&mut self, remote: &Remote, list: &str, warnings: &mut Vec<Remark>) -> Result<(), PushError> {
        let what = format!("reading list {list}");
        let path = ["api", "v2", "outbound", "contactlists", list];
        let call = Call { what: &what, method: Method::GET, path: &path, query: "", body: None, repeatable: true };
        let found = read_list(&what, remote.call(&call).await?)?;
        let has = |column: &String| found.column_names.contains(column);
        let plain = self.state.task.list_columns();
        let lacking: Vec<String> = plain.iter().filter(|column| !has(column)).cloned().collect();
        if !lacking.is_empty() {
            let message = format!("list {list} has no column {}", lacking.join(", "));
            return Err(PushError::Settings(message));
        }
        // Id and callable travel as themselves, and as a column where the list has one of that name.
        let columns = self.state.task.columns.iter().filter(|column| has(column)).cloned().collect();
        let unfilled: Vec<String> =
            found.column_names.iter().filter(|column| !self.state.task.columns.contains(column)).cloned().collect();
        if !unfilled.is_empty() {
            let message = format!("columns of the list that nothing is sent for: {}", unfilled.join(", "));
            warnings.push(Remark::warning(Code::IgnoredColumn, "", message));
        }
        self.state.columns = columns;
        self.state.list_id = Some(list.to_owned());
        Ok(())
    }

    /// A list of that name is made.
    async fn create(&mut self, remote: &Remote) -> Result<(), PushError> {
        let task = &self.state.task;
        let name = task.list_name.clone().unwrap_or_default();
        let what = format!("creating list {name}");
        let phone = |(column, kind): &(String, String)| PhoneBody {
            column_name: column.clone(),
            kind: Some(kind.clone()),
            callable_time_column: None,
        };
        let columns = task.list_columns();
        let phones: Vec<PhoneBody> = task.phone_columns.iter().map(phone).collect();
        let body = json!({"name": name, "columnNames": columns, "phoneColumns": phones}).to_string();
        let path = ["api", "v2", "outbound", "contactlists"];
        let body = Some(Bytes::from(body));
        let call = Call { what: &what, method: Method::POST, path: &path, query: "", body, repeatable: false };
        let made = read_list(&what, remote.call(&call).await?)?;
        let id = made.id.filter(|id| !id.is_empty());
        let lacking = || PushError::Unknown { what: what.clone(), why: "an answer without an id".to_owned() };
        self.state.list_id = Some(id.ok_or_else(lacking)?);
        self.state.columns = columns;
        self.state.fresh = true;
        Ok(())
    }

    async fn clear(&mut self, remote: &Remote) -> Result<(), PushError> {
        let list = self.state.list_id.clone().unwrap_or_default();
        let what = format!("clearing list {list}");
        let path = ["api", "v2", "outbound", "contactlists", &list, "clear"];
        let call = Call { what: &what, method: Method::POST, path: &path, query: "", body: None, repeatable: true };
        match remote.call(&call).await? {
            Answer::Taken { .. } => Ok(()),
            Answer::Refused { status, code, message } => Err(PushError::Refused { what, status, code, message }),
        }
    }
}

fn read_list(what: &str, answer: Answer) -> Result<Known, PushError> {
    match answer {
        Answer::Refused { status, code, message } => {
            Err(PushError::Refused { what: what.to_owned(), status, code, message })
        }
        Answer::Taken { body, .. } => serde_json::from_slice(&body)
            .map_err(|_| PushError::Unknown { what: what.to_owned(), why: "an answer that is no list".to_owned() }),
    }
}
