//! The book: all that is known of loads, and the plan that follows. Time is an argument.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::load::Availability;
use crate::load::Gauge;
use crate::load::GaugeState;
use crate::load::LoadStatus;
use crate::load::Patience;
use crate::load::Plan;
use crate::load::Planner;
use crate::load::Reading;
use crate::model::Capacity;
use crate::model::Region;
use crate::model::RegionId;
use crate::spill::Shares;
use crate::spill::Stage;

/// For so many intervals the first readings of all are waited for: from some of them alone it
/// would be taken for granted that the clients of the others ask as much. What grows is known
/// after two and a half at the latest.
const FIRST: u32 = 3;

/// What a thread keeps.
#[derive(Debug, Default)]
pub(super) struct Book {
    stage: Option<Stage>,
    gauges: Vec<Option<Gauge>>,
    availability: Option<Availability>,
    planner: Option<Planner>,
    plan: Option<Plan>,
    shares: Shares,
    /// When there was a stage first.
    since: Option<Timestamp>,
}

impl Book {
    pub(super) fn new(shares: Shares) -> Self {
        Self { shares, ..Self::default() }
    }

    /// Takes another world or standing. What is known of regions that stay is kept.
    pub(super) fn enter(&mut self, stage: Stage, now: Timestamp) {
        self.since.get_or_insert(now);
        let n = stage.regions.len();
        let before = self.stage.take();
        let is_same = before.as_ref().is_some_and(|before| {
            Arc::ptr_eq(&before.world, &stage.world) && before.regions == stage.regions
        });
        if !is_same {
            let was = before.as_ref().map(|before| positions(&before.regions)).unwrap_or_default();
            self.keep_gauges(&stage.regions, before.as_ref(), &was);
            let planner = self.planner.take().filter(|_| stage.is_planned());
            self.planner = planner.map(|planner| {
                let of = |id: RegionId| {
                    was.get(&*stage.regions.get(id.index())?.name).copied().map(RegionId)
                };
                let mut planner = planner.rebuilt(stage.world.crowds(n), stage.ttl, of, now);
                // Shares go by name: they hold for a region that comes back, too.
                planner.follow(&self.shares.cutoffs(names(&stage.regions)), now);
                planner
            });
            self.plan = None;
        }
        self.availability =
            stage.is_planned().then(|| stage.world.availability(&stage.standing, n));
        self.stage = Some(stage);
    }

    fn keep_gauges(
        &mut self,
        regions: &[Region],
        before: Option<&Stage>,
        was: &HashMap<String, u16>,
    ) {
        let mut old = std::mem::take(&mut self.gauges);
        let gauge = |region: &Region| {
            let load = region.load.as_ref()?;
            let at = was.get(&region.name).copied().map(usize::from);
            let same = at.filter(|at| {
                let known = before.and_then(|before| before.regions.get(*at));
                known.is_some_and(|known| known.load == region.load)
            });
            let kept = same.and_then(|at| old.get_mut(at)).and_then(Option::take);
            let amount = region.capacity.map_or(1.0, |capacity| capacity.amount);
            let patience = Patience { interval: load.interval, hold: load.hold };
            Some(match kept {
                Some(kept) => kept.of_amount(amount),
                None => Gauge::new(patience, amount),
            })
        };
        self.gauges = regions.iter().map(gauge).collect();
    }

    /// The clock was set back to `now`. What was read and published stays, as if it had been now.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        self.since = self.since.map(|since| since.min(now));
        self.gauges.iter_mut().flatten().for_each(|gauge| gauge.set_back(now));
        self.planner.iter_mut().for_each(|planner| planner.set_back(now));
    }

    /// Whether something is read of a region that was not read yet, nor failed to be.
    fn is_early(&self, now: Timestamp) -> bool {
        let regions = self.stage.iter().flat_map(|stage| stage.regions.iter());
        regions.zip(&self.gauges).any(|(region, gauge)| {
            let (Some(load), Some(gauge)) = (&region.load, gauge) else { return false };
            let most = SignedDuration::try_from(load.interval.saturating_mul(FIRST));
            let age = self.since.map(|since| now.duration_since(since)).unwrap_or_default();
            let is_due = most.is_ok_and(|most| age < most);
            is_due && gauge.state(now) == GaugeState::Silent && gauge.fault().is_none()
        })
    }

    /// Takes what was said of a region's load; of regions that are not there nothing is kept.
    pub(super) fn hear(&mut self, region: &str, reading: Option<Reading>) {
        let Some(stage) = &self.stage else { return };
        let position = stage.regions.iter().position(|other| other.name == region);
        let Some(Some(gauge)) = position.and_then(|at| self.gauges.get_mut(at)) else { return };
        match reading {
            Some(reading) => gauge.take(reading),
            None => gauge.fail(),
        }
    }

    /// Takes the shares of the node that decides. Returns whether they are others.
    pub(super) fn adopt(&mut self, shares: Shares, now: Timestamp) -> bool {
        let is_new = shares != self.shares;
        self.shares = shares;
        if let (Some(planner), Some(stage)) = (&mut self.planner, &self.stage) {
            planner.follow(&self.shares.cutoffs(names(&stage.regions)), now);
        }
        is_new
    }

    /// Learns what there is to know of the demand while another node decides: whoever takes over
    /// has to know when what was published, since caches act on it for a TTL.
    pub(super) fn follow(&mut self, now: Timestamp) {
        // What it planned itself holds no more, though nothing may have changed since.
        self.plan = None;
        let (readings, capacities) = (self.readings(now), self.capacities());
        let Some(availability) = self.availability.clone() else { return };
        if let Some(planner) = self.planner(now) {
            planner.learn(now, &capacities, &availability, &readings);
        }
    }

    /// Decides: the shares that hold from now on, if they are others than before.
    pub(super) fn decide(&mut self, now: Timestamp) -> Option<Shares> {
        self.stage.as_ref()?;
        let (readings, capacities) = (self.readings(now), self.capacities());
        let Some(availability) = self.availability.clone() else {
            // Nothing to plan any more: nobody is refused.
            if self.shares.is_none() {
                return None;
            }
            self.shares = Shares::none(now);
            return Some(self.shares.clone());
        };
        let plan = self.planner(now)?.plan(now, &capacities, &availability, &readings);
        let stage = self.stage.as_ref()?;
        let decided = plan.is_new.then(|| Shares::new(now, names(&stage.regions), &plan.cutoffs));
        self.plan = Some(plan);
        if let Some(shares) = &decided {
            self.shares.clone_from(shares);
        }
        decided
    }

    /// What is planned with; it begins with the shares that hold.
    fn planner(&mut self, now: Timestamp) -> Option<&mut Planner> {
        let stage = self.stage.as_ref()?;
        Some(self.planner.get_or_insert_with(|| {
            let crowds = stage.world.crowds(stage.regions.len());
            Planner::new(crowds, stage.ttl, self.shares.cutoffs(names(&stage.regions)), now)
        }))
    }

    /// What counts of each region.
    fn readings(&self, now: Timestamp) -> Vec<Option<Reading>> {
        let knows = self.planner.as_ref().is_some_and(Planner::knows_demand);
        let counts = knows || !self.is_early(now);
        let reading = |gauge: &Option<Gauge>| gauge.as_ref().filter(|_| counts)?.reading(now);
        self.gauges.iter().map(reading).collect()
    }

    fn capacities(&self) -> Vec<Option<Capacity>> {
        let regions = self.stage.iter().flat_map(|stage| stage.regions.iter());
        regions.map(|region| region.capacity).collect()
    }

    /// What is known of each region that has a load or a capacity, by name.
    pub(super) fn status(&self, now: Timestamp) -> Vec<(String, LoadStatus)> {
        let Some(stage) = &self.stage else { return Vec::new() };
        let status = |(at, region): (usize, &Region)| {
            let plan = self.plan.as_ref().and_then(|plan| plan.regions.get(at));
            let gauge = self.gauges.get(at).and_then(Option::as_ref);
            let plan = plan.filter(|_| region.capacity.is_some());
            if gauge.is_none() && plan.is_none() {
                return None;
            }
            let (reading, state) = match gauge {
                Some(gauge) => (gauge.reading(now), gauge.state(now)),
                None => (None, GaugeState::Silent),
            };
            let status = LoadStatus::new(reading, state, region.capacity, plan)
                .or_cutoff(self.shares.cutoff_ms(&region.name));
            Some((region.name.clone(), status))
        };
        stage.regions.iter().enumerate().filter_map(status).collect()
    }
}

fn names(regions: &[Region]) -> impl Iterator<Item = &str> {
    regions.iter().map(|region| region.name.as_str())
}

fn positions(regions: &[Region]) -> HashMap<String, u16> {
    (0..).zip(regions).map(|(at, region)| (region.name.clone(), at)).collect()
}
