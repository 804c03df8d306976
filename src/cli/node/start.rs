//! Starting: everything that runs, in the order in which it needs each other.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;

use crate::cli::chain;
use crate::cli::identity::Identity;
use crate::cli::measured::Measured;
use crate::cli::node::Node;
use crate::cli::node::REPORTS;
use crate::cli::node::addresses::doing;
use crate::cli::node::addresses::is_absent;
use crate::cli::node::addresses::list_waiting;
use crate::cli::node::addresses::other_files;
use crate::cli::node::addresses::tell_of_waiting;
use crate::cli::node::fixed::Fixed;
use crate::cli::node::helm::Helm;
use crate::cli::node::keeping::Keeping;
use crate::cli::node::learning::Learning;
use crate::cli::node::loads;
use crate::cli::node::loads::Kept;
use crate::cli::node::office::Office;
use crate::cli::node::office::keep_samples;
use crate::cli::node::office::measure_for;
use crate::cli::node::office::open_store;
use crate::cli::node::prepared::ORDERS;
use crate::cli::node::prepared::Prepared;
use crate::cli::node::targets::hand_over;
use crate::cli::node::targets::probes;
use crate::cli::node::targets::warn_of_no_vote;
use crate::cli::node::until;
use crate::cli::state;
use crate::cli::watch::Watched;
use crate::cluster::Link;
use crate::cluster::NewsQueue;
use crate::config;
use crate::engine::Plan;
use crate::health::Report;
use crate::model::Monitor;
use crate::model::NodeProblems;
use crate::model::ProblemCode;
use crate::model::limits;
use crate::prober::Prober;
use crate::samples::Keeper;
use crate::samples::Published;
use crate::server;
use crate::server::Listeners;
use crate::server::Notify;
use crate::server::OpenFiles;
use crate::server::Server;
use crate::server::Settings;
use crate::spill::Spill;
use crate::store::Store;
use crate::tasks::Tasks;

/// Explanations at a time.
const EXPLANATIONS: usize = 2;

/// How long the start may wait for the first round of probes.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the start may wait at least for what the others know: drains above all.
const JOINING: Duration = Duration::from_secs(3);

/// The file of the state directory in which shares of regions are kept.
const SHARES: &str = "shares.json";

/// What keeps and makes use of round trips.
struct RoundTrips {
    keeper: Keeper,
    measured: Measured,
    learning: Learning,
}

impl RoundTrips {
    fn start(
        plan: &Plan,
        prepared: Learnable,
        store: &Store,
        tasks: &Tasks,
    ) -> Result<Self, String> {
        let Learnable { measure, latency, published } = prepared;
        let keeper = keep_samples(&plan.regions, store, tasks)?;
        let measured = measure_for(&keeper, &measure, &plan.node.name, tasks)?;
        let shelf = store.shelf(ORDERS, limits::LATENCY_ORDERS_FILE);
        let learning = Learning::new(published, latency, keeper.clone(), shelf);
        Ok(Self { keeper, measured, learning })
    }
}

/// What a configuration says of round trips.
struct Learnable {
    measure: config::Measure,
    latency: config::Latency,
    published: Arc<Published>,
}

impl Node {
    /// Starts probing, and answering once what is probed is known or restored, at most a
    /// probe's timeout later. Must run inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// One line that says what can't be had and what to do.
    pub(in crate::cli) async fn start(
        path: &Path,
        identity: Identity,
        prepared: Prepared,
        listeners: Listeners,
        tasks: Tasks,
    ) -> Result<Self, String> {
        let notify = Notify::from_environment();
        let open_files = OpenFiles::raise();
        let Prepared { plan, server, control, hooks, measure, state, .. } = prepared;
        let fixed = Fixed::of(&server, &control, state.clone(), (&prepared.cluster, &plan.node));
        let Prepared { cluster, latency, published, recipe, seen, inputs, digest, .. } = prepared;
        let folder = state::folder(state.as_deref(), path);
        let problems = NodeProblems::default();
        let (store, saved) = open_store(&folder, &problems, &tasks);
        let learnable = Learnable { measure, latency, published };
        let RoundTrips { keeper, measured, mut learning } =
            RoundTrips::start(&plan, learnable, &store, &tasks)?;
        let shares = store.shelf(SHARES, limits::SHARED_VALUE);
        let before = loads::before(&shares);
        let spill = Spill::start(before.clone(), &tasks).map_err(|error| chain(&error))?;
        let (report, mut reports) = mpsc::channel(REPORTS);
        let patience = patience(&plan, &cluster);
        let (probes, regions) = (probes(&plan), plan.regions.clone());
        warn_of_no_vote(&plan);
        let other_files = other_files(&server, &control, &plan, &listeners);
        let (link, mut news) = Link::start(&cluster, &tasks).map_err(|error| chain(&error))?;
        let handed = hand_over(&plan, &cluster);
        let spilling = (spill.clone(), before);
        let mut keeping = Keeping::new(store.last_good(), problems.clone());
        let store = (store, problems.clone());
        let mut helm = Helm::new(plan, saved, store, link, keeper.clone(), spilling, handed);
        if !cluster.servers.is_empty() {
            learning.share(&fixed.me.name, helm.putter());
        }
        let prober = Prober::start(probes, report, &tasks).map_err(|error| chain(&error))?;
        let learner = (&mut learning, &*fixed.me.name);
        let is_remap_due = first_round(&mut helm, &mut reports, &mut news, learner, patience).await;
        helm.begin(digest);
        let settings = settings(&server, open_files, other_files, &problems);
        let server = serve(settings, listeners, &mut helm, &tasks)?;
        let (office, requests) =
            Office::open(&control, &hooks, folder, &helm, &server, (keeper, &regions), &tasks)?;
        let awaited_api = begin(&server, office.address(), &notify, &problems);
        let is_refused = keeping.begin(path, inputs, &tasks);
        Ok(Self {
            path: path.into(),
            identity,
            helm,
            server,
            prober,
            measured,
            readings: office.readings(),
            office,
            learning,
            spill,
            shares: Kept::new(shares),
            recipe,
            reports,
            news,
            fixed,
            requests,
            explaining: Arc::new(Semaphore::new(EXPLANATIONS)),
            tasks,
            notify,
            problems,
            awaited_api,
            log_lost: 0,
            watched: Watched::new(seen),
            keeping,
            reloading: None,
            is_refused,
            is_remap_due,
            is_trim_due: false,
        })
    }
}

/// How long the first answer may wait for the first round of probes, and for the others.
fn patience(plan: &Plan, cluster: &config::Cluster) -> Duration {
    // The first round is spread over a second at most.
    let of_monitor = |m: &Monitor| m.timeout + m.interval.min(Duration::from_secs(1));
    let longest = plan.monitors.iter().map(of_monitor).max();
    let of_others = if cluster.servers.is_empty() { Duration::ZERO } else { JOINING };
    longest.unwrap_or_default().min(PATIENCE).max(of_others)
}

/// How DNS is served, with as many TCP connections as there may be files for.
fn settings(
    server: &config::Server,
    open_files: OpenFiles,
    other_files: usize,
    problems: &NodeProblems,
) -> Settings {
    let (tcp_connections, problem) = open_files.connections(server.tcp_connections, other_files);
    if let Some(problem) = problem {
        tracing::warn!("{problem}");
        problems.set(ProblemCode::OpenFilesTooFew, "process", problem, Timestamp::now());
    }
    Settings { tcp_idle: server.tcp_idle, tcp_connections, ..Settings::default() }
}

/// Says that the node answers, and where. Returns the address of the API, if no interface has it yet.
fn begin(
    server: &Server,
    api: Option<SocketAddr>,
    notify: &Notify,
    problems: &NodeProblems,
) -> Option<SocketAddr> {
    notify.store(server.listeners());
    notify.ready(&doing(server));
    for address in server.listeners().addresses() {
        tracing::info!(%address, "listening on udp and tcp");
    }
    tell_of_waiting(server, |_| true);
    let mut awaited_api = api.filter(|address| is_absent(*address));
    if let Some(address) = awaited_api {
        tracing::warn!(%address, "no interface has the address of the control API yet");
    }
    list_waiting(server, &mut awaited_api, problems);
    server::trim_heap();
    awaited_api
}

fn serve(
    settings: Settings,
    listeners: Listeners,
    helm: &mut Helm,
    tasks: &Tasks,
) -> Result<Server, String> {
    let subscriber = helm.publisher().subscribe();
    Server::start(listeners, subscriber, settings, tasks).map_err(|error| chain(&error))
}

/// Takes outcomes until all that is probed is known, at most for `patience`. Returns whether others
/// have learnt what the maps do not know.
async fn first_round(
    helm: &mut Helm,
    reports: &mut mpsc::Receiver<Report>,
    news: &mut NewsQueue,
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
                let learnt = learning.listen(own, &news, helm.refusals());
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
