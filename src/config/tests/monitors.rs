//! Monitors as they are written, and what comes of them.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::Config;
use crate::config::load_str;
use crate::config::tests::cases;
use crate::config::tests::codes;
use crate::config::tests::folder::Folder;
use crate::model::BodyMatch;
use crate::model::Failback;
use crate::model::Monitor;
use crate::model::Probe;
use crate::model::ProbeHost;

fn load(text: &str) -> Config {
    let folder = Folder::new();
    let loaded = load_str(text, folder.path());
    let all = codes(&loaded);
    assert!(
        all.iter().all(|code| ["unused-monitor", "icmp-not-permitted"].contains(code)),
        "{all:?}"
    );
    let config = loaded.config.unwrap();
    for monitor in &config.monitors {
        assert_eq!(monitor.sound(), Ok(()), "{monitor:?}");
    }
    config
}

fn monitor(text: &str) -> Monitor {
    load(&format!("[monitor.it]\n{text}\n{}", cases::BASE)).monitors.remove(0)
}

#[test]
fn every_kind_is_read() {
    for (text, kind, port) in [
        ("http = {}", "http", Some(80)),
        ("https = {}", "https", Some(443)),
        ("tcp = { port = 25, send = \"EHLO a\\r\\n\", expect = \"250\" }", "tcp", Some(25)),
        ("tls = { port = 853 }", "tls", Some(853)),
        ("icmp = {}", "icmp", None),
        ("dns = { name = \"a.example\", type = \"SOA\" }", "dns", Some(53)),
        ("grpc = { tls = true }", "grpc", Some(50051)),
        ("exec = { command = [\"/bin/sh\", \"-c\", \"true\"] }", "exec", None),
        ("push = {}", "push", None),
    ] {
        let probe = monitor(text).probe;
        assert_eq!((probe.kind(), probe.port()), (kind, port));
    }
}

#[test]
fn a_request_is_read_with_all_that_it_expects() {
    let found = monitor(
        "at = \"http://10.0.0.1:8080/up?x=1\"\n\
         http = { method = \"POST\", headers = { \"X-A\" = \"b\" }, expect-status = [204, \"301-302\"], \
         expect-body = { regex = \"a|b\" }, expect-json = { \"/a/0\" = 1, \"\" = { a = [1], b = [true] } }, redirects = 2 }",
    );
    let at = found.at.unwrap();
    assert_eq!((at.port, at.path.as_deref()), (Some(8080), Some("/up?x=1")));
    assert_eq!(at.host, ProbeHost::Address(IpAddr::from([10, 0, 0, 1])));
    let Probe::Http(http) = found.probe else { panic!() };
    assert_eq!((&*http.method, &*http.path, http.redirects), ("POST", "/up?x=1", 2));
    assert_eq!(http.expect_status, [204..=204, 301..=302]);
    assert_eq!(http.expect_body, Some(BodyMatch::Matches("a|b".to_owned())));
    let whole = serde_json::json!({ "a": [1], "b": [true] });
    assert_eq!(http.expect_json, [("/a/0".to_owned(), 1.into()), (String::new(), whole)]);
    assert_eq!(
        (found.hold_down, found.timeout),
        (Duration::from_secs(300), Duration::from_secs(3))
    );
}

#[test]
fn services_pools_and_regions_say_how_they_are_judged() {
    let text = cases::BASE
        .replace("[region.us]", "[region.us]\nmonitor = \"self\"\nmin-pools = \"40%\"")
        .replace("[region.eu]", "[region.eu]\nmonitor = \"web\"\nprobe = \"10.0.0.9:81\"")
        .replace(
            "[\"192.0.2.10\"]",
            "[{ address = \"192.0.2.10\", probe = \"[::1]:90\" }]\nmin-healthy = 30",
        )
        .replace(
            "name = ",
            "monitor = { at-least = 1, of = [\"web\", \"ping\"] }\nramp = \"1m\"\n\
             failback = \"manual\"\npanic = \"20%\"\nname = ",
        );
    let monitors =
        "[monitor.web]\nhttp = {}\n[monitor.ping]\nicmp = {}\n[monitor.self]\npush = {}\n";
    let config = load(&format!("{monitors}{text}"));
    let service = &config.services[0];
    let need = service.monitors.as_ref().unwrap();
    assert_eq!((need.need, need.of.len()), (1, 2));
    assert_eq!((service.ramp.as_secs(), service.panic), (60, 20));
    assert_eq!(service.failback, Failback::Manual);
    assert_eq!((service.pools[0].min_healthy, service.pools[1].min_healthy), (30, 50));
    assert_eq!(config.regions[0].min_pools, 40);
    let keys: Vec<&str> = config.checks.all.iter().map(|check| check.key.as_str()).collect();
    let expected = [
        "self@us",
        "web@10.0.0.9:81",
        "web@[::1]:90 www.gslb.example.com",
        "ping@[::1]",
        "web@198.51.100.10:80 www.gslb.example.com",
        "ping@198.51.100.10",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn files_of_tls_must_hold_what_they_should() {
    let folder = Folder::new();
    let make = || rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let (one, other) = (make(), make());
    folder.write("one.pem", one.cert.pem().as_bytes());
    folder.write("one.key", one.signing_key.serialize_pem().as_bytes());
    folder.write("other.key", other.signing_key.serialize_pem().as_bytes());
    let all = |keys: &str| {
        let text = format!("[monitor.it]\nhttps = {{ {keys} }}\n{}", cases::BASE);
        codes(&load_str(&text, folder.path()))
    };
    let fine = ["unused-monitor"];
    assert_eq!(
        all("authorities = \"one.pem\", certificate = \"one.pem\", key = \"one.key\""),
        fine
    );
    for keys in [
        "certificate = \"one.pem\"",
        "certificate = \"one.pem\", key = \"other.key\"",
        "certificate = \"one.key\", key = \"one.key\"",
        "authorities = \"one.key\"",
    ] {
        assert!(all(keys).contains(&"tls-file"), "{keys}");
    }
    assert!(all("authorities = \"none.pem\"").contains(&"file-missing"));
}

#[test]
fn a_url_says_where_an_endpoint_or_a_region_is_probed() {
    let folder = Folder::new();
    let with = |region: &str, endpoint: &str, kind: &str| {
        let text = cases::BASE
            .replace(
                "[region.eu]",
                &format!("[region.eu]\nmonitor = \"web\"\nprobe = \"{region}\""),
            )
            .replace(
                "[\"192.0.2.10\"]",
                &format!("[{{ address = \"192.0.2.10\", probe = \"{endpoint}\" }}]"),
            )
            .replace("name = ", "monitor = \"web\"\nname = ");
        load_str(&format!("[monitor.web]\n{kind}\n{text}"), folder.path())
    };
    let (region, endpoint) = ("HTTPS://10.0.0.9:81?up", "https://10.0.0.1:8443/other");
    let found = with(region, endpoint, "https = {}").config.unwrap();
    let keys: Vec<&str> = found.checks.all.iter().map(|check| check.key.as_str()).collect();
    assert!(keys.contains(&"web@10.0.0.9:81/?up"), "{keys:?}");
    assert!(keys.contains(&"web@10.0.0.1:8443/other www.gslb.example.com"), "{keys:?}");
    let problems = |loaded: &crate::config::Loaded| -> Vec<String> {
        loaded.diagnostics.iter().map(|problem| problem.message.clone()).collect()
    };
    let wrong = "`probe`: expected an address or a host, perhaps with a port, found ";
    let other = with(region, endpoint, "http = {}");
    assert_eq!(codes(&other), ["probe-place"; 2]);
    let expected = format!("{wrong}{endpoint:?}, while monitor `web` has `http`");
    assert!(problems(&other).contains(&expected), "{:?}", problems(&other));
    let none = with(region, endpoint, "tcp = { port = 1 }");
    let expected = format!("{wrong}{endpoint:?}, while monitor `web` has `tcp`");
    assert!(problems(&none).contains(&expected), "{:?}", problems(&none));
    let ftp = with(region, "ftp://10.0.0.1/", "https = {}");
    assert_eq!(codes(&ftp), ["probe-place"]);
}

#[test]
fn files_of_monitors_are_watched_before_they_are_there() {
    let folder = Folder::new();
    let program = folder.path().join("probe");
    let text = format!(
        "[monitor.run]\nexec = {{ command = [{program:?}] }}\n\
         [monitor.web]\nhttps = {{ authorities = \"none.pem\" }}\n{}",
        cases::BASE
    );
    let loaded = load_str(&text, folder.path());
    assert!(loaded.config.is_none());
    assert!(loaded.files.contains(&program));
    assert!(loaded.files.contains(&folder.path().join("none.pem")));
}
