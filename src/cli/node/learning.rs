//! Learning: from what was measured to maps that rank by it, aside.
//!
//! ```text
//!   Keeper ─copy─► thread: Model, Orders ─► Published ─┬─ steers otherwise: maps are compiled again
//!   others ────────────────────────────────────────────┘  steers alike: shown in explanations
//!                                                      └─► orders.bin, others
//! ```

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::cli::chain;
use crate::cli::explain::Recipe;
use crate::cluster::Entry;
use crate::cluster::Key;
use crate::cluster::News;
use crate::cluster::Refusals;
use crate::cluster::Why;
use crate::config;
use crate::latency::Refusal;
use crate::latency::Rules;
use crate::model::limits;
use crate::samples::Keeper;
use crate::samples::Parcels;
use crate::samples::Published;
use crate::samples::Sizes;
use crate::server;
use crate::store::Shelf;
use crate::tasks::Tasks;

/// From the end of a lesson to the next, in times what it took: it keeps no core busy.
const TIMES: u32 = 10;

/// After how long without news it learns all the same: samples lose half their weight in twice that.
const AGES: Duration = Duration::from_hours(24);

/// How long a node that knows less than half of what orders were learnt of lets them hold.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(24);

/// For how many turns somebody is sent elsewhere, if nobody makes other orders meanwhile.
const TURNS: u32 = 3;

/// How long after the start the first lesson is: what is on disk is read by then.
const FIRST: Duration = Duration::from_secs(5);

/// What a node has learnt, and when it learns again.
pub(super) struct Learning {
    published: Arc<Published>,
    settings: config::Latency,
    keeper: Keeper,
    shelf: Shelf,
    under_way: Option<oneshot::Receiver<Result<Learnt, String>>>,
    due: Instant,
    /// When those who are sent elsewhere come back at the latest; none if there are none.
    rest: Option<Instant>,
    /// How much the node had heard when it learnt last.
    heard: Option<u64>,
    /// Whether the last lesson failed; said once.
    is_failing: bool,
    is_unwritten: Arc<AtomicBool>,
    /// Orders that arrive of another node.
    parcels: Parcels,
    /// What others told: as the store took it, with the octets until the table has them. All is
    /// read again each minute, and most of it is known.
    told: BTreeMap<Key, Told>,
    /// Whether the lesson under way is of a configuration that was replaced meanwhile.
    is_stale: bool,
}

/// A value of another node.
struct Told {
    revision: (u64, Timestamp),
    waiting: Option<Arc<[u8]>>,
}

/// What a lesson came to.
pub(super) struct Learnt {
    published: Published,
    heard: u64,
    took: Duration,
}

impl Learning {
    /// Goes on from what is published.
    pub(super) fn new(
        published: Arc<Published>,
        settings: config::Latency,
        keeper: Keeper,
        shelf: Shelf,
    ) -> Self {
        keeper.note(published.sizes(), None);
        let due = Instant::now() + settings.every.min(FIRST);
        let mut learning = Self {
            published,
            settings,
            keeper,
            shelf,
            under_way: None,
            due,
            rest: None,
            heard: None,
            is_failing: false,
            is_unwritten: Arc::default(),
            parcels: Parcels::default(),
            told: BTreeMap::new(),
            is_stale: false,
        };
        learning.explore();
        learning
    }

    /// Notes for how long those who are sent elsewhere may be.
    fn explore(&mut self) {
        let longest = self.settings.rules.exploration.turn * TURNS;
        self.rest = self.published.is_exploring().then(|| Instant::now() + longest);
    }

    /// The orders that hold with everybody where they belong, once that is due: who learns for all
    /// may be gone, or know too little.
    pub(super) fn rested(&mut self) -> Option<Published> {
        self.rest.take_if(|rest| *rest <= Instant::now()).map(|_| self.published.rested())
    }

    /// The orders that maps are to be compiled by.
    pub(super) const fn published(&self) -> &Arc<Published> {
        &self.published
    }

    /// Takes another configuration: what is known of regions and places may be others.
    pub(super) fn renew(&mut self, settings: config::Latency) {
        self.settings = settings;
        self.heard = None;
        self.is_stale = self.under_way.is_some();
        self.due = Instant::now() + settings.every.min(FIRST);
    }

    /// Begins a lesson if one is due and there is something new to learn.
    pub(super) fn look(&mut self, recipe: &Arc<Recipe>, tasks: &Tasks) {
        let now = Instant::now();
        let is_due = self.under_way.is_none() && now >= self.due;
        if !is_due || !self.is_news(now, Timestamp::now()) || self.knows_little() {
            return;
        }
        let (keeper, recipe) = (self.keeper.clone(), Arc::clone(recipe));
        let (before, rules) = (Arc::clone(&self.published), self.settings.rules);
        let learn = move || learn(&keeper, &recipe, &before, &rules);
        match server::in_background(tasks, "learn", learn) {
            Ok(lesson) => self.under_way = Some(lesson),
            Err(error) => self.failed(&chain(&error)),
        }
    }

    /// Whether there is something to learn that was not known when it learnt last.
    fn is_news(&self, now: Instant, clock: Timestamp) -> bool {
        let counts = self.keeper.counts();
        // Turns of exploring end, and what was measured ages, whether or not anybody is heard.
        let is_exploring = self.settings.rules.exploration.share > 0.0;
        let is_old = is_exploring || now >= self.due + AGES;
        // Who knows nothing lets hold what there is, but not for longer than samples count.
        let Sizes { areas, blocks, at, .. } = self.published.sizes();
        let age = Duration::try_from(clock.duration_since(at)).unwrap_or_default();
        let is_outlived = areas + blocks > 0 && age > Refusal::OLDEST;
        (counts.prefixes > 0 && (is_old || self.heard != Some(counts.heard()))) || is_outlived
    }

    /// Whether the orders that hold were lately learnt of far more than is known here: a node that
    /// is new must not have everybody forget what others were told.
    fn knows_little(&self) -> bool {
        let (now, known) = (Timestamp::now(), self.keeper.counts().prefixes);
        let age = now.duration_since(self.published.since(now));
        known * 2 < self.published.sizes().prefixes && age < FORGOTTEN
    }

    /// Has the others told what this node is told of round trips.
    pub(super) fn share(&self, node: &str, put: impl Fn(Key, Vec<u8>) + Send + 'static) {
        let (node, mut slots) = (node.to_owned(), (0..limits::LATENCY_SHARES).cycle());
        self.keeper.share_by(move |told| {
            let slot = slots.next().unwrap_or_default();
            put(Key::Samples(node.clone(), slot), told);
        });
    }

    /// Takes what came of the others. Returns orders that were learnt later than those that hold.
    pub(super) fn listen(
        &mut self,
        own: &str,
        news: &News,
        refusals: &Refusals,
    ) -> Option<Published> {
        let entries = match news {
            News::Entry(entry) => std::slice::from_ref(entry),
            News::Read { entries, .. } => {
                let there: HashSet<&Key> = entries.iter().map(|entry| &entry.key).collect();
                self.told.retain(|key, _| there.contains(key));
                entries
            }
            News::Lost { .. } | News::Refused { .. } => return None,
        };
        let waiting = self.told.values().filter_map(|told| told.waiting.as_ref());
        let mut room =
            limits::SHARED_SAMPLES.2.saturating_sub(waiting.map(|octets| octets.len()).sum());
        let found =
            entries.iter().filter_map(|entry| self.one(own, entry, &mut room, refusals)).last();
        self.hand_over();
        found
    }

    /// Has the table take what others told, as far as it has room.
    pub(super) fn hand_over(&mut self) {
        for told in self.told.values_mut() {
            if let Some(octets) = &told.waiting {
                if !self.keeper.learn_of(Arc::clone(octets)) {
                    return;
                }
                told.waiting = None;
            }
        }
    }

    /// Whether others have lost the orders that hold.
    pub(super) fn is_lost(&self, news: &News) -> bool {
        let News::Read { entries, .. } = news else { return false };
        let orders = entries.iter().filter(|entry| matches!(entry.key, Key::Orders(_)));
        let parts = orders.map(|entry| &*entry.value);
        let now = Timestamp::now();
        self.published.since(now) > Timestamp::UNIX_EPOCH && !self.published.is_among(parts, now)
    }

    fn one(
        &mut self,
        own: &str,
        entry: &Entry,
        room: &mut usize,
        refusals: &Refusals,
    ) -> Option<Published> {
        let part = match &entry.key {
            Key::Samples(node, _) if node != own => {
                let revision = (entry.revision, entry.stored);
                let is_new = self.told.get(&entry.key).is_none_or(|told| told.revision != revision);
                // What has no room is read again.
                if is_new && let Some(left) = room.checked_sub(entry.value.len()) {
                    *room = left;
                    let waiting = Some(Arc::clone(&entry.value));
                    self.told.insert(entry.key.clone(), Told { revision, waiting });
                }
                return None;
            }
            Key::Orders(part) => *part,
            Key::Admin(_)
            | Key::Checks(_)
            | Key::Load(_)
            | Key::Monitors
            | Key::Opinions(_)
            | Key::Prober(_)
            | Key::Samples(..)
            | Key::Server(_)
            | Key::Shares => return None,
        };
        let now = Timestamp::now();
        match self.parcels.take(part, &entry.value, self.published.since(now), now) {
            Ok(found) => found,
            Err(problem) => {
                if refusals.note(&entry.key, Why::Unreadable, entry.stored) {
                    tracing::warn!("orders of another node are lost: {problem}");
                }
                None
            }
        }
    }

    /// The orders that hold, as they are shared.
    pub(super) fn parcels(&self) -> impl Iterator<Item = (Key, Vec<u8>)> + use<> {
        let parcels = self.published.parcels(limits::SHARED_VALUE / 2);
        (0..).map(Key::Orders).zip(parcels)
    }

    /// How the lesson under way ends; never, if there is none.
    pub(super) async fn ended(&mut self) -> Option<Learnt> {
        let Some(lesson) = &mut self.under_way else { return std::future::pending().await };
        // One that ended without a word panicked, which was logged.
        let ended = lesson.await.unwrap_or_else(|_| Err("it ended without a word".to_owned()));
        self.under_way = None;
        match ended {
            Ok(learnt) => {
                self.is_failing = false;
                if !std::mem::take(&mut self.is_stale) {
                    self.heard = Some(learnt.heard);
                    self.due = Instant::now() + self.settings.every.max(learnt.took * TIMES);
                }
                // Another may have made later ones meanwhile, which hold on all other nodes.
                let holds = self.published.since(Timestamp::now());
                Some(learnt).filter(|learnt| learnt.published.at() > holds)
            }
            Err(problem) => {
                self.failed(&problem);
                None
            }
        }
    }

    /// Takes what was learnt, here or by another. Returns whether maps are to be compiled again.
    pub(super) fn take(&mut self, published: Published, took: Option<Duration>) -> bool {
        let is_other = !published.steers_like(&self.published);
        self.published = Arc::new(published);
        self.explore();
        self.keeper.note(self.published.sizes(), took);
        self.is_unwritten.fetch_or(is_other, Ordering::Relaxed);
        is_other
    }

    /// Writes what is not on disk yet, for a thread to call before maps are compiled by it: so
    /// what was answered once is answered after a restart.
    pub(super) fn writing(&self) -> impl FnOnce() + Send + use<> {
        let (shelf, published) = (self.shelf.clone(), Arc::clone(&self.published));
        let is_unwritten = Arc::clone(&self.is_unwritten);
        move || {
            // What fails is said by the shelf, and tried again with the next maps.
            if is_unwritten.swap(false, Ordering::Relaxed)
                && shelf.write(&published.encode()).is_err()
            {
                is_unwritten.store(true, Ordering::Relaxed);
            }
        }
    }

    fn failed(&mut self, problem: &str) {
        self.is_stale = false;
        self.due = Instant::now() + self.settings.every;
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!("nothing was learnt of round trips, trying on: {problem}");
        }
    }
}

impl Learnt {
    pub(super) fn into_parts(self) -> (Published, Duration) {
        (self.published, self.took)
    }
}

/// Learns, on a thread of its own: databases are read again.
fn learn(
    keeper: &Keeper,
    recipe: &Recipe,
    before: &Published,
    rules: &Rules,
) -> Result<Learnt, String> {
    let begin = Instant::now();
    let lesson = keeper.lesson().map_err(|_| "the table is too busy, or gone".to_owned())?;
    let lesson = lesson.blocking_recv().map_err(|_| "the table is gone".to_owned())?;
    let atlas = recipe.atlas()?;
    let published =
        lesson.learn(&atlas, before, rules, Timestamp::now()).map_err(|error| chain(&error))?;
    Ok(Learnt { published, heard: lesson.heard(), took: begin.elapsed() })
}

#[cfg(test)]
mod tests;
