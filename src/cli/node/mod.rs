//! One running node: what a configuration says, probed, answered and kept up to date.
//!
//! ```text
//!   prober ─► reports ──┐
//!   others ─► news ─────┤
//!   API ────► requests ─┼─► Helm: engine, publishing, sharing, saving, telling
//!   time ───────────────┘        ▲
//!   SIGHUP ───────┐              │
//!   files changed ┼─► load and compile aside ─┬─ error: reported, everything stays
//!   API ──────────┘                           └─ taken by one swap, listen at what is new
//! ```
//!
//! One loop on the control plane's runtime is all that writes; it waits for nothing that
//! takes long. Compiling, files and whoever reads events have threads or tasks of their own.

mod addresses;
mod exposure;
mod fixed;
mod helm;
mod keeping;
mod learning;
mod loads;
mod office;
mod prepared;
mod reloading;
mod requests;
mod saving;
mod start;
mod targets;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;
use tokio::time::sleep_until;

use crate::cli::chain;
use crate::cli::explain::Recipe;
use crate::cli::identity::Identity;
use crate::cli::measured::Measured;
use crate::cli::node::addresses::list_log;
use crate::cli::node::fixed::Fixed;
use crate::cli::node::helm::Helm;
use crate::cli::node::keeping::Keeping;
use crate::cli::node::learning::Learning;
use crate::cli::node::loads::Kept;
use crate::cli::node::office::Office;
pub(super) use crate::cli::node::prepared::Learned;
pub(super) use crate::cli::node::prepared::Prepared;
pub(super) use crate::cli::node::prepared::Read;
pub(super) use crate::cli::node::prepared::any_error;
pub(super) use crate::cli::node::prepared::orders_in;
pub(super) use crate::cli::node::prepared::prepare;
pub(super) use crate::cli::node::prepared::prepare_last_good;
pub(super) use crate::cli::node::prepared::read;
pub(super) use crate::cli::node::prepared::report;
use crate::cli::node::reloading::Reloading;
use crate::cli::node::reloading::loaded;
use crate::cli::signals::Signals;
use crate::cli::signals::received;
use crate::cli::signals::told_to;
use crate::cli::watch::Watched;
use crate::cluster::NewsQueue;
use crate::control::Request;
use crate::health::Report;
use crate::meters::Readings;
use crate::model::NodeProblems;
use crate::model::limits;
use crate::prober::Prober;
use crate::server;
use crate::server::HandedOver;
use crate::server::Listeners;
use crate::server::Notify;
use crate::server::Server;
use crate::spill::Spill;
use crate::tasks::Stopped;
use crate::tasks::Tasks;

/// How long what was received may take to be answered when the node stops.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// How often files are looked at, and replaced snapshots.
const LOOK: Duration = Duration::from_secs(1);

/// Outcomes that may wait to be taken; past that the prober waits.
const REPORTS: usize = 4096;

/// A node that answers.
pub(super) struct Node {
    path: PathBuf,
    identity: Identity,
    helm: Helm,
    server: Server,
    prober: Prober,
    measured: Measured,
    office: Office,
    learning: Learning,
    /// Loads that were read or told.
    readings: Readings,
    /// Whom regions refuse, as it is decided.
    spill: Spill,
    /// Where that is kept.
    shares: Kept,
    recipe: Arc<Recipe>,
    reports: mpsc::Receiver<Report>,
    news: NewsQueue,
    fixed: Fixed,
    requests: mpsc::Receiver<Request>,
    /// One permit per explanation under way: each reads databases.
    explaining: Arc<Semaphore>,
    tasks: Tasks,
    notify: Notify,
    /// What is wrong with the node itself, for status, `/readyz` and metrics.
    problems: NodeProblems,
    /// Where the API listens, while no interface has that address.
    awaited_api: Option<SocketAddr>,
    /// Lines of the log that were lost at the last look.
    log_lost: u64,
    watched: Watched,
    /// Keeps copies of the files in force.
    keeping: Keeping,
    reloading: Option<Reloading>,
    /// Whether what is on disk can't be taken, so that compiling it again is of no use.
    is_refused: bool,
    /// What was learnt of round trips ranks otherwise than the maps do.
    is_remap_due: bool,
    /// Freed memory is to be returned to the system at the next look.
    is_trim_due: bool,
}

impl Node {
    /// Where its API listens.
    pub(super) fn api(&self) -> Option<SocketAddr> {
        self.office.address()
    }

    /// Runs until SIGTERM or SIGINT, reloading when asked or when files change.
    pub(super) async fn run(mut self, signals: Signals) {
        let Signals { mut hangup, mut stop } = signals;
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut reports = Vec::with_capacity(REPORTS);
        let mut news = Vec::with_capacity(limits::NEWS);
        loop {
            let due = self.helm.deadline();
            tokio::select! {
                () = told_to(&mut stop) => break,
                () = received(&mut hangup) => self.reload(None),
                _ = look.tick() => self.look(),
                1.. = self.reports.recv_many(&mut reports, REPORTS) => {
                    self.helm.report(reports.drain(..));
                }
                1.. = self.news.recv_many(&mut news, limits::NEWS) => {
                    self.learn_of(&news);
                    self.helm.news(news.drain(..));
                }
                Some(request) = self.requests.recv() => self.answer(request),
                prepared = loaded(&mut self.reloading) => self.loaded(prepared).await,
                databases = self.keeping.ended() => self.helm.set_databases(databases),
                learnt = self.learning.ended() => self.learnt(learnt),
                readings = self.readings.next() => self.helm.loads(readings),
                shares = self.spill.decided() => self.share_out(shares),
                () = until(due) => self.helm.tick(),
            }
        }
        tracing::info!("stopping");
        self.notify.stopping();
        // Written when the store's thread is told to stop.
        self.helm.save();
        tokio::select! {
            stopped = self.tasks.stop(STOP_DEADLINE) => {
                if let Stopped::Late(left) = stopped {
                    tracing::warn!(?left, "did not end in time");
                }
            }
            () = told_to(&mut stop) => tracing::warn!("told again to stop: not waiting for anything"),
        }
    }

    /// Once a second.
    fn look(&mut self) {
        // Workers hold a snapshot for one batch; by now nobody reads what was replaced.
        let left = self.helm.publisher().reclaim();
        if (self.is_trim_due && left == 0) || self.server.have_left() {
            self.is_trim_due = false;
            server::trim_heap();
        }
        self.listen_to_what_came();
        list_log(&mut self.log_lost, &self.problems);
        if self.watched.changed() {
            self.reload(None);
        }
        self.helm.lead();
        self.helm.compare_others();
        self.keeping.look(&self.path, &self.tasks);
        self.learning.hand_over();
        self.keep_shares_if_due();
        if self.helm.is_first() {
            self.learning.look(&self.recipe, &self.tasks);
        }
        self.rest_if_due();
        self.remap_if_due();
    }
}

async fn until(due: Option<std::time::Instant>) {
    match due {
        Some(due) => sleep_until(Instant::from_std(due)).await,
        None => std::future::pending().await,
    }
}

/// Binds what a configuration says, with the sockets that a service manager kept.
///
/// # Errors
///
/// One line that says what can't be had and what to do.
pub(super) fn listen(prepared: &Prepared) -> Result<Listeners, String> {
    let cores = available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = if prepared.server.workers == 0 { cores } else { prepared.server.workers };
    let handed_over = HandedOver::from_environment();
    Listeners::take_or_bind(&prepared.server.listen, workers, handed_over)
        .map_err(|error| chain(&error))
}
