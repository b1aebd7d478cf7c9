//! What a configuration can have wrong beyond its grammar.

mod site;

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use crate::service::access::{ALGORITHMS, Grants, is_fingerprint};
use crate::service::dnc::{Deadline, E164Rules};
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

#[cfg(test)]
mod tests;
