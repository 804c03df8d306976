//! What verdicts do to answers.

use std::net::IpAddr;
use std::time::Duration;

use meridian::engine::Event;
use meridian::engine::Notice;
use meridian::engine::Saved;
use meridian::engine::ServiceState;
use meridian::engine::Verdict;
use meridian::engine::What;
use meridian::health::Outcome;
use meridian::health::Report;
use meridian::model::AdminState;
use meridian::model::Failback;
use meridian::model::MonitorId;
use meridian::model::RecordType;

use crate::asking::Ask;
use crate::asking::Responder;
use crate::engine::EU;
use crate::engine::Rig;
use crate::engine::THREE;
use crate::engine::US;
use crate::engine::plan;

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
    let is_pool = |notice: &&Notice| matches!(notice.what, What::Pool { .. });
    // Both families were never out at once.
    assert_eq!(rig.notices.iter().filter(is_pool).count(), 0);
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
    assert!(answer.extended_error().unwrap().contains("out of service, answered all the same"));
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
    assert!(!rig.goes_on(), "nothing goes on");
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

/// Several monitors: all, any, at least so many.
#[test]
fn several_monitors_are_counted() {
    for (monitor, failing, is_up) in [
        ("[\"web\", \"two\", \"three\"]", &["two@"][..], false),
        ("{ any = [\"web\", \"two\", \"three\"] }", &["two@", "web@"], true),
        ("{ any = [\"web\", \"two\", \"three\"] }", &["two@", "web@", "three@"], false),
        ("{ at-least = 2, of = [\"web\", \"two\", \"three\"] }", &["two@"], true),
        ("{ at-least = 2, of = [\"web\", \"two\", \"three\"] }", &["two@", "three@"], false),
    ] {
        let text = THREE.replace("monitor = \"web\"", &format!("monitor = {monitor}")).replace(
            "[monitor.web]",
            "[monitor.two]\ntcp = { port = 2 }\n[monitor.three]\ntcp = { port = 3 }\n[monitor.web]",
        );
        let mut rig = Rig::restored(plan(&text, |_| {}), None);
        rig.probe_all(&[]);
        let failing: Vec<String> =
            failing.iter().map(|name| format!("{name}203.0.113.2")).collect();
        let failing: Vec<&str> = failing.iter().map(String::as_str).collect();
        rig.rounds(3, &failing);
        assert_eq!(rig.first(EU).0 == "203.0.113.2", is_up, "{monitor} without {failing:?}");
    }
}

/// A standby is what the rest waits for; and with nothing up, `all-down` has the word.
#[test]
fn panic_is_for_too_little_not_for_a_standby_nor_for_nothing() {
    let text = THREE.replace("[service.www.pool.ap]\n", "[service.www.pool.ap]\nweight = 0\n");
    let mut rig = Rig::restored(plan(&text, |plan| plan.services[0].panic = 60), None);
    rig.probe_all(&[]);
    rig.rounds(3, &["203.0.113.1", "203.0.113.4", "203.0.113.2"]);
    assert_eq!(rig.first(EU).0, "203.0.113.3", "the standby");
    rig.rounds(3, &["web"]);
    assert_eq!(rig.state(), ServiceState::AllDown);
    assert!(rig.ask(EU, RecordType::A).extended_error().is_some());
}

/// Held back is not dead: where nobody else is left it answers.
#[test]
fn what_is_held_back_answers_before_what_is_dead() {
    let mut rig = Rig::up(|plan| plan.services[0].failback = Failback::Manual);
    rig.rounds(3, &["203.0.113.2"]);
    rig.rounds(3, &["203.0.113.1", "203.0.113.3", "203.0.113.4"]);
    assert_eq!(rig.first(US).0, "203.0.113.2");
    assert_eq!(rig.ask(US, RecordType::A).extended_error(), None);
}

/// At the threshold there is no panic yet, below it there is.
#[test]
fn panic_begins_below_its_threshold() {
    let mut rig = Rig::up(|plan| plan.services[0].panic = 50);
    // One of the two of `us`, all of `eu` and nothing of `ap`: 50 of 100.
    rig.rounds(3, &["203.0.113.4", "203.0.113.3"]);
    assert_eq!(rig.state(), ServiceState::Degraded);
    rig.rounds(3, &["203.0.113.4", "203.0.113.3", "203.0.113.2"]);
    assert_eq!(rig.state(), ServiceState::Panic);
}

/// What an operator forced up does not flip, so that nothing bounds its TTL.
#[test]
fn what_is_forced_up_bounds_no_ttl() {
    let mut rig = Rig::up(|_| {});
    rig.rounds(2, &["203.0.113.2"]);
    assert_eq!(rig.first(EU), ("203.0.113.2".into(), 15));
    rig.change("eu", AdminState::ForcedUp, false).unwrap();
    assert_eq!(rig.first(EU), ("203.0.113.2".into(), 30));
}

/// What is up and only held back answers before what nobody ever probed.
#[test]
fn what_is_held_back_answers_before_what_was_never_probed() {
    let mut rig = Rig::new(|plan| plan.services[0].failback = Failback::Manual);
    let mut round = |failing: &[&str]| {
        rig.now += Duration::from_secs(10);
        for check in rig.plan.checks.all.clone() {
            let key = check.key.as_str();
            if key.contains("203.0.113.3") {
                continue;
            }
            let fails = failing.iter().any(|name| key.contains(name));
            let outcome = if fails { Outcome::Failure("refused".into()) } else { Outcome::Success };
            let took = Duration::from_millis(1);
            let report = Report { check: check.key, outcome, took, certificate_ends: None };
            rig.engine.step(Event::Report(report), rig.now);
        }
        rig.publish();
    };
    (0..4).for_each(|_| round(&["203.0.113.2"]));
    (0..3).for_each(|_| round(&["203.0.113.1", "203.0.113.4"]));
    assert_eq!(rig.first(EU).0, "203.0.113.2");
    assert_eq!(rig.first(US).0, "203.0.113.2", "not that of ap, which was never probed");
}

/// Whoever kept flipping is kept down although it is well: that is said, with since when and
/// until when.
#[test]
fn who_is_held_down_is_shown_with_since_when_it_is_up() {
    let mut rig = Rig::up(|_| {});
    rig.rounds(3, &["203.0.113.2"]);
    rig.rounds(2, &[]);
    rig.rounds(3, &["203.0.113.2"]);
    let down = rig.now;
    rig.rounds(2, &[]);
    let status = rig.engine.status(rig.now);
    let check = status.checks.iter().find(|check| check.check.contains("203.0.113.2")).unwrap();
    let (until, since) = (down + Duration::from_secs(200), down + Duration::from_secs(10));
    assert_eq!(check.verdict, Verdict::Down);
    assert_eq!((check.held_until, check.up_since), (Some(until), Some(since)));
    let said = |at: jiff::Timestamp| at.strftime("%H:%M:%S UTC").to_string();
    assert_eq!(
        status.services[0].pools[1].endpoints[0].reason,
        format!("up since {}, held down until {}", said(since), said(until))
    );
}
