//! How good estimates are, on measured round trips: `nearest`, `latency` and the best possible.
//!
//! `azure.csv` has the round trips between 48 sites around the globe. Eleven are regions, drawn
//! anew for each seed; the others are places of clients. Each place is measured to three
//! regions, once, and one sample in ten is wrong by a factor of five. Then orders are learnt as a
//! node learns them, and every place gets the first region of its order, or the nearest one where
//! it has none, and the round trip that it really has there.

use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use meridian::latency::ClientPrefix;
use meridian::latency::Model;
use meridian::latency::Orders;
use meridian::latency::Rules;
use meridian::latency::Sample;
use meridian::latency::SourceId;
use meridian::latency::Table;
use meridian::model::Coordinates;
use meridian::model::Place;
use meridian::model::RegionId;

/// Measured sites.
struct Matrix {
    at: Vec<Coordinates>,
    rtt_ms: Vec<Vec<f64>>,
}

impl Matrix {
    fn azure() -> Self {
        let mut matrix = Self { at: Vec::new(), rtt_ms: Vec::new() };
        for line in include_str!("azure.csv").lines().skip(1) {
            let mut fields = line.split(',').skip(1).map(|field| field.parse::<f64>().unwrap());
            let (lat, lon) = (fields.next().unwrap(), fields.next().unwrap());
            matrix.at.push(Coordinates::new(lat, lon).unwrap());
            matrix.rtt_ms.push(fields.collect());
        }
        matrix
    }
}

/// Which three regions a place is measured to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Measured {
    /// Any.
    AtRandom,
    /// The nearest ones, as where answers go by distance at first.
    Nearest,
}

/// A way to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// To which regions.
    pub measured: Measured,
    /// Samples of each pair, each by a source of its own.
    pub repeats: u16,
    /// Of a hundred places, those that are not measured.
    pub held_back: usize,
    /// Whether regions are measured to each other.
    pub vantages: bool,
}

/// What places got, in milliseconds: by `nearest`, by `latency`, and the best there was.
#[derive(Clone, Debug, Default)]
struct Got {
    nearest: Vec<f64>,
    latency: Vec<f64>,
    best: Vec<f64>,
}

/// One experiment: what measured places got, and what the others did.
fn run(matrix: &Matrix, setup: Setup, seed: u64) -> [Got; 2] {
    let mut rng = Rng::with_seed(seed);
    let mut sites: Vec<usize> = (0..matrix.at.len()).collect();
    rng.shuffle(&mut sites);
    let (regions, places) = sites.split_at(11);
    let held = places.len() * setup.held_back / 100;
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let mut table = Table::new(regions.iter().map(|site| Some(matrix.at[*site])).collect(), seed);
    let mut sample = |site: usize, region: usize, source: u16, rtt_ms: f64| {
        let rtt_us = i64::try_from(Duration::from_secs_f64(rtt_ms / 1e3).as_micros()).unwrap();
        let region = RegionId(u16::try_from(region).unwrap());
        let source = SourceId(source);
        let sample = Sample { client: client(site), region, rtt_us, at: now, source };
        table.take(&sample, Some(matrix.at[site]), now).unwrap();
    };
    for site in &places[held..] {
        let mut order: Vec<usize> = (0..11).collect();
        match setup.measured {
            Measured::AtRandom => rng.shuffle(&mut order),
            Measured::Nearest => order.sort_by(|a, b| {
                let km = |region: &usize| matrix.at[*site].distance_km(matrix.at[regions[*region]]);
                km(a).total_cmp(&km(b))
            }),
        }
        for region in &order[..3] {
            for source in 0..setup.repeats {
                let noise = 1.0 + 0.06 * (rng.f64() + rng.f64() - 1.0);
                let lie = if rng.f64() < 0.1 { 5.0 } else { 1.0 };
                let rtt_ms = matrix.rtt_ms[*site][regions[*region]] * noise * lie;
                sample(*site, *region, source, rtt_ms);
            }
        }
    }
    if setup.vantages {
        for (from, site) in regions.iter().enumerate() {
            for (to, other) in regions.iter().enumerate().filter(|(to, _)| *to > from) {
                sample(*site, to, 1, matrix.rtt_ms[*site][*other]);
            }
        }
    }
    let place = |site: usize| Place { coordinates: Some(matrix.at[site]), ..Place::default() };
    let ground = |prefix| place(site(prefix));
    let model = Model::fit(&table, ground, now);
    let (before, rules) = (Orders::default(), Rules::default());
    let all = places.iter().map(|site| place(*site));
    let orders = Orders::learn(&table, &model, all, ground, &before, &rules, now);
    let mut got = [Got::default(), Got::default()];
    for (nth, site) in places.iter().enumerate() {
        let got = &mut got[usize::from(nth < held)];
        let own = orders.blocks().find(|(net, _)| net.contains(&client(*site)));
        let order = own.map(|(_, order)| order).or_else(|| orders.of_place(&place(*site)));
        let rtt = |region: usize| matrix.rtt_ms[*site][regions[region]];
        let km = |region: usize| matrix.at[*site].distance_km(matrix.at[regions[region]]);
        let nearest = (0..11).min_by(|a, b| km(*a).total_cmp(&km(*b))).unwrap();
        got.nearest.push(rtt(nearest));
        got.latency.push(rtt(order.map_or(nearest, |o| o.rated()[0].region().index())));
        got.best.push((0..11).map(rtt).fold(f64::INFINITY, f64::min));
    }
    got
}

/// One /24 per site.
fn client(site: usize) -> IpAddr {
    IpAddr::from([10, u8::try_from(site).unwrap(), 7, 1])
}

fn site(prefix: ClientPrefix) -> usize {
    let IpAddr::V4(address) = prefix.address() else { panic!("{prefix}") };
    usize::from(address.octets()[1])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn p95(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() * 95).div_ceil(100) - 1]
}

/// What many seeds come to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Mean and p95 in milliseconds: `nearest`, `latency`, best.
    pub mean_ms: [f64; 3],
    pub p95_ms: [f64; 3],
    /// The share of the gap between `nearest` and the best that was closed, over all seeds.
    pub closed: f64,
    /// By how much a seed's mean and p95 were worse than `nearest` at the most, in milliseconds.
    pub worst_mean_ms: f64,
    pub worst_p95_ms: f64,
    /// The share of seeds whose mean was worse.
    pub worse: f64,
}

fn outcome(all: &[Got]) -> Outcome {
    let over = |of: fn(&[f64]) -> f64| {
        [
            mean(&all.iter().map(|got| of(&got.nearest)).collect::<Vec<_>>()),
            mean(&all.iter().map(|got| of(&got.latency)).collect::<Vec<_>>()),
            mean(&all.iter().map(|got| of(&got.best)).collect::<Vec<_>>()),
        ]
    };
    let worst = |of: fn(&[f64]) -> f64| {
        let worse = all.iter().map(|got| of(&got.latency) - of(&got.nearest));
        worse.fold(f64::NEG_INFINITY, f64::max)
    };
    let [nearest, latency, best] = over(mean);
    let worse = all.iter().filter(|got| mean(&got.latency) > mean(&got.nearest) + 1e-9);
    Outcome {
        mean_ms: [nearest, latency, best],
        p95_ms: over(p95),
        closed: (nearest - latency) / (nearest - best),
        worst_mean_ms: worst(mean),
        worst_p95_ms: worst(p95),
        worse: worse.count() as f64 / all.len() as f64,
    }
}

/// What places got that were measured, and what those did that were not.
pub(crate) fn outcomes(setup: Setup, seeds: Range<u64>) -> [Option<Outcome>; 2] {
    let matrix = Matrix::azure();
    let all: Vec<[Got; 2]> = seeds.map(|seed| run(&matrix, setup, seed)).collect();
    [0, 1].map(|which| {
        let all: Vec<Got> = all.iter().map(|got| got[which].clone()).collect();
        all.iter().all(|got| !got.best.is_empty()).then(|| outcome(&all))
    })
}
