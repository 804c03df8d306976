//! Regions that die and come back, behind real load balancers: what clients are answered.
//!
//! Each test has a laboratory of its own, in which a node runs as operators run it. Waits are
//! for what must happen; how long it took is printed, and held to three times what the
//! configuration promises, since the machine may be busy.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::lab::Kind;
use crate::lab::Lab;
use crate::lab::Process;
use crate::lab::until;
use crate::program;
use crate::running::now;

/// `fall` failures, the last of which may take the timeout.
const PROMISED: Duration = Duration::from_millis(3 * 500 + 400);

/// The most that a busy machine may need.
const AT_MOST: Duration = Duration::from_millis(3 * (3 * 500 + 400));

const ZONE: &str = "$TTL 60\n@ SOA ns h 1 7200 3600 86400 60\n@ NS ns\nns A 192.0.2.53\n";

const TOML: &str = r#"
[server]
listen  = ["127.0.0.1:53"]
workers = 1

[zone."gslb.test"]
file = "gslb.test.zone"

[nets]
"20.1.0.0/16" = "near-0"
"20.2.0.0/16" = "near-1"
"20.3.0.0/16" = "near-2"

[region.r0]
[region.r1]
[region.r2]

[monitor.web]
http     = { path = "/healthz", port = 80, expect-status = ["200-299"] }
interval = "500ms"
timeout  = "400ms"
rise     = 2
fall     = 3

[policy.by-net]
rank = ["rules", "priority"]
[[policy.by-net.rule]]
match   = { tag = "near-0" }
regions = ["r0", "r1", "r2"]
[[policy.by-net.rule]]
match   = { tag = "near-1" }
regions = ["r1", "r2", "r0"]
[[policy.by-net.rule]]
match   = { tag = "near-2" }
regions = ["r2", "r0", "r1"]

[service.www]
name    = "www.gslb.test"
policy  = "by-net"
monitor = "web"
ttl     = "5s"
[service.www.pool.r0]
endpoints = ["10.1.0.10"]
[service.www.pool.r1]
endpoints = ["10.2.0.10"]
[service.www.pool.r2]
endpoints = ["10.3.0.10"]
"#;

/// A laboratory with a node in it.
struct Scene {
    // Ends before what it runs in.
    node: Option<Process>,
    lab: Lab,
}

impl Scene {
    /// Sets it up and waits until each client is answered its own region; `None`, with a
    /// message, where that can't be had.
    fn new() -> Option<Self> {
        let lab = Lab::build()?;
        fs::write(lab.folder().join("gslb.test.zone"), ZONE).unwrap();
        fs::write(lab.folder().join("meridian.toml"), TOML).unwrap();
        let checked = program::run(lab.folder(), "check");
        assert_eq!(checked.code, 0, "{}", checked.shown());
        let mut scene = Self { node: None, lab };
        scene.start();
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            let what = format!("clients near {kind:?} are answered it");
            until(&what, || scene.answer(number).as_deref() == Some(&*Lab::vip(number)));
        }
        Some(scene)
    }

    fn start(&mut self) {
        let mut command = self.lab.beside_meridian(env!("CARGO_BIN_EXE_meridian"));
        command.arg("serve").current_dir(self.lab.folder()).env("NO_COLOR", "1");
        command.env("STATE_DIRECTORY", "state");
        for name in ["LISTEN_FDS", "MERIDIAN_CONFIG", "NOTIFY_SOCKET", "RUST_LOG"] {
            command.env_remove(name);
        }
        self.node = Some(Process::logged(command, &self.lab.folder().join("meridian.log")));
    }

    /// What `dig` says to a question of a client near a region.
    fn dig(&self, number: usize, words: &[&str]) -> String {
        let mut command = self.lab.beside_meridian("dig");
        let subnet = format!("+subnet=20.{}.7.0/24", number + 1);
        command.args(["@127.0.0.1", "www.gslb.test", "A", &subnet, "+tries=1", "+timeout=1"]);
        String::from_utf8(command.args(words).output().unwrap().stdout).unwrap()
    }

    /// The address that a client near a region is answered, if it is answered.
    fn answer(&self, number: usize) -> Option<String> {
        let said = self.dig(number, &["+short"]);
        said.lines().find(|line| line.parse::<Ipv4Addr>().is_ok()).map(str::to_owned)
    }

    /// Waits until clients near a region are answered another one, which must be soon.
    fn goes(&self, number: usize, what: &str) {
        let own = Lab::vip(number);
        let took = until(what, || self.answer(number).is_some_and(|found| found != own));
        println!("{what}: answers moved after {took:.2?}, promised within {PROMISED:.2?}");
        assert!(took < AT_MOST, "{what}: {took:?}\n{}", self.log());
        // It is the next one in the order of the rule, and the other clients stay.
        assert_eq!(self.answer(number), Some(Lab::vip((number + 1) % 3)), "{what}");
        for other in (0..3).filter(|other| *other != number) {
            assert_eq!(self.answer(other), Some(Lab::vip(other)), "{what}");
        }
    }

    /// Waits until clients near a region are answered it again.
    fn comes(&self, number: usize, what: &str) {
        let own = Lab::vip(number);
        let took = until(what, || self.answer(number).as_deref() == Some(&*own));
        println!("{what}: answers came back after {took:.2?}");
    }

    fn log(&self) -> String {
        fs::read_to_string(self.lab.folder().join("meridian.log")).unwrap_or_default()
    }
}

/// The ground itself, without a node: what is killed is gone, what is started is back.
#[test]
fn the_laboratory_dies_and_comes_back() {
    let Some(mut lab) = Lab::build() else { return };
    let regions: Vec<(usize, Kind)> = lab.regions().collect();
    for (number, kind) in regions {
        lab.kill_webs(number);
        let dead = match kind {
            Kind::HaProxy => Some(503),
            Kind::Nginx => Some(502),
            Kind::Plain => None,
        };
        lab.wait_for_status(number, dead);
        lab.start_webs(number);
        lab.wait_for_status(number, Some(200));
        if kind != Kind::Plain {
            lab.kill_balancer(number);
            lab.wait_for_status(number, None);
            lab.start_balancer(number);
            lab.wait_for_status(number, Some(200));
        }
        lab.link(number, false);
        lab.wait_for_status(number, None);
        lab.link(number, true);
        lab.wait_for_status(number, Some(200));
    }
}

#[test]
fn answers_move_when_the_web_servers_die_and_come_back_with_them() {
    let Some(mut scene) = Scene::new() else { return };
    for (number, kind) in Kind::ALL.into_iter().enumerate() {
        scene.lab.kill_webs(number);
        scene.goes(number, &format!("web servers of {kind:?} killed"));
        scene.lab.start_webs(number);
        scene.comes(number, &format!("web servers of {kind:?} started"));
    }
}

#[test]
fn answers_move_when_a_load_balancer_or_its_link_dies() {
    let Some(mut scene) = Scene::new() else { return };
    for (number, kind) in Kind::ALL.into_iter().enumerate() {
        if kind == Kind::Plain {
            scene.lab.link(number, false);
            scene.goes(number, "link down");
            scene.lab.link(number, true);
            scene.comes(number, "link up");
        } else {
            scene.lab.kill_balancer(number);
            scene.goes(number, &format!("{kind:?} killed"));
            scene.lab.start_balancer(number);
            scene.comes(number, &format!("{kind:?} started"));
        }
    }
}

/// Down for long enough to be seen, up for long enough to be seen, again and again: without a
/// damper each would move the answers, twenty times in half a minute.
#[test]
fn a_region_that_flaps_does_not_flap_in_the_answers() {
    let Some(scene) = Scene::new() else { return };
    let begun = now();
    let mut last = scene.answer(0);
    let mut changes = Vec::new();
    for _ in 0..10 {
        for (up, lasts) in
            [(false, Duration::from_millis(1700)), (true, Duration::from_millis(1300))]
        {
            scene.lab.link(0, up);
            let toggled = now();
            while toggled.elapsed() < lasts {
                let found = scene.answer(0);
                assert!(found.is_some(), "always answered");
                if found != last {
                    changes.push(begun.elapsed());
                    last = found;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
    println!("30 s of flapping: answers changed {} times, after {changes:.1?}", changes.len());
    assert!(!changes.is_empty(), "it was not even seen to flap\n{}", scene.log());
    assert!(changes.len() <= 8, "{changes:?}\n{}", scene.log());
    let half = begun.elapsed() / 2;
    let early = changes.iter().filter(|at| **at < half).count();
    assert!(changes.len() - early <= early, "it becomes less, not more: {changes:?}");
}

#[test]
fn with_everything_down_clients_are_answered_all_the_same() {
    let Some(mut scene) = Scene::new() else { return };
    let explain = "explain www.gslb.test A --client 20.1.7.0/24";
    let before = program::run(scene.lab.folder(), explain);
    assert!(!scene.dig(0, &[]).contains("EDE:"), "{}", scene.dig(0, &[]));
    for number in 0..3 {
        scene.lab.kill_webs(number);
    }
    let took = until("failing open is said", || scene.dig(0, &[]).contains("EDE:"));
    println!("everything killed: failing open after {took:.2?}");
    for number in 0..3 {
        // As if all were up: each client its own region.
        assert_eq!(scene.answer(number), Some(Lab::vip(number)));
        assert!(scene.dig(number, &[]).contains("EDE:"));
    }
    let after = program::run(scene.lab.folder(), explain);
    assert_eq!((after.code, before.shown()), (0, after.shown()));
    scene.lab.start_webs(1);
    for number in 0..3 {
        let what = "the first region that is back takes all";
        until(what, || scene.answer(number).as_deref() == Some(&*Lab::vip(1)));
    }
    assert!(!scene.dig(0, &[]).contains("EDE:"), "{}", scene.dig(0, &[]));
}

#[test]
fn after_a_kill_the_first_answer_already_avoids_what_was_down() {
    let Some(mut scene) = Scene::new() else { return };
    scene.lab.kill_webs(0);
    scene.goes(0, "web servers killed");
    // The state is written at most a moment after the answers moved.
    std::thread::sleep(Duration::from_secs(1));
    // Dropped, it is killed, with a signal that it can't see coming.
    scene.node = None;
    assert_eq!(scene.answer(0), None);
    scene.start();
    let mut first = None;
    let took = until("it answers again", || {
        first = scene.answer(0);
        first.is_some()
    });
    println!("killed and started: the first answer after {took:.2?}");
    assert_eq!(first, Some(Lab::vip(1)), "{}", scene.log());
    assert_eq!(scene.answer(1), Some(Lab::vip(1)), "what was up is answered at once");
}
