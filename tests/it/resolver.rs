//! A real resolver in front: Unbound with its subnet cache, which believes our scopes.
//!
//! A thousand clients ask it, each from an address of its own. Every one must get what
//! Meridian itself says for it, and Unbound must have had to ask once per leaf of the map: a scope
//! too wide would give somebody the answer of others, one too narrow would cost queries.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use hickory_server::proto::op::Message;
use meridian::responder::Transport;

use crate::needs;
use crate::running::free_port;
use crate::running::now;
use crate::sockets::PATIENCE;
use crate::sockets::Running;
use crate::wire::Ask;
use crate::world::Script;

/// Recursion desired: a resolver does nothing without.
const RD: u16 = 0x0100;

const NAME: &str = "www.example.com";

const TOML: &str = r#"
[region.us]
location = { lat = 39.0, lon = -77.5 }
[region.eu]
location = { lat = 53.3, lon = -6.3 }
[region.jp]
location = { lat = 35.7, lon = 139.7 }
[policy.p]
rank = ["nearest"]
[service.www]
name = "www.example.com"
ttl = "10m"
[service.www.pool.us]
endpoints = ["192.0.2.1"]
[service.www.pool.eu]
endpoints = ["192.0.2.2"]
[service.www.pool.jp]
endpoints = ["192.0.2.3"]
"#;

const ZONE: &str = "@ 600 SOA ns h 1 2 3 4 60\n@ 600 NS ns\nns 600 A 192.0.2.53\n";

/// Networks of loopback with places; of all lengths that a /24 client subnet can tell apart.
fn geography() -> String {
    let places = ["US", "IE", "JP", "DE", "KR", "MX"];
    let mut lines = String::new();
    for second in 1..=40_u32 {
        let place = |n: u32| places[n as usize % places.len()];
        writeln!(lines, "127.{second}.0.0/16 {}", place(second * 7)).unwrap();
        let cut = 17 + second % 8;
        let third = (second * 37 % 256) & (0xff << (24 - cut).min(8) & 0xff);
        writeln!(lines, "127.{second}.{third}.0/{cut} {}", place(second * 5 + 1)).unwrap();
    }
    lines
}

#[test]
fn a_thousand_clients_behind_unbound_get_what_they_get_directly() {
    let stage = Script::new(TOML, "example.com", ZONE, &geography()).build();
    let server = Running::start(stage.snapshot.clone());
    let counted = Counted::start(server.addresses[0]);
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let Some(_unbound) = Unbound::start(folder.path(), port, counted.port) else {
        return needs::left_out("`unbound` is missing (see tests/prerequisites.sh)");
    };
    let resolver = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    wait_until_it_answers(&server, resolver);
    let before = counted.queries();
    let mut leaves = BTreeSet::new();
    for n in 0..1_000_u32 {
        let [_, _, a, b] = n.wrapping_mul(0x9e37_79b9).to_be_bytes();
        let client = Ipv4Addr::new(127, a % 44 + 1, b, 9);
        let direct =
            stage.ask(&Ask::new(NAME, "A").subnet(&format!("127.{}.{b}.0/24", a % 44 + 1)));
        let scope = direct.scope().unwrap();
        assert!((1..=24).contains(&scope), "{client}: {scope}");
        leaves.insert((u32::from(client) >> (32 - scope), scope));
        let query = Ask::new(NAME, "A").flags(RD).octets();
        let reply = server.ask(Transport::Udp, resolver, Some(IpAddr::V4(client)), &query);
        let got: Vec<String> =
            Message::from_vec(&reply).unwrap().answers.iter().map(|r| r.data.to_string()).collect();
        assert_eq!(got, direct.data(), "{client}, scope {scope}");
    }
    assert!(leaves.len() > 100, "{} leaves are too few to prove anything", leaves.len());
    assert_eq!(counted.queries() - before, leaves.len(), "queries that reached Meridian");
}

/// Unbound is up once it passes something on.
fn wait_until_it_answers(server: &Running, resolver: SocketAddr) {
    let deadline = now() + PATIENCE;
    let query = Ask::new("ns.example.com", "A").flags(RD).octets();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut reply = [0; 1500];
    while now() < deadline {
        socket.send_to(&query, resolver).unwrap();
        if socket.recv_from(&mut reply).is_ok_and(|(length, _)| length > query.len()) {
            return;
        }
    }
    panic!("unbound does not answer; the server behind it is at {:?}", server.addresses);
}

/// Unbound as a process; ended when dropped.
struct Unbound(Child);

impl Unbound {
    fn start(folder: &Path, port: u16, upstream: u16) -> Option<Self> {
        let file = folder.join("unbound.conf");
        let log = folder.join("log");
        std::fs::write(
            &file,
            format!(
                "server:\n directory: \"{0}\"\n username: \"\"\n chroot: \"\"\n pidfile: \"{0}/pid\"\n \
                 use-syslog: no\n logfile: \"{1}\"\n interface: 127.0.0.1@{port}\n \
                 access-control: 127.0.0.0/8 allow\n do-not-query-localhost: no\n \
                 module-config: \"subnetcache iterator\"\n send-client-subnet: 127.0.0.1\n \
                 client-subnet-zone: example.com\n max-client-subnet-ipv4: 24\n \
                 max-ecs-tree-size-ipv4: 10000\n num-threads: 1\n \
                 qname-minimisation: no\nremote-control:\n control-enable: no\n\
                 stub-zone:\n name: example.com\n stub-addr: 127.0.0.1@{upstream}\n",
                folder.display(),
                log.display(),
            ),
        )
        .unwrap();
        let mut command = Command::new("unbound");
        command.arg("-d").arg("-c").arg(file);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(process) => Some(Self(process)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => panic!("unbound: {error}"),
        }
    }
}

impl Drop for Unbound {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Passes datagrams on to a server and back, and counts those that ask for [`NAME`].
struct Counted {
    port: u16,
    queries: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Counted {
    fn start(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let port = socket.local_addr().unwrap().port();
        let upstream = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        upstream.connect(server).unwrap();
        upstream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (queries, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let shared = (Arc::clone(&queries), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let (queries, stop) = shared;
            let mut buffer = [0; 4096];
            while !stop.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                let wanted = buffer[12..length].to_ascii_lowercase().starts_with(b"\x03www\x07");
                queries.fetch_add(usize::from(wanted), Ordering::Relaxed);
                upstream.send(&buffer[..length]).unwrap();
                let length = upstream.recv(&mut buffer).unwrap();
                socket.send_to(&buffer[..length], from).unwrap();
            }
        });
        Self { port, queries, stop, thread: Some(thread) }
    }

    fn queries(&self) -> usize {
        self.queries.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}
