//! Far load balancers that fill up: round trips order the regions, and loads say how many go on.

use std::time::Duration;

use serde_json::Value;

use crate::lab;
use crate::lab::Crowd;
use crate::lab::Distant;
use crate::lab::Front;
use crate::lab::balancer;
use crate::running::now;

#[test]
fn a_far_nginx_that_fills_up_sends_clients_to_the_next_by_round_trip() {
    let haproxy = match balancer::haproxy_has_metrics() {
        true => Front::HaProxyMetrics,
        false => Front::HaProxyCsv,
    };
    come_and_go([Front::NginxText, haproxy, Front::NginxJson]);
}

#[test]
fn a_far_haproxy_that_fills_up_sends_clients_to_the_next_by_round_trip() {
    come_and_go([Front::HaProxyCsv, Front::NginxText, Front::NginxJson]);
}

/// What each region can take, the nearest first.
const CAPACITIES: [u32; 3] = [40, 48, 1000];

/// Who goes where is by a hash: of so few clients some more may come than a plan has it.
const SPARE: u32 = 6;

/// More than the two nearest can take, and those of them that are always connected.
const ALL: u32 = 120;
const REGULARS: u32 = 16;

/// Clients come to the nearest region, which then is full, as is the next; and leave again.
fn come_and_go(fronts: [Front; 3]) {
    let Some(lab) = Distant::with_capacities(fronts, CAPACITIES) else { return };
    let mut crowd = lab.crowd(ALL);
    learn_round_trips(&lab, &crowd);
    crowd.connect(REGULARS);
    let steps_to_quiet = |crowd: &mut Crowd<'_>| {
        crowd.step();
        is_quiet(&lab.loads(), crowd.sent())
    };
    let what = "all go to the nearest, which is not full";
    let took = until(&lab, what, || steps_to_quiet(&mut crowd));
    tell(&lab, &crowd, "before", took);

    crowd.connect(ALL);
    let mut full = Value::Null;
    let took = until(&lab, "no region has many more than it can take", || {
        // Looked at before anybody moves: the nearest still has them.
        let [near, ..] = lab.loads();
        let is_above = begins(&near["reason"], "above its soft limit");
        if is_above && figure(&near, "load") > figure(&full, "load") {
            full = near;
        }
        crowd.step();
        is_shared(&lab.loads(), crowd.sent())
    });
    tell(&lab, &crowd, "at", took);
    println!("when it was full: {full}");
    let capacity = f64::from(CAPACITIES[0]);
    assert_eq!(figure(&full, "capacity"), capacity);
    assert!(figure(&full, "load") > capacity && figure(&full, "share") < 100.0, "{full}");
    until(&lab, "it is explained why some go to the last", || {
        crowd.step();
        crowd.one_at(2).is_some_and(|client| is_explained(&lab.explain(client)))
    });

    crowd.connect(REGULARS);
    let took = until(&lab, "all are home again", || steps_to_quiet(&mut crowd));
    tell(&lab, &crowd, "after", took);
}

/// Whether all go to the nearest region, where the regulars are and nobody else, as it knows.
fn is_quiet([near, ..]: &[Value; 3], sent: [u32; 3]) -> bool {
    let regulars = f64::from(REGULARS);
    // NGINX counts whoever reads it too, and what comes is an estimate.
    let is_read = (regulars..=regulars + 1.0).contains(&figure(near, "load"));
    let is_expected = (figure(near, "arrivals") - regulars).abs() < 6.0;
    sent == [ALL, 0, 0] && is_read && is_expected && near["reason"] == "below its soft limit"
}

/// Whether all regions have some clients, and not many more than they can take: by where clients
/// are sent, and by what their load balancers say.
fn is_shared(loads: &[Value; 3], sent: [u32; 3]) -> bool {
    let keeps = |region: usize| {
        let read = figure(&loads[region], "load");
        (10..=CAPACITIES[region] + SPARE).contains(&sent[region])
            && (read - f64::from(sent[region])).abs() <= 4.0
    };
    (0..3).all(keeps)
}

/// Round trips are learnt of whoever connects, and then the nearest region is everybody's, which
/// is the last of the file.
fn learn_round_trips(lab: &Distant, crowd: &Crowd<'_>) {
    let begun = now();
    let mut visits = 0;
    let took = until(lab, "all are answered the nearest", || {
        // Seldom, so that they are not taken for a load.
        if begun.elapsed() >= Duration::from_secs(6) * visits {
            crowd.visit();
            visits += 1;
        }
        crowd.is_answered(0)
    });
    println!("learnt after {took:.1?}: {:?}", crowd.known());
}

/// Whether a client was ordered by round trips and refused by the nearest two regions.
fn is_explained(explained: &Value) -> bool {
    let steps = |of: &str| explained[of].as_array().cloned().unwrap_or_default();
    let (ranked, admitted) = (steps("rank"), steps("admit"));
    let is_measured = |((name, _), step): ((&str, u32), &Value)| {
        step["region"] == name && begins(&step["reason"], "latency, ")
    };
    let is_full = |step: &Value| begins(&step["finding"], "full: it loses ");
    ranked.len() == 3
        && Distant::regions().zip(&ranked).all(is_measured)
        && admitted.iter().map(is_full).eq([true, true, false])
}

fn begins(text: &Value, with: &str) -> bool {
    text.as_str().is_some_and(|text| text.starts_with(with))
}

/// A figure of a region; nothing if it has none.
fn figure(load: &Value, name: &str) -> f64 {
    load[name].as_f64().unwrap_or_default()
}

fn until(lab: &Distant, what: &str, is_so: impl FnMut() -> bool) -> Duration {
    let told = || format!("{}\n{}", lab.says(&["status"]), lab.logs());
    lab::patiently(what, told, is_so)
}

/// For whoever reads the output.
fn tell(lab: &Distant, crowd: &Crowd<'_>, when: &str, took: Duration) {
    let loads = lab.loads().map(|load| figure(&load, "load"));
    println!("{when}, after {took:.1?}: sent {:?}, loads read {loads:?}", crowd.sent());
}
