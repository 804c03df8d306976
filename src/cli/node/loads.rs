//! Loads: what is read and told of them goes to who plans, and shares that are decided to answers.
//!
//! ```text
//!   Meters ─► readings ─► Spill ─► shares ─┬─► one swap ─► workers
//!   others ─► pushed loads ──┘             ├─► others
//!   others ─► shares of who decides ───────┘─► shares.json
//! ```

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::cli::chain;
use crate::cli::node::Node;
use crate::cli::node::helm::Helm;
use crate::cli::node::helm::cutoffs;
use crate::cluster::Entry;
use crate::cluster::Key;
use crate::cluster::News;
use crate::cluster::Why;
use crate::health::Unreadable;
use crate::health::written;
use crate::load::Reading;
use crate::meters;
use crate::model::LoadFrom;
use crate::model::Region;
use crate::server;
use crate::spill::Shares;
use crate::store::Shelf;

/// How old shares may be that a node starts with: after that the load is another.
const KEPT: SignedDuration = SignedDuration::from_mins(10);

/// How often it is written that shares hold, which they may for long.
const HELD: SignedDuration = SignedDuration::from_mins(1);

/// Where shares are kept for the next start.
pub(super) struct Kept {
    shelf: Shelf,
    /// When it was written last.
    at: Timestamp,
}

impl Kept {
    pub(super) const fn new(shelf: Shelf) -> Self {
        Self { shelf, at: Timestamp::UNIX_EPOCH }
    }
}

/// A load that somebody told, for the other nodes.
#[derive(Deserialize, Serialize)]
struct Told {
    load: f64,
    at: Timestamp,
}

/// The shares that held when the node stopped, if that is not long ago.
pub(super) fn before(shelf: &Shelf) -> Shares {
    let (octets, warnings) = shelf.read();
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let Some(octets) = octets else { return Shares::default() };
    match Shares::decode(&octets) {
        Ok(shares) if Timestamp::now().duration_since(shares.at) < KEPT => shares,
        Ok(_) => Shares::default(),
        Err(problem) => {
            let warning = shelf.set_aside(&problem.to_string());
            tracing::warn!("{warning}");
            Shares::default()
        }
    }
}

impl Helm {
    /// Takes what was read of loads. What only this node was told, the others are.
    pub(super) fn loads(&self, readings: Vec<meters::Reading>) {
        for meters::Reading { region, value, span, at } in readings {
            let is_pushed = |noun: &&Region| {
                noun.name == region
                    && noun.load.as_ref().is_some_and(|load| load.from == LoadFrom::Pushed)
            };
            if let (Ok(load), Some(_)) = (&value, self.regions.iter().find(is_pushed)) {
                let told = written::encode(&Told { load: *load, at });
                self.put([(Key::Load(region.clone()), told)]);
            }
            self.spill.hear(&region, value.ok().map(|load| Reading { load, at, span }));
        }
    }

    /// Takes what others were told of loads, and the shares of who decides.
    pub(super) fn learn_of_loads(&mut self, news: &News) {
        let (entries, mut told) = match news {
            News::Entry(entry) => (std::slice::from_ref(entry), None),
            // All that there is: without shares nothing was decided, or the store has lost it.
            News::Read { entries, .. } => (&**entries, Some(Shares::default())),
            News::Lost { .. } | News::Refused { .. } => return,
        };
        for entry in entries {
            match &entry.key {
                Key::Load(region) => match written::decode(&entry.value) {
                    Ok(Told { load, at }) => {
                        // Of a clock that is ahead nothing would be taken until then.
                        let at = at.min(Timestamp::now());
                        self.spill.hear(region, Some(Reading { load, at, span: Duration::ZERO }));
                    }
                    Err(problem) => self.lost(entry, "a load that was told", &problem),
                },
                Key::Shares => match Shares::decode(&entry.value) {
                    Ok(shares) => told = Some(shares),
                    Err(problem) => self.lost(entry, "what regions refuse", &problem),
                },
                Key::Admin(_)
                | Key::Checks(_)
                | Key::Monitors
                | Key::Opinions(_)
                | Key::Orders(_)
                | Key::Prober(_)
                | Key::Samples(..)
                | Key::Server(_) => {}
            }
        }
        if told.is_some() {
            self.told = told;
            self.lead();
        }
    }

    /// Counts a value that can't be read, and says so now and then.
    fn lost(&self, entry: &Entry, what: &str, problem: &Unreadable) {
        if self.refusals().note(&entry.key, Why::Unreadable, entry.stored) {
            tracing::warn!("{what} is lost: {problem}");
        }
    }

    /// Has this node decide, or not. Who begins to goes on from what the others have; who does
    /// has the others have what it decided, whoever else thought to decide meanwhile.
    pub(super) fn lead(&mut self) {
        let (is_first, is_alone) = (self.is_first(), self.is_alone());
        let told = self.told.as_ref().filter(|told| **told != *self.shares);
        let news = told.filter(|told| **told != Shares::default()).cloned();
        if !(is_first || is_alone) {
            self.decides = false;
        } else if news.is_none() {
            self.decides = true;
        }
        self.spill.lead(self.decides);
        match news {
            Some(news) if !self.decides => self.spill.adopt(news),
            _ if self.decides && is_first && told.is_some() => {
                self.put([(Key::Shares, self.shares.encode())]);
            }
            Some(_) | None => {}
        }
    }

    /// Takes shares that were decided, here or by another.
    pub(super) fn share_out(&mut self, shares: Arc<Shares>) {
        if self.is_first() {
            self.put([(Key::Shares, shares.encode())]);
        }
        self.status = None;
        let cutoffs = cutoffs(&shares, &self.regions);
        self.shares = shares;
        // The services' standings are the same: there is nothing to plan anew.
        self.snapshot.standing = Arc::new(self.snapshot.standing.with_cutoffs(cutoffs));
        self.publisher.publish(self.snapshot.clone());
    }
}

impl Node {
    /// Follows shares that were decided, and keeps them for the next start.
    pub(super) fn share_out(&mut self, shares: Arc<Shares>) {
        self.helm.share_out(shares);
        self.keep_shares(Timestamp::now());
    }

    /// Writes once in a while that shares still hold.
    pub(super) fn keep_shares_if_due(&mut self) {
        let now = Timestamp::now();
        let is_due = now.duration_since(self.shares.at).abs() >= HELD;
        if is_due && !self.helm.shares.is_none() {
            self.keep_shares(now);
        }
    }

    fn keep_shares(&mut self, now: Timestamp) {
        self.shares.at = now;
        let shelf = self.shares.shelf.clone();
        let mut held = (*self.helm.shares).clone();
        held.at = now;
        // What fails is said by the shelf, and comes again in a minute.
        let write = move || drop(shelf.write(&held.encode()));
        if let Err(error) = server::in_background(&self.tasks, "shares", write) {
            tracing::warn!("{}", chain(&error));
        }
    }
}
