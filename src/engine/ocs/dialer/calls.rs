//! One call after the other: taken from a list, dialed, answered or not, talked to, written back.

use super::model::Outcome;
use super::pace::Manner;
use super::result::CallResult;
use super::{Dialer, Event};
use crate::engine::ocs::Ocs;
use crate::engine::ocs::record::{CHAIN_UPDATED, Held, READY, UPDATED};
use crate::message::CustomerId;
use crate::message::Pair;
use crate::message::Phone;
use crate::protocol::UtcSeconds;
use crate::protocol::lifecycle::PairState;

/// `record_type` of a record that a treatment has put off.
const RESCHEDULED: i32 = 3;
/// `record_type` of a record whose customer wants to be called back.
const CALL_BACK: i32 = 6;

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
    since_ms: u64,
    /// When the talk began.
    talk_ms: u64,
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
            // The mode of a push preview brings the record by itself.
            let asks = runtime_asks(self.pairs.get(&pair).and_then(|runtime| runtime.dialing.mode));
            let Some(dialer) = &mut self.dialer else { return false };
            let ask = if asks { dialer.model.ask.draw(&mut dialer.random) } else { 0 };
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
        let Some(lists) = dialer.runners.get(&pair).map(|runner| runner.lists.clone()) else { return };
        for list in lists {
            let Some(due) = self.books[list].next_due() else { continue };
            if dialer.lists[list].1.is_some_and(|at| at <= due) {
                continue;
            }
            dialer.lists[list].1 = Some(due);
            let wait = u64::try_from(due.saturating_sub(utc)).unwrap_or(0).saturating_mul(1_000).max(1);
            dialer.at(now.saturating_add(wait), Event::Due { list });
        }
    }

    /// The phone is looked at first, then the customer.
    fn is_forbidden(&self, list: usize, n: usize) -> bool {
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
    fn dial(&mut self, now: u64, id: CallId) {
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

    /// The time of a step is over.
    pub(super) fn call_step(&mut self, now: u64, id: CallId) {
        let Some(call) = self.dialer.as_ref().and_then(|dialer| dialer.call(id)).copied() else { return };
        match call.step {
            Step::Preview => {
                if self.is_forbidden(call.list, call.record) {
                    self.config.lists[call.list].records[call.record].do_not_call_pending = true;
                }
                let taken_back = self.config.lists[call.list].records[call.record].is_taken_back();
                if taken_back || self.state(call.pair) != Some(PairState::Running) {
                    self.end_call(now, id, call, CallResult::UNKNOWN);
                } else {
                    self.dial(now, id);
                }
            }
            Step::Ringing(outcome) => self.outcome(now, id, call, outcome),
            Step::Waiting => {
                let dropped = self.dialer.as_ref().is_some_and(|dialer| {
                    let limit = dialer.model.drop_after_ms;
                    limit > 0 && now.saturating_sub(call.since_ms) >= limit
                });
                let Some(dialer) = &mut self.dialer else { return };
                dialer.waits(call.pair, call.pool, false);
                if let Some(runner) = dialer.runners.get_mut(&call.pair) {
                    runner.pace.learn_loss();
                    let lost = if dropped { &mut runner.counts.dropped } else { &mut runner.counts.abandoned };
                    *lost += 1;
                }
                let result = if dropped { CallResult::DROPPED } else { CallResult::ABANDONED };
                self.end_call(now, id, call, result);
            }
            Step::Talking => self.talked(now, id, call),
            Step::WrapUp => self.end_call(now, id, call, call.result),
        }
    }

    fn outcome(&mut self, now: u64, id: CallId, call: Call, outcome: Outcome) {
        let is_answer = outcome.result == CallResult::ANSWER;
        let Some(dialer) = &mut self.dialer else { return };
        dialer.rings(call.pair, call.pool, call.seat.is_some(), false);
        if let Some(runner) = dialer.runners.get_mut(&call.pair) {
            runner.counts.answers += u64::from(is_answer);
            *runner.counts.outcomes.entry(outcome.result).or_default() += 1;
            runner.pace.learn_outcome(is_answer, now.saturating_sub(call.since_ms));
        }
        if !is_answer {
            return self.end_call(now, id, call, outcome.result);
        }
        if call.seat.is_some() || self.take_seat(now, id) {
            return self.connect(now, id);
        }
        let Some(dialer) = &mut self.dialer else { return };
        let patience = dialer.model.patience.draw(&mut dialer.random);
        let limit = if dialer.model.drop_after_ms == 0 { u64::MAX } else { dialer.model.drop_after_ms };
        if let Some(call) = dialer.call_mut(id) {
            (call.step, call.since_ms) = (Step::Waiting, now);
        }
        dialer.waits(call.pair, call.pool, true);
        dialer.pools[call.pool].waiting.push_back(id);
        dialer.at(now + patience.min(limit), Event::Step(id));
    }

    /// A free seat takes the call.
    fn take_seat(&mut self, now: u64, id: CallId) -> bool {
        let Some(dialer) = &mut self.dialer else { return false };
        let Some(pool) = dialer.call(id).map(|call| call.pool) else { return false };
        let Some((seat, _)) = dialer.pools[pool].engage(now) else { return false };
        if let Some(call) = dialer.call_mut(id) {
            call.seat = Some(seat);
        }
        true
    }

    /// Free seats take the calls that wait, the oldest first.
    pub(super) fn serve_waiting(&mut self, now: u64, pool: usize) {
        loop {
            let Some(dialer) = &mut self.dialer else { return };
            let Some(id) = dialer.pools[pool].waiting.front().copied() else { return };
            let waits = dialer.call(id).is_some_and(|call| call.step == Step::Waiting);
            if waits && !self.take_seat(now, id) {
                return;
            }
            let Some(dialer) = &mut self.dialer else { return };
            dialer.pools[pool].waiting.pop_front();
            if !waits {
                continue; // it has ended meanwhile
            }
            if let Some(pair) = dialer.call(id).map(|call| call.pair) {
                dialer.waits(pair, pool, false);
            }
            self.connect(now, id);
        }
    }

    /// Customer and agent, or IVR, have each other.
    fn connect(&mut self, now: u64, id: CallId) {
        let Some(dialer) = &mut self.dialer else { return };
        let Some(call) = dialer.call(id).copied() else { return };
        let Some(seat) = call.seat else { return };
        let ports = call.pool % 2 == 1;
        let talk = if ports { dialer.model.ivr } else { dialer.model.talk };
        let talk = talk.draw(&mut dialer.random);
        let waited = dialer.pools[call.pool].waited(now, seat);
        dialer.pools[call.pool].talk(now);
        if let Some(call) = dialer.call_mut(id) {
            (call.step, call.since_ms, call.talk_ms) = (Step::Talking, now, now);
        }
        if let Some(runner) = dialer.runners.get_mut(&call.pair) {
            runner.counts.contacts += 1;
            runner.pace.learn_wait(waited);
        }
        dialer.at(now + talk, Event::Step(id));
        if !ports {
            let record = &mut self.config.lists[call.list].records[call.record];
            record.held = Some(Held::Desktop);
            record.agent_id = Some(format!("{}-{:03}", call.pair.group, seat + 1));
            self.note_record(call.list, call.record);
        }
        if let Some(runtime) = self.pairs.get_mut(&call.pair) {
            runtime.contacts = runtime.contacts.saturating_add(1);
        }
        self.end_item_at_limit(call.pair);
    }

    /// They have said good-bye; the agent has something to do yet.
    fn talked(&mut self, now: u64, id: CallId, call: Call) {
        let Some(dialer) = &mut self.dialer else { return };
        let (model, random) = (&dialer.model, &mut dialer.random);
        let result = if random.per_mille(model.transferred_per_mille) {
            CallResult::TRANSFERRED
        } else if random.per_mille(model.wrong_party_per_mille) {
            CallResult::WRONG_PARTY
        } else {
            CallResult::ANSWER
        };
        let ports = call.pool % 2 == 1;
        if ports {
            return self.end_call(now, id, call, result);
        }
        let wrap_up = model.wrap_up.draw(random);
        if let Some(call) = dialer.call_mut(id) {
            (call.step, call.since_ms, call.result) = (Step::WrapUp, now, result);
        }
        dialer.at(now + wrap_up, Event::Step(id));
        self.release_line(now);
        self.call_ended(call.pair);
    }

    /// A call is over: line and seat are free, the record goes back, and others may dial.
    fn end_call(&mut self, now: u64, id: CallId, call: Call, result: CallResult) {
        let talked = matches!(call.step, Step::Talking | Step::WrapUp);
        let Some(dialer) = &mut self.dialer else { return };
        if dialer.remove(now, id).is_none() {
            return;
        }
        if talked {
            let took = now.saturating_sub(call.talk_ms);
            dialer.pools[call.pool].talked(now, took);
            if let Some(runner) = dialer.runners.get_mut(&call.pair) {
                runner.counts.talk_ms += took;
            }
        }
        if let Some(seat) = call.seat {
            dialer.free_seat(now, call.pool, seat, !talked);
        }
        if !matches!(call.step, Step::Preview | Step::WrapUp) {
            self.release_line(now);
            self.call_ended(call.pair);
        }
        self.write_back(call, result, talked);
        self.serve_waiting(now, call.pool);
        self.fill_pool(now, call.pool);
        self.drain(call.pair);
    }

    fn release_line(&mut self, now: u64) {
        let Some(dialer) = &mut self.dialer else { return };
        dialer.lines_used -= 1;
        if std::mem::take(&mut dialer.short_of_lines) {
            let waiting: Vec<Pair> = dialer.pools.iter().flat_map(|pool| pool.pairs.iter().copied()).collect();
            waiting.into_iter().for_each(|pair| dialer.at(now, Event::Fill(pair)));
        }
    }

    /// What the call came to, in the calling list.
    fn write_back(&mut self, call: Call, result: CallResult, talked: bool) {
        let Call { list, record: n, .. } = call;
        let utc = self.utc_now();
        let Some(dialer) = &mut self.dialer else { return };
        let (model, random) = (&dialer.model, &mut dialer.random);
        let record = &mut self.config.lists[list].records[n];
        let taken_back = record.is_taken_back();
        let mut chain_is_done = false;
        if taken_back {
            // Cancelled while it was in hands: it stays what it is.
        } else if talked && result != CallResult::WRONG_PARTY {
            let wish = result == CallResult::ANSWER && random.per_mille(model.call_back_per_mille);
            record.call_result = result.0;
            if wish {
                let after = i64::try_from(model.call_back_after.draw(random) / 1_000).unwrap_or(i64::MAX);
                (record.record_type, record.record_status) = (CALL_BACK, READY);
                record.dial_sched_time = Some(UtcSeconds(utc.saturating_add(after)));
            } else {
                record.record_status = UPDATED;
                chain_is_done = true;
            }
        } else if call.step == Step::Preview {
            record.record_status = READY;
        } else {
            record.call_result = result.0;
            match model.treatments.get(&result).filter(|treatment| record.attempt < treatment.attempts) {
                Some(treatment) => {
                    let after = i64::try_from(treatment.after_ms / 1_000).unwrap_or(i64::MAX);
                    record.record_status = READY;
                    if record.record_type == crate::engine::ocs::record::GENERAL {
                        record.record_type = RESCHEDULED;
                    }
                    record.dial_sched_time = Some(UtcSeconds(utc.saturating_add(after)));
                }
                None => record.record_status = UPDATED,
            }
        }
        record.come_back();
        self.note_record(list, n);
        if chain_is_done {
            self.close_chain(list, n);
        }
        self.books[list].put_back(n, &self.config.lists[list].records);
        if self.books[list].open() == 0 {
            self.complete_depleted();
        }
    }

    /// Somebody of the chain was reached: its other records are done, too.
    fn close_chain(&mut self, list: usize, n: usize) {
        for at in self.books[list].chain(n).to_vec() {
            let record = &mut self.config.lists[list].records[at];
            if !record.is_final() && record.held.is_none() {
                record.record_status = CHAIN_UPDATED;
                self.note_record(list, at);
            }
        }
    }

    /// A record that nobody has in hand any more and with which nothing was done.
    pub(super) fn give_back(&mut self, list: usize, n: usize) {
        let record = &mut self.config.lists[list].records[n];
        if !record.is_taken_back() {
            record.record_status = READY;
        }
        record.come_back();
        self.note_record(list, n);
    }

    /// An unload cuts off what has not reached an agent; who talks goes on talking.
    pub(super) fn cut_calls(&mut self, pair: Pair) {
        let now = self.now_ms();
        let Some(dialer) = &self.dialer else { return };
        let slots = dialer.runners.get(&pair).map(|runner| runner.calls.clone()).unwrap_or_default();
        for slot in slots {
            let Some(dialer) = &mut self.dialer else { return };
            let Some(call) = dialer.calls.get(slot).and_then(|call| *call) else { continue };
            let cut = match call.step {
                Step::Talking | Step::WrapUp => continue,
                Step::Preview => (0, 0),
                Step::Ringing(_) => {
                    dialer.rings(pair, call.pool, call.seat.is_some(), false);
                    (1, 0)
                }
                Step::Waiting => {
                    dialer.waits(pair, call.pool, false);
                    (0, 1)
                }
            };
            if let Some(runner) = dialer.runners.get_mut(&pair) {
                runner.counts.cut += cut.0;
                runner.counts.answers_cut += cut.1;
            }
            dialer.remove(now, CallId { slot, serial: call.serial });
            if let Some(seat) = call.seat {
                dialer.free_seat(now, call.pool, seat, true);
            }
            if call.step != Step::Preview {
                self.release_line(now);
            }
            self.give_back(call.list, call.record);
            self.books[call.list].put_back(call.record, &self.config.lists[call.list].records);
            self.dial_soon_from(call.list);
        }
    }

    /// Whoever dials from a list may find something in it.
    fn dial_soon_from(&mut self, list: usize) {
        let now = self.now_ms();
        let Some(dialer) = &mut self.dialer else { return };
        for pair in dialer.lists[list].0.clone() {
            let is_running = self.pairs.get(&pair).is_some_and(|runtime| runtime.state == PairState::Running);
            if is_running {
                dialer.at(now, Event::Fill(pair));
            }
        }
    }
}

/// In preview the agent asks for the record; in push preview it comes.
fn runtime_asks(mode: Option<crate::message::DialMode>) -> bool {
    mode == Some(crate::message::DialMode::PREVIEW)
}

impl Dialer {
    /// One call more, or less, that is being dialed or rings.
    fn rings(&mut self, pair: Pair, pool: usize, seized: bool, more: bool) {
        let change = |count: &mut u64, by: u64| *count = if more { *count + by } else { *count - by };
        if let Some(runner) = self.runners.get_mut(&pair) {
            change(&mut runner.air.ringing, 1);
            change(&mut runner.air.seized, u64::from(seized));
        }
        change(&mut self.pools[pool].ringing, u64::from(!seized));
    }

    /// One call more, or less, that was answered and has no seat.
    fn waits(&mut self, pair: Pair, pool: usize, more: bool) {
        let change = |count: &mut u64| *count = if more { *count + 1 } else { *count - 1 };
        if let Some(runner) = self.runners.get_mut(&pair) {
            change(&mut runner.air.waiting);
        }
        change(&mut self.pools[pool].answered);
    }

    fn free_seat(&mut self, now: u64, pool: usize, seat: usize, keep_place: bool) {
        if !self.pools[pool].release(now, seat, keep_place) {
            self.gone(now, pool, seat);
        }
    }
}
