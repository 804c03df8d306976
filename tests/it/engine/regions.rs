//! What regions come to, and what is told of them.

use meridian::engine::Notice;
use meridian::engine::Saved;
use meridian::engine::Severity;
use meridian::engine::Verdict;
use meridian::engine::What;
use meridian::model::AdminState;

use crate::engine::Rig;
use crate::engine::THREE;
use crate::engine::plan;

/// A second service, which has no monitor, and a region in which there is nothing else.
const BARE: &str = "[region.sa]\n[service.bare]\nname = \"duo.test\"\n[service.bare.pool.eu]\n\
                    endpoints = [\"203.0.113.2\"]\n[service.bare.pool.sa]\n\
                    endpoints = [\"203.0.113.8\"]\n";

const EU: [&str; 2] = ["203.0.113.2", "2001:db8:1::2"];

fn regions(notices: &[Notice]) -> Vec<(&Notice, Verdict, Verdict)> {
    let mut found = Vec::new();
    for notice in notices {
        if let What::Region { before, after, .. } = &notice.what {
            found.push((notice, *before, *after));
        }
    }
    found
}

#[test]
fn a_region_without_a_monitor_is_what_its_pools_are() {
    let mut rig = Rig::restored(plan(&format!("{THREE}{BARE}"), |_| {}), None);
    let of = |rig: &Rig, at: usize| {
        let region = rig.engine.status(rig.now).regions[at].clone();
        (region.verdict, region.reason, region.pools_up, region.pools_probed)
    };
    let unknown = "its pools have not been probed yet".to_owned();
    assert_eq!(of(&rig, 1), (Verdict::Unknown, unknown, 0, 1));
    rig.probe_all(&[]);
    rig.engine.begin();
    assert_eq!(of(&rig, 1), (Verdict::Up, String::new(), 1, 1));
    let nothing = "no monitor: nothing in it is probed".to_owned();
    assert_eq!(of(&rig, 3), (Verdict::Unknown, nothing, 0, 0));
    let bare = rig.engine.status(rig.now).services[1].pools[1].clone();
    assert_eq!((bare.verdict, bare.admitted), (Verdict::Unknown, true));
    assert_eq!(bare.endpoints[0].reason, "no monitor: taken for up");
    assert!(regions(&rig.notices).is_empty(), "what is first found up is no news");

    rig.rounds(3, &EU);
    assert_eq!(of(&rig, 1), (Verdict::Down, "0 of 1 probed pools are up".to_owned(), 0, 1));
    rig.rounds(3, &EU);
    rig.rounds(2, &[]);
    assert_eq!(of(&rig, 1).0, Verdict::Up);
    let told = regions(&rig.notices);
    let changes: Vec<_> = told.iter().map(|(notice, a, b)| (notice.severity, *a, *b)).collect();
    assert_eq!(
        changes,
        [
            (Severity::Critical, Verdict::Up, Verdict::Down),
            (Severity::Info, Verdict::Down, Verdict::Up),
        ],
        "once each way"
    );
    assert_eq!(told[0].0.node, "ns1");
    let mut ids: Vec<&str> = rig.notices.iter().map(|notice| notice.id.as_str()).collect();
    let n_ids = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), n_ids, "no two notices have one id");
}

/// What an operator does is no health: a region that died while it was drained is down.
#[test]
fn a_drain_hides_no_death() {
    let mut rig = Rig::up(|_| {});
    rig.change("eu", AdminState::Drained, false).unwrap();
    assert_eq!(rig.engine.status(rig.now).regions[1].verdict, Verdict::Up);
    rig.rounds(3, &EU);
    let status = rig.engine.status(rig.now);
    assert_eq!(status.regions[1].verdict, Verdict::Down);
    assert_eq!(status.services[0].pools[1].verdict, Verdict::Down);
    assert_eq!(regions(&rig.notices).len(), 1);
}

/// A restart and a reload tell nothing again, and the verdict says since when.
#[test]
fn what_was_down_before_is_no_news() {
    let mut rig = Rig::up(|_| {});
    rig.rounds(3, &EU);
    let down = rig.now;
    rig.rounds(1, &EU);
    assert_eq!(rig.engine.status(rig.now).regions[1].since, Some(down));
    rig.notices.clear();
    rig.reload(plan(THREE, |_| {}));
    rig.rounds(1, &EU);
    let region = rig.engine.status(rig.now).regions[1].clone();
    assert_eq!((region.verdict, region.since), (Verdict::Down, Some(down)));
    assert!(regions(&rig.notices).is_empty());
    let saved = Saved::read(&rig.engine.saved().text()).unwrap();
    let mut after = Rig::restored(rig.plan.clone(), Some(saved));
    assert_eq!(after.engine.status(after.now).regions[1].verdict, Verdict::Down);
    after.rounds(1, &EU);
    assert!(regions(&after.notices).is_empty());
}
