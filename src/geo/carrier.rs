//! The IPv6 blocks that carry IPv4 addresses.

use crate::geo::Network;
use crate::model::Family;

/// A block of IPv6 whose addresses hold an IPv4 address: the client is located
/// as that address.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Carrier {
    /// `::/96`, IPv4-compatible (RFC 4291, 2.5.5.1); `::` and `::1` come out in 0.0.0.0/8.
    Compatible,
    /// `::ffff:0:0/96`, IPv4-mapped (RFC 4291, 2.5.5.2).
    Mapped,
    /// `64:ff9b::/96`, NAT64 (RFC 6052, 2.1).
    Nat64,
    /// `2002::/16`, 6to4 (RFC 3056, 2).
    SixToFour,
    /// `2001::/32`, Teredo; the client's address is last, inverted (RFC 4380, 4).
    Teredo,
    /// `::ffff:0:0:0/96`, IPv4-translated (RFC 2765, 2.1).
    Translated,
}

impl Carrier {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Compatible,
        Self::Mapped,
        Self::Nat64,
        Self::SixToFour,
        Self::Teredo,
        Self::Translated,
    ];

    /// The block that holds an IPv6 address. A few comparisons, no memory.
    #[inline]
    pub const fn of(address: u128) -> Option<Self> {
        match (address >> 112, address >> 96, address >> 32) {
            (0x2002, _, _) => Some(Self::SixToFour),
            (_, 0x2001_0000, _) => Some(Self::Teredo),
            (_, _, 0) => Some(Self::Compatible),
            (_, _, 0xffff) => Some(Self::Mapped),
            (_, _, 0xffff_0000) => Some(Self::Translated),
            (_, _, 0x0064_ff9b_0000_0000_0000_0000) => Some(Self::Nat64),
            _ => None,
        }
    }

    /// The block.
    pub const fn block(self) -> Network {
        let (start, depth) = match self {
            Self::Compatible => (0, 96),
            Self::Mapped => (0xffff << 32, 96),
            Self::Nat64 => (0x0064_ff9b << 96, 96),
            Self::SixToFour => (0x2002 << 112, 16),
            Self::Teredo => (0x2001_0000 << 96, 32),
            Self::Translated => (0xffff_0000 << 32, 96),
        };
        Network::new(Family::V6, start, depth)
    }

    /// How many bits precede the IPv4 address: what to add to the depth of an
    /// IPv4 network for the depth of the IPv6 network that carries it.
    #[inline]
    pub const fn offset(self) -> u8 {
        match self {
            Self::SixToFour => 16,
            Self::Compatible | Self::Mapped | Self::Nat64 | Self::Teredo | Self::Translated => 96,
        }
    }

    /// The IPv4 address inside an address of the block.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the low 32 bits are what is wanted")]
    pub const fn ipv4(self, address: u128) -> u32 {
        match self {
            Self::Compatible | Self::Mapped | Self::Nat64 | Self::Translated => address as u32,
            Self::SixToFour => (address >> 80) as u32,
            Self::Teredo => !(address as u32),
        }
    }

    /// The IPv4 network that an IPv6 network stands for; `None` if it is in no
    /// block, wider than one, or in Teredo's, where one IPv4 network is many.
    pub fn unpack(network: Network) -> Option<Network> {
        if network.family() == Family::V4 {
            return None;
        }
        let carrier = Self::of(network.start())?;
        let depth = network.depth().checked_sub(carrier.offset())?;
        match carrier {
            Self::Teredo => None,
            Self::Compatible | Self::Mapped | Self::Nat64 | Self::SixToFour | Self::Translated => {
                Some(Network::new(Family::V4, carrier.ipv4(network.start()).into(), depth))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::net::Ipv6Addr;

    use ipnet::IpNet;

    use super::*;

    #[test]
    fn each_block_gives_the_ipv4_address_it_carries() {
        let cases = [
            ("::192.0.2.33", Some((Carrier::Compatible, "192.0.2.33"))),
            ("::1", Some((Carrier::Compatible, "0.0.0.1"))),
            ("::ffff:192.0.2.33", Some((Carrier::Mapped, "192.0.2.33"))),
            ("::ffff:0:192.0.2.33", Some((Carrier::Translated, "192.0.2.33"))),
            ("64:ff9b::192.0.2.33", Some((Carrier::Nat64, "192.0.2.33"))),
            ("64:ff9b:1::192.0.2.33", None),
            ("2002:c000:221:1::1", Some((Carrier::SixToFour, "192.0.2.33"))),
            // RFC 4380, 4: the client's address, each bit reversed.
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Some((Carrier::Teredo, "192.0.2.45"))),
            ("2001:db8::1", None),
            ("2001:1::1", None),
        ];
        for (address, expected) in cases {
            let number = address.parse::<Ipv6Addr>().unwrap().to_bits();
            let found = Carrier::of(number)
                .map(|carrier| (carrier, Ipv4Addr::from(carrier.ipv4(number)).to_string()));
            let expected = expected.map(|(carrier, v4)| (carrier, v4.to_owned()));
            assert_eq!(found, expected, "{address}");
        }
    }

    #[test]
    fn a_block_starts_and_ends_with_addresses_of_its_own() {
        for carrier in Carrier::ALL {
            let block = carrier.block();
            assert_eq!(Carrier::of(block.start()), Some(carrier));
            assert_eq!(Carrier::of(block.end()), Some(carrier));
            assert_ne!(Carrier::of(block.end() + 1), Some(carrier));
            assert_ne!(block.start().checked_sub(1).and_then(Carrier::of), Some(carrier));
        }
    }

    #[test]
    fn a_network_inside_a_block_stands_for_an_ipv4_network() {
        let cases = [
            ("::ffff:10.0.0.0/104", Some("10.0.0.0/8")),
            ("2002:a00::/24", Some("10.0.0.0/8")),
            ("2002:a00::/64", Some("10.0.0.0/32")),
            ("2000::/3", None),
            ("::/0", None),
            ("2001::/32", None),
            ("10.0.0.0/8", None),
        ];
        for (text, expected) in cases {
            let found = Carrier::unpack(text.parse::<IpNet>().unwrap().into());
            assert_eq!(found.map(|n| n.to_string()), expected.map(str::to_owned), "{text}");
        }
    }
}
