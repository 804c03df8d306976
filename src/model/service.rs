//! Balanced names and what they may be answered with.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::time::Duration;

use crate::model::Family;
use crate::model::Monitors;
use crate::model::Name;
use crate::model::ProbeAt;
use crate::model::RegionId;
use crate::model::RegionSet;
use crate::model::Ttl;

/// A share of the draw, 0..=[`crate::model::limits::WEIGHT`]; 0 is never drawn while another
/// candidate is admitted.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Weight(pub u32);

/// What an endpoint is answered as.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Target {
    /// An A or AAAA record.
    Address(IpAddr),
    /// A CNAME record.
    Host(Name),
}

impl Target {
    /// The address family, `None` for a host name.
    pub fn family(&self) -> Option<Family> {
        match self {
            Self::Address(address) => Some(Family::from(*address)),
            Self::Host(_) => None,
        }
    }
}

/// One virtual IP (or host name) that may be handed out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// What is answered.
    pub target: Target,
    /// Its share among the endpoints of its pool; default 1.
    pub weight: Weight,
    /// Where it is probed, if not at itself.
    pub probe: Option<ProbeAt>,
}

/// A service's endpoints in one region.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pool {
    /// Where.
    pub region: RegionId,
    /// Its share among pools of the same tier; default 100.
    pub weight: Weight,
    /// Percent of its weight that must be up, per address family, 0..=100; below, the pool is
    /// down. Default 50.
    pub min_healthy: u8,
    /// At least one.
    pub endpoints: Vec<Endpoint>,
}

impl Pool {
    /// Whether it has an endpoint of this family, or host names, which stand for both.
    pub fn has_family(&self, family: Family) -> bool {
        self.endpoints.iter().any(|e| e.target.family().is_none_or(|f| f == family))
    }
}

/// What a service answers when nothing is admitted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AllDown {
    /// As if everything were up.
    FailOpen,
    /// These addresses, one per family of the service.
    Fallback {
        /// For A queries.
        v4: Option<Ipv4Addr>,
        /// For AAAA queries.
        v6: Option<Ipv6Addr>,
    },
    /// SERVFAIL.
    ServFail,
}

/// Who lets an endpoint that was down have clients again.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Failback {
    /// Its verdict.
    #[default]
    Automatic,
    /// An operator, by undraining it.
    Manual,
}

/// A balanced name, or several, with a policy and one pool per region.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The operator's name for it.
    pub name: String,
    /// The owner names it answers at; the first label may be `*`.
    pub owners: Vec<Name>,
    /// Position of its policy in the configuration.
    pub policy: usize,
    /// The TTL of its records.
    pub ttl: Ttl,
    /// The least TTL, for answers that may change soon.
    pub ttl_min: Ttl,
    /// How many endpoints one answer holds at most, 1..=[`crate::model::limits::ANSWERS`].
    pub answers: u8,
    /// Same client block, same endpoint.
    pub sticky: bool,
    /// What to answer when nothing is admitted.
    pub all_down: AllDown,
    /// What says whether its endpoints are up; always up without.
    pub monitors: Option<Monitors>,
    /// How long an endpoint that came back takes to get all its clients; zero: at once.
    pub ramp: Duration,
    /// Who lets endpoints come back.
    pub failback: Failback,
    /// Percent of its weight that must be up, per address family, 0..=100; below, verdicts are
    /// ignored rather than the last endpoints drowned. Default 0: never.
    pub panic: u8,
    /// At least one, at most one per region, in the order of the file.
    pub pools: Vec<Pool>,
}

impl Service {
    /// Whether its endpoints are host names, answered as CNAME.
    pub fn is_alias(&self) -> bool {
        self.pools.iter().flat_map(|p| &p.endpoints).any(|e| e.target.family().is_none())
    }

    /// Whether it has an endpoint of this family anywhere; both for host names.
    pub fn has_family(&self, family: Family) -> bool {
        self.pools.iter().any(|p| p.has_family(family))
    }

    /// The regions it has pools in.
    pub fn regions(&self) -> RegionSet {
        self.pools.iter().map(|p| p.region).collect()
    }

    /// The pool in a region, if it has one.
    pub fn pool(&self, region: RegionId) -> Option<&Pool> {
        self.pools.iter().find(|p| p.region == region)
    }
}
