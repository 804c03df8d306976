//! A plan, with its reasons.

use crate::load::Cutoff;
use crate::load::Cutoffs;
use crate::model::Capacity;
use crate::model::RegionId;

/// What is published, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Whom each region refuses from now on.
    pub cutoffs: Cutoffs,
    /// Whether that is other than before.
    pub is_new: bool,
    /// By region.
    pub regions: Vec<RegionPlan>,
    /// The load of clients for whom no region is there.
    pub unserved: f64,
}

/// What is planned for a region. Loads are in the unit of its capacity, and as they will be once
/// caches have ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegionPlan {
    /// The region.
    pub region: RegionId,
    /// What it can take; `None` if nothing is said.
    pub capacity: Option<Capacity>,
    /// What was read last, if it counts.
    pub read: Option<f64>,
    /// The load that will come, before some of it is refused.
    pub arrivals: f64,
    /// Of that, how much it may take.
    pub allowed: f64,
    /// Of that, how much it takes.
    pub served: f64,
    /// Whom it refuses.
    pub cutoff: Cutoff,
    /// Why.
    pub reason: Reason,
}

impl RegionPlan {
    /// Of what comes, the part that it takes; 1 if nothing comes.
    pub fn share(&self) -> f64 {
        if self.arrivals > 0.0 { (self.served / self.arrivals).min(1.0) } else { 1.0 }
    }
}

/// Why a region refuses whom it refuses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// It has no capacity that anybody said: it takes whoever comes.
    Unlimited,
    /// There was no reading yet: all stays as it is.
    Unknown,
    /// No service may be answered with it.
    Away,
    /// What comes is below its soft limit.
    Room,
    /// What comes is above its soft limit: it refuses who loses least.
    Sparing,
    /// The same, but where it sends clients there is little room: it takes more than it would.
    Pressed,
    /// All where its clients can go are full: all of them are over, by the same factor.
    Overloaded,
    /// It is over its limit with clients who can go nowhere else.
    Captive,
    /// It could take more than it does, and takes it back little by little.
    Returning,
}
