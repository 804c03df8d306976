//! RFC 9471: referrals bring their glue.

use meridian::responder::Transport;

use crate::wire::Ask;
use crate::world::example;

#[test]
fn s3_1_all_glue_of_in_domain_servers_is_there_or_tc_is_set() {
    let stage = example();
    let mut seen = [false; 2];
    for payload in (512..=1232).step_by(10) {
        let ask = Ask::new("x.fat.example.com", "A").payload(payload);
        let reply = stage.ask_over(Transport::Udp, &ask);
        seen[usize::from(reply.is_truncated())] = true;
        if !reply.is_truncated() {
            assert_eq!((reply.authorities.len(), reply.additionals.len()), (7, 7), "{payload}");
        }
    }
    assert_eq!(seen, [true, true], "some fit and some do not");
    let whole = stage.ask_over(Transport::Tcp, &Ask::new("x.fat.example.com", "A"));
    assert_eq!((whole.authorities.len(), whole.additionals.len()), (7, 7));
}
