//! What browsers ask for and say, over real connections.

use reqwest::Method;
use reqwest::Response;
use serde_json::Value;
use serde_json::json;

use crate::config::Beacon;
use crate::control::tests::Stage;
use crate::control::tests::problem;
use crate::model::limits;

fn stage(proxies: &[&str]) -> Stage {
    let stage = Stage::new();
    let urls = [("us-east", "https://us.example.com/rtt"), ("eu-west", "https://eu.example.com/")];
    let urls = urls.map(|(region, url)| (region.to_owned(), url.to_owned())).to_vec();
    let proxies = proxies.iter().map(|net| net.parse().unwrap()).collect();
    stage.control.set_beacon(Some(Beacon { urls, proxies }));
    stage
}

async fn post(stage: &Stage, forwarded: &str, body: impl Into<reqwest::Body>) -> Response {
    let ask = stage.ask(Method::POST, "/api/v1/beacon").header("x-forwarded-for", forwarded);
    ask.body(body).send().await.unwrap()
}

async fn known(stage: &Stage, prefix: &str) -> Value {
    let path = format!("/api/v1/latency?prefix={prefix}");
    let page: Value = stage.read(&path).await.json().await.unwrap();
    page["prefixes"][0]["regions"].clone()
}

#[tokio::test]
async fn it_is_off_unless_it_is_configured() {
    let stage = Stage::new();
    problem(stage.read("/beacon.js").await, 404, "not-found").await;
    problem(post(&stage, "203.0.113.7", "{}").await, 404, "not-found").await;
}

#[tokio::test]
async fn the_script_is_for_anybody() {
    let stage = stage(&[]);
    let ask = stage.ask(Method::GET, "/beacon.js").header("host", "ns.example.com");
    let response = ask.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert_eq!(response.headers()["cross-origin-resource-policy"], "cross-origin");
    let script = response.text().await.unwrap();
    assert!(script.contains("\"us-east\":\"https://us.example.com/rtt\""), "{script}");
    assert!(!script.contains("URLS") && script.len() < 1400, "{}", script.len());
}

#[tokio::test]
async fn a_client_is_who_sends_or_whom_a_trusted_proxy_names() {
    let measured = json!({ "us-east": 90.5, "eu-west": 23.4, "mars": 1 }).to_string();
    let alone = stage(&[]);
    assert_eq!(post(&alone, "203.0.113.7", measured.clone()).await.status(), 204);
    assert_eq!(known(&alone, "203.0.113.7").await, json!([]), "nobody trusts that header");
    assert_eq!(known(&alone, "127.0.0.1").await.as_array().unwrap().len(), 2);
    let behind = stage(&["127.0.0.0/8"]);
    assert_eq!(post(&behind, "203.0.113.7", measured.clone()).await.status(), 204);
    let regions = known(&behind, "203.0.113.7").await;
    assert_eq!((&regions[0]["region"], &regions[0]["sources"]), (&json!("us-east"), &json!(1)));
    // All browsers of a prefix are one source.
    assert_eq!(post(&behind, "203.0.113.99", measured.clone()).await.status(), 204);
    let regions = known(&behind, "203.0.113.7").await;
    assert_eq!((&regions[0]["samples"], &regions[0]["sources"]), (&json!(2), &json!(1)));
    problem(post(&behind, "unknown", measured).await, 400, "query").await;
}

#[tokio::test]
async fn what_is_said_is_short_strict_and_seldom() {
    let stage = stage(&["127.0.0.0/8"]);
    for (client, body) in [
        ("203.0.113.7", "[]"),
        ("203.0.114.7", "{\"us-east\":\"1\"}"),
        ("203.0.115.7", "{\"us-east\":1}{}"),
        ("203.0.116.7", ""),
    ] {
        problem(post(&stage, client, body).await, 422, "body").await;
    }
    let many: serde_json::Map<String, Value> =
        (0..=limits::BEACON_REGIONS).map(|n| (n.to_string(), json!(1))).collect();
    let many = Value::Object(many).to_string();
    problem(post(&stage, "203.0.117.7", many).await, 422, "body").await;
    let long = " ".repeat(limits::BEACON_BODY + 1);
    problem(post(&stage, "203.0.118.7", long).await, 413, "too-long").await;
    for n in 0..limits::BEACON_BURST {
        let client = format!("198.51.100.{n}");
        assert_eq!(post(&stage, &client, "{\"us-east\":20}").await.status(), 204);
    }
    let refused = post(&stage, "198.51.100.200", "{\"us-east\":1}").await;
    let after = refused.headers()["retry-after"].to_str().unwrap().to_owned();
    assert_eq!(after, limits::BEACON_PAUSE.as_secs().to_string());
    problem(refused, 429, "rate").await;
    assert_eq!(post(&stage, "198.51.101.1", "{\"us-east\":20}").await.status(), 204);
}
