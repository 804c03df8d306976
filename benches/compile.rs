//! Compiling policies over a City database: time, leaves, memory.
//!
//! `cargo bench --bench compile`. Takes the database that `benches/wire/run.py` fetches, or the
//! one that `MERIDIAN_CITY_MMDB` names; without one it says so and measures nothing.
#![expect(clippy::print_stdout, reason = "a benchmark")]

#[expect(dead_code, reason = "other benches use the rest")]
mod ground;

use std::sync::Arc;

use meridian::geo::Atlas;
use meridian::geo::Database;
use meridian::geo::Nets;
use meridian::model::Coordinates;
use meridian::model::Match;
use meridian::model::Policy;
use meridian::model::Rank;
use meridian::model::Region;
use meridian::model::RegionId;
use meridian::model::Rule;
use meridian::model::Tie;
use meridian::model::Vantage;
use meridian::model::VantageGroupId;
use meridian::model::Vantages;
use meridian::steer::MapPlan;
use meridian::steer::Partition;
use meridian::steer::SteeringMap;
use meridian::steer::compile;
use meridian::steer::rule_prefixes;

use crate::ground::ELEVEN;
use crate::ground::city;

/// Six places with a vantage, each a group of its own: New York, San Francisco, São Paulo,
/// London, Mumbai, Tokyo.
const VANTAGES: [(f64, f64); 6] = [
    (40.71, -74.01),
    (37.77, -122.42),
    (-23.55, -46.63),
    (51.51, -0.13),
    (19.08, 72.88),
    (35.68, 139.69),
];

fn main() {
    let Some(path) = city() else {
        println!("no City database: run benches/wire/run.py once, or set MERIDIAN_CITY_MMDB");
        return;
    };
    let database = Arc::new(Database::open(&path).expect("the database is readable"));
    let eleven = regions(&ELEVEN);
    // A lattice over the globe stands for the 232 cloud regions there are.
    let lattice: Vec<(f64, f64)> = (0..232)
        .map(|n| (f64::from(n * 7 % 140) - 60.0, f64::from(n * 31 % 360) - 180.0))
        .collect();
    let many = regions(&lattice);
    let nearest = policy(11, Vec::new());
    let wide = policy(232, Vec::new());
    let ruled = policy(11, rules());
    let single = policy(1, Vec::new());
    let groups = Partition::new(&vantages());
    for (name, regions, policies, partition) in [
        ("11 regions, 1 policy", &eleven, &[&nearest][..], None),
        ("11 regions, 4 policies", &eleven, &[&nearest; 4], None),
        ("11 regions, 1,000 rules", &eleven, &[&ruled], None),
        ("11 regions, 6 groups", &eleven, &[&nearest], groups.as_ref()),
        ("1 region, 6 groups", &eleven, &[&single], groups.as_ref()),
        ("232 regions, 1 policy", &many, &[&wide], None),
        ("232 regions, 6 groups", &many, &[&wide], groups.as_ref()),
    ] {
        measure(name, &database, regions, policies, partition);
    }
}

fn measure(
    name: &str,
    database: &Arc<Database>,
    regions: &[Region],
    policies: &[&Policy],
    partition: Option<&Partition>,
) {
    let prefixes = rule_prefixes(policies.iter().copied());
    let plans: Vec<MapPlan<'_>> = policies
        .iter()
        .map(|policy| MapPlan {
            weighed: false,
            policy,
            regions: policy.regions.iter().copied().collect(),
            whole_order: false,
            partition,
            orders: None,
        })
        .collect();
    let mut times = Vec::new();
    let mut maps: Vec<SteeringMap> = Vec::new();
    for _ in 0..5 {
        let atlas = Atlas::new(vec![Arc::clone(database)], Nets::default(), &prefixes, &[]);
        let start = on_cpu();
        maps = compile(&atlas, regions, &plans, &prefixes).expect("the database is sound");
        times.push(on_cpu() - start);
    }
    times.sort_by(f64::total_cmp);
    let [least, _, median, _, greatest] = *times else { unreachable!("five rounds") };
    let map = maps.first().expect("there is a plan");
    println!(
        "{name:26} median {:.3} s ({:.3} to {:.3}), {} leaves, {} labels, {:.1} MiB a map",
        median,
        least,
        greatest,
        map.n_leaves(),
        map.labels().len(),
        map.memory() as f64 / f64::from(1 << 20),
    );
}

/// Seconds that this thread has run: other load on the machine does not count.
fn on_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = stat.split_whitespace().next().and_then(|n| n.parse::<f64>().ok());
    nanoseconds.expect("the first field is a number") / 1e9
}

fn regions(points: &[(f64, f64)]) -> Vec<Region> {
    let region = |(at, (lat, lon)): (usize, &(f64, f64))| Region {
        name: format!("r{at}"),
        location: Coordinates::new(*lat, *lon),
        bias: 0,
        monitor: None,
        min_pools: 0,
        capacity: None,
        load: None,
    };
    points.iter().enumerate().map(region).collect()
}

fn vantages() -> Vantages {
    let vantage = |(at, (lat, lon)): (u8, &(f64, f64))| Vantage {
        name: format!("v{at}"),
        group: VantageGroupId(at),
        location: Coordinates::new(*lat, *lon),
    };
    let all: Vec<Vantage> = (0..).zip(&VANTAGES).map(vantage).collect();
    let groups = all.iter().map(|vantage| vantage.name.clone()).collect();
    Vantages { all, groups }
}

fn policy(n_regions: u16, rules: Vec<Rule>) -> Policy {
    Policy {
        name: "bench".into(),
        rank: vec![Rank::Rules, Rank::Nearest],
        regions: (0..n_regions).map(RegionId).collect(),
        tie: Tie::default(),
        depth: 3,
        rules,
        ecs: true,
    }
}

/// 270 rules by place, 730 by net (780 nets).
fn rules() -> Vec<Rule> {
    let rule = |at: u16, matches| Rule { matches, regions: vec![RegionId(at % 11)], only: false };
    let letters = || b'A'..=b'Z';
    let countries = letters().flat_map(|a| letters().map(move |b| [a, b]));
    let by_place = countries.filter_map(|c| std::str::from_utf8(&c).ok()?.parse().ok());
    let by_place =
        by_place.take(270).map(|country| Match { countries: vec![country], ..Match::default() });
    let net = |n: u32| format!("{}.{}.{}.0/24", 20 + n % 150, n % 256, n / 3 % 256);
    let by_net = (0..730_u32).map(|n| Match {
        nets: [Some(n), (n < 50).then_some(n + 10_000)]
            .into_iter()
            .flatten()
            .map(|n| net(n).parse().expect("a prefix"))
            .collect(),
        ..Match::default()
    });
    by_net.chain(by_place).zip(0..).map(|(matches, at)| rule(at, matches)).collect()
}
