//! Contacts come, go, and are read: jobs over files, calls, lists, profiles, uploads. What CLI and HTTP build on.
//!
//! ```text
//! file -> source (thread: records -> drafts, batches) -> run (states, passes) -> store (hits, decision, chain, cursor)
//!                                                          |                       |
//!                                                          +-> watch (progress)    +-> sink (outcome, reject: synced first)
//! call (drafts in memory) ------------------------------------------------------> the same code, one transaction
//! ```

mod calls;
mod clear;
mod error;
mod export;
mod lists;
mod open;
mod preview;
mod run;
mod saved;
mod search;
mod sink;
mod source;
mod status;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

pub use calls::Call;
pub use error::{Answer, ImportError};
pub use export::{Export, ExportRow};
pub use lists::ListTarget;
pub use open::open_imports;
pub use preview::{ColumnType, Preview};
pub use saved::NewUpload;
pub use search::{Clause, Comparison, Found, Join, Predicate, Search, Sort};
pub use source::{ReadThrough, read_through};
pub use status::{JobStatus, failure_of};

pub use crate::store::contacts::new_list;

use crate::contact::ImportProfile;
use crate::contact::SourceKind;
use crate::contact::phone::PhoneLibrary;
use crate::service::wall;
use crate::store::contacts::{
    ContactStore, ImportJob, JobEvent, JobKind, JobSpec, JobState, Progress, Stop, StopReason, TRANSACTION_RECORDS_MAX,
    Undone,
};
use crate::store::{StoreError, StoreErrorKind};

/// Records of a batch: six of them are in memory at a time, each record with its texts, about 2 KiB. So many stay in
/// the processor's cache. A transaction takes many batches.
const BATCH_RECORDS: usize = 250;
/// Contacts that one transaction of a clear or an undo looks at.
const PIECE: usize = 500;

/// How imports run.
#[derive(Clone, Debug)]
pub struct ImportSettings {
    /// Where uploads, and the reports of jobs that name no files of their own, lie.
    pub folder: PathBuf,
    /// That folder goes when the service stops: its store is in memory.
    pub temporary: bool,
    /// Jobs that run at a time.
    pub jobs_at_once: usize,
    /// Jobs that may wait for their turn.
    pub jobs_waiting: usize,
    /// Name of a zone and its DBID.
    pub zones: Vec<(String, i32)>,
    /// Records of one transaction, of at most 10,000.
    pub batch_records: usize,
    /// Country of national phones where a profile names none, ISO 3166.
    pub default_country: String,
    /// Reads phones.
    pub phones: Arc<dyn PhoneLibrary>,
}

impl ImportSettings {
    /// 4 jobs at once, 100 waiting.
    #[must_use]
    pub fn new(folder: PathBuf, phones: Arc<dyn PhoneLibrary>) -> Self {
        Self {
            folder,
            temporary: false,
            jobs_at_once: 4,
            jobs_waiting: 100,
            zones: Vec::new(),
            batch_records: TRANSACTION_RECORDS_MAX,
            default_country: String::new(),
            phones,
        }
    }
}

/// A file to be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileSource {
    /// It lies here.
    Path(PathBuf),
    /// It came as this upload.
    Upload(String),
}

/// Where reports go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reports {
    /// Into the folder of imports, one for each pass.
    InFolder,
    /// Into these files; the import writes over what the validation wrote.
    Files {
        /// Every record.
        outcome: Option<PathBuf>,
        /// Failed records.
        reject: Option<PathBuf>,
    },
}

/// What a new job is to do.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Who wants it.
    pub owner: String,
    /// Import or Delete.
    pub kind: JobKind,
    /// All choices.
    pub profile: ImportProfile,
    /// Where contacts go.
    pub list: ListTarget,
    /// What is read.
    pub file: FileSource,
    /// What its user calls the file; `None` = its name.
    pub file_name: Option<String>,
    /// Where reports go.
    pub reports: Reports,
    /// Goes on by itself when it is validated.
    pub auto_continue: bool,
    /// Ends when it is validated; nothing is stored.
    pub dry_run: bool,
    /// The caller's own name for the request, and SHA-256 of what it said.
    pub idempotency: Option<(String, String)>,
    /// Anything that an interface wants to find again, as JSON.
    pub extra: String,
}

impl NewJob {
    /// An import that goes on by itself.
    #[must_use]
    pub fn new(owner: &str, profile: ImportProfile, list: ListTarget, file: FileSource) -> Self {
        Self {
            owner: owner.to_owned(),
            kind: JobKind::Import,
            profile,
            list,
            file,
            file_name: None,
            reports: Reports::InFolder,
            auto_continue: true,
            dry_run: false,
            idempotency: None,
            extra: String::new(),
        }
    }
}

/// Contacts and imports. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ImportService {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn ContactStore>,
    settings: ImportSettings,
    running: Mutex<HashMap<String, Running>>,
    slots: Semaphore,
    lists: Mutex<HashMap<i64, Arc<tokio::sync::Mutex<()>>>>,
    stopping: AtomicBool,
}

/// A job that has a task.
#[derive(Clone, Debug)]
struct Running {
    cancel: Arc<AtomicBool>,
    /// Somebody has moved the job on while its task was about to end.
    again: Arc<AtomicBool>,
    status: watch::Receiver<JobStatus>,
}

/// Milliseconds since 1970 UTC.
fn now_ms() -> i64 {
    let since = wall::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl ImportService {
    /// On a store. Jobs that were interrupted go on with [`Self::resume_all`].
    #[must_use]
    pub fn new(store: Arc<dyn ContactStore>, settings: ImportSettings) -> Self {
        let slots = Semaphore::new(settings.jobs_at_once.max(1));
        Self {
            inner: Arc::new(Inner {
                store,
                settings,
                running: Mutex::default(),
                slots,
                lists: Mutex::default(),
                stopping: AtomicBool::new(false),
            }),
        }
    }

    /// The store behind it, for what needs no rule.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn ContactStore> {
        &self.inner.store
    }

    /// Reads phones.
    #[must_use]
    pub fn phones(&self) -> &dyn PhoneLibrary {
        &*self.inner.settings.phones
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.inner.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a job and starts it. Format, header and mapping of the file are looked at first, so that a file that
    /// cannot be read makes no job.
    ///
    /// # Errors
    /// [`ImportError`]
    pub async fn create(&self, new: NewJob) -> Answer<ImportJob> {
        self.check_room()?;
        let idempotency = new.idempotency.clone();
        let job = self.prepare(new).await?;
        let id = job.id.clone();
        let job = self.inner.store.create_job(job).await?;
        if let (Some((_, wanted)), Some((_, stored))) = (&idempotency, &job.spec.idempotency)
            && wanted != stored
        {
            let what = "the subject has used this idempotency key before";
            return Err(StoreError::new(StoreErrorKind::KeyUsed, what).into());
        }
        if job.id == id {
            self.start(&job);
        }
        Ok(job)
    }

    /// Whether one more job may wait.
    fn check_room(&self) -> Answer<()> {
        let waiting = self.running().len().saturating_sub(self.inner.settings.jobs_at_once);
        if waiting >= self.inner.settings.jobs_waiting { Err(ImportError::Busy(waiting)) } else { Ok(()) }
    }

    /// Everything of a job but its number.
    async fn prepare(&self, mut new: NewJob) -> Answer<ImportJob> {
        if !matches!(new.kind, JobKind::Import | JobKind::Delete) {
            return Err(ImportError::Settings(format!("a job of kind {} reads no file", new.kind.slug())));
        }
        let (file, label, upload) = match new.file {
            FileSource::Path(path) => {
                let label = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                (path, label, None)
            }
            FileSource::Upload(id) => {
                let upload = self.upload(&id).await?;
                if upload.bytes.is_none() {
                    return Err(ImportError::Settings(format!("upload {id} is not complete")));
                }
                (self.upload_path(&id)?, upload.file_name, Some(id))
            }
        };
        if matches!(new.profile.source, SourceKind::Native | SourceKind::External)
            && new.profile.default_country.is_empty()
        {
            new.profile.default_country.clone_from(&self.inner.settings.default_country);
        }
        new.profile = self.fitted(file.clone(), new.profile).await?;
        let made_list = match &new.list {
            ListTarget::Named { name, create: true } => match self.list_by_name(name).await {
                Err(ImportError::Unknown { .. }) => Some(name.clone()),
                found => found.map(|_| None)?,
            },
            _ => None,
        };
        let list = self.target(&new.list, &file, &new.profile).await?;
        self.inspect(file.clone(), new.profile.clone(), list.clone()).await?;
        let id = Uuid::new_v4().to_string();
        let (outcome, reject, dry_outcome) = match new.reports {
            Reports::Files { outcome, reject } => (outcome, reject, None),
            Reports::InFolder => {
                let folder = self.job_folder(&id)?;
                let file = |name: &str| Some(folder.join(name));
                (file("outcome.csv"), file("reject.csv"), file("dry-run.csv"))
            }
        };
        Ok(ImportJob {
            number: 0,
            id,
            kind: new.kind,
            state: JobState::Created,
            owner: new.owner,
            created_at: now_ms(),
            cancelled_by: None,
            spec: JobSpec {
                profile: new.profile,
                list: list.map(|list| list.number),
                made_list,
                file: Some(file),
                file_name: new.file_name.unwrap_or(label),
                upload,
                outcome,
                reject,
                dry_outcome,
                auto_continue: new.auto_continue,
                dry_run: new.dry_run,
                idempotency: new.idempotency,
                extra: new.extra,
            },
            progress: Progress::default(),
        })
    }

    /// The folder of a job's own files.
    fn job_folder(&self, id: &str) -> Answer<PathBuf> {
        let folder = self.inner.settings.folder.join("jobs").join(id);
        std::fs::create_dir_all(&folder).map_err(|error| ImportError::Io(format!("{}: {error}", folder.display())))?;
        Ok(folder)
    }

    /// Looks at every record and stores nothing, not even a job. Reports go where `new` says.
    ///
    /// # Errors
    /// [`ImportError`]
    pub async fn dry_run(&self, new: NewJob, told: &watch::Sender<JobStatus>) -> Answer<ImportJob> {
        let mut job = self.prepare(NewJob { dry_run: true, ..new }).await?;
        job.state = JobState::Validating;
        let cancel = Arc::new(AtomicBool::new(false));
        let done = self.validate(&mut job, &cancel, told).await;
        if let Some(folder) = self.verdicts(&job.id).parent() {
            let _ = std::fs::remove_file(self.verdicts(&job.id));
            let _ = std::fs::remove_dir(folder); // only when nothing else lies there
        }
        self.unmake_list(&job).await;
        done?;
        Ok(job)
    }

    /// One job.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn job(&self, id: &str) -> Answer<ImportJob> {
        self.inner.store.job(id).await?.ok_or_else(|| ImportError::unknown("job", id))
    }

    /// Jobs from the newest on; `before` = with smaller numbers.
    ///
    /// # Errors
    /// The store.
    pub async fn jobs(&self, before: Option<i64>, most: usize) -> Answer<Vec<ImportJob>> {
        Ok(self.inner.store.jobs(before, most, false).await?)
    }

    /// How a job goes, as it goes. The channel closes when nothing runs any more.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn watch(&self, id: &str) -> Answer<watch::Receiver<JobStatus>> {
        if let Some(running) = self.running().get(id) {
            return Ok(running.status.clone());
        }
        let job = self.job(id).await?;
        Ok(watch::channel(JobStatus::of(&job)).1)
    }

    /// Waits until a job has ended, or waits for somebody to let it go on.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn wait(&self, id: &str) -> Answer<ImportJob> {
        let mut status = self.watch(id).await?;
        while status.changed().await.is_ok() {}
        self.job(id).await
    }

    /// Lets a validated job go on.
    ///
    /// # Errors
    /// [`ImportError::State`] in every other state, and for a dry run.
    pub async fn continue_job(&self, id: &str, who: &str) -> Answer<ImportJob> {
        if self.job(id).await?.spec.dry_run {
            return Err(ImportError::State { state: JobState::Validated, wanted: "go on: it is a dry run" });
        }
        let who = who.to_owned();
        let job = self.shift(id, JobEvent::Continue, "go on", move |job| {
            job.progress.continued_by = Some(who);
            job.progress.step = Some(crate::store::contacts::Step::Importing);
        });
        let job = job.await?;
        self.start(&job);
        Ok(job)
    }

    /// Has a failed job try its step again.
    ///
    /// # Errors
    /// [`ImportError::State`] in every other state.
    pub async fn retry(&self, id: &str, who: &str) -> Answer<ImportJob> {
        let who = who.to_owned();
        let job = self.shift(id, JobEvent::Retry, "try again", move |job| {
            job.progress.failure = None;
            job.progress.ended_at = None;
            if job.progress.step == Some(crate::store::contacts::Step::Importing) {
                job.progress.continued_by.get_or_insert(who);
            }
        });
        let job = job.await?;
        self.start(&job);
        Ok(job)
    }

    /// Stops a job; what is committed stays.
    ///
    /// # Errors
    /// [`ImportError::State`] in a final state.
    pub async fn cancel(&self, id: &str, who: &str) -> Answer<ImportJob> {
        let job = self.job(id).await?;
        let runs = self.running().get(id).map(|running| Arc::clone(&running.cancel));
        if let (Some(cancel), JobState::Validating | JobState::Importing) = (&runs, job.state) {
            let who = who.to_owned();
            let mark = Box::new(move |job: &mut ImportJob| {
                job.cancelled_by = Some(who);
                true
            });
            self.inner.store.change_job(id, mark).await?;
            cancel.store(true, Ordering::Release);
            return self.job(id).await;
        }
        let who = who.to_owned();
        self.shift(id, JobEvent::Cancel, "be cancelled", move |job| {
            job.cancelled_by = Some(who);
            cancelled(&mut job.progress);
        })
        .await
    }

    /// Takes back what a job did. Contacts that were changed or dialed since stay, and are listed.
    ///
    /// # Errors
    /// [`ImportError::State`] while it is not in a final state.
    pub async fn undo(&self, id: &str) -> Answer<Undone> {
        let job = self.job(id).await?;
        if !job.state.is_final() || self.running().contains_key(id) {
            return Err(ImportError::State { state: job.state, wanted: "be undone" });
        }
        let lock = self.list_lock(job.spec.list);
        let _turn = lock.lock().await;
        loop {
            let undone = self.inner.store.undo_some(job.number, PIECE, now_ms()).await?;
            if undone.finished {
                return Ok(undone);
            }
        }
    }

    /// Goes on with a job that was interrupted.
    ///
    /// # Errors
    /// [`ImportError::State`] when it is in a state in which nothing runs.
    pub async fn resume(&self, id: &str) -> Answer<ImportJob> {
        let job = self.job(id).await?;
        match job.state {
            JobState::Created | JobState::Validating | JobState::Importing => {}
            JobState::Validated if job.spec.auto_continue || job.spec.dry_run => {}
            state => return Err(ImportError::State { state, wanted: "be taken up again" }),
        }
        if self.running().contains_key(id) {
            return Ok(job);
        }
        if job.state != JobState::Created {
            let count = Box::new(|job: &mut ImportJob| {
                job.progress.resumes = job.progress.resumes.saturating_add(1);
                true
            });
            self.inner.store.change_job(id, count).await?;
        }
        self.start(&job);
        self.job(id).await
    }

    /// Goes on with every job that was interrupted, oldest first; how many.
    ///
    /// # Errors
    /// The store.
    pub async fn resume_all(&self) -> Answer<usize> {
        let mut open = Vec::new();
        let mut before = None;
        loop {
            let page = self.inner.store.jobs(before, 100, true).await?;
            let Some(last) = page.last() else { break };
            before = Some(last.number);
            open.extend(page);
        }
        let mut resumed = 0;
        for job in open.into_iter().rev() {
            // Those that wait for somebody go on waiting, and so do those of another kind.
            if matches!(job.kind, JobKind::Import | JobKind::Delete | JobKind::Clear)
                && self.resume(&job.id).await.is_ok()
            {
                resumed += 1;
            }
        }
        Ok(resumed)
    }

    /// Has every running job stop behind the batch in hand; they keep their states. Waits until they have.
    pub async fn stop(&self) {
        self.inner.stopping.store(true, Ordering::Release);
        let running: Vec<Running> = self.running().values().cloned().collect();
        for mut job in running {
            while job.status.changed().await.is_ok() {}
        }
        if self.inner.settings.temporary {
            // Often nothing was ever written there.
            let _ = std::fs::remove_dir_all(&self.inner.settings.folder);
        }
    }

    fn list_lock(&self, list: Option<i64>) -> Arc<tokio::sync::Mutex<()>> {
        let mut lists = self.inner.lists.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lists.entry(list.unwrap_or(0)).or_default())
    }

    /// Moves a job along the table of states.
    async fn shift(
        &self,
        id: &str,
        event: JobEvent,
        wanted: &'static str,
        then: impl FnOnce(&mut ImportJob) + Send + 'static,
    ) -> Answer<ImportJob> {
        let refused = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&refused);
        let change = Box::new(move |job: &mut ImportJob| match job.state.after(event, job.progress.step) {
            Some(next) => {
                job.state = next;
                then(job);
                if next.is_final() {
                    job.progress.ended_at = Some(now_ms());
                }
                true
            }
            None => {
                told.store(true, Ordering::Release);
                false
            }
        });
        let job = self.inner.store.change_job(id, change).await?;
        let job = job.ok_or_else(|| ImportError::unknown("job", id))?;
        if refused.load(Ordering::Acquire) {
            return Err(ImportError::State { state: job.state, wanted });
        }
        Ok(job)
    }
}

/// The law of counts for a job that is cancelled while nothing runs: what the validation saw and nobody stored.
fn cancelled(progress: &mut Progress) {
    let seen = progress.counts.records();
    let rest = progress.validation.records().saturating_sub(seen);
    let before_start = progress.validation.before_start.saturating_sub(progress.counts.before_start);
    let counts = &mut progress.counts;
    counts.before_start = counts.before_start.saturating_add(before_start);
    counts.not_reached = counts.not_reached.saturating_add(rest.saturating_sub(before_start));
    counts.blank_lines = counts.blank_lines.max(progress.validation.blank_lines);
    let last_record = progress.cursor.record;
    progress.stopped.get_or_insert(Stop { reason: StopReason::Cancelled, last_record });
}
