//! What real NGINX and HAProxy say, in each format that they have.

use std::collections::BTreeMap;
use std::time::Duration;

use meridian::config;
use meridian::meters::Meters;
use meridian::meters::Reading;
use meridian::meters::Readings;
use meridian::model::Region;
use meridian::tasks::Tasks;

use crate::ground;
use crate::ground::Ground;
use crate::lab::balancer;
use crate::loads::Balancers;
use crate::loads::get;
use crate::loads::idlers;
use crate::loads::write;
use crate::running::DEADLINE;

const REGIONS: &str = r#"
[region.csv]
load-interval = "1s"
load = { haproxy = { url = "http://127.0.0.1:{stats}/stats;csv", proxy = "www", user = "meridian", password-file = "pass" } }
[region.csv-requests]
load-interval = "1s"
load = { haproxy = { url = "http://127.0.0.1:{stats}/stats;csv", proxy = "web", server = "nginx", field = "stot", user = "meridian", password-file = "pass" } }
[region.metrics]
load-interval = "1s"
load = { prometheus = { url = "http://127.0.0.1:{stats}/metrics", metric = "haproxy_frontend_current_sessions", labels = { proxy = "www" } } }
[region.metrics-requests]
load-interval = "1s"
load = { prometheus = { url = "http://127.0.0.1:{stats}/metrics", metric = "haproxy_frontend_http_requests_total", labels = { proxy = "www" } } }
[region.status]
load-interval = "1s"
load = { nginx-status = { url = "http://127.0.0.1:{nginx}/status" } }
[region.status-requests]
load-interval = "1s"
load = { nginx-status = { url = "http://127.0.0.1:{nginx}/status", field = "requests" } }
[region.both]
load-interval = "1s"
load = [
  { haproxy = { url = "http://127.0.0.1:{stats}/stats;csv", proxy = "www", user = "meridian", password-file = "pass" } },
  { nginx-status = { url = "http://127.0.0.1:{nginx}/status" } },
]
[region.nobody]
load-interval = "1s"
load = { haproxy = { url = "http://127.0.0.1:{stats}/stats;csv", proxy = "www" } }
[region.elsewhere]
load-interval = "1s"
load = { haproxy = { url = "http://127.0.0.1:{stats}/metrics", proxy = "www", user = "meridian", password-file = "pass" } }
[service.www]
name = "www.test"
[service.www.pool.csv]
endpoints = ["192.0.2.10"]
"#;

/// The regions of a file, as `config` reads them.
fn regions(ground: &Ground, balancers: &Balancers) -> Vec<Region> {
    let text = format!("[zone.test]\nfile = \"test.zone\"\n{}", balancers.sources(REGIONS));
    write(ground.folder(), "meridian.toml", &text);
    write(ground.folder(), "pass", balancer::PASSWORD);
    let loaded = config::load(&ground.folder().join("meridian.toml"));
    loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics)).regions
}

/// Takes readings until one of this region fits.
async fn until(readings: &mut Readings, region: &str, fits: impl Fn(&Reading) -> bool) -> Reading {
    let wait = async {
        loop {
            let mut all = readings.next().await.into_iter();
            if let Some(found) = all.find(|reading| reading.region == region && fits(reading)) {
                return found;
            }
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("{region}: no such load"))
}

fn within(least: f64, most: f64) -> impl Fn(&Reading) -> bool {
    move |reading| reading.value.as_ref().is_ok_and(|load| (least..=most).contains(load))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_balancers_say_how_loaded_they_are() {
    let Some(balancers) = Balancers::start() else { return };
    let ground = Ground::new(&[("test.zone", ground::ZONE)]);
    let tasks = Tasks::new();
    let meters = Meters::start(&regions(&ground, &balancers), &tasks).unwrap();
    let mut readings = meters.readings();
    // Those who wait count at HAProxy, which has no connection for them to NGINX yet.
    let waiting = idlers(balancers.www(), 7);
    for region in ["csv", "metrics"] {
        until(&mut readings, region, within(7.0, 7.0)).await;
    }
    // NGINX counts whoever reads it: up to the three regions here that do.
    until(&mut readings, "status", within(1.0, 5.0)).await;
    until(&mut readings, "both", within(8.0, 12.0)).await;
    drop(waiting);
    for region in ["csv", "metrics"] {
        until(&mut readings, region, within(0.0, 0.0)).await;
    }
    // Requests, for as long as it takes until each is seen to count them.
    let at = balancers.www();
    let asking = tokio::task::spawn_blocking(move || {
        let begun = crate::running::now();
        let mut count = 0_u32;
        while begun.elapsed() < Duration::from_secs(4) {
            assert!(get(at, "/").ends_with("ok"));
            count += 1;
            std::thread::sleep(Duration::from_millis(10));
        }
        f64::from(count) / begun.elapsed().as_secs_f64()
    });
    let mut seen = BTreeMap::<String, Vec<f64>>::new();
    let names = ["csv-requests", "metrics-requests", "status-requests"];
    while !asking.is_finished() {
        for reading in readings.next().await {
            seen.entry(reading.region).or_default().extend(reading.value);
        }
    }
    let rate = asking.await.unwrap();
    for name in names {
        let loads = seen.get_mut(name).unwrap();
        loads.sort_by(f64::total_cmp);
        let median = loads[loads.len() / 2];
        // Others ask NGINX up to three times a second.
        assert!((rate / 2.0..rate * 2.0 + 4.0).contains(&median), "{name}: {loads:?} of {rate}");
    }
}

#[tokio::test]
async fn what_a_real_balancer_does_not_have_is_said() {
    let Some(balancers) = Balancers::start() else { return };
    let ground = Ground::new(&[("test.zone", ground::ZONE)]);
    let tasks = Tasks::new();
    let mut regions = regions(&ground, &balancers);
    regions.retain(|region| ["nobody", "elsewhere"].contains(&region.name.as_str()));
    let meters = Meters::start(&regions, &tasks).unwrap();
    let mut readings = meters.readings();
    let fault = |reading: Reading| reading.value.unwrap_err().to_string();
    let [_, _, stats] = balancers.ports;
    let nobody = fault(until(&mut readings, "nobody", |_| true).await);
    let expected =
        format!("http://127.0.0.1:{stats}/stats;csv: status 401 Unauthorized, expected 200 to 299");
    assert_eq!(nobody, expected);
    let elsewhere = fault(until(&mut readings, "elsewhere", |_| true).await);
    assert!(elsewhere.contains("expected HAProxy's statistics as CSV"), "{elsewhere}");
    assert!(elsewhere.contains("found \"# HELP haproxy_"), "{elsewhere}");
}
