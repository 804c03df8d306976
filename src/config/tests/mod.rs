//! Loading as a whole: good files, bad files, any text.

mod cases;
mod cluster;
mod folder;
mod kept;
mod loads;
mod maintenance;
mod monitors;
mod sense;
mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use crate::config::CODES;
use crate::config::Format;
use crate::config::Loaded;
use crate::config::load;
use crate::config::load_str;
use crate::config::render;
use crate::config::tests::folder::Folder;
use crate::model::AllDown;
use crate::model::Probe;
use crate::model::Severity;
use crate::model::limits;

/// The example of the manual.
const EXAMPLE: &str = include_str!("example.toml");

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    loaded.diagnostics.iter().map(|problem| problem.code.0).collect()
}

#[test]
fn every_code_has_a_file_that_shows_it() {
    let folder = Folder::new();
    let mut shown = BTreeSet::new();
    for (code, text) in cases::all() {
        let loaded = load_str(&text, folder.path());
        let drawn =
            folder.strip(&render(&loaded.diagnostics, &loaded.sources, Format::Full, false));
        assert!(codes(&loaded).contains(&code), "{code} is not in:\n{drawn}");
        let errors = loaded.diagnostics.iter().any(|p| p.severity == Severity::Error);
        assert_eq!(loaded.config.is_none(), errors, "{code}");
        assert!(loaded.diagnostics.iter().all(|p| p.help.is_some()), "no help:\n{drawn}");
        // The whole of a hundred problems shows nothing more than the last ones.
        let last =
            drawn.rmatch_indices("\n\n").nth(2).map_or(&*drawn, |(at, _)| drawn[at..].trim());
        insta::assert_snapshot!(code, if code == "too-many-problems" { last } else { &drawn });
        shown.insert(code);
    }
    // Whether it is said depends on who runs the test; its text does not.
    shown.insert("icmp-not-permitted");
    let listed: BTreeSet<&str> = CODES.iter().map(|(code, _)| code.0).collect();
    // What is wrong inside a database is said by `geo`, in its own words.
    let (of_geo, shown): (BTreeSet<_>, _) =
        shown.into_iter().partition(|c| c.starts_with("geoip-"));
    assert_eq!(of_geo, BTreeSet::from(["geoip-not-a-database"]));
    assert_eq!(shown, listed);
}

#[test]
fn the_manual_lists_every_code() {
    let manual = include_str!("../../manual/diagnostics.md");
    for (code, meaning) in CODES {
        let row = format!("| `{code}` | {meaning} |");
        assert!(manual.lines().any(|line| line == row), "not in the manual: {row}");
    }
    let mut sorted: Vec<&str> = CODES.iter().map(|(code, _)| code.0).collect();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), CODES.len(), "each code once");
}

/// Every key that the code reads stands in the manual's reference, in backticks.
#[test]
fn the_manual_lists_every_key() {
    let manual = include_str!("../../manual/configuration.md");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config");
    let mut keys = BTreeSet::new();
    let files = |folder: &Path| -> Vec<_> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let within = ["load", "monitor"].map(|room| files(&folder.join(room)));
    for path in files(&folder).into_iter().chain(within.into_iter().flatten()) {
        if !path.is_file() {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        for read in [".value(\"", ".required(\"", ".section(\"", ".named(\"", ".elements(\""] {
            let found = text.split(read).skip(1).filter_map(|rest| rest.split_once('"'));
            keys.extend(found.map(|(key, _)| key.to_owned()));
        }
    }
    assert!(keys.len() > 30, "the keys were found: {keys:?}");
    let is_listed = |key: &String| {
        let words =
            |code: &str| code.split(|c: char| !c.is_alphanumeric() && c != '-').any(|w| w == key);
        manual.split('`').skip(1).step_by(2).any(words)
    };
    let unlisted: Vec<_> = keys.iter().filter(|key| !is_listed(key)).collect();
    assert!(unlisted.is_empty(), "not in the manual: {unlisted:?}");
}

/// What operators start from: without a warning, and shown by the README as it is.
#[test]
fn the_shipped_example_is_clean() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = top.join("zones/meridian.toml");
    let loaded = load(&path);
    assert_eq!(codes(&loaded), Vec::<&str>::new());
    assert!(loaded.config.is_some());
    let readme = fs::read_to_string(top.join("README.md")).unwrap();
    assert!(readme.contains(fs::read_to_string(path).unwrap().trim_end()), "README.md");
}

#[test]
fn no_more_is_asked_for_than_the_server_gives() {
    let folder = Folder::new();
    let most = [("workers", limits::WORKERS), ("tcp-connections", limits::TCP_CONNECTIONS)];
    for (key, most) in most {
        let problems = |n: usize| {
            let text = format!("[server]\n{key} = {n}\n{}", cases::MINIMAL);
            codes(&load_str(&text, folder.path()))
        };
        assert!(!problems(most).contains(&"out-of-range"), "{key}");
        assert!(problems(most + 1).contains(&"out-of-range"), "{key}");
    }
}

#[test]
fn a_node_is_told_to_listen_at_no_more_addresses_than_it_can() {
    let folder = Folder::new();
    let problems = |n: usize| {
        let all: Vec<String> = (0..n).map(|port| format!("127.0.0.1:{}", 5300 + port)).collect();
        codes(&load_str(&format!("[server]\nlisten = {all:?}\n{}", cases::MINIMAL), folder.path()))
    };
    assert!(!problems(limits::LISTEN_ADDRESSES).contains(&"too-many"));
    assert!(problems(limits::LISTEN_ADDRESSES + 1).contains(&"too-many"));
}

#[test]
fn the_example_loads() {
    let folder = Folder::new();
    let loaded = load_str(EXAMPLE, folder.path());
    let drawn = folder.strip(&render(&loaded.diagnostics, &loaded.sources, Format::Full, false));
    insta::assert_snapshot!("example", drawn);
    let (config, files) = (loaded.config.unwrap(), loaded.files);
    let names: Vec<&str> = config.regions.iter().map(|region| region.name.as_str()).collect();
    assert_eq!(names, ["us-east", "eu-west", "ap-southeast"]);
    assert_eq!((config.databases.len(), config.zones.len()), (1, 1));
    let policy = &config.policies[0];
    assert_eq!((policy.depth, policy.rules.len()), (3, 1));
    assert_eq!(policy.rules[0].matches.countries.len(), 2);
    assert!((policy.tie.distance_km - 50.0).abs() < f64::EPSILON);
    let service = &config.services[0];
    assert_eq!((service.ttl.secs(), service.ttl_min.secs(), service.answers), (30, 15, 1));
    assert_eq!(service.all_down, AllDown::FailOpen);
    assert_eq!(service.pools[1].endpoints[0].weight.0, 2);
    assert!(matches!(config.monitors[0].probe, Probe::Http(_)));
    assert!(files.iter().any(|path| path.ends_with("zones/gslb.example.com.zone")));
    assert!(files.iter().any(|path| path.ends_with("geoip/dbip-country-lite.mmdb")));
    assert!(files.iter().any(|path| path.ends_with("meridian.toml")));
    assert!(files.iter().any(|path| path.ends_with("services")));
}

#[test]
fn what_is_left_out_has_defaults() {
    let folder = Folder::new();
    let loaded = load_str(cases::MINIMAL, folder.path());
    assert_eq!(codes(&loaded), [""; 0]);
    let config = loaded.config.unwrap();
    assert_eq!(config.server.listen.len(), 2);
    assert_eq!((config.server.workers, config.server.tcp_idle.as_secs()), (0, 10));
    assert_eq!(config.control.listen.unwrap().to_string(), "127.0.0.1:8053");
    let service = &config.services[0];
    assert_eq!((service.ttl.secs(), service.ttl_min.secs()), (30, 15));
    assert_eq!((service.pools[0].weight.0, service.pools[0].endpoints[0].weight.0), (100, 1));
    assert_eq!(config.policies[service.policy].name, "default");
    let policy = load_str(cases::BASE, folder.path()).config.unwrap().policies.remove(0);
    assert_eq!((&*policy.name, policy.depth, policy.ecs), ("global", 3, true));
}

#[test]
fn ttl_min_is_half_the_ttl_within_bounds() {
    let folder = Folder::new();
    for (ttl, least) in [("60s", 30), ("8s", 5), ("3s", 3), ("0s", 0)] {
        let name = "name = \"www.gslb.example.com\"";
        let text = cases::MINIMAL.replace(name, &format!("{name}\nttl = \"{ttl}\""));
        let config = load_str(&text, folder.path()).config.unwrap();
        assert_eq!(config.services[0].ttl_min.secs(), least, "{ttl}");
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let folder = Folder::new();
    let text = cases::BASE
        .replace("[\"priority\"]", "[\"prioritty\"]")
        .replace("\"192.0.2.10\"", "\"192.0.2.300\", 5")
        .replace("pool.eu", "pool.euu");
    let loaded = load_str(&format!("{text}wieght = 1\n"), folder.path());
    let expected =
        ["unknown-rank", "endpoint-address", "wrong-type", "unknown-region", "unknown-key"];
    assert_eq!(codes(&loaded), expected);
    let lines = render(&loaded.diagnostics, &loaded.sources, Format::Line, false);
    insta::assert_snapshot!("lines", folder.strip(&lines));
    let json = render(&loaded.diagnostics, &loaded.sources, Format::Json, false);
    insta::assert_snapshot!("json", folder.strip(&json));
}

#[test]
fn a_syntax_error_hides_only_what_it_makes_doubtful() {
    let folder = Folder::new();
    // Unquoted text is read all the same, so the rest of the file is checked.
    let text = cases::BASE.replace("name = ", "ttl = 30s\nname = ").replace("pool.eu", "pool.euu");
    assert_eq!(codes(&load_str(&text, folder.path())), ["toml-syntax", "unknown-region"]);
    // A header that can't be read moves keys to another table: nothing is said of them.
    let text =
        cases::BASE.replace("[policy.global]", "[policy.global").replace("www]", "www]\nx=1");
    assert_eq!(codes(&load_str(&text, folder.path())), ["toml-syntax"]);
    // An array that is never closed swallows the rest.
    let text = cases::BASE.replace("[\"priority\"]", "[\"priority\"");
    assert_eq!(codes(&load_str(&text, folder.path())), ["toml-syntax"]);
}

#[test]
fn the_main_file_may_be_missing() {
    let folder = Folder::new();
    let loaded = load(&folder.path().join("meridan.toml"));
    let drawn = render(&loaded.diagnostics, &loaded.sources, Format::Full, false);
    insta::assert_snapshot!("main-missing", folder.strip(&drawn));
    assert!(loaded.config.is_none());
    // What is there is not to be created.
    let help = load(folder.path()).diagnostics.into_iter().find_map(|problem| problem.help);
    assert_eq!(help.unwrap(), "name a file that this user may read");
}

#[test]
fn included_files_share_one_namespace_and_keep_their_own_folder() {
    let folder = Folder::new();
    let zone = "[zone.\"gslb.example.com\"]\nfile = \"zones/gslb.example.com.zone\"\n";
    folder.write("more/zone.toml", zone.replace("zones/", "../zones/").as_bytes());
    // The pattern `*.toml` matches the main file too, which is not read again.
    let main = cases::BASE.replace(zone, "include = [\"more/zone.toml\", \"more/z*.toml\"]\n");
    folder.write("meridian.toml", main.as_bytes());
    let loaded = load(&folder.path().join("meridian.toml"));
    assert_eq!(codes(&loaded), [""; 0]);
    assert_eq!(loaded.config.unwrap().zones.len(), 1);
    let main = main.replace("more/zone.toml", "more/zoen.toml").replace("more/z*", "mer*");
    folder.write("meridian.toml", main.as_bytes());
    assert_eq!(codes(&load(&folder.path().join("meridian.toml"))), ["file-missing"]);
}

#[test]
fn syntax_errors_are_all_reported() {
    let folder = Folder::new();
    let text = cases::BASE
        .replace("[region.us]", "[region.us]\nbias = yes\nbias = 1")
        .replace("rank = [\"priority\"]", "rank = [\"priority\" \"equal\"]")
        .replace("[service.www.pool.eu]", "[service.www.pool.us]");
    let quote = text.replace("endpoints = [\"192.0.2.10\"]", "endpoints = [\"192.0.2.10]");
    let equals = quote.replace("name = ", "name ");
    for (name, text) in [("syntax", text), ("syntax-quote", quote), ("syntax-equals", equals)] {
        let loaded = load_str(&text, folder.path());
        let drawn = render(&loaded.diagnostics, &loaded.sources, Format::Full, false);
        insta::assert_snapshot!(name, folder.strip(&drawn));
    }
}

#[test]
fn limits_hold() {
    let folder = Folder::new();
    let regions: String = (0..600).map(|n| format!("[region.r{n}]\n")).collect();
    let databases = format!("[geoip]\ndatabases = [{}]\n", "\"geoip/broken.mmdb\", ".repeat(9));
    let rules = "[[policy.global.rule]]\nregions = [\"us\"]\n".repeat(10_001);
    for added in [&regions, &databases, &rules] {
        let loaded = load_str(&format!("{}{added}", cases::BASE), folder.path());
        // Only a hundred problems of a file are shown, of which this may not be one.
        let shown = codes(&loaded);
        assert!(shown.contains(&"too-many") || shown.len() > 100);
        assert!(loaded.config.is_none());
    }
    for (key, value) in [("answers", "29"), ("answers", "0"), ("ttl", "\"2147483648s\"")] {
        let text = cases::BASE.replace("name = ", &format!("{key} = {value}\nname = "));
        assert_eq!(codes(&load_str(&text, folder.path())), ["out-of-range"], "{key} = {value}");
    }
}

#[test]
fn what_a_server_may_be_told_has_bounds() {
    let folder = Folder::new();
    let (longest, longer) = ("x".repeat(64), "x".repeat(65));
    for (key, good, bad) in [
        ("udp-payload", ["512", "1232"], ["511", "1233"]),
        ("tcp-connections", ["1", "4096"], ["0", "-1"]),
        ("tcp-idle", ["\"1s\"", "\"1h\""], ["\"999ms\"", "\"3601s\""]),
        ("nsid", ["\"x\"", &format!("\"{longest}\"")], [&format!("\"{longer}\""), "1"]),
    ] {
        let found = |value: &str| {
            let text = format!("[server]\n{key} = {value}\n{}", cases::MINIMAL);
            codes(&load_str(&text, folder.path())).len()
        };
        assert_eq!((good.map(found), bad.map(found)), ([0, 0], [1, 1]), "{key}");
    }
}

#[test]
fn deep_nesting_is_a_syntax_error() {
    let folder = Folder::new();
    for open in ["[", "{a=", "[{a="] {
        let loaded = load_str(&format!("x = {}", open.repeat(100_000)), folder.path());
        assert!(codes(&loaded).contains(&"toml-syntax"));
    }
}

#[test]
fn colour_is_drawn_only_when_asked_for() {
    let folder = Folder::new();
    let loaded = load_str("x = 1", folder.path());
    let draw = |color| render(&loaded.diagnostics, &loaded.sources, Format::Full, color);
    assert!(draw(true).contains('\x1b'));
    assert!(!draw(false).contains('\x1b'));
}

#[test]
fn control_characters_of_the_operator_stay_out_of_the_terminal() {
    let folder = Folder::new();
    let loaded = load_str("\"a\\u001b[31m\\nb\" = 1", folder.path());
    for format in [Format::Full, Format::Line] {
        let drawn = render(&loaded.diagnostics, &loaded.sources, format, false);
        assert!(!drawn.contains('\x1b') && drawn.contains("\\u{1b}"), "{drawn}");
    }
}

fn load_and_draw(text: &str, folder: &Folder) {
    let loaded = load_str(text, folder.path());
    for format in [Format::Full, Format::Line, Format::Json] {
        render(&loaded.diagnostics, &loaded.sources, format, true);
    }
    let errors = loaded.diagnostics.iter().any(|p| p.severity == Severity::Error);
    assert_eq!(loaded.config.is_none(), errors);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_loading_panic(text in "(?s).{0,200}") {
        load_and_draw(&text, &Folder::new());
    }

    #[test]
    fn no_mutation_of_the_example_makes_loading_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, "[ -~\\n\\r\\t\u{e9}]{0,4}"), 1..6),
    ) {
        let mut text: Vec<char> = EXAMPLE.chars().collect();
        for (at, removed, inserted) in edits {
            let at = at.index(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, inserted.chars());
        }
        load_and_draw(&text.into_iter().collect::<String>(), &Folder::new());
    }
}

/// RFC 2181, 5: an RRset has no record twice. The weights are those that were meant.
#[test]
fn an_endpoint_that_is_listed_twice_is_one_with_both_weights() {
    let folder = Folder::new();
    let text = "[zone.\"gslb.example.com\"]\nfile = \"zones/gslb.example.com.zone\"\n[region.us]\n\
                [policy.p]\nrank = [\"equal\"]\n[service.s]\nname = \"s.gslb.example.com\"\n\
                policy = \"p\"\n[service.s.pool.us]\n\
                endpoints = [\"2001:db8::1\", { address = \"192.0.2.1\", weight = 999999 }, \"192.0.2.2\",\
                \"2001:0db8:0::1\", \"192.0.2.1\", { address = \"192.0.2.1\", weight = 5 }]\n";
    let loaded = load_str(text, folder.path());
    assert_eq!(codes(&loaded).iter().filter(|code| **code == "duplicate-endpoint").count(), 3);
    let config = loaded.config.unwrap();
    let endpoints = config.services[0].pools[0].endpoints.iter();
    let found: Vec<(String, u32)> =
        endpoints.map(|at| (crate::config::pool::show(&at.target), at.weight.0)).collect();
    let expected = [("2001:db8::1", 2), ("192.0.2.1", 1_000_000), ("192.0.2.2", 1)];
    assert_eq!(found, expected.map(|(target, weight)| (target.to_owned(), weight)));
}
