//! Files that are right key by key and make no sense: monitors that can't succeed, names that lead
//! nowhere, tables of another shape; and what is said of them once, and not of what follows.

use crate::config::load_str;
use crate::config::tests::cases;
use crate::config::tests::codes;
use crate::config::tests::folder::Folder;

/// The codes for the base file with this before it, but for what every unused monitor gets.
fn said(text: &str) -> Vec<&'static str> {
    let folder = Folder::new();
    let mut found = codes(&load_str(&format!("{text}\n{}", cases::BASE), folder.path()));
    found.retain(|code| *code != "unused-monitor");
    found
}

#[test]
fn a_monitor_that_can_never_succeed_is_an_error() {
    for keys in [
        r#"http = { method = "HEAD", expect-body = "ok" }"#,
        r#"http = { method = "HEAD", expect-json = { "/a" = 1 } }"#,
        r#"https = { expect-status = ["204"], expect-body = "ok" }"#,
        r#"http = { expect-status = [304, "204-205"], expect-json = { "/a" = 1 } }"#,
        r#"http = { expect-status = ["100-199"] }"#,
        r#"http = { expect-status = [301, "307-308"], redirects = 3 }"#,
        r#"http = { expect-body = { regex = "[a&&b]" } }"#,
        r#"http = { expect-body = { regex = "(x{1000}){100}" } }"#,
        r#"http = { expect-json = { "/a" = 1, "/a/b" = 2 } }"#,
        r#"http = { expect-json = { "" = "up", "/a" = 1 } }"#,
        r#"http = { expect-json = { "/a" = { b = 1 }, "/a/b" = 2 } }"#,
        r#"dns = { name = "a.example", expect-rcode = "NXDOMAIN", expect-answer = "192.0.2.1" }"#,
        r#"dns = { name = "a.example", expect-rcode = "SERVFAIL", expect-answer = "192.0.2.1" }"#,
        r#"dns = { name = "a.example", expect-rcode = 5, expect-answer = "192.0.2.1" }"#,
    ] {
        let found = said(&format!("[monitor.m]\n{keys}"));
        let is_pattern = keys.contains("x{1000}");
        // A pattern of that size is refused for what it takes already.
        let expected = if is_pattern { "body-regex" } else { "monitor-never-succeeds" };
        assert_eq!(found, [expected], "{keys}");
    }
    let long = "x".repeat(64 * 1024 + 1);
    let long = format!("tcp = {{ port = 25, expect = \"{long}\" }}");
    assert_eq!(said(&format!("[monitor.m]\n{long}")), ["monitor-never-succeeds"]);
    for keys in [
        r#"http = { method = "HEAD" }"#,
        r#"http = { method = "HEAD", expect-status = [204] }"#,
        r#"http = { expect-status = ["200-204"], expect-body = "ok" }"#,
        r#"http = { expect-status = [301], redirects = 0 }"#,
        r#"http = { expect-status = [301, 200], redirects = 3 }"#,
        r#"http = { expect-json = { "/a" = { b = 2.0 }, "/a/b" = 2, "/ab" = 1 } }"#,
        r#"dns = { name = "a.example", expect-rcode = "NXDOMAIN" }"#,
        r#"dns = { name = "a.example", type = "TXT", expect-answer = "v=spf1 -all; x" }"#,
        r#"dns = { name = "a.example", type = "TYPE65280", expect-answer = '\# 1 0A' }"#,
    ] {
        assert_eq!(said(&format!("[monitor.m]\n{keys}")), Vec::<&str>::new(), "{keys}");
    }
}

#[test]
fn an_answer_that_is_expected_is_data_of_its_type() {
    for (rtype, answer) in [
        ("A", "not an address"),
        ("A", "2001:db8::1"),
        ("AAAA", "192.0.2.1"),
        ("MX", "mail.example."),
        ("SOA", "ns.example. host.example. 1"),
        ("SRV", "1 2 lb.example."),
        ("CAA", "issue ca.example"),
        ("DS", "1 5 1 xy"),
        ("TLSA", "3 1"),
        ("HTTPS", "alpn=h2"),
        ("TYPE65280", "0A"),
        ("TXT", "\\\"open"),
    ] {
        let keys = format!(
            "dns = {{ name = \"a.example\", type = \"{rtype}\", expect-answer = \"{answer}\" }}"
        );
        assert_eq!(said(&format!("[monitor.m]\n{keys}")), ["expect-answer"], "{keys}");
    }
    for host in ["a.example:99999", "a.example:0", "[::1]:65536", "a:b:1"] {
        let keys = format!("http = {{ host = \"{host}\" }}");
        assert_eq!(said(&format!("[monitor.m]\n{keys}")), ["http-host"], "{keys}");
    }
}

/// What is said of services of host names, each with a name and where it leads to.
fn led(services: &[(&str, &str)], records: &str) -> Vec<String> {
    let folder = Folder::new();
    let zone = format!(
        "$TTL 300\n@ SOA ns.example.net. h.example.net. 1 3600 600 86400 60\n@ NS ns.example.net.\n{records}"
    );
    folder.write("zones/gslb.example.com.zone", zone.as_bytes());
    let mut text =
        "[zone.\"gslb.example.com\"]\nfile = \"zones/gslb.example.com.zone\"\n[region.us]\n"
            .to_owned();
    for (position, (name, target)) in services.iter().enumerate() {
        text += &format!(
            "[service.s{position}]\nname = \"{name}.gslb.example.com\"\npool.us.endpoints = [\"{target}\"]\n"
        );
    }
    let found = load_str(&text, folder.path()).diagnostics;
    found.iter().map(|one| format!("{} {:?}", one.code.0, one.severity)).collect()
}

#[test]
fn host_names_lead_to_addresses_as_far_as_can_be_told() {
    let own = |label: &str| format!("{label}.gslb.example.com");
    let none = Vec::<String>::new();
    let [looped, nothing] = ["alias-loop Error", "alias-to-nothing Error"];
    for (services, records, expected) in [
        // Of two, of three, and by static records and DNAME.
        (vec![("a", own("b")), ("b", own("a"))], "", vec![looped]),
        (vec![("a", own("b")), ("b", own("c")), ("c", own("a"))], "", vec![looped]),
        (vec![("a", own("x"))], "x CNAME y\ny CNAME A", vec![looped]),
        (vec![("a", own("a.d"))], "d DNAME @", vec![looped]),
        (vec![("*.w", own("x.w"))], "", vec![looped]),
        // A loop of records alone is one, whoever leads there.
        (
            vec![("a", "lb.example.net".to_owned())],
            "x CNAME y\ny CNAME x",
            vec!["alias-loop Warning"],
        ),
        // Names that are not there.
        (vec![("a", own("nothere"))], "", vec![nothing]),
        (vec![("a", own("x"))], "x CNAME nothere", vec![nothing]),
        (vec![("a", own("x.y"))], "y A 192.0.2.1", vec![nothing]),
        (vec![("a", own("x"))], "x TXT \"text\"", vec!["alias-to-nothing Warning"]),
        // What could not be read may be what is missing.
        (vec![("a", own("x"))], "x A 192.0.2", vec!["zone-rdata Error"]),
        (vec![("a", own("x"))], "x CNAME y\ny A 192.0.2", vec!["zone-rdata Error"]),
        (vec![("a", own("x"))], "$INCLUDE nothere", vec!["zone-file Error"]),
        // What is fine, or nobody can tell.
        (vec![("a", own("x"))], "x A 192.0.2.1", vec![]),
        (vec![("a", own("x"))], "x CNAME y\ny AAAA 2001:db8::1", vec![]),
        (vec![("a", own("x"))], "* A 192.0.2.1", vec![]),
        (vec![("a", own("b")), ("b", "192.0.2.1".to_owned())], "", vec![]),
        (vec![("a", own("x.b")), ("*.b", "192.0.2.1".to_owned())], "", vec![]),
        (vec![("a", own("x.cut"))], "cut NS ns.example.net.", vec![]),
        (vec![("a", own("x.d"))], "d DNAME example.net.", vec![]),
        (vec![("a", own("d"))], "d DNAME nothere\nd A 192.0.2.1", vec![]),
        (vec![("a", own("x"))], "x CNAME lb.example.net.", vec![]),
    ] {
        let services: Vec<(&str, &str)> =
            services.iter().map(|(name, target)| (*name, target.as_str())).collect();
        let found = led(&services, records);
        let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(
            found,
            if expected.is_empty() { none.clone() } else { expected },
            "{services:?} {records}"
        );
    }
}

#[test]
fn a_table_of_another_shape_is_one_mistake() {
    let folder = Folder::new();
    for (from, to) in [
        ("[service.www]\n", "[[service]]\n"),
        ("[service.www]\n", "[service]\n"),
        ("[region.us]\n[region.eu]\n", "[[region]]\nname = \"us\"\n"),
        ("[policy.global]\n", "[policy]\n"),
        ("[zone.\"gslb.example.com\"]", "[zone]\nname = \"gslb.example.com\""),
        ("[service.www.pool.us]\n", "[[service.www.pool]]\n"),
        ("[region.us]\n", "[monitor]\nhttp = {}\ninterval = \"5s\"\n[region.us]\n"),
    ] {
        let mut text = cases::BASE.replace(from, to);
        if from.starts_with("[service") {
            // What is below another shape is no table either.
            let below = text.find("[service.www.pool.eu]").unwrap();
            text.truncate(below);
            text = text.replace("[service.www.pool.us]", "[service.api.pool.us]");
        }
        let loaded = load_str(&text, folder.path());
        let found = codes(&loaded);
        assert!(!found.is_empty() && found.len() <= 2, "{to}: {found:?}");
        assert!(found.contains(&"wrong-type") || found.contains(&"toml-syntax"), "{to}: {found:?}");
        let help = loaded.diagnostics[0].help.clone().unwrap_or_default();
        if found.contains(&"wrong-type") {
            assert!(help.contains(".NAME]`"), "{to}: {help}");
        }
    }
    assert!(
        codes(&load_str(
            &format!("[maintenance]\ntarget = \"us\"\n{}", cases::BASE),
            folder.path()
        ))
        .contains(&"wrong-type")
    );
}

#[test]
fn nothing_is_said_of_what_only_follows_from_a_mistake() {
    let folder = Folder::new();
    let two = cases::BASE.replace("[\"192.0.2.10\"]", "[\"192.0.2.10\", \"2001:db8::10\"]");
    let broken = two.replace("[\"198.51.100.10\"]", "[\"198.51.100.10\", \"2001:db8::g\"]");
    assert_eq!(codes(&load_str(&broken, folder.path())), ["endpoint-address"]);
    let fallback = broken.replacen(
        "[service.www]",
        "[service.www]\nall-down = { fallback = [\"192.0.2.99\"] }",
        1,
    );
    assert_eq!(codes(&load_str(&fallback, folder.path())), ["endpoint-address"]);
    let latency = cases::BASE.replace("\"priority\"", "\"latency\"");
    assert_eq!(codes(&load_str(&latency, folder.path())), Vec::<&str>::new());
}

#[test]
fn a_ttl_is_compared_with_what_the_monitors_let_live() {
    let folder = Folder::new();
    let said = |keys: &str, monitors: &str| {
        let name = "name = \"www.gslb.example.com\"";
        let text = cases::BASE.replace(name, &format!("{name}\n{keys}"));
        codes(&load_str(&format!("{monitors}{text}"), folder.path()))
    };
    let web = "[monitor.web]\nhttp = {}\n";
    let slow = "[monitor.slow]\ninterval = \"1m\"\nhttp = { path = \"/all\" }\n";
    let both = format!("{web}{slow}");
    let is = ["ttl-never-served"];
    let none: [&str; 0] = [];
    assert_eq!(said("monitor = \"web\"\nttl = \"31s\"", web), is);
    assert_eq!(said("monitor = \"web\"\nttl = \"30s\"", web), none);
    assert_eq!(said("monitor = \"web\"\nttl = \"60s\"\nttl-min = \"60s\"", web), none);
    assert_eq!(said("ttl = \"1h\"", ""), none);
    // With both, the quicker one turns it down; with any, only the slower one does.
    assert_eq!(said("monitor = [\"web\", \"slow\"]\nttl = \"90s\"", &both), is);
    assert_eq!(said("monitor = { any = [\"web\", \"slow\"] }\nttl = \"180s\"", &both), none);
    assert_eq!(said("monitor = { any = [\"web\", \"slow\"] }\nttl = \"181s\"", &both), is);
}

/// A rule for a code that no place has is for nobody, and not for everybody.
#[test]
fn a_rule_for_no_country_is_for_nobody() {
    for code in ["A1", "zz", "O1", "XX", "UK"] {
        let folder = Folder::new();
        let rule = format!("rule = [{{ match = {{ country = \"{code}\" }}, regions = \"us\" }}]");
        let ranked = format!("rank = [\"rules\"]\n{rule}");
        let text = cases::BASE.replace("rank = [\"priority\"]", &ranked);
        let loaded = load_str(&text, folder.path());
        let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        let found = &config.policies[0].rules[0].matches.countries;
        assert_eq!(found.len(), 1, "{code}");
        assert_eq!(found[0].as_str(), code.to_ascii_uppercase());
    }
}

/// Whatever the order in which it lists them.
#[test]
fn a_rule_for_the_same_clients_as_one_before_is_never_reached() {
    for (key, [a, b]) in [
        ("continent", ["EU", "NA"]),
        ("country", ["DE", "FR"]),
        ("subdivision", ["US-CA", "US-NY"]),
        ("asn", ["AS1", "AS2"]),
        ("isp", ["One", "Two"]),
        ("organization", ["One", "Two"]),
        ("domain", ["one.example", "two.example"]),
        ("net", ["10.0.0.0/8", "11.0.0.0/8"]),
        ("tag", ["one", "two"]),
    ] {
        let rule =
            |a, b| format!("{{ match = {{ {key} = [\"{a}\", \"{b}\"] }}, regions = [\"us\"] }}");
        let rules = format!("rule = [{}, {}]", rule(a, b), rule(b, a));
        let ranked = format!("rank = [\"rules\", \"priority\"]\n{rules}");
        let text = cases::BASE.replace("rank = [\"priority\"]", &ranked);
        let found = codes(&load_str(&text, Folder::new().path()));
        assert!(found.contains(&"rule-shadowed"), "{key}: {found:?}");
    }
}

#[test]
fn an_endpoint_is_an_address_or_a_host_and_a_percentage_a_part_of_all() {
    let folder = Folder::new();
    for (from, to, code) in [
        (
            "[\"192.0.2.10\"]",
            "[{ address = \"192.0.2.10\", host = \"a.example.net\" }]",
            "endpoint-target",
        ),
        ("[region.us]", "[region.us]\nmin-pools = \"101%\"", "percent"),
    ] {
        let text = cases::BASE.replace(from, to);
        assert_eq!(codes(&load_str(&text, folder.path())), [code]);
    }
}

/// Where clients go for a family that their region has not: the nearest of those that have it.
#[test]
fn a_gap_between_families_names_the_nearest_region_without_one() {
    let mut text = cases::BASE.replace("rank = [\"priority\"]", "rank = [\"nearest\"]");
    for (region, lat, lon) in [("us", 39, -77), ("eu", 53, -6)] {
        let header = format!("[region.{region}]");
        let place = format!("{header}\nlocation = {{ lat = {lat}.0, lon = {lon}.0 }}");
        text = text.replace(&header, &place);
    }
    text = text.replace("[\"198.51.100.10\"]", "[\"198.51.100.10\", \"2001:db8::1\"]");
    text += "[region.ap]\nlocation = { lat = 35.0, lon = 139.0 }\n\
             [service.www.pool.ap]\nendpoints = [\"198.51.100.11\", \"2001:db8::2\"]\n";
    let loaded = load_str(&text, Folder::new().path());
    assert_eq!(codes(&loaded), ["no-database", "family-gap"]);
    let message = &loaded.diagnostics[1].message;
    assert!(message.contains("km further, to `eu`, for the IPv6"), "{message}");
}
