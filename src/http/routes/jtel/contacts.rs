//! Import, read, delete.

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::words::{DiallerContact, DiallerContacts, DiallerError};
use crate::contact::CallingList;
use crate::contact::Contact;
use crate::contact::dialler::Refusal;
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::extract::{Place, contact_body};
use crate::http::foreign::JtelRefusal;
use crate::http::problem::Problem;
use crate::service::access::{Object, Verb};
use crate::service::dialler::{Dialler, PAGE, one};

pub(crate) fn routes() -> Routes {
    const IMPORT: &[Verb] = &[Verb::ContactsImport];
    const READ: &[Verb] = &[Verb::ContactsRead];
    const DELETE: &[Verb] = &[Verb::ContactsDelete];
    Routes::new()
        .guarded_within(IMPORT, routes!(import_contact))
        .guarded_within(READ, routes!(list_contacts))
        .guarded_within(READ, routes!(show_contact))
        .guarded_within(READ, routes!(show_contact_too))
        .guarded_within(DELETE, routes!(delete_contact))
        .guarded_within(DELETE, routes!(delete_by_user_data))
}

/// Contacts that are sorted by name; more come in the order of their numbers.
const SORTED_MAX: usize = 10_000;

type Answer = Result<Response, JtelRefusal>;

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let status = if [415, 422].contains(&problem.body.status) { 400 } else { problem.body.status };
        Self::new(status, problem.body.detail)
    }
}

/// Refuses what the caller may not do to a campaign.
fn need(caller: &Caller, verb: Verb, list: &CallingList) -> Result<(), Refusal> {
    let object = Object { list: Some(&list.name), ..Object::default() };
    if caller.may(verb, object) { Ok(()) } else { Err(Refusal::new(401, "the token does not allow this")) }
}

fn number(what: &str, text: &str) -> Result<i64, Refusal> {
    text.parse().map_err(|_| Refusal::bad(format!("{what}: expected an integer")))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    /// `true`: the contact with the same `UserData` is overwritten; `false`, the default: one is made always.
    overwrite_duplicates: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only those of this campaign.
    #[serde(rename = "diallerCampaignsID")]
    campaign: Option<String>,
    /// Only those with this `UserData`.
    #[serde(rename = "userData")]
    user_data: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct UserDataQuery {
    /// The contact's `UserData`; of several contacts the one with the smallest number goes.
    #[serde(rename = "userData")]
    user_data: Option<String>,
}

/// Import a contact into a campaign.
#[utoipa::path(post, path = "/dialler/contacts/import", tag = "dialler", request_body = DiallerContact,
    params(("clients_id" = i64, Path, description = "ClientsID"), ImportQuery),
    responses((status = 200, body = DiallerContacts), (status = 400, body = DiallerError),
        (status = 401, body = DiallerError), (status = 404, body = DiallerError), (status = 409, body = DiallerError)))]
async fn import_contact(
    State(door): State<Door>,
    caller: Caller,
    Place(clients_id): Place<String>,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Answer {
    door.dialler.client(&clients_id)?;
    let overwrite = match query.overwrite_duplicates.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Refusal::bad("overwriteDuplicates: expected true or false").into()),
    };
    let body = contact_body(request).await.map_err(Refusal::from)?;
    let may = |list: &CallingList| need(&caller, Verb::ContactsImport, list);
    Ok(Json(door.dialler.submit(&body, overwrite, may).await?).into_response())
}

/// Contacts of a campaign, of all campaigns, or with some user data.
#[utoipa::path(get, path = "/dialler/contacts", tag = "dialler",
    params(("clients_id" = i64, Path, description = "ClientsID"), ListQuery),
    responses((status = 200, body = DiallerContacts), (status = 401, body = DiallerError),
        (status = 404, body = DiallerError)))]
async fn list_contacts(
    State(door): State<Door>,
    caller: Caller,
    Place(clients_id): Place<String>,
    Query(query): Query<ListQuery>,
) -> Answer {
    door.dialler.client(&clients_id)?;
    let dialler = &door.dialler;
    let campaign = query.campaign.as_deref().map(|text| number("diallerCampaignsID", text)).transpose()?;
    if let Some(data) = query.user_data {
        let mut records = Vec::new();
        for (contact, list) in dialler.with_user_data(&data).await? {
            let wanted = campaign.is_none_or(|campaign| campaign == list.number);
            if wanted && need(&caller, Verb::ContactsRead, &list).is_ok() {
                records.push(dialler.shown(&contact, &list).await?);
            }
        }
        let count = records.len();
        return Ok(Json(json!({"records": records, "count": count, "status": 200})).into_response());
    }
    let lists: Vec<CallingList> = match campaign {
        Some(campaign) => {
            let list = dialler.campaign(campaign).await?;
            need(&caller, Verb::ContactsRead, &list)?;
            vec![list]
        }
        None => {
            let all = dialler.campaigns().await?.into_iter();
            all.filter(|list| need(&caller, Verb::ContactsRead, list).is_ok()).collect()
        }
    };
    let mut reader = Reading { dialler: dialler.clone(), lists, campaign, after: 0 };
    let mut records = Vec::new();
    while let Some(page) = reader.next().await? {
        records.extend(page);
        if records.len() > SORTED_MAX {
            return Ok(streamed(records, reader));
        }
    }
    records.sort_by_cached_key(|record| (record["Name"].to_string(), record["DiallerContactsID"].as_i64()));
    let count = records.len();
    let body = json!({"filter": "", "limitStart": 0, "limitPageSize": -1, "records": records, "count": count,
        "orderBy": "Name", "ascending": true, "status": 200});
    Ok(Json(body).into_response())
}

/// Contacts that are read page by page.
struct Reading {
    dialler: Dialler,
    lists: Vec<CallingList>,
    campaign: Option<i64>,
    after: i64,
}

impl Reading {
    /// The next records; `None` = that was all.
    async fn next(&mut self) -> Result<Option<Vec<Value>>, Refusal> {
        let page: Vec<Contact> = self.dialler.page(self.campaign, self.after).await?;
        let is_last = page.len() < PAGE;
        let Some(last) = page.last() else { return Ok(None) };
        self.after = if is_last { i64::MAX } else { last.number };
        let mut records = Vec::with_capacity(page.len());
        for contact in &page {
            if let Some(list) = self.lists.iter().find(|list| Some(list.number) == contact.list) {
                records.push(self.dialler.shown(contact, list).await?);
            }
        }
        Ok(Some(records))
    }
}

/// More than are sorted: they leave as they are read, so that memory does not grow with them.
fn streamed(first: Vec<Value>, reader: Reading) -> Response {
    let head = r#"{"filter":"","limitStart":0,"limitPageSize":-1,"records":["#.to_owned();
    let begun = (Some(first), reader, 0_usize, Some(head));
    let parts = stream::try_unfold(begun, |(first, mut reader, mut count, head)| async move {
        let Some(mut text) = head.or_else(|| reader.after.ge(&0).then(String::new)) else { return Ok(None) };
        let records = match first {
            Some(first) => Some(first),
            None => reader.next().await.map_err(|refusal| std::io::Error::other(refusal.error))?,
        };
        let is_last = records.is_none();
        for record in records.into_iter().flatten() {
            if count > 0 {
                text.push(',');
            }
            text.push_str(&record.to_string());
            count += 1;
        }
        if is_last {
            let tail = format!(r#"],"count":{count},"orderBy":"DiallerContactsID","ascending":true,"status":200}}"#);
            text.push_str(&tail);
            reader.after = -1;
        }
        Ok::<_, std::io::Error>(Some((text, (None, reader, count, None))))
    });
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], Body::from_stream(parts)).into_response()
}

async fn shown(door: &Door, caller: &Caller, clients_id: &str, id: &str) -> Answer {
    door.dialler.client(clients_id)?;
    let (contact, list) = door.dialler.contact(number("DiallerContactsID", id)?).await?;
    need(caller, Verb::ContactsRead, &list)?;
    Ok(Json(one(door.dialler.shown(&contact, &list).await?)).into_response())
}

/// One contact.
#[utoipa::path(get, path = "/dialler/contacts/{id}", tag = "dialler",
    params(("clients_id" = i64, Path, description = "ClientsID"), ("id" = i64, Path, description = "DiallerContactsID")),
    responses((status = 200, body = DiallerContacts), (status = 404, body = DiallerError)))]
async fn show_contact(
    State(door): State<Door>,
    caller: Caller,
    Place((clients_id, id)): Place<(String, String)>,
) -> Answer {
    shown(&door, &caller, &clients_id, &id).await
}

/// One contact, at the address where it is deleted.
#[utoipa::path(get, path = "/dialler/contacts/contact/{id}", tag = "dialler",
    params(("clients_id" = i64, Path, description = "ClientsID"), ("id" = i64, Path, description = "DiallerContactsID")),
    responses((status = 200, body = DiallerContacts), (status = 404, body = DiallerError)))]
async fn show_contact_too(
    State(door): State<Door>,
    caller: Caller,
    Place((clients_id, id)): Place<(String, String)>,
) -> Answer {
    shown(&door, &caller, &clients_id, &id).await
}

/// Delete a contact.
#[utoipa::path(delete, path = "/dialler/contacts/contact/{id}", tag = "dialler",
    params(("clients_id" = i64, Path, description = "ClientsID"), ("id" = i64, Path, description = "DiallerContactsID")),
    responses((status = 200, description = "Deleted"), (status = 404, body = DiallerError),
        (status = 409, body = DiallerError)))]
async fn delete_contact(
    State(door): State<Door>,
    caller: Caller,
    Place((clients_id, id)): Place<(String, String)>,
) -> Answer {
    door.dialler.client(&clients_id)?;
    let (contact, list) = door.dialler.contact(number("DiallerContactsID", &id)?).await?;
    need(&caller, Verb::ContactsDelete, &list)?;
    Ok(Json(door.dialler.delete(&contact).await?).into_response())
}

/// Delete the contact with some user data.
#[utoipa::path(delete, path = "/dialler/contacts/contact", tag = "dialler",
    params(("clients_id" = i64, Path, description = "ClientsID"), UserDataQuery),
    responses((status = 200, description = "Deleted"), (status = 400, body = DiallerError),
        (status = 404, body = DiallerError), (status = 409, body = DiallerError)))]
async fn delete_by_user_data(
    State(door): State<Door>,
    caller: Caller,
    Place(clients_id): Place<String>,
    Query(query): Query<UserDataQuery>,
) -> Answer {
    door.dialler.client(&clients_id)?;
    let data = query.user_data.filter(|data| !data.is_empty()).ok_or_else(|| Refusal::bad("userData is missing"))?;
    let mut found = door.dialler.with_user_data(&data).await?;
    found.retain(|(_, list)| need(&caller, Verb::ContactsDelete, list).is_ok());
    let (contact, _) = found.first().ok_or_else(Refusal::no_contact)?;
    Ok(Json(door.dialler.delete(contact).await?).into_response())
}
