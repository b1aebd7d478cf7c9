//! Saved import profiles.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

use super::wrong;
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::dto::{Page, ProblemDto, ProfileBody, ProfileDto};
use crate::http::extract::{JsonBody, Place};
use crate::http::problem::Problem;
use crate::http::shown;
use crate::service::access::Verb;
use crate::store::contacts::SavedProfile;

pub(super) fn routes() -> Routes {
    const READ: &[Verb] = &[Verb::ContactsRead, Verb::ContactsImport];
    const IMPORT: &[Verb] = &[Verb::ContactsImport];
    Routes::new()
        .guarded_within(READ, routes!(profiles))
        .guarded_within(IMPORT, routes!(create))
        .guarded_within(READ, routes!(show))
        .guarded_within(IMPORT, routes!(change))
        .guarded_within(IMPORT, routes!(delete))
}

/// Saved profiles, by name.
#[utoipa::path(get, path = "/v1/import-profiles", tag = "contacts", responses((status = 200, body = Page<ProfileDto>)))]
async fn profiles(State(door): State<Door>) -> Result<Json<Page<ProfileDto>>, Problem> {
    let items = door.imports.profiles().await?.iter().map(shown::saved_profile).collect();
    Ok(Json(Page { schema: "commdn.import_profiles.v1".into(), items, next: None }))
}

/// Save a profile under a new name.
#[utoipa::path(post, path = "/v1/import-profiles", tag = "contacts", request_body = ProfileBody,
    responses((status = 201, body = ProfileDto), (status = 409, body = ProblemDto), (status = 422, body = ProblemDto)))]
async fn create(
    State(door): State<Door>,
    caller: Caller,
    JsonBody(body): JsonBody<ProfileBody>,
) -> Result<Response, Problem> {
    let saved = SavedProfile {
        id: String::new(),
        name: body.name,
        kind: "native".into(),
        owner: caller.subject().to_owned(),
        version: 0,
        created_at: 0,
        modified_at: 0,
        profile: shown::profile(body.settings, None).map_err(wrong)?,
        extra: String::new(),
    };
    let saved = door.imports.save_profile(saved).await?;
    let mut response = (StatusCode::CREATED, Json(shown::saved_profile(&saved))).into_response();
    if let Ok(place) = HeaderValue::from_str(&format!("/v1/import-profiles/{}", saved.id)) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// A saved profile, by its id or its name.
#[utoipa::path(get, path = "/v1/import-profiles/{id}", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, body = ProfileDto), (status = 404, body = ProblemDto)))]
async fn show(State(door): State<Door>, Place(id): Place<String>) -> Result<Json<ProfileDto>, Problem> {
    Ok(Json(shown::saved_profile(&door.imports.profile(&id).await?)))
}

/// Replace a saved profile whose version is still `version`. Jobs keep what they were made with.
#[utoipa::path(put, path = "/v1/import-profiles/{id}", tag = "contacts", params(("id" = String, Path)),
    request_body = ProfileBody,
    responses((status = 200, body = ProfileDto), (status = 404, body = ProblemDto), (status = 409, body = ProblemDto)))]
async fn change(
    State(door): State<Door>,
    Place(id): Place<String>,
    JsonBody(body): JsonBody<ProfileBody>,
) -> Result<Json<ProfileDto>, Problem> {
    let mut saved = door.imports.profile(&id).await?;
    saved.version = body.version.ok_or_else(|| wrong("version: expected the one that is to be changed, found none"))?;
    if !body.name.is_empty() {
        saved.name = body.name;
    }
    saved.profile = shown::profile(body.settings, None).map_err(wrong)?;
    Ok(Json(shown::saved_profile(&door.imports.save_profile(saved).await?)))
}

/// Remove a saved profile.
#[utoipa::path(delete, path = "/v1/import-profiles/{id}", tag = "contacts", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDto)))]
async fn delete(State(door): State<Door>, Place(id): Place<String>) -> Result<StatusCode, Problem> {
    let saved = door.imports.profile(&id).await?;
    door.imports.delete_profile(&saved.id).await?;
    Ok(StatusCode::NO_CONTENT)
}
