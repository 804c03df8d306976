//! Where the load of a region is known from.

use std::path::PathBuf;
use std::time::Duration;

/// How the load of a region is found out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegionLoad {
    /// From start to start of a reading; of what is pushed, how often that is expected.
    pub interval: Duration,
    /// For how long the last good reading counts when no other comes.
    pub hold: Duration,
    /// Who says it.
    pub from: LoadFrom,
}

/// Who says how loaded a region is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LoadFrom {
    /// Its balancers, who are asked; their loads add up. At least one.
    Pulled(Vec<LoadSource>),
    /// Somebody who tells the API.
    Pushed,
}

/// One balancer that is asked by HTTP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoadSource {
    /// Where, with the scheme `http` or `https` and without a user in it.
    pub url: String,
    /// What its answer is, and what in it is the load.
    pub format: LoadFormat,
    /// How long an answer may take, from the first octet that is sent to the last that comes;
    /// at most the interval.
    pub timeout: Duration,
    /// Who the node is to it.
    pub login: LoadLogin,
    /// How it is spoken to over TLS.
    pub tls: LoadTls,
}

/// Who the node is to a source of load. The secrets are in files, which are read at each reading.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum LoadLogin {
    /// Nobody in particular.
    #[default]
    Anyone,
    /// The bearer of a token, which is the first line of a file.
    Token(PathBuf),
    /// A user, whose password is the first line of a file.
    User(String, PathBuf),
}

/// TLS towards a source of load.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoadTls {
    /// Whether the certificate must be of the host and of an authority that is trusted.
    pub verify: bool,
    /// A PEM file of authorities to trust instead of the system's.
    pub authorities: Option<PathBuf>,
    /// PEM files of a certificate and its key: what the node shows of itself.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl Default for LoadTls {
    fn default() -> Self {
        Self { verify: true, authorities: None, identity: None }
    }
}

/// What an answer is, and what in it is the load.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LoadFormat {
    /// The CSV of HAProxy's statistics page.
    HaProxy {
        /// The proxy: `pxname`.
        proxy: String,
        /// The row of it: `svname`, which is `FRONTEND` for its clients, else a server's name.
        server: String,
        /// The column.
        field: HaProxyField,
    },
    /// JSON, with a number somewhere in it.
    Json {
        /// Where: a JSON pointer (RFC 6901).
        pointer: String,
        /// Whether the number only grows, and how fast is the load.
        rate: bool,
    },
    /// The page of NGINX's module `stub_status`.
    NginxStatus(NginxField),
    /// The text of Prometheus or OpenMetrics.
    Prometheus {
        /// The name of the series, suffix included.
        metric: String,
        /// Labels that they must have, and the values; one that is not there has the empty
        /// value. What fits is added up.
        labels: Vec<(String, String)>,
        /// Whether the series only grow, and how fast is the load; `None`: if its type is
        /// counter, or, where that is not said, if its name ends as those of counters do.
        rate: Option<bool>,
    },
}

/// A column of HAProxy's statistics that can be a load.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HaProxyField {
    /// Octets that came in; as a rate.
    BytesIn,
    /// Octets that went out; as a rate.
    BytesOut,
    /// Connections made; as a rate.
    Connections,
    /// Connections of the last second.
    ConnectionRate,
    /// Requests that wait for a server.
    Queued,
    /// HTTP requests; as a rate.
    Requests,
    /// HTTP requests of the last second.
    RequestRate,
    /// Sessions at the moment.
    Sessions,
    /// Sessions of the last second.
    SessionRate,
    /// Sessions made; as a rate.
    SessionsMade,
}

impl HaProxyField {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Sessions,
        Self::Queued,
        Self::SessionRate,
        Self::RequestRate,
        Self::ConnectionRate,
        Self::SessionsMade,
        Self::Requests,
        Self::Connections,
        Self::BytesIn,
        Self::BytesOut,
    ];

    /// The name of the column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BytesIn => "bin",
            Self::BytesOut => "bout",
            Self::ConnectionRate => "conn_rate",
            Self::Connections => "conn_tot",
            Self::Queued => "qcur",
            Self::RequestRate => "req_rate",
            Self::Requests => "req_tot",
            Self::SessionRate => "rate",
            Self::Sessions => "scur",
            Self::SessionsMade => "stot",
        }
    }

    /// Whether it only grows, and how fast is the load.
    pub const fn is_counter(self) -> bool {
        match self {
            Self::BytesIn
            | Self::BytesOut
            | Self::Connections
            | Self::Requests
            | Self::SessionsMade => true,
            Self::ConnectionRate
            | Self::Queued
            | Self::RequestRate
            | Self::SessionRate
            | Self::Sessions => false,
        }
    }
}

/// A number of NGINX's `stub_status` that can be a load.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NginxField {
    /// Connections at the moment, those that wait for another request too.
    Active,
    /// Requests; as a rate.
    Requests,
    /// Connections that are being answered.
    Writing,
}

impl NginxField {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Writing, Self::Requests];

    /// The word in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Requests => "requests",
            Self::Writing => "writing",
        }
    }

    /// Whether it only grows, and how fast is the load.
    pub const fn is_counter(self) -> bool {
        matches!(self, Self::Requests)
    }
}
