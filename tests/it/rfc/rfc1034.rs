//! RFC 1034: the algorithm of a name server.

use crate::rfc::design::US;
use crate::wire::Ask;
use crate::wire::NOERROR;
use crate::wire::NXDOMAIN;
use crate::wire::RD;
use crate::wire::REFUSED;
use crate::wire::lines;
use crate::world::example;
use crate::world::parent_and_child;

/// It is there, so nothing is to be said of what it leads to.
#[test]
fn s3_6_2_who_asks_for_an_alias_gets_that_alone() {
    let stage = example();
    for (name, data) in [
        ("alias1.example.com", &["alias2.example.com."][..]),
        ("alias.example.com", &["www.example.com."]),
        ("a.moved.example.com", &["www.target.example.com.", "a.www.target.example.com."]),
    ] {
        let reply = stage.ask(&Ask::new(name, "CNAME").subnet(US));
        assert_eq!((reply.data(), reply.authorities.len()), (data.to_vec(), 0), "{name}");
    }
}

#[test]
fn s3_6_2_an_alias_brings_its_chain_within_the_zone() {
    let reply = example().ask(&Ask::new("alias1.example.com", "A"));
    assert!(reply.is_authoritative());
    let chain = reply.answers.iter().map(|record| record.line()).collect::<Vec<_>>();
    assert_eq!(
        chain,
        [
            "alias1.example.com. 3600 CNAME alias2.example.com.",
            "alias2.example.com. 3600 CNAME alias3.example.com.",
            "alias3.example.com. 3600 CNAME www.example.com.",
            "www.example.com. 3600 A 192.0.2.80",
        ],
        "in the order in which it is followed"
    );
}

#[test]
fn s3_6_2_a_query_for_the_alias_itself_is_not_followed() {
    let reply = example().ask(&Ask::new("alias1.example.com", "CNAME"));
    assert_eq!(lines(&reply.answers), ["alias1.example.com. 3600 CNAME alias2.example.com."]);
}

#[test]
fn s3_6_2_a_loop_of_aliases_ends() {
    let reply = example().ask(&Ask::new("loop1.example.com", "A"));
    assert_eq!(reply.rcode, NOERROR);
    assert_eq!(
        lines(&reply.answers),
        [
            "loop1.example.com. 3600 CNAME loop2.example.com.",
            "loop2.example.com. 3600 CNAME loop1.example.com.",
        ]
    );
}

#[test]
fn s3_6_2_a_chain_is_not_followed_out_of_the_zone() {
    let stage = example();
    let reply = stage.ask(&Ask::new("outside.example.com", "A"));
    assert_eq!(lines(&reply.answers), ["outside.example.com. 3600 CNAME www.example.net."]);
    assert_eq!((reply.rcode, reply.authorities.len()), (NOERROR, 0));
}

#[test]
fn s4_3_1_recursion_is_not_available() {
    // `Reply::read` asserts RA = 0 and RD as asked.
    let reply = example().ask(&Ask::new("www.example.com", "A").flags(RD));
    assert_eq!(reply.data(), ["192.0.2.80"]);
}

#[test]
fn s4_3_2_1_names_outside_every_zone_are_refused() {
    let stage = example();
    for name in ["www.example.net", "com", ".", "xexample.com", "example.com.net"] {
        let reply = stage.ask(&Ask::new(name, "A"));
        assert_eq!((reply.rcode, reply.is_authoritative()), (REFUSED, false), "{name}");
        assert!(reply.answers.is_empty() && reply.authorities.is_empty(), "{name}");
    }
}

#[test]
fn s4_3_2_2_the_closest_zone_answers() {
    let stage = parent_and_child();
    let reply = stage.ask(&Ask::new("here.sub.example.com", "A"));
    assert!(reply.is_authoritative());
    assert_eq!(lines(&reply.answers), ["here.sub.example.com. 60 A 192.0.2.54"]);
    let reply = stage.ask(&Ask::new("not.sub.example.com", "A"));
    assert_eq!(reply.rcode, NXDOMAIN);
    assert_eq!(reply.authorities[0].owner, "sub.example.com.");
}

#[test]
fn s4_3_2_3a_the_type_asked_for_is_answered_and_no_other() {
    let stage = example();
    for (name, qtype, expect) in [
        ("www.example.com", "A", "192.0.2.80"),
        ("www.example.com", "AAAA", "2001:db8::80"),
        ("txtonly.example.com", "TXT", "\"no address here\""),
        ("_sip._tcp.example.com", "SRV", "10 60 5060 www.example.com."),
    ] {
        let reply = stage.ask(&Ask::new(name, qtype));
        assert_eq!(reply.data(), [expect]);
        assert!(reply.is_authoritative() && reply.authorities.is_empty());
    }
}

#[test]
fn s4_3_2_3b_a_delegation_is_a_referral() {
    let stage = example();
    for name in ["sub.example.com", "host.sub.example.com", "a.b.sub.example.com"] {
        for qtype in ["A", "NS", "SOA", "TXT", "CNAME"] {
            let reply = stage.ask(&Ask::new(name, qtype));
            assert_eq!((reply.rcode, reply.is_authoritative()), (NOERROR, false));
            assert_eq!(reply.answers, []);
            assert_eq!(
                lines(&reply.authorities),
                [
                    "sub.example.com. 3600 NS ns.example.net.",
                    "sub.example.com. 3600 NS ns1.sub.example.com.",
                ]
            );
            assert_eq!(
                lines(&reply.additionals),
                [
                    "ns1.sub.example.com. 3600 A 192.0.2.53",
                    "ns1.sub.example.com. 3600 AAAA 2001:db8::53",
                ],
                "glue, and nothing for a server outside"
            );
        }
    }
}

#[test]
fn s4_3_2_3b_an_alias_into_a_delegation_ends_in_the_referral() {
    let reply = example().ask(&Ask::new("tosub.example.com", "A"));
    assert!(reply.is_authoritative(), "AA is about the first owner (RFC 1035, 4.1.1)");
    assert_eq!(lines(&reply.answers), ["tosub.example.com. 3600 CNAME host.sub.example.com."]);
    assert_eq!(reply.authorities.len(), 2);
}

#[test]
fn s4_3_2_3c_an_unknown_name_does_not_exist() {
    let reply = example().ask(&Ask::new("nothere.example.com", "A"));
    assert_eq!((reply.rcode, reply.is_authoritative()), (NXDOMAIN, true));
    assert_eq!(reply.answers, []);
}

#[test]
fn s4_3_2_6_addresses_of_hosts_that_an_answer_names_come_along() {
    let stage = example();
    for (name, qtype, expect) in [
        ("example.com", "MX", &["mail.example.com. 3600 A 192.0.2.25"][..]),
        (
            "example.com",
            "NS",
            &[
                "ns1.example.com. 3600 A 192.0.2.1",
                "ns1.example.com. 3600 AAAA 2001:db8::1",
                "ns2.example.com. 3600 A 192.0.2.2",
            ],
        ),
        (
            "_sip._tcp.example.com",
            "SRV",
            &["www.example.com. 3600 A 192.0.2.80", "www.example.com. 3600 AAAA 2001:db8::80"],
        ),
    ] {
        assert_eq!(lines(&stage.ask(&Ask::new(name, qtype)).additionals), expect, "{name} {qtype}");
    }
}
