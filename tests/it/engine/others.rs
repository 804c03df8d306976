//! What comes of other nodes.

use std::collections::BTreeSet;
use std::time::Duration;

use meridian::engine::AdminChange;
use meridian::engine::AdminOrder;
use meridian::engine::Differing;
use meridian::engine::Event;
use meridian::engine::InputDigests;
use meridian::engine::NodeCard;
use meridian::engine::Saved;
use meridian::engine::What;
use meridian::health::Exception;
use meridian::health::Opinions;
use meridian::health::Outcome;
use meridian::health::Report;
use meridian::health::Roll;
use meridian::health::Verdict;
use meridian::health::Vote;
use meridian::model::AdminState;
use meridian::model::Failback;
use meridian::model::Probe;
use meridian::model::Quorum;
use meridian::model::Vantages;

use crate::engine::EU;
use crate::engine::Rig;

fn drain(until: Option<jiff::Timestamp>) -> AdminChange {
    AdminChange {
        target: "eu".parse().unwrap(),
        state: AdminState::Drained,
        who: "ada".into(),
        why: "a test".into(),
        until,
        force: false,
    }
}

/// The end of an order that a reading comes upon before the clock does.
#[test]
fn an_order_that_ends_while_others_are_read_ends_for_clients_too() {
    let mut rig = Rig::up(|_| {});
    let until = rig.now + Duration::from_secs(60);
    rig.engine.change(drain(Some(until)), rig.now).unwrap();
    rig.publish();
    assert_ne!(rig.first(EU).0, "203.0.113.2");
    rig.now = until;
    rig.engine.step(Event::Read(Vec::new(), BTreeSet::new()), rig.now);
    rig.publish();
    assert_eq!(rig.first(EU).0, "203.0.113.2");
}

/// An order of `ns2` about `eu`, given a moment after now.
fn of_another(rig: &Rig, state: AdminState, until: Option<jiff::Timestamp>) -> AdminOrder {
    let mut given = Rig::up(|_| {});
    given.engine.change(drain(None), rig.now).unwrap();
    let mut order = given.engine.effects(rig.now).orders.remove(0);
    (order.status.state, order.status.until) = (state, until);
    order.status.stamp.ms += 1;
    order.status.stamp.node = "ns2".into();
    order
}

/// Whoever undrains lets come back what waits for an operator, on every node.
#[test]
fn an_undrain_elsewhere_lets_back_what_is_held() {
    let mut rig = Rig::up(|plan| plan.services[0].failback = Failback::Manual);
    rig.rounds(3, &["203.0.113.2"]);
    rig.rounds(2, &[]);
    assert_ne!(rig.first(EU).0, "203.0.113.2");
    let order = of_another(&rig, AdminState::Auto, None);
    rig.engine.step(Event::Order(Box::new(order)), rig.now);
    rig.publish();
    assert_eq!(rig.first(EU).0, "203.0.113.2");
}

/// What had ended when it came here never was, here.
#[test]
fn an_order_that_is_over_is_no_news() {
    let mut rig = Rig::up(|_| {});
    rig.notices.clear();
    let order = of_another(&rig, AdminState::Drained, Some(rig.now));
    rig.engine.step(Event::Order(Box::new(order)), rig.now);
    rig.publish();
    assert_eq!(rig.first(EU).0, "203.0.113.2");
    let told = rig.notices.iter().filter(|notice| matches!(notice.what, What::Admin { .. }));
    assert_eq!(told.count(), 0);
}

/// No order is lost that some node knows of: what a store lacks, or has an older one for, is put
/// there.
#[test]
fn a_store_gets_the_orders_that_it_lacks() {
    let mut rig = Rig::up(|_| {});
    let mut older = of_another(&rig, AdminState::Drained, None);
    older.status.stamp.ms -= 1_000;
    rig.engine.change(drain(None), rig.now).unwrap();
    let ours = rig.engine.effects(rig.now).orders;
    assert_eq!(ours.len(), 1);
    rig.engine.step(Event::Read(Vec::new(), BTreeSet::new()), rig.now);
    assert_eq!(rig.engine.effects(rig.now).orders, ours);
    rig.engine.step(Event::Order(Box::new(older)), rig.now);
    let put = rig.engine.effects(rig.now).orders;
    let stamps = |orders: &[AdminOrder]| -> Vec<_> {
        orders.iter().map(|order| order.status.stamp.clone()).collect()
    };
    assert_eq!(stamps(&put), stamps(&ours));
}

/// Two nodes that can't agree on the time do not write over each other without end.
#[test]
fn what_is_refused_is_replaced_by_a_reading_and_not_by_each_word() {
    let mut rig = Rig::up(|_| {});
    rig.engine.change(drain(None), rig.now).unwrap();
    let ours = rig.engine.effects(rig.now).orders.remove(0);
    let mut ahead: AdminOrder = ours.clone();
    ahead.status.state = AdminState::Auto;
    ahead.status.stamp.ms += 2 * 24 * 3_600_000;
    ahead.status.stamp.node = "ns2".into();
    rig.engine.step(Event::Order(Box::new(ahead.clone())), rig.now);
    assert_eq!(rig.engine.effects(rig.now).orders, []);
    rig.engine.step(Event::Read(vec![ahead], BTreeSet::new()), rig.now);
    assert_eq!(rig.engine.effects(rig.now).orders, [ours]);
    assert_eq!(rig.engine.status(rig.now).admin.len(), 1);
}

/// A heartbeat that reaches one node, and that node starts again before the next.
#[test]
fn who_receives_a_heartbeat_remembers_it_over_a_restart() {
    let tweak = |plan: &mut meridian::engine::Plan| {
        plan.monitors[0].probe = Probe::Push;
        plan.monitors[0].voting.quorum = Quorum::Count(1);
        plan.monitors[0].voting.min_vantages = Some(1);
        let mut vantages = Vantages::alone("ns1");
        let mut other = Vantages::alone("ns2").all.remove(0);
        other.group = meridian::model::VantageGroupId(1);
        vantages.all.push(other);
        vantages.groups.push("ns2".into());
        plan.vantages = vantages;
    };
    let mut rig = Rig::new(tweak);
    rig.probe_all(&[]);
    let saved = Saved::read(&rig.engine.saved().text()).unwrap();
    let mut after = Rig::restored(rig.plan.clone(), Some(saved));
    let silent =
        |at| Exception { at, vote: Vote::Down, since: None, held: None, reason: "silent".into() };
    let len = u32::try_from(rig.plan.checks.all.len()).unwrap();
    let said = Opinions {
        vantage: "ns2".into(),
        instance: 2,
        sequence: 1,
        at: after.now,
        heartbeat: Duration::from_secs(10),
        roll: Roll::of(&rig.plan.checks.all).digest(),
        len,
        exceptions: (0..len).map(silent).collect(),
    };
    after.engine.step(Event::Opinions(Box::new(said), Duration::ZERO), after.now);
    after.publish();
    let verdicts = |rig: &Rig| {
        let status = rig.engine.status(rig.now);
        status.checks.iter().map(|check| check.verdict).collect::<Vec<_>>()
    };
    assert!(verdicts(&after).iter().all(|verdict| *verdict == Verdict::Up));
    // Silence counts against it all the same.
    for _ in 0..3 {
        for check in after.plan.checks.all.clone() {
            let outcome = Outcome::Failure("silent".into());
            let took = Duration::ZERO;
            let report = Report { check: check.key, outcome, took, certificate_ends: None };
            after.engine.step(Event::Report(report), after.now);
        }
    }
    after.publish();
    assert!(verdicts(&after).iter().all(|verdict| *verdict == Verdict::Down));
}

/// Nodes that answer by another configuration or other databases are named, each way.
#[test]
fn a_node_that_answers_by_something_else_is_named() {
    let mut rig = Rig::up(|_| {});
    let inputs = |configuration: &str, databases: &str| InputDigests {
        configuration: configuration.into(),
        databases: databases.into(),
    };
    let hear = |rig: &mut Rig, card: NodeCard| {
        rig.engine.step(Event::Card(Box::new(card), Duration::ZERO), rig.now);
    };
    let card = |name: &str, answers: bool, inputs: InputDigests, now| NodeCard {
        inputs,
        ..NodeCard::new(name, 7, answers, now)
    };
    let now = rig.now;
    hear(&mut rig, card("alike", true, inputs("c1", "d1"), now));
    hear(&mut rig, card("other", true, inputs("c2", "d2"), now));
    hear(&mut rig, card("prober", false, inputs("c3", "d3"), now));
    hear(&mut rig, card("silent", true, inputs("", ""), now));
    let newer =
        NodeCard { version: "9.9.9".into(), ..card("newer", true, inputs("c4", "d4"), now) };
    hear(&mut rig, newer);
    assert_eq!(rig.engine.differing(now), Differing::default(), "not known of this one");
    rig.engine.set_inputs(inputs("c1", "d1"), now);
    let told = rig.engine.effects(now).card.expect("the others are told at once");
    assert_eq!(told.inputs, inputs("c1", "d1"));
    let Differing { configuration, databases } = rig.engine.differing(now);
    let names = |all: &[(String, String)]| -> Vec<String> {
        all.iter().map(|(node, _)| node.clone()).collect()
    };
    assert_eq!(
        (names(&configuration), names(&databases)),
        (vec!["other".into()], vec!["other".into()])
    );
    assert!(configuration[0].1.contains("c2 there, c1 here"), "{}", configuration[0].1);
    // Of one that says nothing any longer nothing is known.
    assert_eq!(rig.engine.differing(now + Duration::from_secs(31)), Differing::default());
    let long = inputs(&"c".repeat(1000), "d");
    assert!(NodeCard::decode(&card("x", true, long, now).encode()).is_err());
}

/// Another process of this node's name is known while it is heard, and is none of the others.
#[test]
fn who_has_the_name_of_this_node_is_named_while_it_is_heard() {
    let mut rig = Rig::up(|_| {});
    let own = (rig.plan.node.name.clone(), rig.plan.node.instance);
    let hear = |rig: &mut Rig, instance: u64| {
        let card = NodeCard::new(&own.0, instance, true, rig.now);
        rig.engine.step(Event::Card(Box::new(card), Duration::ZERO), rig.now);
    };
    hear(&mut rig, own.1 + 1);
    assert!(rig.engine.doubles(rig.now).is_empty(), "this one, before it was started again");
    hear(&mut rig, own.1);
    assert!(rig.engine.doubles(rig.now).is_empty(), "this one");
    hear(&mut rig, own.1 + 1);
    let doubles = rig.engine.doubles(rig.now);
    assert_eq!(doubles.len(), 1);
    assert_eq!(doubles[0].0, format!("node `{}`", own.0));
    assert!(doubles[0].1.contains("another process says"), "{}", doubles[0].1);
    assert!(rig.engine.doubles(rig.now + Duration::from_secs(31)).is_empty(), "it is gone");
}

/// Of two others with one name the words come in turn; one that was started again has new ones.
#[test]
fn two_others_of_one_name_are_told_from_one_that_was_started_again() {
    let mut rig = Rig::up(|_| {});
    let mut named = |instance: u64, answers: bool| {
        let card = NodeCard::new("ams", instance, answers, rig.now);
        rig.engine.step(Event::Card(Box::new(card), Duration::ZERO), rig.now);
        let doubles = rig.engine.doubles(rig.now);
        doubles.into_iter().map(|(what, _)| what).collect::<Vec<_>>()
    };
    for instance in [1, 1, 2, 2, 3, 4] {
        assert!(named(instance, false).is_empty(), "{instance}");
    }
    assert_eq!(named(3, false), ["prober `ams`"]);
}
