//! Two real nodes over a real NATS server: one decides whom regions refuse, both answer so, and
//! the other goes on from there when the one is killed.

use std::fs;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::time::Duration;
use std::time::Instant;

use ipnet::IpNet;
use meridian::model::RecordType;
use serde_json::Value;

use crate::asking::Ask;
use crate::ground;
use crate::ground::Ground;
use crate::loads::push;
use crate::nats_server::NatsServer;
use crate::program;
use crate::running::Node;
use crate::running::free_port;
use crate::running::now;
use crate::running::udp;

/// A node that was killed is waited for half a minute.
const DEADLINE: Duration = Duration::from_secs(120);

/// How long clients keep an answer.
const TTL: Duration = Duration::from_secs(2);

/// From one look to the next.
const PAUSE: Duration = Duration::from_millis(100);

/// What is the same for a TTL and longer has settled.
const SETTLED: usize = 30;

const US: &str = "192.0.2.1";

/// All clients are in Virginia, where half of them are too many.
const REGIONS: &str = r#"
[geoip]
databases = ["geo.mmdb"]
[zone.test]
file = "test.zone"
[region.us]
location = { lat = 39.04, lon = -77.49 }
capacity = 128
load = "push"
load-interval = "1s"
[region.eu]
location = { lat = 53.34, lon = -6.27 }
capacity = 1000
load = "push"
load-interval = "1s"
[service.www]
name = "www.test"
ttl = "2s"
ttl-min = "2s"
[service.www.pool.us]
endpoints = ["192.0.2.1"]
[service.www.pool.eu]
endpoints = ["192.0.2.2"]
"#;

fn start(name: &str, nats: &str) -> (Node, SocketAddr) {
    let port = free_port();
    let api = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let head = format!(
        "[server]\nlisten = [\"127.0.0.1:{port}\", \"[::1]:{port}\"]\n[control]\n\
         listen = \"{api}\"\n[cluster]\nnats = [\"{nats}\"]\nnode = \"{name}\"\nreplicas = 1\n\
         probe = false\n"
    );
    let ground = Ground::new(&[("test.zone", ground::ZONE)]);
    ground.write("meridian.toml", head + REGIONS);
    (Node::start_in(ground, port), api)
}

/// What a node says of a region: its cutoff, and whether it plans itself.
fn status(node: &Node) -> (Option<f64>, bool) {
    let run = program::run(node.ground.folder(), "status --json");
    let status: Value = serde_json::from_str(&run.stdout).unwrap_or_default();
    let us = &status["regions"][0]["load"];
    (us["cutoff_ms"].as_f64(), us["share"].is_number())
}

/// The net of a client: neighbours of 16 bits, which is as wide as a leaf may be.
fn net(client: usize) -> IpNet {
    let address = IpAddr::from([20, u8::try_from(client).unwrap(), 1, 0]);
    IpNet::new(address, 24).unwrap()
}

fn is_us(node: &Node, client: usize) -> bool {
    let answer = udp(node.v4(), &Ask::new("www.test", RecordType::A).subnet(net(client)));
    answer.addresses().first().unwrap().to_string() == US
}

/// Which of all clients a node sends to the first region.
fn sent(node: &Node) -> Vec<bool> {
    (0..256).map(|client| is_us(node, client)).collect()
}

/// The values that followed each other.
fn changes(cutoffs: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut changes = cutoffs.to_vec();
    changes.dedup();
    changes
}

/// Clients who keep answers for the TTL, and one node of two that is told what load they make.
struct Scene {
    /// The one that is told; the other hears of it.
    node: Node,
    api: SocketAddr,
    token: String,
    /// Of each client, whether it is at the first region, and until when.
    clients: Vec<(bool, Instant)>,
}

impl Scene {
    fn new((node, api): (Node, SocketAddr)) -> Self {
        let token = fs::read_to_string(node.ground.folder().join("state/operator.token")).unwrap();
        let begin = now();
        let client = |nth: u32| (true, begin + TTL * nth / 256);
        let clients = (0..256).map(client).collect();
        Self { node, api, token: token.trim().to_owned(), clients }
    }

    /// Clients whose answer is too old ask again, and the load of all is told.
    fn pass(&mut self) {
        for (nth, (at_us, due)) in self.clients.iter_mut().enumerate() {
            if *due <= now() {
                *at_us = is_us(&self.node, nth);
                *due += TTL;
            }
        }
        let us = self.clients.iter().filter(|(at_us, _)| *at_us).count();
        let eu = self.clients.len() - us;
        let told = push(
            self.api,
            &self.token,
            &format!("{{\"region\":\"us\",\"load\":{us}}}\n{{\"region\":\"eu\",\"load\":{eu}}}\n"),
        );
        assert!(told.contains("\"taken\": 2"), "{told}");
    }

    /// Lets clients come until something holds of what the told node has; returns its cutoffs of
    /// all that time.
    fn until(
        &mut self,
        what: &str,
        mut holds: impl FnMut(&Self, (Option<f64>, bool)) -> bool,
    ) -> Vec<Option<f64>> {
        let deadline = now() + DEADLINE;
        let mut cutoffs = Vec::new();
        loop {
            self.pass();
            let found = status(&self.node);
            cutoffs.push(found.0);
            if holds(self, found) {
                return cutoffs;
            }
            assert!(now() < deadline, "{what}: {found:?} {:?}", changes(&cutoffs));
            std::thread::sleep(PAUSE);
        }
    }
}

#[test]
fn two_nodes_refuse_alike_and_one_goes_on_where_the_other_was() {
    let server = NatsServer::start("");
    let (mut first, _) = start("a", &server.url());
    let mut scene = Scene::new(start("b", &server.url()));

    // The first by name decides, from loads that only the other is told.
    let mut same: (usize, Option<f64>) = (0, None);
    scene.until("both have settled for the same", |scene, (cutoff, plans)| {
        let is_alike = cutoff.is_some() && !plans && status(&first) == (cutoff, true);
        same = if is_alike && same.1 == cutoff { (same.0 + 1, cutoff) } else { (0, cutoff) };
        same.0 >= SETTLED && sent(&first) == sent(&scene.node)
    });
    let (held, refused) = (same.1, sent(&scene.node));
    let at_us = refused.iter().filter(|at_us| **at_us).count();
    assert!((90..=122).contains(&at_us), "within its hard limit, and not for nothing: {at_us}");

    // Without it the other holds on to that, decides, and changes nothing.
    first.signal("KILL");
    first.ended();
    let mut plans_for = 0;
    let cutoffs = scene.until("the other decides", |_, (_, plans)| {
        plans_for += usize::from(plans);
        plans_for >= SETTLED
    });
    assert_eq!(changes(&cutoffs), [held]);
    assert_eq!(sent(&scene.node), refused);

    // It comes back, and decides again; nothing changes either.
    first.restart();
    let mut alike_for = 0;
    let cutoffs = scene.until("the first decides again", |_, (cutoff, plans)| {
        let is_alike = !plans && status(&first) == (cutoff, true);
        alike_for = if is_alike { alike_for + 1 } else { 0 };
        alike_for >= SETTLED
    });
    assert_eq!(changes(&cutoffs), [held]);
    assert_eq!([sent(&first), sent(&scene.node)], [refused.clone(), refused]);
}
