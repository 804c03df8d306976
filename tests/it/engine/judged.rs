//! What endpoints, pools and regions come to together: thresholds, and what bounds a TTL.

use std::time::Duration;

use meridian::engine::Event;
use meridian::engine::Plan;
use meridian::engine::ServiceState;
use meridian::engine::Verdict;
use meridian::health::Outcome;
use meridian::health::Report;
use meridian::model::AdminState;
use meridian::model::Failback;
use meridian::model::MonitorId;
use meridian::model::ProbeAt;
use meridian::model::ProbeHost;
use meridian::model::RegionMonitor;
use meridian::model::Weight;

use crate::engine::EU;
use crate::engine::Rig;
use crate::engine::THREE;
use crate::engine::US;
use crate::engine::plan;

const OF_EU: [&str; 2] = ["203.0.113.2", "2001:db8:1::2"];

/// A second service with a pool in `eu`.
const SECOND: &str = "[service.two]\nname = \"duo.test\"\nmonitor = \"web\"\n\
                      [service.two.pool.eu]\nendpoints = [\"203.0.113.77\"]\n\
                      [service.two.pool.us]\nendpoints = [\"203.0.113.78\"]\n";

/// A region with a monitor of its own, `gate.eu`.
fn gated(plan: &mut Plan) {
    let at = ProbeAt { host: ProbeHost::Name("gate.eu".into()), port: None, path: None };
    plan.regions[1].monitor = Some(RegionMonitor { monitor: MonitorId(0), at });
}

/// The share of the IPv4 endpoint of `eu`.
fn share(rig: &Rig) -> u8 {
    rig.engine.status(rig.now).services[0].pools[1].endpoints[0].share
}

#[test]
fn a_pool_with_nothing_up_is_down_however_little_it_needs() {
    let mut rig = Rig::restored(
        plan(&format!("{THREE}{SECOND}"), |plan| {
            plan.services[0].pools[1].min_healthy = 0;
            plan.regions[1].min_pools = 100;
        }),
        None,
    );
    rig.probe_all(&[]);
    rig.rounds(3, &OF_EU);
    let region = rig.engine.status(rig.now).regions[1].clone();
    assert_eq!(region.reason, "1 of 2 pools are up, expected 100 %");
}

#[test]
fn endpoints_without_weight_are_counted() {
    let mut rig = Rig::up(|plan| {
        let pool = &mut plan.services[0].pools[0];
        pool.min_healthy = 51;
        pool.endpoints.iter_mut().for_each(|endpoint| endpoint.weight = Weight(0));
    });
    rig.rounds(3, &["203.0.113.4"]);
    assert_eq!(rig.first(US).0, "203.0.113.2", "one of two is less than 51 %");
}

/// What an operator took out says nothing of the rest of its pool.
#[test]
fn what_is_drained_does_not_count_for_its_pool() {
    let mut rig = Rig::up(|plan| plan.services[0].pools[0].min_healthy = 51);
    rig.change("www/us/203.0.113.1", AdminState::Drained, false).unwrap();
    rig.rounds(3, &["203.0.113.1"]);
    assert_eq!(rig.first(US).0, "203.0.113.4");
}

#[test]
fn a_pool_is_well_while_one_family_is() {
    let mut rig = Rig::up(|_| {});
    rig.rounds(3, &["2001:db8:1::2"]);
    assert_eq!(rig.engine.status(rig.now).services[0].pools[1].verdict, Verdict::Up);
}

/// What a region holds that is down is no capacity, unless an operator says that it is up.
#[test]
fn panic_counts_what_regions_that_are_in_service_hold() {
    let mut rig = Rig::up(|plan| {
        gated(plan);
        plan.services[0].panic = 50;
    });
    rig.rounds(3, &["203.0.113.3"]);
    assert_eq!(rig.state(), ServiceState::Degraded, "two thirds");
    rig.rounds(3, &["203.0.113.3", "gate.eu"]);
    assert_eq!(rig.state(), ServiceState::Panic, "a third");
    rig.change("eu", AdminState::ForcedUp, false).unwrap();
    assert_eq!(rig.state(), ServiceState::Degraded, "two thirds again");
}

/// Where nobody else is left what is held back answers; not where its region is down.
#[test]
fn what_is_held_back_in_a_region_that_is_down_stays_out() {
    let mut rig = Rig::up(|plan| {
        gated(plan);
        plan.services[0].failback = Failback::Manual;
    });
    rig.rounds(3, &OF_EU);
    rig.rounds(2, &[]);
    let others = ["203.0.113.1", "203.0.113.3", "203.0.113.4"];
    rig.rounds(3, &others);
    assert_eq!(rig.state(), ServiceState::Degraded, "it is taken for want of others");
    rig.rounds(3, &[&others[..], &["gate.eu"]].concat());
    assert_eq!(rig.state(), ServiceState::AllDown);
}

/// DESIGN 7, TTL: nothing is cached for longer than it may be right.
#[test]
fn a_ramp_and_the_monitor_of_a_region_bound_the_ttl() {
    let ttl = |rig: &Rig| rig.engine.status(rig.now).services[0].pools[1].ttl;
    let mut rig = Rig::up(|plan| plan.services[0].ramp = Duration::from_secs(64));
    rig.rounds(3, &["203.0.113.2"]);
    rig.rounds(2, &[]);
    assert_eq!(ttl(&rig), 15, "others come with each step");
    rig.advance(64);
    assert_eq!(ttl(&rig), 30);
    let mut rig = Rig::up(gated);
    rig.rounds(2, &["gate.eu"]);
    assert_eq!(rig.first(EU), ("203.0.113.2".into(), 15), "it may be gone in ten seconds");
    assert_eq!(rig.first(US).1, 30);
}

#[test]
fn in_panic_and_by_force_whoever_comes_back_gets_all_at_once() {
    let ramp = |plan: &mut Plan| {
        plan.services[0].ramp = Duration::from_secs(64);
        plan.services[0].panic = 40;
    };
    let mut rig = Rig::up(ramp);
    rig.rounds(3, &["203.0.113.2"]);
    rig.rounds(2, &[]);
    assert!(share(&rig) < 10, "{}", share(&rig));
    rig.rounds(3, &["203.0.113.1", "203.0.113.4", "203.0.113.3"]);
    assert_eq!((rig.state(), share(&rig)), (ServiceState::Panic, 100));
    let mut rig = Rig::up(ramp);
    rig.rounds(3, &["203.0.113.2"]);
    rig.change("eu", AdminState::ForcedUp, false).unwrap();
    assert_eq!(share(&rig), 100);
}

/// A ramp is over when it is, and no sooner by a clock that is set back, nor later.
#[test]
fn a_ramp_ends_whatever_the_clock_does() {
    let mut rig = Rig::up(|plan| plan.services[0].ramp = Duration::from_secs(64));
    rig.rounds(3, &["203.0.113.2"]);
    rig.rounds(2, &[]);
    rig.now -= Duration::from_secs(3600);
    rig.engine.set_back(rig.now);
    rig.publish();
    rig.advance(32);
    assert!((45..55).contains(&share(&rig)), "{}", share(&rig));
    rig.advance(33);
    assert_eq!(share(&rig), 100);
    assert!(rig.engine.saved().text().contains("\"ramps\":{}"), "nothing is left of it");
}

/// Each step is a publication.
#[test]
fn steps_of_a_short_ramp_are_a_tenth_of_a_second_apart() {
    let mut rig = Rig::up(|plan| plan.services[0].ramp = Duration::from_secs(1));
    rig.rounds(3, &["203.0.113.2"]);
    rig.rounds(2, &[]);
    rig.engine.step(Event::Tick, rig.now);
    rig.publish();
    let next = rig.engine.next_deadline();
    assert_eq!(next, Some(rig.now + Duration::from_millis(100)));
}

/// One pool of a region is dead, of another nothing is known: neither is the region.
#[test]
fn a_region_is_unknown_while_a_pool_may_yet_be_up() {
    let mut rig = Rig::restored(plan(&format!("{THREE}{SECOND}"), |_| {}), None);
    let verdict = |rig: &Rig| rig.engine.status(rig.now).regions[1].verdict;
    let fail = |rig: &mut Rig, part: &str| {
        for check in rig.plan.checks.all.clone() {
            if check.key.as_str().contains(part) {
                let (outcome, took) = (Outcome::Failure("refused".into()), Duration::ZERO);
                let report = Report { check: check.key, outcome, took, certificate_ends: None };
                rig.engine.step(Event::Report(report), rig.now);
            }
        }
        rig.publish();
    };
    OF_EU.iter().for_each(|part| fail(&mut rig, part));
    assert_eq!(verdict(&rig), Verdict::Unknown);
    fail(&mut rig, "203.0.113.77");
    assert_eq!(verdict(&rig), Verdict::Down);
}
