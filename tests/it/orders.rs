//! Orders of operators on a slow disk, with a node that is killed: what was confirmed is there
//! when it starts again.
//!
//! The disk is slowed by a library that is loaded before the C library, whose `fsync` waits.
//! `MERIDIAN_ORDERS=10000` asks for more orders than a test should, and prints what they took.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use socket2::Domain;
use socket2::Socket;
use socket2::Type;

use crate::ground;
use crate::ground::Ground;
use crate::preload;
use crate::program;
use crate::running::DEADLINE;
use crate::running::Node;
use crate::running::configuration;
use crate::running::free_port;
use crate::running::now;

/// An `fsync` that waits as long as the environment says, in milliseconds, before it syncs; while
/// there is the file that the environment names, it fails.
const SLOW: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int fsync(int fd) {
    static int (*next)(int);
    if (!next) next = (int (*)(int)) dlsym(RTLD_NEXT, "fsync");
    const char *broken = getenv("BROKEN_WHILE");
    if (broken && !access(broken, F_OK)) {
        errno = EIO;
        return -1;
    }
    const char *ms = getenv("SLOW_FSYNC_MS");
    long wait = ms ? atol(ms) : 0;
    struct timespec pause = { wait / 1000, wait % 1000 * 1000000 };
    nanosleep(&pause, 0);
    return next(fd);
}
"#;

/// Services, each with pools in three regions: what can be drained.
const SERVICES: usize = 40;
const REGIONS: [&str; 3] = ["us", "eu", "ap"];

/// Those who order at once. Each has an address of its own, since the API bounds what one asks.
const OPERATORS: u8 = 48;

fn services() -> String {
    let mut text = String::new();
    for n in 0..SERVICES {
        write!(text, "[service.s{n}]\nname = \"s{n}.test\"\npolicy = \"near\"\n").unwrap();
        for (at, region) in REGIONS.iter().enumerate() {
            write!(text, "[service.s{n}.pool.{region}]\nendpoints = [\"192.0.2.{}\"]\n", at + 1)
                .unwrap();
        }
    }
    text
}

/// One request by a connection of its own, from 127.53.0.`who`; none if the node is gone.
fn request(api: SocketAddr, who: u8, head: &str, body: &str) -> Option<(u16, Value)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 53, 0, who), 0)).into()).ok()?;
    socket.connect(&api.into()).ok()?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    let length = body.len();
    let rest = "Content-Type: application/json\r\nConnection: close";
    write!(stream, "{head}\r\nHost: {api}\r\n{rest}\r\nContent-Length: {length}\r\n\r\n{body}")
        .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).ok()?))
}

/// What operators ordered of one target.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The number of the last order that was confirmed.
    confirmed: usize,
    /// The number of the last that was sent.
    sent: usize,
}

/// A node on a slow disk, and what was ordered of it.
struct Scene {
    node: Node,
    api: SocketAddr,
    known: BTreeMap<String, Mutex<Known>>,
}

impl Scene {
    fn new(fsync: Duration) -> Option<Self> {
        let ground = Ground::new(&[("test.zone", ground::ZONE)]);
        let library = preload::library(ground.folder(), SLOW)?;
        let port = free_port();
        let api = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let control = format!("[control]\nlisten = \"{api}\"\nmin-regions = 0\n");
        let usual = ground::USUAL.replacen("[server]", &format!("{control}[server]"), 1);
        ground.write("meridian.toml", configuration(port, &usual) + &services());
        let environment = [
            ("LD_PRELOAD".to_owned(), library.display().to_string()),
            ("SLOW_FSYNC_MS".to_owned(), fsync.as_millis().to_string()),
            ("BROKEN_WHILE".to_owned(), ground.path("broken").display().to_string()),
        ];
        let node = Node::start_with(ground, port, environment.into());
        let targets = (0..SERVICES).flat_map(|n| REGIONS.map(|region| format!("s{n}/{region}")));
        let known = targets.map(|target| (target, Mutex::default())).collect();
        Some(Self { node, api, known })
    }

    fn token(&self) -> String {
        let path = self.node.ground.path("state/operator.token");
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    }

    /// Has operators order at once until so many orders were confirmed, then kills the node
    /// while they go on. Returns how many were confirmed.
    fn order_and_kill(&mut self, orders: usize, next: &AtomicUsize) -> usize {
        let (confirmed, token, api) = (AtomicUsize::new(0), self.token(), self.api);
        let (known, confirmed) = (&self.known, &confirmed);
        let targets: Vec<&String> = known.keys().collect();
        let operate = |who: u8| {
            let mut random = fastrand::Rng::with_seed(u64::from(who));
            loop {
                let target = targets[random.usize(..targets.len())];
                // One at a time of a target, so that it is known which is the last.
                let mut of_target = known[target].lock().unwrap();
                let number = next.fetch_add(1, Ordering::Relaxed);
                of_target.sent = number;
                let why = number.to_string();
                let body = json!({ "target": target, "state": "drained", "why": why });
                let head = format!("PUT /api/v1/admin HTTP/1.1\r\nAuthorization: Bearer {token}");
                match request(api, who, &head, &body.to_string()) {
                    Some((200, _)) => {
                        of_target.confirmed = number;
                        confirmed.fetch_add(1, Ordering::Relaxed);
                    }
                    // Too many at once: not done, and said so.
                    Some((429 | 503, _)) => {}
                    Some((status, problem)) => panic!("{status}: {problem}"),
                    // It was killed.
                    None => return,
                }
            }
        };
        thread::scope(|scope| {
            for who in 1..=OPERATORS {
                let operate = &operate;
                scope.spawn(move || operate(who));
            }
            let deadline = now() + DEADLINE * u32::try_from(orders / 100 + 1).unwrap();
            while confirmed.load(Ordering::Relaxed) < orders {
                assert!(now() < deadline, "{} were confirmed", confirmed.load(Ordering::Relaxed));
                thread::yield_now();
            }
            self.node.signal("KILL");
        });
        assert_eq!(self.node.ended(), None, "it was killed");
        confirmed.load(Ordering::Relaxed)
    }

    /// Compares what the node has with what was confirmed: it, or what was sent after it.
    fn compare(&self) {
        let (status, json) = request(self.api, 200, "GET /api/v1/admin HTTP/1.1", "").unwrap();
        assert_eq!(status, 200);
        let found: BTreeMap<&str, usize> = json["admin"]
            .as_array()
            .unwrap()
            .iter()
            .map(|of| (of["target"].as_str().unwrap(), of["why"].as_str().unwrap()))
            .map(|(target, why)| (target, why.parse().unwrap()))
            .collect();
        for (target, known) in &self.known {
            let known = known.lock().unwrap().clone();
            let found = found.get(&**target).copied().unwrap_or_default();
            let fits = known.confirmed <= found && found <= known.sent;
            assert!(fits, "{target}: found order {found}, {known:?}");
        }
    }
}

/// Issue 13, 2: with an fsync of 0.7 s, 29 of 100 orders were confirmed before they were saved.
#[test]
fn what_was_confirmed_outlives_a_kill_however_slow_the_disk() {
    let orders = std::env::var("MERIDIAN_ORDERS").ok().and_then(|n| n.parse().ok());
    let (rounds, of_round) = match orders {
        Some(orders) => (20, usize::div_ceil(orders, 20)),
        None => (3, 100),
    };
    let Some(mut scene) = Scene::new(Duration::from_millis(120)) else { return };
    let (next, begin) = (AtomicUsize::new(1), now());
    let mut confirmed = 0;
    for _ in 0..rounds {
        confirmed += scene.order_and_kill(of_round, &next);
        scene.node.restart();
        scene.compare();
    }
    assert!(confirmed >= rounds * of_round);
    if orders.is_some() {
        let sent = next.into_inner() - 1;
        println!("{confirmed} of {sent} orders confirmed, {rounds} kills, {:?}", begin.elapsed());
    }
}

/// A disk that fails: the order holds, and everybody who asks is told that it is not saved.
#[test]
fn an_order_that_can_not_be_saved_holds_and_is_told_as_that() {
    let Some(mut scene) = Scene::new(Duration::ZERO) else { return };
    let run = |scene: &Scene, words: &str| program::run(scene.node.ground.folder(), words);
    scene.node.ground.write("broken", "");
    let refused = run(&scene, "drain s1/eu --why upgrade");
    assert_eq!(refused.code, 1, "{}", refused.shown());
    for said in ["s1/eu is drained from now on", "not saved", "Input/output error", "state.json"] {
        assert!(refused.stderr.contains(said), "no {said:?} in {}", refused.shown());
    }
    let shown = |scene: &Scene| {
        let (_, ready) = request(scene.api, 200, "GET /readyz HTTP/1.1", "").unwrap();
        let mut problems = ready["problems"].as_array().unwrap().iter();
        let is_told = problems.any(|problem| problem["code"] == "state-not-saved");
        (run(scene, "status").stdout.contains("state-not-saved"), is_told)
    };
    let until = |scene: &Scene, wanted: bool| {
        let deadline = now() + DEADLINE;
        while shown(scene) != (wanted, wanted) {
            assert!(now() < deadline, "{:?}, not {wanted}", shown(scene));
        }
    };
    until(&scene, true);
    assert!(run(&scene, "status").stdout.contains("upgrade"), "it is in force");
    std::fs::remove_file(scene.node.ground.path("broken")).unwrap();
    // Asked again, it is written at once, and what is confirmed is there after a kill.
    let done = run(&scene, "drain s1/eu --why upgrade");
    let is_confirmed = done.code == 0 && done.stdout.starts_with("s1/eu: drained, as before");
    assert!(is_confirmed, "{}", done.shown());
    scene.node.restart();
    assert!(run(&scene, "status").stdout.contains("upgrade"));
    until(&scene, false);
}
