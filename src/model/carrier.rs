//! The IPv6 blocks that carry IPv4 addresses.

use std::net::IpAddr;
use std::net::Ipv4Addr;

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

    /// The address by which a client is located, and by which it is counted: the IPv4 one that an
    /// IPv6 one carries, or else itself.
    pub fn client(address: IpAddr) -> IpAddr {
        let IpAddr::V6(v6) = address else { return address };
        let carried = Self::of(v6.into()).map(|carrier| carrier.ipv4(v6.into()));
        carried.map_or(address, |v4| Ipv4Addr::from(v4).into())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

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
            let client = expected.map_or_else(|| address.to_owned(), |(_, v4)| v4);
            let client: IpAddr = client.parse().unwrap();
            assert_eq!(Carrier::client(address.parse().unwrap()), client);
        }
    }
}
