//! One running node: transports over what a configuration says, kept up to date.
//!
//! ```text
//!   SIGHUP ───────┐
//!   files changed ┴─► load and compile aside ─┬─ error: reported, everything stays
//!                                             └─ publish, listen at what is new
//! ```

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;

use crate::cli::chain;
use crate::cli::color;
use crate::cli::output::complain;
use crate::cli::watch;
use crate::cli::watch::Look;
use crate::cli::watch::Watched;
use crate::config;
use crate::config::Format;
use crate::config::Loaded;
use crate::model::Diagnostic;
use crate::model::Severity;
use crate::model::Sources;
use crate::server;
use crate::server::HandedOver;
use crate::server::Listeners;
use crate::server::Notify;
use crate::server::Server;
use crate::server::Settings;
use crate::snapshot::Publisher;
use crate::snapshot::Snapshot;
use crate::snapshot::Standing;
use crate::snapshot::World;
use crate::tasks::Stopped;
use crate::tasks::Tasks;

/// How long what was received may take to be answered when the node stops.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// How often files are looked at, and replaced snapshots.
const LOOK: Duration = Duration::from_secs(1);

/// A configuration, compiled, with what the node needs besides.
pub(super) struct Prepared {
    world: World,
    server: config::Server,
    seen: Look,
}

/// Loads and compiles. What is wrong goes to standard error; if it can't be used, the files
/// of which one is to change before it can.
///
/// `before` is how the files that are known were before: what changes while they are read
/// is a change. Of others the first look is right after they were read.
pub(super) fn prepare(path: &Path, before: &Look) -> Result<Prepared, Look> {
    let Loaded { config, diagnostics, sources, files } = config::load(path);
    report(&diagnostics, &sources);
    let mut seen = watch::look(files);
    for (file, stamp) in &mut seen {
        if let Some(before) = before.get(file) {
            *stamp = *before;
        }
    }
    let Some(config) = config else { return Err(seen) };
    let server = config.server.clone();
    match World::build(config) {
        Ok((world, warnings)) => {
            report(&warnings, &sources);
            Ok(Prepared { world, server, seen })
        }
        Err(error) => {
            report(&[error.diagnostic()], &sources);
            Err(seen)
        }
    }
}

/// Errors and warnings, drawn, on standard error.
pub(super) fn report(problems: &[Diagnostic], sources: &Sources) {
    if !problems.is_empty() {
        complain(&config::render(problems, sources, Format::Full, color()));
    }
}

/// A node that answers.
pub(super) struct Node {
    path: PathBuf,
    publisher: Publisher,
    server: Server,
    tasks: Tasks,
    notify: Notify,
    watched: Watched,
}

/// What an operator or a service manager tells a node.
pub(super) struct Signals {
    hangup: Signal,
    /// SIGTERM and SIGINT.
    stop: [Signal; 2],
}

impl Signals {
    /// From here on none of them ends the process by itself. To be taken before anybody is
    /// told that the node is ready, and sends one. Must run inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// If signals can't be had.
    pub(super) fn take() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            stop: [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?],
        })
    }
}

impl Node {
    /// Starts answering. Must run inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// One line that says what can't be had and what to do.
    pub(super) fn start(
        path: &Path,
        prepared: Prepared,
        listeners: Listeners,
    ) -> Result<Self, String> {
        let tasks = Tasks::new();
        let notify = Notify::from_environment();
        let watched = Watched::new(prepared.seen);
        let settings = Settings {
            tcp_idle: prepared.server.tcp_idle,
            tcp_connections: prepared.server.tcp_connections,
            ..Settings::default()
        };
        let publisher = Publisher::new(snapshot(prepared.world));
        let server = Server::start(listeners, publisher.subscribe(), settings, &tasks)
            .map_err(|error| chain(&error))?;
        notify.store(server.listeners());
        notify.ready("answering");
        for address in server.listeners().addresses() {
            tracing::info!(%address, "listening on udp and tcp");
        }
        server::trim_heap();
        Ok(Self { path: path.into(), publisher, server, tasks, notify, watched })
    }

    /// Its tasks, to add some.
    pub(super) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Runs until SIGTERM or SIGINT, reloading when asked or when files change.
    pub(super) async fn run(mut self, signals: Signals) {
        let Signals { mut hangup, mut stop } = signals;
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let reload = tokio::select! {
                () = told_to(&mut stop) => break,
                () = received(&mut hangup) => true,
                _ = look.tick() => {
                    self.publisher.reclaim();
                    self.watched.changed()
                }
            };
            if reload {
                tokio::select! {
                    () = self.reload() => {}
                    () = told_to(&mut stop) => break,
                }
            }
        }
        tracing::info!("stopping");
        self.notify.stopping();
        if let Stopped::Late(left) = self.tasks.stop(STOP_DEADLINE).await {
            tracing::warn!(?left, "did not end in time");
        }
    }

    /// Loads and compiles aside, then publishes by one swap. On any error all stays as it is.
    async fn reload(&mut self) {
        self.notify.reloading();
        let (path, before) = (self.path.clone(), self.watched.look());
        let known = before.clone();
        let load = move || prepare(&path, &known);
        let prepared = match server::in_background(&self.tasks, "reload", load) {
            Ok(receiver) => receiver.await.unwrap_or_else(|_| Err(Look::new())),
            Err(error) => {
                tracing::error!("{}", chain(&error));
                Err(Look::new())
            }
        };
        match prepared {
            Ok(prepared) => self.take(prepared).await,
            Err(mut seen) => {
                // What was reported once is not reported again until a file changes: one
                // that was known, or one that only the refused configuration names.
                seen.extend(before);
                self.watched = Watched::new(seen);
                tracing::error!("the configuration was not taken; the one before stays");
            }
        }
        self.notify.ready("answering");
    }

    async fn take(&mut self, prepared: Prepared) {
        self.publisher.publish(snapshot(prepared.world));
        self.watched = Watched::new(prepared.seen);
        match self.server.relisten(&prepared.server.listen).await {
            Ok(changes) => {
                for address in changes.removed {
                    self.notify.forget(address);
                }
                self.notify.store(self.server.listeners());
            }
            Err(error) => tracing::error!(
                "{}; the addresses stay as they were, all else is new",
                chain(&error)
            ),
        }
        // Workers hold a snapshot for one batch; the wait is for the one that was in it.
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.publisher.reclaim();
        server::trim_heap();
        tracing::info!("reloaded");
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

fn snapshot(world: World) -> Snapshot {
    let standing = Arc::new(Standing::all_admitted(&world));
    Snapshot { world: Arc::new(world), standing }
}

async fn told_to([terminate, interrupt]: &mut [Signal; 2]) {
    tokio::select! {
        () = received(terminate) => {}
        () = received(interrupt) => {}
    }
}

async fn received(signal: &mut Signal) {
    if signal.recv().await.is_none() {
        // The stream ended, which it does not while the runtime lives.
        std::future::pending::<()>().await;
    }
}

/// Whether any of these is an error.
pub(super) fn any_error(problems: &[Diagnostic]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}
