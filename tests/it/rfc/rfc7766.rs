//! RFC 7766: DNS over TCP, over real sockets.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;

use crate::sockets::Running;
use crate::sockets::connect;
use crate::sockets::framed;
use crate::sockets::receive;
use crate::wire::Ask;
use crate::wire::Reply;
use crate::world::example;

#[test]
fn s6_2_1_one_connection_carries_many_queries() {
    let running = Running::start(example().snapshot);
    for at in &running.addresses {
        let mut stream = connect(*at, None);
        for id in 0..20 {
            let query = Ask::new("www.example.com", "A").id(id).octets();
            stream.write_all(&framed(&query)).unwrap();
            assert_eq!(Reply::read(&receive(&mut stream), &query).data(), ["192.0.2.80"]);
        }
    }
}

#[test]
fn s6_2_1_1_queries_may_be_pipelined() {
    let running = Running::start(example().snapshot);
    let mut stream = connect(running.addresses[0], None);
    let queries: Vec<_> =
        (0..50).map(|id| Ask::new("www.example.com", "AAAA").id(id).octets()).collect();
    let all: Vec<u8> = queries.iter().flat_map(|query| framed(query)).collect();
    stream.write_all(&all).unwrap();
    let mut left: Vec<_> = queries.iter().collect();
    for _ in 0..queries.len() {
        let reply = receive(&mut stream);
        // Section 7: answers may come in any order; the ID tells which.
        let at = left.iter().position(|query| query[..2] == reply[..2]).unwrap();
        assert_eq!(Reply::read(&reply, left.remove(at)).data(), ["2001:db8::80"]);
    }
}

#[test]
fn s8_length_and_message_may_come_in_pieces() {
    let running = Running::start(example().snapshot);
    let mut stream = connect(running.addresses[0], None);
    stream.set_nodelay(true).unwrap();
    let query = Ask::new("www.example.com", "A").octets();
    for octet in framed(&query) {
        stream.write_all(&[octet]).unwrap();
    }
    assert_eq!(Reply::read(&receive(&mut stream), &query).data(), ["192.0.2.80"]);
}

#[test]
fn s6_2_4_a_client_that_has_sent_all_still_gets_its_answers() {
    let running = Running::start(example().snapshot);
    let mut stream = connect(running.addresses[0], None);
    let query = Ask::new("www.example.com", "A").octets();
    stream.write_all(&[framed(&query), framed(&query)].concat()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    for _ in 0..2 {
        assert_eq!(Reply::read(&receive(&mut stream), &query).data(), ["192.0.2.80"]);
    }
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "then it is closed");
}

#[test]
fn s5_both_transports_are_served_at_every_address() {
    let running = Running::start(example().snapshot);
    let query = Ask::new("mid.example.com", "TXT").octets();
    for at in &running.addresses {
        let udp = running.ask(meridian::responder::Transport::Udp, *at, None, &query);
        assert!(Reply::read(&udp, &query).is_truncated());
        let tcp = running.ask(meridian::responder::Transport::Tcp, *at, None, &query);
        assert_eq!(Reply::read(&tcp, &query).answers.len(), 8);
    }
}
