//! Dialing: records become calls, calls become results (specification 5.1 to 5.11).
//!
//! Everything happens by events of one queue, in the order of time; what one event costs does not grow with records
//! or agents but by a logarithm. Integers only: the same seed gives the same calls on any machine.
//!
//! ```text
//!            record taken                    answered                 seat free
//! (list) ------------------> Ringing ----------------------> Waiting ------------> Talking --> WrapUp --> (list)
//!    \--> Asking --> Preview --^ |  busy, no answer, SIT ...    | patience ends     (ports: no wrap-up)
//!                                v                              v
//!                              (list: treated, next of the chain, or final)
//! ```

mod book;
mod calls;
mod counts;
mod hooks;
mod kind;
mod model;
mod pace;
pub mod random;
mod result;
mod seats;
mod talk;
#[cfg(test)]
mod tests;
mod write_back;
mod zone;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

pub(in crate::engine::ocs) use book::Book;
pub use counts::{CampaignCounts, PairCounts};
pub use model::{DialModel, Outcome, Span, Staff, Treatment, millis_from_word};
pub use result::CallResult;
pub use zone::{Zone, Zones};

use crate::engine::ocs::config::OcsConfig;
use crate::message::GroupDbid;
use crate::message::Pair;
use crate::protocol::Time;
use calls::{Call, CallId};
use kind::Turn;
use pace::Pace;
use random::Random;
use seats::Pool;

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A campaign may dial.
    Fill(Pair),
    /// The next step of a call.
    Step(CallId),
    /// A seat comes.
    Login { pool: usize, seat: usize, epoch: u32 },
    /// A seat goes.
    Logout { pool: usize, seat: usize, epoch: u32 },
    /// Records that waited for their time are due.
    Due { list: usize },
    /// The pace of a campaign is looked at.
    Steer { pair: Pair, run: u32 },
}

/// What dialing knows of a campaign on a group.
#[derive(Clone, Debug, Default)]
struct Runner {
    /// Counts starts, so that the timers of an earlier run mean nothing.
    run: u32,
    /// The start for which its pace is being looked at.
    steered: Option<u32>,
    /// Its enabled lists, and the one whose turn it is.
    lists: Vec<usize>,
    list_turn: usize,
    /// Where it stands in line for seats, while it runs.
    pool: Option<usize>,
    turn: Turn,
    pace: Pace,
    calls: BTreeSet<usize>,
    air: pace::InTheAir,
    counts: PairCounts,
}

/// Everything that dialing has in hand.
#[derive(Clone, Debug)]
pub(in crate::engine::ocs) struct Dialer {
    model: DialModel,
    random: Random,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    serial: u64,
    calls: Vec<Option<Call>>,
    free: Vec<usize>,
    runners: BTreeMap<Pair, Runner>,
    /// Two a group: agents, ports.
    pools: Vec<Pool>,
    staff: Vec<Staff>,
    groups: BTreeMap<GroupDbid, usize>,
    /// For each list: who dials from it, and the moment (UTC) for which it has an event.
    lists: Vec<(Vec<Pair>, Option<i64>)>,
    lines_used: u32,
    /// Somebody wanted a line and there was none.
    short_of_lines: bool,
}

impl Dialer {
    pub(in crate::engine::ocs) fn new(model: DialModel, config: &OcsConfig) -> Self {
        let (mut groups, mut pools, mut all_staff) = (BTreeMap::new(), Vec::new(), Vec::new());
        for group in &config.groups {
            groups.insert(group.dbid, pools.len());
            let staff = model.staff.get(&group.dbid).copied().unwrap_or_default();
            all_staff.push(staff);
            pools.push(Pool::new(staff.agents, model.talk.mean() + model.wrap_up.mean()));
            pools.push(Pool::new(staff.ports, model.ivr.mean()));
        }
        let runners = config.pairs.iter().map(|pair| (pair.pair, Runner::default())).collect();
        let random = Random::new(model.seed ^ config.seed.rotate_left(32));
        let mut dialer = Self {
            model,
            random,
            events: BinaryHeap::new(),
            serial: 0,
            calls: Vec::new(),
            free: Vec::new(),
            runners,
            pools,
            staff: all_staff,
            groups,
            lists: Vec::new(),
            lines_used: 0,
            short_of_lines: false,
        };
        dialer.know_lists(config);
        dialer
    }

    /// Who dials from which list.
    fn know_lists(&mut self, config: &OcsConfig) {
        self.lists = vec![(Vec::new(), None); config.lists.len()];
        for (pair, runner) in &mut self.runners {
            runner.lists = config.lists_of(pair.campaign).collect();
            runner.list_turn = 0;
            for list in &runner.lists {
                self.lists[*list].0.push(*pair);
            }
        }
    }

    fn at(&mut self, due: u64, event: Event) {
        self.serial += 1;
        self.events.push(Reverse((due, self.serial, event)));
    }

    /// When the next event is due.
    pub(in crate::engine::ocs) fn next_due(&self) -> Option<Time> {
        self.events.peek().map(|Reverse((due, _, _))| Time::from_millis(*due))
    }

    fn pop(&mut self) -> Option<Event> {
        self.events.pop().map(|Reverse((_, _, event))| event)
    }

    fn call(&self, id: CallId) -> Option<&Call> {
        self.calls.get(id.slot)?.as_ref().filter(|call| call.serial == id.serial)
    }

    fn call_mut(&mut self, id: CallId) -> Option<&mut Call> {
        self.calls.get_mut(id.slot)?.as_mut().filter(|call| call.serial == id.serial)
    }

    fn insert(&mut self, mut call: Call) -> CallId {
        self.serial += 1;
        let serial = self.serial;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.calls.push(None);
            self.calls.len() - 1
        });
        if let Some(runner) = self.runners.get_mut(&call.pair) {
            runner.calls.insert(slot);
        }
        self.pools[call.pool].calls += 1;
        call.serial = serial;
        self.calls[slot] = Some(call);
        CallId { slot, serial }
    }

    fn remove(&mut self, now: u64, id: CallId) -> Option<Call> {
        self.call(id)?;
        let call = self.calls[id.slot].take()?;
        self.free.push(id.slot);
        if let Some(runner) = self.runners.get_mut(&call.pair) {
            runner.calls.remove(&id.slot);
        }
        self.pools[call.pool].calls -= 1;
        self.close_pool(now, call.pool);
        Some(call)
    }
}

/// Pools come in pairs: the agents of a group, then its ports.
fn is_ports(pool: usize) -> bool {
    !pool.is_multiple_of(2)
}
