//! Definitions: attributes, extensions, identification keys.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use utoipa_axum::routes;

use super::origin;
use super::words::{IdentificationKey, ProfileExtension, ProfileSchema, ProfilesFault};
use crate::contact::ucs::{Fault, IdKey, Metadata};
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::extract::contact_body;
use crate::http::foreign::UcsFault;
use crate::service::access::Verb;

const IMPORT: &[Verb] = &[Verb::ContactsImport];
const READ: &[Verb] = &[Verb::ContactsRead];

pub(super) fn routes() -> Routes {
    Routes::new()
        .guarded(IMPORT, routes!(define_schema))
        .guarded(READ, routes!(show_schema))
        .guarded(IMPORT, routes!(define_extension))
        .guarded(READ, routes!(show_extensions))
        .guarded(IMPORT, routes!(define_key))
        .guarded(READ, routes!(show_keys))
}

type Created = Result<(StatusCode, Json<Value>), UcsFault>;

async fn define(
    door: Door,
    caller: Caller,
    request: Request,
    change: fn(&mut Metadata, &Value) -> Result<Value, Fault>,
) -> Created {
    let origin = origin(&door, request.headers())?;
    let body = contact_body(request).await.map_err(Fault::from)?;
    let shown = door.ucs.define(caller.subject(), origin.tenant, |metadata| change(metadata, &body)).await?;
    Ok((StatusCode::CREATED, Json(shown)))
}

fn text(of: &impl serde::Serialize) -> Result<Value, Fault> {
    serde_json::to_value(of).map_err(|error| Fault::new(500, error.to_string()))
}

async fn metadata(door: &Door, headers: &HeaderMap) -> Result<Metadata, UcsFault> {
    let origin = origin(door, headers)?;
    Ok(door.ucs.metadata(origin.tenant).await?)
}

/// Define attributes of profiles; those that are there keep their definition unless it is given anew. Until this was
/// done once, nothing can be imported.
#[utoipa::path(post, path = "/metadata/profiles", tag = "profiles", request_body = ProfileSchema,
    responses((status = 201, body = ProfileSchema), (status = 400, body = ProfilesFault)))]
async fn define_schema(State(door): State<Door>, caller: Caller, request: Request) -> Created {
    define(door, caller, request, |metadata, body| text(metadata.define_profile(body)?)).await
}

/// The attributes of profiles; 404 before there are any.
#[utoipa::path(get, path = "/metadata/profiles", tag = "profiles",
    responses((status = 200, body = ProfileSchema), (status = 404, body = ProfilesFault)))]
async fn show_schema(State(door): State<Door>, headers: HeaderMap) -> Result<Json<Value>, UcsFault> {
    let schema = metadata(&door, &headers).await?.schema;
    let schema = schema.ok_or_else(|| Fault::new(404, "no profile schema is defined yet"))?;
    Ok(Json(text(&schema)?))
}

/// Define an extension: attributes under a name of their own.
#[utoipa::path(post, path = "/metadata/profiles/extensions", tag = "profiles", request_body = ProfileExtension,
    responses((status = 201, body = ProfileExtension), (status = 400, body = ProfilesFault)))]
async fn define_extension(State(door): State<Door>, caller: Caller, request: Request) -> Created {
    define(door, caller, request, |metadata, body| text(metadata.define_extension(body)?)).await
}

/// Every extension.
#[utoipa::path(get, path = "/metadata/profiles/extensions", tag = "profiles",
    responses((status = 200, body = [ProfileExtension])))]
async fn show_extensions(State(door): State<Door>, headers: HeaderMap) -> Result<Json<Value>, UcsFault> {
    Ok(Json(text(&metadata(&door, &headers).await?.extensions)?))
}

/// Define an identification key: what profiles are found by.
#[utoipa::path(post, path = "/metadata/identification-keys", tag = "profiles", request_body = IdentificationKey,
    responses((status = 201, body = IdentificationKey), (status = 400, body = ProfilesFault)))]
async fn define_key(State(door): State<Door>, caller: Caller, request: Request) -> Created {
    define(door, caller, request, |metadata, body| Ok(metadata.define_key(body)?.shown())).await
}

/// Every identification key. Attributes of an extension have its name in front.
#[utoipa::path(get, path = "/metadata/identification-keys", tag = "profiles",
    responses((status = 200, body = [IdentificationKey])))]
async fn show_keys(State(door): State<Door>, headers: HeaderMap) -> Result<Json<Value>, UcsFault> {
    let keys = metadata(&door, &headers).await?.keys;
    Ok(Json(json!(keys.iter().map(IdKey::shown).collect::<Vec<_>>())))
}
