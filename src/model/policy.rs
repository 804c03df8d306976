//! How regions are ranked for a client.

use std::time::Duration;

use ipnet::IpNet;

use crate::model::Asn;
use crate::model::Continent;
use crate::model::Country;
use crate::model::RegionId;
use crate::model::Subdivision;

/// One criterion of a ranking; a policy applies several in turn, each to the
/// regions that the ones before left unordered.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Rank {
    /// All that is left is equally good: one tier.
    Equal,
    /// Measured round-trip time; passes clients on of whom measurements say nothing.
    Latency,
    /// Great-circle distance; passes everything on for clients without coordinates.
    Nearest,
    /// The policy's order of regions.
    Priority,
    /// The operator's rules, first match wins.
    Rules,
}

impl Rank {
    /// All criteria, in the order in which the manual lists them.
    pub const ALL: [Self; 5] =
        [Self::Rules, Self::Latency, Self::Nearest, Self::Priority, Self::Equal];

    /// The word in configuration files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Latency => "latency",
            Self::Nearest => "nearest",
            Self::Priority => "priority",
            Self::Rules => "rules",
        }
    }
}

/// How close is close enough to share a tier with its first member.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tie {
    /// Round-trip time.
    pub rtt: Duration,
    /// Distance in kilometres, finite, not negative.
    pub distance_km: f64,
}

/// Which clients a rule is for: every key that has values must match one of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Match {
    /// Continents.
    pub continents: Vec<Continent>,
    /// Countries.
    pub countries: Vec<Country>,
    /// Subdivisions.
    pub subdivisions: Vec<Subdivision>,
    /// Autonomous systems.
    pub asns: Vec<Asn>,
    /// Providers of access, by name.
    pub isps: Vec<String>,
    /// Holders of networks or of their autonomous systems, by name.
    pub organizations: Vec<String>,
    /// Second-level domains that addresses have names in.
    pub domains: Vec<String>,
    /// Client networks.
    pub nets: Vec<IpNet>,
    /// Tags of the operator's `[nets]` table.
    pub tags: Vec<String>,
}

impl Match {
    /// Whether it asks whose network a client is in.
    pub fn asks_for_holder(&self) -> bool {
        !(self.asns.is_empty()
            && self.isps.is_empty()
            && self.organizations.is_empty()
            && self.domains.is_empty())
    }

    /// All names of holders that it asks for.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.isps.iter().chain(&self.organizations).chain(&self.domains)
    }
}

/// One rule of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// For whom.
    pub matches: Match,
    /// The best regions for them, in this order, each a tier of its own.
    pub regions: Vec<RegionId>,
    /// A fence: no region but those listed, ever.
    pub only: bool,
}

/// How regions are ranked; shared by many services and compiled once.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The operator's name for it.
    pub name: String,
    /// The criteria, first to last.
    pub rank: Vec<Rank>,
    /// The regions it ranks, in priority order; whoever can't be located gets this order.
    pub regions: Vec<RegionId>,
    /// What shares a tier.
    pub tie: Tie,
    /// How many regions of the computed order make a leaf's label; 0 = all.
    pub depth: u8,
    /// The rules, in order.
    pub rules: Vec<Rule>,
    /// Whether the client subnet option is used; if not it is echoed with scope 0.
    pub ecs: bool,
}
