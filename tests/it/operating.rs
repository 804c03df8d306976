//! A node that probes, and an operator at its side: the real binary, real endpoints on
//! loopback, real commands.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;

use meridian::model::RecordType;
use serde_json::Value;

use crate::asking::Ask;
use crate::ground;
use crate::ground::Ground;
use crate::program;
use crate::program::Run;
use crate::running::DEADLINE;
use crate::running::Node;
use crate::running::free_port;
use crate::running::now;
use crate::running::udp;

/// A web server that is there or not; it ends with the process.
pub(crate) struct Site {
    lives: Arc<AtomicBool>,
}

impl Site {
    pub(crate) fn new(address: [u8; 4], port: u16) -> Self {
        let lives = Arc::new(AtomicBool::new(true));
        let listener = TcpListener::bind((Ipv4Addr::from(address), port)).unwrap();
        let alive = Arc::clone(&lives);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut request = [0; 2048];
                // Whoever asks may have gone.
                let status = if alive.load(Ordering::Relaxed) { "200 OK" } else { "503 Down" };
                drop(stream.read(&mut request));
                drop(write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n"));
            }
        });
        Self { lives }
    }

    pub(crate) fn set(&self, lives: bool) {
        self.lives.store(lives, Ordering::Relaxed);
    }
}

/// Three regions with a web server each, and a node.
struct Scene {
    sites: [Site; 3],
    node: Node,
    api: SocketAddr,
    hooked: std::path::PathBuf,
}

const CLIENT: [u8; 4] = [30, 1, 1, 1];

fn configuration(port: u16, api: SocketAddr, site: u16, hook: &str) -> String {
    format!(
        r#"
[server]
listen = ["127.0.0.1:{port}", "[::1]:{port}"]
[control]
listen = "{api}"
[hook.file]
command = ["/bin/sh", "-c", "cat >> {hook}; echo >> {hook}"]
events = ["check", "admin"]
[geoip]
databases = ["geo.mmdb"]
[zone.test]
file = "test.zone"
[region.us]
location = {{ lat = 39.04, lon = -77.49 }}
[region.eu]
location = {{ lat = 53.34, lon = -6.27 }}
[region.ap]
location = {{ lat = 1.35, lon = 103.82 }}
[monitor.web]
http = {{ path = "/healthz", port = {site} }}
interval = "200ms"
timeout = "200ms"
[monitor.beat]
push = {{}}
interval = "1h"
[service.www]
name = "www.test"
monitor = "web"
ttl = "1s"
ttl-min = "1s"
[service.www.pool.us]
endpoints = ["127.77.1.1"]
[service.www.pool.eu]
endpoints = ["127.77.2.1"]
[service.www.pool.ap]
endpoints = ["127.77.3.1"]
[service.pushed]
name = "pushed.test"
monitor = "beat"
[service.pushed.pool.eu]
endpoints = ["192.0.2.50"]
[service.pushed.pool.us]
endpoints = ["192.0.2.51"]
"#
    )
}

impl Scene {
    fn new() -> Self {
        let (port, site) = (free_port(), free_port());
        let api = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let sites = [1, 2, 3].map(|n| Site::new([127, 77, n, 1], site));
        let ground = Ground::new(&[("test.zone", ground::ZONE)]);
        let hooked = ground.path("hooked");
        let text = configuration(port, api, site, &hooked.display().to_string());
        ground.write("meridian.toml", text);
        Self { sites, node: Node::start_in(ground, port), api, hooked }
    }

    fn run(&self, words: &str) -> Run {
        program::run(self.node.ground.folder(), words)
    }

    fn ask(&self, name: &str) -> String {
        let answer = udp(self.node.v4(), &Ask::new(name, RecordType::A).client(CLIENT.into()));
        answer.addresses().first().map(ToString::to_string).unwrap_or_default()
    }

    fn until(&self, name: &str, wanted: &str) {
        let deadline = now() + DEADLINE;
        loop {
            let found = self.ask(name);
            if found == wanted {
                return;
            }
            assert!(now() < deadline, "{name}: still {found}, not {wanted}");
            thread::yield_now();
        }
    }

    fn token(&self) -> String {
        std::fs::read_to_string(self.node.ground.path("state/operator.token")).unwrap()
    }

    /// One request by hand; the status line and the body.
    fn http(&self, method: &str, path: &str, token: bool, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.api).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let bearer = match token {
            true => format!("Authorization: Bearer {}\r\n", self.token().trim()),
            false => String::new(),
        };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{bearer}Content-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.api,
            body.len()
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }
}

#[test]
fn what_dies_leaves_the_answers_and_comes_back() {
    let mut scene = Scene::new();
    assert_eq!(scene.ask("www.test"), "127.77.2.1", "the first answer knows what is up");
    scene.sites[1].set(false);
    scene.until("www.test", "127.77.1.1");
    let status = scene.run("status");
    assert_eq!(status.code, 0, "{}", status.shown());
    assert!(status.stdout.contains("status 503, expected 200-299"), "{}", status.stdout);
    // Nothing is left: still answered, and it is said how.
    scene.sites.iter().for_each(|site| site.set(false));
    scene.node.wait_for("127.77.1.1");
    let open = || {
        let answer =
            udp(scene.node.v4(), &Ask::new("www.test", RecordType::A).client(CLIENT.into()));
        answer.extended_error()
    };
    let deadline = now() + DEADLINE;
    while open().is_none() {
        assert!(now() < deadline, "it does not fail open");
        thread::yield_now();
    }
    assert_eq!(scene.ask("www.test"), "127.77.2.1");
    let live = scene.run("explain www.test --client 30.1.1.1 --live");
    assert!(live.stdout.contains("fail-open"), "{}", live.shown());
    scene.sites.iter().for_each(|site| site.set(true));
    scene.until("www.test", "127.77.2.1");
    // Counted, and classes sum to all.
    let (_, metrics) = scene.http("GET", "/metrics", false, "");
    let value = |name: &str| -> f64 {
        let lines = metrics.lines().filter(|line| line.starts_with(name));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    };
    assert!(value("meridian_fail_open_total") >= 1.0, "{metrics}");
    assert!(value("meridian_responses_total") >= 4.0);
    assert!(metrics.ends_with("# EOF\n"));
    // The hook was told of each flip, in its own time.
    let deadline = now() + DEADLINE;
    loop {
        let told = std::fs::read_to_string(&scene.hooked).unwrap_or_default();
        let lines: Vec<Value> = told.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
        let downs = lines.iter().filter(|l| l["event"] == "check" && l["after"] == "down").count();
        if downs >= 3 {
            break;
        }
        assert!(now() < deadline, "told: {told}");
        thread::yield_now();
    }
}

#[test]
fn an_operator_drains_waits_forces_and_lets_back() {
    let scene = Scene::new();
    let done = scene.run("drain www/eu --why upgrade --wait");
    assert_eq!(done.code, 0, "{}", done.shown());
    assert_eq!(scene.ask("www.test"), "127.77.1.1");
    let json: Value = serde_json::from_str(&scene.run("status --json").stdout).unwrap();
    assert_eq!(json["admin"][0]["target"], "www/eu");
    assert_eq!(json["admin"][0]["why"], "upgrade");
    assert_eq!(scene.run("drain www/us").code, 0);
    let refused = scene.run("drain www/ap");
    assert_eq!(refused.code, 1, "{}", refused.shown());
    assert!(refused.stderr.contains("expected at least 1"), "{}", refused.stderr);
    assert_eq!(scene.ask("www.test"), "127.77.3.1");
    let unknown = scene.run("drain www/xx");
    assert!(unknown.code != 0 && unknown.stderr.contains("us, eu, ap"), "{}", unknown.shown());
    assert_eq!(scene.run("undrain www/eu").code, 0);
    assert_eq!(scene.ask("www.test"), "127.77.2.1");
    assert_eq!(scene.run("force down www/eu/127.77.2.1").code, 0);
    assert_eq!(scene.ask("www.test"), "127.77.3.1");
    assert_eq!(scene.run("force auto www/eu/127.77.2.1").code, 0);
    assert_eq!(scene.run("drain eu --for 1s").code, 0);
    scene.until("www.test", "127.77.3.1");
    // It ends by itself.
    scene.until("www.test", "127.77.2.1");
}

#[test]
fn what_was_down_or_drained_is_so_after_a_kill() {
    let mut scene = Scene::new();
    assert_eq!(scene.run("drain ap").code, 0);
    scene.sites[1].set(false);
    scene.until("www.test", "127.77.1.1");
    // The state is written behind the answers, within a tenth of a second or so.
    let path = scene.node.ground.path("state/state.json");
    let deadline = now() + DEADLINE;
    loop {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if text.contains(r#""verdict":"down""#) && text.contains("drained") {
            break;
        }
        assert!(now() < deadline, "not saved: {text}");
        thread::yield_now();
    }
    scene.node.restart();
    assert_eq!(scene.ask("www.test"), "127.77.1.1", "the very first answer");
    scene.sites[1].set(true);
    scene.until("www.test", "127.77.2.1");
    scene.sites[1].set(false);
    scene.sites[0].set(false);
    scene.until("www.test", "127.77.2.1");
    let status = scene.run("status").stdout;
    assert!(status.contains("drained"), "{status}");
}

#[test]
fn heartbeats_and_silence_decide_on_what_pushes() {
    let scene = Scene::new();
    let push = |target: &str, body: &str| {
        let path = format!("/api/v1/push/beat/{target}");
        scene.http("POST", &path, true, body).0
    };
    assert!(push("192.0.2.51", "").contains("204"), "{}", push("192.0.2.51", ""));
    scene.until("pushed.test", "192.0.2.51");
    assert!(push("192.0.2.50", "{}").contains("204"));
    scene.until("pushed.test", "192.0.2.50");
    for _ in 0..3 {
        assert!(push("192.0.2.50", r#"{"failure":"disk full"}"#).contains("204"));
    }
    scene.until("pushed.test", "192.0.2.51");
    let status = scene.run("status --service pushed").stdout;
    assert!(status.contains("disk full"), "{status}");
    assert!(push("192.0.2.77", "").contains("404"));
    assert!(scene.http("POST", "/api/v1/push/beat/192.0.2.50", false, "").0.contains("401"));
}

#[test]
fn a_reload_by_the_api_tells_what_is_wrong_and_keeps_verdicts() {
    let scene = Scene::new();
    scene.sites[1].set(false);
    scene.until("www.test", "127.77.1.1");
    let mut events = TcpStream::connect(scene.api).unwrap();
    events.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(events, "GET /api/v1/events HTTP/1.1\r\nHost: {}\r\n\r\n", scene.api).unwrap();
    let mut events = BufReader::new(events).lines();
    assert!(events.next().unwrap().unwrap().contains("200"));
    let path = scene.node.ground.path("meridian.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    scene
        .node
        .ground
        .write("meridian.toml", text.replace("monitor = \"web\"", "monitor = \"wep\""));
    let refused = scene.run("reload");
    assert_eq!(refused.code, 1, "{}", refused.shown());
    assert!(refused.stderr.contains("unknown-monitor"), "{}", refused.shown());
    assert_eq!(scene.ask("www.test"), "127.77.1.1");
    // Whoever looks later sees it too.
    let problem = |scene: &Scene| -> [bool; 3] {
        let said = |text: &str| text.contains("configuration-refused");
        let count = "meridian_node_problems{code=\"configuration-refused\"} 1";
        [
            said(&scene.run("status").stdout),
            said(&scene.http("GET", "/readyz", false, "").1),
            scene.http("GET", "/metrics", false, "").1.contains(count),
        ]
    };
    // A status may be a quarter of a second old.
    let until = |scene: &Scene, wanted: [bool; 3]| {
        let deadline = now() + DEADLINE;
        while problem(scene) != wanted {
            assert!(now() < deadline, "{:?}, not {wanted:?}", problem(scene));
            thread::yield_now();
        }
    };
    until(&scene, [true; 3]);
    scene.node.ground.write("meridian.toml", text.replace("ttl = \"1s\"", "ttl = \"2s\""));
    assert_eq!(scene.run("reload").code, 0);
    assert_eq!(scene.ask("www.test"), "127.77.1.1", "a verdict outlives a reload");
    until(&scene, [false; 3]);
    let found = events.map_while(Result::ok).find(|line| line.contains("\"event\":\"reloaded\""));
    assert!(found.is_some(), "the stream tells of it");
}

/// An address that another process has, a value that only a start takes up, and a file that is no
/// TOML: each is told, and none keeps operators from the node.
#[test]
fn a_reload_says_what_of_it_is_not_in_force() {
    let scene = Scene::new();
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let text = std::fs::read_to_string(scene.node.ground.path("meridian.toml")).unwrap();
    let listen = format!("workers = 3\nlisten = [\"{address}\", ");
    let other = text.replacen("listen = [", &listen, 1).replace("ttl = \"1s\"", "ttl = \"2s\"");
    scene.node.ground.write("meridian.toml", other);
    let part = scene.run("reload");
    assert_eq!(part.code, 1, "{}", part.shown());
    let said = "`workers` of [server] is taken when the node starts again";
    assert!(part.stdout.contains(said), "{}", part.shown());
    let said = [format!("{address}: another process has it"), "all else is new".to_owned()];
    assert!(said.iter().all(|said| part.stderr.contains(said)), "{}", part.shown());
    assert!(scene.run("status").stdout.contains("address-unavailable"));
    drop(taken);
    let whole = scene.run("reload");
    assert_eq!(whole.code, 0, "{}", whole.shown());
    // What is broken in a file is not where the node is.
    scene.node.ground.write("meridian.toml", text + "[oops\n");
    for words in ["status", "drain ap"] {
        let run = scene.run(words);
        assert_eq!(run.code, 0, "{}", run.shown());
    }
}
