//! Csv settings: where the columns of a file go.

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use serde_json::Value;
use utoipa_axum::routes;

use super::words::{ExternalContactsCsvSettings, ExternalContactsCsvSettingsPage, ExternalContactsError};
use super::{ask, who};
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::extract::{Place, contact_body};
use crate::http::routes::genesys_cloud::{Answer, Words};
use crate::service::access::Verb;
use crate::service::contact_lists::{Refusal, read};
use crate::service::external::{IMPORT, Listing};

/// Most csv settings of a page.
const PAGE_MAX: usize = 200;
/// Who sees those of others: whoever sees the settings that they belong to.
const ALL: Verb = Verb::ImportSettingsViewAll;

pub(super) fn routes() -> Routes {
    const VIEW: &[Verb] = &[Verb::ImportCsvSettingsView];
    Routes::new()
        .guarded(VIEW, routes!(all_csv_settings))
        .guarded(&[Verb::ImportCsvSettingsAdd], routes!(create_csv_settings))
        .guarded(VIEW, routes!(one_csv_settings))
        .guarded(&[Verb::ImportCsvSettingsEdit], routes!(change_csv_settings))
        .guarded(&[Verb::ImportCsvSettingsDelete], routes!(delete_csv_settings))
}

/// Csv settings, oldest first, a page of them.
#[utoipa::path(get, path = "/api/v2/externalcontacts/import/csv/settings", tag = "external-contacts",
    params(("after" = Option<String>, Query, description = "Behind the csv settings with this id"),
        ("pageSize" = Option<i64>, Query, description = "1 to 200; default 25"),
        ("externalSettingsId" = Option<String>, Query, description = "Of these settings")),
    responses((status = 200, body = ExternalContactsCsvSettingsPage), (status = 400, body = ExternalContactsError),
        (status = 401, body = ExternalContactsError), (status = 403, body = ExternalContactsError)))]
async fn all_csv_settings(
    State(door): State<Door>,
    caller: Caller,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<Json<Listing>> {
    let words = Words(query);
    let ask = ask(&words, &format!("{IMPORT}/csv/settings"), PAGE_MAX)?;
    Ok(Json(door.external.csv_page(&who(&caller, ALL), &ask, words.get("externalSettingsId")).await?))
}

/// Save where columns go.
#[utoipa::path(post, path = "/api/v2/externalcontacts/import/csv/settings", tag = "external-contacts",
    request_body = ExternalContactsCsvSettings,
    responses((status = 200, body = ExternalContactsCsvSettings), (status = 400, body = ExternalContactsError),
        (status = 403, body = ExternalContactsError)))]
async fn create_csv_settings(State(door): State<Door>, caller: Caller, request: Request) -> Answer<Json<Value>> {
    let body = read(contact_body(request).await.map_err(Refusal::from)?)?;
    Ok(Json(door.external.create_csv(&who(&caller, ALL), body).await?))
}

/// Csv settings by their id.
#[utoipa::path(get, path = "/api/v2/externalcontacts/import/csv/settings/{settings_id}", tag = "external-contacts",
    params(("settings_id" = String, Path, description = "Their id")),
    responses((status = 200, body = ExternalContactsCsvSettings), (status = 403, body = ExternalContactsError),
        (status = 404, body = ExternalContactsError)))]
async fn one_csv_settings(State(door): State<Door>, caller: Caller, Place(id): Place<String>) -> Answer<Json<Value>> {
    Ok(Json(door.external.csv_settings(&who(&caller, ALL), &id).await?))
}

/// Put csv settings in the place of others. Jobs keep what they were made with.
#[utoipa::path(put, path = "/api/v2/externalcontacts/import/csv/settings/{settings_id}", tag = "external-contacts",
    params(("settings_id" = String, Path, description = "Their id")), request_body = ExternalContactsCsvSettings,
    responses((status = 200, body = ExternalContactsCsvSettings), (status = 400, body = ExternalContactsError),
        (status = 403, body = ExternalContactsError), (status = 404, body = ExternalContactsError)))]
async fn change_csv_settings(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<String>,
    request: Request,
) -> Answer<Json<Value>> {
    let body = read(contact_body(request).await.map_err(Refusal::from)?)?;
    Ok(Json(door.external.change_csv(&who(&caller, ALL), &id, body).await?))
}

/// Remove csv settings.
#[utoipa::path(delete, path = "/api/v2/externalcontacts/import/csv/settings/{settings_id}", tag = "external-contacts",
    params(("settings_id" = String, Path, description = "Their id")),
    responses((status = 200), (status = 403, body = ExternalContactsError), (status = 404, body = ExternalContactsError)))]
async fn delete_csv_settings(State(door): State<Door>, caller: Caller, Place(id): Place<String>) -> Answer<StatusCode> {
    door.external.delete_csv(&who(&caller, ALL), &id).await?;
    Ok(StatusCode::OK)
}
