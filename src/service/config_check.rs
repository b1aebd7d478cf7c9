//! What a configuration can have wrong beyond its grammar.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use crate::message::DialMode;
use crate::message::OptimizeBy;
use crate::message::RequestKind;
use crate::protocol::requester::POOL_ADVISED_MIN;
use crate::service::access::{ALGORITHMS, Grants, is_fingerprint};
use crate::service::dnc::{Deadline, E164Rules};
use crate::service::port::Network;
use crate::service::{Config, DialectSection, TserverSection, TserverTls};
use crate::wire::Charset;
use crate::wire::dialect::{Framing, IntOrder, ListPrefix, UnknownName};
use crate::wire::limits::{FRAME_BYTES_HARD_MAX, LIST_BYTES_MAX};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It cannot run like this.
    Error,
    /// It runs, perhaps not as wanted.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where, for instance `pair[0].campaign`.
    pub path: String,
    /// What was found and what was wanted.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl Config {
    /// Everything that is wrong, in the order of the sections. No error in it = it can run.
    #[must_use]
    pub fn check(&self) -> Vec<Finding> {
        let mut check = Check { config: self, findings: Vec::new() };
        check.gateway();
        check.tservers();
        check.dns();
        check.ocs();
        check.origin();
        check.applications();
        check.campaigns_and_groups();
        check.pairs();
        check.rest();
        check.findings
    }
}

struct Check<'a> {
    config: &'a Config,
    findings: Vec<Finding>,
}

impl Check<'_> {
    fn add(&mut self, severity: Severity, path: impl Into<String>, message: impl Into<String>) -> &mut Finding {
        let at = self.findings.len();
        self.findings.push(Finding { severity, path: path.into(), message: message.into(), hint: None });
        &mut self.findings[at]
    }

    fn error(&mut self, path: impl Into<String>, message: impl Into<String>) -> &mut Finding {
        self.add(Severity::Error, path, message)
    }

    fn warning(&mut self, path: impl Into<String>, message: impl Into<String>) -> &mut Finding {
        self.add(Severity::Warning, path, message)
    }

    /// One of a few words.
    fn one_of(&mut self, path: String, found: &str, wanted: &[&str]) {
        if !wanted.contains(&found) {
            self.error(path, format!("expected {}, found '{found}'", wanted.join(", ")));
        }
    }

    fn gateway(&mut self) {
        if self.config.gateway.name.is_empty() {
            self.error("gateway.name", "expected an application name, found an empty text");
        }
        let place = self.config.gateway.auto_completion_place.clone();
        self.one_of("gateway.auto_completion_place".into(), &place, &["top", "properties"]);
        let format = self.config.telemetry.format.clone();
        self.one_of("telemetry.format".into(), &format, &["text", "json"]);
        let escalation = self.config.gateway.stop_escalation.clone();
        self.one_of("gateway.stop_escalation".into(), &escalation, &["none", "unload", "force_unload"]);
    }

    fn tservers(&mut self) {
        let config = self.config;
        if config.tserver.is_empty() {
            let hint = "add a [[tserver]] with name and primary, or give --tserver";
            self.warning("tserver", "no T-Server is named").hint = Some(hint.into());
        }
        let mut names = BTreeSet::new();
        for (at, section) in config.tserver.iter().enumerate() {
            let path = |key: &str| format!("tserver[{at}].{key}");
            if !names.insert(&section.name) {
                self.error(path("name"), format!("the name '{}' stands twice", section.name));
            }
            self.tserver_tls(&path("tls"), section.tls.as_ref());
            let host = self.address(path("primary"), &section.primary, false);
            self.plaintext(path("primary"), section, host);
            if let Some(backup) = &section.backup {
                let host = self.address(path("backup"), backup, false);
                self.plaintext(path("backup"), section, host);
                if *backup == section.primary {
                    self.warning(path("backup"), "the backup is the primary");
                }
            }
            self.dialect(&path("dialect"), &section.dialect);
            let traces = ["off", "local", "remote", "both"];
            self.one_of(path("heartbeat.addp_trace"), &section.heartbeat.addp_trace, &traces);
            if section.connect_timeout_ms == 0 {
                self.error(path("connect_timeout_ms"), "expected milliseconds above 0, found 0");
            }
            self.list_bytes(path("list_bytes_max"), section.list_bytes_max);
            if !(1_024..=FRAME_BYTES_HARD_MAX).contains(&section.frame_bytes_max) {
                let message = format!("expected 1024 to {FRAME_BYTES_HARD_MAX}, found {}", section.frame_bytes_max);
                self.error(path("frame_bytes_max"), message);
            }
        }
    }

    fn tserver_tls(&mut self, path: &str, tls: Option<&TserverTls>) {
        let Some(tls) = tls else { return };
        if tls.cert.is_some() != tls.key.is_some() {
            let (has, lacks) = if tls.cert.is_some() { ("cert", "key") } else { ("key", "cert") };
            self.error(format!("{path}.{has}"), format!("expected {lacks} beside it, found none"));
        }
    }

    /// What passes on a CommDN is worth protecting once it leaves the machine.
    fn plaintext(&mut self, path: String, section: &TserverSection, host: Option<String>) {
        let Some(host) = host.filter(|_| section.tls.is_none() && !section.plaintext) else { return };
        if !is_loopback(&host) {
            let message = format!("expected TLS to a T-Server beyond this machine, found plain TCP to '{host}'");
            self.error(path, message).hint = Some("add tls = { ca = FILE }, or plaintext = true to allow it".into());
        }
    }

    fn dialect(&mut self, path: &str, dialect: &DialectSection) {
        let checks: [(&str, Result<(), UnknownName>); 4] = [
            ("list_prefix", dialect.list_prefix.parse::<ListPrefix>().map(drop)),
            ("int_order", dialect.int_order.parse::<IntOrder>().map(drop)),
            ("charset", dialect.charset.parse::<Charset>().map(drop)),
            ("framing", dialect.framing.parse::<Framing>().map(drop)),
        ];
        for (key, result) in checks {
            if let Err(error) = result {
                self.error(format!("{path}.{key}"), error.to_string());
            }
        }
    }

    fn list_bytes(&mut self, path: String, found: usize) {
        if !(64..=LIST_BYTES_MAX).contains(&found) {
            self.error(path, format!("expected 64 to {LIST_BYTES_MAX}, found {found}"));
        }
    }

    fn dns(&mut self) {
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

    fn ocs(&mut self) {
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

    fn origin(&mut self) {
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
    fn applications(&mut self) {
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

    fn campaigns_and_groups(&mut self) {
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

    fn pairs(&mut self) {
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

    fn rest(&mut self) {
        let config = self.config;
        self.address("http.addr".into(), &config.http.addr, true);
        for (at, host) in config.http.allowed_hosts.iter().enumerate() {
            let name = host.trim_start_matches('[').split(']').next().unwrap_or_default();
            if host.is_empty() || (name.contains(':') && name.parse::<IpAddr>().is_err()) {
                let message = format!("expected a host without port, found '{host}'");
                self.error(format!("http.allowed_hosts[{at}]"), message);
            }
        }
        self.auth();
        let limits = &config.limits;
        let numbers = [
            ("answer_ms", limits.answer_ms),
            ("unload_ms", limits.unload_ms),
            ("lane_wait_ms", limits.lane_wait_ms),
            ("answer_life_ms", limits.answer_life_ms),
            ("lane_length_max", u64::try_from(limits.lane_length_max).unwrap_or(u64::MAX)),
            ("cancel_expires_ms", limits.cancel_expires_ms),
            ("open_requests_max", u64::try_from(limits.open_requests_max).unwrap_or(u64::MAX)),
            ("requests_kept", u64::try_from(limits.requests_kept).unwrap_or(u64::MAX)),
            ("events_kept", u64::try_from(limits.events_kept).unwrap_or(u64::MAX)),
            ("connections_max", u64::try_from(limits.connections_max).unwrap_or(u64::MAX)),
            ("connections_per_peer", u64::try_from(limits.connections_per_peer).unwrap_or(u64::MAX)),
        ];
        let numbers = numbers.map(|(key, number)| (format!("limits.{key}"), number));
        let pauses = [
            ("gateway.stop_retry_first_ms", config.gateway.stop_retry_first_ms),
            ("gateway.stop_retry_max_ms", config.gateway.stop_retry_max_ms),
            ("dnc.retry_first_ms", config.dnc.retry_first_ms),
            ("dnc.retry_max_ms", config.dnc.retry_max_ms),
            ("dnc.attempts_max", config.dnc.attempts_max.into()),
            ("dnc.deadline_days", config.dnc.deadline_days.into()),
        ];
        for (key, number) in numbers.into_iter().chain(pauses.map(|(key, number)| (key.to_owned(), number))) {
            if number == 0 {
                self.error(key, "expected a number above 0, found 0");
            }
        }
        if let Err(error) = E164Rules::new(&config.dnc.default_country) {
            self.error("dnc.default_country", error.to_string());
        }
        if let Err(error) = Deadline::new(config.dnc.deadline_days, &config.dnc.deadline_profile) {
            self.error("dnc.deadline_profile", error.to_string());
        }
        for (key, message) in config.check_contacts() {
            self.error(key, message);
        }
        if limits.answer_life_ms < limits.answer_ms {
            self.warning("limits.answer_life_ms", "an answer may live as long as a request waits, or longer");
        }
        if let Err(error) = tracing_subscriber::EnvFilter::builder().parse(&config.telemetry.log) {
            let message = format!("'{}' is no log filter: {error}", config.telemetry.log);
            self.error("telemetry.log", message).hint = Some("for instance info or commdn::net=debug".into());
        }
        let host = self.address("sim.addr".into(), &config.sim.addr, true);
        if let Some(host) = host.filter(|host| !is_loopback(host)) {
            self.error("sim.addr", format!("the simulator listens on loopback only, found '{host}'"));
        }
        self.list_bytes("sim.list_bytes_max".into(), config.sim.list_bytes_max);
    }

    fn auth(&mut self) {
        let auth = &self.config.auth;
        self.one_of("auth.mode".into(), &auth.mode, &["none", "tokens"]);
        let has_keys = auth.jwks_file.is_some() || auth.jwks_url.is_some();
        if auth.jwks_file.is_some() && auth.jwks_url.is_some() {
            self.error("auth.jwks_url", "expected a file or an address, found both");
        }
        for (key, value) in [("issuer", &auth.issuer), ("audience", &auth.audience)] {
            if has_keys && value.as_deref().unwrap_or_default().is_empty() {
                let hint = "a token that was made for somebody else must not be taken";
                self.error(format!("auth.{key}"), "expected a value beside the key set, found none").hint =
                    Some(hint.into());
            }
        }
        let known_names: Vec<&str> = ALGORITHMS.iter().map(|(name, _)| *name).collect();
        for (at, name) in auth.algorithms.iter().enumerate() {
            self.one_of(format!("auth.algorithms[{at}]"), name, &known_names);
        }
        if has_keys && auth.algorithms.is_empty() {
            self.error("auth.algorithms", "expected at least one algorithm, found none");
        }
        if auth.is_none() && (has_keys || !auth.client.is_empty()) {
            self.warning("auth.mode", "callers are not asked who they are, though keys are named").hint =
                Some("set mode = \"tokens\"".into());
        }
        for (at, client) in auth.client.iter().enumerate() {
            if client.name.is_empty() {
                self.error(format!("auth.client[{at}].name"), "expected a name, found an empty text");
            }
            if !is_fingerprint(&client.sha256) {
                let message = format!("expected 64 hex digits, found '{}'", client.sha256);
                self.error(format!("auth.client[{at}].sha256"), message);
            }
            if let Err(error) = Grants::parse(&client.scopes) {
                self.error(format!("auth.client[{at}].scopes"), error.to_string());
            }
        }
    }

    /// `host:port`; gives the host. Port 0 is for those who listen.
    fn address(&mut self, path: String, address: &str, listens: bool) -> Option<String> {
        let parts = address.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
        let why = match parts {
            None => "expected host:port",
            Some((_, Err(_))) => "expected a port from 0 to 65535",
            Some((_, Ok(0))) if !listens => "expected a port above 0",
            Some((host, Ok(_))) => {
                let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
                let fits = match inner {
                    Some(inner) => inner.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()),
                    None => !host.is_empty() && !host.contains([':', '/', ' ', '[', ']']),
                };
                if fits {
                    return Some(inner.unwrap_or(host).to_owned());
                }
                "expected host:port, IPv6 as [::1]:7000"
            }
        };
        self.error(path, format!("{why}, found '{address}'"));
        None
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn known<T: fmt::Display>(values: impl Iterator<Item = T>) -> Option<String> {
    let values: Vec<String> = values.map(|value| value.to_string()).collect();
    (!values.is_empty()).then(|| format!("known are {}", values.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [[tserver]]
        name = "ts1"
        primary = "127.0.0.1:7000"
        backup = "[::1]:7001"
        [[dn]]
        name = "CommDN_1"
        tserver = "ts1"
        [[ocs]]
        dbid = 301
        name = "OCS_A"
        dns = ["CommDN_1"]
        [origin]
        pool = [201, 202, 203, 204, 205, 206, 207, 208]
        [[campaign]]
        dbid = 101
        name = "Renewals"
        ocs = 301
        [[group]]
        dbid = 732
        name = "Team A"
        [[pair]]
        campaign = 101
        group = 732
        mode = "predict"
        optimize_by = "busy_factor"
        goal = 80
    "#;

    fn findings(from: &str, to: &str) -> Vec<(Severity, String)> {
        assert!(GOOD.contains(from), "{from}");
        let config: Config = toml::from_str(&GOOD.replace(from, to)).unwrap();
        config.check().into_iter().map(|finding| (finding.severity, finding.path)).collect()
    }

    #[test]
    fn a_good_configuration_has_no_findings() {
        assert_eq!(findings("732", "732"), []);
    }

    #[test]
    fn each_mistake_is_found_at_its_place() {
        let table = [
            ("tserver = \"ts1\"", "tserver = \"ts2\"", "dn[0].tserver"),
            ("dns = [\"CommDN_1\"]", "dns = [\"CommDN_2\"]", "ocs[0].dns[0]"),
            ("ocs = 301", "ocs = 302", "campaign[0].ocs"),
            ("campaign = 101", "campaign = 102", "pair[0].campaign"),
            ("group = 732", "group = 733", "pair[0].group"),
            ("127.0.0.1:7000", "127.0.0.1", "tserver[0].primary"),
            ("127.0.0.1:7000", "127.0.0.1:0", "tserver[0].primary"),
            ("127.0.0.1:7000", "host:70000", "tserver[0].primary"),
            ("[::1]:7001", "::1:7001", "tserver[0].backup"),
            ("pool = [201, 202, 203, 204, 205, 206, 207, 208]", "pool = []", "origin.pool"),
            ("207, 208", "207, 207", "origin.pool[7]"),
            ("207, 208", "207, 301", "origin.pool[7]"),
            ("mode = \"predict\"", "mode = \"fast\"", "pair[0].mode"),
            ("mode = \"predict\"", "mode = \"none\"", "pair[0].mode"),
            ("optimize_by = \"busy_factor\"", "optimize_by = \"luck\"", "pair[0].optimize_by"),
            ("127.0.0.1:7000", "tserver.example:7000", "tserver[0].primary"),
            ("[::1]:7001", "10.0.0.2:7001", "tserver[0].backup"),
            ("name = \"ts1\"", "name = \"ts1\"\ntls = { ca = \"ca.pem\", cert = \"a.pem\" }", "tserver[0].tls.cert"),
            ("goal = 80", "goal = 101", "pair[0].goal"),
            ("dbid = 732", "dbid = 0", "group[0].dbid"),
            (
                "name = \"ts1\"",
                "name = \"ts1\"\ndialect = { list_prefix = \"len8\" }",
                "tserver[0].dialect.list_prefix",
            ),
            ("[origin]", "[http]\naddr = \"8080\"\n[origin]", "http.addr"),
            ("[origin]", "[auth]\nmode = \"some\"\n[origin]", "auth.mode"),
            ("[origin]", "[auth]\njwks_file = \"k\"\naudience = \"a\"\n[origin]", "auth.issuer"),
            ("[origin]", "[auth]\nalgorithms = [\"HS256\"]\n[origin]", "auth.algorithms[0]"),
            (
                "[origin]",
                "[[auth.client]]\nname = \"a\"\nsha256 = \"\"\nscopes = []\n[origin]",
                "auth.client[0].sha256",
            ),
            ("[origin]", "[sim]\naddr = \"0.0.0.0:7000\"\n[origin]", "sim.addr"),
            ("[origin]", "[telemetry]\nlog = \"a=b=c\"\n[origin]", "telemetry.log"),
            ("[origin]", "[gateway]\nauto_completion_place = \"below\"\n[origin]", "gateway.auto_completion_place"),
            ("[origin]", "[[ocs]]\ndbid = 301\nname = \"B\"\n[origin]", "ocs[1].dbid"),
            ("[origin]", "[[application]]\ndbid = 301\nname = \"A\"\n[origin]", "application[0].dbid"),
            ("[origin]", "[[application]]\ndbid = 9\nname = \"A\"\ndns = [\"X\"]\n[origin]", "application[0].dns[0]"),
            (
                "[origin]",
                "[[application]]\ndbid = 9\nname = \"A\"\naddresses = [\"10.0.0.0/33\"]\n[origin]",
                "application[0].addresses[0]",
            ),
            (
                "[origin]",
                "[[application]]\ndbid = 9\nname = \"A\"\nrequests = [\"dnc\"]\n[origin]",
                "application[0].requests[0]",
            ),
            ("[origin]", "[gateway]\nlisten_tserver = \"0.0.0.0:7001\"\n[origin]", "gateway.listen_tserver"),
            (
                "[origin]",
                "[gateway]\nlisten_tserver = \"0.0.0.0:7001\"\nlisten_plaintext = true\n[[application]]\ndbid = 9\nname = \"A\"\n[origin]",
                "application[0].addresses",
            ),
            ("[origin]", "[[ocs]]\ndbid = 302\nname = \"OCS_A\"\n[origin]", "ocs[1].name"),
        ];
        for (from, to, path) in table {
            let found = findings(from, to);
            assert!(found.contains(&(Severity::Error, path.to_owned())), "{to}: {found:?}");
        }
    }

    #[test]
    fn a_tserver_elsewhere_is_dialed_with_tls_or_an_explicit_word() {
        let elsewhere = |more: &str| {
            findings(
                "name = \"ts1\"\n        primary = \"127.0.0.1:7000\"",
                &format!("name = \"ts1\"\nprimary = \"10.0.0.1:7000\"\n{more}"),
            )
        };
        assert_eq!(elsewhere(""), [(Severity::Error, "tserver[0].primary".to_owned())]);
        assert_eq!(elsewhere("plaintext = true"), []);
        assert_eq!(elsewhere("tls = { ca = \"ca.pem\" }"), []);
    }

    #[test]
    fn what_runs_all_the_same_is_a_warning() {
        assert_eq!(findings(", 208]", "]"), [(Severity::Warning, "origin.pool".to_owned())]);
        assert_eq!(findings("goal = 80", ""), [(Severity::Warning, "pair[0].mode".to_owned())]);
        assert_eq!(
            findings("mode = \"predict\"", "mode = \"power\""),
            [(Severity::Warning, "pair[0].mode".to_owned())]
        );
    }

    #[test]
    fn the_empty_configuration_lacks_origins() {
        let errors = Config::default().check().into_iter().filter(|finding| finding.severity == Severity::Error);
        assert_eq!(errors.map(|finding| finding.path).collect::<Vec<_>>(), ["origin.pool"]);
    }
}
