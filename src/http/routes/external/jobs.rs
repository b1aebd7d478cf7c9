//! Jobs: made of a file, looked at, moved on; and what they report.

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;
use utoipa_axum::routes;

use super::words::{
    ExternalContactsError, ExternalContactsImport, ExternalContactsJob, ExternalContactsJobChange,
    ExternalContactsJobPage, ExternalContactsNewJob,
};
use super::{ask, who};
use crate::contact::genesys_cloud::ErrorCode;
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::extract::{Place, contact_body, maybe_body};
use crate::http::routes::genesys_cloud::{Answer, SignedQuery, Words, base};
use crate::http::routes::imports::files;
use crate::service::access::{Object, Verb};
use crate::service::contact_lists::{Refusal, read};
use crate::service::external::{IMPORT, Listing};

/// Most jobs of a page.
const PAGE_MAX: usize = 100;
/// Who sees the jobs of others.
const ALL: Verb = Verb::ImportJobViewAll;

pub(super) fn routes() -> Routes {
    const MAKE: &[Verb] = &[Verb::ImportCsvJobAdd, Verb::ImportJobAdd, Verb::ExternalEntityImport];
    const VIEW: &[Verb] = &[Verb::ImportJobView, Verb::ImportJobViewAll];
    const MOVE: &[Verb] = &[Verb::ImportJobEdit, Verb::ExternalEntityImport];
    Routes::new()
        .guarded(MAKE, routes!(create_csv_job))
        .guarded(&[Verb::ImportJobAdd], routes!(create_job))
        .guarded_within(VIEW, routes!(external_jobs))
        .guarded_within(VIEW, routes!(external_job))
        .guarded(MOVE, routes!(move_job))
        .open(routes!(job_report))
}

/// Our own address, for those who may read reports: they name people.
fn reports(door: &Door, caller: &Caller, headers: &HeaderMap) -> Option<String> {
    caller.may(Verb::ExternalContactView, Object::default()).then(|| base(door, headers))
}

/// Make a job of an upload and csv settings. It stops when it is validated, until somebody sends `Continue`. The id of
/// settings will do where columns have the names of fields, and so will the name of a profile of our own; `classic` is the
/// old flow, which does not stop.
#[utoipa::path(post, path = "/api/v2/externalcontacts/import/csv/jobs", tag = "external-contacts",
    request_body = ExternalContactsNewJob,
    responses((status = 200, body = ExternalContactsImport), (status = 400, body = ExternalContactsError),
        (status = 403, body = ExternalContactsError), (status = 404, body = ExternalContactsError),
        (status = 429, body = ExternalContactsError)))]
async fn create_csv_job(State(door): State<Door>, caller: Caller, request: Request) -> Answer<Json<Value>> {
    let body = read(contact_body(request).await.map_err(Refusal::from)?)?;
    let who = who(&caller, Verb::ImportSettingsViewAll);
    let plan = door.external.plan(&who, body).await?;
    if let Some(list) = plan.profile.target_list.as_deref() {
        let object = Object { list: Some(list), ..Object::default() };
        if !caller.may(Verb::ContactsImport, object) {
            let what = format!("this needs the scope {} for the list of the profile", Verb::ContactsImport.name());
            return Err(Refusal::new(ErrorCode::NotAuthorized, what).into());
        }
    }
    let made = door.external.start(&who, plan).await?;
    caller.note(format!("job {}", made["job"]["id"].as_str().unwrap_or_default()));
    Ok(Json(made))
}

/// Always 400: a job needs a file.
#[utoipa::path(post, path = "/api/v2/externalcontacts/import/jobs", tag = "external-contacts",
    request_body = ExternalContactsNewJob,
    responses((status = 400, body = ExternalContactsError), (status = 403, body = ExternalContactsError)))]
async fn create_job(request: Request) -> Answer<Json<Value>> {
    maybe_body(request).await.map_err(Refusal::from)?;
    let what = format!("a job needs a file: POST {IMPORT}/csv/jobs");
    Err(Refusal::new(ErrorCode::BadRequest, what).into())
}

/// Jobs from the newest on, a page of them: one's own, or everyone's with `externalContacts:importJob:viewAll`.
#[utoipa::path(get, path = "/api/v2/externalcontacts/import/jobs", tag = "external-contacts",
    params(("after" = Option<String>, Query, description = "Behind the job with this id"),
        ("pageSize" = Option<i64>, Query, description = "1 to 100; default 25"),
        ("sortOrder" = Option<String>, Query, description = "Descending, or Ascending: from the oldest on"),
        ("jobStatus" = Option<String>, Query, description = "Created, Running, Completed, Failed, Cancelled")),
    responses((status = 200, body = ExternalContactsJobPage), (status = 400, body = ExternalContactsError),
        (status = 401, body = ExternalContactsError), (status = 403, body = ExternalContactsError)))]
async fn external_jobs(
    State(door): State<Door>,
    caller: Caller,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Answer<Json<Listing>> {
    let words = Words(query);
    let ask = ask(&words, &format!("{IMPORT}/jobs"), PAGE_MAX)?;
    let reports = reports(&door, &caller, &headers);
    Ok(Json(door.external.jobs(&who(&caller, ALL), &ask, words.get("jobStatus"), reports.as_deref()).await?))
}

/// One job: where it is, and what became of its rows so far. Addresses of reports stand there for those with
/// `externalContacts:contact:view`.
#[utoipa::path(get, path = "/api/v2/externalcontacts/import/jobs/{job_id}", tag = "external-contacts",
    params(("job_id" = String, Path, description = "Its id"),
        ("expand" = Option<String>, Query, description = "Decides nothing here: all is shown")),
    responses((status = 200, body = ExternalContactsJob), (status = 403, body = ExternalContactsError),
        (status = 404, body = ExternalContactsError)))]
async fn external_job(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    headers: HeaderMap,
) -> Answer<Json<Value>> {
    let reports = reports(&door, &caller, &headers);
    Ok(Json(door.external.job(&who(&caller, ALL), &id, reports.as_deref()).await?))
}

/// Let a job go on (`Continue`), stop it (`Cancel`), have it try again (`Retry`). 409 where it is in another state.
#[utoipa::path(put, path = "/api/v2/externalcontacts/import/jobs/{job_id}", tag = "external-contacts",
    params(("job_id" = String, Path, description = "Its id")), request_body = ExternalContactsJobChange,
    responses((status = 200, body = ExternalContactsJobChange), (status = 400, body = ExternalContactsError),
        (status = 403, body = ExternalContactsError), (status = 404, body = ExternalContactsError),
        (status = 409, body = ExternalContactsError)))]
async fn move_job(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    request: Request,
) -> Answer<Json<Value>> {
    let body = read(contact_body(request).await.map_err(Refusal::from)?)?;
    let moved = door.external.move_job(&who(&caller, ALL), &id, body).await?;
    caller.note(format!("job {id}"));
    Ok(Json(moved))
}

/// What became of each row, as CSV; whoever has the address may.
#[utoipa::path(get, path = "/api/v2/externalcontacts/import/jobs/{job_id}/reports/{step}", tag = "external-contacts",
    params(("job_id" = String, Path, description = "Id of the job"),
        ("step" = String, Path, description = "validation or import"), SignedQuery),
    responses((status = 200, content_type = "text/csv"), (status = 206, content_type = "text/csv"),
        (status = 403, body = ExternalContactsError), (status = 404, body = ExternalContactsError)))]
async fn job_report(
    State(door): State<Door>,
    Place((id, step)): Place<(String, String)>,
    Query(query): Query<SignedQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    let path = door.external.report(&id, &step, &query.expires, &query.signature).await?;
    Ok(files::file(Some(&path), &format!("{step}.csv"), &headers).await.map_err(Refusal::from)?)
}
