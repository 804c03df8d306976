//! All subcommands and options: the one definition that parsing, help, completions and the
//! man page are made from.

pub(super) mod follow;
pub(super) mod live;
pub(super) mod simulate;

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;
use clap_complete::Shell;
use ipnet::IpNet;

use crate::cli::arguments::follow::Follow;
use crate::cli::arguments::live::Drain;
use crate::cli::arguments::live::Force;
use crate::cli::arguments::live::Latency;
use crate::cli::arguments::live::Reload;
use crate::cli::arguments::live::Remote;
use crate::cli::arguments::live::Status;
use crate::cli::arguments::live::Undrain;
use crate::cli::arguments::simulate::Simulate;
use crate::config;
use crate::model::Name;
use crate::model::RecordType;

/// An authoritative DNS server that is a global load balancer.
///
/// Delegate a subdomain to it; each query for a balanced name gets the address of the region
/// that is best for that client.
#[derive(Debug, Parser)]
#[command(name = "meridian", version, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve DNS until SIGTERM; reload on SIGHUP and when files change.
    Serve(Serve),
    /// Probe for a cluster, or report what a load balancer logs, and answer nobody.
    Probe(Box<Probe>),
    /// Serve a built-in example on loopback and print queries to try.
    Demo(Demo),
    /// Report every mistake in the configuration, its zones and databases.
    Check(Check),
    /// Show why a client gets the answer it gets: locate, rank, admit, split, answer.
    Explain(Explain),
    /// Show who would move where, and what becomes of loads, if a region were lost or changed.
    Simulate(Simulate),
    /// Show what a running node knows: verdicts, admin states, who gets clients.
    Status(Status),
    /// Take clients away from a region, pool or endpoint.
    Drain(Drain),
    /// Let the verdict decide again: the end of `drain` and `force`.
    Undrain(Undrain),
    /// Set a region, pool or endpoint up or down, whatever its probes say.
    Force(Force),
    /// Have a running node take its configuration again.
    Reload(Reload),
    /// Ask the GeoIP databases and the operator's nets.
    #[command(subcommand)]
    Geo(Geo),
    /// Tell a running node round trips of clients, and see what it knows of them.
    #[command(subcommand)]
    Latency(Latency),
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Print the man page, or write one page per command into a folder.
    Man {
        /// The folder.
        folder: Option<PathBuf>,
    },
}

/// Where the configuration is.
#[derive(Args, Clone, Debug)]
pub(super) struct Configured {
    /// The configuration file; left out: MERIDIAN_CONFIG, else `meridian.toml` here, else
    /// /etc/meridian/meridian.toml.
    #[arg(short, long = "config", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Configured {
    /// Where the configuration file is.
    pub(super) fn path(&self) -> PathBuf {
        let variable = std::env::var_os("MERIDIAN_CONFIG");
        found(self.config.as_deref(), variable, Path::exists)
    }
}

/// What is given, else what the environment says, else the first of the usual files.
fn found(
    given: Option<&Path>,
    variable: Option<OsString>,
    exists: impl Fn(&Path) -> bool,
) -> PathBuf {
    let variable = variable.filter(|path| !path.is_empty()).map(PathBuf::from);
    let (here, installed) = (Path::new("meridian.toml"), Path::new("/etc/meridian/meridian.toml"));
    let usual = if !exists(here) && exists(installed) { installed } else { here };
    given.map(Path::to_owned).or(variable).unwrap_or_else(|| usual.to_owned())
}

#[derive(Args, Debug)]
pub(super) struct Serve {
    #[command(flatten)]
    pub(super) configured: Configured,
    /// Its name in the cluster; left out: `node` in `[cluster]`, or the host's.
    #[arg(long, value_name = "NAME", value_parser = node_name)]
    pub(super) node: Option<String>,
    /// Exit with 2 if the files are broken or missing, instead of serving those that were in
    /// force before.
    #[arg(long)]
    pub(super) strict: bool,
}

#[derive(Args, Debug)]
pub(super) struct Probe {
    #[command(flatten)]
    pub(super) configured: Configured,
    /// Its name: one of the `[vantage.NAME]`. Left out: `node` in `[cluster]`, or the host's.
    #[arg(long, value_name = "NAME", value_parser = node_name)]
    pub(super) node: Option<String>,
    #[command(flatten)]
    pub(super) reach: Reach,
    #[command(flatten)]
    pub(super) follow: Follow,
}

/// How a prober without a configuration reaches those that hand it what to probe.
#[derive(Args, Debug)]
pub(super) struct Reach {
    /// A NATS server, in place of a configuration: what is to be probed comes from the name
    /// servers; may be given several times.
    #[arg(long, value_name = "URL", conflicts_with = "config", value_parser = nats)]
    #[arg(group = "told")]
    pub(super) nats: Vec<String>,
    /// A network that may be probed; may be given several times. Left out: the endpoints.
    #[arg(long, value_name = "CIDR", requires = "nats")]
    pub(super) allow: Vec<IpNet>,
    /// The first part of the names of the buckets.
    #[arg(long, value_name = "NAME", requires = "nats", default_value = "meridian")]
    #[arg(value_parser = node_name)]
    pub(super) bucket: String,
    /// A credentials file.
    #[arg(long, value_name = "FILE", requires = "nats", group = "login")]
    pub(super) credentials: Option<PathBuf>,
    /// A file with the seed of an nkey.
    #[arg(long, value_name = "FILE", requires = "nats", group = "login")]
    pub(super) nkey: Option<PathBuf>,
    /// A file whose first line is the token, of NATS or of the nodes that are reported to.
    #[arg(long, value_name = "FILE", requires = "told", group = "login")]
    pub(super) token_file: Option<PathBuf>,
    /// A user.
    #[arg(long, value_name = "NAME", requires = "password_file", group = "login")]
    pub(super) user: Option<String>,
    /// A file whose first line is the user's password.
    #[arg(long, value_name = "FILE", requires_all = ["nats", "user"])]
    pub(super) password_file: Option<PathBuf>,
    /// Authorities (PEM) in place of the system's.
    #[arg(long, value_name = "FILE", requires = "nats")]
    pub(super) authorities: Option<PathBuf>,
    /// A client certificate (PEM).
    #[arg(long, value_name = "FILE", requires_all = ["nats", "key"])]
    pub(super) certificate: Option<PathBuf>,
    /// The key of the client certificate (PEM).
    #[arg(long, value_name = "FILE", requires_all = ["nats", "certificate"])]
    pub(super) key: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct Demo {
    /// The port on 127.0.0.1 and ::1 to serve DNS at.
    #[arg(long, default_value_t = 5300)]
    pub(super) port: u16,
}

#[derive(Args, Debug)]
pub(super) struct Check {
    #[command(flatten)]
    pub(super) configured: Configured,
    /// How to show what was found.
    #[arg(long, value_enum, default_value_t = CheckFormat::Full)]
    pub(super) format: CheckFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum CheckFormat {
    /// With the lines of the files.
    Full,
    /// One line per problem.
    Line,
    /// An array of objects.
    Json,
}

#[derive(Args, Debug)]
pub(super) struct Explain {
    /// The name that is asked for.
    pub(super) name: Name,
    /// The type that is asked for.
    #[arg(default_value = "A", value_parser = record_type)]
    pub(super) qtype: RecordType,
    /// The client: an address, or the subnet that its resolver passes on.
    #[arg(long, value_name = "IP|CIDR", value_parser = subnet)]
    pub(super) client: Option<IpNet>,
    /// The address of its resolver; left out: the client's.
    #[arg(long, value_name = "IP")]
    pub(super) resolver: Option<IpAddr>,
    /// As if this region were down.
    #[arg(long, value_name = "REGION")]
    pub(super) down: Vec<String>,
    /// As if this region were drained.
    #[arg(long, value_name = "REGION")]
    pub(super) drain: Vec<String>,
    /// The seed of the draw.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Ask a running node instead of the configuration.
    #[arg(long, conflicts_with_all = ["down", "drain", "seed"])]
    pub(super) live: bool,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) configured: Configured,
    #[command(flatten)]
    pub(super) remote: Remote,
}

#[derive(Debug, Subcommand)]
pub(super) enum Geo {
    /// Show what is known of an address, and by which database.
    Lookup {
        /// The address.
        address: IpAddr,
        #[command(flatten)]
        from: Databases,
    },
    /// Show what the databases say of themselves.
    Info {
        #[command(flatten)]
        from: Databases,
    },
}

/// Which databases to ask.
#[derive(Args, Debug)]
pub(super) struct Databases {
    /// This file instead of those of the configuration; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub(super) database: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) configured: Configured,
}

fn record_type(text: &str) -> Result<RecordType, String> {
    text.parse().map_err(|()| format!("no record type is called `{text}`; others are `TYPE1234`"))
}

/// A name that a node may have.
fn node_name(text: &str) -> Result<String, String> {
    config::node_name(text)
}

fn nats(text: &str) -> Result<String, String> {
    config::nats_server(text)
}

fn subnet(text: &str) -> Result<IpNet, String> {
    let single = || text.parse::<IpAddr>().map(IpNet::from).ok();
    let subnet = text.parse::<IpNet>().ok().or_else(single);
    subnet.map(|net| net.trunc()).ok_or_else(|| "expected an address or a prefix".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_comes_first_and_what_is_installed_last() {
        const HERE: &str = "meridian.toml";
        const INSTALLED: &str = "/etc/meridian/meridian.toml";
        for (given, variable, there, expected) in [
            (Some("a"), Some("b"), &[HERE, INSTALLED][..], "a"),
            (None, Some("b"), &[HERE, INSTALLED], "b"),
            (None, Some(""), &[HERE, INSTALLED], HERE),
            (None, None, &[HERE, INSTALLED], HERE),
            (None, None, &[INSTALLED], INSTALLED),
            (None, None, &[], HERE),
        ] {
            let exists = |path: &Path| there.iter().any(|other| Path::new(other) == path);
            let path = found(given.map(Path::new), variable.map(OsString::from), exists);
            assert_eq!(path, Path::new(expected), "{given:?} {variable:?} {there:?}");
        }
    }
}
