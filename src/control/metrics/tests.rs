//! What a scraper reads.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::*;
use crate::control::HookTraffic;
use crate::control::fixture;

/// Reads OpenMetrics text as strictly as a scraper: families with their samples.
fn parse(text: &str) -> BTreeMap<String, Vec<(String, f64)>> {
    let mut families: BTreeMap<String, (String, Vec<(String, f64)>)> = BTreeMap::new();
    let mut current = String::new();
    let body = text.strip_suffix("# EOF\n").expect("it ends with EOF");
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let (key, rest) = rest.split_once(' ').unwrap();
            let (name, value) = rest.split_once(' ').unwrap();
            match key {
                "TYPE" => {
                    assert!(!families.contains_key(name), "{name} twice");
                    families.insert(name.to_owned(), (value.to_owned(), Vec::new()));
                    current = name.to_owned();
                }
                "UNIT" => assert!(name.ends_with(&format!("_{value}")), "{line}"),
                "HELP" => assert!(value.ends_with('.'), "{line}"),
                other => panic!("{other}: {line}"),
            }
            assert_eq!(name, current, "{line}");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        let (kind, samples) = families.get_mut(&current).unwrap();
        let suffix = match kind.as_str() {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        assert_eq!(name, format!("{current}{suffix}"), "{line}");
        assert!(samples.iter().all(|(other, _)| other != series), "{series} twice");
        samples.push((series.to_owned(), value.parse().unwrap()));
    }
    families.into_iter().map(|(name, (_, samples))| (name, samples)).collect()
}

fn traffic() -> Traffic {
    let hook = HookTraffic { hook: "chat".into(), delivered: 3, failed: 1, dropped: 2 };
    let cluster_refused = vec![("opinions", "unreadable", 6)];
    Traffic { tcp_slow: 4, hooks: vec![hook], cluster_refused, ..Traffic::default() }
}

fn samples() -> Counts {
    Counts { taken: 5, ..Counts::default() }
}

fn loads() -> Figures {
    let of = |name: &str, load| RegionFigures {
        region: name.into(),
        capacity: Some(1000.0),
        load,
        last: Some(fixture::at("03:04:00")),
        taken: 7,
        failed: [0, 2, 0, 0, 0, 0, 0, 0, 0],
    };
    let regions = vec![of("us-east", Some(812.5)), of("eu-west", None)];
    Figures { regions, pushed: 4, ..Figures::default() }
}

#[test]
fn a_scraper_can_read_it() {
    let families = parse(&render(
        &fixture::status(),
        &traffic(),
        &places::Counts::default(),
        &samples(),
        &loads(),
    ));
    let names: BTreeSet<&str> = families.keys().map(String::as_str).collect();
    let listed: BTreeSet<&str> = f::ALL.iter().map(|family| family.name).collect();
    assert_eq!(names, listed, "every family is shown, with samples or without");
    let value = |name: &str, series: &str| {
        let samples = &families[name];
        let found = samples.iter().find(|(other, _)| other == series);
        found.unwrap_or_else(|| panic!("{series} is not in {samples:?}")).1
    };
    let check = "{check=\"web@192.0.2.10\",monitor=\"web\"}";
    for (name, series, expected) in [
        ("meridian_generation", "meridian_generation", 3.0),
        ("meridian_check_up", &format!("meridian_check_up{check}"), 1.0),
        ("meridian_check_flips", &format!("meridian_check_flips_total{check}"), 2.0),
        ("meridian_admin_unsettled", "meridian_admin_unsettled", 1.0),
        ("meridian_node_problems", "meridian_node_problems{code=\"address-unavailable\"}", 1.0),
        ("meridian_node_problems", "meridian_node_problems{code=\"configuration-refused\"}", 0.0),
        ("meridian_checks", "meridian_checks{verdict=\"unknown\"}", 1.0),
        (
            "meridian_service_state",
            "meridian_service_state{service=\"www\",state=\"degraded\"}",
            1.0,
        ),
        ("meridian_service_state", "meridian_service_state{service=\"www\",state=\"up\"}", 0.0),
        ("meridian_tcp_closed", "meridian_tcp_closed_total{why=\"slow\"}", 4.0),
        (
            "meridian_cluster_refused",
            "meridian_cluster_refused_total{kind=\"opinions\",why=\"unreadable\"}",
            6.0,
        ),
        ("meridian_latency_samples", "meridian_latency_samples_total{outcome=\"taken\"}", 5.0),
        (
            "meridian_latency_samples",
            "meridian_latency_samples_total{outcome=\"unknown-region\"}",
            0.0,
        ),
        ("meridian_region_load", "meridian_region_load{region=\"us-east\"}", 812.5),
        ("meridian_region_capacity", "meridian_region_capacity{region=\"eu-west\"}", 1000.0),
        (
            "meridian_load_readings",
            "meridian_load_readings_total{region=\"eu-west\",outcome=\"late\"}",
            2.0,
        ),
        ("meridian_load_pushes", "meridian_load_pushes_total{outcome=\"taken\"}", 4.0),
        (
            "meridian_hook_events",
            "meridian_hook_events_total{hook=\"chat\",outcome=\"dropped\"}",
            2.0,
        ),
    ] {
        assert!((value(name, series) - expected).abs() < 1e-9, "{series}");
    }
    assert_eq!(families["meridian_check_up"].len(), 2, "nothing is said of what is unknown");
    assert_eq!(families["meridian_region_load"].len(), 1, "what is too old is not shown");
    assert_eq!(families["meridian_responses"].len(), Class::ALL.len());
}

#[test]
fn what_operators_and_peers_wrote_stays_inside_its_quotes() {
    let mut status = fixture::status();
    status.regions[0].region = "a\"} 1\n# EOF\n\\".into();
    let text =
        render(&status, &Traffic::default(), &places::Counts::default(), &samples(), &loads());
    parse(&text);
    assert!(text.contains(r#"meridian_region_up{region="a\"} 1\n# EOF\n\\"} 1"#), "{text}");
}
