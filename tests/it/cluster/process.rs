//! A simulated process: a node or a prober, with a clock of its own and a way to the store.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use meridian::cluster::Key;
use meridian::cluster::News;
use meridian::cluster::Session;
use meridian::engine::Engine;
use meridian::engine::Event;
use meridian::engine::Node;
use meridian::engine::Notice;
use meridian::engine::Outpost;
use meridian::engine::Plan;
use meridian::engine::Saved;
use meridian::health::Opinions;
use meridian::health::Outcome;
use meridian::health::Report;
use meridian::snapshot::Snapshot;
use meridian::snapshot::Standing;

use crate::cluster::store::Stored;

/// What a process is.
pub(super) enum Role {
    Node(Box<Engine>, Box<Snapshot>),
    Prober(Box<Outpost>),
}

/// A node or a prober.
pub(super) struct Process {
    pub(super) name: String,
    pub(super) plan: Plan,
    pub(super) role: Role,
    session: Session,
    /// How far its clock is from the true time, and how fast it goes away from it.
    pub(super) skew: SignedDuration,
    drift_ppm: i64,
    /// Whether its packets get to the store and back.
    pub(super) is_linked: bool,
    /// Whether it thinks so.
    pub(super) is_joined: bool,
    /// Grows when it joins, loses contact or starts again; what was under way is void then.
    pub(super) epoch: u64,
    pub(super) outbox: BTreeMap<Key, Vec<u8>>,
    /// Of these, what is on its way.
    pub(super) sending: BTreeSet<Key>,
    /// When it is woken next.
    pub(super) wakes: Option<Timestamp>,
    /// When the last thing that was sent to it gets there: order is kept.
    pub(super) last_arrival: Timestamp,
    /// What it heard last of each vantage, and decoded on its own.
    pub(super) heard: BTreeMap<String, Opinions>,
    /// What happened since this was looked at last.
    pub(super) notices: Vec<Notice>,
}

/// When the true time and all clocks began.
pub(super) fn start() -> Timestamp {
    Timestamp::from_second(1_795_600_800).unwrap()
}

impl Process {
    pub(super) fn node(plan: &Plan, name: &str, probes: bool, instance: u64) -> Self {
        let mut plan = plan.clone();
        plan.node = Node { name: name.to_owned(), instance, probes };
        let role = Role::Node(Box::new(Engine::new(plan.clone(), None, start())), snapshot(&plan));
        Self::new(name, plan, role)
    }

    pub(super) fn prober(plan: &Plan, name: &str, instance: u64) -> Self {
        let mut plan = plan.clone();
        plan.node = Node { name: name.to_owned(), instance, probes: true };
        let mut outpost = Outpost::new(plan.node.clone(), start());
        outpost.reconfigure(plan.checks.all.clone(), &plan.monitors, start());
        Self::new(name, plan, Role::Prober(Box::new(outpost)))
    }

    fn new(name: &str, plan: Plan, role: Role) -> Self {
        Self {
            name: name.to_owned(),
            plan,
            role,
            session: Session::default(),
            skew: SignedDuration::ZERO,
            drift_ppm: i64::try_from(name.len()).unwrap() * 7 - 30,
            is_linked: true,
            is_joined: false,
            epoch: 0,
            outbox: BTreeMap::new(),
            sending: BTreeSet::new(),
            wakes: None,
            last_arrival: start(),
            heard: BTreeMap::new(),
            notices: Vec::new(),
        }
    }

    /// The process ends and starts again, with what it saved or, if its disk is lost, without.
    pub(super) fn restart(&mut self, instance: u64, keeps_disk: bool, now: Timestamp) {
        let local = self.local(now);
        self.plan.node.instance = instance;
        self.role = match &self.role {
            Role::Node(engine, _) => {
                let saved = keeps_disk.then(|| Saved::read(&engine.saved().text()).unwrap());
                let engine = Engine::new(self.plan.clone(), saved, local);
                Role::Node(Box::new(engine), snapshot(&self.plan))
            }
            Role::Prober(_) => {
                let mut outpost = Outpost::new(self.plan.node.clone(), local);
                outpost.reconfigure(self.plan.checks.all.clone(), &self.plan.monitors, local);
                Role::Prober(Box::new(outpost))
            }
        };
        self.session = Session::default();
        self.is_joined = false;
        self.begin_epoch();
        self.outbox.clear();
        self.heard.clear();
    }

    /// What is under way is void from now on.
    pub(super) fn begin_epoch(&mut self) {
        self.epoch += 1;
        self.sending.clear();
    }

    /// Its clock.
    pub(super) fn local(&self, now: Timestamp) -> Timestamp {
        let gone = now.duration_since(start());
        let drift = SignedDuration::from_micros(gone.as_secs() * self.drift_ppm);
        now + self.skew + drift
    }

    pub(super) fn probes(&self) -> bool {
        self.plan.node.probes
    }

    /// When it wants to do something by itself, in true time.
    pub(super) fn next_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let due = match &self.role {
            Role::Node(engine, _) => engine.next_deadline()?,
            Role::Prober(outpost) => outpost.next_deadline(),
        };
        // Drift is a few milliseconds in the time of a run: a little late is when it wakes.
        let left = due.duration_since(self.local(now)).max(SignedDuration::ZERO);
        Some(now + left + SignedDuration::from_millis(5))
    }

    /// A probe of this process had an outcome.
    pub(super) fn report(&mut self, check: usize, failure: Option<&str>, now: Timestamp) {
        let check = self.plan.checks.all[check].key.clone();
        let outcome = failure.map_or(Outcome::Success, |why| Outcome::Failure(why.to_owned()));
        let took = Duration::from_millis(3);
        let report = Report { check, outcome, took, certificate_ends: None };
        self.step([Event::Report(report)], now);
    }

    /// News came.
    pub(super) fn hear(&mut self, news: News, now: Timestamp) {
        match &news {
            News::Entry(entry) => self.note(&entry.key, &entry.value),
            News::Read { entries, .. } => {
                entries.iter().for_each(|entry| self.note(&entry.key, &entry.value));
            }
            News::Lost { .. } | News::Refused { .. } => {}
        }
        let events = self.session.take(news);
        self.step(events, now);
    }

    /// All there is, as a reading of the store gives it.
    pub(super) fn read(&mut self, stored: &Stored, joined: bool, now: Timestamp) {
        if joined {
            self.is_joined = true;
            self.begin_epoch();
        }
        self.hear(News::Read { entries: stored.entries(), joined }, now);
    }

    /// Takes events, and does what follows.
    pub(super) fn step(&mut self, events: impl IntoIterator<Item = Event>, now: Timestamp) {
        let now = self.local(now);
        let mut effects = match &mut self.role {
            Role::Node(engine, snapshot) => {
                events.into_iter().for_each(|event| engine.step(event, now));
                let mut effects = engine.effects(now);
                self.notices.extend(engine.notices(now));
                let standings = std::mem::take(&mut effects.standings);
                if !standings.is_empty() {
                    snapshot.standing = Arc::new(snapshot.standing.with(standings));
                }
                effects
            }
            Role::Prober(outpost) => {
                events.into_iter().for_each(|event| outpost.step(event, now));
                self.notices.extend(outpost.notices());
                outpost.effects(now)
            }
        };
        self.outbox.extend(Session::puts(&mut effects));
    }

    /// What a vantage said, decoded apart from the engine. The order is that of the store.
    fn note(&mut self, key: &Key, value: &[u8]) {
        if let Key::Opinions(name) = key {
            self.heard.insert(name.clone(), Opinions::decode(value).unwrap());
        }
    }
}

fn snapshot(plan: &Plan) -> Box<Snapshot> {
    let standing = Arc::new(Standing::all_admitted(&plan.world));
    Box::new(Snapshot { world: Arc::clone(&plan.world), standing })
}
