//! What an answer's scope says holds, whatever regions refuse and endpoints take, for every kind
//! of service and of client subnet.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use fastrand::Rng;
use ipnet::IpNet;
use meridian::load::Cutoff;
use meridian::load::Cutoffs;
use meridian::model::Capacity;
use meridian::model::Family;
use meridian::model::RecordType;
use meridian::snapshot::Snapshot;
use meridian::steer::Admission;
use meridian::steer::Answered;
use meridian::steer::Client;
use meridian::steer::EndpointStanding;
use meridian::steer::Gate;
use meridian::steer::NoTrace;
use meridian::steer::Picks;
use meridian::steer::ServiceStanding;
use meridian::steer::Share;
use meridian::steer::decide;
use meridian::wire::Query;

use crate::asking::Ask;
use crate::ground;
use crate::ground::Ground;
use crate::load::world;
use crate::load::world::REGIONS;

const RESOLVER: IpAddr = IpAddr::V4(Ipv4Addr::new(9, 9, 9, 9));

fn snapshot(policy: &str, service: &str) -> Snapshot {
    let text = world::configuration(policy);
    let text = text.replace("policy = \"p\"", &format!("policy = \"p\"\n{service}"));
    // Two endpoints, or sticky makes no difference.
    let text = text.replace("\"]\n[region", "\", \"198.51.100.1\"]\n[region");
    let ground = Ground::new(&[("meridian.toml", &text), ("test.zone", ground::ZONE)]);
    let mut config = ground.config();
    for region in &mut config.regions {
        region.capacity =
            Some(Capacity { amount: 1.0, soft: Capacity::SOFT, hard: Capacity::HARD });
    }
    ground::all_admitted(config)
}

/// Regions refuse some, and endpoints take a part.
fn troubled(snapshot: &Snapshot, rng: &mut Rng) -> Snapshot {
    let cutoffs = REGIONS.iter().map(|_| Cutoff::from_ms(rng.f64() * 60.0 - 20.0));
    let cutoffs = Cutoffs::new(cutoffs.collect::<Vec<_>>());
    let service = &snapshot.world.services()[0];
    let shares: Vec<u64> = REGIONS.iter().map(|_| rng.u64(1..5)).collect();
    let endpoint = |pool: usize, _, position: usize| EndpointStanding {
        admission: Admission::Admitted,
        share: Share::of(shares[pool] + position as u64, 5),
    };
    let standing = ServiceStanding::build(service, endpoint, |_, _| service.ttl);
    let standing = snapshot.standing.with([(0, standing)]).with_cutoffs(cutoffs);
    Snapshot { world: snapshot.world.clone(), standing: standing.into() }
}

/// What a client in a net is answered with, and the scope: the region, and of a sticky service
/// the endpoints too.
fn ask(snapshot: &Snapshot, net: IpNet) -> ((usize, Option<Picks>), u8) {
    let octets = Ask::new("www.test", RecordType::A).subnet(net).octets();
    let subnet = Query::parse(&octets).unwrap().edns.unwrap().client_subnet;
    let client = Client { subnet, resolver: RESOLVER };
    let (world, standing) = (&snapshot.world, &snapshot.standing);
    let service = &world.services()[0];
    let gate = Gate { standing: standing.service(0).unwrap(), cutoffs: standing.cutoffs() };
    let map = &world.maps()[service.map];
    let mut rng = Rng::with_seed(net.prefix_len().into());
    let decision = decide(service, Family::V4, map, gate, &client, &mut rng, &mut NoTrace);
    let Answered::Endpoints { pool, picks, .. } = decision.answered else { panic!("nobody") };
    ((pool, service.sticky.then_some(picks)), decision.scope.0)
}

/// A net of a client: IPv4, IPv6, or IPv4 that is carried in IPv6; now and then a short one.
fn any_net(rng: &mut Rng) -> IpNet {
    let v4 = Ipv4Addr::from(rng.u32(0x0100_0000..0xdf00_0000));
    let [a, b, c, d] = v4.octets();
    let [ab, cd] = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
    let (address, offset): (IpAddr, u8) = match rng.u8(0..6) {
        0 | 1 => (v4.into(), 0),
        2 => (v4.to_ipv6_mapped().into(), 96),
        3 => (Ipv6Addr::new(0x2002, ab, cd, rng.u16(..), 0, 0, 0, 1).into(), 16),
        4 => (Ipv6Addr::new(0x2001, 0, 1, 2, 0, rng.u16(..), !ab, !cd).into(), 96),
        _ => {
            let high = rng.u16(0x2400..0x2c00);
            (Ipv6Addr::new(high, rng.u16(..), rng.u16(..), rng.u16(..), 0, 0, 0, 1).into(), 24)
        }
    };
    let bits = offset + rng.choice([8, 12, 16, 20, 24, 24, 28, 32]).unwrap();
    IpNet::new(address, bits).unwrap().trunc()
}

/// Another net within the first bits of this one.
fn another(net: IpNet, bits: u8, rng: &mut Rng) -> IpNet {
    let (most, random) = (net.max_prefix_len(), rng.u128(..));
    let length = rng.u8(bits.max(1)..=most);
    let address = match net.addr() {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    };
    let mask = u128::MAX.checked_shl((most - bits).into()).unwrap_or(0);
    let inside = address & mask | random & !mask;
    let address: IpAddr = match net.addr() {
        IpAddr::V4(_) => {
            Ipv4Addr::from(u32::try_from(inside & u128::from(u32::MAX)).unwrap()).into()
        }
        IpAddr::V6(_) => Ipv6Addr::from(inside).into(),
    };
    IpNet::new(address, length).unwrap().trunc()
}

#[test]
fn within_a_scope_all_get_the_same_of_every_kind_of_service() {
    let nearest = "rank = [\"nearest\"]";
    let mut rng = Rng::with_seed(11);
    for (policy, service, is_global) in [
        (nearest, "", false),
        (nearest, "sticky = true", false),
        ("rank = [\"nearest\"]\ntie = { distance = \"2000km\" }", "sticky = true", false),
        ("rank = [\"priority\"]", "", true),
        ("rank = [\"priority\"]", "sticky = true", false),
        ("rank = [\"nearest\"]\necs = false", "", true),
        ("rank = [\"nearest\"]\necs = false", "sticky = true", true),
    ] {
        let calm = snapshot(policy, service);
        let (mut looked, mut short) = (0, 0);
        for _ in 0..12 {
            let troubled = troubled(&calm, &mut rng);
            for _ in 0..300 {
                let net = any_net(&mut rng);
                let (answer, scope) = ask(&troubled, net);
                assert_eq!(scope, ask(&calm, net).1, "{policy} {service} {net}");
                assert!(!is_global || scope == 0, "{policy} {service} {net}");
                // A source shorter than its leaf gets a compromise (RFC 7871, 7.2.1).
                if scope > net.prefix_len() {
                    short += 1;
                    continue;
                }
                let other = another(net, scope, &mut rng);
                let found = ask(&troubled, other);
                assert_eq!(found, (answer, scope), "{policy} {service} {net} {other}");
                looked += 1;
            }
        }
        assert!(looked > 1000 && (is_global || short > 100), "{policy} {service} {looked} {short}");
    }
}
