//! The panel, with opinions as vantages publish them.

use super::*;
use crate::health::CheckKey;
use crate::health::Exception;
use crate::health::Verdict;
use crate::model::MonitorId;
use crate::model::ProbeAt;
use crate::model::ProbeHost;
use crate::model::Vantage;
use crate::model::VantageGroupId;

/// Checks, the even ones in one region and the odd ones in another.
const CHECKS: u32 = 24;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn checks() -> Vec<Check> {
    let check = |nth: u32| Check {
        key: CheckKey::new(format!("web@192.0.2.{nth}")),
        monitor: MonitorId(0),
        at: ProbeAt { host: ProbeHost::Name(nth.to_string()), port: None, path: None },
        name: None,
    };
    (0..CHECKS).map(check).collect()
}

fn vantages(names: &[&str]) -> Vantages {
    let vantage = |(group, name): (u8, &&str)| Vantage {
        name: (*name).to_owned(),
        group: VantageGroupId(group),
        location: None,
    };
    Vantages {
        all: (0..).zip(names).map(vantage).collect(),
        groups: names.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn panel(names: &[&str], own: Option<u16>) -> Panel {
    let item = |check: &Check| Item {
        voting: Voting::default(),
        interval: Duration::from_secs(10),
        fall: 3,
        regions: [RegionId(u16::from(check.key.as_str().ends_with(['1', '3', '5', '7', '9'])))]
            .into(),
    };
    let checks = checks();
    let items = checks.iter().map(item).collect();
    let mut panel = Panel::new(&vantages(names), own.map(VantageId), &checks, items, at(0));
    panel.learn(Roll::of(&checks));
    panel
}

/// What a vantage publishes that sees these down.
fn said(vantage: &str, sequence: u64, now: Timestamp, down: &[(u32, Timestamp)]) -> Opinions {
    let exception = |(at, since): &(u32, Timestamp)| Exception {
        held: None,
        at: *at,
        vote: Vote::Down,
        since: Some(*since),
        reason: "refused".into(),
    };
    Opinions {
        vantage: vantage.to_owned(),
        instance: 1,
        sequence,
        at: now,
        heartbeat: Duration::from_secs(10),
        roll: Roll::of(&checks()).digest(),
        len: CHECKS,
        exceptions: down.iter().map(exception).collect(),
    }
}

fn hear(panel: &mut Panel, said: Opinions, now: Timestamp) -> Absorbed {
    let absorbed = panel.absorb(said, 99, Duration::ZERO, now);
    panel.settle(now);
    absorbed
}

fn verdict(panel: &Panel, check: u32, before: Verdict) -> Verdict {
    panel.find(CheckId(check), before).unwrap().verdict
}

#[test]
fn two_of_three_decide_and_who_is_silent_does_not() {
    let mut panel = panel(&["ams", "nyc", "sin"], None);
    for name in ["ams", "nyc", "sin"] {
        hear(&mut panel, said(name, 1, at(0), &[]), at(0));
    }
    assert_eq!(verdict(&panel, 3, Verdict::Unknown), Verdict::Up);
    hear(&mut panel, said("ams", 2, at(1), &[(3, at(1))]), at(1));
    assert_eq!(verdict(&panel, 3, Verdict::Up), Verdict::Up, "one of three");
    assert_eq!(panel.agreeing(CheckId(3), Verdict::Down), (1, 3, Some("refused")));
    hear(&mut panel, said("nyc", 2, at(2), &[(3, at(2))]), at(2));
    assert_eq!(verdict(&panel, 3, Verdict::Up), Verdict::Down);
    assert_eq!(panel.touched(), None, "at first, all");
    hear(&mut panel, said("nyc", 3, at(3), &[]), at(3));
    assert_eq!(panel.touched(), Some(BTreeSet::from([CheckId(3)])), "then what changed");
    // Three heartbeats missed.
    assert_eq!(panel.next_deadline(), Some(at(30)));
    hear(&mut panel, said("ams", 3, at(30), &[(3, at(1))]), at(30));
    panel.settle(at(34));
    let hearing: Vec<Hearing> = panel.seats().iter().map(Seat::hearing).collect();
    assert_eq!(hearing, [Hearing::Heard, Hearing::Silent, Hearing::Silent]);
    assert_eq!(verdict(&panel, 3, Verdict::Up), Verdict::Up, "one of three is too few to say");
}

#[test]
fn opinions_are_taken_once_and_wait_for_what_they_refer_to() {
    let mut panel = panel(&["ams", "nyc"], Some(1));
    let first = said("ams", 5, at(0), &[(1, at(0))]);
    assert_eq!(hear(&mut panel, first.clone(), at(0)), Absorbed::Taken);
    assert_eq!(hear(&mut panel, first.clone(), at(1)), Absorbed::Known);
    assert_eq!(hear(&mut panel, said("ams", 4, at(0), &[]), at(1)), Absorbed::Known);
    let restarted = Opinions { instance: 2, ..said("ams", 1, at(2), &[]) };
    assert_eq!(hear(&mut panel, restarted, at(2)), Absorbed::Taken);
    assert_eq!(hear(&mut panel, said("lax", 1, at(2), &[]), at(2)), Absorbed::Stranger);
    let own = |instance| Opinions { instance, ..said("nyc", 1, at(2), &[]) };
    assert_eq!(hear(&mut panel, own(1), at(2)), Absorbed::Known, "its own, before it started");
    assert_eq!(hear(&mut panel, own(99), at(2)), Absorbed::Known, "its own");
    assert_eq!(hear(&mut panel, own(1), at(2)), Absorbed::Double, "another that runs too");
    // Another configuration at that vantage: fewer checks, in another order.
    let mut fewer = checks();
    fewer.reverse();
    fewer.truncate(2);
    let roll = Roll::of(&fewer);
    let next = Opinions {
        instance: 2,
        roll: roll.digest(),
        len: 2,
        ..said("ams", 2, at(3), &[(0, at(3))])
    };
    assert_eq!(hear(&mut panel, next, at(3)), Absorbed::Waiting);
    panel.learn(roll);
    panel.settle(at(3));
    let votes: Vec<Vote> = [CHECKS - 1, CHECKS - 2, 0]
        .into_iter()
        .map(|check| panel.of(CheckId(check)).next().unwrap().1)
        .collect();
    assert_eq!(votes, [Vote::Down, Vote::Up { failures: 0 }, Vote::Absent]);
}

#[test]
fn who_sees_nearly_everything_down_at_once_counts_itself_out() {
    let mut sequence = 1;
    let mut hears = |panel: &mut Panel, name: &str, down: &[(u32, Timestamp)]| {
        sequence += 1;
        hear(panel, said(name, sequence, at(50), down), at(50));
        panel.seats().iter().map(Seat::hearing).collect::<Vec<_>>()
    };
    let all: Vec<(u32, Timestamp)> = (0..CHECKS).map(|id| (id, at(i64::from(id)))).collect();
    let fresh = || {
        let mut panel = panel(&["ams", "nyc"], None);
        hear(&mut panel, said("ams", 1, at(49), &[]), at(49));
        hear(&mut panel, said("nyc", 1, at(49), &[]), at(49));
        panel
    };
    use Hearing::{CutOff, Heard};
    assert_eq!(hears(&mut fresh(), "ams", &all), [CutOff, Heard]);
    assert_eq!(hears(&mut fresh(), "ams", &all[..22]), [CutOff, Heard], "91 % of them");
    assert_eq!(hears(&mut fresh(), "ams", &all[..21]), [Heard, Heard], "87 % of them");
    let odd: Vec<_> = all.iter().filter(|(id, _)| id % 2 == 1).copied().collect();
    assert_eq!(hears(&mut fresh(), "ams", &odd), [Heard, Heard], "one region");
    let slow: Vec<_> = (0..CHECKS).map(|id| (id, at(-60 * i64::from(id)))).collect();
    assert_eq!(hears(&mut fresh(), "ams", &slow), [Heard, Heard], "one after the other");
    // Whoever sees the most of it too is no witness against it, though it is not cut off itself.
    let mut most = fresh();
    hears(&mut most, "nyc", &all[..20]);
    assert_eq!(hears(&mut most, "ams", &all), [Heard, Heard]);
    let mut half = fresh();
    hears(&mut half, "nyc", &all[..12]);
    assert_eq!(hears(&mut half, "ams", &all), [CutOff, Heard]);
    // What was down long before says nothing of the vantage.
    let mut before = all.clone();
    before.iter_mut().take(10).for_each(|(_, since)| *since = at(-9_000));
    assert_eq!(hears(&mut fresh(), "ams", &before), [CutOff, Heard]);
    // If the other sees the same it is the targets.
    let mut both = fresh();
    hears(&mut both, "nyc", &all);
    assert_eq!(hears(&mut both, "ams", &all), [Heard, Heard]);
    assert_eq!(hears(&mut both, "ams", &[]), [Heard, CutOff], "and if it no longer does");
    // Two of three are not outvoted by the third.
    let mut three = panel(&["ams", "nyc", "sin"], None);
    hears(&mut three, "ams", &all);
    hears(&mut three, "nyc", &all);
    assert_eq!(hears(&mut three, "sin", &[]), [Heard, Heard, Heard]);
    // Whatever a clock says, it is only compared.
    let far = [Timestamp::MIN, Timestamp::MAX, at(0)];
    let odd: Vec<_> = (0..CHECKS).map(|id| (id, far[id as usize % 3])).collect();
    assert_eq!(hears(&mut fresh(), "ams", &odd), [Heard, Heard]);
}

#[test]
fn a_frozen_panel_does_not_age_and_waits_for_those_it_knew() {
    let mut panel = panel(&["ams", "nyc"], Some(1));
    hear(&mut panel, said("ams", 1, at(0), &[(1, at(0))]), at(0));
    panel.freeze(at(1));
    panel.settle(at(3_000));
    assert_eq!(panel.seats()[0].hearing(), Hearing::Heard);
    // It counts on; that it is heard nobody says.
    assert_eq!(panel.hearings(at(5)).next(), Some(Hearing::Heard));
    assert_eq!(panel.hearings(at(3_000)).next(), Some(Hearing::Silent));
    assert_eq!(panel.next_deadline(), None);
    panel.thaw(at(3_000));
    panel.settle(at(3_000));
    assert!(panel.is_missing_some());
    assert_eq!(hear(&mut panel, said("ams", 1, at(0), &[]), at(3_001)), Absorbed::Known, "old");
    assert!(panel.is_missing_some());
    hear(&mut panel, said("ams", 2, at(3_001), &[]), at(3_001));
    assert!(!panel.is_missing_some());
}

/// A link that comes and goes renews nobody's patience: only being heard does.
#[test]
fn who_is_never_heard_again_is_silent_however_often_the_link_comes_back() {
    let mut panel = panel(&["ams", "nyc"], Some(1));
    hear(&mut panel, said("ams", 1, at(0), &[(1, at(0))]), at(0));
    // Its patience is 30 s, of which it has all after the first loss. Each further time it is
    // 10 s until the link is lost again.
    let mut now = 10;
    panel.freeze(at(now));
    let mut hearing = Vec::new();
    for _ in 0..5 {
        now += 500;
        panel.thaw(at(now));
        now += 10;
        panel.settle(at(now));
        hearing.push(panel.seats()[0].hearing());
        panel.freeze(at(now));
    }
    use Hearing::{Heard, Silent};
    assert_eq!(hearing, [Heard, Heard, Silent, Silent, Silent]);
}

#[test]
fn another_configuration_reads_again_what_was_said() {
    let mut before = panel(&["ams", "nyc"], None);
    hear(&mut before, said("ams", 1, at(0), &[(3, at(0))]), at(0));
    let mut next = panel(&["nyc", "ams"], None);
    std::mem::swap(&mut before, &mut next);
    next.reconfigure(before);
    next.settle(at(1));
    let votes: Vec<Vote> = next.of(CheckId(3)).map(|(_, vote)| vote).collect();
    assert_eq!(votes, [Vote::Absent, Vote::Down]);
    assert_eq!(next.seats()[1].hearing(), Hearing::Heard);
}

/// While a configuration gets around, what a vantage does not have yet makes nobody decide alone.
#[test]
fn who_does_not_have_a_check_yet_is_waited_for_for_a_while() {
    let mut panel = panel(&["ams", "nyc", "sin"], None);
    let mut fewer = checks();
    fewer.truncate(2);
    let roll = Roll::of(&fewer);
    let before = |name: &str, now| Opinions {
        roll: roll.digest(),
        len: 2,
        ..said(name, u64::MAX, now, &[])
    };
    hear(&mut panel, said("ams", 1, at(0), &[(3, at(0))]), at(0));
    for name in ["nyc", "sin"] {
        hear(&mut panel, before(name, at(0)), at(0));
    }
    panel.learn(roll.clone());
    panel.settle(at(1));
    assert_eq!(verdict(&panel, 3, Verdict::Up), Verdict::Up, "one of three");
    let later = at(301);
    for (sequence, name) in [(2, "nyc"), (3, "sin")] {
        let again = Opinions { instance: 2, sequence, ..before(name, later) };
        hear(&mut panel, again, later);
    }
    hear(&mut panel, said("ams", 2, later, &[(3, at(0))]), later);
    assert_eq!(verdict(&panel, 3, Verdict::Up), Verdict::Down, "nobody else is to have it");
}

/// More lists of checks than are remembered push none out that somebody refers to.
#[test]
fn lists_that_nobody_refers_to_go_first() {
    let mut panel = panel(&["ams"], None);
    hear(&mut panel, said("ams", 1, at(0), &[(3, at(0))]), at(0));
    for nth in 0..3 * u32::try_from(limits::ROLLS).unwrap() {
        let mut other = checks();
        other[0].key = CheckKey::new(format!("web@{nth}"));
        panel.learn(Roll::of(&other));
    }
    assert_eq!(hear(&mut panel, said("ams", 2, at(1), &[]), at(1)), Absorbed::Taken);
}

/// What was on its way for long is no sign that who said it is still there.
#[test]
fn opinions_are_as_old_as_they_are_when_they_come() {
    let mut panel = panel(&["ams", "nyc"], None);
    panel.absorb(said("ams", 1, at(0), &[]), 99, Duration::from_secs(29), at(29));
    panel.absorb(said("nyc", 1, at(0), &[]), 99, Duration::from_secs(30), at(29));
    panel.settle(at(29));
    let hearing = |panel: &Panel| panel.seats().iter().map(Seat::hearing).collect::<Vec<_>>();
    assert_eq!(hearing(&panel), [Hearing::Heard, Hearing::Silent]);
    assert_eq!(panel.next_deadline(), Some(at(30)));
    panel.settle(at(30));
    assert_eq!(hearing(&panel), [Hearing::Silent, Hearing::Silent]);
}

/// Nothing waits for a time that has come: whoever waits for it would never sleep.
#[test]
fn what_is_due_is_done_when_it_is_due() {
    let mut panel = panel(&["ams", "nyc"], None);
    hear(&mut panel, said("ams", 1, at(0), &[]), at(0));
    for _ in 0..2 {
        let due = panel.next_deadline().unwrap();
        panel.settle(due);
        assert!(panel.next_deadline().is_none_or(|next| next > due), "{due}");
    }
    assert_eq!(panel.next_deadline(), None);
}

#[test]
fn holds_are_told_by_our_clock() {
    let mut panel = panel(&["ams", "nyc"], None);
    // Its clock is a thousand seconds ahead.
    let mut ahead = said("ams", 1, at(1_000), &[(3, at(990))]);
    ahead.exceptions[0].held = Some(Held { until: at(1_200), up_since: Some(at(995)) });
    hear(&mut panel, ahead, at(0));
    let expected = Held { until: at(200), up_since: Some(at(-5)) };
    assert_eq!(panel.seats()[0].hold(CheckId(3)), Some(expected));
}

/// Answers are kept no longer than until a check can be down: by those who are heard, and after a
/// start as if all had just looked.
#[test]
fn the_earliest_end_follows_from_who_is_heard() {
    let mut panel = panel(&["ams", "nyc", "sin"], None);
    let in_seconds = |panel: &Panel| {
        let found = panel.find(CheckId(3), Verdict::Up).unwrap();
        found.down_in.map(|down_in| down_in.as_secs())
    };
    assert_eq!(in_seconds(&panel), Some(30));
    for name in ["ams", "nyc"] {
        let mut failed = said(name, 1, at(0), &[(3, at(0))]);
        failed.exceptions[0].vote = Vote::Up { failures: 2 };
        hear(&mut panel, failed, at(0));
    }
    hear(&mut panel, said("sin", 1, at(0), &[]), at(0));
    assert_eq!(in_seconds(&panel), Some(10), "two of three failed twice");
    hear(&mut panel, said("sin", 2, at(29), &[]), at(29));
    panel.settle(at(31));
    assert_eq!(in_seconds(&panel), Some(30), "the two are silent");
}

/// One that has not probed yet keeps nobody from saying that a check can't be probed.
#[test]
fn a_check_is_unable_if_somebody_tried_and_nobody_sees_it() {
    let mut panel = panel(&["ams", "nyc"], None);
    let mut votes = |sequence, votes: [Vote; 2]| {
        for (name, vote) in ["ams", "nyc"].into_iter().zip(votes) {
            let mut said = said(name, sequence, at(0), &[(3, at(0))]);
            said.exceptions[0].vote = vote;
            hear(&mut panel, said, at(0));
        }
        panel.find(CheckId(3), Verdict::Unknown).unwrap().is_unable
    };
    assert!(votes(1, [Vote::Unknown, Vote::Unable]));
    assert!(!votes(2, [Vote::Unknown, Vote::Unknown]));
    assert!(!votes(3, [Vote::Down, Vote::Unable]));
}
