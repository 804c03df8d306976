//! RFC 9471: referrals bring their glue.

use meridian::responder::Transport;

use crate::wire::Ask;
use crate::wire::lines;
use crate::world::example;
use crate::world::small;

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

/// A server outside of the zone that is delegated is found by itself.
#[test]
fn s3_1_what_is_not_in_domain_truncates_nothing() {
    let mut zone = "sub NS ns.sub\nsub NS far\nns.sub A 192.0.2.53\n".to_owned();
    zone.extend((1..41).map(|n| format!("far A 192.0.2.{n}\n")));
    let stage = small("", &zone);
    let reply = stage.ask(&Ask::new("x.sub.test", "A"));
    assert_eq!(reply.authorities.len(), 2);
    assert_eq!(lines(&reply.additionals), ["ns.sub.test. 60 A 192.0.2.53"]);
    let whole = stage.ask_over(Transport::Tcp, &Ask::new("x.sub.test", "A"));
    assert_eq!(whole.additionals.len(), 41);
}
