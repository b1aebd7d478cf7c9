//! Whose states the gateway still has to ask for: what an OCS did while nobody heard it is only learned by asking.
//!
//! After a link came up every pair of its OCSs is asked once (commdn.md 3.7). An OCS that registers later than we do
//! leaves those questions unanswered; they stay owed. The first event of that OCS asks them all again, and one of them
//! is asked from time to time in case it says nothing by itself. A takeover by the other member of an OCS pair makes
//! every pair owed again. Time comes from outside, so that this can be tested without waiting.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::message::{AppDbid, Pair};
use crate::protocol::Time;
use crate::protocol::requester::RequestId;

/// The first wait before one owed question is asked again.
const AGAIN_FIRST: Duration = Duration::from_secs(5);
/// The longest.
const AGAIN_MAX: Duration = Duration::from_secs(60);
/// Members of a pair that answer in turns are no reason to ask more often than this.
const TAKEOVER_GAP: Duration = Duration::from_secs(10);

/// A question that is due: the state of this pair, from this OCS.
pub(super) type Question = (Pair, AppDbid);

#[derive(Debug, Default)]
pub(super) struct Watch {
    under_way: BTreeMap<RequestId, (Question, Time)>,
    ocss: BTreeMap<AppDbid, Seen>,
}

/// What is known of one OCS, a pair of them counting as one.
#[derive(Debug, Default)]
struct Seen {
    /// Its link is up.
    linked: bool,
    speaker: Option<AppDbid>,
    heard: Option<Time>,
    owed: BTreeSet<Pair>,
    /// Nothing was heard of it while it was asked: its next word is news.
    absent: bool,
    again: Option<Time>,
    tries: u32,
    takeover: Option<Time>,
}

impl Seen {
    fn owe(&mut self, now: Time, pair: Pair) {
        self.owed.insert(pair);
        if self.again.is_none() {
            let rest = AGAIN_FIRST.saturating_mul(2_u32.saturating_pow(self.tries)).min(AGAIN_MAX);
            self.again = Some(now.saturating_add(rest));
        }
    }
}

impl Watch {
    /// Its link came up, and everything is asked; what was owed before is among it.
    pub(super) fn link_up(&mut self, ocs: AppDbid) {
        let speaker = self.ocss.get(&ocs).and_then(|seen| seen.speaker);
        self.ocss.insert(ocs, Seen { linked: true, speaker, ..Seen::default() });
    }

    /// Its link went; nothing is asked until it is back.
    pub(super) fn link_down(&mut self, ocs: AppDbid) {
        let seen = self.ocss.entry(ocs).or_default();
        (seen.linked, seen.again) = (false, None);
        seen.owed.clear();
    }

    /// A question went to the correlator.
    pub(super) fn asked(&mut self, now: Time, id: RequestId, question: Question) {
        self.under_way.insert(id, (question, now));
    }

    /// A question has ended; false when it was none of these.
    pub(super) fn ended(&mut self, now: Time, id: RequestId, answered: bool) -> bool {
        let Some(((pair, ocs), asked)) = self.under_way.remove(&id) else { return false };
        let Some(seen) = self.ocss.get_mut(&ocs).filter(|seen| seen.linked) else { return true };
        if answered {
            seen.owed.remove(&pair);
            (seen.tries, seen.absent) = (0, false);
            seen.again = (!seen.owed.is_empty()).then_some(now);
        } else {
            seen.absent = seen.heard.is_none_or(|heard| heard < asked);
            seen.owe(now, pair);
        }
        true
    }

    /// A caller's request about a pair ended without an answer: its state is not known.
    pub(super) fn unanswered(&mut self, now: Time, question: Question) {
        let (pair, ocs) = question;
        if let Some(seen) = self.ocss.get_mut(&ocs).filter(|seen| seen.linked) {
            seen.owe(now, pair);
        }
    }

    /// A member of an OCS pair said something. True when it is not the one that spoke before: every pair is then to be
    /// handed to [`Watch::takeover`].
    pub(super) fn heard(&mut self, now: Time, ocs: AppDbid, member: AppDbid) -> bool {
        let seen = self.ocss.entry(ocs).or_default();
        seen.heard = Some(now);
        if seen.absent {
            seen.absent = false;
            seen.tries = 0;
            seen.again = (!seen.owed.is_empty()).then_some(now);
        }
        seen.speaker.replace(member).is_some_and(|before| before != member)
    }

    /// Another member speaks for an OCS: what it knows of these pairs is asked, though not at every turn of two that
    /// take turns.
    pub(super) fn takeover(&mut self, now: Time, ocs: AppDbid, pairs: impl Iterator<Item = Pair>) {
        let Some(seen) = self.ocss.get_mut(&ocs).filter(|seen| seen.linked) else { return };
        let at = match seen.takeover {
            Some(planned) if planned > now => planned,
            Some(last) => now.max(last.saturating_add(TAKEOVER_GAP)),
            None => now,
        };
        seen.takeover = Some(at);
        seen.owed.extend(pairs);
        if !seen.owed.is_empty() {
            (seen.again, seen.tries) = (Some(at), 0);
        }
    }

    /// The questions that are due. Of an OCS that did not answer, one: its answer brings the others.
    pub(super) fn take_due(&mut self, now: Time) -> Vec<Question> {
        let mut due = Vec::new();
        for (ocs, seen) in &mut self.ocss {
            if seen.again.is_none_or(|again| again > now) {
                continue;
            }
            seen.again = None;
            if seen.tries == 0 && !seen.absent {
                due.extend(std::mem::take(&mut seen.owed).into_iter().map(|pair| (pair, *ocs)));
            } else {
                due.extend(seen.owed.first().map(|pair| (*pair, *ocs)));
            }
            seen.tries = seen.tries.saturating_add(1);
        }
        due
    }

    /// When the next is due.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.ocss.values().filter_map(|seen| seen.again).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OCS: AppDbid = AppDbid(301);
    const BACKUP: AppDbid = AppDbid(311);

    fn pair(campaign: i32) -> Pair {
        Pair::new(campaign, 732)
    }

    fn at(seconds: u64) -> Time {
        Time::from_secs(seconds)
    }

    /// A watch whose link came up at 0, three pairs asked then, none answered at 10.
    fn unanswered() -> Watch {
        let mut watch = Watch::default();
        watch.link_up(OCS);
        (1..=3).for_each(|id| watch.asked(at(0), RequestId(id), (pair(id as i32), OCS)));
        assert_eq!(watch.next_deadline(), None);
        (1..=3).for_each(|id| assert!(watch.ended(at(10), RequestId(id), false)));
        watch
    }

    #[test]
    fn an_ocs_that_comes_later_is_asked_everything_at_its_first_word() {
        let mut watch = unanswered();
        assert_eq!(watch.next_deadline(), Some(at(15)));
        assert!(!watch.heard(at(12), OCS, OCS));
        assert_eq!(watch.next_deadline(), Some(at(12)));
        assert_eq!(watch.take_due(at(12)), [(pair(1), OCS), (pair(2), OCS), (pair(3), OCS)]);
        assert_eq!(watch.next_deadline(), None);
    }

    #[test]
    fn an_ocs_that_stays_silent_is_asked_one_question_after_growing_rests() {
        let mut watch = unanswered();
        let mut asked = Vec::new();
        for id in 10..16 {
            let due = watch.next_deadline().unwrap();
            let questions = watch.take_due(due);
            assert_eq!(questions, [(pair(1), OCS)]);
            watch.asked(due, RequestId(id), questions[0]);
            watch.ended(due.saturating_add(Duration::from_secs(10)), RequestId(id), false);
            asked.push(due.0.as_secs());
        }
        assert_eq!(asked, [15, 35, 65, 115, 185, 255]);
        let due = watch.next_deadline().unwrap();
        watch.take_due(due);
        watch.asked(due, RequestId(20), (pair(1), OCS));
        assert!(!watch.heard(due, OCS, OCS));
        assert!(watch.ended(due, RequestId(20), true));
        assert_eq!(watch.take_due(due), [(pair(2), OCS), (pair(3), OCS)], "its answer brings the others");
        assert_eq!(watch.next_deadline(), None);
    }

    #[test]
    fn an_ocs_that_speaks_and_does_not_answer_is_not_asked_at_every_word() {
        let mut watch = unanswered();
        let mut questions = 0;
        for second in 12..600 {
            watch.heard(at(second), OCS, OCS);
            for question in watch.take_due(at(second)) {
                questions += 1;
                watch.asked(at(second), RequestId(1_000 + questions), question);
            }
            for id in 1..=questions {
                watch.heard(at(second), OCS, OCS);
                watch.ended(at(second), RequestId(1_000 + id), false);
            }
        }
        assert!((4..=20).contains(&questions), "{questions}");
    }

    #[test]
    fn without_its_link_nothing_is_owed() {
        let mut watch = unanswered();
        watch.link_down(OCS);
        assert_eq!(watch.next_deadline(), None);
        watch.asked(at(20), RequestId(9), (pair(1), OCS));
        assert!(watch.ended(at(20), RequestId(9), false));
        watch.unanswered(at(20), (pair(1), OCS));
        assert_eq!(watch.next_deadline(), None);
        assert!(!watch.ended(at(20), RequestId(77), false), "somebody else's request");
    }

    #[test]
    fn a_callers_request_without_an_answer_leaves_its_pair_owed() {
        let mut watch = Watch::default();
        watch.link_up(OCS);
        watch.unanswered(at(30), (pair(2), OCS));
        assert_eq!(watch.next_deadline(), Some(at(35)));
        assert_eq!(watch.take_due(at(35)), [(pair(2), OCS)]);
    }

    #[test]
    fn a_takeover_asks_everything_but_two_that_take_turns_are_not_asked_each_time() {
        let mut watch = Watch::default();
        watch.link_up(OCS);
        assert!(!watch.heard(at(1), OCS, OCS), "the first word is no takeover");
        let mut asked = 0;
        for second in 2..42 {
            let member = if second % 2 == 0 { BACKUP } else { OCS };
            assert!(watch.heard(at(second), OCS, member));
            watch.takeover(at(second), OCS, [pair(1), pair(2)].into_iter());
            asked += watch.take_due(at(second)).len();
        }
        assert!((2..=10).contains(&asked), "{asked}");
        watch.link_up(OCS);
        assert!(!watch.heard(at(50), OCS, OCS), "who spoke last is remembered");
    }
}
