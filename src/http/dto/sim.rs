//! The simulator's controls, in `demo` and `sim run`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Word;

/// A fault of the simulator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SimFaultDto {
    /// `commdn.sim.fault.v1`.
    pub schema: String,
    /// Its number.
    pub id: u64,
    /// Its words, as docs/simulator.md has them.
    pub fault: String,
    /// What it was meant for, chance and counts left aside.
    pub matched: u64,
    /// How often it has struck.
    pub struck: u64,
    /// It strikes no more.
    pub over: bool,
}

/// Body of `POST /v1/sim/faults`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SimFaultBody {
    /// `drop ocs 301 type=CM_Ev* from 10s to 20s`; times count from the start of the simulator.
    pub fault: String,
}

/// Body of `POST /v1/sim/answers`: what an OCS answers instead of taking a request up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SimAnswerBody {
    /// Name or number of the request, for instance `CM_ReqLoadCampaign`.
    pub request: String,
    /// DBID of one OCS; absent = every OCS that is asked.
    pub ocs: Option<i32>,
    /// `CM_EvError` with this code or its word; or give `answer`.
    pub code: Option<Word>,
    /// Message and attributes, as conversations have them: `CM_EvCampaignLoaded status=4`; campaign and group of an
    /// error are the request's.
    pub answer: Option<String>,
    /// So many requests are answered so; absent = 1.
    pub times: Option<u64>,
}

/// Body of `POST /v1/sim/triggers`: something happens inside an OCS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SimTriggerBody {
    /// `set_inactive 101-732`, `clear_inactive 101-732`, `depleted 101-732`, `call_ended 101-732`, `item_end 732`,
    /// `record_taken LIST ID 101-732 call`, `record_back LIST ID`, `restart`.
    pub trigger: String,
    /// DBID of one OCS; absent = every OCS.
    pub ocs: Option<i32>,
}

/// `GET /v1/sim/clock`: the clock of the simulated OCSs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SimClockDto {
    /// `commdn.sim.clock.v1`.
    pub schema: String,
    /// Its calendar.
    pub at: String,
    /// Milliseconds since its start.
    pub now_ms: u64,
    /// How many times faster than the machine's clock it runs.
    pub times: u32,
}

/// Body of `PUT /v1/sim/clock`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SimClockBody {
    /// From now on so many times as fast as the machine's clock.
    pub times: Option<u32>,
    /// It leaps forward: `90s`, `2h`. What was due meanwhile is done, each at its own time.
    pub leap: Option<String>,
}

/// `GET /v1/sim/state`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SimStateDto {
    /// `commdn.sim.state.v1`.
    pub schema: String,
    /// The clock of the OCSs.
    pub clock: SimClockDto,
    /// Milliseconds since the start of the T-Server, from which faults count their times.
    pub tserver_ms: u64,
    /// Every OCS as it is, whatever it has told.
    pub ocs: Vec<SimOcsDto>,
}

/// One simulated OCS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SimOcsDto {
    /// Its DBID.
    pub ocs: i32,
    /// Its name.
    pub name: String,
    /// Entries of its do-not-call table.
    pub do_not_call: u64,
    /// Its campaign groups.
    pub groups: Vec<SimGroupDto>,
    /// Its campaigns.
    pub campaigns: Vec<SimCampaignDto>,
}

/// A campaign on a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SimGroupDto {
    /// The campaign.
    pub campaign: i32,
    /// The agent group.
    pub group: i32,
    /// State.
    pub status: String,
    /// The number that travels.
    pub status_id: i32,
    /// How often it was loaded.
    pub loads: u64,
}

/// The records of a campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SimCampaignDto {
    /// The campaign.
    pub campaign: i32,
    /// Records of its lists: those that are final, and those that are open.
    pub records: u64,
    /// Final ones.
    #[serde(rename = "final")]
    pub finals: u64,
    /// Open ones.
    pub open: u64,
    /// Dial attempts so far.
    pub dials: u64,
}
