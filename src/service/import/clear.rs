//! A list is emptied: at once, or by a job that can be taken back.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;
use uuid::Uuid;

use crate::contact::ImportProfile;
use crate::service::import::error::{Answer, ImportError};
use crate::service::import::{Export, ImportService, JobStatus, PIECE, now_ms};
use crate::store::contacts::{Cleared, ImportJob, JobEvent, JobKind, JobSpec, JobState, Progress, Step};

impl ImportService {
    /// Removes every contact of a list that is not in use. Do-not-call entries stay; how many cancellations went is told.
    /// With `backup` the list is written into that new file first, and nothing goes before it is on the disk.
    ///
    /// # Errors
    /// The backup cannot be written, or the store.
    pub async fn clear(&self, list: i64, backup: Option<&Path>) -> Answer<Cleared> {
        let lock = self.list_lock(Some(list));
        let _turn = lock.lock().await;
        self.back_up(list, backup).await?;
        let mut all = Cleared::default();
        loop {
            let some = self.inner.store.clear_some(list, all.after, PIECE, None).await?;
            all.deleted += some.deleted;
            all.cancellations += some.cancellations;
            all.in_use.extend(some.in_use);
            (all.after, all.more) = (some.after, some.more);
            if !some.more {
                return Ok(all);
            }
        }
    }

    /// The same as a job: it is seen among the others, goes on after an interruption, and can be undone. Its counts say
    /// `deleted`, and `failed` for those in use, whose first ids stand in its `extra`.
    ///
    /// # Errors
    /// The list is unknown, the backup cannot be written, too many jobs wait, or the store.
    pub async fn clear_as_job(&self, owner: &str, list: i64, backup: Option<&Path>) -> Answer<ImportJob> {
        self.check_room()?;
        let name = self.list_by_number(list).await?.list.name;
        self.back_up(list, backup).await?;
        let now = now_ms();
        let job = ImportJob {
            number: 0,
            id: Uuid::new_v4().to_string(),
            kind: JobKind::Clear,
            state: JobState::Importing,
            owner: owner.to_owned(),
            created_at: now,
            cancelled_by: None,
            spec: JobSpec {
                profile: ImportProfile::default(),
                list: Some(list),
                made_list: None,
                file: None,
                file_name: name,
                upload: None,
                outcome: None,
                reject: None,
                dry_outcome: None,
                auto_continue: true,
                dry_run: false,
                idempotency: None,
                extra: String::new(),
            },
            progress: Progress { step: Some(Step::Importing), started_at: Some(now), ..Progress::default() },
        };
        let job = self.inner.store.create_job(job).await?;
        self.start(&job);
        let job = self.wait(&job.id).await?;
        match &job.progress.failure {
            Some(why) => Err(ImportError::Io(why.clone())),
            None => Ok(job),
        }
    }

    async fn back_up(&self, list: i64, to: Option<&Path>) -> Answer<()> {
        if let Some(path) = to {
            let list = self.list_by_number(list).await?.list;
            self.export_to(Export::new(list, true), path).await?;
        }
        Ok(())
    }

    /// The work of such a job, from where it was; true = it has come to its end.
    pub(super) async fn clear_on(
        &self,
        job: &ImportJob,
        cancel: &AtomicBool,
        told: &watch::Sender<JobStatus>,
    ) -> Answer<bool> {
        let list = job.spec.list.unwrap_or_default();
        let mut after = i64::try_from(job.progress.cursor.record).unwrap_or(i64::MAX);
        loop {
            if self.inner.stopping.load(Ordering::Acquire) {
                return Ok(false);
            }
            if cancel.load(Ordering::Acquire) {
                self.shift(&job.id, JobEvent::Cancel, "be cancelled", |_| {}).await?;
                return Ok(true);
            }
            let some = self.inner.store.clear_some(list, after, PIECE, Some(job.number)).await?;
            after = some.after;
            told.send_replace(JobStatus::of(&self.job(&job.id).await?));
            if !some.more {
                self.shift(&job.id, JobEvent::Complete, "end", |_| {}).await?;
                return Ok(true);
            }
        }
    }
}
