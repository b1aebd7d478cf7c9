//! Files of contacts: announced, received, imported; and how far that is.

use serde::{Deserialize, Serialize};

use super::{Answer, ContactLists, Parts, Refusal, now_ms, take_file};
use crate::contact::CallingList;
use crate::contact::ImportProfile;
use crate::contact::csv::Limits;
use crate::contact::genesys_cloud::shape::{UploadAnswer, UploadRequest};
use crate::contact::genesys_cloud::{ErrorCode, ImportStatus, upload_profile};
use crate::service::import::{FileSource, ImportError, JobStatus, ListTarget, NewJob, NewUpload, failure_of};
use crate::service::signed::Denied;
use crate::store::contacts::{ImportJob, JobState, ListRow, StoredUpload};

/// Seconds for which a signed address counts where nobody says.
const SIGNED_SECONDS: i64 = 600;
/// A week: the longest time.
const SIGNED_SECONDS_MAX: i64 = 604_800;
/// Column of an export that says whether a contact may be dialed.
const CALLABLE: &str = "ContactCallable";
/// Endings of files that are no CSV.
const WORKBOOKS: [&str; 2] = [".xls", ".xlsx"];

/// What is remembered with an upload until it comes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Announced {
    list: i64,
    contact_id_name: Option<String>,
    clear_system_data: bool,
}

/// What a form says besides its file.
#[derive(Clone, Debug, Default)]
pub struct FormUpload {
    /// Of the upload, once the file has come.
    pub upload: Option<String>,
    /// Id of the list.
    pub list: Option<String>,
    /// The column of the contact's id.
    pub contact_id_name: Option<String>,
    /// Must be `contactlist`.
    pub file_type: Option<String>,
}

/// The last upload of a list.
#[derive(Clone, Debug)]
pub(super) struct Last {
    at: i64,
    /// The job, or why there is none.
    job: Result<String, String>,
}

/// Columns of an upload that a list does not have need not stand in the way: those of an export of ours.
fn profile_of(announced: &Announced, header: &[String], list: &CallingList) -> ImportProfile {
    let id_column = announced.contact_id_name.as_deref().filter(|name| !name.is_empty());
    let ours = |name: &str| header.iter().any(|column| column == name) && !list.columns.iter().any(|it| it == name);
    ImportProfile {
        callable_column: ours(CALLABLE).then(|| CALLABLE.to_owned()),
        from_export: ours(CALLABLE),
        clear_system_data: announced.clear_system_data,
        ..upload_profile(id_column)
    }
}

impl ContactLists {
    /// Announces a file: a path that takes it once, until it expires.
    ///
    /// # Errors
    /// Anything but CSV, or a time that is too long.
    pub async fn announce(&self, list: &CallingList, who: &str, request: UploadRequest) -> Answer<UploadAnswer> {
        let kind = request.content_type.unwrap_or_default().to_ascii_lowercase();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_owned();
        let name = request.file_name.unwrap_or_default();
        let is_csv = ["", "text/csv", "application/csv", "text/plain", "application/octet-stream"].contains(&&*kind);
        let workbook = WORKBOOKS.iter().any(|end| name.to_ascii_lowercase().ends_with(end));
        if !is_csv || workbook || request.import_template_id.is_some() {
            return Err(Refusal::new(ErrorCode::NotSupported, "workbooks and import templates are not read: send CSV"));
        }
        let seconds = request.signed_url_timeout_seconds.unwrap_or(SIGNED_SECONDS);
        if !(1..=SIGNED_SECONDS_MAX).contains(&seconds) {
            return Err(Refusal::invalid("signedUrlTimeoutSeconds"));
        }
        if request.content_length.is_some_and(|bytes| bytes > Limits::GENESYS_CLOUD.file) {
            return Err(Refusal::invalid("contentLength"));
        }
        let Some(signer) = &self.0.signer else {
            return Err(Refusal::ours(503, "service.unavailable", "there are no uploads"));
        };
        let announced = Announced {
            list: list.number,
            contact_id_name: request.contact_id_name,
            clear_system_data: request.clear_system_data.unwrap_or(false),
        };
        let upload = self.begin(who, name, request.content_length, &announced).await?;
        let expires = now_ms().saturating_add(seconds.saturating_mul(1_000));
        let mut headers = serde_json::Map::new();
        headers.insert("Content-Type".into(), "text/csv".into());
        Ok(UploadAnswer {
            url: format!("/uploads/v2/contactlist/{}?{}", upload.id, signer.query(&to_sign(&upload.id), expires)),
            upload_key: upload.id,
            headers,
        })
    }

    async fn begin(&self, who: &str, name: String, bytes: Option<u64>, extra: &Announced) -> Answer<StoredUpload> {
        let new = NewUpload {
            owner: who.to_owned(),
            file_name: name,
            announced: bytes,
            extra: serde_json::to_string(extra).unwrap_or_default(),
        };
        Ok(self.imports().begin_upload(new).await?)
    }

    /// Takes the file of a signed path, and begins its import.
    ///
    /// # Errors
    /// Not signed by us, expired, used, of another size, too large, or broken off.
    pub async fn receive(&self, id: &str, expires: &str, signature: &str, parts: &mut dyn Parts) -> Answer<()> {
        let signer = self.0.signer.as_ref().ok_or(Denied::NotOurs)?;
        signer.admit(&to_sign(id), expires, signature, now_ms())?;
        let upload = self.imports().upload(id).await?;
        take_file(self.imports(), &upload, Limits::GENESYS_CLOUD.file, parts).await?;
        let announced: Announced = serde_json::from_str(&upload.extra).unwrap_or_default();
        let list = self.imports().list_by_number(announced.list).await?.list;
        self.start(&list, &upload, &announced).await;
        Ok(())
    }

    /// Takes the file of a form, which may come in front of everything else.
    ///
    /// # Errors
    /// Too large, or broken off.
    pub async fn receive_form(&self, who: &str, name: &str, parts: &mut dyn Parts) -> Answer<String> {
        let upload = self.begin(who, name.to_owned(), None, &Announced::default()).await?;
        match take_file(self.imports(), &upload, Limits::GENESYS_CLOUD.file, parts).await {
            Ok(()) => Ok(upload.id),
            Err(refusal) => {
                self.discard(&upload.id).await;
                Err(refusal)
            }
        }
    }

    /// A file that is not wanted.
    pub async fn discard(&self, upload: &str) {
        if let Err(error) = self.imports().delete_upload(upload).await {
            tracing::warn!(%error, "an upload stays");
        }
    }

    /// Begins the import of a form's file.
    ///
    /// # Errors
    /// The form lacks something.
    pub async fn start_form(&self, list: &CallingList, form: &FormUpload) -> Answer<()> {
        let Some(id) = &form.upload else { return Err(Refusal::invalid("file")) };
        let upload = self.imports().upload(id).await?;
        let contact_id_name = form.contact_id_name.clone();
        let announced = Announced { list: list.number, contact_id_name, clear_system_data: false };
        self.start(list, &upload, &announced).await;
        Ok(())
    }

    /// Begins an import. Whether that goes well is told by the list's import status.
    async fn start(&self, list: &CallingList, upload: &StoredUpload, announced: &Announced) {
        let job = self.try_start(list, upload, announced).await.map_err(|error| error.to_string());
        self.work().uploads.insert(list.number, Last { at: now_ms(), job });
    }

    async fn try_start(
        &self,
        list: &CallingList,
        upload: &StoredUpload,
        announced: &Announced,
    ) -> Result<String, ImportError> {
        let path = self.imports().upload_path(&upload.id)?;
        let plain = profile_of(announced, &[], list);
        // Only its names of columns are wanted: what does not fit is found when the job is made.
        let header = self.imports().preview(path, ImportProfile { id_column: None, ..plain }, None, 0).await?.header;
        let profile = profile_of(announced, &header, list);
        let profile = ImportProfile { default_country: self.0.default_country.clone(), ..profile };
        if let Some(column) = header.iter().find(|name| !is_known(name, list, &profile)) {
            return Err(ImportError::Settings(format!("the list has no column {column:?}")));
        }
        let source = FileSource::Upload(upload.id.clone());
        let new = NewJob::new(&upload.owner, profile, ListTarget::Number(list.number), source);
        Ok(self.imports().create(new).await?.id)
    }

    /// How far the last import of a list is.
    ///
    /// # Errors
    /// The store.
    pub async fn import_status(&self, row: &ListRow) -> Answer<ImportStatus> {
        let last = self.work().uploads.get(&row.list.number).cloned();
        let stored = match &row.last_job {
            Some(id) => Some(self.imports().job(id).await?),
            None => None,
        };
        let lists = vec![row.list.id.clone()];
        match last {
            Some(Last { at, job: Err(reason) }) if stored.as_ref().is_none_or(|job| job.created_at <= at) => {
                let (state, failure_reason) = (Some("FAILED".to_owned()), Some(reason));
                Ok(ImportStatus { state, failure_reason, target_contact_list_ids: lists, ..ImportStatus::default() })
            }
            Some(Last { at, job: Ok(id) }) if stored.as_ref().is_none_or(|job| job.created_at <= at) => {
                Ok(status_of(&self.imports().job(&id).await?, lists))
            }
            _ => Ok(stored.map_or_else(ImportStatus::default, |job| status_of(&job, lists))),
        }
    }
}

/// Columns that may stand in a file.
fn is_known(name: &str, list: &CallingList, profile: &ImportProfile) -> bool {
    let special = [profile.id_column.as_deref(), profile.callable_column.as_deref()].contains(&Some(name));
    let rejects = crate::contact::REJECT_COLUMNS.contains(&name);
    special || rejects || list.columns.iter().any(|column| column == name)
}

fn to_sign(id: &str) -> String {
    format!("contactlist {id}")
}

fn status_of(job: &ImportJob, lists: Vec<String>) -> ImportStatus {
    let state = match job.state {
        JobState::Completed => "COMPLETED",
        JobState::Failed | JobState::Cancelled => "FAILED",
        JobState::Created | JobState::Validating | JobState::Validated | JobState::Importing => "IN_PROGRESS",
    };
    let counts = JobStatus::counts(&job.progress);
    let (total, done) = match job.state {
        JobState::Completed => (counts.records(), counts.records()),
        // Nothing of a validation is done.
        _ => (job.progress.validation.records(), job.progress.counts.records()),
    };
    ImportStatus {
        state: Some(state.to_owned()),
        total_records: total,
        completed_records: done,
        percent_complete: done.saturating_mul(100).checked_div(total).unwrap_or(if state == "COMPLETED" {
            100
        } else {
            0
        }),
        failure_reason: failure_of(job),
        target_contact_list_ids: lists,
    }
}
