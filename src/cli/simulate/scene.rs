//! The scene: the world that nodes would serve from, and who lives in it.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::cli::chain;
use crate::cli::simulate::changes::Changes;
use crate::config::Config;
use crate::geo::Overlay;
use crate::latency::Orders;
use crate::load::Availability;
use crate::load::CrowdStep;
use crate::load::Crowds;
use crate::load::CrowdsBuilder;
use crate::model::Country;
use crate::model::Place;
use crate::model::Policy;
use crate::model::Region;
use crate::model::RegionId;
use crate::model::RegionSet;
use crate::snapshot::Standing;
use crate::snapshot::World;
use crate::snapshot::atlas;
use crate::snapshot::crowd_steps;
use crate::steer::Admission;
use crate::steer::Census;
use crate::steer::Costs;
use crate::steer::LabelId;
use crate::steer::Population;
use crate::steer::ServiceStanding;
use crate::steer::Whereabouts;

/// A compiled configuration, and where its clients are.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) regions: Vec<Region>,
    policies: Vec<Policy>,
    orders: Arc<Orders>,
    census: Census,
    /// What is known of clients where no database says anything.
    nowhere: (Place, Overlay),
    /// By map and label, how many clients there are.
    clients: Vec<Vec<f64>>,
}

/// Clients who share a place, as one map sees them.
#[derive(Clone, Copy)]
pub(super) struct Group<'a> {
    pub(super) label: LabelId,
    pub(super) clients: f64,
    pub(super) whereabouts: Whereabouts<'a>,
}

impl Scene {
    /// Walks the databases twice: once for the maps, once for the clients.
    ///
    /// # Errors
    ///
    /// One line, if a database is damaged, or nobody of the population is in one.
    pub(super) fn of(
        mut config: Config,
        changes: &Changes,
        population: &Population,
    ) -> Result<Self, String> {
        let ground = atlas(&config.databases, &config.nets, &config.policies, &config.orders);
        let census = Census::of(&ground, population).map_err(|error| chain(&error))?;
        if census.is_empty() && matches!(population, Population::Listed(_)) {
            let what = "no network of the databases is in a country of the population";
            return Err(what.to_owned());
        }
        drop(ground);
        let (regions, policies) = (config.regions.clone(), config.policies.clone());
        let orders = Arc::clone(&config.orders);
        // Maps are weighed if some region has a capacity, and that may be after the change only.
        let capacities = changes.capacities(&regions);
        for (region, capacity) in config.regions.iter_mut().zip(capacities) {
            region.capacity = capacity;
        }
        let (world, _) = World::build(config).map_err(|error| chain(&error))?;
        let nowhere = (Place::default(), Overlay::default());
        let mut scene =
            Self { world, regions, policies, orders, census, nowhere, clients: Vec::new() };
        scene.clients = (0..scene.world.maps().len()).map(|map| scene.count(map)).collect();
        Ok(scene)
    }

    fn count(&self, map: usize) -> Vec<f64> {
        let n_labels = self.world.maps().get(map).map_or(0, |map| map.labels().len());
        let mut clients = vec![0.0; n_labels];
        for group in self.groups(map) {
            if let Some(slot) = clients.get_mut(group.label.0 as usize) {
                *slot += group.clients;
            }
        }
        clients
    }

    /// All clients of a map; those that are steered by their resolver are not among them.
    pub(super) fn groups(&self, map: usize) -> impl Iterator<Item = Group<'_>> {
        let compiled = self.world.maps().get(map);
        let label = move |address: Option<Ipv4Addr>| match address {
            Some(address) => compiled?.label_at(address),
            None => compiled.map(|map| map.label_of_nowhere()),
        };
        let (place, overlay) = &self.nowhere;
        let nowhere = self.census.is_empty().then_some((None, 1.0, Whereabouts { place, overlay }));
        let somewhere = self.census.iter();
        let somewhere =
            somewhere.map(|found| (Some(found.address), found.clients, found.whereabouts));
        somewhere.chain(nowhere).filter_map(move |(address, clients, whereabouts)| {
            Some(Group { label: label(address)?, clients, whereabouts })
        })
    }

    /// The labels of a map that have clients: how many, and the steps that they go, with weights
    /// by region.
    pub(super) fn labels<'a>(
        &'a self,
        map: usize,
        weights: &'a [f64],
    ) -> impl Iterator<Item = (LabelId, f64, Vec<CrowdStep>)> + 'a {
        let labels = self.world.maps().get(map).map(|map| map.labels());
        let clients = self.clients.get(map);
        labels.zip(clients).into_iter().flat_map(move |(labels, clients)| {
            let counted = labels.ids().zip(clients).filter(|(_, clients)| **clients > 0.0);
            counted.map(|(label, clients)| {
                (label, *clients, crowd_steps(labels, label, weights).collect())
            })
        })
    }

    /// The weights by region of a map's pools.
    pub(super) fn weights(&self, map: usize) -> Vec<f64> {
        self.world.weights(map, self.regions.len())
    }

    /// The crowds, as load is planned for them; `weights` by map and region.
    pub(super) fn crowds(&self, weights: &[Vec<f64>]) -> Crowds {
        let mut crowds = CrowdsBuilder::new(self.regions.len());
        for (map, weights) in weights.iter().enumerate() {
            let n_services = self.world.n_services(map);
            for (_, clients, steps) in self.labels(map, weights) {
                crowds.push(map, clients * n_services, steps);
            }
        }
        crowds.finish()
    }

    /// Where there is somewhere to go once that has changed.
    pub(super) fn availability(&self, changes: &Changes) -> Availability {
        let admission = |region| -> Admission { changes.admission(region) };
        let services = self.world.services().iter();
        let standing =
            Standing::new(services.map(|service| ServiceStanding::new(service, admission)));
        self.world.availability(&standing, self.regions.len())
    }

    /// What regions cost the clients of a map.
    pub(super) fn costs(&self, map: usize) -> Option<Costs<'_>> {
        let scope = self.world.scopes().get(map)?;
        let policy = self.policies.get(scope.policy)?;
        Some(Costs::new(&self.regions, policy, Some(&self.orders)))
    }

    /// The regions that some map ranks.
    pub(super) fn ranked(&self) -> RegionSet {
        let scopes = self.world.scopes().iter();
        scopes.fold(RegionSet::EMPTY, |all, scope| all.union(&scope.regions))
    }

    /// What a region is called.
    pub(super) fn name(&self, region: RegionId) -> &str {
        self.regions.get(region.index()).map_or("", |region| &region.name)
    }

    /// The countries in which somebody is.
    pub(super) fn countries(&self) -> HashSet<Country> {
        self.census.iter().filter_map(|found| found.whereabouts.place.country).collect()
    }
}
