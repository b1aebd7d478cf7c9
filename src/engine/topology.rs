//! What there is in a simulated site: CommDNs, OCSs, origins, groups, campaigns, pairs, calling lists.
//!
//! Read from a text file; `demo.topology` (specification 5.14) is shipped and says what the lines look like.

mod contacts;
mod dialing;

use std::collections::BTreeSet;
use std::fmt;

use crate::engine::ocs::dialer::DialModel;
use crate::engine::ocs::{CallingList, Campaign, Group, Held, OcsConfig, Origin, OriginKind, PairConfig};
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
use contacts::Made;

/// The site of `demo` and of `sim run` without a topology of its own.
pub const DEMO: &str = include_str!("demo.topology");
/// How `demo` dials: lines that follow [`DEMO`].
pub const DEMO_DIALING: &str = include_str!("demo.dialing");
/// A shift of 200 agents, for runs on the virtual clock.
pub const SHIFT: &str = include_str!("shift.topology");
/// Most contacts of one made list: the numbers that `+1202555xxxx` has room for, with some to spare.
const CONTACTS_MAX: u32 = 3_000;
/// The same for numbers with a prefix of their own, eight digits behind it.
const NUMBERED_MAX: u32 = 1_000_000;

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
    /// How calls go; absent: nothing is dialed. Its zones are UTC until somebody who has the zone data fills them in.
    pub dialing: Option<DialModel>,
    /// Names of the time zones that records may have, by DBID; 0 is the server's own.
    pub zones: Vec<(i32, String)>,
    /// An outcome was given, so that the shipped ones are gone.
    outcomes_given: bool,
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

    /// The shipped site as `demo` runs it: it dials.
    ///
    /// # Panics
    /// Never: a test reads the shipped files.
    #[must_use]
    pub fn demo_dialing() -> Self {
        Self::parse(&format!("{DEMO}{DEMO_DIALING}")).expect("the shipped topology is read by a test")
    }

    /// The shipped shift of 200 agents.
    ///
    /// # Panics
    /// Never: a test reads the shipped file.
    #[must_use]
    pub fn shift() -> Self {
        Self::parse(SHIFT).expect("the shipped topology is read by a test")
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
            reads_lists: false,
            campaigns,
            seed: u64::from(dbid.0.unsigned_abs()),
            dialing: self.dialing_of(dbid),
        })
    }

    /// The OCS of a campaign.
    #[must_use]
    pub fn ocs_of(&self, campaign: CampaignDbid) -> Option<AppDbid> {
        self.campaigns.iter().find(|(known, _)| known.dbid == campaign).map(|(_, ocs)| *ocs)
    }

    pub(crate) fn read_line(&mut self, line: &str) -> Result<(), String> {
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
            "dialing" => self.dialing_line(&mut options)?,
            "outcome" => self.outcome_line(&mut options)?,
            "treatment" => self.treatment_line(&mut options)?,
            "agents" => self.agents_line(&mut options)?,
            "ports" => self.ports_line(&mut options)?,
            "zone" => self.zone_line(&mut options)?,
            other => {
                const KINDS: [&str; 15] = [
                    "comm_dn",
                    "ocs",
                    "origin",
                    "gateway",
                    "group",
                    "campaign",
                    "pair",
                    "list",
                    "desktop",
                    "dialing",
                    "outcome",
                    "treatment",
                    "agents",
                    "ports",
                    "zone",
                ];
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
            prefix: options.take("numbers"),
            daily: options.take("daily").map(|word| daily(&word)).transpose()?,
            tz_dbid: number("zone", &options.take("zone").unwrap_or_else(|| "0".to_owned()))?,
            used: BTreeSet::new(),
        };
        let most = if made.prefix.is_some() { NUMBERED_MAX } else { CONTACTS_MAX };
        if made.contacts > most || made.chains > made.contacts {
            return Err(format!("expected at most {most} contacts and no more chains than contacts"));
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

/// `08:00-21:00`: from and till, as seconds since midnight.
fn daily(words: &str) -> Result<(i32, i32), String> {
    let clock = |word: &str| {
        let (hours, minutes) = word.split_once(':')?;
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        let seconds = hours * 3_600 + minutes * 60;
        ((0..=24).contains(&hours) && (0..60).contains(&minutes) && seconds <= 86_400).then_some(seconds)
    };
    let both = words.split_once('-').and_then(|(from, till)| Some((clock(from)?, clock(till)?)));
    let both = both.filter(|(from, till)| from < till);
    both.ok_or_else(|| format!("daily: expected a window such as 08:00-21:00, found '{words}'"))
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
mod tests;
