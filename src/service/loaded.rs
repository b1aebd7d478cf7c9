//! Which calling lists a campaign has loaded: they are not removed under it.

use crate::engine::PairState;
use crate::message::CampaignDbid;
use crate::message::GroupCampStatus;
use crate::service::Config;

/// The calling lists of campaigns, as far as the configuration names them.
#[derive(Clone, Debug, Default)]
pub struct LoadedLists {
    campaigns: Vec<(CampaignDbid, String, Vec<String>)>,
}

impl LoadedLists {
    /// Of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let campaigns = config.campaign.iter().filter(|campaign| !campaign.lists.is_empty());
        let each = campaigns.map(|it| (CampaignDbid(it.dbid), it.name.clone(), it.lists.clone()));
        Self { campaigns: each.collect() }
    }

    /// Some campaign dials from this list.
    #[must_use]
    pub fn is_known(&self, list: &str) -> bool {
        self.campaigns.iter().any(|(_, _, lists)| lists.iter().any(|name| name == list))
    }

    /// Name of a campaign that has this list loaded.
    #[must_use]
    pub fn by(&self, list: &str, states: &[PairState]) -> Option<&str> {
        let is_loaded = |dbid: &CampaignDbid| {
            let mut states = states.iter().filter(|state| state.pair.campaign == *dbid);
            states.any(|state| state.status.is_some_and(|status| status != GroupCampStatus::NOT_LOADED))
        };
        let mut found = self.campaigns.iter().filter(|(_, _, lists)| lists.iter().any(|name| name == list));
        found.find(|(dbid, _, _)| is_loaded(dbid)).map(|(_, name, _)| name.as_str())
    }
}
