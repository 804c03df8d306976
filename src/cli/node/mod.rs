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

mod helm;
mod learning;
mod office;
mod prepared;
mod reloading;
mod requests;
mod targets;

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::pin::pin;
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
use crate::cli::node::helm::Helm;
use crate::cli::node::learning::Learning;
use crate::cli::node::office::Office;
use crate::cli::node::office::keep_samples;
use crate::cli::node::office::open_store;
pub(super) use crate::cli::node::prepared::Learned;
use crate::cli::node::prepared::ORDERS;
pub(super) use crate::cli::node::prepared::Prepared;
pub(super) use crate::cli::node::prepared::Read;
pub(super) use crate::cli::node::prepared::any_error;
pub(super) use crate::cli::node::prepared::orders_in;
pub(super) use crate::cli::node::prepared::prepare;
pub(super) use crate::cli::node::prepared::read;
pub(super) use crate::cli::node::prepared::report;
use crate::cli::node::reloading::Reloading;
use crate::cli::node::reloading::loaded;
use crate::cli::node::targets::hand_over;
use crate::cli::node::targets::probes;
use crate::cli::node::targets::warn_of_no_vote;
use crate::cli::signals::Signals;
use crate::cli::signals::received;
use crate::cli::signals::told_to;
use crate::cli::state;
use crate::cli::watch::Watched;
use crate::cluster::Link;
use crate::cluster::News;
use crate::config;
use crate::control::Request;
use crate::engine;
use crate::health::Report;
use crate::model::Monitor;
use crate::model::limits;
use crate::prober::Prober;
use crate::server;
use crate::server::HandedOver;
use crate::server::Listeners;
use crate::server::Notify;
use crate::server::Server;
use crate::server::Settings;
use crate::tasks::Stopped;
use crate::tasks::Tasks;

/// How long what was received may take to be answered when the node stops.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// How often files are looked at, and replaced snapshots.
const LOOK: Duration = Duration::from_secs(1);

/// Outcomes that may wait to be taken; past that the prober waits.
const REPORTS: usize = 4096;

/// Explanations at a time.
const EXPLANATIONS: usize = 2;

/// How long the start may wait for the first round of probes.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the start may wait at least for what the others know: drains above all.
const JOINING: Duration = Duration::from_secs(3);

/// A node that answers.
pub(super) struct Node {
    path: PathBuf,
    identity: Identity,
    helm: Helm,
    server: Server,
    prober: Prober,
    office: Office,
    learning: Learning,
    recipe: Arc<Recipe>,
    reports: mpsc::Receiver<Report>,
    news: mpsc::Receiver<News>,
    cluster: config::Cluster,
    /// What it is to the others, until it stops.
    me: engine::Node,
    requests: mpsc::Receiver<Request>,
    /// One permit per explanation under way: each reads databases.
    explaining: Arc<Semaphore>,
    tasks: Tasks,
    notify: Notify,
    watched: Watched,
    reloading: Option<Reloading>,
    /// Whether what is on disk can't be taken, so that compiling it again is of no use.
    is_refused: bool,
    /// What was learnt of round trips ranks otherwise than the maps do.
    is_remap_due: bool,
    /// Freed memory is to be returned to the system at the next look.
    is_trim_due: bool,
}

impl Node {
    /// Starts probing, and answering once what is probed is known or restored, at most a
    /// probe's timeout later. Must run inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// One line that says what can't be had and what to do.
    pub(super) async fn start(
        path: &Path,
        identity: Identity,
        prepared: Prepared,
        listeners: Listeners,
        tasks: Tasks,
    ) -> Result<Self, String> {
        let notify = Notify::from_environment();
        let Prepared {
            plan,
            server,
            control,
            hooks,
            state,
            cluster,
            latency,
            published,
            recipe,
            seen,
        } = prepared;
        let folder = state::folder(state.as_deref(), path);
        let (store, saved) = open_store(&folder, &tasks);
        let keeper = keep_samples(&plan.regions, &store, &tasks)?;
        let shelf = store.shelf(ORDERS, limits::LATENCY_ORDERS_FILE);
        let mut learning = Learning::new(published, latency, keeper.clone(), shelf);
        let node = plan.node.name.clone();
        let regions = plan.regions.clone();
        let (report, mut reports) = mpsc::channel(REPORTS);
        // The first round is spread over a second at most.
        let of_monitor = |m: &Monitor| m.timeout + m.interval.min(Duration::from_secs(1));
        let patience = plan.monitors.iter().map(of_monitor).max();
        let (probes, me) = (probes(&plan), plan.node.clone());
        warn_of_no_vote(&plan);
        let (link, mut news) = Link::start(&cluster, &tasks).map_err(|error| chain(&error))?;
        let handed = hand_over(&plan, &cluster);
        let mut helm = Helm::new(plan, saved, store, link, handed);
        if !cluster.servers.is_empty() {
            learning.share(&node, helm.putter());
        }
        let prober = Prober::start(probes, report, &tasks).map_err(|error| chain(&error))?;
        let of_others = if cluster.servers.is_empty() { Duration::ZERO } else { JOINING };
        let patience = patience.unwrap_or_default().min(PATIENCE).max(of_others);
        let is_remap_due =
            first_round(&mut helm, &mut reports, &mut news, (&mut learning, &node), patience).await;
        helm.begin();
        let settings = Settings {
            tcp_idle: server.tcp_idle,
            tcp_connections: server.tcp_connections,
            ..Settings::default()
        };
        let subscriber = helm.publisher().subscribe();
        let server = Server::start(listeners, subscriber, settings, &tasks)
            .map_err(|error| chain(&error))?;
        let (office, requests) =
            Office::open(&control, &hooks, folder, &helm, &server, (keeper, &regions), &tasks)?;
        notify.store(server.listeners());
        notify.ready("answering");
        for address in server.listeners().addresses() {
            tracing::info!(%address, "listening on udp and tcp");
        }
        server::trim_heap();
        Ok(Self {
            path: path.into(),
            identity,
            helm,
            server,
            prober,
            office,
            learning,
            recipe,
            reports,
            news,
            cluster,
            me,
            requests,
            explaining: Arc::new(Semaphore::new(EXPLANATIONS)),
            tasks,
            notify,
            watched: Watched::new(seen),
            reloading: None,
            is_refused: false,
            is_remap_due,
            is_trim_due: false,
        })
    }

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
                learnt = self.learning.ended() => self.learnt(learnt),
                () = until(due) => self.helm.tick(),
            }
        }
        tracing::info!("stopping");
        self.notify.stopping();
        // Written when the store's thread is told to stop.
        drop(self.helm.save());
        if let Stopped::Late(left) = self.tasks.stop(STOP_DEADLINE).await {
            tracing::warn!(?left, "did not end in time");
        }
    }

    /// Once a second.
    fn look(&mut self) {
        // Workers hold a snapshot for one batch; by now nobody reads what was replaced.
        let left = self.helm.publisher().reclaim();
        if self.is_trim_due && left == 0 {
            self.is_trim_due = false;
            server::trim_heap();
        }
        if self.watched.changed() {
            self.reload(None);
        }
        if self.helm.is_first() {
            self.learning.look(&self.recipe, &self.tasks);
        }
        self.remap_if_due();
    }
}

/// Takes outcomes until all that is probed is known, at most for `patience`. Returns whether others
/// have learnt what the maps do not know.
async fn first_round(
    helm: &mut Helm,
    reports: &mut mpsc::Receiver<Report>,
    news: &mut mpsc::Receiver<News>,
    (learning, own): (&mut Learning, &str),
    patience: Duration,
) -> bool {
    let mut is_remap_due = false;
    let mut late = pin!(tokio::time::sleep(patience));
    while !helm.is_settled() {
        let due = helm.deadline();
        tokio::select! {
            Some(report) = reports.recv() => helm.report([report]),
            Some(news) = news.recv() => {
                let learnt = learning.listen(own, &news);
                is_remap_due |= learnt.is_some_and(|learnt| learning.take(learnt, None));
                helm.news([news]);
            }
            () = until(due) => helm.tick(),
            () = &mut late => {
                tracing::warn!("not everything was probed in time; answering without");
                break;
            }
        }
    }
    is_remap_due
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
