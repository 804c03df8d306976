//! What the engine works on: a configuration, and who depends on what in it.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;

use crate::health::CheckId;
use crate::health::Checks;
use crate::health::Item;
use crate::health::Panel;
use crate::model::AdminTarget;
use crate::model::Endpoint;
use crate::model::Maintenance;
use crate::model::MinRegions;
use crate::model::Monitor;
use crate::model::Region;
use crate::model::RegionId;
use crate::model::Service;
use crate::model::Target;
use crate::model::VantageGroupId;
use crate::model::Vantages;
use crate::snapshot::World;
use crate::steer::Balanced;
use crate::steer::SteeringMap;

/// A configuration as the engine needs it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What was compiled from it.
    pub world: Arc<World>,
    /// Its regions.
    pub regions: Vec<Region>,
    /// Its services.
    pub services: Vec<Service>,
    /// Its monitors.
    pub monitors: Vec<Monitor>,
    /// What they are pointed at.
    pub checks: Checks,
    /// When clients are kept away by plan.
    pub maintenance: Vec<Maintenance>,
    /// How many regions a service must keep when one is drained.
    pub min_regions: MinRegions,
    /// The vantages that vote; if none, the node itself is the only one.
    pub vantages: Vantages,
    /// What the node is to the others.
    pub node: Node,
}

/// What a node is to the others.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Node {
    /// Its name, also as a vantage.
    pub name: String,
    /// Drawn when the process started.
    pub instance: u64,
    /// Whether it probes.
    pub probes: bool,
}

/// An endpoint by its position: service, pool, endpoint in the order of the configuration.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct EndpointId {
    pub(super) service: usize,
    pub(super) pool: usize,
    pub(super) endpoint: usize,
}

/// Who depends on what in a plan.
#[derive(Debug, Default)]
pub(super) struct Wiring {
    /// Per check, the services that it may change.
    pub(super) services_of_check: Vec<Vec<usize>>,
    /// Per check, the regions that it may change.
    pub(super) regions_of_check: Vec<Vec<RegionId>>,
    /// Per region, the services with a pool in it.
    pub(super) services_of_region: Vec<Vec<usize>>,
    /// Per service and pool, the endpoints of each lane by their position in the service: its
    /// pools one after the other.
    pub(super) lanes: Vec<Vec<[Box<[usize]>; 2]>>,
    /// Per service, the weights of all its endpoints, its pools one after the other.
    pub(super) weights: Vec<Box<[u32]>>,
    /// Per service, the vantage groups whose clients its verdicts may differ for.
    pub(super) groups: Vec<Arc<[VantageGroupId]>>,
    regions: HashMap<String, RegionId>,
    services: HashMap<String, usize>,
}

impl Wiring {
    pub(super) fn new(plan: &Plan) -> Self {
        let n_checks = plan.checks.all.len();
        let mut wiring = Self {
            services_of_check: vec![Vec::new(); n_checks],
            regions_of_check: vec![Vec::new(); n_checks],
            services_of_region: vec![Vec::new(); plan.regions.len()],
            ..Self::default()
        };
        for (at, region) in (0..).map(RegionId).zip(&plan.regions) {
            wiring.regions.insert(region.name.clone(), at);
        }
        for (region, check) in (0..).map(RegionId).zip(&plan.checks.regions) {
            let of_check = check.and_then(|check| wiring.regions_of_check.get_mut(check.index()));
            of_check.into_iter().for_each(|regions| regions.push(region));
        }
        for (at, service) in plan.services.iter().enumerate() {
            wiring.add(at, service, plan);
        }
        let of_map = |map: &SteeringMap| map.labels().groups().into();
        let of_maps: Vec<Arc<[VantageGroupId]>> = plan.world.maps().iter().map(of_map).collect();
        let of_service = |service: &Balanced| of_maps.get(service.map).cloned();
        let services = plan.world.services().iter();
        wiring.groups = services.map(|s| of_service(s).unwrap_or_default()).collect();
        wiring
    }

    fn add(&mut self, at: usize, service: &Service, plan: &Plan) {
        self.services.insert(service.name.clone(), at);
        let checks = plan.checks.endpoints.get(at).into_iter().flatten().flatten();
        for check in checks.flat_map(|checks| checks.iter()) {
            if let Some(services) = self.services_of_check.get_mut(check.index())
                && services.last() != Some(&at)
            {
                services.push(at);
            }
        }
        for pool in &service.pools {
            if let Some(services) = self.services_of_region.get_mut(pool.region.index()) {
                services.push(at);
            }
        }
        let lane_of = |endpoint: &Endpoint| endpoint.target.family().map_or(0, |f| f.index());
        let lanes = service.pools.iter().enumerate().map(|(at, pool)| {
            let start = start_of(service, at);
            [0, 1].map(|lane| {
                let all = (start..).zip(&pool.endpoints);
                all.filter(|(_, e)| lane_of(e) == lane).map(|(position, _)| position).collect()
            })
        });
        self.lanes.push(lanes.collect());
        let endpoints = service.pools.iter().flat_map(|pool| &pool.endpoints);
        self.weights.push(endpoints.map(|endpoint| endpoint.weight.0).collect());
    }

    /// The lane of an endpoint and its position there; `start` is the position of its pool's
    /// first in the service.
    pub(super) fn lane_of(&self, id: EndpointId, start: usize) -> Option<(usize, usize)> {
        let lanes = self.lanes.get(id.service)?.get(id.pool)?;
        let find = |lane: &[usize]| lane.binary_search(&(start + id.endpoint)).ok();
        lanes.iter().enumerate().find_map(|(at, lane)| Some((at, find(lane)?)))
    }

    /// The region of that name.
    pub(super) fn region(&self, name: &str) -> Option<RegionId> {
        self.regions.get(name).copied()
    }

    /// The service of that name.
    pub(super) fn service(&self, name: &str) -> Option<usize> {
        self.services.get(name).copied()
    }

    /// The endpoint that a target names.
    pub(super) fn endpoint(
        &self,
        plan: &Plan,
        service: &str,
        region: &str,
        endpoint: &str,
    ) -> Option<EndpointId> {
        let (service, pool) = self.pool(plan, service, region)?;
        let all = &plan.services.get(service)?.pools.get(pool)?.endpoints;
        let endpoint = all.iter().position(|e| text(&e.target) == endpoint)?;
        Some(EndpointId { service, pool, endpoint })
    }

    /// The pool of a service in a region.
    pub(super) fn pool(&self, plan: &Plan, service: &str, region: &str) -> Option<(usize, usize)> {
        let (service, region) = (self.service(service)?, self.region(region)?);
        let pools = &plan.services.get(service)?.pools;
        Some((service, pools.iter().position(|pool| pool.region == region)?))
    }
}

impl Plan {
    /// A panel for its vantages, on which nobody was heard yet.
    pub(super) fn panel(&self) -> Panel {
        let alone = Vantages::alone(&self.node.name);
        let is_given = !self.vantages.all.is_empty();
        let vantages = if is_given { &self.vantages } else { &alone };
        let own = vantages.find(&self.node.name).filter(|_| self.node.probes);
        let items = self.checks.all.iter().zip(self.regions_of_checks());
        let items = items.map(|(check, regions)| {
            let monitor = self.monitors.get(check.monitor.index());
            Item {
                voting: monitor.map(|monitor| monitor.voting).unwrap_or_default(),
                interval: monitor.map(|monitor| monitor.interval).unwrap_or_default(),
                fall: monitor.map_or(1, |monitor| monitor.fall),
                regions: regions.into_iter().collect(),
            }
        });
        Panel::new(vantages, own, &self.checks.all, items.collect())
    }

    /// Per check, the regions whose endpoints it is for.
    fn regions_of_checks(&self) -> Vec<BTreeSet<RegionId>> {
        let mut found = vec![BTreeSet::new(); self.checks.all.len()];
        let mut put = |id: CheckId, region: RegionId| {
            found
                .get_mut(id.index())
                .into_iter()
                .for_each(|of: &mut BTreeSet<_>| of.extend([region]));
        };
        for (region, check) in (0..).map(RegionId).zip(&self.checks.regions) {
            check.iter().for_each(|id| put(*id, region));
        }
        for (service, checks) in self.services.iter().zip(&self.checks.endpoints) {
            for (pool, checks) in service.pools.iter().zip(checks) {
                checks.iter().flatten().for_each(|id| put(*id, pool.region));
            }
        }
        found
    }

    /// The operator's name for an endpoint.
    pub(super) fn target(&self, id: EndpointId) -> Option<AdminTarget> {
        let service = self.services.get(id.service)?;
        let pool = service.pools.get(id.pool)?;
        let endpoint = pool.endpoints.get(id.endpoint)?;
        Some(AdminTarget::Endpoint {
            service: service.name.clone(),
            region: self.region_name(pool.region).to_owned(),
            endpoint: text(&endpoint.target),
        })
    }

    /// The operator's name for a region.
    pub(super) fn region_name(&self, region: RegionId) -> &str {
        self.regions.get(region.index()).map_or("", |region| &region.name)
    }

    /// All endpoints.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = EndpointId> + '_ {
        self.services.iter().enumerate().flat_map(|(service, noun)| {
            noun.pools.iter().enumerate().flat_map(move |(pool, noun)| {
                let of = move |endpoint| EndpointId { service, pool, endpoint };
                (0..noun.endpoints.len()).map(of)
            })
        })
    }
}

/// The position in its service of a pool's first endpoint.
pub(super) fn start_of(service: &Service, pool: usize) -> usize {
    service.pools.iter().take(pool).map(|pool| pool.endpoints.len()).sum()
}

/// An endpoint as commands and the API name it.
pub(super) fn text(target: &Target) -> String {
    match target {
        Target::Address(address) => address.to_string(),
        Target::Host(name) => name.to_string().trim_end_matches('.').to_owned(),
    }
}
