//! The request journal as plain values: what was asked, what became of it, and why. `service` keeps it in memory;
//! a store keeps the same rows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::message::AppDbid;
use crate::message::ErrorCode;
use crate::message::GroupCampStatus;
use crate::message::MessageType;
use crate::message::Pair;
use crate::message::RequestKind;
use crate::message::Target;
use crate::protocol::UtcTime;

/// Names a request for as long as anybody remembers it: 48 bits of milliseconds since 1970, 16 bits of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestNumber(pub u64);

impl RequestNumber {
    /// The first number at a moment; never below `after`, so that numbers grow even when the clock does not.
    #[must_use]
    pub fn next(at: UtcTime, after: Option<Self>) -> Self {
        let seconds = u64::try_from(at.seconds.0).unwrap_or(0);
        let fresh = (seconds.saturating_mul(1_000) + u64::from(at.micros / 1_000)) << 16;
        Self(fresh.max(after.map_or(0, |after| after.0.saturating_add(1))))
    }

    /// Reads what `Display` writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('r')?;
        (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok().map(Self)).flatten()
    }
}

impl std::fmt::Display for RequestNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "r{:016x}", self.0)
    }
}

/// One request. Personal data is not in it: whom a do-not-call was for stands in the frames alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// Its name.
    pub number: RequestNumber,
    /// What was asked.
    pub kind: RequestKind,
    /// Campaign and group, for campaign control.
    pub pair: Option<Pair>,
    /// Whom it is for.
    pub target: Target,
    /// Who asked.
    pub asked_by: String,
    /// The reason given with it.
    pub note: Option<String>,
    /// Warnings of the local check.
    pub warnings: Vec<String>,
    /// When it was accepted.
    pub accepted_at: UtcTime,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// An unload that OCS has accepted while calls are still open.
    pub draining: bool,
    /// How it ended, `None` while it is open.
    pub ended: Option<Ended>,
}

/// Something that happened to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Since it was accepted.
    pub after: Duration,
    /// In words.
    pub text: String,
    /// The UserEvent that passed: (CommDN, packed UserData).
    pub frame: Option<(String, bytes::Bytes)>,
}

/// Steps kept for one request; later ones are not noted.
pub const STEPS_MAX: usize = 64;

/// A short name for JSON: one of the program's own words, or what a store gave back.
pub type Slug = Cow<'static, str>;

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When.
    pub at: UtcTime,
    /// How long after it was accepted.
    pub took: Duration,
    /// The result.
    pub result: RequestResult,
    /// How it was decided: the slug of the correlator's reason.
    pub why: Option<Slug>,
    /// Why the result is not good, as a slug.
    pub reason: Option<Slug>,
    /// The same in words.
    pub detail: Option<String>,
    /// Code of the T-Server's EventError, when it refused the request.
    pub tserver_code: Option<i32>,
    /// What each OCS said.
    pub answers: Vec<RecordedAnswer>,
}

/// The result of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestResult {
    /// Done.
    Answered,
    /// An OCS, or the gateway itself, said no.
    Refused,
    /// Done but for records on a desktop.
    Partial,
    /// Several OCSs, not all with the same result.
    Mixed,
    /// Nobody can say.
    Unknown,
}

impl RequestResult {
    /// Every result.
    pub const ALL: [Self; 5] = [Self::Answered, Self::Refused, Self::Partial, Self::Mixed, Self::Unknown];

    /// Reads what [`RequestResult::slug`] writes.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|result| result.slug() == slug)
    }

    /// The name in settings and JSON.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Partial => "partial",
            Self::Mixed => "mixed",
            Self::Unknown => "unknown",
        }
    }
}

/// What one OCS said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedAnswer {
    /// Which OCS.
    pub ocs: AppDbid,
    /// `answered`, `refused`, `partial` or `silent`.
    pub result: Slug,
    /// The event, `None` when it is silent.
    pub event: Option<MessageType>,
    /// `GSW_CM_AttrError`.
    pub code: Option<ErrorCode>,
    /// Its words.
    pub text: Option<String>,
    /// State of the campaign group.
    pub status: Option<GroupCampStatus>,
    /// How it was attributed.
    pub why: Option<Slug>,
    /// How long after the request was accepted.
    pub took: Duration,
}

/// Requests in memory: every open one, and the last of those that ended.
#[derive(Clone, Debug)]
pub struct Journal {
    /// Shared with whoever was shown one: it is copied when it changes after that.
    records: BTreeMap<RequestNumber, Arc<RequestRecord>>,
    ended: std::collections::VecDeque<RequestNumber>,
    ended_max: usize,
}

/// Which requests a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// All.
    #[default]
    All,
    /// Those without an outcome.
    Open,
    /// Those with one.
    Ended,
}

impl Journal {
    /// Keeps at most so many ended requests; the one that ended first goes first.
    #[must_use]
    pub fn new(ended_max: usize) -> Self {
        Self { records: BTreeMap::new(), ended: std::collections::VecDeque::new(), ended_max }
    }

    /// Takes up a request.
    pub fn accept(&mut self, record: RequestRecord) {
        self.records.insert(record.number, Arc::new(record));
    }

    /// A request that was not acknowledged leaves no trace.
    pub fn remove(&mut self, number: RequestNumber) {
        self.records.remove(&number);
    }

    /// Takes up a request that had ended.
    pub fn reopen(&mut self, record: RequestRecord) {
        self.ended.retain(|ended| *ended != record.number);
        self.accept(record);
    }

    /// Notes what happened to a request.
    pub fn step(&mut self, number: RequestNumber, step: Step) {
        if let Some(record) = self.records.get_mut(&number)
            && record.steps.len() < STEPS_MAX
        {
            Arc::make_mut(record).steps.push(step);
        }
    }

    /// Notes that an unload was accepted and calls are still open.
    pub fn draining(&mut self, number: RequestNumber) {
        if let Some(record) = self.records.get_mut(&number) {
            Arc::make_mut(record).draining = true;
        }
    }

    /// Ends a request. The first end counts.
    pub fn end(&mut self, number: RequestNumber, ended: Ended) -> Option<&RequestRecord> {
        let record = self.records.get_mut(&number).filter(|record| record.ended.is_none())?;
        Arc::make_mut(record).ended = Some(ended);
        self.ended.push_back(number);
        while self.ended.len() > self.ended_max {
            if let Some(oldest) = self.ended.pop_front() {
                self.records.remove(&oldest);
            }
        }
        self.get(number)
    }

    /// One request.
    #[must_use]
    pub fn get(&self, number: RequestNumber) -> Option<&RequestRecord> {
        self.records.get(&number).map(Arc::as_ref)
    }

    /// One request as it is now, to be kept.
    #[must_use]
    pub fn share(&self, number: RequestNumber) -> Option<Arc<RequestRecord>> {
        self.records.get(&number).cloned()
    }

    /// Requests without an outcome, and all that are kept.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.records.len().saturating_sub(self.ended.len()), self.records.len())
    }

    /// Requests from the newest on, those older than `after`.
    pub fn list(&self, which: Which, after: Option<RequestNumber>) -> impl Iterator<Item = &RequestRecord> {
        let end = after.unwrap_or(RequestNumber(u64::MAX));
        self.records.range(..end).rev().map(|(_, record)| record.as_ref()).filter(move |record| match which {
            Which::All => true,
            Which::Open => record.ended.is_none(),
            Which::Ended => record.ended.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::UtcSeconds;

    fn record(number: u64) -> RequestRecord {
        RequestRecord {
            number: RequestNumber(number),
            kind: RequestKind::DoNotCall,
            pair: None,
            target: Target::Every,
            asked_by: "test".into(),
            note: None,
            warnings: Vec::new(),
            accepted_at: UtcTime::default(),
            steps: Vec::new(),
            draining: false,
            ended: None,
        }
    }

    fn ended() -> Ended {
        Ended {
            at: UtcTime::default(),
            took: Duration::ZERO,
            result: RequestResult::Answered,
            why: None,
            reason: None,
            detail: None,
            tserver_code: None,
            answers: Vec::new(),
        }
    }

    #[test]
    fn open_requests_are_never_dropped_and_ended_ones_in_order() {
        let mut journal = Journal::new(2);
        for number in 1..=5 {
            journal.accept(record(number));
        }
        for number in [2, 4, 1] {
            assert!(journal.end(RequestNumber(number), ended()).is_some());
        }
        let left: Vec<u64> = journal.list(Which::All, None).map(|record| record.number.0).collect();
        assert_eq!(left, [5, 4, 3, 1]);
        assert_eq!(journal.list(Which::Open, None).count(), 2);
        assert_eq!(journal.counts(), (2, 4));
        assert_eq!(journal.list(Which::All, Some(RequestNumber(4))).count(), 2);
    }

    #[test]
    fn a_request_ends_once() {
        let mut journal = Journal::new(2);
        journal.accept(record(1));
        assert!(journal.end(RequestNumber(1), ended()).is_some());
        assert!(journal.end(RequestNumber(1), ended()).is_none());
    }

    #[test]
    fn numbers_grow_when_the_clock_does_not_and_read_back() {
        let at = UtcTime { seconds: UtcSeconds(1_800_000_000), micros: 5_000 };
        let first = RequestNumber::next(at, None);
        let second = RequestNumber::next(at, Some(first));
        assert!(second > first);
        let earlier = UtcTime { seconds: UtcSeconds(1_700_000_000), micros: 0 };
        assert!(RequestNumber::next(earlier, Some(second)) > second);
        assert_eq!(RequestNumber::parse(&second.to_string()), Some(second));
        assert_eq!(RequestNumber::parse("r12"), None);
    }
}
