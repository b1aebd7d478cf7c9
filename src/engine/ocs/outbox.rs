//! What an OCS gives back, now or at a due time.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::engine::ocs::dialer::random::Random;
use crate::engine::ocs::record::RecordChange;
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::CustomerId;
use crate::message::Phone;
use crate::message::Warning;
use crate::protocol::Time;
use crate::protocol::UtcSeconds;
use crate::protocol::profile::Rows;
use crate::protocol::responder::Ignored;

/// Most outputs that wait for their time; beyond it answers leave without their delay.
pub const WAITING_MAX: usize = 65_536;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a user event on a DN.
    Send {
        /// The CommDN.
        dn: String,
        /// The message.
        message: Box<CommDnMessage>,
    },
    /// A line of the OCS log.
    Trace {
        /// Its number: 52000 to 52004.
        number: u32,
        /// Its level, `Trc`.
        level: &'static str,
        /// `Campaign Group <campaign>@<group> has been <state>`.
        text: String,
    },
    /// A new row of the do-not-call table. It comes before the answer, so that the host can keep it first.
    DncAdded {
        /// The phone.
        phone: Option<Phone>,
        /// The customer.
        customer: Option<CustomerId>,
        /// When.
        at: UtcSeconds,
    },
    /// A row of a calling list is another now. It comes before the answer, so that the host can keep it first.
    Record(RecordChange),
    /// A campaign is about to be loaded: the next input is to be [`super::Input::Lists`] with these lists.
    ReadLists {
        /// Their names.
        lists: Vec<String>,
    },
    /// A user event was ignored.
    Ignored(Ignored),
    /// A request was read with a tolerance.
    Warned {
        /// Who sent it.
        origin: AppDbid,
        /// The tolerance.
        warning: Warning,
    },
}

/// The queue of outputs. Equal times keep their order.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    ready: VecDeque<Output>,
    waiting: BTreeMap<(Time, u64), Output>,
    serial: u64,
    random: Random,
}

impl Outbox {
    pub(super) fn new(seed: u64) -> Self {
        Self { ready: VecDeque::new(), waiting: BTreeMap::new(), serial: 0, random: Random::new(seed) }
    }

    pub(super) fn push(&mut self, output: Output) {
        self.ready.push_back(output);
    }

    pub(super) fn push_at(&mut self, now: Time, due: Time, output: Output) {
        if due <= now || self.waiting.len() >= WAITING_MAX {
            return self.push(output);
        }
        self.serial += 1;
        self.waiting.insert((due, self.serial), output);
    }

    /// Moves what is due to the front, and gives the next one of the front.
    pub(super) fn release(&mut self, now: Time) {
        while let Some(entry) = self.waiting.first_entry() {
            if entry.key().0 > now {
                return;
            }
            self.ready.push_back(entry.remove());
        }
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.ready.pop_front()
    }

    pub(super) fn next_due(&self) -> Option<Time> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }

    /// Forgets what was not sent yet.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// How much later the next answer leaves, by the switches.
    pub(super) fn delay(&mut self, rows: &Rows) -> Duration {
        let spread = u64::from(rows.answer_spread_ms);
        let more = if spread == 0 { 0 } else { self.random.next() % (spread + 1) };
        Duration::from_millis(u64::from(rows.answer_delay_ms) + more)
    }
}
