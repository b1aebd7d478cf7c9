//! What a world keeps book of: what was told, sent and asked, and by whom.

use std::collections::{BTreeMap, BTreeSet};

use commdn::{
    message::*,
    protocol::{correlate::Subject, requester::*},
};

/// A property that did not hold.
#[derive(Clone, Debug)]
pub struct Failure {
    pub property: &'static str,
    pub step: u64,
    pub text: String,
}

/// What came of one schedule or of many.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    pub schedules: u64,
    pub steps: u64,
    pub submissions: u64,
    pub resolved: u64,
    pub unknown: u64,
    /// Refused without being sent: superseded, overloaded, waited too long.
    pub unsent: u64,
    pub misattributed: u64,
    /// Resolved by an unasked event that is true of the state, or by the true answer after such a look-alike.
    pub look_alikes: u64,
    pub sends: u64,
    pub longest_wait: u64,
    pub millis: u64,
    pub dnc: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.schedules += other.schedules;
        self.steps += other.steps;
        self.submissions += other.submissions;
        self.resolved += other.resolved;
        self.unknown += other.unknown;
        self.unsent += other.unsent;
        self.misattributed += other.misattributed;
        self.look_alikes += other.look_alikes;
        self.sends += other.sends;
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        self.millis += other.millis;
        self.dnc += other.dnc;
    }
}

/// Why an event was told. This is the oracle: it never travels in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It answers this send.
    Send(usize),
    /// Nobody asked: a notification.
    Nobody,
    /// Another application asked.
    Foreign,
    /// Somebody asked with a DBID of ours.
    Forged,
    /// No OCS told it, or not to us.
    Stray,
}

/// An event as an OCS told it.
#[derive(Debug)]
pub struct Told {
    pub cause: Cause,
    pub ocs: usize,
    pub at: u64,
    pub message: CommDnMessage,
}

/// A frame that a gateway gave out.
#[derive(Debug)]
pub struct Sent {
    pub gateway: usize,
    pub life: u32,
    pub id: SendId,
    pub message: CommDnMessage,
    pub kind: RequestKind,
    pub subject: Subject,
    pub ocss: Vec<usize>,
    pub items: Vec<u64>,
    pub settling: bool,
    /// By the gateway's clock, and by the world's.
    pub at: u64,
    pub world_at: u64,
    /// From when on nothing of it may come any more, by the gateway's clock; one for each OCS.
    pub free: [u64; 2],
    /// Its answer was delivered or its leg decided by an answer.
    pub answered: [bool; 2],
    /// An unasked event was taken for its answer.
    pub looked_alike: bool,
    /// Its own answer has arrived.
    pub arrived: bool,
}

#[derive(Debug)]
pub struct Item {
    pub gateway: usize,
    pub body: Message,
    pub kind: RequestKind,
    pub target: Target,
    pub submitted: u64,
    pub life: u32,
    pub sends: Vec<usize>,
    pub ended: Option<u64>,
    /// Its caller is gone with the gateway's memory.
    pub gone: bool,
    pub outcome: Option<Outcome>,
    /// Ended by another's frame, at each OCS.
    pub misattributed_at: [bool; 2],
}

pub struct Row {
    pub submission: Submission,
    pub submitted: u64,
    pub marks: Vec<(JournalMark, u64)>,
    pub ended: bool,
}

pub struct Gateway {
    pub machine: Requester,
    /// A snapshot that gets the same inputs (I8).
    pub copy: Option<Requester>,
    pub alive: bool,
    pub life: u32,
    /// How far its clock is ahead.
    pub ahead: u64,
    pub down_until: [u64; 2],
    pub up: [bool; 2],
    pub journal: BTreeMap<u64, Row>,
    pub echo: [EchoKnowledge; 2],
    pub next_send: u64,
    pub alarmed: BTreeSet<AppDbid>,
    /// Alarms that a restart has to be told of, and when they were cleared.
    pub forged: BTreeMap<AppDbid, Option<u64>>,
    /// Shadows that came, or may come, of what was restored.
    pub restored: usize,
    /// When each OCS was first seen to address notifications to it.
    pub notified: [Option<u64>; 2],
    pub sends: BTreeMap<SendId, usize>,
}

pub(super) enum Happening {
    Act(usize),
    Request { cause: Cause, ocs: usize, message: CommDnMessage, refuse: Option<u64> },
    Event { gateway: usize, told: usize, single: bool },
    Seen { gateway: usize, link: u32, message: CommDnMessage },
    Ack { gateway: usize, life: u32, send: SendId, code: Option<u64> },
    LinkUp { gateway: usize, link: usize },
    Boot(usize),
}
