//! Learning orders from a million prefixes on a City database, and compiling maps by them.
//!
//! `cargo bench --bench learn`. Takes the database that `benches/wire/run.py` fetches, or the
//! one that `MERIDIAN_CITY_MMDB` names; without one it says so and measures nothing.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a benchmark")]

mod ground;

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use fastrand::Rng;
use ipnet::IpNet;
use jiff::Timestamp;
use meridian::geo::Atlas;
use meridian::geo::Database;
use meridian::geo::Nets;
use meridian::latency::ClientPrefix;
use meridian::latency::Model;
use meridian::latency::Orders;
use meridian::latency::Rules;
use meridian::latency::Sample;
use meridian::latency::SourceId;
use meridian::latency::Table;
use meridian::model::Coordinates;
use meridian::model::Place;
use meridian::model::Policy;
use meridian::model::Rank;
use meridian::model::Region;
use meridian::model::RegionId;
use meridian::model::Tie;
use meridian::steer::MapPlan;
use meridian::steer::SteeringMap;
use meridian::steer::compile;

use crate::ground::ELEVEN;
use crate::ground::city;
use crate::ground::resident_octets;

const PREFIXES: usize = 1_000_000;

fn main() {
    let Some(path) = city() else {
        println!("no City database: run benches/wire/run.py once, or set MERIDIAN_CITY_MMDB");
        return;
    };
    let database = Arc::new(Database::open(&path).expect("the database is readable"));
    let regions = regions();
    let atlas = |orders: &Orders| {
        let measured: Vec<IpNet> = orders.blocks().map(|(net, _)| net).collect();
        Atlas::new(vec![Arc::clone(&database)], Nets::default(), &[], &measured)
    };
    let plain = atlas(&Orders::default());
    let now = Timestamp::from_second(1_800_000_000).expect("a time");
    let table = measured(&plain, &regions, now);
    println!("{} prefixes, {} MB", table.prefixes(), table.octets() / 1_000_000);
    let ground = |prefix: ClientPrefix| place(&plain, prefix);
    let places = timed("places of all networks", || plain.places().expect("a sound database"));
    println!("    {} of them", places.len());
    let model = timed("model", || Model::fit(&table, ground, now));
    println!("    {} anchors", model.anchors());
    let (none, rules) = (Orders::default(), Rules::default());
    let learn = |before: &Orders| {
        Orders::learn(&table, &model, places.iter().copied(), ground, before, &rules, now)
    };
    let orders = timed("orders", || learn(&none));
    println!("    of {} areas and {} blocks", orders.n_areas(), orders.n_blocks());
    let again = timed("orders, after those", || learn(&orders));
    println!("    steer alike: {}", again.steers_like(&orders));
    let octets = postcard::to_stdvec(&orders).expect("all lengths are known");
    println!("    as octets: {} MB", octets.len() / 1_000_000);
    for (name, orders) in [("map without orders", &none), ("map by orders", &orders)] {
        let atlas = atlas(orders);
        let map = timed(name, || map(&atlas, &regions, orders));
        let (leaves, labels) = (map.n_leaves(), map.labels().len());
        println!("    {leaves} leaves, {labels} labels, {} MB", map.memory() / 1_000_000);
    }
    println!("{} MB resident at the end", resident_octets() / 1_000_000);
}

/// A million prefixes, each measured to its three nearest regions and one more. A fifth of the
/// countries has a detour to its nearest region, and one prefix in twenty one of its own.
fn measured(atlas: &Atlas, regions: &[Region], now: Timestamp) -> Table {
    let mut rng = Rng::with_seed(5);
    let mut table = Table::new(regions.iter().map(|region| region.location).collect(), 1);
    while table.prefixes() < PREFIXES {
        let client = std::net::Ipv4Addr::from(rng.u32(0x0100_0000..0xdf00_0000));
        let prefix = ClientPrefix::of(client.into());
        let place = place(atlas, prefix);
        // Past the bound on pairs one more would cost another.
        let Some(at) = place.coordinates.filter(|_| !table.holds(client.into())) else { continue };
        let km = |region: &usize| {
            let to = regions.get(*region).and_then(|region| region.location);
            to.map_or(f64::INFINITY, |to| at.distance_km(to))
        };
        let mut order: Vec<usize> = (0..regions.len()).collect();
        order.sort_by(|a, b| km(a).total_cmp(&km(b)));
        let country = place.country.map_or(0, |country| {
            country.as_str().bytes().fold(0_u32, |sum, octet| sum * 7 + u32::from(octet))
        });
        for (nth, region) in order.iter().take(3).chain(order.get(rng.usize(3..11))).enumerate() {
            let detour = nth == 0 && (country.is_multiple_of(5) || rng.u32(..20) == 0);
            let ms = 4.0 + 0.015 * km(region) * rng.f64().mul_add(0.1, 1.0);
            let ms = if detour { ms * 2.0 + 30.0 } else { ms };
            let rtt_us = i64::try_from(Duration::from_secs_f64(ms / 1e3).as_micros());
            let sample = Sample {
                client: client.into(),
                region: RegionId(u16::try_from(*region).unwrap_or_default()),
                rtt_us: rtt_us.unwrap_or_default(),
                at: now,
                source: SourceId(1),
            };
            table.take(&sample, Some(at), now).expect("it is plausible");
        }
    }
    table
}

fn place(atlas: &Atlas, prefix: ClientPrefix) -> Place {
    match atlas.locate(prefix.address()) {
        Ok(located) if !located.ask_resolver => located.place,
        Ok(_) | Err(_) => Place::default(),
    }
}

fn map(atlas: &Atlas, regions: &[Region], orders: &Orders) -> SteeringMap {
    let policy = Policy {
        name: "p".into(),
        rank: vec![Rank::Latency, Rank::Nearest],
        regions: (0..11).map(RegionId).collect(),
        tie: Tie::default(),
        depth: 3,
        rules: Vec::new(),
        ecs: true,
    };
    let all = policy.regions.iter().copied().collect();
    let plan = MapPlan {
        policy: &policy,
        regions: all,
        whole_order: false,
        partition: None,
        orders: Some(orders),
        weighed: false,
    };
    let mut maps = compile(atlas, regions, &[plan], &[]).expect("a sound database");
    maps.remove(0)
}

fn regions() -> Vec<Region> {
    let region = |(n, (lat, lon)): (usize, &(f64, f64))| Region {
        name: format!("r{n}"),
        location: Coordinates::new(*lat, *lon),
        bias: 0,
        monitor: None,
        min_pools: 0,
        capacity: None,
        load: None,
    };
    ELEVEN.iter().enumerate().map(region).collect()
}

fn timed<R>(name: &str, work: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let made = work();
    println!("{name}: {:.2?}", start.elapsed());
    made
}
