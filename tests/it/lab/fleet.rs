//! A fleet: name servers, probers, NATS servers and regions, each in a namespace of its own.
//!
//! ```text
//!   "hub": the tests, 10.9.0.1 on the bridge
//!     ├── ns1, ns2        meridian serve      10.9.0.11, .12
//!     ├── ams, nyc, sin   meridian probe      10.9.0.21, .22, .23
//!     ├── n0, n1, n2      nats-server         10.9.0.31, .32, .33
//!     ├── us              a web server        10.9.1.10 to .15
//!     └── eu              a web server        10.9.2.10 to .15
//! ```
//!
//! Clients of `www` are answered 10.9.1.10, or else 10.9.2.10; the other addresses are those of
//! `app`.
//!
//! # Invariants
//!
//! As those of a [`Lab`](crate::lab::Lab).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::net::Ipv4Addr;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use meridian::model::RecordType;
use serde_json::Value;

use crate::asking::Answer;
use crate::asking::Ask;
use crate::lab;
use crate::lab::namespace::Door;
use crate::lab::namespace::Namespace;
use crate::lab::namespace::Process;
use crate::needs;

/// The device that everything is plugged into.
const BRIDGE: &str = "bridge";

/// All of it.
pub(crate) struct Fleet {
    // Processes go first, then what they are in.
    processes: BTreeMap<&'static str, Process>,
    places: BTreeMap<&'static str, Namespace>,
    hub: Namespace,
    folder: tempfile::TempDir,
}

impl Fleet {
    pub(crate) const NAME_SERVERS: [&str; 2] = ["ns1", "ns2"];
    pub(crate) const VANTAGES: [&str; 3] = ["ams", "nyc", "sin"];
    pub(crate) const NATS: [&str; 3] = ["n0", "n1", "n2"];
    const REGIONS: [&str; 2] = ["us", "eu"];

    /// What clients of `www` are answered while all is well, and else.
    pub(crate) const US: Ipv4Addr = Ipv4Addr::new(10, 9, 1, 10);
    pub(crate) const EU: Ipv4Addr = Ipv4Addr::new(10, 9, 2, 10);

    /// One with so many NATS servers and this in its `[monitor.web]`, in which all are heard and
    /// all is up; `None`, with a message, where that can't be had.
    pub(crate) fn build(servers: usize, monitor: &str) -> Option<Self> {
        let programs = [("ip", "-V"), ("python3", "-V"), ("nats-server", "--version")];
        let (name, hub) = lab::first_namespace(&programs)?;
        hub.bridge(BRIDGE, "10.9.0.1/16");
        let folder = tempfile::tempdir().unwrap();
        let (processes, places) = (BTreeMap::new(), BTreeMap::new());
        let mut fleet = Self { processes, places, hub, folder };
        let nats = &Self::NATS[..servers];
        let all = [nats, &Self::REGIONS, &Self::VANTAGES, &Self::NAME_SERVERS].concat();
        for place in &all {
            let namespace = Namespace::make(&format!("{name}{place}")).expect("one more");
            let addresses = addresses(place);
            let with_length = |address: &Ipv4Addr| format!("{address}/16");
            let addresses: Vec<String> = addresses.iter().map(with_length).collect();
            fleet.hub.plug(BRIDGE, place, &namespace, &addresses);
            fleet.places.insert(place, namespace);
            fs::create_dir(fleet.file(place, "")).unwrap();
        }
        for node in [&Self::VANTAGES[..], &Self::NAME_SERVERS].concat() {
            fs::write(fleet.file(node, "gslb.test.zone"), ZONE).unwrap();
            fs::write(fleet.file(node, "meridian.toml"), toml(node, nats, monitor)).unwrap();
        }
        for server in nats {
            fs::write(fleet.file(server, "nats.conf"), fleet.nats_configuration(server, nats))
                .unwrap();
        }
        all.iter().for_each(|place| fleet.start(place));
        fleet.wait_until_all_is_well();
        Some(fleet)
    }

    /// Starts what belongs in a place.
    pub(crate) fn start(&mut self, place: &'static str) {
        let program = match place {
            "ns1" | "ns2" | "ams" | "nyc" | "sin" => env!("CARGO_BIN_EXE_meridian"),
            "us" | "eu" => "python3",
            _ => "nats-server",
        };
        let mut command = self.command(place, program);
        match place {
            "ns1" | "ns2" => command.args(["serve", "--node", place]),
            "ams" | "nyc" | "sin" => command.args(["probe", "--node", place]),
            "us" | "eu" => command.args(["-B", "-u", "-c", lab::WEB, "0.0.0.0", "80"]),
            _ => command.args(["-c", "nats.conf"]),
        };
        let process = Process::logged(command, &self.file(place, "log"));
        assert!(self.processes.insert(place, process).is_none(), "{place} runs already");
    }

    /// Kills what runs in a place, without a warning.
    pub(crate) fn kill(&mut self, place: &str) {
        drop(self.processes.remove(place).expect("it runs"));
    }

    /// Removes all that a NATS server has on disk; while it does not run.
    pub(crate) fn forget(&self, server: &str) {
        fs::remove_dir_all(self.file(server, "store")).unwrap();
    }

    /// Waits until a NATS server greets.
    pub(crate) fn wait_until_it_accepts(&self, server: &str) {
        let at = (addresses(server)[0], 4222).into();
        let accepts = || TcpStream::connect_timeout(&at, Duration::from_millis(100)).is_ok();
        let accepts = || self.hub.inside(accepts);
        self.until(&format!("{server} accepts connections"), accepts);
    }

    /// Loses all that goes from a place to these addresses, or no longer. Nobody says so.
    pub(crate) fn cut(&self, place: &str, from: &[Ipv4Addr], is_cut: bool) {
        for address in from {
            let address = address.to_string();
            let words: &[&str] = if is_cut {
                // Nobody has this address of hardware.
                &["replace", &address, "lladdr", "02:00:00:00:00:99", "nud", "permanent"]
            } else {
                &["delete", &address]
            };
            let words = [&["neighbour"], words, &["dev", "uplink"]].concat();
            self.places[place].ip(&words);
        }
    }

    /// Pulls the plug of a place, or puts it back.
    pub(crate) fn link(&self, place: &str, up: bool) {
        let state = if up { "up" } else { "down" };
        self.places[place].ip(&["link", "set", "uplink", state]);
    }

    /// All that is probed.
    pub(crate) fn targets() -> Vec<Ipv4Addr> {
        Self::REGIONS.iter().flat_map(|region| addresses(region)).collect()
    }

    /// A socket that is connected to a name server.
    pub(crate) fn socket(&self, node: &str) -> UdpSocket {
        let to = (addresses(node)[0], 53);
        self.hub.inside(|| {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
            socket.connect(to).unwrap();
            socket
        })
    }

    /// What clients of `www` are answered, if they are.
    pub(crate) fn answer(&self, node: &str) -> Option<Ipv4Addr> {
        let socket = self.socket(node);
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut reply = [0; 1500];
        socket.send(&Ask::new("www.gslb.test", RecordType::A).octets()).ok()?;
        let length = socket.recv(&mut reply).ok()?;
        let addresses = Answer::read(&reply[..length]).addresses();
        addresses.first().and_then(|address| address.to_string().parse().ok())
    }

    /// Waits until clients of `www` are answered this by both name servers.
    pub(crate) fn wait_for_answers(&self, wanted: Ipv4Addr) -> Duration {
        self.until(&format!("both answer {wanted}"), || {
            Self::NAME_SERVERS.iter().all(|node| self.answer(node) == Some(wanted))
        })
    }

    /// What a command says that asks a name server, if it says it.
    pub(crate) fn says(&self, node: &str, words: &[&str]) -> Option<String> {
        let mut command = self.command(node, env!("CARGO_BIN_EXE_meridian"));
        let output = command.args(words).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// What a name server knows; nothing while it does not say.
    pub(crate) fn status(&self, node: &str) -> Value {
        let said = self.says(node, &["status", "--json"]);
        said.map_or(Value::Null, |said| serde_json::from_str(&said).unwrap())
    }

    /// How a name server hears a vantage, and of how many checks that says the opposite.
    pub(crate) fn vantage(&self, node: &str, name: &str) -> (String, u64) {
        let status = self.status(node);
        let all = status["cluster"]["vantages"].as_array().cloned().unwrap_or_default();
        let found = all.iter().find(|vantage| vantage["vantage"] == name);
        let text = |vantage: &Value| vantage["hearing"].as_str().unwrap().to_owned();
        found.map_or_else(Default::default, |vantage| {
            (text(vantage), vantage["differs"].as_u64().unwrap())
        })
    }

    /// Whether a name server has contact: `joined`, `lost` and so on.
    pub(crate) fn contact(&self, node: &str) -> String {
        self.status(node)["cluster"]["contact"].as_str().unwrap_or_default().to_owned()
    }

    /// The way to where NATS and the name servers are reached from.
    pub(crate) fn door(&self) -> Door {
        self.hub.door()
    }

    /// Does something where the API of a node is at 127.0.0.1.
    pub(crate) fn inside<T: Send>(&self, place: &str, work: impl FnOnce() -> T + Send) -> T {
        self.places[place].inside(work)
    }

    /// Where NATS listens.
    pub(crate) fn nats_url(server: &str) -> String {
        format!("nats://{}:4222", addresses(server)[0])
    }

    /// Waits for something, which must come before the deadline; returns how long it took.
    pub(crate) fn until(&self, what: &str, is_so: impl FnMut() -> bool) -> Duration {
        lab::patiently(what, || self.logs(), is_so)
    }

    /// The ends of the logs, for whoever must see why something went wrong.
    pub(crate) fn logs(&self) -> String {
        let mut text = String::new();
        for node in [&Self::NATS[..], &Self::VANTAGES, &Self::NAME_SERVERS].concat() {
            let log = fs::read_to_string(self.file(node, "log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(40)..].join("\n");
            writeln!(text, "--- {node}\n{last}").unwrap();
        }
        for node in Self::NAME_SERVERS {
            writeln!(text, "--- {node}\n{}", self.says(node, &["status"]).unwrap_or_default())
                .unwrap();
        }
        text
    }

    fn wait_until_all_is_well(&self) {
        for node in Self::NAME_SERVERS {
            self.until(&format!("{node} hears all, and all is up"), || {
                let status = self.status(node);
                let vantages = status["cluster"]["vantages"].as_array();
                let checks = status["checks"].as_array();
                status["cluster"]["contact"] == "joined"
                    && vantages.is_some_and(|all| all.iter().all(|v| v["hearing"] == "heard"))
                    && checks.is_some_and(|all| all.iter().all(|c| c["votes_up"] == 3))
            });
        }
        self.wait_for_answers(Self::US);
    }

    fn command(&self, place: &str, program: &str) -> Command {
        let mut command = self.places[place].command(program);
        command.current_dir(self.folder.path().join(place));
        command.env("NO_COLOR", "1").env("PATH", needs::search_path());
        command.env("STATE_DIRECTORY", "state");
        for name in ["LISTEN_FDS", "MERIDIAN_CONFIG", "MERIDIAN_TOKEN", "NOTIFY_SOCKET", "RUST_LOG"]
        {
            command.env_remove(name);
        }
        command
    }

    fn file(&self, place: &str, name: &str) -> PathBuf {
        self.folder.path().join(place).join(name)
    }

    fn nats_configuration(&self, server: &str, all: &[&str]) -> String {
        let store = self.file(server, "store");
        let mut text = format!(
            "server_name: {server}\nhost: 0.0.0.0\nport: 4222\njetstream {{ store_dir: {store:?} }}\n"
        );
        if all.len() > 1 {
            let route = |server: &&str| format!("nats://{}:6222", addresses(server)[0]);
            let routes: Vec<String> = all.iter().map(route).collect();
            let routes = routes.join(", ");
            writeln!(text, "cluster {{ name: c, listen: \"0.0.0.0:6222\", routes: [{routes}] }}")
                .unwrap();
        }
        text
    }
}

/// The addresses of a place.
fn addresses(place: &str) -> Vec<Ipv4Addr> {
    let tens: [(u8, &[&str]); 3] =
        [(11, &Fleet::NAME_SERVERS), (21, &Fleet::VANTAGES), (31, &Fleet::NATS)];
    for (first, names) in tens {
        if let Some((n, _)) = (0..).zip(names).find(|(_, name)| **name == place) {
            return vec![Ipv4Addr::new(10, 9, 0, first + n)];
        }
    }
    let (third, _) = (1..).zip(Fleet::REGIONS).find(|(_, name)| *name == place).unwrap();
    (10..16).map(|last| Ipv4Addr::new(10, 9, third, last)).collect()
}

fn toml(node: &str, nats: &[&str], monitor: &str) -> String {
    let servers: Vec<String> = nats.iter().map(|server| Fleet::nats_url(server)).collect();
    let mut text = format!(
        "[server]\nlisten = [\"{}:53\"]\nworkers = 1\n\
         [cluster]\nnats = {servers:?}\nprobe = false\nreplicas = {}\n\
         [monitor.web]\nhttp = {{ port = 80 }}\n{monitor}\n{COMMON}",
        addresses(node)[0],
        servers.len(),
    );
    for region in Fleet::REGIONS {
        let addresses = addresses(region);
        let of_app: Vec<String> = addresses[1..].iter().map(ToString::to_string).collect();
        writeln!(text, "[service.www.pool.{region}]\nendpoints = [\"{}\"]", addresses[0]).unwrap();
        writeln!(text, "[service.app.pool.{region}]\nendpoints = {of_app:?}").unwrap();
    }
    text
}

const COMMON: &str = r#"
[vantage.ams]
[vantage.nyc]
[vantage.sin]

[zone."gslb.test"]
file = "gslb.test.zone"

[region.us]
[region.eu]

[policy.in-order]
rank = ["priority"]

[service.www]
name    = "www.gslb.test"
monitor = "web"
ttl     = "5s"

[service.app]
name    = "app.gslb.test"
monitor = "web"
ttl     = "5s"

"#;

const ZONE: &str = "$TTL 60\n@ SOA ns h 1 7200 3600 86400 60\n@ NS ns\nns A 192.0.2.53\n";
