//! The table, its model and its choices, by small cases.

mod kept;
mod orders;

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::model::Asn;
use crate::model::Coordinates;
use crate::model::Place;
use crate::model::RegionId;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn at(lat: f64, lon: f64) -> Coordinates {
    Coordinates::new(lat, lon).unwrap()
}

/// Virginia, Dublin, Frankfurt, Singapore.
fn regions() -> Vec<Option<Coordinates>> {
    [(39.0, -77.5), (53.3, -6.3), (50.1, 8.7), (1.35, 103.8)]
        .map(|(lat, lon)| Some(at(lat, lon)))
        .to_vec()
}

fn table() -> Table {
    Table::new(regions(), 7)
}

/// Of 10.`client`.0, in milliseconds.
fn sample(client: u8, region: u16, ms: f64, source: u16) -> Sample {
    Sample {
        client: IpAddr::from([10, client, 0, 9]),
        region: RegionId(region),
        rtt_us: i64::try_from(Duration::from_secs_f64(ms / 1e3).as_micros()).unwrap(),
        at: now(),
        source: SourceId(source),
    }
}

fn subject(client: u8, place: Place) -> Subject {
    Subject { prefix: Some(ClientPrefix::of(IpAddr::from([10, client, 0, 1]))), place }
}

fn paris() -> Place {
    Place {
        coordinates: Some(at(48.86, 2.35)),
        country: "FR".parse().ok(),
        asn: Some(Asn(64_496)),
        ..Place::default()
    }
}

fn order(table: &Table, subject: &Subject) -> Vec<u16> {
    let model = Model::fit(table, |_| paris(), now());
    let order = Estimator::new(table, &model, now()).order(subject, |_| true);
    order.into_iter().map(|estimate| estimate.region.0).collect()
}

fn rtt_ms(table: &Table, client: u8, region: u16) -> f64 {
    let model = Model::fit(table, |_| paris(), now());
    let mut estimator = Estimator::new(table, &model, now());
    estimate(&mut estimator, &subject(client, paris()), region).rtt.as_secs_f64() * 1e3
}

fn estimate(estimator: &mut Estimator<'_>, subject: &Subject, region: u16) -> Estimate {
    estimator.order(subject, |of| of == RegionId(region)).remove(0)
}

#[test]
fn what_cannot_be_true_is_refused_and_counted() {
    let mut table = table();
    let later = |seconds: i64| now().saturating_add(jiff::SignedDuration::from_secs(seconds));
    let good = sample(1, 0, 90.0, 1);
    for (bad, reason) in [
        (Sample { region: RegionId(4), ..good }, Refusal::UnknownRegion),
        (Sample { rtt_us: 0, ..good }, Refusal::NoRtt),
        (Sample { rtt_us: -5, ..good }, Refusal::NoRtt),
        (Sample { rtt_us: 10_000_001, ..good }, Refusal::AbsurdRtt),
        (Sample { rtt_us: i64::MAX, ..good }, Refusal::AbsurdRtt),
        (Sample { at: later(301).unwrap(), ..good }, Refusal::FutureTime),
        (Sample { at: later(-31 * 86_400).unwrap(), ..good }, Refusal::TooOld),
        (Sample { at: Timestamp::MIN, ..good }, Refusal::TooOld),
        (Sample { at: Timestamp::MAX, ..good }, Refusal::FutureTime),
    ] {
        let before = table.refusals().count(reason);
        assert_eq!(table.take(&bad, None, now()), Err(reason), "{bad:?}");
        assert_eq!(table.refusals().count(reason), before + 1);
    }
    for fine in [good, Sample { at: later(299).unwrap(), ..good }, Sample { rtt_us: 1, ..good }] {
        assert_eq!(table.take(&fine, None, now()), Ok(()));
    }
    assert_eq!((table.taken(), table.prefixes()), (3, 1));
}

#[test]
fn nothing_is_faster_than_light() {
    let mut table = table();
    for source in 0..5 {
        table.take(&sample(1, 3, 1.0, source), paris().coordinates, now()).unwrap();
    }
    // 10,730 km, there and back at two thirds of the speed of light.
    assert!(rtt_ms(&table, 1, 3) > 107.0, "{}", rtt_ms(&table, 1, 3));
}

#[test]
fn one_liar_among_ten_sources_moves_little_however_much_it_says() {
    let mut table = table();
    for round in 0..20 {
        for source in 0..10 {
            let ms = if source == 4 { 500.0 } else { 100.0 + f64::from(round % 3) };
            let times = if source == 4 { 50 } else { 1 };
            for _ in 0..times {
                table.take(&sample(1, 0, ms, source), None, now()).unwrap();
            }
        }
    }
    let ms = rtt_ms(&table, 1, 0);
    assert!((97.0..106.0).contains(&ms), "{ms}");
}

#[test]
fn without_samples_the_order_is_that_of_distance() {
    let table = table();
    assert_eq!(order(&table, &subject(1, paris())), [2, 1, 0, 3]);
    assert!(order(&table, &subject(1, Place::default())).is_empty());
}

#[test]
fn what_was_measured_often_overturns_the_distance_and_one_sample_does_not() {
    let mut table = table();
    for client in 1..40 {
        for (region, ms) in [(0, 85.0), (1, 22.0), (2, 14.0), (3, 170.0)] {
            table.take(&sample(client, region, ms, 1), None, now()).unwrap();
        }
    }
    let one = sample(100, 2, 70.0, 1);
    table.take(&one, None, now()).unwrap();
    assert_eq!(order(&table, &subject(100, paris())), [2, 1, 0, 3]);
    for source in 2..6 {
        table.take(&Sample { source: SourceId(source), ..one }, None, now()).unwrap();
    }
    assert_eq!(order(&table, &subject(100, paris()))[0], 1);
    // Others are as they were.
    assert_eq!(order(&table, &subject(7, paris()))[0], 2);
}

#[test]
fn estimates_fall_back_from_the_prefix_to_the_distance() {
    let mut table = table();
    for client in 1..10 {
        table.take(&sample(client, 0, 100.0, 1), None, now()).unwrap();
    }
    let model = Model::fit(&table, |_| paris(), now());
    let mut estimator = Estimator::new(&table, &model, now());
    let mut source = |client: u8, place: Place, region: u16| {
        let estimate = estimate(&mut estimator, &subject(client, place), region);
        (estimate.source, estimate.confidence())
    };
    let elsewhere = Place { asn: Some(Asn(64_497)), ..paris() };
    let south = Place { coordinates: Some(at(43.3, 5.4)), ..elsewhere };
    let abroad = Place { country: "BE".parse().ok(), ..south };
    let levels = [
        source(1, paris(), 0),
        source(99, paris(), 0),
        source(99, elsewhere, 0),
        source(99, south, 0),
        source(99, abroad, 0),
    ];
    assert_eq!(
        levels.map(|(level, _)| level),
        [Level::Prefix, Level::AsnCountry, Level::Area, Level::Country, Level::Distance]
    );
    assert!(levels.is_sorted_by(|a, b| a.1 > b.1), "{levels:?}");
    assert_eq!(source(1, paris(), 3).0, Level::Distance);
}

#[test]
fn past_its_bound_the_table_forgets_the_oldest() {
    let mut table = Table::bounded(regions(), 1, 100, 1000);
    for n in 0..1000_u32 {
        let client = IpAddr::from(Ipv4Addr::from(n << 8));
        let age = jiff::SignedDuration::from_hours(i64::from(1000 - n) / 10);
        let at = now().checked_sub(age).unwrap();
        for region in 0..3 {
            let sample = Sample { client, region: RegionId(region), at, ..sample(0, 0, 50.0, 1) };
            table.take(&sample, None, now()).unwrap();
        }
    }
    assert_eq!((table.prefixes(), table.evicted()), (100, 900));
    let held = |n: u32| table.holds(IpAddr::from(Ipv4Addr::from(n << 8)));
    assert!(held(999) && !(0..500).any(held));
    assert_eq!(table.pairs(Tick::of(now())).count(), 300);
    // Few cells: prefixes leave until one is free.
    let mut table = Table::bounded(regions(), 1, 100, 10);
    for n in 0..50 {
        for region in 0..4 {
            table.take(&sample(n, region, 50.0, 1), None, now()).unwrap();
        }
    }
    assert!(table.pairs(Tick::of(now())).count() <= 10);
    table.expire(now().checked_add(jiff::SignedDuration::from_hours(24 * 40)).unwrap());
    assert_eq!(table.prefixes(), 0);
}

proptest! {
    #[test]
    fn merging_is_commutative_and_idempotent(
        says in prop::collection::vec((0..3_u8, 0..2_u16, 1.0..900.0, 0..9_u16, 0..50_i64), 0..60),
        cut in 0..60_usize,
    ) {
        let mut nodes = [table(), table()];
        for (nth, (client, region, ms, source, hours)) in says.into_iter().enumerate() {
            let at = now().checked_sub(jiff::SignedDuration::from_hours(hours)).unwrap();
            let sample = Sample { at, ..sample(client, region, ms, source) };
            nodes[usize::from(nth < cut)].take(&sample, None, now()).unwrap();
        }
        let [a, b] = nodes.each_ref().map(|node| node.aggregate(node.iter()));
        let merged = |parts: &[&Aggregate]| {
            let mut table = table();
            parts.iter().for_each(|part| { table.merge(part, now()); });
            let mut cells: Vec<String> = table
                .pairs(Tick::of(now()))
                .map(|(prefix, region, summary)| format!("{prefix} {region:?} {summary:?}"))
                .collect();
            cells.sort();
            cells
        };
        let once = merged(&[&a, &b]);
        prop_assert_eq!(&once, &merged(&[&b, &a]));
        prop_assert_eq!(&once, &merged(&[&a, &b, &a, &b]));
        let parts: Vec<Aggregate> = nodes[0].parts(2).collect();
        let parts: Vec<&Aggregate> = parts.iter().chain([&b]).collect();
        prop_assert_eq!(&once, &merged(&parts));
    }

    #[test]
    fn no_aggregate_breaks_a_table(text in "[0-9]{1,19}", region: u16, stamp: u32, rtt: u16) {
        let json = format!(
            r#"{{"cells":[{{"prefix":{text},"region":{region},"words":[{{"stamp":{stamp},"rtt":{rtt},"source":1}}]}}]}}"#
        );
        if let Ok(aggregate) = serde_json::from_str::<Aggregate>(&json) {
            let mut table = table();
            table.merge(&aggregate, now());
            let model = Model::fit(&table, |_| paris(), now());
            let order = Estimator::new(&table, &model, now()).order(&subject(1, paris()), |_| true);
            prop_assert!(order.iter().all(|one| one.rtt > Duration::ZERO && one.spread.is_finite()));
        }
    }
}
