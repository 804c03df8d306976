//! Which maps a configuration needs, and which service answers from which.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::Policy;
use crate::model::RegionId;
use crate::model::RegionSet;
use crate::model::Service;
use crate::model::limits;
use crate::steer::Balanced;
use crate::steer::MapPlan;

/// One map per policy and set of regions that its services have pools in.
///
/// Services with equal sets share one. Past [`limits::MAPS_PER_POLICY`] sets the further
/// services of a policy share the map of the union of theirs.
pub(super) struct Plans<'a> {
    pub(super) maps: Vec<MapPlan<'a>>,
    /// For each service, the position of its map.
    pub(super) of_service: Vec<usize>,
}

impl<'a> Plans<'a> {
    pub(super) fn new(policies: &'a [Policy], services: &[Service]) -> Self {
        let mut plans = Self { maps: Vec::new(), of_service: Vec::new() };
        let mut by_set: HashMap<(usize, RegionSet), usize> = HashMap::new();
        let mut overflow: HashMap<usize, usize> = HashMap::new();
        let mut n_maps = vec![0; policies.len()];
        for service in services {
            let set = service.regions();
            let key = (service.policy, set);
            let (Some(policy), Some(n)) =
                (policies.get(service.policy), n_maps.get_mut(service.policy))
            else {
                continue;
            };
            let at = if let Some(at) = by_set.get(&key).or_else(|| overflow.get(&service.policy)) {
                *at
            } else {
                let whole_order = *n == limits::MAPS_PER_POLICY;
                *n += 1;
                plans.maps.push(MapPlan { policy, regions: set, whole_order });
                let at = plans.maps.len() - 1;
                if whole_order {
                    overflow.insert(service.policy, at);
                } else {
                    by_set.insert(key, at);
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
