//! The latency table: samples taken a second, memory per pair, and what fitting takes.
//!
//! `cargo bench --bench latency`.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a benchmark")]

#[expect(dead_code, reason = "other benches use the rest")]
mod ground;

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use meridian::latency::ClientPrefix;
use meridian::latency::Estimator;
use meridian::latency::Model;
use meridian::latency::Sample;
use meridian::latency::SourceId;
use meridian::latency::Subject;
use meridian::latency::Table;
use meridian::model::Asn;
use meridian::model::Coordinates;
use meridian::model::Place;
use meridian::model::RegionId;

use crate::ground::ELEVEN;
use crate::ground::resident_octets;

const PREFIXES: u32 = 1_000_000;

fn main() {
    let regions: Vec<Option<Coordinates>> =
        ELEVEN.iter().map(|(lat, lon)| Coordinates::new(*lat, *lon)).collect();
    let now = Timestamp::from_second(1_800_000_000).expect("a time");
    let before = resident_octets();
    let mut table = Table::new(regions.clone(), 1);
    // Every prefix to four regions, then all of it again from another source.
    for (name, source) in [("first samples", 1), ("second samples", 2)] {
        let start = Instant::now();
        for n in 0..PREFIXES {
            let place = place(n).coordinates;
            for hop in 0..4 {
                let sample = sample(n, hop, source, now);
                black_box(table.take(&sample, place, now)).expect("it is plausible");
            }
        }
        report(name, u64::from(PREFIXES) * 4, start);
    }
    println!(
        "{} prefixes: {} MB by count, {} MB resident more",
        table.prefixes(),
        table.octets() / 1_000_000,
        resident_octets().saturating_sub(before) / 1_000_000
    );
    let start = Instant::now();
    for n in PREFIXES..PREFIXES + 250_000 {
        for hop in 0..4 {
            black_box(table.take(&sample(n, hop, 1, now), None, now)).expect("it is plausible");
        }
    }
    report("samples that evict", 1_000_000, start);
    println!("{} prefixes evicted", table.evicted());
    let start = Instant::now();
    let aggregate = table.aggregate(table.iter());
    report("pairs aggregated", aggregate.len() as u64, start);
    let mut other = Table::new(regions, 2);
    let start = Instant::now();
    other.merge(&aggregate, now);
    report("pairs merged", aggregate.len() as u64, start);
    drop((aggregate, other));
    fit(&table, now);
}

fn fit(table: &Table, now: Timestamp) {
    let start = Instant::now();
    let model = Model::fit(table, |prefix| place(number(prefix)), now);
    println!("fitted in {:.2?}: {} anchors, {:?}", start.elapsed(), model.anchors(), {
        model.distance()
    });
    let mut estimator = Estimator::new(table, &model, now);
    let start = Instant::now();
    let prefixes: Vec<ClientPrefix> = table.iter().take(100_000).collect();
    for prefix in &prefixes {
        let subject = Subject { prefix: Some(*prefix), place: place(number(*prefix)) };
        black_box(estimator.order(&subject, |_| true));
    }
    report("orders, with forecasts of each square", prefixes.len() as u64, start);
    let start = Instant::now();
    for prefix in &prefixes {
        let subject = Subject { prefix: Some(*prefix), place: place(number(*prefix)) };
        black_box(estimator.order(&subject, |_| true));
    }
    report("orders, once those are known", prefixes.len() as u64, start);
    println!("{} MB resident at the end", resident_octets() / 1_000_000);
}

/// A /24 per number, spread as in a real table: not in order.
fn client(n: u32) -> IpAddr {
    IpAddr::from(((n.wrapping_mul(2_654_435_761) % (1 << 24)) << 8).to_be_bytes())
}

/// The number of a prefix.
fn number(prefix: ClientPrefix) -> u32 {
    let IpAddr::V4(address) = prefix.address() else { return 0 };
    // The inverse of the multiplier, modulo 2^24.
    (u32::from(address) >> 8).wrapping_mul(9_121_617) % (1 << 24)
}

/// 3,000 cities in 100 countries, with four networks each.
fn place(n: u32) -> Place {
    let city = n % 3000;
    let lat = f64::from(city * 37 % 110) - 45.0;
    let lon = f64::from(city * 131 % 340) - 170.0;
    let letter = |n: u32| char::from_u32(u32::from(b'A') + n % 26).unwrap_or('A');
    let country = [letter(city / 300), letter(city / 30 % 10)];
    Place {
        coordinates: Coordinates::new(lat, lon),
        country: String::from_iter(country).parse().ok(),
        asn: Some(Asn(n / 3000 % 4)),
        ..Place::default()
    }
}

fn sample(n: u32, hop: u32, source: u16, now: Timestamp) -> Sample {
    let region = u16::try_from((n + hop * 3) % 11).unwrap_or_default();
    let (lat, lon) = ELEVEN.get(usize::from(region)).copied().unwrap_or_default();
    let km =
        Coordinates::new(lat, lon).zip(place(n).coordinates).map_or(0.0, |(a, b)| a.distance_km(b));
    let rtt = Duration::from_secs_f64((5.0 + 0.015 * km) / 1e3);
    let jitter = i64::from(n.wrapping_mul(77) % 3000);
    let rtt_us = i64::try_from(rtt.as_micros()).unwrap_or_default() + jitter;
    Sample {
        client: client(n),
        region: RegionId(region),
        rtt_us,
        at: now,
        source: SourceId(source),
    }
}

fn report(name: &str, count: u64, start: Instant) {
    let took = start.elapsed();
    let rate = count as f64 / took.as_secs_f64() / 1e6;
    println!("{name}: {count} in {took:.2?}, {rate:.2} M/s");
}
