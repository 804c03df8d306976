//! What nobody can probe: for how long it is up.

use std::time::Duration;

use jiff::Timestamp;
use meridian::engine::CheckStatus;
use meridian::engine::Event;
use meridian::engine::Saved;
use meridian::engine::Verdict;
use meridian::engine::What;
use meridian::health::Outcome;
use meridian::health::Report;
use meridian::model::RecordType;

use crate::engine::EU;
use crate::engine::Rig;
use crate::engine::THREE;
use crate::engine::plan;

const HOLD: u64 = 120;

/// Everything up, with a bound of two minutes.
fn rig() -> Rig {
    Rig::up(|plan| plan.monitors[0].hold_unable = Duration::from_secs(HOLD))
}

/// A probe of all whose key has that in it.
fn probe(rig: &mut Rig, part: &str, outcome: &Outcome) {
    for check in rig.plan.checks.all.clone() {
        if check.key.as_str().contains(part) {
            let (took, certificate_ends) = (Duration::ZERO, None);
            let report =
                Report { check: check.key, outcome: outcome.clone(), took, certificate_ends };
            rig.engine.step(Event::Report(report), rig.now);
        }
    }
    rig.publish();
}

fn unable() -> Outcome {
    Outcome::Unable("no IPv6".into())
}

fn refused() -> Outcome {
    Outcome::Failure("refused".into())
}

fn status(rig: &Rig, part: &str) -> CheckStatus {
    let checks = rig.engine.status(rig.now).checks;
    checks.into_iter().find(|check| check.check.contains(part)).unwrap()
}

fn after(from: Timestamp, seconds: u64) -> Option<Timestamp> {
    Some(from + Duration::from_secs(seconds))
}

#[test]
fn up_is_held_as_long_as_configured_and_then_unknown() {
    let mut rig = rig();
    rig.rounds(1, &[]);
    let from = rig.now;
    probe(&mut rig, "203.0.113.2", &unable());
    let found = status(&rig, "203.0.113.2");
    assert_eq!((found.verdict, found.unable_since), (Verdict::Up, Some(from)));
    assert_eq!(found.unable_until, after(from, HOLD));
    let endpoint = &rig.engine.status(rig.now).services[0].pools[1].endpoints[0];
    assert_eq!(endpoint.reason, "was up when it could be probed last: no IPv6");
    rig.advance(60);
    // Being unable again does not begin the time anew.
    probe(&mut rig, "203.0.113.2", &unable());
    rig.advance(HOLD - 61);
    assert_eq!(rig.first(EU).0, "203.0.113.2", "it is held");
    rig.advance(1);
    let found = status(&rig, "203.0.113.2");
    assert_eq!((found.verdict, found.unable_until), (Verdict::Unknown, None), "by itself");
    assert_ne!(rig.first(EU).0, "203.0.113.2", "others are known to be up");
    let told = rig.notices.iter().rev().find_map(|notice| {
        let What::Check { before, after, reason, .. } = &notice.what else { return None };
        Some((*before, *after, reason.clone()))
    });
    let reason = "can't be probed: no IPv6".to_owned();
    assert_eq!(told, Some((Verdict::Up, Verdict::Unknown, reason)));
    // The first failure then decides, as of what was never probed.
    probe(&mut rig, "203.0.113.2", &refused());
    assert_eq!(status(&rig, "203.0.113.2").verdict, Verdict::Down);
}

#[test]
fn whoever_is_seen_again_in_time_is_as_before() {
    let mut rig = rig();
    probe(&mut rig, "203.0.113.2", &unable());
    rig.advance(HOLD - 1);
    probe(&mut rig, "203.0.113.2", &Outcome::Success);
    rig.advance(HOLD);
    let found = status(&rig, "203.0.113.2");
    assert_eq!((found.verdict, found.unable_since), (Verdict::Up, None));
    // And the time begins anew.
    probe(&mut rig, "203.0.113.2", &unable());
    rig.advance(HOLD - 1);
    assert_eq!(status(&rig, "203.0.113.2").verdict, Verdict::Up);
}

/// A node that loses a whole family answers it as before: nobody is better known than the rest.
#[test]
fn a_family_that_the_node_has_lost_is_answered_still() {
    let mut rig = rig();
    let before = rig.ask(EU, RecordType::AAAA).addresses();
    probe(&mut rig, "2001:db8", &unable());
    rig.advance(HOLD);
    assert_eq!(status(&rig, "2001:db8:1::2").verdict, Verdict::Unknown);
    assert_eq!(rig.ask(EU, RecordType::AAAA).addresses(), before);
    assert_eq!(rig.first(EU).0, "203.0.113.2", "the other family is not concerned");
}

#[test]
fn what_was_down_stays_down_whatever_can_not_be_probed() {
    let mut rig = rig();
    rig.rounds(3, &["203.0.113.2"]);
    probe(&mut rig, "203.0.113.2", &unable());
    rig.advance(10 * HOLD);
    let found = status(&rig, "203.0.113.2");
    assert_eq!((found.verdict, found.unable_until), (Verdict::Down, None));
}

#[test]
fn neither_a_restart_nor_a_reload_nor_the_clock_begins_the_time_anew() {
    let mut rig = rig();
    probe(&mut rig, "203.0.113.2", &unable());
    let from = rig.now;
    rig.advance(HOLD / 2);
    let plan = rig.plan.clone();
    rig.reload(plan.clone());
    assert_eq!(status(&rig, "203.0.113.2").unable_until, after(from, HOLD));
    let saved = Saved::read(&rig.engine.saved().text()).unwrap();
    let now = rig.now;
    let mut again = Rig::restored(plan, Some(saved));
    again.advance(u64::try_from(now.duration_since(again.now).as_secs()).unwrap());
    probe(&mut again, "203.0.113.2", &unable());
    assert_eq!(status(&again, "203.0.113.2").unable_until, after(from, HOLD));
    // Set back by an hour, it is held for as long as from then on, and no longer.
    rig.now -= Duration::from_secs(3600);
    rig.engine.set_back(rig.now);
    rig.publish();
    rig.advance(HOLD);
    assert_eq!(status(&rig, "203.0.113.2").verdict, Verdict::Unknown);
}

/// A monitor that a node can't run has no say beside others that it can.
#[test]
fn a_monitor_that_can_not_run_has_no_say() {
    let text = THREE
        .replace("monitor = \"web\"", "monitor = [\"web\", \"two\"]")
        .replace("[monitor.web]", "[monitor.two]\ntcp = { port = 2 }\n[monitor.web]");
    let mut rig = Rig::restored(plan(&text, |_| {}), None);
    probe(&mut rig, "web@", &Outcome::Success);
    probe(&mut rig, "two@", &unable());
    assert_eq!(rig.first(EU), ("203.0.113.2".into(), 30));
    probe(&mut rig, "two@203.0.113.2", &refused());
    assert_ne!(rig.first(EU).0, "203.0.113.2");
}
