//! What can be written. Writes that are committed together become durable together, or not at all.

use std::{fmt, time::Duration};

use bytes::Bytes;

use crate::engine::Ended;
use crate::engine::PairState;
use crate::engine::RequestNumber;
use crate::engine::RequestRecord;
use crate::engine::Step;
use crate::engine::ocs::Record;
use crate::message::AppDbid;
use crate::message::CustomerId;
use crate::message::ErrorCode;
use crate::message::Pair;
use crate::message::Phone;
use crate::protocol::UtcSeconds;
use crate::protocol::UtcTime;
use crate::protocol::requester::{EchoFact, SendId};

/// One row that comes, or changes.
#[derive(Clone, Debug)]
pub enum Write {
    /// A request is accepted.
    Accept(Box<Accept>),
    /// A request is about to go out (rule 16).
    Mark(Mark),
    /// Something happened to a request; later ones than [`crate::engine::STEPS_MAX`], and those of requests that are
    /// not journaled, are dropped.
    Step(RequestNumber, Step),
    /// An unload was accepted and calls are still open.
    Draining(RequestNumber),
    /// A request has ended. The first end counts.
    End(RequestNumber, Box<Ended>),
    /// An open request failed so often; it is tried again at that time.
    Again {
        /// Which.
        number: RequestNumber,
        /// How often it has failed.
        attempts: u32,
        /// When it is tried next.
        not_before: UtcTime,
    },
    /// A request is given up: a dead letter.
    Dead {
        /// Which.
        number: RequestNumber,
        /// When.
        at: UtcTime,
        /// Why.
        reason: String,
    },
    /// A request that has ended or was given up is open again, with its attempts at 0. Its steps and marks stay.
    Retry(RequestNumber),
    /// A pair is to stop, and to be told so until it does (G5).
    StopWished(StopWish),
    /// It has stopped, or somebody has started it again.
    StopDone {
        /// On which OCS.
        ocs: AppDbid,
        /// Which pair.
        pair: Pair,
    },
    /// An echo was proved or withdrawn (rule 15). A fact that was withdrawn stays so.
    Echo {
        /// Of which OCS.
        ocs: AppDbid,
        /// What.
        fact: EchoFact,
        /// Proved, or withdrawn.
        proved: bool,
        /// When.
        at: UtcTime,
    },
    /// Somebody else has sent with one of our DBIDs.
    Alarmed {
        /// Which.
        origin: AppDbid,
        /// When.
        at: UtcTime,
    },
    /// An operator has looked at it.
    AlarmCleared {
        /// Which.
        origin: AppDbid,
        /// When.
        at: UtcTime,
    },
    /// The mirror of a pair changed.
    State(Box<PairState>),
    /// A do-not-call entry with its evidence; the entry stands in the list from here on.
    Dnc(Box<DncEntry>),
    /// What an OCS said to a do-not-call entry, as evidence.
    DncAnswer(DncAnswer),
    /// A row of the table of a simulated OCS.
    OcsDnc(ListedDnc),
    /// Somebody did something.
    Audit(Box<AuditRow>),
    /// A new API key.
    KeyCreated(Box<ApiKey>),
    /// A key is worth nothing from then on. The first time counts.
    KeyRevoked {
        /// Its name.
        id: String,
        /// When.
        at: UtcTime,
    },
    /// A key was used.
    KeyUsed {
        /// Its name.
        id: String,
        /// When.
        at: UtcTime,
    },
    /// A calling list comes, or changes its settings.
    List(ListHead),
    /// What dialing, a cancel and a do-not-call change in rows of a calling list: type, status, result, attempt, times,
    /// and who has them. Rows that are not there any more are left out, and so are those of another chain; NoCall and a
    /// cancel that came meanwhile hold.
    RecordStates {
        /// Name of the list.
        list: String,
        /// The rows as they are now.
        records: Vec<Record>,
    },
    /// Rows of a calling list come or change.
    Records {
        /// Name of the list.
        list: String,
        /// The rows.
        records: Vec<Record>,
    },
}

/// A request as it is accepted.
#[derive(Clone)]
pub struct Accept {
    /// The request; its steps are kept, its end is not.
    pub record: RequestRecord,
    /// Its UserData, packed in the default dialect. Holds personal data.
    pub body: Bytes,
    /// How long the caller waits for an outcome.
    pub deadline: Option<Duration>,
    /// Outlives a lost link.
    pub durable: bool,
    /// The caller's own name for it.
    pub key: Option<IdempotencyKey>,
}

impl fmt::Debug for Accept {
    /// Without the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Accept({} {})", self.record.number, self.record.kind.slug())
    }
}

/// A caller's own name for a request (G2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Whose key it is.
    pub subject: String,
    /// The key.
    pub key: String,
    /// SHA-256 of the body that came with it.
    pub body_sha256: [u8; 32],
}

/// A request is about to go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The submissions it is sent for; each must be journaled.
    pub requests: Vec<RequestNumber>,
    /// The frame.
    pub send: SendId,
    /// The OCSs it is for (primary DBIDs).
    pub ocss: Vec<AppDbid>,
    /// Name of the T-Server pair.
    pub link: String,
    /// The DN.
    pub dn: String,
    /// Our DBID.
    pub origin: AppDbid,
    /// When.
    pub at: UtcTime,
}

/// A pair is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopWish {
    /// On which OCS.
    pub ocs: AppDbid,
    /// Which pair.
    pub pair: Pair,
    /// The request that asked for it.
    pub request: RequestNumber,
    /// When.
    pub at: UtcTime,
}

/// A do-not-call entry with what proves who asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DncEntry {
    /// The request; names the entry.
    pub request: RequestNumber,
    /// When.
    pub at: UtcTime,
    /// Who asked.
    pub who: String,
    /// How: `http`, `cli`, `import`, `tserver`.
    pub channel: String,
    /// `GSW_PHONE` as it is sent.
    pub phone: Option<Phone>,
    /// `GSW_CUSTOMER_ID` as it is sent.
    pub customer: Option<CustomerId>,
    /// The phone as it was given.
    pub raw: Option<Phone>,
    /// The phone in one spelling for all, when it can be read.
    pub normalised: Option<Phone>,
    /// `AllChain` or `RecordOnly`.
    pub scope: Option<String>,
    /// The reason given with it.
    pub note: Option<String>,
    /// `dnc_message` of the table.
    pub message: Option<String>,
    /// Tenant, when it is for one.
    pub tenant: Option<i64>,
    /// Campaign, when it is for one.
    pub campaign: Option<i64>,
    /// Calling list, when it is for one.
    pub list: Option<i64>,
    /// From when on it does not count any more; `None` = never.
    pub expires_at: Option<UtcSeconds>,
    /// The OCSs that are to confirm it.
    pub expected: Vec<AppDbid>,
}

/// What an OCS said to a do-not-call entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DncAnswer {
    /// The entry.
    pub request: RequestNumber,
    /// Which OCS.
    pub ocs: AppDbid,
    /// When.
    pub at: UtcTime,
    /// How long after the entry was accepted.
    pub latency: Duration,
    /// It has the entry. Once confirmed stays confirmed.
    pub confirmed: bool,
    /// The code, when it refused.
    pub code: Option<ErrorCode>,
}

/// A row of `gsw_donotcall_list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDnc {
    /// The OCS whose table it is; `None` = the gateway's own list.
    pub ocs: Option<AppDbid>,
    /// `phone`
    pub phone: Option<Phone>,
    /// `customer_id`
    pub customer: Option<CustomerId>,
    /// `dnc_message`
    pub message: Option<String>,
    /// `tenant_dbid`
    pub tenant: Option<i64>,
    /// `campaign_dbid`
    pub campaign: Option<i64>,
    /// `list_dbid`
    pub list: Option<i64>,
    /// `time_stamp`
    pub at: UtcSeconds,
    /// `expires_at`
    pub expires_at: Option<UtcSeconds>,
}

/// Somebody did something. Personal data does not belong here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// When.
    pub at: UtcTime,
    /// Who: a key, a token's subject, an old client.
    pub subject: String,
    /// From where.
    pub client: Option<String>,
    /// What: a verb.
    pub action: String,
    /// To what.
    pub object: Option<String>,
    /// `allowed`, `refused`, or how it ended.
    pub outcome: String,
    /// In words.
    pub detail: Option<String>,
    /// The request it became.
    pub request: Option<RequestNumber>,
}

/// An API key; the secret itself is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its name.
    pub id: String,
    /// SHA-256 of the secret.
    pub sha256: [u8; 32],
    /// Whom or what it is for.
    pub subject: String,
    /// What it may do, one scope a line.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: UtcTime,
    /// By whom.
    pub created_by: String,
    /// When it ends by itself.
    pub expires_at: Option<UtcTime>,
    /// When it was revoked.
    pub revoked_at: Option<UtcTime>,
    /// When it was used last.
    pub used_at: Option<UtcTime>,
}

/// A calling list without its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListHead {
    /// Its name.
    pub name: String,
    /// A disabled list is not loaded.
    pub enabled: bool,
    /// The user column that holds the customer id.
    pub customer_column: String,
}
