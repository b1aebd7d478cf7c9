//! Campaigns on groups: control and state.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{answer, order};
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::convert;
use crate::http::dto::{DialingBody, Page, PriorityBody, ProblemDto, RequestDto, ShareBody, StateDto, Word};
use crate::http::extract::{Asked, JsonBody, Manner, Place};
use crate::http::problem::Problem;
use crate::message::{DialingPriority, Pair, PriorityShare, RequestKind};
use crate::service::access::{Object, Verb};
use crate::service::gateway::{DialingWish, Order, OrderError};

pub(super) fn routes() -> Routes {
    Routes::new()
        .guarded_within(&[Verb::CampaignRead], routes!(list))
        .guarded(&[Verb::CampaignRead], routes!(state))
        .guarded(&[Verb::CampaignLoad], routes!(load))
        .guarded(&[Verb::CampaignStart], routes!(start))
        .guarded(&[Verb::CampaignMode], routes!(set_mode))
        .guarded(&[Verb::CampaignStop], routes!(stop))
        .guarded(&[Verb::CampaignUnload], routes!(unload))
        .guarded(&[Verb::CampaignForceUnload], routes!(force_unload))
        .guarded(&[Verb::CampaignStop, Verb::CampaignUnload], routes!(complete))
}

type Pairing = Place<(String, String)>;

/// Last known state of every configured campaign group.
#[utoipa::path(get, path = "/v1/campaigns", tag = "campaigns", responses((status = 200, body = Page<StateDto>)))]
async fn list(State(door): State<Door>, caller: Caller) -> Json<Page<StateDto>> {
    let router = door.gateway.router();
    let heard = door.gateway.states().await;
    let mut items: Vec<StateDto> = heard.iter().map(|state| convert::state(router, state)).collect();
    for (pair, ocs) in router.pairs() {
        if !heard.iter().any(|state| state.pair == pair && state.ocs == ocs) {
            items.push(convert::unheard_state(router, pair, ocs));
        }
    }
    items.retain(|state| caller.may(Verb::CampaignRead, Object::pair(state.campaign, state.group)));
    items.sort_by_key(|state| (state.campaign, state.group, state.ocs));
    Json(Page { schema: "commdn.campaigns.v1".into(), items, next: None })
}

#[derive(Debug, Deserialize, IntoParams)]
struct StateQuery {
    /// Ask OCS first.
    #[serde(default)]
    refresh: bool,
}

/// Last known state; with `refresh=true` OCS is asked first.
#[utoipa::path(get, path = "/v1/campaigns/{campaign}/groups/{group}", tag = "campaigns",
    params(("campaign" = String, Path, description = "DBID or name"), ("group" = String, Path, description = "DBID or name"), StateQuery),
    responses((status = 200, body = StateDto), (status = 404, body = ProblemDto), (status = 504, body = ProblemDto)))]
async fn state(
    State(door): State<Door>,
    Place((campaign, group)): Pairing,
    Asked(query): Asked<StateQuery>,
    manner: Manner,
) -> Result<Response, Problem> {
    let router = door.gateway.router();
    let route = router.campaign(&campaign).map_err(OrderError::from)?.object;
    let pair = Pair { campaign: route.dbid, group: router.group(&group).map_err(OrderError::from)?.object };
    if query.refresh {
        let ask = control(RequestKind::Status, campaign, group);
        let accepted = door.gateway.submit(ask, manner.asker).await?;
        let asked = answer(&door, accepted, manner.wait).await?;
        if asked.status() != axum::http::StatusCode::OK {
            return Ok(asked);
        }
    }
    let heard = door.gateway.states().await;
    let heard = heard.iter().find(|state| state.pair == pair && state.ocs == route.ocs);
    let state = heard.map(|state| convert::state(router, state));
    Ok(Json(state.unwrap_or_else(|| convert::unheard_state(router, pair, route.ocs))).into_response())
}

/// Load a campaign on a group.
#[utoipa::path(post, path = "/v1/campaigns/{campaign}/groups/{group}/load", tag = "campaigns",
    params(("campaign" = String, Path, description = "DBID or name"), ("group" = String, Path, description = "DBID or name")),
    request_body = DialingBody, responses((status = 200, body = RequestDto), (status = 202, body = RequestDto),
    (status = 409, body = ProblemDto), (status = 504, body = ProblemDto)))]
async fn load(
    State(door): State<Door>,
    Place(place): Pairing,
    manner: Manner,
    JsonBody(body): JsonBody<DialingBody>,
) -> Result<Response, Problem> {
    order(&door, dialing(RequestKind::Load, place, body), manner).await
}

/// Start dialing.
#[utoipa::path(post, path = "/v1/campaigns/{campaign}/groups/{group}/start", tag = "campaigns",
    params(("campaign" = String, Path, description = "DBID or name"), ("group" = String, Path, description = "DBID or name")),
    request_body = DialingBody, responses((status = 200, body = RequestDto), (status = 202, body = RequestDto),
    (status = 409, body = ProblemDto), (status = 422, body = ProblemDto), (status = 504, body = ProblemDto)))]
async fn start(
    State(door): State<Door>,
    Place(place): Pairing,
    manner: Manner,
    JsonBody(body): JsonBody<DialingBody>,
) -> Result<Response, Problem> {
    order(&door, dialing(RequestKind::Start, place, body), manner).await
}

/// Change mode, method or goal of a running campaign.
#[utoipa::path(put, path = "/v1/campaigns/{campaign}/groups/{group}/mode", tag = "campaigns",
    params(("campaign" = String, Path, description = "DBID or name"), ("group" = String, Path, description = "DBID or name")),
    request_body = DialingBody, responses((status = 200, body = RequestDto), (status = 202, body = RequestDto),
    (status = 409, body = ProblemDto), (status = 422, body = ProblemDto), (status = 504, body = ProblemDto)))]
async fn set_mode(
    State(door): State<Door>,
    Place(place): Pairing,
    manner: Manner,
    JsonBody(body): JsonBody<DialingBody>,
) -> Result<Response, Problem> {
    order(&door, dialing(RequestKind::SetMode, place, body), manner).await
}

/// Stop dialing; the campaign stays loaded.
#[utoipa::path(post, path = "/v1/campaigns/{campaign}/groups/{group}/stop", tag = "campaigns",
    params(("campaign" = String, Path, description = "DBID or name"), ("group" = String, Path, description = "DBID or name")),
    responses((status = 200, body = RequestDto), (status = 202, body = RequestDto), (status = 409, body = ProblemDto),
    (status = 504, body = ProblemDto)))]
async fn stop(
    State(door): State<Door>,
    Place((campaign, group)): Pairing,
    manner: Manner,
) -> Result<Response, Problem> {
    order(&door, control(RequestKind::Stop, campaign, group), manner).await
}

/// Unload; calls that are open are finished first.
#[utoipa::path(post, path = "/v1/campaigns/{campaign}/groups/{group}/unload", tag = "campaigns",
    params(("campaign" = String, Path, description = "DBID or name"), ("group" = String, Path, description = "DBID or name")),
    responses((status = 200, body = RequestDto), (status = 202, body = RequestDto), (status = 409, body = ProblemDto),
    (status = 504, body = ProblemDto)))]
async fn unload(
    State(door): State<Door>,
    Place((campaign, group)): Pairing,
    manner: Manner,
) -> Result<Response, Problem> {
    order(&door, control(RequestKind::Unload, campaign, group), manner).await
}

/// Unload at once, whatever is open.
#[utoipa::path(post, path = "/v1/campaigns/{campaign}/groups/{group}/force-unload", tag = "campaigns",
    params(("campaign" = String, Path, description = "DBID or name"), ("group" = String, Path, description = "DBID or name")),
    responses((status = 200, body = RequestDto), (status = 202, body = RequestDto), (status = 409, body = ProblemDto),
    (status = 504, body = ProblemDto)))]
async fn force_unload(
    State(door): State<Door>,
    Place((campaign, group)): Pairing,
    manner: Manner,
) -> Result<Response, Problem> {
    order(&door, control(RequestKind::ForceUnload, campaign, group), manner).await
}

/// Stop, then unload. The answer is the unload's, or the stop's when that fails.
#[utoipa::path(post, path = "/v1/campaigns/{campaign}/groups/{group}/complete", tag = "campaigns",
    params(("campaign" = String, Path, description = "DBID or name"), ("group" = String, Path, description = "DBID or name")),
    responses((status = 200, body = RequestDto), (status = 202, body = RequestDto), (status = 409, body = ProblemDto),
    (status = 504, body = ProblemDto)))]
async fn complete(
    State(door): State<Door>,
    Place((campaign, group)): Pairing,
    manner: Manner,
) -> Result<Response, Problem> {
    if manner.dry_run {
        return order(&door, control(RequestKind::Stop, campaign, group), manner).await;
    }
    let accepted = door.gateway.complete(&campaign, &group, manner.asker).await?;
    answer(&door, accepted, manner.wait).await
}

fn control(kind: RequestKind, campaign: String, group: String) -> Order {
    Order::Campaign { kind, campaign, group, wish: Box::default() }
}

fn dialing(kind: RequestKind, (campaign, group): (String, String), body: DialingBody) -> Order {
    let wish = DialingWish {
        mode: body.mode.as_ref().map(Word::text),
        optimize_by: body.optimize_by.as_ref().map(Word::text),
        goal: body.goal,
        auto_completion: body.auto_completion,
        priority: body.dialing_priority.map(priority),
        allow_undocumented: body.allow_undocumented,
    };
    Order::Campaign { kind, campaign, group, wish: Box::new(wish) }
}

fn priority(body: PriorityBody) -> DialingPriority {
    let share = |share: ShareBody| PriorityShare { priority: share.priority, n_records: share.n_records };
    DialingPriority {
        general: body.general.map(share),
        campaign_rescheduled: body.campaign_rescheduled.map(share),
        campaign_call_back: body.campaign_call_back.map(share),
    }
}
