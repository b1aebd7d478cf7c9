//! Files: by an address that carries its own permission, or as a form.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::multipart::Field;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use tokio::time::timeout;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::words::{ContactListError, ContactListForm, ContactListStatus, ContactListUpload, ContactListUploadAnswer};
use super::{Answer, IMPORT, READ, base, list_of, need};
use crate::contact::csv::Limits;
use crate::contact::genesys_cloud::ErrorCode;
use crate::contact::genesys_cloud::ImportStatus;
use crate::contact::genesys_cloud::shape::{UploadAnswer, UploadRequest};
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::extract::{Place, contact_body, not_longer};
use crate::service::access::Verb;
use crate::service::contact_lists::{FormUpload, Parts, Refusal, read};

/// Bytes of a refused file that are read all the same, and for how long.
const DRAINED_MAX: usize = 64 << 20;
const DRAINED_FOR: Duration = Duration::from_secs(10);
/// Most bytes of a word of a form.
const WORD_MAX: usize = 4 * 1024;

pub(super) fn routes() -> Routes {
    // Files are bounded by the service, not by what a body may have as a rule.
    let (schemas, paths, form) = routes!(upload_form);
    let form = form.layer(DefaultBodyLimit::disable());
    Routes::new()
        .guarded_within(IMPORT, routes!(announce_upload))
        .guarded_form(IMPORT, (schemas, paths, form))
        .open(routes!(receive_upload))
        .guarded_within(READ, routes!(import_status))
}

/// Ask for an address to put a CSV file to: it takes one file, until it expires.
#[utoipa::path(post, path = "/api/v2/outbound/contactlists/uploads", tag = "contact-lists",
    request_body = ContactListUpload,
    responses((status = 200, body = ContactListUploadAnswer), (status = 400, body = ContactListError),
        (status = 403, body = ContactListError), (status = 404, body = ContactListError)))]
async fn announce_upload(
    State(door): State<Door>,
    caller: Caller,
    headers: HeaderMap,
    request: Request,
) -> Answer<Json<UploadAnswer>> {
    let body: UploadRequest = read(contact_body(request).await.map_err(Refusal::from)?)?;
    let id = body.id.clone().ok_or_else(|| Refusal::invalid("id"))?;
    let row = list_of(&door, &caller, Verb::ContactsImport, &id).await?;
    let mut answer = door.contact_lists.announce(&row.list, caller.subject(), body).await?;
    answer.url = format!("{}{}", base(&door, &headers), answer.url);
    Ok(Json(answer))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::routes) struct SignedQuery {
    /// Milliseconds since 1970 UTC.
    #[serde(default)]
    pub expires: String,
    /// Of what it allows, and of expiry.
    #[serde(default)]
    pub signature: String,
}

/// The parts of a body.
pub(in crate::http::routes) struct BodyParts(BodyDataStream);

impl BodyParts {
    pub(in crate::http::routes) fn of(body: Body) -> Self {
        Self(body.into_data_stream())
    }

    /// Takes what still comes of a file that is refused, within bounds: a client that is cut off while it sends never reads
    /// why. One that has asked first (`Expect`) sends nothing.
    pub(in crate::http::routes) async fn drain(mut self, headers: &HeaderMap) {
        if headers.contains_key(header::EXPECT) {
            return;
        }
        let all = async {
            let mut left = DRAINED_MAX;
            while let Some(Ok(part)) = self.0.next().await {
                left = left.saturating_sub(part.len());
                if left == 0 {
                    return;
                }
            }
        };
        let _ = timeout(DRAINED_FOR, all).await;
    }
}

impl Parts for BodyParts {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, String>>> {
        let said = |_| "the file broke off".to_owned();
        Box::pin(async move { self.0.next().await.map(|part| part.map_err(said)) })
    }
}

/// The parts of a form's field.
struct FieldParts<'a>(Field<'a>);

impl Parts for FieldParts<'_> {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, String>>> {
        let said = |_| "the form broke off".to_owned();
        Box::pin(async move { self.0.chunk().await.map_err(said).transpose() })
    }
}

/// Put the file to the address that was given for it; whoever has the address may.
#[utoipa::path(put, path = "/uploads/v2/contactlist/{upload_key}", tag = "contact-lists",
    params(("upload_key" = String, Path, description = "Of the announced upload"), SignedQuery),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200), (status = 400, body = ContactListError), (status = 403, body = ContactListError),
        (status = 413, body = ContactListError)))]
async fn receive_upload(
    State(door): State<Door>,
    Place(id): Place<String>,
    Query(query): Query<SignedQuery>,
    headers: HeaderMap,
    body: Body,
) -> Answer<StatusCode> {
    not_longer(&body, Limits::GENESYS_CLOUD.file).map_err(Refusal::from)?;
    let mut parts = BodyParts::of(body);
    let done = door.contact_lists.receive(&id, &query.expires, &query.signature, &mut parts).await;
    if done.is_err() {
        parts.drain(&headers).await;
    }
    done?;
    Ok(StatusCode::OK)
}

/// Send a file as a form: `file`, `fileType=contactlist`, `id` of the list, `contact-id-name`.
#[utoipa::path(post, path = "/uploads/v2/contactlist", tag = "contact-lists",
    request_body(content = ContactListForm, content_type = "multipart/form-data"),
    responses((status = 200), (status = 400, body = ContactListError), (status = 403, body = ContactListError),
        (status = 404, body = ContactListError), (status = 413, body = ContactListError)))]
async fn upload_form(State(door): State<Door>, caller: Caller, request: Request) -> Answer<StatusCode> {
    let mut form = FormUpload::default();
    let done = take_form(&door, &caller, request, &mut form).await;
    if done.is_err()
        && let Some(upload) = &form.upload
    {
        door.contact_lists.discard(upload).await;
    }
    done.map(|()| StatusCode::OK)
}

async fn take_form(door: &Door, caller: &Caller, request: Request, form: &mut FormUpload) -> Answer<()> {
    let broken = || Refusal::new(ErrorCode::BadRequest, "the form cannot be read");
    let mut parts = Multipart::from_request(request, &()).await.map_err(|_| broken())?;
    while let Some(field) = parts.next_field().await.map_err(|_| broken())? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" && form.upload.is_none() {
            let label = field.file_name().unwrap_or_default().to_owned();
            let mut parts = FieldParts(field);
            form.upload = Some(door.contact_lists.receive_form(caller.subject(), &label, &mut parts).await?);
            continue;
        }
        let text = word(field).await?;
        match name.as_str() {
            "id" => form.list = Some(text),
            "contact-id-name" => form.contact_id_name = Some(text),
            "fileType" => form.file_type = Some(text),
            // What else a client says decides nothing.
            _ => {}
        }
    }
    if form.file_type.as_deref().is_some_and(|kind| kind != "contactlist") {
        return Err(Refusal::new(ErrorCode::NotSupported, "fileType: expected contactlist").into());
    }
    let id = form.list.clone().ok_or_else(|| Refusal::invalid("id"))?;
    let row = door.contact_lists.list(&id).await?;
    need(caller, Verb::ContactsImport, &row.list)?;
    Ok(door.contact_lists.start_form(&row.list, form).await?)
}

/// A short field as text.
async fn word(mut field: Field<'_>) -> Result<String, Refusal> {
    let broken = || Refusal::new(ErrorCode::BadRequest, "the form cannot be read");
    let mut bytes = Vec::new();
    while let Some(part) = field.chunk().await.map_err(|_| broken())? {
        bytes.extend_from_slice(&part);
        if bytes.len() > WORD_MAX {
            return Err(broken());
        }
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

/// How far the last import of a list is; no `state` before the first.
#[utoipa::path(get, path = "/api/v2/outbound/contactlists/{contact_list_id}/importstatus", tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Id of the list")),
    responses((status = 200, body = ContactListStatus), (status = 403, body = ContactListError),
        (status = 404, body = ContactListError)))]
async fn import_status(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
) -> Answer<Json<ImportStatus>> {
    let row = list_of(&door, &caller, Verb::ContactsRead, &id).await?;
    Ok(Json(door.contact_lists.import_status(&row).await?))
}
