//! What has been counted: calls of a pair, records of a campaign.

use std::collections::BTreeMap;

use super::result::CallResult;
use crate::engine::ocs::Ocs;
use crate::message::CampaignDbid;
use crate::message::Pair;

/// What a campaign on a group has done since the start of its OCS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairCounts {
    /// Dial attempts: each ends in one of the results or is still under way.
    pub dials: u64,
    /// Attempts that have not come to a result.
    pub ringing: u64,
    /// Attempts that an unload cut off before their result.
    pub cut: u64,
    /// Attempts that somebody answered.
    pub answers: u64,
    /// Answered calls that wait for a seat.
    pub waiting: u64,
    /// Answered calls that an agent or the IVR took (stopAtContacts counts them).
    pub contacts: u64,
    /// Answered calls whose customer hung up before.
    pub abandoned: u64,
    /// Answered calls that OCS dropped before.
    pub dropped: u64,
    /// Answered calls that an unload cut off before.
    pub answers_cut: u64,
    /// Records that the do-not-call tables held back.
    pub do_not_call: u64,
    /// Attempts by what they came to, answers as [`CallResult::ANSWER`].
    pub outcomes: BTreeMap<CallResult, u64>,
    /// Milliseconds that its seats have been with customers or busy after them.
    pub talk_ms: u64,
    /// How boldly it dials at the moment, per mille of what its estimate asks for.
    pub pace_per_mille: u32,
}

/// The records of a campaign, and the calls of its pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CampaignCounts {
    /// Which.
    pub campaign: CampaignDbid,
    /// Records of its enabled lists.
    pub records: u64,
    /// Those of them with which nothing more will be done.
    pub finals: u64,
    /// The others, as the index of the lists counts them.
    pub open: u64,
    /// Final records by their `call_result`.
    pub results: BTreeMap<CallResult, u64>,
    /// What its pairs have done.
    pub pairs: Vec<(Pair, PairCounts)>,
}

impl PairCounts {
    /// Every attempt is somewhere, and so is every answer.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let ended: u64 = self.outcomes.values().sum();
        self.dials == ended + self.ringing + self.cut
            && self.answers == self.contacts + self.abandoned + self.dropped + self.waiting + self.answers_cut
            && self.answers == self.outcomes.get(&CallResult::ANSWER).copied().unwrap_or(0)
    }
}

impl CampaignCounts {
    /// Conservation: records = final + open, and every call is somewhere.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.records == self.finals + self.open
            && self.results.values().sum::<u64>() == self.finals
            && self.pairs.iter().all(|(_, counts)| counts.is_whole())
    }
}

impl Ocs {
    /// Counts of every campaign, in the order of the configuration. Looks at every record.
    #[must_use]
    pub fn counts(&self) -> Vec<CampaignCounts> {
        let campaigns = self.config.campaigns.iter();
        campaigns.map(|campaign| self.counts_of(campaign.dbid)).collect()
    }

    fn counts_of(&self, campaign: CampaignDbid) -> CampaignCounts {
        let (mut records, mut open, mut results) = (0, 0, BTreeMap::new());
        for list in self.config.lists_of(campaign) {
            let all = self.config.lists.get(list).map_or(&[][..], |list| &list.records);
            records += all.len();
            open += self.books.get(list).map_or(0, super::Book::open);
            for record in all.iter().filter(|record| record.is_final()) {
                *results.entry(CallResult(record.call_result)).or_default() += 1;
            }
        }
        let finals = results.values().sum();
        let pairs = self.config.pairs.iter().map(|config| config.pair).filter(|pair| pair.campaign == campaign);
        CampaignCounts {
            campaign,
            records: u64::try_from(records).unwrap_or(u64::MAX),
            finals,
            open: u64::try_from(open).unwrap_or(u64::MAX),
            results,
            pairs: pairs.map(|pair| (pair, self.pair_counts(pair))).collect(),
        }
    }

    /// What a pair has done; nothing without dialing.
    #[must_use]
    pub fn pair_counts(&self, pair: Pair) -> PairCounts {
        let runner = self.dialer.as_ref().and_then(|dialer| dialer.runners.get(&pair));
        runner.map_or_else(PairCounts::default, |runner| PairCounts {
            ringing: runner.air.ringing,
            waiting: runner.air.waiting,
            pace_per_mille: runner.pace.per_mille(),
            ..runner.counts.clone()
        })
    }
}
