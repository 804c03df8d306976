//! What one vantage group can't reach is down for the clients nearest to it, and for no others.

use std::net::IpAddr;

use meridian::health::Verdict;
use meridian::model::RecordType;

use crate::asking::Ask;
use crate::asking::Responder;
use crate::cluster::TEXT;
use crate::cluster::cluster;
use crate::cluster::invariants::Watch;
use crate::cluster::planned;
use crate::cluster::process::Process;
use crate::cluster::process::Role;
use crate::cluster::run;

/// Clients in Virginia, in Dublin, in Singapore, and nowhere.
const CLIENTS: [[u8; 4]; 4] = [[20, 1, 1, 1], [30, 1, 1, 1], [40, 1, 1, 1], [192, 0, 2, 1]];

/// The region that a node answers each of the clients with.
fn regions(process: &Process) -> [&'static str; 4] {
    let Role::Node(_, snapshot) = &process.role else { panic!("it is a prober") };
    CLIENTS.map(|client| {
        let ask = Ask::new("www.test", RecordType::A).client(IpAddr::from(client));
        let answer = Responder::new(snapshot, 1).answer(&ask);
        match answer.addresses().first().map(ToString::to_string).as_deref() {
            Some("203.0.113.1" | "203.0.113.2" | "203.0.113.3" | "203.0.113.4") => "us",
            Some("203.0.113.5" | "203.0.113.6" | "203.0.113.7" | "203.0.113.8") => "eu",
            Some("203.0.113.9" | "203.0.113.10" | "203.0.113.11" | "203.0.113.12") => "ap",
            other => panic!("{other:?}"),
        }
    })
}

#[test]
fn what_one_group_cannot_reach_is_down_for_its_clients() {
    let text = TEXT
        .replace("VOTING", "scope = \"vantage\"")
        .replace("\"europe\"", "\"europe\"\nlocation = { lat = 52.4, lon = 4.9 }")
        .replace("\"america\"", "\"america\"\nlocation = { lat = 40.7, lon = -74.0 }")
        .replace("\"asia\"", "\"asia\"\nlocation = { lat = 1.3, lon = 103.8 }");
    let plan = planned(&text);
    let mut sim = cluster(&plan, 7);
    sim.noise = 0;
    let mut watch = Watch::new(7, sim.processes.len());
    run(&mut sim, &mut watch, 15);
    let well = ["us", "eu", "ap"];
    for process in &sim.processes[..3] {
        assert_eq!(regions(process)[..3], well, "{}", process.name);
    }
    let nowhere = regions(&sim.processes[1])[3];
    // The vantages of Europe, of which one is a name server, lose the way to the region there.
    for process in 0..sim.processes.len() {
        if ["ns1", "ams"].contains(&&*sim.processes[process].name) {
            sim.reaches[process][4..8].fill(false);
        }
    }
    run(&mut sim, &mut watch, 15);
    for process in &sim.processes[..3] {
        let found = regions(process);
        assert_eq!([found[0], found[2], found[3]], ["us", "ap", nowhere], "{}", process.name);
        assert_ne!(found[1], "eu", "{}", process.name);
        let Role::Node(engine, _) = &process.role else { panic!("it is a prober") };
        let status = engine.status(process.local(sim.now));
        let check = &status.checks[4];
        assert_eq!((check.verdict, check.votes_down), (Verdict::Up, 2), "for all it is up");
        assert_eq!(check.dissent, ["ns1", "ams"]);
    }
    sim.reaches.iter_mut().for_each(|reaches| reaches.fill(true));
    run(&mut sim, &mut watch, 60);
    for process in &sim.processes[..3] {
        assert_eq!(regions(process)[..3], well, "{}", process.name);
    }
}
