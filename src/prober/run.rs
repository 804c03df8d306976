//! The loop of the prober's thread: what is due is started, what ended is reported.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::health::Check;
use crate::health::CheckKey;
use crate::health::Outcome;
use crate::health::Report;
use crate::model::ProbeHost;
use crate::prober::Bounds;
use crate::prober::Counters;
use crate::prober::Heartbeat;
use crate::prober::Ready;
use crate::prober::compiled::Compiled;
use crate::prober::connect::Stage;
use crate::prober::failure;
use crate::prober::means::Node;
use crate::prober::names::Names;
use crate::prober::schedule::Schedule;

/// Reports that may wait for the receiver before no new probes are started.
const OUTBOX: usize = 256;

/// With nothing to do, the loop wakes this often.
const IDLE: Duration = Duration::from_secs(3600);

/// A timeout that is noticed as much too late says that this node was held up.
const HELD_UP: Duration = Duration::from_millis(20);

/// What the loop is given.
pub(super) struct Channels {
    /// What is to be done.
    pub(super) plans: watch::Receiver<Arc<Ready>>,
    /// Push checks that were heard of.
    pub(super) heartbeats: mpsc::Receiver<Heartbeat>,
    /// Where outcomes go.
    pub(super) reports: mpsc::Sender<Report>,
    /// How much may be under way.
    pub(super) bounds: Bounds,
    /// What is counted.
    pub(super) counters: Arc<Counters>,
}

/// A check and how it is probed.
#[derive(Clone)]
struct Target {
    check: Arc<Check>,
    compiled: Arc<Compiled>,
    /// Of a push check: when it was last heard of, or began.
    heard: Duration,
}

/// A probe that ended.
struct Ended {
    report: Report,
    was_exec: bool,
}

/// What a check is doing that has a probe under way or waiting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Busy {
    /// A bound holds it back.
    Waiting,
    /// It is being probed.
    Running,
    /// It is being probed, and was due again meanwhile: a probe that takes its whole timeout
    /// ends just after the next was due, which must not be left out for that.
    Overdue,
}

type Running = FuturesUnordered<Pin<Box<dyn Future<Output = Ended>>>>;

struct Loop {
    bounds: Bounds,
    start: Instant,
    schedule: Schedule,
    targets: HashMap<CheckKey, Target>,
    running: Running,
    /// The checks that have a probe under way or waiting.
    busy: HashMap<CheckKey, Busy>,
    n_programs: usize,
    /// Due, and held back by a bound.
    waiting: VecDeque<CheckKey>,
    waiting_programs: VecDeque<CheckKey>,
    outbox: VecDeque<Report>,
    counters: Arc<Counters>,
    /// What this node can do itself.
    node: Rc<Node>,
    names: Rc<Names>,
}

/// Probes until told to stop, or until nobody listens.
pub(super) async fn run(channels: Channels, stop: CancellationToken) {
    let Channels { mut plans, mut heartbeats, reports, bounds, counters } = channels;
    let mut state = Loop {
        bounds,
        start: Instant::now(),
        schedule: Schedule::default(),
        targets: HashMap::new(),
        running: FuturesUnordered::new(),
        busy: HashMap::new(),
        n_programs: 0,
        waiting: VecDeque::new(),
        waiting_programs: VecDeque::new(),
        outbox: VecDeque::new(),
        counters,
        node: Rc::default(),
        names: Rc::default(),
    };
    let first = Arc::clone(&plans.borrow_and_update());
    state.replace(&first);
    loop {
        let may_start = state.outbox.len() < OUTBOX;
        if may_start {
            state.start_due();
        }
        let next = if may_start { state.schedule.next() } else { None };
        let wake = state.start + next.unwrap_or_else(|| state.start.elapsed() + IDLE);
        tokio::select! {
            () = stop.cancelled() => return,
            changed = plans.changed() => {
                if changed.is_err() {
                    return;
                }
                let plan = Arc::clone(&plans.borrow_and_update());
                state.replace(&plan);
            }
            Some(heartbeat) = heartbeats.recv(), if may_start => state.heard(heartbeat),
            Some(ended) = state.running.next(), if !state.running.is_empty() => {
                state.ended(ended);
            }
            permit = reports.reserve(), if !state.outbox.is_empty() => match permit {
                Ok(permit) => {
                    if let Some(report) = state.outbox.pop_front() {
                        permit.send(report);
                    }
                }
                Err(_) => return,
            },
            () = tokio::time::sleep_until(wake) => {}
        }
    }
}

impl Loop {
    fn replace(&mut self, plan: &Ready) {
        let now = self.start.elapsed();
        let mut before = std::mem::take(&mut self.targets);
        for (check, compiled) in &plan.targets {
            let heard = before.remove(&check.key).map_or(now, |target| target.heard);
            let (check, compiled) = (Arc::clone(check), Arc::clone(compiled));
            self.targets.insert(check.key.clone(), Target { check, compiled, heard });
        }
        let times = self.targets.values();
        let times = times.map(|target| (target.check.key.clone(), target.compiled.interval()));
        self.schedule.replace(times, now);
        let hosts = self.targets.values().map(|target| &target.check.at.host);
        let names = hosts.filter_map(|host| match host {
            ProbeHost::Name(name) => Some(name.as_str()),
            ProbeHost::Address(_) => None,
        });
        self.names.retain(&names.collect());
        // What waits and is gone will not run; what runs and is gone is not reported.
        let targets = &self.targets;
        for queue in [&mut self.waiting, &mut self.waiting_programs] {
            queue.retain(|key| {
                let stays = targets.contains_key(key);
                if !stays {
                    self.busy.remove(key);
                }
                stays
            });
        }
    }

    fn start_due(&mut self) {
        let now = self.start.elapsed();
        while self.running.len() < self.bounds.probes {
            let Some(key) = self.waiting.pop_front() else { break };
            self.begin(&key);
        }
        while self.n_programs < self.bounds.programs {
            let Some(key) = self.waiting_programs.pop_front() else { break };
            self.begin(&key);
        }
        while let Some(key) = self.schedule.due(now) {
            let Some(target) = self.targets.get(&key) else { continue };
            if target.compiled.is_push() {
                self.listened(&key, now);
                continue;
            }
            let is_exec = target.compiled.is_exec();
            match self.busy.get_mut(&key) {
                None => {}
                Some(busy @ Busy::Running) => {
                    *busy = Busy::Overdue;
                    continue;
                }
                Some(Busy::Waiting | Busy::Overdue) => {
                    self.counters.skipped.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
            }
            let queue = match is_exec {
                true if self.n_programs >= self.bounds.programs => &mut self.waiting_programs,
                false if self.running.len() >= self.bounds.probes => &mut self.waiting,
                true | false => {
                    self.begin(&key);
                    continue;
                }
            };
            queue.push_back(key.clone());
            self.busy.insert(key, Busy::Waiting);
            self.counters.delayed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn begin(&mut self, key: &CheckKey) {
        let Some(target) = self.targets.get(key).cloned() else {
            self.busy.remove(key);
            return;
        };
        self.busy.insert(key.clone(), Busy::Running);
        self.n_programs += usize::from(target.compiled.is_exec());
        self.counters.started.fetch_add(1, Ordering::Relaxed);
        let stage = Stage::new(&self.node);
        self.running.push(Box::pin(one(target, stage, Rc::clone(&self.names))));
        self.count_running();
    }

    fn ended(&mut self, ended: Ended) {
        self.n_programs -= usize::from(ended.was_exec);
        let key = ended.report.check.clone();
        let busy = self.busy.remove(&key);
        if self.targets.contains_key(&key) {
            self.outbox.push_back(ended.report);
            if busy == Some(Busy::Overdue) {
                self.begin(&key);
            }
        }
        self.count_running();
    }

    fn count_running(&self) {
        let n = u64::try_from(self.running.len()).unwrap_or(u64::MAX);
        self.counters.in_flight.store(n, Ordering::Relaxed);
    }

    /// A push check reported.
    fn heard(&mut self, Heartbeat { check, failure }: Heartbeat) {
        let now = self.start.elapsed();
        let Some(target) = self.targets.get_mut(&check) else { return };
        target.heard = now;
        let outcome =
            failure.map_or(Outcome::Success, |text| Outcome::Failure(failure::plain(&text)));
        self.told(check, outcome);
    }

    /// A push check is due: silence for an interval is a failure, else it is due again when it
    /// would be.
    fn listened(&mut self, key: &CheckKey, now: Duration) {
        let Some(target) = self.targets.get(key) else { return };
        let interval = target.compiled.interval();
        let until = target.heard + interval;
        if until > now {
            self.schedule.postpone(key, until);
            return;
        }
        self.schedule.postpone(key, now + interval);
        let text = format!("no heartbeat for {}", failure::show(interval));
        self.told(key.clone(), Outcome::Failure(text));
    }

    fn told(&mut self, check: CheckKey, outcome: Outcome) {
        let (took, certificate_ends) = (Duration::ZERO, None);
        self.outbox.push_back(Report { check, outcome, took, certificate_ends });
    }
}

/// One probe, within its timeout.
async fn one(target: Target, stage: Stage, names: Rc<Names>) -> Ended {
    let Target { check, compiled, .. } = target;
    let (key, timeout) = (check.key.clone(), compiled.monitor.timeout);
    let was_exec = compiled.is_exec();
    let mut certificate_ends: Option<Timestamp> = None;
    let begin = Instant::now();
    let probe = compiled.probe(check, &names, &stage, &mut certificate_ends);
    let result = within(timeout, probe).await;
    let (result, end) = match (stage.decided(), result) {
        (Some((result, end)), _) => (result, end),
        (None, Some(result)) => (result, Instant::now()),
        (None, None) => (Err(stage.late(timeout)), Instant::now()),
    };
    let result = result.map_err(|fault| stage.settled(fault));
    let (outcome, took) = (failure::outcome(result), end - begin);
    Ended { report: Report { check: key, outcome, took, certificate_ends }, was_exec }
}

/// What comes of a probe within its timeout. Where the timeout was noticed late this node was held
/// up (paused, or out of processor time), and what it did not take in meanwhile may be here: the
/// probe has that time once more, though never more than its timeout.
async fn within<T>(timeout: Duration, probe: impl Future<Output = T>) -> Option<T> {
    let mut probe = pin!(probe);
    let end = Instant::now() + timeout;
    if let Ok(result) = tokio::time::timeout_at(end, probe.as_mut()).await {
        return Some(result);
    }
    let late = end.elapsed();
    if late < HELD_UP {
        return None;
    }
    tokio::time::timeout(late.min(timeout), probe).await.ok()
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::task::yield_now;
    use tokio::time::advance;

    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(100);

    #[tokio::test(start_paused = true)]
    async fn time_in_which_the_node_was_held_up_is_not_that_of_the_target() {
        let begin = Instant::now();
        assert_eq!(within(TIMEOUT, pending::<()>()).await, None);
        assert!(begin.elapsed() < TIMEOUT + HELD_UP, "a timeout is noticed in time");
        // The node does nothing for a second; then the answer is there, some steps on.
        let held_up = async {
            advance(Duration::from_secs(1)).await;
            yield_now().await;
            "an answer"
        };
        assert_eq!(within(TIMEOUT, held_up).await, Some("an answer"));
        let begin = Instant::now();
        let silent = async {
            advance(Duration::from_secs(1)).await;
            pending::<()>().await;
        };
        assert_eq!(within(TIMEOUT, silent).await, None);
        assert!(begin.elapsed() < Duration::from_secs(1) + TIMEOUT + HELD_UP);
    }
}
