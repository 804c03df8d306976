//! Where probes may not go they do not go: no connection, no datagram.

use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::health::Endpoints;
use crate::health::Handed;
use crate::health::Outcome;
use crate::model::DnsProbe;
use crate::model::GrpcProbe;
use crate::model::HttpProbe;
use crate::model::Probe;
use crate::model::ProbeHost;
use crate::model::RecordType;
use crate::model::TcpProbe;
use crate::model::TlsOptions;
use crate::model::TlsProbe;
use crate::prober::Allowed;
use crate::prober::Prober;
use crate::prober::tests::failure;
use crate::prober::tests::get;
use crate::prober::tests::plan;
use crate::tasks::Tasks;

fn tls() -> TlsOptions {
    TlsOptions {
        server_name: None,
        verify: false,
        authorities: None,
        identity: None,
        expiry_warning: Duration::ZERO,
    }
}

/// One of each kind that goes anywhere.
fn kinds() -> Vec<Probe> {
    let port = 1;
    let (name, rtype) = ("a.example".parse().unwrap(), RecordType::A);
    let dns = DnsProbe { port, name, rtype, expect_rcode: 0, expect_answer: Vec::new() };
    let grpc = |tls| Probe::Grpc(GrpcProbe { port, service: String::new(), host: None, tls });
    vec![
        Probe::Http(get()),
        Probe::Http(HttpProbe { redirects: 3, ..get() }),
        Probe::Http(HttpProbe { tls: Some(tls()), ..get() }),
        Probe::Http(HttpProbe { tls: Some(tls()), redirects: 3, ..get() }),
        Probe::Tcp(TcpProbe { port, send: None, expect: None }),
        Probe::Tls(TlsProbe { port, tls: tls() }),
        grpc(None),
        grpc(Some(tls())),
        Probe::Dns(dns),
        Probe::Icmp,
    ]
}

fn endpoints(addresses: &[&str], hosts: &[&str]) -> Allowed {
    let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
    let hosts = hosts.iter().map(|&text| text.to_owned()).collect();
    Allowed::endpoints(&Handed { endpoints: Endpoints { addresses, hosts }, ..Handed::default() })
}

/// What a probe of a host comes to where only so much is allowed.
async fn outcome(probe: Probe, host: &ProbeHost, port: u16, allowed: Allowed) -> Outcome {
    let tasks = Tasks::new();
    let (sender, mut reports) = mpsc::channel(1);
    let mut plan = plan(probe, SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_secs(30));
    plan.checks[0].at.host = host.clone();
    plan.allowed = allowed;
    let _prober = Prober::start(plan, sender, &tasks).unwrap();
    let outcome = reports.recv().await.unwrap().outcome;
    tasks.cancel();
    outcome
}

/// A listener by TCP and one by UDP at the same port; what comes is counted.
async fn ears() -> (TcpListener, UdpSocket, u16) {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = tcp.local_addr().unwrap().port();
        if let Ok(udp) = UdpSocket::bind(("127.0.0.1", port)).await {
            return (tcp, udp, port);
        }
    }
}

#[tokio::test]
async fn what_is_not_allowed_gets_no_packet_of_any_kind() {
    let (tcp, udp, port) = ears().await;
    let heard = AtomicUsize::new(0);
    let count = async {
        let mut octets = [0; 512];
        loop {
            tokio::select! {
                _ = tcp.accept() => {}
                _ = udp.recv_from(&mut octets) => {}
            }
            heard.fetch_add(1, Ordering::Relaxed);
        }
    };
    let literal = ProbeHost::Address("127.0.0.1".parse().unwrap());
    let mapped = ProbeHost::Address("::ffff:127.0.0.1".parse().unwrap());
    let name = ProbeHost::Name("localhost".to_owned());
    let probes = async {
        for probe in kinds() {
            let kind = probe.kind();
            for (host, allowed) in [
                (&literal, endpoints(&["192.0.2.1"], &[])),
                // An endpoint says so itself, and it is not believed.
                (&literal, endpoints(&["127.0.0.1"], &[])),
                (&mapped, endpoints(&["::ffff:127.0.0.1"], &[])),
                (&name, endpoints(&["127.0.0.1"], &[])),
                (&name, endpoints(&["127.0.0.1"], &["localhost"])),
                (&name, Allowed::nets(vec!["192.0.2.0/24".parse().unwrap()])),
                (&literal, Allowed::default()),
            ] {
                let found = outcome(probe.clone(), host, port, allowed).await;
                let Outcome::Unable(why) = &found else { panic!("{kind} {host}: {found:?}") };
                assert!(why.contains("is not allowed: "), "{kind}: {why}");
                assert!(why.ends_with("; allow it with --allow"), "{kind}: {why}");
            }
        }
        // What was sent before this would be heard before it.
        let open = Allowed::nets(vec!["127.0.0.0/8".parse().unwrap()]);
        let knock = Probe::Tcp(TcpProbe { port, send: None, expect: None });
        assert_eq!(outcome(knock, &literal, port, open).await, Outcome::Success);
        while heard.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! { () = probes => {}, () = count => unreachable!() }
    assert_eq!(heard.load(Ordering::Relaxed), 1, "only the one that was allowed");
}

#[tokio::test]
async fn a_redirect_goes_where_the_first_request_went_or_nowhere() {
    let site = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = site.local_addr().unwrap().port();
    let away = other.local_addr().unwrap();
    let serve = async {
        for location in [format!("http://{away}/"), "/".to_owned()] {
            let (mut stream, _) = site.accept().await.unwrap();
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            let head = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation:";
            stream.write_all(format!("{head} {location}\r\n\r\n").as_bytes()).await.unwrap();
        }
        let (mut stream, _) = site.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    };
    let host = ProbeHost::Address("127.0.0.1".parse().unwrap());
    let allowed = || Allowed::nets(vec!["127.0.0.1/32".parse().unwrap()]);
    let follow = || Probe::Http(HttpProbe { redirects: 3, ..get() });
    let probes = async {
        let elsewhere = outcome(follow(), &host, port, allowed()).await;
        assert!(failure(&elsewhere).ends_with("which is not the endpoint"), "{elsewhere:?}");
        assert_eq!(outcome(follow(), &host, port, allowed()).await, Outcome::Success);
    };
    tokio::select! {
        () = probes => {}
        () = serve => unreachable!(),
        _ = other.accept() => panic!("a probe went where it was sent"),
    }
}

#[tokio::test]
async fn a_name_is_probed_where_its_addresses_are_allowed() {
    let (tcp, _, port) = ears().await;
    let nets = ["127.0.0.0/8", "::1/128"].map(|net| net.parse().unwrap());
    let probe = Probe::Tcp(TcpProbe { port, send: None, expect: None });
    let name = ProbeHost::Name("localhost".to_owned());
    let found = outcome(probe, &name, port, Allowed::nets(nets.to_vec())).await;
    assert_eq!(found, Outcome::Success);
    drop(tcp);
}
