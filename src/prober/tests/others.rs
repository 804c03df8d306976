//! The other kinds: tcp, tls, exec, push, icmp, and a name that is none.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::CertificateParams;
use rcgen::KeyPair;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::health::Outcome;
use crate::health::Report;
use crate::model::DnsProbe;
use crate::model::ExecProbe;
use crate::model::Probe;
use crate::model::TcpProbe;
use crate::model::TlsOptions;
use crate::model::TlsProbe;
use crate::prober::Prober;
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
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(ends, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority.pem");
    std::fs::write(&path, certificate.pem()).unwrap();
    let secret = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let serve = async {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            acceptor.accept(stream).await.ok();
        }
    };
    let tls = TlsOptions {
        server_name: None,
        verify,
        authorities: is_trusted.then_some(path),
        identity: None,
        expiry_warning: Duration::ZERO,
    };
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
    assert!(!prober.heartbeat("it", "elsewhere", None) && !prober.heartbeat("x", "place", None));
    assert!(prober.heartbeat("it", "place", None));
    while reports.recv().await.unwrap().outcome != Outcome::Success {}
    assert!(prober.heartbeat("it", "place", Some("tired".to_owned())));
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

#[tokio::test]
async fn a_dns_response_must_be_to_the_query_and_have_the_code() {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    let serve = async {
        let mut octets = [0; 512];
        loop {
            let (n, peer) = socket.recv_from(&mut octets).await.unwrap();
            // To another query, which says nothing; then NXDOMAIN to this one.
            octets[2] |= 0x80;
            octets[3] = 3;
            octets[0] ^= 0xff;
            socket.send_to(&octets[..n], peer).await.unwrap();
            octets[0] ^= 0xff;
            socket.send_to(&octets[..n], peer).await.unwrap();
        }
    };
    let probe = |expect_rcode| {
        let (name, rtype) = ("a.example".parse().unwrap(), crate::model::RecordType::A);
        Probe::Dns(DnsProbe { port: 53, name, rtype, expect_rcode, expect_answer: Vec::new() })
    };
    let both = async { (outcome(probe(3), at).await, outcome(probe(0), at).await) };
    let (right, wrong) = tokio::select! { both = both => both, () = serve => unreachable!() };
    assert_eq!(right, Outcome::Success);
    assert!(failure(&wrong).starts_with("code 3 ("), "{wrong:?}");
}
