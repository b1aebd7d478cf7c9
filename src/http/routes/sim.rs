//! The simulator's controls; only `demo` and `sim run` have one.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use utoipa_axum::routes;

use crate::engine::conversation::{Step, parse_step};
use crate::engine::fault::{self, RuleId};
use crate::engine::ocs::dialer::millis_from_word;
use crate::engine::words::quote;
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::convert::rfc3339;
use crate::http::dto::{
    Page, ProblemDto, SimAnswerBody, SimCampaignDto, SimClockBody, SimClockDto, SimFaultBody, SimFaultDto, SimGroupDto,
    SimOcsDto, SimStateDto, SimTriggerBody,
};
use crate::http::extract::{JsonBody, Place};
use crate::http::problem::Problem;
use crate::message::AppDbid;
use crate::message::MessageType;
use crate::net::listener::FaultState;
use crate::protocol::{Time, UtcTime};
use crate::service::access::Verb;
use crate::service::sim_clock::SPEED_MAX;
use crate::service::simulator::{OcsState, SimControl, SimControlError};
use crate::service::without_numbers;

pub(super) fn routes() -> Routes {
    Routes::new()
        .guarded(&[Verb::SimControl], routes!(faults))
        .guarded(&[Verb::SimControl], routes!(add_fault))
        .guarded(&[Verb::SimControl], routes!(remove_faults))
        .guarded(&[Verb::SimControl], routes!(remove_fault))
        .guarded(&[Verb::SimControl], routes!(set_answer))
        .guarded(&[Verb::SimControl], routes!(trigger))
        .guarded(&[Verb::SimControl], routes!(clock))
        .guarded(&[Verb::SimControl], routes!(turn_clock))
        .guarded(&[Verb::SimControl], routes!(state))
}

impl From<SimControlError> for Problem {
    fn from(error: SimControlError) -> Self {
        let detail = error.to_string();
        match error {
            SimControlError::Stopped => Self::new("stopping", 503, detail).retry_after(5),
            SimControlError::NoSuchOcs(_) => Self::new("ocs-not-found", 404, detail).hint("GET /v1/sim/state has them"),
            SimControlError::NoSuchFault(_) => {
                Self::new("fault-not-found", 404, detail).hint("GET /v1/sim/faults has them")
            }
            SimControlError::TooMany(_) => Self::new("too-many-faults", 409, detail),
        }
    }
}

fn simulator(door: &Door) -> Result<&SimControl, Problem> {
    door.simulator.as_ref().ok_or_else(|| {
        let problem = Problem::new("no-simulator", 404, "there is no simulator behind this gateway");
        problem.hint("`demo` and `sim run --http` have one")
    })
}

fn wrong(detail: String) -> Problem {
    Problem::new("invalid-parameter", 422, detail)
}

fn shown(state: &FaultState) -> SimFaultDto {
    SimFaultDto {
        schema: "commdn.sim.fault.v1".into(),
        id: state.id.0,
        fault: state.rule.to_string(),
        matched: state.matched,
        struck: state.struck,
        over: state.is_over,
    }
}

fn millis(time: Time) -> u64 {
    u64::try_from(time.0.as_millis()).unwrap_or(u64::MAX)
}

/// Faults of the simulator and what they have done.
#[utoipa::path(get, path = "/v1/sim/faults", tag = "simulator",
    responses((status = 200, body = Page<SimFaultDto>), (status = 404, body = ProblemDto)))]
async fn faults(State(door): State<Door>) -> Result<Json<Page<SimFaultDto>>, Problem> {
    let (_, states) = simulator(&door)?.faults().await?;
    let items = states.iter().map(shown).collect();
    Ok(Json(Page { schema: "commdn.sim.faults.v1".into(), items, next: None }))
}

/// One more fault, from now on. The words are those of docs/simulator.md.
#[utoipa::path(post, path = "/v1/sim/faults", tag = "simulator", request_body = SimFaultBody,
    responses((status = 201, body = SimFaultDto), (status = 404, body = ProblemDto), (status = 409, body = ProblemDto),
    (status = 422, body = ProblemDto)))]
async fn add_fault(
    State(door): State<Door>,
    caller: Caller,
    JsonBody(body): JsonBody<SimFaultBody>,
) -> Result<(StatusCode, Json<SimFaultDto>), Problem> {
    inject(&door, &caller, &body.fault).await
}

async fn inject(door: &Door, caller: &Caller, line: &str) -> Result<(StatusCode, Json<SimFaultDto>), Problem> {
    let rule =
        fault::read_line(line).map_err(|error| wrong(without_numbers(&format!("fault: {error}")).into_owned()))?;
    let added = simulator(door)?.add_fault(rule).await?;
    // A phone may stand in a comparison, so the words are not written down.
    caller.note(format!("fault {}", added.id));
    Ok((StatusCode::CREATED, Json(shown(&added))))
}

/// No faults any more.
#[utoipa::path(delete, path = "/v1/sim/faults", tag = "simulator",
    responses((status = 200, body = Page<SimFaultDto>), (status = 404, body = ProblemDto)))]
async fn remove_faults(State(door): State<Door>) -> Result<Json<Page<SimFaultDto>>, Problem> {
    simulator(&door)?.clear_faults().await?;
    faults(State(door)).await
}

/// One fault less. What it holds back still comes; a half-open connection is closed.
#[utoipa::path(delete, path = "/v1/sim/faults/{id}", tag = "simulator",
    params(("id" = u64, Path, description = "number of the fault")),
    responses((status = 200, body = Page<SimFaultDto>), (status = 404, body = ProblemDto)))]
async fn remove_fault(
    State(door): State<Door>,
    caller: Caller,
    Place(id): Place<u64>,
) -> Result<Json<Page<SimFaultDto>>, Problem> {
    caller.note(format!("fault {id}"));
    simulator(&door)?.remove_fault(RuleId(id)).await?;
    faults(State(door)).await
}

/// The next request of a kind is answered so, and not taken up: a fault `refuse` or `answer` in other words.
#[utoipa::path(post, path = "/v1/sim/answers", tag = "simulator", request_body = SimAnswerBody,
    responses((status = 201, body = SimFaultDto), (status = 404, body = ProblemDto), (status = 422, body = ProblemDto)))]
async fn set_answer(
    State(door): State<Door>,
    caller: Caller,
    JsonBody(body): JsonBody<SimAnswerBody>,
) -> Result<(StatusCode, Json<SimFaultDto>), Problem> {
    let kind = body.request.parse().ok().map(MessageType).filter(|kind| kind.row().is_some());
    let kind = kind.or_else(|| MessageType::from_name(&body.request));
    let kind = kind.ok_or_else(|| wrong("request: expected the name or number of a CM_Req".into()))?;
    let what = match (&body.code, &body.answer) {
        (Some(code), None) => format!("refuse {}", quote(&code.text())),
        (None, Some(answer)) => format!("answer {}", quote(answer)),
        (Some(_), Some(_)) | (None, None) => return Err(wrong("expected either code or answer".into())),
    };
    let ocs = body.ocs.map(|ocs| format!(" ocs {ocs}")).unwrap_or_default();
    let times = body.times.unwrap_or(1);
    inject(&door, &caller, &format!("{what}{ocs} type={} first {times}", kind.0)).await
}

/// Something happens inside an OCS.
#[utoipa::path(post, path = "/v1/sim/triggers", tag = "simulator", request_body = SimTriggerBody,
    responses((status = 200, body = SimStateDto), (status = 404, body = ProblemDto), (status = 422, body = ProblemDto)))]
async fn trigger(
    State(door): State<Door>,
    JsonBody(body): JsonBody<SimTriggerBody>,
) -> Result<Json<SimStateDto>, Problem> {
    let simulator = simulator(&door)?;
    let step = parse_step(&format!("trigger {}", body.trigger))
        .map_err(|error| wrong(without_numbers(&format!("trigger: {error}")).into_owned()))?;
    let Some(Step::Trigger(ocs, internal)) = step else { return Err(wrong("trigger: expected one trigger".into())) };
    simulator.trigger(body.ocs.map(AppDbid).or(ocs), &internal).await?;
    whole(simulator).await
}

/// The clock of the OCSs.
#[utoipa::path(get, path = "/v1/sim/clock", tag = "simulator",
    responses((status = 200, body = SimClockDto), (status = 404, body = ProblemDto)))]
async fn clock(State(door): State<Door>) -> Result<Json<SimClockDto>, Problem> {
    Ok(Json(face(simulator(&door)?)))
}

/// Turn the clock of the OCSs: its speed, or its hands forward. The clock of the T-Server, from which faults count,
/// is the machine's.
#[utoipa::path(put, path = "/v1/sim/clock", tag = "simulator", request_body = SimClockBody,
    responses((status = 200, body = SimClockDto), (status = 404, body = ProblemDto), (status = 422, body = ProblemDto)))]
async fn turn_clock(
    State(door): State<Door>,
    JsonBody(body): JsonBody<SimClockBody>,
) -> Result<Json<SimClockDto>, Problem> {
    let simulator = simulator(&door)?;
    if body.times.is_some_and(|times| !(1..=SPEED_MAX).contains(&times)) {
        return Err(wrong(format!("times: expected 1 to {SPEED_MAX}")));
    }
    let leap = body.leap.as_deref().map(|word| {
        let wanted = || wrong("leap: expected a duration such as 90s, 30m or 2h".into());
        millis_from_word(word).map(Duration::from_millis).ok_or_else(wanted)
    });
    simulator.turn(body.times, leap.transpose()?);
    Ok(Json(face(simulator)))
}

fn face(simulator: &SimControl) -> SimClockDto {
    let clock = simulator.clock();
    SimClockDto {
        schema: "commdn.sim.clock.v1".into(),
        at: rfc3339(UtcTime { seconds: clock.utc(), micros: 0 }),
        now_ms: millis(clock.now()),
        times: clock.times(),
    }
}

/// How the simulated OCSs stand, whatever they have told.
#[utoipa::path(get, path = "/v1/sim/state", tag = "simulator",
    responses((status = 200, body = SimStateDto), (status = 404, body = ProblemDto)))]
async fn state(State(door): State<Door>) -> Result<Json<SimStateDto>, Problem> {
    whole(simulator(&door)?).await
}

async fn whole(simulator: &SimControl) -> Result<Json<SimStateDto>, Problem> {
    let states = simulator.states().await?;
    let (tserver, _) = simulator.faults().await?;
    let ocs = states.into_iter().map(|(name, state)| one(name, &state)).collect();
    let (clock, tserver_ms) = (face(simulator), millis(tserver));
    Ok(Json(SimStateDto { schema: "commdn.sim.state.v1".into(), clock, tserver_ms, ocs }))
}

fn one(name: String, state: &OcsState) -> SimOcsDto {
    let groups = state.pairs.iter().map(|(pair, state, loads)| SimGroupDto {
        campaign: pair.campaign.0,
        group: pair.group.0,
        status: state.word().to_owned(),
        status_id: state.status().0,
        loads: *loads,
    });
    let campaigns = state.campaigns.iter().map(|counts| SimCampaignDto {
        campaign: counts.campaign.0,
        records: counts.records,
        finals: counts.finals,
        open: counts.open,
        dials: counts.pairs.iter().map(|(_, calls)| calls.dials).sum(),
    });
    SimOcsDto {
        ocs: state.ocs.0,
        name,
        do_not_call: u64::try_from(state.do_not_call).unwrap_or(u64::MAX),
        groups: groups.collect(),
        campaigns: campaigns.collect(),
    }
}
