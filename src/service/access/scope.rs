//! What a caller may do: the one table of verbs, scopes with their narrowing, and the one question [`Grants::allows`].
//!
//! ```text
//! scope     = "*" | noun ":*" [narrowing] | verb [narrowing]
//! narrowing = "@" key "=" value { "," key "=" value }        keys: campaign, group (DBIDs), list (a name or DBID)
//! ```
//!
//! A key that stands twice means one or the other; different keys must all fit. A narrowed scope allows nothing that
//! does not name its object, so what a route forgets to name is denied.
//!
//! Scopes of external contacts are spelled as their documents spell permissions: `externalContacts:importJob:add`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// One thing that can be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// States of campaigns, their requests, events and links.
    CampaignRead,
    /// Load on a group.
    CampaignLoad,
    /// Start dialing.
    CampaignStart,
    /// Stop dialing.
    CampaignStop,
    /// Change mode, method or goal.
    CampaignMode,
    /// Unload from a group.
    CampaignUnload,
    /// Unload at once.
    CampaignForceUnload,
    /// Sequences and their plans.
    SequenceRead,
    /// Submit or run a sequence.
    SequenceRun,
    /// Stop or delete a sequence.
    SequenceStop,
    /// Add to the do-not-call list.
    DncAdd,
    /// Find entries, read evidence and reports, and the requests about people.
    DncRead,
    /// Cancel records.
    RecordCancel,
    /// Import contacts.
    ContactsImport,
    /// Read lists, jobs and exports.
    ContactsRead,
    /// Delete contacts.
    ContactsDelete,
    /// Empty a list.
    ContactsClear,
    /// Import external contacts and organisations.
    ExternalEntityImport,
    /// Read what became of them: reports name people.
    ExternalContactView,
    /// Make external sources.
    ExternalSourceAdd,
    /// Change external sources.
    ExternalSourceEdit,
    /// Remove external sources.
    ExternalSourceDelete,
    /// Make jobs of external contacts.
    ImportJobAdd,
    /// Move such jobs on.
    ImportJobEdit,
    /// Read one's own.
    ImportJobView,
    /// Read everyone's.
    ImportJobViewAll,
    /// Make them of a file.
    ImportCsvJobAdd,
    /// Save settings of such jobs.
    ImportSettingsAdd,
    /// Change settings.
    ImportSettingsEdit,
    /// Remove settings.
    ImportSettingsDelete,
    /// Read one's own settings.
    ImportSettingsView,
    /// Read everyone's settings.
    ImportSettingsViewAll,
    /// Save where columns go.
    ImportCsvSettingsAdd,
    /// Change where columns go.
    ImportCsvSettingsEdit,
    /// Remove where columns go.
    ImportCsvSettingsDelete,
    /// Read where columns go.
    ImportCsvSettingsView,
    /// Send files of external contacts.
    ImportCsvUploadAdd,
    /// Look into one's own files.
    ImportCsvUploadView,
    /// Faults, answers and clock of the simulator.
    SimControl,
    /// Phones and customer ids as they are, where they are hidden else.
    NumbersShow,
    /// Questions and state posts of an OCS.
    OcsPost,
    /// Keys, audit, metrics, links by hand, raw requests under other DBIDs.
    Admin,
}

/// What a scope can be narrowed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Campaign,
    Group,
    List,
}

impl Key {
    const ALL: [(Self, &'static str); 3] = [(Self::Campaign, "campaign"), (Self::Group, "group"), (Self::List, "list")];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(key, _)| *key == self).map_or("", |(_, name)| name)
    }
}

const PAIR: &[Key] = &[Key::Campaign, Key::Group];
const CAMPAIGN: &[Key] = &[Key::Campaign];
const LIST: &[Key] = &[Key::List];
const NOTHING: &[Key] = &[];

/// Verb, its name, and what it can be narrowed by.
const TABLE: &[(Verb, &str, &[Key])] = &[
    (Verb::CampaignRead, "campaign:read", PAIR),
    (Verb::CampaignLoad, "campaign:load", PAIR),
    (Verb::CampaignStart, "campaign:start", PAIR),
    (Verb::CampaignStop, "campaign:stop", PAIR),
    (Verb::CampaignMode, "campaign:mode", PAIR),
    (Verb::CampaignUnload, "campaign:unload", PAIR),
    (Verb::CampaignForceUnload, "campaign:force-unload", PAIR),
    (Verb::SequenceRead, "sequence:read", PAIR),
    (Verb::SequenceRun, "sequence:run", PAIR),
    (Verb::SequenceStop, "sequence:stop", PAIR),
    (Verb::DncAdd, "dnc:add", NOTHING),
    (Verb::DncRead, "dnc:read", NOTHING),
    (Verb::RecordCancel, "record:cancel", CAMPAIGN),
    (Verb::ContactsImport, "contacts:import", LIST),
    (Verb::ContactsRead, "contacts:read", LIST),
    (Verb::ContactsDelete, "contacts:delete", LIST),
    (Verb::ContactsClear, "contacts:clear", LIST),
    (Verb::ExternalEntityImport, "externalContacts:entity:import", NOTHING),
    (Verb::ExternalContactView, "externalContacts:contact:view", NOTHING),
    (Verb::ExternalSourceAdd, "externalContacts:externalSource:add", NOTHING),
    (Verb::ExternalSourceEdit, "externalContacts:externalSource:edit", NOTHING),
    (Verb::ExternalSourceDelete, "externalContacts:externalSource:delete", NOTHING),
    (Verb::ImportJobAdd, "externalContacts:importJob:add", NOTHING),
    (Verb::ImportJobEdit, "externalContacts:importJob:edit", NOTHING),
    (Verb::ImportJobView, "externalContacts:importJob:view", NOTHING),
    (Verb::ImportJobViewAll, "externalContacts:importJob:viewAll", NOTHING),
    (Verb::ImportCsvJobAdd, "externalContacts:importCsvJob:add", NOTHING),
    (Verb::ImportSettingsAdd, "externalContacts:importSettings:add", NOTHING),
    (Verb::ImportSettingsEdit, "externalContacts:importSettings:edit", NOTHING),
    (Verb::ImportSettingsDelete, "externalContacts:importSettings:delete", NOTHING),
    (Verb::ImportSettingsView, "externalContacts:importSettings:view", NOTHING),
    (Verb::ImportSettingsViewAll, "externalContacts:importSettings:viewAll", NOTHING),
    (Verb::ImportCsvSettingsAdd, "externalContacts:importCsvSettings:add", NOTHING),
    (Verb::ImportCsvSettingsEdit, "externalContacts:importCsvSettings:edit", NOTHING),
    (Verb::ImportCsvSettingsDelete, "externalContacts:importCsvSettings:delete", NOTHING),
    (Verb::ImportCsvSettingsView, "externalContacts:importCsvSettings:view", NOTHING),
    (Verb::ImportCsvUploadAdd, "externalContacts:importCsvUpload:add", NOTHING),
    (Verb::ImportCsvUploadView, "externalContacts:importCsvUpload:view", NOTHING),
    (Verb::SimControl, "sim:control", NOTHING),
    (Verb::NumbersShow, "numbers:show", NOTHING),
    (Verb::OcsPost, "ocs:post", NOTHING),
    (Verb::Admin, "admin", NOTHING),
];

impl Verb {
    /// Every verb, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(verb, _, _)| *verb)
    }

    /// Its name, as scopes write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|(verb, _, _)| *verb == self).map_or("", |(_, name, _)| name)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a request is about; `None` = no object of that kind, or one that the configuration does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Object<'a> {
    /// Campaign DBID.
    pub campaign: Option<i32>,
    /// Group DBID.
    pub group: Option<i32>,
    /// Calling list, by the name or DBID that the configuration gives it.
    pub list: Option<&'a str>,
}

impl Object<'_> {
    /// A campaign on a group.
    #[must_use]
    pub fn pair(campaign: i32, group: i32) -> Self {
        Self { campaign: Some(campaign), group: Some(group), list: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Everything,
    /// Every verb that begins with this noun and its colon.
    Noun(&'static str),
    One(Verb),
}

/// A permission, perhaps narrowed to objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    what: What,
    campaigns: BTreeSet<i32>,
    groups: BTreeSet<i32>,
    lists: BTreeSet<String>,
}

/// A scope that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// No verb of the table.
    #[error("expected a scope such as campaign:start, campaign:*, admin or *, found '{0}'")]
    Unknown(String),
    /// What stands after `@` is no `key=value`.
    #[error("scope '{scope}': expected {wanted}, found '{found}'")]
    Narrowing {
        /// The whole scope.
        scope: String,
        /// What is allowed.
        wanted: String,
        /// What was given.
        found: String,
    },
}

impl Scope {
    fn verbs(&self) -> impl Iterator<Item = &'static (Verb, &'static str, &'static [Key])> + '_ {
        TABLE.iter().filter(|(verb, _, _)| self.names(*verb))
    }

    /// True for a verb that this scope is about, whatever its objects.
    fn names(&self, verb: Verb) -> bool {
        match self.what {
            What::Everything => true,
            What::Noun(noun) => verb.name().split_once(':').is_some_and(|(found, _)| found == noun),
            What::One(one) => one == verb,
        }
    }

    fn allows(&self, verb: Verb, object: Object<'_>) -> bool {
        fn fits<T: Ord + ?Sized, S: Ord + std::borrow::Borrow<T>>(wanted: &BTreeSet<S>, found: Option<&T>) -> bool {
            wanted.is_empty() || found.is_some_and(|found| wanted.contains(found))
        }
        self.names(verb)
            && fits(&self.campaigns, object.campaign.as_ref())
            && fits(&self.groups, object.group.as_ref())
            && fits(&self.lists, object.list)
    }

    fn narrow(&mut self, part: &str) -> Result<(), String> {
        let allowed = || {
            let mut keys: Vec<&str> =
                Key::ALL.iter().filter(|(key, _)| self.can_be_narrowed_by(*key)).map(|(_, name)| *name).collect();
            keys.dedup();
            if keys.is_empty() {
                "nothing after the verb".to_owned()
            } else {
                format!("{}=VALUE", keys.join("=VALUE or "))
            }
        };
        let (name, value) = part.split_once('=').ok_or_else(allowed)?;
        let key = Key::ALL.iter().find(|(_, known)| *known == name).map(|(key, _)| *key).ok_or_else(allowed)?;
        if !self.can_be_narrowed_by(key) {
            return Err(allowed());
        }
        let dbid = || value.parse::<i32>().ok().filter(|dbid| *dbid > 0).ok_or("a DBID above 0");
        match key {
            Key::Campaign => self.campaigns.insert(dbid()?),
            Key::Group => self.groups.insert(dbid()?),
            Key::List if is_list_name(value) => self.lists.insert(value.to_owned()),
            Key::List => return Err("a name without spaces and signs of the grammar".into()),
        };
        Ok(())
    }

    /// Only what every verb of the scope knows: a narrowing that one of them ignored would widen it.
    fn can_be_narrowed_by(&self, key: Key) -> bool {
        self.verbs().all(|(_, _, keys)| keys.contains(&key))
    }
}

fn is_list_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.chars().all(|c| c.is_alphanumeric() || "-_.:".contains(c))
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let (name, narrowing) = text.split_once('@').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let noun = |noun: &str| {
            TABLE
                .iter()
                .filter_map(|(_, name, _)| name.split_once(':'))
                .map(|(known, _)| known)
                .find(|known| *known == noun)
        };
        let one = || TABLE.iter().find(|(_, known, _)| *known == name).map(|(verb, _, _)| What::One(*verb));
        let what = match name.strip_suffix(":*") {
            Some(all) => noun(all).map(What::Noun),
            None if name == "*" => Some(What::Everything),
            None => one(),
        };
        let what = what.ok_or_else(|| ScopeError::Unknown(text.chars().take(80).collect()))?;
        let mut scope = Self { what, campaigns: BTreeSet::new(), groups: BTreeSet::new(), lists: BTreeSet::new() };
        for part in narrowing.iter().flat_map(|narrowing| narrowing.split(',')) {
            let wrong = |wanted| ScopeError::Narrowing { scope: text.into(), wanted, found: part.into() };
            scope.narrow(part).map_err(wrong)?;
        }
        Ok(scope)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Everything => f.write_str("*")?,
            What::Noun(noun) => write!(f, "{noun}:*")?,
            What::One(verb) => write!(f, "{verb}")?,
        }
        let campaigns = self.campaigns.iter().map(|dbid| (Key::Campaign, dbid.to_string()));
        let groups = self.groups.iter().map(|dbid| (Key::Group, dbid.to_string()));
        let lists = self.lists.iter().map(|name| (Key::List, name.clone()));
        for (at, (key, value)) in campaigns.chain(groups).chain(lists).enumerate() {
            write!(f, "{}{}={value}", if at == 0 { '@' } else { ',' }, key.name())?;
        }
        Ok(())
    }
}

/// Everything that a caller may do. Empty = nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(Vec<Scope>);

impl Grants {
    /// Everything: for the only user of a machine, on loopback.
    #[must_use]
    pub fn everything() -> Self {
        Self(vec![Scope {
            what: What::Everything,
            campaigns: BTreeSet::new(),
            groups: BTreeSet::new(),
            lists: BTreeSet::new(),
        }])
    }

    /// Scopes as they are configured or given to a key.
    ///
    /// # Errors
    /// The first one that cannot be understood.
    pub fn parse<S: AsRef<str>>(scopes: &[S]) -> Result<Self, ScopeError> {
        scopes.iter().map(|scope| scope.as_ref().parse()).collect::<Result<_, _>>().map(Self)
    }

    /// Scopes of a token that others made: what is not ours, or not understood, grants nothing.
    #[must_use]
    pub fn of_token<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Self {
        Self(scopes.into_iter().filter_map(|scope| scope.parse().ok()).collect())
    }

    /// May this be done to that object?
    #[must_use]
    pub fn allows(&self, verb: Verb, object: Object<'_>) -> bool {
        self.0.iter().any(|scope| scope.allows(verb, object))
    }

    /// May this be done to anything at all?
    #[must_use]
    pub fn touches(&self, verb: Verb) -> bool {
        self.0.iter().any(|scope| scope.names(verb))
    }

    /// The scopes as text.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.0.iter().map(Scope::to_string).collect()
    }

    /// True when nothing is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Object<'static> = Object { campaign: Some(101), group: Some(732), list: Some("own") };
    const FOREIGN: Object<'static> = Object { campaign: Some(102), group: Some(733), list: Some("foreign") };

    fn grants(scopes: &[&str]) -> Grants {
        Grants::parse(scopes).unwrap()
    }

    #[test]
    fn every_verb_has_one_row_and_its_name_is_a_scope() {
        assert!(Verb::all().count() >= 20);
        for (at, (verb, name, _)) in TABLE.iter().enumerate() {
            assert_eq!(verb.name(), *name);
            assert_eq!(TABLE.iter().position(|(_, other, _)| other == name), Some(at));
            assert_eq!(name.parse::<Scope>().unwrap().to_string(), *name);
        }
    }

    #[test]
    fn a_verb_alone_allows_itself_and_nothing_else() {
        for given in Verb::all() {
            let grants = grants(&[given.name()]);
            for asked in Verb::all() {
                for object in [OWN, FOREIGN, Object::default()] {
                    assert_eq!(grants.allows(asked, object), given == asked, "{given} {asked}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        for verb in Verb::all() {
            assert!(!Grants::default().allows(verb, OWN) && !Grants::default().touches(verb), "{verb}");
        }
    }

    #[test]
    fn a_narrowed_scope_allows_its_objects_and_nothing_that_names_none() {
        let grants = grants(&["campaign:start@campaign=101,group=732", "contacts:*@list=own,list=other"]);
        assert!(grants.allows(Verb::CampaignStart, OWN));
        assert!(!grants.allows(Verb::CampaignStart, FOREIGN));
        assert!(!grants.allows(Verb::CampaignStart, Object { group: None, ..OWN }));
        assert!(!grants.allows(Verb::CampaignStart, Object { group: Some(733), ..OWN }));
        assert!(!grants.allows(Verb::CampaignStart, Object::default()));
        assert!(!grants.allows(Verb::CampaignStop, OWN));
        assert!(grants.touches(Verb::CampaignStart) && !grants.touches(Verb::CampaignStop));
        assert!(grants.allows(Verb::ContactsClear, OWN) && !grants.allows(Verb::ContactsClear, FOREIGN));
        assert!(grants.allows(Verb::ContactsRead, Object { list: Some("other"), ..Object::default() }));
    }

    #[test]
    fn a_noun_names_its_verbs_only() {
        let grants = grants(&["campaign:*@campaign=101"]);
        for verb in Verb::all() {
            assert_eq!(grants.allows(verb, OWN), verb.name().starts_with("campaign:"), "{verb}");
            assert!(!grants.allows(verb, FOREIGN), "{verb}");
        }
        assert!(!grants.allows(Verb::Admin, OWN));
    }

    #[test]
    fn scopes_survive_being_written() {
        for text in [
            "*",
            "admin",
            "sequence:*",
            "externalContacts:*",
            "externalContacts:importJob:viewAll",
            "record:cancel@campaign=101,campaign=102",
            "contacts:read@list=a-b.c",
        ] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_narrowing_that_would_be_ignored_is_refused() {
        for text in [
            "dnc:add@campaign=101",
            "*@campaign=101",
            "admin@group=1",
            "record:cancel@group=732",
            "campaign:start@list=x",
            "campaign:start@",
            "campaign:start@campaign",
            "campaign:start@campaign=",
            "campaign:start@campaign=Renewals",
            "campaign:start@campaign=0",
            "campaign:start@campaign=101,",
            "contacts:read@list=a b",
            "contacts:read@list=",
        ] {
            assert!(matches!(text.parse::<Scope>(), Err(ScopeError::Narrowing { .. })), "{text}");
        }
        for text in
            ["", "campaign", "campaign:", "campaign:dial", "dnc", "Admin", "admin:*", "*:*", "campaign:start ", ":*"]
        {
            assert!(matches!(text.parse::<Scope>(), Err(ScopeError::Unknown(_))), "{text}");
        }
    }

    #[test]
    fn what_a_token_says_that_is_not_ours_grants_nothing() {
        let grants = Grants::of_token(["openid", "dnc:add", "campaign:start@campaign=x", "*@campaign=1"]);
        assert_eq!(grants.words(), ["dnc:add"]);
    }
}
