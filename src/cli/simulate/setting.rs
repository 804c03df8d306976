//! Settings: where clients go before, and after.

use crate::cli::simulate::changes::Changes;
use crate::cli::simulate::changes::Demand;
use crate::cli::simulate::scene::Scene;
use crate::load::Availability;
use crate::load::CrowdStep;
use crate::load::Crowds;
use crate::load::CrowdsBuilder;
use crate::load::Cutoffs;
use crate::load::Flow;
use crate::load::Plan;
use crate::model::Capacity;
use crate::model::RegionId;

/// Parts of a crowd below this are what sums are wrong by.
pub(super) const NOBODY: f64 = 1e-9;

/// What clients meet, before or after.
pub(super) struct Setting {
    pub(super) capacities: Vec<Option<Capacity>>,
    /// By map and region.
    pub(super) weights: Vec<Vec<f64>>,
    availability: Availability,
    crowds: Crowds,
}

/// The same for a demand: whom regions refuse, and where all go.
pub(super) struct Outlook {
    pub(super) setting: Setting,
    /// What the planner ends in.
    pub(super) plan: Plan,
}

/// By what the demand is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Basis {
    /// It was said.
    Given,
    /// It brings that region to its soft limit before the change.
    SoftLimit(RegionId),
    /// No region has a capacity: there are shares of one whole.
    Shares,
}

/// How much is asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) basis: Basis,
    /// By region, what each of the clients asks for whose first it is.
    pub(super) each: Vec<f64>,
}

impl Setting {
    /// Before, if nothing changes, or after.
    pub(super) fn of(scene: &Scene, changes: &Changes) -> Self {
        let n_maps = scene.world.maps().len();
        let weights = (0..n_maps).map(|map| changes.weights(scene.weights(map)));
        let weights: Vec<Vec<f64>> = weights.collect();
        let crowds = scene.crowds(&weights);
        let availability = scene.availability(changes);
        let capacities = changes.capacities(&scene.regions);
        Self { capacities, weights, availability, crowds }
    }

    /// Plans for what is asked for.
    pub(super) fn planned(self, asked: &Asked) -> Outlook {
        let Self { crowds, availability, capacities, .. } = &self;
        let plan = Plan::settled(crowds, availability, capacities, &asked.each);
        Outlook { setting: self, plan }
    }

    /// By region, whom it would serve if each client asked once, and nobody were refused.
    fn open(&self) -> Vec<f64> {
        let n_regions = self.crowds.n_regions();
        let once = vec![1.0; n_regions];
        let none = Cutoffs::none(n_regions);
        let flow = Flow::of(&self.crowds, &self.availability, &none, &once);
        flow.served_by_region(&self.crowds)
    }
}

impl Outlook {
    /// Of the clients who go these steps in a map, the part that each region serves; `None` is
    /// for whom nothing is left. The parts add up to 1.
    pub(super) fn parts(&self, map: usize, steps: Vec<CrowdStep>) -> Vec<(Option<RegionId>, f64)> {
        let n_regions = self.setting.crowds.n_regions();
        let mut alone = CrowdsBuilder::new(n_regions);
        alone.push(map, 1.0, steps);
        let alone = alone.finish();
        let once = vec![1.0; n_regions];
        let flow = Flow::of(&alone, &self.setting.availability, &self.plan.cutoffs, &once);
        let mut parts: Vec<(Option<RegionId>, f64)> =
            flow.parts(&alone).map(|part| (Some(part.region), part.clients)).collect();
        let served: f64 = parts.iter().map(|(_, part)| part).sum();
        if 1.0 - served > NOBODY {
            parts.push((None, 1.0 - served));
        }
        parts
    }
}

impl Asked {
    /// What was said, else what fills a region to its soft limit, else one whole.
    ///
    /// # Errors
    ///
    /// One line, if that does not say how much everybody asks for.
    pub(super) fn of(
        scene: &Scene,
        demand: &Demand,
        before: &Setting,
        after: &Setting,
    ) -> Result<Self, String> {
        let clients = before.crowds.clients_by_origin();
        let all: f64 = clients.iter().sum();
        if all <= 0.0 {
            return Err("no client is known that any region would be answered to".to_owned());
        }
        let served = before.open();
        let fill = |capacities: &[Option<Capacity>]| {
            let regions = capacities.iter().zip(&served).zip((0..).map(RegionId));
            let fills = regions.filter_map(|((capacity, served), region)| {
                let capacity = capacity.as_ref().filter(|_| *served > 0.0)?;
                Some((capacity.amount * capacity.soft / served, region))
            });
            fills.min_by(|(a, _), (b, _)| a.total_cmp(b))
        };
        // A limit that there is only after the change is as good as one before.
        let filled = fill(&before.capacities).or_else(|| fill(&after.capacities));
        let (basis, each) = match (demand.total, filled) {
            (Some(total), _) => (Basis::Given, total / all),
            (None, Some((each, region))) => (Basis::SoftLimit(region), each),
            (None, None) if demand.of_origin.is_empty() => (Basis::Shares, 1.0 / all),
            (None, None) => {
                let what = "no region has a capacity: say by --demand TOTAL too what all ask for";
                return Err(what.to_owned());
            }
        };
        let mut each = vec![each; clients.len()];
        for (region, amount) in &demand.of_origin {
            let own = clients.get(region.index()).copied().unwrap_or(0.0);
            match each.get_mut(region.index()) {
                Some(slot) if own > 0.0 => *slot = amount / own,
                Some(_) | None => {
                    let name = scene.name(*region);
                    return Err(format!("--demand: `{name}` is the first region of nobody"));
                }
            }
        }
        Ok(Self { basis, each })
    }

    /// How much each of the clients asks for who go these steps.
    pub(super) fn each(&self, steps: &[CrowdStep]) -> f64 {
        let first = steps.first().and_then(|step| self.each.get(step.region.index()));
        first.copied().unwrap_or(0.0)
    }
}
