//! Orders with the names of their regions: as they are kept, shared and taken by maps.

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::latency::Orders;
use crate::model::RegionId;
use crate::samples::file;
use crate::samples::file::File;
use crate::samples::file::Kind;

/// How far ahead the clock of whoever learnt may be. What is further would hold over all that
/// anybody learns until then.
pub(super) const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// The orders that hold, whatever the configuration: regions go by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Published {
    /// What the regions are called, by the positions that the orders use.
    regions: Vec<String>,
    written: Written,
}

/// How much was learnt, and when.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sizes {
    /// Areas that have an order.
    pub areas: usize,
    /// Blocks that have one of their own.
    pub blocks: usize,
    /// Client prefixes of which it was learnt.
    pub prefixes: usize,
    /// When it was learnt; 1970 if nothing was.
    pub at: Timestamp,
}

/// What a file holds besides the names.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
struct Written {
    /// When they were learnt, in seconds since 1970.
    at: i64,
    /// Of how many client prefixes.
    prefixes: u32,
    orders: Orders,
}

impl Published {
    /// Of regions of these names, by position, learnt of so many client prefixes.
    pub fn new(regions: Vec<String>, orders: Orders, prefixes: usize, at: Timestamp) -> Self {
        let prefixes = u32::try_from(prefixes).unwrap_or(u32::MAX);
        Self { regions, written: Written { at: at.as_second(), prefixes, orders } }
    }

    /// When they were learnt; 1970 if nothing was.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_second(self.written.at).unwrap_or_default()
    }

    /// What orders must be later than to hold instead: [`at`](Self::at), but 1970 where that is so
    /// far from `now` that a clock was wrong, so that they hold over nothing.
    pub fn since(&self, now: Timestamp) -> Timestamp {
        if self.at().duration_since(now) > AHEAD { Timestamp::UNIX_EPOCH } else { self.at() }
    }

    /// How much it is.
    pub fn sizes(&self) -> Sizes {
        let Written { orders, prefixes, .. } = &self.written;
        Sizes {
            areas: orders.n_areas(),
            blocks: orders.n_blocks(),
            prefixes: *prefixes as usize,
            at: self.at(),
        }
    }

    /// Whether somebody is sent elsewhere to be measured.
    pub fn is_exploring(&self) -> bool {
        self.written.orders.is_exploring()
    }

    /// The same with everybody where they belong.
    #[must_use]
    pub fn rested(&self) -> Self {
        let Written { at, prefixes, orders } = &self.written;
        let written = Written { at: *at, prefixes: *prefixes, orders: orders.rested() };
        Self { regions: self.regions.clone(), written }
    }

    /// Whether they steer everybody as others do.
    pub fn steers_like(&self, other: &Self) -> bool {
        self.regions == other.regions && self.written.orders.steers_like(&other.written.orders)
    }

    /// The orders by the positions that regions of these names have. Regions that are not among
    /// them are left out.
    pub fn orders_for(&self, names: &[&str]) -> Orders {
        let position = |of: RegionId| {
            let name = self.regions.get(of.index())?;
            let at = names.iter().position(|other| other == name)?;
            u16::try_from(at).ok().map(RegionId)
        };
        self.written.orders.clone().renumbered(position)
    }

    /// As octets.
    pub fn encode(&self) -> Vec<u8> {
        let names: Vec<&str> = self.regions.iter().map(String::as_str).collect();
        file::encode(Kind::Orders, &names, std::iter::once(&self.written))
    }

    /// From octets.
    ///
    /// # Errors
    ///
    /// What is wrong, for a person.
    pub fn decode(octets: &[u8]) -> Result<Self, String> {
        let mut file = File::read(Kind::Orders, octets)?;
        let regions = file.names.clone();
        let written: Written = file.part()?.ok_or("it holds no orders")?;
        if Timestamp::from_second(written.at).is_err() {
            return Err("they were made at a time that is none".to_owned());
        }
        if !written.orders.is_sound(regions.len()) {
            return Err("they are not such as are made of round trips".to_owned());
        }
        Ok(Self { regions, written })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::limits;

    /// Orders of blocks, each with its regions and the place of an explored one.
    fn orders(blocks: &[(u64, bool, &[u16], Option<u16>)]) -> Orders {
        let blocks = blocks.iter().map(|(first, is_wide, regions, explored)| {
            let rated = regions.iter().map(|region| {
                serde_json::json!({ "region": region, "rtt": 9, "confidence": 50,
                    "level": "Prefix", "last": null, "count": 1 })
            });
            let order =
                serde_json::json!({ "rated": rated.collect::<Vec<_>>(), "explored": explored });
            serde_json::json!([{ "first": first, "is_wide": is_wide }, order])
        });
        let blocks: Vec<serde_json::Value> = blocks.collect();
        serde_json::from_value(serde_json::json!({ "areas": {}, "blocks": blocks })).unwrap()
    }

    fn decoded(orders: Orders, n_regions: usize) -> Result<Published, String> {
        let names = (0..n_regions).map(|n| n.to_string()).collect();
        let at = Timestamp::from_second(5).unwrap();
        Published::decode(&Published::new(names, orders, 3, at).encode())
    }

    #[test]
    fn orders_that_nobody_makes_are_not_taken() {
        let many: Vec<u16> = (0..=limits::LATENCY_RATED).map(|n| n.try_into().unwrap()).collect();
        let (most, _) = many.split_at(limits::LATENCY_RATED);
        for fine in [
            orders(&[]),
            orders(&[(16, false, &[1, 0], None), (16, true, &[0, 1], Some(1))]),
            orders(&[(1 << 63 | 256, true, most, Some(15))]),
        ] {
            assert!(decoded(fine.clone(), 20).is_ok(), "{fine:?}");
        }
        for bad in [
            orders(&[(16, false, &[], None)]),
            orders(&[(16, false, &[20], None)]),
            orders(&[(16, false, &[1, 0, 1], None)]),
            orders(&[(16, false, &many, None)]),
            orders(&[(16, false, &[1, 0], Some(0))]),
            orders(&[(16, false, &[1, 0], Some(2))]),
            orders(&[(17, true, &[1, 0], None)]),
            orders(&[(1 << 24, false, &[1, 0], None)]),
            orders(&[(16, true, &[1, 0], None), (16, false, &[1, 0], None)]),
            orders(&[(16, true, &[1, 0], None), (16, true, &[1, 0], None)]),
        ] {
            assert!(decoded(bad.clone(), 20).is_err(), "{bad:?}");
        }
        assert!(decoded(orders(&[]), limits::REGIONS).is_ok());
        let names = vec!["n".repeat(limits::NAME); limits::REGIONS + 1];
        let at = Timestamp::from_second(5).unwrap();
        let octets = Published::new(names, orders(&[]), 3, at).encode();
        assert!(Published::decode(&octets).unwrap_err().contains("more regions"));
    }
}
