//! Weigh: how many clients a label has, and what each step of its order costs them.
//!
//! The cost of a step is the mean over the label's clients; over those of its heaviest loci, that
//! is, since the others are like them or few.

use crate::geo::LeafLabel;
use crate::geo::Loci;
use crate::geo::LocusId;
use crate::geo::UnitVector;
use crate::latency::Orders;
use crate::load::Cost;
use crate::model::Policy;
use crate::model::Rank;
use crate::model::Region;
use crate::model::RegionId;
use crate::steer::LabelId;
use crate::steer::Labels;
use crate::steer::Whereabouts;
use crate::steer::clients::known;
use crate::steer::rank::order_of;

/// How many loci speak for a label.
const HEAVIEST: usize = 8;

/// For so many steps; past them the heaviest alone does.
const STEPS: usize = 16;

/// Kilometres that light in fibre goes there and back in a millisecond.
const KM_PER_MS: f64 = 100.0;

/// What regions cost whom.
#[derive(Debug)]
pub struct Costs<'a> {
    at: Vec<Option<UnitVector>>,
    /// What was measured, if the map ranks by it.
    orders: Option<&'a Orders>,
}

/// How long it takes to a region and back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoundTrip {
    /// In milliseconds.
    pub ms: f64,
    /// Whether it was estimated from what was measured; else it is the least there may be.
    pub is_estimate: bool,
}

impl<'a> Costs<'a> {
    /// Of these regions. `orders` count if the policy ranks by them.
    pub fn new(regions: &[Region], policy: &Policy, orders: Option<&'a Orders>) -> Self {
        let at = regions.iter().map(|region| region.location.map(UnitVector::from)).collect();
        let by_latency = policy.rank.contains(&Rank::Latency);
        Self { at, orders: orders.filter(|_| by_latency) }
    }

    /// The round trip to a region: as it was estimated, for those of whom the map knows it, else
    /// what light in fibre needs; `None` if one of the two is nowhere.
    pub fn round_trip(&self, client: &Whereabouts<'_>, region: RegionId) -> Option<RoundTrip> {
        if let Some(order) = self.orders.and_then(|orders| order_of(orders, client)) {
            let rated = order.rated().iter().find(|rated| rated.region() == region)?;
            return Some(RoundTrip { ms: rated.rtt().as_secs_f64() * 1e3, is_estimate: true });
        }
        Some(RoundTrip { ms: self.km(client, region)? / KM_PER_MS, is_estimate: false })
    }

    /// The great circle to a region, in kilometres; `None` if one of the two is nowhere.
    pub fn km(&self, client: &Whereabouts<'_>, region: RegionId) -> Option<f64> {
        let from = client.place.coordinates.map(UnitVector::from)?;
        let to = self.at.get(region.index()).copied().flatten()?;
        Some(from.chord_squared(to).km())
    }
}

/// The loci that speak for a label, the heaviest first.
#[derive(Clone, Debug, Default)]
struct Speakers {
    clients: f64,
    heaviest: Vec<(f64, LocusId)>,
}

impl Speakers {
    fn add(&mut self, clients: f64, locus: LocusId) {
        self.clients += clients;
        let at = self.heaviest.partition_point(|(other, _)| *other >= clients);
        if at < HEAVIEST {
            self.heaviest.insert(at, (clients, locus));
            self.heaviest.truncate(HEAVIEST);
        }
    }

    /// The mean cost of a region for them; of who is somewhere.
    fn cost(&self, loci: &Loci, costs: &Costs<'_>, region: RegionId, most: usize) -> Cost {
        let (mut sum, mut weight) = (0.0, 0.0);
        for (clients, locus) in self.heaviest.iter().take(most) {
            let Some((place, overlay)) = known(loci, *locus) else { continue };
            let client = Whereabouts { place, overlay: loci.overlay(overlay) };
            if let Some(RoundTrip { ms, .. }) = costs.round_trip(&client, region) {
                // Those of a label without clients still cost something.
                let clients = clients.max(f64::MIN_POSITIVE);
                sum += clients * ms;
                weight += clients;
            }
        }
        if weight > 0.0 { Cost::from_ms(sum / weight) } else { Cost::UNKNOWN }
    }
}

/// Weighs labels. `by_locus` has the label of each locus, `clients` how many are there.
/// O(loci + labels × steps).
pub(super) fn weigh(
    labels: &mut Labels,
    by_locus: &[LeafLabel],
    clients: &[f64],
    loci: &Loci,
    by: &Costs<'_>,
) {
    let mut speakers = vec![Speakers::default(); labels.len()];
    for (id, leaf) in loci.ids().zip(by_locus) {
        let label = LabelId::from_leaf(*leaf).and_then(|label| speakers.get_mut(label.0 as usize));
        if let Some(label) = label {
            label.add(clients.get(id.index()).copied().unwrap_or(0.0), id);
        }
    }
    let mut costs = Vec::with_capacity(labels.len());
    for (label, speakers) in labels.ids().zip(&speakers) {
        let steps = labels.steps(label).iter().enumerate();
        costs.extend(steps.map(|(at, step)| {
            let most = if at < STEPS { HEAVIEST } else { 1 };
            speakers.cost(loci, by, step.region, most)
        }));
    }
    let clients = speakers.iter().map(|speakers| speakers.clients).collect();
    labels.set_weights(clients, costs);
}
