//! Round trips that real load balancers log and that a real browser measures, told to a node.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::lab;
use crate::lab::Distant;
use crate::needs;

#[test]
fn what_load_balancers_log_of_far_clients_arrives_and_steers() {
    let Some(lab) = Distant::build() else { return };
    // A busy machine holds packets up too; the more is logged, the less that tells.
    let ask = || {
        let all = 0..Distant::regions().count();
        all.for_each(|region| assert!(lab.ask(&Distant::CLIENTS, region, 3)));
    };
    check(&lab, Distant::CLIENT, 0.15, 0.0, ask);
    // The file has the farthest region first: what was measured decides.
    lab::patiently(
        "answers follow",
        || lab.logs(),
        || lab.answers(&[Distant::CLIENT]) == [Some(0)],
    );
}

#[test]
fn what_a_browser_measures_arrives() {
    if !needs::has_programs(&[("chromium", "--version")]) {
        return;
    }
    let Some(lab) = Distant::build() else { return };
    let _browser = lab.browse();
    // A millisecond or two are the browser's own, and more where all tests run at once.
    check(&lab, Distant::BROWSER, 0.25, 10.0, || {});
}

#[test]
fn what_a_node_measures_of_far_hosts_is_known() {
    let Some(mut lab) = Distant::build() else { return };
    let (ap, (name, ms)) = (2, Distant::regions().last().unwrap());
    lab.measure_from(ap);
    // By an echo, and by a connection.
    for client in [Distant::CLIENT, Ipv4Addr::new(192, 0, 2, 1)] {
        let is_known = || lab.known_there(ap, client).len() == 1;
        lab::patiently("the node knows it", || lab.logs(), is_known);
        let (region, found) = lab.known_there(ap, client).remove(0);
        println!("known of {client}: {found} ms");
        assert_eq!(region, name);
        let off = (found - f64::from(ms)).abs() / f64::from(ms);
        assert!(off < 0.15, "{found} ms is not {ms} ms\n{}", lab.logs());
    }
}

/// Waits until the node knows the truth of a client, but for this share and so many
/// milliseconds; before each look it does something `more`.
fn check(lab: &Distant, client: Ipv4Addr, share: f64, spare_ms: f64, more: impl Fn()) {
    let wanted: BTreeMap<&str, u32> = Distant::regions().collect();
    let is_true = |(region, ms): &(String, f64)| {
        let expected = f64::from(wanted[region.as_str()]);
        (ms - expected).abs() < share * expected + spare_ms
    };
    let told = || format!("known: {:?}\n{}", lab.known(client), lab.logs());
    lab::patiently("the node knows the round trips", told, || {
        more();
        let known = lab.known(client);
        known.len() == wanted.len() && known.iter().all(is_true)
    });
    println!("known of {client}: {:?}", lab.known(client));
}
