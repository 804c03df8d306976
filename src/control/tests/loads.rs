//! Loads over real connections, with meters behind them.

use std::time::Duration;

use reqwest::Method;
use reqwest::Response;
use serde_json::Value;
use serde_json::json;

use crate::control::tests::Stage;
use crate::control::tests::problem;
use crate::model::Capacity;
use crate::model::LoadFrom;
use crate::model::Region;
use crate::model::RegionLoad;
use crate::model::limits;

/// Two regions, of which one is told how loaded it is.
pub(super) fn regions() -> Vec<Region> {
    let (interval, hold) = (Duration::from_secs(10), Duration::from_secs(60));
    let pushed = RegionLoad { interval, hold, from: LoadFrom::Pushed };
    let region = |name: &str, load| Region {
        name: name.to_owned(),
        location: None,
        bias: 0,
        monitor: None,
        min_pools: 0,
        capacity: Some(Capacity { amount: 1000.0, soft: 0.8, hard: 0.95 }),
        load,
    };
    vec![region("us-east", Some(pushed)), region("eu-west", None)]
}

async fn post(stage: &Stage, body: impl Into<reqwest::Body>) -> Response {
    let ask = stage.ask(Method::POST, "/api/v1/load").bearer_auth("report");
    ask.body(body).send().await.unwrap()
}

#[tokio::test]
async fn loads_are_taken_refused_and_counted() {
    let stage = Stage::new();
    let one: Value =
        post(&stage, r#"{"region": "us-east", "load": 812.5}"#).await.json().await.unwrap();
    assert_eq!(one, json!({ "taken": 1, "refused": [], "refused_total": 0 }));
    let lines = "{\"region\":\"us-east\",\"load\":800}\n\
                 {\"region\":\"mars\",\"load\":800}\n\
                 {\"region\":\"eu-west\",\"load\":800}\n\
                 {\"region\":\"us-east\",\"load\":-1}\n";
    let many: Value = post(&stage, lines).await.json().await.unwrap();
    let refused = json!([
        { "item": 2, "reason": "unknown-region", "found": "mars" },
        { "item": 3, "reason": "not-pushed", "found": "eu-west" },
        { "item": 4, "reason": "negative", "found": "-1" },
    ]);
    assert_eq!(many, json!({ "taken": 1, "refused": refused, "refused_total": 3 }));
    let metrics = stage.read("/metrics").await.text().await.unwrap();
    for line in [
        "meridian_region_load{region=\"us-east\"} 800\n",
        "meridian_region_capacity{region=\"eu-west\"} 1000\n",
        "meridian_load_pushes_total{outcome=\"taken\"} 2\n",
        "meridian_load_pushes_total{outcome=\"unknown-region\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn only_who_may_report_tells_loads_and_not_too_many() {
    let stage = Stage::new();
    let ask = |token: Option<&str>| {
        let ask = stage.ask(Method::POST, "/api/v1/load").body("[]");
        match token {
            Some(token) => ask.bearer_auth(token),
            None => ask,
        }
        .send()
    };
    problem(ask(None).await.unwrap(), 401, "token").await;
    problem(ask(Some("read")).await.unwrap(), 403, "role").await;
    assert_eq!(ask(Some("operate")).await.unwrap().status(), 200);
    problem(post(&stage, "{}\n".repeat(limits::LOAD_ITEMS + 1)).await, 413, "too-long").await;
    problem(post(&stage, "x".repeat(limits::API_BODY + 1)).await, 413, "too-long").await;
}
