//! The addresses that a node listens on, and those that it waits for; and the files that takes.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::net::UdpSocket;

use jiff::Timestamp;

use crate::cli::chain;
use crate::cli::log;
use crate::cli::node::Node;
use crate::config;
use crate::engine::Plan;
use crate::model::NodeProblems;
use crate::model::ProblemCode;
use crate::model::limits;
use crate::server::Listeners;
use crate::server::Server;

/// Open files beside sockets for clients, probes and the API: of the cluster, hooks, the state, and
/// what is read on a reload.
const FILES: usize = 192;

/// Sockets of one probe at the most: of both families at a time.
const SOCKETS_PER_PROBE: usize = 2;

impl Node {
    /// Listens on what has come since it was tried last.
    pub(super) fn listen_to_what_came(&mut self) {
        let came = self.server.retry();
        list_waiting(&self.server, &mut self.awaited_api, &self.problems);
        if came.is_empty() {
            return;
        }
        for address in came {
            tracing::info!(%address, "listening on udp and tcp");
        }
        self.notify.store(self.server.listeners());
        self.notify.status(&doing(&self.server));
    }
}

/// Has the problems of the node say whether lines of its log are being lost.
pub(super) fn list_log(lost_before: &mut u64, problems: &NodeProblems) {
    let lost = log::lost();
    if lost > *lost_before {
        let words = format!("nobody reads standard error: {lost} lines of the log are lost so far");
        problems.set(ProblemCode::LogNotRead, LOG, words, Timestamp::now());
    } else {
        problems.clear(ProblemCode::LogNotRead, LOG);
    }
    *lost_before = lost;
}

/// What has a problem where lines of the log are lost.
const LOG: &str = "log";

/// Has the problems of the node list the addresses that it waits for; `api` is that of the API,
/// until an interface has it.
pub(super) fn list_waiting(server: &Server, api: &mut Option<SocketAddr>, problems: &NodeProblems) {
    let came = api.take_if(|address| !is_absent(*address));
    if let Some(address) = came {
        tracing::info!(%address, "the control API can be reached there now");
    }
    let waiting = server.listeners().waiting().iter();
    let waiting = waiting.map(|waiting| (waiting.address.to_string(), waiting.why.to_string()));
    let of_api = api.map(|address| {
        let words = "no interface has this address of the control API (`ip address` lists them)";
        (address.to_string(), words.to_owned())
    });
    problems.replace(ProblemCode::AddressAwaited, waiting.chain(of_api), Timestamp::now());
}

/// Whether no interface has an address.
pub(super) fn is_absent(address: SocketAddr) -> bool {
    let bound = UdpSocket::bind((address.ip(), 0));
    bound.is_err_and(|error| error.kind() == ErrorKind::AddrNotAvailable)
}

/// Says of addresses why they are not listened on yet.
pub(super) fn tell_of_waiting(server: &Server, which: impl Fn(SocketAddr) -> bool) {
    let waiting = server.listeners().waiting().iter();
    for waiting in waiting.filter(|waiting| which(waiting.address)) {
        tracing::warn!("{}; it is listened on as soon as that changes", chain(&waiting.why));
    }
}

/// What the node does, for the service manager.
pub(super) fn doing(server: &Server) -> String {
    let waiting = server.listeners().waiting().iter();
    let waiting: Vec<String> = waiting.map(|waiting| waiting.address.to_string()).collect();
    match waiting.as_slice() {
        [] => "answering".to_owned(),
        waiting => format!("answering; not yet on {}", waiting.join(", ")),
    }
}

/// Open files that a node may need for all but the TCP connections of DNS clients.
pub(super) fn other_files(
    server: &config::Server,
    control: &config::Control,
    plan: &Plan,
    listeners: &Listeners,
) -> usize {
    // Each TCP listener is there twice: one is that of the thread that accepts.
    let of_addresses = server.listen.len() * (listeners.workers() + 2);
    let of_api = control.listen.map_or(0, |_| limits::API_CONNECTIONS);
    FILES + of_addresses + of_api + of_probes(plan.checks.all.len())
}

/// Sockets of as many probes as there may be at a time.
pub(in crate::cli) fn of_probes(checks: usize) -> usize {
    checks.min(limits::PROBES_IN_FLIGHT) * SOCKETS_PER_PROBE
}
