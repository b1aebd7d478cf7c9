//! What calls, people and agents do in a simulated site: rates, durations, staff. Data, not rules.

use std::collections::BTreeMap;

use super::random::Random;
use super::result::CallResult;
use super::zone::Zones;
use crate::message::GroupDbid;

/// Everything that an OCS needs to dial. An OCS without a model answers requests and never dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialModel {
    /// The same seed gives the same calls.
    pub seed: u64,
    /// Most calls at a time of one OCS; 0 = no limit.
    pub lines: u32,
    /// What dial attempts come to.
    pub outcomes: Vec<Outcome>,
    /// What is done after a failed attempt; a result that is not here is final.
    pub treatments: BTreeMap<CallResult, Treatment>,
    /// How long agent and customer talk.
    pub talk: Span,
    /// What the agent has to do afterwards.
    pub wrap_up: Span,
    /// How long a call stays with the IVR (modes 9, 10, 11).
    pub ivr: Span,
    /// How long somebody who answered waits for an agent before hanging up.
    pub patience: Span,
    /// How long OCS waits for an agent before it drops the call; 0 = as long as the customer does.
    pub drop_after_ms: u64,
    /// How long an agent reads a record before it is dialed (modes 3, 8).
    pub preview: Span,
    /// How long an agent takes to ask for the next record (mode 3).
    pub ask: Span,
    /// Of a thousand talks so many are transferred by the agent.
    pub transferred_per_mille: u32,
    /// So many reach the wrong person; the chain goes on.
    pub wrong_party_per_mille: u32,
    /// So many end with the wish to be called back.
    pub call_back_per_mille: u32,
    /// When the wish is for.
    pub call_back_after: Span,
    /// Calls per thousand free seats in the power modes.
    pub power_per_mille: u32,
    /// The agents and ports of the groups.
    pub staff: BTreeMap<GroupDbid, Staff>,
    /// Time zones of the records.
    pub zones: Zones,
}

/// One thing that a dial attempt may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// `call_result`; [`CallResult::ANSWER`] goes to an agent.
    pub result: CallResult,
    /// Its weight among all outcomes.
    pub weight: u32,
    /// From the dial attempt to the result.
    pub ring: Span,
}

/// What is done after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Treatment {
    /// The same phone is tried until it has so many attempts.
    pub attempts: i32,
    /// So long after the failure.
    pub after_ms: u64,
}

/// Who works for a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Staff {
    /// Agents.
    pub agents: u32,
    /// From the start of the group's work to an agent's login.
    pub arrive: Span,
    /// From login to logout; zero = until the work ends.
    pub stint: Span,
    /// From logout to the next login.
    pub pause: Span,
    /// Ports of the group's IVR.
    pub ports: u32,
}

/// A length of time that chance decides, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// From the first to the second, each equally likely.
    Between(u64, u64),
    /// Exponential with this mean.
    Mean(u64),
}

impl Default for Span {
    fn default() -> Self {
        Self::Between(0, 0)
    }
}

impl Span {
    /// Always the same.
    #[must_use]
    pub fn exactly(millis: u64) -> Self {
        Self::Between(millis, millis)
    }

    pub(in crate::engine) fn draw(self, random: &mut Random) -> u64 {
        match self {
            Self::Between(min, max) => random.between(min, max),
            Self::Mean(mean) => random.exponential(mean),
        }
    }

    pub(super) fn mean(self) -> u64 {
        match self {
            Self::Between(min, max) => min.midpoint(max),
            Self::Mean(mean) => mean,
        }
    }

    /// `20s`, `4s-18s` or `~150s`: exact, between, exponential with this mean.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        if let Some(mean) = word.strip_prefix('~') {
            return millis_from_word(mean).map(Self::Mean);
        }
        let (min, max) = word.split_once('-').unwrap_or((word, word));
        let (min, max) = (millis_from_word(min)?, millis_from_word(max)?);
        (min <= max).then_some(Self::Between(min, max))
    }
}

/// `500ms`, `20s`, `5m`, `2h`, at most a year.
#[must_use]
pub fn millis_from_word(word: &str) -> Option<u64> {
    const YEAR: u64 = 366 * 86_400_000;
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match word.get(digits.len()..)? {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit).filter(|millis| *millis <= YEAR)
}

impl Default for DialModel {
    /// Made up to look like an evening of calls to private numbers; no staff.
    fn default() -> Self {
        let seconds = |min: u64, max: u64| Span::Between(min * 1_000, max * 1_000);
        let outcome = |word, weight, ring| Outcome {
            result: CallResult::from_word(word).unwrap_or(CallResult::UNKNOWN),
            weight,
            ring,
        };
        let treat = |attempts, minutes: u64| Treatment { attempts, after_ms: minutes * 60_000 };
        Self {
            seed: 1,
            lines: 0,
            outcomes: vec![
                outcome("answer", 320, seconds(4, 18)),
                outcome("no_answer", 300, seconds(25, 30)),
                outcome("answering_machine", 190, seconds(12, 22)),
                outcome("busy", 110, seconds(1, 3)),
                outcome("sit_invalid_num", 30, seconds(1, 3)),
                outcome("sit_vacant", 20, seconds(1, 3)),
                outcome("fax", 15, seconds(3, 8)),
                outcome("sit_no_circuit", 10, seconds(1, 3)),
                outcome("sit_unknown", 5, seconds(1, 3)),
            ],
            treatments: BTreeMap::from([
                (CallResult::BUSY, treat(4, 10)),
                (CallResult::NO_ANSWER, treat(3, 60)),
                (CallResult::ANSWERING_MACHINE, treat(3, 120)),
                (CallResult::ABANDONED, treat(4, 30)),
                (CallResult::DROPPED, treat(4, 30)),
            ]),
            talk: Span::Mean(150_000),
            wrap_up: seconds(5, 30),
            ivr: seconds(20, 60),
            patience: seconds(2, 8),
            drop_after_ms: 0,
            preview: seconds(5, 25),
            ask: seconds(1, 5),
            transferred_per_mille: 20,
            wrong_party_per_mille: 10,
            call_back_per_mille: 15,
            call_back_after: seconds(1_800, 7_200),
            power_per_mille: 1_500,
            staff: BTreeMap::new(),
            zones: Zones::default(),
        }
    }
}

impl DialModel {
    pub(super) fn outcome(&self, random: &mut Random) -> Option<Outcome> {
        let all: u64 = self.outcomes.iter().map(|outcome| u64::from(outcome.weight)).sum();
        let mut drawn = random.below(all);
        self.outcomes.iter().copied().find(|outcome| {
            let hit = drawn < u64::from(outcome.weight);
            drawn = drawn.saturating_sub(u64::from(outcome.weight));
            hit
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_come_as_often_as_their_weights_say() {
        let (model, mut random) = (DialModel::default(), Random::new(3));
        let mut seen: BTreeMap<CallResult, u32> = BTreeMap::new();
        for _ in 0..100_000 {
            *seen.entry(model.outcome(&mut random).unwrap().result).or_default() += 1;
        }
        for outcome in &model.outcomes {
            let (wanted, found) = (outcome.weight * 100, seen[&outcome.result]);
            // Four standard deviations: sqrt(n p (1 - p)) <= sqrt(wanted).
            assert!(found.abs_diff(wanted).pow(2) <= 16 * wanted, "{}: {found} of {wanted}", outcome.result);
        }
        assert_eq!(model.outcomes.iter().map(|outcome| outcome.weight).sum::<u32>(), 1_000);
        assert!(DialModel { outcomes: Vec::new(), ..model }.outcome(&mut random).is_none());
    }

    #[test]
    fn spans_are_read_from_words() {
        for (word, span) in [
            ("20s", Some(Span::exactly(20_000))),
            ("4s-18s", Some(Span::Between(4_000, 18_000))),
            ("~2m", Some(Span::Mean(120_000))),
            ("18s-4s", None),
            ("4", None),
            ("s", None),
            ("1d", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(Span::from_word(word), span, "{word}");
        }
        let mut random = Random::new(1);
        assert!((0..100).all(|_| (4_000..=18_000).contains(&Span::Between(4_000, 18_000).draw(&mut random))));
        assert_eq!((Span::Between(4_000, 18_000).mean(), Span::Mean(5).mean()), (11_000, 5));
    }
}
