//! Key: what tells clients apart where a share of them is taken.
//!
//! It is the leaf that the scope names, since all of it gets one answer; the client's block if
//! the service is sticky; the resolver where it decides or where the scope is everybody.

use crate::model::Family;
use crate::steer::Balanced;
use crate::steer::Block;
use crate::steer::Client;
use crate::steer::Located;
use crate::steer::LocatedBy;
use crate::steer::balanced::mix;
use crate::steer::balanced::mix_wide;

/// How many bits at the end of a prefix place it evenly among its neighbours.
const EVEN: u32 = 8;

/// A client, as shares see it. Looked at only where a share is not full.
pub(super) struct Key<'a> {
    pub(super) service: &'a Balanced,
    pub(super) client: &'a Client,
    pub(super) located: &'a Located,
}

impl Key<'_> {
    /// Where the client stands among all clients: in a share of them if that is below the share,
    /// in 1/2⁶⁴. Who is in a share is in every greater one, so while a share grows each client
    /// moves once. Other seeds place clients otherwise, independently.
    pub(super) fn position(&self, seed: u64) -> u64 {
        let (family, prefix) = self.prefix();
        position(prefix, mix(seed ^ family.index() as u64))
    }

    /// The leading bits of its address that count, as a number.
    fn prefix(&self) -> (Family, u128) {
        let Located { block, scope, by, .. } = *self.located;
        if self.service.sticky {
            return (block.family, block.leading(block.client_bits()));
        }
        let subnet = self.client.subnet.filter(|_| by == LocatedBy::Subnet && scope.0 > 0);
        let leaf = subnet.and_then(|subnet| {
            let family = subnet.family?;
            Some((family, Block { address: subnet.address, family, scope }.leading(scope.0)))
        });
        leaf.unwrap_or_else(|| {
            let Block { family, address, .. } = Block::resolver(self.client.resolver);
            (family, address)
        })
    }
}

/// A number for a prefix, below 2⁶⁴.
///
/// Hashes alone would make a share of few wide leaves come out by luck: of sixteen, a half takes
/// between five and eleven. So neighbours stand evenly: of 2ⁿ prefixes of one length that make up
/// one, n up to [`EVEN`], each 2ⁿ-th of the numbers has one. Which is where is drawn by hashes: it
/// is van der Corput's sequence with nested (Owen's) scrambling, so neither that allocations
/// begin at even numbers nor that other leaves are missing shifts a share.
fn position(prefix: u128, seed: u64) -> u64 {
    let base = mix_wide(prefix >> EVEN, seed);
    let mut rest = u64::try_from(prefix & ((1 << EVEN) - 1)).unwrap_or(0);
    // From the last bit up; above them a 1, so that no two lengths are alike.
    let mut digits = 1;
    for _ in 0..EVEN {
        let last = rest & 1;
        rest >>= 1;
        let flip = mix(base ^ (rest << EVEN << 1 | digits)) & 1;
        digits = digits << 1 | (last ^ flip);
    }
    digits << (u64::BITS - EVEN) | mix(base ^ digits) >> EVEN
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;
    use crate::model::Endpoint;
    use crate::model::Pool;
    use crate::model::RegionId;
    use crate::model::Service;
    use crate::model::Target;
    use crate::model::Weight;
    use crate::steer::LabelId;
    use crate::steer::MapOfService;
    use crate::steer::fixture::plain;
    use crate::wire::ClientSubnet;
    use crate::wire::ScopePrefix;

    /// The part of some prefixes that a share takes.
    fn taken(prefixes: impl Iterator<Item = u128>, seed: u64, share: f64) -> f64 {
        let all: Vec<_> = prefixes.collect();
        let is_in = |prefix: &&u128| position(**prefix, seed) as f64 / 2_f64.powi(64) < share;
        all.iter().filter(is_in).count() as f64 / all.len() as f64
    }

    /// A sticky service promises a block one endpoint: a share takes all of a block, or nothing,
    /// and tells blocks of one leaf apart. Others go by the leaf, which gets one answer.
    #[test]
    fn sticky_services_share_by_block_and_others_by_leaf() {
        let service = |sticky| {
            let target = |last| Target::Address(Ipv4Addr::new(192, 0, 2, last).into());
            let endpoint = |last| Endpoint { target: target(last), weight: Weight(1), probe: None };
            let endpoints = vec![endpoint(1), endpoint(2)];
            let pool = Pool { region: RegionId(0), weight: Weight(1), min_healthy: 0, endpoints };
            let noun = Service { sticky, pools: vec![pool], ..plain() };
            let pool_at = vec![0].into();
            Balanced::new(&noun, &[], MapOfService { position: 0, ecs: true, ties: false, pool_at })
        };
        // A leaf of 198.51.0.0/16, and blocks of 24 bits.
        let under = |bits, sticky, address: [u8; 4]| {
            let address = u128::from(u32::from_be_bytes(address));
            let data =
                [&[0, 1, 32, 0][..], &u32::try_from(address).unwrap().to_be_bytes()].concat();
            let client =
                Client { subnet: ClientSubnet::parse(&data), resolver: Ipv4Addr::LOCALHOST.into() };
            let block =
                Block { address: address & !0xff, family: Family::V4, scope: ScopePrefix(24) };
            let (label, scope, by) = (LabelId(0), ScopePrefix(bits), LocatedBy::Subnet);
            let located = Located { label, scope, by, block };
            Key { service: &service(sticky), client: &client, located: &located }.prefix()
        };
        let prefix = |sticky, address| under(16, sticky, address);
        let (a, b, c) = ([198, 51, 100, 1], [198, 51, 100, 9], [198, 51, 101, 1]);
        assert_eq!(prefix(true, a), prefix(true, b));
        assert_ne!(prefix(true, a), prefix(true, c));
        assert_eq!(prefix(false, a), prefix(false, c));
        assert_ne!(prefix(false, a), prefix(false, [198, 52, 100, 1]));
        // Where all clients have one leaf a share of it would be all or nothing: of resolvers.
        let resolver = u128::from(u32::from(Ipv4Addr::LOCALHOST));
        assert_eq!(under(0, false, a), (Family::V4, resolver));
    }

    proptest! {
        #[test]
        fn of_neighbours_a_share_takes_as_many_as_it_says(
            above in 0..1_u128 << 100, n in 0..=EVEN, share in 0.0..1.0_f64, seed: u64
        ) {
            let neighbours = (0..1_u128 << n).map(|low| above << n | low);
            let off = taken(neighbours, seed, share) - share;
            prop_assert!(off.abs() <= 1.0 / f64::from(1 << n), "{off}");
        }
    }

    /// Whatever prefixes there are: each is as likely to be in a share as any other, and whether
    /// it is in one share says nothing of another.
    #[test]
    fn of_any_prefixes_a_share_takes_as_many_as_it_says_on_average() {
        let even = || (0..20_000).map(|at: u128| at << 1);
        let sparse = || (0..20_000).map(|at: u128| at << 9 | 7);
        for seed in 0..8 {
            for share in [0.1, 0.5, 0.7] {
                for taken in [taken(even(), seed, share), taken(sparse(), seed, share)] {
                    assert!((taken - share).abs() < 0.015, "{seed} {share} {taken}");
                }
            }
            let both = even().filter(|at| {
                position(*at, seed) < u64::MAX / 2 && position(*at, seed + 1) < u64::MAX / 2
            });
            let both = both.count() as f64 / 20_000.0;
            assert!((both - 0.25).abs() < 0.015, "{both}");
        }
    }
}
