//! Round trips that real load balancers log, told to a node: from the kernel's measure of a
//! connection to what the node knows of the client.

use std::collections::BTreeMap;

use crate::lab;
use crate::lab::Distant;

#[test]
fn what_load_balancers_log_of_far_clients_arrives() {
    let Some(lab) = Distant::build() else { return };
    for (region, _) in Distant::regions().enumerate() {
        assert!(lab.ask(region, 5), "{}", lab.logs());
    }
    let wanted: BTreeMap<&str, u32> = Distant::regions().collect();
    let is_there = || lab.known().len() == wanted.len();
    let took = lab::until("the node knows all regions", is_there);
    println!("known after {took:?}: {:?}", lab.known());
    for (region, ms) in lab.known() {
        let expected = f64::from(wanted[region.as_str()]);
        let off = (ms - expected).abs() / expected;
        assert!(off < 0.15, "{region}: {ms} ms is not {expected} ms\n{}", lab.logs());
    }
}
