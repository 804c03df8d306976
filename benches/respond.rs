//! `respond` per class of query, over a map of eleven regions, and the look-up in that map.
//!
//! `cargo bench --bench respond`. Over the City database that `benches/wire/run.py` fetches, or the
//! one that `MERIDIAN_CITY_MMDB` names; without one over the country database that is shipped.
//!
//! For counts of instructions that do not depend on the machine's mood:
//! `valgrind --tool=callgrind --toggle-collect=meridian::responder::respond PROGRAM --bench geo_ecs4`.
#![expect(clippy::print_stdout, reason = "a benchmark")]

#[expect(dead_code, reason = "other benches use the rest")]
mod ground;

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::LazyLock;

use divan::Bencher;
use divan::counter::ItemsCount;
use meridian::config;
use meridian::load::Cutoff;
use meridian::load::Cutoffs;
use meridian::model::limits;
use meridian::responder::Outcome;
use meridian::responder::Transport;
use meridian::responder::View;
use meridian::responder::Worker;
use meridian::responder::respond;
use meridian::snapshot::Snapshot;
use meridian::snapshot::Standing;
use meridian::snapshot::World;
use meridian::steer::Client;
use meridian::wire::ClientSubnet;
use meridian::wire::Query;

use crate::ground::ELEVEN;
use crate::ground::city;

fn main() {
    println!("{}", WORLD.1);
    divan::main();
}

const RESOLVER: IpAddr = IpAddr::V4(Ipv4Addr::new(9, 9, 9, 9));

/// Queries of one class, in turn, so that the map is not always warm at the same place.
const CLIENTS: u32 = 4096;

static WORLD: LazyLock<(Snapshot, String)> = LazyLock::new(|| world(""));

/// The same where the three regions in North America are full: who loses under 30 ms is sent on.
static FULL: LazyLock<Snapshot> = LazyLock::new(|| {
    let (Snapshot { world, standing }, _) = world("capacity = 1000\n");
    let cutoffs = Cutoffs::new([Cutoff::from_ms(30.0); 3]);
    Snapshot { world, standing: standing.with_cutoffs(cutoffs).into() }
});

/// A world with these settings in each region, everything admitted, and what there is to tell of it.
fn world(settings: &str) -> (Snapshot, String) {
    let shipped = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("geoip/dbip-country-lite.mmdb");
    let database = city().unwrap_or_else(shipped);
    let folder = tempfile::tempdir().expect("a scratch folder");
    std::fs::write(folder.path().join("zone"), ZONE).expect("the scratch folder takes files");
    let text =
        format!("[geoip]\ndatabases = [\"{}\"]\n{CONFIG}{}", database.display(), regions(settings));
    let loaded = config::load_str(&text, folder.path());
    let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    let (world, _) = World::build(config).expect("the database is sound");
    let map = world.maps().first().expect("there is a service");
    let told = format!(
        "{}: {} leaves, {} labels, {:.1} MiB",
        database.file_name().unwrap_or_default().display(),
        map.n_leaves(),
        map.labels().len(),
        map.memory() as f64 / f64::from(1 << 20),
    );
    let standing = Standing::all_admitted(&world).into();
    (Snapshot { world: world.into(), standing }, told)
}

const ZONE: &str = "\
@ 3600 SOA ns1 hostmaster 1 2 3 4 60
@ 3600 NS ns1
ns1 3600 A 192.0.2.1
static 60 A 192.0.2.2
a 60 CNAME b
b 60 CNAME static
sub 60 NS ns.sub
ns.sub 60 A 192.0.2.3
";

const CONFIG: &str = "
[zone.\"example.com\"]
file = \"zone\"
[policy.global]
rank = [\"nearest\"]
[policy.even]
rank = [\"equal\"]
[service.www]
name = \"www.example.com\"
policy = \"global\"
[service.sticky]
name = \"sticky.example.com\"
policy = \"global\"
sticky = true
[service.even]
name = \"even.example.com\"
policy = \"even\"
";

fn regions(settings: &str) -> String {
    let region = |(at, (lat, lon)): (usize, &(f64, f64))| {
        format!(
            "[region.r{at}]\nlocation = {{ lat = {lat}, lon = {lon} }}\n{settings}\
             [service.www.pool.r{at}]\nendpoints = [\"192.0.2.{at}\", \"2001:db8::{at}\"]\n\
             [service.sticky.pool.r{at}]\nendpoints = [\"192.0.2.{at}\", \"192.0.2.1{at}\"]\n\
             [service.even.pool.r{at}]\nendpoints = [\"192.0.2.{at}\"]\n"
        )
    };
    ELEVEN.iter().enumerate().map(region).collect()
}

/// A query for a name below example.com; the option's data is that of a client subnet.
fn query(label: &str, qtype: u8, subnet: Option<&[u8]>) -> Vec<u8> {
    let mut message = vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    for label in [label, "example", "com"] {
        message.push(u8::try_from(label.len()).expect("short"));
        message.extend_from_slice(label.as_bytes());
    }
    message.extend([0, 0, qtype, 0, 1]);
    message.extend([0, 0, 41, 4, 0xd0, 0, 0, 0, 0]);
    let option = subnet.map_or_else(Vec::new, |data| {
        [&[0, 8, 0, u8::try_from(data.len()).expect("short")], data].concat()
    });
    message.extend([0, u8::try_from(option.len()).expect("short")]);
    message.extend(option);
    message
}

/// Spread over the unicast space, always the same.
fn ipv4(n: u32, octets: usize) -> Vec<u8> {
    let [a, b, c, _] = n.wrapping_mul(0x9e37_79b9).to_be_bytes();
    let bits = u8::try_from(octets * 8).expect("at most 32");
    [0, 1, bits, 0].into_iter().chain([a % 223, b, c].into_iter().take(octets)).collect()
}

fn ipv6(n: u32) -> Vec<u8> {
    let [a, b, c, d] = n.wrapping_mul(0x9e37_79b9).to_be_bytes();
    vec![0, 2, 48, 0, 0x2a, a % 16, b, c, d, 0]
}

fn bench(bencher: Bencher<'_, '_>, queries: impl Iterator<Item = Vec<u8>>) {
    bench_in(bencher, &WORLD.0, queries);
}

fn bench_in(bencher: Bencher<'_, '_>, snapshot: &Snapshot, queries: impl Iterator<Item = Vec<u8>>) {
    let queries: Vec<Vec<u8>> = queries.collect();
    let mut worker = Worker::new(7);
    let mut reply = [0; limits::UDP_PAYLOAD as usize];
    let mut next = queries.iter().cycle();
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        let mut view = View { snapshot, worker: &mut worker };
        let request = next.next().expect("it goes round");
        let outcome = respond(request, RESOLVER, Transport::Udp, &mut view, &mut reply);
        assert!(matches!(outcome, Outcome::Send(_)));
    });
}

#[divan::bench]
fn geo_ecs4(bencher: Bencher<'_, '_>) {
    bench(bencher, (0..CLIENTS).map(|n| query("www", 1, Some(&ipv4(n, 3)))));
}

#[divan::bench]
fn geo_ecs6(bencher: Bencher<'_, '_>) {
    bench(bencher, (0..CLIENTS).map(|n| query("www", 28, Some(&ipv6(n)))));
}

#[divan::bench]
fn geo_ecs4_cutoffs(bencher: Bencher<'_, '_>) {
    bench_in(bencher, &FULL, (0..CLIENTS).map(|n| query("www", 1, Some(&ipv4(n, 3)))));
}

#[divan::bench]
fn sticky_ecs4(bencher: Bencher<'_, '_>) {
    bench(bencher, (0..CLIENTS).map(|n| query("sticky", 1, Some(&ipv4(n, 3)))));
}

/// Eleven regions in one tier.
#[divan::bench]
fn even_ecs4(bencher: Bencher<'_, '_>) {
    bench(bencher, (0..CLIENTS).map(|n| query("even", 1, Some(&ipv4(n, 3)))));
}

#[divan::bench]
fn geo_short_source(bencher: Bencher<'_, '_>) {
    bench(bencher, (0..CLIENTS).map(|n| query("www", 1, Some(&ipv4(n, 1)))));
}

#[divan::bench]
fn geo_by_resolver(bencher: Bencher<'_, '_>) {
    bench(bencher, [query("www", 1, None)].into_iter());
}

#[divan::bench]
fn static_record(bencher: Bencher<'_, '_>) {
    bench(bencher, [query("static", 1, None)].into_iter());
}

#[divan::bench]
fn no_such_name(bencher: Bencher<'_, '_>) {
    bench(bencher, [query("nothing", 1, None)].into_iter());
}

#[divan::bench]
fn no_such_type(bencher: Bencher<'_, '_>) {
    bench(bencher, [query("www", 15, None)].into_iter());
}

#[divan::bench]
fn referral(bencher: Bencher<'_, '_>) {
    bench(bencher, [query("sub", 1, None)].into_iter());
}

#[divan::bench]
fn alias_chain(bencher: Bencher<'_, '_>) {
    bench(bencher, [query("a", 1, None)].into_iter());
}

/// The look-up in the map alone, client subnet to label and scope.
#[divan::bench]
fn locate(bencher: Bencher<'_, '_>) {
    let subnet = |n| -> ClientSubnet {
        let query = Query::parse(&query("www", 1, Some(&ipv4(n, 3)))).expect("well-formed");
        query.edns.and_then(|edns| edns.client_subnet).expect("it has one")
    };
    let subnets: Vec<ClientSubnet> = (0..CLIENTS).map(subnet).collect();
    let map = WORLD.0.world.maps().first().expect("there is a service");
    let mut next = subnets.iter().cycle();
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        let subnet = next.next().copied();
        map.locate(&Client { subnet, resolver: RESOLVER })
    });
}
