//! RFC 2308: negative answers.

use crate::wire::Ask;
use crate::wire::NOERROR;
use crate::wire::NXDOMAIN;
use crate::wire::lines;
use crate::world::example;

/// The TTL is the lesser of the SOA's and its MINIMUM (section 5): 300, not 3600.
const SOA: &str = "example.com. 300 SOA ns1.example.com. hostmaster.example.com. 2026112201 7200 \
                   3600 1209600 300";

#[test]
fn s2_1_an_unknown_name_is_denied_with_the_soa() {
    let stage = example();
    for (name, qtype) in
        [("nothere.example.com", "A"), ("a.b.c.example.com", "TXT"), ("x.www.example.com", "A")]
    {
        let reply = stage.ask(&Ask::new(name, qtype));
        assert_eq!((reply.rcode, reply.is_authoritative()), (NXDOMAIN, true), "{name}");
        assert_eq!(lines(&reply.authorities), [SOA]);
        assert!(reply.answers.is_empty() && reply.additionals.is_empty());
    }
}

#[test]
fn s2_1_a_chain_that_leads_nowhere_is_denied_with_its_cname() {
    let reply = example().ask(&Ask::new("dangling.example.com", "A"));
    assert_eq!((reply.rcode, reply.is_authoritative()), (NXDOMAIN, true));
    assert_eq!(lines(&reply.answers), ["dangling.example.com. 3600 CNAME nothere.example.com."]);
    assert_eq!(lines(&reply.authorities), [SOA]);
}

#[test]
fn s2_2_a_missing_type_is_nodata_with_the_soa() {
    let stage = example();
    for (name, qtype) in [
        ("txtonly.example.com", "A"),
        ("www.example.com", "MX"),
        ("deep.ent.example.com", "A"),
        ("ent.example.com", "TXT"),
        ("a.wild.example.com", "AAAA"),
        ("geo.example.com", "TXT"),
        ("blind.example.com", "AAAA"),
        ("unknown.example.com", "TYPE65281"),
    ] {
        let reply = stage.ask(&Ask::new(name, qtype));
        assert_eq!((reply.rcode, reply.is_authoritative()), (NOERROR, true), "{name} {qtype}");
        assert_eq!(lines(&reply.authorities), [SOA]);
        assert_eq!(reply.answers, []);
    }
}

#[test]
fn s2_2_nodata_at_the_end_of_a_chain() {
    let reply = example().ask(&Ask::new("alias3.example.com", "MX"));
    assert_eq!(reply.rcode, NOERROR);
    assert_eq!(lines(&reply.answers), ["alias3.example.com. 3600 CNAME www.example.com."]);
    assert_eq!(lines(&reply.authorities), [SOA]);
}

#[test]
fn s3_the_soa_of_a_negative_answer_has_the_negative_ttl_and_that_of_a_query_its_own() {
    let stage = example();
    assert_eq!(stage.ask(&Ask::new("example.com", "SOA")).answers[0].ttl, 3600);
    assert_eq!(stage.ask(&Ask::new("no.example.com", "SOA")).authorities[0].ttl, 300);
}
