//! Do-not-calls until every OCS has them (rule 10): an OCS that stays silent is asked again with a growing pause, one
//! by one, and what comes to nothing becomes a dead letter with its reason.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::Standing;
use super::core::Core;
use crate::engine::Ended;
use crate::engine::RecordedAnswer;
use crate::engine::RequestNumber;
use crate::engine::RequestResult;
use crate::message::{AppDbid, CommDnMessage, Message, Target};
use crate::protocol::Time;
use crate::protocol::UtcTime;
use crate::protocol::requester::{AnswerResult, RequestId};
use crate::store::{Delivery, StoredRequest};
use crate::wire::Dialect;
use crate::wire::Reading;

/// How often and how fast.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) first: Duration,
    pub(super) most: Duration,
    /// Failures after which a request is given up.
    pub(super) attempts_max: u32,
}

impl Patience {
    /// The pause after so many failures: it doubles, up to the most.
    pub(super) fn pause(&self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(self.most)
    }
}

/// One do-not-call on its way.
#[derive(Clone, Debug)]
pub(super) struct Errand {
    pub(super) body: Message,
    pub(super) target: Target,
    pub(super) expected: Vec<AppDbid>,
    /// Who has it, or said no.
    pub(super) heard: BTreeMap<AppDbid, RecordedAnswer>,
    /// Who was silent the last time.
    pub(super) silent: BTreeMap<AppDbid, RecordedAnswer>,
    /// Submissions that the correlator has for it.
    pub(super) out: BTreeSet<RequestId>,
    pub(super) failures: u32,
    /// When it is tried again.
    pub(super) due: Option<Time>,
}

impl Errand {
    pub(super) fn new(body: Message, target: Target, expected: Vec<AppDbid>) -> Self {
        Self {
            body,
            target,
            expected,
            heard: BTreeMap::new(),
            silent: BTreeMap::new(),
            out: BTreeSet::new(),
            failures: 0,
            due: None,
        }
    }

    /// What earlier runs have heard.
    pub(super) fn with(mut self, deliveries: &[Delivery], failures: u32) -> Self {
        self.failures = failures;
        for delivery in deliveries {
            if delivery.confirmed_at.is_some() || delivery.code.is_some() {
                self.heard.insert(delivery.ocs, of_delivery(delivery));
            }
        }
        self
    }

    /// The OCSs that have said nothing yet.
    pub(super) fn pending(&self) -> Vec<AppDbid> {
        self.expected.iter().copied().filter(|ocs| !self.heard.contains_key(ocs)).collect()
    }

    pub(super) fn is_good(answer: &RecordedAnswer) -> bool {
        answer.result == AnswerResult::Answered.slug() || answer.result == AnswerResult::Partial.slug()
    }

    /// How it ends with what was heard.
    pub(super) fn ended(&self, at: UtcTime, took: Duration) -> Ended {
        let said = |ocs: &AppDbid| self.heard.get(ocs).or_else(|| self.silent.get(ocs)).cloned();
        let answers: Vec<RecordedAnswer> = self.expected.iter().filter_map(said).collect();
        let good = answers.iter().filter(|answer| Self::is_good(answer)).count();
        let refused = answers.iter().filter(|answer| answer.result == AnswerResult::Refused.slug()).count();
        let silent = self.pending().len();
        let (result, reason, detail) = match (good, refused, silent) {
            (_, 0, 0) => (RequestResult::Answered, None, None),
            (0, _, 0) => {
                let refusals: Vec<String> = answers.iter().map(refusal).collect();
                (RequestResult::Refused, Some("ocs_error"), Some(refusals.join("; ")))
            }
            (0, 0, _) => {
                let reason = crate::protocol::requester::UnknownReason::Silent;
                (RequestResult::Unknown, Some(reason.slug()), Some(reason.to_string()))
            }
            _ => (RequestResult::Mixed, None, None),
        };
        let mut decided = answers.iter().filter(|answer| Self::is_good(answer)).filter_map(|answer| answer.why.clone());
        Ended {
            at,
            took,
            result,
            why: decided.next_back(),
            reason: reason.map(Into::into),
            detail,
            tserver_code: None,
            answers,
        }
    }
}

fn refusal(answer: &RecordedAnswer) -> String {
    let words = answer.code.map_or_else(|| "no code".to_owned(), |code| format!("{} ({code})", code.0));
    format!("OCS {} refused: {words}", answer.ocs)
}

fn of_delivery(delivery: &Delivery) -> RecordedAnswer {
    let result = if delivery.confirmed_at.is_some() { AnswerResult::Answered } else { AnswerResult::Refused };
    RecordedAnswer {
        ocs: delivery.ocs,
        result: result.slug().into(),
        event: None,
        code: delivery.code.filter(|_| delivery.confirmed_at.is_none()),
        text: None,
        status: None,
        why: None,
        took: delivery.latency.unwrap_or_default(),
    }
}

/// Every do-not-call on its way.
pub(super) struct Errands {
    pub(super) patience: Patience,
    pub(super) all: BTreeMap<RequestNumber, Errand>,
    /// Submissions under numbers of their own.
    pub(super) subs: BTreeMap<RequestId, RequestNumber>,
    pub(super) due: BTreeSet<(Time, RequestNumber)>,
}

impl Errands {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, all: BTreeMap::new(), subs: BTreeMap::new(), due: BTreeSet::new() }
    }

    /// The request that a submission of the correlator belongs to; `None` when that is no do-not-call.
    pub(super) fn parent(&self, id: RequestId) -> Option<RequestNumber> {
        let own = RequestNumber(id.0);
        self.subs.get(&id).copied().or_else(|| self.all.contains_key(&own).then_some(own))
    }

    /// A do-not-call that goes out whole, under its own number.
    pub(super) fn begin(&mut self, number: RequestNumber, body: Message, target: Target, expected: Vec<AppDbid>) {
        self.insert(number, Errand::new(body, target, expected));
        self.sent_as(number, RequestId(number.0));
    }

    pub(super) fn insert(&mut self, number: RequestNumber, errand: Errand) {
        self.all.insert(number, errand);
    }

    pub(super) fn sent_as(&mut self, number: RequestNumber, id: RequestId) {
        if let Some(errand) = self.all.get_mut(&number) {
            errand.out.insert(id);
            if id.0 != number.0 {
                self.subs.insert(id, number);
            }
        }
    }

    pub(super) fn forget(&mut self, number: RequestNumber) {
        if let Some(errand) = self.all.remove(&number) {
            self.due.retain(|(_, of)| *of != number);
            for id in errand.out {
                self.subs.remove(&id);
            }
        }
    }

    pub(super) fn pause_most(&self) -> Duration {
        self.patience.most
    }

    /// How an errand ends with what was heard, and the reason for a dead letter.
    pub(super) fn settled(&self, number: RequestNumber, at: UtcTime, took: Duration) -> Option<(Ended, String)> {
        let errand = self.all.get(&number)?;
        let ended = errand.ended(at, took);
        let reason = why_dead(errand, &ended);
        Some((ended, reason))
    }

    pub(super) fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(due, _)| *due)
    }

    pub(super) fn park(&mut self, number: RequestNumber, due: Time) {
        if let Some(errand) = self.all.get_mut(&number) {
            if let Some(before) = errand.due.replace(due) {
                self.due.remove(&(before, number));
            }
            self.due.insert((due, number));
        }
    }
}

/// The request as it was accepted.
pub(super) fn body_of(stored: &StoredRequest) -> Option<Message> {
    let decoded = CommDnMessage::decode(&stored.body, &Dialect::default(), Reading::Tolerant).ok()?;
    decoded.message.body.request_kind().is_some().then_some(decoded.message.body)
}

/// How long ago; nothing when the clock was set back meanwhile.
pub(super) fn age(at: UtcTime) -> Duration {
    since_epoch(Core::utc()).saturating_sub(since_epoch(at))
}

pub(super) fn since_epoch(at: UtcTime) -> Duration {
    Duration::new(u64::try_from(at.seconds.0).unwrap_or(0), at.micros.saturating_mul(1_000))
}

/// So much after a moment of the calendar.
pub(super) fn later(at: UtcTime, pause: Duration) -> UtcTime {
    let then = since_epoch(at).saturating_add(pause);
    let seconds = crate::protocol::UtcSeconds(i64::try_from(then.as_secs()).unwrap_or(i64::MAX));
    UtcTime { seconds, micros: then.subsec_micros() }
}

pub(super) fn why_dead(errand: &Errand, ended: &Ended) -> String {
    let mut reasons: Vec<String> =
        errand.heard.values().filter(|answer| !Errand::is_good(answer)).map(refusal).collect();
    let pending = errand.pending();
    if !pending.is_empty() {
        let ocss: Vec<String> = pending.iter().map(ToString::to_string).collect();
        let attempts = errand.failures.max(1);
        let why = ended.detail.clone().unwrap_or_else(|| "no answer".to_owned());
        reasons.push(format!("no confirmation of OCS {} after {attempts} attempts: {why}", ocss.join(", ")));
    }
    reasons.join("; ")
}

/// For those who ask about a request that only the store remembers.
pub(super) fn standing_of(stored: StoredRequest) -> Standing {
    let StoredRequest { record, attempts, not_before, dead, .. } = stored;
    let phase = if record.ended.is_some() { "ended" } else { "waiting" };
    Standing { phase, attempts, next_try: not_before, dead, ..Standing::of(Arc::new(record)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ErrorCode;

    #[test]
    fn the_pause_doubles_up_to_its_most() {
        let patience = Patience { first: Duration::from_secs(10), most: Duration::from_secs(600), attempts_max: 100 };
        let pauses: Vec<u64> = [1, 2, 3, 4, 7, 8, 40, 99].map(|failures| patience.pause(failures).as_secs()).to_vec();
        assert_eq!(pauses, [10, 20, 40, 80, 600, 600, 600, 600]);
    }

    #[test]
    fn what_was_heard_in_earlier_runs_counts() {
        let delivery =
            |ocs, confirmed, code| Delivery { ocs: AppDbid(ocs), confirmed_at: confirmed, latency: None, code };
        let body = Message::from(crate::message::DoNotCall::default());
        let expected = vec![AppDbid(301), AppDbid(302), AppDbid(303)];
        let deliveries = [
            delivery(301, Some(UtcTime::default()), None),
            delivery(302, None, Some(ErrorCode(10))),
            delivery(303, None, None),
        ];
        let errand = Errand::new(body, Target::Every, expected).with(&deliveries, 3);
        assert_eq!(errand.pending(), [AppDbid(303)]);
        assert_eq!(errand.ended(UtcTime::default(), Duration::ZERO).result, RequestResult::Mixed);
        assert!(why_dead(&errand, &errand.ended(UtcTime::default(), Duration::ZERO)).contains("302 refused: 10"));
    }
}
