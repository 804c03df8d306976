//! The planner: from readings to cutoffs, for all regions at once.

use std::time::Duration;

use jiff::Timestamp;

use crate::load::Availability;
use crate::load::Crowds;
use crate::load::Cutoff;
use crate::load::Cutoffs;
use crate::load::Flow;
use crate::load::Plan;
use crate::load::Reading;
use crate::load::Reason;
use crate::load::RegionPlan;
use crate::load::demand::Demand;
use crate::load::past::Past;
use crate::load::plan;
use crate::load::plan::Findings;
use crate::load::pressure::Pressed;
use crate::load::room::Room;
use crate::load::settle::Case;
use crate::load::settle::Settled;
use crate::model::Capacity;
use crate::model::RegionId;

/// How much of its capacity a region takes back per TTL.
const RETURN: f64 = 0.25;

/// A plan that spares a region no more than this part of its capacity, or gives it back no more
/// than that, is not worth moving clients for. Where readings are wrong by much, it is this part
/// of what they are wrong by on average on top.
const SPARES: f64 = 0.03;
const GIVES: f64 = 0.08;
const WRONG: f64 = 0.25;

/// Beyond this part of the hard limit it is worth it as soon as it spares this much.
const NEAR: f64 = 0.99;
const LITTLE: f64 = 0.005;

/// How much more it takes to give back where giving back was wrong before: that often, up to that
/// much, and in how many TTLs it is forgotten. Where a share can't be had exactly, since many clients are in one
/// leaf, the loop ends with the lesser share.
const REGRETS: f64 = 2.0;
const MOST: f64 = 0.3;
const FORGIVES: f64 = 40.0;

/// Where it would refuse nobody any more it is worth it, be it ever so little.
const ALWAYS: f64 = f64::NEG_INFINITY;

/// Plans cutoffs. One per cluster runs; it has what it published, and learns the demand.
#[derive(Clone, Debug)]
pub struct Planner {
    pub(super) crowds: Crowds,
    pub(super) clients: Vec<f64>,
    pub(super) ttl: Duration,
    pub(super) demand: Demand,
    pub(super) past: Past,
    pub(super) published: Cutoffs,
    pub(super) published_at: Timestamp,
    pub(super) availability: Availability,
    /// By region, whether its cutoff fell last, and how often it rose again after that.
    pub(super) fell: Vec<bool>,
    pub(super) regrets: Vec<f64>,
    /// By region, whom it served by the last plan.
    pub(super) served: Vec<f64>,
}

/// What holds while one plan is made.
struct Moment<'a> {
    now: Timestamp,
    capacities: &'a [Option<Capacity>],
    rooms: Vec<Option<Room>>,
}

impl Planner {
    /// For these crowds, whose answers are kept for `ttl`, where `published` has been
    /// published so far. Capacities, readings and availability come with each plan.
    pub fn new(crowds: Crowds, ttl: Duration, published: Cutoffs, now: Timestamp) -> Self {
        let n = crowds.n_regions();
        let published = Cutoffs::new((0..).map(RegionId).take(n).map(|id| published.of(id)));
        let availability = Availability::whole(n);
        let flow = Flow::of(&crowds, &availability, &published, &vec![1.0; n]);
        Self {
            clients: crowds.clients_by_origin(),
            past: Past::new(&crowds, &flow, &published, now),
            demand: Demand::new(n),
            published_at: now,
            crowds,
            ttl,
            published,
            availability,
            fell: vec![false; n],
            regrets: vec![0.0; n],
            served: vec![0.0; n],
        }
    }

    /// Whether there was a reading to learn the demand from.
    pub fn knows_demand(&self) -> bool {
        self.demand.is_known
    }

    /// Plans at a time, from what is read there and then: at each reading, and at once when it
    /// changes where there is a region to go to. Readings that it has seen before say nothing
    /// new. O(crowds × steps × rounds): few rounds where there is room, and hundreds where all are
    /// over, so not on a thread that anything waits for.
    pub fn plan(
        &mut self,
        now: Timestamp,
        capacities: &[Option<Capacity>],
        availability: &Availability,
        readings: &[Option<Reading>],
    ) -> Plan {
        self.learn(now, capacities, availability, readings);
        let own: Vec<f64> = self.demand.own.iter().map(|own| own.factor()).collect();
        let room = |(capacity, own): (&Option<Capacity>, &f64)| {
            capacity.as_ref().map(|capacity| Room::new(capacity).scaled(1.0 / own))
        };
        let unsaid = std::iter::repeat(&None);
        let moment = Moment {
            now,
            capacities,
            rooms: capacities.iter().chain(unsaid).zip(&own).map(room).collect(),
        };
        if !self.demand.is_known {
            return self.unchanged(&moment, readings);
        }
        let open = Cutoffs::none(self.crowds.n_regions());
        let pressed = Pressed::of(&self.case(&moment, &open));
        let next = self.returning(&moment, &pressed);
        let is_new = next.cutoffs != self.published && self.is_worth_it(&moment, &next, &pressed);
        let settled = if is_new { next } else { self.under(self.published.clone()) };
        if is_new {
            self.publish(settled.cutoffs.clone(), now);
        }
        self.served.clone_from(&settled.served);
        let findings = Findings {
            crowds: &self.crowds,
            availability: &self.availability,
            capacities,
            rooms: &moment.rooms,
            own: &own,
            readings,
            pressed: &pressed,
            settled: &settled,
        };
        Plan::of(&findings, is_new)
    }

    /// Learns as a plan does, and plans nothing: where another decides, so that this one could go
    /// on from what that one knew. O(regions × origins), and of crowds and steps where it changes
    /// who may take clients.
    pub fn learn(
        &mut self,
        now: Timestamp,
        capacities: &[Option<Capacity>],
        availability: &Availability,
        readings: &[Option<Reading>],
    ) {
        if *availability != self.availability {
            self.availability = availability.clone();
            self.remember(now);
        }
        let hard = |region: usize| {
            capacities.get(region)?.as_ref().map(|capacity| Room::new(capacity).hard())
        };
        self.demand.learn(readings, &self.past, self.ttl, &self.clients, hard);
    }

    /// Takes what another published: from now on clients are sent so.
    pub fn follow(&mut self, published: &Cutoffs, now: Timestamp) {
        let ids = (0..).map(RegionId).take(self.crowds.n_regions());
        let published = Cutoffs::new(ids.map(|id| published.of(id)));
        if published != self.published {
            self.publish(published, now);
        }
    }

    fn publish(&mut self, cutoffs: Cutoffs, now: Timestamp) {
        self.regret(now, &cutoffs);
        self.published = cutoffs;
        self.published_at = now;
        self.remember(now);
    }

    fn case<'a>(&'a self, moment: &'a Moment<'_>, floors: &'a Cutoffs) -> Case<'a> {
        Case {
            crowds: &self.crowds,
            availability: &self.availability,
            demand: &self.demand.by_origin,
            rooms: &moment.rooms,
            floors,
        }
    }

    /// From now on clients are sent as is published.
    pub(super) fn remember(&mut self, now: Timestamp) {
        let each_once = vec![1.0; self.crowds.n_regions()];
        let flow = Flow::of(&self.crowds, &self.availability, &self.published, &each_once);
        self.past.push(&self.crowds, &flow, &self.published, now);
    }

    /// Where all go under these cutoffs.
    fn under(&self, cutoffs: Cutoffs) -> Settled {
        let flow = Flow::of(&self.crowds, &self.availability, &cutoffs, &self.demand.by_origin);
        let served = flow.served_by_region(&self.crowds);
        Settled { cutoffs, flow, served }
    }

    /// What is wanted, taken back no faster than it may be; unless what is still refused would
    /// be too much for somebody else.
    fn returning(&self, moment: &Moment<'_>, pressed: &Pressed) -> Settled {
        let wanted = &pressed.settled;
        let mut floors = Cutoffs::none(self.crowds.n_regions());
        let open = floors.clone();
        let since = moment.now.duration_since(self.published_at).as_secs_f64();
        let ttls = since / self.ttl.as_secs_f64().max(0.001);
        let case = self.case(moment, &open);
        let now = self.under(self.published.clone());
        let mut slows = false;
        for (capacity, region) in moment.capacities.iter().zip((0..).map(RegionId)) {
            let (before, aim) = (self.published.of(region), wanted.cutoffs.of(region));
            let Some(capacity) = capacity.as_ref().filter(|_| aim < before) else { continue };
            let amount = Room::new(&Capacity { hard: 1.0, ..*capacity }).hard();
            let own = self.demand.own.get(region.index()).map_or(1.0, |own| own.factor());
            // What it has anyway is not taken back: when others return, whom it took in their
            // place leave at once, and its own may come as fast.
            let has = self.served.get(region.index()).copied().unwrap_or(0.0);
            let has = has.max(case.taken(&wanted.flow, region, before));
            let most = has + returns(ttls, amount) / own;
            let [would, does] = [&wanted.served, &now.served]
                .map(|served| served.get(region.index()).copied().unwrap_or(0.0));
            let hard = Room::new(capacity).hard() / own;
            let floor = match would - does > self.worth_giving(region, aim) * hard {
                true => case.cutoff_for(&wanted.flow, region, most, aim).min(before),
                // Not for another's sake either: that one was not asked to refuse more or less.
                false => before,
            };
            floors.set(region, floor);
            slows |= floor > aim;
        }
        if !slows {
            return wanted.clone();
        }
        let slowed = self.case(moment, &floors).settle(&pressed.pressures);
        let over = |settled: &Settled| -> f64 {
            let regions = moment.rooms.iter().zip(&settled.served).zip(&pressed.pressures);
            let over = regions.filter_map(|((room, served), pressure)| {
                room.map(|room| (served - room.limit(*pressure)).max(0.0))
            });
            over.sum()
        };
        let slack = 0.001 * wanted.served.iter().sum::<f64>();
        if over(&slowed) > over(wanted) + slack { wanted.clone() } else { slowed }
    }

    /// Whether a plan is worth moving clients for, against what is published. What it would give
    /// back in the end decides, though at first it is less.
    fn is_worth_it(&self, moment: &Moment<'_>, next: &Settled, pressed: &Pressed) -> bool {
        let now = self.under(self.published.clone());
        let at = |by_region: &[f64], region: RegionId| {
            by_region.get(region.index()).copied().unwrap_or(0.0)
        };
        let wrong = WRONG * self.demand.noise;
        let mut regions = moment.rooms.iter().zip((0..).map(RegionId));
        let ends = next.cutoffs.is_empty();
        ends || regions.any(|(room, region)| {
            // Who takes whoever comes has nothing to refuse: its capacity was taken away.
            let Some(room) = room else {
                return next.cutoffs.of(region) != self.published.of(region);
            };
            let pressure = at(&pressed.pressures, region);
            // Where all are over, by the same factor, that is what they have room for.
            let hard = room.limit(pressure);
            let serves = at(&now.served, region);
            let spares = serves - at(&next.served, region);
            // And there is no limit to be near to: nobody is spared by a little.
            let is_near = pressure <= 1.0 && serves > NEAR * hard;
            if spares > (SPARES + wrong) * hard || is_near && spares > LITTLE * hard {
                return true;
            }
            let given = at(&pressed.settled.served, region) - serves;
            let least = self.worth_giving(region, pressed.settled.cutoffs.of(region));
            let differs = next.cutoffs.of(region) != self.published.of(region);
            given > least * hard && differs && (least < 0.0 || spares < -LITTLE * hard)
        })
    }

    /// How much of its hard limit a region has to get back, if it falls to a cutoff, to be worth it.
    fn worth_giving(&self, region: RegionId, next: Cutoff) -> f64 {
        if next == Cutoff::NONE && self.published.of(region) != Cutoff::NONE {
            return ALWAYS;
        }
        let regrets = self.regrets.get(region.index()).copied().unwrap_or(0.0);
        least_gain(self.demand.noise, regrets)
    }

    /// Takes note of what rises that fell before.
    fn regret(&mut self, now: Timestamp, next: &Cutoffs) {
        let ttls =
            now.duration_since(self.published_at).as_secs_f64() / self.ttl.as_secs_f64().max(0.001);
        let kept = (-ttls.max(0.0) / FORGIVES).exp();
        let regions = self.fell.iter_mut().zip(&mut self.regrets).zip((0..).map(RegionId));
        for ((fell, regrets), region) in regions {
            let (before, after) = (self.published.of(region), next.of(region));
            *regrets *= kept;
            if after > before && *fell {
                *regrets += 1.0;
            }
            if after != before {
                *fell = after < before && after != Cutoff::NONE;
            }
        }
    }

    fn unchanged(&self, moment: &Moment<'_>, readings: &[Option<Reading>]) -> Plan {
        let settled = self.under(self.published.clone());
        let regions = moment.capacities.iter().zip((0..).map(RegionId));
        let regions = regions.map(|(capacity, region)| RegionPlan {
            region,
            capacity: *capacity,
            read: plan::reading(readings, region),
            arrivals: 0.0,
            allowed: 0.0,
            served: 0.0,
            cutoff: settled.cutoffs.of(region),
            reason: if capacity.is_some() { Reason::Unknown } else { Reason::Unlimited },
        });
        let regions = regions.collect();
        Plan { cutoffs: settled.cutoffs, is_new: false, regions, unserved: 0.0 }
    }
}

/// How much of what it can take a region takes back after so many TTLs; of more than one, as after
/// one: what was taken back before shows by then.
fn returns(ttls: f64, amount: f64) -> f64 {
    RETURN * ttls.clamp(0.0, 1.0) * amount
}

/// How much of its hard limit a region has to get back to be worth it, where readings are wrong by
/// so much and giving back was wrong so often.
fn least_gain(noise: f64, regrets: f64) -> f64 {
    ((GIVES + WRONG * noise) * (1.0 + REGRETS * regrets)).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_takes_back_a_quarter_per_ttl() {
        for (ttls, expected) in [(0.0, 0.0), (0.5, 12.5), (1.0, 25.0), (7.0, 25.0), (-1.0, 0.0)] {
            let found = returns(ttls, 100.0);
            assert!((found - expected).abs() < 1e-9, "{found} after {ttls} TTLs");
        }
    }

    #[test]
    fn each_regret_makes_giving_back_rarer_up_to_a_bound() {
        let least = [0.0, 0.5, 1.0, 9.0].map(|regrets| least_gain(0.0, regrets));
        let expected = [0.08, 0.16, 0.24, 0.3];
        for (found, expected) in least.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{least:?}");
        }
        assert!(least_gain(0.2, 0.0) > least_gain(0.0, 0.0), "readings that are wrong say less");
    }
}
