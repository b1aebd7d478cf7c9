//! One measurement, in a process of its own so that peaks of memory do not mix. It says what it found in one line.

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::cli::args::BenchImportStep as Step;
use crate::cli::bench::import::sizes;
use crate::cli::contacts::import_error;
use crate::cli::exit::CliError;
use crate::cli::store::error as store_error;
use crate::contact::{Counts, ImportProfile};
use crate::http::dto::{ImportSettings, PhoneColumnDto};
use crate::http::shown;
use crate::service::Config;
use crate::service::import::{FileSource, JobStatus, ListTarget, NewJob, Reports, open_imports, read_through};
use crate::store::Store as _;
use crate::store::contacts::JobState;
use crate::store::sqlite::{Options, SqliteStore};

/// What a process found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Found {
    /// Of the pass that the step is named after, to the store's closing.
    pub(super) spent: Spent,
    /// Of the pass in front of it.
    pub(super) validation: Option<f64>,
    /// By how much resident memory grew, from the start of the process to its peak; bytes.
    pub(super) growth: Option<u64>,
    pub(super) counts: Counts,
    pub(super) sha256: Option<String>,
}

/// Time of something.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Spent {
    pub(super) seconds: f64,
    pub(super) cpu: Option<f64>,
}

/// Where something began.
pub(super) struct Began(Instant, Option<f64>);

impl Began {
    pub(super) fn now() -> Self {
        Self(Instant::now(), sizes::cpu())
    }

    pub(super) fn spent(&self) -> Spent {
        let cpu = sizes::cpu().zip(self.1).map(|(now, then)| now - then);
        Spent { seconds: self.0.elapsed().as_secs_f64(), cpu }
    }
}

/// The choices of the import: an id, a phone, and all defaults.
fn profile() -> Result<ImportProfile, CliError> {
    let phone = PhoneColumnDto { column: "phone".into(), kind: "cell".into(), time_zone_column: None };
    let settings =
        ImportSettings { id_column: Some("id".into()), phone_columns: Some(vec![phone]), ..ImportSettings::default() };
    shown::profile(settings, None).map_err(CliError::internal)
}

/// Measures one step over `rows.csv` of a folder; the store is `data` in it.
pub(super) async fn run(step: Step, folder: &Path) -> Result<Found, CliError> {
    let before = sizes::resident();
    let mut found = match step {
        Step::Read => read(folder)?,
        Step::DryRun | Step::Import => load(step, folder).await?,
    };
    found.growth = sizes::peak().zip(before).map(|(peak, before)| peak.saturating_sub(before));
    Ok(found)
}

fn read(folder: &Path) -> Result<Found, CliError> {
    let began = Began::now();
    let through = read_through(&folder.join("rows.csv"), &profile()?).map_err(import_error)?;
    Ok(Found {
        spent: began.spent(),
        validation: None,
        growth: None,
        // Nothing was stored; what was read is counted as what it would have become.
        counts: Counts { created: through.good, failed: through.bad, ..Counts::default() },
        sha256: Some(through.sha256),
    })
}

async fn load(step: Step, folder: &Path) -> Result<Found, CliError> {
    let store = SqliteStore::open(&folder.join("data"), Options::default()).map_err(store_error)?;
    let mut config = Config::default();
    config.store.path = Some(folder.join("data").display().to_string());
    let imports = open_imports(&config, store.contacts());
    let list = ListTarget::Named { name: "bench".into(), create: true };
    let mut new = NewJob::new("bench", profile()?, list, FileSource::Path(folder.join("rows.csv")));
    let report = |name: &str| Some(folder.join(name));
    new.reports = Reports::Files { outcome: report("outcome.csv"), reject: report("reject.csv") };
    new.auto_continue = false;
    let mut began = Began::now();
    let (job, validation) = if step == Step::DryRun {
        let (told, _status) = tokio::sync::watch::channel(JobStatus::default());
        (imports.dry_run(new, &told).await.map_err(import_error)?, None)
    } else {
        let id = imports.create(new).await.map_err(import_error)?.id;
        imports.wait(&id).await.map_err(import_error)?;
        let validation = began.spent().seconds;
        began = Began::now();
        imports.continue_job(&id, "bench").await.map_err(import_error)?;
        let job = imports.wait(&id).await.map_err(import_error)?;
        if job.state != JobState::Completed {
            return Err(CliError::internal(format!("the import ended as {}", job.state.slug())));
        }
        (job, Some(validation))
    };
    imports.stop().await;
    store.close().await.map_err(store_error)?;
    Ok(Found {
        spent: began.spent(),
        validation,
        growth: None,
        counts: *JobStatus::counts(&job.progress),
        sha256: job.progress.sha256,
    })
}
