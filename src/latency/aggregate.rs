//! What nodes tell each other.

use serde::Deserialize;
use serde::Serialize;

use crate::latency::ClientPrefix;
use crate::latency::cell::Slot;
use crate::model::RegionId;

/// A part of one node's table, to be merged into another's.
///
/// It needs neither version nor sequence: see [`Table::merge`](crate::latency::Table::merge).
/// Regions go by position; nodes whose configurations differ must translate them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    pub(super) cells: Vec<SharedCell>,
}

/// What one node knows of one prefix and region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SharedCell {
    pub(super) prefix: ClientPrefix,
    pub(super) region: u16,
    pub(super) words: Vec<Slot>,
}

impl Aggregate {
    /// How many (prefix, region) pairs it speaks of.
    pub const fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether it says nothing.
    pub const fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The regions by the positions that another configuration gives them; what it lacks is
    /// left out.
    #[must_use]
    pub fn renumbered(mut self, position: impl Fn(RegionId) -> Option<RegionId>) -> Self {
        self.cells.retain_mut(|cell| {
            let there = position(RegionId(cell.region));
            if let Some(RegionId(region)) = there {
                cell.region = region;
            }
            there.is_some()
        });
        self
    }
}
