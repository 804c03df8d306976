//! Names, addresses, prefixes and places as the operator writes them.

use std::net::IpAddr;
use std::net::SocketAddr;

use ipnet::IpNet;

use crate::config::codes;
use crate::config::country;
use crate::config::reader::Fault;
use crate::config::suggest;
use crate::model::Asn;
use crate::model::Continent;
use crate::model::Name;
use crate::model::NameError;
use crate::model::Rank;
use crate::model::Subdivision;
use crate::model::Target;
use crate::model::limits;
use crate::model::sound;

/// What people write for a continent.
const OTHER_CONTINENTS: [(&str, &str); 8] = [
    ("africa", "AF"),
    ("antarctica", "AN"),
    ("asia", "AS"),
    ("europe", "EU"),
    ("north america", "NA"),
    ("oceania", "OC"),
    ("australia", "OC"),
    ("south america", "SA"),
];

/// Reads an absolute domain name; the trailing dot may be left out.
pub(super) fn domain(text: &str) -> Result<Name, Fault> {
    let fault = |why: &str| {
        Fault::new(codes::DOMAIN_NAME, "a domain name such as \"www.example.com\"")
            .found(format!("{text:?}: {why}"))
    };
    if text.contains("://") || (text.contains('/') && !is_classless(text)) {
        return Err(fault("that is a URL").help("write the host name alone"));
    }
    if text.chars().any(char::is_whitespace) {
        return Err(fault("a space").help("write one name, or an array of names"));
    }
    if !text.is_ascii() {
        return Err(fault("characters beyond ASCII").help("write the A-label: `xn--…`"));
    }
    text.parse().map_err(|why: NameError| fault(&why.to_string()))
}

/// Whether a name with a slash is one of RFC 2317, 4, as `0/25.2.0.192.in-addr.arpa`.
fn is_classless(text: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|octet| octet.is_ascii_digit());
    let range = |label: &str| label.split_once('/').is_some_and(|(a, b)| number(a) && number(b));
    let mut labels = text.trim_end_matches('.').split('.').rev();
    // `192.0.2.0/25` is a prefix, and no name ends so.
    labels.next().is_some_and(|top| !top.contains('/'))
        && labels.filter(|label| label.contains('/')).all(range)
}

/// Reads the operator's name for a region, a service, a policy, a monitor or a tag.
pub(super) fn identifier(text: &str) -> Result<String, Fault> {
    /// The most characters.
    const MOST: usize = limits::IDENTIFIER;
    if sound::is_identifier(text) {
        return Ok(text.to_owned());
    }
    let expected = format!("a name of 1 to {MOST} characters without spaces");
    let fixed: String = text.chars().filter(|c| !c.is_control()).take(MOST).collect();
    let fixed = fixed.split_whitespace().collect::<Vec<_>>().join("-");
    let fault = Fault::new(codes::IDENTIFIER, expected).found(format!("{text:?}"));
    Err(fault.help(format!("write `{}`", if fixed.is_empty() { "main" } else { &fixed })))
}

/// Reads the name of a node, vantage, vantage group or bucket: it is a part of keys.
pub(super) fn node_name(text: &str) -> Result<String, Fault> {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.is_empty() && text.len() <= limits::NODE_NAME && text.chars().all(fine) {
        return Ok(text.to_owned());
    }
    let expected = format!("a name of 1 to {} letters, digits, `-` and `_`", limits::NODE_NAME);
    let fixed: String = text.chars().map(|c| if fine(c) { c } else { '-' }).collect();
    let fixed: String = fixed.trim_matches('-').chars().take(limits::NODE_NAME).collect();
    let fault = Fault::new(codes::NODE_NAME, expected).found(format!("{text:?}"));
    Err(fault.help(format!("write `{}`", if fixed.is_empty() { "ns1" } else { &fixed })))
}

/// Reads an address with a port to listen at.
pub(super) fn socket(text: &str) -> Result<SocketAddr, Fault> {
    text.parse().map_err(|_| {
        let fault = Fault::new(
            codes::LISTEN_ADDRESS,
            "an address and a port such as \"127.0.0.1:5300\" or \"[::1]:5300\"",
        );
        match (text.parse::<IpAddr>(), text.strip_prefix(':').map(str::parse::<u16>)) {
            (Ok(address), _) => fault.help(format!("write \"{}\"", SocketAddr::new(address, 53))),
            (_, Some(Ok(port))) => fault.help(format!("write \"0.0.0.0:{port}\", \"[::]:{port}\"")),
            _ => fault.help("write the address, not a host name; IPv6 stands in brackets"),
        }
    })
}

/// Reads an endpoint: an address that can be answered, or else a host name.
pub(super) fn target(text: &str) -> Result<Target, Fault> {
    address(text).map(Target::Address).or_else(|fault| {
        let numeric = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
        let host = text.trim_end_matches('.').rsplit('.').next().is_some_and(|l| !numeric(l));
        if fault.code == codes::ENDPOINT_ADDRESS && host && !text.contains([':', '/']) {
            self::host(text).map(Target::Host)
        } else {
            Err(fault)
        }
    })
}

/// Reads the host name of an endpoint.
pub(super) fn host(text: &str) -> Result<Name, Fault> {
    let name = domain(text)?;
    if name.n_labels() == 0 || name.is_wildcard() {
        let fault = Fault::new(codes::DOMAIN_NAME, "the name of one host");
        return Err(fault.help("write the host's full name, without `*`"));
    }
    Ok(name)
}

/// Reads an address that can be answered.
pub(super) fn address(text: &str) -> Result<IpAddr, Fault> {
    let Ok(address) = text.parse::<IpAddr>() else {
        let fault = Fault::new(codes::ENDPOINT_ADDRESS, "an IP address or a host name");
        return Err(match (text.parse::<SocketAddr>(), text.parse::<IpNet>()) {
            (Ok(socket), _) => {
                fault.help(format!("write \"{}\": DNS carries no ports", socket.ip()))
            }
            (_, Ok(net)) => fault.help(format!("write \"{}\": one address", net.addr())),
            _ => fault.help("write an address such as \"192.0.2.10\" or \"2001:db8::10\""),
        });
    };
    let Some((what, instead)) = unusable(address) else { return Ok(address) };
    let fault = Fault::new(codes::UNUSABLE_ADDRESS, "the address of one host");
    let help = instead.map_or_else(
        || "write the address that clients are to connect to".to_owned(),
        |instead| format!("write \"{instead}\""),
    );
    Err(fault.found(format!("\"{address}\", which is {what}")).help(help))
}

/// What keeps clients from connecting to an address, and which may be meant.
fn unusable(address: IpAddr) -> Option<(&'static str, Option<IpAddr>)> {
    let (what, instead) = match address {
        IpAddr::V4(v4) => match v4.octets() {
            [0, ..] => ("of this network (RFC 791, 3.2)", None),
            [169, 254, ..] => ("of one link only (RFC 3927)", None),
            [255, 255, 255, 255] => ("everybody on a link", None),
            [224..=239, ..] => ("multicast", None),
            [240..=255, ..] => ("reserved (RFC 1112, 4)", None),
            _ => return None,
        },
        IpAddr::V6(v6) => match (v6.to_ipv4_mapped(), v6.segments()) {
            (Some(v4), _) => ("an IPv4 address in an IPv6 one", Some(IpAddr::V4(v4))),
            (None, [0, 0, 0, 0, 0, 0, 0, 1]) => return None,
            (None, [0, 0, 0, 0, 0, 0, 0, 0]) => ("unspecified", None),
            (None, [0, 0, 0, 0, 0, 0, ..]) => {
                ("an IPv4 address in an IPv6 one (RFC 4291, 2.5.5.1)", v6.to_ipv4().map(IpAddr::V4))
            }
            (None, [0xfe80..=0xfebf, ..]) => ("of one link only (RFC 4291, 2.5.6)", None),
            (None, [0xfec0..=0xfeff, ..]) => ("of one site, which is withdrawn (RFC 3879)", None),
            (None, [0xff00..=0xffff, ..]) => ("multicast", None),
            (None, [0x100, 0, 0, 0, ..]) => ("where packets are dropped (RFC 6666)", None),
            _ => return None,
        },
    };
    // What an IPv4 address in an IPv6 one holds may be none of a host either.
    let instead = instead.filter(|address| unusable(*address).is_none());
    Some((what, instead))
}

/// Reads a prefix without host bits; a lone address is a prefix of full length.
pub(super) fn prefix(text: &str) -> Result<IpNet, Fault> {
    let fault = || Fault::new(codes::PREFIX, "a prefix such as \"192.0.2.0/24\"");
    let Ok(net) = text.parse::<IpNet>() else {
        return match (text.parse::<IpAddr>(), text.split_once('/')) {
            (Ok(address), _) => Ok(IpNet::from(address)),
            (_, Some((address, _))) if address.parse::<IpAddr>().is_ok() => {
                let most = if address.contains(':') { 128 } else { 32 };
                Err(fault().help(format!("write a length of 0 to {most} after the `/`")))
            }
            _ => Err(fault().help("write an address, `/`, and how many of its bits count")),
        };
    };
    if net.trunc() == net {
        return Ok(net);
    }
    let expected = format!("a prefix without bits past its length, `{}`", net.trunc());
    Err(Fault::new(codes::PREFIX_HOST_BITS, expected).help(format!("write \"{}\"", net.trunc())))
}

/// Reads a continent code.
pub(super) fn continent(text: &str) -> Result<Continent, Fault> {
    text.parse().map_err(|()| {
        let codes = Continent::ALL.map(Continent::code);
        let fault = Fault::new(codes::UNKNOWN_CONTINENT, "a continent code such as \"EU\"");
        let lower = text.to_ascii_lowercase().replace(['-', '_'], " ");
        match OTHER_CONTINENTS.iter().find(|(other, _)| *other == lower) {
            Some((_, code)) => fault.help(format!("write \"{code}\"")),
            None if country::known_country(text).is_some() => {
                let code = text.to_ascii_uppercase();
                fault.help(format!("write `country = [\"{code}\"]`: that is a country"))
            }
            None => fault.help(format!("write one of {}", suggest::list(codes))),
        }
    })
}

/// Reads a subdivision: country, hyphen, ISO 3166-2 code.
pub(super) fn subdivision(text: &str) -> Result<Subdivision, Fault> {
    let fault = || Fault::new(codes::SUBDIVISION, "an ISO 3166-2 subdivision such as \"US-CA\"");
    let subdivision: Subdivision =
        text.parse().map_err(|()| fault().help("write the country, a hyphen and the code"))?;
    match country::country(subdivision.country().as_str()) {
        Ok(_) => Ok(subdivision),
        Err(country) => Err(Fault { help: country.help, ..fault() }),
    }
}

/// Reads an autonomous system number: `64496` or `AS64496`.
pub(super) fn asn(text: &str) -> Result<Asn, Fault> {
    let digits = text.strip_prefix("AS").or_else(|| text.strip_prefix("as")).unwrap_or(text);
    digits.parse().map(Asn).map_err(|_| {
        Fault::new(codes::ASN, "an autonomous system number").help("write the number: `64496`")
    })
}

/// Reads a criterion of a ranking.
pub(super) fn rank(text: &str) -> Result<Rank, Fault> {
    Rank::ALL.into_iter().find(|rank| rank.as_str() == text).ok_or_else(|| {
        let words = Rank::ALL.map(Rank::as_str);
        let other = match text {
            "geo" | "geoip" | "distance" | "proximity" => Some("nearest"),
            "rtt" | "performance" => Some("latency"),
            "failover" => Some("priority"),
            "weighted" | "weight" | "random" | "round-robin" => Some("equal"),
            "rule" | "geomap" => Some("rules"),
            _ => None,
        };
        let fault = Fault::new(codes::UNKNOWN_RANK, format!("one of {}", suggest::choice(words)));
        fault.help(
            other.map_or_else(
                || suggest::value_help(text, words),
                |word| format!("write \"{word}\""),
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What reading says to do.
    fn help<T: std::fmt::Debug>(read: Result<T, Fault>) -> String {
        read.unwrap_err().help.unwrap_or_default()
    }

    #[test]
    fn endpoints_are_addresses_or_hosts() {
        assert_eq!(target("192.0.2.1").unwrap(), Target::Address("192.0.2.1".parse().unwrap()));
        assert_eq!(target("lb.example.").unwrap(), Target::Host("lb.example".parse().unwrap()));
        assert!(help(target("192.0.2.1:80")).contains("\"192.0.2.1\""));
        assert!(help(target("192.0.2.0/24")).contains("\"192.0.2.0\""));
        for text in ["192.0.2.300", "2001:db8::g", "", "0.0.0.0", "ff02::1", "*.example", "."] {
            assert!(target(text).is_err(), "{text}");
        }
        for text in [
            "0.1.2.3",
            "169.254.1.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::0.0.0.9",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "100::1",
        ] {
            assert_eq!(address(text).unwrap_err().code, codes::UNUSABLE_ADDRESS, "{text}");
        }
        for (text, instead) in [("::ffff:192.0.2.1", "192.0.2.1"), ("::192.0.2.1", "192.0.2.1")] {
            assert_eq!(help(address(text)), format!("write \"{instead}\""));
        }
        assert!(!help(address("::ffff:0.0.0.0")).contains("0.0.0.0"));
        for text in ["127.0.0.1", "::1", "10.0.0.1", "fc00::1", "2001:db8::1", "64:ff9b::c000:201"]
        {
            assert!(address(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn rfc2317_4_names_may_have_a_slash_and_urls_are_told() {
        for text in
            ["0/25.2.0.192.in-addr.arpa", "5.0/25.2.0.192.in-addr.arpa.", "128/26.rev.example"]
        {
            assert_eq!(domain(text).unwrap(), text.parse().unwrap());
        }
        for text in
            ["https://example.com", "example.com/25", "192.0.2.0/25", "a/b.example", "/25.example"]
        {
            assert_eq!(help(domain(text)), "write the host name alone", "{text}");
        }
    }

    #[test]
    fn names_of_nodes_are_parts_of_keys() {
        assert_eq!(node_name("ns1_a-B").unwrap(), "ns1_a-B");
        assert!(node_name(&"a".repeat(63)).is_ok() && node_name(&"a".repeat(64)).is_err());
        for (text, fixed) in
            [("ns1.example.com", "ns1-example-com"), ("", "ns1"), ("*", "ns1"), ("é1", "1")]
        {
            assert_eq!(help(node_name(text)), format!("write `{fixed}`"), "{text}");
        }
    }

    #[test]
    fn prefixes_show_their_correction() {
        assert_eq!(prefix("192.0.2.1").unwrap().to_string(), "192.0.2.1/32");
        assert_eq!(help(prefix("10.1.2.3/8")), "write \"10.0.0.0/8\"");
        assert!(help(prefix("10.0.0.0/33")).contains("0 to 32"));
        assert!(help(prefix("2001:db8::/129")).contains("0 to 128"));
        assert!(prefix("office").is_err());
    }

    #[test]
    fn places_that_go_by_other_names_are_suggested() {
        assert_eq!(help(continent("North America")), "write \"NA\"");
        assert!(help(continent("DE")).contains("country"));
        assert!(subdivision("UK-ENG").is_err());
        assert_eq!(asn("AS64496").unwrap(), Asn(64496));
        assert_eq!(help(rank("geo")), "write \"nearest\"");
        assert!(help(rank("neerest")).contains("\"nearest\""));
    }

    #[test]
    fn listening_needs_a_port() {
        assert_eq!(help(socket("127.0.0.1")), "write \"127.0.0.1:53\"");
        assert_eq!(help(socket("::1")), "write \"[::1]:53\"");
        assert!(help(socket(":53")).contains("0.0.0.0:53"));
        assert!(socket("localhost:53").is_err());
    }
}
