//! Round trips over real connections, with a keeper behind them.

use reqwest::Method;
use reqwest::Response;
use serde_json::Value;
use serde_json::json;

use crate::control::tests::Stage;
use crate::control::tests::problem;
use crate::model::limits;

async fn post(stage: &Stage, body: impl Into<reqwest::Body>) -> Response {
    let ask = stage.ask(Method::POST, "/api/v1/latency").bearer_auth("report");
    ask.body(body).send().await.unwrap()
}

#[tokio::test]
async fn samples_are_taken_refused_and_shown() {
    let stage = Stage::new();
    let lines = "{\"client\":\"203.0.113.7\",\"region\":\"eu-west\",\"rtt_ms\":23.4}\n\
                 {\"client\":\"203.0.113.0/24\",\"region\":\"us-east\",\"rtt_ms\":90}\n\
                 {\"client\":\"203.0.113.7\",\"region\":\"mars\",\"rtt_ms\":23.4}\n\
                 {\"client\":\"2001:db8::1\",\"region\":\"eu-west\",\"rtt_ms\":5}\n";
    let taken = post(&stage, lines).await;
    assert_eq!(taken.status(), 200);
    let taken: Value = taken.json().await.unwrap();
    let refused = json!([{ "line": 3, "reason": "unknown-region", "found": "mars" }]);
    assert_eq!(taken, json!({ "taken": 3, "refused": refused, "refused_total": 1 }));
    let shown = stage.read("/api/v1/latency?prefix=203.0.113.99").await;
    let shown: Value = shown.json().await.unwrap();
    let known = &shown["prefixes"][0];
    assert_eq!(known["prefix"], "203.0.113.0/24");
    assert_eq!(
        (&known["regions"][0]["region"], &known["regions"][1]["region"]),
        (&json!("us-east"), &json!("eu-west"))
    );
    assert!((known["regions"][1]["rtt_ms"].as_f64().unwrap() - 23.4).abs() < 0.02, "{known}");
    let none = stage.read("/api/v1/latency?prefix=198.51.100.0/24").await;
    let none: Value = none.json().await.unwrap();
    assert_eq!(none["prefixes"][0]["regions"], json!([]));
    let all: Value = stage.read("/api/v1/latency").await.json().await.unwrap();
    assert_eq!((all["prefixes"].as_array().unwrap().len(), &all["next"]), (2, &Value::Null));
    let rest: Value =
        stage.read("/api/v1/latency?after=203.0.113.0/24").await.json().await.unwrap();
    assert_eq!(rest["prefixes"][0]["prefix"], "2001:db8::/48");
    for query in ["prefix=here", "prefix=203.0.0.0/16", "after=x", "prefix=::1&after=::1"] {
        problem(stage.read(&format!("/api/v1/latency?{query}")).await, 400, "query").await;
    }
    let metrics = stage.read("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("meridian_latency_samples_total{outcome=\"taken\"} 3\n"), "{metrics}");
    assert!(metrics.contains("meridian_latency_prefixes 2\n"), "{metrics}");
}

#[tokio::test]
async fn a_batch_has_bounds() {
    let stage = Stage::new();
    let most = limits::LATENCY_LINES;
    let taken = post(&stage, "x\n".repeat(most)).await;
    let taken: Value = taken.json().await.unwrap();
    assert_eq!((&taken["taken"], &taken["refused_total"]), (&json!(0), &json!(most)));
    assert_eq!(taken["refused"].as_array().unwrap().len(), limits::LATENCY_REFUSALS);
    problem(post(&stage, "\n".repeat(most + 1)).await, 413, "too-long").await;
    problem(post(&stage, "x".repeat(limits::LATENCY_BATCH + 1)).await, 413, "too-long").await;
    let empty: Value = post(&stage, "").await.json().await.unwrap();
    assert_eq!(empty, json!({ "taken": 0, "refused": [], "refused_total": 0 }));
}
