//! Options of the commands that talk to a running node.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;
use jiff::Timestamp;

use crate::cli::arguments::Configured;
use crate::config;
use crate::model::AdminState;
use crate::model::AdminTarget;
use crate::samples;
use crate::samples::Reason;

/// Which node, and by which token.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct Remote {
    /// The node's API, instead of the address in the configuration.
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) api: Option<String>,
    /// A file whose first line is the token; MERIDIAN_TOKEN is another way to give it.
    ///
    /// Left out: the token of the configuration that may operate, or the one that the node
    /// made for itself.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) token_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Status {
    /// Only this service.
    #[arg(long, value_name = "SERVICE")]
    pub(in crate::cli) service: Option<String>,
    /// Only this region.
    #[arg(long, value_name = "REGION")]
    pub(in crate::cli) region: Option<String>,
    /// Show it again every two seconds.
    #[arg(long, conflicts_with = "json")]
    pub(in crate::cli) watch: bool,
    /// Print JSON.
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) configured: Configured,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Drain {
    #[command(flatten)]
    pub(in crate::cli) change: Change,
    /// Wait until the last answer that was given has run out of caches.
    #[arg(long)]
    pub(in crate::cli) wait: bool,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Undrain {
    /// REGION, SERVICE/REGION or SERVICE/REGION/ENDPOINT.
    #[arg(value_parser = target)]
    pub(in crate::cli) target: AdminTarget,
    #[command(flatten)]
    pub(in crate::cli) configured: Configured,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Force {
    /// To what.
    pub(in crate::cli) to: Forced,
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// What can be forced.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum Forced {
    /// Up whatever the verdict.
    Up,
    /// Never answered.
    Down,
    /// The verdict decides again.
    Auto,
}

impl Forced {
    /// The admin state.
    pub(in crate::cli) const fn state(self) -> AdminState {
        match self {
            Self::Up => AdminState::ForcedUp,
            Self::Down => AdminState::ForcedDown,
            Self::Auto => AdminState::Auto,
        }
    }
}

/// A change of an admin state.
#[derive(Args, Debug)]
pub(in crate::cli) struct Change {
    /// REGION, SERVICE/REGION or SERVICE/REGION/ENDPOINT.
    #[arg(value_parser = target)]
    pub(in crate::cli) target: AdminTarget,
    /// Why, for whoever looks at the status.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(in crate::cli) why: String,
    /// How long, such as 2h; left out: until it is changed.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub(in crate::cli) lasts: Option<String>,
    /// Until when, such as 2026-01-02T03:04:05Z.
    #[arg(long, value_name = "TIME", conflicts_with = "lasts")]
    pub(in crate::cli) until: Option<Timestamp>,
    /// Do it although fewer regions than `min-regions` are left.
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) configured: Configured,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Reload {
    #[command(flatten)]
    pub(in crate::cli) configured: Configured,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Latency {
    /// Show what was measured of the prefix of a client.
    Show {
        /// An address, or a prefix no wider than /24 (IPv4) or /48 (IPv6).
        #[arg(value_parser = client)]
        prefix: IpAddr,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        configured: Configured,
        #[command(flatten)]
        remote: Remote,
    },
    /// Report what is in a file; lines that can't be taken are named, the others are taken.
    Import {
        /// Comma-separated values: a header with client, region, rtt_ms and, if it likes, at
        /// (RFC 3339), then a sample a line; or a matrix: a header with client and the names of
        /// regions, then milliseconds, or nothing, in each column.
        file: PathBuf,
        #[command(flatten)]
        configured: Configured,
        #[command(flatten)]
        remote: Remote,
    },
    /// Print all that was measured, as `import` takes it.
    Export {
        #[command(flatten)]
        configured: Configured,
        #[command(flatten)]
        remote: Remote,
    },
}

fn client(text: &str) -> Result<IpAddr, String> {
    samples::client(text).map_err(|reason| {
        if reason == Reason::WideClient {
            "expected a prefix no wider than /24 (IPv4) or /48 (IPv6)".to_owned()
        } else {
            "expected an address or a prefix".to_owned()
        }
    })
}

fn target(text: &str) -> Result<AdminTarget, String> {
    text.parse().map_err(|()| {
        "expected REGION, SERVICE/REGION or SERVICE/REGION/ENDPOINT, as `meridian status` shows them"
            .to_owned()
    })
}

/// As the API takes it; only checked here.
fn duration(text: &str) -> Result<String, String> {
    config::duration(text).map(|_| text.to_owned())
}
