//! Regions that are far from their clients: each packet between them takes its time.
//!
//! ```text
//!   "node" 10.10.0.1: meridian serve, API at 8053
//!      │
//!   "clients" 10.10.0.10, 203.0.113.7, .8, 20.0.0.0/8
//!      ├── TUN ── relay,  20 ms ── TUN ── "us"  198.18.0.10
//!      ├── TUN ── relay,  90 ms ── TUN ── "eu"  198.18.1.10
//!      └── TUN ── relay, 180 ms ── TUN ── "ap"  198.18.2.10
//! ```
//!
//! A relay holds packets and not connections, so what a kernel measures of a connection is the
//! whole way. There is no other way to a region, for the node neither: what it reads of a load
//! balancer and what it is reported takes as long. In each region `meridian probe` follows what
//! its load balancer logs.
//!
//! # Invariants
//!
//! As those of a [`Lab`](crate::lab::Lab).

mod clients;
mod crowd;
mod front;
mod relay;

pub(crate) use crowd::Crowd;
pub(crate) use front::Front;

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::lab;
use crate::lab::balancer;
use crate::lab::namespace::Namespace;
use crate::lab::namespace::Process;
use crate::needs;

/// All of it.
pub(crate) struct Distant {
    // Processes go first, then what they are in.
    processes: Vec<Process>,
    node: Namespace,
    clients: Namespace,
    regions: Vec<Namespace>,
    folder: tempfile::TempDir,
}

impl Distant {
    /// The regions and their round trips.
    pub(crate) fn regions() -> impl Iterator<Item = (&'static str, u32)> {
        REGIONS.into_iter()
    }

    /// A client, and all that are there but for a [`Crowd`].
    pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
    pub(crate) const CLIENTS: [Ipv4Addr; 2] = [Self::CLIENT, Ipv4Addr::new(203, 0, 113, 8)];

    /// Where a browser among the clients has its own way to the node, and so what its reports
    /// are of.
    pub(crate) const BROWSER: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 10);

    /// For how long clients may keep an answer.
    pub(crate) const TTL: Duration = Duration::from_secs(2);

    /// All of it, running; `None`, with a message, where that can't be had.
    pub(crate) fn build() -> Option<Self> {
        Self::of([Front::NginxText, Front::HaProxyCsv, Front::NginxJson], None)
    }

    /// The same with these load balancers in front of the regions, which can take so many
    /// connections each.
    pub(crate) fn with_capacities(fronts: [Front; 3], capacities: [u32; 3]) -> Option<Self> {
        Self::of(fronts, Some(capacities))
    }

    fn of(fronts: [Front; 3], capacities: Option<[u32; 3]>) -> Option<Self> {
        let programs = [("ip", "-V"), ("nginx", "-v"), ("haproxy", "-v"), ("python3", "-V")];
        let (name, node) = lab::first_namespace(&programs)?;
        let clients = Namespace::make(&format!("{name}c")).expect("one more");
        if !relay::can_be_made((&clients, "far0")) {
            needs::left_out("there is no /dev/net/tun");
            return None;
        }
        for address in Self::CLIENTS {
            clients.ip(&["address", "add", &format!("{address}/32"), "dev", "lo"]);
        }
        clients.ip(&["route", "add", "local", Crowd::NETWORK, "dev", "lo"]);
        node.join(&clients, CABLE);
        node.ip(&["route", "add", "198.18.0.0/15", "via", &Self::BROWSER.to_string()]);
        clients.forward();
        let folder = tempfile::tempdir().unwrap();
        let (processes, regions) = (Vec::new(), Vec::new());
        let mut lab = Self { processes, node, clients, regions, folder };
        for number in 0..REGIONS.len() {
            lab.make_region(&format!("{name}r{number}"), number);
        }
        for (number, front) in fronts.into_iter().enumerate() {
            lab.start_region(number, front);
        }
        lab.start_node(fronts, capacities);
        let answers = |region| lab.ask(&Self::CLIENTS, region, 1);
        lab::until("all answer", || (0..REGIONS.len()).all(answers));
        Some(lab)
    }

    /// A crowd of so many clients.
    pub(crate) fn crowd(&self, n: u32) -> Crowd<'_> {
        Crowd::new(self, n)
    }

    /// What the node knows of the prefix of a client, in milliseconds by region.
    pub(crate) fn known(&self, client: Ipv4Addr) -> Vec<(String, f64)> {
        known(self.meridian(&["latency", "show", &client.to_string(), "--json"]))
    }

    /// Starts a node in a region that measures the clients, by an echo and by a connection.
    pub(crate) fn measure_from(&mut self, number: usize) {
        let (name, _) = REGIONS[number];
        let folder = self.file(name);
        let text = format!(
            "[server]\nlisten = [\"127.0.0.1:53\"]\nworkers = 1\n[cluster]\nnode = \"here\"\n\
             [measure]\nfrom = {{ here = \"{name}\" }}\ninterval = \"10s\"\n\
             hosts = [\"{}\", {{ address = \"203.0.113.8:8080\", client = \"192.0.2.0/24\" }}]\n\
             [zone.test]\nfile = \"../test.zone\"\n[region.{name}]\n[service.www]\n\
             name = \"www.test\"\n[service.www.pool.{name}]\nendpoints = [\"{}\"]\n",
            Self::CLIENT,
            vip(number)
        );
        fs::write(folder.join("meridian.toml"), text).unwrap();
        let mut web = self.clients.command("python3");
        web.args(["-B", "-u", "-c", lab::WEB, "203.0.113.8", "8080"]);
        self.processes.push(Process::start(web));
        let mut serve = self.regions[number].command(env!("CARGO_BIN_EXE_meridian"));
        deaf(&mut serve);
        serve.current_dir(folder).arg("serve");
        self.processes.push(Process::logged(serve, &self.file("there.log")));
    }

    /// What the node in a region knows of the prefix of a client.
    pub(crate) fn known_there(&self, number: usize, client: Ipv4Addr) -> Vec<(String, f64)> {
        let mut command = self.regions[number].command(env!("CARGO_BIN_EXE_meridian"));
        deaf(&mut command);
        let (name, _) = REGIONS[number];
        command.current_dir(self.file(name));
        command.args(["latency", "show", &client.to_string(), "--json"]);
        known(command)
    }

    /// What a command says that asks the node.
    pub(crate) fn says(&self, words: &[&str]) -> String {
        let output = self.meridian(words).output().unwrap();
        if !output.status.success() {
            println!("{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        String::from_utf8(output.stdout).unwrap()
    }

    /// What the node knows of the load of each region; nothing while it does not say.
    pub(crate) fn loads(&self) -> [Value; 3] {
        let status = self.says_json(&["status", "--json"]);
        let all = status["regions"].as_array().cloned().unwrap_or_default();
        REGIONS.map(|(name, _)| {
            let found = all.iter().find(|region| region["region"] == name);
            found.map(|region| region["load"].clone()).unwrap_or_default()
        })
    }

    /// Why a client is answered what it is; nothing while it is not said.
    pub(crate) fn explain(&self, client: Ipv4Addr) -> Value {
        let client = format!("{client}/32");
        self.says_json(&["explain", "www.test", "--client", &client, "--live", "--json"])
    }

    fn says_json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.says(words)).unwrap_or_default()
    }

    /// The ends of the logs, for whoever must see why something went wrong.
    pub(crate) fn logs(&self) -> String {
        let names = ["node", "us", "eu", "ap", "browser", "there"];
        let log = |name| fs::read_to_string(self.file(&format!("{name}.log"))).unwrap_or_default();
        names.map(|name| format!("--- {name}\n{}", log(name))).concat()
    }

    /// A command that asks the node.
    fn meridian(&self, words: &[&str]) -> Command {
        let mut command = self.node.command(env!("CARGO_BIN_EXE_meridian"));
        deaf(&mut command);
        command.current_dir(self.folder.path()).args(words);
        command
    }

    fn start_node(&mut self, fronts: [Front; 3], capacities: Option<[u32; 3]>) {
        let mut text = format!(
            "[control]\nlisten = \"0.0.0.0:8053\"\n[control.tokens]\n\
             us = {{ role = \"report\", file = \"token\" }}\n\
             [server]\nlisten = [\"127.0.0.1:53\"]\nworkers = 1\n\
             [zone.test]\nfile = \"test.zone\"\n[latency]\nevery = \"1s\"\n\
             [service.www]\nname = \"www.test\"\nttl = \"{}s\"\nttl-min = \"1s\"\n",
            Self::TTL.as_secs()
        );
        // The order of the file is not that of round trips.
        for (number, (name, _)) in REGIONS.into_iter().enumerate().rev() {
            text += &format!("[region.{name}]\n");
            if let Some(capacities) = capacities {
                let (capacity, load) = (capacities[number], fronts[number].load(vip(number)));
                text += &format!("capacity = {capacity}\nload-interval = \"1s\"\nload = {load}\n");
            }
            text += &format!("[service.www.pool.{name}]\nendpoints = [\"{}\"]\n", vip(number));
        }
        let url = |(number, (name, _)): (usize, _)| format!("{name} = \"http://{}/\"", vip(number));
        let urls: Vec<String> = REGIONS.into_iter().enumerate().map(url).collect();
        text += &format!("[control.beacon]\nurls = {{ {} }}\n", urls.join(", "));
        let zone = "@ 60 SOA n h 1 2h 1h 2w 1m\n@ 60 NS n\nn 60 A 192.0.2.1\n";
        for (name, text) in [
            ("meridian.toml", text.as_str()),
            ("token", TOKEN),
            ("password", balancer::PASSWORD),
            ("test.zone", zone),
        ] {
            fs::write(self.file(name), text).unwrap();
        }
        let serve = Process::logged(self.meridian(&["serve"]), &self.file("node.log"));
        self.processes.push(serve);
    }

    /// A region, and a way to it that takes its time.
    fn make_region(&mut self, name: &str, number: usize) {
        let region = Namespace::make(name).expect("one more");
        let near = format!("far{number}");
        let ends = [(&self.clients, near.as_str()), (&region, "far")];
        for end in ends {
            // That of the first region was made to see whether it can be.
            assert!(relay::can_be_made(end) || number == 0);
        }
        let [near_end, far_end] = ends;
        let (vip, (_, rtt_ms)) = (vip(number).to_string(), REGIONS[number]);
        self.processes.push(relay::start(near_end, far_end, rtt_ms));
        region.ip(&["address", "add", &format!("{vip}/32"), "dev", "lo"]);
        let source = Self::CLIENT.to_string();
        self.clients.ip(&["route", "add", &vip, "dev", &near, "src", &source]);
        region.ip(&["route", "add", "default", "dev", "far", "src", &vip]);
        self.regions.push(region);
    }

    fn start_region(&mut self, number: usize, front: Front) {
        let (region, (name, _)) = (&self.regions[number], REGIONS[number]);
        let folder = self.file(name);
        let balancer = front.balancer().start(&folder, |program| region.command(program));
        self.processes.push(balancer);
        let mut follow = region.command(env!("CARGO_BIN_EXE_meridian"));
        deaf(&mut follow);
        follow.current_dir(&folder).arg("probe").args(front.follow().split(' '));
        follow.args(["--region", name, "--to", "http://10.10.0.1:8053"]);
        follow.env("MERIDIAN_TOKEN", TOKEN);
        let log = self.file(&format!("{name}.log"));
        self.processes.push(Process::logged(follow, &log));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The virtual address of a region.
fn vip(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(198, 18, u8::try_from(number).unwrap(), 10)
}

/// What a command tells of a prefix, in milliseconds by region.
fn known(mut command: Command) -> Vec<(String, f64)> {
    let json = command.output().unwrap().stdout;
    let json: Value = serde_json::from_slice(&json).unwrap_or_default();
    let regions = json["prefixes"][0]["regions"].as_array().cloned().unwrap_or_default();
    let known = |region: &Value| {
        let name = region["region"].as_str().unwrap().to_owned();
        (name, region["rtt_ms"].as_f64().unwrap())
    };
    regions.iter().map(known).collect()
}

/// A command that does not hear the environment of whoever runs the tests.
fn deaf(command: &mut Command) {
    command.env("NO_COLOR", "1").env("STATE_DIRECTORY", "state");
    for name in ["LISTEN_FDS", "MERIDIAN_CONFIG", "MERIDIAN_TOKEN", "NOTIFY_SOCKET", "RUST_LOG"] {
        command.env_remove(name);
    }
}

/// The number of the cable between the clients and the node.
const CABLE: usize = 9;

const TOKEN: &str = "the-token-of-the-regions";

/// The regions and their round trips in milliseconds.
const REGIONS: [(&str, u32); 3] = [("us", 20), ("eu", 90), ("ap", 180)];
