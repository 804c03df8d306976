//! Who this process is to the others.

use crate::config::Cluster;
use crate::model::limits;

/// Who this process is, from its start to its end.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// The name that the command line gives.
    given: Option<String>,
    /// Drawn at the start: two processes of one name differ in it.
    pub(super) instance: u64,
}

impl Identity {
    pub(super) fn new(given: Option<String>) -> Self {
        Self { given, instance: fastrand::u64(1..) }
    }

    /// Its name: what the command line says, else the configuration, else the host's.
    pub(super) fn name(&self, cluster: &Cluster) -> String {
        let given = self.given.clone().or_else(|| cluster.node.clone());
        given.unwrap_or_else(host)
    }
}

/// The host's name as far as a node may be called so.
fn host() -> String {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_string_lossy();
    let first = name.split('.').next().unwrap_or_default();
    let may_be = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let plain = first.chars().map(|c| if may_be(c) { c } else { '-' });
    let name: String = plain.take(limits::NODE_NAME).collect();
    if name.is_empty() { "meridian".to_owned() } else { name }
}
