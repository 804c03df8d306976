//! Scopes are sound and tight where maps rank by what was measured, whatever that is.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::sync::Arc;

use fastrand::Rng;
use ipnet::IpNet;
use meridian::config::Config;
use meridian::latency::Orders;
use meridian::snapshot;
use serde::Serialize;

use crate::ground;
use crate::ground::Ground;
use crate::scopes::Asked;
use crate::scopes::PLACES;
use crate::scopes::REGIONS;
use crate::scopes::configuration;
use crate::scopes::random_database;
use crate::scopes::scope_holds_for;

/// (region, tenths of a millisecond, percent, level, last, count), the best first.
type Rated = (u16, u16, u8, u32, Option<u32>, u32);

/// The same with where an explored one belongs.
type Order = (Vec<Rated>, Option<u16>);

/// Half degrees, country, and network.
type Area = ((i16, i16), Option<[u8; 2]>, Option<u32>);

/// Orders as they are kept and shared.
#[derive(Serialize)]
struct Written {
    areas: BTreeMap<Area, Order>,
    /// By prefix, and whether it is the wider one.
    blocks: BTreeMap<(u64, bool), Order>,
}

/// At least as many regions as a policy is deep, which no two share a tier; as for some places
/// one is explored, those before may be faster than those behind and the reverse.
fn random_order(rng: &mut Rng) -> Order {
    let mut regions: Vec<u16> = (0..u16::try_from(REGIONS.len()).unwrap()).collect();
    rng.shuffle(&mut regions);
    regions.truncate(rng.usize(3..6));
    let start = rng.u16(1..500);
    let mut rtts: Vec<u16> = (0..5).map(|n| start + 30 * n).collect();
    if rng.bool() {
        rng.shuffle(&mut rtts);
    }
    let rated = regions.into_iter().zip(rtts).map(|(region, rtt)| (region, rtt, 50, 0, None, 1));
    (rated.collect(), None)
}

fn number(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(v4) => u64::from(u32::from(v4)) >> 8,
        IpAddr::V6(v6) => 1 << 63 | u64::try_from(u128::from(v6) >> 80).unwrap(),
    }
}

/// Where clients are, and where they are nowhere: special blocks, carried ones, and space that
/// is in no database.
fn random_address(rng: &mut Rng) -> IpAddr {
    let v4 = Ipv4Addr::new([10, 20, 21, 22, 23, 99][rng.usize(..6)], rng.u8(..8), rng.u8(..), 1);
    let v6 = [0x2002, 0x2400, 0x2401, 0x2a00, 0xfd00, 0x2001][rng.usize(..6)];
    match rng.u8(..4) {
        0 => Ipv6Addr::from(v6 << 112 | u128::from(rng.u16(..8)) << 84 | 1).into(),
        1 => Ipv6Addr::from(0x2002 << 112 | u128::from(u32::from(v4)) << 80 | 1).into(),
        _ => v4.into(),
    }
}

fn random_orders(clients: &[IpAddr], rng: &mut Rng) -> Orders {
    let mut written = Written { areas: BTreeMap::new(), blocks: BTreeMap::new() };
    for (country, lat, lon) in PLACES {
        let country = <[u8; 2]>::try_from(country.as_bytes()).unwrap();
        #[expect(clippy::cast_possible_truncation, reason = "it is half a degree")]
        let square = ((lat / 0.5).floor() as i16, (lon / 0.5).floor() as i16);
        if rng.bool() {
            written.areas.insert((square, Some(country), None), random_order(rng));
        }
    }
    for client in clients {
        let (first, is_wide) = (number(*client), rng.u8(..3) == 0);
        let first = match (is_wide, client) {
            (false, _) => first,
            (true, IpAddr::V4(_)) => first & !0xf,
            (true, IpAddr::V6(_)) => first & !0xff,
        };
        written.blocks.insert((first, is_wide), random_order(rng));
    }
    let mut orders: Orders = postcard::from_bytes(&postcard::to_stdvec(&written).unwrap()).unwrap();
    orders = orders.renumbered(Some);
    assert_eq!((orders.n_areas(), orders.n_blocks()), (written.areas.len(), written.blocks.len()));
    orders
}

/// A client near to a block that was measured.
fn near(client: IpAddr, rng: &mut Rng) -> IpAddr {
    match client {
        IpAddr::V4(v4) => Ipv4Addr::from(u32::from(v4) ^ rng.u32(..) >> rng.u32(16..32)).into(),
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) ^ rng.u128(..) >> rng.u32(32..128)).into(),
    }
}

/// Two that are in two places.
fn resolvers(config: &Config, rng: &mut Rng) -> [IpAddr; 2] {
    let atlas = snapshot::atlas(&config.databases, &config.nets, &config.policies, &config.orders);
    let mut located = std::iter::repeat_with(|| {
        let address = IpAddr::from([rng.u8(20..24), rng.u8(..), rng.u8(..), 1]);
        (address, atlas.locate(address).unwrap().place.country)
    })
    .filter(|(_, country)| country.is_some());
    let (first, country) = located.next().unwrap();
    let (second, _) = located.find(|(_, other)| *other != country).unwrap();
    [first, second]
}

#[test]
fn whatever_was_measured() {
    let mut rng = Rng::with_seed(0x0525);
    let mut measured = 0;
    for _ in 0..6 {
        let ground = Ground::new(&[("test.zone", ground::ZONE)]);
        ground.write("geo.mmdb", random_database(PLACES, &mut rng));
        let ranked = configuration(std::path::Path::new("geo.mmdb"))
            .replace("rank = [\"nearest\"]", "rank = [\"latency\", \"nearest\"]");
        ground.write("meridian.toml", ranked);
        let mut config = ground.config();
        let clients: Vec<IpAddr> = (0..60).map(|_| random_address(&mut rng)).collect();
        let orders = Arc::new(random_orders(&clients, &mut rng));
        config.orders = Arc::clone(&orders);
        let resolvers = resolvers(&config, &mut rng);
        let mut asked = Asked::new(ground::all_admitted(config));
        asked.resolvers = resolvers;
        let near: Vec<IpAddr> = clients.iter().map(|client| near(*client, &mut rng)).collect();
        for client in clients.into_iter().chain(near) {
            let scope = asked.scope(client);
            scope_holds_for(client, scope, &mut asked, &mut rng);
            let holds = |(net, _): &(IpNet, _)| net.contains(&client);
            let closest = orders.blocks().filter(holds).max_by_key(|(net, _)| net.prefix_len());
            let is_plain = matches!(client, IpAddr::V4(_));
            if let Some((net, order)) = closest.filter(|_| is_plain) {
                measured += 1;
                let (first, _) = asked.first(client.into(), 0, resolvers[0]);
                assert_eq!(first, order.rated()[0].region().index(), "{client} in {net}");
            }
        }
    }
    assert!(measured > 200, "{measured}");
}
