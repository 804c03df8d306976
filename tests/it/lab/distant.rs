//! Regions that are far from their clients: each packet between them takes its time.
//!
//! ```text
//!   "clients" 203.0.113.7, .8            "us"  198.18.0.10  NGINX, a log of text
//!      │                       20 ms  ┌──        10.1.0.10 ─┐
//!      └── TUN ── relay ── TUN ───────┤  "eu"  198.18.1.10  HAProxy, syslog
//!                              90 ms  ├──        10.2.0.10 ─┼─ 10.N.0.1 "node": meridian serve,
//!                             180 ms  └─ "ap"  198.18.2.10  NGINX, a log of JSON    API at 8053
//!                                                10.3.0.10 ─┘
//! ```
//!
//! A relay holds packets and not connections, so what a kernel measures of a connection is the
//! whole way. In each region `meridian probe` follows what its load balancer logs.
//!
//! # Invariants
//!
//! As those of a [`Lab`](crate::lab::Lab).

use std::fs;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use meridian::model::RecordType;
use serde_json::Value;

use crate::asking::Ask;
use crate::lab;
use crate::lab::namespace::Namespace;
use crate::lab::namespace::Process;
use crate::running::udp;

/// All of it.
pub(crate) struct Distant {
    // Processes go first, then what they are in.
    _processes: Vec<Process>,
    node: Namespace,
    clients: Namespace,
    regions: Vec<Namespace>,
    folder: tempfile::TempDir,
}

/// A region: its name, its round trip in milliseconds, its load balancer with what comes before
/// the path of its configuration, and how that is followed.
struct Place {
    name: &'static str,
    rtt_ms: u32,
    balancer: (&'static str, &'static [&'static str]),
    configuration: &'static str,
    follow: &'static str,
}

impl Distant {
    /// The regions and their round trips.
    pub(crate) fn regions() -> impl Iterator<Item = (&'static str, u32)> {
        PLACES.iter().map(|place| (place.name, place.rtt_ms))
    }

    /// A client.
    pub(crate) const CLIENT: &str = "203.0.113.7";

    /// Where a browser among the clients has its own way to the node, and so what its reports
    /// are of.
    pub(crate) const BROWSER: &str = "10.10.0.10";

    /// All of it, running; `None`, with a message, where that can't be had.
    pub(crate) fn build() -> Option<Self> {
        let programs = [("ip", "-V"), ("nginx", "-v"), ("haproxy", "-v"), ("python3", "-V")];
        let (name, node) = lab::first_namespace(&programs)?;
        let clients = Namespace::make(&format!("{name}c")).expect("one more");
        if !clients.can(&["tuntap", "add", "far0", "mode", "tun"]) {
            println!("there is no /dev/net/tun: nothing was tested");
            return None;
        }
        for address in ["203.0.113.7/32", "203.0.113.8/32"] {
            clients.ip(&["address", "add", address, "dev", "lo"]);
        }
        node.join(&clients, CLIENTS);
        let folder = tempfile::tempdir().unwrap();
        let (_processes, regions) = (Vec::new(), Vec::new());
        let mut lab = Self { _processes, node, clients, regions, folder };
        lab.start_node();
        for (number, place) in PLACES.iter().enumerate() {
            let region = Namespace::make(&format!("{name}r{number}")).expect("one more");
            lab.node.join(&region, number);
            lab.bridge(&region, number, &name);
            lab.start_region(&region, number, place);
            lab.regions.push(region);
        }
        lab::until("all answer", || (0..PLACES.len()).all(|region| lab.ask(region, 1)));
        Some(lab)
    }

    /// Has the clients ask a region so often each, over connections of their own; whether all
    /// were answered.
    pub(crate) fn ask(&self, region: usize, times: usize) -> bool {
        let mut command = self.clients.command("python3");
        let command = command.args(["-B", "-c", ASK, &format!("198.18.{region}.10")]);
        command.arg(times.to_string()).status().unwrap().success()
    }

    /// What the node knows of the prefix of a client, in milliseconds by region.
    pub(crate) fn known(&self, client: &str) -> Vec<(String, f64)> {
        known(self.meridian(&["latency", "show", client, "--json"]))
    }

    /// Which region clients of this prefix are answered, if they are.
    pub(crate) fn answer(&self, client: &str) -> Option<usize> {
        let ask = Ask::new("www.test", RecordType::A).client(client.parse().unwrap());
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 53));
        let answer = self.node.inside(|| udp(at, &ask));
        let vip =
            |number: &usize| format!("198.18.{number}.10").parse() == Ok(answer.addresses()[0]);
        (0..PLACES.len()).find(vip)
    }

    /// Starts a node in a region that measures the clients, by an echo and by a connection.
    pub(crate) fn measure_from(&mut self, number: usize) {
        let name = PLACES[number].name;
        let folder = self.file(name);
        let text = format!(
            "[server]\nlisten = [\"127.0.0.1:53\"]\nworkers = 1\n[cluster]\nnode = \"here\"\n\
             [measure]\nfrom = {{ here = \"{name}\" }}\ninterval = \"10s\"\n\
             hosts = [\"{}\", {{ address = \"203.0.113.8:8080\", client = \"192.0.2.0/24\" }}]\n\
             [zone.test]\nfile = \"../test.zone\"\n[region.{name}]\n[service.www]\n\
             name = \"www.test\"\n[service.www.pool.{name}]\nendpoints = [\"198.18.{number}.10\"]\n",
            Self::CLIENT
        );
        fs::write(folder.join("meridian.toml"), text).unwrap();
        let mut web = self.clients.command("python3");
        web.args(["-B", "-u", "-c", lab::WEB, "203.0.113.8", "8080"]);
        self._processes.push(Process::start(web));
        let mut serve = self.regions[number].command(env!("CARGO_BIN_EXE_meridian"));
        deaf(&mut serve);
        serve.current_dir(folder).arg("serve");
        self._processes.push(Process::logged(serve, &self.file("there.log")));
    }

    /// What the node in a region knows of the prefix of a client.
    pub(crate) fn known_there(&self, number: usize, client: &str) -> Vec<(String, f64)> {
        let mut command = self.regions[number].command(env!("CARGO_BIN_EXE_meridian"));
        deaf(&mut command);
        command.current_dir(self.file(PLACES[number].name));
        command.args(["latency", "show", client, "--json"]);
        known(command)
    }

    /// Starts a browser among the clients that opens a page with the snippet of the manual.
    pub(crate) fn browse(&self) -> Process {
        let script = "http://10.10.0.1:8053/beacon.js";
        let page = format!("<!doctype html><script async src=\"{script}\"></script>hello");
        fs::write(self.file("page.html"), page).unwrap();
        let mut command = self.clients.command("chromium");
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]);
        command.args(["--disable-dev-shm-usage", "--remote-debugging-port=0"]);
        command.arg(format!("--user-data-dir={}", self.file("browser").display()));
        command.arg(format!("file://{}", self.file("page.html").display()));
        Process::logged(command, &self.file("browser.log"))
    }

    /// A command that asks the node.
    pub(crate) fn meridian(&self, words: &[&str]) -> Command {
        let mut command = self.node.command(env!("CARGO_BIN_EXE_meridian"));
        deaf(&mut command);
        command.current_dir(self.folder.path()).args(words);
        command
    }

    /// The ends of the logs, for whoever must see why something went wrong.
    pub(crate) fn logs(&self) -> String {
        let names = ["node", "us", "eu", "ap", "browser", "there"];
        let log = |name| fs::read_to_string(self.file(&format!("{name}.log"))).unwrap_or_default();
        names.map(|name| format!("--- {name}\n{}", log(name))).concat()
    }

    fn start_node(&mut self) {
        let mut text = "[control]\nlisten = \"0.0.0.0:8053\"\n[control.tokens]\n\
             us = { role = \"report\", file = \"token\" }\n\
             [server]\nlisten = [\"127.0.0.1:53\"]\nworkers = 1\n\
             [zone.test]\nfile = \"test.zone\"\n[latency]\nevery = \"1s\"\n\
             [service.www]\nname = \"www.test\"\n"
            .to_owned();
        // The order of the file is not that of round trips.
        for (number, place) in PLACES.iter().enumerate().rev() {
            let name = place.name;
            text += &format!("[region.{name}]\n[service.www.pool.{name}]\n");
            text += &format!("endpoints = [\"198.18.{number}.10\"]\n");
        }
        let url =
            |(n, place): (usize, &Place)| format!("{} = \"http://198.18.{n}.10/\"", place.name);
        let urls: Vec<String> = PLACES.iter().enumerate().map(url).collect();
        text += &format!("[control.beacon]\nurls = {{ {} }}\n", urls.join(", "));
        fs::write(self.file("meridian.toml"), text).unwrap();
        fs::write(self.file("token"), TOKEN).unwrap();
        fs::write(
            self.file("test.zone"),
            "@ 60 SOA n h 1 2h 1h 2w 1m\n@ 60 NS n\nn 60 A 192.0.2.1\n",
        )
        .unwrap();
        let serve = Process::logged(self.meridian(&["serve"]), &self.file("node.log"));
        self._processes.push(serve);
    }

    /// A way that takes its time between the clients and a region.
    fn bridge(&mut self, region: &Namespace, number: usize, name: &str) {
        let near = format!("far{number}");
        // That of the first region was made to see whether it can be.
        if number > 0 {
            self.clients.ip(&["tuntap", "add", &near, "mode", "tun"]);
        }
        region.ip(&["tuntap", "add", "far", "mode", "tun"]);
        self.clients.ip(&["link", "set", &near, "up"]);
        region.ip(&["link", "set", "far", "up"]);
        region.ip(&["address", "add", &format!("198.18.{number}.10/32"), "dev", "lo"]);
        let net = format!("198.18.{number}.0/24");
        self.clients.ip(&["route", "add", &net, "dev", &near, "src", Self::CLIENT]);
        let source = format!("198.18.{number}.10");
        region.ip(&["route", "add", "203.0.113.0/24", "dev", "far", "src", &source]);
        let mut relay = Command::new("python3");
        relay.args(["-B", "-c", RELAY, &format!("{name}c"), &near, &format!("{name}r{number}")]);
        relay.args(["far", &PLACES[number].rtt_ms.to_string()]);
        self._processes.push(Process::start(relay));
    }

    fn start_region(&mut self, region: &Namespace, number: usize, place: &Place) {
        let folder = self.file(place.name);
        fs::create_dir(&folder).unwrap();
        let file = folder.join("balancer.conf");
        let text = place.configuration.replace("{folder}", folder.to_str().unwrap());
        fs::write(&file, text).unwrap();
        let (program, words) = place.balancer;
        let mut balancer = region.command(program);
        balancer.env("PATH", lab::path()).args(words).arg(&file);
        self._processes.push(Process::start(balancer));
        let mut follow = region.command(env!("CARGO_BIN_EXE_meridian"));
        deaf(&mut follow);
        follow.current_dir(&folder).arg("probe").args(place.follow.split(' '));
        follow.args([
            "--region",
            place.name,
            "--to",
            &format!("http://10.{}.0.1:8053", number + 1),
        ]);
        follow.env("MERIDIAN_TOKEN", TOKEN);
        let log = self.file(&format!("{}.log", place.name));
        self._processes.push(Process::logged(follow, &log));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
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
    command.env("NO_COLOR", "1");
    for name in ["LISTEN_FDS", "MERIDIAN_TOKEN", "NOTIFY_SOCKET", "RUST_LOG", "STATE_DIRECTORY"] {
        command.env_remove(name);
    }
}

/// The number of the cable between the clients and the node.
const CLIENTS: usize = 9;

const TOKEN: &str = "the-token-of-the-regions";

const PLACES: [Place; 3] = [
    Place {
        name: "us",
        rtt_ms: 20,
        balancer: ("nginx", &["-c"]),
        configuration: NGINX_TEXT,
        follow: "--follow access.log --format nginx",
    },
    Place {
        name: "eu",
        rtt_ms: 90,
        balancer: ("haproxy", &["-db", "-f"]),
        configuration: HAPROXY,
        follow: "--syslog udp://127.0.0.1:5140 --format haproxy",
    },
    Place {
        name: "ap",
        rtt_ms: 180,
        balancer: ("nginx", &["-c"]),
        configuration: NGINX_JSON,
        follow: "--follow access.log --format json --client-field client --rtt-field rtt",
    },
];

macro_rules! nginx {
    ($format:literal, $more:literal) => {
        concat!(
            "daemon off;\nmaster_process off;\nuser root;\npid {folder}/pid;\n",
            "error_log {folder}/error.log;\nevents {}\nhttp {\n",
            "  client_body_temp_path {folder}/body;\n  proxy_temp_path {folder}/proxy;\n",
            "  fastcgi_temp_path {folder}/fastcgi;\n  uwsgi_temp_path {folder}/uwsgi;\n",
            "  scgi_temp_path {folder}/scgi;\n",
            "  log_format meridian ",
            $format,
            ";\n  access_log {folder}/access.log meridian;\n",
            "  server { listen 80; return 200 \"ok\\n\";",
            $more,
            " }\n}\n"
        )
    };
}

/// What the manual says of logs of NGINX.
const NGINX_TEXT: &str =
    nginx!("'$remote_addr $tcpinfo_rtt'", " add_header Timing-Allow-Origin *;");

/// The same as objects. Browsers are told no timing here.
const NGINX_JSON: &str =
    nginx!("escape=json '{\"client\":\"$remote_addr\",\"rtt\":\"$tcpinfo_rtt\"}'", "");

/// What the manual says of logs of HAProxy.
const HAPROXY: &str = r#"
global
  log 127.0.0.1:5140 format rfc5424 local0
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 1s
frontend web
  bind :80
  log global
  log-format "%[src] %[fc_rtt(us)]"
  http-request return status 200 hdr timing-allow-origin "*"
"#;

/// Clients: each asks so often, one after the other.
const ASK: &str = r#"
import http.client, sys
for address in ["203.0.113.7", "203.0.113.8"]:
    for _ in range(int(sys.argv[2])):
        connection = http.client.HTTPConnection(
            sys.argv[1], 80, timeout=2, source_address=(address, 0))
        connection.request("GET", "/")
        if connection.getresponse().read() is None:
            sys.exit(1)
        connection.close()
"#;

/// A relay of packets between TUN devices of two namespaces; each way takes half of the time.
const RELAY: &str = r#"
import collections, ctypes, fcntl, os, select, struct, sys, time
NEWNET, TUNSETIFF, TUN_WITHOUT_HEADER = 0x40000000, 0x400454CA, 0x1001
libc = ctypes.CDLL(None, use_errno=True)
def tun(namespace, name):
    with open("/run/netns/" + namespace) as door:
        if libc.setns(door.fileno(), NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), TUN_WITHOUT_HEADER))
    return device
# A packet that waits for a processor too comes late.
try:
    os.nice(-15)
except OSError:
    pass
near, far = tun(sys.argv[1], sys.argv[2]), tun(sys.argv[3], sys.argv[4])
delay = float(sys.argv[5]) / 2000
other = {near: far, far: near}
# Those of both ways, in the order in which they came, which is that in which they are due.
waiting = collections.deque()
while True:
    rest = max(0, waiting[0][0] - time.monotonic()) if waiting else None
    for device in select.select([near, far], [], [], rest)[0]:
        try:
            packet = os.read(device, 65536)
        except BlockingIOError:
            continue
        # Who is too slow loses packets, as routers do.
        if len(waiting) < 10000:
            waiting.append((time.monotonic() + delay, other[device], packet))
    while waiting and waiting[0][0] <= time.monotonic():
        _, device, packet = waiting.popleft()
        try:
            os.write(device, packet)
        except OSError:
            pass
"#;
