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
use std::thread;

use fastrand::Rng;
use ipnet::IpNet;
use meridian::geo::Atlas;
use meridian::geo::Loci;
use meridian::geo::Locus;
use meridian::geo::LocusId;
use meridian::geo::Network;
use meridian::model::Coordinates;
use meridian::model::Family;
use meridian::model::RecordType;
use meridian::snapshot;
use meridian::snapshot::Snapshot;
use meridian::steer::Admission;

use crate::asking::Ask;
use crate::asking::Responder;
use crate::block::Block;
use crate::ground;
use crate::ground::Ground;
use crate::mmdb_writer::MmdbWriter;

/// Eleven regions of the large clouds.
pub(crate) const REGIONS: &[(&str, f64, f64)] = &[
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
pub(crate) fn configuration(database: &Path) -> String {
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
pub(crate) struct Asked {
    all_up: Snapshot,
    /// By the bits of the regions that are down.
    standings: BTreeMap<u32, Snapshot>,
    pub(crate) resolvers: [IpAddr; 2],
}

impl Asked {
    pub(crate) fn new(all_up: Snapshot) -> Self {
        // Two places far from each other, in both databases.
        let resolvers = [IpAddr::from([8, 8, 8, 8]), IpAddr::from([1, 33, 0, 1])];
        Self { all_up, standings: BTreeMap::new(), resolvers }
    }

    /// The region that answers, and the scope.
    pub(crate) fn first(&mut self, client: IpNet, down: u32, resolver: IpAddr) -> (usize, u8) {
        let all_up = &self.all_up;
        let snapshot = self.standings.entry(down).or_insert_with(|| {
            ground::with_standing(all_up, |_, region| match down >> region & 1 {
                0 => Admission::Admitted,
                _ => Admission::Down,
            })
        });
        let qtype = if client.addr().is_ipv4() { RecordType::A } else { RecordType::AAAA };
        let ask = Ask::new("www.test", qtype).subnet(client);
        let answer = Responder::new(snapshot, 1).answer_to(&ask, resolver);
        let region = match answer.addresses()[..] {
            [IpAddr::V4(address)] => address.octets()[3],
            [IpAddr::V6(address)] => address.octets()[15],
            ref other => panic!("{client}: {other:?}"),
        };
        (usize::from(region), answer.scope().unwrap())
    }

    pub(crate) fn scope(&mut self, client: IpAddr) -> u8 {
        self.first(client.into(), 0, self.resolvers[0]).1
    }

    fn order(&mut self, client: impl Into<IpNet>) -> Order {
        let client = client.into();
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

/// Random networks, each of the databases' as likely as any other.
#[derive(Default)]
struct Reservoir {
    kept: Vec<Network>,
    seen: usize,
}

impl Reservoir {
    fn offer(&mut self, network: Network, size: usize, rng: &mut Rng) {
        self.seen += 1;
        // The n-th is kept with probability size / n.
        if self.kept.len() < size {
            self.kept.push(network);
        } else if let Some(slot) = self.kept.get_mut(rng.usize(..self.seen)) {
            *slot = network;
        }
    }
}

/// For each family, networks with coordinates, and a fifth as many without.
fn random_networks(atlas: &Atlas, n: usize, rng: &mut Rng) -> [[Vec<Network>; 2]; 2] {
    let mut reservoirs: [[Reservoir; 2]; 2] = Default::default();
    let mut offer = |loci: &Loci, network: Network, locus: LocusId| {
        let is_located = match loci.locus(locus) {
            Locus::Known { place, .. } => loci.place(place).coordinates.is_some(),
            Locus::AskResolver | Locus::Carried(_) | Locus::Claimed { .. } => false,
        };
        let size = if is_located { n } else { n / 5 };
        let of_family = &mut reservoirs[network.family().index()];
        of_family[usize::from(!is_located)].offer(network, size, rng);
    };
    atlas.walk(&mut offer).unwrap();
    reservoirs.map(|of_family| of_family.map(|reservoir| reservoir.kept))
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
fn holds_on(database: &Path, networks: usize) {
    let ground = Ground::new(&[("test.zone", ground::ZONE)]);
    ground.write("meridian.toml", configuration(database));
    let config = ground.config();
    let regions = config.regions.iter().map(|region| region.location.unwrap()).collect();
    let oracle = Oracle {
        atlas: snapshot::atlas(&config.databases, &config.nets, &config.policies, &config.orders),
        regions,
    };
    let mut rng = Rng::with_seed(0x7871);
    // Two walks over all networks, which take most of the time: one to draw from, one to compile.
    let (samples, snapshot) = thread::scope(|scope| {
        let samples = scope.spawn(|| random_networks(&oracle.atlas, networks, &mut rng));
        let snapshot = ground::all_admitted(config);
        (samples.join().unwrap(), snapshot)
    });
    let mut asked = Asked::new(snapshot);
    for (family, [located, elsewhere]) in Family::ALL.into_iter().zip(samples) {
        let n = located.len();
        let mut scopes = Vec::with_capacity(n);
        for network in located.into_iter().chain(elsewhere) {
            let block = Block { family, start: network.start(), depth: network.depth() };
            let client = block.random(&mut rng);
            scopes.push(holds_for(client, &oracle, &mut asked, &mut rng));
            if let (IpAddr::V4(v4), 0) = (client, rng.u32(..8)) {
                for client in carried(v4, &mut rng) {
                    holds_for(client, &oracle, &mut asked, &mut rng);
                }
            }
        }
        let mean = scopes[..n].iter().map(|bits| f64::from(*bits)).sum::<f64>() / n as f64;
        println!("{}: {family:?}: mean scope {mean:.1} of {n} networks", database.display());
    }
}

/// All properties for one client; returns the scope.
fn holds_for(client: IpAddr, oracle: &Oracle, asked: &mut Asked, rng: &mut Rng) -> u8 {
    let resolver = asked.resolvers[0];
    let (region, scope) = asked.first(client.into(), 0, resolver);
    assert!(
        oracle.allows(region, client, resolver),
        "{client} got {}, but: {:?}",
        REGIONS[region].0,
        oracle.distances(client, resolver)
    );
    scope_holds_for(client, scope, asked, rng);
    scope
}

/// That the scope of a client is sound and tight.
pub(crate) fn scope_holds_for(client: IpAddr, scope: u8, asked: &mut Asked, rng: &mut Rng) {
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

// ---- Sources shorter than the leaf -----------------------------------------

pub(crate) const PLACES: &[(&str, f64, f64)] =
    &[("US", 39.0, -77.5), ("IE", 53.3, -6.3), ("SG", 1.3, 103.8), ("BR", -23.5, -46.6)];

/// Places in random networks, some inside others.
pub(crate) fn random_database(places: &[(&str, f64, f64)], rng: &mut Rng) -> Vec<u8> {
    let mut writer = MmdbWriter::new(24, 6);
    let mut nets = Vec::new();
    for _ in 0..60 {
        let address = Ipv4Addr::new(rng.u8(20..24), rng.u8(..), rng.u8(..), rng.u8(..));
        nets.push(IpNet::new(address.into(), rng.u8(9..30)).unwrap());
        let high = [0x2400_u128, 0x2401, 0x2a00][rng.usize(..3)] << 112;
        let address = Ipv6Addr::from(high | rng.u128(..) >> 16);
        nets.push(IpNet::new(address.into(), rng.u8(17..60)).unwrap());
    }
    // Inner networks after outer ones, which would erase them.
    nets.sort_by_key(IpNet::prefix_len);
    for net in nets {
        let (country, lat, lon) = places[rng.usize(..places.len())];
        writer = writer.insert(&net.trunc().to_string(), ground::place(country, lat, lon));
    }
    writer.write()
}

/// Each leaf inside a block: its order and its depth.
fn leaves(block: Block, asked: &mut Asked) -> Vec<(Order, Block)> {
    let mut found = Vec::new();
    let mut bits = block.start;
    loop {
        let address = block.address(bits);
        let leaf = Block::around(address, asked.scope(address));
        found.push((asked.order(address), leaf));
        match leaf.last().checked_add(1) {
            Some(next) if next <= block.last() => bits = next,
            _ => return found,
        }
    }
}

/// DESIGN, ECS: who is in several leaves gets the label that covers most of the prefix, and
/// the depth of a leaf that has it.
#[test]
fn a_source_shorter_than_the_leaf_gets_what_covers_most_of_it() {
    let mut rng = Rng::with_seed(0x5157);
    let mut inner = 0;
    for _ in 0..4 {
        let ground = Ground::new(&[("test.zone", ground::ZONE)]);
        ground.write("geo.mmdb", random_database(PLACES, &mut rng));
        ground.write("meridian.toml", configuration(Path::new("geo.mmdb")));
        let mut asked = Asked::new(ground.snapshot());
        for _ in 0..25 {
            let v4 = Ipv4Addr::new(rng.u8(20..24), rng.u8(..), rng.u8(..), 0).into();
            let v6 = 0x2400_u128 << 112 | rng.u128(..) >> 15;
            let v4 = Block::around(v4, rng.u8(4..24));
            let v6 = Block::around(Ipv6Addr::from(v6).into(), rng.u8(8..40));
            for block in [v4, v6] {
                inner += u32::from(covers_most(block, &mut asked));
            }
        }
    }
    assert!(inner > 40, "enough of them were inner nodes: {inner}");
}

/// Whether the block was an inner node.
fn covers_most(block: Block, asked: &mut Asked) -> bool {
    let net = IpNet::new(block.address(block.start), block.depth).unwrap();
    let (_, scope) = asked.first(net, 0, asked.resolvers[0]);
    let inside = leaves(block, asked);
    if scope <= block.depth {
        assert_eq!(inside.len(), 1, "{net} is in a leaf of /{scope}");
        return false;
    }
    assert!(inside.len() > 1, "{net} got /{scope}");
    let order = asked.order(net);
    // The size as a fraction of the block: of IPv6 no sum of sizes would fit.
    let share = |order: Order| -> f64 {
        let same = inside.iter().filter(|(of_leaf, _)| *of_leaf == order);
        same.map(|(_, leaf)| 0.5_f64.powi(i32::from(leaf.depth - block.depth))).sum()
    };
    let most = inside.iter().map(|(order, _)| share(*order)).fold(0.0, f64::max);
    assert!(share(order) >= most, "{net}: {} of it, but another has {most}", share(order));
    let depths: Vec<u8> =
        inside.iter().filter(|(of_leaf, _)| *of_leaf == order).map(|(_, l)| l.depth).collect();
    assert!(depths.contains(&scope), "{net} got /{scope}, its leaves have {depths:?}");
    true
}

#[test]
fn on_the_country_database() {
    holds_on(&ground::country_database(), 200);
}

#[test]
fn on_a_city_database() {
    match ground::city_database() {
        Some(database) => holds_on(&database, 400),
        None => crate::needs::left_out("there is no City database"),
    }
}
