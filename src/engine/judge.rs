//! Judging one service: from verdicts, admin states and ramps to what its pools may take.
//!
//! ```text
//!   per endpoint   verdict of its monitors · admin state · held back · ramp
//!   per pool, lane enough of its weight up (min-healthy), and its region: admitted
//!   per lane       too little of the whole up: panic, verdicts are ignored
//!                  nobody admitted: what is held back, or was never probed, is taken
//! ```

use std::time::Duration;

use crate::engine::Plan;
use crate::engine::ServiceState;
use crate::health::Verdict;
use crate::health::of_monitors;
use crate::model::AdminState;
use crate::model::Pool;
use crate::model::Service;
use crate::model::Ttl;
use crate::steer::Admission;
use crate::steer::EndpointStanding;
use crate::steer::ServiceStanding;
use crate::steer::Share;

/// What is known of one endpoint when its service is judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Facts {
    /// What its monitors come to; up without any.
    pub(super) verdict: Verdict,
    /// When that can turn to down at the earliest.
    pub(super) down_in: Option<Duration>,
    /// The gravest of the admin states that cover it.
    pub(super) admin: AdminState,
    /// Whether it has a monitor.
    pub(super) is_probed: bool,
    /// It was down, and comes back when an operator says so.
    pub(super) is_held: bool,
    /// The share that it has while it comes back.
    pub(super) share: Share,
}

impl Facts {
    pub(super) fn is_up(&self) -> bool {
        self.admin == AdminState::ForcedUp || self.verdict == Verdict::Up && !self.is_held
    }

    /// Whether it says something of its pool's health: an operator did not take it out, and
    /// something is known of it.
    fn says(&self) -> bool {
        match self.admin {
            AdminState::Drained | AdminState::ForcedDown => false,
            AdminState::ForcedUp => true,
            AdminState::Auto => self.verdict != Verdict::Unknown,
        }
    }
}

/// What was found of one lane of a pool.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct JudgedLane {
    /// Whether it has endpoints.
    pub(super) exists: bool,
    /// Whether enough of its weight is up; true if there is nothing to judge by.
    pub(super) is_up: bool,
    /// Whether somebody of it is admitted.
    pub(super) is_admitted: bool,
}

/// What was found of a service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Judged {
    pub(super) pools: Vec<[JudgedLane; 2]>,
    /// What probes say of each pool, whatever operators do; nothing where none is probed.
    pub(super) health: Vec<Option<Verdict>>,
    pub(super) state: ServiceState,
    pub(super) standing: ServiceStanding,
}

impl Judged {
    /// Whether a pool is up in some lane.
    pub(super) fn is_pool_up(&self, pool: usize) -> bool {
        self.pools.get(pool).is_some_and(|lanes| lanes.iter().any(|lane| lane.exists && lane.is_up))
    }

    /// What probes say of a pool, whatever operators do; nothing where none is probed.
    pub(super) fn health_of(&self, pool: usize) -> Option<Verdict> {
        self.health.get(pool).copied().flatten()
    }

    /// Whether a pool gets clients in some lane.
    pub(super) fn is_pool_admitted(&self, pool: usize) -> bool {
        self.pools.get(pool).is_some_and(|lanes| lanes.iter().any(|lane| lane.is_admitted))
    }
}

/// What a service is judged by.
pub(super) struct Case<'a> {
    pub(super) plan: &'a Plan,
    /// Its position.
    pub(super) at: usize,
    pub(super) service: &'a Service,
    /// Per pool, the endpoints of each lane by position in the service.
    pub(super) lanes: &'a [[Box<[usize]>; 2]],
    /// Of all its endpoints, its pools one after the other.
    pub(super) facts: &'a [Facts],
    /// Of all its endpoints, likewise.
    pub(super) weights: &'a [u32],
    /// Per pool, whether its region is down, and when it can turn down at the earliest.
    pub(super) regions: &'a [(bool, Option<Duration>)],
}

impl Case<'_> {
    pub(super) fn judge(&self) -> Option<Judged> {
        let compiled = self.plan.world.services().get(self.at)?;
        let of_pool = |pool| [0, 1].map(|lane| self.lane(pool, lane));
        let mut pools: Vec<_> = (0..self.service.pools.len()).map(of_pool).collect();
        let panics = [0, 1].map(|lane| self.panics(lane));
        let mut standings = vec![EndpointStanding::of(Admission::Barred); self.facts.len()];
        for (pool, judged) in pools.iter().enumerate() {
            let is_region_up = !self.is_region_down(pool);
            for (lane, (judged, panics)) in judged.iter().zip(panics).enumerate() {
                for at in self.positions(pool, lane) {
                    if let (Some(slot), Some(facts)) = (standings.get_mut(*at), self.facts.get(*at))
                    {
                        *slot = standing(facts, judged.is_up && is_region_up, panics);
                    }
                }
            }
        }
        let takes_others = [0, 1].map(|lane| self.take_others(lane, &mut standings));
        for (pool, judged) in pools.iter_mut().enumerate() {
            for (lane, judged) in judged.iter_mut().enumerate() {
                judged.is_admitted = self.is_admitted(pool, lane, &standings);
            }
        }
        let ttl = |pool: usize, lane: usize| {
            let is_short = [panics, takes_others].iter().any(|of| of.get(lane) == Some(&true));
            self.ttl(pool, lane, is_short, &standings)
        };
        let endpoint = |pool: usize, lane: usize, position: usize| {
            let at = self.positions(pool, lane).get(position);
            let found = at.and_then(|at| standings.get(*at));
            found.copied().unwrap_or(EndpointStanding::of(Admission::Barred))
        };
        let standing = ServiceStanding::build(compiled, endpoint, ttl).with_panics(panics);
        let state = self.state(&pools, &standings, panics);
        let health = (0..pools.len()).map(|pool| self.health(pool)).collect();
        Some(Judged { pools, health, state, standing })
    }

    /// The endpoints of a lane, by position in the service.
    fn positions(&self, pool: usize, lane: usize) -> &[usize] {
        self.lanes.get(pool).and_then(|lanes| lanes.get(lane)).map_or(&[], |positions| positions)
    }

    /// What is known of the endpoints of a lane, and their weights; without those that an
    /// operator took out, and those of which nothing is known yet.
    fn weighed(&self, pool: usize, lane: usize) -> impl Iterator<Item = (&Facts, u64)> + Clone {
        let known = |at: &usize| {
            let (facts, weight) = (self.facts.get(*at)?, self.weights.get(*at)?);
            Some((facts, u64::from(*weight))).filter(|(facts, _)| facts.says())
        };
        self.positions(pool, lane).iter().filter_map(known)
    }

    fn is_admitted(&self, pool: usize, lane: usize, standings: &[EndpointStanding]) -> bool {
        let mut standings = self.positions(pool, lane).iter().filter_map(|at| standings.get(*at));
        standings.any(|standing| standing.admission == Admission::Admitted)
    }

    /// The weight of a lane that is up, and all of it; what an operator took out aside. Where
    /// all weights are 0 the endpoints are counted.
    fn healthy(&self, pool: usize, lane: usize) -> (u64, u64) {
        let all = self.weighed(pool, lane);
        let is_weightless = all.clone().all(|(_, weight)| weight == 0);
        let weight = move |weight: u64| if is_weightless { 1 } else { weight };
        let up = all.clone().filter(|(facts, _)| facts.is_up()).map(|(_, w)| weight(w)).sum();
        (up, all.map(|(_, w)| weight(w)).sum())
    }

    fn lane(&self, pool: usize, lane: usize) -> JudgedLane {
        let exists = !self.positions(pool, lane).is_empty();
        let (up, all) = self.healthy(pool, lane);
        let least = self.service.pools.get(pool).map_or(50, |pool: &Pool| pool.min_healthy);
        let is_up = all == 0 || up > 0 && up * 100 >= all * u64::from(least);
        JudgedLane { exists, is_up, is_admitted: false }
    }

    /// What probes say of a pool: up while enough of its weight is, in some lane.
    fn health(&self, pool: usize) -> Option<Verdict> {
        let least = self.service.pools.get(pool).map_or(50, |pool: &Pool| pool.min_healthy);
        let of_lane = |lane: usize| {
            let all = self.positions(pool, lane).iter();
            let all = all.filter_map(|at| self.facts.get(*at).zip(self.weights.get(*at)));
            let probed: Vec<_> = all.filter(|(facts, _)| facts.is_probed).collect();
            let known = probed.iter().filter(|(facts, _)| facts.verdict != Verdict::Unknown);
            let is_weightless = known.clone().all(|(_, weight)| **weight == 0);
            let weight = |weight: u32| if is_weightless { 1 } else { u64::from(weight) };
            let sum = known.clone().map(|(_, of)| weight(**of)).sum::<u64>();
            let up = known.filter(|(facts, _)| facts.verdict == Verdict::Up);
            let up = up.map(|(_, of)| weight(**of)).sum::<u64>();
            (!probed.is_empty()).then(|| match sum {
                0 => Verdict::Unknown,
                _ if up > 0 && up * 100 >= sum * u64::from(least) => Verdict::Up,
                _ => Verdict::Down,
            })
        };
        let lanes: Vec<Verdict> = [0, 1].into_iter().filter_map(of_lane).collect();
        (!lanes.is_empty()).then(|| of_monitors(1, &lanes))
    }

    fn is_region_down(&self, pool: usize) -> bool {
        self.regions.get(pool).is_some_and(|(is_down, _)| *is_down)
    }

    /// Whether less of the service's capacity is up than its panic threshold. What a down
    /// region holds is not up. With nothing up the `all-down` rule is for that; and a pool of
    /// weight 0 that is up is what the rest waits for.
    fn panics(&self, lane: usize) -> bool {
        let threshold = u64::from(self.service.panic);
        if threshold == 0 {
            return false;
        }
        // Pools weigh what the operator says, whatever the sum of their endpoints' weights.
        let (mut up, mut all) = (0_u64, 0_u64);
        for (pool, noun) in self.service.pools.iter().enumerate() {
            let (mut healthy, whole) = self.healthy(pool, lane);
            if self.is_region_down(pool) {
                healthy = 0;
            }
            if noun.weight.0 == 0 && healthy > 0 {
                return false;
            }
            let capacity = u64::from(noun.weight.0) * 1_000;
            if let Some(part) = (healthy * capacity).checked_div(whole) {
                all += capacity;
                up += part;
            }
        }
        up > 0 && up * 100 < all * threshold
    }

    /// Where nobody is admitted: what is up but held back, else what was never probed.
    fn take_others(&self, lane: usize, standings: &mut [EndpointStanding]) -> bool {
        let pools = 0..self.service.pools.len();
        if pools.clone().any(|pool| self.is_admitted(pool, lane, standings)) {
            return false;
        }
        let is_held = |facts: &Facts| facts.verdict == Verdict::Up && facts.is_held;
        let is_unknown = |facts: &Facts| facts.verdict == Verdict::Unknown && !facts.is_held;
        self.take(lane, standings, is_held) || self.take(lane, standings, is_unknown)
    }

    fn take(
        &self,
        lane: usize,
        standings: &mut [EndpointStanding],
        is_wanted: impl Fn(&Facts) -> bool,
    ) -> bool {
        let mut took = false;
        for pool in (0..self.service.pools.len()).filter(|pool| !self.is_region_down(*pool)) {
            for at in self.positions(pool, lane) {
                let (Some(standing), Some(facts)) = (standings.get_mut(*at), self.facts.get(*at))
                else {
                    continue;
                };
                if standing.admission == Admission::Down && is_wanted(facts) {
                    *standing = EndpointStanding::ADMITTED;
                    took = true;
                }
            }
        }
        took
    }

    /// Only a flip to down of what is answered bounds the TTL.
    fn ttl(&self, pool: usize, lane: usize, is_short: bool, standings: &[EndpointStanding]) -> Ttl {
        let Service { ttl, ttl_min, .. } = *self.service;
        let known = |at: &usize| Some((standings.get(*at)?, self.facts.get(*at)?));
        let admitted = self.positions(pool, lane).iter().filter_map(known);
        let admitted = admitted.filter(|(s, _)| s.admission == Admission::Admitted);
        if is_short || admitted.clone().any(|(standing, _)| standing.share < Share::FULL) {
            return ttl_min;
        }
        // What an operator forced up does not flip.
        let judged = admitted.filter(|(_, facts)| facts.admin != AdminState::ForcedUp);
        let region = self.regions.get(pool).and_then(|(_, bound)| *bound);
        let bound = judged.filter_map(|(_, facts)| facts.down_in).chain(region).min();
        let seconds = bound.map(|bound| u32::try_from(bound.as_secs()).unwrap_or(u32::MAX));
        seconds.and_then(Ttl::from_secs).map_or(ttl, |bound| bound.clamp(ttl_min, ttl))
    }

    fn state(
        &self,
        pools: &[[JudgedLane; 2]],
        standings: &[EndpointStanding],
        panics: [bool; 2],
    ) -> ServiceState {
        let is_lane_down = |lane: usize| {
            let lanes = pools.iter().filter_map(|lanes| lanes.get(lane));
            lanes.clone().any(|lane| lane.exists) && !lanes.clone().any(|lane| lane.is_admitted)
        };
        let is_full = |standing: &EndpointStanding| *standing == EndpointStanding::ADMITTED;
        if is_lane_down(0) || is_lane_down(1) {
            ServiceState::AllDown
        } else if panics.contains(&true) {
            ServiceState::Panic
        } else if standings.iter().all(is_full) {
            ServiceState::Up
        } else {
            ServiceState::Degraded
        }
    }
}

fn standing(facts: &Facts, is_lane_admitted: bool, panics: bool) -> EndpointStanding {
    let admission = match facts.admin {
        AdminState::ForcedDown => Admission::Barred,
        AdminState::Drained => Admission::Drained,
        AdminState::ForcedUp => Admission::Admitted,
        AdminState::Auto if panics || is_lane_admitted && facts.is_up() => Admission::Admitted,
        AdminState::Auto => Admission::Down,
    };
    let is_whole = panics || admission != Admission::Admitted;
    EndpointStanding { admission, share: if is_whole { Share::FULL } else { facts.share } }
}
