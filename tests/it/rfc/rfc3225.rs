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

#[test]
fn s3_without_do_no_dnssec_record_is_added() {
    let stage = example();
    let with = stage.ask(&Ask::new("x.sub.example.com", "A").dnssec_ok());
    assert!(with.authorities.iter().any(|record| record.rtype.0 == 43), "DS (RFC 4035, 3.1.4)");
    for ask in [Ask::new("x.sub.example.com", "A"), Ask::new("x.sub.example.com", "A").edns()] {
        let without = stage.ask(&ask);
        assert!(without.authorities.iter().all(|record| record.rtype.0 != 43));
    }
}
