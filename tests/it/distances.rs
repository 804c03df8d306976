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
