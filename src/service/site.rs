//! The configuration of a gateway for a simulated site, so that `demo` and a first `serve` need no file.

use crate::engine::topology::Topology;
use crate::message::Dialing;
use crate::service::{
    ApplicationSection, CampaignSection, Config, DnSection, GroupSection, OcsSection, OriginSection, PairSection,
    TserverSection,
};

/// Name of the one T-Server of a simulated site.
const TSERVER: &str = "tserver";

/// What a gateway has to know of a simulated site whose T-Server listens at `addr`.
#[must_use]
pub fn config_of_site(topology: &Topology, addr: &str) -> Config {
    let tserver = TserverSection::new(TSERVER, addr);
    let dn = topology.comm_dns.iter().map(|dn| DnSection {
        name: dn.name.clone(),
        tserver: TSERVER.into(),
        outbound_contact_server: dn.outbound_contact_server.clone(),
    });
    let ocs = topology.ocs.iter().map(|ocs| OcsSection {
        dbid: ocs.dbid.0,
        name: ocs.name.clone(),
        dns: Vec::new(),
        pair: ocs.backup.map(|backup| backup.0),
    });
    let campaign = topology.campaigns.iter().map(|(campaign, ocs)| CampaignSection {
        dbid: campaign.dbid.0,
        name: campaign.name.clone(),
        ocs: ocs.0,
        lists: campaign.lists.clone(),
    });
    let group = topology.groups.iter().map(|group| GroupSection { dbid: group.dbid.0, name: group.name.clone() });
    let pair = topology.pairs.iter().map(|config| {
        let Dialing { mode, optimize_by, goal } = config.dialing;
        PairSection {
            campaign: config.pair.campaign.0,
            group: config.pair.group.0,
            mode: mode.map(|mode| mode.slug().map_or_else(|| mode.0.to_string(), str::to_owned)),
            optimize_by: optimize_by.map(|method| method.slug().map_or_else(|| method.0.to_string(), str::to_owned)),
            goal,
        }
    });
    let application = topology.origins.iter().map(|(origin, _)| ApplicationSection {
        dbid: origin.dbid.0,
        name: origin.name.clone(),
        ..ApplicationSection::default()
    });
    Config {
        tserver: vec![tserver],
        dn: dn.collect(),
        ocs: ocs.collect(),
        origin: OriginSection { pool: topology.gateway_origins.iter().map(|origin| origin.0).collect() },
        application: application.collect(),
        campaign: campaign.collect(),
        group: group.collect(),
        pair: pair.collect(),
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Severity;

    #[test]
    fn the_shipped_site_makes_a_configuration_without_errors() {
        let config = config_of_site(&Topology::demo(), "127.0.0.1:7000");
        let errors: Vec<_> = config.check().into_iter().filter(|finding| finding.severity == Severity::Error).collect();
        assert_eq!(errors, []);
        assert_eq!(config.origin.pool, (201..=208).collect::<Vec<_>>());
        assert_eq!(config.ocs.len(), 2);
    }
}
