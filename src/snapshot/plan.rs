//! Which maps a configuration needs, and which service answers from which.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Config;
use crate::model::RegionId;
use crate::model::RegionSet;
use crate::model::Service;
use crate::model::VotingScope;
use crate::model::limits;
use crate::steer::Balanced;
use crate::steer::MapPlan;
use crate::steer::Partition;

/// One map per policy and set of regions that its services have pools in; and one more that is
/// partitioned by vantage groups, if a service with that set asks for it.
///
/// Services with equal sets share one. Past [`limits::MAPS_PER_POLICY`] sets the further
/// services of a policy share the map of the union of theirs. Partitioned maps are counted by
/// themselves, so that nobody's map depends on what services with others ask for.
pub(super) struct Plans<'a> {
    pub(super) maps: Vec<MapPlan<'a>>,
    /// For each service, the position of its map.
    pub(super) of_service: Vec<usize>,
}

impl<'a> Plans<'a> {
    pub(super) fn new(config: &'a Config, partition: Option<&'a Partition>) -> Self {
        let mut plans = Self { maps: Vec::new(), of_service: Vec::new() };
        let mut by_set: HashMap<(Kin, RegionSet), usize> = HashMap::new();
        let mut overflow: HashMap<Kin, usize> = HashMap::new();
        let mut n_maps: HashMap<Kin, usize> = HashMap::new();
        let weighed = config.regions.iter().any(|region| region.capacity.is_some());
        for service in &config.services {
            let Some(policy) = config.policies.get(service.policy) else { continue };
            let partition = partition.filter(|_| is_judged_by_groups(config, service));
            let kin = Kin { policy: service.policy, is_partitioned: partition.is_some() };
            let set = service.regions();
            let at = if let Some(at) = by_set.get(&(kin, set)).or_else(|| overflow.get(&kin)) {
                *at
            } else {
                let n = n_maps.entry(kin).or_default();
                let whole_order = *n == limits::MAPS_PER_POLICY;
                *n += 1;
                let orders = Some(&*config.orders);
                let plan =
                    MapPlan { policy, regions: set, whole_order, partition, orders, weighed };
                plans.maps.push(plan);
                let at = plans.maps.len() - 1;
                if whole_order {
                    overflow.insert(kin, at);
                } else {
                    by_set.insert((kin, set), at);
                }
                at
            };
            if let Some(plan) = plans.maps.get_mut(at) {
                plan.regions = plan.regions.union(&set);
            }
            plans.of_service.push(at);
        }
        plans
    }
}

/// Services that may share maps.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Kin {
    policy: usize,
    is_partitioned: bool,
}

/// Whether a verdict on the service's endpoints may hold for the clients of a vantage group only.
fn is_judged_by_groups(config: &Config, service: &Service) -> bool {
    let monitors = service.monitors.iter().flat_map(|monitors| &monitors.of);
    let mut monitors = monitors.filter_map(|id| config.monitors.get(id.index()));
    monitors.any(|monitor| match monitor.voting.scope {
        VotingScope::Everyone => false,
        VotingScope::Vantage => true,
    })
}

/// Gives services with pools in the same regions, in the same order, one table.
#[derive(Default)]
pub(super) struct PoolTables(HashMap<Vec<RegionId>, Arc<[u16]>>);

impl PoolTables {
    /// For each region by id, the position of the service's pool there.
    pub(super) fn of(&mut self, service: &Service) -> Arc<[u16]> {
        let regions: Vec<RegionId> = service.pools.iter().map(|pool| pool.region).collect();
        let table = || {
            let len = regions.iter().map(|region| region.index() + 1).max().unwrap_or(0);
            let mut table = vec![Balanced::NO_POOL; len];
            for (region, at) in regions.iter().zip(0..) {
                if let Some(slot) = table.get_mut(region.index()) {
                    *slot = at;
                }
            }
            Arc::from(table)
        };
        Arc::clone(self.0.entry(regions.clone()).or_insert_with(table))
    }
}
