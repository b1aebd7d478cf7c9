//! How a job goes, at a moment.

use crate::contact::Counts;
use crate::store::contacts::{ImportJob, JobState, Progress, Step};

/// How a job goes, at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct JobStatus {
    /// Its id; empty for a dry run that has not begun.
    pub id: String,
    /// Where it is.
    pub state: JobState,
    /// Which pass.
    pub step: Option<Step>,
    /// What became of the records so far, in this pass.
    pub counts: Counts,
    /// Bytes that were read in this pass.
    pub bytes: u64,
    /// Bytes of the file.
    pub size: u64,
    /// Records a second in this pass; 0 = not known.
    pub rate: f64,
    /// Until the end of this pass.
    pub seconds_left: Option<f64>,
    /// Why it failed.
    pub failure: Option<String>,
}

/// Why a job failed, for those who know its file by the label they gave it.
#[must_use]
pub fn failure_of(job: &ImportJob) -> Option<String> {
    let failure = job.progress.failure.as_ref()?;
    Some(match &job.spec.file {
        Some(path) => failure.replace(&path.display().to_string(), &job.spec.file_name),
        None => failure.clone(),
    })
}

impl JobStatus {
    /// As it stands in the store.
    #[must_use]
    pub fn of(job: &ImportJob) -> Self {
        let progress = &job.progress;
        Self {
            id: job.id.clone(),
            state: job.state,
            step: progress.step,
            counts: *Self::counts(progress),
            bytes: if job.state == JobState::Created { 0 } else { progress.cursor.offset },
            size: progress.size,
            rate: 0.0,
            seconds_left: None,
            failure: progress.failure.clone(),
        }
    }

    /// The sums that tell of a job: those of the import once it has begun, else those of the validation.
    #[must_use]
    pub fn counts(progress: &Progress) -> &Counts {
        let begun =
            progress.step == Some(Step::Importing) || progress.stopped.is_some_and(|_| progress.counts.records() > 0);
        if begun { &progress.counts } else { &progress.validation }
    }
}

impl Default for JobStatus {
    fn default() -> Self {
        Self {
            id: String::new(),
            state: JobState::Created,
            step: None,
            counts: Counts::default(),
            bytes: 0,
            size: 0,
            rate: 0.0,
            seconds_left: None,
            failure: None,
        }
    }
}
