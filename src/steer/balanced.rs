//! A service as the query path reads it: everything looked up and encoded.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::sync::Arc;

use crate::model::AllDown;
use crate::model::Family;
use crate::model::Name;
use crate::model::Region;
use crate::model::RegionId;
use crate::model::Service;
use crate::model::Target;
use crate::model::Ttl;

/// A compiled service.
#[derive(Clone, Debug)]
pub struct Balanced {
    /// The operator's name for it.
    pub name: Arc<str>,
    /// Tells it from other services in hashes; equal on every node.
    pub identity: u64,
    /// Position of its map in the world.
    pub map: usize,
    /// Whether the client subnet is used.
    pub ecs: bool,
    /// The TTL of its records.
    pub ttl: Ttl,
    /// The TTL of answers that may change soon.
    pub ttl_min: Ttl,
    /// How many endpoints one answer holds at most.
    pub answers: u8,
    /// Same client block, same endpoint; false where that makes no difference.
    pub sticky: bool,
    /// Whether its endpoints are host names.
    pub alias: bool,
    /// What to answer when nothing is admitted.
    pub all_down: AllDown,
    /// Its pools.
    pub pools: Box<[BalancedPool]>,
    /// For each region by id, the position of its pool, [`Balanced::NO_POOL`] if none; shared by
    /// services with pools in the same regions, in the same order.
    pub pool_at: Arc<[u16]>,
    endpoints: Box<[BalancedEndpoint]>,
}

/// The endpoints of one region.
#[derive(Clone, Copy, Debug)]
pub struct BalancedPool {
    /// Where.
    pub region: RegionId,
    /// Its share among the pools of a tier.
    pub weight: u32,
    /// Tells it from other pools in the sticky hash; equal on every node.
    pub identity: u64,
    /// Its endpoints per family; host names are all in the first lane.
    pub lanes: [Lane; 2],
}

/// The endpoints of one family of a pool.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lane {
    start: u32,
    /// How many there are.
    pub len: u8,
}

/// One endpoint, ready to be copied.
#[derive(Clone, Debug)]
pub struct BalancedEndpoint {
    /// Its share among the endpoints of the lane.
    pub weight: u32,
    /// Tells it from other endpoints in the sticky hash; equal on every node.
    pub identity: u64,
    /// Record data: an address, or a host name in uncompressed wire form.
    pub rdata: Box<[u8]>,
}

/// The map that a service answers from.
#[derive(Clone, Debug)]
pub struct MapOfService {
    /// Its position in the world.
    pub position: usize,
    /// Whether its policy uses the client subnet.
    pub ecs: bool,
    /// Whether some of its tiers hold several regions.
    pub ties: bool,
    /// See [`Balanced::pool_at`].
    pub pool_at: Arc<[u16]>,
}

impl Balanced {
    /// No pool in that region.
    pub const NO_POOL: u16 = u16::MAX;

    /// Compiles a service that answers from the map at position `map`.
    pub fn new(service: &Service, regions: &[Region], map: MapOfService) -> Self {
        let mut endpoints = Vec::new();
        let pools: Box<[BalancedPool]> = service
            .pools
            .iter()
            .map(|pool| {
                let lanes = Family::ALL.map(|family| {
                    let start = u32::try_from(endpoints.len()).unwrap_or(u32::MAX);
                    let in_lane = |target: &Target| lane_of(target) == family.index();
                    let chosen = pool.endpoints.iter().filter(|e| in_lane(&e.target));
                    endpoints.extend(chosen.map(|e| {
                        let rdata = rdata(&e.target);
                        let identity = hash(&rdata, 0);
                        BalancedEndpoint { weight: e.weight.0, identity, rdata }
                    }));
                    let lane = endpoints.get(start as usize..).unwrap_or_default();
                    // limits::ENDPOINTS_PER_POOL is below 256.
                    Lane { start, len: u8::try_from(lane.len()).unwrap_or(u8::MAX) }
                });
                let region = regions.get(pool.region.index());
                let identity = hash(region.map_or(&[], |r| r.name.as_bytes()), 1);
                BalancedPool { region: pool.region, weight: pool.weight.0, identity, lanes }
            })
            .collect();
        let a_choice = map.ties || pools.iter().any(|p| p.lanes.iter().any(|lane| lane.len > 1));
        Self {
            name: service.name.as_str().into(),
            identity: hash(service.name.as_bytes(), 2),
            map: map.position,
            ecs: map.ecs,
            ttl: service.ttl,
            ttl_min: service.ttl_min,
            answers: service.answers,
            sticky: service.sticky && a_choice,
            alias: service.is_alias(),
            all_down: service.all_down,
            pools,
            pool_at: map.pool_at,
            endpoints: endpoints.into(),
        }
    }

    /// The position of the pool in a region. Constant time.
    pub fn pool_in(&self, region: RegionId) -> Option<usize> {
        let at = *self.pool_at.get(region.index())?;
        (at != Self::NO_POOL).then_some(usize::from(at))
    }

    /// The endpoints of a lane.
    pub fn endpoints(&self, lane: Lane) -> &[BalancedEndpoint] {
        let start = lane.start as usize;
        self.endpoints.get(start..start + usize::from(lane.len)).unwrap_or_default()
    }
}

impl BalancedEndpoint {
    /// The address or name as text.
    pub fn text(&self, alias: bool) -> String {
        match (&*self.rdata, alias) {
            ([a, b, c, d], false) => Ipv4Addr::new(*a, *b, *c, *d).to_string(),
            (octets, false) => <[u8; 16]>::try_from(octets)
                .map(|o| Ipv6Addr::from(o).to_string())
                .unwrap_or_default(),
            (octets, true) => Name::from_wire(octets).map(|n| n.to_string()).unwrap_or_default(),
        }
    }
}

fn lane_of(target: &Target) -> usize {
    target.family().map_or(0, Family::index)
}

fn rdata(target: &Target) -> Box<[u8]> {
    match target {
        Target::Address(IpAddr::V4(address)) => address.octets().into(),
        Target::Address(IpAddr::V6(address)) => address.octets().into(),
        Target::Host(name) => name.as_wire().into(),
    }
}

/// A hash that is the same on every node and every version: FNV-1a, then mixed.
pub(crate) fn hash(octets: &[u8], seed: u64) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed;
    let fnv = |hash: u64, octet: &u8| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
    mix(octets.iter().fold(start, fnv))
}

/// Spreads the bits of a number over all of it (splitmix64's finaliser).
pub(crate) const fn mix(number: u64) -> u64 {
    let a = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let b = (a ^ a >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    b ^ b >> 31
}

/// The same of a number of 128 bits.
pub(crate) fn mix_wide(number: u128, seed: u64) -> u64 {
    let [high, low] =
        [number >> 64, number & u128::from(u64::MAX)].map(|half| u64::try_from(half).unwrap_or(0));
    mix(mix(high ^ seed) ^ low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steer::fixture::service;

    /// Blocks stay with their endpoints while nodes are of two versions, and after both.
    #[test]
    fn hashes_are_the_same_in_every_version() {
        for (octets, seed, expected) in [
            (&b"www"[..], 2, 0x3967_fd5a_2597_49ba),
            (b"eu-west", 1, 0xd50a_1263_5e1e_5007),
            (&[192, 0, 2, 1], 0, 0x1e00_e9a1_2f82_49cb),
        ] {
            assert_eq!(hash(octets, seed), expected, "{octets:?} {seed}");
        }
    }

    /// Sticky clients stay with one region too, where several are equally good.
    #[test]
    fn sticky_makes_a_difference_where_there_is_a_choice() {
        for (endpoints, ties, expected) in [(1, false, false), (1, true, true), (2, false, true)] {
            let found = service(endpoints, |service, map| {
                (service.sticky, map.ties) = (true, ties);
            });
            assert_eq!(found.sticky, expected, "{endpoints} {ties}");
        }
    }
}
