//! The prober: runs monitors on the network and reports outcomes.
//!
//! ```text
//!   Plan ──► Compiled: TLS, patterns, heads built once
//!     │
//!     ▼           due         at most PROBES_IN_FLIGHT
//!   Schedule ──────────► run ──────────────────────────► Report
//!     ▲  phases spread    │   http tls tcp icmp dns       (bounded: the prober
//!     └───────────────────┘   grpc exec; push by API       waits, never drops)
//!
//!   Landmarks ──► Gauge ──► Sighting: how far hosts are that stand for clients
//! ```
//!
//! One thread, one current-thread runtime, no task per probe: probes are futures
//! in one set, and the schedule is a heap.
//!
//! # Invariants
//!
//! - A check never has two probes at once, and its rhythm never drifts.
//! - A probe ends within its timeout, whatever its target does, with one outcome.
//! - Nothing that a target sends is kept beyond [`limits::PROBE_BODY`](crate::model::limits).
//! - What is ours to mend is `Unable`, and never counts against a target. `blame` decides
//!   whose fault a failure is, by the step, the family, the error and what this node can do.
//! - No packet goes to an address that is not [`Allowed`]; what is asked is the address that
//!   is then connected to.
//!
//! # Not here
//!
//! What outcomes come to is `health`'s; who is told is `engine`'s.
//!
//! # Start with
//!
//! [`Prober::start`], then `schedule` and `run`.
#![forbid(unsafe_code)]

mod allowed;
mod blame;
mod certificate;
mod compiled;
mod connect;
mod dns;
mod exec;
mod expect;
mod failure;
mod gauge;
mod grpc;
mod http;
mod icmp;
mod means;
mod names;
mod race;
mod records;
mod redirects;
mod run;
mod schedule;
mod tcp;
mod tls;

#[cfg(test)]
mod tests;

pub use allowed::Allowed;
pub use gauge::Gauge;
pub use gauge::Landmarks;
pub use gauge::Sighting;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;
use tokio::sync::watch;

use crate::health::Check;
use crate::health::CheckKey;
use crate::health::Report;
use crate::model::Monitor;
use crate::model::Probe;
use crate::model::limits;
use crate::prober::compiled::Compiled;
use crate::prober::run::Channels;
use crate::tasks::SpawnError;
use crate::tasks::Tasks;

/// What a prober has to do.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What is probed; `Check::monitor` is a position in `monitors`.
    pub checks: Vec<Check>,
    /// How.
    pub monitors: Vec<Monitor>,
    /// Where probes may go; nowhere by default.
    pub allowed: Allowed,
}

/// What a prober did so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Probes that were started.
    pub started: u64,
    /// Probes that are under way now.
    pub in_flight: u64,
    /// Probes that had to wait because of the bound on those under way.
    pub delayed: u64,
    /// Probes that were left out since the one before had not ended.
    pub skipped: u64,
}

/// The counters behind [`Counts`].
#[derive(Debug, Default)]
struct Counters {
    started: AtomicU64,
    in_flight: AtomicU64,
    delayed: AtomicU64,
    skipped: AtomicU64,
}

/// How much may be under way at a time.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    probes: usize,
    /// Those that run a program; each counts as a probe too.
    programs: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { probes: limits::PROBES_IN_FLIGHT, programs: limits::PROBE_PROGRAMS }
    }
}

/// A plan with all that can be made beforehand.
struct Ready {
    targets: Vec<(Arc<Check>, Arc<Compiled>)>,
}

impl Ready {
    fn new(plan: Plan) -> Self {
        let allowed = Arc::new(plan.allowed);
        let compiled = |monitor| Arc::new(Compiled::new(monitor, &allowed));
        let monitors: Vec<_> = plan.monitors.iter().map(compiled).collect();
        let target = |check: Check| {
            let compiled = monitors.get(check.monitor.index()).map(Arc::clone)?;
            Some((Arc::new(check), compiled))
        };
        Self { targets: plan.checks.into_iter().filter_map(target).collect() }
    }
}

/// A push check was heard of, well or with a failure.
struct Heartbeat {
    check: CheckKey,
    failure: Option<String>,
}

/// Heartbeats that wait for the thread; one more is refused.
const HEARTBEATS: usize = 1024;

/// What may be heard of: the checks of push monitors, by monitor and target.
#[derive(Debug, Default)]
struct Pushed(HashMap<(String, String), CheckKey>);

impl Pushed {
    fn new(plan: &Plan) -> Self {
        let of_push = |check: &Check| {
            let monitor = plan.monitors.get(check.monitor.index())?;
            let name = matches!(monitor.probe, Probe::Push).then(|| monitor.name.clone())?;
            Some(((name, check.at.host.to_string()), check.key.clone()))
        };
        Self(plan.checks.iter().filter_map(of_push).collect())
    }

    fn find(&self, monitor: &str, target: &str) -> Option<&CheckKey> {
        let bare = target.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        // An address may be written in several ways.
        let address = bare.unwrap_or(target).parse::<IpAddr>();
        let target = address.map_or_else(|_| target.to_owned(), |address| address.to_string());
        self.0.get(&(monitor.to_owned(), target))
    }
}

/// A running prober; clones are the same one. It ends with the last of them.
#[derive(Clone)]
pub struct Prober {
    heartbeats: mpsc::Sender<Heartbeat>,
    plans: Arc<watch::Sender<Arc<Ready>>>,
    pushed: Arc<RwLock<Pushed>>,
    counters: Arc<Counters>,
}

impl Prober {
    /// Starts probing, on a thread of its own. Reads the files that monitors name. If the
    /// receiver of `reports` lags, the prober waits and drops nothing; it ends with `tasks`,
    /// or when the receiver or every handle is gone.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if there is no thread to be had.
    pub fn start(
        plan: Plan,
        reports: mpsc::Sender<Report>,
        tasks: &Tasks,
    ) -> Result<Self, SpawnError> {
        Self::start_within(Bounds::default(), plan, reports, tasks)
    }

    fn start_within(
        bounds: Bounds,
        plan: Plan,
        reports: mpsc::Sender<Report>,
        tasks: &Tasks,
    ) -> Result<Self, SpawnError> {
        let pushed = Arc::new(RwLock::new(Pushed::new(&plan)));
        let (plans, receiver) = watch::channel(Arc::new(Ready::new(plan)));
        let (heartbeats, heard) = mpsc::channel(HEARTBEATS);
        let counters = Arc::new(Counters::default());
        let channels = Channels {
            plans: receiver,
            heartbeats: heard,
            reports,
            bounds,
            counters: Arc::clone(&counters),
        };
        tasks.thread("prober", move |stop| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .max_blocking_threads(limits::BLOCKING_THREADS)
                .build();
            match runtime {
                Ok(runtime) => {
                    runtime.block_on(run::run(channels, stop.clone()));
                    // A lookup that hangs is nobody's any more.
                    runtime.shutdown_background();
                }
                Err(error) => tracing::error!(%error, "nothing is probed: there is no runtime"),
            }
        })?;
        Ok(Self { heartbeats, plans: Arc::new(plans), pushed, counters })
    }

    /// Changes what is done, after a reload: checks that stay keep their rhythm, new ones
    /// begin, the others end. Reads the files that monitors name.
    pub fn replace(&self, plan: Plan) {
        *self.pushed.write().unwrap_or_else(PoisonError::into_inner) = Pushed::new(&plan);
        self.plans.send_replace(Arc::new(Ready::new(plan)));
    }

    /// Takes a heartbeat of a push check, with what is wrong if something is; false if there
    /// is no such check, or too many heartbeats wait.
    pub fn heartbeat(&self, monitor: &str, target: &str, failure: Option<String>) -> bool {
        let pushed = self.pushed.read().unwrap_or_else(PoisonError::into_inner);
        let Some(check) = pushed.find(monitor, target).cloned() else { return false };
        self.heartbeats.try_send(Heartbeat { check, failure }).is_ok()
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        let Counters { started, in_flight, delayed, skipped } = &*self.counters;
        Counts {
            started: started.load(Ordering::Relaxed),
            in_flight: in_flight.load(Ordering::Relaxed),
            delayed: delayed.load(Ordering::Relaxed),
            skipped: skipped.load(Ordering::Relaxed),
        }
    }
}
