//! RFC 5936: zone transfers, which are not offered.

use crate::wire::Ask;
use crate::wire::NOTAUTH;
use crate::wire::REFUSED;
use crate::world::example;

#[test]
fn s2_2_1_transfers_are_refused() {
    let stage = example();
    for qtype in ["AXFR", "IXFR"] {
        let reply = stage.ask(&Ask::new("eXample.com", qtype).edns());
        assert_eq!((reply.rcode, reply.answers.len()), (REFUSED, 0));
        assert_eq!(reply.extended_error().unwrap().0, 18, "RFC 8914, 4.19");
    }
}

#[test]
fn s2_2_1_a_zone_that_is_not_here_is_not_ours_to_transfer() {
    let stage = example();
    for name in ["www.example.com", "no.example.com", "x.sub.example.com", "example.net", "com", ""]
    {
        for qtype in ["AXFR", "IXFR"] {
            let reply = stage.ask(&Ask::new(name, qtype).edns());
            assert_eq!((reply.rcode, reply.answers.len()), (NOTAUTH, 0), "{name} {qtype}");
            assert_eq!(reply.extended_error().unwrap().0, 20, "RFC 8914, 4.21");
        }
    }
}
