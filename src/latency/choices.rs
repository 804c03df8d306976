//! Choices: the published order per class of clients, and what it takes to change it.
//!
//! Estimates move a little with each sample; answers should not. So the order that was
//! published stays, but where another region is better by a margin: the larger of a share and
//! an absolute. That depends on the past, so one node computes it, and all apply what it
//! publishes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::latency::Estimate;
use crate::model::RegionId;
use crate::model::limits;

/// A class of clients that share an order, as whoever makes the classes numbers them: a hash of
/// prefix, or of place and autonomous system, that all nodes compute alike.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct ClassId(pub u64);

/// By how much a region must be better to overtake another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin {
    /// A share of the other's round trip, 0 to 1.
    pub share: f64,
    /// A time.
    pub least: Duration,
}

impl Default for Margin {
    /// A tenth, and 5 ms: what the ordinary day moves round trips by.
    fn default() -> Self {
        Self { share: 0.1, least: Duration::from_millis(5) }
    }
}

impl Margin {
    /// Whether `better` is better than `other` by it.
    fn is_beaten(&self, other: &Estimate, better: &Estimate) -> bool {
        let needed = (self.share * other.mean_ms).max(self.least.as_secs_f64() * 1e3);
        other.mean_ms - better.mean_ms > needed
    }
}

/// The published order of each class. What it holds is what nodes publish and keep.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Choices {
    orders: BTreeMap<ClassId, Vec<u16>>,
}

impl Choices {
    /// The published order of a class.
    pub fn order(&self, class: ClassId) -> Option<impl Iterator<Item = RegionId> + '_> {
        Some(self.orders.get(&class)?.iter().copied().map(RegionId))
    }

    /// How many classes have one.
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// Publishes the order of a class; `wanted` is what
    /// [`Estimator::order`](crate::latency::Estimator::order) says now. Returns whether it
    /// changed. Past [`limits::LATENCY_PREFIXES`] a class that is new is not remembered, and so
    /// has no hysteresis.
    pub fn publish(&mut self, class: ClassId, wanted: &[Estimate], margin: &Margin) -> bool {
        let is_full = self.orders.len() >= limits::LATENCY_PREFIXES;
        match self.orders.get_mut(&class) {
            Some(published) => {
                let next = settled(published, wanted, margin);
                let changed = *published != next;
                *published = next;
                changed
            }
            None if is_full => true,
            None => {
                self.orders.insert(class, wanted.iter().map(|one| one.region.0).collect());
                true
            }
        }
    }

    /// Forgets the classes that are not `kept`.
    pub fn retain(&mut self, kept: impl Fn(ClassId) -> bool) {
        self.orders.retain(|class, _| kept(*class));
    }
}

/// The published order, with those overtaken that are behind in `wanted` and beaten. Regions
/// that are gone leave, new ones start where they are wanted.
fn settled(published: &[u16], wanted: &[Estimate], margin: &Margin) -> Vec<u16> {
    let place = |region: u16| wanted.iter().position(|one| one.region.0 == region);
    let mut order: Vec<(usize, &Estimate)> = published
        .iter()
        .filter_map(|region| place(*region))
        .filter_map(|at| Some((at, wanted.get(at)?)))
        .collect();
    for (at, estimate) in wanted.iter().enumerate() {
        if !published.contains(&estimate.region.0) {
            let behind = order.iter().position(|(other, _)| *other > at);
            order.insert(behind.unwrap_or(order.len()), (at, estimate));
        }
    }
    // As many passes as there are regions bring each as far as it can get.
    for _ in 0..order.len() {
        for at in 1..order.len() {
            if let Some([ahead, behind]) = order.get_mut(at - 1..=at)
                && behind.0 < ahead.0
                && margin.is_beaten(ahead.1, behind.1)
            {
                std::mem::swap(ahead, behind);
            }
        }
    }
    order.into_iter().map(|(_, estimate)| estimate.region.0).collect()
}
