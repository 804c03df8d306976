//! Which addresses may be probed: all for who has a file of its own, few for who does what
//! others say.
//!
//! Whoever can write to the cluster can have every prober without a file send packets. What
//! must not come of it are requests to services that trust the machine they come from:
//! loopback, a cloud's metadata, a private network behind it.

use std::collections::HashSet;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use ipnet::IpNet;

use crate::health::Handed;
use crate::model::ProbeHost;

/// Which addresses may be probed; nothing, unless it is made otherwise.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Allowed(Rule);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Rule {
    Everything,
    /// Those of endpoints. Addresses are as [`canonical`] has them.
    Endpoints {
        addresses: HashSet<IpAddr>,
        hosts: HashSet<String>,
    },
    Nets(Vec<IpNet>),
}

impl Default for Allowed {
    fn default() -> Self {
        Self::nets(Vec::new())
    }
}

impl Allowed {
    /// Whatever there is: the file is the operator's own.
    pub const fn everything() -> Self {
        Self(Rule::Everything)
    }

    /// The endpoints of what was handed over, by their own addresses and host names, unless
    /// they lead to this machine or its link.
    pub fn endpoints(handed: &Handed) -> Self {
        let addresses = handed.endpoints.addresses.iter().copied().map(canonical).collect();
        let hosts = handed.endpoints.hosts.iter().map(|host| folded(host)).collect();
        Self(Rule::Endpoints { addresses, hosts })
    }

    /// What is in these networks, whatever it is: the operator of the prober says so.
    pub const fn nets(nets: Vec<IpNet>) -> Self {
        Self(Rule::Nets(nets))
    }

    /// Whether a target may be probed as far as it can be told from how it is written: names
    /// that may not be are not even looked up.
    pub(super) fn target(&self, host: &ProbeHost) -> Result<(), String> {
        match (&self.0, host) {
            (Rule::Endpoints { hosts, .. }, ProbeHost::Name(name)) => {
                let is_endpoint = hosts.contains(&folded(name));
                is_endpoint.then_some(()).ok_or_else(|| refusal(host, "it is no endpoint's name"))
            }
            (Rule::Everything | Rule::Endpoints { .. } | Rule::Nets(_), _) => Ok(()),
        }
    }

    /// Whether an address that a target has may be probed.
    pub(super) fn address(&self, host: &ProbeHost, address: IpAddr) -> Result<(), String> {
        let plain = canonical(address);
        let why = match &self.0 {
            Rule::Everything => return Ok(()),
            Rule::Nets(nets) if nets.iter().any(|net| net.contains(&plain)) => return Ok(()),
            Rule::Nets(_) => "it is in no network that is allowed",
            Rule::Endpoints { addresses, .. } => match special(plain) {
                Some(what) => what,
                None if addresses.contains(&plain) => return Ok(()),
                None if matches!(host, ProbeHost::Address(_)) => "it is no endpoint's address",
                None if is_private(plain) => "it is private and no endpoint's address",
                None => return Ok(()),
            },
        };
        Err(match host {
            ProbeHost::Address(_) => refusal(host, why),
            ProbeHost::Name(_) => refusal(host, &format!("{address}: {why}")),
        })
    }
}

fn refusal(host: &ProbeHost, why: &str) -> String {
    format!("{host} is not allowed: {why}; allow it with --allow")
}

/// A host name in the one way of writing it.
fn folded(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// The address that packets go to: an IPv4 address written as IPv6 is that (RFC 4291, 2.5.5).
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// What no endpoint can be, wherever it is: this machine, its link, or many at once.
fn special(address: IpAddr) -> Option<&'static str> {
    let special_v4 = |v4: Ipv4Addr| {
        let [first, ..] = v4.octets();
        match v4 {
            _ if v4.is_loopback() => Some("it is this machine (loopback)"),
            // RFC 1122, 3.2.1.3: this host on this network, all of 0/8.
            _ if first == 0 => Some("it is this machine (0.0.0.0/8)"),
            // A cloud's metadata is there too.
            _ if v4.is_link_local() => Some("it is of this link only"),
            _ if v4.is_multicast() => Some("it is multicast"),
            _ if v4.is_broadcast() => Some("it is broadcast"),
            _ => None,
        }
    };
    match address {
        IpAddr::V4(v4) => special_v4(v4),
        IpAddr::V6(v6) if v6.is_loopback() => Some("it is this machine (loopback)"),
        IpAddr::V6(v6) if v6.is_unspecified() => Some("it is this machine (unspecified)"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("it is of this link only"),
        IpAddr::V6(v6) if v6.is_multicast() => Some("it is multicast"),
        IpAddr::V6(v6) => embedded(v6).and_then(special_v4),
    }
}

/// Whether an address means something else in each network.
fn is_private(address: IpAddr) -> bool {
    let is_private_v4 = |v4: Ipv4Addr| match v4.octets() {
        // RFC 6598: between a provider and its customers, and some clouds' metadata.
        [100, second, ..] => second & 0b1100_0000 == 64,
        // RFC 6890: for protocols, and some clouds' metadata.
        [192, 0, 0, _] => true,
        // RFC 2544, for laboratories; RFC 1112, 4: reserved.
        [198, 18 | 19, ..] | [240..=255, ..] => true,
        _ => v4.is_private(),
    };
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        // RFC 3879: what unique local addresses replaced.
        IpAddr::V6(v6) if v6.segments().first().is_some_and(|s| s & 0xffc0 == 0xfec0) => true,
        IpAddr::V6(v6) => v6.is_unique_local() || embedded(v6).is_some_and(is_private_v4),
    }
}

/// The IPv4 address that a translator would send packets on to: NAT64 by the well-known prefix
/// (RFC 6052, 2.1), 6to4 (RFC 3056, 2), compatible addresses (RFC 4291, 2.5.5.1).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let pair = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0, 0, high, low] => {
            Some(pair(high, low))
        }
        [0x2002, high, low, ..] => Some(pair(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Endpoints;

    fn of(addresses: &[&str], hosts: &[&str]) -> Allowed {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let hosts = hosts.iter().map(|&text| text.to_owned()).collect();
        Allowed::endpoints(&Handed {
            endpoints: Endpoints { addresses, hosts },
            ..Handed::default()
        })
    }

    fn literal(allowed: &Allowed, text: &str) -> Result<(), String> {
        let address = text.parse().unwrap();
        let host = ProbeHost::Address(address);
        allowed.target(&host).and_then(|()| allowed.address(&host, address))
    }

    fn named(allowed: &Allowed, name: &str, text: &str) -> Result<(), String> {
        let host = ProbeHost::Name(name.to_owned());
        allowed.target(&host).and_then(|()| allowed.address(&host, text.parse().unwrap()))
    }

    /// What leads to this machine, its link, or many at once, in every disguise.
    const SPECIAL: [&str; 18] = [
        "127.0.0.1",
        "127.255.0.9",
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "224.0.0.1",
        "239.1.2.3",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "febf::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::169.254.169.254",
        "2002:7f00:1::1",
    ];

    const PRIVATE: [&str; 14] = [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.100.100.200",
        "192.0.0.192",
        "198.18.0.1",
        "240.0.0.1",
        "fd00:ec2::254",
        "fc00::1",
        "fec0::1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
    ];

    #[test]
    fn endpoints_may_be_probed_and_nothing_else() {
        let allowed = of(&["192.0.2.1", "10.0.0.1", "2001:db8::1"], &["Www.Example.com"]);
        for text in ["192.0.2.1", "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1"] {
            literal(&allowed, text).unwrap();
        }
        let other = literal(&allowed, "192.0.2.2").unwrap_err();
        let expected =
            "192.0.2.2 is not allowed: it is no endpoint's address; allow it with --allow";
        assert_eq!(other, expected);
        for text in ["192.0.2.2", "203.0.113.9", "2001:db8::2", "100.0.0.1", "100.128.0.1"] {
            named(&allowed, "www.example.com", text).unwrap();
            named(&allowed, "WWW.example.com.", text).unwrap();
            literal(&allowed, text).unwrap_err();
        }
        let unknown = named(&allowed, "example.com", "192.0.2.1").unwrap_err();
        assert_eq!(
            unknown,
            "example.com is not allowed: it is no endpoint's name; allow it with --allow"
        );
    }

    #[test]
    fn this_machine_and_its_link_are_no_endpoints_whoever_says_so() {
        let allowed = of(&SPECIAL, &["www.example.com"]);
        for text in SPECIAL {
            assert!(literal(&allowed, text).is_err(), "{text}");
            assert!(named(&allowed, "www.example.com", text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_leads_to_a_private_network_only_if_an_endpoint_is_there() {
        let allowed = of(&[], &["www.example.com"]);
        for text in PRIVATE {
            assert!(named(&allowed, "www.example.com", text).is_err(), "{text}");
        }
        let why = named(&allowed, "www.example.com", "10.0.0.1").unwrap_err();
        assert_eq!(
            why,
            "www.example.com is not allowed: 10.0.0.1: it is private and no endpoint's address; \
             allow it with --allow"
        );
        let allowed = of(&PRIVATE, &["www.example.com"]);
        for text in PRIVATE {
            named(&allowed, "www.example.com", text).unwrap();
            literal(&allowed, text).unwrap();
        }
    }

    #[test]
    fn networks_are_all_that_counts_where_they_are_given() {
        let nets = ["127.0.0.0/8", "10.1.0.0/16", "::1/128"].map(|text| text.parse().unwrap());
        let allowed = Allowed::nets(nets.to_vec());
        for text in ["127.0.0.1", "10.1.2.3", "::1", "::ffff:10.1.2.3"] {
            literal(&allowed, text).unwrap();
            named(&allowed, "any.example", text).unwrap();
        }
        for text in ["10.2.0.1", "192.0.2.1", "::2", "::ffff:10.2.0.1"] {
            assert!(literal(&allowed, text).is_err(), "{text}");
            assert!(named(&allowed, "any.example", text).is_err(), "{text}");
        }
        // All of IPv6 is not IPv4 in disguise.
        let allowed = Allowed::nets(vec!["::/0".parse().unwrap()]);
        literal(&allowed, "::ffff:10.0.0.1").unwrap_err();
        literal(&Allowed::default(), "192.0.2.1").unwrap_err();
        literal(&Allowed::everything(), "127.0.0.1").unwrap();
    }
}
