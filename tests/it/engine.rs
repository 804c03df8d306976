//! The engine with virtual time: reports and orders in, answers out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use meridian::engine::AdminChange;
use meridian::engine::AdminDone;
use meridian::engine::AdminRefusal;
use meridian::engine::Engine;
use meridian::engine::Event;
use meridian::engine::Notice;
use meridian::engine::Plan;
use meridian::engine::Saved;
use meridian::engine::ServiceState;
use meridian::engine::Verdict;
use meridian::engine::What;
use meridian::health::Checks;
use meridian::health::Outcome;
use meridian::health::Report;
use meridian::model::AdminState;
use meridian::model::Failback;
use meridian::model::MinRegions;
use meridian::model::Monitor;
use meridian::model::MonitorId;
use meridian::model::Monitors;
use meridian::model::Probe;
use meridian::model::RecordType;
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
[service.www]
name = "www.test"
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

fn monitor() -> Monitor {
    Monitor {
        name: "web".into(),
        probe: Probe::Icmp,
        at: None,
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(3),
        rise: 2,
        fall: 3,
        hold_down: Duration::from_secs(300),
    }
}

fn plan(text: &str, tweak: impl Fn(&mut Plan)) -> Plan {
    let ground = Ground::new(&[("meridian.toml", text), ("test.zone", ground::ZONE)]);
    let config = ground.config();
    let (regions, mut services) = (config.regions.clone(), config.services.clone());
    for service in &mut services {
        service.monitors = Some(Monitors { of: vec![MonitorId(0)], need: 1 });
    }
    let (world, _) = World::build(config).unwrap();
    let mut plan = Plan {
        world: Arc::new(world),
        regions,
        services,
        monitors: vec![monitor()],
        checks: Checks::default(),
        min_regions: MinRegions::Count(1),
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
        rig
    }

    fn restored(plan: Plan, saved: Option<Saved>) -> Self {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let standing = Arc::new(Standing::all_admitted(&plan.world));
        let snapshot = Snapshot { world: Arc::clone(&plan.world), standing };
        let engine = Engine::new(plan.clone(), saved, now);
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

#[test]
fn a_region_leaves_the_answers_after_fall_and_comes_back_after_rise() {
    let mut rig = Rig::up(|_| {});
    let scope = rig.ask(EU, RecordType::A).scope();
    assert_eq!(rig.first(EU), ("203.0.113.2".into(), 30));
    rig.rounds(2, &["203.0.113.2"]);
    assert_eq!(rig.first(EU).0, "203.0.113.2", "two failures are not three");
    rig.rounds(1, &["203.0.113.2"]);
    assert!(["203.0.113.1", "203.0.113.4"].contains(&&*rig.first(EU).0), "the next region");
    assert_eq!(rig.ask(EU, RecordType::A).scope(), scope, "the scope stays");
    assert_eq!(rig.state(), ServiceState::Degraded);
    // The other family of that region is still up.
    let six = rig.ask(EU, RecordType::AAAA);
    assert_eq!(six.addresses(), ["2001:db8:1::2".parse::<IpAddr>().unwrap()]);
    rig.rounds(1, &[]);
    assert_ne!(rig.first(EU).0, "203.0.113.2");
    rig.rounds(1, &[]);
    assert_eq!(rig.first(EU), ("203.0.113.2".into(), 30));
    assert_eq!(rig.state(), ServiceState::Up);
    let pool = |notice: &Notice| match &notice.what {
        What::Pool { region, admitted, .. } => Some((region.clone(), *admitted)),
        _ => None,
    };
    // Both families were never out at once.
    assert_eq!(rig.notices.iter().filter_map(pool).count(), 0);
    let checks = rig.notices.iter().filter(|n| matches!(n.what, What::Check { .. })).count();
    assert_eq!(checks, 6 + 2, "each decided once, one went down and came back");
}

/// DESIGN 7, TTL: the earliest moment at which it could flip, within the bounds.
#[test]
fn failures_bound_the_ttl() {
    let mut rig =
        Rig::up(|plan| plan.services[0].ttl = meridian::model::Ttl::from_secs(60).unwrap());
    assert_eq!(rig.first(EU).1, 30, "three failures, ten seconds apart");
    rig.rounds(1, &["203.0.113.2"]);
    assert_eq!(rig.first(EU).1, 20);
    rig.rounds(1, &["203.0.113.2"]);
    assert_eq!(rig.first(EU).1, 15, "not under the least TTL");
    assert_eq!(rig.first(US).1, 30, "others are not concerned");
    // One success clears nothing.
    rig.rounds(1, &[]);
    assert_eq!(rig.first(EU).1, 15);
    rig.rounds(1, &[]);
    assert_eq!(rig.first(EU).1, 30);
}

#[test]
fn everything_down_fails_open_and_says_so() {
    let mut rig = Rig::up(|_| {});
    rig.rounds(3, &["web"]);
    assert_eq!(rig.state(), ServiceState::AllDown);
    let answer = rig.ask(EU, RecordType::A);
    assert_eq!(answer.addresses(), [IpAddr::from([203, 0, 113, 2])]);
    assert_eq!(answer.0.answers[0].ttl, 15);
    assert!(answer.extended_error().unwrap().contains("as if they were up"));
    // Never what was forced down, and what was drained only when nothing else is left.
    rig.change("eu", AdminState::ForcedDown, true).unwrap();
    rig.change("us", AdminState::Drained, true).unwrap();
    assert_eq!(rig.first(EU).0, "203.0.113.3");
    rig.change("ap", AdminState::ForcedDown, true).unwrap();
    assert!(["203.0.113.1", "203.0.113.4"].contains(&&*rig.first(EU).0));
}

#[test]
fn what_was_never_probed_gets_nothing_unless_there_is_nothing_else() {
    let mut rig = Rig::new(|_| {});
    // Nothing is known: as good as up, but for a short time.
    assert_eq!(rig.first(EU), ("203.0.113.2".into(), 15));
    let report = |rig: &mut Rig, key: &str, outcome: Outcome| {
        let check = rig.plan.checks.all.iter().find(|check| check.key.as_str() == key).unwrap();
        let check = check.key.clone();
        let report = Report { check, outcome, took: Duration::ZERO, certificate_ends: None };
        rig.engine.step(Event::Report(report), rig.now);
        rig.publish();
    };
    report(&mut rig, "web@203.0.113.3", Outcome::Success);
    assert_eq!(rig.first(EU), ("203.0.113.3".into(), 30), "the one that is known to be up");
    // What can't be probed for a reason of ours says nothing.
    report(&mut rig, "web@203.0.113.2", Outcome::Unable("no permission".into()));
    assert_eq!(rig.first(EU).0, "203.0.113.3");
    let status = rig.engine.status(rig.now);
    assert_eq!(status.services[0].pools[1].endpoints[0].reason, "can't be probed: no permission");
    report(&mut rig, "web@203.0.113.2", Outcome::Success);
    assert_eq!(rig.first(EU), ("203.0.113.2".into(), 30), "its first outcome decides at once");
}

/// DESIGN 1: a share is a threshold on a hash of the leaf, or of the resolver where that
/// decides, so that each client moves once, and no scope changes with it.
#[test]
fn a_region_that_comes_back_gets_its_clients_bit_by_bit() {
    let mut rig = Rig::up(|plan| plan.services[0].ramp = Duration::from_secs(64));
    rig.rounds(3, &["203.0.113.2"]);
    rig.rounds(2, &[]);
    let back = IpAddr::from([203, 0, 113, 2]);
    let resolvers: Vec<IpAddr> = (0..100).map(|n| IpAddr::from([30, 1, n, 53])).collect();
    // One leaf of the map: its clients share a scope, and so move together.
    let subnets: Vec<IpAddr> = (0..100).map(|n| IpAddr::from([30, 1, n, 0])).collect();
    let ask = Ask::new("www.test", RecordType::A);
    let scope = rig.ask(EU, RecordType::A).scope();
    let mut were_back = vec![false; 200];
    let mut moves = vec![0; 200];
    let mut counts = Vec::new();
    for _ in 0..70 {
        let mut responder = Responder::new(&rig.snapshot, 3);
        let by_resolver =
            resolvers.iter().map(|at| responder.answer_to(&ask, *at)).collect::<Vec<_>>();
        let by_subnet = subnets.iter().map(|at| responder.answer(&ask.clone().client(*at)));
        let now: Vec<bool> = by_resolver
            .iter()
            .chain(&by_subnet.collect::<Vec<_>>())
            .map(|a| a.addresses()[0] == back)
            .collect();
        for (at, is_back) in now.iter().enumerate() {
            moves[at] += u32::from(*is_back != were_back[at]);
        }
        let leaf = &now[100..];
        assert!(leaf.iter().all(|is_back| *is_back == leaf[0]), "one leaf, one answer");
        counts.push(now[..100].iter().filter(|is_back| **is_back).count());
        were_back = now;
        assert_eq!(rig.ask(EU, RecordType::A).scope(), scope);
        rig.advance(1);
    }
    assert!(were_back.iter().all(|is_back| *is_back), "all are back at the end");
    assert!(moves.iter().all(|moves| *moves == 1), "each moved once");
    assert!((35..65).contains(&counts[32]), "about half of them in the middle: {counts:?}");
    assert_eq!(rig.first(EU).1, 30);
    assert_eq!(rig.engine.next_deadline(), None, "nothing goes on");
}

/// Who has nowhere else to go gets what comes back at once.
#[test]
fn a_ramp_never_leaves_a_client_without_an_answer() {
    let mut rig = Rig::up(|plan| plan.services[0].ramp = Duration::from_secs(64));
    rig.rounds(3, &["web"]);
    rig.rounds(2, &["203.0.113.1", "203.0.113.3", "203.0.113.4"]);
    for n in 0..50 {
        let answer = rig.ask([30, n, 1, 1], RecordType::A);
        assert_eq!(answer.addresses(), [IpAddr::from([203, 0, 113, 2])]);
        assert_eq!(answer.extended_error(), None, "this is no failing open");
    }
}

#[test]
fn manual_failback_waits_for_an_operator() {
    let mut rig = Rig::up(|plan| plan.services[0].failback = Failback::Manual);
    rig.rounds(3, &["203.0.113.2"]);
    rig.rounds(4, &[]);
    assert_ne!(rig.first(EU).0, "203.0.113.2");
    let saved = Saved::read(&rig.engine.saved().text()).unwrap();
    rig.change("www/eu", AdminState::Auto, false).unwrap();
    assert_eq!(rig.first(EU).0, "203.0.113.2");
    // It is remembered over a restart.
    let mut after = Rig::restored(rig.plan.clone(), Some(saved));
    after.rounds(2, &[]);
    assert_ne!(after.first(EU).0, "203.0.113.2");
}

#[test]
fn a_pool_is_up_while_enough_of_its_weight_is() {
    let mut rig = Rig::up(|plan| plan.services[0].pools[0].min_healthy = 51);
    rig.rounds(3, &["203.0.113.4"]);
    assert_eq!(rig.first(US).0, "203.0.113.2", "half of it is less than 51 %");
    let six = rig.ask(US, RecordType::AAAA);
    assert_eq!(six.addresses(), ["2001:db8:1::1".parse::<IpAddr>().unwrap()], "per family");
    let mut rig = Rig::up(|_| {});
    rig.rounds(3, &["203.0.113.4"]);
    assert_eq!(rig.first(US).0, "203.0.113.1", "half of it is 50 %");
}

#[test]
fn below_the_panic_threshold_verdicts_are_ignored() {
    let mut rig = Rig::up(|plan| plan.services[0].panic = 40);
    rig.rounds(3, &["203.0.113.2"]);
    assert_eq!(rig.state(), ServiceState::Degraded);
    rig.rounds(3, &["203.0.113.2", "203.0.113.3"]);
    assert_eq!(rig.state(), ServiceState::Panic, "a third of the capacity is left");
    assert_eq!(rig.first(EU), ("203.0.113.2".into(), 15));
    // Never what an operator took out.
    rig.change("eu", AdminState::Drained, true).unwrap();
    assert_ne!(rig.first(EU).0, "203.0.113.2");
}

#[test]
fn a_region_goes_by_its_own_monitor_and_by_its_pools() {
    use meridian::model::ProbeAt;
    use meridian::model::ProbeHost;
    use meridian::model::RegionMonitor;
    let mut rig = Rig::up(|plan| {
        let at = ProbeAt { host: ProbeHost::Name("gate.eu".into()), port: None, path: None };
        plan.regions[1].monitor = Some(RegionMonitor { monitor: MonitorId(0), at });
        plan.regions[2].min_pools = 100;
    });
    rig.rounds(3, &["gate.eu"]);
    assert_ne!(rig.first(EU).0, "203.0.113.2");
    let status = rig.engine.status(rig.now);
    assert_eq!(status.regions[1].verdict, Verdict::Down);
    assert_eq!(status.regions[1].reason, "its own monitor: refused");
    assert_eq!((status.regions[1].pools_up, status.regions[1].pools), (1, 1));
    rig.change("eu", AdminState::ForcedUp, false).unwrap();
    assert_eq!(rig.first(EU).0, "203.0.113.2");
    rig.rounds(3, &["203.0.113.3"]);
    let status = rig.engine.status(rig.now);
    assert_eq!(status.regions[2].verdict, Verdict::Down);
    assert_eq!(status.regions[2].reason, "0 of 1 pools are up, expected 100 %");
    rig.rounds(2, &[]);
    assert_eq!(rig.engine.status(rig.now).regions[2].verdict, Verdict::Up);
}

#[test]
fn a_drain_ends_and_is_refused_where_too_little_is_left() {
    let mut rig = Rig::up(|_| {});
    let done = rig.change("eu", AdminState::Drained, false).unwrap();
    assert_eq!(done.before, AdminState::Auto);
    assert_eq!(done.settled, rig.now + Duration::from_secs(30));
    assert_ne!(rig.first(EU).0, "203.0.113.2");
    rig.change("www/us", AdminState::Drained, false).unwrap();
    let refused = rig.change("www/ap/203.0.113.3", AdminState::Drained, false).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "service `www` would have 0 of 3 regions in service, expected at least 1; force it if \
         that is meant"
    );
    assert_eq!(rig.first(EU).0, "203.0.113.3", "nothing has changed");
    rig.change("www/ap", AdminState::Drained, true).unwrap();
    // All drained: what is drained answers, failing open.
    assert!(rig.ask(EU, RecordType::A).extended_error().is_some());
    for (target, what) in [("xx", "region"), ("www/xx", "region"), ("xx/eu", "service")] {
        let refused = rig.change(target, AdminState::Drained, false).unwrap_err().to_string();
        assert!(refused.starts_with(&format!("{what} `xx` is unknown; there are ")), "{refused}");
    }
    let until = Some(rig.now + Duration::from_secs(60));
    let change = AdminChange {
        target: "www/ap".parse().unwrap(),
        state: AdminState::Drained,
        who: "ada".into(),
        why: String::new(),
        until,
        force: true,
    };
    rig.engine.change(change.clone(), rig.now).unwrap();
    rig.publish();
    rig.advance(61);
    assert_eq!(rig.first(EU).0, "203.0.113.3", "it ended by itself");
    let ended = rig.engine.change(change, rig.now).unwrap_err();
    assert!(matches!(ended, AdminRefusal::Ended { .. }));
}

#[test]
fn a_restart_knows_what_was_down_and_what_was_drained() {
    let mut rig = Rig::up(|_| {});
    rig.rounds(3, &["203.0.113.2"]);
    rig.change("ap", AdminState::Drained, false).unwrap();
    let text = rig.engine.saved().text();
    let mut after = Rig::restored(rig.plan.clone(), Some(Saved::read(&text).unwrap()));
    assert!(after.engine.is_settled(), "no need to wait for probes");
    assert_ne!(after.first(EU).0, "203.0.113.2");
    assert_eq!(after.engine.status(after.now).admin.len(), 1);
    assert_eq!(after.engine.saved(), rig.engine.saved(), "saved again, it is the same");
    after.rounds(1, &[]);
    assert_eq!(after.first(EU).0, "203.0.113.2", "one success brings it back");
    for (broken, why) in [
        ("", "it is no state"),
        ("{}", "it is no state"),
        (r#"{"version":7}"#, "it has version 7, expected 1"),
        (&text[..text.len() - 2], "it is no state"),
        (r#"{"version":1,"checks":3,"held":[],"admin":[]}"#, "it is damaged"),
    ] {
        let found = Saved::read(broken).unwrap_err();
        assert!(found.starts_with(why), "{broken}: {found}");
    }
}

#[test]
fn a_reload_keeps_what_stays() {
    let mut rig = Rig::up(|_| {});
    rig.rounds(3, &["203.0.113.2"]);
    rig.change("us", AdminState::Drained, false).unwrap();
    let more = THREE.replace("[region.ap]", "[region.sa]\n[region.ap]");
    let next = plan(&more, |_| {});
    rig.engine.step(Event::Reconfigured(Box::new(next.clone())), rig.now);
    let effects = rig.engine.effects(rig.now);
    assert_eq!(effects.standings.len(), next.services.len(), "everything is said anew");
    rig.snapshot.world = Arc::clone(&next.world);
    rig.snapshot.standing = Arc::new(Standing::new(effects.standings.into_iter().map(|s| s.1)));
    rig.plan = next;
    assert_eq!(rig.first(EU).0, "203.0.113.3");
    assert_eq!(rig.first(US).0, "203.0.113.3");
    assert_eq!(rig.engine.status(rig.now).generation, 2);
}
