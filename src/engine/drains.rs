//! What operators took out: which clients still get it, and when caches have let go.
//!
//! ```text
//!   a service is judged ─► last resorts ─► per endpoint: still answered, or free when
//!   cards of other nodes ─► which of them do not hold the same orders yet
//! ```
//!
//! What is said of a drain comes from the maps and the standing that queries are answered from.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::engine::AdminStatus;
use crate::engine::Engine;
use crate::engine::StillAnswered;
use crate::engine::Unsettled;
use crate::engine::admin;
use crate::engine::judge::Facts;
use crate::engine::plan::EndpointId;
use crate::engine::plan::start_of;
use crate::model::AdminState;
use crate::model::AdminTarget;
use crate::model::Family;
use crate::model::RegionId;
use crate::model::limits;
use crate::steer::LastResort;
use crate::steer::ServiceStanding;
use crate::steer::last_resorts;

/// What is remembered of an endpoint while an admin state takes it out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Out {
    /// Nothing else is left to some clients, so that they are still answered with it.
    is_answered: bool,
    /// When caches have let go of the last answer with it.
    free: Timestamp,
}

impl Out {
    /// The clock was set back: it is free no later than if it had been taken out now.
    pub(super) fn set_back(&mut self, latest: Timestamp) {
        self.free = self.free.min(latest);
    }
}

/// Which orders that take something out the other name servers hold.
#[derive(Debug, Default)]
pub(super) struct Spread {
    /// How many orders were taken: what comes at one moment is told apart by it.
    count: u64,
    steps: BTreeMap<AdminTarget, Step>,
}

/// How far one order is.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Which order it was.
    number: u64,
    /// Whether some node did not hold it when that was looked at last.
    is_open: bool,
    /// When the last node was heard to hold it, if one had to be waited for.
    closed: Option<Timestamp>,
}

impl Spread {
    /// How many orders were taken.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Notes that an order was taken here.
    pub(super) fn note(&mut self, target: &AdminTarget, state: AdminState) {
        self.count += 1;
        if state < AdminState::Drained {
            self.steps.remove(target);
        } else if self.steps.contains_key(target) || self.steps.len() < limits::ADMIN_STATES {
            let step = Step { number: self.count, is_open: false, closed: None };
            self.steps.insert(target.clone(), step);
        }
    }

    /// Looks which orders all others hold: `oldest` is the number of the last order of that one
    /// which is furthest behind, `None` if it never held the same.
    pub(super) fn follow(&mut self, oldest: Option<u64>, now: Timestamp) {
        for step in self.steps.values_mut() {
            let is_open = oldest.is_none_or(|agreed| agreed < step.number);
            if step.is_open && !is_open {
                step.closed = Some(now);
            }
            step.is_open = is_open;
        }
    }

    /// The clock was set back to `now`.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        for step in self.steps.values_mut() {
            step.closed = step.closed.map(|closed| closed.min(now));
        }
    }
}

impl Engine {
    /// Notes which endpoints of a service are out, and whether they are still answered.
    pub(super) fn note_outs(
        &mut self,
        at: usize,
        facts: &[Facts],
        standing: &ServiceStanding,
        now: Timestamp,
    ) {
        let is_out = |facts: &Facts| facts.admin >= AdminState::Drained;
        let memories = self.services.get(at).into_iter().flat_map(|known| &known.endpoints);
        let had_some = memories.flatten().any(|memory| memory.out.is_some());
        if !had_some && !facts.iter().any(is_out) {
            return;
        }
        let Some(service) = self.plan.services.get(at) else { return };
        let ttl = Duration::from_secs(service.ttl.secs().into());
        let pools: Vec<(RegionId, usize)> =
            service.pools.iter().map(|pool| (pool.region, pool.endpoints.len())).collect();
        let resorts = self.resorts(at, standing);
        let mut start = 0;
        for (pool, (region, len)) in pools.into_iter().enumerate() {
            let cached = self.regions.get(region.index()).and_then(|region| region.cached);
            let free = cached.unwrap_or(now).max(now + ttl);
            for endpoint in 0..len {
                let id = EndpointId { service: at, pool, endpoint };
                let is_out = facts.get(start + endpoint).is_some_and(is_out);
                let is_answered = is_out && self.is_in(&resorts, id, start);
                let Some(memory) = self.memory(id) else { continue };
                memory.out = match memory.out {
                    _ if !is_out => None,
                    Some(Out { is_answered: false, free }) if !is_answered => {
                        Some(Out { is_answered, free })
                    }
                    _ => Some(Out { is_answered, free }),
                };
            }
            start += len;
        }
    }

    /// The clients of a service that are answered with what is drained.
    fn resorts(&self, at: usize, standing: &ServiceStanding) -> Vec<LastResort> {
        let world = &self.plan.world;
        let Some(service) = world.services().get(at) else { return Vec::new() };
        let Some(map) = world.maps().get(service.map) else { return Vec::new() };
        last_resorts(service, standing, map.labels())
    }

    fn is_in(&self, resorts: &[LastResort], id: EndpointId, start: usize) -> bool {
        let Some((lane, position)) = self.wiring.lane_of(id, start) else { return false };
        resorts.iter().any(|resort| resort.answers(id.pool, lane, position))
    }

    /// What holds of an admin state now: when caches have let go, and what stands against that.
    pub(super) fn followed(&self, status: &AdminStatus) -> (Timestamp, Option<Unsettled>) {
        if status.state < AdminState::Drained {
            return (status.settled, None);
        }
        let endpoints = self.covered(&status.target);
        let out = |id: &EndpointId| {
            self.services.get(id.service)?.endpoints.get(id.pool)?.get(id.endpoint)?.out
        };
        let free = endpoints.iter().filter_map(out).filter(|out| !out.is_answered);
        let settled = free.map(|out| out.free).max().unwrap_or(status.settled);
        let mut answered = endpoints;
        answered.retain(|id| out(id).is_some_and(|out| out.is_answered));
        let mut unsettled = Unsettled::default();
        self.add_clients(&mut unsettled, &answered);
        let spread = self.spread.steps.get(&status.target);
        let settled = match spread {
            Some(Step { number, is_open: true, .. }) => {
                let nodes = self.nodes.without(*number);
                unsettled.nodes_total = nodes.len();
                unsettled.nodes = nodes.into_iter().take(limits::UNSETTLED).collect();
                settled
            }
            Some(Step { closed: Some(closed), .. }) => {
                let services = admin::concerned(&status.target, &self.plan, &self.wiring);
                settled.max(*closed + self.longest_ttl(&services.unwrap_or_default()))
            }
            Some(_) | None => settled,
        };
        (settled, Some(unsettled).filter(|unsettled| *unsettled != Unsettled::default()))
    }

    /// Says which clients still get some of these endpoints, which are in order.
    fn add_clients(&self, unsettled: &mut Unsettled, answered: &[EndpointId]) {
        for of_service in answered.chunk_by(|a, b| a.service == b.service) {
            let Some(at) = of_service.first().map(|id| id.service) else { continue };
            let judged = self.services.get(at).and_then(|known| known.judged.as_ref());
            let (Some(judged), Some(noun)) = (judged, self.plan.services.get(at)) else { continue };
            for resort in self.resorts(at, &judged.standing) {
                let one = std::slice::from_ref(&resort);
                let mut endpoints = of_service.iter();
                if !endpoints.any(|id| self.is_in(one, *id, start_of(noun, id.pool))) {
                    continue;
                }
                unsettled.clients_total += 1;
                if unsettled.clients.len() < limits::UNSETTLED {
                    unsettled.clients.push(self.described(at, &resort));
                }
            }
        }
    }

    fn described(&self, at: usize, resort: &LastResort) -> StillAnswered {
        let service = self.plan.services.get(at);
        let records = match service {
            Some(service) if service.is_alias() => "CNAME".to_owned(),
            _ => Family::ALL
                .get(resort.lane)
                .map(|f| f.record_type().to_string())
                .unwrap_or_default(),
        };
        let pools = service.map_or(&[][..], |service| &service.pools).iter();
        let inside = pools.filter(|pool| resort.fence.regions.contains(pool.region));
        let group = resort.fence.group.and_then(|id| self.plan.vantages.groups.get(id.index()));
        StillAnswered {
            service: service.map(|service| service.name.clone()).unwrap_or_default(),
            records,
            regions: inside.map(|pool| self.plan.region_name(pool.region).to_owned()).collect(),
            rules: self.plan.world.rules_of(at, &resort.fence.regions),
            group: group.cloned(),
        }
    }

    /// The endpoints that a target is about, in order.
    fn covered(&self, target: &AdminTarget) -> Vec<EndpointId> {
        let in_pool = |service: usize, pool: usize| {
            let noun = self.plan.services.get(service).and_then(|service| service.pools.get(pool));
            let len = noun.map_or(0, |pool| pool.endpoints.len());
            (0..len).map(move |endpoint| EndpointId { service, pool, endpoint })
        };
        match target {
            AdminTarget::Region { region } => {
                let id = self.wiring.region(region);
                let services = id.and_then(|id| self.wiring.services_of_region.get(id.index()));
                let pool = |at: &usize| {
                    let pools = &self.plan.services.get(*at)?.pools;
                    Some((*at, pools.iter().position(|pool| Some(pool.region) == id)?))
                };
                let pools = services.into_iter().flatten().filter_map(pool);
                pools.flat_map(|(service, pool)| in_pool(service, pool)).collect()
            }
            AdminTarget::Pool { service, region } => {
                let pool = self.wiring.pool(&self.plan, service, region);
                pool.into_iter().flat_map(|(service, pool)| in_pool(service, pool)).collect()
            }
            AdminTarget::Endpoint { service, region, endpoint } => {
                self.wiring.endpoint(&self.plan, service, region, endpoint).into_iter().collect()
            }
        }
    }

    /// Admin states that keep clients from what a target is about, besides its own.
    pub(super) fn others_on(&self, target: &AdminTarget) -> Vec<AdminStatus> {
        let overlaps = |other: &AdminStatus| {
            other.state >= AdminState::Drained && other.target.overlaps(target)
        };
        let others = self.admin.all().filter(|other| overlaps(other));
        let is_other =
            |other: &&AdminStatus| other.target != *target || other.stamp.node.is_empty();
        others.filter(is_other).take(limits::UNSETTLED).cloned().collect()
    }
}
