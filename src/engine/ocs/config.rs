//! What an OCS is configured with (specification 5.1).

use crate::engine::ocs::dialer::DialModel;
use crate::engine::ocs::record::CallingList;
use crate::message::AppDbid;
use crate::message::CampaignDbid;
use crate::message::DialMode;
use crate::message::Dialing;
use crate::message::GroupDbid;
use crate::message::Pair;
use crate::protocol::profile::Profile;
use crate::wire::Dialect;

/// One OCS with everything it reads at start.
#[derive(Clone, Debug)]
pub struct OcsConfig {
    /// Its DBID.
    pub dbid: AppDbid,
    /// Its name.
    pub name: String,
    /// DBID of its backup, if it has one.
    pub backup: Option<AppDbid>,
    /// Applications whose requests it accepts.
    pub origins: Vec<Origin>,
    /// Dial modes of its licence.
    pub licensed_modes: Vec<DialMode>,
    /// How it behaves.
    pub profile: Profile,
    /// Bytes and charset.
    pub dialect: Dialect,
    /// Campaigns.
    pub campaigns: Vec<Campaign>,
    /// Agent groups.
    pub groups: Vec<Group>,
    /// Which campaign is configured for which group.
    pub pairs: Vec<PairConfig>,
    /// Calling lists.
    pub lists: Vec<CallingList>,
    /// The host keeps the calling lists: they are asked for at each load, see [`super::Output::ReadLists`].
    pub reads_lists: bool,
    /// For the spread of delays; the same seed gives the same delays.
    pub seed: u64,
    /// How calls go; without it the OCS answers requests and never dials.
    pub dialing: Option<DialModel>,
}

/// An application whose requests an OCS accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its DBID.
    pub dbid: AppDbid,
    /// Its name.
    pub name: String,
    /// Which of the two lists it stands in.
    pub kind: OriginKind,
}

/// How an OCS knows an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginKind {
    /// A Third-Party Server in the Connections of the OCS.
    ThirdPartyServer,
    /// A Third-Party Application whose Connections list the OCS.
    ThirdPartyApplication,
}

/// A campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// Its DBID.
    pub dbid: CampaignDbid,
    /// Its name, as `GSW_CAMPAIGN_NAME` says it.
    pub name: String,
    /// Disabled objects answer error 16.
    pub enabled: bool,
    /// Names of its calling lists.
    pub lists: Vec<String>,
}

/// An agent group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its DBID.
    pub dbid: GroupDbid,
    /// Its name.
    pub name: String,
    /// Disabled objects answer error 16.
    pub enabled: bool,
}

/// A campaign configured for a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairConfig {
    /// Which.
    pub pair: Pair,
    /// Disabled objects answer error 16.
    pub enabled: bool,
    /// Configured mode, method and goal.
    pub dialing: Dialing,
}

impl OcsConfig {
    pub(super) fn campaign(&self, dbid: CampaignDbid) -> Option<&Campaign> {
        self.campaigns.iter().find(|campaign| campaign.dbid == dbid)
    }

    pub(super) fn group(&self, dbid: GroupDbid) -> Option<&Group> {
        self.groups.iter().find(|group| group.dbid == dbid)
    }

    pub(super) fn pair(&self, pair: Pair) -> Option<&PairConfig> {
        self.pairs.iter().find(|config| config.pair == pair)
    }

    /// Indices of the enabled calling lists of a campaign.
    pub(super) fn lists_of(&self, campaign: CampaignDbid) -> impl Iterator<Item = usize> {
        let names = self.campaign(campaign).map_or(&[][..], |campaign| &campaign.lists);
        let lists = self.lists.iter().enumerate();
        lists.filter(|(_, list)| list.enabled && names.contains(&list.name)).map(|(n, _)| n)
    }

    /// Configured mode, method and goal; nothing for a pair that is not configured.
    pub(super) fn dialing(&self, pair: Pair) -> Dialing {
        self.pair(pair).map(|config| config.dialing).unwrap_or_default()
    }

    /// The words of trace lines: `<campaign>@<group>`.
    pub(super) fn names(&self, pair: Pair) -> String {
        let campaign = self.campaign(pair.campaign).map_or_else(|| pair.campaign.to_string(), |it| it.name.clone());
        let group = self.group(pair.group).map_or_else(|| pair.group.to_string(), |it| it.name.clone());
        format!("{campaign}@{group}")
    }
}
