//! `meridian simulate`: the real binary on the country database that is shipped, and on a small
//! one of which all is known.

use std::collections::BTreeMap;
use std::fmt::Write;

use meridian::load::Cutoffs;
use meridian::load::Flow;
use meridian::model::Coordinates;
use meridian::snapshot::Standing;
use meridian::snapshot::World;
use serde_json::Value;

use crate::ground;
use crate::ground::Ground;
use crate::program;
use crate::program::Run;

const REGIONS: &[(&str, f64, f64)] = &[
    ("us-east", 39.04, -77.49),
    ("eu-west", 53.34, -6.27),
    ("sa-east", -23.55, -46.63),
    ("ap-south", 19.08, 72.88),
    ("ap-southeast", 1.35, 103.82),
];

/// One service in these regions, each with these lines; over a database.
fn configuration(database: &str, policy: &str, regions: &[(&str, f64, f64, &str)]) -> String {
    let mut text = format!(
        "[geoip]\ndatabases = [\"{database}\"]\n[zone.test]\nfile = \"test.zone\"\n\
         [policy.p]\n{policy}\n[service.www]\nname = \"www.test\"\npolicy = \"p\"\n"
    );
    for (at, (name, lat, lon, lines)) in regions.iter().enumerate() {
        write!(
            text,
            "[region.{name}]\nlocation = {{ lat = {lat}, lon = {lon} }}\n{lines}\n\
             [service.www.pool.{name}]\nendpoints = [\"192.0.2.{at}\"]\n"
        )
        .unwrap();
    }
    text
}

/// Five regions, over the country database that is shipped.
fn wide(policy: &str, lines: &str) -> Ground {
    let regions: Vec<_> =
        REGIONS.iter().map(|(name, lat, lon)| (*name, *lat, *lon, lines)).collect();
    let database = ground::country_database().display().to_string();
    let text = configuration(&database, policy, &regions);
    Ground::new(&[("meridian.toml", &text), ("test.zone", ground::ZONE)])
}

/// Three regions, over a small database.
fn small(policy: &str, lines: &str) -> Ground {
    let regions =
        [("us", 39.04, -77.49, lines), ("eu", 53.34, -6.27, lines), ("ap", 1.35, 103.82, lines)];
    let text = configuration("geo.mmdb", policy, &regions);
    let population = "country,weight\nUS,300\nIE,100\nSG,50\n";
    let files =
        [("meridian.toml", &*text), ("test.zone", ground::ZONE), ("people.csv", population)];
    Ground::new(&files)
}

const NEAREST: &str = "rank = [\"nearest\"]";

fn run(ground: &Ground, words: &str) -> Run {
    program::run(ground.folder(), &format!("simulate {words}"))
}

/// What `--json` says; it must not fail.
fn simulated(ground: &Ground, words: &str) -> Value {
    let run = run(ground, &format!("--json {words}"));
    assert!(run.stderr.is_empty() && run.code < 2, "{words}: {}", run.shown());
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    adds_up(&report, words);
    report
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn region<'a>(report: &'a Value, name: &str) -> &'a Value {
    list(&report["regions"]).iter().find(|region| region["region"] == name).unwrap()
}

fn near(found: f64, expected: f64, within: f64, what: &str) {
    assert!((found - expected).abs() <= within, "{what}: {found}, not {expected}");
}

/// Everybody is somewhere, and whoever leaves one region comes to another; to a millionth a row.
fn adds_up(report: &Value, words: &str) {
    let sum = |rows: &Value, of: &dyn Fn(&Value) -> f64| -> f64 { list(rows).iter().map(of).sum() };
    let (regions, countries) = (&report["regions"], &report["countries"]);
    let moved = number(&report["moved"]["share"]);
    for side in ["before", "after"] {
        let served = sum(regions, &|region| number(&region[side]["share"]));
        near(served + number(&report[side]["unserved"]), 1.0, 1e-5, words);
    }
    near(sum(countries, &|country| number(&country["share"])), 1.0, 3e-4, words);
    near(sum(countries, &|country| number(&country["moved"]["share"])), moved, 3e-4, words);
    near(sum(&report["moves"], &|way| number(&way["share"])), moved, 2e-5, words);
    for region in list(regions) {
        let [before, after] = ["before", "after"].map(|side| number(&region[side]["share"]));
        let [left, came] = ["left", "came"].map(|way| number(&region[way]));
        near(after - before, came - left, 3e-6, words);
        let of = |end: &str| {
            let ways = list(&report["moves"]).iter().filter(|way| way[end] == region["region"]);
            ways.map(|way| number(&way["share"])).sum::<f64>()
        };
        near(of("from"), left, 1e-5, words);
        near(of("to"), came, 1e-5, words);
    }
}

#[test]
fn the_loss_of_a_region_moves_its_clients_and_nobody_else() {
    let ground = wide(NEAREST, "");
    for (lost, country, client) in [
        ("us-east", "US", "8.8.8.0/24"),
        ("sa-east", "BR", "200.160.0.0/24"),
        ("ap-south", "IN", "49.32.0.0/24"),
    ] {
        let report = simulated(&ground, &format!("--down {lost}"));
        assert_eq!(report["demand"]["basis"], "shares");
        let own = number(&region(&report, lost)["before"]["share"]);
        assert!(own > 0.02, "{lost} has some: {own}");
        near(number(&report["moved"]["share"]), own, 2e-6, lost);
        assert_eq!(number(&region(&report, lost)["after"]["share"]), 0.0);
        for other in list(&report["regions"]).iter().filter(|region| region["region"] != lost) {
            assert_eq!(number(&other["left"]), 0.0, "{other}");
        }
        assert!(list(&report["moves"]).iter().all(|way| way["from"] == lost));
        assert!(number(&report["moved"]["added_km"]) > 0.0);
        let [before, after] = ["before", "after"].map(|side| &report[side]["distance_km"]["mean"]);
        let more = number(after) - number(before);
        near(more, own * number(&report["moved"]["added_km"]), 0.2, lost);
        // Where they go is what the answers say: the second of their order.
        let found = list(&report["countries"]).iter().find(|row| row["country"] == country);
        let [only] = list(&found.unwrap()["moves"]) else { panic!("{country}") };
        let words = format!("explain www.test --client {client} --down {lost} --json");
        let shown = program::run(ground.folder(), &words).stdout;
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["locate"]["country"], country);
        assert_eq!(shown["split"]["region"], only["to"], "{country} {lost}");
        assert_eq!(shown["rank"][0]["region"], only["from"]);
    }
}

/// Of clients there is no difference between a region that is down, drained, or of weight 0.
#[test]
fn a_drain_and_a_weight_of_0_do_what_a_loss_does() {
    let ground = small(NEAREST, "capacity = 100");
    let like = |words: &str| {
        let mut report = simulated(&ground, words);
        for region in report["regions"].as_array_mut().unwrap() {
            region["changes"] = Value::Null;
        }
        report
    };
    let lost = like("--down eu");
    assert_eq!(like("--drain eu"), lost);
    assert_eq!(like("--weight eu=0"), lost);
    let told = run(&ground, "--drain eu --weight eu=0 --capacity eu=50").stdout;
    assert!(told.starts_with("eu drained, weight 0, capacity 50\n"), "{told}");
}

#[test]
fn weights_are_shares_of_those_that_are_as_good() {
    let ground = wide("rank = [\"equal\"]", "");
    let report = simulated(&ground, "--weight us-east=600");
    // Five of 100 each, then 600 of 1000.
    for (name, ..) in REGIONS {
        let after = if *name == "us-east" { 0.6 } else { 0.1 };
        near(number(&region(&report, name)["before"]["share"]), 0.2, 1e-6, name);
        near(number(&region(&report, name)["after"]["share"]), after, 1e-6, name);
    }
    near(number(&report["moved"]["share"]), 0.4, 1e-6, "moved");
    let report = simulated(&ground, "--weight us-east=0 --down eu-west");
    near(number(&region(&report, "sa-east")["after"]["share"]), 1.0 / 3.0, 1e-6, "the others");
}

#[test]
fn a_lower_limit_sends_clients_to_the_second_best() {
    let ground = small(NEAREST, "capacity = 1000");
    let words = "--population people.csv --demand 900 --capacity us=400";
    let report = simulated(&ground, words);
    assert_eq!(report["demand"]["basis"], "given");
    near(number(&report["demand"]["total"]), 900.0, 1e-6, "total");
    let us = region(&report, "us");
    // Two thirds of the population are in the United States.
    near(number(&us["before"]["load"]), 600.0, 0.1, "before");
    assert_eq!((number(&us["before"]["refused"]), &us["before"]["reason"]), (0.0, &"room".into()));
    assert_eq!(us["after"]["reason"], "sparing");
    let load = number(&us["after"]["load"]);
    assert!(load > 320.0 && load <= 380.0, "between soft and hard limit: {load}");
    near(number(&us["after"]["refused"]) * 900.0, 600.0 - load, 1.0, "refused");
    // Of Virginia the second best is Dublin, and so it is of Oregon.
    let [only] = list(&report["moves"]) else { panic!("{}", report["moves"]) };
    assert_eq!((&only["from"], &only["to"]), (&"us".into(), &"eu".into()));
    assert_eq!(run(&ground, words).code, 0);
    // All are full: the answer is no.
    let full = run(&ground, "--population people.csv --demand 9000");
    assert_eq!(full.code, 1, "{}", full.shown());
    assert!(full.stdout.contains("overloaded"), "{}", full.shown());
}

#[test]
fn a_crowd_of_one_origin_is_its_own() {
    let ground = small(NEAREST, "capacity = 1000");
    let report = simulated(&ground, "--population people.csv --demand 450 --demand ap=500");
    near(number(&region(&report, "ap")["before"]["load"]), 500.0, 0.01, "the crowd");
    near(
        number(&region(&report, "us")["before"]["load"]),
        300.0,
        0.1,
        "the others are as they were",
    );
    near(number(&report["demand"]["total"]), 900.0, 0.1, "total");
}

#[test]
fn where_no_demand_is_said_the_fullest_region_is_at_its_soft_limit() {
    let ground = wide(NEAREST, "capacity = 100");
    let report = simulated(&ground, "--down sa-east");
    assert_eq!(report["demand"]["basis"], "soft-limit");
    let name = report["demand"]["region"].as_str().unwrap();
    for of in list(&report["regions"]) {
        let used = number(&of["before"]["used"]);
        assert!(used <= 0.8 + 1e-6, "{of}");
        assert_eq!(used > 0.8 - 1e-6, of["region"] == name, "{of}");
        assert_eq!(number(&of["before"]["refused"]), 0.0);
    }
}

/// The census is that of the maps, by which nodes plan.
#[test]
fn shares_are_those_that_load_is_planned_with() {
    let ground = wide(NEAREST, "capacity = 100");
    let report = simulated(&ground, "");
    assert_eq!(number(&report["moved"]["share"]), 0.0);
    let (world, _) = World::build(ground.config()).unwrap();
    let (n, crowds) = (REGIONS.len(), world.crowds(REGIONS.len()));
    let availability = world.availability(&Standing::all_admitted(&world), n);
    let flow = Flow::of(&crowds, &availability, &Cutoffs::none(n), &vec![1.0; n]);
    let served = flow.served_by_region(&crowds);
    let all: f64 = served.iter().sum();
    for ((name, ..), served) in REGIONS.iter().zip(served) {
        near(number(&region(&report, name)["before"]["share"]), served / all, 2e-6, name);
    }
}

#[test]
fn percentiles_are_those_of_all_clients_in_a_row() {
    let ground = small(NEAREST, "");
    let report = simulated(&ground, "--population people.csv --down eu");
    // The networks of the small database, without those that are inside; by place.
    let at = |lat, lon| Coordinates::new(lat, lon).unwrap();
    let (virginia, oregon) = (("US", at(39.0, -77.5)), ("US", at(45.8, -119.7)));
    let (dublin, singapore) = (("IE", at(53.3, -6.3)), ("SG", at(1.3, 103.8)));
    let power = |bits: i32| 2_f64.powi(bits);
    let networks = [
        (virginia, power(24) - power(20)),
        (oregon, power(20)),
        (dublin, power(25) - power(22)),
        (singapore, power(22) - power(8)),
        (virginia, power(8)),
        (singapore, power(24)),
    ];
    let mut addresses: BTreeMap<&str, f64> = BTreeMap::new();
    for ((country, _), n) in networks {
        *addresses.entry(country).or_default() += n;
    }
    let people = BTreeMap::from([("US", 300.0), ("IE", 100.0), ("SG", 50.0)]);
    let regions = [("us", at(39.04, -77.49)), ("eu", at(53.34, -6.27)), ("ap", at(1.35, 103.82))];
    let mut moved = (0.0, 0.0);
    for (side, lost) in [("before", "none"), ("after", "eu")] {
        let nearest = |from: Coordinates, lost: &str| {
            let there = regions.iter().filter(|(name, _)| *name != lost);
            there.map(|(_, to)| from.distance_km(*to)).min_by(f64::total_cmp).unwrap()
        };
        let mut row: Vec<(f64, f64)> = Vec::new();
        for ((country, from), n) in networks {
            let clients = n * people[country] / addresses[country];
            row.push((nearest(from, lost), clients));
            let more = nearest(from, lost) - nearest(from, "none");
            if more > 0.0 {
                moved = (moved.0 + clients, moved.1 + clients * more);
            }
        }
        row.sort_by(|a, b| a.0.total_cmp(&b.0));
        let percentile = |part: f64| {
            let mut below = 0.0;
            let found = row.iter().find(|(_, clients)| {
                below += clients;
                below >= part * 450.0
            });
            found.unwrap().0
        };
        let spread = |of: &str, which: &str| number(&report[side][of][which]);
        for (which, part) in [("p50", 0.5), ("p95", 0.95)] {
            near(spread("distance_km", which), percentile(part), 0.51, side);
            near(spread("rtt_ms", which), percentile(part) / 100.0, 0.051, side);
        }
        let mean = row.iter().map(|(km, clients)| km * clients).sum::<f64>() / 450.0;
        near(spread("distance_km", "mean"), mean, 0.06, side);
    }
    near(number(&report["moved"]["share"]), moved.0 / 450.0, 1e-6, "moved");
    near(number(&report["moved"]["added_km"]), moved.1 / moved.0, 0.06, "added");
}

#[test]
fn where_nothing_is_left_the_answer_is_no() {
    let ground = small(NEAREST, "");
    let words = "--population people.csv --down us --down eu --drain ap";
    let report = simulated(&ground, words);
    assert_eq!(number(&report["after"]["unserved"]), 1.0);
    assert!(report["after"]["distance_km"]["p50"].is_null());
    assert_eq!(run(&ground, words).code, 1);
    let fenced = small(
        "rank = [\"rules\", \"nearest\"]\n[[policy.p.rule]]\nmatch = { country = [\"IE\"] }\n\
         regions = [\"eu\"]\nonly = true",
        "",
    );
    let report = simulated(&fenced, "--population people.csv --down eu");
    near(number(&report["after"]["unserved"]), 100.0 / 450.0, 1e-6, "whoever is fenced in");
    let ireland = list(&report["countries"]).iter().find(|row| row["country"] == "IE").unwrap();
    assert_eq!((number(&ireland["unserved"]), &ireland["moves"][0]["to"]), (1.0, &Value::Null));
}

#[test]
fn a_service_is_looked_at_alone_and_without_databases_all_are_one() {
    let ground = Ground::usual();
    let all = simulated(&ground, "--down us");
    let one = simulated(&ground, "--down us --service split");
    assert_eq!(one["service"], "split");
    // Weights 3, 1, 0: what `us` leaves goes to `eu`.
    near(number(&region(&one, "us")["before"]["share"]), 0.75, 1e-6, "us");
    near(number(&region(&one, "eu")["after"]["share"]), 1.0, 1e-6, "eu");
    assert!(number(&region(&all, "us")["before"]["share"]) != 0.75);
    assert!(number(&all["after"]["unserved"]) > 0.0, "those of `closed` and `spare`");
    let text = configuration("geo.mmdb", "rank = [\"priority\"]", &[("a", 1.0, 2.0, "")]);
    let text = text.replace("databases = [\"geo.mmdb\"]", "");
    let ground = Ground::new(&[("meridian.toml", &text), ("test.zone", ground::ZONE)]);
    let report = simulated(&ground, "");
    assert_eq!(number(&region(&report, "a")["before"]["share"]), 1.0);
    assert!(report["before"]["rtt_ms"]["p50"].is_null());
}

#[test]
fn what_is_printed() {
    let ground = small(NEAREST, "capacity = 1000");
    ground.write("more.csv", "US,1\nIE,2\nDE,3\n");
    ground.write("wrong.csv", "US;1\nUK,2\nIE,-1\n");
    ground.write("nowhere.csv", "DE,3\n");
    for (name, words) in [
        ("down", "--population people.csv --down us"),
        ("json", "--population people.csv --down us --json"),
        ("limit", "--population people.csv --demand 900 --capacity us=400"),
        ("full", "--population more.csv --demand 9000 --drain eu"),
        ("nothing-left", "--population people.csv --down us --down eu --down ap"),
        ("unchanged", "--population people.csv"),
        ("wrong-lines", "--population wrong.csv"),
        ("nobody", "--population nowhere.csv"),
        ("no-file", "--population none.csv"),
        ("unknown-region", "--weight us-west=3"),
        ("unknown-service", "--service web"),
        ("wrong-weight", "--weight us=many"),
        ("wrong-capacity", "--capacity us=0"),
        ("two-totals", "--demand 1 --demand 2"),
        ("no-total", "-c bare.toml --demand us=5"),
    ] {
        let bare = configuration("geo.mmdb", NEAREST, &[("us", 1.0, 2.0, "")]);
        ground.write("bare.toml", bare);
        insta::assert_snapshot!(format!("simulate-{name}"), run(&ground, words).shown());
    }
}
