//! Settings of the simulated T-Server, and the rule which DNs OCS uses.

use std::time::Duration;

use crate::wire::Dialect;
use crate::wire::Password;
use crate::wire::Reading;
use crate::wire::ServerRole;
use crate::wire::Text;
use crate::wire::limits::{LIST_BYTES_DEFAULT, SESSIONS_MAX};

/// Settings of one simulated T-Server.
#[derive(Clone, Debug)]
pub struct TServerConfig {
    /// The DNs of its switch.
    pub dns: Vec<DnConfig>,
    /// Whether the sender of a user event gets its own copy.
    pub echo_to_sender: bool,
    /// Longest list that is accepted, in bytes.
    pub list_bytes_max: usize,
    /// Free text of EventServerInfo.
    pub server_version: Text,
    /// Primary or backup.
    pub role: ServerRole,
    /// Whether the switch is connected at the start.
    pub switch_up: bool,
    /// Who may log in; empty = everybody.
    pub logins: Vec<Login>,
    /// Idle time before a client is polled, until its poll settings ask for another; zero = off.
    pub heartbeat: Duration,
    /// Most sessions; one more is closed at once.
    pub sessions_max: usize,
    /// Layout of bytes.
    pub dialect: Dialect,
    /// Treatment of what the tables do not foresee.
    pub reading: Reading,
}

impl TServerConfig {
    /// The defaults for these DNs, all in service.
    #[must_use]
    pub fn new(dns: Vec<DnConfig>) -> Self {
        Self {
            dns,
            echo_to_sender: true,
            list_bytes_max: LIST_BYTES_DEFAULT,
            server_version: concat!("commdn ", env!("CARGO_PKG_VERSION")).into(),
            role: ServerRole::PRIMARY,
            switch_up: true,
            logins: Vec::new(),
            heartbeat: Duration::ZERO,
            sessions_max: SESSIONS_MAX,
            dialect: Dialect::default(),
            reading: Reading::Tolerant,
        }
    }
}

/// An application that may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Its ApplicationName.
    pub name: Text,
    /// Its password, if one is asked for.
    pub password: Option<Password>,
}

/// A DN of the switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnConfig {
    /// Its name.
    pub name: Text,
    /// Whether it can be used at the start.
    pub in_service: bool,
    /// Its option of this name.
    pub outbound_contact_server: Tristate,
}

impl DnConfig {
    /// A DN in service without the option.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), in_service: true, outbound_contact_server: Tristate::Undefined }
    }
}

/// Option `outbound_contact_server` of a DN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tristate {
    /// OCS uses the DN, and only such ones.
    True,
    /// OCS does not use it.
    False,
    /// Not set: OCS uses it when none is `True`.
    #[default]
    Undefined,
}

/// A text that is no value of the option; it counts as undefined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("outbound_contact_server: found '{0}', expected true, false or undefined; read as undefined")]
pub struct UnknownTristate(pub String);

impl Tristate {
    /// Reads the option's text in any case; any other text is undefined, with a warning.
    #[must_use]
    pub fn parse(text: &str) -> (Self, Option<UnknownTristate>) {
        let known = [("true", Self::True), ("false", Self::False), ("undefined", Self::Undefined)];
        match known.iter().find(|(word, _)| text.trim().eq_ignore_ascii_case(word)) {
            Some((_, value)) => (*value, None),
            None => (Self::Undefined, Some(UnknownTristate(text.to_owned()))),
        }
    }
}

/// The DNs that OCS registers: the `True` ones if there are any, else all that are not `False`.
#[must_use]
pub fn used_dns(dns: &[DnConfig]) -> Vec<&DnConfig> {
    let chosen = dns.iter().any(|dn| dn.outbound_contact_server == Tristate::True);
    let used = |dn: &&DnConfig| match dn.outbound_contact_server {
        Tristate::True => true,
        Tristate::False => false,
        Tristate::Undefined => !chosen,
    };
    dns.iter().filter(used).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ocs_uses_the_dns_of_the_documents_examples() {
        use Tristate::{False as F, True as T, Undefined as U};
        let cases: [([Tristate; 3], &[usize]); 6] = [
            ([T, F, U], &[0]),
            ([F, U, U], &[1, 2]),
            ([U, U, U], &[0, 1, 2]),
            ([T, T, U], &[0, 1]),
            ([F, F, F], &[]),
            ([T, U, U], &[0]),
        ];
        for (options, used) in cases {
            let dns = options.map(|outbound_contact_server| DnConfig { outbound_contact_server, ..DnConfig::new("d") });
            let found: Vec<usize> = dns
                .iter()
                .enumerate()
                .filter(|(_, dn)| used_dns(&dns).iter().any(|used| std::ptr::eq(*used, *dn)))
                .map(|(at, _)| at)
                .collect();
            assert_eq!(found, used, "{options:?}");
        }
    }

    #[test]
    fn the_option_reads_in_any_case_and_other_texts_are_undefined_with_a_warning() {
        assert_eq!(Tristate::parse("TRUE"), (Tristate::True, None));
        assert_eq!(Tristate::parse("False"), (Tristate::False, None));
        assert_eq!(Tristate::parse("undefined"), (Tristate::Undefined, None));
        let (value, warning) = Tristate::parse("yes");
        assert_eq!(value, Tristate::Undefined);
        assert_eq!(
            warning.unwrap().to_string(),
            "outbound_contact_server: found 'yes', expected true, false or undefined; read as undefined"
        );
    }
}
