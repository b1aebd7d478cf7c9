//! The shapes of the HTTP API: snake_case, enumerations as name with the number beside, times RFC 3339 UTC.
//! The command line reads the same types, so that both ends agree by construction.

mod access;
mod dnc;
mod imports;
mod sequences;
mod sim;

pub use access::{AuditDto, AuditVerdictDto, KeyBody, KeyDto};
pub use dnc::{DncDeliveryDto, DncEvidenceDto, DncExportDto, DncOcsDto, DncReportDto, DncVerdictDto, DncVerifyBody};
pub use imports::{
    ClearedDto, CountsDto, CursorDto, ImportSettings, JobBody, JobDto, JobProgressDto, ListBody, ListDto,
    PhoneColumnDto, PreviewColumnDto, PreviewDto, ProfileBody, ProfileDto, UndoneDto, UploadDto,
};
pub use sequences::{FlawDto, SequenceDto, SequenceEntryDto, SequenceNewsDto, SequencePlanDto, SequenceStepDto};
pub use sim::{
    SimAnswerBody, SimCampaignDto, SimClockBody, SimClockDto, SimFaultBody, SimFaultDto, SimGroupDto, SimOcsDto,
    SimStateDto, SimTriggerBody,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A word of a table or its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Word {
    /// The number.
    Number(i32),
    /// The name.
    Name(String),
}

/// Body of `POST /v1/dnc`: phone or customer, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DncBody {
    /// Phone as it is to travel, 1 to 64 bytes; not normalised.
    pub phone: Option<String>,
    /// Customer id, 1 to 64 bytes.
    pub customer_id: Option<String>,
    /// `all_chain` (default) or `record_only`.
    pub scope: Option<String>,
    /// DBID or name of one OCS; absent = every OCS.
    pub ocs: Option<Word>,
    /// Kept with the request, never sent.
    pub reason: Option<String>,
    /// From when on it does not count any more, RFC 3339; absent = never. Not sent: OCS keeps what it was told.
    pub expires_at: Option<String>,
}

/// Body of `POST /v1/records/cancel`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelBody {
    /// Phone of the records.
    pub phone: Option<String>,
    /// The records must have this customer id too.
    pub customer_id: Option<String>,
    /// Name or DBID of a campaign; absent = every loaded campaign.
    pub campaign: Option<Word>,
    /// `all_chain` (default) or `record_only`.
    pub scope: Option<String>,
    /// DBID or name of one OCS; absent = the campaign's, else every OCS.
    pub ocs: Option<Word>,
}

/// Body of load, start and mode: all optional; what is absent is taken from the last known state, then from the
/// configured pair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DialingBody {
    /// Dial mode: `predict`, `progress`, `preview`, ... or its number.
    pub mode: Option<Word>,
    /// `busy_factor`, `overdial_rate`, `wait_time` or the number.
    pub optimize_by: Option<Word>,
    /// Percent or seconds, by the method.
    pub goal: Option<i32>,
    /// OCS stops and unloads by itself once no record is left.
    pub auto_completion: Option<bool>,
    /// Shares of the record kinds.
    pub dialing_priority: Option<PriorityBody>,
    /// Send modes 6, 7, 10 and method 4, which the vendor page does not have.
    #[serde(default)]
    pub allow_undocumented: bool,
}

/// Shares of the record kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityBody {
    /// Records that were never dialed.
    pub general: Option<ShareBody>,
    /// Rescheduled records.
    pub campaign_rescheduled: Option<ShareBody>,
    /// Records with a promised call.
    pub campaign_call_back: Option<ShareBody>,
}

/// One record kind's share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShareBody {
    /// 0 to 3, higher first.
    pub priority: Option<i32>,
    /// Records taken in one turn, 0 to 9,999.
    pub n_records: Option<i32>,
}

/// Body of `POST /v1/send`: one raw request under a DBID that is not the gateway's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendBody {
    /// The request as one conversation step, for instance `CM_ReqGetCampaignStatus campaign=101 group=732`.
    pub message: String,
    /// DBID of the sender.
    pub origin: i32,
    /// DBID of the OCS; 0 = every OCS, for cancel and do-not-call.
    pub target: i32,
    /// CommDN to send on; absent = the OCS's own.
    pub dn: Option<String>,
}

/// Answer of `POST /v1/send`: what came back to the sender's DBID.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SendDto {
    /// `commdn.send.v1`.
    pub schema: String,
    /// The events as conversation steps, in order of arrival.
    pub events: Vec<String>,
    /// From sending to the first event.
    pub took_ms: u64,
}

/// Answer of every verb with `?dry_run=true`: nothing was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DryRunDto {
    /// `commdn.dry_run.v1`.
    pub schema: String,
    /// The UserEvents that would be sent, as log text.
    pub text: String,
}

/// A request and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestDto {
    /// `commdn.request.v1`.
    pub schema: String,
    /// Names the request in every other call.
    pub request_id: String,
    /// `do_not_call`, `cancel_record`, `load`, `start`, ...
    pub kind: String,
    /// `pending`, `answered`, `refused`, `partial`, `mixed`, `unknown` or `draining`.
    pub outcome: String,
    /// How the outcome was decided: `exact`, `sole_candidate`, `dnc_proof`, `by_state`, `by_status`, `by_repeat`, `expired`.
    pub why: Option<String>,
    /// Why the outcome is not good: `ocs_error`, `silent`, `link_down`, `not_in_effect`, `deadline`, `superseded`, ...
    pub reason: Option<String>,
    /// The same in words.
    pub detail: Option<String>,
    /// Code of the T-Server's EventError, when it refused the request.
    pub tserver_code: Option<i32>,
    /// Milliseconds from acceptance to outcome.
    pub took_ms: Option<u64>,
    /// One entry for each OCS that answered or should have.
    pub answers: Vec<AnswerDto>,
    /// Campaign DBID, for campaign control.
    pub campaign: Option<i32>,
    /// Group DBID, for campaign control.
    pub group: Option<i32>,
    /// Whom it is for: DBID of an OCS, 0 = every OCS.
    pub target: i32,
    /// Who asked.
    pub asked_by: String,
    /// The reason that was given with the request.
    pub note: Option<String>,
    /// Warnings of the local check.
    pub warnings: Vec<String>,
    /// When it was accepted.
    pub accepted_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Attempts of a do-not-call that came to nothing.
    #[serde(default)]
    pub attempts: u32,
    /// When it is tried again.
    #[serde(default)]
    pub next_try_at: Option<String>,
    /// Why it was given up.
    #[serde(default)]
    pub dead: Option<String>,
    /// What to do about an outcome that is not good.
    pub hint: Option<String>,
}

/// What one OCS said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnswerDto {
    /// DBID of the OCS.
    pub ocs: i32,
    /// Its configured name.
    pub ocs_name: Option<String>,
    /// `answered`, `refused`, `partial` or `silent`.
    pub result: String,
    /// Name of the event, null when the OCS is silent.
    pub event: Option<String>,
    /// Its number.
    #[serde(rename = "type")]
    pub message_type: Option<i32>,
    /// `GSW_CM_AttrError`.
    pub code: Option<i32>,
    /// Name of the code.
    pub name: Option<String>,
    /// `GSW_CM_AttrErrorMessage` or `GSW_MESSAGE`, verbatim.
    pub message: Option<String>,
    /// Status of the campaign group in the answer.
    pub status: Option<String>,
    /// Its number.
    pub status_id: Option<i32>,
    /// How this answer was attributed.
    pub why: Option<String>,
    /// Milliseconds from acceptance.
    pub took_ms: Option<u64>,
}

/// Why a request ended as it did: `GET /v1/requests/{id}/explain`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainDto {
    /// `commdn.explain.v1`.
    pub schema: String,
    /// The request.
    pub request: RequestDto,
    /// Where it stands: `waiting`, `live`, `settling`, `checking`, `ended`.
    pub phase: String,
    /// The rule of docs/correlation.md by which it was decided, in words.
    #[serde(default)]
    pub rule: Option<String>,
    /// What happened, in order, in words.
    pub steps: Vec<String>,
    /// The UserEvents that decided, as conversation steps.
    pub frames: Vec<String>,
}

/// Last known state of a campaign on a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateDto {
    /// `commdn.campaign.v1`.
    pub schema: String,
    /// Campaign DBID.
    pub campaign: i32,
    /// Configured name.
    pub campaign_name: Option<String>,
    /// Group DBID.
    pub group: i32,
    /// Configured name.
    pub group_name: Option<String>,
    /// DBID of its OCS.
    pub ocs: i32,
    /// `not_loaded`, `active`, `running`, ...; null = nothing heard yet.
    pub status: Option<String>,
    /// Its number.
    pub status_id: Option<i32>,
    /// Dial mode.
    pub mode: Option<String>,
    /// Its number.
    pub mode_id: Option<i32>,
    /// Optimisation method.
    pub optimize_by: Option<String>,
    /// Its number.
    pub optimize_by_id: Option<i32>,
    /// Goal.
    pub goal: Option<i32>,
    /// When the state was last seen to change.
    pub changed_at: Option<String>,
    /// `request`, `notification` or `status`.
    pub changed_by: Option<String>,
    /// When anything was last heard about the pair.
    pub observed_at: Option<String>,
    /// The event that told it.
    pub observed_by: Option<String>,
}

/// A link to a T-Server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)] // a gateway of another version may tell less
pub struct LinkDto {
    /// `commdn.link.v1`.
    pub schema: String,
    /// Configured name.
    pub name: String,
    /// `up`, `connecting` or `down`.
    pub state: String,
    /// Address of the member in use.
    pub peer: Option<String>,
    /// CommDNs that are registered.
    pub dns: Vec<String>,
    /// Since when.
    pub since: Option<String>,
    /// Why it is down.
    pub reason: Option<String>,
    /// Address of the primary.
    #[serde(default)]
    pub primary: String,
    /// Address of the backup.
    pub backup: Option<String>,
    /// `primary` or `backup`: the member in use, or used last.
    pub endpoint: Option<String>,
    /// Whether TLS is spoken.
    #[serde(default)]
    pub tls: bool,
    /// Milliseconds of silence before we ask whether the T-Server lives; 0 = never.
    #[serde(default)]
    pub heartbeat_ms: u64,
    /// When bytes came last.
    pub last_heard: Option<String>,
    /// Milliseconds since then.
    pub heartbeat_age_ms: Option<u64>,
    /// Sessions lost and attempts that came to nothing, since the start.
    #[serde(default)]
    pub failures: u64,
    /// OCSs that are reached here, each member of a pair for itself.
    #[serde(default)]
    pub ocs: Vec<OcsSeenDto>,
    /// CommDNs that the T-Server refuses.
    pub refused_dns: Vec<RefusedDnDto>,
}

/// An OCS on a link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OcsSeenDto {
    /// Application DBID.
    pub ocs: i32,
    /// Configured name of its pair.
    pub name: Option<String>,
    /// `primary` or `backup`, as configured.
    pub role: String,
    /// The CommDN that carries our requests.
    pub dn: String,
    /// When it said something last; null = never.
    pub last_heard: Option<String>,
    /// Milliseconds since then.
    pub age_ms: Option<u64>,
}

/// `POST /v1/links`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkWishDto {
    /// Configured name.
    pub link: String,
    /// `redial`: leave the session and dial again; `switch`: the other one of the pair first.
    pub action: String,
}

/// `GET /v1/events`, event `alarm`: something that does not heal by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmDto {
    /// `commdn.alarm.v1`.
    pub schema: String,
    /// When.
    pub at: String,
    /// `stop`: a campaign does not stand still although it was told to; `forged_origin`: somebody else sends with one of
    /// our DBIDs.
    pub kind: String,
    /// DBID of the OCS.
    pub ocs: Option<i32>,
    /// Our DBID.
    pub origin: Option<i32>,
    /// Campaign DBID.
    pub campaign: Option<i32>,
    /// Group DBID.
    pub group: Option<i32>,
    /// The request that it is about.
    pub request_id: Option<String>,
    /// In words.
    pub text: String,
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// `commdn.<thing>s.v1`.
    pub schema: String,
    /// The entries.
    pub items: Vec<T>,
    /// Pass it as `after` for the next page; null = this is the last one.
    pub next: Option<String>,
}

/// `GET /v1/events`, event `snapshot`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SnapshotDto {
    /// `commdn.snapshot.v1`.
    pub schema: String,
    /// Every known campaign group.
    pub campaigns: Vec<StateDto>,
    /// Open requests.
    pub requests: Vec<RequestDto>,
    /// Links.
    pub links: Vec<LinkDto>,
}

/// A UserEvent that passed: `GET /v1/tap`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TapDto {
    /// `commdn.tap.v1`.
    pub schema: String,
    /// When it passed.
    pub at: String,
    /// Link it passed on.
    pub link: String,
    /// `in` or `out`, seen from the gateway.
    pub direction: String,
    /// CommDN.
    pub dn: String,
    /// Number of the message, null for UserData that is none.
    #[serde(rename = "type")]
    pub message_type: Option<i32>,
    /// Its name.
    pub name: Option<String>,
    /// DBID of the sender.
    pub origin: Option<i32>,
    /// DBID of the receiver.
    pub target: Option<i32>,
    /// Campaign DBID.
    pub campaign: Option<i32>,
    /// Group DBID.
    pub group: Option<i32>,
    /// `GSW_CM_AttrError`.
    pub error: Option<i32>,
    /// The whole message as one conversation step.
    pub step: String,
}

/// `GET /version`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionDto {
    /// `commdn.version.v1`.
    pub schema: String,
    /// Version of the package.
    pub version: String,
    /// The framing spoken to T-Servers.
    pub framing: String,
    /// What is claimed, and what not.
    pub compatibility: String,
}

/// `GET /readyz`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadyDto {
    /// `commdn.ready.v1`.
    pub schema: String,
    /// Requests are taken.
    pub ready: bool,
    /// The gateway was told to stop.
    #[serde(default)]
    pub draining: bool,
    /// Why the journal cannot be written, null when it can.
    #[serde(default)]
    pub journal_fault: Option<String>,
    /// The links, told but not required.
    pub links: Vec<LinkDto>,
}

/// `GET /v1/diagnosis`: what `doctor` looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DiagnosisDto {
    /// `commdn.diagnosis.v1`.
    pub schema: String,
    /// What the gateway's clock says.
    pub now: String,
    /// Requests are taken.
    pub ready: bool,
    /// The gateway was told to stop.
    pub draining: bool,
    /// Why the journal cannot be written, null when it can.
    pub journal_fault: Option<String>,
    /// The core task answers.
    pub core_answers: bool,
    /// Our own application DBIDs.
    pub origins: Vec<i32>,
    /// From this many on requests do not wait for each other.
    pub origins_advised: usize,
    /// Own DBIDs that somebody else has used.
    pub origins_alarmed: Vec<i32>,
    /// The OCSs.
    pub ocs: Vec<OcsDto>,
    /// The links.
    pub links: Vec<LinkDto>,
}

/// What was heard of an OCS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OcsDto {
    /// Application DBID.
    pub dbid: i32,
    /// Its configured name.
    pub name: Option<String>,
    /// CommDN on which it is spoken to.
    pub dn: String,
    /// Events it sent, whoever they were for.
    pub events: u64,
    /// Those of them that were for the gateway.
    pub events_for_us: u64,
    /// Milliseconds since the last one, null when there was none.
    pub silent_ms: Option<u64>,
}

/// A CommDN that the T-Server refuses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedDnDto {
    /// Its name.
    pub dn: String,
    /// The T-Server's words.
    pub reason: String,
}

/// An error, as `application/problem+json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDto {
    /// `/problems/<slug>`.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// The slug in words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What was found and what was wanted.
    pub detail: String,
    /// DBID of the OCS that answered.
    pub ocs: Option<i32>,
    /// `GSW_CM_AttrError`.
    pub code: Option<i32>,
    /// Name of the code.
    pub name: Option<String>,
    /// The OCS's own words.
    pub ocs_message: Option<String>,
    /// Code of the T-Server's EventError.
    pub tserver_code: Option<i32>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The request, when one was accepted.
    pub request_id: Option<String>,
}
