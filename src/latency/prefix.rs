//! The prefixes that clients are counted by.

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use serde::Deserialize;
use serde::Serialize;

use crate::model::Carrier;

/// A /24 of IPv4 or a /48 of IPv6: what one site announces at the finest, and what resolvers
/// pass on (RFC 7871, 11.1).
///
/// One word: the leading bits of the address, and bit 63 for IPv6. Their order is that of
/// addresses, IPv4 first.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct ClientPrefix(u64);

/// A /20 of IPv4 or a /40 of IPv6: sixteen or 256 neighbours, mostly of one network.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WidePrefix(u64);

impl ClientPrefix {
    const V6: u64 = 1 << 63;

    /// The prefix of an address; one of IPv6 that carries an IPv4 address counts as that.
    pub fn of(address: IpAddr) -> Self {
        match Carrier::client(address) {
            IpAddr::V4(v4) => Self(u64::from(u32::from(v4) >> 8)),
            IpAddr::V6(v6) => {
                let [a, b, c, ..] = v6.segments();
                Self(Self::V6 | u64::from(a) << 32 | u64::from(b) << 16 | u64::from(c))
            }
        }
    }

    /// Whether this is one, for input.
    pub(super) const fn is_sound(self) -> bool {
        let bits = if self.0 & Self::V6 == 0 { 24 } else { 48 };
        (self.0 & !Self::V6) >> bits == 0
    }

    /// The first address.
    pub fn address(self) -> IpAddr {
        let bits = self.0 & !Self::V6;
        if self.0 & Self::V6 == 0 {
            Ipv4Addr::from(u32::try_from(bits << 8).unwrap_or(u32::MAX)).into()
        } else {
            Ipv6Addr::from(u128::from(bits) << 80).into()
        }
    }

    /// The wider one around it.
    pub const fn widened(self) -> WidePrefix {
        WidePrefix(if self.0 & Self::V6 == 0 { self.0 >> 4 } else { self.0 >> 8 | Self::V6 })
    }

    /// Those that share the wider one, from the lowest on.
    pub(super) fn neighbours(self) -> impl Iterator<Item = Self> {
        let first = self.first_neighbour();
        let bits = if self.0 & Self::V6 == 0 { 4 } else { 8 };
        (0..1_u64 << bits).map(move |n| Self(first.0 | n))
    }

    /// The lowest of those that share the wider one.
    pub(super) const fn first_neighbour(self) -> Self {
        Self(if self.0 & Self::V6 == 0 { self.0 & !0xf } else { self.0 & !0xff })
    }

    /// A number that takes some of all prefixes, evenly.
    pub(super) fn spread(self) -> usize {
        usize::try_from(self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).unwrap_or_default()
    }
}

impl fmt::Display for ClientPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = if self.0 & Self::V6 == 0 { 24 } else { 48 };
        write!(f, "{}/{bits}", self.address())
    }
}

impl fmt::Debug for ClientPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_prefix_are_one_and_its_neighbours_share_the_wider() {
        let of = |text: &str| ClientPrefix::of(text.parse().unwrap());
        for (a, b, text, wide) in [
            ("192.0.2.1", "192.0.2.255", "192.0.2.0/24", "192.0.15.9"),
            ("::ffff:192.0.2.1", "192.0.2.9", "192.0.2.0/24", "192.0.0.1"),
            ("64:ff9b::192.0.2.1", "192.0.2.9", "192.0.2.0/24", "192.0.0.1"),
            ("2002:c000:201:9::1", "192.0.2.9", "192.0.2.0/24", "192.0.0.1"),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "192.0.2.9", "192.0.2.0/24", "192.0.0.1"),
            ("64:ff9b:1::192.0.2.1", "64:ff9b:1::", "64:ff9b:1::/48", "64:ff9b:2::"),
            ("2001:db8:1::1", "2001:db8:1:ffff::", "2001:db8:1::/48", "2001:db8:ff::"),
        ] {
            assert_eq!(of(a), of(b));
            assert_eq!(of(a).to_string(), text);
            assert_eq!(of(a).widened(), of(wide).widened());
            assert!(of(a).is_sound());
        }
        assert_ne!(of("192.0.2.1").widened(), of("192.0.16.1").widened());
        assert_ne!(of("0.0.1.1"), of("0:0:1::"));
        assert!(!ClientPrefix(1 << 30).is_sound());
    }
}
