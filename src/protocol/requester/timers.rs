//! What the clock is set for, so that setting and clearing cost the same however much is pending.
//!
//! Waits are of a few lengths (an answer, an unload, B and D ...), and of one length the first set is the first due. So
//! timers stand in a few rows, each ascending; the next one is at the head of a row. Who clears a timer only changes the
//! record it belongs to: an entry that its record no longer stands for is passed over at the head, or dropped by a sweep
//! that goes a few entries further whenever a timer is set.

use std::collections::{BTreeSet, VecDeque};

use crate::protocol::Time;
use crate::protocol::requester::Requester;
use crate::protocol::requester::job::Timer;

/// Most rows; what fits on none of them is kept in order by itself.
const ROWS_MAX: usize = 8;
/// Entries looked at for each that is set, while more than half are cleared.
const SWEEP_STEP: usize = 4;

pub(super) type Entry = (Time, Timer);

/// All timers, cleared ones among them.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    rows: Vec<Row>,
    rest: BTreeSet<Entry>,
    len: usize,
    /// How many may have been cleared, since the last sweep came to its end.
    cleared: usize,
    /// The row that is being swept.
    sweeping: usize,
    first: Option<Entry>,
    /// The first is known to stand.
    stands: bool,
}

/// Ascending: first what the sweep has passed, then what it has not.
#[derive(Clone, Debug, Default)]
struct Row {
    swept: VecDeque<Entry>,
    unswept: VecDeque<Entry>,
}

impl Row {
    fn first(&self) -> Option<Entry> {
        self.swept.front().or_else(|| self.unswept.front()).copied()
    }

    fn last(&self) -> Option<Entry> {
        self.unswept.back().or_else(|| self.swept.back()).copied()
    }

    fn pop(&mut self) {
        if self.swept.pop_front().is_none() {
            self.unswept.pop_front();
        }
    }
}

impl Timers {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn set(&mut self, entry: Entry) {
        self.len = self.len.saturating_add(1);
        if self.first.is_none_or(|first| entry < first) {
            (self.first, self.stands) = (Some(entry), true);
        }
        let fitting = self.rows.iter_mut().filter(|row| row.last().is_none_or(|last| last <= entry));
        if let Some(row) = fitting.max_by_key(|row| row.last()) {
            row.unswept.push_back(entry);
        } else if self.rows.len() < ROWS_MAX {
            self.rows.push(Row { swept: VecDeque::new(), unswept: VecDeque::from([entry]) });
        } else if !self.rest.insert(entry) {
            self.len = self.len.saturating_sub(1);
        }
    }

    pub(super) fn clear(&mut self, entry: Entry) {
        if self.first == Some(entry) {
            self.pop(entry);
        } else if self.rest.remove(&entry) {
            self.len = self.len.saturating_sub(1);
        } else {
            self.cleared = self.cleared.saturating_add(1);
        }
    }

    /// Takes the first out, however often it was set.
    fn pop(&mut self, first: Entry) {
        for row in &mut self.rows {
            while row.first() == Some(first) {
                row.pop();
                self.len = self.len.saturating_sub(1);
            }
        }
        if self.rest.remove(&first) {
            self.len = self.len.saturating_sub(1);
        }
        self.first = self.rows.iter().filter_map(Row::first).chain(self.rest.first().copied()).min();
        self.stands = false;
    }

    /// The next entry of the sweep, if it is worth while.
    fn take_unswept(&mut self) -> Option<(usize, Entry)> {
        if self.cleared <= self.len / 2 {
            return None;
        }
        while let Some(row) = self.rows.get_mut(self.sweeping) {
            if let Some(entry) = row.unswept.pop_front() {
                return Some((self.sweeping, entry));
            }
            std::mem::swap(&mut row.swept, &mut row.unswept);
            self.sweeping = self.sweeping.saturating_add(1);
        }
        (self.sweeping, self.cleared) = (0, 0);
        None
    }

    fn swept(&mut self, row: usize, entry: Entry, stands: bool) {
        match self.rows.get_mut(row) {
            Some(row) if stands => row.swept.push_back(entry),
            Some(_) | None => self.len = self.len.saturating_sub(1),
        }
    }
}

impl Requester {
    pub(super) fn set_timer(&mut self, due: Time, timer: Timer) {
        self.timers.set((due, timer));
        for _ in 0..SWEEP_STEP {
            let Some((row, entry)) = self.timers.take_unswept() else { return };
            let stands = self.stands_for(entry);
            self.timers.swept(row, entry, stands);
        }
    }

    /// The first that is not cleared; those before it go.
    pub(super) fn first_timer(&mut self) -> Option<Entry> {
        loop {
            let first = self.timers.first?;
            if self.timers.stands || self.stands_for(first) {
                self.timers.stands = true;
                return Some(first);
            }
            self.timers.pop(first);
            self.timers.cleared = self.timers.cleared.saturating_sub(1);
        }
    }

    /// Takes a timer that has come due.
    pub(super) fn take_timer(&mut self, due: Entry) {
        self.timers.pop(due);
    }

    /// What is first is always one that stands: [`Requester::handle`] ends with a look at it.
    pub(super) fn first_due(&self) -> Option<Time> {
        self.timers.first.map(|(due, _)| due)
    }

    /// The record that a timer is for still says so.
    fn stands_for(&self, (due, timer): Entry) -> bool {
        match timer {
            Timer::Flight(number) => self.jobs.flight(number).is_some_and(|flight| flight.due == due),
            Timer::Waiter(id) => {
                let job = self.job_of(id).and_then(|job| self.jobs.get(&job));
                job.is_some_and(|job| job.waiters.iter().any(|waiter| waiter.id == id && waiter.due == Some(due)))
            }
            Timer::Leg(job, leg) => {
                self.jobs.get(&job).and_then(|job| job.legs.get(leg)).is_some_and(|leg| leg.due == Some(due))
            }
            // Where a shadow was given more time the timer is set again when it comes due.
            Timer::Shadow(number) => self.shadows.until(number).is_some(),
            Timer::Own(send) => self.own.contains(send),
            Timer::Proofs => !self.proofs.is_empty(),
            Timer::Forged(origin) => self.forged_before.contains_key(&origin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64, number: u64) -> Entry {
        (Time::from_millis(millis), Timer::Shadow(number))
    }

    fn drain(timers: &mut Timers) -> Vec<Entry> {
        std::iter::from_fn(|| timers.first.inspect(|first| timers.pop(*first))).collect()
    }

    #[test]
    fn timers_come_in_order_whatever_the_order_of_setting() {
        let mut timers = Timers::default();
        let mut set: Vec<Entry> = (0..200).map(|number| at(number * 7_919 % 101, number)).collect();
        for entry in &set {
            timers.set(*entry);
        }
        assert_eq!(timers.len(), set.len());
        assert!(!timers.rest.is_empty(), "more orders than rows");
        set.sort_unstable();
        assert_eq!(drain(&mut timers), set);
        assert_eq!(timers.len(), 0);
    }

    #[test]
    fn a_timer_that_was_set_twice_comes_once() {
        let mut timers = Timers::default();
        for entry in [at(5, 1), at(9, 2), at(5, 1), at(5, 1)] {
            timers.set(entry);
        }
        assert_eq!(drain(&mut timers), [at(5, 1), at(9, 2)]);
    }

    #[test]
    fn waits_of_few_lengths_take_as_many_rows() {
        let mut timers = Timers::default();
        for number in 0..100 {
            for wait in [10_000, 330_000, 60_000] {
                timers.set(at(number + wait, number));
            }
        }
        assert_eq!((timers.rows.len(), timers.rest.len()), (3, 0));
    }

    #[test]
    fn what_is_cleared_does_not_pile_up() {
        let mut timers = Timers::default();
        timers.set(at(1, 0));
        for number in 1..10_000 {
            timers.set(at(number + 10, number));
            timers.clear(at(number + 10, number));
            for _ in 0..SWEEP_STEP {
                let Some((row, entry)) = timers.take_unswept() else { break };
                timers.swept(row, entry, entry == at(1, 0));
            }
        }
        assert!(timers.len() < 16, "{}", timers.len());
        assert_eq!(timers.first, Some(at(1, 0)));
    }
}
