//! Who is dialed next: seats and lines that are free, records whose turn it is, do-not-call, the attempt.

use super::Event;
use super::model::Outcome;
use super::pace::Manner;
use super::result::CallResult;
use crate::engine::ocs::Ocs;
use crate::engine::ocs::record::Held;
use crate::message::CustomerId;
use crate::message::Pair;
use crate::message::Phone;
use crate::protocol::UtcSeconds;
use crate::protocol::lifecycle::PairState;

/// A call: where it stands, and a number that is never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CallId {
    pub(super) slot: usize,
    pub(super) serial: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// An agent asks for a record, or reads it.
    Preview,
    /// Being dialed or ringing; comes to this outcome.
    Ringing(Outcome),
    /// Answered, and no seat is free.
    Waiting,
    Talking,
    WrapUp,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) serial: u64,
    pub(super) pair: Pair,
    pub(super) list: usize,
    pub(super) record: usize,
    pub(super) pool: usize,
    pub(super) seat: Option<usize>,
    pub(super) step: Step,
    pub(super) result: CallResult,
    /// When the step began.
    pub(super) since_ms: u64,
    /// When the talk began.
    pub(super) talk_ms: u64,
}

impl Ocs {
    /// Every campaign in line for the seats dials in its turn, until none wants to or can.
    pub(super) fn fill_pool(&mut self, now: u64, pool: usize) {
        let mut without = 0;
        loop {
            let Some(pairs) = self.dialer.as_mut().map(|dialer| &mut dialer.pools[pool].pairs) else { return };
            let Some(pair) = pairs.first().copied().filter(|_| without < pairs.len()) else { return };
            if pairs.len() > 1 {
                pairs.rotate_left(1);
            }
            if self.dial_one(now, pair, pool) { without = 0 } else { without += 1 }
        }
    }

    /// True when a call was begun.
    fn dial_one(&mut self, now: u64, pair: Pair, pool: usize) -> bool {
        let Some(runtime) = self.pairs.get(&pair).filter(|runtime| runtime.state == PairState::Running) else {
            return false;
        };
        let Some(manner) = runtime.dialing.mode.and_then(Manner::of) else { return false };
        let Some(dialer) = &mut self.dialer else { return false };
        let Some(runner) = dialer.runners.get(&pair) else { return false };
        let seats = &dialer.pools[pool];
        if !runner.pace.wants_one(manner, seats, runner.air.over(seats), dialer.model.power_per_mille) {
            return false;
        }
        if dialer.model.lines > 0 && dialer.lines_used >= dialer.model.lines {
            dialer.short_of_lines = true;
            return false;
        }
        let Some((list, record)) = self.next_record(pair) else { return false };
        let Some(dialer) = &mut self.dialer else { return false };
        let seat = if manner.seize { dialer.pools[pool].engage(now).map(|(seat, _)| seat) } else { None };
        let call = Call {
            serial: 0,
            pair,
            list,
            record,
            pool,
            seat,
            step: Step::Preview,
            result: CallResult::UNKNOWN,
            since_ms: now,
            talk_ms: now,
        };
        let id = dialer.insert(call);
        if manner.preview {
            // A push preview brings the record by itself.
            let Some(dialer) = &mut self.dialer else { return false };
            let ask = if manner.asks { dialer.model.ask.draw(&mut dialer.random) } else { 0 };
            let read = dialer.model.preview.draw(&mut dialer.random);
            dialer.at(now + ask + read, Event::Step(id));
            self.config.lists[list].records[record].take(pair, Held::Desktop);
            self.note_record(list, record);
        } else {
            self.dial(now, id);
        }
        true
    }

    /// The next record that may be dialed now, by priority; what is on a do-not-call table is marked on the way.
    fn next_record(&mut self, pair: Pair) -> Option<(usize, usize)> {
        let utc = self.utc_now();
        let priority = self.pairs.get(&pair).and_then(|runtime| runtime.priority);
        loop {
            let dialer = self.dialer.as_mut()?;
            let runner = dialer.runners.get_mut(&pair)?;
            let (books, lists, zones) = (&mut self.books, &self.config.lists, &dialer.model.zones);
            for list in &runner.lists {
                books[*list].release(utc, &lists[*list].records);
            }
            let (of_pair, first) = (&runner.lists, &mut runner.list_turn);
            let found = runner.turn.next(priority, |kind| {
                (0..of_pair.len()).find_map(|step| {
                    let at = (*first + step) % of_pair.len();
                    let list = of_pair[at];
                    let record = books[list].take(kind, &lists[list].records, utc, zones)?;
                    *first = at; // a list is worked off before the next one
                    Some((list, record))
                })
            });
            let Some((list, n)) = found else {
                self.await_due(pair, utc);
                return None;
            };
            if !self.is_forbidden(list, n) {
                return Some((list, n));
            }
            if let Some(runner) = self.dialer.as_mut().and_then(|dialer| dialer.runners.get_mut(&pair)) {
                runner.counts.do_not_call += 1;
            }
            self.config.lists[list].records[n].forbid();
            self.note_record(list, n);
            self.books[list].put_back(n, &self.config.lists[list].records);
            if self.books[list].open() == 0 {
                self.dial_soon(pair);
                self.complete_depleted();
            }
        }
    }

    /// Records that wait for their time wake the list up.
    fn await_due(&mut self, pair: Pair, utc: i64) {
        let now = self.now_ms();
        let Some(dialer) = &mut self.dialer else { return };
        let Some(runner) = dialer.runners.get(&pair) else { return };
        let wakes = runner.lists.iter().copied().filter_map(|list| Some((list, self.books[list].next_due()?)));
        // Nothing new for most calls: no list of them is made then.
        let late = |(list, due): &(usize, i64)| dialer.lists[*list].1.is_none_or(|at| at > *due);
        for (list, due) in wakes.filter(late).collect::<Vec<_>>() {
            dialer.lists[list].1 = Some(due);
            let wait = u64::try_from(due.saturating_sub(utc)).unwrap_or(0).saturating_mul(1_000).max(1);
            dialer.at(now.saturating_add(wait), Event::Due { list });
        }
    }

    /// The phone is looked at first, then the customer.
    pub(super) fn is_forbidden(&self, list: usize, n: usize) -> bool {
        if self.dnc.is_empty() {
            return false;
        }
        let list = &self.config.lists[list];
        let record = &list.records[n];
        let phone = Phone::from(record.contact_info.as_str());
        let customer = list.customer_of(record).map(CustomerId::from);
        self.dnc.check(Some(&phone), customer.as_ref()).is_some()
    }

    /// The dial attempt itself.
    pub(super) fn dial(&mut self, now: u64, id: CallId) {
        let utc = self.utc_now();
        let Some(dialer) = &mut self.dialer else { return };
        let Some(outcome) = dialer.model.outcome(&mut dialer.random) else { return };
        let ring = outcome.ring.draw(&mut dialer.random);
        let Some(call) = dialer.call_mut(id) else { return };
        (call.step, call.since_ms) = (Step::Ringing(outcome), now);
        let (pair, pool, list, n, seized) = (call.pair, call.pool, call.list, call.record, call.seat.is_some());
        dialer.lines_used += 1;
        dialer.rings(pair, pool, seized, true);
        if let Some(runner) = dialer.runners.get_mut(&pair) {
            runner.counts.dials += 1;
        }
        dialer.at(now + ring, Event::Step(id));
        let record = &mut self.config.lists[list].records[n];
        record.take(pair, Held::Call);
        record.attempt = record.attempt.saturating_add(1);
        record.call_time = Some(UtcSeconds(utc));
        self.note_record(list, n);
        if let Some(runtime) = self.pairs.get_mut(&pair) {
            runtime.dials = runtime.dials.saturating_add(1);
        }
        self.end_item_at_limit(pair);
    }
}
