//! Eight regions, the country database that is shipped, and clients where people are.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::net::Ipv4Addr;

use fastrand::Rng;
use ipnet::Ipv4Net;
use meridian::geo::Countries;
use meridian::geo::Loci;
use meridian::geo::Locus;
use meridian::geo::LocusId;
use meridian::geo::Network;
use meridian::model::Capacity;
use meridian::model::Family;
use meridian::model::RecordType;
use meridian::snapshot;
use meridian::snapshot::Snapshot;
use meridian::steer::Client;
use meridian::wire::Query;

use crate::asking::Ask;
use crate::ground;
use crate::ground::Ground;

pub(crate) const REGIONS: &[(&str, f64, f64)] = &[
    ("us-east", 39.04, -77.49),
    ("us-west", 37.34, -121.89),
    ("sa-east", -23.55, -46.63),
    ("eu-west", 53.34, -6.27),
    ("eu-central", 50.11, 8.68),
    ("ap-south", 19.08, 72.88),
    ("ap-southeast", 1.35, 103.82),
    ("ap-northeast", 35.68, 139.69),
];

/// A configuration of one service, under a policy with these lines, with these pools' lines.
pub(crate) fn configuration(policy: &str) -> String {
    let mut text = format!(
        "[geoip]\ndatabases = [\"{}\"]\n[zone.test]\nfile = \"test.zone\"\n\
         [policy.p]\n{policy}\n[service.www]\nname = \"www.test\"\npolicy = \"p\"\n",
        ground::country_database().display()
    );
    for (at, (name, lat, lon)) in REGIONS.iter().enumerate() {
        write!(
            text,
            "[region.{name}]\nlocation = {{ lat = {lat}, lon = {lon} }}\n\
             [service.www.pool.{name}]\nendpoints = [\"192.0.2.{at}\"]\n"
        )
        .unwrap();
    }
    text
}

/// The world, with everything admitted, and some clients: as many of a country as it has of the
/// world's, each a /24 somewhere in it.
pub(crate) fn populated(policy: &str, n_clients: usize, rng: &mut Rng) -> (Snapshot, Vec<Client>) {
    let text = configuration(policy);
    let ground = Ground::new(&[("meridian.toml", &text), ("test.zone", ground::ZONE)]);
    let mut config = ground.config();
    for region in &mut config.regions {
        // Only whether there is one matters to a map.
        region.capacity =
            Some(Capacity { amount: 1.0, soft: Capacity::SOFT, hard: Capacity::HARD });
    }
    let atlas = snapshot::atlas(&config.databases, &config.nets, &config.policies, &config.orders);
    let mut networks: BTreeMap<String, (u64, Vec<(u64, Network)>)> = BTreeMap::new();
    let mut gather = |loci: &Loci, network: Network, locus: LocusId| {
        let Locus::Known { place, .. } = loci.locus(locus) else { return };
        let Some(country) = loci.place(place).country else { return };
        if network.family() == Family::V4 && network.depth() <= 24 {
            let of_country = networks.entry(country.to_string()).or_default();
            of_country.0 += 1 << (24 - network.depth());
            of_country.1.push((of_country.0, network));
        }
    };
    atlas.walk(&mut gather).unwrap();
    let table = Countries::builtin();
    let mut people = Vec::new();
    let mut total = 0.0;
    for (country, blocks) in &networks {
        total += table.clients(country.parse().unwrap()).unwrap_or(0.0);
        people.push((total, blocks));
    }
    let clients = (0..n_clients).map(|_| {
        let drawn = rng.f64() * total;
        let (_, (blocks, of_country)) = people[people.partition_point(|(sum, _)| *sum <= drawn)];
        let block = rng.u64(..*blocks);
        let network = of_country[of_country.partition_point(|(sum, _)| *sum <= block)].1;
        let inside = rng.u64(..1 << (24 - network.depth()));
        let start = u32::try_from(network.start()).unwrap() + (u32::try_from(inside).unwrap() << 8);
        client(Ipv4Addr::from(start))
    });
    let clients = clients.collect();
    (ground::all_admitted(config), clients)
}

/// The client of a /24.
pub(crate) fn client(address: Ipv4Addr) -> Client {
    let subnet = Ipv4Net::new(address, 24).unwrap().trunc().into();
    let octets = Ask::new("www.test", RecordType::A).subnet(subnet).octets();
    let subnet = Query::parse(&octets).unwrap().edns.unwrap().client_subnet;
    Client { subnet, resolver: IpAddr::from([192, 0, 2, 53]) }
}
