//! The engine with virtual time: reports and orders in, answers out.

mod chaos;
mod contact;
mod drains;
mod judged;
mod operators;
mod others;
mod regions;
mod unable;
mod verdicts;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use meridian::engine::AdminChange;
use meridian::engine::AdminDone;
use meridian::engine::AdminRefusal;
use meridian::engine::Engine;
use meridian::engine::Event;
use meridian::engine::Node;
use meridian::engine::Notice;
use meridian::engine::Plan;
use meridian::engine::Saved;
use meridian::engine::ServiceState;
use meridian::health::Checks;
use meridian::health::Outcome;
use meridian::health::Report;
use meridian::model::AdminState;
use meridian::model::MinRegions;
use meridian::model::RecordType;
use meridian::model::Vantages;
use meridian::snapshot::Snapshot;
use meridian::snapshot::Standing;
use meridian::snapshot::World;

use crate::asking::Answer;
use crate::asking::Ask;
use crate::asking::Responder;
use crate::ground;
use crate::ground::Ground;

const THREE: &str = r#"
[geoip]
databases = ["geo.mmdb"]
[zone.test]
file = "test.zone"
[region.us]
location = { lat = 39.04, lon = -77.49 }
[region.eu]
location = { lat = 53.34, lon = -6.27 }
[region.ap]
location = { lat = 1.35, lon = 103.82 }
[monitor.web]
icmp = {}
[service.www]
name = "www.test"
monitor = "web"
[service.www.pool.us]
endpoints = ["203.0.113.1", "203.0.113.4", "2001:db8:1::1"]
[service.www.pool.eu]
endpoints = ["203.0.113.2", "2001:db8:1::2"]
[service.www.pool.ap]
endpoints = ["203.0.113.3"]
"#;

/// Clients near each region.
const US: [u8; 4] = [20, 1, 1, 1];
const EU: [u8; 4] = [30, 1, 1, 1];

/// An engine, what it published, and a clock that goes as told.
struct Rig {
    engine: Engine,
    snapshot: Snapshot,
    now: Timestamp,
    notices: Vec<Notice>,
    plan: Plan,
}

fn plan(text: &str, tweak: impl Fn(&mut Plan)) -> Plan {
    let ground = Ground::new(&[("meridian.toml", text), ("test.zone", ground::ZONE)]);
    let config = ground.config();
    let (regions, services) = (config.regions.clone(), config.services.clone());
    let (monitors, maintenance) = (config.monitors.clone(), config.maintenance.clone());
    let (world, _) = World::build(config).unwrap();
    let mut plan = Plan {
        world: Arc::new(world),
        regions,
        services,
        monitors,
        checks: Checks::default(),
        maintenance,
        min_regions: MinRegions::Count(1),
        vantages: Vantages::default(),
        node: Node { name: "ns1".into(), instance: 1, probes: true },
    };
    tweak(&mut plan);
    plan.checks = Checks::new(&plan.regions, &plan.services, &plan.monitors);
    plan
}

impl Rig {
    fn new(tweak: impl Fn(&mut Plan)) -> Self {
        Self::restored(plan(THREE, tweak), None)
    }

    /// Where everything was probed once and is up.
    fn up(tweak: impl Fn(&mut Plan)) -> Self {
        let mut rig = Self::new(tweak);
        rig.probe_all(&[]);
        assert!(rig.engine.is_settled());
        rig.engine.begin();
        rig
    }

    fn restored(plan: Plan, saved: Option<Saved>) -> Self {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let standing = Arc::new(Standing::all_admitted(&plan.world));
        let snapshot = Snapshot { world: Arc::clone(&plan.world), standing };
        let mut engine = Engine::new(plan.clone(), saved, now);
        engine.step(Event::Joined, now);
        let mut rig = Self { engine, snapshot, now, notices: Vec::new(), plan };
        rig.publish();
        rig
    }

    fn publish(&mut self) -> bool {
        let effects = self.engine.effects(self.now);
        self.notices.extend(self.engine.notices(self.now));
        self.snapshot.standing = Arc::new(self.snapshot.standing.with(effects.standings));
        effects.save
    }

    /// One round of probes, in which what has one of these in its key fails.
    fn probe_all(&mut self, failing: &[&str]) {
        for check in self.plan.checks.all.clone() {
            let fails = failing.iter().any(|name| check.key.as_str().contains(name));
            let outcome = if fails { Outcome::Failure("refused".into()) } else { Outcome::Success };
            let took = Duration::from_millis(1);
            let report = Report { check: check.key, outcome, took, certificate_ends: None };
            self.engine.step(Event::Report(report), self.now);
        }
        self.publish();
    }

    /// Rounds of probes, an interval apart.
    fn rounds(&mut self, n: usize, failing: &[&str]) {
        for _ in 0..n {
            self.now += Duration::from_secs(10);
            self.probe_all(failing);
        }
    }

    fn advance(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(due) = self.engine.next_deadline().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.engine.step(Event::Tick, self.now);
            self.publish();
        }
        self.now = end;
    }

    /// Whether anything changes by itself in the next hour; that it is there is said all the
    /// time.
    fn goes_on(&mut self) -> bool {
        let end = self.now + Duration::from_secs(3600);
        while let Some(due) = self.engine.next_deadline().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.engine.step(Event::Tick, self.now);
            if !self.engine.effects(self.now).standings.is_empty() {
                return true;
            }
        }
        false
    }

    fn reload(&mut self, next: Plan) {
        self.engine.step(Event::Reconfigured(Box::new(next.clone())), self.now);
        let effects = self.engine.effects(self.now);
        assert_eq!(effects.standings.len(), next.services.len(), "everything is said anew");
        self.notices.extend(self.engine.notices(self.now));
        self.snapshot.world = Arc::clone(&next.world);
        self.snapshot.standing = Arc::new(Standing::new(effects.standings.into_values()));
        self.plan = next;
    }

    fn change(
        &mut self,
        target: &str,
        state: AdminState,
        force: bool,
    ) -> Result<AdminDone, AdminRefusal> {
        let change = AdminChange {
            target: target.parse().unwrap(),
            state,
            who: "ada".into(),
            why: "a test".into(),
            until: None,
            force,
        };
        let done = self.engine.change(change, self.now);
        self.publish();
        done
    }

    fn ask(&self, client: [u8; 4], qtype: RecordType) -> Answer {
        let ask = Ask::new("www.test", qtype).client(IpAddr::from(client));
        let mut responder = Responder::new(&self.snapshot, 7);
        responder.answer(&ask)
    }

    /// The first address for a client, and its TTL.
    fn first(&self, client: [u8; 4]) -> (String, u32) {
        let answer = self.ask(client, RecordType::A);
        let ttl = answer.0.answers.first().map_or(0, |record| record.ttl);
        (answer.addresses().first().map(ToString::to_string).unwrap_or_default(), ttl)
    }

    fn state(&self) -> ServiceState {
        self.engine.status(self.now).services[0].state
    }
}
