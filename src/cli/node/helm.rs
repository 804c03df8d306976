//! The helm: the engine with a clock, and what follows from what it says.
//!
//! ```text
//!   event ─► Engine ─► effects ─┬─ standings ─► one swap ─► workers
//!   news ──► Session ──┘        ├─ to share ──► link to the others
//!                               ├─ notices ───► log, hooks, event stream
//!                               └─ save ──────► state directory
//! ```

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use jiff::SignedDuration;
use jiff::Timestamp;
use tokio::sync::broadcast;

use crate::cli::clock::Clock;
use crate::cli::notices;
use crate::cluster::Key;
use crate::cluster::Link;
use crate::cluster::News;
use crate::cluster::Refusals;
use crate::cluster::Session;
use crate::engine::AdminChange;
use crate::engine::AdminDone;
use crate::engine::AdminRefusal;
use crate::engine::Effects;
use crate::engine::Engine;
use crate::engine::Event;
use crate::engine::Notice;
use crate::engine::Plan;
use crate::engine::RoundTripsStatus;
use crate::engine::Saved;
use crate::engine::Status;
use crate::health::Report;
use crate::load::Cutoffs;
use crate::model::NodeProblems;
use crate::model::Region;
use crate::samples::Counts;
use crate::samples::Keeper;
use crate::samples::Sizes;
use crate::snapshot::Publisher;
use crate::snapshot::Snapshot;
use crate::snapshot::Standing;
use crate::snapshot::World;
use crate::spill::Shares;
use crate::spill::Spill;
use crate::spill::Stage;
use crate::store::Store;

/// How old a status may be.
const STATUS_AGE: SignedDuration = SignedDuration::from_millis(250);

/// Notices that whoever reads them may be behind by; past that they are told how many they
/// missed.
const NOTICES: usize = 1024;

pub(super) struct Helm {
    pub(super) engine: Engine,
    clock: Clock,
    /// The last time that was told.
    last: Timestamp,
    pub(super) publisher: Publisher,
    pub(super) snapshot: Snapshot,
    notices: broadcast::Sender<Arc<Notice>>,
    pub(super) store: Store,
    link: Link,
    session: Session,
    keeper: Keeper,
    pub(super) spill: Spill,
    /// Whom regions refuse.
    pub(super) shares: Arc<Shares>,
    /// What the others have for them, as far as this node heard.
    pub(super) told: Option<Shares>,
    /// Whether this node decides them.
    pub(super) decides: bool,
    /// The regions of the configuration, and how long answers are kept at the longest.
    pub(super) regions: Arc<[Region]>,
    ttl: Duration,
    /// What probers without a file are to probe.
    handed: Option<Vec<u8>>,
    /// Whether it was looked at once whether others have another.
    is_handed_over: bool,
    /// The last one that was asked for.
    pub(super) status: Option<Arc<Status>>,
    /// What is wrong with the node itself.
    pub(super) problems: NodeProblems,
    /// Since when something is not saved.
    pub(super) unsaved: Option<Timestamp>,
    /// When the next save may be.
    pub(super) save_due: Option<Timestamp>,
}

impl Helm {
    /// Takes a configuration and what was saved before the node stopped.
    pub(super) fn new(
        plan: Plan,
        saved: Option<Saved>,
        (store, problems): (Store, NodeProblems),
        link: Link,
        keeper: Keeper,
        (spill, shares): (Spill, Shares),
        handed: Option<Vec<u8>>,
    ) -> Self {
        let regions: Arc<[Region]> = plan.regions.as_slice().into();
        let ttl = Stage::ttl_of(&plan.services);
        let mut clock = Clock::new();
        let world = Arc::clone(&plan.world);
        let mut engine = Engine::new(plan, saved, clock.now());
        let mut effects = engine.effects(clock.now());
        share(&link, &mut effects);
        let standings = effects.standings.into_values();
        let standing = Standing::new(standings).with_cutoffs(cutoffs(&shares, &regions));
        let snapshot = Snapshot { standing: Arc::new(standing), world };
        let publisher = Publisher::new(snapshot.clone());
        let (notices, _) = broadcast::channel(NOTICES);
        let session = Session::new(link.refusals().clone());
        let helm = Self {
            engine,
            last: clock.now(),
            clock,
            publisher,
            snapshot,
            notices,
            store,
            link,
            session,
            keeper,
            spill,
            shares: Arc::new(shares),
            told: None,
            decides: false,
            regions,
            ttl,
            handed,
            is_handed_over: false,
            status: None,
            problems,
            unsaved: None,
            save_due: None,
        };
        helm.enter();
        helm
    }

    pub(super) fn publisher(&mut self) -> &mut Publisher {
        &mut self.publisher
    }

    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    pub(super) fn notices(&self) -> &broadcast::Sender<Arc<Notice>> {
        &self.notices
    }

    /// The first round of probes is over.
    pub(super) fn begin(&mut self, configuration: String) {
        self.engine.begin();
        self.set_configuration(configuration);
    }

    pub(super) fn generation(&self) -> u64 {
        self.engine.generation()
    }

    /// Whether this node learns for all.
    pub(super) fn is_first(&mut self) -> bool {
        let now = self.now();
        self.engine.is_first(now)
    }

    /// Whether this node has been without the others for so long that it goes by what it sees.
    pub(super) fn is_alone(&self) -> bool {
        self.engine.is_alone()
    }

    pub(super) fn is_settled(&self) -> bool {
        self.engine.is_settled()
    }

    /// What is known, of a moment ago at the most: it takes a while to make, and whoever asks
    /// often must not keep answers from following.
    pub(super) fn status(&mut self) -> Arc<Status> {
        let now = self.now();
        let is_fresh = |at: Timestamp| now.duration_since(at).abs() < STATUS_AGE;
        match &self.status {
            Some(status) if is_fresh(status.at) => Arc::clone(status),
            _ => {
                let mut status = self.engine.status(now);
                let mut loads = self.spill.status();
                for region in &mut status.regions {
                    region.load = loads.remove(&region.region);
                }
                status.problems = self.problems.all();
                status.round_trips = round_trips(&self.keeper.counts());
                Arc::clone(self.status.insert(Arc::new(status)))
            }
        }
    }

    /// Takes outcomes of probes; what they change is published by one swap.
    pub(super) fn report(&mut self, reports: impl IntoIterator<Item = Report>) {
        let now = self.now();
        for report in reports {
            self.engine.step(Event::Report(report), now);
        }
        self.settle(now);
    }

    /// What of the others is not used.
    pub(super) fn refusals(&self) -> &Refusals {
        self.link.refusals()
    }

    /// Has the others told something.
    pub(super) fn put(&self, values: impl IntoIterator<Item = (Key, Vec<u8>)>) {
        values.into_iter().for_each(|(key, value)| self.link.put(key, value));
    }

    /// The same, for another thread.
    pub(super) fn putter(&self) -> impl Fn(Key, Vec<u8>) + Send + use<> {
        self.link.putter()
    }

    /// Takes what came of the others.
    pub(super) fn news(&mut self, news: impl IntoIterator<Item = News>) {
        let now = self.now();
        for news in news {
            self.hand_over_if_due(&news);
            self.learn_of_loads(&news);
            for event in self.session.take(news) {
                self.engine.step(event, now);
            }
        }
        self.settle(now);
    }

    pub(super) fn change(&mut self, change: AdminChange) -> Result<AdminDone, AdminRefusal> {
        let now = self.now();
        let done = self.engine.change(change, now);
        self.settle(now);
        done
    }

    /// Takes another configuration. World and standing change by one swap.
    pub(super) fn reconfigure(&mut self, plan: Plan, handed: Option<Vec<u8>>) {
        let now = self.now();
        if self.handed != handed {
            handed.iter().for_each(|value| self.link.put(Key::Monitors, value.clone()));
            self.handed = handed;
        }
        self.snapshot.world = Arc::clone(&plan.world);
        self.regions = plan.regions.as_slice().into();
        self.ttl = Stage::ttl_of(&plan.services);
        self.status = None;
        self.engine.step(Event::Reconfigured(Box::new(plan)), now);
        let mut effects = self.engine.effects(now);
        share(&self.link, &mut effects);
        let standing = Standing::new(effects.standings.into_values());
        let cutoffs = cutoffs(&self.shares, &self.regions);
        self.publish(standing.with_cutoffs(cutoffs));
        self.follow(effects.save, now);
    }

    /// Takes maps that rank otherwise, for the same configuration, by one swap.
    pub(super) fn remap(&mut self, world: Arc<World>) {
        let now = self.now();
        self.snapshot.world = Arc::clone(&world);
        self.engine.step(Event::Remapped(world), now);
        let mut effects = self.engine.effects(now);
        share(&self.link, &mut effects);
        let standings = std::mem::take(&mut effects.standings);
        self.publish(self.snapshot.standing.with(standings));
        self.follow(effects.save, now);
    }

    pub(super) fn tick(&mut self) {
        let now = self.now();
        self.engine.step(Event::Tick, now);
        self.settle(now);
    }

    /// When a tick is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let save = self.unsaved.and(self.save_due);
        let due = [self.engine.next_deadline(), save].into_iter().flatten().min();
        due.map(|due| self.clock.instant(due))
    }

    /// Hands over to probers without a file: what was just taken, if others have something
    /// else, and what the store has lost.
    fn hand_over_if_due(&mut self, news: &News) {
        let News::Read { entries, .. } = news else { return };
        let Some(handed) = &self.handed else { return };
        let stored = entries.iter().find(|entry| entry.key == Key::Monitors);
        let is_other = stored.is_none_or(|entry| *entry.value != **handed);
        if is_other && (stored.is_none() || !self.is_handed_over) {
            self.link.put(Key::Monitors, handed.clone());
        }
        self.is_handed_over = true;
    }

    /// Publishes who may take clients from now on, by one swap; shares are planned for it.
    fn publish(&mut self, standing: Standing) {
        self.snapshot.standing = Arc::new(standing);
        self.publisher.publish(self.snapshot.clone());
        self.enter();
    }

    fn enter(&self) {
        let Snapshot { world, standing } = self.snapshot.clone();
        self.spill.enter(Stage {
            world,
            standing,
            regions: Arc::clone(&self.regions),
            ttl: self.ttl,
        });
    }

    pub(super) fn now(&mut self) -> Timestamp {
        let now = self.clock.now();
        if now < self.last {
            self.engine.set_back(now);
            self.save_due = None;
        }
        self.last = now;
        now
    }

    fn settle(&mut self, now: Timestamp) {
        let mut effects = self.engine.effects(now);
        if !effects.standings.is_empty() || effects.save {
            self.status = None;
        }
        let standings = std::mem::take(&mut effects.standings);
        if !standings.is_empty() {
            self.publish(self.snapshot.standing.with(standings));
        }
        share(&self.link, &mut effects);
        self.follow(effects.save, now);
    }

    /// What comes after the answers have followed.
    fn follow(&mut self, save: bool, now: Timestamp) {
        for notice in self.engine.notices(now) {
            notices::log(&notice);
            // Nobody may be listening.
            drop(self.notices.send(Arc::new(notice)));
        }
        if save {
            self.unsaved = self.unsaved.or(Some(now));
        }
        self.save_if_due(now);
    }
}

/// What is known of round trips, if anything is.
fn round_trips(counts: &Counts) -> Option<RoundTripsStatus> {
    let Sizes { areas, blocks, at, .. } = counts.orders;
    let learnt = (at > Timestamp::UNIX_EPOCH).then_some(at);
    let prefixes = counts.prefixes;
    (prefixes > 0 || learnt.is_some()).then_some(RoundTripsStatus {
        prefixes,
        areas,
        blocks,
        learnt,
    })
}

/// Whom the regions of a configuration refuse.
pub(super) fn cutoffs(shares: &Shares, regions: &[Region]) -> Cutoffs {
    shares.cutoffs(regions.iter().map(|region| region.name.as_str()))
}

/// Has the others told what is for them.
fn share(link: &Link, effects: &mut Effects) {
    Session::puts(effects).into_iter().for_each(|(key, value)| link.put(key, value));
}
