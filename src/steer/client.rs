//! Locate: for whom we steer, and what the map says of them.

use std::net::IpAddr;
use std::net::Ipv4Addr;

use crate::geo::Found;
use crate::model::Carrier;
use crate::model::Family;
use crate::steer::LabelId;
use crate::steer::SteeringMap;
use crate::wire::ClientSubnet;
use crate::wire::ScopePrefix;

/// Who is asking.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// The client subnet that the resolver passed on, if it did.
    pub subnet: Option<ClientSubnet>,
    /// The address that the query came from.
    pub resolver: IpAddr,
}

/// By whose address a client was located.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LocatedBy {
    /// Its own, from the client subnet option.
    Subnet,
    /// The resolver's: no usable client subnet.
    Resolver,
}

/// What the map says of a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Located {
    /// The order of preference.
    pub label: LabelId,
    /// For which clients it holds.
    pub scope: ScopePrefix,
    /// By whose address.
    pub by: LocatedBy,
    /// What tells this client from others inside its leaf: see [`Block`].
    pub block: Block,
}

/// The block of addresses that a sticky service treats as one client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Block {
    /// The first address; IPv4 in the low 32 bits.
    pub address: u128,
    /// Whether the address is IPv4, carried in IPv6 ones included.
    pub family: Family,
    /// The scope that makes an answer for this block alone sound.
    pub scope: ScopePrefix,
}

impl Block {
    /// Bits of an IPv4 client block: what resolvers send (RFC 7871, 11.1).
    const V4_BITS: u8 = 24;
    /// Bits of an IPv6 client block: what resolvers send (RFC 7871, 11.1).
    const V6_BITS: u8 = 56;

    fn v4(address: u32, source: u8, offset: u8) -> Self {
        let kept = source.min(Self::V4_BITS);
        let mask = u32::MAX.checked_shl(u32::from(32 - kept)).unwrap_or(0);
        Self {
            address: u128::from(address & mask),
            family: Family::V4,
            scope: ScopePrefix(offset + Self::V4_BITS),
        }
    }

    fn v6(address: u128, source: u8) -> Self {
        let kept = source.min(Self::V6_BITS);
        let mask = u128::MAX.checked_shl(u32::from(128 - kept)).unwrap_or(0);
        Self { address: address & mask, family: Family::V6, scope: ScopePrefix(Self::V6_BITS) }
    }

    /// How many leading bits of the address tell one block from others.
    pub(super) const fn client_bits(&self) -> u8 {
        match self.family {
            Family::V4 => Self::V4_BITS,
            Family::V6 => Self::V6_BITS,
        }
    }

    /// So many leading bits of the address, as a number.
    pub(super) fn leading(&self, bits: u8) -> u128 {
        let beyond = self.family.bits().saturating_sub(bits);
        self.address.checked_shr(beyond.into()).unwrap_or(0)
    }

    /// A resolver is one client by itself.
    pub(super) fn resolver(address: IpAddr) -> Self {
        let (family, address) = match address {
            IpAddr::V4(v4) => (Family::V4, u128::from(u32::from(v4))),
            IpAddr::V6(v6) => (Family::V6, u128::from(v6)),
        };
        Self { address, family, scope: ScopePrefix::GLOBAL }
    }
}

/// An address that is likely to be looked up soon.
#[derive(Clone, Copy, Debug)]
pub enum Hint {
    /// An IPv4 address.
    V4(u32),
    /// An IPv6 address.
    V6(u128),
}

impl Hint {
    /// What [`SteeringMap::locate`] will begin with.
    pub fn new(subnet: Option<ClientSubnet>, resolver: IpAddr) -> Self {
        let subnet = subnet.filter(|subnet| subnet.source.0 > 0);
        match (subnet.and_then(|s| Some((s.family?, s.address))), resolver) {
            (Some((Family::V4, address)), _) => Self::V4(u32::try_from(address).unwrap_or(0)),
            (Some((Family::V6, address)), _) => Self::V6(address),
            (None, IpAddr::V4(address)) => Self::V4(address.into()),
            (None, IpAddr::V6(address)) => Self::V6(address.into()),
        }
    }
}

impl SteeringMap {
    /// See [`crate::geo::PrefixMap::anticipate`].
    #[inline]
    pub fn anticipate(&self, hint: Hint, step: u8) {
        match hint {
            Hint::V4(address) => self.v4.anticipate(address, step),
            Hint::V6(address) => self.v6.anticipate(address, step),
        }
    }

    /// The order of preference of clients at an address; `None` for those whose resolver is asked.
    pub fn label_at(&self, address: Ipv4Addr) -> Option<LabelId> {
        LabelId::from_leaf(self.v4.lookup(address.into(), 32).label)
    }

    /// The order of preference of clients of whom nothing is known.
    pub const fn label_of_nowhere(&self) -> LabelId {
        self.unlocated
    }

    /// Locates a client. At most three look-ups; no allocation.
    pub fn locate(&self, client: &Client) -> Located {
        let subnet = client.subnet.filter(|subnet| subnet.source.0 > 0);
        let Some((subnet, family)) = subnet.and_then(|s| Some((s, s.family?))) else {
            // No option, or the client opted out (RFC 7871, 7.1.2).
            return self.by_resolver(client.resolver, ScopePrefix::GLOBAL);
        };
        let source = subnet.source.0;
        match family {
            Family::V4 => {
                let address = u32::try_from(subnet.address).unwrap_or(u32::MAX);
                self.by_ipv4(address, source, 0, client.resolver)
            }
            Family::V6 => {
                let Found { label, depth } = self.v6.lookup(subnet.address, source);
                if let Some(label) = LabelId::from_leaf(label) {
                    let (by, block) = (LocatedBy::Subnet, Block::v6(subnet.address, source));
                    return Located { label, scope: ScopePrefix(depth), by, block };
                }
                match carried_ipv4(subnet.address, source) {
                    Some((address, known, offset)) => {
                        self.by_ipv4(address, known, offset, client.resolver)
                    }
                    None => self.by_resolver(client.resolver, ScopePrefix(depth)),
                }
            }
        }
    }

    /// `offset` bits stand before the IPv4 address in the address that was sent.
    fn by_ipv4(&self, address: u32, source: u8, offset: u8, resolver: IpAddr) -> Located {
        let Found { label, depth } = self.v4.lookup(address, source);
        let scope = ScopePrefix(offset + depth);
        match LabelId::from_leaf(label) {
            Some(label) => Located {
                label,
                scope,
                by: LocatedBy::Subnet,
                block: Block::v4(address, source, offset),
            },
            None => self.by_resolver(resolver, scope),
        }
    }

    fn by_resolver(&self, resolver: IpAddr, scope: ScopePrefix) -> Located {
        let leaf = match resolver {
            IpAddr::V4(address) => self.v4.lookup(address.into(), 32).label,
            IpAddr::V6(address) => {
                let address = u128::from(address);
                match carried_ipv4(address, 128) {
                    Some((v4, known, _)) => self.v4.lookup(v4, known).label,
                    None => self.v6.lookup(address, 128).label,
                }
            }
        };
        // A resolver in a special-purpose block is nowhere.
        let label = LabelId::from_leaf(leaf).unwrap_or(self.unlocated);
        Located { label, scope, by: LocatedBy::Resolver, block: Block::resolver(resolver) }
    }
}

/// The IPv4 prefix that the first `source` bits of an IPv6 address carry: the prefix, its
/// length, and how many bits stand before it. `None` if that is under eight bits, which
/// locate nobody.
fn carried_ipv4(address: u128, source: u8) -> Option<(u32, u8, u8)> {
    let carrier = Carrier::of(address)?;
    let known = source.checked_sub(carrier.offset()).filter(|bits| *bits >= 8)?.min(32);
    // Teredo's bits are inverted, and so are those that were not sent.
    Some((carrier.ipv4(address) & u32::MAX << (32 - known), known, carrier.offset()))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::net::Ipv6Addr;

    use super::*;
    use crate::model::Rank;
    use crate::steer::fixture::client;
    use crate::steer::fixture::map;
    use crate::steer::fixture::policy;

    /// All of a block get one endpoint: nothing past its bits tells them apart, and its scope
    /// names no more.
    #[test]
    fn a_block_is_what_its_scope_names() {
        let v6 = |text: &str, source| Block::v6(text.parse::<Ipv6Addr>().unwrap().into(), source);
        let block = v6("2001:db8:1:2300::", 56);
        assert_eq!(v6("2001:db8:1:2345::", 64), block);
        assert_eq!(block.scope, ScopePrefix(56));
        let v4 =
            |text: &str, source| Block::v4(text.parse::<Ipv4Addr>().unwrap().into(), source, 96);
        let block = v4("192.0.2.0", 24);
        assert_eq!(v4("192.0.2.77", 32), block);
        assert_eq!(block.scope, ScopePrefix(120));
    }

    /// What carries an IPv4 address is located as that, and its scope counts what stands before.
    #[test]
    fn carried_ipv4_is_located_as_ipv4() {
        let map = map(&policy(Rank::Priority, &[("69.58.186.0/24", 1)]));
        let of = |subnet: &str, resolver: &str| map.locate(&client(subnet, resolver));
        let plain = of("69.58.186.0/24", "9.9.9.9");
        assert_eq!(plain.scope, ScopePrefix(24));
        for (subnet, before) in [("2002:453a:ba00::/40", 16), ("::ffff:69.58.186.0/120", 96)] {
            let found = of(subnet, "9.9.9.9");
            assert_eq!((found.label, found.scope), (plain.label, ScopePrefix(before + 24)));
        }
        for resolver in ["69.58.186.1", "::ffff:69.58.186.1", "64:ff9b::69.58.186.1"] {
            assert_eq!(of("0.0.0.0/0", resolver).label, plain.label, "{resolver}");
        }
        assert_ne!(of("0.0.0.0/0", "9.9.9.9").label, plain.label);
    }

    /// DESIGN, ECS: IPv4 inside IPv6, with as many bits as were sent.
    #[test]
    fn ipv4_inside_ipv6_is_read_from_the_bits_that_were_sent() {
        for (text, source, expect) in [
            ("::ffff:69.58.186.119", 128, Some(("69.58.186.119", 32, 96))),
            ("64:ff9b::69.58.186.0", 120, Some(("69.58.186.0", 24, 96))),
            ("64:ff9b::69.0.0.0", 103, None),
            ("2002:453a:ba77::", 48, Some(("69.58.186.119", 32, 16))),
            ("2002:453a:ba77::", 64, Some(("69.58.186.119", 32, 16))),
            ("2002:453a::", 32, Some(("69.58.0.0", 16, 16))),
            ("2002::", 20, None),
            ("2001::bac5:4588", 128, Some(("69.58.186.119", 32, 96))),
            ("2001::bac5:0", 112, Some(("69.58.0.0", 16, 96))),
            ("2001::", 48, None),
            ("2a00::", 48, None),
        ] {
            let address = u128::from(text.parse::<Ipv6Addr>().unwrap());
            let expect =
                expect.map(|(v4, n, at)| (u32::from(v4.parse::<Ipv4Addr>().unwrap()), n, at));
            assert_eq!(carried_ipv4(address, source), expect, "{text}/{source}");
        }
    }
}
