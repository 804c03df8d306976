//! Whose fault it is that a target is not reached, on a real network: what is dead goes down,
//! and what only this node can't reach does not.
//!
//! ```text
//!   namespace of the node            namespace of a router, with the target behind it
//!   10.88.0.1, 2001:db8::1  ──veth── 10.88.0.2, 2001:db8::2 ─ lo: 10.88.9.9, 2001:db8:9::9
//! ```

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::lab::Namespace;
use crate::lab::Process;
use crate::lab::first_namespace;
use crate::lab::patiently;
use crate::program;

const TOML: &str = r#"
[server]
listen = ["127.0.0.1:5300"]
[control]
listen = "127.0.0.1:8053"
[zone."gslb.test"]
file = "gslb.test.zone"
[region.a]
[monitor.tcp]
tcp = { port = 6110 }
interval = "500ms"
timeout = "400ms"
fall = 2
rise = 1
hold-down = "0s"
hold-unable = "1h"
[monitor.ping]
icmp = {}
interval = "500ms"
timeout = "400ms"
fall = 2
rise = 1
hold-down = "0s"
hold-unable = "1h"
[service.tcp]
name = "tcp.gslb.test"
monitor = "tcp"
[service.tcp.pool.a]
endpoints = ["10.88.9.9", "2001:db8:9::9"]
[service.ping]
name = "ping.gslb.test"
monitor = "ping"
[service.ping.pool.a]
endpoints = ["10.88.9.9", "2001:db8:9::9"]
"#;

const ZONE: &str =
    "@ 60 IN SOA ns1 hostmaster 1 60 60 60 60\n@ 60 IN NS ns1\nns1 60 IN A 127.0.0.1\n";

/// What a check may be: `up`, `down`, or one that can't be probed and is held `up`.
const HELD: &str = "up, unable";

struct Scene {
    // Ends before what it runs in.
    _meridian: Process,
    is_over: Arc<AtomicBool>,
    node: Namespace,
    router: Namespace,
    folder: tempfile::TempDir,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

impl Scene {
    /// Sets it up, and waits until all is up; `None`, with a message, where that can't be had.
    fn new() -> Option<Self> {
        let (name, node) = first_namespace(&[("ip", "-V")])?;
        let router = Namespace::make(&format!("{name}r")).expect("one more");
        let words = ["link", "add", "here", "type", "veth", "peer", "name", "there", "netns"];
        node.ip(&[&words[..], &[router.name()]].concat());
        node.ip(&["link", "set", "here", "up"]);
        router.ip(&["link", "set", "there", "up"]);
        router.forward();
        router.inside(|| fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1")).unwrap();
        // Each probe is to be told, not one a second.
        router.inside(|| fs::write("/proc/sys/net/ipv4/icmp_ratelimit", "0")).ok();
        router.inside(|| fs::write("/proc/sys/net/ipv6/icmp/ratelimit", "0")).ok();
        router.ip(&["address", "add", "10.88.0.2/24", "dev", "there"]);
        router.ip(&["address", "add", "2001:db8::2/64", "dev", "there", "nodad"]);
        let is_over = Arc::new(AtomicBool::new(false));
        router.inside(|| serve(&is_over));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("gslb.test.zone"), ZONE).unwrap();
        fs::write(folder.path().join("meridian.toml"), TOML).unwrap();
        let checked = program::run(folder.path(), "check");
        assert_eq!(checked.code, 0, "{}", checked.shown());
        repair(&node, &router);
        let mut command = node.command(env!("CARGO_BIN_EXE_meridian"));
        command.arg("serve").current_dir(folder.path()).env("NO_COLOR", "1");
        for name in ["LISTEN_FDS", "NOTIFY_SOCKET", "RUST_LOG", "STATE_DIRECTORY"] {
            command.env_remove(name);
        }
        let meridian = Process::logged(command, &folder.path().join("meridian.log"));
        let scene = Self { _meridian: meridian, is_over, node, router, folder };
        scene.expect("at first", "up", "up");
        Some(scene)
    }

    /// What is said of a check: by its monitor, and whether it is of IPv6.
    fn checks(&self) -> Option<Vec<(String, bool, String)>> {
        let mut command = self.node.command(env!("CARGO_BIN_EXE_meridian"));
        command.args(["status", "--json"]).current_dir(self.folder.path());
        let status: Value = serde_json::from_slice(&command.output().ok()?.stdout).ok()?;
        let said = |check: &Value| {
            let key = check["check"].as_str()?;
            let verdict = check["verdict"].as_str()?;
            let unable = if check["unable"].is_null() { "" } else { ", unable" };
            let (monitor, place) = key.split_once('@')?;
            Some((monitor.to_owned(), place.contains('['), format!("{verdict}{unable}")))
        };
        status["checks"].as_array()?.iter().map(said).collect()
    }

    /// Waits until the checks of both families are said to be so.
    fn expect(&self, what: &str, v4: &str, v6: &str) {
        let is_so = || {
            let Some(checks) = self.checks() else { return false };
            let expected = |is_v6: bool| if is_v6 { v6 } else { v4 };
            checks.len() == 4 && checks.iter().all(|(_, is_v6, said)| said == expected(*is_v6))
        };
        let told = || {
            let log = fs::read_to_string(self.folder.path().join("meridian.log"));
            format!("expected {v4}, {v6}; it is {:?}\n{}", self.checks(), log.unwrap_or_default())
        };
        patiently(what, told, is_so);
    }

    /// Something breaks, and is mended again.
    fn breaks(
        &self,
        what: &str,
        (v4, v6): (&str, &str),
        does: impl Fn(&Self),
        undoes: impl Fn(&Self),
    ) {
        does(self);
        self.expect(what, v4, v6);
        undoes(self);
        repair(&self.node, &self.router);
        self.expect(&format!("{what}, and it is mended"), "up", "up");
    }
}

/// Puts all addresses and routes back that may be gone.
fn repair(node: &Namespace, router: &Namespace) {
    node.ip(&["link", "set", "here", "up"]);
    node.ip(&["address", "replace", "10.88.0.1/24", "dev", "here"]);
    node.ip(&["address", "replace", "2001:db8::1/64", "dev", "here", "nodad"]);
    router.ip(&["address", "replace", "10.88.9.9/32", "dev", "lo"]);
    router.ip(&["address", "replace", "2001:db8:9::9/128", "dev", "lo", "nodad"]);
    node.ip(&["route", "replace", "default", "via", "10.88.0.2"]);
    node.ip(&["-6", "route", "replace", "default", "via", "2001:db8::2"]);
}

/// Takes connections, of both families, on a thread of its own.
fn serve(is_over: &Arc<AtomicBool>) {
    let listener = TcpListener::bind("[::]:6110").unwrap();
    listener.set_nonblocking(true).unwrap();
    let is_over = Arc::clone(is_over);
    thread::spawn(move || {
        while !is_over.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok((mut stream, _)) => drop(stream.write_all(b"hello\n")),
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        }
    });
}

const TARGETS: [(&str, &str); 2] = [("-4", "10.88.9.9"), ("-6", "2001:db8:9::9")];

fn routes(of: &Namespace, verb: &str, kind: &str) {
    for (family, target) in TARGETS {
        of.ip(&[family, "route", verb, kind, target]);
    }
}

fn unplace(router: &Namespace) {
    router.ip(&["address", "del", "10.88.9.9/32", "dev", "lo"]);
    router.ip(&["address", "del", "2001:db8:9::9/128", "dev", "lo"]);
}

#[test]
fn what_is_dead_goes_down_and_what_this_node_lacks_takes_nothing_down() {
    let Some(scene) = Scene::new() else { return };
    for kind in ["unreachable", "prohibit", "blackhole", "throw"] {
        scene.breaks(
            &format!("a route of this node says {kind}"),
            ("down", "down"),
            |scene| {
                // A throw route goes on with the next table, which has none.
                if kind == "throw" {
                    scene.node.ip(&["-6", "route", "del", "default"]);
                }
                routes(&scene.node, "add", kind);
            },
            |scene| routes(&scene.node, "del", kind),
        );
    }
    scene.breaks(
        "there is no route",
        ("down", "down"),
        |scene| {
            scene.node.ip(&["-4", "route", "del", "default"]);
            scene.node.ip(&["-6", "route", "del", "default"]);
        },
        |_| {},
    );
    for kind in ["unreachable", "prohibit", "blackhole"] {
        scene.breaks(
            &format!("a router says {kind}"),
            ("down", "down"),
            |scene| {
                unplace(&scene.router);
                routes(&scene.router, "add", kind);
            },
            |scene| routes(&scene.router, "del", kind),
        );
    }
    scene.breaks(
        "the router has no cable",
        ("down", "down"),
        |scene| scene.router.ip(&["link", "set", "there", "down"]),
        |scene| {
            scene.router.ip(&["link", "set", "there", "up"]);
            scene.router.ip(&["address", "replace", "2001:db8::2/64", "dev", "there", "nodad"]);
        },
    );
    // And what this node lacks.
    scene.breaks(
        "this node has no IPv6 address",
        ("up", HELD),
        |scene| scene.node.ip(&["-6", "address", "flush", "dev", "here"]),
        |_| {},
    );
    scene.breaks(
        "this node has no IPv4 address",
        (HELD, "up"),
        |scene| scene.node.ip(&["-4", "address", "flush", "dev", "here"]),
        |_| {},
    );
    scene.breaks(
        "this node's interface is down",
        (HELD, HELD),
        |scene| scene.node.ip(&["link", "set", "here", "down"]),
        |_| {},
    );
}
