//! Which probes are one check, and that each check has a key of its own.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::model::ExecProbe;
use crate::model::HttpProbe;

fn http(path: &str) -> Probe {
    Probe::Http(HttpProbe {
        tls: None,
        method: "GET".to_owned(),
        path: path.to_owned(),
        host: None,
        port: 80,
        headers: Vec::new(),
        expect_status: vec![200..=299],
        expect_body: None,
        expect_json: Vec::new(),
        redirects: 0,
    })
}

fn exec() -> Probe {
    Probe::Exec(ExecProbe { program: PathBuf::from("/bin/true"), arguments: Vec::new() })
}

fn monitor(name: &str, probe: Probe) -> Monitor {
    Monitor {
        name: name.to_owned(),
        probe,
        at: None,
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(3),
        rise: 2,
        fall: 3,
        hold_down: Duration::ZERO,
        hold_unable: Duration::ZERO,
        voting: crate::model::Voting::default(),
    }
}

fn maker(monitors: &[Monitor]) -> Maker<'_> {
    Maker { monitors, found: HashMap::new(), all: Vec::new() }
}

fn at(host: &str, port: Option<u16>, path: Option<&str>) -> ProbeAt {
    let named = || ProbeHost::Name(host.to_owned());
    let host = host.parse().map_or_else(|_| named(), ProbeHost::Address);
    ProbeAt { host, port, path: path.map(str::to_owned) }
}

#[test]
fn monitors_that_do_the_same_share_a_check_but_heartbeats_and_programs_do_not() {
    for (probe, n) in [(http("/"), 1), (Probe::Icmp, 1), (Probe::Push, 2), (exec(), 2)] {
        let monitors = [monitor("one", probe.clone()), monitor("other", probe)];
        let mut maker = maker(&monitors);
        for id in [0, 1, 0] {
            maker.check(MonitorId(id), &at("192.0.2.1", None, None), Some("www.example.com"));
        }
        assert_eq!(maker.all.len(), n, "{monitors:?}");
    }
}

#[test]
fn a_wildcard_is_asked_for_a_name_that_its_certificate_can_be_for() {
    let presented = |owners: &[&str]| {
        let owners: Vec<Name> = owners.iter().map(|owner| owner.parse().unwrap()).collect();
        presented(&owners)
    };
    assert_eq!(presented(&["*.example.com."]).unwrap(), "meridian-probe.example.com");
    assert_eq!(presented(&["*.example.com.", "example.com."]).unwrap(), "example.com");
    assert_eq!(presented(&["www.example.com."]).unwrap(), "www.example.com");
    let long = [&"a".repeat(60), ".", &"b".repeat(60), ".", &"c".repeat(60), ".", &"d".repeat(60)];
    let long = long.map(|part| part as &str).concat();
    assert_eq!(presented(&[&format!("*.{long}.")]).unwrap(), long);
    assert_eq!(presented(&[]), None);
}

#[test]
fn a_place_said_in_another_way_is_the_same_check() {
    let monitors = [monitor("web", http("/up")), monitor("ping", Probe::Icmp)];
    let mut maker = maker(&monitors);
    for (port, path) in [(None, None), (Some(80), None), (None, Some("/up"))] {
        maker.check(MonitorId(0), &at("192.0.2.1", port, path), Some("www.example.com"));
        maker.check(MonitorId(1), &at("192.0.2.1", port, path), None);
    }
    let keys: Vec<&str> = maker.all.iter().map(|check| check.key.as_str()).collect();
    assert_eq!(keys, ["web@192.0.2.1:80 www.example.com", "ping@192.0.2.1"]);
}

#[test]
fn different_checks_have_different_keys() {
    let mut monitors = Vec::new();
    for (n, name) in ["a", "a@b", "a%40b", "b", "a/b", "[::1]", "a:80"].into_iter().enumerate() {
        // No two of them alike, so that none is merged.
        let secs = 10 + u64::try_from(n).unwrap();
        for (kind, probe) in [("", http("/")), ("p", Probe::Push), ("e", exec())] {
            let of_kind = monitor(&format!("{name}{kind}"), probe);
            monitors.push(Monitor { interval: Duration::from_secs(secs), ..of_kind });
        }
    }
    let mut maker = maker(&monitors);
    let hosts = ["a", "b", "b@c", "c", "192.0.2.1", "::1", "[::1]", "[::1", "a:80", "a/x", "a x"];
    for id in (0..).take(monitors.len()).map(MonitorId) {
        for host in hosts {
            for port in [None, Some(80), Some(8), Some(81)] {
                for path in [None, Some("/"), Some("/x"), Some("/x:80"), Some("/x@b")] {
                    for name in [None, Some("x"), Some("www.example.com"), Some("a x")] {
                        maker.check(id, &at(host, port, path), name);
                    }
                }
            }
        }
    }
    assert!(maker.all.len() > 1000);
    let mut keys = HashSet::new();
    for check in &maker.all {
        assert!(keys.insert(check.key.clone()), "{check:?}");
    }
}
