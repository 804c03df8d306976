//! HTTP targets that behave, and those that do not.

use std::time::Duration;

use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;

use crate::health::Outcome;
use crate::health::Report;
use crate::model::BodyMatch;
use crate::model::HttpProbe;
use crate::model::Probe;
use crate::model::TlsOptions;
use crate::model::limits;
use crate::prober::tests::certificates::Own;
use crate::prober::tests::failure;
use crate::prober::tests::get;
use crate::prober::tests::outcome;
use crate::prober::tests::report;

/// What a probe of a target comes to that sends this, again and again if told so.
async fn told(answer: &[u8], again: bool, probe: HttpProbe, timeout: Duration) -> Outcome {
    served(answer, if again { answer } else { b"" }, probe, timeout).await
}

/// What a probe of a target comes to that sends this, and then that without an end.
async fn served(answer: &[u8], then: &[u8], probe: HttpProbe, timeout: Duration) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let serve = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let n = stream.read(&mut [0; 4096]).await.unwrap_or(0);
            assert!(n > 0, "there was a request");
            stream.write_all(answer).await.ok();
            while !then.is_empty() && stream.write_all(then).await.is_ok() {}
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
    let away = b"HTTP/1.1 307 Away\r\nLocation: http://127.0.0.2/\r\nContent-Length: 0\r\n\r\n";
    let found = told(away, false, HttpProbe { redirects: 3, ..get() }, LONG).await;
    assert_eq!(failure(&found), "a redirect to http://127.0.0.2/, which is not the endpoint");
    let kept = HttpProbe { expect_status: vec![302..=302], ..get() };
    assert_eq!(told(to_itself, false, kept, LONG).await, Outcome::Success);
}

fn wants(text: &str) -> HttpProbe {
    HttpProbe { expect_body: Some(BodyMatch::Contains(text.to_owned())), ..get() }
}

#[tokio::test]
async fn old_and_early_answers_are_understood() {
    for answer in [
        &b"HTTP/1.0 200 OK\r\n\r\nready"[..],
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\nready",
        b"HTTP/1.1 200 OK\r\nX-Odd: \xff\xfe\t\xe9\r\nX-Empty:\r\n\r\nready",
        b"HTTP/1.1 200 \xe9\r\n\r\nready",
        b"HTTP/1.1 200\r\n\r\nready",
    ] {
        let found = told(answer, false, wants("ready"), LONG).await;
        assert_eq!(found, Outcome::Success, "{}", String::from_utf8_lossy(answer));
    }
}

#[tokio::test]
async fn heads_are_taken_as_browsers_take_them() {
    let many: String = (0..1000).map(|n| format!("X-Debug-{n}: v\r\n")).collect();
    let many = format!("HTTP/1.1 200 OK\r\n{many}\r\nready");
    for answer in [
        &b"HTTP/1.1 200 OK\r\nContent-Security-Policy: a;\r\n  b\r\n\tc\r\n\r\nready"[..],
        b"HTTP/1.1 200 OK\r\nServer : Old/1.0\r\nContent-Length\t: 5\r\n\r\nready",
        b"HTTP/1.1 200 OK\r\nX Powered By: x\r\n\r\nready",
        b"HTTP/1.1 200 OK\r\nX-Odd: a\x01b\r\n\r\nready",
        b"HTTP/1.1 200 OK\r\nno colon\r\n: no name\r\nX(y)[z]: v\r\n\xc3\xa9: v\r\n\r\nready",
        b"HTTP/1.1 200 OK\nX-Bare: line feeds\n\nready",
        b"http/1.1  200 O\x01K\r\nContent-Length: +5\r\n\r\nready",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nready\r\n0\r\n\r\n",
        many.as_bytes(),
    ] {
        let found = told(answer, false, wants("ready"), LONG).await;
        assert_eq!(found, Outcome::Success, "{}", String::from_utf8_lossy(answer));
    }
}

#[tokio::test]
async fn a_target_can_end_in_order_though_nobody_wants_its_body() {
    let body = vec![b'y'; 900 * 1024];
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    for probe in
        [get(), wants("yyy"), wants("z"), HttpProbe { expect_status: vec![204..=204], ..get() }]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await?;
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body).await?;
            stream.read(&mut [0; 1]).await
        };
        // Whatever is judged: no reset, no broken pipe, and the end of the other side.
        let (_, served) = tokio::join!(report(Probe::Http(probe), at, LONG), serve);
        assert_eq!(served.ok(), Some(0));
    }
}

#[tokio::test]
async fn a_body_without_an_end_costs_no_time_once_it_is_judged() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    let slow = async |probe| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let n = stream.read(&mut [0; 4096]).await.unwrap();
            assert!(n > 0, "there was a request");
            stream.write_all(head).await.unwrap();
            stream.write_all(b"data: ready\n\n").await.unwrap();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            report = report(Probe::Http(probe), at, Duration::from_millis(800)) => report,
            () = serve => unreachable!(),
        }
    };
    for probe in [get(), wants("ready")] {
        let report = slow(probe).await;
        assert_eq!(report.outcome, Outcome::Success);
        assert!(report.took < Duration::from_millis(500), "{:?}", report.took);
    }
    let found = slow(wants("other")).await.outcome;
    assert_eq!(failure(&found), "no answer within 800 ms while reading the body");
}

#[tokio::test]
async fn a_body_may_end_without_the_farewell_of_tls() {
    let own = Own::new("localhost", 2090);
    for (head, expected) in [
        ("HTTP/1.1 200 OK\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", false),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let acceptor = own.acceptor(b"http/1.1", None);
        let serve = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            let n = stream.read(&mut [0; 4096]).await.unwrap();
            assert!(n > 0, "there was a request");
            stream.write_all(format!("{head}ready").as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            // The connection ends, and TLS does not.
            stream.get_mut().0.shutdown().await.unwrap();
            std::future::pending::<()>().await;
        };
        let pattern = BodyMatch::Matches("^ready$".to_owned());
        let tls = Some(own.options());
        let probe = Probe::Http(HttpProbe { tls, expect_body: Some(pattern), ..get() });
        let found = tokio::select! {
            report = report(probe, at, LONG) => report.outcome,
            () = serve => unreachable!(),
        };
        assert_eq!(found == Outcome::Success, expected, "{head} {found:?}");
    }
}

#[tokio::test]
async fn json_has_one_kind_of_number_and_may_have_a_mark_before_it() {
    let json = |expected: serde_json::Value| HttpProbe {
        expect_json: vec![("/a".to_owned(), expected)],
        ..get()
    };
    for (body, expected, fits) in [
        (r#"{"a":100}"#, "100.0", true),
        (r#"{"a":100.0}"#, "100", true),
        (r#"{"a":1e2}"#, "100", true),
        (r#"{"a":-0.0}"#, "0", true),
        (r#"{"a":100.5}"#, "100", false),
        (r#"{"a":"100"}"#, "100", false),
        (r#"{"a":[1.0,{"b":2}]}"#, r#"[1,{"b":2.0}]"#, true),
        (r#"{"a":[1.0]}"#, "[1,2]", false),
        (r#"{"a":9007199254740993}"#, "9007199254740992", false),
        ("\u{feff}{\"a\":true}", "true", true),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let expected = serde_json::from_str(expected).unwrap();
        let found = told(answer.as_bytes(), false, json(expected), LONG).await;
        assert_eq!(found == Outcome::Success, fits, "{body} {found:?}");
    }
    let long = format!("{{\"x\":\"{}\",\"a\":1}}", "a".repeat(70_000));
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{long}", long.len());
    let found = told(answer.as_bytes(), false, json(1.into()), LONG).await;
    assert!(failure(&found).ends_with("the body is longer than the 64 KiB that are read"));
}

#[tokio::test]
async fn a_body_is_read_so_far_and_no_further() {
    let sized = |n: usize| {
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n").into_bytes();
        answer.resize(answer.len() + n - 1, b'y');
        answer.push(b'z');
        answer
    };
    let fits = told(&sized(limits::PROBE_BODY), false, wants("z"), LONG).await;
    assert_eq!(fits, Outcome::Success);
    let over = told(&sized(limits::PROBE_BODY + 1), false, wants("z"), LONG).await;
    let expected = "expected \"z\" in it; the body is longer than the 64 KiB that are read";
    assert!(failure(&over).ends_with(expected), "{over:?}");
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = served(head, b"5\r\nyyyyy\r\n", wants("z"), LONG).await;
    assert!(failure(&chunks).contains("expected \"z\" in it"), "{chunks:?}");
    let early = b"HTTP/1.1 102 Processing\r\n\r\n";
    let short = Duration::from_millis(500);
    let found = served(early, early, get(), short).await;
    assert!(matches!(found, Outcome::Failure(_)), "{found:?}");
}

/// What a probe by TLS comes to: the server answers each path with what is given for it, and
/// wants a certificate if told so.
async fn by_tls(
    own: &Own,
    of_client: Option<&Own>,
    probe: HttpProbe,
    answer: impl Fn(&str) -> String,
) -> Report {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let acceptor = own.acceptor(b"http/1.1", of_client);
    let serve = async {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).await.ok();
            let path = line.split(' ').nth(1).unwrap_or_default();
            stream.write_all(answer(path).as_bytes()).await.ok();
            stream.shutdown().await.ok();
        }
    };
    tokio::select! {
        report = report(Probe::Http(probe), at, LONG) => report,
        () = serve => unreachable!(),
    }
}

#[tokio::test]
async fn a_certificate_is_shown_where_one_is_wanted() {
    let (own, client) = (Own::new("localhost", 2090), Own::new("probe.example", 2090));
    let ok = |_: &str| "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned();
    let tls = TlsOptions { identity: Some(client.identity()), ..own.options() };
    let shows = HttpProbe { tls: Some(tls), ..get() };
    assert_eq!(by_tls(&own, Some(&client), shows, ok).await.outcome, Outcome::Success);
    let hides = HttpProbe { tls: Some(own.options()), ..get() };
    let refused = by_tls(&own, Some(&client), hides, ok).await.outcome;
    assert!(failure(&refused).contains("it wants another `certificate`"), "{refused:?}");
}

#[tokio::test]
async fn redirects_stay_at_the_endpoint_by_tls_too() {
    let own = Own::new("other.example", 2090);
    let moved =
        |to: &str| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    let site = |path: &str| match path {
        "/" => moved("https://localhost/in?a=b"),
        "/in?a=b" => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(),
        "/away" => moved("http://169.254.169.254/latest/"),
        _ => moved("http://localhost/"),
    };
    let tls = TlsOptions { server_name: Some("other.example".to_owned()), ..own.options() };
    let follow = |path: &str| HttpProbe {
        tls: Some(tls.clone()),
        redirects: 2,
        path: path.to_owned(),
        ..wants("ok")
    };
    let found = by_tls(&own, None, follow("/"), site).await;
    assert_eq!(found.outcome, Outcome::Success);
    assert_eq!(found.certificate_ends.unwrap().to_string(), "2090-01-01T00:00:00Z");
    for (path, expected) in [
        ("/away", "a redirect to http://169.254.169.254/latest/, which would leave TLS"),
        ("/clear", "a redirect to http://localhost/, which would leave TLS"),
    ] {
        let found = by_tls(&own, None, follow(path), site).await;
        assert_eq!(failure(&found.outcome), expected);
    }
}
