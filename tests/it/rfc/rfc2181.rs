//! RFC 2181: clarifications.

use meridian::responder::Transport;

use crate::wire::Ask;
use crate::wire::lines;
use crate::world::example;

#[test]
fn s5_an_rrset_comes_whole() {
    let reply = example().ask(&Ask::new("two.example.com", "A"));
    assert_eq!(
        lines(&reply.answers),
        ["two.example.com. 3600 A 192.0.2.91", "two.example.com. 3600 A 192.0.2.92"]
    );
}

#[test]
fn s9_tc_is_set_when_required_data_is_missing_and_then_nothing_is_partial() {
    let stage = example();
    for (ask, most) in [
        (Ask::new("big.example.com", "TXT"), 512),
        (Ask::new("big.example.com", "TXT").payload(4096), 1232),
        (Ask::new("many.example.com", "A"), 512),
    ] {
        let reply = stage.ask_over(Transport::Udp, &ask);
        assert!(reply.is_truncated());
        assert!(reply.octets.len() <= most);
        assert_eq!(reply.answers, [], "a part of an RRset is of no use");
    }
}

#[test]
fn s9_tc_is_not_set_for_want_of_optional_data() {
    // The answer is 8 strings of 86 octets; nothing is added, nothing is missing.
    let reply =
        example().ask_over(Transport::Udp, &Ask::new("mid.example.com", "TXT").payload(1232));
    assert!(!reply.is_truncated());
    assert_eq!(reply.answers.len(), 8);
}

#[test]
fn s10_1_an_owner_has_one_cname() {
    let stage = example();
    for subnet in ["8.8.8.0/24", "62.1.2.0/24", "126.1.1.0/24"] {
        let reply = stage.ask(&Ask::new("alias.example.com", "CNAME").subnet(subnet));
        assert_eq!(reply.answers.len(), 1);
    }
}

#[test]
fn s5_4_1_referrals_are_not_authoritative() {
    let reply = example().ask(&Ask::new("host.sub.example.com", "A"));
    assert!(!reply.is_authoritative());
}
