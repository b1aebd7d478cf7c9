//! Where the rest of the OCS meets dialing: states change, records change, time passes.

use super::pace::{ADJUST_MS, Manner};
use super::seats::SeatState;
use super::{Book, Dialer, Event};
use crate::engine::ocs::record::{READY, RETRIEVED, Record};
use crate::engine::ocs::{Ocs, Output, RecordChange};
use crate::message::Pair;
use crate::protocol::lifecycle::PairState;

impl Ocs {
    /// Milliseconds since the start, as dialing counts.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.now.0.as_millis()).unwrap_or(u64::MAX)
    }

    /// The index of the lists is made anew.
    pub(in crate::engine::ocs) fn index_lists(&mut self) {
        self.books = self.config.lists.iter().map(Book::new).collect();
        let Some(dialer) = &self.dialer else { return };
        for call in dialer.calls.iter().flatten() {
            self.books[call.list].mark_out(call.record);
        }
        for (book, list) in self.books.iter_mut().zip(&self.config.lists) {
            book.fill(&list.records);
        }
    }

    /// The records that dialing has in hand, before their lists are read again.
    pub(in crate::engine::ocs) fn records_in_hand(&self) -> Vec<(usize, Record)> {
        let calls = self.dialer.iter().flat_map(|dialer| dialer.calls.iter().enumerate());
        let in_hand = calls.filter_map(|(slot, call)| {
            let call = call.as_ref()?;
            Some((slot, self.config.lists.get(call.list)?.records.get(call.record)?.clone()))
        });
        in_hand.collect()
    }

    /// Lists have been read: calls find their records by their ids, and what is new can be dialed. A record in hand
    /// stays what it is here, whatever was read, until it has been written back.
    pub(in crate::engine::ocs) fn lists_renewed(&mut self, in_hand: Vec<(usize, Record)>) {
        let now = self.now_ms();
        if let Some(dialer) = &mut self.dialer {
            for (slot, record) in &in_hand {
                let Some(call) = dialer.calls[*slot].as_ref() else { continue };
                let records = &mut self.config.lists[call.list].records;
                match records.binary_search_by_key(&record.record_id, |known| known.record_id) {
                    Ok(at) => records[at].clone_from(record),
                    Err(at) => records.insert(at, record.clone()),
                }
            }
            for (slot, record) in &in_hand {
                let Some(call) = dialer.calls[*slot].as_mut() else { continue };
                let records = &self.config.lists[call.list].records;
                let place = records.binary_search_by_key(&record.record_id, |known| known.record_id);
                call.record = place.unwrap_or(call.record);
            }
            dialer.know_lists(&self.config);
            for pair in self.pairs.iter().filter(|(_, it)| it.state == PairState::Running).map(|(pair, _)| *pair) {
                dialer.at(now, Event::Fill(pair));
            }
        }
        self.index_lists();
    }

    /// Something became of a record: it is counted, and told to whoever keeps the list.
    pub(in crate::engine::ocs) fn note_record(&mut self, list: usize, n: usize) {
        let Some(record) = self.config.lists.get(list).and_then(|list| list.records.get(n)) else { return };
        if let Some(book) = self.books.get_mut(list) {
            book.count(n, record);
        }
        self.outbox.push(Output::Record(RecordChange::of(list, n, record)));
    }

    /// A record that was in other hands may be dialed again.
    pub(in crate::engine::ocs) fn queue_record(&mut self, list: usize, n: usize) {
        let Some(dialer) = &mut self.dialer else { return };
        let Some(record) = self.config.lists.get_mut(list).and_then(|list| list.records.get_mut(n)) else { return };
        if record.record_status == RETRIEVED {
            record.record_status = READY;
        }
        let now = u64::try_from(self.now.0.as_millis()).unwrap_or(u64::MAX);
        self.books[list].put_back(n, &self.config.lists[list].records);
        for pair in dialer.lists[list].0.clone() {
            dialer.at(now, Event::Fill(pair));
        }
    }

    /// A request may have changed how a campaign dials.
    pub(in crate::engine::ocs) fn dial_soon(&mut self, pair: Pair) {
        let now = self.now_ms();
        if let Some(dialer) = self.dialer.as_mut().filter(|dialer| dialer.runners.contains_key(&pair)) {
            dialer.at(now, Event::Fill(pair));
        }
    }

    /// A pair has another state.
    pub(in crate::engine::ocs) fn dialing_changed(&mut self, pair: Pair, before: PairState, next: PairState) {
        let now = self.now_ms();
        let Some(dialer) = &mut self.dialer else { return };
        let Some(runner) = dialer.runners.get_mut(&pair) else { return };
        if before == PairState::Running {
            runner.run += 1;
            if let Some(pool) = runner.pool.take() {
                dialer.leave_pool(now, pair, pool);
            }
        }
        if before == PairState::NotLoaded {
            dialer.forget_pace(pair);
        }
        if next == PairState::Running {
            dialer.at(now, Event::Fill(pair));
        }
        if next == PairState::NotLoaded {
            self.cut_calls(pair);
        }
    }

    /// OCS starts anew: it knows of no call any more, and takes back what it had retrieved.
    pub(in crate::engine::ocs) fn dialing_restarted(&mut self) {
        let Some(dialer) = &self.dialer else { return };
        let held: Vec<(usize, usize)> = dialer.calls.iter().flatten().map(|call| (call.list, call.record)).collect();
        let counts: Vec<_> = dialer.runners.keys().map(|pair| (*pair, self.pair_counts(*pair))).collect();
        let Some(before) = &self.dialer else { return };
        let mut dialer = Dialer::new(before.model.clone(), &self.config);
        dialer.random = before.random.clone();
        for (pair, mut counts) in counts {
            // What was under way is cut.
            counts.cut += std::mem::take(&mut counts.ringing);
            counts.answers_cut += std::mem::take(&mut counts.waiting);
            if let Some(runner) = dialer.runners.get_mut(&pair) {
                runner.counts = counts;
            }
        }
        self.dialer = Some(Box::new(dialer));
        for (list, n) in held {
            self.give_back(list, n);
        }
        self.index_lists();
    }

    /// One event that is due.
    pub(in crate::engine::ocs) fn dial_event(&mut self) {
        let now = self.now_ms();
        let Some(event) = self.dialer.as_mut().and_then(|dialer| dialer.pop()) else { return };
        match event {
            Event::Fill(pair) => self.fill_pair(now, pair),
            Event::Step(id) => self.call_step(now, id),
            Event::Login { pool, seat, epoch } => {
                let Some(dialer) = &mut self.dialer else { return };
                if dialer.login(now, pool, seat, epoch) {
                    self.serve_waiting(now, pool);
                    self.fill_pool(now, pool);
                }
            }
            Event::Logout { pool, seat, epoch } => {
                if let Some(dialer) = &mut self.dialer {
                    dialer.logout(now, pool, seat, epoch);
                }
            }
            Event::Due { list } => {
                let utc = self.utc_now();
                let Some(dialer) = &mut self.dialer else { return };
                dialer.lists[list].1 = None;
                let pairs = dialer.lists[list].0.clone();
                self.books[list].release(utc, &self.config.lists[list].records);
                pairs.into_iter().for_each(|pair| self.fill_pair(now, pair));
            }
            Event::Steer { pair, run } => self.steer(now, pair, run),
        }
    }

    fn steer(&mut self, now: u64, pair: Pair, run: u32) {
        let Some(dialing) = self.pairs.get(&pair).map(|runtime| runtime.dialing) else { return };
        let Some(dialer) = &mut self.dialer else { return };
        let Some(runner) = dialer.runners.get_mut(&pair).filter(|runner| runner.run == run) else { return };
        let Some(pool) = runner.pool else { return };
        if !dialing.mode.and_then(Manner::of).is_some_and(Manner::is_steered) {
            runner.steered = None;
            return;
        }
        let (busy_ms, present_ms) = dialer.pools[pool].take_times(now);
        runner.pace.steer(dialing, busy_ms, present_ms);
        dialer.at(now + ADJUST_MS, Event::Steer { pair, run });
        self.fill_pool(now, pool);
    }

    /// A running campaign takes its place in line for the seats of its mode, and dials.
    fn fill_pair(&mut self, now: u64, pair: Pair) {
        let running = self.pairs.get(&pair).filter(|runtime| runtime.state == PairState::Running);
        let Some(manner) = running.and_then(|runtime| runtime.dialing.mode).and_then(Manner::of) else { return };
        let Some(dialer) = &mut self.dialer else { return };
        let Some(group) = dialer.groups.get(&pair.group).copied() else { return };
        let pool = group + usize::from(manner.ports);
        let Some(runner) = dialer.runners.get_mut(&pair) else { return };
        let run = runner.run;
        let steers = manner.is_steered() && runner.steered.replace(run) != Some(run);
        let before = runner.pool.replace(pool);
        if steers {
            dialer.at(now + ADJUST_MS, Event::Steer { pair, run });
        }
        if before != Some(pool) {
            if let Some(before) = before {
                dialer.leave_pool(now, pair, before);
            }
            dialer.join_pool(now, pair, pool);
        }
        self.fill_pool(now, pool);
    }
}

impl Dialer {
    fn forget_pace(&mut self, pair: Pair) {
        if let Some(runner) = self.runners.get_mut(&pair) {
            (runner.pace, runner.turn) = Default::default();
        }
    }

    fn staff_of(&self, pool: usize) -> super::Staff {
        self.staff.get(pool / 2).copied().unwrap_or_default()
    }

    /// The first campaign calls the seats to work.
    fn join_pool(&mut self, now: u64, pair: Pair, at: usize) {
        let staff = self.staff_of(at);
        let pool = &mut self.pools[at];
        pool.pairs.push(pair);
        if std::mem::replace(&mut pool.staffed, true) {
            return;
        }
        pool.epoch += 1;
        let (epoch, seats, ports) = (pool.epoch, pool.len(), super::is_ports(at));
        for seat in 0..seats {
            if self.pools[at].state(seat) == SeatState::Out {
                let arrive = if ports { 0 } else { staff.arrive.draw(&mut self.random) };
                self.at(now + arrive, Event::Login { pool: at, seat, epoch });
            } else if let Some(stint) = self.stint(at, &staff) {
                self.at(now + stint, Event::Logout { pool: at, seat, epoch }); // still busy with a call of before
            }
        }
    }

    /// With the last campaign and its last call the seats go home.
    fn leave_pool(&mut self, now: u64, pair: Pair, at: usize) {
        self.pools[at].pairs.retain(|known| *known != pair);
        self.close_pool(now, at);
    }

    pub(super) fn close_pool(&mut self, now: u64, at: usize) {
        let pool = &mut self.pools[at];
        if pool.staffed && pool.pairs.is_empty() && pool.calls == 0 {
            pool.dismiss(now);
        }
    }

    /// How long a seat stays; ports stay for good.
    fn stint(&mut self, pool: usize, staff: &super::Staff) -> Option<u64> {
        let stint = staff.stint.draw(&mut self.random);
        (!super::is_ports(pool) && stint > 0).then_some(stint)
    }

    fn login(&mut self, now: u64, pool: usize, seat: usize, epoch: u32) -> bool {
        let known = &mut self.pools[pool];
        if known.epoch != epoch || !known.staffed || !known.login(now, seat) {
            return false;
        }
        let staff = self.staff_of(pool);
        if let Some(stint) = self.stint(pool, &staff) {
            self.at(now + stint, Event::Logout { pool, seat, epoch });
        }
        true
    }

    fn logout(&mut self, now: u64, pool: usize, seat: usize, epoch: u32) {
        let known = &mut self.pools[pool];
        if known.epoch == epoch && known.logout(now, seat) {
            self.gone(now, pool, seat);
        }
    }

    /// A seat has gone for its pause.
    pub(super) fn gone(&mut self, now: u64, pool: usize, seat: usize) {
        if !self.pools[pool].staffed {
            return;
        }
        let (epoch, staff) = (self.pools[pool].epoch, self.staff_of(pool));
        let pause = staff.pause.draw(&mut self.random);
        self.at(now + pause, Event::Login { pool, seat, epoch });
    }
}
