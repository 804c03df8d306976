//! The EDNS client subnet option (RFC 7871).

use crate::model::Family;

/// How many bits of the client's address the resolver sent (RFC 7871, 6).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SourcePrefix(pub u8);

/// For how many bits the answer holds (RFC 7871, 6); 0 in queries.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ScopePrefix(pub u8);

impl ScopePrefix {
    /// The answer is the same for everybody.
    pub const GLOBAL: Self = Self(0);
}

/// A client subnet as received, checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientSubnet {
    /// The FAMILY field as sent, for the echo; 0 only with source prefix 0.
    pub(crate) family_code: u16,
    /// The family, `None` when the client opted out with FAMILY 0.
    pub family: Option<Family>,
    /// SOURCE PREFIX-LENGTH; 0 asks not to be located (RFC 7871, 7.1.2).
    pub source: SourcePrefix,
    /// The address, right-aligned: IPv4 in the low 32 bits; zero past the source prefix.
    pub address: u128,
}

impl ClientSubnet {
    /// Reads the option's data. `None` is FORMERR: an option that RFC 7871, 6 forbids
    /// in a query.
    pub(crate) fn parse(data: &[u8]) -> Option<Self> {
        let (&[f0, f1, source, scope], address) = data.split_first_chunk()?;
        let family_code = u16::from_be_bytes([f0, f1]);
        let family = match family_code {
            // `dig +subnet=0` sends family 0; it can only mean "none" (7.1.2).
            0 if source == 0 => None,
            1 => Some(Family::V4),
            2 => Some(Family::V6),
            _ => return None,
        };
        let bits = family.map_or(0, Family::bits);
        // "MUST be set to 0 in queries".
        if scope != 0 || source > bits {
            return None;
        }
        // "truncated to the number of bits indicated ... padding with 0 bits to pad to
        // the end of the last octet needed": no more octets and no fewer.
        if address.len() != usize::from(source).div_ceil(8) {
            return None;
        }
        let address = match (family, address) {
            (Some(Family::V4), address) => u128::from(u32::from_be_bytes(padded(address))),
            (_, address) => u128::from_be_bytes(padded(address)),
        };
        let sent = u128::MAX.checked_shl(u32::from(bits - source)).unwrap_or(0);
        if address & !sent & low_bits(bits) != 0 {
            return None;
        }
        Some(Self { family_code, family, source: SourcePrefix(source), address })
    }

    /// Octets of the option in the response, header included.
    pub(crate) fn wire_len(&self) -> usize {
        4 + 4 + usize::from(self.source.0).div_ceil(8)
    }
}

/// The octets that were sent, and zeros. There are at most `N` of them.
fn padded<const N: usize>(octets: &[u8]) -> [u8; N] {
    let mut padded = [0; N];
    // A loop over a handful of octets is cheaper than a call to copy them.
    for (to, from) in padded.iter_mut().zip(octets) {
        *to = *from;
    }
    padded
}

/// So many ones from the right.
const fn low_bits(bits: u8) -> u128 {
    match bits {
        128 => u128::MAX,
        bits => (1 << bits) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7871, 6: what is taken, and as what.
    #[test]
    fn s6_well_formed_options_are_taken() {
        for (data, family, source, address) in [
            (&[0, 1, 24, 0, 192, 0, 2][..], Some(Family::V4), 24, 0xc000_0200),
            (&[0, 1, 32, 0, 192, 0, 2, 1], Some(Family::V4), 32, 0xc000_0201),
            (&[0, 1, 1, 0, 0x80], Some(Family::V4), 1, 0x8000_0000),
            (&[0, 1, 0, 0], Some(Family::V4), 0, 0),
            (&[0, 2, 0, 0], Some(Family::V6), 0, 0),
            (&[0, 0, 0, 0], None, 0, 0),
            (&[0, 2, 20, 0, 0x20, 0x01, 0xd0], Some(Family::V6), 20, 0x2001_d000 << 96),
        ] {
            let subnet = ClientSubnet::parse(data).unwrap();
            assert_eq!(
                (subnet.family, subnet.source.0, subnet.address),
                (family, source, address),
                "{data:?}"
            );
            assert_eq!(subnet.wire_len(), 4 + data.len());
        }
        let mut full = vec![0, 2, 128, 0];
        full.extend([0xff; 16]);
        assert_eq!(ClientSubnet::parse(&full).unwrap().address, u128::MAX);
    }

    /// RFC 7871, 6: each of these is FORMERR.
    #[test]
    fn s6_broken_options_are_refused() {
        for data in [
            &[][..],
            &[0, 1, 24],
            &[0, 1, 24, 24, 192, 0, 2],
            &[0, 3, 24, 0, 192, 0, 2],
            &[0, 0, 8, 0, 10],
            &[0, 1, 33, 0, 192, 0, 2, 0, 0],
            &[0, 1, 24, 0, 192, 0],
            &[0, 1, 24, 0, 192, 0, 2, 0],
            &[0, 1, 0, 0, 0],
            &[0, 1, 20, 0, 192, 0, 0xff],
            &[0, 1, 31, 0, 192, 0, 2, 1],
        ] {
            assert_eq!(ClientSubnet::parse(data), None, "{data:?}");
        }
    }
}
