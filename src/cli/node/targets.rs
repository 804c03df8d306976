//! What is to be probed: by this node, and by probers that have no file.

use crate::config;
use crate::engine;
use crate::engine::Plan;
use crate::health::Handed;
use crate::model::limits;
use crate::prober;
use crate::prober::Allowed;

/// What the prober is to do.
pub(super) fn probes(plan: &Plan) -> prober::Plan {
    let checks = if plan.node.probes { plan.checks.all.clone() } else { Vec::new() };
    let monitors = plan.monitors.clone();
    prober::Plan { checks, monitors, allowed: Allowed::everything() }
}

/// What probers without a file are to probe, if there may be any.
pub(super) fn hand_over(plan: &Plan, cluster: &config::Cluster) -> Option<Vec<u8>> {
    if cluster.servers.is_empty() {
        return None;
    }
    let (handed, left_out) = Handed::of(&plan.monitors, &plan.checks.all, &plan.services);
    for monitor in left_out {
        tracing::info!("not for probers without a file: monitor {monitor}");
    }
    let (value, most) = (handed.encode(), limits::SHARED_VALUE);
    if value.len() > most {
        tracing::warn!(
            octets = value.len(),
            most,
            "the monitors are too many to be handed over: give every prober the file"
        );
        return None;
    }
    Some(value)
}

/// A node that probes, and that the configuration does not know as a vantage.
pub(super) fn warn_of_no_vote(plan: &Plan) {
    let engine::Node { name, probes, .. } = &plan.node;
    if *probes && !plan.vantages.all.is_empty() && plan.vantages.find(name).is_none() {
        tracing::warn!(
            node = name,
            "no [vantage.NAME] has the name of this node: what it probes counts for nothing; add \
             one, name the node with --node, or set `probe = false`"
        );
    }
}
