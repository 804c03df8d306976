//! The other kinds: tcp, tls, exec, push, icmp.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::health::Outcome;
use crate::health::Report;
use crate::model::ExecProbe;
use crate::model::Probe;
use crate::model::TcpProbe;
use crate::model::TlsOptions;
use crate::model::TlsProbe;
use crate::prober::Prober;
use crate::prober::tests::certificates::Own;
use crate::prober::tests::failure;
use crate::prober::tests::outcome;
use crate::prober::tests::plan;
use crate::prober::tests::report;
use crate::tasks::Tasks;

fn nowhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 1))
}

#[tokio::test]
async fn a_banner_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let serve = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"220 ready\r\n").await.ok();
        }
    };
    let probe = |expect: &str| {
        let expect = Some(expect.to_owned());
        Probe::Tcp(TcpProbe { port: 1, send: None, expect })
    };
    let both = async { (outcome(probe("220 "), at).await, outcome(probe("221"), at).await) };
    let (right, wrong) = tokio::select! { both = both => both, () = serve => unreachable!() };
    assert_eq!(right, Outcome::Success);
    assert_eq!(failure(&wrong), "\"220 ready\\r\\n\", expected \"221\"");
}

/// What a handshake comes to with a target whose certificate is for `name` and ends then.
async fn handshake(name: &str, ends: i32, verify: bool, is_trusted: bool) -> Report {
    handshake_of(Own::new(name, ends), verify, is_trusted).await
}

async fn handshake_of(own: Own, verify: bool, is_trusted: bool) -> Report {
    let acceptor = own.acceptor(b"", None);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let serve = async {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            acceptor.accept(stream).await.ok();
        }
    };
    let tls = own.options();
    let authorities = tls.authorities.clone().filter(|_| is_trusted);
    let tls = TlsOptions { verify, authorities, ..tls };
    let probe = Probe::Tls(TlsProbe { port: 1, tls });
    tokio::select! {
        report = report(probe, at, Duration::from_secs(30)) => report,
        () = serve => unreachable!(),
    }
}

#[tokio::test]
async fn certificates_are_judged_and_their_end_is_told() {
    let fine = handshake("localhost", 2090, true, true).await;
    assert_eq!(fine.outcome, Outcome::Success);
    assert_eq!(fine.certificate_ends.unwrap().to_string(), "2090-01-01T00:00:00Z");
    let expired = handshake("localhost", 2020, true, true).await;
    assert_eq!(failure(&expired.outcome), "certificate expired 2020-01-01T00:00:00Z");
    let other = handshake("other.example", 2090, true, true).await;
    assert_eq!(failure(&other.outcome), "certificate is for another name");
    let unknown = handshake("localhost", 2090, true, false).await;
    assert_eq!(failure(&unknown.outcome), "certificate is of an unknown authority");
    assert_eq!(handshake("other.example", 2020, false, false).await.outcome, Outcome::Success);
}

#[tokio::test]
async fn an_own_certificate_is_trusted_where_it_is_named_and_explained_where_not() {
    let authority = || Own::of_authority("localhost", 2090);
    let odd = || Own::critical("localhost", 2090);
    for own in [authority(), odd(), Own::version_1()] {
        assert_eq!(handshake_of(own, true, true).await.outcome, Outcome::Success);
    }
    for own in [authority(), odd(), Own::version_1()] {
        assert_eq!(handshake_of(own, false, false).await.outcome, Outcome::Success);
    }
    for (own, expected) in [
        (authority(), "an authority's (CA:TRUE)"),
        (odd(), "a critical extension that is not known"),
        (Own::version_1(), "X.509 version 1"),
    ] {
        let found = handshake_of(own, true, false).await.outcome;
        assert!(failure(&found).contains(expected), "{found:?}");
        assert!(failure(&found).contains("`authorities`"), "{found:?}");
    }
    let expired = handshake_of(Own::of_authority("localhost", 2020), true, true).await.outcome;
    assert_eq!(failure(&expired), "certificate expired 2020-01-01T00:00:00Z");
    let other = handshake_of(Own::of_authority("other.example", 2090), true, true).await.outcome;
    assert_eq!(failure(&other), "certificate is for another name");
}

#[tokio::test]
async fn a_program_says_by_its_status() {
    let run = |script: &str, timeout| {
        let arguments = vec!["-c".to_owned(), script.to_owned()];
        report(
            Probe::Exec(ExecProbe { program: PathBuf::from("/bin/sh"), arguments }),
            nowhere(),
            timeout,
        )
    };
    let long = Duration::from_secs(30);
    let environment = "test $MERIDIAN_ADDRESS = 127.0.0.1 && test $MERIDIAN_MONITOR = it";
    assert_eq!(run(environment, long).await.outcome, Outcome::Success);
    let failed = run("echo no disk >&2; exit 3", long).await.outcome;
    assert_eq!(failure(&failed), "exit status 3: no disk");
    let late = run("sleep 600 & sleep 600", Duration::from_millis(300)).await.outcome;
    assert_eq!(failure(&late), "no answer within 300 ms while the program ran");
    let left = run("sleep 600 & echo busy >&2; exit 1", long).await;
    assert_eq!(failure(&left.outcome), "exit status 1: busy");
    assert!(left.took < Duration::from_secs(20), "what keeps the pipe open holds up nobody");
    let missing = ExecProbe { program: PathBuf::from("/no/such"), arguments: Vec::new() };
    assert!(matches!(outcome(Probe::Exec(missing), nowhere()).await, Outcome::Unable(_)));
}

#[tokio::test]
async fn a_heartbeat_is_told_at_once_and_silence_after_an_interval() {
    let tasks = Tasks::new();
    let (sender, mut reports) = mpsc::channel(1);
    let mut plan = plan(Probe::Push, nowhere(), Duration::from_millis(200));
    plan.monitors[0].interval = Duration::from_millis(200);
    let prober = Prober::start(plan, sender, &tasks).unwrap();
    let silent = reports.recv().await.unwrap().outcome;
    assert_eq!(failure(&silent), "no heartbeat for 200 ms");
    assert!(
        !prober.heartbeat("it", "elsewhere", None) && !prober.heartbeat("x", "127.0.0.1", None)
    );
    assert!(prober.heartbeat("it", "127.0.0.1", None));
    while reports.recv().await.unwrap().outcome != Outcome::Success {}
    assert!(prober.heartbeat("it", "127.0.0.1", Some("tired".to_owned())));
    while reports.recv().await.unwrap().outcome != Outcome::Failure("tired".to_owned()) {}
    tasks.cancel();
}

#[tokio::test]
async fn an_echo_comes_back_from_loopback() {
    match outcome(Probe::Icmp, nowhere()).await {
        Outcome::Unable(why) => println!("left out: {why}"),
        other @ (Outcome::Success | Outcome::Failure(_)) => assert_eq!(other, Outcome::Success),
    }
}
