//! What a vantage group says holds for the clients nearest to it, and scopes stay sound.
//!
//! What is right is computed here the long way: where is the client, which vantage is the
//! nearest by great circle, what holds for its group; and that, for everybody, is answered from.

mod maps;

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::sync::Arc;

use fastrand::Rng;
use meridian::config::Config;
use meridian::geo::Atlas;
use meridian::model::Coordinates;
use meridian::model::RecordType;
use meridian::model::Ttl;
use meridian::model::Vantage;
use meridian::model::VantageGroupId;
use meridian::model::Vantages;
use meridian::model::VotingScope;
use meridian::snapshot;
use meridian::snapshot::Snapshot;
use meridian::steer::Admission;
use meridian::steer::Balanced;
use meridian::steer::EndpointStanding;
use meridian::steer::ServiceStanding;
use meridian::steer::Share;
use meridian::steer::SteeringMap;

use crate::asking::Ask;
use crate::asking::NOWHERE;
use crate::asking::Responder;
use crate::block::Block;
use crate::ground;
use crate::ground::Ground;
use crate::scopes;

const PLACES: &[(&str, f64, f64)] = &[
    ("US", 39.0, -77.5),
    ("US", 45.8, -119.7),
    ("BR", -23.5, -46.6),
    ("IE", 53.3, -6.3),
    ("DE", 50.1, 8.7),
    ("SG", 1.3, 103.8),
    ("JP", 35.7, 139.7),
];

/// Groups by name, each vantage with its place; two groups have one in the same place, and one
/// group is nowhere.
const VANTAGES: &[(&str, Option<(f64, f64)>)] = &[
    ("west", Some((37.3, -121.9))),
    ("east", Some((40.7, -74.0))),
    ("europe", Some((50.1, 14.4))),
    ("asia", Some((1.3, 103.8))),
    ("asia", Some((35.7, 139.7))),
    ("double", Some((40.7, -74.0))),
    ("nowhere", None),
];

const CONFIG: &str = r#"
[geoip]
databases = ["geo.mmdb"]
[zone.test]
file = "test.zone"
[monitor.all]
icmp = {}
[monitor.groups]
tcp = { port = 80 }
[region.us]
location = { lat = 39.04, lon = -77.49 }
[region.eu]
location = { lat = 53.34, lon = -6.27 }
[region.ap]
location = { lat = 1.35, lon = 103.82 }
[policy.near]
rank = ["nearest"]
[policy.order]
rank = ["priority"]

[service.www]
name = "www.test"
policy = "near"
monitor = "groups"
answers = 2
[service.www.pool.us]
endpoints = ["203.0.113.1", "203.0.113.2", "203.0.113.3", "2001:db8:1::1", "2001:db8:1::2"]
[service.www.pool.eu]
endpoints = ["203.0.113.4", "203.0.113.5", "2001:db8:1::4"]
[service.www.pool.ap]
endpoints = ["203.0.113.6", "203.0.113.7", "2001:db8:1::6"]

[service.sticky]
name = "sticky.test"
policy = "near"
monitor = ["all", "groups"]
sticky = true
all-down = "servfail"
[service.sticky.pool.us]
endpoints = ["203.0.113.11", "203.0.113.12", "2001:db8:1::11"]
[service.sticky.pool.eu]
endpoints = ["203.0.113.14", "203.0.113.15", "2001:db8:1::14"]
[service.sticky.pool.ap]
endpoints = ["203.0.113.16", "2001:db8:1::16"]

[service.single]
name = "single.test"
policy = "order"
monitor = "groups"
[service.single.pool.us]
endpoints = ["203.0.113.21", "203.0.113.22", "2001:db8:1::21"]

[service.plain]
name = "plain.test"
policy = "near"
monitor = "all"
[service.plain.pool.us]
endpoints = ["203.0.113.31", "203.0.113.32", "2001:db8:1::31"]
[service.plain.pool.eu]
endpoints = ["203.0.113.34", "2001:db8:1::34"]
[service.plain.pool.ap]
endpoints = ["203.0.113.36", "2001:db8:1::36"]
"#;

/// The services of [`CONFIG`] that are judged by groups.
const JUDGED_BY_GROUPS: [&str; 3] = ["www", "sticky", "single"];

fn vantages(all: &[(&str, Option<(f64, f64)>)]) -> Vantages {
    let mut vantages = Vantages::default();
    for (at, (group, place)) in all.iter().enumerate() {
        let known = vantages.groups.iter().position(|name| name == group);
        let id = known.unwrap_or_else(|| {
            vantages.groups.push((*group).to_owned());
            vantages.groups.len() - 1
        });
        vantages.all.push(Vantage {
            name: format!("v{at}"),
            group: VantageGroupId(u8::try_from(id).unwrap()),
            location: place.and_then(|(lat, lon)| Coordinates::new(lat, lon)),
        });
    }
    vantages
}

/// With these vantages, and the monitor `groups` asking for verdicts by group.
fn judged_by_groups(config: Config, vantages: Vantages) -> Config {
    let mut config = Config { vantages, ..config };
    for monitor in config.monitors.iter_mut().filter(|monitor| monitor.name == "groups") {
        monitor.voting.scope = VotingScope::Vantage;
    }
    config
}

/// One configuration, compiled with vantages and without, and what is known of addresses.
struct Stage {
    plain: Snapshot,
    parted: Snapshot,
    atlas: Atlas,
    vantages: Vantages,
}

impl Stage {
    fn new(database: &[u8], vantages: Vantages) -> Self {
        let ground = Ground::new(&[("meridian.toml", CONFIG), ("test.zone", ground::ZONE)]);
        ground.write("geo.mmdb", database);
        let config = judged_by_groups(ground.config(), vantages.clone());
        let atlas =
            snapshot::atlas(&config.databases, &config.nets, &config.policies, &config.orders);
        let parted = ground::all_admitted(config);
        Self { plain: ground.snapshot(), parted, atlas, vantages }
    }

    /// The long way from an address to a group.
    fn group_of(&self, client: IpAddr, resolver: IpAddr) -> Option<VantageGroupId> {
        let mut located = self.atlas.locate(client).unwrap();
        if located.ask_resolver {
            located = self.atlas.locate(resolver).unwrap();
        }
        let from = located.place.coordinates.filter(|_| !located.ask_resolver)?;
        let located = self.vantages.all.iter().filter_map(|vantage| {
            let km = from.distance_km(vantage.location?);
            Some((km, vantage.group))
        });
        let nearest = located.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        nearest.map(|(_, group)| group)
    }

    /// The position of a service, and its maps with vantages and without.
    fn service(&self, name: &str) -> (usize, [&SteeringMap; 2]) {
        let services = self.parted.world.services();
        let at = services.iter().position(|service| &*service.name == name).unwrap();
        let map = |snapshot: &'_ Snapshot| snapshot.world.services()[at].map;
        let maps = [&self.parted, &self.plain].map(|s| &s.world.maps()[map(s)]);
        (at, maps)
    }

    /// With one service's standing changed.
    fn with(&self, service: usize, standing: ServiceStanding) -> Snapshot {
        let changed = self.parted.standing.with([(service, standing)]);
        Snapshot { standing: Arc::new(changed), world: Arc::clone(&self.parted.world) }
    }
}

/// Anything may be up or down, drained, forced down, or coming back.
fn random_standing(service: &Balanced, rng: &mut Rng) -> ServiceStanding {
    let seed = rng.u64(..);
    // Each is asked for more than once.
    let dice = |pool: usize, lane: usize, at: usize| {
        Rng::with_seed(seed ^ u64::try_from(pool << 16 | lane << 8 | at).unwrap() << 20)
    };
    let endpoint = |pool: usize, lane: usize, position: usize| {
        let mut rng = dice(pool, lane, position);
        let admission = [
            Admission::Admitted,
            Admission::Admitted,
            Admission::Down,
            Admission::Drained,
            Admission::Barred,
        ][rng.usize(..5)];
        EndpointStanding { admission, share: Share::of(rng.u64(1..4), 3) }
    };
    let ttl = |pool: usize, lane: usize| Ttl::from_secs(dice(pool, lane, 99).u32(15..30)).unwrap();
    ServiceStanding::build(service, endpoint, ttl)
}

fn random_client(rng: &mut Rng) -> IpAddr {
    let v4 = Ipv4Addr::new(rng.u8(20..24), rng.u8(..), rng.u8(..), rng.u8(..));
    match rng.u8(..8) {
        0 => Ipv4Addr::from(rng.u32(..)).into(),
        1 => Ipv4Addr::new(10, rng.u8(..), rng.u8(..), rng.u8(..)).into(),
        2 => v4.to_ipv6_mapped().into(),
        3 => Ipv6Addr::from(0x2002_u128 << 112 | u128::from(u32::from(v4)) << 80).into(),
        4 | 5 => Ipv6Addr::from(0x2400_u128 << 112 | rng.u128(..) >> 15).into(),
        _ => v4.into(),
    }
}

fn random_resolver(rng: &mut Rng) -> IpAddr {
    let somewhere = Ipv4Addr::new(rng.u8(20..24), rng.u8(..), rng.u8(..), rng.u8(..));
    if rng.bool() { somewhere.into() } else { NOWHERE }
}

/// What is answered, TTLs included, and the scope.
fn answer(
    snapshot: &Snapshot,
    name: &str,
    client: Option<IpAddr>,
    resolver: IpAddr,
) -> (String, Option<u8>) {
    let qtype = match client {
        Some(IpAddr::V6(_)) => RecordType::AAAA,
        _ => RecordType::A,
    };
    let ask = Ask::new(&format!("{name}.test"), qtype);
    let ask = client.into_iter().fold(ask, Ask::client);
    let answer = Responder::new(snapshot, 1).answer_to(&ask, resolver);
    (format!("{} {:?}", answer.rcode(), answer.0.answers), answer.scope())
}

#[test]
fn the_answer_is_that_of_the_group_nearest_to_the_client() {
    let mut rng = Rng::with_seed(0x7647);
    let mut differed = 0;
    for _ in 0..4 {
        let stage = Stage::new(&scopes::random_database(PLACES, &mut rng), vantages(VANTAGES));
        for name in JUDGED_BY_GROUPS {
            let (at, _) = stage.service(name);
            let service = &stage.parted.world.services()[at];
            for _ in 0..3 {
                // One group or another is left out.
                let ids = (0..6).map(VantageGroupId).filter(|_| rng.u8(..4) > 0);
                let ids: Vec<VantageGroupId> = ids.collect();
                let standing = ids.into_iter().map(|id| (id, random_standing(service, &mut rng)));
                let standing: Vec<_> = standing.collect();
                let whole = random_standing(service, &mut rng).with_groups(standing);
                differed += holds_by_groups(&stage, name, &whole, &mut rng);
            }
        }
    }
    assert!(differed > 200, "enough clients got another answer than everybody: {differed}");
}

/// For random clients; returns how many got another answer than those of no group.
fn holds_by_groups(stage: &Stage, name: &str, whole: &ServiceStanding, rng: &mut Rng) -> u32 {
    let (at, _) = stage.service(name);
    let snapshot = stage.with(at, whole.clone());
    let mut differed = 0;
    for _ in 0..40 {
        let (client, resolver) = (random_client(rng), random_resolver(rng));
        let group = stage.group_of(client, resolver);
        let flat = stage.with(at, whole.of_group(group).clone().with_groups([]));
        let (expected, scope) = answer(&flat, name, Some(client), resolver);
        let found = answer(&snapshot, name, Some(client), resolver);
        assert_eq!(found, (expected.clone(), scope), "{name} for {client} by {resolver}");
        let calm = answer(&stage.parted, name, Some(client), resolver);
        assert_eq!(calm.1, scope, "health never changes a scope");
        let everybody = stage.with(at, whole.clone().with_groups([]));
        differed += u32::from(answer(&everybody, name, Some(client), resolver).0 != expected);
        for other in Block::around(client, scope.unwrap()).sample(rng) {
            let same = answer(&snapshot, name, Some(other), resolver);
            assert_eq!(same, found, "{name}: {client} and {other} share a scope");
        }
        // Without the option it is the resolver that is near to somebody.
        let group = stage.group_of(resolver, resolver);
        let flat = stage.with(at, whole.of_group(group).clone().with_groups([]));
        let expected = answer(&flat, name, None, resolver);
        assert_eq!(answer(&snapshot, name, None, resolver), expected, "{name} for {resolver}");
    }
    differed
}

/// One endpoint that only Europe's vantages can't reach.
#[test]
fn what_one_group_cannot_reach_is_down_for_its_clients_only() {
    let stage = Stage::new(&ground::small_database(), vantages(VANTAGES));
    let (at, _) = stage.service("single");
    let service = &stage.parted.world.services()[at];
    let without = |position| {
        ServiceStanding::build(
            service,
            |_, _, p| match p == position {
                true => EndpointStanding::of(Admission::Down),
                false => EndpointStanding::ADMITTED,
            },
            |_, _| service.ttl,
        )
    };
    let europe = VantageGroupId(2);
    let snapshot = stage.with(at, without(9).with_groups([(europe, without(0))]));
    let ever = |client: [u8; 4]| {
        let ask = Ask::new("single.test", RecordType::A).client(client.into());
        let mut responder = Responder::new(&snapshot, 7);
        (0..50).any(|_| responder.answer(&ask).addresses() == [IpAddr::from([203, 0, 113, 21])])
    };
    assert!(!ever([30, 1, 1, 1]), "Dublin is nearest to Europe's");
    assert!(ever([20, 1, 1, 1]) && ever([40, 1, 1, 1]) && ever([77, 1, 1, 1]));
    // The scope ends at Europe's border even though there is but one region.
    let (_, scope) = answer(&snapshot, "single", Some([30, 1, 1, 1].into()), NOWHERE);
    assert_eq!(scope, Some(10), "30.64/10 is Singapore's");
    let flat = answer(&stage.plain, "single", Some([30, 1, 1, 1].into()), NOWHERE);
    assert_eq!(flat.1, Some(0));
}

#[test]
fn groups_for_which_the_same_holds_are_left_out() {
    let stage = Stage::new(&ground::small_database(), vantages(VANTAGES));
    let service = &stage.parted.world.services()[0];
    let up = ServiceStanding::new(service, |_| Admission::Admitted);
    let down = ServiceStanding::new(service, |_| Admission::Down);
    let [first, second, third] = [0, 1, 2].map(VantageGroupId);
    let calm = up.clone().with_groups([(first, up.clone()), (second, up.clone())]);
    assert!(calm == up && !calm.has_groups());
    let mixed = up.clone().with_groups([(third, up.clone()), (second, down.clone())]);
    assert_eq!(mixed, up.clone().with_groups([(second, down.clone())]));
    assert_ne!(mixed, up);
    assert_eq!(mixed.of_group(Some(second)), &down);
    for group in [None, Some(first), Some(third)] {
        assert_eq!(mixed.of_group(group), &mixed);
    }
    // Groups of groups there are none.
    let nested = down.clone().with_groups([(first, mixed)]);
    assert_eq!(nested, down.clone().with_groups([(first, up.clone())]));
    assert_eq!(nested.with_groups([]), down);
}
