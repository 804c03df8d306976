//! A prefix of the address space.

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use ipnet::IpNet;

use crate::model::Family;

/// A prefix of one family; bits past `depth` are zero.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Network {
    family: Family,
    start: u128,
    depth: u8,
}

impl Network {
    /// The network of `depth` bits that holds an address, which for IPv4 is in
    /// the low 32 bits. Depths past the family's bits mean a single address.
    pub const fn new(family: Family, address: u128, depth: u8) -> Self {
        let bits = family.bits();
        let depth = if depth < bits { depth } else { bits };
        let host = bits - depth;
        // A shift by 128 would overflow.
        let start = if host == 128 { 0 } else { address >> host << host };
        Self { family, start, depth }
    }

    /// The whole space of a family.
    pub const fn all(family: Family) -> Self {
        Self { family, start: 0, depth: 0 }
    }

    /// The family.
    pub const fn family(self) -> Family {
        self.family
    }

    /// The first address; IPv4 in the low 32 bits.
    pub const fn start(self) -> u128 {
        self.start
    }

    /// The last address; IPv4 in the low 32 bits.
    pub const fn end(self) -> u128 {
        match self.family.bits() - self.depth {
            128 => u128::MAX,
            host => self.start | ((1 << host) - 1),
        }
    }

    /// The length of the prefix.
    pub const fn depth(self) -> u8 {
        self.depth
    }

    /// The two halves, lower first; `None` for a single address.
    #[inline]
    pub const fn halves(self) -> Option<[Self; 2]> {
        let bits = self.family.bits();
        if self.depth >= bits {
            return None;
        }
        let depth = self.depth + 1;
        let upper = self.start | 1 << (bits - depth);
        Some([Self { depth, ..self }, Self { depth, start: upper, ..self }])
    }

    /// Whether `inner` lies in this network.
    pub fn contains(self, inner: Self) -> bool {
        self.family == inner.family
            && self.depth <= inner.depth
            && Self::new(self.family, inner.start, self.depth) == self
    }

    /// The first address as an address.
    pub fn address(self) -> IpAddr {
        match self.family {
            Family::V4 => Ipv4Addr::from(u32::try_from(self.start).unwrap_or(u32::MAX)).into(),
            Family::V6 => Ipv6Addr::from(self.start).into(),
        }
    }
}

impl From<IpNet> for Network {
    fn from(net: IpNet) -> Self {
        Self::new(Family::from(net.addr()), number(net.addr()), net.prefix_len())
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self::new(Family::from(address), number(address), 128)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address(), self.depth)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An address as a number; IPv4 in the low 32 bits.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_cut_to_its_depth_and_splits_into_its_halves() {
        let cases = [
            ("10.1.2.3/8", "10.0.0.0/8", "10.255.255.255", Some(["10.0.0.0/9", "10.128.0.0/9"])),
            ("0.0.0.0/0", "0.0.0.0/0", "255.255.255.255", Some(["0.0.0.0/1", "128.0.0.0/1"])),
            ("192.0.2.1/32", "192.0.2.1/32", "192.0.2.1", None),
            (
                "::1/0",
                "::/0",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                Some(["::/1", "8000::/1"]),
            ),
            (
                "2001:db8::1/127",
                "2001:db8::/127",
                "2001:db8::1",
                Some(["2001:db8::/128", "2001:db8::1/128"]),
            ),
        ];
        for (text, canonical, end, halves) in cases {
            let network = Network::from(text.parse::<IpNet>().unwrap());
            assert_eq!(network.to_string(), canonical);
            assert_eq!(network.end(), number(end.parse().unwrap()), "{text}");
            assert_eq!(
                network.halves().map(|halves| halves.map(|half| half.to_string())),
                halves.map(|halves| halves.map(str::to_owned)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_network_contains_itself_and_what_is_inside_but_nothing_of_the_other_family() {
        let net = |text: &str| Network::from(text.parse::<IpNet>().unwrap());
        assert!(net("10.0.0.0/8").contains(net("10.0.0.0/8")));
        assert!(net("10.0.0.0/8").contains(net("10.9.0.0/16")));
        assert!(!net("10.9.0.0/16").contains(net("10.0.0.0/8")));
        assert!(!net("10.0.0.0/8").contains(net("11.0.0.0/8")));
        assert!(!net("0.0.0.0/0").contains(net("::/0")));
    }
}
