//! Settings of imports.

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use serde_json::Value;
use utoipa_axum::routes;

use super::words::{ExternalContactsError, ExternalContactsSettings, ExternalContactsSettingsPage};
use super::{ask, who};
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::extract::{Place, contact_body};
use crate::http::routes::genesys_cloud::{Answer, Words};
use crate::service::access::Verb;
use crate::service::contact_lists::{Refusal, read};
use crate::service::external::{IMPORT, Listing};

/// Most settings of a page.
const PAGE_MAX: usize = 100;
/// Who sees the settings of others.
const ALL: Verb = Verb::ImportSettingsViewAll;

pub(super) fn routes() -> Routes {
    const VIEW: &[Verb] = &[Verb::ImportSettingsView, Verb::ImportSettingsViewAll];
    Routes::new()
        .guarded_within(VIEW, routes!(all_settings))
        .guarded(&[Verb::ImportSettingsAdd], routes!(create_settings))
        .guarded_within(VIEW, routes!(one_settings))
        .guarded(&[Verb::ImportSettingsEdit], routes!(change_settings))
        .guarded(&[Verb::ImportSettingsDelete], routes!(delete_settings))
}

/// Settings by name, a page of them: one's own, or everyone's with `externalContacts:importSettings:viewAll`.
#[utoipa::path(get, path = "/api/v2/externalcontacts/import/settings", tag = "external-contacts",
    params(("after" = Option<String>, Query, description = "Behind the settings with this id"),
        ("pageSize" = Option<i64>, Query, description = "1 to 100; default 25"),
        ("sortOrder" = Option<String>, Query, description = "Ascending or Descending"),
        ("name" = Option<String>, Query, description = "Part of the name")),
    responses((status = 200, body = ExternalContactsSettingsPage), (status = 400, body = ExternalContactsError),
        (status = 401, body = ExternalContactsError), (status = 403, body = ExternalContactsError)))]
async fn all_settings(
    State(door): State<Door>,
    caller: Caller,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<Json<Listing>> {
    let words = Words(query);
    let ask = ask(&words, &format!("{IMPORT}/settings"), PAGE_MAX)?;
    Ok(Json(door.external.settings_page(&who(&caller, ALL), &ask, words.get("name")).await?))
}

/// Save settings under a new name.
#[utoipa::path(post, path = "/api/v2/externalcontacts/import/settings", tag = "external-contacts",
    request_body = ExternalContactsSettings,
    responses((status = 200, body = ExternalContactsSettings), (status = 400, body = ExternalContactsError),
        (status = 403, body = ExternalContactsError), (status = 409, body = ExternalContactsError)))]
async fn create_settings(State(door): State<Door>, caller: Caller, request: Request) -> Answer<Json<Value>> {
    let body = read(contact_body(request).await.map_err(Refusal::from)?)?;
    Ok(Json(door.external.create_settings(&who(&caller, ALL), &body).await?))
}

/// Settings by their id; `classic` is the preset of the old flow.
#[utoipa::path(get, path = "/api/v2/externalcontacts/import/settings/{settings_id}", tag = "external-contacts",
    params(("settings_id" = String, Path, description = "Their id")),
    responses((status = 200, body = ExternalContactsSettings), (status = 403, body = ExternalContactsError),
        (status = 404, body = ExternalContactsError)))]
async fn one_settings(State(door): State<Door>, caller: Caller, Place(id): Place<String>) -> Answer<Json<Value>> {
    Ok(Json(door.external.settings(&who(&caller, ALL), &id).await?))
}

/// Put settings in the place of others. Jobs keep what they were made with.
#[utoipa::path(put, path = "/api/v2/externalcontacts/import/settings/{settings_id}", tag = "external-contacts",
    params(("settings_id" = String, Path, description = "Their id")), request_body = ExternalContactsSettings,
    responses((status = 200, body = ExternalContactsSettings), (status = 400, body = ExternalContactsError),
        (status = 403, body = ExternalContactsError), (status = 404, body = ExternalContactsError),
        (status = 409, body = ExternalContactsError)))]
async fn change_settings(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    request: Request,
) -> Answer<Json<Value>> {
    let body = read(contact_body(request).await.map_err(Refusal::from)?)?;
    Ok(Json(door.external.change_settings(&who(&caller, ALL), &id, &body).await?))
}

/// Remove settings that no csv settings belong to.
#[utoipa::path(delete, path = "/api/v2/externalcontacts/import/settings/{settings_id}", tag = "external-contacts",
    params(("settings_id" = String, Path, description = "Their id")),
    responses((status = 200), (status = 403, body = ExternalContactsError), (status = 404, body = ExternalContactsError),
        (status = 409, body = ExternalContactsError)))]
async fn delete_settings(State(door): State<Door>, caller: Caller, Place(id): Place<String>) -> Answer<StatusCode> {
    door.external.delete_settings(&who(&caller, ALL), &id).await?;
    Ok(StatusCode::OK)
}
