//! External sources: where external ids come from.

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use serde_json::Value;
use utoipa_axum::routes;

use super::words::{ExternalContactsError, ExternalContactsSource, ExternalContactsSourcePage};
use super::{ask, who};
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::extract::{Place, contact_body};
use crate::http::routes::genesys_cloud::{Answer, Words};
use crate::service::access::Verb;
use crate::service::contact_lists::{Refusal, read};
use crate::service::external::{Listing, SOURCES};

/// Most sources of a page.
const PAGE_MAX: usize = 200;

pub(super) fn routes() -> Routes {
    // There is no permission to read them: whoever may choose or change one may.
    const VIEW: &[Verb] = &[
        Verb::ExternalSourceAdd,
        Verb::ExternalSourceEdit,
        Verb::ExternalSourceDelete,
        Verb::ImportSettingsAdd,
        Verb::ImportSettingsEdit,
        Verb::ImportSettingsView,
        Verb::ImportSettingsViewAll,
        Verb::ExternalContactView,
    ];
    Routes::new()
        .guarded_within(VIEW, routes!(external_sources))
        .guarded(&[Verb::ExternalSourceAdd], routes!(create_external_source))
        .guarded_within(VIEW, routes!(external_source))
        .guarded(&[Verb::ExternalSourceEdit], routes!(change_external_source))
        .guarded(&[Verb::ExternalSourceDelete], routes!(delete_external_source))
}

/// Sources by name, a page of them.
#[utoipa::path(get, path = "/api/v2/externalcontacts/externalsources", tag = "external-contacts",
    params(("after" = Option<String>, Query, description = "Behind the source with this id; `cursor` is the same"),
        ("pageSize" = Option<i64>, Query, description = "1 to 200; default 25; `limit` is the same"),
        ("sortOrder" = Option<String>, Query, description = "Ascending or Descending"),
        ("name" = Option<String>, Query, description = "Part of the name"),
        ("active" = Option<bool>, Query, description = "May be chosen, or not")),
    responses((status = 200, body = ExternalContactsSourcePage), (status = 400, body = ExternalContactsError),
        (status = 401, body = ExternalContactsError), (status = 403, body = ExternalContactsError)))]
async fn external_sources(
    State(door): State<Door>,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<Json<Listing>> {
    let same = |name: String| match name.as_str() {
        "cursor" => "after".to_owned(),
        "limit" => "pageSize".to_owned(),
        _ => name,
    };
    let words = Words(query.into_iter().map(|(name, value)| (same(name), value)).collect());
    let ask = ask(&words, SOURCES, PAGE_MAX)?;
    Ok(Json(door.external.sources(&ask, words.get("name"), words.flag("active")?).await?))
}

/// Make a source.
#[utoipa::path(post, path = "/api/v2/externalcontacts/externalsources", tag = "external-contacts",
    request_body = ExternalContactsSource,
    responses((status = 200, body = ExternalContactsSource), (status = 400, body = ExternalContactsError),
        (status = 403, body = ExternalContactsError), (status = 409, body = ExternalContactsError)))]
async fn create_external_source(State(door): State<Door>, caller: Caller, request: Request) -> Answer<Json<Value>> {
    let body = read(contact_body(request).await.map_err(Refusal::from)?)?;
    Ok(Json(door.external.create_source(&who(&caller, Verb::ImportSettingsViewAll), body).await?))
}

/// One source.
#[utoipa::path(get, path = "/api/v2/externalcontacts/externalsources/{source_id}", tag = "external-contacts",
    params(("source_id" = String, Path, description = "Its id")),
    responses((status = 200, body = ExternalContactsSource), (status = 403, body = ExternalContactsError),
        (status = 404, body = ExternalContactsError)))]
async fn external_source(State(door): State<Door>, Place(id): Place<String>) -> Answer<Json<Value>> {
    Ok(Json(door.external.source(&id).await?))
}

/// Change a source. The ids of contacts stay ids of this source.
#[utoipa::path(put, path = "/api/v2/externalcontacts/externalsources/{source_id}", tag = "external-contacts",
    params(("source_id" = String, Path, description = "Its id")), request_body = ExternalContactsSource,
    responses((status = 200, body = ExternalContactsSource), (status = 400, body = ExternalContactsError),
        (status = 403, body = ExternalContactsError), (status = 404, body = ExternalContactsError),
        (status = 409, body = ExternalContactsError)))]
async fn change_external_source(
    State(door): State<Door>,
    Place(id): Place<String>,
    request: Request,
) -> Answer<Json<Value>> {
    let body = read(contact_body(request).await.map_err(Refusal::from)?)?;
    Ok(Json(door.external.change_source(&id, body).await?))
}

/// Remove a source that no settings choose. Contacts keep its ids.
#[utoipa::path(delete, path = "/api/v2/externalcontacts/externalsources/{source_id}", tag = "external-contacts",
    params(("source_id" = String, Path, description = "Its id")),
    responses((status = 200), (status = 403, body = ExternalContactsError), (status = 404, body = ExternalContactsError),
        (status = 409, body = ExternalContactsError)))]
async fn delete_external_source(State(door): State<Door>, Place(id): Place<String>) -> Answer<StatusCode> {
    door.external.delete_source(&id).await?;
    Ok(StatusCode::OK)
}
