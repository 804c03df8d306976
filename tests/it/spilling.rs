//! Answers follow loads: the real binary, real sockets, real time.

use std::fs;
use std::net::Ipv4Addr;
use std::net::SocketAddr;

use fastrand::Rng;
use meridian::model::RecordType;
use serde_json::Value;

use crate::asking::Ask;
use crate::ground;
use crate::ground::Ground;
use crate::loads;
use crate::program;
use crate::running::DEADLINE;
use crate::running::Node;
use crate::running::free_port;
use crate::running::now;
use crate::running::udp;

const ADDRESSES: [&str; 3] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];

/// Virginia can take a thousand at the most, the others whoever comes.
const REGIONS: &str = r#"
[region.us]
location = { lat = 39.04, lon = -77.49 }
capacity = 400
load = "push"
load-interval = "1s"
[region.eu]
location = { lat = 53.34, lon = -6.27 }
capacity = 4000
load = "push"
load-interval = "1s"
[region.ap]
location = { lat = 1.35, lon = 103.82 }
[service.www]
name = "www.test"
ttl = "2s"
ttl-min = "1s"
[service.www.pool.us]
endpoints = ["192.0.2.1"]
[service.www.pool.eu]
endpoints = ["192.0.2.2"]
[service.www.pool.ap]
endpoints = ["192.0.2.3"]
"#;

struct Scene {
    node: Node,
    api: SocketAddr,
    token: String,
    clients: Vec<Ipv4Addr>,
}

impl Scene {
    fn start() -> Self {
        let port = free_port();
        let api = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let database = ground::country_database();
        let head = format!(
            "[server]\nlisten = [\"127.0.0.1:{port}\", \"[::1]:{port}\"]\n[control]\n\
             listen = \"{api}\"\n[geoip]\ndatabases = [{database:?}]\n[zone.test]\n\
             file = \"test.zone\"\n"
        );
        let ground = Ground::new(&[("test.zone", ground::ZONE)]);
        ground.write("meridian.toml", head + REGIONS);
        let node = Node::start_in(ground, port);
        let token = fs::read_to_string(node.ground.folder().join("state/operator.token")).unwrap();
        let mut rng = Rng::with_seed(9);
        let client = |_| Ipv4Addr::from(rng.u32(0x0100_0000..0xdf00_0000));
        let clients = (0..2000).map(client).collect();
        Self { node, api, token: token.trim().to_owned(), clients }
    }

    /// Where each client goes.
    fn regions(&self) -> Vec<usize> {
        let region = |client: &Ipv4Addr| {
            let ask = Ask::new("www.test", RecordType::A).client((*client).into());
            let answer = udp(self.node.v4(), &ask);
            let found = answer.addresses().first().unwrap().to_string();
            ADDRESSES.iter().position(|address| *address == found).unwrap()
        };
        self.clients.iter().map(region).collect()
    }

    /// Tells the loads that these answers make.
    fn tell(&self, regions: &[usize], factor: f64) {
        let load = |region: usize| {
            let count = regions.iter().filter(|at| **at == region).count();
            factor * f64::from(u32::try_from(count).unwrap())
        };
        let body = format!(
            "{{\"region\":\"us\",\"load\":{}}}\n{{\"region\":\"eu\",\"load\":{}}}\n",
            load(0),
            load(1)
        );
        let told = loads::push(self.api, &self.token, &body);
        assert!(told.contains("\"taken\": 2"), "{told}");
    }

    fn status(&self) -> Value {
        let run = program::run(self.node.ground.folder(), "status --json");
        serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.shown()))
    }

    /// Tells loads, second by second, until something holds.
    fn until(&self, what: &str, factor: f64, holds: impl Fn(&[usize]) -> bool) -> Vec<usize> {
        let deadline = now() + DEADLINE;
        loop {
            let regions = self.regions();
            if holds(&regions) {
                return regions;
            }
            assert!(now() < deadline, "{what}: {}", self.status());
            self.tell(&regions, factor);
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
    }
}

fn count(regions: &[usize], region: usize) -> usize {
    regions.iter().filter(|at| **at == region).count()
}

#[test]
fn a_region_that_is_full_sends_those_away_who_lose_least_and_takes_them_back() {
    let scene = Scene::start();
    let home = scene.regions();
    assert!(count(&home, 0) > 600, "{}", count(&home, 0));
    // Twice as many as it may have: what they make is told, again and again.
    let full = scene.until("it keeps within its limit", 1.0, |found| count(found, 0) <= 380);
    assert!(count(&full, 0) > 200, "it takes what it can: {}", count(&full, 0));
    for (before, after) in home.iter().zip(&full) {
        assert!(before == after || *before == 0, "only its own clients move");
    }
    let status = scene.status();
    let us = &status["regions"][0]["load"];
    assert_eq!(us["capacity"], 400.0, "{us}");
    assert!(us["share"].as_u64().unwrap() < 70, "{us}");
    assert!(us["reason"].as_str().unwrap().contains("soft limit"), "{us}");
    let moved = home.iter().zip(&full).position(|(before, after)| before != after).unwrap();
    let explained = program::run(
        scene.node.ground.folder(),
        &format!("explain www.test --client {}/32 --live", scene.clients[moved]),
    );
    assert!(explained.stdout.contains("full: "), "{}", explained.stdout);
    // The crowd goes home: a tenth of the load, and everybody is back in the end.
    scene.until("all come home", 0.1, |found| found == home);
    let shown = program::run(scene.node.ground.folder(), "status").stdout;
    assert!(shown.contains("below its soft limit"), "{shown}");
}
