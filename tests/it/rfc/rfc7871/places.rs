//! RFC 7871, 10 and 11.3: addresses that are nobody's place, and IPv4 inside IPv6.

use std::net::IpAddr;

use crate::rfc::design::GB;
use crate::rfc::design::JP;
use crate::wire::Ask;
use crate::wire::Reply;
use crate::world::example;

/// A resolver in Japan.
fn ask(name: &str, subnet: &str) -> Reply {
    let peer: IpAddr = "126.1.2.3".parse().unwrap();
    example().ask_from(peer, &Ask::new(&format!("{name}.example.com"), "A").subnet(subnet))
}

#[test]
pub(super) fn s10_private_space_is_steered_by_the_resolver() {
    for subnet in ["10.1.2.0/24", "172.16.1.0/24", "192.168.1.0/24", "fd00:1::/48", "fc00::/64"] {
        assert_eq!(ask("geo", subnet).data(), ["198.51.100.3"], "{subnet}");
    }
}

#[test]
pub(super) fn s10_the_scope_covers_all_of_the_private_space() {
    for (subnet, scope) in [
        ("10.1.2.0/24", 8),
        ("10.255.255.255/32", 8),
        ("172.16.1.0/24", 12),
        ("172.31.0.0/16", 12),
        ("192.168.1.0/24", 16),
        ("fd00:1::/48", 7),
        ("fc00::/16", 7),
    ] {
        assert_eq!(ask("geo", subnet).scope(), Some(scope), "{subnet}");
    }
}

#[test]
pub(super) fn s11_3_unroutable_addresses_are_as_good_as_the_resolver_s_own() {
    for (subnet, scope) in [
        ("127.0.0.0/24", 8),
        ("169.254.1.0/24", 16),
        ("100.64.1.0/24", 10),
        ("192.0.2.0/24", 24),
        ("198.51.100.0/24", 24),
        ("203.0.113.0/24", 24),
        ("198.18.0.0/24", 15),
        ("224.0.0.0/24", 3),
        ("255.255.255.255/32", 3),
        ("0.0.0.0/24", 8),
        // fe80::/10 and fec0::/10 are neighbours.
        ("fe80::/64", 9),
        ("2001:db8::/48", 32),
        ("ff02::/64", 8),
    ] {
        let reply = ask("geo", subnet);
        assert_eq!((reply.data(), reply.scope()), (vec!["198.51.100.3"], Some(scope)), "{subnet}");
    }
}

#[test]
fn what_the_operator_says_of_special_blocks_counts() {
    // 10.1/16 is in a rule of this policy; what is left of 10/8 is as special as before.
    let reply = ask("netted", "10.1.2.0/24");
    assert_eq!((reply.data(), reply.scope()), (vec!["198.51.100.113"], Some(16)));
    let peer: IpAddr = "8.8.8.8".parse().unwrap();
    let ask =
        |subnet| example().ask_from(peer, &Ask::new("netted.example.com", "A").subnet(subnet));
    let reply = ask("10.2.2.0/24");
    assert_eq!((reply.data(), reply.scope()), (vec!["198.51.100.111"], Some(15)));
    assert_eq!(ask("10.1.2.0/24").data(), ["198.51.100.113"]);
}

#[test]
fn a_client_of_one_family_may_ask_for_records_of_the_other() {
    let stage = example();
    for (subnet, a, aaaa) in [
        (GB, "198.51.100.2", "2001:db8:2::1"),
        (JP, "198.51.100.3", "2001:db8:3::1"),
        ("2a00:1::/48", "198.51.100.2", "2001:db8:2::1"),
    ] {
        for (qtype, expect) in [("A", a), ("AAAA", aaaa)] {
            let reply = stage.ask(&Ask::new("geo.example.com", qtype).subnet(subnet));
            assert_eq!(reply.data(), [expect], "{subnet} {qtype}");
            assert!(reply.scope() > Some(0));
        }
    }
}

#[test]
fn ipv4_inside_ipv6_is_located_as_the_ipv4_it_carries() {
    for (subnet, address, scope) in [
        // Mapped, translated by NAT64, 6to4; Teredo's is inverted: 62.1.2.3 is c1fe:fdfc.
        ("::ffff:62.1.2.0/120", "198.51.100.2", 96 + 10),
        ("64:ff9b::62.64.1.0/120", "198.51.100.1", 96 + 16),
        ("2002:3e01:200::/40", "198.51.100.2", 16 + 10),
        ("2002:3e40:100::/48", "198.51.100.1", 16 + 16),
        ("2001::c1fe:fdfc/128", "198.51.100.2", 96 + 10),
        // What it carries may be special itself: by the resolver.
        ("::ffff:10.1.2.0/120", "198.51.100.3", 96 + 8),
        ("2002:a01:200::/40", "198.51.100.3", 16 + 8),
    ] {
        let reply = ask("geo", subnet);
        assert_eq!((reply.data(), reply.scope()), (vec![address], Some(scope)), "{subnet}");
    }
}

#[test]
fn a_source_too_short_for_eight_bits_of_ipv4_is_steered_by_the_resolver() {
    for (subnet, scope) in
        [("::ffff:62.0.0.0/100", 96), ("64:ff9b::/96", 96), ("2002:3e00::/20", 16)]
    {
        let reply = ask("geo", subnet);
        assert_eq!((reply.data(), reply.scope()), (vec!["198.51.100.3"], Some(scope)), "{subnet}");
    }
    // Teredo: no client before the ninety-seventh bit.
    assert_eq!(ask("geo", "2001::/64").data(), ["198.51.100.3"]);
}

#[test]
pub(super) fn s7_5_zero_address_bits_are_no_reason_to_refuse() {
    for subnet in ["0.0.0.0/0", "::/0"] {
        let reply = ask("geo", subnet);
        assert_eq!((reply.rcode, reply.data()), (0, vec!["198.51.100.3"]));
    }
}
