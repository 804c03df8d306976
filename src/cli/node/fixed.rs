//! What a node takes of its configuration when it starts, and not when it reloads.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config;
use crate::engine;

/// These values, as they are in force or as a file says them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Fixed {
    workers: usize,
    tcp_idle: Duration,
    tcp_connections: usize,
    api: Option<SocketAddr>,
    state: Option<PathBuf>,
    pub(super) cluster: config::Cluster,
    /// What it is to the others, until it stops.
    pub(super) me: engine::Node,
}

impl Fixed {
    pub(super) fn of(
        server: &config::Server,
        control: &config::Control,
        state: Option<PathBuf>,
        (cluster, me): (&config::Cluster, &engine::Node),
    ) -> Self {
        let config::Server { workers, tcp_idle, tcp_connections, .. } = *server;
        let (api, cluster, me) = (control.listen, cluster.clone(), me.clone());
        Self { workers, tcp_idle, tcp_connections, api, state, cluster, me }
    }

    /// What others say otherwise, which a restart takes up.
    pub(super) fn waiting(&self, others: &Self) -> Vec<&'static str> {
        [
            ("`workers` of [server]", self.workers != others.workers),
            ("`tcp-idle` of [server]", self.tcp_idle != others.tcp_idle),
            ("`tcp-connections` of [server]", self.tcp_connections != others.tcp_connections),
            ("`listen` of [control]", self.api != others.api),
            ("`directory` of [state]", self.state != others.state),
            ("[cluster]", self.cluster != others.cluster || self.me != others.me),
        ]
        .into_iter()
        .filter_map(|(what, differs)| differs.then_some(what))
        .collect()
    }
}
