//! What is probed, how often, and how many outcomes make an opinion.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::Voting;

/// A monitor by its position in the configuration.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MonitorId(pub u16);

impl MonitorId {
    /// Position in arrays that hold one entry per monitor.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What to probe, how often, and how many outcomes make an opinion.
#[derive(Clone, Debug, PartialEq)]
pub struct Monitor {
    /// The operator's name for it.
    pub name: String,
    /// What one attempt does.
    pub probe: Probe,
    /// Where to probe instead of at each endpoint.
    pub at: Option<ProbeAt>,
    /// From the start of one probe to the start of the next.
    pub interval: Duration,
    /// How long a probe may take; at most `interval`.
    pub timeout: Duration,
    /// Successes in a row that make a target up; at least 1.
    pub rise: u8,
    /// Failures that make a target down; at least 1.
    pub fall: u8,
    /// How long a target that keeps flipping is held down at the most.
    pub hold_down: Duration,
    /// How long a verdict up stands at the most while nobody can probe the target for a reason
    /// of their own; then it is unknown. Addresses of names are good for as long too.
    pub hold_unable: Duration,
    /// How vantages decide together.
    pub voting: Voting,
}

/// What one attempt does.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// A DNS query.
    Dns(DnsProbe),
    /// A program whose exit status says.
    Exec(ExecProbe),
    /// grpc.health.v1.
    Grpc(GrpcProbe),
    /// An HTTP request, over TLS if it has options for that.
    Http(HttpProbe),
    /// An echo request (RFC 792, RFC 4443).
    Icmp,
    /// Nothing: the target itself reports through the API, and silence is a failure.
    Push,
    /// A connection.
    Tcp(TcpProbe),
    /// A TLS handshake.
    Tls(TlsProbe),
}

impl Probe {
    /// Its key in a monitor's table.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Dns(_) => "dns",
            Self::Exec(_) => "exec",
            Self::Grpc(_) => "grpc",
            Self::Http(HttpProbe { tls: None, .. }) => "http",
            Self::Http(HttpProbe { tls: Some(_), .. }) => "https",
            Self::Icmp => "icmp",
            Self::Push => "push",
            Self::Tcp(_) => "tcp",
            Self::Tls(_) => "tls",
        }
    }

    /// The port unless the target says otherwise; `None` where there is none.
    pub const fn port(&self) -> Option<u16> {
        match self {
            Self::Dns(probe) => Some(probe.port),
            Self::Grpc(probe) => Some(probe.port),
            Self::Http(probe) => Some(probe.port),
            Self::Tcp(probe) => Some(probe.port),
            Self::Tls(probe) => Some(probe.port),
            Self::Exec(_) | Self::Icmp | Self::Push => None,
        }
    }

    /// How it speaks TLS, if it does.
    pub const fn tls(&self) -> Option<&TlsOptions> {
        match self {
            Self::Grpc(probe) => probe.tls.as_ref(),
            Self::Http(probe) => probe.tls.as_ref(),
            Self::Tls(probe) => Some(&probe.tls),
            Self::Dns(_) | Self::Exec(_) | Self::Icmp | Self::Push | Self::Tcp(_) => None,
        }
    }

    /// Whether it presents a name to the target (Host header, SNI, `:authority`, a program's
    /// environment) that is the service's unless the monitor says another.
    pub const fn names_service(&self) -> bool {
        match self {
            Self::Http(HttpProbe { host, .. }) | Self::Grpc(GrpcProbe { host, .. }) => {
                host.is_none()
            }
            Self::Tls(probe) => probe.tls.server_name.is_none(),
            Self::Exec(_) => true,
            Self::Dns(_) | Self::Icmp | Self::Push | Self::Tcp(_) => false,
        }
    }
}

/// How a TLS client behaves towards a target.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsOptions {
    /// The name in SNI and the one that the certificate must be for; the Host (or the
    /// service's name) if absent.
    pub server_name: Option<String>,
    /// Whether the certificate must be valid; default true.
    pub verify: bool,
    /// A file of authorities (PEM) in place of the system's.
    pub authorities: Option<PathBuf>,
    /// A client certificate and its key, both PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// A certificate that ends sooner than this draws a warning.
    pub expiry_warning: Duration,
}

/// A request and what a good answer to it is.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpProbe {
    /// TLS, or clear text.
    pub tls: Option<TlsOptions>,
    /// The method: `GET`.
    pub method: String,
    /// Path and query; begins with `/`.
    pub path: String,
    /// The Host header (and SNI); the service's name if absent.
    pub host: Option<String>,
    /// Where to; 80 or 443 unless the file says otherwise.
    pub port: u16,
    /// Further header fields.
    pub headers: Vec<(String, String)>,
    /// Statuses that are a success; at least one range.
    pub expect_status: Vec<RangeInclusive<u16>>,
    /// What the first 64 KiB of the body must have in them.
    pub expect_body: Option<BodyMatch>,
    /// JSON pointers (RFC 6901) into the body, and the value that each must point at.
    pub expect_json: Vec<(String, serde_json::Value)>,
    /// How many redirects are followed; 0 = none, a redirect is judged by its status.
    pub redirects: u8,
}

/// What a body must have in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BodyMatch {
    /// This text.
    Contains(String),
    /// Something that matches this regular expression, which is known to be one.
    Matches(String),
}

/// A connection, and optionally a short conversation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TcpProbe {
    /// Where to.
    pub port: u16,
    /// What to send once connected.
    pub send: Option<String>,
    /// What must be in the first 64 KiB that come back.
    pub expect: Option<String>,
}

/// A handshake.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsProbe {
    /// Where to.
    pub port: u16,
    /// How.
    pub tls: TlsOptions,
}

/// A DNS query by UDP, by TCP where the answer is cut short, and what a good answer to it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DnsProbe {
    /// Where to.
    pub port: u16,
    /// The name to ask for.
    pub name: crate::model::Name,
    /// The type to ask for.
    pub rtype: crate::model::RecordType,
    /// The response code that is a success: 0 is NOERROR.
    pub expect_rcode: u16,
    /// Record data of which one must be in the answer, in presentation form; any if empty.
    pub expect_answer: Vec<String>,
}

/// `grpc.health.v1.Health/Check`.
#[derive(Clone, Debug, PartialEq)]
pub struct GrpcProbe {
    /// Where to.
    pub port: u16,
    /// The service to ask about; empty: the server as a whole.
    pub service: String,
    /// The `:authority`; the name of Meridian's service if absent.
    pub host: Option<String>,
    /// TLS, or HTTP/2 with prior knowledge.
    pub tls: Option<TlsOptions>,
}

/// A program. It gets `MERIDIAN_ADDRESS`, `MERIDIAN_SERVICE` and `MERIDIAN_MONITOR` in its
/// environment, no shell and no input.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExecProbe {
    /// The file, an absolute path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// Where a probe goes.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ProbeAt {
    /// The address, or a name that is resolved for each probe.
    pub host: ProbeHost,
    /// In place of the monitor's.
    pub port: Option<u16>,
    /// In place of the monitor's.
    pub path: Option<String>,
}

/// The host a probe goes to.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ProbeHost {
    /// An address.
    Address(IpAddr),
    /// A name, without the last dot.
    Name(String),
}

impl fmt::Display for ProbeHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// The monitors of an endpoint, and how many of them must agree that it is up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Monitors {
    /// Which; at least one, each once.
    pub of: Vec<MonitorId>,
    /// How many must say up: 1 to the number of `of`. All unless the operator says otherwise.
    pub need: u8,
}

impl Monitors {
    /// How long it takes at the least until an endpoint is down that fails from now on, and the
    /// monitor that decides then: no answer of what is up may live longer.
    pub fn down_in<'m>(
        &self,
        find: impl Fn(MonitorId) -> Option<&'m Monitor>,
    ) -> Option<(Duration, &'m Monitor)> {
        let one = |id: &MonitorId| {
            let monitor = find(*id)?;
            Some((monitor.interval * u32::from(monitor.fall), monitor))
        };
        let mut all: Vec<_> = self.of.iter().filter_map(one).collect();
        all.sort_by_key(|(time, _)| *time);
        // It is down once fewer than `need` are up.
        all.into_iter().nth(self.of.len().checked_sub(usize::from(self.need))?)
    }
}
