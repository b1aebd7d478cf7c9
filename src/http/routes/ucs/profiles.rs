//! Imports, and questions for profiles.

use axum::Json;
use axum::extract::{FromRequest, Multipart, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::time::timeout;
use utoipa_axum::routes;

use super::origin;
use super::words::{Profile, ProfilesFault, ProfilesImport, ProfilesImportForm, ProfilesImported};
use crate::contact::ucs::{Fault, profile, profile_id};
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::extract::{BODY_BYTES_MAX, contact_body};
use crate::http::foreign::UcsFault;
use crate::http::serve::BODY;
use crate::service::access::{Object, Verb};
use crate::service::ucs::Ucs;

pub(super) fn routes() -> Routes {
    Routes::new()
        .guarded_form(&[Verb::ContactsImport], routes!(import_profiles))
        .guarded_within(&[Verb::ContactsRead], routes!(find_profiles))
}

/// Import a CSV file that lies below the import folder of this machine. 200 also when records failed: the answer names
/// them. `Prefer: respond-async` answers 202 with the job.
#[utoipa::path(post, path = "/profiles/import", tag = "profiles",
    params(("X-Genesys-TenantId" = Option<i64>, Header, description = "Tenant of records that name none"),
        ("X-Genesys-Segment" = Option<String>, Header, description = "Segment of records that name none"),
        ("Prefer" = Option<String>, Header, description = "respond-async")),
    request_body(content((ProfilesImportForm = "multipart/form-data"), (ProfilesImport = "application/json"))),
    responses((status = 200, body = ProfilesImported), (status = 202, description = "The job runs; see Location"),
        (status = 400, body = ProfilesFault), (status = 401, body = ProfilesFault), (status = 403, body = ProfilesFault),
        (status = 404, body = ProfilesFault), (status = 405, body = ProfilesFault), (status = 415, body = ProfilesFault)))]
async fn import_profiles(State(door): State<Door>, caller: Caller, request: Request) -> Result<Response, UcsFault> {
    let origin = origin(&door, request.headers())?;
    let asynchronous = is_asynchronous(request.headers());
    let description = description(request).await?;
    let prepared = door.ucs.prepare(caller.subject(), origin, &description).await?;
    let object = Object { list: Some(&prepared.list), ..Object::default() };
    if !caller.may(Verb::ContactsImport, object) {
        door.ucs.discard(prepared).await;
        return Err(Fault::new(401, "the given user may not import profiles of this tenant and segment").into());
    }
    let started = door.ucs.start(caller.subject(), prepared).await?;
    caller.note(format!("job {}", started.job));
    if asynchronous {
        let place = format!("/v1/import-jobs/{}", started.job);
        let mut response = (StatusCode::ACCEPTED, Json(json!({"job": started.job}))).into_response();
        if let Ok(place) = HeaderValue::from_str(&place) {
            response.headers_mut().insert(header::LOCATION, place);
        }
        return Ok(response);
    }
    Ok(Json(Ucs::wait(started).await?).into_response())
}

fn is_asynchronous(headers: &HeaderMap) -> bool {
    let prefer = headers.get("prefer").and_then(|value| value.to_str().ok()).unwrap_or_default();
    prefer.split([',', ';']).any(|word| word.trim().eq_ignore_ascii_case("respond-async"))
}

/// The object `description`: the first part of a form, or the whole body.
async fn description(request: Request) -> Result<Value, Fault> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("multipart/form-data") {
        return contact_body(request).await.map_err(Fault::from);
    }
    let broken = || Fault::bad("the form cannot be read");
    let read = async {
        let mut form = Multipart::from_request(request, &()).await.map_err(|_| broken())?;
        let part = form.next_field().await.map_err(|_| broken())?;
        let missing = || Fault::bad("description: expected it as the first part of the form");
        let mut part = part.filter(|part| part.name() == Some("description")).ok_or_else(missing)?;
        let kind = part.content_type().unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Fault::new(415, "description: expected Content-Type application/json"));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = part.chunk().await.map_err(|_| broken())? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > BODY_BYTES_MAX {
                return Err(Fault::bad(format!("description: more than {BODY_BYTES_MAX} bytes")));
            }
        }
        serde_json::from_slice(&bytes).map_err(|_| Fault::bad("description: no JSON"))
    };
    timeout(BODY, read).await.map_err(|_| Fault::bad("the body did not come in its time"))?
}

/// Words of the query that are no attributes.
const PARAMETERS: [&str; 4] = ["id_key", "include_profile", "include_extensions", "extensions"];

/// Find profiles by an identification key: `?EmailAddress=anna@example.org&id_key=Email`. `include_profile=yes` shows
/// attributes, `extensions=Address,...` extensions, always or for a single profile with `include_extensions=unique`.
#[utoipa::path(get, path = "/profiles", tag = "profiles",
    params(("id_key" = Option<String>, Query, description = "Name of the key; absent: the first whose attributes are given"),
        ("include_profile" = Option<String>, Query, description = "yes or no"),
        ("extensions" = Option<String>, Query, description = "Names, separated by commas"),
        ("include_extensions" = Option<String>, Query, description = "always or unique")),
    responses((status = 200, body = [Profile]), (status = 400, body = ProfilesFault),
        (status = 404, body = ProfilesFault)))]
async fn find_profiles(
    State(door): State<Door>,
    caller: Caller,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Json<Value>, UcsFault> {
    let origin = origin(&door, &headers)?;
    let parameter = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let values: Vec<(String, String)> =
        query.iter().filter(|(key, _)| !PARAMETERS.contains(&key.as_str())).cloned().collect();
    let choose = |name: &str, words: [&'static str; 2]| match parameter(name) {
        None => Ok(words[0]),
        Some(given) => {
            let known = words.into_iter().find(|word| *word == given);
            known.ok_or_else(|| Fault::bad(format!("{name}: expected {} or {}", words[0], words[1])))
        }
    };
    let with_profile = choose("include_profile", ["no", "yes"])? == "yes";
    let when = choose("include_extensions", ["always", "unique"])?;
    let mut found = door.ucs.find(&origin, parameter("id_key"), &values).await?;
    let lists = door.dialler.campaigns().await.map_err(|refusal| Fault::new(refusal.status, refusal.error))?;
    found.retain(|contact| {
        let list = lists.iter().find(|list| Some(list.number) == contact.list).map(|list| list.name.as_str());
        caller.may(Verb::ContactsRead, Object { list, ..Object::default() })
    });
    let wanted = parameter("extensions").map(|names| names.split(',').map(|name| name.trim().to_owned()).collect());
    let extensions: Vec<String> = wanted.filter(|_| when == "always" || found.len() == 1).unwrap_or_default();
    let show = |contact| if with_profile { profile(contact, &extensions) } else { profile_id(contact) };
    Ok(Json(found.iter().map(show).collect()))
}
