//! Capacities and loads as they are written, and what comes of them.

use std::time::Duration;

use crate::config::load_str;
use crate::config::tests::cases;
use crate::config::tests::codes;
use crate::config::tests::folder::Folder;
use crate::model::HaProxyField;
use crate::model::LoadFormat;
use crate::model::LoadFrom;
use crate::model::LoadLogin;
use crate::model::LoadSource;
use crate::model::NginxField;
use crate::model::Region;
use crate::model::limits;

const US: &str = "[region.us]";

/// As the cases beside.
pub(super) const CASES: &[(&str, &str, &str)] = &[
    ("capacity-without-load", US, "[region.us]\ncapacity = 10000"),
    ("limits-without-capacity", US, "[region.us]\nlimits = { hard = \"90%\" }\nload = \"push\""),
    (
        "load-field",
        US,
        "[region.us]\nload = [{ haproxy = { url = \"http://lb/;csv\", proxy = \"www\", field = \"scurr\" } }, \
         { nginx-status = { url = \"http://lb/status\", field = \"waiting\" } }]",
    ),
    ("load-hold", US, "[region.us]\nload = \"push\"\nload-interval = \"1m\"\nload-hold = \"30s\""),
    (
        "load-kind",
        US,
        "[region.us]\nload = [{}, { json = { url = \"http://lb/\", field = \"/a\" }, nginx-status = { url = \"http://lb/\" } }]\n\
         [region.ap]\nload = \"pull\"",
    ),
    (
        "load-limits",
        US,
        "[region.us]\ncapacity = 100\nload = \"push\"\nlimits = { soft = \"90%\", hard = \"80%\" }\n\
         [region.ap]\ncapacity = 100\nload = \"push\"\nlimits = { hard = 0 }",
    ),
    (
        "load-login",
        US,
        "[region.us]\nload = [\n\
         { nginx-status = { url = \"http://a/\", user = \"meridian\" } },\n\
         { nginx-status = { url = \"http://b/\", password-file = \"nats.pass\" } },\n\
         { nginx-status = { url = \"http://c/\", token-file = \"nats.token\", user = \"me\", password-file = \"nats.pass\" } },\n\
         { nginx-status = { url = \"http://d/\", token-file = \"empty\" } },\n]",
    ),
    (
        "load-metric",
        US,
        "[region.us]\nload = { prometheus = { url = \"http://lb/metrics\", metric = \"up{job=\\\"x\\\"}\", labels = { \"a-b\" = \"c\" } } }",
    ),
    ("load-times-without-load", US, "[region.us]\nload-interval = \"5s\""),
    (
        "load-url",
        US,
        "[region.us]\nload = [{ nginx-status = { url = \"lb/status\" } }, \
         { nginx-status = { url = \"http://me:secret@lb/\" } }]",
    ),
];

fn read(text: &str) -> (Vec<&'static str>, Option<Region>) {
    let folder = Folder::new();
    let text = cases::BASE.replacen(US, &format!("{US}\n{text}"), 1);
    let loaded = load_str(&text, folder.path());
    (codes(&loaded), loaded.config.map(|config| config.regions[0].clone()))
}

fn region(text: &str) -> Region {
    let (codes, region) = read(text);
    assert_eq!(codes, [""; 0], "{text}");
    region.unwrap()
}

fn sources(text: &str) -> Vec<LoadSource> {
    match region(&format!("load = {text}")).load.unwrap().from {
        LoadFrom::Pulled(sources) => sources,
        LoadFrom::Pushed => panic!("{text}"),
    }
}

#[test]
fn what_is_left_out_of_a_load_has_defaults() {
    let found = region("capacity = 10000\nload = { nginx-status = { url = \"http://lb/\" } }");
    let capacity = found.capacity.unwrap();
    assert!((capacity.amount - 10_000.0).abs() < f64::EPSILON);
    assert!((capacity.soft - 0.8).abs() < 1e-9 && (capacity.hard - 0.95).abs() < 1e-9);
    let load = found.load.unwrap();
    assert_eq!((load.interval, load.hold), (Duration::from_secs(10), Duration::from_secs(60)));
    let LoadFrom::Pulled(sources) = load.from else { panic!("pulled") };
    assert_eq!(sources[0].timeout, Duration::from_secs(3));
    assert_eq!(sources[0].format, LoadFormat::NginxStatus(NginxField::Active));
    assert!(sources[0].login == LoadLogin::Anyone && sources[0].tls.verify);
    // One limit alone moves the default of the other, never across.
    for (limits, soft, hard) in [
        ("{ soft = \"99%\" }", 0.99, 0.99),
        ("{ hard = \"50%\" }", 0.5, 0.5),
        ("{ soft = 0, hard = 100 }", 0.0, 1.0),
    ] {
        let found = region(&format!("capacity = 0.5\nlimits = {limits}\nload = \"push\""));
        let capacity = found.capacity.unwrap();
        assert!((capacity.soft - soft).abs() < 1e-9, "{limits}");
        assert!((capacity.hard - hard).abs() < 1e-9, "{limits}");
        assert_eq!(found.load.unwrap().from, LoadFrom::Pushed);
    }
}

#[test]
fn short_intervals_shorten_what_depends_on_them() {
    let text = "load-interval = \"2s\"\nload = { nginx-status = { url = \"http://lb/\" } }";
    let load = region(text).load.unwrap();
    let LoadFrom::Pulled(sources) = load.from else { panic!("pulled") };
    assert_eq!((load.hold, sources[0].timeout), (Duration::from_secs(12), load.interval));
    let (codes, _) = read(&text.replace("lb/\"", "lb/\", timeout = \"3s\""));
    assert_eq!(codes, ["timeout-over-interval"]);
}

#[test]
fn every_kind_of_source_is_read() {
    let found = sources(
        "[{ haproxy = { url = \"http://lb/;csv\", proxy = \"www\", server = \"web1\", field = \"req_tot\" } },\n\
         { prometheus = { url = \"https://lb/metrics\", metric = \"a:b\", labels = { code = \"\", x = \"y\" }, rate = false } },\n\
         { json = { url = \"http://lb/\", field = \"/a/0\", rate = true, token-file = \"nats.token\" } },\n\
         { nginx-status = { url = \"http://lb/\", user = \"me\", password-file = \"nats.pass\", verify = false } }]",
    );
    let (proxy, server) = ("www".to_owned(), "web1".to_owned());
    let haproxy = LoadFormat::HaProxy { proxy, server, field: HaProxyField::Requests };
    assert_eq!(found[0].format, haproxy);
    let labels = vec![("code".to_owned(), String::new()), ("x".to_owned(), "y".to_owned())];
    let metric = "a:b".to_owned();
    assert_eq!(found[1].format, LoadFormat::Prometheus { metric, labels, rate: Some(false) });
    assert_eq!(found[2].format, LoadFormat::Json { pointer: "/a/0".into(), rate: true });
    assert!(matches!(&found[2].login, LoadLogin::Token(path) if path.ends_with("nats.token")));
    assert!(matches!(&found[3].login, LoadLogin::User(user, _) if user == "me"));
    assert!(!found[3].tls.verify);
}

#[test]
fn mistakes_are_told_where_they_are() {
    for (text, code) in [
        ("capacity = 0\nload = \"push\"", "out-of-range"),
        ("capacity = -5\nload = \"push\"", "out-of-range"),
        ("capacity = inf\nload = \"push\"", "out-of-range"),
        ("capacity = nan\nload = \"push\"", "out-of-range"),
        ("capacity = \"10k\"\nload = \"push\"", "wrong-type"),
        ("load = []", "empty-list"),
        ("load = 5", "wrong-type"),
        ("load = [\"push\"]", "wrong-type"),
        ("load = { json = { field = \"/a\" } }", "missing-key"),
        ("load = { json = { url = \"http://lb/\", field = \"a.b\" } }", "json-pointer"),
        ("load = { haproxy = { url = \"http://lb/\" } }", "missing-key"),
        (
            "load = { nginx-status = { url = \"http://lb/\", user = \"me:x\", password-file = \"nats.pass\" } }",
            "load-login",
        ),
        ("load = { nginx-status = { url = \"http://lb/\", metric = \"x\" } }", "unknown-key"),
        ("load = \"push\"\nload-interval = \"100ms\"", "out-of-range"),
        ("limits = { soft = 200 }\ncapacity = 1\nload = \"push\"", "out-of-range"),
        ("limits = { low = 20 }\ncapacity = 1\nload = \"push\"", "unknown-key"),
    ] {
        let (codes, region) = read(text);
        assert!(codes.contains(&code) && region.is_none(), "{text}: {codes:?}");
    }
}

#[test]
fn sources_have_bounds() {
    let source = "{ nginx-status = { url = \"http://lb/\" } }, ";
    let load = |n: usize| format!("load = [{}]", source.repeat(n));
    assert_eq!(read(&load(limits::LOAD_SOURCES_PER_REGION)).0, [""; 0]);
    assert_eq!(read(&load(limits::LOAD_SOURCES_PER_REGION + 1)).0, ["too-many"]);
    let regions = limits::LOAD_SOURCES / limits::LOAD_SOURCES_PER_REGION;
    let most = load(limits::LOAD_SOURCES_PER_REGION);
    let others: String = (1..regions).map(|n| format!("\n[region.r{n}]\n{most}")).collect();
    let (codes, region) = read(&format!("{most}{others}"));
    assert!(!codes.contains(&"too-many") && region.is_some());
    let (codes, region) = read(&format!("{most}{others}\n[region.one-more]\n{}", load(1)));
    assert!(codes.contains(&"too-many") && region.is_none());
}
