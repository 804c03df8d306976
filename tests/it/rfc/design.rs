//! DESIGN, section 1: the rules that never bend, of which RFCs say nothing.
//!
//! Those about the client subnet are in `rfc7871`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use meridian::responder::Class;
use meridian::responder::Transport;
use meridian::steer::Admission;

use crate::asking::Responder;
use crate::wire::Ask;
use crate::wire::NOERROR;
use crate::wire::NXDOMAIN;
use crate::wire::Reply;
use crate::wire::SERVFAIL;
use crate::wire::lines;
use crate::world::LOOPBACK;
use crate::world::Stage;
use crate::world::example;

pub(super) const US: &str = "8.8.8.0/24";
pub(super) const GB: &str = "62.1.2.0/24";
pub(super) const JP: &str = "126.1.2.0/24";

fn ask(stage: &Stage, name: &str, qtype: &str, subnet: &str) -> Reply {
    stage.ask(&Ask::new(name, qtype).subnet(subnet))
}

/// How often each answer came, of `n` queries.
fn shares(stage: &Stage, name: &str, n: u32) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    for _ in 0..n {
        let reply = ask(stage, name, "A", US);
        *counts.entry(reply.data()[0].to_owned()).or_insert(0.0) += 1.0 / f64::from(n);
    }
    counts
}

#[test]
fn a_client_gets_the_region_that_suits_it() {
    let stage = example();
    for (subnet, a, aaaa) in [
        (US, "198.51.100.1", "2001:db8:1::1"),
        (GB, "198.51.100.2", "2001:db8:2::1"),
        (JP, "198.51.100.3", "2001:db8:3::1"),
        ("2600:1::/48", "198.51.100.1", "2001:db8:1::1"),
        ("2a00:1::/48", "198.51.100.2", "2001:db8:2::1"),
        ("2400:1::/48", "198.51.100.3", "2001:db8:3::1"),
    ] {
        assert_eq!(ask(&stage, "geo.example.com", "A", subnet).data(), [a], "{subnet}");
        assert_eq!(ask(&stage, "geo.example.com", "AAAA", subnet).data(), [aaaa], "{subnet}");
    }
}

#[test]
fn existence_is_global() {
    // Neither the place of the client nor health changes which names and types there are.
    let mut stage = example();
    for round in 0..2 {
        for subnet in [US, GB, JP, "2a00:1::/48", "10.0.0.0/8"] {
            for (name, qtype, rcode, n_answers) in [
                ("geo.example.com", "A", NOERROR, 1),
                ("geo.example.com", "AAAA", NOERROR, 1),
                ("geo.example.com", "TXT", NOERROR, 0),
                ("blind.example.com", "AAAA", NOERROR, 0),
                ("dual.example.com", "AAAA", NOERROR, 1),
                ("x.geo.example.com", "A", NXDOMAIN, 0),
                ("x.any.example.com", "A", NOERROR, 1),
            ] {
                let reply = ask(&stage, name, qtype, subnet);
                let found = (reply.rcode, reply.answers.len());
                assert_eq!(found, (rcode, n_answers), "{name} {qtype} {subnet} {round}");
            }
        }
        for region in ["us", "eu", "ap"] {
            stage.set("geo", region, Admission::Down);
        }
        stage.set("dual", "us", Admission::Down);
        stage.set("blind", "us", Admission::Drained);
    }
}

#[test]
fn a_region_without_the_family_yields_to_the_next_that_has_it() {
    let stage = example();
    assert_eq!(ask(&stage, "dual.example.com", "A", GB).data(), ["198.51.100.62"]);
    assert_eq!(ask(&stage, "dual.example.com", "AAAA", GB).data(), ["2001:db8:6::1"]);
}

#[test]
fn a_and_aaaa_use_the_same_order() {
    let mut stage = example();
    stage.set("geo", "eu", Admission::Down);
    let a = ask(&stage, "geo.example.com", "A", GB);
    let aaaa = ask(&stage, "geo.example.com", "AAAA", GB);
    assert_eq!((a.data(), aaaa.data()), (vec!["198.51.100.1"], vec!["2001:db8:1::1"]));
    assert_eq!(a.scope(), aaaa.scope());
}

#[test]
fn sticky_gives_one_block_one_region_and_endpoint_for_all_types() {
    let stage = example();
    let mut endpoints = BTreeMap::new();
    for third in 0..60 {
        let block = format!("62.1.{third}.0/24");
        let a = ask(&stage, "sticky.example.com", "A", &block).data()[0].to_owned();
        let aaaa = ask(&stage, "sticky.example.com", "AAAA", &block).data()[0].to_owned();
        for _ in 0..5 {
            // Another draw, another transport, the same answer.
            assert_eq!(ask(&stage, "sticky.example.com", "A", &block).data(), [a.as_str()]);
            assert_eq!(ask(&stage, "sticky.example.com", "AAAA", &block).data(), [aaaa.as_str()]);
        }
        let host =
            stage.ask(&Ask::new("sticky.example.com", "A").subnet(&format!("62.1.{third}.77/32")));
        assert_eq!(host.data(), [a.as_str()], "an address of the block is the block");
        assert!(host.scope().unwrap() >= 24, "the answer is for the block alone");
        *endpoints.entry(a).or_insert(0) += 1;
    }
    assert_eq!(endpoints.len(), 3, "different blocks get different endpoints: {endpoints:?}");
}

#[test]
fn health_never_changes_a_scope() {
    let mut stage = example();
    let names = ["geo", "dual", "sticky", "last", "fence", "heavy", "spread"];
    let scopes = |stage: &Stage| -> Vec<_> {
        let ask = |name| {
            [US, GB, JP, "62.64.1.0/24"]
                .map(|net| ask(stage, &format!("{name}.example.com"), "A", net).scope())
        };
        names.iter().map(ask).collect()
    };
    let before = scopes(&stage);
    for (service, region) in
        [("geo", "eu"), ("geo", "us"), ("dual", "us"), ("sticky", "eu"), ("fence", "ap")]
    {
        stage.set(service, region, Admission::Down);
        assert_eq!(scopes(&stage), before, "{service} {region}");
    }
}

#[test]
fn a_region_that_is_down_or_drained_yields_to_the_next() {
    for admission in [Admission::Down, Admission::Drained] {
        let mut stage = example();
        stage.set("geo", "eu", admission);
        assert_eq!(ask(&stage, "geo.example.com", "A", GB).data(), ["198.51.100.1"]);
        stage.set("geo", "us", admission);
        assert_eq!(ask(&stage, "geo.example.com", "A", GB).data(), ["198.51.100.3"]);
        stage.set("geo", "eu", Admission::Admitted);
        assert_eq!(ask(&stage, "geo.example.com", "A", GB).data(), ["198.51.100.2"]);
    }
}

#[test]
fn all_down_fails_open_with_the_least_ttl() {
    let mut stage = example();
    let up = ask(&stage, "geo.example.com", "A", GB);
    assert_eq!(up.answers[0].ttl, 30);
    for region in ["us", "eu", "ap"] {
        stage.set("geo", region, Admission::Down);
    }
    let reply = ask(&stage, "geo.example.com", "A", GB);
    assert_eq!(lines(&reply.answers), ["geo.example.com. 15 A 198.51.100.2"], "as if all were up");
    assert!(reply.extended_error().is_some(), "and says so");
}

/// An answer that nobody should have had to get: who watches the counter sees it.
#[test]
fn what_fails_open_is_counted() {
    let mut stage = example();
    let failed_open = |stage: &Stage| {
        let mut responder = Responder::new(&stage.snapshot, 1);
        for name in ["geo.example.com", "www.example.com"] {
            let _ = responder.raw(&Ask::new(name, "A").octets(), LOOPBACK, Transport::Udp);
        }
        let tally = responder.worker.tally;
        (tally.failed_open(), tally.of(Class::NoError))
    };
    assert_eq!(failed_open(&stage), (0, 2));
    for region in ["us", "eu", "ap"] {
        stage.set("geo", region, Admission::Down);
    }
    assert_eq!(failed_open(&stage), (1, 2));
}

#[test]
fn what_was_drained_is_answered_when_nothing_else_is_left() {
    let mut stage = example();
    stage.set("geo", "eu", Admission::Drained);
    stage.set("geo", "us", Admission::Drained);
    stage.set("geo", "ap", Admission::Down);
    assert_eq!(
        ask(&stage, "geo.example.com", "A", GB).data(),
        ["198.51.100.3"],
        "failing open ignores verdicts, not what an operator said"
    );
    stage.set("geo", "ap", Admission::Drained);
    assert_eq!(ask(&stage, "geo.example.com", "A", GB).data(), ["198.51.100.2"]);
}

#[test]
fn all_down_may_be_servfail() {
    let mut stage = example();
    for region in ["us", "eu"] {
        assert_eq!(ask(&stage, "down.example.com", "A", GB).rcode, NOERROR);
        stage.set("down", region, Admission::Down);
    }
    let reply = ask(&stage, "down.example.com", "A", GB);
    assert_eq!((reply.rcode, reply.answers.len()), (SERVFAIL, 0));
}

#[test]
fn all_down_may_be_a_fallback() {
    let mut stage = example();
    for region in ["us", "eu"] {
        stage.set("last", region, Admission::Down);
    }
    let a = ask(&stage, "last.example.com", "A", GB);
    assert_eq!(lines(&a.answers), ["last.example.com. 15 A 192.0.2.99"]);
    let aaaa = ask(&stage, "last.example.com", "AAAA", GB);
    assert_eq!(lines(&aaaa.answers), ["last.example.com. 15 AAAA 2001:db8::99"]);
}

#[test]
fn a_fence_holds_when_all_inside_is_down() {
    let mut stage = example();
    assert_eq!(ask(&stage, "fence.example.com", "A", JP).data(), ["198.51.100.103"]);
    stage.set("fence", "ap", Admission::Down);
    let reply = ask(&stage, "fence.example.com", "A", JP);
    assert_eq!(reply.data(), ["198.51.100.103"], "fails open inside, not out of it");
    assert_eq!(ask(&stage, "fence.example.com", "A", GB).data(), ["198.51.100.102"]);
}

#[test]
fn weights_of_a_tier_are_shares() {
    let mut stage = example();
    let found = shares(&stage, "spread.example.com", 4000);
    assert!((found["198.51.100.51"] - 0.25).abs() < 0.03, "{found:?}");
    assert!((found["198.51.100.52"] - 0.75).abs() < 0.03, "{found:?}");
    assert_eq!(found.len(), 2, "weight 0 is not drawn while others are admitted");
    stage.set("spread", "us", Admission::Down);
    stage.set("spread", "eu", Admission::Down);
    assert_eq!(shares(&stage, "spread.example.com", 50).len(), 1);
    assert_eq!(ask(&stage, "spread.example.com", "A", US).data(), ["198.51.100.53"]);
}

#[test]
fn weights_of_endpoints_are_shares_of_the_first_record() {
    let stage = example();
    let found = shares(&stage, "heavy.example.com", 4000);
    assert!((found["198.51.100.121"] - 0.75).abs() < 0.03, "{found:?}");
    let reply = ask(&stage, "heavy.example.com", "A", US);
    let mut both = reply.data();
    both.sort_unstable();
    assert_eq!(both, ["198.51.100.121", "198.51.100.122"], "two answers, each once, no standby");
}

#[test]
fn an_alias_service_answers_cname_and_follows_it_to_static_data() {
    let stage = example();
    assert_eq!(
        lines(&ask(&stage, "alias.example.com", "A", US).answers),
        ["alias.example.com. 30 CNAME www.example.com.", "www.example.com. 3600 A 192.0.2.80"]
    );
    assert_eq!(
        lines(&ask(&stage, "alias.example.com", "A", GB).answers),
        ["alias.example.com. 30 CNAME lb.example.net."],
        "out of the zone: the resolver follows"
    );
    assert_eq!(
        lines(&ask(&stage, "alias.example.com", "A", JP).answers),
        ["alias.example.com. 30 CNAME geo.example.com."],
        "a balanced name: the resolver asks for it"
    );
    assert_eq!(
        lines(&ask(&stage, "alias.example.com", "CNAME", US).answers),
        ["alias.example.com. 30 CNAME www.example.com."]
    );
}

/// Limit [`meridian::model::limits::CHAIN`]: the last link that may be followed ends the chain
/// with all that holds of its first, the scope too.
#[test]
fn a_chain_that_ends_at_its_last_allowed_link_has_the_scope_of_its_first() {
    let stage = example();
    let reply = ask(&stage, "linked.example.com", "A", US);
    assert_eq!((reply.answers.len(), reply.data()[8]), (9, "192.0.2.88"));
    let short = ask(&stage, "linked.example.com", "A", GB);
    assert_eq!(short.answers.len(), 2);
    let scope = |reply: &Reply| reply.option(8).unwrap()[3];
    assert!(scope(&reply) > 0 && scope(&reply) == scope(&ask(&stage, "geo.example.com", "A", US)));
    assert!(scope(&short) > 0);
}

#[test]
fn of_pools_without_weight_the_best_region_stands_by() {
    let mut stage = example();
    let data = |stage: &Stage| ask(stage, "standby.example.com", "A", US).data()[0].to_owned();
    assert_eq!(data(&stage), "198.51.100.131");
    stage.set("standby", "us", Admission::Down);
    // Dublin is nearer to Virginia than Tokyo.
    assert_eq!(data(&stage), "198.51.100.132");
    stage.set("standby", "eu", Admission::Down);
    assert_eq!(data(&stage), "198.51.100.133");
}

#[test]
fn a_service_at_the_apex_stands_beside_static_records() {
    let stage = example();
    assert_eq!(ask(&stage, "example.com", "A", GB).data(), ["198.51.100.12"]);
    assert_eq!(ask(&stage, "example.com", "MX", GB).data(), ["10 mail.example.com."]);
    assert_eq!(ask(&stage, "example.com", "SOA", GB).answers.len(), 1);
    assert_eq!(ask(&stage, "example.com", "NS", GB).answers.len(), 2);
}

#[test]
fn who_can_not_be_located_gets_the_order_of_the_policy() {
    let stage = example();
    let reply = stage.ask(&Ask::new("geo.example.com", "A"));
    assert_eq!(reply.data(), ["198.51.100.1"]);
    // 200/8 is in no database.
    assert_eq!(ask(&stage, "geo.example.com", "A", "200.1.2.0/24").data(), ["198.51.100.1"]);
}

#[test]
pub(super) fn without_a_subnet_the_resolver_is_located() {
    let stage = example();
    for (peer, address) in [
        ("8.8.8.8", "198.51.100.1"),
        ("62.1.2.3", "198.51.100.2"),
        ("126.1.2.3", "198.51.100.3"),
        ("2a00:1::53", "198.51.100.2"),
        ("::ffff:126.1.2.3", "198.51.100.3"),
    ] {
        let peer: IpAddr = peer.parse().unwrap();
        let reply = stage.ask_from(peer, &Ask::new("geo.example.com", "A"));
        assert_eq!(reply.data(), [address], "{peer}");
    }
}

#[test]
fn equal_state_gives_equal_answers_by_every_transport() {
    // `Stage::ask` compares the two replies; here over draws that differ from one another.
    let stage = example();
    let drawn: std::collections::BTreeSet<_> =
        (0..40).map(|_| ask(&stage, "spread.example.com", "A", US).data()[0].to_owned()).collect();
    assert_eq!(drawn.len(), 2);
}
