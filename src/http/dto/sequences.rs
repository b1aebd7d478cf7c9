//! Sequences: planned and actual.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something wrong with a file, or odd about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlawDto {
    /// `error` or `warning`.
    pub severity: String,
    /// Line in the file, from 1.
    pub line: Option<usize>,
    /// Column, from 1.
    pub column: Option<usize>,
    /// The key, for instance `step[0].campaign`.
    pub path: String,
    /// What was found and what was wanted.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// One step, planned and actual. Times are RFC 3339, UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SequenceStepDto {
    /// From 1.
    pub step: usize,
    /// Campaign DBID.
    pub campaign: i32,
    /// Its name.
    pub campaign_name: Option<String>,
    /// Group DBID.
    pub group: i32,
    /// Its name.
    pub group_name: Option<String>,
    /// DBID of the OCS.
    pub ocs: i32,
    /// Dial mode, when the file names one.
    pub mode: Option<String>,
    /// Its number.
    pub mode_id: Option<i32>,
    /// Who can run it: `ocs` as part of a schedule, or `gateway` alone.
    pub by: String,
    /// Why not OCS.
    pub why: Option<String>,
    /// What ends it, in words.
    pub ends: String,
    /// It begins not before.
    pub begins_from: String,
    /// It begins not after; absent = nobody can say.
    pub begins_until: Option<String>,
    /// It ends not before.
    pub ends_from: String,
    /// It ends not after; absent = nobody can say.
    pub ends_until: Option<String>,
    /// It is never begun: its end comes before it can.
    pub skipped: bool,
    /// When its load was asked for.
    pub begun_at: Option<String>,
    /// When it was known to dial.
    pub dialing_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// `time`, `depleted`, `stopped`, `asked`, `skipped` or `failed`.
    pub result: Option<String>,
    /// In words.
    pub detail: Option<String>,
    /// How often it failed and was tried again.
    pub failures: u32,
}

/// `POST /v1/sequences/plan`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SequencePlanDto {
    /// `commdn.sequence.plan.v1`.
    pub schema: String,
    /// Name of the sequence.
    pub name: String,
    /// Nothing is in its way.
    pub ok: bool,
    /// OCS can run all of it (`by=ocs`).
    pub native: bool,
    /// The timeline.
    pub steps: Vec<SequenceStepDto>,
    /// What is wrong or odd; errors first.
    pub flaws: Vec<FlawDto>,
}

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SequenceEntryDto {
    /// When.
    pub at: String,
    /// The step in turn, from 1.
    pub step: usize,
    /// `intent`, `outcome`, `failed`, `step_ended` or `ended`.
    pub what: String,
    /// `load`, `start`, `stop` or `unload`.
    pub act: Option<String>,
    /// Which time.
    pub attempt: Option<u32>,
    /// How it ended.
    pub result: Option<String>,
    /// Code of OCS.
    pub code: Option<i32>,
    /// The request.
    pub request_id: Option<String>,
    /// In words.
    pub detail: Option<String>,
}

/// A sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SequenceDto {
    /// `commdn.sequence.v1`.
    pub schema: String,
    /// Its name for programs.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// `running`, `stopping`, `done`, `partly`, `aborted` or `stopped`.
    pub state: String,
    /// `gateway` or `ocs`.
    pub run_by: String,
    /// Who asked for it.
    pub asked_by: String,
    /// When.
    pub created_at: String,
    /// When it is to begin; absent = at once.
    pub start: Option<String>,
    /// The step in turn, from 1; absent once it is over.
    pub step: Option<usize>,
    /// `waiting`, `asking`, `loading`, `starting`, `dialing`, `stopping`, `unloading` or `over`.
    pub phase: String,
    /// When something is due by itself.
    pub due_at: Option<String>,
    /// When it was told to stop.
    pub stop_asked_at: Option<String>,
    /// By whom.
    pub stop_asked_by: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Step by step.
    pub steps: Vec<SequenceStepDto>,
    /// What happened, in order; in lists it is left out.
    #[serde(default)]
    pub log: Vec<SequenceEntryDto>,
}

/// `GET /v1/events`, event `sequence`: a sequence has got on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SequenceNewsDto {
    /// `commdn.sequence.news.v1`.
    pub schema: String,
    /// Which.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What is new, in order.
    pub entries: Vec<SequenceEntryDto>,
}
