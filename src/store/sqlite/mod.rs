//! SQLite: one file, one writer thread, readers beside it.

mod apply;
mod contacts;
mod evidence;
mod heads;
mod offline;
mod open;
mod requests;
mod sequences;
mod tables;
#[cfg(test)]
mod tests;
mod upkeep;
mod value;
mod writer;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use futures_util::FutureExt as _;
use rusqlite::Connection;
use tokio::sync::{Semaphore, mpsc, oneshot};

pub use heads::heads_in;
pub use offline::{Restored, backup_offline, check_copy, check_offline, restore};
pub use open::{Files, SCHEMA, pragmas, version};

use crate::engine::PairState;
use crate::engine::RequestNumber;
use crate::engine::RequestRecord;
use crate::engine::ocs::Record;
use crate::message::AppDbid;
use crate::protocol::UtcTime;
use crate::protocol::requester::EchoKnowledge;
use crate::store::contacts::ContactStore;
use crate::store::sequences::SequenceStore;
use crate::store::{
    ApiKey, AuditQuery, Audited, CheckReport, Counts, DncEvidence, DncQuery, Hash, Head, KeyHeld, LastNumbers,
    ListedDnc, Pending, Purged, Receipt, Report, RequestPage, Retention, StopWish, Store, StoreError, StoreErrorKind,
    StoreStats, StoredAlarm, StoredList, StoredRequest, Verify, Write,
};
use apply::Ledger;
use heads::HeadsFile;
use open::Lock;
use writer::{Batch, Job, Standing, Writer};

/// How a store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Batches that may wait for the writer; one more waits at its caller.
    pub queue_max: usize,
    /// Readers at a time.
    pub readers: usize,
    /// Most pages of 4 KiB; `None` = what the disk has.
    pub pages_max: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self { queue_max: 8_192, readers: 4, pages_max: None }
    }
}

/// A store in an SQLite file, or in memory. Cheap to clone; it closes with its last handle.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    name: Arc<str>,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    standing: Arc<Standing>,
    queue_max: usize,
    /// `None` for a store in memory: its one connection is the writer's.
    readers: Option<Readers>,
    files: Option<Files>,
}

struct Readers {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
    places: Arc<Semaphore>,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteStore({})", self.inner.name)
    }
}

impl SqliteStore {
    /// Opens the store of a folder (`commdn.sqlite` in it), or of a file `*.sqlite`; what is not there is made.
    ///
    /// # Errors
    /// In use by another process, damaged, newer than this program, or not readable; each with its remedy.
    pub fn open(path: &Path, options: Options) -> Result<Self, StoreError> {
        let files = Files::of(path);
        if let Some(folder) = files.database.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|error| StoreError::new(StoreErrorKind::Io, format_args!("{}: {error}", folder.display())))?;
        }
        let lock = Lock::take(&files)?;
        let ledger = Ledger::new(open::open_writer(&files.database, options.pages_max)?)?;
        compare_heads(&files, &ledger)?;
        let heads = HeadsFile::open(&files.heads, ledger.heads)?;
        let readers = Readers {
            file: files.database.clone(),
            idle: Mutex::default(),
            places: Arc::new(Semaphore::new(options.readers.max(1))),
        };
        Self::start(files.database.display().to_string(), ledger, Some((heads, lock, readers, files)), options)
    }

    /// A store that is gone with its last handle.
    ///
    /// # Errors
    /// Only when there is no memory.
    pub fn in_memory(options: Options) -> Result<Self, StoreError> {
        Self::start("in memory".into(), Ledger::new(open::open_memory(options.pages_max)?)?, None, options)
    }

    fn start(
        name: String,
        ledger: Ledger,
        disk: Option<(HeadsFile, Lock, Readers, Files)>,
        options: Options,
    ) -> Result<Self, StoreError> {
        let queue_max = options.queue_max.max(1);
        let (jobs, queue) = mpsc::channel(queue_max);
        let standing = Arc::new(Standing::default());
        let (mut readers, mut files, mut heads, mut lock) = (None, None, None, None);
        if let Some(disk) = disk {
            (heads, lock, readers, files) = (Some(disk.0), Some(disk.1), Some(disk.2), Some(disk.3));
        }
        let seen = Arc::clone(&standing);
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || Writer { ledger, heads, standing: &seen, broken: None, _lock: lock }.run(queue))
            .map_err(|error| StoreError::new(StoreErrorKind::Io, format_args!("writer thread: {error}")))?;
        let name = name.into();
        let (jobs, thread) = (Mutex::new(Some(jobs)), Mutex::new(Some(thread)));
        Ok(Self { inner: Arc::new(Inner { name, jobs, thread, standing, queue_max, readers, files }) })
    }

    /// The files it lies in; `None` in memory.
    #[must_use]
    pub fn files(&self) -> Option<&Files> {
        self.inner.files.as_ref()
    }

    /// Puts a job into the queue now, and what it answers into a future; only when the queue is full, once that runs.
    fn ask<T: Send + 'static>(&self, job: Job, answer: oneshot::Receiver<Result<T, StoreError>>) -> Pending<T> {
        let jobs = self.inner.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let name = Arc::clone(&self.inner.name);
        let left = match jobs.as_ref().map(|jobs| jobs.try_send(job)) {
            Some(Err(mpsc::error::TrySendError::Full(job))) => jobs.zip(Some(job)),
            // A job that is dropped drops its reply, and that is what the future finds.
            Some(Ok(()) | Err(mpsc::error::TrySendError::Closed(_))) | None => None,
        };
        async move {
            if let Some((jobs, job)) = left {
                jobs.send(job).await.map_err(|_| closed(&name))?;
            }
            answer.await.map_err(|_| closed(&name))?
        }
        .boxed()
    }

    /// Does something on the writer's connection.
    fn with_writer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Ledger) -> Result<T, StoreError> + Send + 'static,
    ) -> Pending<T> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Run(Box::new(move |ledger| {
            let _ = reply.send(work(ledger)); // who asked may be gone
        }));
        self.ask(job, answer)
    }

    /// Reads one state of the store, beside the writer where there is a file.
    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Pending<T> {
        let Some(readers) = &self.inner.readers else { return self.with_writer(|ledger| work(&ledger.db)) };
        let (places, inner) = (Arc::clone(&readers.places), Arc::clone(&self.inner));
        async move {
            let place = places.acquire_owned().await.map_err(|_| closed(&inner.name))?;
            let done = tokio::task::spawn_blocking(move || {
                let _place = place;
                let Some(readers) = &inner.readers else { return Err(closed(&inner.name)) };
                readers.run(work)
            });
            done.await.map_err(|error| StoreError::new(StoreErrorKind::Internal, error))?
        }
        .boxed()
    }

    fn kept_heads(&self) -> Vec<Head> {
        let kept = self.inner.files.as_ref().and_then(|files| heads::read(&files.heads).ok().flatten());
        kept.map(|(_, heads)| heads.to_vec()).unwrap_or_default()
    }
}

fn closed(name: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Closed, format_args!("the store {name} is closed"))
}

impl Readers {
    fn run<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let db = match idle {
            Some(db) => db,
            None => open::open_reader(&self.file)?,
        };
        let whole = |error: rusqlite::Error| value::failed("read", &error);
        db.execute_batch("BEGIN").map_err(whole)?;
        let found = work(&db);
        db.execute_batch("COMMIT").map_err(whole)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(db);
        found
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(readers) = &self.readers {
            readers.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Somebody may open the file again at once; the thread has nothing left to wait for.
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

/// A database that ends before its heads file says has lost acknowledged rows.
fn compare_heads(files: &Files, ledger: &Ledger) -> Result<(), StoreError> {
    let kept = heads::read(&files.heads)
        .map_err(|error| StoreError::new(StoreErrorKind::Io, format_args!("{}: {error}", files.heads.display())))?;
    let Some((_, kept)) = kept else { return Ok(()) };
    for (kept, found) in kept.iter().zip(&ledger.heads) {
        if found.count < kept.count || (found.count == kept.count && found.hash != kept.hash) {
            let what = format!(
                "{}: the chain {} ends at row {}, and {} names row {} as its last or with another hash",
                files.database.display(),
                kept.chain.slug(),
                found.count,
                files.heads.display(),
                kept.count
            );
            return Err(StoreError {
                kind: StoreErrorKind::Damaged,
                what,
                remedy: "rows that were acknowledged are gone: put a newer backup back, or move the heads file away \
                         to go on without them",
            });
        }
    }
    Ok(())
}

impl Store for SqliteStore {
    fn contacts(&self) -> Arc<dyn ContactStore> {
        Arc::new(self.clone())
    }

    fn sequences(&self) -> Arc<dyn SequenceStore> {
        Arc::new(self.clone())
    }

    fn commit_shared(&self, writes: Vec<Arc<Write>>) -> Pending<Receipt> {
        let (reply, answer) = oneshot::channel();
        self.ask(Job::Commit(Batch { writes, reply }), answer)
    }

    fn last_numbers(&self) -> Pending<LastNumbers> {
        self.read(requests::last_numbers)
    }

    fn request(&self, number: RequestNumber) -> Pending<Option<StoredRequest>> {
        self.read(move |db| requests::request(db, number))
    }

    fn dead_letters(&self, after: Option<RequestNumber>, most: usize) -> Pending<Vec<StoredRequest>> {
        self.read(move |db| requests::dead_letters(db, after, most))
    }

    fn requests(&self, page: RequestPage) -> Pending<Vec<RequestRecord>> {
        self.read(move |db| requests::requests(db, page))
    }

    fn restored(&self, marked_since: UtcTime) -> Pending<Vec<StoredRequest>> {
        self.read(move |db| requests::restored(db, marked_since))
    }

    fn key_held(&self, subject: &str, key: &str) -> Pending<Option<KeyHeld>> {
        let (subject, key) = (subject.to_owned(), key.to_owned());
        self.read(move |db| requests::key_held(db, &subject, &key))
    }

    fn stop_wishes(&self) -> Pending<Vec<StopWish>> {
        self.read(tables::stop_wishes)
    }

    fn alarms(&self) -> Pending<Vec<StoredAlarm>> {
        self.read(tables::alarms)
    }

    fn echoes(&self) -> Pending<Vec<(AppDbid, EchoKnowledge)>> {
        self.read(tables::echoes)
    }

    fn states(&self) -> Pending<Vec<PairState>> {
        self.read(tables::states)
    }

    fn counts(&self) -> Pending<Counts> {
        self.read(tables::counts)
    }

    fn dnc(&self, request: RequestNumber) -> Pending<Option<DncEvidence>> {
        self.read(move |db| evidence::one(db, request))
    }

    fn dnc_entries(&self, query: DncQuery) -> Pending<Vec<DncEvidence>> {
        self.read(move |db| evidence::entries(db, &query))
    }

    fn dnc_list(&self, ocs: Option<AppDbid>, after: u64, most: usize) -> Pending<Vec<(u64, ListedDnc)>> {
        self.read(move |db| tables::dnc_list(db, ocs, after, most))
    }

    fn audit(&self, query: AuditQuery) -> Pending<Vec<Audited>> {
        self.read(move |db| tables::audit(db, &query))
    }

    fn api_key(&self, sha256: Hash) -> Pending<Option<ApiKey>> {
        self.read(move |db| tables::api_key(db, &sha256))
    }

    fn api_keys(&self) -> Pending<Vec<ApiKey>> {
        self.read(tables::api_keys)
    }

    fn lists(&self) -> Pending<Vec<StoredList>> {
        self.read(tables::lists)
    }

    fn records(&self, list: &str, after: Option<i32>, most: usize) -> Pending<Vec<Record>> {
        let list = list.to_owned();
        self.read(move |db| tables::records(db, &list, after, most))
    }

    fn heads(&self) -> Pending<Vec<Head>> {
        self.read(|db| Ok(apply::read_heads(db)?.to_vec()))
    }

    fn verify(&self, what: Verify) -> Pending<Report> {
        // Read before the database: the file is never ahead of it.
        let kept = what.head.map_or_else(|| self.kept_heads(), |head| vec![head]);
        self.read(move |db| evidence::verify(db, what.chain, &kept))
    }

    fn check(&self) -> Pending<CheckReport> {
        let kept = self.kept_heads();
        self.read(move |db| upkeep::check(db, &kept))
    }

    fn purge(&self, what: Retention) -> Pending<Purged> {
        let store = self.clone();
        async move {
            let mut purged = Purged::default();
            loop {
                let (more, so_far) = store
                    .with_writer(move |ledger| {
                        let more = upkeep::purge_some(ledger, &what, &mut purged)?;
                        Ok((more, purged))
                    })
                    .await?;
                purged = so_far;
                if !more {
                    return Ok(purged);
                }
            }
        }
        .boxed()
    }

    fn backup(&self, file: PathBuf) -> Pending<()> {
        self.read(move |db| upkeep::backup(db, &file))
    }

    fn stats(&self) -> StoreStats {
        let mut stats = self.inner.standing.look().0;
        let jobs = self.inner.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let free = jobs.as_ref().map_or(self.inner.queue_max, mpsc::Sender::capacity);
        stats.queued = self.inner.queue_max.saturating_sub(free) as u64;
        stats
    }

    fn trouble(&self) -> Option<StoreError> {
        self.inner.standing.look().1.clone()
    }

    fn close(&self) -> Pending<()> {
        let inner = Arc::clone(&self.inner);
        async move {
            let done = tokio::task::spawn_blocking(move || {
                if let Some(readers) = &inner.readers {
                    readers.places.close();
                    readers.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
                }
                inner.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(thread) = inner.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    let _ = thread.join(); // what it had to say was said to those who waited
                }
            });
            done.await.map_err(|error| StoreError::new(StoreErrorKind::Internal, error))
        }
        .boxed()
    }
}
