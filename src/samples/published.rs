//! Orders with the names of their regions: as they are kept, shared and taken by maps.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::latency::Orders;
use crate::model::RegionId;
use crate::samples::file;
use crate::samples::file::File;
use crate::samples::file::Kind;

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
    pub(super) fn new(
        regions: Vec<String>,
        orders: Orders,
        prefixes: usize,
        at: Timestamp,
    ) -> Self {
        let prefixes = u32::try_from(prefixes).unwrap_or(u32::MAX);
        Self { regions, written: Written { at: at.as_second(), prefixes, orders } }
    }

    /// When they were learnt; 1970 if nothing was.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_second(self.written.at).unwrap_or_default()
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
        let written = file.part()?.ok_or("it holds no orders")?;
        Ok(Self { regions, written })
    }
}
