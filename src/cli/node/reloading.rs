//! Reloading: what is loaded and compiled aside, and taken by one swap.
//!
//! Also maps alone, when what was learnt of round trips ranks otherwise: the same files are read
//! again, so that there is one way in which maps come about.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::cli::chain;
use crate::cli::node::Node;
use crate::cli::node::addresses::doing;
use crate::cli::node::addresses::list_waiting;
use crate::cli::node::addresses::tell_of_waiting;
use crate::cli::node::fixed::Fixed;
use crate::cli::node::learning::Learnt;
use crate::cli::node::prepared::Learned;
use crate::cli::node::prepared::Prepared;
use crate::cli::node::prepared::Refused;
use crate::cli::node::prepared::prepare;
use crate::cli::node::targets::hand_over;
use crate::cli::node::targets::probes;
use crate::cli::watch::Look;
use crate::cli::watch::Watched;
use crate::cluster::News;
use crate::control::Taken;
use crate::model::ProblemCode;
use crate::samples::Published;
use crate::samples::Sizes;
use crate::server;

/// Who asked for a reload, and waits for what it comes to.
type Waiting = oneshot::Sender<Result<Taken, serde_json::Value>>;

/// What has a problem where a reload can't have an address.
const LISTEN: &str = "[server] listen";

/// A configuration that is being loaded and compiled.
pub(super) struct Reloading {
    prepared: oneshot::Receiver<Result<Prepared, Refused>>,
    /// How the known files were when it began.
    before: Look,
    /// Who waits for it.
    waiting: Vec<Waiting>,
    /// Something changed since it began: once more.
    again: bool,
    /// Only the maps are to be others.
    maps_only: bool,
}

impl Node {
    /// Begins to load and compile aside.
    pub(super) fn reload(&mut self, waiting: Option<Waiting>) {
        if let Some(reloading) = &mut self.reloading {
            reloading.again = true;
            reloading.waiting.extend(waiting);
            return;
        }
        self.notify.reloading();
        if !self.load(waiting.into_iter().collect(), false) {
            self.notify.ready(&doing(&self.server));
        }
    }

    /// Begins to compile maps again, if what was learnt ranks otherwise than they do.
    pub(super) fn remap_if_due(&mut self) {
        // What can't be loaded is reported once; until then the maps stay too.
        if self.is_remap_due && self.reloading.is_none() && !self.is_refused {
            self.is_remap_due = !self.load(Vec::new(), true);
        }
    }

    /// Begins to load and compile on a thread of its own; false if there is none to be had.
    fn load(&mut self, waiting: Vec<Waiting>, maps_only: bool) -> bool {
        let (path, before) = (self.path.clone(), self.watched.look());
        let known = before.clone();
        let identity = self.identity.clone();
        let learned = Learned::Now(Arc::clone(self.learning.published()));
        // Of maps alone nothing is new that could be told.
        let write = self.learning.writing();
        let load = move || {
            write();
            prepare(&path, &known, &identity, learned, !maps_only)
        };
        match server::in_background(&self.tasks, "reload", load) {
            Ok(prepared) => {
                let again = false;
                self.reloading = Some(Reloading { prepared, before, waiting, again, maps_only });
                true
            }
            Err(error) => {
                tracing::error!("{}", chain(&error));
                false
            }
        }
    }

    /// Takes what was loaded. On any error all stays as it is.
    pub(super) async fn loaded(&mut self, prepared: Result<Prepared, Refused>) {
        let Some(reloading) = self.reloading.take() else { return };
        let Reloading { before, waiting, again, maps_only, .. } = reloading;
        if maps_only {
            return self.remapped(prepared, waiting, again);
        }
        let outcome = match prepared {
            Ok(prepared) => {
                self.is_refused = false;
                self.problems.clear(ProblemCode::ConfigurationRefused, &self.path_shown());
                Ok(self.take(prepared).await)
            }
            Err(refused) => {
                let words = refused.words();
                let Refused { mut seen, problems } = refused;
                // What was reported once is not reported again until a file changes: one
                // that was known, or one that only the refused configuration names.
                seen.extend(before);
                self.watched = Watched::new(seen);
                self.is_refused = true;
                let now = Timestamp::now();
                let code = ProblemCode::ConfigurationRefused;
                // Logged with all that is wrong.
                self.problems.set(code, &self.path_shown(), words, now);
                tracing::error!("the configuration was not taken; the one before stays");
                Err(problems)
            }
        };
        self.notify.ready(&doing(&self.server));
        if again {
            // They asked after it had begun, and wait for what they saw then.
            return self.reload_for(waiting);
        }
        for waiting in waiting {
            // Whoever asked may have gone.
            drop(waiting.send(outcome.clone()));
        }
    }

    /// Takes maps that were compiled again.
    fn remapped(
        &mut self,
        prepared: Result<Prepared, Refused>,
        waiting: Vec<Waiting>,
        again: bool,
    ) {
        match prepared {
            Ok(prepared) if self.watched.is_as(&prepared.seen) => {
                let Sizes { areas, blocks, .. } = prepared.published.sizes();
                self.helm.remap(prepared.plan.world);
                self.recipe = prepared.recipe;
                self.is_trim_due = true;
                tracing::info!(areas, blocks, "maps rank by what was learnt of round trips");
                if again {
                    self.reload_for(waiting);
                }
            }
            // The files are others, or broken: to be taken, or told, as a whole.
            Ok(_) | Err(_) => self.reload_for(waiting),
        }
    }

    /// The main file of the configuration, in words.
    fn path_shown(&self) -> String {
        self.path.display().to_string()
    }

    fn reload_for(&mut self, waiting: Vec<Waiting>) {
        self.reload(None);
        if let Some(reloading) = &mut self.reloading {
            reloading.waiting.extend(waiting);
        }
    }

    /// Takes what a lesson came to.
    pub(super) fn learnt(&mut self, learnt: Option<Learnt>) {
        let Some(learnt) = learnt else { return };
        let (published, took) = learnt.into_parts();
        self.steer_by(published, Some(took));
        self.helm.put(self.learning.parcels());
    }

    /// Takes what others say of round trips, and says again what their store has lost.
    pub(super) fn learn_of(&mut self, news: &[News]) {
        for news in news {
            if let Some(published) =
                self.learning.listen(&self.fixed.me.name, news, self.helm.refusals())
            {
                self.steer_by(published, None);
            }
            if self.learning.is_lost(news) && self.helm.is_first() {
                self.helm.put(self.learning.parcels());
            }
        }
    }

    /// Has those who are sent elsewhere come back, where nobody else does.
    pub(super) fn rest_if_due(&mut self) {
        if let Some(published) = self.learning.rested() {
            self.steer_by(published, None);
        }
    }

    /// Takes what was published, here or by another.
    fn steer_by(&mut self, published: Published, took: Option<Duration>) {
        self.is_remap_due |= self.learning.take(published, took);
        if !self.is_remap_due && self.reloading.is_none() {
            // The maps stay; explanations show what their orders are made of now.
            let orders = self.learning.published().orders_for(&self.recipe.region_names());
            self.recipe = Arc::new(self.recipe.with_orders(orders));
        }
        self.remap_if_due();
    }

    /// Publishes by one swap, then follows with addresses.
    async fn take(&mut self, prepared: Prepared) -> Taken {
        let Prepared { mut plan, server, control, hooks, measure, cluster, state, .. } = prepared;
        let Prepared { latency, published, recipe, seen, inputs, digest, .. } = prepared;
        let said = Fixed::of(&server, &control, state, (&cluster, &plan.node));
        let at_restart = self.fixed.waiting(&said);
        for what in &at_restart {
            tracing::warn!("{what} is taken when the node starts again");
        }
        plan.node = self.fixed.me.clone();
        self.prober.replace(probes(&plan));
        let handed = hand_over(&plan, &self.fixed.cluster);
        self.office.set_regions(&plan.regions);
        self.helm.reconfigure(plan, handed);
        self.helm.set_configuration(digest);
        self.keeping.begin(&self.path, inputs, &self.tasks);
        self.measured.replace(&measure);
        self.office.renew(&control, &hooks);
        self.learning.renew(latency);
        // What was learnt meanwhile is not in the maps yet.
        self.is_remap_due = !published.steers_like(self.learning.published());
        self.recipe = recipe;
        self.watched = Watched::new(seen);
        let listen = self.relisten(&server.listen).await.err();
        list_waiting(&self.server, &mut self.awaited_api, &self.problems);
        self.is_trim_due = true;
        let generation = self.helm.generation();
        tracing::info!(generation, "reloaded");
        Taken { generation, listen, at_restart }
    }

    /// Listens on these addresses and no others; on the ones before if one can't be had, of
    /// which the words are returned.
    async fn relisten(&mut self, addresses: &[SocketAddr]) -> Result<(), String> {
        match self.server.relisten(addresses).await {
            Ok(changes) => {
                for address in changes.removed {
                    self.notify.forget(address);
                }
                self.notify.store(self.server.listeners());
                self.problems.clear(ProblemCode::AddressUnavailable, LISTEN);
                tell_of_waiting(&self.server, |address| changes.waiting.contains(&address));
                Ok(())
            }
            Err(error) => {
                let words =
                    format!("{}; the addresses stay as they were, all else is new", chain(&error));
                tracing::error!("{words}");
                let now = Timestamp::now();
                self.problems.set(ProblemCode::AddressUnavailable, LISTEN, words.clone(), now);
                Err(words)
            }
        }
    }
}

/// What is being loaded, once it is; never, if nothing is.
pub(super) async fn loaded(reloading: &mut Option<Reloading>) -> Result<Prepared, Refused> {
    match reloading {
        // A loader that ended without a word panicked, which was logged.
        Some(reloading) => {
            (&mut reloading.prepared).await.unwrap_or_else(|_| Err(Refused::unsaid()))
        }
        None => std::future::pending().await,
    }
}
