//! From the dial attempt on: rings, outcomes, who waits for whom, talk and wrap-up.

use super::calls::{Call, CallId, Step};
use super::model::Outcome;
use super::result::CallResult;
use super::{Dialer, Event};
use crate::engine::ocs::Ocs;
use crate::engine::ocs::record::Held;
use crate::message::Pair;
use crate::protocol::lifecycle::PairState;

impl Ocs {
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
        let ports = super::is_ports(call.pool);
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
        let ports = super::is_ports(call.pool);
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

    pub(super) fn release_line(&mut self, now: u64) {
        let Some(dialer) = &mut self.dialer else { return };
        dialer.lines_used -= 1;
        if std::mem::take(&mut dialer.short_of_lines) {
            let waiting: Vec<Pair> = dialer.pools.iter().flat_map(|pool| pool.pairs.iter().copied()).collect();
            waiting.into_iter().for_each(|pair| dialer.at(now, Event::Fill(pair)));
        }
    }
}

impl Dialer {
    /// One call more, or less, that is being dialed or rings.
    pub(super) fn rings(&mut self, pair: Pair, pool: usize, seized: bool, more: bool) {
        let change = |count: &mut u64, by: u64| *count = if more { *count + by } else { *count - by };
        if let Some(runner) = self.runners.get_mut(&pair) {
            change(&mut runner.air.ringing, 1);
            change(&mut runner.air.seized, u64::from(seized));
        }
        change(&mut self.pools[pool].ringing, u64::from(!seized));
    }

    /// One call more, or less, that was answered and has no seat.
    pub(super) fn waits(&mut self, pair: Pair, pool: usize, more: bool) {
        let change = |count: &mut u64| *count = if more { *count + 1 } else { *count - 1 };
        if let Some(runner) = self.runners.get_mut(&pair) {
            change(&mut runner.air.waiting);
        }
        change(&mut self.pools[pool].answered);
    }

    pub(super) fn free_seat(&mut self, now: u64, pool: usize, seat: usize, keep_place: bool) {
        if !self.pools[pool].release(now, seat, keep_place) {
            self.gone(now, pool, seat);
        }
    }
}
