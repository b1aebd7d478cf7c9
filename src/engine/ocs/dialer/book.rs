//! The index of a calling list: which chains can be dialed now, which later, and how many records are open.
//!
//! A chain is one customer: at any time one of its records at most is queued or in somebody's hands.
//!
//! ```text
//! Idle --put back--> Ready --taken--> Out --put back--> Idle
//!                    ^   |  not yet
//!               due  |   v
//!                    Later
//! ```

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::kind::Kind;
use super::zone::Zones;
use crate::engine::ocs::record::{CallingList, Record};
use crate::message::GroupDbid;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nothing to dial, or its record is in other hands.
    Idle,
    Ready,
    Later,
    Out,
}

#[derive(Clone, Debug)]
struct Chain {
    /// Where its records stand in `order`.
    start: usize,
    end: usize,
    place: Place,
}

/// The lowest first.
type Queue = BinaryHeap<Reverse<(i64, usize)>>;

/// The index of one calling list.
#[derive(Clone, Debug, Default)]
pub(in crate::engine::ocs) struct Book {
    /// Indices of records, chain by chain.
    order: Vec<usize>,
    /// The chain of each record.
    chain_of: Vec<usize>,
    /// In the order of their first records in the list.
    chains: Vec<Chain>,
    ready: [Queue; 3],
    later: Queue,
    /// What was counted of each record.
    counted: Vec<(bool, Option<GroupDbid>)>,
    open: usize,
    held: BTreeMap<GroupDbid, usize>,
}

impl Book {
    pub(in crate::engine::ocs) fn new(list: &CallingList) -> Self {
        let records = &list.records;
        let mut order: Vec<usize> = (0..records.len()).collect();
        order.sort_by_key(|n| (records[*n].chain_id, records[*n].chain_n, *n));
        let mut chains: Vec<Chain> = Vec::new();
        for (at, n) in order.iter().enumerate() {
            match chains.last_mut() {
                Some(chain) if records[order[chain.start]].chain_id == records[*n].chain_id => chain.end = at + 1,
                _ => chains.push(Chain { start: at, end: at + 1, place: Place::Idle }),
            }
        }
        chains.sort_by_key(|chain| order[chain.start..chain.end].iter().min().copied());
        let mut chain_of = vec![0; records.len()];
        for (number, chain) in chains.iter().enumerate() {
            for n in &order[chain.start..chain.end] {
                chain_of[*n] = number;
            }
        }
        let counted = vec![(false, None); records.len()];
        let mut book = Self { order, chain_of, chains, counted, ..Self::default() };
        for (n, record) in records.iter().enumerate() {
            book.count(n, record);
        }
        book
    }

    /// Takes note of what has become of a record.
    pub(in crate::engine::ocs) fn count(&mut self, n: usize, record: &Record) {
        let now = (!record.is_final(), record.held.and(record.group_id));
        let Some(before) = self.counted.get_mut(n).map(|counted| std::mem::replace(counted, now)) else { return };
        self.open = self.open + usize::from(now.0) - usize::from(before.0);
        if before.1 != now.1 {
            if let Some(left) = before.1.and_then(|group| self.held.get_mut(&group)) {
                *left -= 1;
            }
            if let Some(group) = now.1 {
                *self.held.entry(group).or_default() += 1;
            }
        }
    }

    /// Records that are not final.
    pub(in crate::engine::ocs) fn open(&self) -> usize {
        self.open
    }

    /// Records in the hands of a group.
    pub(in crate::engine::ocs) fn held_by(&self, group: GroupDbid) -> usize {
        self.held.get(&group).copied().unwrap_or(0)
    }

    /// Dialing has this record in hand already.
    pub(super) fn mark_out(&mut self, n: usize) {
        if let Some(chain) = self.chain_of.get(n).copied() {
            self.chains[chain].place = Place::Out;
        }
    }

    /// True when dialing has a record of this chain in hand.
    pub(in crate::engine::ocs) fn is_out(&self, n: usize) -> bool {
        let chain = self.chain_of.get(n).and_then(|chain| self.chains.get(*chain));
        chain.is_some_and(|chain| chain.place == Place::Out)
    }

    /// The records of a record's chain, in its order.
    pub(super) fn chain(&self, n: usize) -> &[usize] {
        let chain = self.chain_of.get(n).and_then(|chain| self.chains.get(*chain));
        chain.map_or(&[], |chain| &self.order[chain.start..chain.end])
    }

    /// Queues every chain that is not queued yet and not out.
    pub(super) fn fill(&mut self, records: &[Record]) {
        for chain in 0..self.chains.len() {
            self.queue(chain, records);
        }
    }

    /// A record comes back, or may be dialed again: its chain is queued.
    pub(super) fn put_back(&mut self, n: usize, records: &[Record]) {
        let Some(chain) = self.chain_of.get(n).copied() else { return };
        if self.chains[chain].place == Place::Out {
            self.chains[chain].place = Place::Idle;
        }
        self.queue(chain, records);
    }

    /// The first record of a chain that is not final, unless somebody has one of the chain.
    fn head(&self, chain: usize, records: &[Record]) -> Option<usize> {
        let Chain { start, end, .. } = self.chains[chain];
        let chain = &self.order[start..end];
        let head = chain.iter().copied().find(|n| !records[*n].is_final())?;
        chain.iter().all(|n| records[*n].held.is_none()).then_some(head)
    }

    fn queue(&mut self, chain: usize, records: &[Record]) {
        if self.chains[chain].place != Place::Idle {
            return;
        }
        let Some(head) = self.head(chain, records) else { return };
        let Some(kind) = Kind::of(&records[head]) else { return };
        let first = records[head].dial_sched_time.map_or(0, |at| at.0);
        self.chains[chain].place = Place::Ready;
        self.ready[kind as usize].push(Reverse((first, chain)));
    }

    /// Takes the next record of a kind that may be dialed now.
    pub(super) fn take(&mut self, kind: Kind, records: &[Record], utc: i64, zones: &Zones) -> Option<usize> {
        while let Some(Reverse((_, chain))) = self.ready[kind as usize].pop() {
            self.chains[chain].place = Place::Idle;
            let Some(head) = self.head(chain, records) else { continue };
            let record = &records[head];
            if Kind::of(record) != Some(kind) {
                self.queue(chain, records);
                continue;
            }
            match due(record, utc, zones) {
                Some(at) if at <= utc => {
                    self.chains[chain].place = Place::Out;
                    return Some(head);
                }
                Some(at) => {
                    self.chains[chain].place = Place::Later;
                    self.later.push(Reverse((at, chain)));
                }
                None => {} // its window never opens: it stays open and is not dialed
            }
        }
        None
    }

    /// When the first chain that waits for its time is due.
    pub(super) fn next_due(&self) -> Option<i64> {
        self.later.peek().map(|Reverse((at, _))| *at)
    }

    /// Makes ready what is due.
    pub(super) fn release(&mut self, utc: i64, records: &[Record]) {
        while let Some(Reverse((at, chain))) = self.later.peek().copied() {
            if at > utc {
                return;
            }
            self.later.pop();
            self.chains[chain].place = Place::Idle;
            self.queue(chain, records);
        }
    }
}

/// The first moment from now on at which a record may be dialed, by its schedule and its window.
fn due(record: &Record, utc: i64, zones: &Zones) -> Option<i64> {
    let from = record.dial_sched_time.map_or(utc, |at| at.0.max(utc));
    zones.of(record.tz_dbid).next_open(from, record.daily_from, record.daily_till)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ocs::record::{CANCELLED, Held, READY, UPDATED};
    use crate::protocol::UtcSeconds;

    const NOON: i64 = 1_767_268_800; // 2026-01-01T12:00:00Z

    fn list(chains: &[(i32, i32)]) -> CallingList {
        let record = |(n, (chain_id, chain_n)): (i32, &(i32, i32))| Record {
            chain_id: *chain_id,
            chain_n: *chain_n,
            ..Record::new(n, format!("555{n:04}"))
        };
        let records = (1..).zip(chains).map(record).collect();
        CallingList { name: "l".into(), enabled: true, customer_column: "c".into(), records }
    }

    fn take(book: &mut Book, list: &CallingList, utc: i64) -> Option<usize> {
        book.take(Kind::General, &list.records, utc, &Zones::default())
    }

    #[test]
    fn chains_are_dialed_in_the_order_of_the_list_and_one_record_at_a_time() {
        let mut list = list(&[(9, 0), (3, 1), (3, 0), (9, 1)]);
        let mut book = Book::new(&list);
        book.fill(&list.records);
        assert_eq!([0; 3].map(|_| take(&mut book, &list, NOON)), [Some(0), Some(2), None]);
        list.records[0].record_status = UPDATED;
        book.count(0, &list.records[0]);
        book.put_back(0, &list.records);
        assert_eq!([0; 2].map(|_| take(&mut book, &list, NOON)), [Some(3), None], "the next of the chain");
        assert_eq!(book.open(), 3);
        assert_eq!(book.chain(3), [0, 3]);
    }

    #[test]
    fn a_record_waits_for_its_window_and_its_schedule() {
        let mut list = list(&[(1, 0), (2, 0), (3, 0)]);
        list.records[0].daily_from = 50_000; // 13:53:20
        list.records[1].dial_sched_time = Some(UtcSeconds(NOON + 60));
        list.records[2].daily_from = 80_000;
        list.records[2].daily_till = 80_000;
        let mut book = Book::new(&list);
        book.fill(&list.records);
        assert_eq!(take(&mut book, &list, NOON), None);
        assert_eq!(book.next_due(), Some(NOON + 60));
        book.release(NOON + 60, &list.records);
        assert_eq!(take(&mut book, &list, NOON + 60), Some(1));
        assert_eq!(book.next_due(), Some(NOON - 43_200 + 50_000));
        book.release(NOON + 30_000, &list.records);
        assert_eq!(take(&mut book, &list, NOON + 30_000), Some(0));
        assert_eq!(book.next_due(), None, "a window without length never opens");
    }

    #[test]
    fn what_was_cancelled_or_taken_by_others_meanwhile_is_passed_over() {
        let mut list = list(&[(1, 0), (2, 0), (3, 0)]);
        let mut book = Book::new(&list);
        book.fill(&list.records);
        list.records[0].record_status = CANCELLED;
        list.records[1].held = Some(Held::Desktop);
        list.records[1].group_id = Some(GroupDbid(732));
        for n in 0..2 {
            book.count(n, &list.records[n]);
        }
        assert_eq!((book.open(), book.held_by(GroupDbid(732))), (2, 1));
        assert_eq!([0; 2].map(|_| take(&mut book, &list, NOON)), [Some(2), None]);
        list.records[1].held = None;
        list.records[1].record_status = READY;
        book.count(1, &list.records[1]);
        book.put_back(1, &list.records);
        assert_eq!((take(&mut book, &list, NOON), book.held_by(GroupDbid(732))), (Some(1), 0));
    }

    #[test]
    fn each_kind_has_its_queue_and_callbacks_go_by_their_time() {
        let mut list = list(&[(1, 0), (2, 0), (3, 0), (4, 0)]);
        for (n, (record_type, at)) in [(6, 50), (6, 20), (3, 10), (7, 0)].into_iter().enumerate() {
            list.records[n].record_type = record_type;
            list.records[n].dial_sched_time = Some(UtcSeconds(NOON - at));
        }
        let mut book = Book::new(&list);
        book.fill(&list.records);
        let zones = Zones::default();
        let mut of = |kind| book.take(kind, &list.records, NOON, &zones);
        assert_eq!([of(Kind::CallBack), of(Kind::CallBack), of(Kind::CallBack)], [Some(0), Some(1), None]);
        assert_eq!([of(Kind::Rescheduled), of(Kind::General)], [Some(2), None], "NoCall is never dialed");
        assert_eq!(book.open(), 3);
    }
}
