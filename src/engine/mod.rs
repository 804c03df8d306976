//! The engine: the single writer of all that changes while a node runs.
//!
//! ```text
//!   Report ─► Vantage ─► Panel ─► verdict ─┐
//!   Opinions of others ────┘               │
//!   AdminChange, AdminOrder ─► AdminStates ┼─► the services concerned ─► judge ─► ServiceStanding
//!   time (ramps, ends) ────────────────────┘          ▲                    │
//!                                                     └── region verdicts ◄┘
//!   Effects: standings to publish · what to share · whether to save;  then notices to tell
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
mod change;
mod checks;
mod contact;
mod drains;
mod judge;
mod nodes;
mod notice;
mod orders;
mod outpost;
mod plan;
mod poll;
mod ramps;
mod regions;
mod saved;
mod settle;
mod stamp;
mod status;
mod survey;
mod troubles;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

pub use change::{AdminChange, AdminDone, AdminRefusal};
pub use nodes::{Differing, InputDigests, NodeCard};
pub use notice::{Notice, Severity, What};
pub use orders::AdminOrder;
pub use outpost::Outpost;
pub use plan::{Node, Plan};
pub use saved::Saved;
pub use stamp::Stamp;
pub use status::{
    AdminStatus, CheckStatus, ClusterStatus, Contact, EndpointStatus, NodeStatus, PoolStatus,
    RegionStatus, RoundTripsStatus, ServiceState, ServiceStatus, Status, StillAnswered, Unsettled,
    VantageStatus,
};

use crate::engine::admin::AdminStates;
use crate::engine::checks::CheckState;
use crate::engine::contact::Line;
use crate::engine::drains::Spread;
use crate::engine::judge::Judged;
use crate::engine::nodes::Nodes;
use crate::engine::notice::Numbers;
use crate::engine::plan::EndpointId;
use crate::engine::plan::Wiring;
use crate::engine::ramps::Memory;
use crate::engine::regions::RegionState;
use crate::engine::troubles::Troubles;
use crate::health::Absorbed;
use crate::health::CheckId;
use crate::health::Hearing;
use crate::health::Opinions;
use crate::health::Panel;
use crate::health::Published;
use crate::health::Report;
use crate::health::Roll;
use crate::health::Sighting;
use crate::health::Vantage;
pub use crate::health::Verdict;
use crate::health::Vote;
use crate::model::AdminState;
use crate::model::RegionId;
use crate::snapshot::World;
use crate::steer::ServiceStanding;

/// What happens to an engine.
#[derive(Debug)]
pub enum Event {
    /// A probe had an outcome.
    Report(Report),
    /// The other nodes and vantages can be heard from now on; all that they said follows.
    Joined,
    /// They can't be heard, and why.
    Lost(String),
    /// What a vantage published, so long ago.
    Opinions(Box<Opinions>, Duration),
    /// What positions in opinions mean.
    Roll(Roll),
    /// An order of an operator on some node.
    Order(Box<AdminOrder>),
    /// All that is shared was read; of what was said by itself before, the orders, and which
    /// rolls there are.
    Read(Vec<AdminOrder>, BTreeSet<u64>),
    /// What a node said of itself, so long ago.
    Card(Box<NodeCard>, Duration),
    /// Something in the cluster needs an operator.
    Trouble(String),
    /// Another configuration was taken; what is known of what stays is kept.
    Reconfigured(Box<Plan>),
    /// The maps of the same configuration were compiled again.
    Remapped(Arc<World>),
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
    /// What this node's vantage has to say to the others.
    pub published: Option<Published>,
    /// Orders that the others are to have.
    pub orders: Vec<AdminOrder>,
    /// What this node says of itself.
    pub card: Option<NodeCard>,
}

/// All that changes while a node runs.
#[derive(Debug)]
pub struct Engine {
    plan: Plan,
    wiring: Wiring,
    /// What this node's own prober makes of its targets.
    vantage: Vantage,
    /// The vantages that vote.
    panel: Panel,
    checks: Vec<CheckState>,
    /// Checks that nobody can run and that are held up, by until when they are.
    unable: BTreeSet<(Timestamp, CheckId)>,
    line: Line,
    /// How each vantage was heard when that was told last.
    heard: Vec<Hearing>,
    nodes: Nodes,
    /// When this node says again that it is there.
    card_due: Timestamp,
    /// What this node answers by.
    inputs: InputDigests,
    admin: AdminStates,
    /// Which orders the other nodes have too.
    spread: Spread,
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
    numbers: Numbers,
    troubles: Troubles,
    /// Whether the first round is over: until then what services come to is no news.
    is_begun: bool,
    /// Services whose judgement changed, and what it was; told of in [`Engine::notices`].
    changed: BTreeMap<usize, Judged>,
    started: Timestamp,
    generation: u64,
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
        let Node { name, instance, .. } = &plan.node;
        let mut engine = Self {
            vantage: Vantage::new(name, *instance, &plan.checks.all, &plan.monitors, now),
            panel: plan.panel(now),
            checks: vec![CheckState::default(); plan.checks.all.len()],
            unable: BTreeSet::new(),
            line: Line::default(),
            heard: Vec::new(),
            nodes: Nodes::default(),
            card_due: now,
            inputs: InputDigests::default(),
            admin: AdminStates::default(),
            spread: Spread::default(),
            regions: vec![RegionState::default(); plan.regions.len()],
            services: plan.services.iter().map(Known::new).collect(),
            dirty: (0..plan.services.len()).collect(),
            dirty_regions: BTreeSet::new(),
            ramping: BTreeSet::new(),
            last_tick: now,
            next_window: None,
            effects: Effects::default(),
            notices: Vec::new(),
            numbers: Numbers::default(),
            troubles: Troubles::default(),
            is_begun: false,
            changed: BTreeMap::new(),
            started: now,
            generation: 1,
            plan,
            wiring,
        };
        if let Some(saved) = saved {
            engine.restore(saved);
            drop(engine.admin.expire(now, &engine.plan, &engine.wiring));
        }
        engine.cast_all(now);
        engine.dirty_regions = engine.all_regions().collect();
        engine.read_calendar(now);
        engine
    }

    /// Takes an event. What it does shows in [`Engine::effects`].
    pub fn step(&mut self, event: Event, now: Timestamp) {
        match event {
            Event::Report(report) => self.report(report, now),
            Event::Joined => self.joined(now),
            Event::Lost(why) => self.lost(why, now),
            Event::Opinions(said, age) => self.opinions(*said, age, now),
            Event::Roll(roll) => self.panel.learn(roll),
            Event::Order(order) => self.ordered(*order, now),
            Event::Read(orders, rolls) => {
                self.vantage.put_back(&rolls, now);
                self.orders_read(orders, now);
            }
            Event::Card(card, age) => self.heard_of(*card, age, now),
            Event::Trouble(why) => self.trouble(why, now),
            Event::Reconfigured(plan) => self.reconfigure(*plan, now),
            Event::Remapped(world) => self.remap(world),
            Event::Tick => self.tick(now),
        }
    }

    /// Takes maps that rank otherwise: services may be tied, and parted by groups, otherwise.
    fn remap(&mut self, world: Arc<World>) {
        self.plan.world = world;
        self.wiring = Wiring::new(&self.plan);
        self.dirty.extend(0..self.services.len());
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
        let own = self.panel.own().map(|_| self.vantage.due());
        let shared = [own, Some(self.card_due), self.panel.next_deadline()];
        let due = [self.next_ramp_step(), self.admin.next_end(), self.next_window];
        let held = [self.line.next_deadline(), self.unable.first().map(|(until, _)| *until)];
        due.into_iter().chain(shared).chain(held).flatten().min()
    }

    /// Whether the others were heard or can't be, and every check has a verdict, can't have one,
    /// or is not for us to find out.
    pub fn is_settled(&self) -> bool {
        let is_known = |(check, own): (&CheckState, &Sighting)| {
            check.verdict != Verdict::Unknown || check.is_unable || own.is_pushed()
        };
        let has_heard = self.line.contact != Contact::Starting;
        has_heard && self.checks.iter().zip(self.vantage.sightings()).all(is_known)
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
        self.vantage.set_back(now);
        self.panel.set_back(now);
        let unable = self.checks.iter_mut().filter_map(|check| check.unable_since.as_mut());
        unable.for_each(|since| *since = (*since).min(now));
        self.forget_unable();
        self.card_due = self.card_due.min(now);
        self.line.set_back(now);
        self.nodes.set_back(now);
        self.troubles.set_back(now);
        self.spread.set_back(now);
        self.started = self.started.min(now);
        // What had ended by the clock as it was may be in force again.
        drop(self.admin.expire(now, &self.plan, &self.wiring));
        self.dirty.extend(0..self.services.len());
        let all: Vec<usize> = (0..self.services.len()).collect();
        let latest = now + self.longest_ttl(&all);
        self.regions.iter_mut().for_each(|region| region.set_back(now, latest));
        let memories = self.services.iter_mut().flat_map(|known| &mut known.endpoints).flatten();
        memories.for_each(|memory| memory.set_back(now, latest));
        self.read_calendar(now);
    }

    fn opinions(&mut self, said: Opinions, age: Duration, now: Timestamp) {
        let name = said.vantage.clone();
        if self.panel.absorb(said, self.vantage.instance(), age, now) == Absorbed::Double {
            self.hear_own_name(format!("vantage `{name}`"), now);
        }
    }

    /// Puts all votes of this node's own vantage on the panel.
    fn cast_all(&mut self, now: Timestamp) {
        let known = |(_, own): &(CheckId, &Sighting)| own.vote() != Vote::Unknown;
        let all = (0..).map(CheckId).zip(self.vantage.sightings());
        let known: Vec<CheckId> = all.filter(known).map(|(id, _)| id).collect();
        known.into_iter().for_each(|id| self.cast(id, now));
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
        self.end_orders(now);
    }

    /// Lets go of what is ordered until now.
    fn end_orders(&mut self, now: Timestamp) {
        for ended in self.admin.expire(now, &self.plan, &self.wiring) {
            let services = admin::concerned(&ended.target, &self.plan, &self.wiring);
            self.dirty.extend(services.unwrap_or_default());
            self.effects.save = true;
            let AdminStatus { target, who, why, .. } = ended;
            let why = format!("its time is over; it was: {why}");
            self.tell(now, What::Admin { target, state: AdminState::Auto, who, why });
        }
    }

    fn all_regions(&self) -> impl Iterator<Item = RegionId> + use<> {
        (0..u16::try_from(self.plan.regions.len()).unwrap_or(u16::MAX)).map(RegionId)
    }
}

impl Known {
    fn new(service: &crate::model::Service) -> Self {
        let pool = |pool: &crate::model::Pool| vec![Memory::default(); pool.endpoints.len()];
        Self { judged: None, endpoints: service.pools.iter().map(pool).collect() }
    }
}
