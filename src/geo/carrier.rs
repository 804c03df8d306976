//! The blocks of IPv6 that carry IPv4 addresses, as networks.

use crate::geo::Network;
use crate::model::Carrier;
use crate::model::Family;

impl Carrier {
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
    use ipnet::IpNet;

    use super::*;

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
