//! What a node knows, as the API and the command line show it.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::engine::InputDigests;
use crate::engine::Stamp;
use crate::health::Hearing;
use crate::health::Verdict;
use crate::load::LoadStatus;
use crate::model::AdminState;
use crate::model::AdminTarget;
use crate::model::NodeProblem;

/// All of it, at one moment.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Status {
    /// When this was so.
    pub at: Timestamp,
    /// Since when the node runs.
    pub started: Timestamp,
    /// How often the configuration was taken, the first time included.
    pub generation: u64,
    /// What is wrong with the node itself.
    #[serde(default)]
    pub problems: Vec<NodeProblem>,
    /// The regions, in the order of the configuration.
    pub regions: Vec<RegionStatus>,
    /// The services, in the order of the configuration.
    pub services: Vec<ServiceStatus>,
    /// The checks, in the order in which the services name them.
    pub checks: Vec<CheckStatus>,
    /// The admin states that are set, and the maintenance that goes on.
    pub admin: Vec<AdminStatus>,
    /// With whom the node shares all this.
    pub cluster: ClusterStatus,
    /// What is known of round trips, where anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trips: Option<RoundTripsStatus>,
}

/// What was measured, and what was learnt of it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RoundTripsStatus {
    /// Client prefixes that were measured.
    pub prefixes: usize,
    /// Areas whose regions are ordered by it.
    pub areas: usize,
    /// Blocks of addresses that have an order of their own.
    pub blocks: usize,
    /// When these orders were learnt, here or on another node.
    pub learnt: Option<Timestamp>,
}

/// What a node knows of the others.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ClusterStatus {
    /// The node's name.
    pub node: String,
    /// What it answers by.
    #[serde(default)]
    pub inputs: InputDigests,
    /// Whether it hears the others.
    pub contact: Contact,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Why it does not.
    pub why: String,
    /// The vantages that vote, in the order of the configuration.
    pub vantages: Vec<VantageStatus>,
    /// The nodes and probers that are there, by name.
    pub nodes: Vec<NodeStatus>,
}

/// Whether a node hears the others.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contact {
    /// It never did yet.
    #[default]
    Starting,
    /// It does.
    Joined,
    /// It does not: verdicts stay as they are.
    Lost,
    /// It has not for a minute: what its own vantage sees change decides.
    Alone,
    /// It does again, but has not heard all of them yet: verdicts stay as they are.
    Rejoining,
}

/// One vantage.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct VantageStatus {
    /// The operator's name for it.
    pub vantage: String,
    /// The group that it votes with.
    pub group: String,
    /// Whether it is heard. One that a node which hears nobody does not hear counts on.
    pub hearing: Hearing,
    /// When it published last.
    pub heard: Option<Timestamp>,
    /// Checks that it says are up.
    pub up: usize,
    /// Checks that it says are down.
    pub down: usize,
    /// Checks that it can't probe.
    pub unable: usize,
    /// Checks of which it says the opposite of the verdict.
    pub differs: usize,
}

/// One node or prober.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct NodeStatus {
    /// Its name.
    pub node: String,
    /// Its version of Meridian.
    pub version: String,
    /// Whether it answers queries, or only probes.
    pub answers: bool,
    /// When it started, by its own clock.
    pub started: Timestamp,
    /// When it was heard last.
    pub heard: Timestamp,
    /// What it answers by.
    #[serde(default)]
    pub inputs: InputDigests,
    /// Whether its verdicts were the same as ours when it was heard.
    pub agrees: bool,
    /// Whether its admin states were the same as ours when it was heard.
    pub orders_agree: bool,
}

/// One region.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RegionStatus {
    /// The operator's name for it.
    pub region: String,
    /// What its own monitor comes to, else its pools; unknown where nothing is probed.
    pub verdict: Verdict,
    /// Since when; nothing while that is unknown.
    pub since: Option<Timestamp>,
    /// Why.
    pub reason: String,
    /// What an operator wants of it.
    pub admin: AdminState,
    /// Pools of services in it that are up by their probes.
    pub pools_up: usize,
    /// Pools of services in it that have a monitor.
    pub pools_probed: usize,
    /// Pools of services in it.
    pub pools: usize,
    /// The check of its own monitor.
    pub check: Option<String>,
    /// What is known of its load, where it has one or a capacity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadStatus>,
}

impl RegionStatus {
    /// Its pools as people read them: how many are up of those that are probed.
    pub fn pools_shown(&self) -> String {
        match self.pools_probed {
            0 => "–".to_owned(),
            probed => format!("{} of {probed} probed", self.pools_up),
        }
    }
}

/// One service.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ServiceStatus {
    /// The operator's name for it.
    pub service: String,
    /// Its owner names.
    pub names: Vec<String>,
    /// What it answers with.
    pub state: ServiceState,
    /// Its pools, in the order of the configuration.
    pub pools: Vec<PoolStatus>,
}

/// What a service answers with.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceState {
    /// With everything it has.
    Up,
    /// Some of it is out.
    Degraded,
    /// Too little is up: verdicts are ignored.
    Panic,
    /// Nothing is admitted: its `all-down` rule answers.
    AllDown,
}

impl ServiceState {
    /// The word in commands, the API and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Panic => "panic",
            Self::AllDown => "all-down",
        }
    }
}

impl fmt::Display for ServiceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One service's pool in one region.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PoolStatus {
    /// The region.
    pub region: String,
    /// Up while enough of its endpoints are, in some address family; unknown without a monitor.
    pub verdict: Verdict,
    /// Whether it gets clients, by whatever reason, in some address family.
    pub admitted: bool,
    /// Why, where it is not simply up.
    pub reason: String,
    /// What an operator wants of it.
    pub admin: AdminState,
    /// The TTL of its answers now, in seconds.
    pub ttl: u32,
    /// Its endpoints, in the order of the configuration.
    pub endpoints: Vec<EndpointStatus>,
}

/// One endpoint.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EndpointStatus {
    /// The address or host name.
    pub endpoint: String,
    /// What its checks come to; unknown without any, and then it is taken for up.
    pub verdict: Verdict,
    /// Since when; nothing if never probed.
    pub since: Option<Timestamp>,
    /// Why.
    pub reason: String,
    /// What an operator wants of it.
    pub admin: AdminState,
    /// The share of its clients that it gets, in percent: 0 is none, 1 to 99 a ramp.
    pub share: u8,
    /// Its checks.
    pub checks: Vec<String>,
}

/// One check.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CheckStatus {
    /// What it is known by.
    pub check: String,
    /// The monitor.
    pub monitor: String,
    /// What the vantages come to.
    pub verdict: Verdict,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What the last outcome said: empty for a success.
    pub reason: String,
    /// When the last outcome came; what stands is of before if that is long ago.
    pub last: Option<Timestamp>,
    /// How long the last probe took, in microseconds.
    pub took_us: u64,
    /// Failures that count; at the monitor's `fall` it is down.
    pub failures: u8,
    /// Until when it is held down at the least, because it kept flipping; by the vantages that
    /// decide.
    pub held_until: Option<Timestamp>,
    /// Since when it has succeeded each time although it is held down.
    pub up_since: Option<Timestamp>,
    /// Why it can't be probed, where that is so.
    pub unable: Option<String>,
    /// Since when no vantage that is heard can probe it.
    #[serde(default)]
    pub unable_since: Option<Timestamp>,
    /// Until when it is up at the most if none can before, where that is what holds the verdict;
    /// then it is unknown.
    #[serde(default)]
    pub unable_until: Option<Timestamp>,
    /// When the certificate that was presented last ends.
    pub certificate_ends: Option<Timestamp>,
    /// Probes with an outcome since the node started.
    pub successes_total: u64,
    /// Probes with an outcome since the node started.
    pub failures_total: u64,
    /// Flips to down since the node started.
    pub flips_total: u64,
    /// Whether fewer vantages decided than it takes, since nothing was known before.
    pub provisional: bool,
    /// Vantages that count and say up.
    pub votes_up: usize,
    /// Vantages that count and say down.
    pub votes_down: usize,
    /// Vantages that count and say the opposite of the verdict; the first few of them.
    pub dissent: Vec<String>,
}

/// One admin state that is set.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AdminStatus {
    /// Of what.
    pub target: AdminTarget,
    /// Which.
    pub state: AdminState,
    /// Who set it: the name of a token, or `maintenance`.
    pub who: String,
    /// Why.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; until it is changed if nothing.
    pub until: Option<Timestamp>,
    /// When the last answer that was given before has run out of caches.
    pub settled: Timestamp,
    /// What stands against it that nobody is answered with it any more, as this node sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsettled: Option<Unsettled>,
    /// Which of two orders is the later.
    #[serde(default)]
    pub stamp: Stamp,
    /// What somebody else ordered for the same at the same time, and this won over.
    #[serde(default)]
    pub overruled: Option<String>,
}

/// What an operator took out and is answered all the same.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Unsettled {
    /// Clients for whom nothing else is left; the first few of them.
    pub clients: Vec<StillAnswered>,
    /// How many such there are.
    pub clients_total: usize,
    /// Other name servers that have not said yet that they have the same admin states; the
    /// first few of them.
    pub nodes: Vec<String>,
    /// How many such there are.
    pub nodes_total: usize,
}

/// Clients that are answered with what is drained, since nothing else is left to them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StillAnswered {
    /// The service.
    pub service: String,
    /// The type of the records.
    pub records: String,
    /// The regions that these clients may get.
    pub regions: Vec<String>,
    /// The rules that let them have no others; nothing if all clients are meant.
    pub rules: Option<String>,
    /// The vantage group nearest to them, where verdicts are for its clients only.
    pub group: Option<String>,
}

impl fmt::Display for StillAnswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, records, regions, rules, group } = self;
        let regions = regions.join(", ");
        match rules {
            Some(rules) => write!(f, "{service} {records}: clients of {rules} (only {regions})")?,
            None => write!(f, "{service} {records}: all clients ({regions})")?,
        }
        group.as_ref().map_or(Ok(()), |group| write!(f, ", nearest to vantage group {group}"))
    }
}
