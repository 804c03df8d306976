//! RFC 7871, 7.2.1, 7.4 and 12.1: for whom an answer holds.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use meridian::responder::Transport;
use meridian::steer::Admission;

use crate::rfc::design::GB;
use crate::rfc::design::JP;
use crate::rfc::design::US;
use crate::wire::Ask;
use crate::wire::CLIENT_SUBNET;
use crate::wire::NOERROR;
use crate::wire::NXDOMAIN;
use crate::wire::Reply;
use crate::wire::SERVFAIL;
use crate::wire::YXDOMAIN;
use crate::world::Stage;
use crate::world::example;
use crate::world::small;

fn ask(stage: &Stage, name: &str, qtype: &str, subnet: &str) -> Reply {
    stage.ask(&Ask::new(&format!("{name}.example.com"), qtype).subnet(subnet))
}

#[test]
pub(super) fn s7_2_1_the_scope_is_the_widest_prefix_with_one_answer() {
    let stage = example();
    for (subnet, address, scope) in [
        // 62/8 is British but for 62.64/16: 62.0/10, 62.64/16, 62.128/9 and so on.
        ("62.1.2.0/24", "198.51.100.2", 10),
        ("62.64.1.0/24", "198.51.100.1", 16),
        ("62.65.1.0/24", "198.51.100.2", 16),
        ("62.66.1.0/24", "198.51.100.2", 15),
        ("62.200.1.0/24", "198.51.100.2", 9),
        // 127/8 is special.
        ("126.1.2.0/24", "198.51.100.3", 8),
        // Who can't be located gets the order that Americans get; 10/8 is special.
        ("8.8.8.0/24", "198.51.100.1", 7),
        ("9.9.9.0/24", "198.51.100.1", 7),
        ("2a00:1::/48", "198.51.100.2", 17),
        ("2a00:80ff::/48", "198.51.100.3", 24),
        ("2a00:8100::/48", "198.51.100.2", 24),
        ("2400:1::/48", "198.51.100.3", 12),
        ("2600:1::/48", "198.51.100.1", 7),
    ] {
        let reply = ask(&stage, "geo", "A", subnet);
        assert_eq!((reply.data(), reply.scope()), (vec![address], Some(scope)), "{subnet}");
    }
}

#[test]
pub(super) fn s7_2_1_a_scope_may_be_longer_or_shorter_than_the_source() {
    let stage = example();
    for (subnet, scope) in [("62.64.1.0/24", 16), ("62.64.0.0/12", 16), ("62.64.0.0/16", 16)] {
        assert_eq!(ask(&stage, "geo", "A", subnet).scope(), Some(scope), "{subnet}");
    }
}

/// The networks that scopes name, for clients all over, and what they were answered.
fn tailored(stage: &Stage, name: &str) -> BTreeMap<(u128, u8), Vec<String>> {
    let mut found = BTreeMap::new();
    let mut add = |address: u128, text: String| {
        let reply = ask(stage, name, "A", &text);
        let scope = reply.scope().unwrap();
        let bits = if text.contains(':') { 128 } else { 32 };
        let start = address.checked_shr(u32::from(bits - scope)).unwrap_or(0);
        // Aligned to the left, and IPv4 marked as such, so that families never meet.
        let start = start.checked_shl(u32::from(128 - scope)).unwrap_or(0);
        let answer: Vec<_> = reply.data().into_iter().map(str::to_owned).collect();
        let before = found.insert((start, scope), answer.clone());
        assert!(before.is_none_or(|before| before == answer), "one scope, two answers: {text}");
    };
    for step in 0..2048_u32 {
        let address = step << 21 | step.wrapping_mul(2_654_435_761) >> 11;
        add(address.into(), format!("{}/32", Ipv4Addr::from_bits(address)));
    }
    for low in 0..512_u32 {
        let address = 62 << 24 | low << 15 | 7;
        add(address.into(), format!("{}/32", Ipv4Addr::from_bits(address)));
    }
    found
}

#[test]
pub(super) fn s7_2_1_prefixes_do_not_overlap() {
    let stage = example();
    for name in ["geo", "dual", "fence", "netted", "last"] {
        let found = tailored(&stage, name);
        assert!(found.len() > 10, "{name}: {}", found.len());
        let mut until = 0;
        for (start, scope) in found.keys() {
            assert!(*start >= until, "{name}: {start:x}/{scope} lies in the one before");
            until = start + (1_u128.checked_shl(u32::from(128 - scope)).unwrap_or(0) - 1);
        }
    }
}

#[test]
pub(super) fn s7_2_1_a_source_shorter_than_the_leaf_gets_what_most_of_it_gets() {
    let stage = example();
    // Most of 62/8 is British: that is the answer, though 62.64/16 has another one. Its scope
    // is that of a leaf, longer than the source, and so says that more bits would help.
    let reply = ask(&stage, "geo", "A", "62.0.0.0/8");
    assert_eq!(reply.data(), ["198.51.100.2"]);
    assert!((9..=16).contains(&reply.scope().unwrap()), "{:?}", reply.scope());
    // The answer that may overlap: a later one for a client in the hole differs.
    assert_eq!(ask(&stage, "geo", "A", "62.64.0.0/16").data(), ["198.51.100.1"]);
}

#[test]
pub(super) fn s7_2_1_the_longest_scope_in_the_answer_counts() {
    // The CNAME depends on the client, the address that it leads to does not.
    let reply = ask(&example(), "alias", "A", US);
    assert_eq!(reply.answers.len(), 2);
    let alone = ask(&example(), "alias", "CNAME", US);
    assert!(alone.scope() > Some(0));
    assert_eq!(reply.scope(), alone.scope());
}

#[test]
pub(super) fn s7_2_1_a_chain_stops_before_what_depends_on_the_client() {
    let stage = example();
    for (name, chain) in [
        ("togeo", &["geo.example.com."][..]),
        ("totogeo", &["togeo.example.com.", "geo.example.com."]),
        ("alias", &["geo.example.com."]),
    ] {
        let reply = ask(&stage, name, "A", JP);
        assert_eq!(reply.data(), chain, "{name}");
        let balanced = name == "alias";
        assert_eq!(reply.scope() > Some(0), balanced, "{name}");
    }
}

#[test]
pub(super) fn s7_2_1_one_service_may_have_many_scopes() {
    let stage = example();
    let scopes: Vec<_> = [US, GB, JP].map(|net| ask(&stage, "geo", "A", net).scope()).into();
    assert_eq!(scopes, [Some(7), Some(10), Some(8)]);
}

#[test]
pub(super) fn s7_4_negative_answers_have_scope_0() {
    let stage = example();
    for (name, qtype, rcode) in [
        ("no", "A", NXDOMAIN),
        ("x.geo", "A", NXDOMAIN),
        ("geo", "MX", NOERROR),
        ("blind", "AAAA", NOERROR),
        ("x.any", "AAAA", NOERROR),
        ("sticky", "TXT", NOERROR),
        ("ent", "A", NOERROR),
        ("dangling", "A", NXDOMAIN),
    ] {
        for subnet in [GB, JP, "2a00:1::/48"] {
            let reply = ask(&stage, name, qtype, subnet);
            assert_eq!((reply.rcode, reply.scope()), (rcode, Some(0)), "{name} {qtype} {subnet}");
        }
    }
}

#[test]
pub(super) fn s7_4_a_name_and_type_is_negative_for_all_or_for_nobody() {
    let mut stage = example();
    for round in 0..2 {
        for subnet in [US, GB, JP] {
            assert_eq!(ask(&stage, "dual", "AAAA", subnet).answers.len(), 1, "{round}");
            assert_eq!(ask(&stage, "blind", "AAAA", subnet).answers.len(), 0, "{round}");
        }
        stage.set("dual", "us", Admission::Down);
        stage.set("blind", "us", Admission::Down);
    }
}

#[test]
pub(super) fn s7_4_delegations_have_scope_0() {
    let stage = example();
    for name in ["sub", "x.sub", "tosub"] {
        let reply = ask(&stage, name, "A", GB);
        assert!(!reply.authorities.is_empty());
        assert_eq!(reply.scope(), Some(0), "{name}");
    }
}

#[test]
pub(super) fn s7_4_additional_addresses_do_not_depend_on_the_client() {
    let stage = example();
    for (name, qtype) in [("x.sub", "A"), ("example.com", "NS"), ("mxgeo", "MX")] {
        let name =
            if name == "example.com" { name.to_owned() } else { format!("{name}.example.com") };
        let [gb, jp] =
            [GB, JP].map(|net| stage.ask(&Ask::new(&name, qtype).subnet(net)).additionals);
        assert_eq!(gb, jp, "{name}");
    }
    let mx = ask(&stage, "mxgeo", "MX", GB);
    assert_eq!((mx.scope(), mx.additionals.len()), (Some(0), 0), "a balanced host is asked for");
}

#[test]
pub(super) fn s12_1_what_does_not_depend_on_the_client_has_scope_0() {
    let stage = example();
    for (name, qtype) in [
        ("www", "A"),
        ("a.wild", "A"),
        ("alias1", "A"),
        ("a.moved", "A"),
        // `ecs = false`, one region, one leaf.
        ("blind", "A"),
        ("solo", "A"),
        ("spread", "A"),
        ("tostatic", "A"),
    ] {
        for subnet in [US, GB, "2a00:1::/48"] {
            let reply = ask(&stage, name, qtype, subnet);
            assert_eq!((reply.rcode, reply.scope()), (NOERROR, Some(0)), "{name} {subnet}");
        }
    }
}

#[test]
fn without_ecs_the_resolver_is_located_and_the_echo_kept() {
    let stage = example();
    let ask = Ask::new("blind.example.com", "A").subnet(US);
    let reply = stage.ask_from("62.1.2.3".parse().unwrap(), &ask);
    assert_eq!((reply.data(), reply.scope()), (vec!["198.51.100.32"], Some(0)));
}

#[test]
pub(super) fn s12_1_support_is_shown_in_every_response() {
    let mut stage = example();
    for region in ["us", "eu"] {
        stage.set("down", region, Admission::Down);
    }
    let failed = ask(&stage, "down", "A", GB);
    assert_eq!(failed.rcode, SERVFAIL);
    assert!(failed.option(CLIENT_SUBNET).is_some());
    for name in ["geo", "www", "no", "blind", "x.sub"] {
        assert!(ask(&stage, name, "A", GB).option(CLIENT_SUBNET).is_some(), "{name}");
    }
}

#[test]
fn any_two_addresses_of_a_scope_get_one_answer() {
    let stage = example();
    for subnet in ["62.1.2.3/32", "62.64.9.9/32", "126.0.0.1/32", "8.1.1.1/32", "200.0.0.1/32"] {
        let reply = ask(&stage, "geo", "A", subnet);
        let scope = u32::from(reply.scope().unwrap());
        let address = subnet.split('/').next().unwrap().parse::<Ipv4Addr>().unwrap().to_bits();
        let host = u32::MAX.checked_shr(scope).unwrap_or(0);
        for other in [address & !host, address | host, address ^ (host & 0x5555_5555)] {
            let again = ask(&stage, "geo", "A", &format!("{}/32", Ipv4Addr::from_bits(other)));
            assert_eq!((again.data(), again.scope()), (reply.data(), reply.scope()), "{subnet}");
        }
    }
    for subnet in ["2a00:1::1/128", "2a00:8000::1/128", "2400::1/128", "2600::1/128"] {
        let reply = ask(&stage, "geo", "A", subnet);
        let scope = u32::from(reply.scope().unwrap());
        let address = subnet.split('/').next().unwrap().parse::<Ipv6Addr>().unwrap().to_bits();
        let host = u128::MAX.checked_shr(scope).unwrap_or(0);
        for other in [address & !host, address | host] {
            let again = ask(&stage, "geo", "A", &format!("{}/128", Ipv6Addr::from_bits(other)));
            assert_eq!((again.data(), again.scope()), (reply.data(), reply.scope()), "{subnet}");
        }
    }
}

/// The client's place chose where the alias leads, and so that there is no more to be had. What is
/// beside 8/8 is nowhere, and gets the first region too: 8/7.
#[test]
fn a_chain_that_breaks_off_is_for_the_clients_of_its_alias() {
    let label = |letter: &str| letter.repeat(63);
    let deep = format!("{}.{}.{}.{:041}", label("x"), label("y"), label("z"), 0);
    let mut zone = format!("deep DNAME {deep}\nx.{deep} A 192.0.2.3\n");
    zone.extend(["x", "y", "z"].map(|letter| format!("big TXT {}\n", letter.repeat(255))));
    let alias = |name: &str, target: &str| {
        format!(
            "[service.{name}]\nname = \"{name}.test\"\n[service.{name}.pool.us]\n\
             endpoints = [\"{target}.test\"]\n[service.{name}.pool.eu]\n\
             endpoints = [\"ns.test\"]\n"
        )
    };
    let toml = alias("answer", "big") + &alias("link", "x.deep");
    let stage = small(&(toml + &alias("none", &format!("{}.deep", label("a")))), &zone);
    let ask = |name: &str, qtype: &str| Ask::new(name, qtype).payload(512).subnet(US);
    for (name, qtype) in [("answer.test", "TXT"), ("link.test", "A")] {
        let [udp, tcp] =
            [Transport::Udp, Transport::Tcp].map(|by| stage.ask_over(by, &ask(name, qtype)));
        assert_eq!((udp.is_truncated(), tcp.is_truncated()), (true, false), "{name}");
        assert_eq!((udp.scope(), tcp.scope()), (Some(7), Some(7)), "{name}");
    }
    let none = stage.ask(&ask("none.test", "A"));
    assert_eq!((none.rcode, none.scope()), (YXDOMAIN, Some(7)));
}
