//! What there is in a simulated site: CommDNs, OCSs, origins, groups, campaigns, pairs, calling lists.
//!
//! Read from a text file; `demo.topology` (specification 5.14) is shipped and says what the lines look like.

use std::collections::BTreeSet;
use std::fmt;

use crate::engine::ocs::{CallingList, Campaign, Group, Held, OcsConfig, Origin, OriginKind, PairConfig, Record};
use crate::engine::words::{nearest, split, unquote};
use crate::message::AppDbid;
use crate::message::CampaignDbid;
use crate::message::DialMode;
use crate::message::Dialing;
use crate::message::GroupDbid;
use crate::message::OptimizeBy;
use crate::message::Pair;
use crate::protocol::profile::Profile;
use crate::wire::Dialect;

/// The site of `demo` and of `sim run` without a topology of its own.
pub const DEMO: &str = include_str!("demo.topology");
/// Most contacts of one made list: the numbers that `+1202555xxxx` has room for, with some to spare.
const CONTACTS_MAX: u32 = 3_000;

/// A whole site.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    /// CommDNs of the T-Server.
    pub comm_dns: Vec<CommDn>,
    /// OCSs in the order of the file.
    pub ocs: Vec<OcsEntry>,
    /// Applications, each with the OCSs that accept it.
    pub origins: Vec<(Origin, Vec<AppDbid>)>,
    /// Application DBIDs of the demo's gateway.
    pub gateway_origins: Vec<AppDbid>,
    /// Agent groups, known to every OCS.
    pub groups: Vec<Group>,
    /// Campaigns, each with its OCS.
    pub campaigns: Vec<(Campaign, AppDbid)>,
    /// Pairs; each lives on the OCS of its campaign.
    pub pairs: Vec<PairConfig>,
    /// Calling lists.
    pub lists: Vec<CallingList>,
}

/// A CommDN of the T-Server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommDn {
    /// Its name.
    pub name: String,
    /// `outbound_contact_server` as it is written; the T-Server reads it.
    pub outbound_contact_server: String,
    /// Whether the switch has it in service.
    pub in_service: bool,
}

/// An OCS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcsEntry {
    /// Its DBID.
    pub dbid: AppDbid,
    /// Its name.
    pub name: String,
    /// DBID of its backup.
    pub backup: Option<AppDbid>,
    /// Name of its profile.
    pub profile: String,
    /// Dial modes of its licence.
    pub licensed_modes: Vec<DialMode>,
}

/// A topology file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct TopologyError {
    /// Line of the file, from 1.
    pub line: usize,
    /// What was found and what was wanted.
    pub message: String,
}

impl Topology {
    /// The shipped site.
    ///
    /// # Panics
    /// Never: a test reads the shipped file.
    #[must_use]
    pub fn demo() -> Self {
        Self::parse(DEMO).expect("the shipped topology is read by a test")
    }

    /// Reads a topology file. What a line names must stand in a line before it.
    ///
    /// # Errors
    /// [`TopologyError`] with the line.
    pub fn parse(text: &str) -> Result<Self, TopologyError> {
        let mut topology = Self::default();
        for (line, content) in (1..).zip(text.lines()) {
            topology.read_line(content).map_err(|message| TopologyError { line, message })?;
        }
        Ok(topology)
    }

    /// What one OCS is configured with; `profile` replaces the one of the file. `None` for an unknown OCS or profile.
    #[must_use]
    pub fn ocs_config(&self, dbid: AppDbid, dialect: Dialect, profile: Option<Profile>) -> Option<OcsConfig> {
        let entry = self.ocs.iter().find(|entry| entry.dbid == dbid)?;
        let campaigns: Vec<Campaign> =
            self.campaigns.iter().filter(|(_, ocs)| *ocs == dbid).map(|(campaign, _)| campaign.clone()).collect();
        let of_pair = |pair: &&PairConfig| campaigns.iter().any(|campaign| campaign.dbid == pair.pair.campaign);
        let of_list = |list: &&CallingList| campaigns.iter().any(|campaign| campaign.lists.contains(&list.name));
        let accepted = self.origins.iter().filter(|(_, ocs)| ocs.contains(&dbid));
        Some(OcsConfig {
            dbid,
            name: entry.name.clone(),
            backup: entry.backup,
            origins: accepted.map(|(origin, _)| origin.clone()).collect(),
            licensed_modes: entry.licensed_modes.clone(),
            profile: profile.or_else(|| Profile::shipped(&entry.profile))?,
            dialect,
            groups: self.groups.clone(),
            pairs: self.pairs.iter().filter(of_pair).cloned().collect(),
            lists: self.lists.iter().filter(of_list).cloned().collect(),
            campaigns,
            seed: u64::from(dbid.0.unsigned_abs()),
        })
    }

    /// The OCS of a campaign.
    #[must_use]
    pub fn ocs_of(&self, campaign: CampaignDbid) -> Option<AppDbid> {
        self.campaigns.iter().find(|(known, _)| known.dbid == campaign).map(|(_, ocs)| *ocs)
    }

    fn read_line(&mut self, line: &str) -> Result<(), String> {
        let words = split(line).map_err(|error| error.to_string())?;
        let Some((kind, rest)) = words.split_first() else { return Ok(()) };
        let mut options = Options::read(rest)?;
        match *kind {
            "comm_dn" => self.comm_dn(&mut options)?,
            "ocs" => self.read_ocs(&mut options)?,
            "origin" => self.origin(&mut options)?,
            "gateway" => self.gateway_origins.extend(dbids(&options.next("origins")?)?.into_iter().map(AppDbid)),
            "group" => self.group(&mut options)?,
            "campaign" => self.campaign(&mut options)?,
            "pair" => self.pair(&mut options)?,
            "list" => self.list(&mut options)?,
            "desktop" => self.desktop(&mut options)?,
            other => {
                const KINDS: [&str; 9] =
                    ["comm_dn", "ocs", "origin", "gateway", "group", "campaign", "pair", "list", "desktop"];
                return Err(unknown(&format!("one of {}", KINDS.join(", ")), other, KINDS));
            }
        }
        options.finish()
    }

    fn comm_dn(&mut self, options: &mut Options) -> Result<(), String> {
        let name = options.next("name")?;
        once("comm_dn", &name, self.comm_dns.iter().any(|dn| dn.name == name))?;
        let outbound_contact_server = options.take("outbound_contact_server").unwrap_or_else(|| "undefined".to_owned());
        self.comm_dns.push(CommDn { name, outbound_contact_server, in_service: !options.flag("out_of_service") });
        Ok(())
    }

    fn read_ocs(&mut self, options: &mut Options) -> Result<(), String> {
        let dbid = AppDbid(number("DBID", &options.next("DBID")?)?);
        once("ocs", dbid, self.ocs.iter().any(|ocs| ocs.dbid == dbid))?;
        let name = options.next("name")?;
        let backup = options.take("backup").map(|backup| number("backup", &backup)).transpose()?.map(AppDbid);
        let profile = options.take("profile").unwrap_or_else(|| "documented".to_owned());
        if Profile::shipped(&profile).is_none() {
            let names = crate::protocol::profile::PROFILES.iter().map(|(name, _)| *name);
            return Err(unknown("the name of a shipped profile", &profile, names));
        }
        let licensed_modes = options.take("modes").map(|modes| dbids(&modes)).transpose()?;
        let licensed_modes = licensed_modes.unwrap_or_default().into_iter().map(DialMode).collect();
        self.ocs.push(OcsEntry { dbid, name, backup, profile, licensed_modes });
        Ok(())
    }

    fn origin(&mut self, options: &mut Options) -> Result<(), String> {
        let origins = dbids(&options.next("DBIDs")?)?;
        let kind = match options.next("kind")?.as_str() {
            "server" => OriginKind::ThirdPartyServer,
            "application" => OriginKind::ThirdPartyApplication,
            other => return Err(format!("expected server or application, found '{other}'")),
        };
        let name = options.take("name").unwrap_or_else(|| "Application".to_owned());
        let ocs: Vec<AppDbid> = dbids(&options.need("ocs")?)?.into_iter().map(AppDbid).collect();
        for dbid in &ocs {
            self.known_ocs(*dbid)?;
        }
        for dbid in origins.into_iter().map(AppDbid) {
            once("origin", dbid, self.origins.iter().any(|(origin, _)| origin.dbid == dbid))?;
            self.origins.push((Origin { dbid, name: format!("{name}_{dbid}"), kind }, ocs.clone()));
        }
        Ok(())
    }

    fn group(&mut self, options: &mut Options) -> Result<(), String> {
        let dbid = GroupDbid(number("DBID", &options.next("DBID")?)?);
        once("group", dbid, self.groups.iter().any(|group| group.dbid == dbid))?;
        let name = options.next("name")?;
        self.groups.push(Group { dbid, name, enabled: !options.flag("disabled") });
        Ok(())
    }

    fn campaign(&mut self, options: &mut Options) -> Result<(), String> {
        let dbid = CampaignDbid(number("DBID", &options.next("DBID")?)?);
        once("campaign", dbid, self.campaigns.iter().any(|(campaign, _)| campaign.dbid == dbid))?;
        let name = options.next("name")?;
        let ocs = AppDbid(number("ocs", &options.need("ocs")?)?);
        self.known_ocs(ocs)?;
        let lists = options.take("lists").unwrap_or_default();
        let lists = lists.split(',').filter(|list| !list.is_empty()).map(str::to_owned).collect();
        self.campaigns.push((Campaign { dbid, name, enabled: !options.flag("disabled"), lists }, ocs));
        Ok(())
    }

    fn pair(&mut self, options: &mut Options) -> Result<(), String> {
        let word = options.next("pair")?;
        let (campaign, group) = word.split_once('-').ok_or("expected a pair such as 101-732")?;
        let pair = Pair::new(number("campaign", campaign)?, number("group", group)?);
        once("pair", pair, self.pairs.iter().any(|known| known.pair == pair))?;
        if self.ocs_of(pair.campaign).is_none() {
            return Err(format!("expected a campaign of a line above, found {}", pair.campaign));
        }
        if !self.groups.iter().any(|group| group.dbid == pair.group) {
            return Err(format!("expected a group of a line above, found {}", pair.group));
        }
        let mode = options.take("mode").map(|word| from_word("mode", &word, DialMode::from_word)).transpose()?;
        let method = options.take("optimize_by");
        let optimize_by = method.map(|word| from_word("optimize_by", &word, OptimizeBy::from_word)).transpose()?;
        let goal = options.take("goal").map(|goal| number("goal", &goal)).transpose()?;
        let enabled = !options.flag("disabled");
        self.pairs.push(PairConfig { pair, enabled, dialing: Dialing { mode, optimize_by, goal } });
        Ok(())
    }

    fn list(&mut self, options: &mut Options) -> Result<(), String> {
        let name = options.next("name")?;
        once("list", &name, self.lists.iter().any(|list| list.name == name))?;
        let mut made = Made {
            contacts: number("contacts", &options.take("contacts").unwrap_or_else(|| "0".to_owned()))?,
            chains: number("chains", &options.take("chains").unwrap_or_else(|| "0".to_owned()))?,
            seed: number("seed", &options.take("seed").unwrap_or_else(|| "1".to_owned()))?,
            first: options.take("first"),
            used: BTreeSet::new(),
        };
        if made.contacts > CONTACTS_MAX || made.chains > made.contacts {
            return Err(format!("expected at most {CONTACTS_MAX} contacts and no more chains than contacts"));
        }
        let customer_column = options.take("customer_column").unwrap_or_else(|| "customer_id".to_owned());
        let records = made.records(&customer_column);
        self.lists.push(CallingList { name, enabled: !options.flag("disabled"), customer_column, records });
        Ok(())
    }

    fn desktop(&mut self, options: &mut Options) -> Result<(), String> {
        let (name, phone) = (options.next("list")?, options.next("phone")?);
        let list = self.lists.iter_mut().find(|list| list.name == name);
        let list = list.ok_or_else(|| format!("expected a list of a line above, found '{name}'"))?;
        let record = list.records.iter_mut().find(|record| record.contact_info == phone);
        let record = record.ok_or_else(|| format!("expected a phone of list {name}, found '{phone}'"))?;
        record.held = Some(Held::Desktop);
        record.record_status = crate::engine::ocs::record::RETRIEVED;
        Ok(())
    }

    fn known_ocs(&self, dbid: AppDbid) -> Result<(), String> {
        match self.ocs.iter().any(|ocs| ocs.dbid == dbid) {
            true => Ok(()),
            false => Err(format!("expected an OCS of a line above, found {dbid}")),
        }
    }
}

/// Contacts that are made, the same ones for the same seed.
struct Made {
    contacts: u32,
    /// So many contacts have three phones in a chain.
    chains: u32,
    seed: u32,
    /// The first contact's phone.
    first: Option<String>,
    used: BTreeSet<String>,
}

impl Made {
    fn records(&mut self, customer_column: &str) -> Vec<Record> {
        let mut records = Vec::new();
        for contact in 0..self.contacts {
            // The first contact keeps its one phone; the chains come behind it.
            let phones = if (1..=self.chains).contains(&contact) { 3 } else { 1 };
            let mut chain_id = None;
            for chain_n in 0..phones {
                let phone = self.phone(records.is_empty());
                let record_id = i32::try_from(records.len() + 1).unwrap_or(i32::MAX);
                let mut record = Record::new(record_id, phone);
                record.chain_id = *chain_id.get_or_insert(record_id);
                record.chain_n = chain_n;
                record.contact_info_type = [1, 4, 2][usize::try_from(chain_n).unwrap_or(0) % 3];
                record.user.push((customer_column.to_owned(), format!("C{:04}", contact + 1)));
                records.push(record);
            }
        }
        records
    }

    /// `+1202555xxxx`, each number once a list.
    fn phone(&mut self, is_first: bool) -> String {
        let first = self.first.clone().filter(|_| is_first);
        let mut phone = first.unwrap_or_else(|| self.draw());
        while !self.used.insert(phone.clone()) {
            phone = self.draw();
        }
        phone
    }

    /// A linear congruence over all four-digit numbers; which is first depends on the seed alone.
    fn draw(&mut self) -> String {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        format!("+1202555{:04}", (self.seed >> 8) % 10_000)
    }
}

/// The words behind the first one of a line: in order, `key=value`, and single words such as `disabled`.
struct Options {
    plain: Vec<String>,
    named: Vec<(String, String)>,
}

const FLAGS: [&str; 2] = ["disabled", "out_of_service"];

impl Options {
    fn read(words: &[&str]) -> Result<Self, String> {
        let (mut plain, mut named) = (Vec::new(), Vec::new());
        for word in words {
            match word.split_once('=').filter(|(key, _)| !key.starts_with('"')) {
                Some((key, value)) => named.push((key.to_owned(), unquote(value).map_err(|error| error.to_string())?)),
                None => plain.push(unquote(word).map_err(|error| error.to_string())?),
            }
        }
        plain.reverse(); // taken from the end
        Ok(Self { plain, named })
    }

    fn next(&mut self, what: &str) -> Result<String, String> {
        self.plain.pop().ok_or_else(|| format!("{what}: expected a word, found the end of the line"))
    }

    fn take(&mut self, key: &str) -> Option<String> {
        let at = self.named.iter().position(|(name, _)| name == key)?;
        Some(self.named.remove(at).1)
    }

    fn need(&mut self, key: &str) -> Result<String, String> {
        self.take(key).ok_or_else(|| format!("expected {key}=, found none"))
    }

    fn flag(&mut self, word: &str) -> bool {
        let at = self.plain.iter().position(|plain| plain == word);
        at.map(|at| self.plain.remove(at)).is_some()
    }

    fn finish(self) -> Result<(), String> {
        let plain = self.plain.into_iter().next_back();
        let left = plain.or_else(|| self.named.into_iter().next().map(|(key, _)| format!("{key}=")));
        match left {
            None => Ok(()),
            Some(word) => Err(unknown("the end of the line", &word, FLAGS)),
        }
    }
}

fn once(what: &str, name: impl fmt::Display, known: bool) -> Result<(), String> {
    if known { Err(format!("{what} {name}: expected once, found twice")) } else { Ok(()) }
}

fn unknown<'a>(wanted: &str, found: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let hint = nearest(found, candidates).map(|near| format!(", did you mean '{near}'")).unwrap_or_default();
    format!("expected {wanted}, found '{found}'{hint}")
}

fn number<N: std::str::FromStr>(what: &str, word: &str) -> Result<N, String> {
    word.parse().map_err(|_| format!("{what}: expected a number, found '{word}'"))
}

fn from_word<T>(what: &str, word: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, String> {
    read(word).ok_or_else(|| format!("{what}: expected a word or number of its table, found '{word}'"))
}

/// `1-5,8`: numbers and ranges.
fn dbids(words: &str) -> Result<Vec<i32>, String> {
    const RANGE_MAX: i32 = 10_000;
    let mut all = Vec::new();
    for word in words.split(',') {
        let (from, to) = word.split_once('-').unwrap_or((word, word));
        let (from, to): (i32, i32) = (number("DBID", from)?, number("DBID", to)?);
        if from < 1 || to < from || to - from > RANGE_MAX {
            return Err(format!("expected a number above 0 or a range such as 201-216, found '{word}'"));
        }
        all.extend(from..=to);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(dbid: i32) -> OcsConfig {
        Topology::demo().ocs_config(AppDbid(dbid), Dialect::default(), None).unwrap()
    }

    #[test]
    fn the_demo_is_the_specifications() {
        let demo = Topology::demo();
        let dns: Vec<_> =
            demo.comm_dns.iter().map(|dn| (dn.name.as_str(), dn.outbound_contact_server.as_str())).collect();
        assert_eq!(dns, [("CommDN_1", "undefined"), ("CommDN_2", "false")]);
        let ocs: Vec<_> = demo.ocs.iter().map(|ocs| (ocs.dbid.0, ocs.name.as_str(), ocs.profile.as_str())).collect();
        assert_eq!(ocs, [(301, "OCS_A", "documented"), (302, "OCS_B", "documented")]);
        let modes: Vec<i32> = demo.ocs[0].licensed_modes.iter().map(|mode| mode.0).collect();
        assert_eq!(modes, [1, 2, 3, 4, 5, 8, 9, 11]);
        let both = [AppDbid(301), AppDbid(302)];
        assert!(demo.origins.iter().map(|(origin, _)| origin.dbid.0).eq(201..=216));
        assert!(demo.origins.iter().all(|(origin, ocs)| origin.kind == OriginKind::ThirdPartyServer && *ocs == both));
        assert!(demo.gateway_origins.iter().map(|dbid| dbid.0).eq(201..=208));
        let groups: Vec<_> = demo.groups.iter().map(|group| (group.dbid.0, group.name.as_str())).collect();
        assert_eq!(groups, [(732, "Team A"), (733, "Team B")]);
        let campaigns: Vec<_> =
            demo.campaigns.iter().map(|(it, ocs)| (it.dbid.0, it.name.as_str(), ocs.0, it.enabled)).collect();
        let wanted = [
            (101, "Renewals", 301, true),
            (102, "Winback", 302, true),
            (103, "Survey", 301, true),
            (104, "Disabled", 301, false),
        ];
        assert_eq!(campaigns, wanted);
        let pairs: Vec<String> = demo.pairs.iter().map(|pair| pair.pair.to_string()).collect();
        assert_eq!(pairs, ["101-732", "101-733", "103-732", "104-732", "102-733"]);
        let predict = Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80);
        assert!(demo.pairs.iter().all(|pair| pair.enabled && pair.dialing == predict));
    }

    #[test]
    fn the_demos_calling_lists_are_the_specifications() {
        let demo = Topology::demo();
        let names: Vec<&str> = demo.lists.iter().map(|list| list.name.as_str()).collect();
        assert_eq!(names, ["renewals", "winback", "survey"]);
        for list in &demo.lists {
            let chains: BTreeSet<i32> = list.records.iter().map(|record| record.chain_id).collect();
            assert_eq!((chains.len(), list.records.len()), (200, 206), "{}: three chains of three", list.name);
            let of_three = chains.iter().filter(|id| list.records.iter().filter(|it| it.chain_id == **id).count() == 3);
            assert_eq!(of_three.count(), 3);
            let phones: BTreeSet<&str> = list.records.iter().map(|record| record.contact_info.as_str()).collect();
            assert_eq!(phones.len(), list.records.len());
            assert!(phones.iter().all(|phone| phone.starts_with("+1202555") && phone.len() == 12));
            let held: Vec<&str> =
                list.records.iter().filter(|it| it.held.is_some()).map(|it| it.contact_info.as_str()).collect();
            let wanted: &[&str] = if list.name == "survey" { &[] } else { &["+12025550100"] };
            assert_eq!(held, wanted, "{}", list.name);
            assert!(list.records.iter().all(|record| list.customer_of(record).is_some()));
        }
        assert_eq!(demo.lists, Topology::demo().lists, "the same ones every time");
        assert_ne!(demo.lists[0].records[5], demo.lists[1].records[5]);
    }

    #[test]
    fn every_ocs_gets_its_own_campaigns_and_lists() {
        let (a, b) = (config(301), config(302));
        assert_eq!((a.campaigns.len(), a.pairs.len(), a.lists.len(), a.origins.len()), (3, 4, 2, 16));
        assert_eq!((b.campaigns.len(), b.pairs.len(), b.lists.len(), b.origins.len()), (1, 1, 1, 16));
        assert!(Topology::demo().ocs_config(AppDbid(999), Dialect::default(), None).is_none());
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let cases = [
            ("ocs 301 A\nocs 301 B", "line 2: ocs 301: expected once, found twice"),
            (
                "ocs 301 A profile=strickt",
                "line 1: expected the name of a shipped profile, found 'strickt', did you mean 'strict'",
            ),
            (
                "campagin 1 X",
                "line 1: expected one of comm_dn, ocs, origin, gateway, group, campaign, pair, list, desktop, found 'campagin', did you mean 'campaign'",
            ),
            ("# fine\n\ncampaign 1 X ocs=9", "line 3: expected an OCS of a line above, found 9"),
            ("group 1 A disbled", "line 1: expected the end of the line, found 'disbled', did you mean 'disabled'"),
            ("group one A", "line 1: DBID: expected a number, found 'one'"),
            ("origin 5-3 server ocs=1", "line 1: expected a number above 0 or a range such as 201-216, found '5-3'"),
            ("desktop none 1", "line 1: expected a list of a line above, found 'none'"),
            ("group 1", "line 1: name: expected a word, found the end of the line"),
            ("list l contacts=99999", "line 1: expected at most 3000 contacts and no more chains than contacts"),
        ];
        for (text, wanted) in cases {
            assert_eq!(Topology::parse(text).unwrap_err().to_string(), wanted);
        }
    }
}
