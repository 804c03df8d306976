//! RFC 3597: types that nobody knows.

use crate::wire::Ask;
use crate::wire::NOERROR;
use crate::world::example;

#[test]
fn s3_unknown_types_are_served_as_they_are() {
    let reply = example().ask(&Ask::new("unknown.example.com", "TYPE65280"));
    assert_eq!(reply.data(), ["\\# 4 0a000001"]);
    assert!(reply.is_authoritative());
}

#[test]
fn s3_a_query_for_an_unknown_type_is_a_query_like_others() {
    let stage = example();
    for qtype in ["TYPE65281", "TYPE1000", "TYPE32768"] {
        assert_eq!(stage.ask(&Ask::new("www.example.com", qtype)).rcode, NOERROR);
    }
}

#[test]
fn s4_names_in_newer_types_are_not_compressed() {
    let stage = example();
    let reply = stage.ask(&Ask::new("_sip._tcp.example.com", "SRV"));
    assert!(!reply.answers[0].compressed, "SRV is not among the types of RFC 1035");
    let reply = stage.ask(&Ask::new("x.moved.example.com", "A"));
    assert!(!reply.answers[0].compressed, "nor is DNAME");
}

#[test]
fn s4_names_in_the_types_of_rfc_1035_may_be_compressed() {
    let reply = example().ask(&Ask::new("alias1.example.com", "CNAME"));
    assert!(reply.answers[0].compressed);
}
