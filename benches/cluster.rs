//! What a cluster costs: 200 vantages, 5,000 endpoints, one name server, in virtual time.
//!
//! `cargo bench --bench cluster` simulates the probes of all vantages, has them publish as they
//! do, and measures what is sent, and the time that the name server takes for it. `VANTAGES=…`
//! and `ENDPOINTS=…` say other numbers.
#![expect(
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark"
)]

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use fastrand::Rng;
use jiff::Timestamp;
use meridian::cluster::Entry;
use meridian::cluster::News;
use meridian::cluster::Session;
use meridian::config;
use meridian::engine::Effects;
use meridian::engine::Engine;
use meridian::engine::Event;
use meridian::engine::Node;
use meridian::engine::Outpost;
use meridian::engine::Plan;
use meridian::health::Checks;
use meridian::health::Outcome;
use meridian::health::Report;
use meridian::model::MinRegions;
use meridian::snapshot::World;

/// Virtual time goes on by this much at a time.
const STEP: Duration = Duration::from_millis(100);

/// Steps from one probe of a check to the next: 10 s.
const INTERVAL: usize = 100;

fn main() {
    let count =
        |name, usual| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (vantages, endpoints) = (count("VANTAGES", 200), count("ENDPOINTS", 5_000));
    println!("{vantages} vantages, {endpoints} endpoints, probed every 10 s");
    let mut stage = Stage::new(vantages, endpoints);
    stage.run(INTERVAL + 20, |_| false);
    stage.told("first round");
    stage.run(3 * INTERVAL, |_| false);
    stage.told("all is well, 1 probe of 1,000 fails");
    stage.run(3 * INTERVAL, |check| check % 5 == 0);
    stage.told("a fifth goes down everywhere");
    stage.run(3 * INTERVAL, |check| check % 5 == 0);
    stage.told("it stays down");
    stage.run(3 * INTERVAL, |_| false);
    stage.told("it comes back");
}

struct Stage {
    rng: Rng,
    now: Timestamp,
    step: usize,
    plan: Plan,
    engine: Engine,
    session: Session,
    outposts: Vec<Outpost>,
    revision: u64,
    seen: Seen,
}

/// What happened since it was told last.
#[derive(Default)]
struct Seen {
    steps: usize,
    messages: usize,
    octets: usize,
    largest: usize,
    of_node: Duration,
    slowest: Duration,
    of_probers: Duration,
    standings: usize,
}

impl Stage {
    fn new(vantages: usize, endpoints: usize) -> Self {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().expect("a point in time");
        let plan = plan(vantages, endpoints);
        let mut engine = Engine::new(plan.clone(), None, now);
        engine.step(Event::Joined, now);
        let outpost = |nth: usize| {
            let node = Node { name: format!("v{nth}"), instance: nth as u64 + 1, probes: true };
            let mut outpost = Outpost::new(node, now);
            outpost.reconfigure(plan.checks.all.clone(), &plan.monitors, now);
            outpost
        };
        let outposts = (0..vantages).map(outpost).collect();
        Self {
            rng: Rng::with_seed(1),
            now,
            step: 0,
            plan,
            engine,
            session: Session::default(),
            outposts,
            revision: 0,
            seen: Seen::default(),
        }
    }

    fn run(&mut self, steps: usize, is_down: impl Fn(usize) -> bool) {
        for _ in 0..steps {
            self.now += STEP;
            self.step += 1;
            let mut news = Vec::new();
            for at in 0..self.outposts.len() {
                let begin = Instant::now();
                let mut effects = self.probe(at, &is_down);
                let puts = Session::puts(&mut effects);
                self.seen.of_probers += begin.elapsed();
                for (key, value) in puts {
                    self.seen.messages += 1;
                    self.seen.octets += value.len();
                    self.seen.largest = self.seen.largest.max(value.len());
                    self.revision += 1;
                    let (stored, revision) = (self.now, self.revision);
                    news.push(News::Entry(Entry { key, value: value.into(), stored, revision }));
                }
            }
            let begin = Instant::now();
            for news in news {
                for event in self.session.take(news) {
                    self.engine.step(event, self.now);
                }
            }
            self.engine.step(Event::Tick, self.now);
            let effects = self.engine.effects(self.now);
            drop(self.engine.notices(self.now));
            let took = begin.elapsed();
            self.seen.standings += effects.standings.len();
            self.seen.of_node += took;
            self.seen.slowest = self.seen.slowest.max(took);
            self.seen.steps += 1;
        }
    }

    /// The probes of a vantage that are due, each vantage in a rhythm of its own.
    fn probe(&mut self, at: usize, is_down: &impl Fn(usize) -> bool) -> Effects {
        let Self { rng, now, step, plan, outposts, .. } = self;
        let outpost = outposts.get_mut(at).expect("it is one of them");
        let first = (*step + at * 37) % INTERVAL;
        for (nth, check) in plan.checks.all.iter().enumerate().skip(first).step_by(INTERVAL) {
            let fails = is_down(nth) || rng.u16(0..1000) == 0;
            let outcome = if fails { Outcome::Failure("refused".into()) } else { Outcome::Success };
            let check = check.key.clone();
            let took = Duration::from_millis(20);
            let report = Report { check, outcome, took, certificate_ends: None };
            outpost.step(Event::Report(report), *now);
        }
        outpost.effects(*now)
    }

    fn told(&mut self, what: &str) {
        let seen = std::mem::take(&mut self.seen);
        let seconds = seen.steps as f64 * STEP.as_secs_f64();
        let share = |time: Duration| time.as_secs_f64() / seconds * 100.0;
        println!(
            "{what:36} {:6.1} messages/s {:7.1} kB/s, largest {:6} B; node {:6.3} % of a core, \
             slowest step {:6.2} ms, {} services anew; a prober {:.3} %",
            seen.messages as f64 / seconds,
            seen.octets as f64 / seconds / 1e3,
            seen.largest,
            share(seen.of_node),
            seen.slowest.as_secs_f64() * 1e3,
            seen.standings,
            share(seen.of_probers) / self.outposts.len() as f64,
        );
    }
}

/// A service for each ten endpoints, in two regions.
fn plan(vantages: usize, endpoints: usize) -> Plan {
    let mut text = String::from(
        "[cluster]\nnats = \"nats://127.0.0.1\"\n[zone.\"example.com\"]\nfile = \"zone\"\n\
         [policy.p]\nrank = [\"priority\"]\n[monitor.web]\ntcp = { port = 80 }\n\
         [region.r0]\n[region.r1]\n",
    );
    for nth in 0..vantages {
        writeln!(text, "[vantage.v{nth}]\ngroup = \"g{}\"", nth % 8).expect("a string");
    }
    for service in 0..endpoints / 10 {
        writeln!(text, "[service.s{service}]\nname = \"s{service}.example.com\"")
            .expect("a string");
        writeln!(text, "monitor = \"web\"").expect("a string");
        for region in 0..2 {
            let address =
                |nth| format!("\"10.{region}.{}.{}\"", service / 50, service % 50 * 5 + nth);
            let all: Vec<String> = (0..5).map(address).collect();
            writeln!(text, "[service.s{service}.pool.r{region}]\nendpoints = [{}]", all.join(", "))
                .expect("a string");
        }
    }
    let zone = "@ 60 SOA ns1 h 1 2 3 4 60\n@ 60 NS ns1\nns1 60 A 192.0.2.1\n";
    let folder = tempfile::tempdir().expect("a scratch folder");
    std::fs::write(folder.path().join("zone"), zone).expect("the scratch folder takes files");
    let loaded = config::load_str(&text, folder.path());
    let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    let (regions, services) = (config.regions.clone(), config.services.clone());
    let (monitors, vantages) = (config.monitors.clone(), config.vantages.clone());
    let (world, _) = World::build(config).expect("there is no database");
    let checks = Checks::new(&regions, &services, &monitors);
    let node = Node { name: "ns1".into(), instance: 1, probes: false };
    let min_regions = MinRegions::Count(1);
    let world = Arc::new(world);
    let maintenance = Vec::new();
    Plan { world, regions, services, monitors, checks, maintenance, min_regions, vantages, node }
}
