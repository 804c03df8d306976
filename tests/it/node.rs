//! A node as a process: the real binary, real sockets, real signals.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;

use hickory_server::proto::op::ResponseCode;
use meridian::model::RecordType;

use crate::asking::Answer;
use crate::asking::Ask;
use crate::ground;
use crate::ground::Ground;
use crate::program;
use crate::running::DEADLINE;
use crate::running::Node;
use crate::running::configuration;
use crate::running::free_port;
use crate::running::now;
use crate::running::tcp;
use crate::running::udp;

fn www() -> Ask {
    Ask::new("www.test", RecordType::A).client([20, 1, 1, 1].into())
}

fn first(answer: &Answer) -> String {
    answer.addresses().first().map(ToString::to_string).unwrap_or_default()
}

/// Asks until the answer is as wanted.
fn until(node: &Node, ask: &Ask, wanted: &str) {
    let deadline = now() + DEADLINE;
    loop {
        let found = first(&udp(node.v4(), ask));
        if found == wanted {
            return;
        }
        assert!(now() < deadline, "still {found}, not {wanted}");
        thread::yield_now();
    }
}

#[test]
fn it_answers_by_both_transports_and_families_and_stops_when_told() {
    let mut node = Node::start();
    for server in [node.v4(), node.v6()] {
        for answer in [udp(server, &www()), tcp(server, &www())] {
            assert_eq!(first(&answer), "203.0.113.1");
            assert_eq!(answer.scope(), Some(14));
        }
        let long = Ask::new("long.test", RecordType::TXT).plain();
        assert!(udp(server, &long).0.metadata.truncation);
        assert_eq!(tcp(server, &long).0.answers.len(), 6);
    }
    node.signal("TERM");
    node.wait_for("stopping");
    assert_eq!(node.ended(), Some(0));
    // The port is free again.
    TcpListener::bind(node.v4()).unwrap();
}

#[test]
fn an_interrupt_stops_it_too() {
    let mut node = Node::start();
    node.signal("INT");
    assert_eq!(node.ended(), Some(0));
}

#[test]
fn a_hangup_takes_what_changed() {
    let mut node = Node::start();
    let fixed = Ask::new("static.test", RecordType::A);
    assert_eq!(first(&udp(node.v4(), &fixed)), "192.0.2.7");
    node.ground.write("test.zone", ground::ZONE.replace("192.0.2.7", "192.0.2.8"));
    node.configure(&ground::USUAL.replace("203.0.113.1\"", "203.0.113.9\""));
    node.signal("HUP");
    node.wait_for("reloaded");
    for server in [node.v4(), node.v6()] {
        assert_eq!(first(&udp(server, &fixed)), "192.0.2.8");
        assert_eq!(first(&tcp(server, &www())), "203.0.113.9");
    }
}

#[test]
fn a_changed_file_is_taken_without_a_signal() {
    let node = Node::start();
    let ask = Ask::new("static.test", RecordType::A);
    node.ground.write("test.zone", ground::ZONE.replace("192.0.2.7", "192.0.2.88"));
    until(&node, &ask, "192.0.2.88");
    // The database too: what was in Virginia is in Singapore.
    let moved = crate::mmdb_writer::MmdbWriter::new(24, 4)
        .insert("20.0.0.0/8", ground::place("SG", 1.3, 103.8));
    node.ground.write("geo.mmdb", moved.write());
    until(&node, &www(), "203.0.113.3");
}

/// A file that only the refused configuration names is watched as well.
#[test]
fn mending_a_new_file_is_enough() {
    let mut node = Node::start();
    node.ground.write("new.zone", "broken\n");
    node.configure(&format!("{}\n[zone.\"new.test\"]\nfile = \"new.zone\"\n", ground::USUAL));
    node.wait_for("the one before stays");
    node.ground.write("new.zone", "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.7\n");
    until(&node, &Ask::new("ns.new.test", RecordType::A), "192.0.2.7");
}

/// Issue 2, "Errors": a diagnostic, the old state kept.
#[test]
fn what_is_broken_is_reported_and_not_taken() {
    let mut node = Node::start();
    let mut damaged = ground::small_database();
    damaged[700..707].fill(0xff);
    let database = ground::small_database();
    let whole: [(&str, &[u8]); 3] = [
        ("meridian.toml", configuration(node.port, ground::USUAL).leak().as_bytes()),
        ("test.zone", ground::ZONE.as_bytes()),
        ("geo.mmdb", &database),
    ];
    let broken: [(&str, &[u8], &str); 6] = [
        ("meridian.toml", b"[server\n", "error[toml-syntax]"),
        ("meridian.toml", b"[service.www]\nnam = \"x\"\n", "error[unknown-key]"),
        ("test.zone", b"@ IN SOA broken\n", "error[zone-"),
        ("geo.mmdb", b"<html>", "error[geoip-not-a-database]"),
        ("geo.mmdb", &database[..database.len() / 2], "error[geoip-not-a-database]"),
        ("geo.mmdb", &damaged, "error[geoip-damaged]"),
    ];
    for (file, contents, expected) in broken {
        node.ground.write(file, contents);
        node.signal("HUP");
        let log = node.wait_for("the one before stays");
        assert!(log.contains(expected), "{file}: expected {expected} in:\n{log}");
        for answer in [udp(node.v4(), &www()), tcp(node.v6(), &www())] {
            assert_eq!(first(&answer), "203.0.113.1", "{file}");
        }
        // Mended, it is taken again: nothing of the failure stays behind.
        let (_, contents) = whole.iter().find(|(name, _)| *name == file).unwrap();
        node.ground.write(file, contents);
        node.signal("HUP");
        node.wait_for("reloaded");
    }
    assert_eq!(first(&udp(node.v4(), &www())), "203.0.113.1");
}

#[test]
fn no_query_is_lost_while_it_reloads() {
    let mut node = Node::start();
    let stop = Arc::new(AtomicBool::new(false));
    let askers: Vec<_> = [(node.v4(), true), (node.v6(), false)]
        .into_iter()
        .map(|(server, by_udp)| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                let mut answered = 0;
                while !stop.load(Ordering::Relaxed) {
                    // Each waits for its answer, and fails without.
                    let ask = www();
                    let answer = if by_udp { udp(server, &ask) } else { tcp(server, &ask) };
                    assert_eq!(answer.rcode(), ResponseCode::NoError);
                    assert!(["203.0.113.1", "203.0.113.9"].contains(&&*first(&answer)));
                    answered += 1;
                }
                answered
            })
        })
        .collect();
    for round in 0..6 {
        let address = if round % 2 == 0 { "203.0.113.9\"" } else { "203.0.113.1\"" };
        node.configure(&ground::USUAL.replace("203.0.113.1\"", address));
        node.signal("HUP");
        node.wait_for("reloaded");
    }
    stop.store(true, Ordering::Relaxed);
    for asker in askers {
        assert!(asker.join().expect("every query was answered") > 10);
    }
}

#[test]
fn addresses_come_and_go_with_a_reload() {
    let mut node = Node::start();
    let other = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let text = configuration(node.port, ground::USUAL);
    let changed = text.replace(&format!("\"[::1]:{}\"", node.port), &format!("\"{other}\""));
    node.ground.write("meridian.toml", changed);
    node.signal("HUP");
    node.wait_for("reloaded");
    for server in [node.v4(), other] {
        assert_eq!(first(&udp(server, &www())), "203.0.113.1");
        assert_eq!(first(&tcp(server, &www())), "203.0.113.1");
    }
    assert!(TcpStream::connect(node.v6()).is_err(), "nobody listens there any more");
}

/// Issue 2, "Errors": port taken: one line that says what to do.
#[test]
fn a_port_that_is_taken_is_one_line_that_says_what_to_do() {
    let ground = Ground::usual();
    let port = free_port();
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    ground.write("meridian.toml", configuration(port, ground::USUAL));
    let run = program::run(ground.folder(), "serve");
    assert_eq!(run.code, 1, "{}", run.shown());
    let told: Vec<&str> = run.stderr.lines().collect();
    let [line] = told[..] else { panic!("one line:\n{}", run.stderr) };
    assert!(line.contains(&format!("127.0.0.1:{port}")) && line.contains("`ss -"), "{line}");
    // And the same by TCP alone.
    drop(taken);
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    ground.write("meridian.toml", configuration(port, ground::USUAL));
    let run = program::run(ground.folder(), "serve");
    assert_eq!((run.code, run.stderr.lines().count()), (1, 1), "{}", run.shown());
}

#[test]
fn a_configuration_with_errors_does_not_start() {
    let ground = Ground::usual();
    ground.write("meridian.toml", "[service.www]\nnam = \"x\"\n");
    let run = program::run(ground.folder(), "serve");
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("error[unknown-key]"), "{}", run.stderr);
}

/// Issue 2, item 6: bound to a wildcard, it answers from the address it was asked at, which a
/// connected socket insists on.
#[test]
fn bound_to_a_wildcard_it_answers_from_the_address_it_was_asked_at() {
    let ground = Ground::usual();
    let port = free_port();
    let listen = format!("[server]\nlisten = [\"0.0.0.0:{port}\", \"[::]:{port}\"]");
    ground.write("meridian.toml", ground::USUAL.replacen("[server]", &listen, 1));
    let mut node = Node::start_in(ground, port);
    // All of 127.0.0.0/8 is this machine; the kernel by itself would answer from 127.0.0.1.
    for address in ["127.0.0.1", "127.0.0.2", "127.9.8.7", "::1"] {
        let server = SocketAddr::from((address.parse::<IpAddr>().unwrap(), port));
        assert_eq!(first(&udp(server, &www())), "203.0.113.1", "{address}");
        assert_eq!(first(&tcp(server, &www())), "203.0.113.1", "{address}");
    }
    node.signal("TERM");
    assert_eq!(node.ended(), Some(0));
}
