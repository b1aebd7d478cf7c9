//! The task of a job: its turn, its passes, its states.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use tokio::sync::{mpsc, watch};

use crate::contact::{MatchKey, MatchScope, OnMatch, SourceKind};
use crate::service::import::error::{Answer, ImportError};
use crate::service::import::sink::{FileSink, Pass, SinkFiles, finish};
use crate::service::import::source::{Source, sha256_of};
use crate::service::import::{ImportService, JobStatus, Running, now_ms};
use crate::store::contacts::{
    Batch, Context, Cursor, DryRun, Feed, ImportJob, JobEvent, JobKind, JobState, Piece, Progress, Sink, Step, Stop,
    StopReason, TRANSACTION_RECORDS_MAX,
};
use crate::store::{StoreError, StoreErrorKind};

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// At the end of the file.
    Whole,
    /// The service stops; the job goes on later.
    Interrupted,
}

/// What is known of a file without reading it.
type Look = (u64, Option<SystemTime>);

/// Why a pass did not come to its end.
fn join(error: &tokio::task::JoinError) -> ImportError {
    StoreError::new(StoreErrorKind::Internal, format_args!("a thread of the import: {error}")).into()
}

impl ImportService {
    /// Gives a job a task of its own, or has the one that it has look again.
    pub(super) fn start(&self, job: &ImportJob) {
        let mut all = self.running();
        if let Some(known) = all.get(&job.id) {
            known.again.store(true, Ordering::Release);
            return;
        }
        let (told, status) = watch::channel(JobStatus::of(job));
        let cancel = Arc::new(AtomicBool::new(job.cancelled_by.is_some()));
        let again = Arc::new(AtomicBool::new(false));
        all.insert(job.id.clone(), Running { cancel: Arc::clone(&cancel), again: Arc::clone(&again), status });
        drop(all);
        let (service, id, list) = (self.clone(), job.id.clone(), job.spec.list);
        tokio::spawn(async move {
            loop {
                service.turn(&id, list, &cancel, &told).await;
                // Under one lock with `start`, so that nobody is told to look again who has gone.
                let mut all = service.running();
                if !again.swap(false, Ordering::AcqRel) {
                    all.remove(&id);
                    break;
                }
            }
            drop(told); // whoever waits finds the state in the store
        });
    }

    async fn turn(&self, id: &str, list: Option<i64>, cancel: &Arc<AtomicBool>, told: &watch::Sender<JobStatus>) {
        let lock = self.list_lock(list);
        let _list = lock.lock().await;
        let Ok(_slot) = self.inner.slots.acquire().await else { return };
        let mut seen = None;
        loop {
            if self.inner.stopping.load(Ordering::Acquire) {
                return;
            }
            match self.step(id, cancel, told, &mut seen).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(job = id, %error, "the import has failed");
                    let why = error.to_string();
                    let failed = self.shift(id, JobEvent::Fail, "fail", move |job| job.progress.failure = Some(why));
                    match failed.await {
                        Ok(job) => tell(told, &job),
                        Err(error) => tracing::error!(job = id, %error, "that the import failed was not stored"),
                    }
                    return;
                }
            }
        }
    }

    /// One step of a job; false = nothing more is to be done now.
    async fn step(
        &self,
        id: &str,
        cancel: &Arc<AtomicBool>,
        told: &watch::Sender<JobStatus>,
        seen: &mut Option<Look>,
    ) -> Answer<bool> {
        let mut job = self.job(id).await?;
        tell(told, &job);
        match job.state {
            JobState::Created => {
                let begin = |job: &mut ImportJob| {
                    job.progress.started_at = Some(now_ms());
                    job.progress.step = Some(Step::Validating);
                };
                self.shift(id, JobEvent::Start, "start", begin).await?;
                Ok(true)
            }
            JobState::Validating => {
                let look = look_at(&job)?;
                if self.validate(&mut job, cancel, told).await? == Ended::Interrupted {
                    return Ok(false);
                }
                *seen = Some(look);
                self.validated(job).await.map(|_| true)
            }
            JobState::Validated if job.spec.dry_run => {
                // A dry run has nothing to wait for. It is complete without a second pass.
                let change = Box::new(|job: &mut ImportJob| {
                    job.state = JobState::Completed;
                    job.progress.ended_at = Some(now_ms());
                    true
                });
                let job = self.inner.store.change_job(id, change).await?;
                if let Some(job) = &job {
                    self.unmake_list(job).await;
                    tell(told, job);
                }
                Ok(false)
            }
            JobState::Failed | JobState::Cancelled if job.spec.dry_run => {
                self.unmake_list(&job).await;
                Ok(false)
            }
            JobState::Validated if job.spec.auto_continue => {
                let begin = |job: &mut ImportJob| {
                    job.progress.continued_by = Some(job.owner.clone());
                    job.progress.step = Some(Step::Importing);
                };
                self.shift(id, JobEvent::Continue, "go on", begin).await?;
                Ok(true)
            }
            JobState::Importing if job.kind == JobKind::Clear => self.clear_on(&job, cancel, told).await,
            JobState::Importing => {
                if self.import(&mut job, cancel, told, *seen).await? == Ended::Interrupted {
                    return Ok(false);
                }
                self.imported(job).await.map(|_| true)
            }
            JobState::Validated | JobState::Completed | JobState::Failed | JobState::Cancelled => Ok(false),
        }
    }

    /// What follows a validation that saw the whole file.
    async fn validated(&self, job: ImportJob) -> Answer<ImportJob> {
        let (profile, progress) = (&job.spec.profile, job.progress.clone());
        let failed = progress.validation.failed;
        let reason = match progress.stopped.map(|stop| stop.reason) {
            Some(StopReason::Cancelled) => {
                return self.shift(&job.id, JobEvent::Cancel, "be cancelled", move |job| job.progress = progress).await;
            }
            // The records in front of the stop are loaded (specification 1.2).
            Some(StopReason::MaxErrors) if profile.source == SourceKind::Ucs => None,
            Some(StopReason::MaxErrors) => Some(format!("too many records fail: {failed} of those looked at")),
            None if profile.atomic && failed > 0 => Some(format!("{failed} records fail, and all or none is wanted")),
            None => None,
        };
        let event = if reason.is_some() { JobEvent::Fail } else { JobEvent::Validated };
        let keep = move |job: &mut ImportJob| {
            let stopped = progress.stopped;
            job.progress = progress;
            job.progress.validated_at = Some(now_ms());
            // The import finds its own end.
            job.progress.stopped = stopped.filter(|_| reason.is_some());
            job.progress.failure = reason;
        };
        self.shift(&job.id, event, "be validated", keep).await
    }

    /// What follows an import that saw the whole file.
    async fn imported(&self, job: ImportJob) -> Answer<ImportJob> {
        let progress = job.progress.clone();
        let failed = progress.counts.failed;
        let (event, reason) = match progress.stopped.map(|stop| stop.reason) {
            Some(StopReason::Cancelled) => (JobEvent::Cancel, None),
            Some(StopReason::MaxErrors) if job.spec.profile.source != SourceKind::Ucs => {
                (JobEvent::Fail, Some(format!("too many records fail: {failed} of those looked at")))
            }
            Some(StopReason::MaxErrors) | None => (JobEvent::Complete, None),
        };
        let keep = move |job: &mut ImportJob| {
            job.progress = progress;
            job.progress.failure = reason;
        };
        self.shift(&job.id, event, "end", keep).await
    }

    /// Makes all of a job's choices ready for the store.
    async fn context(&self, job: &ImportJob) -> Answer<Context> {
        let list = match job.spec.list {
            Some(number) => Some(self.list_by_number(number).await?.list),
            None => None,
        };
        let context = Context {
            job: (job.number != 0).then_some(job.number),
            job_id: Some(job.id.clone()),
            profile: job.spec.profile.clone(),
            list,
            delete: job.kind == JobKind::Delete,
            zones: self.inner.settings.zones.clone(),
        };
        self.ready_keys(&context).await?;
        Ok(context)
    }

    /// Has the store index what contacts are found by.
    pub(super) async fn ready_keys(&self, context: &Context) -> Answer<()> {
        let profile = &context.profile;
        if profile.on_match == OnMatch::CreateAlways || context.delete {
            return Ok(());
        }
        let needs = |key: &&MatchKey| match key {
            MatchKey::Id => profile.scope != MatchScope::List,
            _ => true,
        };
        let keys: Vec<MatchKey> = profile.match_keys.iter().filter(needs).cloned().collect();
        if keys.is_empty() {
            return Ok(());
        }
        Ok(self.inner.store.index_keys(keys, email_columns(context)).await?)
    }

    /// Where a validation leaves what it said of each record.
    pub(super) fn verdicts(&self, id: &str) -> PathBuf {
        self.inner.settings.folder.join("jobs").join(id).join("verdicts")
    }

    /// The first pass: nothing is written. The job's progress says what was found.
    pub(super) async fn validate(
        &self,
        job: &mut ImportJob,
        cancel: &Arc<AtomicBool>,
        told: &watch::Sender<JobStatus>,
    ) -> Answer<Ended> {
        let context = Arc::new(self.context(job).await?);
        let source = self.source(job, &context).await?;
        self.job_folder(&job.id)?;
        let files = SinkFiles {
            outcome: job.spec.dry_outcome.clone().or_else(|| job.spec.outcome.clone()),
            reject: job.spec.reject.clone(),
            verdicts: Some(self.verdicts(&job.id)),
        };
        let sink = sink(&files, Pass::Validation, (0, 0), &source)?;
        let dry = self.inner.store.dry_run().await?;
        let progress = Progress {
            step: Some(Step::Validating),
            size: source.size,
            encoding: encoding_of(&source),
            delimiter: Some(char::from(source.format.delimiter)),
            stopped: None,
            counts: crate::contact::Counts::default(),
            cursor: Cursor::default(),
            failure: None,
            ..job.progress.clone()
        };
        let piece = Piece { context, batch: Batch::default(), next: 0, feed: Feed::none(), progress, sink };
        let mut pass = PassTask { service: self, to: To::Picture(Some(dry)), cancel, told, began: Instant::now() };
        let (mut piece, ended, sha256) = pass.run(piece, source, &job.id, job.state).await?;
        let lengths = finish(&mut *piece.sink, &files).map_err(|error| ImportError::Io(error.to_string()))?;
        tracing::debug!(job = %job.id, ?lengths, "validated");
        let found = piece.progress;
        job.progress = Progress {
            validation: found.counts,
            counts: crate::contact::Counts::default(),
            cursor: Cursor::default(),
            sha256,
            contacts: None,
            images: 0,
            cancellations: 0,
            ..found
        };
        if job.progress.stopped.is_some_and(|stop| stop.reason == StopReason::Cancelled) {
            let stopped = job.progress.stopped.take();
            super::cancelled(&mut job.progress);
            job.progress.stopped = stopped;
        }
        Ok(ended)
    }

    /// The second pass, from its cursor on.
    async fn import(
        &self,
        job: &mut ImportJob,
        cancel: &Arc<AtomicBool>,
        told: &watch::Sender<JobStatus>,
        seen: Option<Look>,
    ) -> Answer<Ended> {
        let look = look_at(job)?;
        if look.0 != job.progress.size {
            return Err(ImportError::FileChanged(format!("{} bytes, expected {}", look.0, job.progress.size)));
        }
        if seen != Some(look) {
            self.compare_hash(job).await?;
        }
        let context = Arc::new(self.context(job).await?);
        let mut source = self.source(job, &context).await?;
        let cursor = job.progress.cursor;
        source.resume(&job.spec.profile, cursor, job.progress.counts.blank_lines)?;
        source.without_hash();
        let files = SinkFiles {
            outcome: job.spec.outcome.clone(),
            reject: job.spec.reject.clone(),
            verdicts: Some(self.verdicts(&job.id)),
        };
        let reported = job.progress.counts.records().saturating_sub(job.progress.counts.before_start);
        let sink = sink(&files, Pass::Import(reported), (cursor.outcome_len, cursor.reject_len), &source)?;
        let progress = job.progress.clone();
        let piece = Piece { context, batch: Batch::default(), next: 0, feed: Feed::none(), progress, sink };
        let mut pass = PassTask { service: self, to: To::Store, cancel, told, began: Instant::now() };
        let (mut piece, ended, _) = pass.run(piece, source, &job.id, job.state).await?;
        if ended == Ended::Whole {
            let lengths = finish(&mut *piece.sink, &files).map_err(|error| ImportError::Io(error.to_string()))?;
            (piece.progress.cursor.outcome_len, piece.progress.cursor.reject_len) = lengths;
        }
        job.progress = piece.progress;
        Ok(ended)
    }

    async fn compare_hash(&self, job: &ImportJob) -> Answer<()> {
        let Some(path) = job.spec.file.clone() else { return Ok(()) };
        let wanted = job.progress.sha256.clone();
        let found = tokio::task::spawn_blocking(move || sha256_of(&path)).await.map_err(|error| join(&error))?;
        let found = found.map_err(|error| ImportError::Io(error.to_string()))?;
        match wanted {
            Some(wanted) if wanted != found => {
                Err(ImportError::FileChanged(format!("SHA-256 {found}, expected {wanted}")))
            }
            _ => Ok(()),
        }
    }

    async fn source(&self, job: &ImportJob, context: &Arc<Context>) -> Answer<Source> {
        let path = job.spec.file.clone().ok_or_else(|| ImportError::Settings("the job reads no file".into()))?;
        let (context, phones) = (Arc::clone(context), Arc::clone(&self.inner.settings.phones));
        let records = self.inner.settings.batch_records;
        let open = move || -> Answer<Source> {
            let mut source = Source::open(&path, &context.profile, context.list.as_ref(), phones)?;
            source.in_batches_of(records);
            Ok(source)
        };
        tokio::task::spawn_blocking(open).await.map_err(|error| join(&error))?
    }
}

fn sink(files: &SinkFiles, pass: Pass, lengths: (u64, u64), source: &Source) -> Answer<Box<dyn Sink>> {
    let sink = FileSink::open(files, pass, lengths, source.format, &source.header);
    Ok(Box::new(sink.map_err(|error| ImportError::Io(format!("outcome or reject file: {error}")))?))
}

fn encoding_of(source: &Source) -> String {
    let guessed = if source.format.guessed { " (guessed)" } else { "" };
    format!("{}{guessed}", source.format.charset.name())
}

/// The columns of mail addresses that count for an import.
pub(super) fn email_columns(context: &Context) -> Vec<String> {
    let mut emails = context.profile.email_columns.clone();
    for column in context.list.iter().flat_map(|list| &list.email_columns) {
        if !emails.contains(column) {
            emails.push(column.clone());
        }
    }
    emails.sort();
    emails
}

fn look_at(job: &ImportJob) -> Answer<Look> {
    let Some(path) = &job.spec.file else { return Err(ImportError::Settings("the job reads no file".into())) };
    let about = std::fs::metadata(path).map_err(|error| ImportError::Io(format!("{}: {error}", path.display())))?;
    Ok((about.len(), about.modified().ok()))
}

fn tell(told: &watch::Sender<JobStatus>, job: &ImportJob) {
    told.send_replace(JobStatus::of(job));
}

/// Where records are applied.
enum To {
    /// A picture of the store.
    Picture(Option<Box<dyn DryRun>>),
    /// The store.
    Store,
}

/// One pass over a file.
struct PassTask<'a> {
    service: &'a ImportService,
    to: To,
    cancel: &'a Arc<AtomicBool>,
    told: &'a watch::Sender<JobStatus>,
    began: Instant,
}

impl PassTask<'_> {
    /// Reads and applies to the end of the file, or until the service stops.
    async fn run(
        &mut self,
        mut piece: Piece,
        source: Source,
        id: &str,
        state: JobState,
    ) -> Answer<(Piece, Ended, Option<String>)> {
        let before = piece.progress.counts.records();
        // One is filled, four wait, and one is applied.
        let (to, next) = mpsc::channel(4);
        let (give_back, mut back) = mpsc::channel(6);
        let most = self.service.inner.settings.batch_records.min(TRANSACTION_RECORDS_MAX);
        piece.feed = Feed { next, back: give_back, most };
        let reader = tokio::task::spawn_blocking(move || source.run(&to, &mut back));
        let mut ended = Ended::Whole;
        while let Some(batch) = piece.feed.next.recv().await {
            let used = std::mem::replace(&mut piece.batch, batch);
            piece.feed.give_back(used);
            piece.next = 0;
            while !piece.is_done() && ended == Ended::Whole {
                piece = self.apply(piece).await?;
                self.report(&piece.progress, id, state, before);
                if self.service.inner.stopping.load(Ordering::Acquire) {
                    ended = Ended::Interrupted;
                    piece.feed.next.close();
                }
            }
            if ended == Ended::Interrupted {
                break;
            }
        }
        piece.feed = Feed::none();
        let end = reader.await.map_err(|error| join(&error))?.map_err(|error| ImportError::Io(error.to_string()))?;
        if ended == Ended::Whole {
            piece.progress.counts.blank_lines = end.blank_lines;
        }
        Ok((piece, ended, end.sha256.filter(|_| ended == Ended::Whole)))
    }

    async fn apply(&mut self, mut piece: Piece) -> Answer<Piece> {
        if self.cancel.load(Ordering::Acquire) && piece.progress.stopped.is_none() {
            let last_record = piece.progress.cursor.record;
            piece.progress.stopped = Some(Stop { reason: StopReason::Cancelled, last_record });
        }
        match &mut self.to {
            To::Store => Ok(self.service.inner.store.apply(piece, now_ms()).await?),
            To::Picture(dry) => {
                let Some(mut picture) = dry.take() else {
                    return Err(StoreError::new(StoreErrorKind::Internal, "a validation without its picture").into());
                };
                let work = move || {
                    let done = picture.apply(&mut piece, now_ms());
                    (picture, piece, done)
                };
                let (picture, piece, done) = tokio::task::spawn_blocking(work).await.map_err(|error| join(&error))?;
                *dry = Some(picture);
                done?;
                Ok(piece)
            }
        }
    }

    fn report(&self, progress: &Progress, id: &str, state: JobState, before: u64) {
        let seconds = self.began.elapsed().as_secs_f64();
        let records = progress.counts.records().saturating_sub(before);
        let rate = if seconds > 0.0 { records as f64 / seconds } else { 0.0 };
        let bytes = progress.cursor.offset;
        let left = progress.size.saturating_sub(bytes);
        let seconds_left = (bytes > 0 && seconds > 0.0).then(|| left as f64 * seconds / bytes as f64);
        self.told.send_replace(JobStatus {
            id: id.to_owned(),
            state,
            step: progress.step,
            counts: progress.counts,
            bytes,
            size: progress.size,
            rate,
            seconds_left,
            failure: None,
        });
    }
}
