//! Carry: what a planner takes along when the world changes, or the clock.

use std::time::Duration;

use jiff::Timestamp;

use crate::load::Crowds;
use crate::load::Cutoff;
use crate::load::Cutoffs;
use crate::load::Planner;
use crate::load::own::Own;
use crate::model::RegionId;

impl Planner {
    /// The same after the world changed: with other crowds, and regions that have other ids.
    /// `before` says for each region of now which one it was. What is known of the demand and
    /// what is published are kept. So is the past, while the regions are the same: caches don't
    /// end for a reload. Else it is taken to have been like the present.
    #[must_use]
    pub fn rebuilt(
        &self,
        crowds: Crowds,
        ttl: Duration,
        before: impl Fn(RegionId) -> Option<RegionId>,
        now: Timestamp,
    ) -> Self {
        let n = crowds.n_regions();
        let was: Vec<Option<RegionId>> = (0..).map(RegionId).take(n).map(before).collect();
        let published =
            |was: &Option<RegionId>| was.map_or(Cutoff::NONE, |was| self.published.of(was));
        let mut next = Self::new(crowds, ttl, Cutoffs::new(was.iter().map(published)), now);
        next.demand.noise = self.demand.noise;
        self.carry_demand(&mut next, &was);
        let known: Vec<usize> = was.iter().flatten().map(|was| was.index()).collect();
        if known.len() == n && n == self.crowds.n_regions() {
            next.published_at = self.published_at.min(now);
            next.past = self.past.carried(&known, &self.clients, &next.clients, &next.past);
            next.remember(now);
        }
        next
    }

    /// Has another of these regions begin with the demand that this one knows.
    fn carry_demand(&self, next: &mut Self, was: &[Option<RegionId>]) {
        let load = |at: usize| {
            let load = self.demand.by_origin.get(at)? * self.clients.get(at)?;
            Some(load).filter(|load| *load > 0.0)
        };
        let total: f64 = (0..self.clients.len()).filter_map(load).sum();
        // Without clients nothing is known of what they ask for.
        next.demand.is_known = self.demand.is_known && total > 0.0;
        let mean = total / self.clients.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        for (at, was) in was.iter().enumerate() {
            let was = was.map(RegionId::index);
            if next.demand.is_known
                && let (Some(each), Some(clients)) =
                    (next.demand.by_origin.get_mut(at), next.clients.get(at))
            {
                let own = was.and_then(load).map(|load| load / clients);
                *each = own.filter(|each| each.is_finite()).unwrap_or(mean);
            }
            let Some(was) = was else { continue };
            if let Some(slot) = next.demand.own.get_mut(at) {
                *slot = self.demand.own.get(was).copied().unwrap_or(Own::UNKNOWN);
            }
            // What was learnt from is not learnt from again.
            if let Some(slot) = next.demand.last.get_mut(at).filter(|_| next.demand.is_known) {
                *slot = self.demand.last.get(was).copied().flatten();
            }
            if let (Some(fell), Some(regrets)) = (next.fell.get_mut(at), next.regrets.get_mut(at)) {
                *fell = self.fell.get(was).copied().unwrap_or_default();
                *regrets = self.regrets.get(was).copied().unwrap_or_default();
            }
        }
    }

    /// The clock was set back to `now`: what was learnt and published is of now at the latest.
    pub fn set_back(&mut self, now: Timestamp) {
        self.past.set_back(now);
        self.published_at = self.published_at.min(now);
        for last in self.demand.last.iter_mut().flatten() {
            *last = (*last).min(now);
        }
    }
}
