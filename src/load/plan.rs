//! A plan, with its reasons; and the one that a demand settles to.

use crate::load::Availability;
use crate::load::CrowdStep;
use crate::load::Crowds;
use crate::load::Cutoff;
use crate::load::Cutoffs;
use crate::load::Reading;
use crate::load::pressure::Pressed;
use crate::load::room::Room;
use crate::load::settle::Case;
use crate::load::settle::Settled;
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

/// What a plan tells, and from what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Findings<'a> {
    pub(super) crowds: &'a Crowds,
    pub(super) availability: &'a Availability,
    pub(super) capacities: &'a [Option<Capacity>],
    /// By region, in the unit of the flow.
    pub(super) rooms: &'a [Option<Room>],
    /// By region, what a client's load is multiplied by there.
    pub(super) own: &'a [f64],
    pub(super) readings: &'a [Option<Reading>],
    /// What was wanted.
    pub(super) pressed: &'a Pressed,
    /// What it comes to.
    pub(super) settled: &'a Settled,
}

impl Findings<'_> {
    /// Whether somebody could go to a region: there is a way to it for them. One of weight 0 is
    /// none, as long as there are others.
    fn is_there(&self, region: RegionId) -> bool {
        self.crowds.iter().any(|(crowd, steps)| {
            let leads_there = |step: &CrowdStep| step.region == region && step.weight > 0.0;
            self.availability.of(crowd.map, region) > 0.0 && steps.iter().any(leads_there)
        })
    }
}

impl Plan {
    /// What a demand that stays as it is settles to, whatever was before: where a [`Planner`] ends
    /// that is sure of it. `demand` says for each region what the clients whose first it is are
    /// multiplied by; a region without capacity takes whoever comes. Takes as long as a plan.
    ///
    /// [`Planner`]: crate::load::Planner
    pub fn settled(
        crowds: &Crowds,
        availability: &Availability,
        capacities: &[Option<Capacity>],
        demand: &[f64],
    ) -> Self {
        let n = crowds.n_regions();
        let unsaid = std::iter::repeat(&None);
        let room = |capacity: &Option<Capacity>| capacity.as_ref().map(Room::new);
        let rooms: Vec<_> = capacities.iter().chain(unsaid).take(n).map(room).collect();
        let floors = Cutoffs::none(n);
        let case = Case { crowds, availability, demand, rooms: &rooms, floors: &floors };
        let pressed = Pressed::of(&case);
        let findings = Findings {
            crowds,
            availability,
            capacities,
            rooms: &rooms,
            own: &vec![1.0; n],
            readings: &[],
            pressed: &pressed,
            settled: &pressed.settled,
        };
        Self::of(&findings, !pressed.settled.cutoffs.is_empty())
    }

    pub(super) fn of(findings: &Findings<'_>, is_new: bool) -> Self {
        let Findings { crowds, capacities, rooms, own, readings, pressed, settled, .. } = *findings;
        let arrivals = settled.flow.arrivals_by_region(crowds);
        let at = |by_region: &[f64], region: RegionId| {
            by_region.get(region.index()).copied().unwrap_or(0.0)
        };
        let regions = rooms.iter().zip((0..).map(RegionId)).map(|(room, region)| {
            let own = at(own, region);
            let came = at(&arrivals, region);
            let served = at(&settled.served, region);
            // What it has more than it is to have, others would take: it is not bound to it.
            let wanted = at(&pressed.settled.served, region);
            let pressure = at(&pressed.pressures, region);
            let allowed = room.map_or(came, |room| room.allowed(came, pressure));
            let cutoff = settled.cutoffs.of(region);
            let reason = match room {
                None => Reason::Unlimited,
                Some(_) if came <= 0.0 && !findings.is_there(region) => Reason::Away,
                Some(room) if wanted > room.limit(pressure) * 1.01 => Reason::Captive,
                Some(_) if cutoff == Cutoff::NONE && pressure <= 0.0 => Reason::Room,
                Some(_) if pressure > 1.0 => Reason::Overloaded,
                Some(_) if pressure > 0.0 => Reason::Pressed,
                Some(_) if cutoff > pressed.settled.cutoffs.of(region) => Reason::Returning,
                Some(_) => Reason::Sparing,
            };
            RegionPlan {
                region,
                capacity: capacities.get(region.index()).copied().flatten(),
                read: reading(readings, region),
                arrivals: came * own,
                allowed: allowed * own,
                served: served * own,
                cutoff,
                reason,
            }
        });
        let regions = regions.collect();
        let unserved = settled.flow.unserved();
        Self { cutoffs: settled.cutoffs.clone(), is_new, regions, unserved }
    }
}

/// What was read of a region.
pub(super) fn reading(readings: &[Option<Reading>], region: RegionId) -> Option<f64> {
    readings.get(region.index()).copied().flatten().map(|reading| reading.load)
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
