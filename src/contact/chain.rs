//! From a contact to the records of its chain (specification 2).

use super::{CallingList, Contact, FollowUp};

/// The columns of a record that an import may set.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// What the do-not-call list says about a contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DncVerdict {
    /// Its customer id is listed.
    pub customer: bool,
    /// For each phone of the contact, in its order, whether it is listed.
    pub phones: Vec<bool>,
}

/// All that a plan looks at.
#[derive(Clone, Copy, Debug)]
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

/// What is to be written for a contact. Empty when nothing differs.
#[must_use]
pub fn plan(_input: ChainInput<'_>) -> Vec<ChainChange> {
    todo!()
}

/// What is to be written when a contact goes into another: its open records are cancelled.
#[must_use]
pub fn merged_away(_records: &[ChainRecord]) -> Vec<ChainChange> {
    todo!()
}

/// True when a contact may not be deleted: a record of it is retrieved.
#[must_use]
pub fn in_use(_records: &[ChainRecord]) -> bool {
    todo!()
}
