//! What becomes of the record: results, treatments, chains, and what an unload cuts off.

use super::Event;
use super::calls::{Call, CallId, Step};
use super::result::CallResult;
use crate::engine::ocs::Ocs;
use crate::engine::ocs::record::{CHAIN_UPDATED, GENERAL, READY, UPDATED};
use crate::message::Pair;
use crate::protocol::UtcSeconds;
use crate::protocol::lifecycle::PairState;

/// `record_type` of a record that a treatment has put off.
const RESCHEDULED: i32 = 3;
/// `record_type` of a record whose customer wants to be called back.
const CALL_BACK: i32 = 6;

impl Ocs {
    /// What the call came to, in the calling list.
    pub(super) fn write_back(&mut self, call: Call, result: CallResult, talked: bool) {
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
                    if record.record_type == GENERAL {
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
