//! Do-not-call and cancel-record.

use axum::{extract::State, response::Response};
use utoipa_axum::routes;

use super::order;
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::dto::{CancelBody, DncBody, ProblemDto, RequestDto, Word};
use crate::http::extract::{JsonBody, Manner};
use crate::http::problem::Problem;
use crate::service::access::{Object, Verb};
use crate::service::gateway::Order;

pub(super) fn routes() -> Routes {
    Routes::new().guarded(&[Verb::DncAdd], routes!(add_dnc)).guarded_within(&[Verb::RecordCancel], routes!(cancel))
}

/// Put a phone, a customer or both on the do-not-call list of one OCS or of every OCS.
#[utoipa::path(post, path = "/v1/dnc", tag = "people", request_body = DncBody,
    responses((status = 200, body = RequestDto), (status = 202, body = RequestDto), (status = 422, body = ProblemDto),
    (status = 504, body = ProblemDto)))]
async fn add_dnc(
    State(door): State<Door>,
    caller: Caller,
    manner: Manner,
    JsonBody(body): JsonBody<DncBody>,
) -> Result<Response, Problem> {
    note(&door, &caller, body.phone.as_deref(), body.customer_id.as_deref());
    let entry = Order::DoNotCall {
        phone: body.phone,
        customer_id: body.customer_id,
        scope: body.scope,
        ocs: body.ocs.as_ref().map(Word::text),
        note: body.reason,
        expires_at: body.expires_at,
    };
    order(&door, entry, manner).await
}

/// Tells the audit whom it is about: stand-ins, which are the same for the same person.
pub(super) fn note(door: &Door, caller: &Caller, phone: Option<&str>, customer: Option<&str>) {
    let named = |what: &str, found: Option<&str>| {
        // A text that no request can carry is not worth a stand-in of its length.
        found
            .filter(|found| found.len() <= 64)
            .map(|found| format!("{what} {}", door.gateway.pseudonyms().person(found)))
    };
    let words: Vec<String> = [named("phone", phone), named("customer", customer)].into_iter().flatten().collect();
    caller.note(words.join(", "));
}

/// Cancel the records of a phone. `outcome: partial` = records on an agent's desktop were left alone.
#[utoipa::path(post, path = "/v1/records/cancel", tag = "people", request_body = CancelBody,
    responses((status = 200, body = RequestDto), (status = 202, body = RequestDto), (status = 404, body = ProblemDto),
    (status = 422, body = ProblemDto), (status = 504, body = ProblemDto)))]
async fn cancel(
    State(door): State<Door>,
    caller: Caller,
    manner: Manner,
    JsonBody(body): JsonBody<CancelBody>,
) -> Result<Response, Problem> {
    let campaign = body.campaign.as_ref().map(Word::text);
    let known = campaign.as_deref().and_then(|word| door.gateway.router().campaign(word).ok());
    let object = Object { campaign: known.map(|campaign| campaign.dbid), ..Object::default() };
    note(&door, &caller, body.phone.as_deref(), body.customer_id.as_deref());
    caller.need(Verb::RecordCancel, object)?;
    let record = Order::CancelRecord {
        phone: body.phone,
        customer_id: body.customer_id,
        campaign,
        scope: body.scope,
        ocs: body.ocs.as_ref().map(Word::text),
    };
    order(&door, record, manner).await
}
