//! Import jobs: make them, look at them, move them on.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use tokio::time::{Instant, sleep_until, timeout};
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::uploads::own;
use super::{files, need, profile_of, wrong};
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::dto::{JobBody, JobDto, JobProgressDto, Page, ProblemDto};
use crate::http::extract::{Asked, JsonBody, Place};
use crate::http::problem::Problem;
use crate::http::routes::{page_limit, page_of};
use crate::http::shown;
use crate::http::stream::{answer, sse};
use crate::service::access::{Object, Verb};
use crate::service::gateway::GivenKey;
use crate::service::import::{FileSource, ImportError, JobStatus, ListTarget, NewJob};
use crate::store::contacts::{ImportJob, JobKind};
use crate::store::hex;

pub(super) fn routes() -> Routes {
    const READ: &[Verb] = &[Verb::ContactsRead, Verb::ContactsImport, Verb::ContactsDelete, Verb::ContactsClear];
    const LOAD: &[Verb] = &[Verb::ContactsImport, Verb::ContactsDelete, Verb::ContactsClear];
    Routes::new()
        .guarded_within(&[Verb::ContactsImport, Verb::ContactsDelete], routes!(create))
        .guarded_within(READ, routes!(jobs))
        .guarded_within(READ, routes!(show))
        .guarded_within(LOAD, routes!(go_on))
        .guarded_within(LOAD, routes!(cancel))
        .guarded_within(LOAD, routes!(retry))
        .guarded_within(LOAD, routes!(undo))
        .guarded_within(READ, routes!(outcome))
        .guarded_within(READ, routes!(reject))
        .guarded_within(READ, routes!(log))
        .guarded_within(READ, routes!(events))
}

/// Jobs of one page.
const PAGE_MAX: usize = 200;
/// Time between two events of one stream.
const EVENT_EVERY: Duration = Duration::from_millis(100);
/// A stream that says nothing for so long is told that it is still heard.
const QUIET: Duration = Duration::from_secs(10);

/// What a caller needs for a job of this kind.
fn verb(kind: JobKind) -> Verb {
    match kind {
        JobKind::Delete => Verb::ContactsDelete,
        JobKind::Clear => Verb::ContactsClear,
        JobKind::Import | JobKind::Call | JobKind::Push => Verb::ContactsImport,
    }
}

/// Name of a job's list; `None` = it has none, or it is gone.
async fn list_name(door: &Door, job: &ImportJob) -> Result<Option<String>, Problem> {
    let Some(number) = job.spec.list else { return Ok(None) };
    match door.imports.list_by_number(number).await {
        Ok(row) => Ok(Some(row.list.name)),
        Err(ImportError::Unknown { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A job that the caller may read, or do something to.
async fn find(door: &Door, caller: &Caller, id: &str, changes: bool) -> Result<(ImportJob, Option<String>), Problem> {
    let job = door.imports.job(id).await?;
    let list = list_name(door, &job).await?;
    let verb = verb(job.kind);
    let object = Object { list: list.as_deref(), ..Object::default() };
    if changes || !caller.may(Verb::ContactsRead, object) {
        need(caller, verb, list.as_deref())?;
    }
    Ok((job, list))
}

async fn shown_job(door: &Door, job: &ImportJob, list: Option<&str>) -> Result<JobDto, Problem> {
    let status = door.imports.watch(&job.id).await?.borrow().clone();
    Ok(shown::job(job, list, &status))
}

async fn taken(door: &Door, job: &ImportJob, list: Option<&str>) -> Result<Response, Problem> {
    let mut response = (StatusCode::ACCEPTED, Json(shown_job(door, job, list).await?)).into_response();
    if let Ok(place) = HeaderValue::from_str(&format!("/v1/import-jobs/{}", job.id)) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// Make a job of an upload: it is validated, and goes on by itself unless `auto_continue` is false. A header or settings
/// that do not fit are told at once, and make no job.
#[utoipa::path(post, path = "/v1/import-jobs", tag = "contacts", request_body = JobBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Same key and body: the same job")),
    responses((status = 202, body = JobDto), (status = 400, body = ProblemDto), (status = 404, body = ProblemDto),
        (status = 422, body = ProblemDto), (status = 429, body = ProblemDto)))]
async fn create(
    State(door): State<Door>,
    caller: Caller,
    given: Extensions,
    JsonBody(body): JsonBody<JobBody>,
) -> Result<Response, Problem> {
    let kind = match body.kind.as_deref() {
        None | Some("import") => JobKind::Import,
        Some("delete") => JobKind::Delete,
        Some(_) => return Err(wrong("kind: expected import or delete")),
    };
    need(&caller, verb(kind), body.list.as_deref())?;
    let upload = own(&door, &caller, &body.upload_id).await?;
    let mut profile = profile_of(&door.imports, body.profile.as_deref(), body.settings).await?;
    if kind == JobKind::Delete {
        profile.only_mapped = true;
        if profile.id_column.is_none() {
            return Err(wrong("settings.id_column: expected the column of ids, found none"));
        }
    }
    let list = match body.list {
        Some(name) => ListTarget::Named { name, create: body.create && kind == JobKind::Import },
        None => ListTarget::None,
    };
    let mut new = NewJob::new(caller.subject(), profile, list, FileSource::Upload(upload.id));
    new.kind = kind;
    new.auto_continue = body.auto_continue.unwrap_or(true);
    new.dry_run = body.dry_run;
    new.idempotency = given.get::<GivenKey>().map(|key| (key.key.clone(), hex(&key.body_sha256)));
    let job = door.imports.create(new).await?;
    caller.note(format!("job {}", job.id));
    let list = list_name(&door, &job).await?;
    taken(&door, &job, list.as_deref()).await
}

#[derive(Debug, Deserialize, IntoParams)]
struct JobsQuery {
    /// Entries of a page, 1 to 200.
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<i64>,
}

/// Jobs, the newest first.
#[utoipa::path(get, path = "/v1/import-jobs", tag = "contacts", params(JobsQuery),
    responses((status = 200, body = Page<JobDto>)))]
async fn jobs(
    State(door): State<Door>,
    caller: Caller,
    Asked(query): Asked<JobsQuery>,
) -> Result<Json<Page<JobDto>>, Problem> {
    let limit = page_limit(query.limit, PAGE_MAX);
    let found = door.imports.jobs(query.after, limit + 1).await?;
    let (page, next) = page_of(found, limit, |job| job.number.to_string());
    let lists = door.imports.lists().await?;
    let mut items = Vec::new();
    for job in &page {
        let list = lists.iter().find(|row| Some(row.list.number) == job.spec.list).map(|row| row.list.name.as_str());
        let object = Object { list, ..Object::default() };
        if caller.may(Verb::ContactsRead, object) || caller.may(verb(job.kind), object) {
            items.push(shown_job(&door, job, list).await?);
        }
    }
    Ok(Json(Page { schema: "commdn.import_jobs.v1".into(), items, next }))
}

/// A job.
#[utoipa::path(get, path = "/v1/import-jobs/{id}", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, body = JobDto), (status = 404, body = ProblemDto)))]
async fn show(State(door): State<Door>, caller: Caller, Place(id): Place<String>) -> Result<Json<JobDto>, Problem> {
    let (job, list) = find(&door, &caller, &id, false).await?;
    Ok(Json(shown_job(&door, &job, list.as_deref()).await?))
}

/// Let a validated job go on.
#[utoipa::path(post, path = "/v1/import-jobs/{id}/continue", tag = "contacts", params(("id" = String, Path)),
    responses((status = 202, body = JobDto), (status = 404, body = ProblemDto), (status = 409, body = ProblemDto)))]
async fn go_on(State(door): State<Door>, caller: Caller, Place(id): Place<String>) -> Result<Response, Problem> {
    let (job, list) = find(&door, &caller, &id, true).await?;
    let job = door.imports.continue_job(&job.id, caller.subject()).await?;
    taken(&door, &job, list.as_deref()).await
}

/// Stop a job; what is committed stays until it is undone.
#[utoipa::path(post, path = "/v1/import-jobs/{id}/cancel", tag = "contacts", params(("id" = String, Path)),
    responses((status = 202, body = JobDto), (status = 404, body = ProblemDto), (status = 409, body = ProblemDto)))]
async fn cancel(State(door): State<Door>, caller: Caller, Place(id): Place<String>) -> Result<Response, Problem> {
    let (job, list) = find(&door, &caller, &id, true).await?;
    let job = door.imports.cancel(&job.id, caller.subject()).await?;
    taken(&door, &job, list.as_deref()).await
}

/// Have a failed job try its step again.
#[utoipa::path(post, path = "/v1/import-jobs/{id}/retry", tag = "contacts", params(("id" = String, Path)),
    responses((status = 202, body = JobDto), (status = 404, body = ProblemDto), (status = 409, body = ProblemDto)))]
async fn retry(State(door): State<Door>, caller: Caller, Place(id): Place<String>) -> Result<Response, Problem> {
    let (job, list) = find(&door, &caller, &id, true).await?;
    let job = door.imports.retry(&job.id, caller.subject()).await?;
    taken(&door, &job, list.as_deref()).await
}

/// Take back what a job did. Contacts that were changed or dialed since stay, and are counted.
#[utoipa::path(post, path = "/v1/import-jobs/{id}/undo", tag = "contacts", params(("id" = String, Path)),
    responses((status = 202, body = JobDto), (status = 404, body = ProblemDto), (status = 409, body = ProblemDto)))]
async fn undo(State(door): State<Door>, caller: Caller, Place(id): Place<String>) -> Result<Response, Problem> {
    let (job, list) = find(&door, &caller, &id, true).await?;
    // It goes on to its end though the caller hangs up.
    let (imports, number) = (door.imports.clone(), job.id.clone());
    let done = tokio::spawn(async move { imports.undo(&number).await }).await;
    done.map_err(|error| Problem::new("internal", 500, error.to_string()))??;
    let job = door.imports.job(&job.id).await?;
    taken(&door, &job, list.as_deref()).await
}

/// One row for each record: what became of it. While the job runs, as far as it has come.
#[utoipa::path(get, path = "/v1/import-jobs/{id}/outcome", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, content_type = "text/csv"), (status = 206, content_type = "text/csv"),
        (status = 404, body = ProblemDto), (status = 416, body = ProblemDto)))]
async fn outcome(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (job, _) = find(&door, &caller, &id, false).await?;
    files::file(files::outcome_of(&job), "outcome.csv", &headers).await
}

/// The records that failed, as they came, with what is wrong with them: corrected they can be imported as they are.
#[utoipa::path(get, path = "/v1/import-jobs/{id}/reject", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, content_type = "text/csv"), (status = 206, content_type = "text/csv"),
        (status = 404, body = ProblemDto), (status = 416, body = ProblemDto)))]
async fn reject(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (job, _) = find(&door, &caller, &id, false).await?;
    files::file(job.spec.reject.as_deref(), "reject.csv", &headers).await
}

/// What has happened to a job, a line each. No cell of the file stands in it.
#[utoipa::path(get, path = "/v1/import-jobs/{id}/log", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, content_type = "text/plain"), (status = 206, content_type = "text/plain"),
        (status = 404, body = ProblemDto), (status = 416, body = ProblemDto)))]
async fn log(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (job, list) = find(&door, &caller, &id, false).await?;
    let text = shown::log(&shown_job(&door, &job, list.as_deref()).await?);
    files::text(text, "log.txt", &headers)
}

/// How a job goes, as it goes: events `import`. The stream ends when nothing runs any more.
#[utoipa::path(get, path = "/v1/import-jobs/{id}/events", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, content_type = "text/event-stream", body = JobProgressDto), (status = 404, body = ProblemDto)))]
async fn events(State(door): State<Door>, caller: Caller, Place(id): Place<String>) -> Result<Response, Problem> {
    let (job, _) = find(&door, &caller, &id, false).await?;
    let status = door.imports.watch(&job.id).await?;
    let worthless = caller.worthless();
    let following = Following { door: door.clone(), id: job.id, status: Some(status), number: 0, next: Instant::now() };
    let events = stream::unfold(following, async |mut following| {
        let event = following.next().await?;
        Some((event, following))
    });
    Ok(answer(&door, worthless, events))
}

/// A stream about one job.
struct Following {
    door: Door,
    id: String,
    /// `None` = the last event was sent.
    status: Option<tokio::sync::watch::Receiver<JobStatus>>,
    number: u64,
    next: Instant,
}

impl Following {
    async fn next(&mut self) -> Option<bytes::Bytes> {
        let status = self.status.as_mut()?;
        if self.number > 0 {
            sleep_until(self.next).await;
            match timeout(QUIET, status.changed()).await {
                Err(_) => return Some(bytes::Bytes::from_static(b":\n\n")),
                Ok(Ok(())) => {}
                Ok(Err(_)) => {
                    // What the store says counts: it has the end.
                    self.status = None;
                    let job = self.door.imports.job(&self.id).await.ok()?;
                    return Some(self.event(&JobStatus::of(&job)));
                }
            }
        }
        self.next = Instant::now() + EVENT_EVERY;
        let seen = self.status.as_mut()?.borrow_and_update().clone();
        Some(self.event(&seen))
    }

    fn event(&mut self, status: &JobStatus) -> bytes::Bytes {
        self.number += 1;
        sse("import", self.number, &shown::progress(&self.id, status))
    }
}
