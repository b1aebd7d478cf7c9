//! Which faults strike what is passing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Answer, Moment, Peer, Rule, Spoiled, Way, What};
use crate::engine::filter::{Filtered, matches};
use crate::engine::ocs::dialer::random::Random;
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::Direction;
use crate::message::ErrorCode;
use crate::message::Message;
use crate::message::Target;
use crate::protocol::Time;
use crate::wire::ErrorCode as TServerCode;

/// Most rules at a time; one more is refused.
pub const RULES_MAX: usize = 10_000;

/// One more rule than there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {RULES_MAX} faults already, remove some")]
pub struct TooMany;

/// The number of a rule at its host, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u64);

impl std::fmt::Display for RuleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What is passing, and where.
#[derive(Clone, Copy)]
pub struct Passing<'a> {
    /// ApplicationName of the client at one end of the connection.
    pub client: &'a str,
    /// The applications that it is known to be.
    pub dbids: &'a [AppDbid],
    /// It is an OCS.
    pub is_ocs: bool,
    /// Which way.
    pub way: Way,
    /// The message that the frame carries.
    pub message: Option<&'a CommDnMessage>,
    /// Its fields for comparisons.
    pub fields: &'a dyn Filtered,
}

/// What is to be done to it. The default lets it pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What becomes of it.
    pub fate: Fate,
    /// So much later.
    pub delay: Duration,
    /// Once more, so long after the first.
    pub copies: Vec<Duration>,
    /// Once more before it.
    pub look_alike: bool,
    /// Behind the next one, waiting for it at most so long.
    pub behind: Option<Duration>,
    /// Changed so, with a number for the choice of a byte.
    pub spoiled: Option<(Spoiled, u64)>,
    /// In pieces of so many bytes.
    pub pieces: Option<usize>,
    /// At so many bytes a second.
    pub bytes_per_second: Option<u32>,
    /// Without campaign, group and status.
    pub without_ids: bool,
    /// The T-Server becomes the backup for so long.
    pub switchover: Option<Duration>,
    /// The clock leaps.
    pub jump: Duration,
    /// Which rules struck.
    pub struck: Vec<RuleId>,
}

/// What becomes of a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    #[default]
    Pass,
    /// It is lost.
    Drop,
    /// So is its connection.
    Cut,
    /// So is everything on its connection from now on.
    HalfOpen(RuleId),
    /// The OCS behind it answers with this error instead.
    Refuse(ErrorCode),
    /// Or with this message.
    Answer(Box<Answer>),
    /// The T-Server answers with this error.
    Fail(TServerCode),
}

struct Live {
    rule: Rule,
    /// When it came.
    since: Time,
    matched: u64,
    struck: u64,
    random: Random,
}

/// A rule with what it has done.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// Its number.
    pub id: RuleId,
    /// What it says.
    pub rule: &'a Rule,
    /// What it was meant for, chance and counts left aside.
    pub matched: u64,
    /// How often it has struck.
    pub struck: u64,
    /// It strikes no more.
    pub is_over: bool,
}

/// The rules of one host. Each that strikes adds to the verdict; after the first that ends the frame's way the others
/// only count it.
///
/// A rule without way and peer looks at what goes up to the T-Server, once for each user event; with a peer at both ways
/// of its connection. It looks at messages only, unless it compares `type` (`type=*` = every frame) or is one of cut,
/// half-open, split and slow.
pub struct Faults {
    rules: BTreeMap<RuleId, Live>,
    last: u64,
    seed: u64,
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}

impl Faults {
    /// None.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { rules: BTreeMap::new(), last: 0, seed }
    }

    /// One more.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn add(&mut self, now: Time, rule: Rule) -> Result<RuleId, TooMany> {
        if self.rules.len() >= RULES_MAX {
            return Err(TooMany);
        }
        self.last += 1;
        let seed = rule.when.seed.unwrap_or(self.seed.wrapping_add(self.last.wrapping_mul(0x9e37_79b9)));
        let live = Live { rule, since: now, matched: 0, struck: 0, random: Random::new(seed) };
        self.rules.insert(RuleId(self.last), live);
        Ok(RuleId(self.last))
    }

    /// One less; false when there is none of this number.
    pub fn remove(&mut self, id: RuleId) -> bool {
        self.rules.remove(&id).is_some()
    }

    /// None any more.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// All of them, in the order in which they came.
    pub fn list(&self, now: Time) -> impl Iterator<Item = Listed<'_>> {
        self.rules.iter().map(move |(id, live)| Listed {
            id: *id,
            rule: &live.rule,
            matched: live.matched,
            struck: live.struck,
            is_over: live.is_over(now),
        })
    }

    /// One of them.
    #[must_use]
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.rules.get(&id).map(|live| &live.rule)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether this rule may still strike; a half-open connection lives no longer than that.
    #[must_use]
    pub fn lives(&self, id: RuleId, now: Time) -> bool {
        self.rules.get(&id).is_some_and(|live| !live.is_past(now))
    }

    /// What happens to a frame.
    pub fn judge(&mut self, now: Time, passing: &Passing<'_>) -> Verdict {
        let mut verdict = Verdict::default();
        for (id, live) in &mut self.rules {
            // Who is lost already is counted by the others all the same: their `nth` must not depend on it.
            if live.counts(now, passing) && verdict.fate == Fate::Pass && live.strikes() {
                verdict.struck.push(*id);
                live.add_to(*id, &mut verdict);
            }
        }
        verdict
    }

    /// What happens by itself: the rules whose time has come, each once.
    pub fn due(&mut self, now: Time) -> Vec<(RuleId, Rule)> {
        let due = self.rules.iter_mut().filter(|(_, live)| live.due_at().is_some_and(|at| at <= now));
        due.map(|(id, live)| {
            live.matched += 1;
            live.struck += 1;
            (*id, live.rule.clone())
        })
        .collect()
    }

    /// When [`Faults::due`] has something to say.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        self.rules.values().filter_map(Live::due_at).min()
    }

    /// When a rule ends by its own words.
    #[must_use]
    pub fn end(&self, id: RuleId) -> Option<Time> {
        self.rules.get(&id).and_then(Live::end)
    }
}

/// Whether a rule for this peer is for that client.
pub(super) fn is_meant(peer: Option<&Peer>, client: &str, dbids: &[AppDbid]) -> bool {
    match peer {
        None => true,
        Some(Peer::Ocs(dbid) | Peer::App(dbid)) => dbids.contains(dbid),
        Some(Peer::Client(name)) => matches(name, client),
    }
}

impl Live {
    /// The time at which it happens by itself; once, and not when it looks at what passes.
    fn due_at(&self) -> Option<Time> {
        if self.struck > 0 {
            return None;
        }
        let when = &self.rule.when;
        match when.at {
            Some(Moment::At(at)) => Some(Time(at).max(self.since)),
            Some(Moment::Now) => Some(self.since),
            None => self.by_itself().then(|| self.begin()),
        }
    }

    /// Role and clock change when the rule begins, unless something has to pass first.
    fn by_itself(&self) -> bool {
        let when = &self.rule.when;
        let looks = when.peer.is_some() || when.way.is_some() || !when.matching.is_empty();
        let counts = when.nth.is_some() || when.every.is_some() || when.first.is_some() || when.probability.is_some();
        self.rule.what.is_of_site() && !looks && !counts
    }

    fn begin(&self) -> Time {
        self.since.max(Time(self.rule.when.from.unwrap_or_default()))
    }

    fn end(&self) -> Option<Time> {
        let when = &self.rule.when;
        let begin = match when.at {
            Some(Moment::At(at)) => self.since.max(Time(at)),
            Some(Moment::Now) | None => self.begin(),
        };
        when.lasts.map(|lasts| begin + lasts).or(when.to.map(Time))
    }

    fn is_past(&self, now: Time) -> bool {
        self.end().is_some_and(|end| end <= now)
    }

    fn is_over(&self, now: Time) -> bool {
        let when = &self.rule.when;
        let by_itself = when.at.is_some() || self.by_itself();
        self.is_past(now)
            || when.first.is_some_and(|first| self.struck >= first)
            || when.nth.is_some_and(|nth| self.matched >= nth)
            || (by_itself && self.struck > 0 && self.rule.what != What::HalfOpen)
    }

    /// Whether it is meant, chance and counts left aside; then it is counted.
    fn counts(&mut self, now: Time, passing: &Passing<'_>) -> bool {
        let skips = self.rule.when.at.is_some() || self.by_itself() || now < self.begin() || self.is_over(now);
        let counts = !skips && self.fits(passing);
        self.matched += u64::from(counts);
        counts
    }

    /// Whether this match is the one.
    fn strikes(&mut self) -> bool {
        let when = &self.rule.when;
        let counted = when.nth.is_none_or(|nth| self.matched == nth)
            && when.every.is_none_or(|every| self.matched.is_multiple_of(every));
        let strikes = counted && when.probability.is_none_or(|probability| self.random.per_mille(probability));
        self.struck += u64::from(strikes);
        strikes
    }

    fn fits(&self, passing: &Passing<'_>) -> bool {
        let Rule { what, when } = &self.rule;
        let way = when.way.or_else(|| what.usual_way(when.peer.is_some()));
        let names_types = when.matching.iter().any(|filter| filter.names("type"));
        way.is_none_or(|way| way == passing.way)
            && (passing.message.is_some() || names_types || what.takes_every_frame())
            && is_meant(when.peer.as_ref(), passing.client, passing.dbids)
            && suits(what, passing)
            && when.matching.iter().all(|filter| filter.passes(passing.fields))
    }

    fn add_to(&mut self, id: RuleId, verdict: &mut Verdict) {
        match &self.rule.what {
            What::Drop | What::Silent => verdict.fate = Fate::Drop,
            What::Delay(span) => {
                verdict.delay = verdict.delay.saturating_add(Duration::from_millis(span.draw(&mut self.random)));
            }
            What::Duplicate { copies, after } => {
                verdict.copies.extend((1..=*copies).map(|n| after.saturating_mul(n)));
            }
            What::TwoAnswers(after) => verdict.copies.push(*after),
            What::LookAlike => verdict.look_alike = true,
            What::Reorder(most) => verdict.behind = Some(*most),
            What::Corrupt(spoiled) => verdict.spoiled = Some((*spoiled, self.random.next())),
            What::Split(bytes) => verdict.pieces = Some(*bytes),
            What::Slow(bytes) => {
                verdict.bytes_per_second = Some(verdict.bytes_per_second.map_or(*bytes, |other| other.min(*bytes)));
            }
            What::WithoutIds => verdict.without_ids = true,
            What::Cut => verdict.fate = Fate::Cut,
            What::HalfOpen => verdict.fate = Fate::HalfOpen(id),
            What::Switchover(backup) => verdict.switchover = Some(*backup),
            What::Jump(leap) => verdict.jump = verdict.jump.saturating_add(*leap),
            What::Refuse(code) => verdict.fate = Fate::Refuse(*code),
            What::Answer(answer) => verdict.fate = Fate::Answer(answer.clone()),
            What::Fail(code) => verdict.fate = Fate::Fail(*code),
        }
    }
}

/// What only some messages can come to.
fn suits(what: &What, passing: &Passing<'_>) -> bool {
    let Some(message) = passing.message else {
        return !matches!(
            what,
            What::Refuse(_)
                | What::Answer(_)
                | What::Fail(_)
                | What::Silent
                | What::LookAlike
                | What::TwoAnswers(_)
                | What::WithoutIds
        );
    };
    let direction = message.body.message_type().row().map(|row| row.direction);
    let is_answer = direction == Some(Direction::FromOcs) && message.target != Target::Every;
    match what {
        What::Refuse(_) | What::Answer(_) => {
            let for_it = match message.target {
                Target::One(dbid) => passing.dbids.contains(&dbid),
                Target::Every => true,
            };
            direction == Some(Direction::ToOcs) && passing.is_ocs && passing.way == Way::Down && for_it
        }
        What::Fail(_) => passing.way == Way::Up,
        What::Silent | What::TwoAnswers(_) => is_answer,
        What::LookAlike => is_answer && message.body.pair_event().is_some(),
        What::WithoutIds => matches!(message.body, Message::ErrorEvent(_)),
        What::Drop
        | What::Delay(_)
        | What::Duplicate { .. }
        | What::Reorder(_)
        | What::Corrupt(_)
        | What::Split(_)
        | What::Slow(_)
        | What::Cut
        | What::HalfOpen
        | What::Switchover(_)
        | What::Jump(_) => true,
    }
}
