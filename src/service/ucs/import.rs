//! An import: from the parameters to a job that runs.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{Ucs, no_key};
use crate::contact::ImportProfile;
use crate::contact::SourceKind;
use crate::contact::ucs::{Fault, IdKey, Layout, Origin, Place, Request};
use crate::service::confined::{Below, ConfinedError, Folder, Found, LogPlace};
use crate::service::import::{FileSource, ImportError, ListTarget, NewJob, NewUpload, Preview, new_list};
use crate::store::contacts::{ImportJob, JobState};

/// An import whose file is there and whose header is understood. Nothing is stored yet.
#[derive(Debug)]
pub struct Prepared {
    /// The calling list that it goes to.
    pub list: String,
    /// Columns of extensions occur.
    pub has_extensions: bool,
    profile: ImportProfile,
    key: Option<IdKey>,
    log: Option<LogPlace>,
    upload: String,
    file_name: String,
    /// As the request named the file, when there is a log.
    logged: Option<String>,
    phones: Vec<crate::contact::PhoneColumn>,
}

/// An import that runs.
#[derive(Debug)]
pub struct Started {
    /// Its job.
    pub job: String,
    /// The body of the answer, once it has ended.
    pub answer: JoinHandle<Result<Value, Fault>>,
}

impl Ucs {
    /// Looks at everything that a request names.
    ///
    /// # Errors
    /// [`Fault`]
    pub async fn prepare(&self, who: &str, origin: Origin, description: &Value) -> Result<Prepared, Fault> {
        let request = Request::read(description)?;
        let metadata = self.metadata(origin.tenant).await?;
        if metadata.schema.is_none() {
            return Err(Fault::new(403, "no profile schema is defined yet"));
        }
        let key = match &request.id_key {
            Some(name) => Some(metadata.key(name).cloned().ok_or_else(|| no_key(name))?),
            None => None,
        };
        let folder = self.section.import_folder.clone();
        let folder = folder.ok_or_else(|| Fault::bad("profiles: no import folder is configured"))?;
        let (most, log_dir) = (self.section.file_bytes_max, self.section.log_dir.clone());
        let (profiles, create_log) = (request.profiles.clone(), request.create_log);
        let opened = blocking(move || open(&folder, &profiles, most, create_log, log_dir.as_deref())).await?;
        let (found, log) = opened?;
        let file_name = found.below.name().to_owned();
        let upload = self.copy(who, found, most).await?;
        let prepared = async {
            let preview = self.preview(&upload, &request).await?;
            let layout = Layout::read(&preview.header, &metadata)?;
            let list = self.section.list_of(&first_origin(&preview, &layout, &origin));
            let profile = layout.profile(&request, &origin, key.as_ref(), &metadata);
            Ok((list, layout.has_extensions(), layout.phones(), profile))
        };
        match prepared.await {
            Ok((list, has_extensions, phones, profile)) => {
                let phones = phones.into_iter().collect();
                let logged = request.create_log.then_some(request.profiles);
                Ok(Prepared { list, has_extensions, profile, key, log, upload, file_name, logged, phones })
            }
            Err(fault) => {
                self.forget(&upload).await;
                Err(fault)
            }
        }
    }

    /// Gives up what was prepared.
    pub async fn discard(&self, prepared: Prepared) {
        self.forget(&prepared.upload).await;
    }

    /// Makes the job. It runs on when nobody waits for it.
    ///
    /// # Errors
    /// [`Fault`]
    pub async fn start(&self, who: &str, prepared: Prepared) -> Result<Started, Fault> {
        let Prepared { list, profile, key, log, upload, file_name, logged, phones, .. } = prepared;
        let created = async {
            let list = self.list(&list, phones).await?;
            let mut new = NewJob::new(who, profile, ListTarget::Number(list), FileSource::Upload(upload.clone()));
            new.file_name = Some(file_name);
            let extra = Extra { interface: INTERFACE.to_owned(), id_key: key.clone(), log: logged };
            new.extra = serde_json::to_string(&extra).map_err(|error| Fault::new(500, error.to_string()))?;
            Ok::<_, Fault>(self.imports.create(new).await?)
        };
        let job = match created.await {
            Ok(job) => job.id,
            Err(fault) => {
                self.forget(&upload).await;
                return Err(fault);
            }
        };
        let (ucs, id) = (self.clone(), job.clone());
        let answer = tokio::spawn(async move { ucs.end(&id, key, log).await });
        Ok(Started { job, answer })
    }

    /// Waits for the end of an import; its answer, once its log is written.
    async fn end(&self, id: &str, key: Option<IdKey>, log: Option<LogPlace>) -> Result<Value, Fault> {
        let job = self.imports.wait(id).await?;
        if let (JobState::Completed, Some(upload)) = (job.state, &job.spec.upload) {
            self.forget(upload).await;
        }
        blocking(move || super::report::report(&job, key.as_ref(), log.as_ref())).await?
    }

    /// Imports of C that an earlier run of this program has begun, and that have not ended.
    ///
    /// # Errors
    /// The store.
    pub async fn interrupted(&self) -> Result<Vec<Interrupted>, ImportError> {
        let mut found = Vec::new();
        let mut before = None;
        loop {
            let open = self.imports.store().jobs(before, 100, true).await?;
            let Some(last) = open.last() else { return Ok(found) };
            before = Some(last.number);
            let ours = open.into_iter().filter_map(|job| {
                let extra: Extra = serde_json::from_str(&job.spec.extra).ok()?;
                (extra.interface == INTERFACE).then_some(Interrupted { job: job.id, extra })
            });
            found.extend(ours);
        }
    }

    /// Gives them their logs when they end: they must have been taken up again. Nobody hears their answers any more.
    pub fn finish(&self, interrupted: Vec<Interrupted>) {
        for Interrupted { job, extra } in interrupted {
            let ucs = self.clone();
            tokio::spawn(async move {
                let done = async {
                    let log = match (&extra.log, &ucs.section.import_folder) {
                        (Some(given), Some(folder)) => {
                            let (given, folder) = (given.clone(), folder.clone());
                            let dir = ucs.section.log_dir.clone();
                            Some(blocking(move || log_of(&folder, &given, dir.as_deref())).await??)
                        }
                        _ => None,
                    };
                    ucs.end(&job, extra.id_key, log).await
                };
                if let Err(fault) = done.await {
                    tracing::warn!(job, fault = fault.message, "an import of profiles that was taken up again");
                }
            });
        }
    }

    /// The body of an import that ends now.
    ///
    /// # Errors
    /// [`Fault`]
    pub async fn wait(started: Started) -> Result<Value, Fault> {
        started.answer.await.map_err(|error| Fault::new(500, error.to_string()))?
    }

    /// The calling list of that name, made when it is not there.
    async fn list(&self, name: &str, phones: Vec<crate::contact::PhoneColumn>) -> Result<i64, Fault> {
        match self.imports.list_by_name(name).await {
            Ok(row) => return Ok(row.list.number),
            Err(ImportError::Unknown { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let list = crate::contact::CallingList { phone_columns: phones, trim: false, ..new_list(name) };
        match self.imports.create_list(list).await {
            // Somebody else was first.
            Err(ImportError::Taken { .. }) => Ok(self.imports.list_by_name(name).await?.list.number),
            made => Ok(made?.list.number),
        }
    }

    /// Copies a file of the import folder to where the job finds it, and nobody else.
    async fn copy(&self, who: &str, found: Found, most: u64) -> Result<String, Fault> {
        let file_name = found.below.name().to_owned();
        let new = NewUpload { owner: who.to_owned(), file_name, announced: None, extra: String::new() };
        let upload = self.imports.begin_upload(new).await?.id;
        let done = async {
            let path = self.imports.upload_path(&upload)?;
            blocking(move || copy(found.file, &path, most)).await??;
            self.imports.complete_upload(&upload).await?;
            Ok(())
        };
        match done.await {
            Ok(()) => Ok(upload),
            Err(fault) => {
                self.forget(&upload).await;
                Err(fault)
            }
        }
    }

    async fn preview(&self, upload: &str, request: &Request) -> Result<Preview, Fault> {
        let profile = ImportProfile {
            source: SourceKind::Ucs,
            trim: false,
            encoding: request.encoding.clone(),
            delimiter: Some(request.delimiter),
            ..ImportProfile::default()
        };
        let path = self.imports.upload_path(upload)?;
        Ok(self.imports.preview(path, profile, None, 1).await?)
    }

    async fn forget(&self, upload: &str) {
        if let Err(error) = self.imports.delete_upload(upload).await {
            tracing::warn!(upload, %error, "the copy of a file was not removed");
        }
    }
}

impl From<ConfinedError> for Fault {
    fn from(error: ConfinedError) -> Self {
        match &error {
            ConfinedError::NoSuchFile | ConfinedError::TooLong { .. } => Self::bad(format!("profiles: {error}")),
            ConfinedError::Taken => Self::bad(format!("create-log: {error}")),
            // What the machine says of its folders is for its log.
            ConfinedError::Folder(_) | ConfinedError::Write(_) => {
                tracing::error!(%error, "an import of profiles");
                Self::new(500, "the import folder or the log cannot be used")
            }
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    spawn_blocking(work).await.map_err(|error| Fault::new(500, error.to_string()))
}

/// What a job of C is found again by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Extra {
    interface: String,
    id_key: Option<IdKey>,
    log: Option<String>,
}

/// The word in it.
const INTERFACE: &str = "ucs";

/// An import of C that has not ended.
#[derive(Clone, Debug)]
pub struct Interrupted {
    job: String,
    extra: Extra,
}

/// The place of the log of a file, whether or not the file is still there.
fn log_of(folder: &str, given: &str, log_dir: Option<&str>) -> Result<LogPlace, Fault> {
    let root = Path::new(folder);
    let below = Below::new(given, root).ok_or(ConfinedError::NoSuchFile)?;
    Ok(match log_dir {
        None => Folder::open(root)?.log_beside(&below)?,
        Some(dir) => Folder::open(Path::new(dir))?.log_of(&below)?,
    })
}

fn open(
    folder: &str,
    given: &str,
    most: u64,
    create_log: bool,
    log_dir: Option<&str>,
) -> Result<(Found, Option<LogPlace>), Fault> {
    let folder = Folder::open(Path::new(folder))?;
    let found = folder.file(given, most)?;
    let log = match (create_log, log_dir) {
        (false, _) => None,
        (true, None) => Some(folder.log_beside(&found.below)?),
        (true, Some(dir)) => Some(Folder::open(Path::new(dir))?.log_of(&found.below)?),
    };
    Ok((found, log))
}

/// A file may grow while it is read; it does not grow beyond what may be read.
fn copy(file: File, to: &Path, most: u64) -> Result<(), Fault> {
    let failed = |error: io::Error| {
        tracing::error!(%error, "copying a file to be imported");
        Fault::new(500, "the file cannot be copied")
    };
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(failed)?;
    let copied = io::copy(&mut file.take(most.saturating_add(1)), &mut out).map_err(failed)?;
    if copied > most {
        return Err(ConfinedError::TooLong { found: copied, limit: most }.into());
    }
    Ok(())
}

/// Whose profiles the first record holds: the list is that of its tenant and segment.
fn first_origin(preview: &Preview, layout: &Layout, origin: &Origin) -> Origin {
    let cell = |wanted: Place| {
        let at = layout.columns.iter().position(|(_, place, _)| *place == wanted)?;
        preview.rows.first()?.get(at).filter(|cell| !cell.is_empty())
    };
    let tenant = cell(Place::Tenant).and_then(|cell| cell.parse().ok()).unwrap_or(origin.tenant);
    let segment = cell(Place::Segment).cloned().unwrap_or_else(|| origin.segment.clone());
    Origin { tenant, segment }
}

/// True when a job has come to an end that has an answer.
pub(super) fn has_answer(job: &ImportJob) -> bool {
    job.state == JobState::Completed
}
