//! Searches for contacts.

use axum::Json;
use axum::extract::{Request, State};
use utoipa_axum::routes;

use super::words::{ContactListContactPage, ContactListError, ContactListSearch};
use super::{Answer, READ, list_of};
use crate::contact::genesys_cloud::ContactBody;
use crate::contact::genesys_cloud::shape::{Page, SearchRequest};
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::extract::{Place, contact_body};
use crate::service::access::Verb;
use crate::service::contact_lists::{Refusal, read};

pub(super) fn routes() -> Routes {
    Routes::new().guarded_within(READ, routes!(search_contacts))
}

/// Contacts whose columns meet conditions, a page of them. Stored filters are not offered.
#[utoipa::path(post, path = "/api/v2/outbound/contactlists/{contact_list_id}/contacts/search", tag = "contact-lists",
    params(("contact_list_id" = String, Path, description = "Id of the list")), request_body = ContactListSearch,
    responses((status = 200, body = ContactListContactPage), (status = 400, body = ContactListError),
        (status = 403, body = ContactListError), (status = 404, body = ContactListError)))]
async fn search_contacts(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    request: Request,
) -> Answer<Json<Page<ContactBody>>> {
    let row = list_of(&door, &caller, Verb::ContactsRead, &id).await?;
    let body: SearchRequest = read(contact_body(request).await.map_err(Refusal::from)?)?;
    Ok(Json(door.contact_lists.search(&row.list, &body).await?))
}
