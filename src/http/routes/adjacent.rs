//! What OCS itself posts: the question before a dial, and states of campaign groups. Its keys are the vendor's.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};
use utoipa_axum::routes;

use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::convert;
use crate::http::dto::{ProblemDto, StateDto};
use crate::http::extract::JsonBody;
use crate::http::problem::Problem;
use crate::message::{CampaignStatus, DialMode, Dialing, GroupCampStatus, Message, OptimizeBy, Pair, PairEvent, Phone};
use crate::service::access::{Object, Verb};
use crate::service::gateway::OrderError;

/// `call_result` of a record that may not be dialed: Do Not Call.
const CALL_RESULT_DO_NOT_CALL: i32 = 51;
/// Keys of a record that may hold the phone, in order.
const PHONE: [&str; 2] = ["GSW_PHONE", "contact_info"];
/// The same for the customer.
const CUSTOMER: [&str; 2] = ["GSW_CUSTOMER_ID", "customer_id"];
/// Keys that may hold the state. The vendor's page on these posts lists the names of the objects alone.
const STATE: [&str; 4] =
    ["GSW_CAMPAIGN_GROUP_STATE", "GSW_CAMPAIGN_GROUP_STATUS", "GSW_CM_AttrGroupCampStatus", "GSW_USER_EVENT"];

/// An object as OCS posts it: keys that are not known are ignored.
type Posted = Map<String, Value>;

pub(super) fn routes() -> Routes {
    Routes::new()
        .guarded(&[Verb::OcsPost], routes!(predial))
        .guarded_within(&[Verb::OcsPost], routes!(campaign_group_state))
}

/// Pre-dial validation: 200 = dial, 409 with `GSW_CALL_RESULT` = the phone or the customer is on the do-not-call list.
/// Anything else is no permission either.
#[utoipa::path(post, path = "/ocs/predial", tag = "adjacent", request_body = Object,
    responses((status = 200, body = Object), (status = 409, body = Object), (status = 422, body = ProblemDto)))]
async fn predial(State(door): State<Door>, JsonBody(record): JsonBody<Posted>) -> Result<Response, Problem> {
    let phone = first(&record, &PHONE).map(|text| Phone::from(text.as_str()));
    let customer = first(&record, &CUSTOMER).map(|text| text.as_str().into());
    if phone.is_none() && customer.is_none() {
        let wanted = [PHONE, CUSTOMER].concat().join(", ");
        return Err(Problem::new("invalid-parameter", 422, format!("expected one of {wanted}, found none of them")));
    }
    let answer = match door.gateway.dnc().check(phone.as_ref(), customer.as_ref()) {
        None => (StatusCode::OK, Json(json!({}))),
        Some(_) => (StatusCode::CONFLICT, Json(json!({ "GSW_CALL_RESULT": CALL_RESULT_DO_NOT_CALL }))),
    };
    Ok(answer.into_response())
}

/// A state that OCS posts is merged into the status cache like a notification on the CommDN.
#[utoipa::path(post, path = "/ocs/campaign-group-state", tag = "adjacent", request_body = Object,
    responses((status = 200, body = StateDto), (status = 404, body = ProblemDto), (status = 422, body = ProblemDto)))]
async fn campaign_group_state(
    State(door): State<Door>,
    caller: Caller,
    JsonBody(posted): JsonBody<Posted>,
) -> Result<Json<StateDto>, Problem> {
    let router = door.gateway.router();
    let (campaign, group) = objects(&posted)?;
    let campaign = router.campaign(&campaign).map_err(OrderError::from)?.object;
    let group = router.group(&group).map_err(OrderError::from)?.object;
    caller.need(Verb::OcsPost, Object::pair(campaign.dbid.0, group.0))?;
    let word = first(&posted, &STATE);
    let status = word.as_deref().and_then(status).ok_or_else(|| {
        let found = if word.is_some() { "a word of no table" } else { "none of them" };
        let wanted = format!("expected a state in one of {}, found {found}", STATE.join(", "));
        Problem::new("invalid-parameter", 422, wanted)
            .hint("a number from 0 to 5, or for instance CampaignLoaded, CampaignRunning")
    })?;
    let number = |key| first(&posted, &[key]).and_then(|text| text.parse::<i32>().ok());
    let dialing = Dialing {
        mode: number("GSW_DIAL_MODE").map(DialMode),
        optimize_by: number("GSW_OPTIMIZE_BY").map(OptimizeBy),
        goal: number("GSW_OPTIMIZE_GOAL"),
    };
    let pair = Pair { campaign: campaign.dbid, group };
    let event = PairEvent { dialing, ..PairEvent::new(pair, status) };
    let state = door.gateway.observe(campaign.ocs, Message::from(CampaignStatus(event))).await;
    let state = state.ok_or(OrderError::Overloaded)?; // the cache is full
    Ok(Json(convert::state(router, &state)))
}

/// Campaign and group: by their own keys, else from `campaign@group`.
fn objects(posted: &Posted) -> Result<(String, String), Problem> {
    let both = first(posted, &["GSW_CAMPAIGN_GROUP_NAME"]).unwrap_or_default();
    let (left, right) = both.split_once('@').map_or((None, None), |(left, right)| (Some(left), Some(right)));
    let own = |keys: &[&str], part: Option<&str>| first(posted, keys).or(part.map(str::to_owned));
    let campaign = own(&["GSW_CAMPAIGN_DBID", "GSW_CAMPAIGN_NAME"], left);
    let group = own(&["GSW_GROUP_DBID", "GSW_GROUP_NAME"], right);
    campaign.zip(group).ok_or_else(|| {
        let wanted = "expected GSW_CAMPAIGN_NAME and GSW_GROUP_NAME, or GSW_CAMPAIGN_GROUP_NAME as campaign@group";
        Problem::new("invalid-parameter", 422, wanted)
    })
}

/// The first of these keys that holds text or a number.
fn first(posted: &Posted, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| match posted.get(*key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// A state by number, or by the word of an event or of a state.
fn status(word: &str) -> Option<GroupCampStatus> {
    if let Ok(number) = word.parse::<i32>() {
        return Some(GroupCampStatus(number)).filter(|status| status.name().is_some());
    }
    let bare: String = word.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let bare = ["cmgcs", "campaigngroup", "campaign"].iter().find_map(|head| bare.strip_prefix(head)).unwrap_or(&bare);
    Some(match bare {
        "loaded" | "active" | "stopped" | "dialingstopped" => GroupCampStatus::ACTIVE,
        "started" | "running" | "dialingstarted" | "modechanged" | "dialmodechanged" | "dialingmodechanged" => {
            GroupCampStatus::RUNNING
        }
        "unloaded" | "notloaded" | "forceunloaded" | "unloadedforcefully" => GroupCampStatus::NOT_LOADED,
        "inactive" => GroupCampStatus::INACTIVE,
        "unloading" | "unloadinprogress" => GroupCampStatus::UNLOAD_IN_PROGRESS,
        "waitingunload" => GroupCampStatus::WAITING_UNLOAD,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_by_number_and_by_the_words_of_events_and_states() {
        let table = [
            ("5", Some(5)),
            ("9", None),
            ("CampaignRunning", Some(5)),
            ("Campaign Group loaded", Some(4)),
            ("CampaignGroupStopped", Some(4)),
            ("CM_GCS_UnloadInProgress", Some(2)),
            ("CampaignUnloaded", Some(0)),
            ("Campaign Group dial mode changed", Some(5)),
            ("InActive", Some(3)),
            ("Campaign", None),
            ("", None),
        ];
        for (word, wanted) in table {
            assert_eq!(status(word).map(|status| status.0), wanted, "{word}");
        }
    }

    #[test]
    fn objects_are_named_by_dbid_by_name_or_together() {
        let read = |body: Value| objects(body.as_object().unwrap());
        let named = |campaign: &str, group: &str| Ok((campaign.to_owned(), group.to_owned()));
        assert_eq!(read(json!({"GSW_CAMPAIGN_DBID": 101, "GSW_GROUP_NAME": "Team A"})), named("101", "Team A"));
        assert_eq!(read(json!({"GSW_CAMPAIGN_GROUP_NAME": "Renewals@Team A"})), named("Renewals", "Team A"));
        assert!(read(json!({"GSW_CAMPAIGN_NAME": "Renewals"})).is_err());
    }
}
