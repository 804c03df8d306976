//! RFC 8482: small answers to ANY.

use meridian::responder::Transport;

use crate::rfc::design::US;
use crate::wire::Ask;
use crate::wire::NOERROR;
use crate::wire::NXDOMAIN;
use crate::world::example;

#[test]
fn s4_1_any_is_answered_with_one_rrset() {
    let stage = example();
    for name in ["example.com", "www.example.com", "geo.example.com", "a.wild.example.com"] {
        let reply = stage.ask(&Ask::new(name, "ANY").subnet("62.1.2.0/24"));
        assert_eq!(reply.rcode, NOERROR);
        let types: Vec<_> = reply.answers.iter().map(|record| record.rtype).collect();
        assert!(!types.is_empty(), "{name}");
        assert!(types.iter().all(|rtype| *rtype == types[0]), "{name}: {types:?}");
    }
}

#[test]
fn s4_1_an_alias_answers_any_itself() {
    let reply = example().ask(&Ask::new("alias1.example.com", "ANY"));
    assert_eq!(reply.data(), ["alias2.example.com."]);
    let reply = example().ask(&Ask::new("alias.example.com", "ANY").subnet(US));
    assert_eq!(reply.data(), ["www.example.com."]);
}

#[test]
fn s4_1_a_service_of_one_family_gives_that() {
    let stage = example();
    for (name, data) in [
        ("six.example.com", ["2001:db8:a::1", "2001:db8:a::2"]),
        ("solo.example.com", ["198.51.100.42", ""]),
    ] {
        let reply = stage.ask(&Ask::new(name, "ANY"));
        assert!(
            reply.data().len() == 1 && data.contains(&reply.data()[0]),
            "{name}: {:?}",
            reply.data()
        );
    }
}

#[test]
fn s4_negative_answers_to_any_are_as_always() {
    let stage = example();
    assert_eq!(stage.ask(&Ask::new("no.example.com", "ANY")).rcode, NXDOMAIN);
    let nodata = stage.ask(&Ask::new("ent.example.com", "ANY"));
    assert_eq!((nodata.rcode, nodata.answers.len()), (NOERROR, 0));
}

#[test]
fn s4_4_both_transports_answer_any_alike() {
    let stage = example();
    let [udp, tcp] = [Transport::Udp, Transport::Tcp]
        .map(|by| stage.ask_over(by, &Ask::new("example.com", "ANY").edns()));
    assert_eq!(udp.answers, tcp.answers);
}
