//! The answer is the nearest region, and its scope is sound and tight.
//!
//! What is right is computed here from the databases alone ([`Oracle`]): one lookup and the
//! distance to every region. What is answered is asked of `respond`, with whole addresses.
//!
//! Through answers alone the label of an address is seen as its *order*: who answers when all
//! are up, who when that region is down, and so on to the policy's depth, for resolvers in two
//! places, since some labels mean "ask the resolver".

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::path::Path;
use std::sync::Arc;

use fastrand::Rng;
use ipnet::IpNet;
use meridian::geo::Atlas;
use meridian::geo::Network;
use meridian::model::Coordinates;
use meridian::model::Family;
use meridian::model::RecordType;
use meridian::snapshot;
use meridian::snapshot::Snapshot;
use meridian::steer::Admission;

use crate::asking::Ask;
use crate::asking::Responder;
use crate::ground;
use crate::ground::Ground;
use crate::mmdb_writer::MmdbWriter;

/// Eleven regions of the large clouds.
const REGIONS: &[(&str, f64, f64)] = &[
    ("us-east", 39.04, -77.49),
    ("us-west", 37.34, -121.89),
    ("us-central", 41.26, -95.86),
    ("sa-east", -23.55, -46.63),
    ("eu-west", 53.34, -6.27),
    ("eu-central", 50.11, 8.68),
    ("eu-north", 59.33, 18.07),
    ("me-central", 24.45, 54.38),
    ("ap-south", 19.08, 72.88),
    ("ap-southeast", 1.35, 103.82),
    ("ap-northeast", 35.68, 139.69),
];

/// The policy's depth, and how much of an order is looked at.
const DEPTH: usize = 3;

/// The best regions of an address, for the one resolver and for the other.
type Order = [[usize; DEPTH]; 2];

/// A configuration of regions that answer with their own number, ranked by distance.
fn configuration(database: &Path) -> String {
    let mut text = format!(
        "[geoip]\ndatabases = [\"{}\"]\n[zone.test]\nfile = \"test.zone\"\n\
         [policy.near]\nrank = [\"nearest\"]\n[service.www]\nname = \"www.test\"\n\
         policy = \"near\"\n",
        database.display()
    );
    for (at, (name, lat, lon)) in REGIONS.iter().enumerate() {
        write!(
            text,
            "[region.{name}]\nlocation = {{ lat = {lat}, lon = {lon} }}\n\
             [service.www.pool.{name}]\nendpoints = [\"192.0.2.{at}\", \"2001:db8::{at:x}\"]\n"
        )
        .unwrap();
    }
    text
}

/// What is right, from the databases alone.
struct Oracle {
    atlas: Atlas,
    regions: Vec<Coordinates>,
}

impl Oracle {
    /// Kilometres from an address to each region, `None` for who can't be located.
    fn distances(&self, client: IpAddr, resolver: IpAddr) -> Option<Vec<f64>> {
        let mut located = self.atlas.locate(client).unwrap();
        if located.ask_resolver {
            located = self.atlas.locate(resolver).unwrap();
        }
        let from = located.place.coordinates.filter(|_| !located.ask_resolver)?;
        Some(self.regions.iter().map(|region| haversine_km(from, *region)).collect())
    }

    /// Whether that region may come first; who is nowhere gets the order of the file.
    fn allows(&self, region: usize, client: IpAddr, resolver: IpAddr) -> bool {
        match self.distances(client, resolver) {
            // A metre's grace for another way to round.
            Some(km) => km.iter().all(|other| km[region] <= other + 0.001),
            None => region == 0,
        }
    }
}

/// The great circle, written out again.
fn haversine_km(a: Coordinates, b: Coordinates) -> f64 {
    let (phi_a, phi_b) = (a.lat().to_radians(), b.lat().to_radians());
    let (d_phi, d_lambda) = (phi_b - phi_a, (b.lon() - a.lon()).to_radians());
    let h =
        (d_phi / 2.0).sin().powi(2) + phi_a.cos() * phi_b.cos() * (d_lambda / 2.0).sin().powi(2);
    2.0 * Coordinates::EARTH_RADIUS_KM * h.sqrt().min(1.0).asin()
}

/// Who answers, under every standing that an order asks for.
struct Asked {
    all_up: Snapshot,
    /// By the bits of the regions that are down.
    standings: BTreeMap<u32, Snapshot>,
    resolvers: [IpAddr; 2],
}

impl Asked {
    fn new(all_up: Snapshot) -> Self {
        // Two places far from each other, in both databases.
        let resolvers = [IpAddr::from([8, 8, 8, 8]), IpAddr::from([1, 33, 0, 1])];
        Self { all_up, standings: BTreeMap::new(), resolvers }
    }

    /// The region that answers, and the scope.
    fn first(&mut self, client: IpAddr, down: u32, resolver: IpAddr) -> (usize, u8) {
        let all_up = &self.all_up;
        let snapshot = self.standings.entry(down).or_insert_with(|| {
            ground::with_standing(all_up, |_, region| match down >> region & 1 {
                0 => Admission::Admitted,
                _ => Admission::Down,
            })
        });
        let qtype = if client.is_ipv4() { RecordType::A } else { RecordType::AAAA };
        let ask = Ask::new("www.test", qtype).client(client);
        let answer = Responder::new(snapshot, 1).answer_to(&ask, resolver);
        let region = match answer.addresses()[..] {
            [IpAddr::V4(address)] => address.octets()[3],
            [IpAddr::V6(address)] => address.octets()[15],
            ref other => panic!("{client}: {other:?}"),
        };
        (usize::from(region), answer.scope().unwrap())
    }

    fn scope(&mut self, client: IpAddr) -> u8 {
        self.first(client, 0, self.resolvers[0]).1
    }

    fn order(&mut self, client: IpAddr) -> Order {
        self.resolvers.map(|resolver| {
            let mut down = 0;
            std::array::from_fn(|_| {
                let (region, _) = self.first(client, down, resolver);
                down |= 1 << region;
                region
            })
        })
    }
}

/// A prefix of either family as numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Block {
    family: Family,
    start: u128,
    depth: u8,
}

impl Block {
    fn around(address: IpAddr, depth: u8) -> Self {
        let (family, bits) = match address {
            IpAddr::V4(address) => (Family::V4, u128::from(u32::from(address))),
            IpAddr::V6(address) => (Family::V6, u128::from(address)),
        };
        let free = u32::from(family.bits() - depth);
        let start = bits.checked_shr(free).unwrap_or(0).checked_shl(free).unwrap_or(0);
        Self { family, start, depth }
    }

    fn free_bits(self) -> u32 {
        u32::from(self.family.bits() - self.depth)
    }

    fn last(self) -> u128 {
        self.start | 1_u128.checked_shl(self.free_bits()).map_or(u128::MAX, |size| size - 1)
    }

    fn address(self, bits: u128) -> IpAddr {
        match self.family {
            Family::V4 => Ipv4Addr::from(u32::try_from(bits).unwrap()).into(),
            Family::V6 => Ipv6Addr::from(bits).into(),
        }
    }

    /// Both ends, the middle, and random ones between: twenty or all there are.
    fn sample(self, rng: &mut Rng) -> Vec<IpAddr> {
        let (first, last) = (self.start, self.last());
        let middle = first + (last - first) / 2;
        let mut bits = vec![first, last, middle, last.min(middle + 1)];
        let mask = last - first;
        bits.extend((0..16).map(|_| first | rng.u128(..) & mask));
        bits.into_iter().map(|bits| self.address(bits)).collect()
    }

    /// The other half of the parent.
    fn sibling(self) -> Self {
        Self { start: self.start ^ 1 << self.free_bits(), ..self }
    }
}

/// A random address of a network that the databases tell from its neighbours.
fn random_client(atlas: &Atlas, family: Family, rng: &mut Rng) -> IpAddr {
    let random = match family {
        Family::V4 => IpAddr::from(Ipv4Addr::from(rng.u32(..))),
        // Half of global unicast that is in use, and all the rest.
        Family::V6 => {
            let high = [0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00][rng.usize(..6)];
            let bits = rng.u128(..) >> 4;
            let within = bits & (u128::MAX >> 16) | (high | rng.u128(..16)) << 112;
            IpAddr::from(Ipv6Addr::from(within))
        }
    };
    // A few networks further on: where the databases are fine-grained these are small, which
    // random addresses seldom hit.
    let mut address = random;
    for _ in 0..rng.u32(..4) {
        let network = atlas.locate(address).unwrap().network;
        let Some(next) = network.end().checked_add(1) else { break };
        let all = Network::all(family);
        if !all.contains(Network::new(family, next.min(all.end()), family.bits())) {
            break;
        }
        address = Network::new(family, next.min(all.end()), family.bits()).address();
    }
    address
}

/// IPv4 clients as IPv6 carries them.
fn carried(v4: Ipv4Addr, rng: &mut Rng) -> Vec<IpAddr> {
    let v4 = u128::from(u32::from(v4));
    let low = u128::from(rng.u64(..));
    [
        0xffff << 32 | v4,
        0x0064_ff9b << 96 | v4,
        0x2002 << 112 | v4 << 80 | low,
        0x2001_0000 << 96 | low << 32 | v4 ^ 0xffff_ffff,
    ]
    .map(|bits| IpAddr::from(Ipv6Addr::from(bits)))
    .into()
}

/// All properties on one database, with so many random networks a family.
fn holds_on(database: &Path, networks: u32) {
    let ground = Ground::new(&[("test.zone", ground::ZONE)]);
    ground.write("meridian.toml", configuration(database));
    let config = ground.config();
    let regions = config.regions.iter().map(|region| region.location.unwrap()).collect();
    let oracle = Oracle { atlas: snapshot::atlas(&config), regions };
    drop(config);
    let mut asked = Asked::new(ground.snapshot());
    let mut rng = Rng::with_seed(0x7871);
    for family in Family::ALL {
        let mut bits = 0;
        for _ in 0..networks {
            let client = random_client(&oracle.atlas, family, &mut rng);
            bits += u32::from(holds_for(client, &oracle, &mut asked, &mut rng));
            if let (IpAddr::V4(v4), 0) = (client, rng.u32(..8)) {
                for client in carried(v4, &mut rng) {
                    holds_for(client, &oracle, &mut asked, &mut rng);
                }
            }
        }
        let mean = f64::from(bits) / f64::from(networks);
        println!("{}: {family:?}: mean scope {mean:.1} of {networks}", database.display());
    }
}

/// All properties for one client; returns the scope.
fn holds_for(client: IpAddr, oracle: &Oracle, asked: &mut Asked, rng: &mut Rng) -> u8 {
    let resolver = asked.resolvers[0];
    let (region, scope) = asked.first(client, 0, resolver);
    assert!(
        oracle.allows(region, client, resolver),
        "{client} got {}, but: {:?}",
        REGIONS[region].0,
        oracle.distances(client, resolver)
    );
    let order = asked.order(client);
    let block = Block::around(client, scope);
    for other in block.sample(rng) {
        assert_eq!(asked.order(other), order, "unsound: {client} and {other} are in one /{scope}");
        assert_eq!(asked.scope(other), scope, "{client} and {other} are in one /{scope}");
    }
    if scope > 0 {
        assert!(
            differs_in(block.sibling(), order, asked),
            "not tight: {client} has /{scope}, and the /{} would do",
            scope - 1
        );
    }
    scope
}

/// Whether some address of a block has another order. The first leaf that is not the whole
/// block has, near to it, a neighbour that differs: scopes are tight.
fn differs_in(block: Block, order: Order, asked: &mut Asked) -> bool {
    let mut bits = block.start;
    for _ in 0..10_000 {
        let address = block.address(bits);
        if asked.order(address) != order {
            return true;
        }
        let leaf = Block::around(address, asked.scope(address));
        match leaf.last().checked_add(1) {
            Some(next) if next <= block.last() => bits = next,
            _ => return false,
        }
    }
    panic!("too many leaves to look at in {block:?}");
}

#[test]
fn on_the_country_database() {
    holds_on(&ground::country_database(), 150);
}

#[test]
fn on_a_city_database() {
    match ground::city_database() {
        Some(database) => holds_on(&database, 250),
        None => println!("no City database here: only the country database was looked at"),
    }
}
