//! Vantages that can't reach what they probe, one and two of three.

use std::thread;
use std::time::Duration;

use jiff::Timestamp;

use crate::cluster_lab::MONITOR;
use crate::lab::Eavesdropper;
use crate::lab::Fleet;
use crate::lab::Load;

/// Six intervals: twice what it takes to turn something down.
const A_WHILE: Duration = Duration::from_secs(6);

#[test]
fn one_vantage_decides_nothing_and_two_decide_at_once() {
    let Some(fleet) = Fleet::build(1, MONITOR) else { return };
    let heard = Eavesdropper::start(&fleet, "n0");
    let load = Load::start(&fleet, &Fleet::NAME_SERVERS, Duration::from_millis(4));
    one_loses_an_endpoint(&fleet);
    one_loses_all(&fleet);
    load.must_have_been("one vantage cut", &[Fleet::US]);
    drop(load);
    two_lose_an_endpoint(&fleet, &heard);
}

fn one_loses_an_endpoint(fleet: &Fleet) {
    fleet.cut("ams", &[Fleet::US], true);
    for node in Fleet::NAME_SERVERS {
        let dissents = || fleet.vantage(node, "ams") == ("heard".to_owned(), 1);
        let took = fleet.until(&format!("{node} shows what `ams` says"), dissents);
        println!("one vantage cut from one endpoint: {node} shows it after {took:.1?}");
        let status = fleet.status(node);
        let checks = status["checks"].as_array().unwrap();
        let dissent = checks.iter().filter(|check| check["dissent"] == serde_json::json!(["ams"]));
        assert_eq!(dissent.count(), 1, "{status:#}");
    }
    thread::sleep(A_WHILE);
    fleet.cut("ams", &[Fleet::US], false);
    for node in Fleet::NAME_SERVERS {
        let agrees = || fleet.vantage(node, "ams") == ("heard".to_owned(), 0);
        fleet.until(&format!("{node} sees `ams` agree"), agrees);
    }
}

/// Of all it probes, then of the cluster too.
fn one_loses_all(fleet: &Fleet) {
    fleet.cut("nyc", &Fleet::targets(), true);
    for node in Fleet::NAME_SERVERS {
        let is_out = || fleet.vantage(node, "nyc").0 == "cut-off";
        let took = fleet.until(&format!("{node} does not count `nyc`"), is_out);
        println!("one vantage cut from all targets: {node} counts it out after {took:.1?}");
    }
    thread::sleep(A_WHILE);
    fleet.cut("nyc", &Fleet::targets(), false);
    for node in Fleet::NAME_SERVERS {
        let is_back = || fleet.vantage(node, "nyc") == ("heard".to_owned(), 0);
        fleet.until(&format!("{node} counts `nyc` again"), is_back);
    }
    fleet.link("sin", false);
    for node in Fleet::NAME_SERVERS {
        let is_silent = || fleet.vantage(node, "sin").0 == "silent";
        let took = fleet.until(&format!("{node} no longer hears `sin`"), is_silent);
        println!("one vantage unplugged: {node} misses it after {took:.1?}");
    }
    fleet.link("sin", true);
    for node in Fleet::NAME_SERVERS {
        let is_back = || fleet.vantage(node, "sin") == ("heard".to_owned(), 0);
        let took = fleet.until(&format!("{node} hears `sin` again"), is_back);
        println!("one vantage plugged in: {node} counts it after {took:.1?}");
    }
}

fn two_lose_an_endpoint(fleet: &Fleet, heard: &Eavesdropper) {
    let load = Load::start(fleet, &Fleet::NAME_SERVERS, Duration::from_millis(4));
    let begun = Timestamp::now();
    for vantage in ["ams", "nyc"] {
        fleet.cut(vantage, &[Fleet::US], true);
    }
    fleet.until("both answer another region", || load.first(Fleet::EU, begun).is_some());
    let moved = load.first(Fleet::EU, begun).unwrap();
    let decided = heard.decided(true, begun).unwrap();
    println!("two vantages cut from one endpoint: {decided:?} decided, answers moved {moved:?}");
    for at in &moved {
        let took = at.duration_since(decided.seen).unsigned_abs();
        println!("answers moved {took:.1?} after the outcome that decided");
        assert!(*at >= decided.seen, "before it was decided\n{}", fleet.logs());
    }
    let apart = moved[0].duration_since(moved[1]).unsigned_abs();
    println!("the name servers were {apart:.1?} apart");
    for vantage in ["ams", "nyc"] {
        fleet.cut(vantage, &[Fleet::US], false);
    }
    fleet.until("both answer it again", || load.first(Fleet::US, moved[0].max(moved[1])).is_some());
    load.must_have_been("two vantages cut", &[Fleet::US, Fleet::EU, Fleet::US]);
}
