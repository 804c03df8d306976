//! Who is still answered with what an operator took out, and when caches have let go.

use std::time::Duration;

use meridian::engine::AdminDone;
use meridian::engine::AdminOrder;
use meridian::engine::AdminStatus;
use meridian::engine::Event;
use meridian::engine::NodeCard;
use meridian::engine::Stamp;
use meridian::engine::Unsettled;
use meridian::model::AdminState;
use meridian::model::MinRegions;

use crate::engine::EU;
use crate::engine::Rig;
use crate::engine::THREE;
use crate::engine::plan;

/// Clients in Ireland may get `eu` only; those in Singapore `ap`, and then `us`.
const FENCES: &str = r#"
[policy.ruled]
rank = ["rules", "nearest"]
[[policy.ruled.rule]]
match = { country = ["SG"] }
regions = ["ap", "us"]
[[policy.ruled.rule]]
match = { country = ["IE"] }
regions = ["eu"]
only = true
"#;

fn fenced() -> String {
    THREE.replace("[service.www]", &format!("{FENCES}[service.www]\npolicy = \"ruled\""))
}

/// Where everything was probed once and is up.
fn up(text: &str, tweak: impl Fn(&mut meridian::engine::Plan)) -> Rig {
    let mut rig = Rig::restored(plan(text, tweak), None);
    rig.probe_all(&[]);
    rig.engine.begin();
    rig
}

fn clients(unsettled: Option<&Unsettled>) -> Vec<String> {
    let clients = unsettled.map_or(&[][..], |unsettled| &unsettled.clients);
    clients.iter().map(ToString::to_string).collect()
}

/// What the status says of an admin state.
fn shown(rig: &Rig, target: &str) -> AdminStatus {
    let admin = rig.engine.status(rig.now).admin;
    admin.into_iter().find(|admin| admin.target.to_string() == target).unwrap()
}

fn drain(rig: &mut Rig, target: &str, force: bool) -> AdminDone {
    rig.change(target, AdminState::Drained, force).unwrap()
}

/// A fence whose only region is drained: its clients get it all the same, and that is said
/// until they don't.
#[test]
fn a_drain_says_which_clients_it_leaves_nothing_else() {
    let mut rig = up(&fenced(), |_| {});
    let refused = rig.change("eu", AdminState::Drained, false).unwrap_err().to_string();
    assert_eq!(
        refused,
        "service `www` would have 0 of 1 regions in service for IPv4 answers to clients of \
         rule 2 of policy `ruled`, expected at least 1; force it if that is meant"
    );
    assert_eq!(rig.engine.status(rig.now).admin, [], "nothing has changed");
    let done = drain(&mut rig, "eu", true);
    let expected = ["A", "AAAA"]
        .map(|records| format!("www {records}: clients of rule 2 of policy `ruled` (only eu)"));
    assert_eq!(clients(done.unsettled.as_ref()), expected);
    assert_eq!(rig.first(EU).0, "203.0.113.2", "what is said is what is answered");
    rig.advance(3600);
    assert_eq!(clients(shown(&rig, "eu").unsettled.as_ref()), expected, "an hour later too");
    // Its brothers: a pool, and an endpoint that is not all there is of its family.
    rig.change("eu", AdminState::Auto, false).unwrap();
    let done = drain(&mut rig, "www/eu/203.0.113.2", true);
    assert_eq!(clients(done.unsettled.as_ref()), expected[..1]);
    let done = drain(&mut rig, "www/us/203.0.113.1", false);
    assert_eq!(done.unsettled, None, "another endpoint of the pool is left");
    // What is forced down is never answered.
    let done = rig.change("www/eu/203.0.113.2", AdminState::ForcedDown, true).unwrap();
    assert_eq!(done.unsettled, None);
    assert_eq!(rig.first(EU).0, "");
}

/// The last that is left is answered by failing open; which one that is follows from the order
/// of preference, and ends when something comes back.
#[test]
fn what_is_drained_last_is_answered_until_something_comes_back() {
    let priority = "[policy.first]\nrank = [\"priority\"]\nregions = [\"us\", \"eu\", \"ap\"]\n";
    let text =
        THREE.replace("[service.www]", &format!("{priority}[service.www]\npolicy = \"first\""));
    let mut rig = up(&text, |plan| plan.min_regions = MinRegions::Count(0));
    for target in ["eu", "ap"] {
        assert_eq!(drain(&mut rig, target, false).unsettled, None, "us is left");
    }
    let done = drain(&mut rig, "us", false);
    let all = ["A", "AAAA"].map(|records| format!("www {records}: all clients (us, eu, ap)"));
    assert_eq!(clients(done.unsettled.as_ref())[..1], all[..1]);
    assert!(["203.0.113.1", "203.0.113.4"].contains(&&*rig.first(EU).0));
    assert_eq!(shown(&rig, "eu").unsettled, None, "us comes first for everybody");
    assert_eq!(shown(&rig, "ap").unsettled, None);
    rig.advance(600);
    rig.change("ap", AdminState::Auto, false).unwrap();
    // Now the last answer with it was given now, not when it was drained.
    let shown_now = shown(&rig, "us");
    assert_eq!(clients(shown_now.unsettled.as_ref()), ["www AAAA: all clients (us, eu, ap)"]);
    assert_eq!(shown_now.settled, rig.now + Duration::from_secs(30));
    // A service that does not fail open answers with none of it.
    let text = text.replace("name = \"www.test\"", "name = \"www.test\"\nall-down = \"servfail\"");
    let mut rig = up(&text, |_| {});
    for target in ["us", "eu", "ap"] {
        assert_eq!(drain(&mut rig, target, true).unsettled, None);
    }
}

/// What is down is answered before what is drained.
#[test]
fn what_is_down_is_the_last_resort_before_what_is_drained() {
    let mut rig = up(&fenced(), |_| {});
    rig.rounds(3, &["203.0.113.2", "2001:db8:1::2"]);
    let text = fenced().replace("\"203.0.113.2\",", "\"203.0.113.2\", \"203.0.113.9\",");
    rig.reload(plan(&text, |_| {}));
    rig.rounds(3, &["203.0.113.2", "203.0.113.9", "2001:db8:1::2"]);
    assert_eq!(drain(&mut rig, "www/eu/203.0.113.9", true).unsettled, None);
    assert_eq!(rig.first(EU).0, "203.0.113.2");
}

/// `min-regions` holds for each fence and family; what makes nothing worse is done.
#[test]
fn the_safety_minimum_is_kept_behind_each_fence() {
    let two = fenced().replace("regions = [\"eu\"]\n", "regions = [\"eu\", \"ap\"]\n");
    let mut rig = up(&two, |plan| plan.min_regions = MinRegions::Percent(100));
    let refused = rig.change("ap", AdminState::Drained, false).unwrap_err().to_string();
    assert!(refused.contains("2 of 3 regions in service for IPv4,"), "{refused}");
    let mut rig = up(&two, |_| {});
    let refused = rig.change("eu", AdminState::Drained, false).unwrap_err().to_string();
    assert!(
        refused.contains("0 of 1 regions in service for IPv6 answers to clients of rule 2"),
        "{refused}"
    );
    drain(&mut rig, "ap", false);
    rig.rounds(3, &["203.0.113.2", "2001:db8:1::2"]);
    // Nothing is left behind the fence before, so that nothing is lost by it.
    drain(&mut rig, "eu", false);
}

/// A shorter TTL does not call back what was answered with the longer one; neither does taking
/// the pool away.
#[test]
fn caches_keep_what_configurations_before_answered() {
    let long = THREE.replace("name = \"www.test\"", "name = \"www.test\"\nttl = \"1h\"");
    let mut rig = up(&long, |_| {});
    rig.reload(plan(THREE, |_| {}));
    let reloaded = rig.now;
    rig.advance(60);
    let done = drain(&mut rig, "www/eu", false);
    assert_eq!(done.settled, reloaded + Duration::from_secs(3600));
    let mut rig = up(&long, |_| {});
    let ap = "[service.www.pool.ap]\nendpoints = [\"203.0.113.3\"]\n";
    let other = "[service.other]\nname = \"other.test\"\nttl = \"10s\"\n[service.other.pool.ap]\n\
                 endpoints = [\"203.0.113.3\"]\n[service.other.pool.us]\n\
                 endpoints = [\"203.0.113.1\"]\n";
    rig.reload(plan(&long.replace(ap, other), |_| {}));
    rig.advance(60);
    let done = drain(&mut rig, "ap", false);
    assert_eq!(done.settled, rig.now + Duration::from_secs(3600 - 60));
    // Drained again it is free when it was.
    rig.advance(30);
    let again = drain(&mut rig, "ap", false);
    assert_eq!(again.settled, done.settled);
}

/// Caches let go of what was answered last when it was answered last, whatever is judged since.
#[test]
fn what_is_free_stays_free() {
    let mut rig = up(THREE, |_| {});
    let done = drain(&mut rig, "eu", false);
    rig.rounds(1, &["203.0.113.3", "203.0.113.1"]);
    assert_eq!(shown(&rig, "eu").settled, done.settled);
}

/// Another name server may still answer with it: it is waited for until it says that it has the
/// same admin states, and its last answer then has run out.
#[test]
fn other_name_servers_are_waited_for() {
    let mut rig = up(THREE, |_| {});
    let card = |name: &str, instance: u64, answers: bool, orders: u64, now| {
        let card = NodeCard { orders, ..NodeCard::new(name, instance, answers, now) };
        Event::Card(Box::new(card), Duration::ZERO)
    };
    rig.advance(20);
    let ours = |rig: &mut Rig| {
        rig.now += Duration::from_secs(11);
        rig.engine.step(Event::Tick, rig.now);
        rig.engine.effects(rig.now).card.unwrap().orders
    };
    let before = ours(&mut rig);
    rig.engine.step(card("ns2", 2, true, before, rig.now), rig.now);
    rig.engine.step(card("ams", 3, false, 0, rig.now), rig.now);
    let done = drain(&mut rig, "eu", false);
    assert_eq!(done.unsettled.unwrap().nodes, ["ns2"]);
    let settled = done.settled;
    let after = ours(&mut rig);
    assert_ne!(before, after);
    assert_eq!(shown(&rig, "eu").unsettled.unwrap().nodes, ["ns2"]);
    let status = rig.engine.status(rig.now);
    let agree = |name: &str| status.cluster.nodes.iter().find(|n| n.node == name).unwrap();
    assert_eq!((agree("ns2").orders_agree, agree("ams").orders_agree), (false, true));
    rig.advance(3600 / 2);
    rig.engine.step(card("ns2", 2, true, after, rig.now), rig.now);
    let now = shown(&rig, "eu");
    assert_eq!((now.unsettled, now.settled), (None, rig.now + Duration::from_secs(30)));
    assert!(now.settled > settled);
    // Another order does not take that back, but a node that started again may have forgotten.
    drain(&mut rig, "www/ap", false);
    assert_eq!(shown(&rig, "eu").unsettled, None);
    rig.engine.step(card("ns2", 4, true, 0, rig.now), rig.now);
    assert_eq!(shown(&rig, "eu").unsettled.unwrap().nodes, ["ns2"]);
}

/// What another node ordered is followed like what was ordered here.
#[test]
fn an_order_of_another_node_is_followed_too() {
    let mut rig = up(&fenced(), |_| {});
    let mut given = up(&fenced(), |_| {});
    drain(&mut given, "eu", true);
    let mut order: AdminOrder = given.engine.effects(given.now).orders.pop().unwrap_or_else(|| {
        let status = AdminStatus { unsettled: None, ..shown(&given, "eu") };
        AdminOrder { status, replaced: Stamp::default() }
    });
    order.status.stamp.node = "ns2".into();
    rig.engine.step(Event::Order(Box::new(order)), rig.now);
    rig.publish();
    assert_eq!(shown(&rig, "eu").unsettled.unwrap().clients_total, 2);
}

/// An undrain says what else keeps clients away.
#[test]
fn an_undrain_says_what_is_out_besides() {
    let mut rig = up(THREE, |_| {});
    drain(&mut rig, "eu", false);
    drain(&mut rig, "www/eu/203.0.113.2", false);
    let done = rig.change("eu", AdminState::Auto, false).unwrap();
    let others: Vec<String> = done.others.iter().map(|other| other.target.to_string()).collect();
    assert_eq!(others, ["www/eu/203.0.113.2"]);
    assert_ne!(rig.first(EU).0, "203.0.113.2");
    let done = rig.change("www/eu/203.0.113.2", AdminState::Auto, false).unwrap();
    assert_eq!(done.others, []);
}
