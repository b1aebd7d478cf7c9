//! Where contacts are kept: behind a gateway, or in a store that we open ourselves. The verbs do not see which.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cli::client::{Client, Ctx};
use crate::cli::contacts::spool::{Spooled, copy_stdin};
use crate::cli::exit::{CliError, Exit};
use crate::cli::store::error as store_error;
use crate::contact::{CallingList, ImportProfile};
use crate::engine::words::nearest;
use crate::http::dto::{
    ClearedDto, ImportSettings, JobBody, JobDto, JobProgressDto, ListBody, ListDto, Page, ProfileBody, ProfileDto,
    UploadDto,
};
use crate::http::shown;
use crate::service::Config;
use crate::service::import::{
    Export, FileSource, ImportError, ImportService, JobStatus, ListTarget, NewJob, NewUpload, Reports, open_imports,
};
use crate::service::own_file;
use crate::store::Store;
use crate::store::contacts::{ImportJob, JobKind, JobState, SavedProfile};
use crate::store::sqlite::{Options, SqliteStore};

/// Who does it where no gateway knows who asks.
const OFFLINE: &str = "offline";
/// Time between two looks at a job of a gateway.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Where contacts are kept.
pub(super) enum Place {
    /// In a store that nobody else has.
    Here(Here),
    /// Behind a gateway.
    There(Box<Client>),
}

/// A store that is ours until [`Place::close`].
pub(super) struct Here {
    pub(super) imports: ImportService,
    store: Arc<dyn Store>,
}

/// An import that is wanted.
pub(super) struct Wanted {
    pub(super) kind: JobKind,
    /// `-` = stdin.
    pub(super) file: PathBuf,
    pub(super) list: String,
    pub(super) create: bool,
    pub(super) profile: Option<String>,
    pub(super) settings: ImportSettings,
    pub(super) auto_continue: bool,
    pub(super) outcome: PathBuf,
    pub(super) reject: PathBuf,
}

/// What an import says of itself.
pub(in crate::cli) fn error(cause: ImportError) -> CliError {
    let exit = match &cause {
        ImportError::Io(_)
        | ImportError::File(_)
        | ImportError::Mapping(_)
        | ImportError::Settings(_)
        | ImportError::FileChanged(_) => Exit::Usage,
        ImportError::Unknown { .. } => Exit::NotFound,
        ImportError::Taken { .. } | ImportError::Stale { .. } | ImportError::State { .. } | ImportError::InUse(_) => {
            Exit::Conflict
        }
        ImportError::Busy(_) => Exit::Unreachable,
        ImportError::Refused(_) => Exit::Partial,
        ImportError::Store(_) => Exit::Internal,
    };
    match cause {
        ImportError::Store(error) => store_error(error),
        cause => CliError::new(exit, cause.to_string()),
    }
}

/// The end of a verb that was interrupted.
fn interrupted() -> CliError {
    CliError::new(Exit::Interrupted, "interrupted")
}

/// A path that means the same in another folder.
fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(path).map_err(|error| CliError::usage(format!("{}: {error}", path.display())))
}

impl Place {
    /// The store of a folder under its lock, or the gateway of `--url`.
    pub(super) fn open(data: Option<&Path>, ctx: &Ctx) -> Result<Self, CliError> {
        let Some(data) = data else { return Client::new(&ctx.global).map(|client| Self::There(Box::new(client))) };
        let store = SqliteStore::open(data, Options::default()).map_err(store_error)?;
        let mut config = Config::default();
        config.store.path = Some(absolute(data)?.display().to_string());
        let imports = open_imports(&config, store.contacts());
        Ok(Self::Here(Here { imports, store: Arc::new(store) }))
    }

    /// Nothing runs any more, and the store is closed.
    pub(super) async fn close(self) -> Result<(), CliError> {
        let Self::Here(here) = self else { return Ok(()) };
        here.imports.stop().await;
        here.store.close().await.map_err(store_error)
    }

    pub(super) async fn lists(&self) -> Result<Vec<ListDto>, CliError> {
        match self {
            Self::Here(here) => Ok(here.imports.lists().await.map_err(error)?.iter().map(shown::list).collect()),
            Self::There(client) => Ok(client.get::<Page<ListDto>>(&["v1", "lists"], &[]).await?.items),
        }
    }

    pub(super) async fn list(&self, name: &str) -> Result<ListDto, CliError> {
        let mut lists = self.lists().await?;
        let found = lists.iter().position(|list| list.name == name).map(|at| lists.swap_remove(at));
        found.ok_or_else(|| {
            let near = nearest(name, lists.iter().map(|list| list.name.as_str()));
            let near = near.map(|near| format!(", did you mean {near:?}?")).unwrap_or_default();
            CliError::new(Exit::NotFound, format!("there is no list {name:?}{near}"))
                .hint("`commdn contacts lists` shows those that there are; import makes one with --create")
        })
    }

    pub(super) async fn create_list(&self, body: ListBody) -> Result<ListDto, CliError> {
        match self {
            Self::Here(here) => {
                let list = shown::new_list_of(body).map_err(CliError::usage)?;
                here.imports.create_list(list).await.map(|row| shown::list(&row)).map_err(error)
            }
            Self::There(client) => client.change(Method::POST, &["v1", "lists"], Some(&body)).await,
        }
    }

    pub(super) async fn delete_list(&self, list: &ListDto) -> Result<ClearedDto, CliError> {
        match self {
            Self::Here(here) => {
                let cleared = here.imports.delete_list(list.number).await.map_err(error)?;
                Ok(shown::cleared(&list.name, &cleared))
            }
            Self::There(client) => client.change(Method::DELETE, &["v1", "lists", &list.id], None::<&Value>).await,
        }
    }

    /// Empties a list, once its copy is on the disk.
    pub(super) async fn clear(&self, list: &ListDto, backup: Option<&Path>) -> Result<ClearedDto, CliError> {
        match self {
            Self::Here(here) => {
                let job = here.imports.clear_as_job(OFFLINE, list.number, backup).await.map_err(error)?;
                Ok(shown::cleared_by(&list.name, &job))
            }
            Self::There(client) => {
                if let Some(path) = backup {
                    self.export_to(list, false, path).await?;
                }
                client.work(&["v1", "lists", &list.id, "clear"]).await
            }
        }
    }

    /// A list as CSV into a new file for its owner only; its bytes.
    pub(super) async fn export_to(&self, list: &ListDto, raw: bool, path: &Path) -> Result<u64, CliError> {
        let wrong = |error: std::io::Error| CliError::usage(format!("{}: {error}", path.display()));
        let mut file = own_file(path, File::options().create_new(true)).map_err(wrong)?;
        let mut written = 0;
        let written_to = &mut written;
        let write = |bytes: &[u8]| {
            *written_to += bytes.len() as u64;
            file.write_all(bytes).map_err(wrong)
        };
        self.export(list, raw, write).await?;
        file.sync_all().map_err(wrong)?;
        Ok(written)
    }

    /// A list as CSV, piece by piece.
    pub(super) async fn export(
        &self,
        list: &ListDto,
        raw: bool,
        mut write: impl FnMut(&[u8]) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        match self {
            Self::Here(here) => {
                let row = here.imports.list_by_number(list.number).await.map_err(error)?;
                let mut export = Export::new(row.list, !raw);
                while let Some(rows) = here.imports.export_some(&mut export).await.map_err(error)? {
                    write(&rows.bytes)?;
                }
            }
            Self::There(client) => {
                let query = [("raw", if raw { "true" } else { "false" })];
                let mut response = client.download(&["v1", "lists", &list.id, "export"], &query).await?;
                while let Some(part) = client.part(&mut response).await? {
                    write(&part)?;
                }
            }
        }
        Ok(())
    }

    pub(super) async fn profiles(&self) -> Result<Vec<ProfileDto>, CliError> {
        match self {
            Self::Here(here) => {
                let all = here.imports.profiles().await.map_err(error)?;
                Ok(all.iter().map(shown::saved_profile).collect())
            }
            Self::There(client) => Ok(client.get::<Page<ProfileDto>>(&["v1", "import-profiles"], &[]).await?.items),
        }
    }

    /// Makes a profile, or changes the one of that name.
    pub(super) async fn save_profile(&self, name: &str, settings: ImportSettings) -> Result<ProfileDto, CliError> {
        let stored = self.profiles().await?.into_iter().find(|it| it.name == name);
        match self {
            Self::Here(here) => {
                let profile = shown::profile(settings, None).map_err(CliError::usage)?;
                let saved = match stored {
                    Some(stored) => SavedProfile { profile, ..here.imports.profile(&stored.id).await.map_err(error)? },
                    None => SavedProfile {
                        id: String::new(),
                        name: name.to_owned(),
                        kind: "native".into(),
                        owner: OFFLINE.into(),
                        version: 0,
                        created_at: 0,
                        modified_at: 0,
                        profile,
                        extra: String::new(),
                    },
                };
                let saved = here.imports.save_profile(saved).await.map_err(error)?;
                Ok(shown::saved_profile(&saved))
            }
            Self::There(client) => {
                let version = stored.as_ref().map(|stored| stored.version);
                let body = ProfileBody { name: name.to_owned(), settings, version };
                match stored {
                    Some(stored) => {
                        client.change(Method::PUT, &["v1", "import-profiles", &stored.id], Some(&body)).await
                    }
                    None => client.change(Method::POST, &["v1", "import-profiles"], Some(&body)).await,
                }
            }
        }
    }

    pub(super) async fn delete_profile(&self, id: &str) -> Result<(), CliError> {
        match self {
            Self::Here(here) => here.imports.delete_profile(id).await.map_err(error),
            Self::There(client) => client.remove(&["v1", "import-profiles", id]).await,
        }
    }

    pub(super) async fn jobs(&self, limit: usize) -> Result<Vec<JobDto>, CliError> {
        match self {
            Self::Here(here) => {
                let mut jobs = Vec::new();
                for job in here.imports.jobs(None, limit).await.map_err(error)? {
                    jobs.push(here.shown(&job).await?);
                }
                Ok(jobs)
            }
            Self::There(client) => {
                let limit = limit.to_string();
                Ok(client.get::<Page<JobDto>>(&["v1", "import-jobs"], &[("limit", &limit)]).await?.items)
            }
        }
    }

    pub(super) async fn job(&self, id: &str) -> Result<JobDto, CliError> {
        match self {
            Self::Here(here) => {
                let job = here.imports.job(id).await.map_err(error)?;
                here.shown(&job).await
            }
            Self::There(client) => client.get(&["v1", "import-jobs", id], &[]).await,
        }
    }

    /// `continue`, `cancel`, `retry` or `undo`; `resume` where the store is ours.
    pub(super) async fn act(&self, id: &str, act: &'static str) -> Result<JobDto, CliError> {
        match self {
            Self::Here(here) => {
                let imports = &here.imports;
                let done = match act {
                    "continue" => imports.continue_job(id, OFFLINE).await.map(|_| ()),
                    "cancel" => imports.cancel(id, OFFLINE).await.map(|_| ()),
                    "retry" => imports.retry(id, OFFLINE).await.map(|_| ()),
                    "resume" => imports.resume(id).await.map(|_| ()),
                    _ => imports.undo(id).await.map(|_| ()),
                };
                done.map_err(error)?;
                self.job(id).await
            }
            Self::There(client) => client.work(&["v1", "import-jobs", id, act]).await,
        }
    }

    /// Makes a job and starts it. What was read from stdin is kept with the job, so that it can be taken up again.
    pub(super) async fn start(
        &self,
        wanted: &Wanted,
        key: &str,
        sent: impl Fn(u64, u64) + Send + Sync + 'static,
    ) -> Result<JobDto, CliError> {
        match self {
            Self::Here(here) => {
                let job = here.imports.create(here.new_job(wanted).await?).await.map_err(error)?;
                here.shown(&job).await
            }
            Self::There(client) => start_there(client, wanted, false, key, sent).await,
        }
    }

    /// Looks at every record and stores nothing.
    pub(super) async fn dry_run(
        &self,
        wanted: &Wanted,
        key: &str,
        seen: &(dyn Fn(&JobProgressDto) + Sync),
        stop: &CancellationToken,
        sent: impl Fn(u64, u64) + Send + Sync + 'static,
    ) -> Result<JobDto, CliError> {
        let here = match self {
            Self::Here(here) => here,
            Self::There(client) => {
                let job = start_there(client, wanted, true, key, sent).await?;
                return self.follow(&job.id, seen, stop).await;
            }
        };
        let new = here.new_job(wanted).await?;
        let upload = match &new.file {
            FileSource::Upload(id) => Some(id.clone()),
            FileSource::Path(_) => None,
        };
        let (told, mut status) = watch::channel(JobStatus::default());
        let work = here.imports.dry_run(new, &told);
        tokio::pin!(work);
        let done = loop {
            tokio::select! {
                done = &mut work => break done.map_err(error),
                _ = status.changed() => seen(&shown::progress("", &status.borrow_and_update())),
                () = stop.cancelled() => break Err(interrupted()),
            }
        };
        if let Some(id) = upload {
            here.imports.delete_upload(&id).await.map_err(error)?;
        }
        let job = ImportJob { state: JobState::Completed, ..done? };
        let list = here.list_name(&job).await?;
        Ok(shown::job(&job, list.as_deref(), &JobStatus::of(&job)))
    }

    /// Watches a job until nothing runs any more. With our own store an interruption stops it behind the batch in hand.
    pub(super) async fn follow(
        &self,
        id: &str,
        seen: &(dyn Fn(&JobProgressDto) + Sync),
        stop: &CancellationToken,
    ) -> Result<JobDto, CliError> {
        match self {
            Self::Here(here) => {
                let mut status = here.imports.watch(id).await.map_err(error)?;
                loop {
                    tokio::select! {
                        changed = status.changed() => match changed {
                            Ok(()) => seen(&shown::progress(id, &status.borrow_and_update())),
                            Err(_) => return self.job(id).await,
                        },
                        () = stop.cancelled() => {
                            here.imports.stop().await;
                            let job = self.job(id).await?;
                            return if is_over(&job) { Ok(job) } else { Err(interrupted()) };
                        }
                    }
                }
            }
            Self::There(_) => loop {
                let job = self.job(id).await?;
                seen(&progress_of(&job));
                let waits = job.state == "validated" && !job.auto_continue && !job.dry_run;
                if is_over(&job) || waits {
                    return Ok(job);
                }
                tokio::select! {
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                    () = stop.cancelled() => return Err(interrupted()),
                }
            },
        }
    }

    /// Brings a report of a gateway's job here.
    pub(super) async fn fetch(&self, job: &JobDto, report: &str, to: &Path) -> Result<(), CliError> {
        let Self::There(client) = self else { return Ok(()) };
        let wrong = |error: std::io::Error| CliError::internal(format!("{}: {error}", to.display()));
        let mut response = match client.download(&["v1", "import-jobs", &job.id, report], &[]).await {
            // A job that ended before its first record has none.
            Err(error) if error.exit == Exit::NotFound => return Ok(()),
            other => other?,
        };
        let mut file = own_file(to, File::options().create(true).truncate(true)).map_err(wrong)?;
        while let Some(part) = client.part(&mut response).await? {
            file.write_all(&part).map_err(wrong)?;
        }
        file.sync_all().map_err(wrong)
    }

    /// What was sent for a job is not needed any more.
    pub(super) async fn forget(&self, job: &JobDto) -> Result<(), CliError> {
        let Some(upload) = &job.upload_id else { return Ok(()) };
        match self {
            Self::Here(here) => here.imports.delete_upload(upload).await.map_err(error),
            Self::There(client) => client.remove(&["v1", "import-uploads", upload]).await,
        }
    }

    /// A list as a preview compares with it.
    pub(super) async fn calling_list(&self, name: &str) -> Result<CallingList, CliError> {
        shown::of_list(&self.list(name).await?).map_err(CliError::internal)
    }

    /// The settings of a verb over the profile that it names.
    pub(super) async fn profile_of(
        &self,
        name: Option<&str>,
        settings: ImportSettings,
    ) -> Result<ImportProfile, CliError> {
        let base = match name {
            None => None,
            Some(name) => {
                let all = self.profiles().await?;
                let found = all.into_iter().find(|it| it.name == name || it.id == name);
                let found =
                    found.ok_or_else(|| CliError::new(Exit::NotFound, format!("there is no profile {name:?}")))?;
                Some(shown::profile(found.settings, None).map_err(CliError::internal)?)
            }
        };
        shown::profile(settings, base).map_err(CliError::usage)
    }
}

fn is_over(job: &JobDto) -> bool {
    matches!(job.state.as_str(), "completed" | "failed" | "cancelled")
}

fn progress_of(job: &JobDto) -> JobProgressDto {
    JobProgressDto {
        schema: "commdn.import_progress.v1".into(),
        id: job.id.clone(),
        state: job.state.clone(),
        step: job.step.clone(),
        bytes: job.bytes,
        size: job.size,
        counts: job.counts,
        rate: job.rate,
        seconds_left: job.seconds_left,
        failure: job.failure.clone(),
    }
}

/// Sends the file and makes a job of it; what was sent does not stay when there is no job.
async fn start_there(
    client: &Client,
    wanted: &Wanted,
    dry_run: bool,
    key: &str,
    sent: impl Fn(u64, u64) + Send + Sync + 'static,
) -> Result<JobDto, CliError> {
    let spooled = if wanted.file == Path::new("-") { Some(Spooled::stdin()?) } else { None };
    let path = spooled.as_ref().map_or(wanted.file.as_path(), |spooled| spooled.path.as_path());
    let name = wanted.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let wrong = |error: std::io::Error| CliError::usage(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(wrong)?;
    let total = file.metadata().map_err(wrong)?.len();
    let query = [("name", name.as_str())];
    let upload: UploadDto =
        client.upload(&["v1", "import-uploads"], &query, file, move |bytes| sent(bytes, total)).await?;
    let body = JobBody {
        upload_id: upload.upload_id.clone(),
        list: Some(wanted.list.clone()),
        create: wanted.create,
        kind: Some(wanted.kind.slug().to_owned()),
        profile: wanted.profile.clone(),
        settings: Some(wanted.settings.clone()),
        auto_continue: Some(wanted.auto_continue),
        dry_run,
    };
    let job = client.post_keyed(&["v1", "import-jobs"], &body, key).await;
    if job.is_err() {
        // It may be gone with the gateway; the error that is told is the first.
        let _ = client.remove(&["v1", "import-uploads", &upload.upload_id]).await;
    }
    job
}

impl Here {
    async fn list_name(&self, job: &ImportJob) -> Result<Option<String>, CliError> {
        let Some(number) = job.spec.list else { return Ok(None) };
        match self.imports.list_by_number(number).await {
            Ok(row) => Ok(Some(row.list.name)),
            Err(ImportError::Unknown { .. }) => Ok(None),
            Err(cause) => Err(error(cause)),
        }
    }

    async fn shown(&self, job: &ImportJob) -> Result<JobDto, CliError> {
        let status = self.imports.watch(&job.id).await.map_err(error)?.borrow().clone();
        let list = self.list_name(job).await?;
        Ok(shown::job(job, list.as_deref(), &status))
    }

    async fn new_job(&self, wanted: &Wanted) -> Result<NewJob, CliError> {
        let base = match &wanted.profile {
            Some(name) => Some(self.imports.profile(name).await.map_err(error)?.profile),
            None => None,
        };
        let mut profile = shown::profile(wanted.settings.clone(), base).map_err(CliError::usage)?;
        if wanted.kind == JobKind::Delete {
            profile.only_mapped = true;
        }
        let file = if wanted.file == Path::new("-") {
            let new = NewUpload { owner: OFFLINE.into(), file_name: "stdin".into(), ..NewUpload::default() };
            let id = self.imports.begin_upload(new).await.map_err(error)?.id;
            copy_stdin(&self.imports.upload_path(&id).map_err(error)?)?;
            self.imports.complete_upload(&id).await.map_err(error)?;
            FileSource::Upload(id)
        } else {
            FileSource::Path(absolute(&wanted.file)?)
        };
        let list = ListTarget::Named { name: wanted.list.clone(), create: wanted.create };
        let mut new = NewJob::new(OFFLINE, profile, list, file);
        new.kind = wanted.kind;
        new.auto_continue = wanted.auto_continue;
        new.reports =
            Reports::Files { outcome: Some(absolute(&wanted.outcome)?), reject: Some(absolute(&wanted.reject)?) };
        Ok(new)
    }

    /// Where the reports of a job lie.
    pub(super) async fn reports(&self, id: &str) -> Result<(Option<PathBuf>, Option<PathBuf>), CliError> {
        let spec = self.imports.job(id).await.map_err(error)?.spec;
        Ok((spec.outcome, spec.reject))
    }
}
