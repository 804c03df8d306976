//! Prefixes as numbers, so that tests can do sums with them.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use fastrand::Rng;
use meridian::model::Family;

/// A prefix of either family as numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Block {
    pub(crate) family: Family,
    pub(crate) start: u128,
    pub(crate) depth: u8,
}

impl Block {
    pub(crate) fn around(address: IpAddr, depth: u8) -> Self {
        let (family, bits) = match address {
            IpAddr::V4(address) => (Family::V4, u128::from(u32::from(address))),
            IpAddr::V6(address) => (Family::V6, u128::from(address)),
        };
        let free = u32::from(family.bits() - depth);
        let start = bits.checked_shr(free).unwrap_or(0).checked_shl(free).unwrap_or(0);
        Self { family, start, depth }
    }

    pub(crate) fn free_bits(self) -> u32 {
        u32::from(self.family.bits() - self.depth)
    }

    pub(crate) fn last(self) -> u128 {
        self.start | 1_u128.checked_shl(self.free_bits()).map_or(u128::MAX, |size| size - 1)
    }

    pub(crate) fn address(self, bits: u128) -> IpAddr {
        match self.family {
            Family::V4 => Ipv4Addr::from(u32::try_from(bits).unwrap()).into(),
            Family::V6 => Ipv6Addr::from(bits).into(),
        }
    }

    /// Both ends, the middle, and random ones between: twenty or all there are.
    pub(crate) fn sample(self, rng: &mut Rng) -> Vec<IpAddr> {
        let (first, last) = (self.start, self.last());
        let middle = first + (last - first) / 2;
        let bits = [first, last, middle, last.min(middle + 1)];
        let mut addresses: Vec<IpAddr> = bits.into_iter().map(|bits| self.address(bits)).collect();
        addresses.extend((0..16).map(|_| self.random(rng)));
        addresses
    }

    pub(crate) fn random(self, rng: &mut Rng) -> IpAddr {
        let within = self.last() - self.start;
        self.address(self.start | rng.u128(..) & within)
    }

    /// The other half of the parent.
    pub(crate) fn sibling(self) -> Self {
        Self { start: self.start ^ 1 << self.free_bits(), ..self }
    }
}
