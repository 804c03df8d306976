//! What operators and the calendar do.

use std::sync::Arc;
use std::time::Duration;

use meridian::engine::AdminChange;
use meridian::engine::AdminRefusal;
use meridian::engine::Event;
use meridian::engine::Saved;
use meridian::model::AdminState;
use meridian::model::RecordType;
use meridian::snapshot::Standing;

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
    rig.snapshot.standing = Arc::new(Standing::new(effects.standings.into_values()));
    rig.plan = next;
    assert_eq!(rig.first(EU).0, "203.0.113.3");
    assert_eq!(rig.first(US).0, "203.0.113.3");
    assert_eq!(rig.engine.status(rig.now).generation, 2);
}

/// Maintenance is an operator by the calendar, and begins while caches still let go.
#[test]
fn maintenance_comes_and_goes_by_itself() {
    let text = format!(
        "{THREE}\n[[maintenance]]\ntarget = [\"eu\"]\nwhy = \"new switch\"\n\
         start = \"2026-11-25T12:10:00Z\"\nend = \"2026-11-25T12:30:00Z\"\npre-drain = \"2m\"\n"
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
    rig.change("eu", AdminState::Auto, false).unwrap();
    rig.advance(22 * 60);
    assert_eq!(rig.first(EU).0, "203.0.113.2");
    assert_eq!(rig.engine.next_deadline(), None);
}
