//! Making a map: siblings merged, inner nodes counted, leaves indexed.

use std::cmp::Reverse;

use crate::geo::LeafLabel;
use crate::geo::prefix_map::Bucket;
use crate::geo::prefix_map::FEW;
use crate::geo::prefix_map::Key;
use crate::geo::prefix_map::NO_SHELVES;
use crate::geo::prefix_map::PrefixMap;
use crate::geo::prefix_map::SHELVES;
use crate::geo::prefix_map::many;

/// Takes prefixes in address order and merges siblings with equal labels.
#[derive(Debug)]
pub struct PrefixMapBuilder<K> {
    starts: Vec<K>,
    depths: Vec<u8>,
    pub(super) labels: Vec<LeafLabel>,
}

impl<K: Key> Default for PrefixMapBuilder<K> {
    fn default() -> Self {
        Self { starts: Vec::new(), depths: Vec::new(), labels: Vec::new() }
    }
}

impl<K: Key> PrefixMapBuilder<K> {
    /// Appends the prefix that begins at `start`, which is where the one before ends.
    /// Constant time, amortised.
    #[inline]
    pub fn push(&mut self, start: K, depth: u8, label: LeafLabel) {
        self.push_cut(start, depth, label, 0);
    }

    /// The same, but cut up into leaves that are no wider than `widest` bits. Takes as long as
    /// there are pieces; always the same `widest` for a label.
    #[inline]
    pub fn push_cut(&mut self, start: K, depth: u8, label: LeafLabel, widest: u8) {
        debug_assert!(label.0 < 1 << 24, "labels have 24 bits");
        if depth < widest {
            self.push_halves(start, depth, label, widest);
            return;
        }
        let (mut start, mut depth) = (start, depth);
        // An upper half whose lower half is the leaf before, with the same label, makes
        // their parent a leaf; which may be an upper half again.
        while depth > widest
            && start.is_upper(depth)
            && self.labels.last() == Some(&label)
            && self.depths.last() == Some(&depth)
            && let Some(before) = self.starts.pop()
        {
            self.depths.pop();
            self.labels.pop();
            start = before;
            depth -= 1;
        }
        self.starts.push(start);
        self.depths.push(depth);
        self.labels.push(label);
    }

    /// A recursion as deep as `widest`.
    #[cold]
    fn push_halves(&mut self, start: K, depth: u8, label: LeafLabel, widest: u8) {
        self.push_cut(start, depth + 1, label, widest);
        self.push_cut(start.middle(depth), depth + 1, label, widest);
    }

    /// The label, if all that was pushed merged into one leaf.
    pub(super) fn single(&self) -> Option<LeafLabel> {
        match *self.labels {
            [label] => Some(label),
            _ => None,
        }
    }

    /// Counts the large inner nodes and makes the index. O(n log n) in the leaves.
    pub fn finish(self) -> PrefixMap<K> {
        let (buckets, shelves) = self.index();
        self.finish_with(buckets, shelves)
    }

    #[expect(clippy::indexing_slicing, reason = "positions come from the array's own length")]
    fn index(&self) -> (Vec<Bucket>, Vec<[u16; SHELVES]>) {
        let (mut buckets, mut shelves) = (Vec::with_capacity(K::BUCKETS + 1), Vec::new());
        let mut first = 0;
        for bucket in 0..K::BUCKETS {
            let here = self.starts[first..].iter().take_while(|s| s.bucket() == bucket).count();
            let mut entry = Bucket { first: position(first), shelves: NO_SHELVES };
            // More than that could not be numbered in two octets.
            if here > many::<K>() && here <= usize::from(u16::MAX) && K::has_shelves(bucket) {
                entry.shelves = position(shelves.len());
                shelves.push(shelves_of(&self.starts[first..first + here]));
            }
            buckets.push(entry);
            first += here;
        }
        buckets.push(Bucket { first: position(first), shelves: NO_SHELVES });
        (buckets, shelves)
    }

    pub(super) fn finish_with(
        self,
        buckets: Vec<Bucket>,
        shelves: Vec<[u16; SHELVES]>,
    ) -> PrefixMap<K> {
        let (middles, most) = Majority::new(&self).solve_all();
        let high = |label: &LeafLabel| {
            let [_, high, ..] = label.0.to_be_bytes();
            high
        };
        let pack = |((start, depth), label): ((&K, &u8), &LeafLabel)| {
            let [_, _, a, b] = label.0.to_be_bytes();
            start.pack(*depth, [a, b])
        };
        let wide = self.labels.iter().any(|label| high(label) != 0);
        PrefixMap {
            buckets: buckets.into(),
            shelves: shelves.into(),
            leaves: self.starts.iter().zip(&self.depths).zip(&self.labels).map(pack).collect(),
            high: wide.then(|| self.labels.iter().map(high).collect()),
            middles: middles.into(),
            most: most.into(),
        }
    }
}

/// For each part of a bucket, how many of its leaves begin before it.
fn shelves_of<K: Key>(starts: &[K]) -> [u16; SHELVES] {
    let mut shelves = [0; SHELVES];
    for (shelf, before) in shelves.iter_mut().enumerate() {
        let n = starts.partition_point(|start| start.shelf() < shelf);
        *before = u16::try_from(n).unwrap_or(u16::MAX);
    }
    shelves
}

pub(super) fn position(leaf: usize) -> u32 {
    u32::try_from(leaf).unwrap_or(u32::MAX)
}

/// The label that covers most of each inner node.
///
/// The counts of the larger child are kept and those of the smaller added to them, so
/// that each leaf is added O(log n) times in all.
struct Majority<'a, K> {
    leaves: &'a PrefixMapBuilder<K>,
    tally: Vec<Tally>,
    best: Option<LeafLabel>,
    /// What was found, by the leaf in the middle.
    found: Vec<(u32, u32)>,
}

/// One label within the node at hand.
#[derive(Clone, Copy)]
struct Tally {
    /// Addresses.
    count: u128,
    /// The first leaf that has it.
    first: u32,
}

impl Tally {
    const EMPTY: Self = Self { count: 0, first: u32::MAX };
}

#[expect(clippy::indexing_slicing, reason = "positions come from the arrays' own lengths")]
impl<'a, K: Key> Majority<'a, K> {
    fn new(leaves: &'a PrefixMapBuilder<K>) -> Self {
        let n_labels = leaves.labels.iter().map(|l| l.0 as usize + 1).max().unwrap_or(1);
        Self { leaves, tally: vec![Tally::EMPTY; n_labels], best: None, found: Vec::new() }
    }

    fn solve_all(mut self) -> (Vec<u32>, Vec<u32>) {
        self.solve(0, self.leaves.starts.len(), K::ZERO, 0);
        self.found.sort_unstable();
        self.found.into_iter().unzip()
    }

    /// Leaves `low..high` are the node that begins at `start` with `depth` bits. Leaves
    /// its tally behind. The recursion is as deep as an address has bits.
    fn solve(&mut self, low: usize, high: usize, start: K, depth: u8) {
        if high - low <= FEW {
            self.add(low, high);
            return;
        }
        let upper = start.middle(depth);
        let middle = low + self.leaves.starts[low..high].partition_point(|s| *s < upper);
        if middle - low <= high - middle {
            self.solve(low, middle, start, depth + 1);
            self.forget(low, middle);
            self.solve(middle, high, upper, depth + 1);
            self.add(low, middle);
        } else {
            self.solve(middle, high, upper, depth + 1);
            self.forget(middle, high);
            self.solve(low, middle, start, depth + 1);
            self.add(middle, high);
        }
        let label = self.best.unwrap_or(LeafLabel(0));
        let leaf = self.tally[label.0 as usize].first;
        let depth = self.leaves.depths[leaf as usize];
        self.found.push((position(middle), u32::from(depth) << 24 | label.0));
    }

    fn add(&mut self, low: usize, high: usize) {
        for leaf in low..high {
            let label = self.leaves.labels[leaf];
            let tally = &mut self.tally[label.0 as usize];
            tally.count += 1_u128 << (K::BITS - self.leaves.depths[leaf]);
            tally.first = tally.first.min(position(leaf));
            // Counts only grow, so the best is the best of before or this one. A tie
            // goes to the lower label: any rule will do that does not depend on the order.
            let key = (tally.count, Reverse(label));
            let ahead = self
                .best
                .is_none_or(|best| key > (self.tally[best.0 as usize].count, Reverse(best)));
            if ahead {
                self.best = Some(label);
            }
        }
    }

    fn forget(&mut self, low: usize, high: usize) {
        for label in &self.leaves.labels[low..high] {
            self.tally[label.0 as usize] = Tally::EMPTY;
        }
        self.best = None;
    }
}
