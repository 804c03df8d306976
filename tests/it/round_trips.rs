//! Round trips told to a node that runs: the real binary and its commands.

use std::net::Ipv4Addr;
use std::net::SocketAddr;

use jiff::Timestamp;
use serde_json::Value;

use crate::ground;
use crate::ground::Ground;
use crate::program;
use crate::program::Run;
use crate::running::Node;
use crate::running::free_port;

/// A node with these regions, and its API.
fn start(regions: &[&str]) -> (Node, String) {
    let port = free_port();
    let api = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let head = format!(
        "[server]\nlisten = [\"127.0.0.1:{port}\", \"[::1]:{port}\"]\n[control]\n\
         listen = \"{api}\"\n[zone.test]\nfile = \"test.zone\"\n"
    );
    let ground = Ground::new(&[("test.zone", ground::ZONE)]);
    ground.write("meridian.toml", configuration(&head, regions));
    (Node::start_in(ground, port), head)
}

fn configuration(head: &str, regions: &[&str]) -> String {
    let mut text = head.to_owned();
    let first = regions.first().unwrap();
    for region in regions {
        text += &format!("[region.{region}]\n");
    }
    text + &format!(
        "[service.www]\nname = \"www.test\"\n[service.www.pool.{first}]\n\
         endpoints = [\"192.0.2.10\"]\n"
    )
}

fn run(node: &Node, words: &str) -> Run {
    program::run(node.ground.folder(), words)
}

/// What `export` prints, of which nothing may go wrong.
fn exported(node: &Node) -> String {
    let run = run(node, "latency export");
    assert_eq!((run.code, &*run.stderr), (0, ""));
    run.stdout
}

fn csv() -> String {
    let now = Timestamp::now();
    format!(
        "client,region,rtt_ms,at\n\
         203.0.113.7,us,91.5,{now}\n\
         203.0.113.0/24,eu,23.4,{now}\n\
         203.0.113.9,mars,20,{now}\n\
         2001:db8:7::/48,ap,180,{now}\n\
         198.51.100.1,eu,fast,{now}\n\
         198.51.100.1,eu,12,\n"
    )
}

#[test]
fn what_is_imported_is_shown_exported_and_outlives_a_restart() {
    let (mut node, _) = start(&["us", "eu", "ap"]);
    node.ground.write("samples.csv", csv());
    let done = run(&node, "latency import samples.csv");
    assert_eq!(
        done.shown(),
        "taken 4, refused 2\n--- stderr\n\
         samples.csv:6: rtt_ms: expected a number of milliseconds, found \"fast\"\n\
         samples.csv:4: unknown-region, found \"mars\"\n--- exit 1"
    );
    let shown = run(&node, "latency show 203.0.113.99");
    assert_eq!(shown.code, 0, "{}", shown.shown());
    let lines: Vec<&str> = shown.stdout.lines().collect();
    assert_eq!(lines[0], "203.0.113.0/24");
    assert!(lines[2].starts_with("  eu      23.4 ms  0 %"), "{}", shown.stdout);
    assert!(lines[3].starts_with("  us      91.5 ms  0 %"), "{}", shown.stdout);
    let json = run(&node, "latency show 2001:db8:7::1 --json").stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["prefixes"][0]["regions"][0]["region"], "ap");
    let unknown = run(&node, "latency show 192.0.2.1");
    assert_eq!((unknown.code, &*unknown.stdout), (1, "192.0.2.0/24  nothing was measured\n"));
    let before = exported(&node);
    assert_eq!(before.lines().count(), 5, "{before}");
    assert!(before.starts_with("client,region,rtt_ms,at\n198.51.100.0/24,eu,12"), "{before}");
    node.signal("TERM");
    assert_eq!(node.ended(), Some(0));
    node.restart();
    assert_eq!(exported(&node), before);
    // What was exported is taken again, and says the same.
    node.ground.write("again.csv", &before);
    assert_eq!(run(&node, "latency import again.csv").stdout, "taken 4, refused 0\n");
    assert_eq!(exported(&node), before);
}

#[test]
fn a_matrix_is_imported_cell_by_cell() {
    let (node, _) = start(&["us", "eu"]);
    node.ground.write(
        "matrix.csv",
        "client,us,eu,mars\n203.0.113.0/24,91.5,23.4,\n198.51.100.7,,fast,\n192.0.2.1,20,,5\n",
    );
    let done = run(&node, "latency import matrix.csv");
    assert_eq!(
        done.shown(),
        "taken 3, refused 2\n--- stderr\n\
         matrix.csv:3: eu: expected a number of milliseconds, found \"fast\"\n\
         matrix.csv:4: unknown-region, found \"mars\"\n--- exit 1"
    );
    let exported = exported(&node);
    assert_eq!(exported.lines().count(), 4, "{exported}");
    assert!(exported.contains("\n203.0.113.0/24,eu,23"), "{exported}");
}

#[test]
fn a_reload_keeps_what_is_known_of_the_regions_that_stay() {
    let (node, head) = start(&["us", "eu", "ap"]);
    node.ground.write("samples.csv", csv());
    assert_eq!(run(&node, "latency import samples.csv").code, 1);
    let mut expected = exported(&node);
    node.ground.write("meridian.toml", configuration(&head, &["ap", "us"]));
    assert_eq!(run(&node, "reload").code, 0);
    expected = expected
        .lines()
        .filter(|line| !line.contains(",eu,"))
        .fold(String::new(), |text, line| text + line + "\n");
    assert_eq!(exported(&node), expected);
}

#[test]
fn a_file_that_is_none_is_said() {
    let (node, _) = start(&["us"]);
    let missing = run(&node, "latency import none.csv");
    assert_eq!(missing.code, 2);
    assert!(missing.stderr.contains("failed to read `none.csv`"), "{}", missing.stderr);
    node.ground.write("bare.csv", "203.0.113.7,us,20\n");
    let bare = run(&node, "latency import bare.csv");
    assert_eq!(bare.code, 2);
    assert!(bare.stderr.contains("bare.csv:1: expected a header"), "{}", bare.stderr);
    let wide = run(&node, "latency show 203.0.0.0/16");
    assert_eq!(wide.code, 2);
    assert!(wide.stderr.contains("no wider than /24"), "{}", wide.stderr);
}
