//! HTTP targets that behave, and those that do not.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::health::Outcome;
use crate::model::BodyMatch;
use crate::model::HttpProbe;
use crate::model::Probe;
use crate::prober::tests::failure;
use crate::prober::tests::get;
use crate::prober::tests::outcome;
use crate::prober::tests::report;

/// What a probe of a target comes to that sends this, again and again if told so.
async fn told(answer: &[u8], again: bool, probe: HttpProbe, timeout: Duration) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let serve = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let n = stream.read(&mut [0; 4096]).await.unwrap_or(0);
            assert!(n > 0, "there was a request");
            while stream.write_all(answer).await.is_ok() && again {}
        }
    };
    tokio::select! {
        report = report(Probe::Http(probe), at, timeout) => report.outcome,
        () = serve => unreachable!(),
    }
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn statuses_and_bodies_are_judged() {
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{\"db\":{\"up\":true}}";
    assert_eq!(told(ok, false, get(), LONG).await, Outcome::Success);
    let json =
        |value: bool| HttpProbe { expect_json: vec![("/db/up".into(), value.into())], ..get() };
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{\"db\":{\"up\":true}}";
    assert_eq!(told(ok, false, json(true), LONG).await, Outcome::Success);
    let wrong = told(ok, false, json(false), LONG).await;
    assert_eq!(failure(&wrong), "/db/up true, expected false");
    let busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
    let busy = told(busy, false, get(), LONG).await;
    assert_eq!(failure(&busy), "status 503, expected 200-299");
    let body = BodyMatch::Matches("^ready$".to_owned());
    let pattern = HttpProbe { expect_body: Some(body), ..get() };
    let other = told(ok, false, pattern, LONG).await;
    assert!(failure(&other).ends_with("expected /^ready$/"), "{other:?}");
}

#[tokio::test]
async fn whatever_a_target_does_costs_one_failure_within_the_timeout() {
    let contains = || HttpProbe { expect_body: Some(BodyMatch::Contains("x".into())), ..get() };
    let short = Duration::from_millis(300);
    for (answer, again, timeout, expected) in [
        (&b"\x16\x03garbage\r\n\r\n"[..], false, LONG, "no HTTP"),
        (b"", false, LONG, "connection closed while waiting for the answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", false, LONG, "while reading the body"),
        (b"HTTP/1.1 200 OK\r\n\r\nnothing of it", false, LONG, "expected \"x\" in it"),
        (b"HTTP/1.1 200 OK\r\nA: bcdefghijklmnopqrst\r\n", true, LONG, ""),
    ] {
        let found = told(answer, again, contains(), timeout).await;
        assert!(failure(&found).contains(expected), "{found:?}, expected {expected}");
    }
    // A body without an end: what comes first decides.
    let head = b"HTTP/1.1 200 OK\r\n\r\nyyyyyyyyyyyyyyyyyyyyyyyy";
    let endless = told(
        head,
        true,
        HttpProbe { expect_body: Some(BodyMatch::Contains("z".into())), ..get() },
        LONG,
    )
    .await;
    assert!(failure(&endless).contains("expected \"z\" in it"), "{endless:?}");
    // Nothing at all: the listener's queue takes the connection and nobody answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let silent = report(Probe::Http(get()), at, short).await.outcome;
    assert_eq!(failure(&silent), "no answer within 300 ms while waiting for the answer");
    drop(listener);
    assert_eq!(failure(&outcome(Probe::Http(get()), at).await), "connection refused");
}

#[tokio::test]
async fn redirects_are_followed_only_so_far() {
    let follow = HttpProbe { redirects: 3, ..get() };
    let to_itself = b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n";
    let found = told(to_itself, false, follow, LONG).await;
    assert_eq!(failure(&found), "more than 3 redirects");
    let kept = HttpProbe { expect_status: vec![302..=302], ..get() };
    assert_eq!(told(to_itself, false, kept, LONG).await, Outcome::Success);
}
