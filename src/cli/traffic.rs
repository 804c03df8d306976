//! What rooms beside each other count, brought to the scrape.

use std::sync::Arc;

use crate::cli::log;
use crate::cluster::Refusals;
use crate::cluster::Refused;
use crate::control::HookCounts;
use crate::control::Traffic;
use crate::control::TrafficSource;
use crate::server::Server;
use crate::tasks::Tasks;

/// Where `/metrics` has its numbers from.
pub(super) fn source(
    server: &Server,
    hooks: &HookCounts,
    refusals: &Refusals,
    tasks: &Tasks,
) -> TrafficSource {
    let (counters, tallies) = (Arc::clone(server.counters()), Arc::clone(server.tallies()));
    let (hooks, refusals, tasks) = (hooks.clone(), refusals.clone(), tasks.clone());
    let refused = move || {
        let counts = refusals.counts().into_iter();
        counts.map(|Refused { kind, why, count }| (kind, why, count)).collect()
    };
    TrafficSource::new(move || Traffic {
        responses: tallies.sum(),
        responder_panics: counters.responder_panics.value(),
        udp_receive_errors: counters.udp_receive_errors.value(),
        udp_send_failures: counters.udp_send_failures.value(),
        tcp_accepted: counters.tcp_accepted.value(),
        tcp_accept_errors: counters.tcp_accept_errors.value(),
        tcp_evicted: counters.tcp_evicted.value(),
        tcp_idle: counters.tcp_idle.value(),
        tcp_malformed: counters.tcp_malformed.value(),
        tcp_refused: counters.tcp_refused.value(),
        tcp_slow: counters.tcp_slow.value(),
        tcp_unread: counters.tcp_unread.value(),
        task_panics: tasks.panics(),
        log_lost: log::lost(),
        hooks: hooks.read(),
        cluster_refused: refused(),
    })
}
