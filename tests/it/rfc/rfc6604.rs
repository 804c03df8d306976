//! RFC 6604: RCODE and AA of a chain.

use crate::wire::Ask;
use crate::wire::NOERROR;
use crate::wire::NXDOMAIN;
use crate::world::example;

#[test]
fn s3_the_rcode_is_that_of_the_last_name() {
    let stage = example();
    for (name, rcode) in [
        ("dangling.example.com", NXDOMAIN),
        ("alias1.example.com", NOERROR),
        ("outside.example.com", NOERROR),
        ("nothere.moved.example.com", NXDOMAIN),
        ("a.moved.example.com", NOERROR),
    ] {
        assert_eq!(stage.ask(&Ask::new(name, "A")).rcode, rcode, "{name}");
    }
}

#[test]
fn s2_1_aa_is_that_of_the_first_name() {
    let stage = example();
    for name in ["outside.example.com", "tosub.example.com", "x.away.example.com"] {
        assert!(stage.ask(&Ask::new(name, "A")).is_authoritative(), "{name}");
    }
}
