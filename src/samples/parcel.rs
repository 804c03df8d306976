//! Parcels: published orders in parts, for a medium that bounds its values.
//!
//! ```text
//!   version (1)  when learnt (8)  parts (2)  │  some of the octets of a file
//! ```

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::limits;
use crate::samples::Published;
use crate::samples::published::AHEAD;

const VERSION: u8 = 1;

/// Octets of all parts: as many as a file of orders may have, and as many of those that it replaces.
const MOST: usize = 2 * limits::LATENCY_ORDERS_FILE;

/// Octets ahead of each part's own.
const HEAD: usize = 1 + 8 + 2;

/// Orders that arrive in parts: of each part the last that came, as a store has it. So parts of
/// orders that never come to be whole keep nothing out that is put in their place.
#[derive(Debug, Default)]
pub struct Parcels {
    parts: BTreeMap<u16, Part>,
}

#[derive(Debug)]
struct Part {
    /// Of which orders: when they were learnt, and how many parts they have.
    of: (i64, u16),
    octets: Vec<u8>,
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

    /// Whether all parts of them are among these, or one of later orders that may hold at `now`.
    pub fn is_among<'p>(&self, parts: impl Iterator<Item = &'p [u8]>, now: Timestamp) -> bool {
        let own = self.at().as_second();
        let (mut found, mut all) = (0_u16, 1);
        for Head { at, count, .. } in parts.filter_map(|part| Head::of(part, now).ok()) {
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
    /// Takes a part; returns the orders once all their parts are there. Those that were not learnt
    /// later than `after`, when those were that hold, are left out.
    ///
    /// # Errors
    ///
    /// What is wrong, for a person. Nothing of such orders is kept.
    pub fn take(
        &mut self,
        part: u16,
        octets: &[u8],
        after: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Published>, String> {
        let head = Head::of(octets, now).inspect_err(|_| drop(self.parts.remove(&part)))?;
        let Head { at, count, rest } = head;
        self.parts.retain(|_, part| part.of.0 > after.as_second());
        // All is read again each minute: most of it is known.
        if at <= after.as_second() || part >= count {
            return Ok(None);
        }
        let of = (at, count);
        self.parts.insert(part, Part { of, octets: rest.to_vec() });
        if self.parts.values().map(|part| part.octets.len()).sum::<usize>() > MOST {
            self.parts.clear();
            return Err("they have more octets than orders may have".to_owned());
        }
        let whole: Vec<&Part> = self.parts.values().filter(|part| part.of == of).collect();
        if whole.len() < usize::from(count) {
            return Ok(None);
        }
        let octets: Vec<u8> = whole.iter().flat_map(|part| &part.octets).copied().collect();
        self.parts.clear();
        match Published::decode(&octets)? {
            found if found.at().as_second() == at => Ok(Some(found)),
            _ => Err("their parts tell another time than they do".to_owned()),
        }
    }
}

/// What is ahead of each part's own octets.
struct Head<'p> {
    at: i64,
    count: u16,
    rest: &'p [u8],
}

impl<'p> Head<'p> {
    fn of(part: &'p [u8], now: Timestamp) -> Result<Self, String> {
        let (version, rest) = part.split_first().ok_or("a part of them is empty")?;
        if *version != VERSION {
            return Err(format!("they have version {version}, expected {VERSION}"));
        }
        let (at, rest) = rest.split_first_chunk().ok_or("a part of them ends early")?;
        let (count, rest) = rest.split_first_chunk().ok_or("a part of them ends early")?;
        let (at, count) = (i64::from_be_bytes(*at), u16::from_be_bytes(*count));
        // Else nothing that is made later would ever hold.
        let learnt =
            Timestamp::from_second(at).map_err(|_| "they were made at a time that is none")?;
        if learnt.duration_since(now) > AHEAD {
            return Err(format!("they were learnt at {learnt}, a day ahead of the clock here"));
        }
        Ok(Self { at, count, rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Orders;

    fn now() -> Timestamp {
        Timestamp::from_second(10).unwrap()
    }

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
            parcels
                .take(u16::try_from(part).unwrap(), octets, Timestamp::UNIX_EPOCH, now())
                .unwrap()
        };
        assert_eq!(take(1, &old[1]), None);
        for (part, octets) in new.iter().enumerate().skip(1).rev() {
            assert_eq!(take(part, octets), None);
        }
        assert_eq!(take(0, &old[0]), None, "they are earlier");
        assert_eq!(take(0, &new[0]), Some(second.clone()));
        let mut parcels = Parcels::default();
        for (part, octets) in (0..).zip(&new) {
            assert_eq!(
                parcels.take(part, octets, second.at(), now()),
                Ok(None),
                "they hold already"
            );
        }
    }

    #[test]
    fn orders_are_there_when_all_their_parts_are() {
        let (first, second) = (published(5, "us"), published(6, "eu"));
        let (old, new) = (first.parcels(32), second.parcels(32));
        let is_among = |parts: &[Vec<u8>]| second.is_among(parts.iter().map(Vec::as_slice), now());
        assert!(is_among(&new) && !is_among(&new[1..]) && !is_among(&old) && !is_among(&[]));
        assert!(first.is_among(new.iter().map(Vec::as_slice), now()), "later ones hold");
    }

    #[test]
    fn a_time_that_is_none_does_not_keep_later_orders_out() {
        let orders = published(5, "us");
        let good = orders.parcels(4096).remove(0);
        let mut bad = good.clone();
        bad[1..9].copy_from_slice(&i64::MAX.to_be_bytes());
        let mut parcels = Parcels::default();
        assert!(parcels.take(0, &bad, Timestamp::UNIX_EPOCH, now()).is_err());
        assert_eq!(parcels.take(0, &good, Timestamp::UNIX_EPOCH, now()), Ok(Some(orders)));
    }

    #[test]
    fn what_is_damaged_is_said() {
        let orders = published(5, "us");
        let mut octets = orders.parcels(4096).remove(0);
        let mut parcels = Parcels::default();
        assert_eq!(parcels.take(0, &octets, Timestamp::UNIX_EPOCH, now()), Ok(Some(orders)));
        octets[20] ^= 1;
        assert!(parcels.take(0, &octets, Timestamp::UNIX_EPOCH, now()).is_err());
        octets[0] = 9;
        assert!(
            parcels
                .take(0, &octets, Timestamp::UNIX_EPOCH, now())
                .unwrap_err()
                .contains("version 9")
        );
        assert!(parcels.take(0, &[], Timestamp::UNIX_EPOCH, now()).is_err());
    }

    /// As a store has it: a put of some parts, then one of all.
    #[test]
    fn orders_that_never_are_whole_keep_no_others_out() {
        let (good, never) = (published(6, "us"), published(9, "eu").parcels(32));
        let take = |parcels: &mut Parcels, part: usize, octets: &[u8]| {
            parcels.take(u16::try_from(part).unwrap(), octets, Timestamp::UNIX_EPOCH, now())
        };
        let mut parcels = Parcels::default();
        assert_eq!(take(&mut parcels, 0, &never[0]), Ok(None));
        let taken = good
            .parcels(32)
            .iter()
            .enumerate()
            .map(|(part, octets)| take(&mut parcels, part, octets).unwrap())
            .last()
            .flatten();
        assert_eq!(taken, Some(good.clone()), "its node is gone");
        // Damaged, they are no better.
        let mut bad = published(9, "eu").parcels(4096).remove(0);
        bad[20] ^= 1;
        assert!(take(&mut parcels, 0, &bad).is_err());
        assert_eq!(take(&mut parcels, 0, &good.parcels(4096)[0]), Ok(Some(good)));
    }

    #[test]
    fn what_a_clock_far_ahead_made_is_as_if_it_were_not_there() {
        let day = AHEAD.as_secs() + now().as_second();
        let (good, bad) = (published(6, "us"), published(day + 1, "eu").parcels(4096));
        let mut parcels = Parcels::default();
        let mut take = |octets: &[u8]| parcels.take(0, octets, Timestamp::UNIX_EPOCH, now());
        assert!(take(&bad[0]).unwrap_err().contains("1970-01-02T00:00:11Z"));
        assert_eq!(take(&good.parcels(4096)[0]), Ok(Some(good.clone())));
        assert!(!good.is_among(bad.iter().map(Vec::as_slice), now()), "it is to be said again");
        // Nor do one's own hold over others, once the clock is right.
        let own = published(day + 1, "eu");
        assert_eq!(own.since(now()), Timestamp::UNIX_EPOCH);
        assert_eq!(published(day, "eu").since(now()).as_second(), day);
    }

    #[test]
    fn parts_tell_when_their_orders_were_learnt() {
        let mut octets = published(5, "us").parcels(4096).remove(0);
        octets[1..9].copy_from_slice(&7_i64.to_be_bytes());
        let mut parcels = Parcels::default();
        assert!(parcels.take(0, &octets, Timestamp::from_second(6).unwrap(), now()).is_err());
    }

    #[test]
    fn parts_that_are_kept_are_bounded() {
        let mut parcels = Parcels::default();
        let part = [&[VERSION], &5_i64.to_be_bytes()[..], &[255, 255], &[0; 8 << 20]].concat();
        let mut take = |nth: u16| parcels.take(nth, &part, Timestamp::UNIX_EPOCH, now());
        let most = u16::try_from(MOST / (8 << 20)).unwrap();
        assert!((0..most).all(|nth| take(nth) == Ok(None)));
        assert!(take(most).is_err());
        assert!(parcels.parts.is_empty());
    }
}
