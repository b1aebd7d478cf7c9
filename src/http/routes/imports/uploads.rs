//! Files that are to be imported: straight to the disk, whatever their size.

use std::path::{Path, PathBuf};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{need, profile_of, wrong};
use crate::contact::csv::Limits;
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::dto::{ImportSettings, PreviewDto, ProblemDto, UploadDto};
use crate::http::extract::{Asked, Place, not_longer};
use crate::http::problem::Problem;
use crate::http::serve::BODY;
use crate::http::shown;
use crate::service::access::Verb;
use crate::service::import::{ImportError, NewUpload};
use crate::service::own_file;
use crate::store::contacts::StoredUpload;

pub(super) fn routes() -> Routes {
    const LOAD: &[Verb] = &[Verb::ContactsImport, Verb::ContactsDelete];
    Routes::new()
        .guarded_form(LOAD, routes!(upload))
        .guarded_within(LOAD, routes!(preview))
        .guarded_within(LOAD, routes!(delete))
}

/// Bytes that are written at once.
const PIECE: usize = 1 << 20;

#[derive(Debug, Deserialize, IntoParams)]
struct UploadQuery {
    /// What the file is called: a label, never a path.
    name: Option<String>,
}

/// Send a file: as the body, or as the first file of a form.
#[utoipa::path(post, path = "/v1/import-uploads", tag = "contacts", params(UploadQuery),
    request_body(content((Vec<u8> = "text/csv"), (Vec<u8> = "application/octet-stream"),
        (Vec<u8> = "multipart/form-data"))),
    responses((status = 201, body = UploadDto), (status = 413, body = ProblemDto), (status = 415, body = ProblemDto)))]
async fn upload(
    State(door): State<Door>,
    caller: Caller,
    Asked(query): Asked<UploadQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let broken = || Problem::new("invalid-form", 400, "the form cannot be read");
    let done = match essence.as_str() {
        "multipart/form-data" => {
            let mut form = Multipart::from_request(request, &()).await.map_err(|_| broken())?;
            loop {
                let part = timeout(BODY, form.next_field()).await.map_err(|_| too_slow())?.map_err(|_| broken())?;
                let Some(part) = part else { return Err(wrong("expected a file in the form, found none")) };
                let Some(name) = part.file_name().map(str::to_owned) else { continue };
                let bytes = part.map(|bytes| bytes.map_err(|_| ()));
                break receive(&door, &caller, query.name.unwrap_or(name), Box::pin(bytes)).await?;
            }
        }
        "text/csv" | "application/octet-stream" | "application/csv" | "text/tab-separated-values" => {
            not_longer(request.body(), Limits::NATIVE.file)?;
            let bytes = request.into_body().into_data_stream().map(|bytes| bytes.map_err(|_| ()));
            receive(&door, &caller, query.name.unwrap_or_default(), bytes).await?
        }
        found => {
            let detail = format!("Content-Type: expected text/csv or application/octet-stream, found '{found}'");
            return Err(Problem::new("unsupported-media-type", 415, detail).hint("send -H 'content-type: text/csv'"));
        }
    };
    Ok((StatusCode::CREATED, Json(shown::upload(&done))).into_response())
}

fn too_slow() -> Problem {
    Problem::new("body-too-slow", 408, format!("nothing of the body came within {} s", BODY.as_secs()))
}

/// Bytes to a file of ours; nothing stays of one that does not come whole.
async fn receive(
    door: &Door,
    caller: &Caller,
    name: String,
    bytes: impl Stream<Item = Result<Bytes, ()>> + Send + Unpin,
) -> Result<StoredUpload, Problem> {
    let file_name: String = name.chars().filter(|letter| !letter.is_control()).take(255).collect();
    let new = NewUpload { owner: caller.subject().to_owned(), file_name, ..NewUpload::default() };
    let id = door.imports.begin_upload(new).await?.id;
    let done = async {
        write(bytes, door.imports.upload_path(&id)?).await?;
        Ok(door.imports.complete_upload(&id).await?)
    };
    let done: Result<_, Problem> = done.await;
    if done.is_err()
        && let Err(error) = door.imports.delete_upload(&id).await
    {
        tracing::warn!(upload = %id, %error, "what came of an upload was not removed");
    }
    done
}

async fn write(mut bytes: impl Stream<Item = Result<Bytes, ()>> + Send + Unpin, path: PathBuf) -> Result<(), Problem> {
    let io = |error: std::io::Error| Problem::from(ImportError::Io(error.to_string()));
    let mut file = blocking(move || new_file(&path)).await?.map_err(io)?;
    let mut waiting = Vec::new();
    let (mut total, most) = (0_u64, Limits::NATIVE.file);
    loop {
        let part = timeout(BODY, bytes.next()).await.map_err(|_| too_slow())?;
        let ended = part.is_none();
        if let Some(part) = part {
            let part = part.map_err(|()| Problem::new("body-broken-off", 400, "the body broke off"))?;
            total = total.saturating_add(part.len() as u64);
            if total > most {
                return Err(Problem::new("body-too-long", 413, format!("the file has more than {most} bytes")));
            }
            waiting.extend_from_slice(&part);
        }
        if ended || waiting.len() >= PIECE {
            let piece = std::mem::take(&mut waiting);
            let write = move || {
                std::io::Write::write_all(&mut file, &piece)?;
                if ended {
                    file.sync_all()?;
                }
                Ok(file)
            };
            file = blocking(write).await?.map_err(io)?;
        }
        if ended {
            return Ok(());
        }
    }
}

fn new_file(path: &Path) -> std::io::Result<std::fs::File> {
    own_file(path, std::fs::File::options().create_new(true))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    spawn_blocking(work).await.map_err(|error| Problem::new("internal", 500, error.to_string()))
}

/// An upload of the caller's own.
pub(super) async fn own(door: &Door, caller: &Caller, id: &str) -> Result<StoredUpload, Problem> {
    let upload = door.imports.upload(id).await?;
    if upload.owner == caller.subject() { Ok(upload) } else { Err(ImportError::unknown("upload", id).into()) }
}

#[derive(Debug, Deserialize, IntoParams)]
struct PreviewQuery {
    /// Rows that are shown, 1 to 100 [default: 10].
    rows: Option<usize>,
    /// Name of the calling list.
    list: Option<String>,
    /// Name or id of a saved profile.
    profile: Option<String>,
    /// Choices over those of the profile, as JSON.
    settings: Option<String>,
}

/// The first rows of an upload, what it is written in, and where its columns go. Nothing is done with it.
#[utoipa::path(get, path = "/v1/import-uploads/{id}/preview", tag = "contacts",
    params(("id" = String, Path), PreviewQuery),
    responses((status = 200, body = PreviewDto), (status = 400, body = ProblemDto), (status = 404, body = ProblemDto)))]
async fn preview(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    Asked(query): Asked<PreviewQuery>,
) -> Result<Json<PreviewDto>, Problem> {
    let upload = own(&door, &caller, &id).await?;
    let list = match &query.list {
        Some(name) => {
            let list = door.imports.list_by_name(name).await?.list;
            need(&caller, Verb::ContactsImport, Some(&list.name))?;
            Some(list)
        }
        None => None,
    };
    let settings = query.settings.as_deref().map(serde_json::from_str::<ImportSettings>).transpose();
    let settings = settings.map_err(|_| wrong("settings: expected an object of choices as JSON"))?;
    let profile = profile_of(&door.imports, query.profile.as_deref(), settings).await?;
    let path = door.imports.upload_path(&upload.id)?;
    let rows = query.rows.unwrap_or(10).clamp(1, 100);
    let preview = door.imports.preview(path, profile.clone(), list, rows).await?;
    Ok(Json(shown::preview(preview, &profile)))
}

/// Remove an upload. A job that still reads it fails.
#[utoipa::path(delete, path = "/v1/import-uploads/{id}", tag = "contacts", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDto)))]
async fn delete(State(door): State<Door>, caller: Caller, Place(id): Place<String>) -> Result<StatusCode, Problem> {
    let upload = own(&door, &caller, &id).await?;
    door.imports.delete_upload(&upload.id).await?;
    Ok(StatusCode::NO_CONTENT)
}
