//! The simulation: one queue of what happens when, and dice from a seed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use fastrand::Rng;
use jiff::SignedDuration;
use jiff::Timestamp;
use meridian::cluster::Entry;
use meridian::cluster::Key;
use meridian::cluster::News;
use meridian::engine::Event;
use meridian::engine::Plan;

use crate::cluster::process::Process;
use crate::cluster::process::start;
use crate::cluster::store::Stored;

/// How often a link reads all again.
const READ: Duration = Duration::from_secs(60);

/// What happens.
pub(super) enum Happening {
    /// A probe of a process has its outcome.
    Probe { process: usize, check: usize },
    /// A value gets to the store, if the way is there.
    Put { process: usize, epoch: u64, key: Key },
    /// An entry gets to a process.
    Arrive { process: usize, epoch: u64, entry: Entry },
    /// A process notices that its link is gone.
    Notice { process: usize, epoch: u64 },
    /// A process reads all: the first time, or again.
    Read { process: usize, epoch: u64, joined: bool },
    /// A process does what is due.
    Wake { process: usize },
}

pub(super) struct Sim {
    pub(super) rng: Rng,
    pub(super) now: Timestamp,
    pub(super) processes: Vec<Process>,
    pub(super) store: Stored,
    /// Whether each check's target is well.
    pub(super) is_up: Vec<bool>,
    /// Whether each process reaches the target of each check.
    pub(super) reaches: Vec<Vec<bool>>,
    /// Of a thousand probes, those that fail for no reason.
    pub(super) noise: u32,
    /// Of a hundred messages, those that take long.
    pub(super) loss: u32,
    queue: BinaryHeap<Reverse<(Timestamp, u64)>>,
    happenings: std::collections::HashMap<u64, Happening>,
    next: u64,
    instances: u64,
}

impl Sim {
    pub(super) fn new(seed: u64, processes: Vec<Process>) -> Self {
        let checks = processes[0].plan.checks.all.len();
        let reaches = vec![vec![true; checks]; processes.len()];
        let mut sim = Self {
            rng: Rng::with_seed(seed),
            now: start(),
            processes,
            store: Stored::default(),
            is_up: vec![true; checks],
            reaches,
            noise: 2,
            loss: 5,
            queue: BinaryHeap::new(),
            happenings: std::collections::HashMap::new(),
            next: 0,
            instances: 1_000,
        };
        for process in 0..sim.processes.len() {
            for check in 0..checks {
                let phase = sim.within(sim.interval(process, check));
                if sim.processes[process].probes() {
                    sim.after(phase, Happening::Probe { process, check });
                }
            }
            sim.processes[process].skew = sim.clock_error();
            sim.rejoin(process);
            sim.settle(process);
        }
        sim
    }

    pub(super) fn after(&mut self, delay: Duration, happening: Happening) {
        self.at(self.now + delay, happening);
    }

    fn at(&mut self, at: Timestamp, happening: Happening) {
        self.next += 1;
        self.queue.push(Reverse((at, self.next)));
        self.happenings.insert(self.next, happening);
    }

    /// Takes what happens next until a point in time; the process that it happened to, each.
    pub(super) fn step(&mut self, end: Timestamp) -> Option<usize> {
        let Reverse((at, id)) = *self.queue.peek().filter(|Reverse((at, _))| *at <= end)?;
        self.queue.pop();
        self.now = at;
        let happening = self.happenings.remove(&id).unwrap();
        let process = match happening {
            Happening::Probe { process, check } => self.probe(process, check),
            Happening::Put { process, epoch, key } => self.put(process, epoch, key),
            Happening::Arrive { process, epoch, entry } => {
                let of = &mut self.processes[process];
                if of.epoch == epoch && of.is_linked {
                    of.hear(News::Entry(entry), self.now);
                }
                process
            }
            Happening::Notice { process, epoch } => self.notice(process, epoch),
            Happening::Read { process, epoch, joined } => self.read(process, epoch, joined),
            Happening::Wake { process } => {
                self.processes[process].wakes = None;
                self.processes[process].step([Event::Tick], self.now);
                process
            }
        };
        self.settle(process);
        Some(process)
    }

    /// The way of a process to the store is gone; it notices a little later.
    pub(super) fn cut(&mut self, process: usize) {
        let of = &mut self.processes[process];
        if std::mem::take(&mut of.is_linked) {
            let epoch = of.epoch;
            let delay = self.within(Duration::from_secs(5));
            self.after(delay, Happening::Notice { process, epoch });
        }
    }

    /// The way is there again.
    pub(super) fn heal(&mut self, process: usize) {
        if !self.processes[process].is_linked {
            self.processes[process].is_linked = true;
            self.rejoin(process);
        }
    }

    /// The store ends and starts again, at once or after a while; everybody loses contact.
    pub(super) fn restart_store(&mut self, keeps_disk: bool) {
        self.store.restart(keeps_disk);
        for process in 0..self.processes.len() {
            self.cut(process);
            self.heal(process);
        }
    }

    pub(super) fn restart(&mut self, process: usize, keeps_disk: bool) {
        self.instances += 1;
        self.processes[process].restart(self.instances, keeps_disk, self.now);
        if self.processes[process].is_linked {
            self.rejoin(process);
        } else {
            let epoch = self.processes[process].epoch;
            self.after(Duration::from_millis(200), Happening::Notice { process, epoch });
        }
        self.settle(process);
    }

    pub(super) fn clock_error(&mut self) -> SignedDuration {
        SignedDuration::from_millis(self.rng.i64(-2_000..2_000))
    }

    pub(super) fn within(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.rng.f64())
    }

    fn interval(&self, process: usize, check: usize) -> Duration {
        let plan: &Plan = &self.processes[process].plan;
        plan.monitors[plan.checks.all[check].monitor.index()].interval
    }

    fn probe(&mut self, process: usize, check: usize) -> usize {
        let is_noise = self.rng.u32(0..1000) < self.noise;
        let is_well = self.is_up[check] && self.reaches[process][check] && !is_noise;
        let failure = (!is_well).then_some("refused");
        self.processes[process].report(check, failure, self.now);
        self.after(self.interval(process, check), Happening::Probe { process, check });
        process
    }

    /// How long a message takes: seldom long, since what is lost is sent again.
    fn delay(&mut self) -> Duration {
        let is_lost = self.rng.u32(0..100) < self.loss;
        let most = if is_lost { 3_000 } else { 150 };
        Duration::from_millis(self.rng.u64(1..most))
    }

    fn put(&mut self, process: usize, epoch: u64, key: Key) -> usize {
        let of = &mut self.processes[process];
        if of.epoch != epoch || !of.is_linked {
            return process;
        }
        of.sending.remove(&key);
        let Some(value) = of.outbox.remove(&key) else { return process };
        let entry = self.store.put(key, value, self.now);
        for to in 0..self.processes.len() {
            if !self.processes[to].is_joined {
                continue;
            }
            let arrives = (self.now + self.delay()).max(self.processes[to].last_arrival);
            self.processes[to].last_arrival = arrives;
            let epoch = self.processes[to].epoch;
            self.at(arrives, Happening::Arrive { process: to, epoch, entry: entry.clone() });
        }
        process
    }

    fn notice(&mut self, process: usize, epoch: u64) -> usize {
        let of = &mut self.processes[process];
        if of.epoch == epoch {
            of.is_joined = false;
            of.begin_epoch();
            of.hear(News::Lost { why: "the server is gone".to_owned() }, self.now);
            if of.is_linked {
                self.rejoin(process);
            }
        }
        process
    }

    fn rejoin(&mut self, process: usize) {
        let epoch = self.processes[process].epoch;
        let delay = self.within(Duration::from_millis(500));
        self.after(delay, Happening::Read { process, epoch, joined: true });
    }

    fn read(&mut self, process: usize, epoch: u64, joined: bool) -> usize {
        let of = &mut self.processes[process];
        // One that was not yet noticed to be gone joins after it was.
        if of.epoch != epoch || !of.is_linked || joined && of.is_joined {
            return process;
        }
        of.read(&self.store, joined, self.now);
        let epoch = of.epoch;
        if joined {
            of.last_arrival = self.now;
        }
        self.after(READ, Happening::Read { process, epoch, joined: false });
        process
    }

    /// Sends what a process has to say, and has it woken when something is due.
    fn settle(&mut self, process: usize) {
        let of = &mut self.processes[process];
        let epoch = of.epoch;
        if of.is_joined {
            let waiting: Vec<Key> = of.outbox.keys().cloned().collect();
            for key in waiting {
                if self.processes[process].sending.insert(key.clone()) {
                    let delay = self.delay();
                    self.after(delay, Happening::Put { process, epoch, key });
                }
            }
        }
        let of = &mut self.processes[process];
        let due = of.next_deadline(self.now);
        if let Some(due) = due.filter(|due| of.wakes.is_none_or(|wakes| *due < wakes)) {
            of.wakes = Some(due);
            self.at(due, Happening::Wake { process });
        }
    }
}
