//! What is asked, by the regions that the configuration has.

use crate::cli::arguments::simulate::Simulate;
use crate::cli::explain::region_named;
use crate::model::Capacity;
use crate::model::Region;
use crate::model::RegionId;
use crate::model::Weight;
use crate::steer::Admission;

/// What changes between before and after, and what is asked for in both.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    down: Vec<RegionId>,
    drained: Vec<RegionId>,
    weights: Vec<(RegionId, Weight)>,
    capacities: Vec<(RegionId, f64)>,
    pub(super) demand: Demand,
}

/// How much clients ask for, as far as it was said.
#[derive(Clone, Debug, Default)]
pub(super) struct Demand {
    /// All of them.
    pub(super) total: Option<f64>,
    /// Those whose first region that is.
    pub(super) of_origin: Vec<(RegionId, f64)>,
}

impl Changes {
    /// Finds the regions that the options name.
    ///
    /// # Errors
    ///
    /// A region that there is not, with those that there are; two totals.
    pub(super) fn of(options: &Simulate, regions: &[Region]) -> Result<Self, String> {
        let find = |name: &String| region_named(regions, name);
        let mut changes = Self {
            down: options.down.iter().map(find).collect::<Result<_, _>>()?,
            drained: options.drain.iter().map(find).collect::<Result<_, _>>()?,
            ..Self::default()
        };
        for (name, weight) in &options.weight {
            changes.weights.push((find(name)?, *weight));
        }
        for (name, amount) in &options.capacity {
            changes.capacities.push((find(name)?, *amount));
        }
        for (name, amount) in &options.demand {
            match name {
                Some(name) => changes.demand.of_origin.push((find(name)?, *amount)),
                None if changes.demand.total.is_some() => {
                    return Err("--demand has two totals: give one".to_owned());
                }
                None => changes.demand.total = Some(*amount),
            }
        }
        Ok(changes)
    }

    /// Whether a region takes clients after the change.
    pub(super) fn admission(&self, region: RegionId) -> Admission {
        if self.drained.contains(&region) {
            Admission::Drained
        } else if self.down.contains(&region) {
            Admission::Down
        } else {
            Admission::Admitted
        }
    }

    /// The weights after the change, from those before.
    pub(super) fn weights(&self, mut weights: Vec<f64>) -> Vec<f64> {
        for (region, weight) in &self.weights {
            if let Some(slot) = weights.get_mut(region.index()) {
                *slot = f64::from(weight.0);
            }
        }
        weights
    }

    /// The capacities after the change. One that had none spares from where others do.
    pub(super) fn capacities(&self, regions: &[Region]) -> Vec<Option<Capacity>> {
        let mut capacities: Vec<_> = regions.iter().map(|region| region.capacity).collect();
        for (region, amount) in &self.capacities {
            if let Some(slot) = capacities.get_mut(region.index()) {
                let limits = Capacity { amount: 0.0, soft: Capacity::SOFT, hard: Capacity::HARD };
                *slot = Some(Capacity { amount: *amount, ..slot.unwrap_or(limits) });
            }
        }
        capacities
    }

    /// What changes of a region, in words; empty if nothing does.
    pub(super) fn told(&self, region: RegionId) -> Vec<String> {
        let mut told = Vec::new();
        if self.down.contains(&region) {
            told.push("down".to_owned());
        }
        if self.drained.contains(&region) {
            told.push("drained".to_owned());
        }
        let weights = self.weights.iter().rfind(|(of, _)| *of == region);
        told.extend(weights.map(|(_, weight)| format!("weight {}", weight.0)));
        let capacities = self.capacities.iter().rfind(|(of, _)| *of == region);
        told.extend(capacities.map(|(_, amount)| format!("capacity {amount}")));
        told
    }
}
