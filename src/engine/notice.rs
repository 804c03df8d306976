//! What happened, for whoever wants to know: logs, hooks, the event stream.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

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
    /// What.
    #[serde(flatten)]
    pub what: What,
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
    /// The verdict of a region changed.
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
