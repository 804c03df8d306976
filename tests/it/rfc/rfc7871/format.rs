//! RFC 7871, 6 and 7.2.1: which options are taken, and what comes back.

use meridian::responder::Transport;

use crate::rfc::design::GB;
use crate::wire::Ask;
use crate::wire::BADVERS;
use crate::wire::CLIENT_SUBNET;
use crate::wire::FORMERR;
use crate::wire::NOERROR;
use crate::wire::Reply;
use crate::wire::subnet_octets;
use crate::world::example;

fn with_option(data: &[u8]) -> Reply {
    example().ask(&Ask::new("geo.example.com", "A").option(CLIENT_SUBNET, data))
}

fn all_are_format_errors(options: &[&[u8]]) {
    for data in options {
        let reply = with_option(data);
        assert_eq!((reply.rcode, reply.answers.len()), (FORMERR, 0), "{data:?}");
        assert_eq!(reply.option(CLIENT_SUBNET), None, "{data:?}");
    }
}

#[test]
pub(super) fn s6_a_scope_in_a_query_is_formerr() {
    all_are_format_errors(&[
        &[0, 1, 24, 24, 62, 1, 2],
        &[0, 1, 24, 1, 62, 1, 2],
        &[0, 2, 0, 128],
        &[0, 0, 0, 1],
    ]);
}

#[test]
pub(super) fn s6_an_unknown_family_is_formerr() {
    all_are_format_errors(&[
        &[0, 3, 24, 0, 62, 1, 2],
        &[0, 3, 0, 0],
        &[1, 1, 24, 0, 62, 1, 2],
        &[0xff, 0xff, 0, 0],
        &[0, 0, 8, 0, 62],
    ]);
}

#[test]
pub(super) fn s6_too_few_or_too_many_address_octets_are_formerr() {
    all_are_format_errors(&[
        &[],
        &[0],
        &[0, 1, 24],
        &[0, 1, 24, 0],
        &[0, 1, 24, 0, 62, 1],
        &[0, 1, 24, 0, 62, 1, 2, 0],
        &[0, 1, 25, 0, 62, 1, 2],
        &[0, 1, 0, 0, 0],
        &[0, 1, 33, 0, 62, 1, 2, 0, 0],
        &[0, 2, 129, 0, 0x2a, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]);
}

#[test]
pub(super) fn s6_address_bits_beyond_the_source_prefix_are_formerr() {
    all_are_format_errors(&[
        &[0, 1, 23, 0, 62, 1, 3],
        &[0, 1, 20, 0, 62, 1, 0x0f],
        &[0, 1, 1, 0, 0x40],
        &[0, 2, 33, 0, 0x2a, 0, 0, 1, 0x40],
    ]);
}

#[test]
fn s6_every_source_prefix_is_taken() {
    let stage = example();
    for source in 0..=32 {
        let ask = Ask::new("geo.example.com", "A").subnet(&format!("62.1.2.255/{source}"));
        assert_eq!(stage.ask(&ask).rcode, NOERROR, "{source}");
    }
    for source in 0..=128 {
        let ask = Ask::new("geo.example.com", "A").subnet(&format!("2a00:1:2:3::ffff/{source}"));
        assert_eq!(stage.ask(&ask).rcode, NOERROR, "{source}");
    }
}

#[test]
fn s6_a_second_option_is_formerr() {
    let reply = example().ask(&Ask::new("geo.example.com", "A").subnet(GB).subnet(GB));
    assert_eq!((reply.rcode, reply.answers.len()), (FORMERR, 0));
}

#[test]
pub(super) fn s7_2_1_family_source_and_address_are_echoed() {
    let stage = example();
    let names = ["geo", "www", "no", "x.sub", "blind", "solo", "sticky", "alias", "x.any", "ent"];
    for name in names {
        for subnet in [
            "62.1.2.0/24",
            "62.1.2.3/32",
            "62.0.0.0/7",
            "128.0.0.0/1",
            "10.1.2.0/24",
            "0.0.0.0/0",
            "2a00:1:2::/48",
            "2a00:1:2:3:4:5:6:7/128",
            "::/0",
            "::ffff:62.1.2.0/120",
            "8000::/1",
        ] {
            let sent = subnet_octets(subnet);
            let ask = Ask::new(&format!("{name}.example.com"), "A").subnet(subnet);
            let reply = stage.ask(&ask);
            let got = reply.option(CLIENT_SUBNET).expect("an option for an option");
            assert_eq!(got[..3], sent[..3], "{name} {subnet}");
            assert_eq!(got[4..], sent[4..], "{name} {subnet}");
        }
    }
}

#[test]
pub(super) fn s7_2_1_every_answer_to_an_option_has_one() {
    let stage = example();
    for (name, qtype, class) in [
        ("geo.example.com", "A", 1),
        ("geo.example.com", "MX", 1),
        ("www.example.com", "A", 1),
        ("no.example.com", "A", 1),
        ("x.sub.example.com", "A", 1),
        ("www.example.net", "A", 1),
        ("example.com", "AXFR", 1),
        ("version.bind", "TXT", 3),
        ("geo.example.com", "ANY", 1),
    ] {
        let reply = stage.ask(&Ask::new(name, qtype).class(class).subnet(GB));
        assert!(reply.scope().is_some(), "{name} {qtype}");
    }
    let truncated = stage.ask_over(Transport::Udp, &Ask::new("big.example.com", "TXT").subnet(GB));
    assert!(truncated.is_truncated() && truncated.scope() == Some(0));
}

#[test]
pub(super) fn s7_2_1_no_option_in_none_out() {
    let stage = example();
    for name in ["geo", "www", "no", "x.sub", "sticky", "alias"] {
        let name = format!("{name}.example.com");
        for ask in [Ask::new(&name, "A"), Ask::new(&name, "A").edns()] {
            let reply = stage.ask_from("62.1.2.3".parse().unwrap(), &ask);
            assert_eq!(reply.option(CLIENT_SUBNET), None, "{name}");
        }
    }
}

#[test]
pub(super) fn s7_2_1_a_wrong_option_is_rejected_wherever_it_is_asked() {
    let stage = example();
    for name in ["geo.example.com", "www.example.com", "blind.example.com", "www.example.net"] {
        let reply = stage.ask(&Ask::new(name, "A").option(CLIENT_SUBNET, &[0, 3, 0, 0]));
        assert_eq!(reply.rcode, FORMERR, "{name}");
    }
}

#[test]
fn badvers_has_no_option() {
    let reply = example().ask(&Ask::new("geo.example.com", "A").version(1).subnet(GB));
    assert_eq!((reply.rcode, reply.option(CLIENT_SUBNET)), (BADVERS, None));
}

#[test]
pub(super) fn s7_1_2_source_prefix_0_of_any_family_is_steered_by_the_resolver() {
    let stage = example();
    let resolver = "62.1.2.3".parse().unwrap();
    for family in [0, 1, 2] {
        let ask = Ask::new("geo.example.com", "A").option(CLIENT_SUBNET, &[0, family, 0, 0]);
        let reply = stage.ask_from(resolver, &ask);
        assert_eq!((reply.rcode, reply.data()), (NOERROR, vec!["198.51.100.2"]));
        assert_eq!(reply.option(CLIENT_SUBNET), Some(&[0, family, 0, 0][..]), "scope 0");
        let sticky = Ask::new("sticky.example.com", "A").option(CLIENT_SUBNET, &[0, family, 0, 0]);
        assert_eq!(stage.ask_from(resolver, &sticky).scope(), Some(0));
    }
}
