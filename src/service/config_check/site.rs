//! Checks of the site: Communication DNs, OCSs, applications, campaigns, groups, pairs.

use std::collections::BTreeSet;
use std::fmt;

use super::{Check, is_loopback};
use crate::message::DialMode;
use crate::message::OptimizeBy;
use crate::message::RequestKind;
use crate::protocol::requester::POOL_ADVISED_MIN;
use crate::service::port::Network;

impl Check<'_> {
    pub(super) fn dns(&mut self) {
        let config = self.config;
        if config.dn.is_empty() {
            self.warning("dn", "no CommDN is named").hint = Some("add a [[dn]] with name and tserver".into());
        }
        let mut names = BTreeSet::new();
        for (at, section) in config.dn.iter().enumerate() {
            let path = |key: &str| format!("dn[{at}].{key}");
            if section.name.is_empty() {
                self.error(path("name"), "expected the name of a DN, found an empty text");
            }
            if !names.insert(&section.name) {
                self.error(path("name"), format!("the name '{}' stands twice", section.name));
            }
            if !config.tserver.iter().any(|tserver| tserver.name == section.tserver) {
                let known = known(config.tserver.iter().map(|tserver| tserver.name.as_str()));
                self.error(path("tserver"), format!("no [[tserver]] has the name '{}'", section.tserver)).hint = known;
            }
            let words = ["true", "false", "undefined"];
            self.one_of(path("outbound_contact_server"), &section.outbound_contact_server, &words);
        }
    }

    pub(super) fn ocs(&mut self) {
        let config = self.config;
        if config.ocs.is_empty() {
            self.warning("ocs", "no OCS is named").hint = Some("add an [[ocs]] with dbid and name".into());
        }
        self.unique("ocs", config.ocs.iter().map(|section| (section.dbid, section.name.as_str())));
        for (at, section) in config.ocs.iter().enumerate() {
            for (n, name) in section.dns.iter().enumerate() {
                if !config.dn.iter().any(|dn| dn.name == *name) {
                    let known = known(config.dn.iter().map(|dn| dn.name.as_str()));
                    self.error(format!("ocs[{at}].dns[{n}]"), format!("no [[dn]] has the name '{name}'")).hint = known;
                }
            }
            match section.pair {
                Some(pair) if pair == section.dbid => {
                    self.error(format!("ocs[{at}].pair"), "an OCS cannot be its own backup");
                }
                Some(pair) => self.refers_to_ocs(format!("ocs[{at}].pair"), pair),
                None => {}
            }
        }
    }

    fn refers_to_ocs(&mut self, path: String, dbid: i32) {
        if !self.config.ocs.iter().any(|ocs| ocs.dbid == dbid) {
            let known = known(self.config.ocs.iter().map(|ocs| ocs.dbid));
            self.error(path, format!("no [[ocs]] has the DBID {dbid}")).hint = known;
        }
    }

    pub(super) fn origin(&mut self) {
        let pool = &self.config.origin.pool;
        if pool.is_empty() {
            let hint = "name application DBIDs that OCS accepts: pool = [201, 202, ...], or give --origin 201-208";
            self.error("origin.pool", "the pool is empty, so that no request can be sent").hint = Some(hint.into());
        } else if pool.len() < POOL_ADVISED_MIN {
            let hint = "with eight or more, distinct requests travel side by side";
            let message = format!("{} application DBIDs are few", pool.len());
            self.warning("origin.pool", message).hint = Some(hint.into());
        }
        let mut seen = BTreeSet::new();
        for (at, dbid) in pool.iter().enumerate() {
            let path = format!("origin.pool[{at}]");
            if *dbid < 1 {
                self.error(&path, format!("expected a DBID above 0, found {dbid}"));
            }
            if !seen.insert(dbid) {
                self.error(&path, format!("the DBID {dbid} stands twice"));
            }
            if self.config.ocs.iter().any(|ocs| ocs.dbid == *dbid) {
                self.error(&path, format!("{dbid} is the DBID of an OCS"));
            }
        }
    }

    /// Our own T-Server-style port and those who may use it.
    pub(super) fn applications(&mut self) {
        let config = self.config;
        self.unique("application", config.application.iter().map(|section| (section.dbid, section.name.as_str())));
        for (at, section) in config.application.iter().enumerate() {
            let path = |key: &str, n: usize| format!("application[{at}].{key}[{n}]");
            if config.ocs.iter().any(|ocs| ocs.dbid == section.dbid) {
                self.error(format!("application[{at}].dbid"), format!("{} is the DBID of an OCS", section.dbid));
            }
            for (n, name) in section.dns.iter().enumerate() {
                if !config.dn.iter().any(|dn| dn.name == *name) {
                    let known = known(config.dn.iter().map(|dn| dn.name.as_str()));
                    self.error(path("dns", n), format!("no [[dn]] has the name '{name}'")).hint = known;
                }
            }
            for (n, address) in section.addresses.iter().enumerate() {
                if let Err(error) = address.parse::<Network>() {
                    self.error(path("addresses", n), error.to_string());
                }
            }
            let asks = config.gateway.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
            if section.certificate.is_some() && !asks {
                let message = "the port asks nobody for a certificate: [gateway] tls has no client_ca";
                self.error(format!("application[{at}].certificate"), message);
            }
            for (n, slug) in section.requests.iter().enumerate() {
                let known: Vec<&str> = RequestKind::ALL.iter().map(|(_, _, slug)| *slug).collect();
                self.one_of(path("requests", n), slug, &known);
            }
        }
        let Some(addr) = &config.gateway.listen_tserver else { return };
        if config.application.is_empty() {
            let hint = "add an [[application]] with dbid and name for each";
            self.warning("gateway.listen_tserver", "no application may use the port").hint = Some(hint.into());
        }
        let Some(host) = self.address("gateway.listen_tserver".into(), addr, true) else { return };
        if is_loopback(&host) {
            return;
        }
        if config.gateway.tls.is_none() && !config.gateway.listen_plaintext {
            let message = format!("without TLS the port listens on loopback only, found '{host}'");
            let hint = "add tls, or set listen_plaintext = true where the network itself is trusted";
            self.error("gateway.listen_tserver", message).hint = Some(hint.into());
        }
        for (at, section) in config.application.iter().enumerate() {
            if section.addresses.is_empty() && section.certificate.is_none() {
                let message = "beyond loopback an application needs addresses or a certificate to be known by";
                self.error(format!("application[{at}].addresses"), message);
            }
        }
    }

    pub(super) fn campaigns_and_groups(&mut self) {
        let config = self.config;
        self.unique("campaign", config.campaign.iter().map(|section| (section.dbid, section.name.as_str())));
        for (at, section) in config.campaign.iter().enumerate() {
            self.refers_to_ocs(format!("campaign[{at}].ocs"), section.ocs);
        }
        self.unique("group", config.group.iter().map(|section| (section.dbid, section.name.as_str())));
    }

    /// DBIDs above 0, each once; names not empty, each once, no numbers.
    fn unique<'a>(&mut self, section: &str, entries: impl Iterator<Item = (i32, &'a str)>) {
        let (mut dbids, mut names) = (BTreeSet::new(), BTreeSet::new());
        for (at, (dbid, name)) in entries.enumerate() {
            let path = |key: &str| format!("{section}[{at}].{key}");
            if dbid < 1 {
                self.error(path("dbid"), format!("expected a DBID above 0, found {dbid}"));
            }
            if !dbids.insert(dbid) {
                self.error(path("dbid"), format!("the DBID {dbid} stands twice"));
            }
            if name.is_empty() {
                self.error(path("name"), "expected a name, found an empty text");
            } else if !names.insert(name) {
                self.error(path("name"), format!("the name '{name}' stands twice"));
            }
            if name.parse::<i32>().is_ok() {
                self.warning(path("name"), format!("the name '{name}' will be read as a DBID"));
            }
        }
    }

    pub(super) fn pairs(&mut self) {
        let config = self.config;
        let mut seen = BTreeSet::new();
        for (at, section) in config.pair.iter().enumerate() {
            let path = |key: &str| format!("pair[{at}].{key}");
            if !config.campaign.iter().any(|campaign| campaign.dbid == section.campaign) {
                let known = known(config.campaign.iter().map(|campaign| campaign.dbid));
                let message = format!("no [[campaign]] has the DBID {}", section.campaign);
                self.error(path("campaign"), message).hint = known;
            }
            if !config.group.iter().any(|group| group.dbid == section.group) {
                let known = known(config.group.iter().map(|group| group.dbid));
                self.error(path("group"), format!("no [[group]] has the DBID {}", section.group)).hint = known;
            }
            if !seen.insert((section.campaign, section.group)) {
                let message = format!("the pair {}-{} stands twice", section.campaign, section.group);
                self.error(format!("pair[{at}]"), message);
            }
            self.dialing(at, section.mode.as_deref(), section.optimize_by.as_deref(), section.goal);
        }
    }

    fn dialing(&mut self, at: usize, mode: Option<&str>, method: Option<&str>, goal: Option<i32>) {
        let path = |key: &str| format!("pair[{at}].{key}");
        let known_mode = |mode: &DialMode| *mode != DialMode::NONE && mode.name().is_some();
        let read_mode = mode.and_then(DialMode::from_word).filter(known_mode);
        if let (Some(word), None) = (mode, read_mode) {
            let slugs = DialMode::TABLE.iter().filter(|(mode, _, _)| known_mode(mode)).map(|(_, _, slug)| *slug);
            self.error(path("mode"), format!("unknown dial mode '{word}'")).hint = known(slugs);
        }
        if read_mode.is_some_and(|mode| !mode.is_documented()) {
            self.warning(path("mode"), "a mode the vendor's page does not have, sent only when a request allows it");
        }
        let sent = |method: &OptimizeBy| *method != OptimizeBy::MAXIMUM_GAIN && method.name().is_some();
        let read_method = method.and_then(OptimizeBy::from_word).filter(sent);
        if let (Some(word), None) = (method, read_method) {
            let slugs = OptimizeBy::TABLE.iter().filter(|(method, _, _)| sent(method)).map(|(_, _, slug)| *slug);
            self.error(path("optimize_by"), format!("unknown optimisation method '{word}'")).hint = known(slugs);
        }
        if let (Some(method), Some(goal)) = (read_method, goal) {
            let max = method.goal_max().unwrap_or(i32::MAX);
            if !(0..=max).contains(&goal) {
                let unit = method.goal_unit();
                self.error(path("goal"), format!("expected 0 to {max} {unit} with {method}, found {goal}"));
            }
        }
        if read_mode.is_some_and(DialMode::uses_goal) && (method.is_none() || goal.is_none()) {
            let message = "this mode uses a goal, and optimize_by or goal is absent";
            self.warning(path("mode"), message).hint = Some("every start must then name both".into());
        }
    }
}

fn known<T: fmt::Display>(values: impl Iterator<Item = T>) -> Option<String> {
    let values: Vec<String> = values.map(|value| value.to_string()).collect();
    (!values.is_empty()).then(|| format!("known are {}", values.join(", ")))
}
