//! Exports, and the files that are fetched.

use std::fs::File;

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa_axum::routes;

use super::words::{ContactListError, ContactListExport, ContactListExportAnswer, ContactListExported};
use super::{Answer, READ, Words, base, list_of, need};
use crate::contact::genesys_cloud::shape::ExportAnswer;
use crate::contact::genesys_cloud::write_time;
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::extract::{Place, maybe_body};
use crate::http::routes::backup::parts;
use crate::service::access::Verb;
use crate::service::contact_lists::{Refusal, read};
use crate::service::import::ImportError;

pub(super) fn routes() -> Routes {
    Routes::new()
        .guarded_within(READ, routes!(export_contacts))
        .guarded_within(READ, routes!(exported_contacts))
        .guarded_within(READ, routes!(download))
}

/// Begin an export of a list, or of the contacts that match.
#[utoipa::path(post, path = "/api/v2/outbound/contactlists/{contact_list_id}/export", tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Id of the list")), request_body = ContactListExport,
    responses((status = 200, body = ContactListExported), (status = 400, body = ContactListError),
        (status = 403, body = ContactListError), (status = 404, body = ContactListError)))]
async fn export_contacts(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    request: Request,
) -> Answer<Json<Value>> {
    let row = list_of(&door, &caller, Verb::ContactsRead, &id).await?;
    let body = read(maybe_body(request).await.map_err(Refusal::from)?)?;
    let exported = door.contact_lists.export(&row.list, body)?;
    Ok(Json(json!({"id": exported.id, "name": row.list.name})))
}

/// Where the last export is; 404 until it is ready. `download=true` leads there.
#[utoipa::path(get, path = "/api/v2/outbound/contactlists/{contact_list_id}/export", tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Id of the list"),
        ("download" = Option<bool>, Query, description = "Answers with a redirect to the file")),
    responses((status = 200, body = ContactListExportAnswer), (status = 302, description = "The file is there"),
        (status = 403, body = ContactListError), (status = 404, body = ContactListError)))]
async fn exported_contacts(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Answer<Response> {
    let row = list_of(&door, &caller, Verb::ContactsRead, &id).await?;
    let (file, at) = door.contact_lists.exported(&row.list)?;
    let uri = format!("{}/api/v2/downloads/{file}", base(&door, &headers));
    if Words(query).flag("download")?.unwrap_or(false) {
        return Ok((StatusCode::FOUND, [(header::LOCATION, uri)]).into_response());
    }
    Ok(Json(ExportAnswer { uri, export_timestamp: write_time(at) }).into_response())
}

/// A file that was made: an export, or the backup of a bulk change.
#[utoipa::path(get, path = "/api/v2/downloads/{download_id}", tag = "contact-lists",
    params(("download_id" = String, Path, description = "Its id")),
    responses((status = 200, content_type = "text/csv"), (status = 403, body = ContactListError),
        (status = 404, body = ContactListError)))]
async fn download(State(door): State<Door>, caller: Caller, Place(id): Place<String>) -> Answer<Response> {
    let (list, path) = door.contact_lists.download(&id).await?;
    need(&caller, Verb::ContactsRead, &list)?;
    let unread = |error: std::io::Error| Refusal::from(ImportError::Io(error.to_string()));
    let file = tokio::task::spawn_blocking(move || File::open(path)).await;
    let file = file.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(unread)?;
    let length = file.metadata().map_err(unread)?.len();
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"contacts.csv\"".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
    ];
    Ok((headers, Body::from_stream(parts(file, ()))).into_response())
}
