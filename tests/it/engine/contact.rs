//! What a node does while it hears nobody, and what it makes of who is heard first.

use std::time::Duration;

use meridian::engine::Event;
use meridian::engine::NodeCard;
use meridian::engine::Plan;
use meridian::engine::Verdict;
use meridian::health::Exception;
use meridian::health::Opinions;
use meridian::health::Roll;
use meridian::health::Vote;
use meridian::model::VantageGroupId;
use meridian::model::Vantages;
use meridian::model::VotingScope;

use crate::engine::EU;
use crate::engine::Rig;
use crate::engine::THREE;
use crate::engine::plan;

const ONE: &str = "203.0.113.2";

/// `ns1`, which the engine is, with others.
fn among(others: &[&str]) -> impl Fn(&mut Plan) {
    move |plan| {
        let mut vantages = Vantages::alone("ns1");
        for (group, name) in (1..).map(VantageGroupId).zip(others) {
            let mut other = Vantages::alone(name).all.remove(0);
            other.group = group;
            vantages.all.push(other);
            vantages.groups.push((*name).to_owned());
        }
        plan.vantages = vantages;
    }
}

/// `ns2` publishes: what has one of these in its key is down, the rest up.
fn says(rig: &mut Rig, sequence: u64, down: &[&str]) {
    let checks = &rig.plan.checks.all;
    let is_down = |key: &str| down.iter().any(|part| key.contains(part));
    let all = (0..).zip(checks).filter(|(_, check)| is_down(check.key.as_str()));
    let exception = |(at, _)| Exception {
        at,
        vote: Vote::Down,
        since: None,
        held: None,
        reason: "refused".into(),
    };
    let said = Opinions {
        vantage: "ns2".into(),
        instance: 2,
        sequence,
        at: rig.now,
        heartbeat: Duration::from_secs(10),
        roll: Roll::of(checks).digest(),
        len: u32::try_from(checks.len()).unwrap(),
        exceptions: all.map(exception).collect(),
    };
    rig.engine.step(Event::Opinions(Box::new(said), Duration::ZERO), rig.now);
    rig.publish();
}

/// Two that see everything up.
fn two(tweak: impl Fn(&mut Plan)) -> Rig {
    let mut rig = Rig::new(|plan| {
        among(&["ns2"])(plan);
        tweak(plan);
    });
    rig.probe_all(&[]);
    says(&mut rig, 1, &[]);
    rig
}

fn lose(rig: &mut Rig) {
    rig.engine.step(Event::Lost("gone".into()), rig.now);
    rig.publish();
}

/// Verdicts hold for a minute, with the least TTL where votes are against them; then what its own
/// vantage saw change decides, by itself.
#[test]
fn who_hears_nobody_holds_verdicts_for_a_minute() {
    let mut rig = two(|_| {});
    says(&mut rig, 2, &[ONE]);
    rig.rounds(2, &[ONE]);
    assert_eq!(rig.first(EU).0, ONE, "one of two");
    lose(&mut rig);
    // Twice the failures: four more.
    rig.rounds(4, &[ONE]);
    assert_eq!(rig.first(EU), (ONE.into(), 15), "both are against it, and nobody decides");
    rig.advance(19);
    assert_eq!(rig.first(EU).0, ONE);
    rig.advance(1);
    assert_ne!(rig.first(EU).0, ONE);
}

#[test]
fn where_one_vantage_is_enough_it_decides_at_once_but_with_caution() {
    let mut rig = two(|plan| plan.monitors[0].voting.min_vantages = Some(1));
    rig.rounds(2, &[ONE]);
    lose(&mut rig);
    rig.rounds(3, &[ONE]);
    assert_eq!(rig.first(EU).0, ONE, "five failures are not six");
    rig.rounds(1, &[ONE]);
    assert_ne!(rig.first(EU).0, ONE);
}

/// What a vantage group said is not what another says that takes its place.
#[test]
fn a_group_inherits_nothing_by_its_position() {
    let by_groups = |plan: &mut Plan| plan.monitors[0].voting.scope = VotingScope::Vantage;
    let mut rig = two(by_groups);
    says(&mut rig, 2, &[ONE]);
    let of_groups = |rig: &Rig| rig.engine.saved().text().contains("\"down\"");
    assert!(of_groups(&rig), "{}", rig.engine.saved().text());
    lose(&mut rig);
    rig.reload(plan(THREE, |plan| {
        among(&["ns2"])(plan);
        by_groups(plan);
    }));
    assert!(of_groups(&rig), "nobody is heard who would say otherwise");
    rig.reload(plan(THREE, |plan| {
        among(&["ns3"])(plan);
        by_groups(plan);
    }));
    assert!(!of_groups(&rig), "{}", rig.engine.saved().text());
}

/// What turned down before the others were lost they know of, and hold against it; what turned at
/// that very moment they may not have heard.
#[test]
fn what_was_seen_before_the_loss_decides_nothing() {
    for (earlier, is_down) in [(0, true), (1, false)] {
        let mut rig = two(|_| {});
        rig.rounds(3, &[ONE]);
        rig.now += Duration::from_secs(earlier);
        lose(&mut rig);
        rig.advance(61);
        assert_eq!(rig.first(EU).0 != ONE, is_down, "{earlier} s earlier");
    }
}

/// A link that comes for a moment makes nobody forget what it saw meanwhile.
#[test]
fn a_second_loss_goes_on_with_the_first() {
    let mut rig = two(|_| {});
    rig.rounds(2, &[ONE]);
    lose(&mut rig);
    rig.rounds(4, &[ONE]);
    rig.engine.step(Event::Joined, rig.now);
    rig.publish();
    rig.now += Duration::from_secs(5);
    lose(&mut rig);
    rig.advance(14);
    assert_eq!(rig.first(EU).0, ONE);
    rig.advance(1);
    assert_ne!(rig.first(EU).0, ONE);
}

/// Who joins may be asked by somebody who knows nothing.
#[test]
fn who_joins_says_again_what_it_sees() {
    let mut rig = two(|_| {});
    rig.advance(3);
    lose(&mut rig);
    rig.engine.step(Event::Joined, rig.now);
    assert!(rig.engine.effects(rig.now).published.is_some());
}

/// One of three that is heard first decides until enough are heard: also otherwise.
#[test]
fn what_too_few_said_first_is_no_verdict_that_holds() {
    let mut rig = Rig::new(among(&["ns2", "ns3"]));
    let check = |rig: &Rig| {
        let checks = rig.engine.status(rig.now).checks;
        let found = checks.into_iter().find(|check| check.check.contains(ONE)).unwrap();
        (found.verdict, found.provisional)
    };
    rig.probe_all(&[ONE]);
    assert_eq!(check(&rig), (Verdict::Down, true));
    rig.rounds(2, &[]);
    assert_eq!(check(&rig), (Verdict::Up, true));
    says(&mut rig, 1, &[]);
    assert_eq!(check(&rig), (Verdict::Up, false));
    rig.rounds(3, &[ONE]);
    assert_eq!(check(&rig), (Verdict::Up, false), "one of two");
}

/// Of the name servers that are there the first by name decides for all.
#[test]
fn the_first_name_server_that_is_there_is_first() {
    let mut rig = two(|_| {});
    let card = |name: &str, answers, now| {
        Event::Card(Box::new(NodeCard::new(name, 7, answers, now)), Duration::ZERO)
    };
    rig.engine.step(card("ams", false, rig.now), rig.now);
    rig.engine.step(card("ns2", true, rig.now), rig.now);
    assert!(rig.engine.is_first(rig.now), "a prober plans nothing");
    rig.engine.step(card("ns0", true, rig.now), rig.now);
    assert!(!rig.engine.is_first(rig.now + Duration::from_secs(29)));
    assert!(rig.engine.is_first(rig.now + Duration::from_secs(30)), "it is gone");
    lose(&mut rig);
    assert!(!rig.engine.is_first(rig.now + Duration::from_secs(30)), "nobody hears it");
}
