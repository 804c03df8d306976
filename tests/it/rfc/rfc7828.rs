//! RFC 7828: the idle time of a connection.

use meridian::responder::Transport;

use crate::wire::Ask;
use crate::wire::KEEPALIVE;
use crate::world::example;

#[test]
fn s3_3_2_by_tcp_the_idle_time_comes_if_asked_for() {
    let stage = example();
    for name in ["www.example.com", "geo.example.com", "no.example.com", "www.example.net"] {
        let ask = Ask::new(name, "A").option(KEEPALIVE, &[]);
        let reply = stage.ask_over(Transport::Tcp, &ask);
        // 10 s in units of 100 ms.
        assert_eq!(reply.option(KEEPALIVE), Some(&[0, 100][..]), "{name}");
        let reply = stage.ask_over(Transport::Tcp, &Ask::new(name, "A").edns());
        assert_eq!(reply.option(KEEPALIVE), None);
    }
}

#[test]
fn s3_2_1_by_udp_the_option_is_ignored() {
    let ask = Ask::new("www.example.com", "A").option(KEEPALIVE, &[]);
    let reply = example().ask_over(Transport::Udp, &ask);
    assert_eq!((reply.option(KEEPALIVE), reply.data()), (None, vec!["192.0.2.80"]));
}
