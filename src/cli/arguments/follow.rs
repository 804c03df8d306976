//! Options of `meridian probe` that follow what a load balancer logs.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ArgGroup;
use clap::Args;

use crate::reporter::Unit;

/// What to follow, and whom to tell.
#[derive(Args, Debug)]
#[command(next_help_heading = "Round trips that a load balancer logs")]
#[command(group = ArgGroup::new("logs").args(["follow", "syslog"]).multiple(true))]
pub(in crate::cli) struct Follow {
    /// Follow a log and report the round trips in it, instead of probing; may be given several
    /// times.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "nats", "node"])]
    #[arg(requires_all = ["format", "region", "to"])]
    pub(in crate::cli) follow: Vec<PathBuf>,
    /// The same for messages of syslog, such as udp://127.0.0.1:5140.
    #[arg(long, value_name = "URL", value_parser = udp, conflicts_with_all = ["config", "nats", "node"])]
    #[arg(requires_all = ["format", "region", "to"])]
    pub(in crate::cli) syslog: Option<SocketAddr>,
    /// What its lines look like: `nginx`, `haproxy`, `json`, or a template such as
    /// `{client} {us}`, with `{us}`, `{ms}` or `{s}` for the round trip and `{}` for anything.
    #[arg(long, requires = "logs")]
    pub(in crate::cli) format: Option<String>,
    /// The member of an object of `json` that has the client's address, or a pointer to it.
    #[arg(long, value_name = "NAME", requires_all = ["format", "rtt_field"])]
    pub(in crate::cli) client_field: Option<String>,
    /// The member that has the round trip.
    #[arg(long, value_name = "NAME", requires_all = ["format", "client_field"])]
    pub(in crate::cli) rtt_field: Option<String>,
    /// What the round trips of `json` are counted in: us, ms or s.
    #[arg(long, default_value = "us", requires = "rtt_field")]
    pub(in crate::cli) unit: Unit,
    /// The region that the load balancer stands in.
    #[arg(long, value_name = "REGION", requires = "logs")]
    pub(in crate::cli) region: Option<String>,
    /// The API of a node to report to, also what [measure] finds; may be given several times.
    #[arg(long, value_name = "URL", group = "told")]
    pub(in crate::cli) to: Vec<String>,
}

impl Follow {
    /// Whether there is anything to follow.
    pub(in crate::cli) fn is_asked(&self) -> bool {
        !self.follow.is_empty() || self.syslog.is_some()
    }
}

fn udp(text: &str) -> Result<SocketAddr, String> {
    let address = text.strip_prefix("udp://").and_then(|address| address.parse().ok());
    address.ok_or_else(|| "expected a URL such as udp://127.0.0.1:5140".to_owned())
}
