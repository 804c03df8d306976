//! Lines, names and files.

use super::*;

fn sites(names: &[&str]) -> Vec<Site> {
    names.iter().map(|name| Site { name: (*name).to_owned(), location: None }).collect()
}

fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn line(client: &str, region: &str, rtt_ms: f64) -> String {
    serde_json::json!({ "client": client, "region": region, "rtt_ms": rtt_ms }).to_string()
}

fn filled() -> Ledger {
    let mut ledger = Ledger::new(sites(&["us", "eu", "ap"]));
    let lines = [
        line("192.0.2.1", "us", 90.0),
        line("192.0.2.9", "eu", 20.0),
        line("2001:db8::1", "ap", 180.0),
    ];
    let taken = ledger.take(lines.join("\n").as_bytes(), SourceId(1), now());
    assert_eq!((taken.taken, taken.refused_total), (3, 0));
    ledger
}

/// (prefix, region, whole milliseconds) of all that is known.
fn shown(ledger: &Ledger) -> Vec<(String, String, String)> {
    let pairs = ledger.page(None, now()).prefixes.into_iter().flat_map(|known| {
        let of = known.prefix;
        known.regions.into_iter().map(move |r| (of.clone(), r.region, format!("{:.0}", r.rtt_ms)))
    });
    pairs.collect()
}

#[test]
fn bad_lines_are_refused_by_number_and_the_rest_is_kept() {
    let mut ledger = Ledger::new(sites(&["us", "eu"]));
    let at = |at: &str| format!(r#"{{"client":"192.0.2.1","region":"us","rtt_ms":1,"at":"{at}"}}"#);
    let lines = [
        line("192.0.2.1", "us", 90.0),
        String::new(),
        line("192.0.2.1", "mars", 90.0),
        line("192.0.2.1", "us", -1.0),
        line("192.0.2.1", "us", 10_001.0),
        at("2026-01-02T03:09:06Z"),
        at("2026-01-02T03:09:04Z"),
        at("2025-12-01T00:00:00Z"),
        "{}\r".to_owned(),
        line("192.0.3.1", "eu", 9.0),
        String::new(),
    ];
    let taken = ledger.take(lines.join("\n").as_bytes(), SourceId(1), now());
    let refused: Vec<(usize, &str, &str)> =
        taken.refused.iter().map(|r| (r.line, r.reason.as_str(), r.found.as_str())).collect();
    assert_eq!(
        refused,
        [
            (3, "unknown-region", "mars"),
            (4, "no-rtt", "-1000 us"),
            (5, "absurd-rtt", "10001000 us"),
            (6, "future-time", "2026-01-02T03:09:06Z"),
            (8, "too-old", "2025-12-01T00:00:00Z"),
            (9, "missing-field", "client"),
        ]
    );
    assert_eq!((taken.taken, taken.refused_total), (3, 6));
    let counts = ledger.counts();
    assert_eq!((counts.taken, counts.prefixes), (3, 2));
    assert_eq!(counts.by_reason().map(|(_, count)| count).sum::<u64>(), 6);
}

#[test]
fn refusals_that_are_told_are_bounded() {
    let mut ledger = Ledger::new(sites(&["us"]));
    let lines = "x\n".repeat(limits::LATENCY_REFUSALS + 7);
    let taken = ledger.take(lines.as_bytes(), SourceId(1), now());
    assert_eq!(taken.refused.len(), limits::LATENCY_REFUSALS);
    assert_eq!(taken.refused_total, limits::LATENCY_REFUSALS + 7);
}

#[test]
fn a_source_counts_once_however_often_it_speaks() {
    let mut ledger = Ledger::new(sites(&["us"]));
    for (source, rtt_ms) in [(1, 50.0), (2, 51.0), (3, 52.0)] {
        let line = line("192.0.2.1", "us", rtt_ms);
        ledger.take(line.as_bytes(), SourceId(source), now());
    }
    let lie = vec![line("192.0.2.1", "us", 1.0); 100].join("\n");
    ledger.take(lie.as_bytes(), SourceId(4), now());
    let found = ledger.look("192.0.2.7".parse().unwrap(), now());
    let known = &found.prefixes[0].regions[0];
    assert_eq!((known.sources, known.samples), (4, 103));
    assert!((49.0..53.0).contains(&known.rtt_ms), "{known:?}");
}

#[test]
fn regions_keep_what_is_known_by_their_names() {
    let mut ledger = filled();
    let before = shown(&ledger);
    assert!(!ledger.renumber(sites(&["us", "eu", "ap"]), now()));
    assert!(ledger.renumber(sites(&["ap", "sa", "us"]), now()));
    let mut left = before;
    left.retain(|(_, region, _)| region != "eu");
    assert_eq!(shown(&ledger), left);
    assert_eq!(ledger.counts().taken, 3, "counters go on");
    let taken = ledger.take(line("192.0.2.1", "eu", 1.0).as_bytes(), SourceId(1), now());
    assert_eq!(taken.refused_total, 1);
}

#[test]
fn a_file_brings_back_what_was_known() {
    let ledger = filled();
    let octets = ledger.encode();
    let mut other = Ledger::new(sites(&["eu", "us", "ap"]));
    other.restore(&octets, now()).unwrap();
    let (mut found, mut expected) = (shown(&other), shown(&ledger));
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let later = now() + jiff::SignedDuration::from_hours(31 * 24);
    let mut much_later = Ledger::new(sites(&["us"]));
    much_later.restore(&octets, later).unwrap();
    assert_eq!(much_later.counts().prefixes, 0, "what is too old is left out");
    other.expire(later);
    assert_eq!(other.counts().prefixes, 0);
    assert!(other.restore(&octets[..40], now()).is_err());
}

#[test]
fn pages_follow_each_other_to_the_end() {
    let mut ledger = Ledger::new(sites(&["us"]));
    let n = limits::LATENCY_PAGE * 2 + 5;
    let lines: Vec<String> =
        (0..n).map(|n| line(&format!("10.{}.{}.1", n / 256, n % 256), "us", 5.0)).collect();
    ledger.take(lines.join("\n").as_bytes(), SourceId(1), now());
    let (mut after, mut sizes) = (None, Vec::new());
    loop {
        let page = ledger.page(after, now());
        sizes.push(page.prefixes.len());
        let Some(next) = page.next else { break };
        after = Some(crate::samples::client(&next).unwrap());
    }
    assert_eq!(sizes, [limits::LATENCY_PAGE, limits::LATENCY_PAGE, 5]);
}

/// With as many regions as browsers measure, and with as many as there may be.
#[test]
fn what_others_are_told_fits_a_value() {
    for n_regions in [32, limits::REGIONS] {
        let names: Vec<String> = (0..n_regions).map(|n| format!("region-{n:03}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut ledger = Ledger::new(sites(&names));
        ledger.share();
        for prefix in 0..limits::LATENCY_SHARED.min(20_000 / n_regions) {
            let client = format!("2001:db8:{prefix:x}::1");
            let lines: Vec<String> = names.iter().map(|name| line(&client, name, 80.0)).collect();
            for source in 50_000..50_005 {
                ledger.take(lines.join("\n").as_bytes(), SourceId(source), now());
            }
        }
        let mut other = Ledger::new(sites(&names));
        while let Some(told) = ledger.unshared() {
            assert!(told.len() <= limits::SHARED_VALUE, "{n_regions}: {}", told.len());
            other.learn_of(&told, now()).unwrap();
        }
        assert_eq!(other.counts().prefixes, ledger.counts().prefixes);
    }
}

#[test]
fn what_is_refused_is_not_told_to_others() {
    let mut ledger = Ledger::new(sites(&["us"]));
    ledger.share();
    let taken = ledger.take(line("192.0.2.1", "us", -1.0).as_bytes(), SourceId(1), now());
    assert_eq!(taken.refused_total, 1);
    assert!(ledger.unshared().is_none());
}
