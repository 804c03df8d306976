//! A world and its standing as load is planned for them: crowds, and where they can go.

use crate::load::Availability;
use crate::load::Cost;
use crate::load::CrowdStep;
use crate::load::Crowds;
use crate::load::CrowdsBuilder;
use crate::model::RegionId;
use crate::snapshot::Standing;
use crate::snapshot::World;
use crate::steer::Admission;
use crate::steer::Balanced;
use crate::steer::LabelId;
use crate::steer::Labels;

impl World {
    /// The clients of all labels of all maps, as far as the maps were weighed. Each service of a
    /// map is taken to be asked for as much as any other, since nobody knows better; where a
    /// map knows of no clients at all, each of its labels counts as much as any other.
    pub fn crowds(&self, n_regions: usize) -> Crowds {
        let mut crowds = CrowdsBuilder::new(n_regions);
        for (at, map) in self.maps().iter().enumerate() {
            let n_services = self.n_services(at);
            let weights = self.weights(at, n_regions);
            let labels = map.labels();
            let is_weighed = labels.ids().any(|label| labels.clients(label) > 0.0);
            for label in labels.ids() {
                let clients = if is_weighed { labels.clients(label) } else { 1.0 };
                crowds.push(at, clients * n_services, crowd_steps(labels, label, &weights));
            }
        }
        crowds.finish()
    }

    /// How many services answer from a map.
    pub fn n_services(&self, map: usize) -> f64 {
        number(self.services().iter().filter(|service| service.map == map).count())
    }

    /// For each region, the mean weight of the pools there of a map's services.
    pub fn weights(&self, map: usize, n_regions: usize) -> Vec<f64> {
        by_region(n_regions, self.services().iter().filter(|service| service.map == map))
    }

    /// For each map and region, the part of the map's services that may be answered with an
    /// endpoint there.
    pub fn availability(&self, standing: &Standing, n_regions: usize) -> Availability {
        let mut availability = Availability::whole(n_regions);
        let n_maps = self.maps().len();
        let mut sums = vec![(0.0, 0.0); n_maps * n_regions];
        for (position, service) in self.services().iter().enumerate() {
            let Some(standing) = standing.service(position) else { continue };
            for region in (0..).map(RegionId).take(n_regions) {
                let Some(sum) = sums.get_mut(service.map * n_regions + region.index()) else {
                    continue;
                };
                sum.1 += 1.0;
                let Some(pool) = service.pool_in(region) else { continue };
                let lanes = service
                    .pools
                    .get(pool)
                    .map_or([false; 2], |pool| pool.lanes.map(|lane| lane.len > 0));
                let has = |lane: usize| lanes.get(lane) == Some(&true);
                let is_up = |lane: usize| standing.admission(pool, lane) == Admission::Admitted;
                // One family is enough: most clients of the other have it too.
                if (0..2).any(|lane| has(lane) && is_up(lane)) {
                    sum.0 += 1.0;
                }
            }
        }
        for (at, (up, all)) in sums.into_iter().enumerate() {
            let region = u16::try_from(at % n_regions.max(1)).unwrap_or(u16::MAX);
            if all > 0.0 && up < all {
                availability.set(at / n_regions.max(1), RegionId(region), up / all);
            }
        }
        availability
    }
}

/// The steps of a label's clients as load is planned for them, with these weights by region.
pub fn crowd_steps(
    labels: &Labels,
    label: LabelId,
    weights: &[f64],
) -> impl Iterator<Item = CrowdStep> {
    let costs = labels.costs(label);
    labels.steps(label).iter().enumerate().map(move |(at, step)| CrowdStep {
        region: step.region,
        opens_tier: step.opens_tier,
        cost: costs.get(at).copied().unwrap_or(Cost::UNKNOWN),
        loss: labels.loss(label, at),
        weight: weights.get(step.region.index()).copied().unwrap_or(0.0),
    })
}

/// The mean weight of the pools in each region.
fn by_region<'a>(n_regions: usize, services: impl Iterator<Item = &'a Balanced>) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); n_regions];
    for pool in services.flat_map(|service| &service.pools) {
        if let Some((sum, n)) = sums.get_mut(pool.region.index()) {
            *sum += f64::from(pool.weight);
            *n += 1.0;
        }
    }
    sums.into_iter().map(|(sum, n): (f64, f64)| if n > 0.0 { sum / n } else { 0.0 }).collect()
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
