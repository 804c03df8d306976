//! Parcels: published orders in parts, for a medium that bounds its values.
//!
//! ```text
//!   version (1)  when learnt (8)  parts (2)  │  some of the octets of a file
//! ```

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::samples::Published;

const VERSION: u8 = 1;

/// Octets ahead of each part's own.
const HEAD: usize = 1 + 8 + 2;

/// Orders that arrive in parts.
#[derive(Debug, Default)]
pub struct Parcels {
    /// Which orders: when they were learnt, and how many parts they have.
    of: Option<(i64, u16)>,
    parts: BTreeMap<u16, Vec<u8>>,
}

impl Published {
    /// In parts of at most so many octets, in order.
    pub fn parcels(&self, most: usize) -> Vec<Vec<u8>> {
        let octets = self.encode();
        let parts: Vec<&[u8]> = octets.chunks(most.saturating_sub(HEAD).max(1)).collect();
        let count = u16::try_from(parts.len()).unwrap_or(u16::MAX).to_be_bytes();
        let at = self.at().as_second().to_be_bytes();
        parts.iter().map(|part| [&[VERSION], &at[..], &count[..], part].concat()).collect()
    }

    /// Whether all parts of them are among these, or one of later orders.
    pub fn is_among<'p>(&self, parts: impl Iterator<Item = &'p [u8]>) -> bool {
        let own = self.at().as_second();
        let (mut found, mut all) = (0_u16, 1);
        for Head { at, count, .. } in parts.filter_map(|part| Head::of(part).ok()) {
            if at > own {
                return true;
            }
            if at == own {
                (found, all) = (found.saturating_add(1), count);
            }
        }
        found >= all
    }
}

impl Parcels {
    /// Takes a part; returns the orders once all their parts are there. Parts of orders that were
    /// learnt earlier than others are left out, or not later than those that hold, `after`.
    ///
    /// # Errors
    ///
    /// What is wrong, for a person. Nothing of such orders is kept.
    pub fn take(
        &mut self,
        part: u16,
        octets: &[u8],
        after: Timestamp,
    ) -> Result<Option<Published>, String> {
        let Head { at, count, rest } = Head::of(octets)?;
        // All is read again each minute: most of it is known.
        let is_known = at <= after.as_second() || self.of.is_some_and(|(of, _)| at < of);
        if is_known || part >= count {
            return Ok(None);
        }
        let of = (at, count);
        if self.of != Some(of) {
            *self = Self { of: Some(of), parts: BTreeMap::new() };
        }
        self.parts.insert(part, rest.to_vec());
        if self.parts.len() < usize::from(of.1) {
            return Ok(None);
        }
        let octets: Vec<u8> = std::mem::take(&mut self.parts).into_values().flatten().collect();
        Published::decode(&octets).map(Some)
    }
}

/// What is ahead of each part's own octets.
struct Head<'p> {
    at: i64,
    count: u16,
    rest: &'p [u8],
}

impl<'p> Head<'p> {
    fn of(part: &'p [u8]) -> Result<Self, String> {
        let (version, rest) = part.split_first().ok_or("a part of them is empty")?;
        if *version != VERSION {
            return Err(format!("they have version {version}, expected {VERSION}"));
        }
        let (at, rest) = rest.split_first_chunk().ok_or("a part of them ends early")?;
        let (count, rest) = rest.split_first_chunk().ok_or("a part of them ends early")?;
        let (at, count) = (i64::from_be_bytes(*at), u16::from_be_bytes(*count));
        // Else nothing that is made later would ever hold.
        Timestamp::from_second(at).map_err(|_| "they were made at a time that is none")?;
        Ok(Self { at, count, rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Orders;

    fn published(at: i64, name: &str) -> Published {
        let at = Timestamp::from_second(at).unwrap();
        Published::new(vec![name.repeat(20)], Orders::default(), 3, at)
    }

    #[test]
    fn parts_come_in_any_order_and_the_later_orders_hold() {
        let (first, second) = (published(5, "us"), published(6, "eu"));
        let (old, new) = (first.parcels(32), second.parcels(32));
        assert!(old.len() > 2 && old.iter().all(|part| part.len() <= 32));
        let mut parcels = Parcels::default();
        let mut take = |part: usize, octets: &[u8]| {
            parcels.take(u16::try_from(part).unwrap(), octets, Timestamp::UNIX_EPOCH).unwrap()
        };
        assert_eq!(take(1, &old[1]), None);
        for (part, octets) in new.iter().enumerate().skip(1).rev() {
            assert_eq!(take(part, octets), None);
        }
        assert_eq!(take(0, &old[0]), None, "they are earlier");
        assert_eq!(take(0, &new[0]), Some(second.clone()));
        let mut parcels = Parcels::default();
        for (part, octets) in (0..).zip(&new) {
            assert_eq!(parcels.take(part, octets, second.at()), Ok(None), "they hold already");
        }
    }

    #[test]
    fn orders_are_there_when_all_their_parts_are() {
        let (first, second) = (published(5, "us"), published(6, "eu"));
        let (old, new) = (first.parcels(32), second.parcels(32));
        let is_among = |parts: &[Vec<u8>]| second.is_among(parts.iter().map(Vec::as_slice));
        assert!(is_among(&new) && !is_among(&new[1..]) && !is_among(&old) && !is_among(&[]));
        assert!(first.is_among(new.iter().map(Vec::as_slice)), "later ones hold");
    }

    #[test]
    fn a_time_that_is_none_does_not_keep_later_orders_out() {
        let orders = published(5, "us");
        let good = orders.parcels(4096).remove(0);
        let mut bad = good.clone();
        bad[1..9].copy_from_slice(&i64::MAX.to_be_bytes());
        let mut parcels = Parcels::default();
        assert!(parcels.take(0, &bad, Timestamp::UNIX_EPOCH).is_err());
        assert_eq!(parcels.take(0, &good, Timestamp::UNIX_EPOCH), Ok(Some(orders)));
    }

    #[test]
    fn what_is_damaged_is_said() {
        let orders = published(5, "us");
        let mut octets = orders.parcels(4096).remove(0);
        let mut parcels = Parcels::default();
        assert_eq!(parcels.take(0, &octets, Timestamp::UNIX_EPOCH), Ok(Some(orders)));
        octets[20] ^= 1;
        assert!(parcels.take(0, &octets, Timestamp::UNIX_EPOCH).is_err());
        octets[0] = 9;
        assert!(parcels.take(0, &octets, Timestamp::UNIX_EPOCH).unwrap_err().contains("version 9"));
        assert!(parcels.take(0, &[], Timestamp::UNIX_EPOCH).is_err());
    }
}
