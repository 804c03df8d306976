//! IPv6: two maps of 64 bits in a row.

use crate::geo::Found;
use crate::geo::LeafLabel;
use crate::geo::PrefixMap;
use crate::geo::PrefixMapBuilder;
use crate::geo::prefix_map::builder::position;

/// The leaves of IPv6.
///
/// Networks are told apart by their first 64 bits; where somebody tells clients apart by
/// more, those 64 bits have a map of the rest.
#[derive(Clone, Debug)]
pub struct PrefixMap6 {
    upper: PrefixMap<u64>,
    /// A leaf of `upper` with a label from this one up stands for the map at that
    /// distance in `lower`.
    first_deep: u32,
    lower: Box<[PrefixMap<u64>]>,
}

impl PrefixMap6 {
    /// See [`PrefixMap::lookup`].
    #[inline]
    pub fn lookup(&self, address: u128, source: u8) -> Found {
        let [high, low] = halves(address);
        let found = self.upper.lookup(high, source.min(64));
        match found.label.0.checked_sub(self.first_deep) {
            None => found,
            Some(deep) => self.lookup_deep(deep, low, source.saturating_sub(64)),
        }
    }

    /// See [`PrefixMap::anticipate`].
    #[inline]
    pub fn anticipate(&self, address: u128, step: u8) {
        let [high, _] = halves(address);
        self.upper.anticipate(high, step);
    }

    #[cold]
    fn lookup_deep(&self, deep: u32, low: u64, source: u8) -> Found {
        let Some(map) = self.lower.get(deep as usize) else {
            return Found { label: LeafLabel(0), depth: 128 };
        };
        let address = if source == 0 { 0 } else { low };
        let found = map.lookup(address, source);
        Found { depth: 64 + found.depth, ..found }
    }

    /// How many leaves there are.
    pub fn n_leaves(&self) -> usize {
        self.upper.n_leaves() + self.lower.iter().map(|map| map.n_leaves() - 1).sum::<usize>()
    }

    /// Octets of memory that the map holds.
    pub fn memory(&self) -> usize {
        self.upper.memory() + self.lower.iter().map(PrefixMap::memory).sum::<usize>()
    }
}

fn halves(address: u128) -> [u64; 2] {
    [address >> 64, address & u128::from(u64::MAX)].map(|half| u64::try_from(half).unwrap_or(0))
}

/// Takes IPv6 prefixes in address order; see [`PrefixMapBuilder`].
#[derive(Debug, Default)]
pub struct PrefixMap6Builder {
    /// Leaves of the first 64 bits; those with a map below have marked labels.
    upper: PrefixMapBuilder<u64>,
    /// Which 64 bits the map in the making is for.
    deep: Option<(u64, PrefixMapBuilder<u64>)>,
    lower: Vec<PrefixMapBuilder<u64>>,
}

/// While the number of labels is not known: far above any label.
const DEEP_MARK: u32 = 1 << 23;

impl PrefixMap6Builder {
    /// Appends the prefix that begins at `start`, which is where the one before ends.
    pub fn push(&mut self, start: u128, depth: u8, label: LeafLabel) {
        let [high, low] = halves(start);
        if self.deep.as_ref().is_some_and(|(current, _)| *current != high || depth <= 64) {
            self.close_deep();
        }
        match depth.checked_sub(64) {
            None | Some(0) => self.upper.push(high, depth, label),
            Some(depth) => {
                let (_, map) = self.deep.get_or_insert_with(|| (high, PrefixMapBuilder::default()));
                map.push(low, depth, label);
            }
        }
    }

    fn close_deep(&mut self) {
        let Some((high, map)) = self.deep.take() else { return };
        let label = map.single().unwrap_or_else(|| {
            let mark = LeafLabel(DEEP_MARK + position(self.lower.len()));
            self.lower.push(map);
            mark
        });
        self.upper.push(high, 64, label);
    }

    /// See [`PrefixMapBuilder::finish`].
    pub fn finish(mut self) -> PrefixMap6 {
        self.close_deep();
        let plain = self.upper.labels.iter().map(|label| label.0).filter(|l| *l < DEEP_MARK);
        let first_deep = plain.max().map_or(0, |label| label + 1);
        for label in self.upper.labels.iter_mut().filter(|label| label.0 >= DEEP_MARK) {
            label.0 = label.0 - DEEP_MARK + first_deep;
        }
        PrefixMap6 {
            upper: self.upper.finish(),
            first_deep,
            // What is told apart here all lies in one bucket.
            lower: self
                .lower
                .into_iter()
                .map(|map| map.finish_with(Vec::new(), Vec::new()))
                .collect(),
        }
    }
}
