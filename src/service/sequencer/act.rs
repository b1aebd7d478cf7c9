//! What a machine wants, as requests of the gateway, and what becomes of them.

use sha2::{Digest, Sha256};

use crate::engine::PairState;
use crate::engine::RequestNumber;
use crate::engine::RequestRecord;
use crate::engine::RequestResult;
use crate::engine::sequence::{Act, ActOutcome, Step};
use crate::message::{
    Dialing, ErrorCode, GetCampaignStatus, GroupCampStatus, LoadCampaign, Message, MessageType, RequestKind,
    StartDialing, StopDialing, Target, UnloadCampaign,
};
use crate::service::gateway::{Asker, DialingWish, Gateway, GivenKey, Order, OrderError};
use crate::service::sequencer::id_of;

/// What became of a request, for the machine.
pub(super) struct Told {
    pub(super) outcome: ActOutcome,
    pub(super) request: Option<RequestNumber>,
    pub(super) detail: Option<String>,
}

/// Who asks: it owns the keys, so it must be the same after a restart.
pub(super) fn asker_name(number: i64, name: &str) -> String {
    format!("sequence {} '{name}'", id_of(number)).chars().take(64).collect()
}

/// The name of one attempt: handed over again it is the same request.
pub(super) fn asker(number: i64, name: &str, step: usize, act: Act, attempt: u32) -> Asker {
    let key = format!("{}/{step}/{}/{attempt}", id_of(number), act.slug());
    let body_sha256 = Sha256::digest(key.as_bytes()).into();
    Asker::new(&asker_name(number, name), "sequencer").with_key(Some(GivenKey { key, body_sha256 }))
}

fn kind_of(act: Act) -> RequestKind {
    match act {
        Act::Load => RequestKind::Load,
        Act::Start => RequestKind::Start,
        Act::Stop => RequestKind::Stop,
        Act::Unload => RequestKind::Unload,
    }
}

/// The request of a step.
pub(super) fn order(step: &Step, act: Act) -> Order {
    let (pair, target) = (step.pair, Target::One(step.ocs));
    if let Some(schedule) = &step.schedule {
        let body: Message = match act {
            Act::Load => {
                LoadCampaign { schedule: Some((**schedule).clone()), ..LoadCampaign::new(pair, Dialing::default()) }
                    .into()
            }
            Act::Start => StartDialing::new(pair, Dialing::default()).into(),
            Act::Stop => StopDialing::new(pair).into(),
            Act::Unload => UnloadCampaign::new(pair).into(),
        };
        return Order::Verbatim { body, target };
    }
    let number = |dialed: Option<i32>| dialed.map(|dialed| dialed.to_string());
    let dials = matches!(act, Act::Load | Act::Start);
    let wish = DialingWish {
        mode: number(step.dialing.mode.map(|mode| mode.0)).filter(|_| dials),
        optimize_by: number(step.dialing.optimize_by.map(|method| method.0)).filter(|_| dials),
        goal: step.dialing.goal.filter(|_| dials),
        // OCS stops and unloads by itself when no record is left: that is how the end is heard of.
        auto_completion: dials.then_some(step.end.depleted),
        ..DialingWish::default()
    };
    let (campaign, group) = (pair.campaign.0.to_string(), pair.group.0.to_string());
    Order::Campaign { kind: kind_of(act), campaign, group, wish: Box::new(wish) }
}

/// The question for the state of a step's campaign.
fn question(step: &Step) -> Order {
    Order::Verbatim { body: GetCampaignStatus::new(step.pair).into(), target: Target::One(step.ocs) }
}

/// Hands a request over and waits for its end; `None` = the gateway stops.
pub(super) async fn submit(gateway: Gateway, order: Order, asker: Asker) -> Option<Told> {
    let accepted = match gateway.submit(order, asker).await {
        Ok(accepted) => accepted,
        Err(OrderError::Stopping) => return None,
        Err(error) => {
            let outcome = match error {
                OrderError::Overloaded | OrderError::Store(_) | OrderError::TooLate => ActOutcome::NotSent,
                _ => ActOutcome::Refused(None),
            };
            return Some(Told { outcome, request: None, detail: Some(error.to_string()) });
        }
    };
    accepted.ended.await.ok()?;
    let standing = gateway.standing(accepted.number).await?;
    let (outcome, detail) = outcome_of(&standing.record)?;
    Some(Told { outcome, request: Some(accepted.number), detail })
}

fn outcome_of(record: &RequestRecord) -> Option<(ActOutcome, Option<String>)> {
    let ended = record.ended.as_ref()?;
    let outcome = match ended.result {
        RequestResult::Answered | RequestResult::Partial | RequestResult::Mixed => ActOutcome::Done,
        RequestResult::Unknown => ActOutcome::Unknown,
        RequestResult::Refused => match ended.reason.as_deref() {
            Some("ocs_error") => ActOutcome::Refused(ended.answers.iter().find_map(|answer| answer.code)),
            Some("invalid_parameter") => ActOutcome::Refused(None),
            // The T-Server did not say in time whether it has taken it.
            Some("link_timeout") => ActOutcome::Unknown,
            _ => ActOutcome::NotSent,
        },
    };
    Some((outcome, ended.detail.clone()))
}

/// Asks OCS for the state of a step's campaign; `None` = nobody answers.
pub(super) async fn ask(gateway: Gateway, step: Step, asker: Asker) -> Option<GroupCampStatus> {
    let accepted = gateway.submit(question(&step), asker).await.ok()?;
    accepted.ended.await.ok()?;
    let standing = gateway.standing(accepted.number).await?;
    let ended = standing.record.ended.as_ref()?;
    let is_schedule = step.schedule.is_some();
    match ended.result {
        RequestResult::Answered => {
            let status = ended.answers.iter().find_map(|answer| answer.status)?;
            Some(if is_schedule { of_schedule(status) } else { status })
        }
        // There is no such schedule. Of a campaign: what is asked next is refused for the same reason, and told.
        RequestResult::Refused => {
            let code = ended.answers.iter().find_map(|answer| answer.code)?;
            let none = [
                ErrorCode::CAMPAIGN_SCHEDULE_NOT_FOUND,
                ErrorCode::CAMPAIGN_NOT_FOUND,
                ErrorCode::GROUP_NOT_FOUND,
                ErrorCode::GROUP_CAMP_NOT_FOUND,
            ];
            none.contains(&code).then_some(GroupCampStatus::NOT_LOADED)
        }
        RequestResult::Partial | RequestResult::Mixed | RequestResult::Unknown => None,
    }
}

/// A status answer about a schedule carries the state of the item in turn: whatever it is, there is a schedule.
fn of_schedule(status: GroupCampStatus) -> GroupCampStatus {
    if status == GroupCampStatus::RUNNING { status } else { GroupCampStatus::ACTIVE }
}

/// What the mirror says of a step's campaign, as the machine understands it.
pub(super) fn mirrored(state: &PairState) -> Option<GroupCampStatus> {
    let status = state.status?;
    if !state.pair.campaign.is_sequence() {
        return Some(status);
    }
    Some(match state.observed_by {
        MessageType(20) => GroupCampStatus::NOT_LOADED,
        MessageType(19 | 22) => GroupCampStatus::ACTIVE,
        MessageType(21 | 23) => GroupCampStatus::RUNNING,
        _ => of_schedule(status),
    })
}
