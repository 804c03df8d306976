//! The engine: the single writer of all that changes while a node runs.
//!
//! ```text
//!   Report ─► CheckState ─► verdict ─┐
//!   AdminChange ─► AdminStates ──────┼─► the services concerned ─► judge ─► ServiceStanding
//!   time (ramps, ends) ──────────────┘          ▲                    │
//!                                               └── region verdicts ◄┘
//!   Effects: standings to publish · whether to save;  then notices to tell
//! ```
//!
//! # Invariants
//!
//! - Pure: events and the time are arguments; no I/O, no clock, no dice.
//! - What is said between two calls of [`Engine::effects`] is judged once, so that a burst
//!   of reports costs one publication.
//! - A report changes nothing but the services whose endpoints or regions it is about.
//! - A service's standing is never without an endpoint for its `all-down` rule to fall back
//!   on, unless an operator forced all of them down.
//!
//! # Not here
//!
//! Probing (`prober`), what is asked from outside (`control`), files, publishing (`cli`).
//!
//! # Start with
//!
//! [`Engine::step`] and [`Engine::effects`], then `judge.rs`.
#![forbid(unsafe_code)]

mod admin;
mod checks;
mod judge;
mod notice;
mod plan;
mod ramps;
mod saved;
mod status;
mod survey;

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

pub use admin::{AdminChange, AdminDone, AdminRefusal};
pub use notice::{Notice, What};
pub use plan::Plan;
pub use saved::Saved;
pub use status::{
    AdminStatus, CheckStatus, EndpointStatus, PoolStatus, RegionStatus, ServiceState,
    ServiceStatus, Status,
};

use crate::engine::admin::AdminStates;
use crate::engine::checks::CheckState;
use crate::engine::judge::Case;
use crate::engine::judge::Facts;
use crate::engine::judge::Judged;
use crate::engine::plan::EndpointId;
use crate::engine::plan::Wiring;
use crate::engine::ramps::Memory;
use crate::health::CheckId;
use crate::health::Report;
pub use crate::health::Verdict;
use crate::health::down_in;
use crate::health::of_monitors;
use crate::model::AdminState;
use crate::model::RegionId;
use crate::model::limits;
use crate::steer::ServiceStanding;

/// What happens to an engine.
#[derive(Debug)]
pub enum Event {
    /// A probe had an outcome.
    Report(Report),
    /// Another configuration was taken; what is known of what stays is kept.
    Reconfigured(Box<Plan>),
    /// Time passed.
    Tick,
}

/// What is to be done about what happened.
#[derive(Debug, Default)]
pub struct Effects {
    /// What services may take from now on, by position; the rest is as before.
    pub standings: Vec<(usize, ServiceStanding)>,
    /// Whether [`Engine::saved`] differs from what it was.
    pub save: bool,
}

/// All that changes while a node runs.
#[derive(Debug)]
pub struct Engine {
    plan: Plan,
    wiring: Wiring,
    checks: Vec<CheckState>,
    admin: AdminStates,
    regions: Vec<RegionState>,
    services: Vec<Known>,
    /// Services that are to be judged.
    dirty: BTreeSet<usize>,
    /// Regions that are to be judged, before the services in them.
    dirty_regions: BTreeSet<RegionId>,
    ramping: BTreeSet<EndpointId>,
    last_tick: Timestamp,
    effects: Effects,
    notices: Vec<Notice>,
    /// Services whose judgement changed, and what it was; told of in [`Engine::notices`].
    changed: Vec<(usize, Judged)>,
    started: Timestamp,
    generation: u64,
}

/// What is known of a region.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct RegionState {
    verdict: Verdict,
    pools_up: usize,
}

/// What is known of a service.
#[derive(Debug, Default)]
struct Known {
    /// `None` until it was judged once.
    judged: Option<Judged>,
    /// Per pool and endpoint.
    endpoints: Vec<Vec<Memory>>,
}

impl Engine {
    /// An engine for a configuration, with what was saved before the node stopped.
    pub fn new(plan: Plan, saved: Option<Saved>, now: Timestamp) -> Self {
        let wiring = Wiring::new(&plan);
        let monitor = |at: CheckId| plan.monitors.get(plan.checks.get(at)?.monitor.index());
        let n_checks = u32::try_from(plan.checks.all.len()).unwrap_or(u32::MAX);
        let checks = (0..n_checks).map(|at| CheckState::new(monitor(CheckId(at)))).collect();
        let mut engine = Self {
            checks,
            admin: AdminStates::default(),
            regions: vec![RegionState::NEW; plan.regions.len()],
            services: plan.services.iter().map(Known::new).collect(),
            dirty: (0..plan.services.len()).collect(),
            dirty_regions: BTreeSet::new(),
            ramping: BTreeSet::new(),
            last_tick: now,
            effects: Effects::default(),
            notices: Vec::new(),
            changed: Vec::new(),
            started: now,
            generation: 1,
            plan,
            wiring,
        };
        if let Some(saved) = saved {
            engine.restore(saved);
        }
        engine.dirty_regions = engine.all_regions().collect();
        engine
    }

    /// Takes an event. What it does shows in [`Engine::effects`].
    pub fn step(&mut self, event: Event, now: Timestamp) {
        match event {
            Event::Report(report) => self.report(report, now),
            Event::Reconfigured(plan) => self.reconfigure(*plan, now),
            Event::Tick => self.tick(now),
        }
    }

    /// Changes an admin state.
    ///
    /// # Errors
    ///
    /// [`AdminRefusal`]; nothing has changed then.
    pub fn change(
        &mut self,
        change: AdminChange,
        now: Timestamp,
    ) -> Result<AdminDone, AdminRefusal> {
        if let Some(until) = change.until.filter(|until| *until <= now) {
            return Err(AdminRefusal::Ended { until });
        }
        let services = admin::concerned(&change.target, &self.plan, &self.wiring)?;
        let before = self.admin.get(&change.target);
        if before == AdminState::Auto
            && change.state != AdminState::Auto
            && self.admin.len() >= limits::ADMIN_STATES
        {
            return Err(AdminRefusal::TooMany { most: limits::ADMIN_STATES });
        }
        let is_out = matches!(change.state, AdminState::Drained | AdminState::ForcedDown);
        let settled = if is_out { now + self.longest_ttl(&services) } else { now };
        let AdminChange { target, state, who, why, until, force } = change;
        let status = AdminStatus { target, state, who, why, since: now, until, settled };
        let mut admin = self.admin.clone();
        admin.put(status.clone(), &self.plan, &self.wiring);
        if is_out && !force {
            self.check_safety(&services, &admin, now)?;
        }
        self.admin = admin;
        if state == AdminState::Auto {
            self.let_back(&status.target, &services);
        }
        self.dirty.extend(services);
        self.effects.save = true;
        let AdminStatus { target, state, who, why, .. } = status;
        self.tell(now, What::Admin { target, state, who, why });
        Ok(AdminDone { before, settled })
    }

    /// Judges what is to be judged, and returns what is to be done since the last call.
    pub fn effects(&mut self, now: Timestamp) -> Effects {
        // Regions depend on the pools of services, and services on regions: what a region
        // comes to follows from verdicts of endpoints alone, so that two rounds settle it.
        for _ in 0..3 {
            for region in std::mem::take(&mut self.dirty_regions) {
                self.judge_region(region, now);
            }
            for service in std::mem::take(&mut self.dirty) {
                self.judge(service, now);
            }
            if self.dirty_regions.is_empty() {
                break;
            }
        }
        std::mem::take(&mut self.effects)
    }

    /// What there is to tell since the last call. Made apart from the effects, so that answers
    /// follow first.
    pub fn notices(&mut self, now: Timestamp) -> Vec<Notice> {
        for (at, before) in std::mem::take(&mut self.changed) {
            self.tell_changes(at, &before, now);
        }
        std::mem::take(&mut self.notices)
    }

    /// When something happens by itself, and a [`Event::Tick`] is due.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        [self.next_ramp_step(), self.admin.next_end()].into_iter().flatten().min()
    }

    /// Whether every check has a verdict or can't have one.
    pub fn is_settled(&self) -> bool {
        let is_known = |check: &CheckState| check.verdict != Verdict::Unknown;
        self.checks.iter().all(|check| is_known(check) || check.unable.is_some())
    }

    fn report(&mut self, report: Report, now: Timestamp) {
        // Of a check that a reload took away; its last probe was under way.
        let Some(id) = self.wiring.checks.get(&report.check).copied() else { return };
        let Some(check) = self.checks.get_mut(id.index()) else { return };
        let key = report.check.to_string();
        let changed = check.take(report, now);
        let (after, reason) = (check.verdict, check.reason.clone());
        if let Some(ends) = changed.certificate {
            self.tell(now, What::Certificate { check: key.clone(), ends });
        }
        let Some(before) = changed.from else {
            if changed.bound {
                self.touch(id);
            }
            return;
        };
        self.touch(id);
        self.effects.save = true;
        self.tell(now, What::Check { check: key, before, after, reason });
    }

    /// Marks what depends on a check.
    fn touch(&mut self, id: CheckId) {
        self.dirty.extend(self.wiring.services_of_check.get(id.index()).into_iter().flatten());
        for region in self.wiring.regions_of_check.get(id.index()).into_iter().flatten() {
            self.dirty_regions.insert(*region);
            let services = self.wiring.services_of_region.get(region.index());
            self.dirty.extend(services.into_iter().flatten());
        }
    }

    fn tick(&mut self, now: Timestamp) {
        self.last_tick = now;
        self.dirty.extend(self.ramping.iter().map(|id| id.service));
        for ended in self.admin.expire(now, &self.plan, &self.wiring) {
            let services = admin::concerned(&ended.target, &self.plan, &self.wiring);
            self.dirty.extend(services.unwrap_or_default());
            self.effects.save = true;
            let AdminStatus { target, who, why, .. } = ended;
            let why = format!("its time is over; it was: {why}");
            self.tell(now, What::Admin { target, state: AdminState::Auto, who, why });
        }
    }

    /// What is known of a service's endpoints, its pools one after the other.
    fn facts(&self, at: usize, admin: &AdminStates, now: Timestamp) -> Vec<Facts> {
        let (Some(service), Some(known), Some(checks)) =
            (self.plan.services.get(at), self.services.get(at), self.plan.checks.endpoints.get(at))
        else {
            return Vec::new();
        };
        let need = service.monitors.as_ref().map_or(1, |monitors| monitors.need);
        let mut facts = Vec::with_capacity(known.endpoints.iter().map(Vec::len).sum());
        let pools = service.pools.iter().zip(checks).zip(&known.endpoints).enumerate();
        for (pool, ((noun, checks), memories)) in pools {
            let of_pool = admin.pool(noun.region, at, pool);
            for (endpoint, (checks, memory)) in checks.iter().zip(memories).enumerate() {
                let id = EndpointId { service: at, pool, endpoint };
                let (verdict, down_in) = self.verdict(need, checks);
                facts.push(Facts {
                    verdict,
                    down_in,
                    admin: admin.endpoint(of_pool, id),
                    is_held: memory.is_held,
                    share: memory.share(service.ramp, now),
                });
            }
        }
        facts
    }

    /// What the checks of an endpoint come to, and when that can turn down at the earliest.
    fn verdict(&self, need: u8, checks: &[CheckId]) -> (Verdict, Option<Duration>) {
        match checks {
            [] => (Verdict::Up, None),
            [only] => {
                let check = self.checks.get(only.index());
                check.map_or((Verdict::Unknown, None), |check| (check.verdict, check.down_in()))
            }
            several => {
                let all = several.iter().filter_map(|id| self.checks.get(id.index()));
                // What can't run has no say, until it could.
                let has_say = |c: &&CheckState| c.unable.is_none() || c.verdict != Verdict::Unknown;
                let voting: Vec<&CheckState> = all.filter(has_say).collect();
                let verdicts: Vec<Verdict> = voting.iter().map(|check| check.verdict).collect();
                let need = need.min(u8::try_from(verdicts.len()).unwrap_or(u8::MAX));
                let mut bounds: Vec<_> = voting.iter().filter_map(|c| c.down_in()).collect();
                (of_monitors(need, &verdicts), down_in(need, &mut bounds))
            }
        }
    }

    fn judged(&self, at: usize, facts: &[Facts]) -> Option<Judged> {
        let service = self.plan.services.get(at)?;
        let region = |pool: &crate::model::Pool| {
            let is_forced = self.admin.region(pool.region) == AdminState::ForcedUp;
            let found = self.regions.get(pool.region.index());
            let is_down = !is_forced && found.is_some_and(|region| region.verdict == Verdict::Down);
            let check = self.plan.checks.regions.get(pool.region.index()).copied().flatten();
            let check = check.and_then(|id| self.checks.get(id.index()));
            (is_down, check.filter(|_| !is_forced).and_then(CheckState::down_in))
        };
        let regions: Vec<_> = service.pools.iter().map(region).collect();
        let (lanes, weights) = (self.wiring.lanes.get(at)?, self.wiring.weights.get(at)?);
        Case { plan: &self.plan, at, service, lanes, facts, weights, regions: &regions }.judge()
    }

    fn judge(&mut self, at: usize, now: Timestamp) {
        self.hold_back(at);
        let facts = self.facts(at, &self.admin, now);
        let Some(mut judged) = self.judged(at, &facts) else { return };
        if self.remember(at, &facts, &judged, now) {
            // A ramp began or ended, so that shares are others.
            let facts = self.facts(at, &self.admin, now);
            judged = self.judged(at, &facts).unwrap_or(judged);
        }
        let Some(known) = self.services.get_mut(at) else { return };
        let before = known.judged.take();
        self.count_pools(at, before.as_ref(), &judged);
        if before.as_ref().is_none_or(|before| before.standing != judged.standing) {
            self.effects.standings.push((at, judged.standing.clone()));
        }
        let is_told =
            |before: &Judged| before.state != judged.state || before.pools != judged.pools;
        self.changed.extend(before.filter(is_told).map(|before| (at, before)));
        if let Some(known) = self.services.get_mut(at) {
            known.judged = Some(judged);
        }
    }

    /// Keeps count of the pools that are up in each region; they may decide on the region.
    fn count_pools(&mut self, at: usize, before: Option<&Judged>, after: &Judged) {
        let pools = self.plan.services.get(at).map_or(&[][..], |service| &service.pools);
        for (pool, noun) in pools.iter().enumerate() {
            let Some(region) = self.regions.get_mut(noun.region.index()) else { continue };
            let was_up = before.is_some_and(|before| before.is_pool_up(pool));
            match (was_up, after.is_pool_up(pool)) {
                (false, true) => region.pools_up += 1,
                (true, false) => region.pools_up = region.pools_up.saturating_sub(1),
                _ => continue,
            }
            let counts = |region: &crate::model::Region| region.min_pools > 0;
            if self.plan.regions.get(noun.region.index()).is_some_and(counts) {
                self.dirty_regions.insert(noun.region);
            }
        }
    }

    fn judge_region(&mut self, id: RegionId, now: Timestamp) {
        let Some(verdict) = self.region_verdict(id) else { return };
        let Some(region) = self.regions.get_mut(id.index()) else { return };
        let before = std::mem::replace(&mut region.verdict, verdict);
        if before == verdict {
            return;
        }
        let services = self.wiring.services_of_region.get(id.index());
        self.dirty.extend(services.into_iter().flatten());
        let (region, reason) = (self.plan.region_name(id).to_owned(), self.region_reason(id));
        self.tell(now, What::Region { region, before, after: verdict, reason });
    }

    fn region_verdict(&self, id: RegionId) -> Option<Verdict> {
        let (noun, state) = (self.plan.regions.get(id.index())?, self.regions.get(id.index())?);
        let own = self.plan.checks.regions.get(id.index()).copied().flatten();
        let own = own.and_then(|check| self.checks.get(check.index()));
        let own = own.map_or(Verdict::Up, |check| check.verdict);
        let pools = self.wiring.services_of_region.get(id.index()).map_or(0, Vec::len);
        // Before all services were judged once the count says nothing.
        let is_counted = self.services.iter().all(|known| known.judged.is_some());
        let too_few = state.pools_up * 100 < pools * usize::from(noun.min_pools);
        let is_down = own == Verdict::Down || is_counted && too_few;
        Some(if is_down { Verdict::Down } else { own })
    }

    fn check_safety(
        &self,
        services: &[usize],
        admin: &AdminStates,
        now: Timestamp,
    ) -> Result<(), AdminRefusal> {
        for at in services {
            let left = |admin: &AdminStates| {
                let judged = self.judged(*at, &self.facts(*at, admin, now))?;
                Some((0..judged.pools.len()).filter(|pool| judged.is_pool_admitted(*pool)).count())
            };
            let (Some(before), Some(left)) = (left(&self.admin), left(admin)) else { continue };
            let Some(service) = self.plan.services.get(*at) else { continue };
            let regions = service.pools.len();
            let least = self.plan.min_regions.of(regions);
            if left < least && left < before {
                let service = service.name.clone();
                return Err(AdminRefusal::Safety { service, left, regions, least });
            }
        }
        Ok(())
    }

    fn longest_ttl(&self, services: &[usize]) -> Duration {
        let ttl = |at: &usize| self.plan.services.get(*at).map(|service| service.ttl.secs());
        Duration::from_secs(services.iter().filter_map(ttl).max().unwrap_or(0).into())
    }

    fn tell(&mut self, at: Timestamp, what: What) {
        self.notices.push(Notice { at, what });
    }

    fn all_regions(&self) -> impl Iterator<Item = RegionId> + use<> {
        (0..u16::try_from(self.plan.regions.len()).unwrap_or(u16::MAX)).map(RegionId)
    }
}

impl RegionState {
    const NEW: Self = Self { verdict: Verdict::Unknown, pools_up: 0 };
}

impl Known {
    fn new(service: &crate::model::Service) -> Self {
        let pool = |pool: &crate::model::Pool| vec![Memory::default(); pool.endpoints.len()];
        Self { judged: None, endpoints: service.pools.iter().map(pool).collect() }
    }
}
