//! Contacts of a list.

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

use super::words::{ContactListContact, ContactListContacts, ContactListError, ContactListIds};
use super::{Answer, CLEAR, DELETE, IMPORT, READ, Words, list_of};
use crate::contact::genesys_cloud::ContactBody;
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::extract::{Place, contact_body, maybe_body};
use crate::service::access::Verb;
use crate::service::contact_lists::{Refusal, read};

pub(super) fn routes() -> Routes {
    Routes::new()
        .guarded_within(IMPORT, routes!(add_contacts))
        .guarded_within(DELETE, routes!(delete_contacts))
        .guarded_within(CLEAR, routes!(clear_contact_list))
        .guarded_within(READ, routes!(contact))
        .guarded_within(IMPORT, routes!(change_contact))
        .guarded_within(DELETE, routes!(delete_contact))
        .guarded_within(READ, routes!(contacts_by_id))
}

/// How many contacts stayed because they are in use.
const NOT_DELETED: &str = "x-commdn-not-deleted";
/// How many cancelled records went with their contacts.
const CANCELLATIONS: &str = "x-commdn-cancellations";

fn gone(counts: &[(&'static str, u64)]) -> Response {
    let pair = |(name, count): &(&'static str, u64)| (HeaderName::from_static(name), HeaderValue::from(*count));
    let headers: HeaderMap = counts.iter().map(pair).collect();
    (StatusCode::OK, headers).into_response()
}

fn count(contacts: usize) -> u64 {
    u64::try_from(contacts).unwrap_or(u64::MAX)
}

/// Add contacts; an id that is known updates. All of the array is stored, or nothing.
#[utoipa::path(post, path = "/api/v2/outbound/contactlists/{contact_list_id}/contacts", tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Id of the list"),
        ("priority" = Option<bool>, Query, description = "Decides nothing here"),
        ("clearSystemData" = Option<bool>, Query, description = "Attempts and results of those that are updated go back"),
        ("doNotQueue" = Option<bool>, Query, description = "Decides nothing here")),
    request_body = ContactListContacts,
    responses((status = 200, body = ContactListContacts), (status = 400, body = ContactListError),
        (status = 403, body = ContactListError), (status = 404, body = ContactListError)))]
async fn add_contacts(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    Query(query): Query<Vec<(String, String)>>,
    request: Request,
) -> Answer<Json<Vec<ContactBody>>> {
    let row = list_of(&door, &caller, Verb::ContactsImport, &id).await?;
    let clears = Words(query).flag("clearSystemData")?.unwrap_or(false);
    let body = contact_body(request).await.map_err(Refusal::from)?;
    Ok(Json(door.contact_lists.add(&row.list, body, clears).await?))
}

/// Remove contacts. Those in use stay, and are counted in `X-Commdn-Not-Deleted`; unknown ids are no error.
#[utoipa::path(delete, path = "/api/v2/outbound/contactlists/{contact_list_id}/contacts", tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Id of the list"),
        ("contactIds" = String, Query, description = "Ids, repeated or joined by commas")),
    responses((status = 200), (status = 400, body = ContactListError), (status = 403, body = ContactListError),
        (status = 404, body = ContactListError)))]
async fn delete_contacts(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<Response> {
    let row = list_of(&door, &caller, Verb::ContactsDelete, &id).await?;
    let ids = Words(query).all("contactIds");
    if ids.is_empty() {
        return Err(Refusal::invalid("contactIds").into());
    }
    let stayed = door.contact_lists.delete(&row.list, ids).await?;
    Ok(gone(&[(NOT_DELETED, count(stayed))]))
}

/// Remove every contact of a list that is not in use. Do-not-call entries stay.
#[utoipa::path(post, path = "/api/v2/outbound/contactlists/{contact_list_id}/clear", tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Id of the list")),
    responses((status = 200), (status = 403, body = ContactListError), (status = 404, body = ContactListError)))]
async fn clear_contact_list(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    request: Request,
) -> Answer<Response> {
    let row = list_of(&door, &caller, Verb::ContactsClear, &id).await?;
    if !maybe_body(request).await.map_err(Refusal::from)?.is_null() {
        return Err(Refusal::invalid("body").into());
    }
    let cleared = door.contact_lists.clear(&row.list).await?;
    Ok(gone(&[(NOT_DELETED, count(cleared.in_use.len())), (CANCELLATIONS, cleared.cancellations)]))
}

/// One contact.
#[utoipa::path(get, path = "/api/v2/outbound/contactlists/{contact_list_id}/contacts/{contact_id}", tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Id of the list"),
        ("contact_id" = String, Path, description = "Its id")),
    responses((status = 200, body = ContactListContact), (status = 403, body = ContactListError),
        (status = 404, body = ContactListError)))]
async fn contact(
    State(door): State<Door>,
    caller: Caller,
    Place((list, id)): Place<(String, String)>,
) -> Answer<Json<ContactBody>> {
    let row = list_of(&door, &caller, Verb::ContactsRead, &list).await?;
    Ok(Json(door.contact_lists.contact(&row.list, &id).await?))
}

/// Put a whole contact in the place of one that is there: columns that are not named become empty.
#[utoipa::path(put, path = "/api/v2/outbound/contactlists/{contact_list_id}/contacts/{contact_id}", tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Id of the list"),
        ("contact_id" = String, Path, description = "Its id")),
    request_body = ContactListContact,
    responses((status = 200, body = ContactListContact), (status = 400, body = ContactListError),
        (status = 403, body = ContactListError), (status = 404, body = ContactListError)))]
async fn change_contact(
    State(door): State<Door>,
    caller: Caller,
    Place((list, id)): Place<(String, String)>,
    request: Request,
) -> Answer<Json<ContactBody>> {
    let row = list_of(&door, &caller, Verb::ContactsImport, &list).await?;
    let body = read(contact_body(request).await.map_err(Refusal::from)?)?;
    Ok(Json(door.contact_lists.replace(&row.list, &id, body).await?))
}

/// Remove one contact; one in use stays, and is counted in `X-Commdn-Not-Deleted`.
#[utoipa::path(delete, path = "/api/v2/outbound/contactlists/{contact_list_id}/contacts/{contact_id}", tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Id of the list"),
        ("contact_id" = String, Path, description = "Its id")),
    responses((status = 200), (status = 403, body = ContactListError), (status = 404, body = ContactListError)))]
async fn delete_contact(
    State(door): State<Door>,
    caller: Caller,
    Place((list, id)): Place<(String, String)>,
) -> Answer<Response> {
    let row = list_of(&door, &caller, Verb::ContactsDelete, &list).await?;
    door.contact_lists.contact(&row.list, &id).await?;
    let stayed = door.contact_lists.delete(&row.list, vec![id]).await?;
    Ok(gone(&[(NOT_DELETED, count(stayed))]))
}

/// Contacts by their ids, in that order; unknown ids are left out.
#[utoipa::path(post, path = "/api/v2/outbound/contactlists/{contact_list_id}/contacts/bulk", tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Id of the list")), request_body = ContactListIds,
    responses((status = 200, body = ContactListContacts), (status = 400, body = ContactListError),
        (status = 403, body = ContactListError), (status = 404, body = ContactListError)))]
async fn contacts_by_id(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    request: Request,
) -> Answer<Json<Vec<ContactBody>>> {
    let row = list_of(&door, &caller, Verb::ContactsRead, &id).await?;
    let body = contact_body(request).await.map_err(Refusal::from)?;
    Ok(Json(door.contact_lists.with_ids(&row.list, &body).await?))
}
