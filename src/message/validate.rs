//! What our own clients check before they send (specification 4.8).

use crate::message::{
    CancelRecord, CommDnMessage, CustomerId, DialMode, Dialing, DoNotCall, Message, OptimizeBy, Phone, RequestKind,
    ScheduleProblem, Target, keys,
};
use crate::wire::Text;

/// Most bytes of a phone or customer id.
const PERSONAL_BYTES_MAX: usize = 64;
/// Overdial goals above this many percent are worth a warning.
const OVERDIAL_GOAL_ADVISED_PERCENT: i32 = 3;

/// What the sender has allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendPolicy {
    /// Send modes 6, 7, 10 and method 4, which the vendor page does not have.
    pub allow_undocumented: bool,
}

/// Why a request is refused before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a request of the CommDN API.
    #[error("expected a request, found {0}")]
    NotARequest(String),
    /// A number that must be a DBID.
    #[error("{key}: expected {wanted}, found {found}")]
    Dbid {
        /// The key.
        key: &'static str,
        /// What is allowed.
        wanted: &'static str,
        /// What was given.
        found: i32,
    },
    /// Target 0 with a request that only one OCS can serve.
    #[error("target 0 is for cancel and do-not-call only, name one OCS")]
    TargetZero,
    /// A field that the request cannot do without.
    #[error("{key}: expected {wanted}, found nothing")]
    Missing {
        /// The key.
        key: &'static str,
        /// What is wanted.
        wanted: &'static str,
    },
    /// A dial mode that is not sent.
    #[error("dial mode {0} is {1}")]
    Mode(DialMode, &'static str),
    /// An optimisation method that is not sent.
    #[error("optimisation method {0} is {1}")]
    Method(OptimizeBy, &'static str),
    /// A goal outside the range of its method.
    #[error("goal {goal}: expected 0 to {max} {unit} with {method}", unit = method.goal_unit())]
    Goal {
        /// The goal.
        goal: i32,
        /// The largest goal.
        max: i32,
        /// The method.
        method: OptimizeBy,
    },
    /// A text that is too long, empty or holds control characters.
    #[error("{key}: expected 1 to {max} bytes without control characters, found {found}")]
    Text {
        /// The key.
        key: &'static str,
        /// The most bytes.
        max: usize,
        /// What is wrong, never the text itself.
        found: String,
    },
    /// A chain word outside the table.
    #[error("GSW_CHAIN_ATTR: expected AllChain or RecordOnly")]
    Chain,
    /// A share outside its range.
    #[error("dialing_priority: expected priority 0 to 3 and n_records 0 to 9999")]
    Priority,
    /// A schedule that OCS would refuse.
    #[error("campaign_schedule/{0}")]
    Schedule(#[from] ScheduleProblem),
}

/// What was changed or is worth knowing; the request is sent all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Advice {
    /// The mode ignores the goal, so 0 is sent.
    #[error("{0} ignores the goal, sent as 0")]
    GoalIgnored(DialMode),
    /// Many regulators allow 3 percent.
    #[error("an overdial goal of {0} % is above {OVERDIAL_GOAL_ADVISED_PERCENT} %, which many regulators do not allow")]
    OverdialGoal(i32),
}

/// Checks a request, and puts a goal that the mode ignores to 0.
///
/// # Errors
/// The first [`Refusal`]; nothing may then be sent.
pub fn validate(message: &mut CommDnMessage, policy: SendPolicy) -> Result<Vec<Advice>, Refusal> {
    let not_a_request = || Refusal::NotARequest(message.body.message_type().to_string());
    let kind = message.body.request_kind().ok_or_else(not_a_request)?;
    if message.origin.0 < 1 {
        return Err(Refusal::Dbid { key: keys::ORIGIN_APP_ID, wanted: "a DBID above 0", found: message.origin.0 });
    }
    match message.target {
        Target::Every if kind.is_campaign_control() => return Err(Refusal::TargetZero),
        Target::One(target) if target.0 < 1 => {
            return Err(Refusal::Dbid { key: keys::TARGET_APP_ID, wanted: "a DBID above 0, or 0", found: target.0 });
        }
        Target::One(_) | Target::Every => {}
    }
    if let Some(pair) = message.body.pair() {
        if pair.campaign.0 < 0 {
            return Err(Refusal::Dbid { key: keys::CAMPAIGN_ID, wanted: "0 or a DBID", found: pair.campaign.0 });
        }
        if pair.group.0 < 1 {
            return Err(Refusal::Dbid { key: keys::GROUP_ID, wanted: "a DBID above 0", found: pair.group.0 });
        }
    }
    check_schedule(&message.body, kind)?;
    if message.body.priority().is_some_and(|priority| !priority.is_valid()) {
        return Err(Refusal::Priority);
    }
    match &mut message.body {
        Message::LoadCampaign(load) => check_dialing(&mut load.dialing, false, policy),
        Message::StartDialing(start) => check_dialing(&mut start.dialing, !start.pair.campaign.is_sequence(), policy),
        Message::SetDialingMode(mode) => check_dialing(&mut mode.dialing, true, policy),
        Message::CancelRecord(cancel) => check_cancel(cancel).map(|()| Vec::new()),
        Message::DoNotCall(entry) => check_do_not_call(entry).map(|()| Vec::new()),
        _ => Ok(Vec::new()),
    }
}

/// Campaign 0 needs the schedule, whole for a load, at least its description otherwise.
fn check_schedule(body: &Message, kind: RequestKind) -> Result<(), Refusal> {
    let is_sequence = body.pair().is_some_and(|pair| pair.campaign.is_sequence());
    match body.schedule() {
        Some(schedule) if kind == RequestKind::Load => Ok(schedule.check()?),
        None if is_sequence && kind == RequestKind::Load => {
            Err(Refusal::Missing { key: keys::CAMPAIGN_SCHEDULE, wanted: "the schedule, since the campaign is 0" })
        }
        Some(_) | None => Ok(()),
    }
}

fn check_dialing(dialing: &mut Dialing, mode_needed: bool, policy: SendPolicy) -> Result<Vec<Advice>, Refusal> {
    let mut advice = Vec::new();
    if mode_needed && dialing.mode.is_none() {
        return Err(Refusal::Missing { key: keys::DIAL_MODE, wanted: "a dial mode" });
    }
    if let Some(mode) = dialing.mode {
        match mode {
            DialMode::NONE => return Err(Refusal::Mode(mode, "never sent")),
            DialMode(n) if mode.name().is_none() => {
                return Err(Refusal::Mode(DialMode(n), "in no table"));
            }
            _ if !mode.is_documented() && !policy.allow_undocumented => {
                return Err(Refusal::Mode(mode, "not documented, sent only with --allow-undocumented"));
            }
            _ => {}
        }
        if !mode.uses_goal() {
            if dialing.goal.is_some_and(|goal| goal != 0) {
                advice.push(Advice::GoalIgnored(mode));
                dialing.goal = Some(0);
            }
            if mode_needed {
                dialing.optimize_by.get_or_insert(OptimizeBy::NONE);
                dialing.goal.get_or_insert(0);
            }
            return Ok(advice);
        }
    }
    check_goal(dialing, mode_needed, policy, &mut advice)?;
    Ok(advice)
}

fn check_goal(dialing: &Dialing, needed: bool, policy: SendPolicy, advice: &mut Vec<Advice>) -> Result<(), Refusal> {
    let Some(method) = dialing.optimize_by else {
        let missing = Refusal::Missing { key: keys::OPTIMIZE_BY, wanted: "a method, since the mode uses a goal" };
        return if needed || dialing.goal.is_some() { Err(missing) } else { Ok(()) };
    };
    match method {
        OptimizeBy::MAXIMUM_GAIN => return Err(Refusal::Method(method, "never sent")),
        OptimizeBy::NONE if dialing.mode.is_some() => {
            return Err(Refusal::Method(method, "for modes that ignore the goal only"));
        }
        OptimizeBy::DISTRIBUTION_TIME if !policy.allow_undocumented => {
            return Err(Refusal::Method(method, "not documented, sent only with --allow-undocumented"));
        }
        _ => {}
    }
    let max = method.goal_max().ok_or(Refusal::Method(method, "in no table"))?;
    match dialing.goal {
        Some(goal) if !(0..=max).contains(&goal) => Err(Refusal::Goal { goal, max, method }),
        Some(goal) => {
            if method == OptimizeBy::OVERDIAL_RATE && goal > OVERDIAL_GOAL_ADVISED_PERCENT {
                advice.push(Advice::OverdialGoal(goal));
            }
            Ok(())
        }
        None if needed => Err(Refusal::Missing { key: keys::OPTIMIZE_GOAL, wanted: "a goal, since the mode uses it" }),
        None => Ok(()),
    }
}

fn check_cancel(cancel: &CancelRecord) -> Result<(), Refusal> {
    let phone = cancel.phone.as_ref();
    let phone = phone.ok_or(Refusal::Missing { key: keys::PHONE, wanted: "the phone of the records" })?;
    check_text(keys::PHONE, phone.reveal(), PERSONAL_BYTES_MAX)?;
    if let Some(customer) = &cancel.customer_id {
        check_text(keys::CUSTOMER_ID, customer.reveal(), PERSONAL_BYTES_MAX)?;
    }
    if let Some(name) = &cancel.campaign_name {
        check_text(keys::CAMPAIGN_NAME, name, 255)?;
    }
    check_chain(cancel.scope.as_ref())
}

fn check_do_not_call(entry: &DoNotCall) -> Result<(), Refusal> {
    if entry.phone.is_none() && entry.customer_id.is_none() {
        return Err(Refusal::Missing { key: keys::PHONE, wanted: "a phone or a customer id" });
    }
    if let Some(text) = entry.phone.as_ref().map(Phone::reveal) {
        check_text(keys::PHONE, text, PERSONAL_BYTES_MAX)?;
    }
    if let Some(text) = entry.customer_id.as_ref().map(CustomerId::reveal) {
        check_text(keys::CUSTOMER_ID, text, PERSONAL_BYTES_MAX)?;
    }
    check_chain(entry.scope.as_ref())
}

fn check_chain(scope: Option<&crate::message::ChainAttr>) -> Result<(), Refusal> {
    match scope {
        Some(word) if word.scope().is_none() => Err(Refusal::Chain),
        Some(_) | None => Ok(()),
    }
}

fn check_text(key: &'static str, text: &Text, max: usize) -> Result<(), Refusal> {
    let shown = text.display();
    let found = match shown.len() {
        0 => "an empty text".to_owned(),
        bytes if bytes > max => format!("{bytes} bytes"),
        _ if shown.chars().any(char::is_control) => "a control character".to_owned(),
        _ => return Ok(()),
    };
    Err(Refusal::Text { key, max, found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{AppDbid, CampaignSchedule, LoadCampaign, Pair, SetDialingMode, StartDialing, StopDialing};

    fn check(body: impl Into<Message>, policy: SendPolicy) -> Result<Vec<Advice>, Refusal> {
        validate(&mut CommDnMessage::new(AppDbid(201), AppDbid(301), body), policy)
    }

    fn start(mode: i32, method: i32, goal: i32) -> StartDialing {
        StartDialing::new(Pair::new(101, 732), Dialing::new(DialMode(mode), OptimizeBy(method), goal))
    }

    const PLAIN: SendPolicy = SendPolicy { allow_undocumented: false };
    const FREE: SendPolicy = SendPolicy { allow_undocumented: true };

    #[test]
    fn undocumented_modes_need_the_flag() {
        for mode in [6, 7, 10] {
            assert!(matches!(check(start(mode, 1, 80), PLAIN), Err(Refusal::Mode(..))), "{mode}");
            assert!(check(start(mode, 1, 80), FREE).is_ok(), "{mode}");
        }
        for mode in [0, 12, -1] {
            assert!(matches!(check(start(mode, 1, 80), FREE), Err(Refusal::Mode(..))), "{mode}");
        }
        assert!(matches!(check(start(1, 4, 30), PLAIN), Err(Refusal::Method(..))));
        assert!(check(start(1, 4, 30), FREE).is_ok());
        assert!(matches!(check(start(1, 5, 30), FREE), Err(Refusal::Method(..))));
    }

    #[test]
    fn a_goal_must_fit_its_method() {
        assert_eq!(check(start(1, 1, 100), PLAIN), Ok(vec![]));
        assert!(matches!(check(start(1, 1, 101), PLAIN), Err(Refusal::Goal { max: 100, .. })));
        assert!(matches!(check(start(1, 3, -1), PLAIN), Err(Refusal::Goal { max: 1_000, .. })));
        assert_eq!(check(start(1, 2, 4), PLAIN), Ok(vec![Advice::OverdialGoal(4)]));
    }

    #[test]
    fn a_goal_that_the_mode_ignores_is_sent_as_zero() {
        let mut message = CommDnMessage::new(AppDbid(201), AppDbid(301), start(3, 1, 80));
        assert_eq!(validate(&mut message, PLAIN), Ok(vec![Advice::GoalIgnored(DialMode::PREVIEW)]));
        assert_eq!(message.body.dialing().goal, Some(0));
    }

    #[test]
    fn start_and_set_mode_need_a_mode_and_load_does_not() {
        let pair = Pair::new(101, 732);
        assert!(matches!(check(StartDialing::new(pair, Dialing::default()), PLAIN), Err(Refusal::Missing { .. })));
        assert!(matches!(check(SetDialingMode::new(pair, Dialing::default()), PLAIN), Err(Refusal::Missing { .. })));
        assert_eq!(check(LoadCampaign::new(pair, Dialing::default()), PLAIN), Ok(vec![]));
    }

    #[test]
    fn target_zero_is_for_people_only() {
        let stop = StopDialing::new(Pair::new(101, 732));
        let mut message = CommDnMessage::new(AppDbid(201), Target::Every, stop);
        assert_eq!(validate(&mut message, PLAIN), Err(Refusal::TargetZero));
        let entry = DoNotCall { phone: Some("5551234".into()), ..DoNotCall::default() };
        assert_eq!(validate(&mut CommDnMessage::new(AppDbid(201), Target::Every, entry), PLAIN), Ok(vec![]));
    }

    #[test]
    fn dbids_have_their_ranges() {
        let stop = |campaign, group| StopDialing::new(Pair::new(campaign, group));
        assert!(matches!(check(stop(-1, 732), PLAIN), Err(Refusal::Dbid { .. })));
        assert!(matches!(check(stop(101, 0), PLAIN), Err(Refusal::Dbid { .. })));
        let mut message = CommDnMessage::new(AppDbid(0), AppDbid(301), stop(101, 732));
        assert!(matches!(validate(&mut message, PLAIN), Err(Refusal::Dbid { .. })));
    }

    #[test]
    fn personal_texts_are_checked_and_never_shown() {
        let entry = |phone: &str| DoNotCall { phone: Some(phone.into()), ..DoNotCall::default() };
        assert!(check(entry(""), PLAIN).is_err());
        assert!(check(entry(&"5".repeat(65)), PLAIN).is_err());
        let refusal = check(entry("555\u{0}1234"), PLAIN).unwrap_err().to_string();
        assert!(refusal.contains("control character") && !refusal.contains("1234"), "{refusal}");
        assert!(matches!(check(DoNotCall::default(), PLAIN), Err(Refusal::Missing { .. })));
        assert!(matches!(check(CancelRecord::default(), PLAIN), Err(Refusal::Missing { .. })));
    }

    #[test]
    fn a_sequence_is_loaded_with_its_whole_schedule() {
        let mut load = LoadCampaign::new(Pair::new(0, 732), Dialing::default());
        assert!(matches!(check(load.clone(), PLAIN), Err(Refusal::Missing { .. })));
        load.schedule = Some(CampaignSchedule::named("night"));
        assert_eq!(check(load, PLAIN), Err(Refusal::Schedule(ScheduleProblem::NoCount)));
    }
}
