//! Bulk changes, which go on behind their answer.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};
use utoipa_axum::routes;

use super::words::{ContactListBulk, ContactListError, ContactListJob, ContactListJobs};
use super::{Answer, DELETE, IMPORT, READ, base, list_of};
use crate::contact::genesys_cloud::shape::BulkJob;
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::extract::{Place, contact_body};
use crate::service::access::Verb;
use crate::service::contact_lists::{Bulk, BulkKind, Refusal, read};

pub(super) fn routes() -> Routes {
    Routes::new()
        .guarded_within(DELETE, routes!(remove_contacts))
        .guarded_within(IMPORT, routes!(update_contacts))
        .guarded_within(READ, routes!(bulk_jobs))
        .guarded_within(READ, routes!(bulk_job))
}

/// The job, with the address of its backup.
fn shown(door: &Door, headers: &HeaderMap, bulk: Bulk) -> BulkJob {
    let download_uri = bulk.backup.map(|file| format!("{}/api/v2/downloads/{file}", base(door, headers)));
    BulkJob { download_uri, ..bulk.job }
}

/// Remove the contacts that match, after a backup of them.
#[utoipa::path(post, path = "/api/v2/outbound/contactlists/{contact_list_id}/contacts/bulk/remove", tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Id of the list")), request_body = ContactListBulk,
    responses((status = 200, body = ContactListJob), (status = 400, body = ContactListError),
        (status = 403, body = ContactListError), (status = 404, body = ContactListError)))]
async fn remove_contacts(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    headers: HeaderMap,
    request: Request,
) -> Answer<Json<BulkJob>> {
    let row = list_of(&door, &caller, Verb::ContactsDelete, &id).await?;
    let body = read(contact_body(request).await.map_err(Refusal::from)?)?;
    let bulk = door.contact_lists.bulk(&row.list, BulkKind::Remove, body)?;
    caller.note(format!("job {}", bulk.job.id));
    Ok(Json(shown(&door, &headers, bulk)))
}

/// Change the contacts that match, or those with these ids, after a backup of them.
#[utoipa::path(post, path = "/api/v2/outbound/contactlists/{contact_list_id}/contacts/bulk/update", tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Id of the list")), request_body = ContactListBulk,
    responses((status = 200, body = ContactListJob), (status = 400, body = ContactListError),
        (status = 403, body = ContactListError), (status = 404, body = ContactListError)))]
async fn update_contacts(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    headers: HeaderMap,
    request: Request,
) -> Answer<Json<BulkJob>> {
    let row = list_of(&door, &caller, Verb::ContactsImport, &id).await?;
    let body = read(contact_body(request).await.map_err(Refusal::from)?)?;
    let bulk = door.contact_lists.bulk(&row.list, BulkKind::Update, body)?;
    caller.note(format!("job {}", bulk.job.id));
    Ok(Json(shown(&door, &headers, bulk)))
}

/// Bulk changes of a list, newest first.
#[utoipa::path(get, path = "/api/v2/outbound/contactlists/{contact_list_id}/contacts/bulk/jobs", tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Id of the list")),
    responses((status = 200, body = ContactListJobs), (status = 403, body = ContactListError),
        (status = 404, body = ContactListError)))]
async fn bulk_jobs(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    headers: HeaderMap,
) -> Answer<Json<Value>> {
    let row = list_of(&door, &caller, Verb::ContactsRead, &id).await?;
    let jobs = door.contact_lists.bulk_jobs(&row.list).into_iter();
    let jobs: Vec<BulkJob> = jobs.map(|bulk| shown(&door, &headers, bulk)).collect();
    Ok(Json(json!({"entities": jobs})))
}

/// One bulk change.
#[utoipa::path(get, path = "/api/v2/outbound/contactlists/{contact_list_id}/contacts/bulk/jobs/{job_id}",
    tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Id of the list"),
        ("job_id" = String, Path, description = "Its id")),
    responses((status = 200, body = ContactListJob), (status = 403, body = ContactListError),
        (status = 404, body = ContactListError)))]
async fn bulk_job(
    State(door): State<Door>,
    caller: Caller,
    Place((list, id)): Place<(String, String)>,
    headers: HeaderMap,
) -> Answer<Json<BulkJob>> {
    let row = list_of(&door, &caller, Verb::ContactsRead, &list).await?;
    Ok(Json(shown(&door, &headers, door.contact_lists.bulk_job(&row.list, &id)?)))
}
