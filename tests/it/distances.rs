//! Round trips that real load balancers log and that a real browser measures, told to a node.

use std::collections::BTreeMap;
use std::process::Command;

use crate::lab;
use crate::lab::Distant;

#[test]
fn what_load_balancers_log_of_far_clients_arrives() {
    let Some(lab) = Distant::build() else { return };
    for (region, _) in Distant::regions().enumerate() {
        assert!(lab.ask(region, 5), "{}", lab.logs());
    }
    check(&lab, Distant::CLIENT, 0.0);
    assert!(lab.answer(Distant::CLIENT).is_some(), "clients are answered a region");
}

#[test]
fn what_a_browser_measures_arrives() {
    if Command::new("chromium").arg("--version").output().is_err() {
        println!("`chromium` is missing: nothing was tested; see tests/prerequisites.sh");
        return;
    }
    let Some(lab) = Distant::build() else { return };
    let _browser = lab.browse();
    // A millisecond or two are the browser's own.
    check(&lab, Distant::BROWSER, 4.0);
}

#[test]
fn what_a_node_measures_of_far_hosts_is_known() {
    let Some(mut lab) = Distant::build() else { return };
    let (ap, (name, ms)) = (2, Distant::regions().last().unwrap());
    lab.measure_from(ap);
    // By an echo, and by a connection.
    for client in [Distant::CLIENT, "192.0.2.1"] {
        let is_known = || lab.known_there(ap, client).len() == 1;
        lab::patiently("the node knows it", || lab.logs(), is_known);
        let (region, found) = lab.known_there(ap, client).remove(0);
        println!("known of {client}: {found} ms");
        assert_eq!(region, name);
        let off = (found - f64::from(ms)).abs() / f64::from(ms);
        assert!(off < 0.05, "{found} ms is not {ms} ms\n{}", lab.logs());
    }
}

/// Waits until the node knows a client, and checks that it knows the truth, but for so much.
fn check(lab: &Distant, client: &str, spare_ms: f64) {
    let wanted: BTreeMap<&str, u32> = Distant::regions().collect();
    lab::patiently(
        "the node knows all regions",
        || lab.logs(),
        || lab.known(client).len() == wanted.len(),
    );
    println!("known of {client}: {:?}", lab.known(client));
    for (region, ms) in lab.known(client) {
        let expected = f64::from(wanted[region.as_str()]);
        let off = (ms - expected).abs();
        let most = 0.15 * expected + spare_ms;
        assert!(off < most, "{region}: {ms} ms is not {expected} ms\n{}", lab.logs());
    }
}
