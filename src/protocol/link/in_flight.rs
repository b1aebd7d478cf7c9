//! Requests that wait for their direct answer.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use crate::protocol::time::Time;
use crate::wire::ReferenceId;
use crate::wire::Text;
use crate::wire::limits::{ANSWER_SECONDS, IN_FLIGHT_MAX};
use crate::wire::tserver::REFERENCE_NONE;

use super::Tag;

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Register(Text),
    Unregister(Text),
    Distribute(Tag),
}

/// At most [`IN_FLIGHT_MAX`] requests, each with a reference id that no other one has; one more is refused.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    last: u32,
    waiting: BTreeMap<u32, (Time, Asked)>,
    /// By deadline, which is the order of sending; answered ones are dropped when they come to the front.
    deadlines: VecDeque<(Time, u32)>,
}

impl InFlight {
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= IN_FLIGHT_MAX
    }

    /// Gives a request its reference id: counted from 1, never 0, "none" or one in flight.
    pub(super) fn add(&mut self, now: Time, asked: Asked) -> Option<ReferenceId> {
        if self.is_full() {
            return None;
        }
        let mut reference = self.last;
        loop {
            reference = reference.wrapping_add(1);
            if reference != 0 && reference != REFERENCE_NONE && !self.waiting.contains_key(&reference) {
                break;
            }
        }
        self.last = reference;
        let deadline = now.saturating_add(Duration::from_secs(ANSWER_SECONDS));
        self.waiting.insert(reference, (deadline, asked));
        self.deadlines.push_back((deadline, reference));
        Some(ReferenceId(reference))
    }

    /// The request that an answer is for.
    pub(super) fn answered(&mut self, reference: Option<ReferenceId>) -> Option<Asked> {
        let asked = self.waiting.remove(&reference?.0).map(|(_, asked)| asked);
        self.drop_answered();
        asked
    }

    /// A request whose deadline is over.
    pub(super) fn expired(&mut self, now: Time) -> Option<Asked> {
        let (_, reference) = *self.deadlines.front().filter(|(deadline, _)| *deadline <= now)?;
        self.answered(Some(ReferenceId(reference)))
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    /// Everything that waits, in order of sending; nothing does afterwards. The count of ids starts again.
    pub(super) fn drain(&mut self) -> Vec<Asked> {
        let Self { mut waiting, deadlines, .. } = std::mem::take(self);
        deadlines.iter().filter_map(|(_, reference)| waiting.remove(reference)).map(|(_, asked)| asked).collect()
    }

    fn drop_answered(&mut self) {
        while let Some((deadline, reference)) = self.deadlines.front() {
            if self.waiting.get(reference).is_some_and(|(own, _)| own == deadline) {
                return;
            }
            self.deadlines.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribute(tag: u64) -> Asked {
        Asked::Distribute(Tag(tag))
    }

    #[test]
    fn ids_count_from_one_and_skip_zero_none_and_those_in_flight() {
        let mut in_flight = InFlight::default();
        assert_eq!(in_flight.add(Time::ZERO, distribute(1)), Some(ReferenceId(1)));
        in_flight.last = u32::MAX - 2;
        assert_eq!(in_flight.add(Time::ZERO, distribute(2)), Some(ReferenceId(u32::MAX - 1)));
        assert_eq!(in_flight.add(Time::ZERO, distribute(3)), Some(ReferenceId(2)));
    }

    #[test]
    fn one_more_than_the_limit_is_refused_until_an_answer_comes() {
        let mut in_flight = InFlight::default();
        for tag in 0..IN_FLIGHT_MAX {
            assert!(in_flight.add(Time::ZERO, distribute(tag as u64)).is_some());
        }
        assert_eq!(in_flight.add(Time::ZERO, distribute(0)), None);
        assert_eq!(in_flight.answered(Some(ReferenceId(1))), Some(distribute(0)));
        assert!(in_flight.add(Time::ZERO, distribute(0)).is_some());
    }

    #[test]
    fn each_request_has_its_own_deadline_and_answered_ones_have_none() {
        let mut in_flight = InFlight::default();
        in_flight.add(Time::ZERO, distribute(1));
        in_flight.add(Time::from_secs(1), distribute(2));
        in_flight.add(Time::from_secs(2), distribute(3));
        assert_eq!(in_flight.answered(Some(ReferenceId(2))), Some(distribute(2)));
        assert_eq!(in_flight.expired(Time::from_millis(4_999)), None);
        assert_eq!(in_flight.expired(Time::from_secs(5)), Some(distribute(1)));
        assert_eq!(in_flight.next_deadline(), Some(Time::from_secs(7)));
        assert_eq!(in_flight.answered(Some(ReferenceId(1))), None);
        assert_eq!(in_flight.drain(), [distribute(3)]);
        assert_eq!(in_flight.next_deadline(), None);
    }
}
