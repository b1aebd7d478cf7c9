//! Files: announced, sent to the address that was given for them, looked into.

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use utoipa_axum::routes;

use super::who;
use super::words::{
    ExternalContactsDetails, ExternalContactsError, ExternalContactsPreview, ExternalContactsUpload,
    ExternalContactsUploadAnswer,
};
use crate::contact::external::shape::{UploadAnswer, UploadDetails, UploadPreview};
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::extract::{Place, contact_body};
use crate::http::routes::genesys_cloud::{Answer, BodyParts, SignedQuery, base};
use crate::service::access::Verb;
use crate::service::contact_lists::{Refusal, read};

const ADD: &[Verb] = &[Verb::ImportCsvUploadAdd];
const VIEW: &[Verb] = &[Verb::ImportCsvUploadView];

pub(super) fn routes() -> Routes {
    Routes::new()
        .guarded(ADD, routes!(announce_file))
        .open(routes!(receive_file))
        .guarded(VIEW, routes!(file_details))
        .guarded(VIEW, routes!(file_preview))
}

/// Ask for an address to put a CSV file to: it takes one file of that size, until it expires.
#[utoipa::path(post, path = "/api/v2/externalcontacts/import/csv/uploads", tag = "external-contacts",
    request_body = ExternalContactsUpload,
    responses((status = 200, body = ExternalContactsUploadAnswer), (status = 400, body = ExternalContactsError),
        (status = 403, body = ExternalContactsError)))]
async fn announce_file(
    State(door): State<Door>,
    caller: Caller,
    headers: HeaderMap,
    request: Request,
) -> Answer<Json<UploadAnswer>> {
    let body = read(contact_body(request).await.map_err(Refusal::from)?)?;
    let mut answer = door.external.announce(caller.subject(), body).await?;
    caller.note(format!("upload {}", answer.upload_id));
    answer.upload_url = format!("{}{}", base(&door, &headers), answer.upload_url);
    Ok(Json(answer))
}

/// Put the file to the address that was given for it; whoever has the address may.
#[utoipa::path(put, path = "/uploads/v2/externalcontacts/{upload_id}", tag = "external-contacts",
    params(("upload_id" = String, Path, description = "Of the announced upload"), SignedQuery),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200), (status = 400, body = ExternalContactsError), (status = 403, body = ExternalContactsError),
        (status = 413, body = ExternalContactsError)))]
async fn receive_file(
    State(door): State<Door>,
    Place(id): Place<String>,
    Query(query): Query<SignedQuery>,
    headers: HeaderMap,
    body: Body,
) -> Answer<StatusCode> {
    let mut parts = BodyParts::of(body);
    let done = door.external.receive(&id, &query.expires, &query.signature, &mut parts).await;
    if done.is_err() {
        parts.drain(&headers).await;
    }
    done?;
    Ok(StatusCode::OK)
}

/// Whether a file of one's own can be read; no `validationResult` until it has come.
#[utoipa::path(get, path = "/api/v2/externalcontacts/import/csv/uploads/{upload_id}/details", tag = "external-contacts",
    params(("upload_id" = String, Path, description = "Its id")),
    responses((status = 200, body = ExternalContactsDetails), (status = 403, body = ExternalContactsError),
        (status = 404, body = ExternalContactsError)))]
async fn file_details(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
) -> Answer<Json<UploadDetails>> {
    Ok(Json(door.external.details(&who(&caller, Verb::ImportJobViewAll), &id).await?))
}

/// The header and the first ten rows of a file of one's own; 404 until it has come.
#[utoipa::path(get, path = "/api/v2/externalcontacts/import/csv/uploads/{upload_id}/preview", tag = "external-contacts",
    params(("upload_id" = String, Path, description = "Its id")),
    responses((status = 200, body = ExternalContactsPreview), (status = 400, body = ExternalContactsError),
        (status = 403, body = ExternalContactsError), (status = 404, body = ExternalContactsError)))]
async fn file_preview(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
) -> Answer<Json<UploadPreview>> {
    Ok(Json(door.external.preview(&who(&caller, Verb::ImportJobViewAll), &id).await?))
}
