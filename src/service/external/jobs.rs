//! Jobs: made of an upload and settings, shown in the words of B, moved on.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::settings::{csv_of, settings_of, shown as shown_settings, shown_classic};
use super::uploads::plain_profile;
use super::{Ask, CLASSIC, External, IMPORT, Listing, Who, kind, now_ms};
use crate::contact::Counts;
use crate::contact::external::shape::{JobChange, JobRequest};
use crate::contact::external::{classic_profile, with_equal_names};
use crate::contact::genesys_cloud::write_time;
use crate::contact::preset::EXTERNAL_SOURCE;
use crate::contact::{ImportProfile, SourceKind};
use crate::service::contact_lists::{Answer, Refusal};
use crate::service::import::{FileSource, ImportError, ListTarget, NewJob, failure_of};
use crate::service::signed::Denied;
use crate::store::contacts::{ImportJob, JobState, SavedProfile, Step, StoredUpload};

/// Milliseconds for which the address of a report counts.
const SIGNED_MS: i64 = 3_600_000;
/// What the native interface calls the preset of the old flow.
const CLASSIC_PRESET: &str = "external-contacts-classic";
/// The attribute that keeps a contact's division.
const DIVISION: &str = "division";
/// Jobs that are read at once.
const READ: usize = 100;

/// What the words of B said of a job; its mark in the store.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Marks {
    /// Settings as they were.
    external_settings: Value,
    /// As it was given.
    #[serde(default)]
    division: Value,
}

/// A job that is about to be made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// All choices. A profile of the native interface may name a calling list: whoever makes the job must be allowed to
    /// write that.
    pub profile: ImportProfile,
    upload: StoredUpload,
    marks: Marks,
}

/// Which pass a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportStep {
    /// The first.
    Validation,
    /// The second.
    Import,
}

impl ReportStep {
    /// Its word in addresses.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Import => "import",
        }
    }

    /// The step with that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Validation, Self::Import].into_iter().find(|step| step.word() == word)
    }

    /// The file of a job, once the pass is at its end.
    fn file(self, job: &ImportJob) -> Option<PathBuf> {
        let (file, is_there) = match self {
            Self::Validation => (&job.spec.dry_outcome, job.progress.validated_at.is_some()),
            Self::Import => (&job.spec.outcome, job.progress.step == Some(Step::Importing) && job.state.is_final()),
        };
        file.clone().filter(|_| is_there)
    }

    fn to_sign(self, job: &str) -> String {
        format!("external contacts report {job} {}", self.word())
    }
}

fn marks_of(job: &ImportJob) -> Option<Marks> {
    serde_json::from_str(&job.spec.extra).ok()
}

/// `status`
fn status(state: JobState) -> &'static str {
    match state {
        JobState::Created => "Created",
        JobState::Validating | JobState::Validated | JobState::Importing => "Running",
        JobState::Completed => "Completed",
        JobState::Failed => "Failed",
        JobState::Cancelled => "Cancelled",
    }
}

const STATUSES: [&str; 5] = ["Created", "Running", "Completed", "Failed", "Cancelled"];

/// `executionStep`: where it is, or the last step that it reached.
fn execution_step(job: &ImportJob) -> Option<&'static str> {
    match (job.progress.step?, job.state) {
        (Step::Importing, _) => Some("Importing"),
        (Step::Validating, JobState::Validated) => Some("Validated"),
        (Step::Validating, JobState::Cancelled) if job.progress.validated_at.is_some() => Some("Validated"),
        (Step::Validating, _) => Some("Validating"),
    }
}

impl External {
    /// What a request for a job means. Nothing is made yet.
    ///
    /// # Errors
    /// Upload or settings are unknown; the file has not come, or its header does not fit the old flow.
    pub async fn plan(&self, who: &Who, request: JobRequest) -> Answer<Plan> {
        let needed = |value: &Option<String>, name: &str| {
            value.clone().filter(|id| !id.is_empty()).ok_or_else(|| Refusal::invalid(name))
        };
        let upload = self.own_upload(who, &needed(&request.upload_id, "uploadId")?).await?;
        let settings_id = needed(&request.settings_id, "settingsId")?;
        if upload.bytes.is_none() {
            return Err(ImportError::Settings("the file of the upload has not come yet".into()).into());
        }
        let (mut profile, external_settings) = if [CLASSIC, CLASSIC_PRESET].contains(&settings_id.as_str()) {
            let header = self.header(&upload, SourceKind::Classic).await?;
            let profile = classic_profile(&header, EXTERNAL_SOURCE);
            (profile.map_err(|error| ImportError::Settings(error.to_string()))?, shown_classic())
        } else {
            let row = self.chosen(who, &settings_id).await?;
            self.profile_of(&row, &upload).await?
        };
        if let Some(id) = request.division_id() {
            profile.defaults.retain(|(attribute, _)| attribute != DIVISION);
            profile.defaults.push((DIVISION.to_owned(), id.to_owned()));
        }
        let division = request.division.unwrap_or_default();
        Ok(Plan { profile, upload, marks: Marks { external_settings, division } })
    }

    /// The saved profile that a job is to be made with: by its id, or by its name.
    async fn chosen(&self, who: &Who, id: &str) -> Answer<SavedProfile> {
        let mut all = self.imports().profiles().await?;
        all.retain(|row| match row.kind.as_str() {
            kind::SETTINGS | kind::CSV_SETTINGS => who.sees(&row.owner),
            kind::SOURCE => false,
            _ => true, // the native interface's
        });
        let place = all.iter().position(|row| row.id == id).or_else(|| all.iter().position(|row| row.name == id));
        place.map(|at| all.swap_remove(at)).ok_or_else(|| Refusal::unknown("settings"))
    }

    async fn profile_of(&self, row: &SavedProfile, upload: &StoredUpload) -> Answer<(ImportProfile, Value)> {
        match row.kind.as_str() {
            kind::CSV_SETTINGS => {
                let csv = csv_of(row);
                let id = csv.external_settings_id.unwrap_or_default();
                let of = self.one(kind::SETTINGS, "settings", &id).await?;
                let profile = self.compiled(&settings_of(&of), Some(&csv.mappings)).await?;
                Ok((profile, shown_settings(&of)))
            }
            kind::SETTINGS => {
                let header = self.header(upload, SourceKind::External).await?;
                let profile = self.compiled(&settings_of(row), None).await?;
                Ok((with_equal_names(profile, &header), shown_settings(row)))
            }
            _ => Ok((row.profile.clone(), json!({"id": row.id, "name": row.name}))),
        }
    }

    async fn header(&self, upload: &StoredUpload, source: SourceKind) -> Answer<Vec<String>> {
        let path = self.imports().upload_path(&upload.id)?;
        let profile = ImportProfile { source, ..plain_profile()? };
        Ok(self.imports().preview(path, profile, None, 0).await?.header)
    }

    /// Makes the job. It stops when it is validated; that of the old flow goes on by itself.
    ///
    /// # Errors
    /// The file does not fit, too many jobs wait, or the store.
    pub async fn start(&self, who: &Who, plan: Plan) -> Answer<Value> {
        let Plan { profile, upload, marks } = plan;
        let list = match profile.target_list.clone() {
            Some(name) => ListTarget::Named { name, create: false },
            None => ListTarget::None,
        };
        let auto_continue = profile.source == SourceKind::Classic;
        let extra = serde_json::to_string(&marks).unwrap_or_default();
        let new = NewJob::new(&who.subject, profile, list, FileSource::Upload(upload.id));
        let job = self.imports().create(NewJob { auto_continue, extra, ..new }).await?;
        Ok(json!({"job": {"id": job.id, "selfUri": format!("{IMPORT}/jobs/{}", job.id)}}))
    }

    /// A job of B that the caller sees.
    async fn seen_job(&self, who: &Who, id: &str) -> Answer<(ImportJob, Marks)> {
        let unknown = || Refusal::unknown("job");
        let job = self.imports().job(id).await?;
        let marks = marks_of(&job).filter(|_| who.sees(&job.owner)).ok_or_else(unknown)?;
        Ok((job, marks))
    }

    /// One job. `reports` = our own address, for those who may read reports.
    ///
    /// # Errors
    /// Unknown, or the store.
    pub async fn job(&self, who: &Who, id: &str, reports: Option<&str>) -> Answer<Value> {
        let (job, marks) = self.seen_job(who, id).await?;
        let live = self.imports().watch(id).await?.borrow().clone();
        // What is shown is of one moment: the store is read again when the job has gone on meanwhile.
        let job = if live.state == job.state { job } else { self.imports().job(id).await? };
        let running = (live.state == job.state).then_some(live.counts);
        Ok(self.shown(&job, &marks, running, reports))
    }

    /// A page of the jobs that the caller sees, newest first unless it is said otherwise; `wanted` = with this status.
    ///
    /// # Errors
    /// A status that is none, an unknown `after`, or the store.
    pub async fn jobs(&self, who: &Who, ask: &Ask, wanted: Option<&str>, reports: Option<&str>) -> Answer<Listing> {
        let wanted = match wanted {
            None => None,
            Some(word) => {
                let known = STATUSES.into_iter().find(|known| known.eq_ignore_ascii_case(word));
                Some(known.ok_or_else(|| Refusal::invalid("jobStatus"))?)
            }
        };
        let newest_first = ask.descending != Some(false);
        let mut before = None;
        if let Some(after) = ask.after.as_deref().filter(|_| newest_first) {
            let last = self.seen_job(who, after).await.map_err(|_| Refusal::invalid("after"))?;
            before = Some(last.0.number);
        }
        let mut found: Vec<(ImportJob, Marks)> = Vec::new();
        loop {
            let some = self.imports().jobs(before, READ).await?;
            let Some(last) = some.last() else { break };
            before = Some(last.number);
            let fits = |job: &ImportJob| who.sees(&job.owner) && wanted.is_none_or(|it| status(job.state) == it);
            found.extend(some.into_iter().filter(fits).filter_map(|job| marks_of(&job).map(|marks| (job, marks))));
            if newest_first && found.len() > ask.size {
                break;
            }
        }
        let shown = |(job, marks): &(ImportJob, Marks)| self.shown(job, marks, None, reports);
        if newest_first {
            return Ok(ask.first_of(&found, |(job, _)| &job.id, shown));
        }
        found.reverse();
        ask.of_all(&found, |(job, _)| &job.id, shown)
    }

    /// Lets a job go on, stops it, or has it try again.
    ///
    /// # Errors
    /// Unknown, a word that is none, or the job is in a state in which this cannot be.
    pub async fn move_job(&self, who: &Who, id: &str, change: JobChange) -> Answer<Value> {
        let (job, _) = self.seen_job(who, id).await?;
        if change.job_id.is_some_and(|given| given != job.id) {
            return Err(Refusal::invalid("jobId"));
        }
        let word = change.status.unwrap_or_default();
        let known = ["Continue", "Cancel", "Retry"].into_iter().find(|known| known.eq_ignore_ascii_case(&word));
        let known = known.ok_or_else(|| Refusal::invalid("status"))?;
        match known {
            "Continue" => self.imports().continue_job(&job.id, &who.subject).await?,
            "Cancel" => self.imports().cancel(&job.id, &who.subject).await?,
            _ => self.imports().retry(&job.id, &who.subject).await?,
        };
        Ok(json!({"jobId": job.id, "status": known, "selfUri": format!("{IMPORT}/jobs/{}", job.id)}))
    }

    /// The report behind a signed address.
    ///
    /// # Errors
    /// Not signed by us, expired, or not there.
    pub async fn report(&self, id: &str, step: &str, expires: &str, signature: &str) -> Answer<PathBuf> {
        let step = ReportStep::of(step).ok_or_else(|| Refusal::unknown("report"))?;
        let signer = self.0.signer.as_ref().ok_or(Denied::NotOurs)?;
        signer.admit(&step.to_sign(id), expires, signature, now_ms())?;
        step.file(&self.imports().job(id).await?).ok_or_else(|| Refusal::unknown("report"))
    }

    fn report_address(&self, job: &ImportJob, step: ReportStep, base: Option<&str>) -> Option<String> {
        let (base, signer) = (base?, self.0.signer.as_ref()?);
        step.file(job)?;
        let query = signer.query(&step.to_sign(&job.id), now_ms().saturating_add(SIGNED_MS));
        Some(format!("{base}{IMPORT}/jobs/{}/reports/{}?{query}", job.id, step.word()))
    }

    /// A job as it travels. `running` = sums of the pass that goes on.
    fn shown(&self, job: &ImportJob, marks: &Marks, running: Option<Counts>, reports: Option<&str>) -> Value {
        let in_pass = |state: JobState, stored: Counts| running.filter(|_| job.state == state).unwrap_or(stored);
        let dry = in_pass(JobState::Validating, job.progress.validation);
        let import = in_pass(JobState::Importing, job.progress.counts);
        let mut metadata = json!({
            "fileName": job.spec.file_name,
            "dryRunFailedCount": dry.failed,
            "dryRunSuccessCount": dry.imported(),
            "importFailedCount": import.failed,
            "importSuccessCount": import.imported(),
        });
        for (name, step) in
            [("dryRunReportDownloadUrl", ReportStep::Validation), ("importReportDownloadUrl", ReportStep::Import)]
        {
            if let Some(address) = self.report_address(job, step, reports) {
                metadata[name] = address.into();
            }
        }
        let mut shown = Map::new();
        shown.insert("id".into(), job.id.clone().into());
        shown.insert("status".into(), status(job.state).into());
        if let Some(step) = execution_step(job) {
            shown.insert("executionStep".into(), step.into());
        }
        shown.insert("metadata".into(), metadata);
        shown.insert("settings".into(), marks.external_settings.clone());
        if !marks.division.is_null() {
            shown.insert("division".into(), marks.division.clone());
        }
        if let Some(failure) = failure_of(job) {
            shown.insert("statusDetails".into(), failure.into());
        }
        shown.insert("dateCreated".into(), write_time(job.created_at).into());
        shown.insert("selfUri".into(), format!("{IMPORT}/jobs/{}", job.id).into());
        Value::Object(shown)
    }
}
