//! Learning: from what was measured to maps that rank by it, aside.
//!
//! ```text
//!   Keeper ─copy─► thread: Model, Orders ─► Published ─┬─ steers otherwise: maps are compiled again
//!   others ────────────────────────────────────────────┘  steers alike: shown in explanations
//!                                                      └─► orders.bin, others
//! ```

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::cli::chain;
use crate::cli::explain::Recipe;
use crate::cluster::Entry;
use crate::cluster::Key;
use crate::cluster::News;
use crate::config;
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
    /// How much the node had heard when it learnt last.
    heard: Option<u64>,
    /// Whether the last lesson failed; said once.
    is_failing: bool,
    is_unwritten: bool,
    /// Orders that arrive of another node.
    parcels: Parcels,
    /// By node and which of its values: the last one that was taken. As many as the store has
    /// keys.
    heard_of: HashMap<(String, u8), u64>,
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
        Self {
            published,
            settings,
            keeper,
            shelf,
            under_way: None,
            due,
            heard: None,
            is_failing: false,
            is_unwritten: false,
            parcels: Parcels::default(),
            heard_of: HashMap::new(),
        }
    }

    /// The orders that maps are to be compiled by.
    pub(super) const fn published(&self) -> &Arc<Published> {
        &self.published
    }

    /// Takes another configuration: what is known of regions and places may be others.
    pub(super) fn renew(&mut self, settings: config::Latency) {
        self.settings = settings;
        self.heard = None;
        self.due = Instant::now() + settings.every.min(FIRST);
    }

    /// Begins a lesson if one is due and there is something new to learn.
    pub(super) fn look(&mut self, recipe: &Arc<Recipe>, tasks: &Tasks) {
        let counts = self.keeper.counts();
        let is_news = counts.prefixes > 0 && self.heard != Some(counts.heard());
        if self.under_way.is_some() || Instant::now() < self.due || !is_news {
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

    /// Has the others told what this node is told of round trips.
    pub(super) fn share(&self, node: &str, put: impl Fn(Key, Vec<u8>) + Send + 'static) {
        let (node, mut slots) = (node.to_owned(), (0..limits::LATENCY_SHARES).cycle());
        self.keeper.share_by(move |told| {
            let slot = slots.next().unwrap_or_default();
            put(Key::Samples(node.clone(), slot), told);
        });
    }

    /// Takes what came of the others. Returns orders that were learnt later than those that hold.
    pub(super) fn listen(&mut self, own: &str, news: &News) -> Option<Published> {
        let entries = match news {
            News::Entry(entry) => std::slice::from_ref(entry),
            News::Read { entries, .. } => entries,
            News::Lost { .. } | News::Refused { .. } => return None,
        };
        entries.iter().filter_map(|entry| self.one(own, entry)).last()
    }

    /// Whether others have lost the orders that hold.
    pub(super) fn is_lost(&self, news: &News) -> bool {
        let News::Read { entries, .. } = news else { return false };
        let is_there = |entry: &Entry| matches!(entry.key, Key::Orders(_));
        self.published.sizes() != Sizes::default() && !entries.iter().any(is_there)
    }

    fn one(&mut self, own: &str, entry: &Entry) -> Option<Published> {
        let part = match &entry.key {
            Key::Samples(node, slot) if node != own => {
                let known = self.heard_of.get(&(node.clone(), *slot));
                // All of it comes again each minute, and what there was no room for with it.
                if known != Some(&entry.revision) && self.keeper.learn_of(entry.value.to_vec()) {
                    self.heard_of.insert((node.clone(), *slot), entry.revision);
                }
                return None;
            }
            Key::Orders(part) => *part,
            Key::Admin(_)
            | Key::Checks(_)
            | Key::Load(_)
            | Key::Monitors
            | Key::Node(_)
            | Key::Opinions(_)
            | Key::Samples(..)
            | Key::Shares => return None,
        };
        match self.parcels.take(part, &entry.value) {
            Ok(found) => found.filter(|found| found.at() > self.published.at()),
            Err(problem) => {
                tracing::warn!("orders by round trips that another node made are lost: {problem}");
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
                self.heard = Some(learnt.heard);
                self.due = Instant::now() + self.settings.every.max(learnt.took * TIMES);
                Some(learnt)
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
        self.keeper.note(self.published.sizes(), took);
        self.is_unwritten |= is_other;
        is_other
    }

    /// Writes what is not on disk yet, for a thread to call before maps are compiled by it: so
    /// what was answered once is answered after a restart.
    pub(super) fn writing(&mut self) -> impl FnOnce() + Send + use<> {
        let is_unwritten = std::mem::take(&mut self.is_unwritten);
        let (shelf, published) = (self.shelf.clone(), Arc::clone(&self.published));
        move || {
            if is_unwritten && let Err(error) = shelf.write(&published.encode()) {
                tracing::warn!("failed to write the orders by round trips: {error}");
            }
        }
    }

    fn failed(&mut self, problem: &str) {
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

#[expect(clippy::disallowed_methods, reason = "the pace of a thread, and no sample's time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// Learns, on a thread of its own: databases are read again.
fn learn(
    keeper: &Keeper,
    recipe: &Recipe,
    before: &Published,
    rules: &Rules,
) -> Result<Learnt, String> {
    let begin = now();
    let lesson = keeper.lesson().map_err(|_| "the table is too busy, or gone".to_owned())?;
    let lesson = lesson.blocking_recv().map_err(|_| "the table is gone".to_owned())?;
    let atlas = recipe.atlas()?;
    let published =
        lesson.learn(&atlas, before, rules, Timestamp::now()).map_err(|error| chain(&error))?;
    Ok(Learnt { published, heard: lesson.heard(), took: now() - begin })
}
