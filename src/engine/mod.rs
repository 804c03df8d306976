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
mod calendar;
mod checks;
mod judge;
mod notice;
mod plan;
mod ramps;
mod saved;
mod settle;
mod status;
mod survey;

use std::collections::BTreeMap;
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
use crate::engine::judge::Judged;
use crate::engine::plan::EndpointId;
use crate::engine::plan::Wiring;
use crate::engine::ramps::Memory;
use crate::health::CheckId;
use crate::health::Report;
pub use crate::health::Verdict;
use crate::model::AdminState;
use crate::model::Family;
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
    pub standings: BTreeMap<usize, ServiceStanding>,
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
    /// When maintenance next begins or ends.
    next_window: Option<Timestamp>,
    effects: Effects,
    notices: Vec<Notice>,
    /// Whether the first round is over: until then what services come to is no news.
    is_begun: bool,
    /// Services whose judgement changed, and what it was; told of in [`Engine::notices`].
    changed: BTreeMap<usize, Judged>,
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
            next_window: None,
            effects: Effects::default(),
            notices: Vec::new(),
            is_begun: false,
            changed: BTreeMap::new(),
            started: now,
            generation: 1,
            plan,
            wiring,
        };
        if let Some(saved) = saved {
            engine.restore(saved);
        }
        engine.dirty_regions = engine.all_regions().collect();
        engine.read_calendar(now);
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
        let before = self.admin.get(&change.target);
        let services = match admin::concerned(&change.target, &self.plan, &self.wiring) {
            Ok(services) => services,
            // What a reload took away may still be let go.
            Err(_) if change.state == AdminState::Auto && before != AdminState::Auto => Vec::new(),
            Err(refusal) => return Err(refusal),
        };
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

    /// What there is to tell since the last call. Made apart from the effects, so that answers
    /// follow first.
    pub fn notices(&mut self, now: Timestamp) -> Vec<Notice> {
        let changed = std::mem::take(&mut self.changed);
        if self.is_begun {
            changed.iter().for_each(|(at, before)| self.tell_changes(*at, before, now));
        }

        std::mem::take(&mut self.notices)
    }

    /// When something happens by itself, and a [`Event::Tick`] is due.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let due = [self.next_ramp_step(), self.admin.next_end(), self.next_window];
        due.into_iter().flatten().min()
    }

    /// Whether every check has a verdict, can't have one, or is not for us to find out.
    pub fn is_settled(&self) -> bool {
        let is_known = |check: &CheckState| {
            check.verdict != Verdict::Unknown || check.unable.is_some() || check.is_pushed
        };
        self.checks.iter().all(is_known)
    }

    /// The first round of probes is over, or was waited for long enough: from now on it is
    /// news what services come to.
    pub fn begin(&mut self) {
        self.is_begun = true;
    }

    /// How often a configuration was taken.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The clock was set back to `now`: nothing that is remembered is later, so that nothing
    /// waits for the time to come again.
    pub fn set_back(&mut self, now: Timestamp) {
        self.last_tick = self.last_tick.min(now);
        self.checks.iter_mut().for_each(|check| check.opinion.set_back(&check.damping, now));
        let memories = self.services.iter_mut().flat_map(|known| &mut known.endpoints).flatten();
        for memory in memories {
            memory.ramp = memory.ramp.map(|since| since.min(now));
        }
        self.read_calendar(now);
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
        self.keep_calendar(now);
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

    fn check_safety(
        &self,
        services: &[usize],
        admin: &AdminStates,
        now: Timestamp,
    ) -> Result<(), AdminRefusal> {
        for at in services {
            let Some(service) = self.plan.services.get(*at) else { continue };
            let judged = |admin| self.judged(*at, &self.facts(*at, admin, now));
            let (Some(before), Some(after)) = (judged(&self.admin), judged(admin)) else {
                continue;
            };
            // Each family by itself: one without the other is half a region.
            for (lane, family) in Family::ALL.into_iter().enumerate() {
                let (regions, before) = before.regions(lane);
                let (_, left) = after.regions(lane);
                let least = self.plan.min_regions.of(regions);
                if left < least && left < before {
                    let service = service.name.clone();
                    return Err(AdminRefusal::Safety { service, family, left, regions, least });
                }
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
