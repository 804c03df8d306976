//! Answers follow what was measured: the real binary, real sockets, real time.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::net::SocketAddr;

use jiff::Timestamp;
use meridian::model::RecordType;
use serde_json::Value;

use crate::asking::Ask;
use crate::ground;
use crate::ground::Ground;
use crate::nats_server::NatsServer;
use crate::program;
use crate::running::DEADLINE;
use crate::running::Node;
use crate::running::configuration;
use crate::running::free_port;
use crate::running::now;
use crate::running::udp;

const US: &str = "203.0.113.1";
const EU: &str = "203.0.113.2";
const AP: &str = "203.0.113.3";

/// A node that learns each second, and ranks by it.
fn start() -> Node {
    start_with("")
}

fn start_with(more: &str) -> Node {
    let ground = Ground::usual();
    let port = free_port();
    let api = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let usual =
        ground::USUAL.replace("[\"rules\", \"nearest\"]", "[\"rules\", \"latency\", \"nearest\"]");
    let usual =
        format!("{usual}\n[control]\nlisten = \"{api}\"\n[latency]\nevery = \"1s\"\n{more}");
    ground.write("meridian.toml", configuration(port, &usual));
    Node::start_in(ground, port)
}

/// Reports so many samples of each client and region, in milliseconds.
fn report(node: &Node, samples: usize, pairs: &[(&str, &str, f64)]) {
    let at = Timestamp::now();
    let mut csv = "client,region,rtt_ms,at\n".to_owned();
    for (client, region, ms) in pairs {
        for _ in 0..samples {
            writeln!(csv, "{client},{region},{ms},{at}").unwrap();
        }
    }
    node.ground.write("samples.csv", csv);
    let run = program::run(node.ground.folder(), "latency import samples.csv");
    assert_eq!(run.code, 0, "{}", run.shown());
}

/// The address and the scope that a client gets.
fn answer(node: &Node, client: [u8; 4]) -> (String, Option<u8>) {
    let answer = udp(node.v4(), &Ask::new("www.test", RecordType::A).client(client.into()));
    (answer.addresses().first().unwrap().to_string(), answer.scope())
}

/// Waits until the node has learnt, and asks until a client gets an address; returns the scope.
/// Who asks again and again meanwhile takes the time that the node learns in, as learning gives
/// way to answers.
fn learnt(node: &mut Node, client: [u8; 4], wanted: &str) -> Option<u8> {
    let deadline = now() + DEADLINE;
    loop {
        node.wait_for("maps rank by");
        let (found, scope) = answer(node, client);
        if found == wanted {
            return scope;
        }
        assert!(now() < deadline, "{client:?} still gets {found}, not {wanted}");
    }
}

#[test]
fn a_prefix_that_was_measured_goes_where_it_is_fast_and_still_does_after_a_restart() {
    let mut node = start();
    assert_eq!(answer(&node, [20, 1, 1, 1]), (US.to_owned(), Some(14)));
    // Virginia to Virginia by a tunnel; Dublin is nearer on the wire.
    let slow = [("20.1.1.9", "us", 240.0), ("20.1.1.9", "eu", 90.0), ("20.1.1.9", "ap", 300.0)];
    report(&node, 250, &slow);
    assert_eq!(learnt(&mut node, [20, 1, 1, 1], EU), Some(24));
    // Its neighbours were not measured: they stay, and the scope tells them apart.
    assert_eq!(answer(&node, [20, 1, 0, 1]).0, US);
    assert_eq!(answer(&node, [20, 1, 2, 1]).0, US);
    let shown =
        program::run(node.ground.folder(), "explain www.test --client 20.1.1.0/24 --live --json");
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    let reason = shown["rank"][0]["reason"].as_str().unwrap();
    assert_eq!(shown["rank"][0]["region"], "eu");
    assert!(reason.starts_with("latency, ") && reason.contains("by 250 samples of its prefix"));
    node.signal("KILL");
    node.restart();
    assert_eq!(answer(&node, [20, 1, 1, 1]), (EU.to_owned(), Some(24)), "the very first answer");
    // It is as fast as it should be again.
    report(&node, 250, &[("20.1.1.9", "us", 4.0), ("20.1.1.9", "eu", 90.0)]);
    learnt(&mut node, [20, 1, 1, 1], US);
}

#[test]
fn a_place_that_was_measured_speaks_for_those_around_it() {
    let mut node = start();
    assert_eq!(answer(&node, [30, 200, 9, 1]).0, EU);
    // Many networks of Dublin, each to all regions: Virginia is faster for all of them, though
    // light takes 54 ms.
    let clients: Vec<String> = (0..40).map(|n| format!("30.{}.7.1", 128 + n)).collect();
    let pairs = clients.iter().flat_map(|client| {
        [(&**client, "us", 60.0), (&**client, "eu", 120.0), (&**client, "ap", 220.0)]
    });
    report(&node, 20, &pairs.collect::<Vec<_>>());
    // The whole network of the database, since all of its place go there.
    let scope = learnt(&mut node, [30, 200, 9, 1], US).unwrap();
    assert!(scope < 24, "/{scope}");
    // Singapore is as far from it as ever.
    assert_eq!(answer(&node, [40, 1, 1, 1]).0, AP);
    // What is simulated follows what the node left in its state directory, and says so.
    let folder = node.ground.folder();
    let shown = program::run(folder, "simulate --service www --down us --json").stdout;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert!(shown["orders"]["areas"].as_u64().unwrap() > 0, "{}", shown["orders"]);
    let estimated = shown["before"]["estimated"].as_f64().unwrap();
    assert!(estimated > 0.0 && estimated < 1.0, "those of Dublin: {estimated}");
    let ireland = shown["countries"].as_array().unwrap().iter();
    let ireland = ireland.filter(|row| row["country"] == "IE").collect::<Vec<_>>();
    assert_eq!(ireland[0]["moves"][0]["from"], "us", "where it is fast");
    assert_eq!(ireland[0]["moves"][0]["to"], "eu");
    let added = ireland[0]["moved"]["added_ms"].as_f64().unwrap();
    // 120 ms instead of 60, as it was measured.
    assert!((50.0..70.0).contains(&added), "{added}");
    let shown = program::run(folder, "simulate --service www").stdout;
    assert!(shown.contains(" as estimated 20"), "{shown}");
}

#[test]
fn who_explores_is_sent_elsewhere_and_it_is_told() {
    let mut node = start_with("explore = \"100%\"");
    assert_eq!(answer(&node, [30, 200, 9, 1]).0, EU);
    let clients = ["30.128.7.1", "30.129.7.1", "30.130.7.1"];
    let pairs = clients
        .iter()
        .flat_map(|client| [(*client, "us", 90.0), (*client, "eu", 10.0), (*client, "ap", 250.0)]);
    report(&node, 20, &pairs.collect::<Vec<_>>());
    node.wait_for("maps rank by");
    let deadline = now() + DEADLINE;
    while answer(&node, [30, 200, 9, 1]).0 == EU {
        assert!(now() < deadline, "nobody is sent elsewhere");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let folder = node.ground.folder();
    let shown = program::run(folder, "explain www.test --client 30.200.9.0/24 --live --json");
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    let reason = shown["rank"][0]["reason"].as_str().unwrap();
    assert!(reason.ends_with("here to be measured"), "{reason}");
}

#[test]
fn who_has_no_place_is_steered_by_what_was_measured() {
    let mut node = start();
    let before = answer(&node, [10, 9, 8, 7]);
    assert_eq!(before, (US.to_owned(), Some(8)), "by the resolver, which is nowhere either");
    report(&node, 20, &[("10.9.8.7", "ap", 3.0), ("10.9.8.7", "us", 30.0)]);
    assert_eq!(learnt(&mut node, [10, 9, 8, 7], AP), Some(24));
    assert_eq!(answer(&node, [10, 9, 9, 7]).0, US);
}

/// Issue 5, 2: shared over the cluster as aggregates; computed once, applied by all.
#[test]
fn what_one_node_is_told_steers_on_all_of_them() {
    let server = NatsServer::start("");
    let of = |name: &str| {
        start_with(&format!(
            "[cluster]\nnats = [\"{}\"]\nnode = \"{name}\"\nreplicas = 1\nprobe = false\n",
            server.url()
        ))
    };
    let (mut first, mut second) = (of("a"), of("b"));
    let far = |ms| [("20.1.1.9", "us", ms), ("20.1.1.9", "eu", 90.0), ("20.1.1.9", "ap", 300.0)];
    // Told to the one that does not learn.
    report(&second, 250, &far(240.0));
    for node in [&mut first, &mut second] {
        assert_eq!(learnt(node, [20, 1, 1, 1], EU), Some(24));
    }
    // One that is new knows what was learnt, though nobody told it of a sample.
    let mut third = of("c");
    learnt(&mut third, [20, 1, 1, 1], EU);
    // Without the first the next one learns.
    first.signal("TERM");
    assert_eq!(first.ended(), Some(0));
    report(&second, 250, &far(3.0));
    for node in [&mut second, &mut third] {
        learnt(node, [20, 1, 1, 1], US);
    }
}
