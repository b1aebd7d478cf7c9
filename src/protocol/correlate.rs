//! Which request could this event be about? Pure rules 3, 4 and 8 of the correlation specification.
//!
//! Nothing here knows what is pending: [`fit`] judges one request (live, or stood for by a shadow) against one event.
//! Whether a fit decides anything is the requester's business.

use crate::message::CampaignSchedule;
use crate::message::CancelRecord;
use crate::message::ChainAttr;
use crate::message::DoNotCall;
use crate::message::ErrorCode;
use crate::message::ErrorEvent;
use crate::message::GroupCampStatus;
use crate::message::Message;
use crate::message::MessageType;
use crate::message::PairEvent;
use crate::message::RequestKind;
use crate::protocol::subject::Scope;

pub use crate::protocol::subject::Subject;

/// What one event could mean to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It cannot be about this request.
    No,
    /// It can answer it.
    Answer {
        /// An error instead of a success.
        refusal: bool,
        /// The event carries the request's subject in full.
        carried: bool,
    },
    /// A CM_EvError with ids and code 3, 8 or 9: a fact about the pair, whoever asked.
    Fact,
    /// The stop that an unload makes on its way (22); `known` when its status says so. No answer.
    Draining {
        /// The event carries status 1 or 2.
        known: bool,
    },
    /// A CM_EvError about an item's campaign while the request is about its sequence: it may be, it never decides.
    Item,
}

impl Fit {
    /// True when the event and the request can belong together at all.
    #[must_use]
    pub fn is_possible(self) -> bool {
        self != Self::No
    }
}

/// CM_EvError.
const ERROR: MessageType = MessageType(27);
/// CM_EvDialingStopped.
const STOPPED: MessageType = MessageType(22);

/// Judges one request against one event.
#[must_use]
pub fn fit(request: &Message, event: &Message) -> Fit {
    let Some(kind) = request.request_kind() else { return Fit::No };
    match event {
        Message::ErrorEvent(error) => fit_error(kind, request, error),
        Message::RecordCanceled(answer) => match (request, kind) {
            (Message::CancelRecord(cancel), RequestKind::CancelRecord) => {
                let carried = match cancel_echo(cancel, answer.cancel_record.as_ref()) {
                    Echoed::Other => return Fit::No,
                    Echoed::Partly => false,
                    Echoed::Covered => true,
                };
                Fit::Answer { refusal: is_error(answer.error), carried }
            }
            _ => Fit::No,
        },
        Message::DoNotCallProcessed(answer) => match (request, kind) {
            (Message::DoNotCall(entry), RequestKind::DoNotCall) => {
                let carried = match entry_echo(entry, answer.do_not_call.as_ref()) {
                    Echoed::Other => return Fit::No,
                    Echoed::Partly => false,
                    Echoed::Covered => true,
                };
                Fit::Answer { refusal: is_error(answer.error), carried }
            }
            _ => Fit::No,
        },
        other => match other.pair_event() {
            Some(state) => fit_pair_event(kind, request, other.message_type(), state),
            None => Fit::No,
        },
    }
}

fn fit_pair_event(kind: RequestKind, request: &Message, event: MessageType, state: &PairEvent) -> Fit {
    if request.pair() != Some(state.pair) {
        return Fit::No;
    }
    let refusal = is_error(state.error);
    if kind == RequestKind::Unload && event == STOPPED && !refusal {
        return match state.status {
            None => Fit::Draining { known: false },
            Some(GroupCampStatus::WAITING_UNLOAD | GroupCampStatus::UNLOAD_IN_PROGRESS) => {
                Fit::Draining { known: true }
            }
            Some(_) => Fit::No,
        };
    }
    if kind.answer() != event {
        return Fit::No;
    }
    // Assumed: a refusal tells the state and parameters that are in force, not those that were asked for.
    let agrees = status_agrees(kind, state.status) && parameters_agree(request, state);
    if !refusal && !agrees {
        return Fit::No;
    }
    Fit::Answer { refusal, carried: true }
}

/// Rule 3: status must agree when present.
fn status_agrees(kind: RequestKind, status: Option<GroupCampStatus>) -> bool {
    use RequestKind::{CancelRecord, DoNotCall, ForceUnload, Load, SetMode, Start, Status, Stop, Unload};
    let Some(status) = status else { return true };
    match kind {
        Load | Stop => matches!(status, GroupCampStatus::INACTIVE | GroupCampStatus::ACTIVE),
        Unload | ForceUnload => status == GroupCampStatus::NOT_LOADED,
        Start | SetMode => status == GroupCampStatus::RUNNING,
        Status | CancelRecord | DoNotCall => true,
    }
}

/// Mode, method, goal and schedule, where both carry them.
fn parameters_agree(request: &Message, state: &PairEvent) -> bool {
    request.dialing().agrees(&state.dialing)
        && match (request.schedule(), state.schedule.as_ref()) {
            (Some(asked), Some(told)) => schedules_agree(asked, told),
            (None, _) | (_, None) => true,
        }
}

/// The state of an item is the event's own word and not compared.
fn schedules_agree(asked: &CampaignSchedule, told: &CampaignSchedule) -> bool {
    fn same<T: PartialEq>(ours: Option<&T>, theirs: Option<&T>) -> bool {
        ours.is_none() || theirs.is_none() || ours == theirs
    }
    same(asked.description.as_ref(), told.description.as_ref())
        && same(asked.start_time.as_ref(), told.start_time.as_ref())
        && same(asked.n_items.as_ref(), told.n_items.as_ref())
        && asked.items.iter().all(|(number, ours)| {
            told.items.iter().filter(|(other, _)| other == number).all(|(_, theirs)| {
                same(ours.campaign.as_ref(), theirs.campaign.as_ref())
                    && same(ours.mode.as_ref(), theirs.mode.as_ref())
                    && same(ours.optimize_by.as_ref(), theirs.optimize_by.as_ref())
                    && same(ours.goal.as_ref(), theirs.goal.as_ref())
            })
        })
}

/// Rule 8, but for the one thing that needs all pending requests: what an event without ids decides.
fn fit_error(kind: RequestKind, request: &Message, error: &ErrorEvent) -> Fit {
    let code = error.error.unwrap_or(ErrorCode::NO);
    let with_ids = error.campaign.is_some() || error.group.is_some();
    let sequence = request.pair().is_some_and(|pair| pair.campaign.is_sequence());
    if !code_can_answer(kind, sequence, code, with_ids) {
        return Fit::No;
    }
    let echo_of_person = error.do_not_call.is_some() || error.cancel_record.is_some();
    match request {
        Message::DoNotCall(entry) => {
            if with_ids || error.cancel_record.is_some() {
                return Fit::No;
            }
            answer_unless_other(entry_echo(entry, error.do_not_call.as_ref()))
        }
        Message::CancelRecord(cancel) => {
            if error.do_not_call.is_some() {
                return Fit::No;
            }
            // Assumed: an OCS that refuses a cancel may name the campaign that the cancel named, with code 3 only.
            if with_ids && (code != ErrorCode::CAMPAIGN_NOT_FOUND || cancel.campaign_name.is_none()) {
                return Fit::No;
            }
            answer_unless_other(cancel_echo(cancel, error.cancel_record.as_ref()))
        }
        _ => {
            let Some(asked) = request.pair() else { return Fit::No };
            if echo_of_person {
                return Fit::No;
            }
            let campaign_differs = error.campaign.is_some_and(|campaign| campaign != asked.campaign);
            if error.group.is_some_and(|group| group != asked.group) {
                return Fit::No;
            }
            if campaign_differs {
                let of_item = sequence && error.group.is_some() && may_be_item(request, error);
                return if of_item { Fit::Item } else { Fit::No };
            }
            let carried = error.pair().is_some();
            let fact = matches!(
                code,
                ErrorCode::CAMPAIGN_NOT_FOUND | ErrorCode::GROUP_NOT_FOUND | ErrorCode::GROUP_CAMP_NOT_FOUND
            );
            if carried && fact { Fit::Fact } else { Fit::Answer { refusal: true, carried } }
        }
    }
}

fn answer_unless_other(echoed: Echoed) -> Fit {
    match echoed {
        Echoed::Other => Fit::No,
        Echoed::Partly => Fit::Answer { refusal: true, carried: false },
        Echoed::Covered => Fit::Answer { refusal: true, carried: true },
    }
}

/// Rule 8: codes remove candidates. 3, 10, 16, 0 to 2 and unknown codes remove nobody.
fn code_can_answer(kind: RequestKind, sequence: bool, code: ErrorCode, with_ids: bool) -> bool {
    use RequestKind::{Load, SetMode, Start, Stop, Unload};
    let number = code.0;
    if !kind.is_campaign_control() {
        return !matches!(number, 4..=9 | 11..=15 | 17);
    }
    if matches!(number, 12..=14) && !sequence {
        return false;
    }
    match number {
        4 if with_ids => kind != Load,
        5 if with_ids => kind == Load,
        6 if with_ids => matches!(kind, Stop | SetMode),
        7 if with_ids => matches!(kind, Start | Unload),
        // Only what names a dial mode can have a wrong or an unlicensed one.
        11 | 15 if with_ids => matches!(kind, Load | Start | SetMode),
        _ => true,
    }
}

/// Whether a CM_EvError without ids and with this code can mean such a request.
#[must_use]
pub(super) fn error_can_mean(kind: RequestKind, sequence: bool, code: ErrorCode) -> bool {
    code_can_answer(kind, sequence, code, false)
}

/// A sequence request that names its items can only be meant by their campaigns.
fn may_be_item(request: &Message, error: &ErrorEvent) -> bool {
    let items = request.schedule().map_or(&[][..], |schedule| schedule.items.as_slice());
    items.is_empty() || items.iter().any(|(_, item)| item.campaign.is_none() || item.campaign == error.campaign)
}

/// How far an echo agrees with the request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Echoed {
    /// A key differs.
    Other,
    /// Nothing differs, but not every key of the request is there.
    Partly,
    /// Every key of the request is there and equal.
    Covered,
}

fn echo(pairs: &[(bool, bool)]) -> Echoed {
    if pairs.iter().any(|(_, other)| *other) {
        Echoed::Other
    } else if pairs.iter().any(|(missing, _)| *missing) {
        Echoed::Partly
    } else {
        Echoed::Covered
    }
}

/// (missing in the echo, different in the echo).
fn key<T: PartialEq>(asked: Option<&T>, told: Option<&T>) -> (bool, bool) {
    (asked.is_some() && told.is_none(), told.is_some() && asked != told)
}

fn entry_echo(asked: &DoNotCall, told: Option<&DoNotCall>) -> Echoed {
    let Some(told) = told.filter(|told| **told != DoNotCall::default()) else { return Echoed::Partly };
    let phone = key(asked.phone.as_ref(), told.phone.as_ref());
    let customer = key(asked.customer_id.as_ref(), told.customer_id.as_ref());
    echo(&[phone, customer, scope_key(asked.scope.as_ref(), told.scope.as_ref())])
}

fn cancel_echo(asked: &CancelRecord, told: Option<&CancelRecord>) -> Echoed {
    let bare = |told: &&CancelRecord| {
        told.phone.is_some() || told.customer_id.is_some() || told.campaign_name.is_some() || told.scope.is_some()
    };
    let Some(told) = told.filter(bare) else { return Echoed::Partly };
    echo(&[
        key(asked.phone.as_ref(), told.phone.as_ref()),
        key(asked.customer_id.as_ref(), told.customer_id.as_ref()),
        key(asked.campaign_name.as_ref(), told.campaign_name.as_ref()),
        scope_key(asked.scope.as_ref(), told.scope.as_ref()),
    ])
}

/// An absent scope is `AllChain` on both sides; a request that wrote another scope is not covered by an echo without it.
fn scope_key(asked: Option<&ChainAttr>, told: Option<&ChainAttr>) -> (bool, bool) {
    let asked = Scope::of(asked);
    match told {
        None => (asked != Scope::of(None), false),
        Some(told) => (false, asked != Scope::of(Some(told))),
    }
}

fn is_error(error: Option<ErrorCode>) -> bool {
    error.is_some_and(|code| code != ErrorCode::NO)
}

/// Rule 10: the states in which a request has had its effect.
#[must_use]
pub fn is_in_effect(request: &Message, state: &PairEvent) -> bool {
    use RequestKind::{CancelRecord, DoNotCall, ForceUnload, Load, SetMode, Start, Status, Stop, Unload};
    let (Some(kind), Some(status)) = (request.request_kind(), state.status) else { return false };
    match kind {
        Load => matches!(status, GroupCampStatus::INACTIVE | GroupCampStatus::ACTIVE | GroupCampStatus::RUNNING),
        Start | SetMode => status == GroupCampStatus::RUNNING && parameters_agree(request, state),
        Stop => {
            matches!(status, GroupCampStatus::NOT_LOADED | GroupCampStatus::INACTIVE | GroupCampStatus::ACTIVE)
        }
        Unload | ForceUnload => status == GroupCampStatus::NOT_LOADED,
        Status | CancelRecord | DoNotCall => false,
    }
}

/// True for CM_EvError.
#[must_use]
pub fn is_error_event(event: &Message) -> bool {
    event.message_type() == ERROR
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{
        CampaignDbid, CampaignUnloaded, ChainScope, DialMode, Dialing, DialingStarted, DialingStopped,
        DoNotCallProcessed, ForceUnloadCampaign, GetCampaignStatus, GroupDbid, LoadCampaign, OptimizeBy, Pair,
        RecordCanceled, ScheduleItem, StartDialing, StopDialing, UnloadCampaign,
    };

    const PAIR: fn() -> Pair = || Pair::new(101, 732);

    fn start() -> Message {
        StartDialing::new(PAIR(), Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80)).into()
    }

    fn error(code: i32, ids: bool) -> Message {
        let (campaign, group) = if ids { (Some(CampaignDbid(101)), Some(GroupDbid(732))) } else { (None, None) };
        ErrorEvent { campaign, group, error: Some(ErrorCode(code)), ..ErrorEvent::default() }.into()
    }

    #[test]
    fn a_status_that_disagrees_is_no_answer() {
        let stopped = |status| DialingStopped(PairEvent::new(PAIR(), status)).into();
        let stop = StopDialing::new(PAIR()).into();
        let unload = UnloadCampaign::new(PAIR()).into();
        assert!(fit(&stop, &stopped(GroupCampStatus::ACTIVE)).is_possible());
        assert_eq!(fit(&stop, &stopped(GroupCampStatus::WAITING_UNLOAD)), Fit::No);
        assert_eq!(fit(&unload, &stopped(GroupCampStatus::WAITING_UNLOAD)), Fit::Draining { known: true });
        assert_eq!(fit(&unload, &stopped(GroupCampStatus::ACTIVE)), Fit::No);
        let unloaded: Message = CampaignUnloaded(PairEvent::new(PAIR(), GroupCampStatus::UNLOAD_IN_PROGRESS)).into();
        assert_eq!(fit(&unload, &unloaded), Fit::No);
    }

    #[test]
    fn parameters_are_compared_only_where_both_carry_them() {
        let mut told = PairEvent::new(PAIR(), GroupCampStatus::RUNNING);
        assert!(fit(&start(), &DialingStarted(told.clone()).into()).is_possible());
        told.dialing.goal = Some(70);
        assert_eq!(fit(&start(), &DialingStarted(told.clone()).into()), Fit::No);
        told.error = Some(ErrorCode(7));
        let refusal = Fit::Answer { refusal: true, carried: true };
        assert_eq!(fit(&start(), &DialingStarted(told).into()), refusal, "a refusal tells what is in force");
    }

    #[test]
    fn codes_remove_candidates() {
        let load: Message = LoadCampaign::new(PAIR(), Dialing::default()).into();
        let stop: Message = StopDialing::new(PAIR()).into();
        let force: Message = ForceUnloadCampaign::new(PAIR()).into();
        let entry: Message = DoNotCall { phone: Some("1".into()), ..DoNotCall::default() }.into();
        let cancel: Message = CancelRecord { phone: Some("1".into()), ..CancelRecord::default() }.into();
        for (code, ids, request, possible) in [
            (5, true, &load, true),
            (5, true, &stop, false),
            (5, false, &stop, true),
            (6, true, &stop, true),
            (7, true, &stop, false),
            (11, true, &stop, false),
            (11, true, &start(), true),
            (15, true, &force, false),
            (15, false, &force, true),
            (7, true, &start(), true),
            (4, true, &load, false),
            (4, true, &force, true),
            (12, false, &load, false),
            (4, false, &entry, false),
            (10, false, &entry, true),
            (17, false, &cancel, false),
            (3, false, &cancel, true),
            (10, true, &entry, false),
            (42, false, &force, true),
        ] {
            assert_eq!(fit(request, &error(code, ids)).is_possible(), possible, "{code} {ids} {request:?}");
        }
        assert_eq!(fit(&stop, &error(3, true)), Fit::Fact);
        assert_eq!(fit(&stop, &error(3, false)), Fit::Answer { refusal: true, carried: false });
    }

    #[test]
    fn an_item_error_may_mean_the_sequence_but_never_decides() {
        let mut load = LoadCampaign::new(Pair::new(0, 732), Dialing::default());
        let item = |campaign| ScheduleItem { campaign: Some(CampaignDbid(campaign)), ..ScheduleItem::default() };
        load.schedule = Some(CampaignSchedule { items: vec![(1, item(101))], ..CampaignSchedule::default() });
        assert_eq!(fit(&load.clone().into(), &error(3, true)), Fit::Item);
        load.schedule = Some(CampaignSchedule { items: vec![(1, item(999))], ..CampaignSchedule::default() });
        assert_eq!(fit(&load.into(), &error(3, true)), Fit::No);
    }

    #[test]
    fn every_echoed_key_but_the_message_must_be_equal() {
        let cancel = CancelRecord { phone: Some("1".into()), ..CancelRecord::default() };
        let mut told = CancelRecord { message: Some("partly".into()), ..cancel.clone() };
        let request: Message = cancel.into();
        let answer = |told: &CancelRecord| -> Message {
            RecordCanceled { cancel_record: Some(told.clone()), ..RecordCanceled::default() }.into()
        };
        assert_eq!(fit(&request, &answer(&told)), Fit::Answer { refusal: false, carried: true });
        told.customer_id = Some("C-7".into());
        assert_eq!(fit(&request, &answer(&told)), Fit::No, "a key that was never sent");
        let empty: Message = RecordCanceled::default().into();
        assert_eq!(fit(&request, &empty), Fit::Answer { refusal: false, carried: false });
    }

    #[test]
    fn an_absent_scope_is_all_chain() {
        let mut asked =
            DoNotCall { phone: Some("1".into()), scope: Some(ChainScope::AllChain.into()), customer_id: None };
        let told = DoNotCall { phone: Some("1".into()), ..DoNotCall::default() };
        let answer: Message = DoNotCallProcessed { do_not_call: Some(told), ..DoNotCallProcessed::default() }.into();
        assert_eq!(fit(&asked.clone().into(), &answer), Fit::Answer { refusal: false, carried: true });
        asked.scope = Some(ChainScope::RecordOnly.into());
        assert_eq!(fit(&asked.into(), &answer), Fit::Answer { refusal: false, carried: false });
    }

    #[test]
    fn a_status_event_answers_reads_alone() {
        let told: Message = crate::message::CampaignStatus(PairEvent::new(PAIR(), GroupCampStatus::NOT_LOADED)).into();
        assert!(fit(&GetCampaignStatus::new(PAIR()).into(), &told).is_possible());
        assert_eq!(fit(&ForceUnloadCampaign::new(PAIR()).into(), &told), Fit::No);
        let Message::CampaignStatus(state) = told else { panic!("a status") };
        assert!(is_in_effect(&ForceUnloadCampaign::new(PAIR()).into(), &state.0));
    }
}
