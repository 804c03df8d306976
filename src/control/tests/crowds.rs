//! Too many at once: of connections, streams, tokens and bodies.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::HOST;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::control::tests::Stage;
use crate::control::tests::problem;
use crate::model::limits;

#[tokio::test]
async fn streams_are_bounded_by_address_and_a_token_has_its_own() {
    let stage = Stage::new();
    let mut open = Vec::new();
    for _ in 0..limits::API_STREAMS_PER_PEER {
        open.push(stage.read("/api/v1/events").await);
    }
    let refused = stage.read("/api/v1/events").await;
    assert_eq!(refused.headers()["retry-after"], "2");
    problem(refused, 503, "streams").await;
    let own = stage.ask(Method::GET, "/api/v1/events").bearer_auth("read").send().await.unwrap();
    assert_eq!(own.status(), 200);
    drop(open.pop());
    // The place is free once the connection has noticed.
    for _ in 0..1000 {
        let again = stage.read("/api/v1/events").await;
        if again.status() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a stream that ended leaves its place");
}

/// A flood of wrong tokens, and of connections that say nothing: an operator at the same address
/// is heard.
#[tokio::test]
async fn an_operator_is_heard_whatever_comes_from_the_same_address() {
    let stage = Stage::new();
    let mut refused = 0;
    while refused == 0 {
        let wrong = stage.ask(Method::GET, "/api/v1/status").bearer_auth("wrong").send().await;
        refused += u32::from(wrong.unwrap().status() == 429);
    }
    let mut silent = Vec::new();
    for _ in 0..limits::API_CONNECTIONS {
        let mut half = TcpStream::connect(stage.address).await.unwrap();
        half.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
        silent.push(half);
    }
    let body = json!({ "target": "eu-west", "state": "drained" });
    assert_eq!(stage.write(Method::PUT, "/api/v1/admin", body).await.status(), 200);
    // The first of the silent ones went, and was told.
    let mut told = String::new();
    drop(silent[0].read_to_string(&mut told).await);
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("retry-after: 2"), "{told}");
    assert!(told.ends_with("\r\n\r\ntoo many connections.\n"), "{told}");
    let counts = stage.control.room.places.counts();
    assert!(counts.of_anybody <= limits::API_CONNECTIONS_PER_PEER + 1, "{counts:?}");
    assert!(counts.evicted > 0, "{counts:?}");
}

/// Bodies are neither read nor kept where there is no room for them, and deep ones are refused.
#[tokio::test]
async fn hostile_bodies_cost_little() {
    let stage = Stage::new();
    let deep = "[".repeat(limits::API_BODY - 1);
    for (method, path, status) in [
        (Method::PUT, "/api/v1/admin", 422),
        (Method::POST, "/api/v1/push/beat/192.0.2.1", 422),
        (Method::POST, "/api/v1/load", 200),
        (Method::POST, "/api/v1/latency", 200),
    ] {
        let sent = stage.ask(method, path).bearer_auth("operate").body(deep.clone()).send().await;
        assert_eq!(sent.unwrap().status(), status, "{path}: nothing of it is taken");
    }
    // Bodies that are promised and never come.
    let mut slow = Vec::new();
    let head = format!(
        "POST /api/v1/load HTTP/1.1\r\nHost: [::1]\r\nAuthorization: Bearer report\r\n\
         Content-Length: {}\r\n\r\n",
        limits::API_BODY
    );
    for _ in 0..limits::API_CONNECTIONS_PER_TOKEN {
        let mut stream = TcpStream::connect(stage.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let body = json!({ "target": "eu-west", "state": "drained" });
    assert_eq!(stage.write(Method::PUT, "/api/v1/admin", body).await.status(), 200);
    let status = stage.read("/api/v1/status").await.status();
    assert_eq!(status, 200, "who shows no token has other places");
}

#[tokio::test]
async fn who_may_not_read_is_told_that_the_node_is_there() {
    let stage = Stage::new();
    let ask = |path: &str| stage.ask(Method::GET, path).header(HOST, "ns1.example");
    assert_eq!(ask("/healthz").send().await.unwrap().text().await.unwrap(), "ok\n");
    assert_eq!(ask("/readyz").send().await.unwrap().text().await.unwrap(), "ready\n");
    let wrong = ask("/readyz").bearer_auth("wrong").send().await.unwrap();
    problem(wrong, 401, "token").await;
    let ready: Value =
        ask("/readyz").bearer_auth("read").send().await.unwrap().json().await.unwrap();
    assert_eq!(ready["generation"], 3);
}
