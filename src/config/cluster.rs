//! `[cluster]`: with whom a node shares what it knows.

use std::path::PathBuf;

/// How a node or prober reaches the others, and what it is in the cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cluster {
    /// NATS servers (`nats://host:port`, `tls://host:port`) of which any one will do; none: what
    /// is shared stays in this process.
    pub servers: Vec<String>,
    /// The first part of the names of the buckets.
    pub bucket: String,
    /// How many servers keep each value, where buckets are to be created: 1 to 5.
    pub replicas: u8,
    /// Who it is to NATS.
    pub login: Login,
    /// Authorities (PEM) in place of the system's.
    pub authorities: Option<PathBuf>,
    /// A client certificate and its key, both PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Its name in the cluster; the host's if absent.
    pub node: Option<String>,
    /// Whether the node probes; if not, others do.
    pub probe: bool,
}

/// Who a node is to NATS.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Login {
    /// Whoever connects may.
    #[default]
    Anyone,
    /// A credentials file, as `nsc` makes it.
    Credentials(PathBuf),
    /// A file with the seed of an nkey.
    Nkey(PathBuf),
    /// A file with a token.
    Token(PathBuf),
    /// A user, and a file with the password.
    User(String, PathBuf),
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            bucket: "meridian".to_owned(),
            replicas: 1,
            login: Login::Anyone,
            authorities: None,
            identity: None,
            node: None,
            probe: true,
        }
    }
}
