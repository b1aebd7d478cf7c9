//! Who may use the port: applications by DBID, known by the address or the certificate that they come with.

use std::{collections::BTreeMap, net::IpAddr, str::FromStr};

use crate::message::AppDbid;
use crate::message::RequestKind;
use crate::net::listener::Peer;
use crate::service::ApplicationSection;

/// An address, or all addresses that begin like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u32,
}

/// A text that names no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an IP address or a network as 10.1.0.0/16, found '{0}'")]
pub struct NoNetwork(String);

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let wrong = || NoNetwork(text.to_owned());
        let (base, bits) = text.split_once('/').map_or((text, None), |(base, bits)| (base, Some(bits)));
        let base: IpAddr = base.parse().map_err(|_| wrong())?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits > most {
            return Err(wrong());
        }
        Ok(Self { base, bits })
    }
}

impl Network {
    /// Whether an address is in it; an IPv4 address in IPv6 clothes counts as the IPv4 address.
    #[must_use]
    pub fn contains(self, addr: IpAddr) -> bool {
        let differ = match (self.base.to_canonical(), addr.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(addr)) => (base.to_bits() ^ addr.to_bits()).leading_zeros(),
            (IpAddr::V6(base), IpAddr::V6(addr)) => (base.to_bits() ^ addr.to_bits()).leading_zeros(),
            _ => return false,
        };
        differ >= self.bits
    }
}

/// One application.
#[derive(Clone, Debug)]
pub(super) struct Application {
    pub(super) name: String,
    dns: Vec<String>,
    networks: Vec<Network>,
    certificate: Option<String>,
    requests: Vec<RequestKind>,
}

impl Application {
    /// Whether it comes from where it may and with what it must.
    fn is_at(&self, peer: &Peer) -> bool {
        let ip = peer.addr.ip();
        let here = self.networks.is_empty() || self.networks.iter().any(|network| network.contains(ip));
        let shown = |name: &String| peer.certificate.as_ref().is_some_and(|certificate| certificate.is_for(name));
        here && self.certificate.as_ref().is_none_or(shown)
    }

    /// Whether it may ask this.
    pub(super) fn may_ask(&self, kind: RequestKind) -> bool {
        self.requests.is_empty() || self.requests.contains(&kind)
    }
}

/// All applications.
#[derive(Clone, Debug, Default)]
pub(super) struct Applications(BTreeMap<AppDbid, Application>);

impl Applications {
    /// Reads the sections.
    pub(super) fn read(sections: &[ApplicationSection]) -> Result<Self, NoNetwork> {
        let read = |section: &ApplicationSection| {
            let networks = section.addresses.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
            let kind =
                |slug: &String| RequestKind::ALL.iter().find(|(_, _, name)| name == slug).map(|(kind, _, _)| *kind);
            let application = Application {
                name: section.name.clone(),
                dns: section.dns.clone(),
                networks,
                certificate: section.certificate.clone(),
                requests: section.requests.iter().filter_map(kind).collect(),
            };
            Ok((AppDbid(section.dbid), application))
        };
        sections.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether anybody may come from there.
    pub(super) fn admit(&self, peer: &Peer) -> bool {
        self.0.values().any(|application| application.is_at(peer))
    }

    /// The application of a DBID, if it may ask on this DN from there.
    pub(super) fn find(&self, dbid: AppDbid, peer: &Peer, dn: &str) -> Option<&Application> {
        let on_dn =
            |application: &&Application| application.dns.is_empty() || application.dns.iter().any(|it| it == dn);
        self.0.get(&dbid).filter(|application| application.is_at(peer)).filter(on_dn)
    }

    /// Every DBID.
    pub(super) fn dbids(&self) -> Vec<AppDbid> {
        self.0.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(addr: &str) -> Peer {
        Peer { addr: addr.parse().unwrap(), certificate: None }
    }

    #[test]
    fn a_network_holds_the_addresses_that_begin_like_it() {
        let cases = [
            ("10.1.0.0/16", "10.1.255.1", true),
            ("10.1.0.0/16", "10.2.0.1", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.2", false),
            ("10.1.2.3", "::ffff:10.1.2.3", true),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ];
        for (network, addr, wanted) in cases {
            assert_eq!(network.parse::<Network>().unwrap().contains(addr.parse().unwrap()), wanted, "{network} {addr}");
        }
        for text in ["", "host", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_application_is_known_by_address_certificate_and_dn_or_not_at_all() {
        let sections = [
            ApplicationSection { dbid: 209, name: "any".into(), ..ApplicationSection::default() },
            ApplicationSection {
                dbid: 210,
                name: "near".into(),
                addresses: vec!["10.1.0.0/16".into()],
                dns: vec!["CommDN_1".into()],
                requests: vec!["do_not_call".into()],
                ..ApplicationSection::default()
            },
            ApplicationSection {
                dbid: 211,
                name: "signed".into(),
                certificate: Some("desk.example".into()),
                ..ApplicationSection::default()
            },
        ];
        let all = Applications::read(&sections).unwrap();
        let near = peer("10.1.2.3:9");
        let far = peer("10.2.2.3:9");
        assert!(all.find(AppDbid(209), &far, "CommDN_1").is_some());
        assert!(all.find(AppDbid(299), &far, "CommDN_1").is_none());
        let found = all.find(AppDbid(210), &near, "CommDN_1").unwrap();
        assert!(found.may_ask(RequestKind::DoNotCall) && !found.may_ask(RequestKind::Load));
        assert!(all.find(AppDbid(210), &far, "CommDN_1").is_none());
        assert!(all.find(AppDbid(210), &near, "CommDN_2").is_none());
        assert!(all.find(AppDbid(211), &far, "CommDN_1").is_none());
        let only_near = Applications::read(&sections[1..2]).unwrap();
        assert!(only_near.admit(&near) && !only_near.admit(&far));
    }
}
