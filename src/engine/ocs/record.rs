//! Calling lists: the columns of specification 5.11, and what cancel and do-not-call do to a record.

use crate::message::CampaignDbid;
use crate::message::GroupDbid;
use crate::message::Pair;
use crate::message::Phone;
use crate::protocol::UtcSeconds;

pub use crate::contact::chain::{
    CANCEL_RECORD, CANCELLED, CHAIN_READY, CHAIN_UPDATED, DO_NOT_CALL, GENERAL, NO_CALL, READY, RETRIEVED,
    UNKNOWN_RESULT, UPDATED,
};

/// A calling list in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallingList {
    /// Its name.
    pub name: String,
    /// A disabled list is not loaded.
    pub enabled: bool,
    /// The user column that holds the customer id (option `customer_id`).
    pub customer_column: String,
    /// The records.
    pub records: Vec<Record>,
}

/// One row of a calling list. Times are seconds since 1970 UTC; columns that may be null are options.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Unique in its list.
    pub record_id: i32,
    /// The phone.
    pub contact_info: String,
    /// Kind of phone.
    pub contact_info_type: i32,
    /// Kind of record.
    pub record_type: i32,
    /// What has become of it.
    pub record_status: i32,
    /// How the last call ended.
    pub call_result: i32,
    /// Dial attempts so far.
    pub attempt: i32,
    /// When it is to be dialed.
    pub dial_sched_time: Option<UtcSeconds>,
    /// When it was dialed.
    pub call_time: Option<UtcSeconds>,
    /// Seconds since midnight in the record's zone.
    pub daily_from: i32,
    /// Seconds since midnight in the record's zone.
    pub daily_till: i32,
    /// DBID of the time zone; 0 = the server's.
    pub tz_dbid: i32,
    /// The campaign that took it last.
    pub campaign_id: Option<CampaignDbid>,
    /// The agent who had it last.
    pub agent_id: Option<String>,
    /// Records of one customer share it.
    pub chain_id: i32,
    /// Order in the chain.
    pub chain_n: i32,
    /// The group that took it last.
    pub group_id: Option<GroupDbid>,
    /// The application that took it.
    pub app_id: Option<i32>,
    /// Media.
    pub media_ref: Option<i32>,
    /// Template of a mail.
    pub email_template_id: Option<i32>,
    /// The switch it is dialed from.
    pub switch_id: Option<i32>,
    /// Treatments that are under way.
    pub treatments: Option<String>,
    /// Subject of a mail.
    pub email_subject: Option<String>,
    /// Columns of the user, by name.
    pub user: Vec<(String, String)>,
    /// Not a column: who has the record in hand at the moment.
    pub held: Option<Held>,
    /// Not a column: a do-not-call that is marked when the record comes back.
    pub do_not_call_pending: bool,
}

/// Who has a record in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It is being dialed or talked to.
    Call,
    /// It is on an agent's desktop.
    Desktop,
}

impl Record {
    /// A new row with the defaults of the table.
    #[must_use]
    pub fn new(record_id: i32, contact_info: impl Into<String>) -> Self {
        Self {
            record_id,
            contact_info: contact_info.into(),
            contact_info_type: 0,
            record_type: GENERAL,
            record_status: READY,
            call_result: UNKNOWN_RESULT,
            attempt: 0,
            dial_sched_time: None,
            call_time: None,
            daily_from: 28_800,
            daily_till: 75_600,
            tz_dbid: 0,
            campaign_id: None,
            agent_id: None,
            chain_id: record_id,
            chain_n: 0,
            group_id: None,
            app_id: None,
            media_ref: None,
            email_template_id: None,
            switch_id: None,
            treatments: None,
            email_subject: None,
            user: Vec::new(),
            held: None,
            do_not_call_pending: false,
        }
    }

    /// A user column.
    #[must_use]
    pub fn user_column(&self, name: &str) -> Option<&str> {
        self.user.iter().find(|(column, _)| column == name).map(|(_, value)| value.as_str())
    }

    /// True when nothing more will be done with it: statuses but none, Ready, Retrieved and ChainReady (assumed), and
    /// types that are never dialed, NoCall first of all.
    #[must_use]
    pub fn is_final(&self) -> bool {
        !matches!(self.record_status, 0 | READY | RETRIEVED | CHAIN_READY) || !matches!(self.record_type, 2..=6)
    }

    /// True when a cancel or a do-not-call has reached it, perhaps while it is in somebody's hands.
    #[must_use]
    pub fn is_taken_back(&self) -> bool {
        self.is_final() || self.do_not_call_pending
    }

    /// Byte by byte; nothing is normalised.
    #[must_use]
    pub fn has_phone(&self, phone: &Phone) -> bool {
        phone.reveal().as_str() == Some(self.contact_info.as_str())
    }

    /// Takes the record out of dialing because of a cancel.
    pub(super) fn cancel(&mut self) {
        (self.record_status, self.call_result) = (CANCELLED, CANCEL_RECORD);
    }

    /// Takes the record out of dialing because of a do-not-call; a record in somebody's hands is marked later.
    pub(super) fn forbid(&mut self) {
        if self.held.is_some() {
            self.do_not_call_pending = true;
            return;
        }
        self.do_not_call_pending = false;
        (self.record_type, self.record_status, self.call_result) = (NO_CALL, UPDATED, DO_NOT_CALL);
    }

    /// A pair takes the record.
    pub(super) fn take(&mut self, pair: Pair, held: Held) {
        (self.campaign_id, self.group_id) = (Some(pair.campaign), Some(pair.group));
        (self.record_status, self.held) = (RETRIEVED, Some(held));
    }

    /// The record comes back from a call or a desktop.
    pub(super) fn come_back(&mut self) {
        self.held = None;
        if self.do_not_call_pending {
            self.forbid();
        }
    }
}

/// What has become of a record: the columns that dialing, cancel and do-not-call write. The others (`agent_id`) are in
/// the list, see [`super::Ocs::config`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordChange {
    /// Place of the list in [`super::OcsConfig::lists`].
    pub list: usize,
    /// Place of the record in the list.
    pub place: usize,
    /// Its id.
    pub record_id: i32,
    /// Kind of record.
    pub record_type: i32,
    /// What has become of it.
    pub record_status: i32,
    /// How the last call ended.
    pub call_result: i32,
    /// Dial attempts so far.
    pub attempt: i32,
    /// When it is to be dialed.
    pub dial_sched_time: Option<UtcSeconds>,
    /// When it was dialed.
    pub call_time: Option<UtcSeconds>,
    /// Who took it last.
    pub campaign_id: Option<CampaignDbid>,
    /// For which group.
    pub group_id: Option<GroupDbid>,
    /// Who has it in hand.
    pub held: Option<Held>,
}

impl RecordChange {
    pub(in crate::engine) fn of(list: usize, place: usize, record: &Record) -> Self {
        Self {
            list,
            place,
            record_id: record.record_id,
            record_type: record.record_type,
            record_status: record.record_status,
            call_result: record.call_result,
            attempt: record.attempt,
            dial_sched_time: record.dial_sched_time,
            call_time: record.call_time,
            campaign_id: record.campaign_id,
            group_id: record.group_id,
            held: record.held,
        }
    }
}

impl std::fmt::Debug for Record {
    /// Numbers and names of people are left out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { record_id, record_type, record_status, call_result, chain_id, held, .. } = self;
        write!(
            f,
            "Record({record_id}: type {record_type}, status {record_status}, result {call_result}, chain {chain_id}, {held:?})"
        )
    }
}

impl CallingList {
    /// The customer id of a record.
    #[must_use]
    pub fn customer_of<'a>(&self, record: &'a Record) -> Option<&'a str> {
        record.user_column(&self.customer_column)
    }

    /// Indices of the records that `matches` and, with `all_chain`, of everything in their chains.
    pub(super) fn in_scope(&self, all_chain: bool, matches: impl Fn(&Self, &Record) -> bool) -> Vec<usize> {
        let hit: Vec<bool> = self.records.iter().map(|record| matches(self, record)).collect();
        let chains: Vec<i32> =
            self.records.iter().zip(&hit).filter(|(_, hit)| **hit).map(|(record, _)| record.chain_id).collect();
        let records = self.records.iter().enumerate();
        records
            .filter(|(n, record)| hit[*n] || (all_chain && chains.contains(&record.chain_id)))
            .map(|(n, _)| n)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_row_has_the_defaults_of_the_table() {
        let record = Record::new(7, "5551234");
        assert_eq!((record.record_type, record.record_status, record.call_result, record.attempt), (2, 1, 28, 0));
        assert_eq!((record.daily_from, record.daily_till, record.chain_id, record.chain_n), (28_800, 75_600, 7, 0));
        assert!(!record.is_final());
    }

    #[test]
    fn a_record_hides_the_number_when_it_is_debugged() {
        assert!(!format!("{:?}", Record::new(7, "5551234")).contains("5551234"));
    }
}
