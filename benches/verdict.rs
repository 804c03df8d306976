//! From an outcome to what is published: one endpoint, one region, everything, among 10,000
//! services with three pools each.
//!
//! `cargo bench --bench verdict`. A median of 21 turns each, with the spread.
#![expect(
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark"
)]

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use meridian::config;
use meridian::engine::Engine;
use meridian::engine::Event;
use meridian::engine::Node;
use meridian::engine::Plan;
use meridian::health::CheckKey;
use meridian::health::Checks;
use meridian::health::Outcome;
use meridian::health::Report;
use meridian::model::MinRegions;
use meridian::model::MonitorId;
use meridian::model::ProbeAt;
use meridian::model::ProbeHost;
use meridian::model::RegionMonitor;
use meridian::model::Vantages;
use meridian::snapshot::Publisher;
use meridian::snapshot::Snapshot;
use meridian::snapshot::Standing;
use meridian::snapshot::World;

const SERVICES: u32 = 10_000;

fn main() {
    let plan = plan();
    println!("{SERVICES} services, {} checks", plan.checks.all.len());
    let mut now: Timestamp = "2026-11-25T12:00:00Z".parse().expect("a point in time");
    let mut engine = Engine::new(plan.clone(), None, now);
    let standings = engine.effects(now).standings.into_values();
    let standing = Arc::new(Standing::new(standings));
    let mut snapshot = Snapshot { world: Arc::clone(&plan.world), standing };
    let mut publisher = Publisher::new(snapshot.clone());
    let all: Vec<CheckKey> = plan.checks.all.iter().map(|check| check.key.clone()).collect();
    let named = |part: &str| -> Vec<CheckKey> {
        all.iter().filter(|key| key.as_str().contains(part)).cloned().collect()
    };
    let mut turn = |keys: &[CheckKey], success: bool| {
        now += Duration::from_secs(3_600);
        let begin = Instant::now();
        for key in keys {
            let outcome = if success { Outcome::Success } else { Outcome::Failure("no".into()) };
            let check = key.clone();
            let report = Report { check, outcome, took: Duration::ZERO, certificate_ends: None };
            engine.step(Event::Report(report), now);
        }
        let effects = engine.effects(now);
        let n = effects.standings.len();
        snapshot.standing = Arc::new(snapshot.standing.with(effects.standings));
        publisher.publish(snapshot.clone());
        let time = begin.elapsed();
        drop(engine.notices(now));
        (time, n)
    };
    turn(&all, true);
    for (what, keys) in [
        ("one endpoint", named("web@10.0.0.1:")),
        ("one region by its own monitor", named("gate@")),
        ("every endpoint of a region", named("web@10.1.")),
        ("every endpoint", all.clone()),
    ] {
        let mut times = Vec::new();
        let mut changed = 0;
        for nth in 0..21 {
            let (time, n) = turn(&keys, nth % 2 == 1);
            times.push(time);
            changed = n;
        }
        times.sort_unstable();
        let [least, median, most] = [times[0], times[10], times[20]].map(|t| t.as_secs_f64() * 1e3);
        println!(
            "{what:32} {:6} reports, {changed:6} services: {median:8.3} ms ({least:.3} to {most:.3})",
            keys.len()
        );
    }
}

fn plan() -> Plan {
    let mut text = String::from(
        "[zone.\"example.com\"]\nfile = \"zone\"\n[policy.p]\nrank = [\"priority\"]\n\
         [monitor.web]\nhttp = {}\nrise = 1\nfall = 1\nhold-down = \"0s\"\n\
         [monitor.gate]\ntcp = { port = 1 }\nrise = 1\nfall = 1\nhold-down = \"0s\"\n\
         [region.r0]\n[region.r1]\n[region.r2]\n",
    );
    for n in 0..SERVICES {
        writeln!(text, "[service.s{n}]\nname = \"s{n}.example.com\"\nmonitor = \"web\"")
            .expect("a string");
        for region in 0..3 {
            let address = IpAddr::from([10, region, (n >> 8) as u8, n as u8]);
            writeln!(text, "[service.s{n}.pool.r{region}]\nendpoints = [\"{address}\"]")
                .expect("a string");
        }
    }
    let zone = "@ 60 SOA ns1 h 1 2 3 4 60\n@ 60 NS ns1\nns1 60 A 192.0.2.1\n";
    let folder = tempfile::tempdir().expect("a scratch folder");
    std::fs::write(folder.path().join("zone"), zone).expect("the scratch folder takes files");
    let loaded = config::load_str(&text, folder.path());
    let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    let (mut regions, services) = (config.regions.clone(), config.services.clone());
    let monitors = config.monitors.clone();
    let host = ProbeHost::Address(IpAddr::from([192, 0, 2, 1]));
    let at = ProbeAt { host, port: None, path: None };
    regions[0].monitor = Some(RegionMonitor { monitor: MonitorId(1), at });
    let (world, _) = World::build(config).expect("there is no database");
    let checks = Checks::new(&regions, &services, &monitors);
    let min_regions = MinRegions::Count(1);
    Plan {
        world: Arc::new(world),
        regions,
        services,
        monitors,
        checks,
        maintenance: Vec::new(),
        min_regions,
        vantages: Vantages::default(),
        node: Node { name: "ns1".into(), instance: 1, probes: true },
    }
}
