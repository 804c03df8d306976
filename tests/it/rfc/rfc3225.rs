//! RFC 3225: DNSSEC OK.

use crate::wire::Ask;
use crate::world::example;

#[test]
fn s3_do_is_copied() {
    let stage = example();
    for name in ["www.example.com", "no.example.com", "sub.example.com", "geo.example.com"] {
        let with = stage.ask(&Ask::new(name, "A").dnssec_ok());
        assert_eq!(with.opt.unwrap().flags, 0x8000, "{name}");
        let without = stage.ask(&Ask::new(name, "A").edns());
        assert_eq!(without.opt.unwrap().flags, 0, "{name}");
    }
}

/// A zone that is served unsigned says nothing to those who validate: NSD, BIND and Knot DNS
/// leave DS out of its referrals too (RFC 4035, 3.1.4 is about signed zones).
#[test]
fn s3_no_dnssec_record_is_added_by_a_zone_without_signatures() {
    let stage = example();
    let ask = || Ask::new("x.sub.example.com", "A");
    for ask in [ask(), ask().edns(), ask().dnssec_ok()] {
        let reply = stage.ask(&ask);
        assert!(reply.authorities.iter().all(|record| record.rtype.0 == 2), "NS alone");
    }
    // Who asks for it gets it.
    let reply = stage.ask(&Ask::new("sub.example.com", "DS").dnssec_ok());
    assert!(!reply.answers.is_empty());
}
