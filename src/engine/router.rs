//! Which OCS a request goes to: campaigns by their OCS, do-not-call and cancel to every OCS unless one is named.

use std::collections::BTreeMap;

use crate::engine::words::nearest;
use crate::message::AppDbid;
use crate::message::CampaignDbid;
use crate::message::Dialing;
use crate::message::GroupDbid;
use crate::message::Pair;
use crate::message::RequestKind;

/// What a gateway knows of the site: objects with their DBIDs and names.
#[derive(Clone, Debug, Default)]
pub struct Router {
    ocss: Vec<Named<OcsRoute>>,
    campaigns: Vec<Named<CampaignRoute>>,
    groups: Vec<Named<GroupDbid>>,
    pairs: BTreeMap<Pair, Dialing>,
}

/// An object that people name by DBID or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<T> {
    /// Its number.
    pub dbid: i32,
    /// Its configured name.
    pub name: String,
    /// What it is.
    pub object: T,
}

/// One OCS, with its backup counted as the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OcsRoute {
    /// The DBID that requests name.
    pub dbid: AppDbid,
    /// The other member of the pair.
    pub backup: Option<AppDbid>,
}

/// One campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CampaignRoute {
    /// Its DBID.
    pub dbid: CampaignDbid,
    /// The OCS that runs it.
    pub ocs: AppDbid,
}

/// A name or number that the configuration does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{noun} '{found}' is not in the configuration{}", nearest.as_ref().map_or(String::new(), |near| format!(", did you mean '{near}'?")))]
pub struct RouteError {
    /// `campaign`, `group` or `OCS`.
    pub noun: &'static str,
    /// What was given.
    pub found: String,
    /// The name that is most like it.
    pub nearest: Option<String>,
}

/// Which requests go first when they compete: people before campaigns before imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Do-not-call and cancel.
    Person,
    /// Campaign control.
    Campaign,
    /// Contact loading.
    Import,
}

impl Priority {
    /// The priority of a request.
    #[must_use]
    pub fn of(kind: RequestKind) -> Self {
        if kind.is_campaign_control() { Self::Campaign } else { Self::Person }
    }
}

impl Router {
    /// Adds an OCS.
    pub fn add_ocs(&mut self, dbid: AppDbid, name: &str, backup: Option<AppDbid>) {
        self.ocss.push(Named { dbid: dbid.0, name: name.to_owned(), object: OcsRoute { dbid, backup } });
    }

    /// Adds a campaign.
    pub fn add_campaign(&mut self, dbid: CampaignDbid, name: &str, ocs: AppDbid) {
        self.campaigns.push(Named { dbid: dbid.0, name: name.to_owned(), object: CampaignRoute { dbid, ocs } });
    }

    /// Adds an agent group.
    pub fn add_group(&mut self, dbid: GroupDbid, name: &str) {
        self.groups.push(Named { dbid: dbid.0, name: name.to_owned(), object: dbid });
    }

    /// Adds a pair with the parameters that hold when a request names none.
    pub fn add_pair(&mut self, pair: Pair, configured: Dialing) {
        self.pairs.insert(pair, configured);
    }

    /// The campaign of a DBID or name.
    ///
    /// # Errors
    /// [`RouteError`] with the nearest name.
    pub fn campaign(&self, word: &str) -> Result<&Named<CampaignRoute>, RouteError> {
        find(&self.campaigns, "campaign", word)
    }

    /// The agent group of a DBID or name.
    ///
    /// # Errors
    /// As [`Router::campaign`].
    pub fn group(&self, word: &str) -> Result<&Named<GroupDbid>, RouteError> {
        find(&self.groups, "group", word)
    }

    /// The OCS of a DBID or name.
    ///
    /// # Errors
    /// As [`Router::campaign`].
    pub fn ocs(&self, word: &str) -> Result<&Named<OcsRoute>, RouteError> {
        find(&self.ocss, "OCS", word)
    }

    /// The OCS that a DBID belongs to: its own, or the primary of its pair.
    #[must_use]
    pub fn ocs_of_member(&self, dbid: AppDbid) -> AppDbid {
        let pair = self.ocss.iter().find(|ocs| ocs.object.dbid == dbid || ocs.object.backup == Some(dbid));
        pair.map_or(dbid, |ocs| ocs.object.dbid)
    }

    /// The parameters configured for a pair.
    #[must_use]
    pub fn configured(&self, pair: Pair) -> Dialing {
        self.pairs.get(&pair).copied().unwrap_or_default()
    }

    /// Every configured pair with the OCS that runs it.
    pub fn pairs(&self) -> impl Iterator<Item = (Pair, AppDbid)> {
        self.pairs.keys().filter_map(|pair| {
            let campaign = self.campaigns.iter().find(|campaign| campaign.object.dbid == pair.campaign)?;
            Some((*pair, campaign.object.ocs))
        })
    }

    /// Every OCS.
    #[must_use]
    pub fn ocss(&self) -> &[Named<OcsRoute>] {
        &self.ocss
    }

    /// The configured name of a campaign.
    #[must_use]
    pub fn campaign_name(&self, dbid: CampaignDbid) -> Option<&str> {
        name_of(&self.campaigns, dbid.0)
    }

    /// The configured name of a group.
    #[must_use]
    pub fn group_name(&self, dbid: GroupDbid) -> Option<&str> {
        name_of(&self.groups, dbid.0)
    }

    /// The configured name of an OCS.
    #[must_use]
    pub fn ocs_name(&self, dbid: AppDbid) -> Option<&str> {
        name_of(&self.ocss, dbid.0)
    }
}

fn name_of<T>(all: &[Named<T>], dbid: i32) -> Option<&str> {
    all.iter().find(|named| named.dbid == dbid).map(|named| named.name.as_str())
}

/// A number names a DBID, anything else a name in any case.
fn find<'a, T>(all: &'a [Named<T>], noun: &'static str, word: &str) -> Result<&'a Named<T>, RouteError> {
    let number: Option<i32> = word.parse().ok();
    all.iter()
        .find(|named| number == Some(named.dbid))
        .or_else(|| all.iter().find(|named| named.name.to_lowercase() == word.to_lowercase()))
        .ok_or_else(|| {
            let names = all.iter().map(|named| named.name.as_str());
            RouteError { noun, found: word.to_owned(), nearest: nearest(word, names).map(str::to_owned) }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router() -> Router {
        let mut router = Router::default();
        router.add_ocs(AppDbid(301), "OCS_A", Some(AppDbid(311)));
        router.add_campaign(CampaignDbid(101), "Renewals", AppDbid(301));
        router.add_group(GroupDbid(732), "Team A");
        router.add_pair(Pair::new(101, 732), Dialing::default());
        router
    }

    #[test]
    fn objects_are_found_by_number_and_by_name_in_any_case() {
        let router = router();
        assert_eq!(router.campaign("101").unwrap().object.ocs, AppDbid(301));
        assert_eq!(router.campaign("renewals").unwrap().dbid, 101);
        assert_eq!(router.group("team a").unwrap().object, GroupDbid(732));
        assert_eq!(router.pairs().collect::<Vec<_>>(), [(Pair::new(101, 732), AppDbid(301))]);
    }

    #[test]
    fn a_wrong_name_gets_the_nearest_one() {
        let error = router().campaign("Renewal").unwrap_err();
        assert_eq!(error.to_string(), "campaign 'Renewal' is not in the configuration, did you mean 'Renewals'?");
        assert_eq!(router().campaign("zzz").unwrap_err().nearest, None);
    }

    #[test]
    fn the_backup_of_a_pair_is_the_same_ocs() {
        assert_eq!(router().ocs_of_member(AppDbid(311)), AppDbid(301));
        assert_eq!(router().ocs_of_member(AppDbid(999)), AppDbid(999));
    }

    #[test]
    fn people_go_before_campaigns() {
        assert!(Priority::of(RequestKind::DoNotCall) < Priority::of(RequestKind::Start));
        assert!(Priority::of(RequestKind::CancelRecord) < Priority::Import);
    }
}
