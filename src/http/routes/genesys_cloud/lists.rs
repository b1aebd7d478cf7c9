//! Contact lists.

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use serde_json::Value;
use utoipa_axum::routes;

use super::words::{ContactList, ContactListError, ContactListPage};
use super::{Answer, DELETE, IMPORT, READ, Words, address, list_of, may, need};
use crate::contact::genesys_cloud::ListBody;
use crate::contact::genesys_cloud::shape::Page;
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::extract::{Place as At, contact_body};
use crate::http::foreign::CloudError;
use crate::service::access::Verb;
use crate::service::contact_lists::{LISTS, ListFilter, Place, Refusal, read};

pub(super) fn routes() -> Routes {
    Routes::new()
        .guarded_within(READ, routes!(contact_lists))
        .guarded_within(IMPORT, routes!(create_contact_list))
        .guarded_within(DELETE, routes!(delete_contact_lists))
        .guarded_within(READ, routes!(contact_list))
        .guarded_within(IMPORT, routes!(change_contact_list))
        .guarded_within(DELETE, routes!(delete_contact_list))
}

/// Lists, a page of them. `id` and `divisionId` may be repeated, or joined by commas.
#[utoipa::path(get, path = "/api/v2/outbound/contactlists", tag = "contact-lists",
    params(("pageSize" = Option<i64>, Query, description = "1 to 100; default 25"),
        ("pageNumber" = Option<i64>, Query, description = "From 1"),
        ("name" = Option<String>, Query, description = "Part of the name"),
        ("filterType" = Option<String>, Query, description = "AND or OR"),
        ("id" = Option<String>, Query, description = "Ids"),
        ("divisionId" = Option<String>, Query, description = "Ids of divisions"),
        ("includeImportStatus" = Option<bool>, Query, description = "With the last import"),
        ("includeSize" = Option<bool>, Query, description = "Is always there"),
        ("allowEmptyResult" = Option<bool>, Query, description = "A page behind the last is empty, instead of the last"),
        ("sortBy" = Option<String>, Query, description = "name, dateCreated, dateModified, size"),
        ("sortOrder" = Option<String>, Query, description = "ascending or descending")),
    responses((status = 200, body = ContactListPage), (status = 400, body = ContactListError),
        (status = 401, body = ContactListError), (status = 403, body = ContactListError)))]
async fn contact_lists(
    State(door): State<Door>,
    caller: Caller,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<Json<Page<Value>>> {
    let words = Words(query);
    let any = match words.get("filterType") {
        None | Some("AND") => false,
        Some("OR") => true,
        Some(_) => return Err(Refusal::invalid("filterType").into()),
    };
    let descending = match words.get("sortOrder").map(str::to_ascii_lowercase).as_deref() {
        None | Some("a" | "asc" | "ascending") => false,
        Some("d" | "desc" | "descending") => true,
        Some(_) => return Err(Refusal::invalid("sortOrder").into()),
    };
    let filter = ListFilter {
        name: words.get("name").map(str::to_owned),
        ids: words.all("id"),
        divisions: words.all("divisionId"),
        any,
        sort_by: words.get("sortBy").map(str::to_owned),
        descending,
        allow_empty: words.flag("allowEmptyResult")?.unwrap_or(false),
        with_status: words.flag("includeImportStatus")?.unwrap_or(false),
    };
    let place = Place::of(words.number("pageNumber")?, words.number("pageSize")?)?;
    let may = |list: &crate::contact::CallingList| may(&caller, Verb::ContactsRead, &list.name);
    let here = address(LISTS, &words, &["pageSize", "pageNumber"]);
    Ok(Json(door.contact_lists.page(&filter, place, &here, may).await?))
}

/// Make a list.
#[utoipa::path(post, path = "/api/v2/outbound/contactlists", tag = "contact-lists", request_body = ContactList,
    responses((status = 200, body = ContactList), (status = 400, body = ContactListError),
        (status = 403, body = ContactListError), (status = 409, body = ContactListError)))]
async fn create_contact_list(State(door): State<Door>, caller: Caller, request: Request) -> Answer<Json<Value>> {
    let body: ListBody = read(contact_body(request).await.map_err(Refusal::from)?)?;
    need(&caller, Verb::ContactsImport, &body.to_list(""))?;
    let row = door.contact_lists.create(&body).await?;
    caller.note(format!("list {}", row.list.id));
    Ok(Json(door.contact_lists.shown(&row).await?))
}

/// Remove lists with their contacts; all ids are looked at before the first one goes.
#[utoipa::path(delete, path = "/api/v2/outbound/contactlists", tag = "contact-lists",
    params(("id" = String, Query, description = "Ids, repeated or joined by commas")),
    responses((status = 200), (status = 400, body = ContactListError), (status = 403, body = ContactListError),
        (status = 404, body = ContactListError), (status = 409, body = ContactListError)))]
async fn delete_contact_lists(
    State(door): State<Door>,
    caller: Caller,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<StatusCode> {
    let ids = Words(query).all("id");
    if ids.is_empty() {
        return Err(Refusal::invalid("id").into());
    }
    let mut rows = Vec::new();
    for id in &ids {
        rows.push(list_of(&door, &caller, Verb::ContactsDelete, id).await?);
    }
    for row in &rows {
        door.need_unloaded(&row.list.name).await?;
    }
    for row in &rows {
        door.contact_lists.remove(row).await?;
    }
    Ok(StatusCode::OK)
}

/// One list.
#[utoipa::path(get, path = "/api/v2/outbound/contactlists/{contact_list_id}", tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Its id")),
    responses((status = 200, body = ContactList), (status = 403, body = ContactListError),
        (status = 404, body = ContactListError)))]
async fn contact_list(State(door): State<Door>, caller: Caller, At(id): At<String>) -> Answer<Json<Value>> {
    let row = list_of(&door, &caller, Verb::ContactsRead, &id).await?;
    Ok(Json(door.contact_lists.shown(&row).await?))
}

/// Change a list; `version` is the one that was read.
#[utoipa::path(put, path = "/api/v2/outbound/contactlists/{contact_list_id}", tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Its id")), request_body = ContactList,
    responses((status = 200, body = ContactList), (status = 400, body = ContactListError),
        (status = 403, body = ContactListError), (status = 404, body = ContactListError),
        (status = 409, body = ContactListError)))]
async fn change_contact_list(
    State(door): State<Door>,
    caller: Caller,
    At(id): At<String>,
    request: Request,
) -> Answer<Json<Value>> {
    let row = list_of(&door, &caller, Verb::ContactsImport, &id).await?;
    let body: ListBody = read(contact_body(request).await.map_err(Refusal::from)?)?;
    // A narrowed scope does not reach another name by a change of it.
    need(&caller, Verb::ContactsImport, &body.to_list(""))?;
    let row = door.contact_lists.change(&row, &body).await?;
    Ok(Json(door.contact_lists.shown(&row).await?))
}

/// Remove a list with its contacts, unless a campaign has it loaded. Do-not-call entries stay.
#[utoipa::path(delete, path = "/api/v2/outbound/contactlists/{contact_list_id}", tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Its id")),
    responses((status = 200), (status = 403, body = ContactListError), (status = 404, body = ContactListError),
        (status = 409, body = ContactListError)))]
async fn delete_contact_list(
    State(door): State<Door>,
    caller: Caller,
    At(id): At<String>,
) -> Result<StatusCode, CloudError> {
    let row = list_of(&door, &caller, Verb::ContactsDelete, &id).await?;
    door.need_unloaded(&row.list.name).await?;
    door.contact_lists.remove(&row).await?;
    Ok(StatusCode::OK)
}
