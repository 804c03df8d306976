//! NATS that is away for more than a minute, and comes back without a memory.

use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;

use crate::cluster_lab::MONITOR;
use crate::lab::Fleet;
use crate::lab::Load;
use crate::running::now;

/// After a minute without contact a node with a prober of its own decides by that; these have
/// none, and must not.
const SILENCE: Duration = Duration::from_secs(65);

/// A second is promised, of a machine that does nothing else.
const AGREE_WITHIN: Duration = Duration::from_secs(3);

/// What is drained.
const TARGET: &str = "app/eu/10.9.2.15";

#[test]
fn a_minute_without_nats_loses_nothing_and_neither_does_an_empty_one() {
    let Some(mut fleet) = Fleet::build(1, MONITOR) else { return };
    assert!(fleet.says("ns1", &["drain", TARGET, "--why", "a test"]).is_some());
    wait_until_drained(&fleet);
    let load = Load::start(&fleet, &Fleet::NAME_SERVERS, Duration::from_millis(4));
    go_silent(&mut fleet);
    load.must_have_been("without NATS", &[Fleet::US]);
    come_back_empty(&mut fleet, &load);
    load.must_have_been("with an empty NATS", &[Fleet::US, Fleet::EU]);
    drop(load);
    assert_eq!(drained(&fleet), [true, true], "\n{}", fleet.logs());
    restart_alone(&mut fleet);
    // All agree on the truth once it changes again.
    fleet.start("us");
    let took = fleet.wait_for_answers(Fleet::US);
    println!("the region is back: answered again after {took:.1?}");
}

/// NATS dies, then a region; nobody's answers change.
fn go_silent(fleet: &mut Fleet) {
    let begun = now();
    fleet.kill("n0");
    for node in Fleet::NAME_SERVERS {
        let took = fleet.until(&format!("{node} says so"), || fleet.contact(node) == "lost");
        println!("NATS killed: {node} says so after {took:.1?}");
        let cluster = &fleet.status(node)["cluster"];
        assert!(!cluster["why"].as_str().unwrap().is_empty(), "{cluster:#}");
        assert!(cluster["since"].is_string(), "{cluster:#}");
        let ready = fleet.inside(node, || get("/readyz"));
        assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
        assert!(ready.replace(' ', "").contains("\"contact\":\"lost\""), "{ready}");
    }
    fleet.kill("us");
    thread::sleep(SILENCE.saturating_sub(begun.elapsed()));
    for node in Fleet::NAME_SERVERS {
        assert_eq!(fleet.answer(node), Some(Fleet::US), "{node}\n{}", fleet.logs());
        assert_eq!(fleet.contact(node), "alone", "{node} after {:?}", begun.elapsed());
    }
}

/// NATS comes back with nothing in it: soon all agree on what was true all the time.
fn come_back_empty(fleet: &mut Fleet, load: &Load) {
    fleet.forget("n0");
    fleet.start("n0");
    fleet.wait_until_it_accepts("n0");
    let accepts = Timestamp::now();
    fleet.until("both answer another region", || load.first(Fleet::EU, accepts).is_some());
    for at in load.first(Fleet::EU, accepts).unwrap() {
        let took = at.duration_since(accepts).unsigned_abs();
        println!("NATS accepts connections: the truth is answered after {took:.1?}");
        assert!(took < AGREE_WITHIN, "{took:?}\n{}", fleet.logs());
    }
    for node in Fleet::NAME_SERVERS {
        fleet.until(&format!("{node} hears all"), || fleet.contact(node) == "joined");
    }
}

/// A name server that starts while NATS is away knows what it knew.
fn restart_alone(fleet: &mut Fleet) {
    let load = Load::start(fleet, &["ns1"], Duration::from_millis(4));
    fleet.kill("n0");
    // It was in contact for a moment only: it is as long without as it was before.
    fleet.until("ns2 says so", || fleet.contact("ns2") == "alone");
    fleet.kill("ns2");
    fleet.start("ns2");
    let mut first: Option<Ipv4Addr> = None;
    let took = fleet.until("ns2 answers", || {
        first = fleet.answer("ns2");
        first.is_some()
    });
    println!("ns2 restarted without NATS: the first answer after {took:.1?}");
    assert_eq!(first, Some(Fleet::EU), "as before\n{}", fleet.logs());
    fleet.until("its API answers", || !fleet.status("ns2").is_null());
    assert_eq!(drained(fleet), [true, true], "\n{}", fleet.logs());
    fleet.forget("n0");
    fleet.start("n0");
    for node in Fleet::NAME_SERVERS {
        fleet.until(&format!("{node} hears all"), || fleet.contact(node) == "joined");
    }
    assert_eq!(drained(fleet), [true, true], "\n{}", fleet.logs());
    load.must_have_been("the other restarted", &[Fleet::EU]);
}

fn wait_until_drained(fleet: &Fleet) {
    let took = fleet.until("it is drained on both", || drained(fleet) == [true, true]);
    println!("drained on ns1: on both after {took:.1?}");
}

/// Whether each name server has the order.
fn drained(fleet: &Fleet) -> [bool; 2] {
    Fleet::NAME_SERVERS.map(|node| {
        let status = fleet.status(node);
        let admin = status["admin"].as_array().cloned().unwrap_or_default();
        admin.iter().any(|order| order["state"] == "drained" && order["why"] == "a test")
    })
}

/// What the API says, head and body.
fn get(path: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, 8053)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}
