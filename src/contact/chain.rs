//! From a contact to the records of its chain (specification 2).

use std::fmt;

use super::{CallingList, Code, Contact, DncPolicy, FollowUp, Phone, PhoneType, Remark};

/// The columns of a record that an import may set.
#[derive(Clone, PartialEq, Eq)]
pub struct ChainRecord {
    /// 0 = new, the store gives one.
    pub record_id: i64,
    /// Order in the chain.
    pub chain_n: i32,
    /// E.164, else as it was given.
    pub contact_info: String,
    /// Home 1, work 2, work with extension 3, mobile 4.
    pub contact_info_type: i32,
    /// 2 General, 5 PersonalCallBack, 6 CampaignCallBack, 7 NoCall.
    pub record_type: i32,
    /// 1 Ready, 2 Retrieved, 3 Updated, 5 Cancelled.
    pub record_status: i32,
    /// 28 Unknown, 51 Do Not Call, 52 Cancel Record.
    pub call_result: i32,
    /// How often it was dialed.
    pub attempt: i32,
    /// Seconds since 1970 UTC.
    pub dial_sched_time: Option<i64>,
    /// Seconds since 1970 UTC.
    pub call_time: Option<i64>,
    /// Seconds since midnight.
    pub daily_from: i32,
    /// Seconds since midnight.
    pub daily_till: i32,
    /// DBID of the time zone; 0 = the server's.
    pub tz_dbid: i32,
    /// The agent it is for.
    pub agent_id: Option<String>,
}

impl fmt::Debug for ChainRecord {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = out.debug_struct("ChainRecord");
        shown.field("record_id", &self.record_id).field("chain_n", &self.chain_n).field("type", &self.record_type);
        shown.field("status", &self.record_status).field("result", &self.call_result).field("attempt", &self.attempt);
        shown.finish_non_exhaustive()
    }
}

/// What the do-not-call list says about a contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DncVerdict {
    /// Its customer id is listed.
    pub customer: bool,
    /// For each phone of the contact, in its order, whether it is listed.
    pub phones: Vec<bool>,
}

impl DncVerdict {
    /// Whether the n-th phone must not be called, for itself or for its customer.
    #[must_use]
    pub fn lists(&self, n: usize) -> bool {
        self.customer || self.phones.get(n).copied().unwrap_or(false)
    }
}

/// All that a plan looks at.
#[derive(Clone, Copy)]
pub struct ChainInput<'a> {
    /// The records of the chain as they are stored, any order.
    pub records: &'a [ChainRecord],
    /// The contact as it was stored; `None` = it is new.
    pub before: Option<&'a Contact>,
    /// The contact as it is to be stored.
    pub contact: &'a Contact,
    /// Its list.
    pub list: &'a CallingList,
    /// About `contact`.
    pub dnc: &'a DncVerdict,
    /// Of the draft.
    pub follow_up: &'a FollowUp,
    /// Attempts, results and times are set back, except for do-not-call.
    pub clear_system_data: bool,
    /// Name of a zone and its DBID.
    pub zones: &'a [(String, i32)],
}

/// What happens to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainChange {
    /// It comes; its `record_id` is 0.
    Insert(ChainRecord),
    /// It is to be this; never without a difference.
    Change(ChainRecord),
    /// It goes: its id.
    Delete(i64),
}

/// `record_type` of a new record.
pub const GENERAL: i32 = 2;
/// `record_type` of a record that must not be called.
pub const NO_CALL: i32 = 7;
/// `record_status`: to be dialed.
pub const READY: i32 = 1;
/// `record_status`: taken by OCS.
pub const RETRIEVED: i32 = 2;
/// `record_status`: final.
pub const UPDATED: i32 = 3;
/// `record_status`: taken back by a cancel.
pub const CANCELLED: i32 = 5;
/// `record_status`: final, because another record of its chain has reached the customer.
pub const CHAIN_UPDATED: i32 = 7;
/// `record_status`: to be dialed when the record before it in the chain has failed.
pub const CHAIN_READY: i32 = 9;
/// `call_result` of a new record.
pub const UNKNOWN_RESULT: i32 = 28;
/// `call_result` after a do-not-call.
pub const DO_NOT_CALL: i32 = 51;
/// `call_result` after a cancel.
pub const CANCEL_RECORD: i32 = 52;

/// `record_type` of a call-back that one agent makes.
const PERSONAL_CALL_BACK: i32 = 5;
/// `record_type` of a call-back.
const CAMPAIGN_CALL_BACK: i32 = 6;

impl ChainRecord {
    /// Something may still be done with it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.record_status, 0 | READY | RETRIEVED | CHAIN_READY)
    }

    /// A request said do-not-call: that stays, whatever the number becomes. What an import found on the list is Ready.
    fn is_forbidden(&self) -> bool {
        self.call_result == DO_NOT_CALL && self.record_status != READY
    }

    /// This phone is not to be called, whoever said so.
    #[must_use]
    pub fn is_out_for(&self, phone: &str) -> bool {
        self.contact_info == phone && self.record_type == NO_CALL && self.call_result == DO_NOT_CALL
    }

    fn was_never_dialed(&self) -> bool {
        self.record_status == READY && self.attempt == 0 && self.call_time.is_none()
    }
}

/// What is to be written for a contact. Empty when nothing differs.
#[must_use]
pub fn plan(input: ChainInput<'_>) -> Vec<ChainChange> {
    let mut left: Vec<&ChainRecord> = input.records.iter().collect();
    left.sort_by_key(|record| record.chain_n);
    let mut next_n = left.last().map_or(input.list.chain_n_base, |last| last.chain_n.saturating_add(1));
    let fate = Fate::of(input.records);
    let pairs = pair(input, &mut left);
    let mut changes = Vec::new();
    for (n, phone) in input.contact.phones.iter().enumerate() {
        let target = Target { input, phone, listed: input.dnc.lists(n) };
        match pairs.get(n).copied().flatten() {
            Some(record) => {
                let changed = target.change(record);
                changes.extend((changed != *record).then_some(ChainChange::Change(changed)));
            }
            None => {
                changes.push(ChainChange::Insert(target.insert(next_n, fate)));
                next_n = next_n.saturating_add(1);
            }
        }
    }
    // What is left had a phone that is gone, now or long ago.
    for record in left {
        let had = |before: &Contact| before.phones.iter().any(|phone| phone.contact_info() == record.contact_info);
        if !input.before.is_none_or(had) {
            continue;
        }
        if record.was_never_dialed() {
            changes.push(ChainChange::Delete(record.record_id));
        } else if record.record_type != NO_CALL {
            changes.push(ChainChange::Change(ChainRecord { record_type: NO_CALL, ..record.clone() }));
        }
    }
    changes
}

/// The record of each phone of the contact; `left` keeps those of no phone. A number keeps its record; a number that is
/// new takes the record of the place where it stands.
fn pair<'a>(input: ChainInput<'a>, left: &mut Vec<&'a ChainRecord>) -> Vec<Option<&'a ChainRecord>> {
    let mut take = |number: &str| {
        let at = left.iter().position(|record| record.contact_info == number)?;
        Some(left.remove(at))
    };
    let phones = &input.contact.phones;
    let mut pairs: Vec<Option<&ChainRecord>> = phones.iter().map(|phone| take(phone.contact_info())).collect();
    for (phone, record) in phones.iter().zip(&mut pairs).filter(|(_, record)| record.is_none()) {
        let before = input.before.into_iter().flat_map(|before| &before.phones);
        let mut same = before.filter(|before| before.column == phone.column && before.index == phone.index);
        *record = same.next().and_then(|before| take(before.contact_info()));
    }
    pairs
}

/// What was said about a whole chain: a phone that comes to it shares that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    Cancelled,
    Forbidden,
}

impl Fate {
    fn of(records: &[ChainRecord]) -> Self {
        if records.iter().any(|record| record.is_open() && !record.is_forbidden()) {
            Self::Open
        } else if records.iter().any(ChainRecord::is_forbidden) {
            Self::Forbidden
        } else if records.iter().any(|record| record.record_status == CANCELLED) {
            Self::Cancelled
        } else {
            Self::Open
        }
    }
}

/// A phone on its way into a record.
struct Target<'a> {
    input: ChainInput<'a>,
    phone: &'a Phone,
    listed: bool,
}

impl Target<'_> {
    fn callable(&self) -> bool {
        self.input.contact.callable && self.phone.callable
    }

    fn type_when_callable(&self) -> i32 {
        match (self.input.follow_up.at, self.input.follow_up.personal) {
            (None, _) => GENERAL,
            (Some(_), true) => PERSONAL_CALL_BACK,
            (Some(_), false) => CAMPAIGN_CALL_BACK,
        }
    }

    fn contact_info_type(&self) -> i32 {
        match (PhoneType::from_word(&self.phone.kind), &self.phone.extension) {
            (Some(PhoneType::Work), Some(_)) => PhoneType::WorkWithExtension.number(),
            (Some(kind), _) => kind.number(),
            (None, _) => self.input.list.contact_info_type,
        }
    }

    fn tz_dbid(&self) -> i32 {
        let mut columns = self.input.list.phone_columns.iter();
        let column = columns.find(|column| column.column == self.phone.column);
        let zone = column.and_then(|column| self.input.contact.value(column.time_zone_column.as_deref()?));
        let known = |zone: &str| {
            let named = self.input.zones.iter().find(|(name, _)| name == zone).map(|(_, dbid)| *dbid);
            named.or_else(|| zone.parse().ok())
        };
        zone.and_then(known).unwrap_or(self.input.list.tz_dbid)
    }

    fn insert(&self, chain_n: i32, fate: Fate) -> ChainRecord {
        let (list, follow_up) = (self.input.list, self.input.follow_up);
        let mut record = ChainRecord {
            record_id: 0,
            chain_n,
            contact_info: self.phone.contact_info().to_owned(),
            contact_info_type: self.contact_info_type(),
            record_type: if self.callable() { self.type_when_callable() } else { NO_CALL },
            record_status: READY,
            call_result: UNKNOWN_RESULT,
            attempt: 0,
            dial_sched_time: follow_up.at,
            call_time: None,
            daily_from: list.daily_from,
            daily_till: list.daily_till,
            tz_dbid: self.tz_dbid(),
            agent_id: follow_up.agent.clone(),
        };
        match fate {
            Fate::Open => {}
            Fate::Cancelled => (record.record_status, record.call_result) = (CANCELLED, CANCEL_RECORD),
            Fate::Forbidden => record.record_status = UPDATED,
        }
        if self.listed || fate == Fate::Forbidden {
            (record.record_type, record.call_result) = (NO_CALL, DO_NOT_CALL);
        }
        record
    }

    fn change(&self, old: &ChainRecord) -> ChainRecord {
        let mut record = ChainRecord {
            contact_info: self.phone.contact_info().to_owned(),
            contact_info_type: self.contact_info_type(),
            tz_dbid: self.tz_dbid(),
            ..old.clone()
        };
        if self.listed || old.is_forbidden() {
            (record.record_type, record.call_result) = (NO_CALL, DO_NOT_CALL);
            return record;
        }
        if old.call_result == DO_NOT_CALL {
            // An import found the old number on the list. The new one is not: it starts anew.
            if record.contact_info == old.contact_info {
                return record;
            }
            record.call_result = UNKNOWN_RESULT;
        }
        let resets = self.input.clear_system_data && !matches!(old.record_status, RETRIEVED | CANCELLED);
        if resets {
            (record.record_status, record.attempt, record.call_result) = (READY, 0, UNKNOWN_RESULT);
            (record.dial_sched_time, record.call_time) = (None, None);
        }
        let follow_up = self.input.follow_up;
        let follows = record.is_open() && follow_up.at.is_some();
        if follows {
            record.dial_sched_time = follow_up.at;
        }
        if record.is_open() && follow_up.agent.is_some() {
            record.agent_id.clone_from(&follow_up.agent);
        }
        if !self.callable() {
            record.record_type = NO_CALL;
        } else if record.record_type == NO_CALL || resets || follows {
            record.record_type = self.type_when_callable();
        }
        record
    }
}

/// What is to be written when a contact goes into another: its open records are cancelled, and what must not be called
/// stays so.
#[must_use]
pub fn merged_away(records: &[ChainRecord]) -> Vec<ChainChange> {
    let open = records.iter().filter(|record| record.is_open() && record.call_result != DO_NOT_CALL);
    let cancel = |record: &ChainRecord| {
        let (record_status, call_result) = (CANCELLED, CANCEL_RECORD);
        ChainChange::Change(ChainRecord { record_status, call_result, ..record.clone() })
    };
    open.map(cancel).collect()
}

/// True when a contact may not be deleted: a record of it is retrieved.
#[must_use]
pub fn in_use(records: &[ChainRecord]) -> bool {
    records.iter().any(|record| record.record_status == RETRIEVED)
}

/// True when somebody cancelled it: a delete of its contact reports how many such went.
#[must_use]
pub fn is_cancelled(record: &ChainRecord) -> bool {
    record.record_status == CANCELLED && record.call_result == CANCEL_RECORD
}

/// What the do-not-call policy of an import says about a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DncEffect {
    /// It is stored; listed phones are not dialed. The warnings are told.
    Store(Vec<Remark>),
    /// It is passed over.
    Skip(Remark),
    /// The record fails.
    Fail(Remark),
}

/// Applies the policy: phones are looked at first, then the customer id.
#[must_use]
pub fn dnc_effect(policy: DncPolicy, contact: &Contact, dnc: &DncVerdict) -> DncEffect {
    let listed = contact.phones.iter().zip(&dnc.phones).filter(|(_, listed)| **listed);
    let phones = listed.map(|(phone, _)| Remark::warning(Code::DncPhone, &phone.column, "on the do-not-call list"));
    let customer = Remark::warning(Code::DncCustomer, "", "the customer is on the do-not-call list");
    let remarks: Vec<_> = phones.chain(dnc.customer.then_some(customer)).collect();
    match (policy, remarks.first()) {
        (DncPolicy::Skip, Some(first)) => DncEffect::Skip(first.clone()),
        (DncPolicy::Error, Some(first)) => {
            DncEffect::Fail(Remark::error(Code::Dnc, &first.column, first.message.clone()))
        }
        (DncPolicy::NoCall, _) | (_, None) => DncEffect::Store(remarks),
    }
}

#[cfg(test)]
mod tests;
