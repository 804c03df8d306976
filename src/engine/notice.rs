//! What happened, for whoever wants to know: logs, hooks, the event stream.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::engine::Node;
use crate::engine::ServiceState;
use crate::health::Hearing;
use crate::health::Verdict;
use crate::model::AdminState;
use crate::model::AdminTarget;

/// One thing that happened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Notice {
    /// When.
    pub at: Timestamp,
    /// The node or prober that tells it.
    pub node: String,
    /// No other notice of any node has it.
    pub id: String,
    /// How much it matters.
    pub severity: Severity,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know: something came back, or an operator did something.
    Info,
    /// Something is lost, but clients are served.
    Warning,
    /// Clients may not be served: a whole region is down, or a service has nothing that is up.
    Critical,
}

impl Severity {
    /// The word in notices and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl What {
    /// How much it matters.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Region { after: Verdict::Down, .. } => Severity::Critical,
            Self::Check { after: Verdict::Down, .. }
            | Self::Pool { admitted: false, admin: AdminState::Auto, .. }
            | Self::Cluster { joined: false, .. }
            | Self::Trouble { .. }
            | Self::Certificate { .. }
            | Self::Vantage { hearing: Hearing::Silent | Hearing::CutOff, .. }
            | Self::Service { after: ServiceState::Degraded, .. } => Severity::Warning,
            Self::Service { after: ServiceState::Panic | ServiceState::AllDown, .. } => {
                Severity::Critical
            }
            Self::Region { .. }
            | Self::Check { .. }
            | Self::Service { after: ServiceState::Up, .. }
            | Self::Pool { .. }
            | Self::Admin { .. }
            | Self::Reloaded { .. }
            | Self::Cluster { joined: true, .. }
            | Self::Vantage { hearing: Hearing::Heard, .. } => Severity::Info,
        }
    }
}

/// Numbers the notices of one process.
#[derive(Debug, Default)]
pub(super) struct Numbers(u64);

impl Numbers {
    /// A notice of a node, with the next number.
    pub(super) fn notice(&mut self, node: &Node, at: Timestamp, what: What) -> Notice {
        self.0 += 1;
        let id = format!("{}-{:x}-{}", node.name, node.instance, self.0);
        Notice { at, node: node.name.clone(), id, severity: what.severity(), what }
    }
}

/// What happened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum What {
    /// The verdict of a check changed.
    Check {
        /// Its key.
        check: String,
        /// What it was.
        before: Verdict,
        /// What it is.
        after: Verdict,
        /// Why.
        reason: String,
    },
    /// A pool got or lost its clients, by whatever reason.
    Pool {
        /// The service.
        service: String,
        /// The region.
        region: String,
        /// Whether it gets clients now.
        admitted: bool,
        /// What an operator wants of it.
        admin: AdminState,
        /// Why.
        reason: String,
    },
    /// A service answers with something else than before.
    Service {
        /// The service.
        service: String,
        /// What it was.
        before: ServiceState,
        /// What it is.
        after: ServiceState,
    },
    /// The verdict of a region changed: that of its own monitor, or else what its pools come to.
    /// Told once, beside the checks and pools that it follows from.
    Region {
        /// The region.
        region: String,
        /// What it was.
        before: Verdict,
        /// What it is.
        after: Verdict,
        /// Why.
        reason: String,
    },
    /// An operator, a calendar or the end of either changed an admin state.
    Admin {
        /// Of what.
        target: AdminTarget,
        /// What it is now.
        state: AdminState,
        /// Who.
        who: String,
        /// Why.
        why: String,
    },
    /// A configuration was taken.
    Reloaded {
        /// How often now.
        generation: u64,
    },
    /// The others can or can't be heard.
    Cluster {
        /// Whether they can.
        joined: bool,
        /// Why not.
        why: String,
    },
    /// A vantage is or is not heard, or is cut off.
    Vantage {
        /// Its name.
        vantage: String,
        /// How it is heard now.
        hearing: Hearing,
    },
    /// Something in the cluster needs an operator.
    Trouble {
        /// What was found, and what to do.
        why: String,
    },
    /// A certificate ends soon.
    Certificate {
        /// The check that saw it.
        check: String,
        /// When it ends.
        ends: Timestamp,
    },
}
