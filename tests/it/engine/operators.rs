//! What operators and the calendar do.

use std::time::Duration;

use meridian::engine::AdminChange;
use meridian::engine::AdminRefusal;
use meridian::engine::Saved;
use meridian::engine::Verdict;
use meridian::engine::What;
use meridian::model::AdminState;
use meridian::model::RecordType;

use crate::engine::EU;
use crate::engine::Rig;
use crate::engine::THREE;
use crate::engine::US;
use crate::engine::plan;

#[test]
fn a_drain_ends_and_is_refused_where_too_little_is_left() {
    let mut rig = Rig::up(|_| {});
    let done = rig.change("eu", AdminState::Drained, false).unwrap();
    assert_eq!(done.before, AdminState::Auto);
    assert_eq!(done.settled, rig.now + Duration::from_secs(30));
    assert_ne!(rig.first(EU).0, "203.0.113.2");
    // Nobody else has IPv6.
    let refused = rig.change("www/us", AdminState::Drained, false).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "service `www` would have 0 of 2 regions in service for IPv6, expected at least 1; force \
         it if that is meant"
    );
    for endpoint in ["203.0.113.1", "203.0.113.4"] {
        rig.change(&format!("www/us/{endpoint}"), AdminState::Drained, false).unwrap();
    }
    let refused = rig.change("www/ap/203.0.113.3", AdminState::Drained, false).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "service `www` would have 0 of 3 regions in service for IPv4, expected at least 1; force \
         it if that is meant"
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
    for until in [change.until, Some(rig.now)] {
        let ended = rig.engine.change(AdminChange { until, ..change.clone() }, rig.now);
        assert!(matches!(ended, Err(AdminRefusal::Ended { .. })));
    }
    // By a clock that was set back it has not ended.
    rig.now -= Duration::from_secs(31);
    rig.engine.set_back(rig.now);
    rig.publish();
    let pool = rig.engine.status(rig.now).services[0].pools[2].clone();
    assert_eq!((pool.admin, pool.endpoints[0].admin), (AdminState::Drained, AdminState::Drained));
}

/// Whatever is set for a part, what is set for the whole holds too: the graver counts.
#[test]
fn a_part_does_not_hide_what_the_whole_is() {
    let mut rig = Rig::up(|_| {});
    rig.change("eu", AdminState::Drained, false).unwrap();
    rig.change("www/eu", AdminState::ForcedUp, false).unwrap();
    assert_ne!(rig.first(EU).0, "203.0.113.2");
}

/// Each order of a node is later than all that it knows of, also those that took a state away,
/// and under a clock that was set back: else the others would not take it.
#[test]
fn an_order_is_stamped_later_than_all_before() {
    let mut rig = Rig::up(|_| {});
    let mut stamps = Vec::new();
    for state in [AdminState::Drained, AdminState::Auto, AdminState::Drained] {
        let (target, who, why) = ("eu".parse().unwrap(), "ada".into(), String::new());
        let change = AdminChange { target, state, who, why, until: None, force: false };
        rig.engine.change(change, rig.now).unwrap();
        stamps.push(rig.engine.effects(rig.now).orders.remove(0).status.stamp);
        rig.now -= Duration::from_secs(60);
    }
    assert!(stamps.is_sorted_by(|a, b| a < b), "{stamps:?}");
}

/// A restart neither forgives what flapped nor begins a ramp anew.
#[test]
fn a_restart_goes_on_where_it_was() {
    let mut rig = Rig::up(|plan| plan.services[0].ramp = Duration::from_secs(64));
    rig.rounds(3, &["203.0.113.2"]);
    rig.rounds(2, &[]);
    rig.advance(10);
    let saved = rig.engine.saved();
    let mut after = Rig::restored(rig.plan.clone(), Some(saved.clone()));
    assert_eq!(after.engine.saved(), saved, "the ramp began when it did");
    after.now = rig.now;
    after.rounds(3, &["203.0.113.2"]);
    let checks = after.engine.status(after.now).checks;
    let check = checks.iter().find(|check| check.check.contains("203.0.113.2")).unwrap();
    assert_eq!(check.held_until, Some(after.now + Duration::from_secs(200)), "the second time");
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
    rig.reload(next);
    assert_eq!(rig.first(EU).0, "203.0.113.3");
    assert_eq!(rig.first(US).0, "203.0.113.3");
    assert_eq!(rig.engine.status(rig.now).generation, 2);
}

/// Maintenance is an operator by the calendar, and begins while caches still let go.
#[test]
fn maintenance_comes_and_goes_by_itself() {
    let text = format!(
        "{THREE}\n[[maintenance]]\ntarget = [\"eu\"]\nwhy = \"new switch\"\n\
         start = \"2026-11-25T12:10:00Z\"\nend = \"2026-11-25T12:30:00Z\"\npre-drain = \"2m\"\n\
         [[maintenance]]\ntarget = [\"us\"]\nwhy = \"later\"\n\
         start = \"2027-11-25T12:10:00Z\"\nend = \"2027-11-25T12:30:00Z\"\n"
    );
    let mut rig = Rig::restored(plan(&text, |_| {}), None);
    rig.probe_all(&[]);
    assert_eq!(rig.first(EU).0, "203.0.113.2");
    rig.advance(8 * 60 - 1);
    assert_eq!(rig.first(EU).0, "203.0.113.2");
    rig.advance(2);
    assert_ne!(rig.first(EU).0, "203.0.113.2", "two minutes ahead");
    let admin = rig.engine.status(rig.now).admin;
    assert_eq!((&*admin[0].who, &*admin[0].why), ("maintenance", "new switch"));
    assert_eq!(rig.engine.saved(), Rig::up(|_| {}).engine.saved(), "the calendar is not saved");
    // What an operator sets besides is graver or not; the graver counts.
    rig.change("eu", AdminState::ForcedUp, false).unwrap();
    assert_ne!(rig.first(EU).0, "203.0.113.2");
    rig.change("eu", AdminState::ForcedDown, true).unwrap();
    let endpoint = rig.engine.status(rig.now).services[0].pools[1].endpoints[0].clone();
    assert_eq!(endpoint.admin, AdminState::ForcedDown);
    rig.change("eu", AdminState::Auto, false).unwrap();
    rig.advance(22 * 60);
    assert_eq!(rig.first(EU).0, "203.0.113.2");
    assert!(!rig.goes_on());
}

/// A name that a reload took away can still be let go.
#[test]
fn what_is_gone_can_be_undrained() {
    let mut rig = Rig::up(|_| {});
    rig.change("www/ap", AdminState::Drained, false).unwrap();
    let without = THREE.replace("[service.www.pool.ap]\nendpoints = [\"203.0.113.3\"]\n", "");
    rig.reload(plan(&without, |_| {}));
    assert!(rig.change("www/ap", AdminState::Drained, false).is_err());
    rig.change("www/ap", AdminState::Auto, false).unwrap();
    assert!(rig.engine.status(rig.now).admin.is_empty());
}

/// An endpoint that is probed in another way keeps its verdict until that says something, and
/// one that is new takes nobody's place.
#[test]
fn a_reload_that_changes_probes_moves_no_client() {
    let ramp = |plan: &mut meridian::engine::Plan| plan.services[0].ramp = Duration::from_secs(60);
    let mut rig = Rig::up(ramp);
    rig.rounds(3, &["203.0.113.3"]);
    let renamed = THREE.replace("monitor.web", "monitor.way").replace("\"web\"", "\"way\"");
    rig.reload(plan(&renamed, ramp));
    assert_eq!(rig.first(EU).0, "203.0.113.2");
    let more =
        renamed.replace("\"203.0.113.2\",", "\"203.0.113.2\", \"203.0.113.5\", \"203.0.113.6\",");
    rig.reload(plan(&more, ramp));
    assert_eq!(rig.first(EU).0, "203.0.113.2", "two new ones say nothing yet");
    let down = rig.engine.status(rig.now).services[0].pools[2].endpoints[0].clone();
    assert_eq!((down.verdict, down.share), (Verdict::Down, 0));
    rig.rounds(1, &["203.0.113.3"]);
    assert!(
        rig.engine.status(rig.now).services[0].pools[1].endpoints.iter().all(|e| e.share == 100)
    );
}

/// Regions that go by their pools are judged after them: what a service is published with is
/// its last judgement, at start and at a reload.
#[test]
fn what_is_published_is_the_last_judgement() {
    let text = THREE.replace("lon = -6.27 }", "lon = -6.27 }\nmin-pools = 100")
        + "[service.two]\nname = \"duo.test\"\nmonitor = \"web\"\n[service.two.pool.eu]\n\
           endpoints = [\"203.0.113.77\"]\n[service.two.pool.us]\nendpoints = [\"203.0.113.78\"]\n";
    let mut rig = Rig::restored(plan(&text, |_| {}), None);
    rig.probe_all(&[]);
    rig.rounds(3, &["203.0.113.77"]);
    assert_ne!(rig.first(EU).0, "203.0.113.2", "half of its pools are up");
    let saved = Saved::read(&rig.engine.saved().text()).unwrap();
    let after = Rig::restored(rig.plan.clone(), Some(saved));
    assert_ne!(after.first(EU).0, "203.0.113.2", "after a restart");
    let again = rig.plan.clone();
    rig.notices.clear();
    rig.reload(again);
    assert_ne!(rig.first(EU).0, "203.0.113.2", "after a reload");
    let news = rig.notices.iter().filter(|n| !matches!(n.what, What::Reloaded { .. })).count();
    assert_eq!(news, 0, "{:?}", rig.notices);
}
