//! Shapes of do-not-call as evidence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A do-not-call entry with what proves who asked for it and who has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DncEvidenceDto {
    /// `commdn.dnc_evidence.v1`.
    pub schema: String,
    /// The request; names the entry.
    pub request_id: String,
    /// Number of its row in the chain.
    pub row: u64,
    /// Hash of that row, hex.
    pub hash: String,
    /// When it was accepted.
    pub at: String,
    /// Who asked.
    pub who: String,
    /// How: `http`, `cli`, `import`, `tserver`.
    pub channel: String,
    /// Phone as it is sent.
    pub phone: Option<String>,
    /// Customer id as it is sent.
    pub customer_id: Option<String>,
    /// Phone as it was given.
    pub as_given: Option<String>,
    /// Phone in one spelling for all (E.164), when it can be read.
    pub normalised: Option<String>,
    /// `AllChain` or `RecordOnly`.
    pub scope: Option<String>,
    /// The reason given with it.
    pub reason: Option<String>,
    /// Every OCS that is to confirm it has done so.
    pub confirmed: bool,
    /// From when on it does not count any more; absent = never.
    pub expires_at: Option<String>,
    /// That time is over: it is evidence and nothing more.
    #[serde(default)]
    pub expired: bool,
    /// The end of the time it may take.
    pub deadline_at: Option<String>,
    /// Each OCS that is to confirm it, or has said something.
    pub deliveries: Vec<DncDeliveryDto>,
}

/// How far an entry has come with one OCS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DncDeliveryDto {
    /// DBID of the OCS.
    pub ocs: i32,
    /// When it confirmed; absent = it has not.
    pub confirmed_at: Option<String>,
    /// Milliseconds from acceptance to confirmation.
    pub latency_ms: Option<u64>,
    /// Error code of its last refusal.
    pub code: Option<i32>,
    /// Name of that code.
    pub name: Option<String>,
}

/// A page of evidence with the end of its chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DncExportDto {
    /// `commdn.dnc_export.v1`.
    pub schema: String,
    /// The entries, from the oldest on.
    pub items: Vec<DncEvidenceDto>,
    /// `after` of the next page.
    pub next: Option<String>,
    /// The last row of the chain, for `dnc verify --head`: `dnc COUNT HASH`.
    pub head: String,
    /// Rows that the chain has had.
    pub count: u64,
}

/// Body of `POST /v1/dnc/verify`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DncVerifyBody {
    /// A head that was kept elsewhere, `dnc COUNT HASH`; absent = the one in the heads file beside the store.
    pub head: Option<String>,
}

/// What a walk along the chain of the evidence found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DncVerdictDto {
    /// `commdn.dnc_verdict.v1`.
    pub schema: String,
    /// Nothing is wrong.
    pub whole: bool,
    /// Rows that were read.
    pub rows: u64,
    /// The last row that was removed by age; 0 = none.
    pub purged_to: u64,
    /// Whether there was a head to compare with.
    pub compared: bool,
    /// The first row that is wrong.
    pub row: Option<u64>,
    /// What is wrong with it.
    pub fault: Option<String>,
    /// The last row that was read, `dnc COUNT HASH`.
    pub head: String,
}

/// Everything that was asked for, added up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DncReportDto {
    /// `commdn.dnc_report.v1`.
    pub schema: String,
    /// The time of the report.
    pub at: String,
    /// Entries.
    pub entries: u64,
    /// Those that every OCS has confirmed.
    pub confirmed: u64,
    /// Those that an OCS has not.
    pub unconfirmed: u64,
    /// Those of them whose time is over.
    pub overdue: u64,
    /// The oldest of those, 100 at most.
    pub overdue_requests: Vec<String>,
    /// Days that an entry may take.
    pub deadline_days: u32,
    /// `business_days` or `calendar_days`.
    pub deadline_profile: String,
    /// Entries by the way they came.
    pub channels: BTreeMap<String, u64>,
    /// Entries by OCS.
    pub ocs: Vec<DncOcsDto>,
}

/// How one OCS does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DncOcsDto {
    /// DBID of the OCS.
    pub ocs: i32,
    /// Entries it has confirmed.
    pub confirmed: u64,
    /// Those it has not.
    pub unconfirmed: u64,
    /// The longest that a confirmation took, milliseconds.
    pub slowest_ms: u64,
}
