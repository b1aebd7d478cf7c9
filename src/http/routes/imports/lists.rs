//! Calling lists: settings, export, clear.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{need, wrong};
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::dto::{ClearedDto, ListBody, ListDto, Page, ProblemDto};
use crate::http::extract::{Asked, JsonBody, Place};
use crate::http::problem::Problem;
use crate::http::shown;
use crate::service::access::{Object, Verb};
use crate::service::import::{Export, ImportError};
use crate::store::contacts::ListRow;

pub(super) fn routes() -> Routes {
    const READ: &[Verb] = &[Verb::ContactsRead];
    const IMPORT: &[Verb] = &[Verb::ContactsImport];
    const CLEAR: &[Verb] = &[Verb::ContactsClear];
    Routes::new()
        .guarded_within(READ, routes!(lists))
        .guarded_within(IMPORT, routes!(create))
        .guarded_within(READ, routes!(show))
        .guarded_within(IMPORT, routes!(change))
        .guarded_within(CLEAR, routes!(delete))
        .guarded_within(CLEAR, routes!(clear))
        .guarded_within(READ, routes!(export))
}

/// A list by its id, or by its name.
async fn find(door: &Door, caller: &Caller, verb: Verb, id: &str) -> Result<ListRow, Problem> {
    let row = match door.imports.list_by_id(id).await {
        Err(ImportError::Unknown { .. }) => door.imports.list_by_name(id).await?,
        found => found?,
    };
    need(caller, verb, Some(&row.list.name))?;
    Ok(row)
}

/// Every calling list that the caller may read.
#[utoipa::path(get, path = "/v1/lists", tag = "contacts", responses((status = 200, body = Page<ListDto>)))]
async fn lists(State(door): State<Door>, caller: Caller) -> Result<Json<Page<ListDto>>, Problem> {
    let rows = door.imports.lists().await?;
    let seen =
        |row: &&ListRow| caller.may(Verb::ContactsRead, Object { list: Some(&row.list.name), ..Object::default() });
    let items = rows.iter().filter(seen).map(shown::list).collect();
    Ok(Json(Page { schema: "commdn.lists.v1".into(), items, next: None }))
}

/// Make a calling list. Its columns are fixed.
#[utoipa::path(post, path = "/v1/lists", tag = "contacts", request_body = ListBody,
    responses((status = 201, body = ListDto), (status = 400, body = ProblemDto), (status = 409, body = ProblemDto)))]
async fn create(
    State(door): State<Door>,
    caller: Caller,
    JsonBody(body): JsonBody<ListBody>,
) -> Result<Response, Problem> {
    need(&caller, Verb::ContactsImport, Some(&body.name))?;
    let row = door.imports.create_list(shown::new_list_of(body).map_err(wrong)?).await?;
    let mut response = (StatusCode::CREATED, Json(shown::list(&row))).into_response();
    if let Ok(place) = HeaderValue::from_str(&format!("/v1/lists/{}", row.list.id)) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// A calling list, by its id or its name.
#[utoipa::path(get, path = "/v1/lists/{id}", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, body = ListDto), (status = 404, body = ProblemDto)))]
async fn show(State(door): State<Door>, caller: Caller, Place(id): Place<String>) -> Result<Json<ListDto>, Problem> {
    Ok(Json(shown::list(&find(&door, &caller, Verb::ContactsRead, &id).await?)))
}

/// Change the settings of a calling list whose version is still `version`; what is absent stays.
#[utoipa::path(put, path = "/v1/lists/{id}", tag = "contacts", params(("id" = String, Path)), request_body = ListBody,
    responses((status = 200, body = ListDto), (status = 404, body = ProblemDto), (status = 409, body = ProblemDto)))]
async fn change(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    JsonBody(mut body): JsonBody<ListBody>,
) -> Result<Json<ListDto>, Problem> {
    let row = find(&door, &caller, Verb::ContactsImport, &id).await?;
    need(&caller, Verb::ContactsImport, Some(&body.name))?;
    let version = body.version.ok_or_else(|| wrong("version: expected the one that is to be changed, found none"))?;
    if body.columns.is_empty() {
        body.columns.clone_from(&row.list.columns);
    }
    let list = shown::list_of(body, row.list).map_err(wrong)?;
    Ok(Json(shown::list(&door.imports.change_list(list, version).await?)))
}

/// Remove a calling list with its contacts, unless a campaign has it loaded. Do-not-call entries stay.
#[utoipa::path(delete, path = "/v1/lists/{id}", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, body = ClearedDto), (status = 404, body = ProblemDto), (status = 409, body = ProblemDto)))]
async fn delete(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<Json<ClearedDto>, Problem> {
    let row = find(&door, &caller, Verb::ContactsClear, &id).await?;
    door.need_unloaded(&row.list.name).await?;
    let cleared = door.imports.delete_list(row.list.number).await?;
    Ok(Json(shown::cleared(&row.list.name, &cleared)))
}

/// Remove every contact of a calling list that is not being dialed. Do-not-call entries stay; how many cancellations went
/// is told. It is a job, which can be undone.
#[utoipa::path(post, path = "/v1/lists/{id}/clear", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, body = ClearedDto), (status = 404, body = ProblemDto)))]
async fn clear(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<Json<ClearedDto>, Problem> {
    let row = find(&door, &caller, Verb::ContactsClear, &id).await?;
    // It goes on to its end though the caller hangs up.
    let (imports, who, list) = (door.imports.clone(), caller.subject().to_owned(), row.list.number);
    let done = tokio::spawn(async move { imports.clear_as_job(&who, list, None).await }).await;
    let job = done.map_err(|error| Problem::new("internal", 500, error.to_string()))??;
    caller.note(format!("job {}", job.id));
    Ok(Json(shown::cleared_by(&row.list.name, &job)))
}

#[derive(Debug, Deserialize, IntoParams)]
struct ExportQuery {
    /// Cells that a spreadsheet would run are not marked.
    #[serde(default)]
    raw: bool,
}

/// A calling list as CSV. Cells that a spreadsheet would run have a `'` in front; `raw=true` leaves them as they are.
#[utoipa::path(get, path = "/v1/lists/{id}/export", tag = "contacts", params(("id" = String, Path), ExportQuery),
    responses((status = 200, content_type = "text/csv"), (status = 404, body = ProblemDto)))]
async fn export(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    Asked(query): Asked<ExportQuery>,
) -> Result<Response, Problem> {
    let row = find(&door, &caller, Verb::ContactsRead, &id).await?;
    let export = Export::new(row.list, !query.raw);
    let rows = stream::try_unfold((door.imports.clone(), export), async |(imports, mut export)| {
        let some = imports.export_some(&mut export).await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(some.map(|row| (Bytes::from(row.bytes), (imports, export))))
    });
    let kind = (header::CONTENT_TYPE, "text/csv; charset=utf-8");
    let name = (header::CONTENT_DISPOSITION, "attachment; filename=\"list.csv\"");
    let plain = (header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    Ok(([kind, name, plain], Body::from_stream(rows)).into_response())
}
