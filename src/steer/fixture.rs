//! Maps and services for tests: three regions that are nowhere, and clients told apart by the nets
//! that rules name.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::time::Duration;

use ipnet::IpNet;

use crate::geo::Atlas;
use crate::geo::Nets;
use crate::model::AllDown;
use crate::model::Endpoint;
use crate::model::Failback;
use crate::model::Match;
use crate::model::Policy;
use crate::model::Pool;
use crate::model::Rank;
use crate::model::Region;
use crate::model::RegionId;
use crate::model::Rule;
use crate::model::Service;
use crate::model::Target;
use crate::model::Tie;
use crate::model::Ttl;
use crate::model::Weight;
use crate::steer::Balanced;
use crate::steer::Client;
use crate::steer::MapOfService;
use crate::steer::MapPlan;
use crate::steer::SteeringMap;
use crate::steer::compile;
use crate::steer::rule_prefixes;
use crate::wire::ClientSubnet;

pub(super) fn regions() -> Vec<Region> {
    let region = |name: &str| Region {
        name: name.into(),
        location: None,
        bias: 0,
        monitor: None,
        min_pools: 0,
        capacity: None,
        load: None,
    };
    ["a", "b", "c"].map(region).into()
}

/// By rules, each a net and the region that is the best for it; then by one criterion.
pub(super) fn policy(rank: Rank, rules: &[(&str, u16)]) -> Policy {
    let rule = |(net, region): &(&str, u16)| Rule {
        matches: Match { nets: vec![net.parse().unwrap()], ..Match::default() },
        regions: vec![RegionId(*region)],
        only: false,
    };
    Policy {
        name: "p".into(),
        rank: vec![Rank::Rules, rank],
        regions: (0..3).map(RegionId).collect(),
        tie: Tie::default(),
        depth: 0,
        rules: rules.iter().map(rule).collect(),
        ecs: true,
    }
}

/// A plan for all regions.
pub(super) fn plan(policy: &Policy) -> MapPlan<'_> {
    let regions = (0..3).map(RegionId).collect();
    MapPlan { policy, regions, whole_order: false, partition: None, orders: None, weighed: false }
}

pub(super) fn map(policy: &Policy) -> SteeringMap {
    let prefixes = rule_prefixes([policy]);
    let atlas = Atlas::new(Vec::new(), Nets::default(), &prefixes, &[]);
    compile(&atlas, &regions(), &[plan(policy)], &prefixes).unwrap().remove(0)
}

/// A service of which nothing is said, without pools.
pub(super) fn plain() -> Service {
    Service {
        name: "s".into(),
        owners: Vec::new(),
        policy: 0,
        ttl: Ttl::ZERO,
        ttl_min: Ttl::ZERO,
        answers: 1,
        sticky: false,
        all_down: AllDown::FailOpen,
        monitors: None,
        ramp: Duration::ZERO,
        failback: Failback::Automatic,
        panic: 0,
        pools: Vec::new(),
    }
}

/// A service with so many addresses in each region.
pub(super) fn service(endpoints: u8, tweak: impl Fn(&mut Service, &mut MapOfService)) -> Balanced {
    let pool = |region: u8| {
        let address = |nth| Target::Address(Ipv4Addr::new(192, 0, 2, 10 * region + nth).into());
        let endpoint = |nth| Endpoint { target: address(nth), weight: Weight(1), probe: None };
        let endpoints = (0..endpoints).map(endpoint).collect();
        Pool { region: RegionId(region.into()), weight: Weight(1), min_healthy: 0, endpoints }
    };
    let mut noun = Service { pools: (0..3).map(pool).collect(), ..plain() };
    let pool_at = vec![0, 1, 2].into();
    let mut map = MapOfService { position: 0, ecs: true, ties: false, pool_at };
    tweak(&mut noun, &mut map);
    Balanced::new(&noun, &regions(), map)
}

/// Who sends a subnet, through a resolver.
pub(super) fn client(subnet: &str, resolver: &str) -> Client {
    let net: IpNet = subnet.parse().unwrap();
    let (family, octets) = match net.addr() {
        IpAddr::V4(v4) => (1, v4.octets().to_vec()),
        IpAddr::V6(v6) => (2, v6.octets().to_vec()),
    };
    let sent = usize::from(net.prefix_len().div_ceil(8));
    let option = [&[0, family, net.prefix_len(), 0], &octets[..sent]].concat();
    Client { subnet: ClientSubnet::parse(&option), resolver: resolver.parse().unwrap() }
}
