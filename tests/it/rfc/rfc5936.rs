//! RFC 5936: zone transfers, which are not offered.

use crate::wire::Ask;
use crate::wire::REFUSED;
use crate::world::example;

#[test]
fn s2_2_1_transfers_are_refused() {
    let stage = example();
    for qtype in ["AXFR", "IXFR"] {
        let reply = stage.ask(&Ask::new("example.com", qtype));
        assert_eq!((reply.rcode, reply.answers.len()), (REFUSED, 0));
    }
}
