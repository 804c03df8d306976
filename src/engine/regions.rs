//! Regions: what their own monitors, or else their pools, come to.
//!
//! ```text
//!   its own monitor ───────────────┐
//!   its pools, where it has none ──┼─► verdict: shown, and told once when it changes
//!   min-pools ─────────────────────┘
//!   its own monitor, min-pools ──────► whether it takes all of its pools out
//! ```
//!
//! A verdict that follows from the pools takes nothing out: they are out already.

use jiff::Timestamp;

use crate::engine::Engine;
use crate::engine::RegionStatus;
use crate::engine::What;
use crate::engine::judge::Judged;
use crate::health::CheckId;
use crate::health::Verdict;
use crate::model::RegionId;

/// What is known of a region.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct RegionState {
    /// What is said of it; `None` until it was judged once.
    pub(super) verdict: Option<Verdict>,
    /// Since when.
    pub(super) since: Option<Timestamp>,
    /// Whether its own monitor or `min-pools` takes all of its pools out.
    pub(super) is_out: bool,
    /// Its pools that are up, as `min-pools` counts: without what an operator took out.
    up: usize,
    /// Its pools by what probes say of them.
    probed: Tally,
    /// When caches have let go of what configurations before this one answered.
    pub(super) cached: Option<Timestamp>,
}

/// Probed pools by verdict.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Tally {
    up: usize,
    down: usize,
    unknown: usize,
}

impl Tally {
    const fn all(self) -> usize {
        self.up + self.down + self.unknown
    }

    /// What they come to: up while one is.
    const fn verdict(self) -> Verdict {
        match self {
            Self { up: 1.., .. } => Verdict::Up,
            Self { down: 1.., unknown: 0, .. } => Verdict::Down,
            Self { .. } => Verdict::Unknown,
        }
    }

    const fn of(&mut self, verdict: Verdict) -> &mut usize {
        match verdict {
            Verdict::Up => &mut self.up,
            Verdict::Down => &mut self.down,
            Verdict::Unknown => &mut self.unknown,
        }
    }
}

impl RegionState {
    /// The same under a configuration whose pools were not counted yet.
    pub(super) fn carried(self) -> Self {
        Self { up: 0, probed: Tally::default(), ..self }
    }

    /// The clock was set back to `now`; caches keep nothing that is answered now beyond `latest`.
    pub(super) fn set_back(&mut self, now: Timestamp, latest: Timestamp) {
        self.since = self.since.map(|since| since.min(now));
        self.cached = self.cached.map(|cached| cached.min(latest));
    }
}

impl Engine {
    /// Keeps count of the pools that are up in each region; they may decide on the region.
    pub(super) fn count_pools(&mut self, at: usize, before: Option<&Judged>, after: &Judged) {
        let pools = self.plan.services.get(at).map_or(&[][..], |service| &service.pools);
        for (pool, noun) in pools.iter().enumerate() {
            let Some(region) = self.regions.get_mut(noun.region.index()) else { continue };
            let was = *region;
            if before.is_some_and(|before| before.is_pool_up(pool)) {
                region.up = region.up.saturating_sub(1);
            }
            region.up += usize::from(after.is_pool_up(pool));
            if let Some(verdict) = before.and_then(|before| before.health_of(pool)) {
                let count = region.probed.of(verdict);
                *count = count.saturating_sub(1);
            }
            if let Some(verdict) = after.health_of(pool) {
                *region.probed.of(verdict) += 1;
            }
            if *region != was {
                self.dirty_regions.insert(noun.region);
            }
        }
    }

    pub(super) fn judge_region(&mut self, id: RegionId, now: Timestamp) {
        let Some((verdict, is_out)) = self.region_verdict(id) else { return };
        let Some(region) = self.regions.get_mut(id.index()) else { return };
        let before = std::mem::replace(&mut region.verdict, verdict);
        if std::mem::replace(&mut region.is_out, is_out) != is_out {
            let services = self.wiring.services_of_region.get(id.index());
            self.dirty.extend(services.into_iter().flatten());
        }
        let Some(verdict) = verdict.filter(|verdict| before != Some(*verdict)) else { return };
        region.since = (verdict != Verdict::Unknown).then_some(now);
        // What was known before a restart is no news, nor that all is well at first.
        let Some(before) = before else { return };
        if (before, verdict) == (Verdict::Unknown, Verdict::Up) {
            return;
        }
        let (region, reason) = (self.plan.region_name(id).to_owned(), self.region_reason(id));
        self.tell(now, What::Region { region, before, after: verdict, reason });
    }

    /// What is said of a region, if its pools were counted, and whether all of them are out by it.
    fn region_verdict(&self, id: RegionId) -> Option<(Option<Verdict>, bool)> {
        let (noun, state) = (self.plan.regions.get(id.index())?, self.regions.get(id.index())?);
        let own = self.own_check(id).and_then(|check| self.checks.get(check.index()));
        let own = own.map(|check| check.verdict);
        // Before all services were judged once the counts say nothing: it stays as it was.
        let is_counted = self.services.iter().all(|known| known.judged.is_some());
        let too_few = match is_counted {
            true => state.up * 100 < self.pools_in(id) * usize::from(noun.min_pools),
            false => noun.min_pools > 0 && state.is_out,
        };
        let by_pools = if is_counted { Some(state.probed.verdict()) } else { state.verdict };
        let is_out = too_few || own == Some(Verdict::Down);
        Some((if is_out { Some(Verdict::Down) } else { own.or(by_pools) }, is_out))
    }

    fn own_check(&self, id: RegionId) -> Option<CheckId> {
        self.plan.checks.regions.get(id.index()).copied().flatten()
    }

    fn pools_in(&self, id: RegionId) -> usize {
        self.wiring.services_of_region.get(id.index()).map_or(0, Vec::len)
    }

    /// Why a region has the verdict that it has.
    fn region_reason(&self, id: RegionId) -> String {
        let Some((noun, state)) =
            self.plan.regions.get(id.index()).zip(self.regions.get(id.index()))
        else {
            return String::new();
        };
        let own = self.own_check(id);
        let verdict = own.and_then(|check| self.checks.get(check.index())).map(|c| c.verdict);
        let pools = self.pools_in(id);
        match (state.verdict.unwrap_or_default(), own) {
            (Verdict::Up, _) => String::new(),
            (Verdict::Unknown, Some(check)) => match self.unable(check) {
                Some(why) => format!("its own monitor can't probe it: {why}"),
                None => "its own monitor has not probed it yet".to_owned(),
            },
            (Verdict::Unknown, None) if pools == 0 => "it has no pool and no monitor".to_owned(),
            (Verdict::Unknown, None) if state.probed.all() == 0 => {
                "no monitor: nothing in it is probed".to_owned()
            }
            (Verdict::Unknown, None) => "its pools have not been probed yet".to_owned(),
            (Verdict::Down, Some(check)) if verdict == Some(Verdict::Down) => {
                format!("its own monitor: {}", self.reason(check))
            }
            (Verdict::Down, _) if state.is_out => {
                format!("{} of {pools} pools are up, expected {} %", state.up, noun.min_pools)
            }
            (Verdict::Down, _) => format!("0 of {} probed pools are up", state.probed.all()),
        }
    }

    pub(super) fn region_status(&self, id: RegionId) -> Option<RegionStatus> {
        let (noun, state) = (self.plan.regions.get(id.index())?, self.regions.get(id.index())?);
        let check = self.own_check(id).and_then(|check| self.plan.checks.get(check));
        Some(RegionStatus {
            region: noun.name.clone(),
            verdict: state.verdict.unwrap_or_default(),
            since: state.since,
            reason: self.region_reason(id),
            admin: self.admin.region(id),
            pools_up: state.probed.up,
            pools_probed: state.probed.all(),
            pools: self.pools_in(id),
            check: check.map(|check| check.key.to_string()),
            // Not the engine's: whoever reads loads adds it.
            load: None,
        })
    }
}
