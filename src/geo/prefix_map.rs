//! The longest-prefix-match structure that a policy is compiled into.
//!
//! The address space is cut into prefixes, the *leaves* of a binary trie in which
//! siblings with equal labels were merged. Leaves are kept as sorted arrays: where each
//! begins, its depth, its label; and an index by the leading bits says where to search.
//!
//! ```text
//!   starts  0      64      96   112 128              (of 0..=255)
//!   labels  A      B       A    C   B
//!   depths  2      3       4    4   1
//! ```
//!
//! A client may have sent fewer bits than the leaf has, an inner node of the trie. It gets
//! the label that covers most of what it sent. Of inner nodes with few leaves that is
//! counted when it is asked for; of the others it is kept. A full binary trie
//! with n leaves has n − 1 inner nodes, and the middle of each is where exactly one leaf
//! begins: that leaf's position is the key.
//!
//! IPv6 is two such structures, one for the first 64 bits, and small ones for the few
//! blocks that are told apart by the last 64 ([`PrefixMap6`]).
//!
//! # Invariants
//!
//! - The leaves cover the space, in order, without overlap.
//! - No two sibling leaves have the same label: the depth of a leaf is the
//!   shortest scope that is sound.
//!
//! # Start with
//!
//! [`PrefixMap::lookup`].

use std::cmp::Reverse;
use std::fmt;
use std::hint::black_box;

/// What a leaf says; below 2²⁴.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LeafLabel(pub u32);

/// A label, and for how many leading bits of the client's address it holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Found {
    /// The label of the leaf, or of most of the prefix if that is shorter than the leaf.
    pub label: LeafLabel,
    /// The depth of the leaf; for a shorter prefix that of its first leaf with this label.
    pub depth: u8,
}

/// Leading bits of addresses as a number: `u32` for IPv4, `u64` for half of IPv6.
pub trait Key: Copy + Ord + fmt::Debug + Send + Sync + 'static {
    /// What the leaves of one bucket are told apart by.
    type Low: Copy + Ord;
    /// A leaf: where it begins in its bucket, its depth, and two octets of its label, side
    /// by side, so that a cache line tells all of it.
    type Entry: Copy + Default + fmt::Debug + Send + Sync + 'static;
    /// How many bits there are.
    const BITS: u8;
    /// How many buckets the index has.
    const BUCKETS: usize;
    /// The lowest address.
    const ZERO: Self;

    /// The bucket of an address, below `BUCKETS`; grows with the address.
    fn bucket(self) -> usize;
    /// Whether the addresses of a bucket have the bits before their shelf in common.
    fn has_shelves(bucket: usize) -> bool;
    /// The six bits that follow those of the bucket.
    fn shelf(self) -> usize;
    /// The part that its bucket does not tell.
    fn low(self) -> Self::Low;
    /// The leaf that begins here.
    fn pack(self, depth: u8, label: [u8; 2]) -> Self::Entry;
    /// Where a leaf begins.
    fn low_of(entry: &Self::Entry) -> Self::Low;
    /// The depth and the two octets of the label.
    fn rest_of(entry: &Self::Entry) -> [u8; 3];
    /// The first address of a prefix's upper half.
    fn middle(self, depth: u8) -> Self;
    /// The last address of a prefix.
    fn last(self, depth: u8) -> Self;
    /// Whether a prefix is the upper half of its parent.
    fn is_upper(self, depth: u8) -> bool;
}

impl Key for u32 {
    type Low = u16;
    type Entry = [u8; 5];
    const BITS: u8 = 32;
    const BUCKETS: usize = 1 << 16;
    const ZERO: Self = 0;

    fn bucket(self) -> usize {
        (self >> 16) as usize
    }

    fn has_shelves(_: usize) -> bool {
        true
    }

    #[inline]
    fn shelf(self) -> usize {
        (self >> 10 & 0x3f) as usize
    }

    #[inline]
    fn low(self) -> u16 {
        let [_, _, a, b] = self.to_be_bytes();
        u16::from_be_bytes([a, b])
    }

    fn pack(self, depth: u8, [c, d]: [u8; 2]) -> [u8; 5] {
        let [a, b] = self.low().to_be_bytes();
        [a, b, depth, c, d]
    }

    #[inline]
    fn low_of(&[a, b, ..]: &[u8; 5]) -> u16 {
        u16::from_be_bytes([a, b])
    }

    #[inline]
    fn rest_of(&[.., depth, a, b]: &[u8; 5]) -> [u8; 3] {
        [depth, a, b]
    }

    fn middle(self, depth: u8) -> Self {
        self | 1 << (31 - depth)
    }

    fn last(self, depth: u8) -> Self {
        self | Self::MAX.checked_shr(depth.into()).unwrap_or(0)
    }

    fn is_upper(self, depth: u8) -> bool {
        self >> (32 - depth) & 1 != 0
    }
}

impl Key for u64 {
    type Low = Self;
    type Entry = [u8; 11];
    const BITS: u8 = 64;
    // One each for what is below and above.
    const BUCKETS: usize = (1 << 16) + 2;
    const ZERO: Self = 0;

    /// IPv6 unicast is allocated from 2000::/3 (RFC 4291, 2.4): the 16 bits that follow
    /// its first three spread it, the first 16 bits would not.
    fn bucket(self) -> usize {
        let first_19 = usize::try_from(self >> 45).unwrap_or(0);
        (first_19 + 1).saturating_sub(1 << 16).min(Self::BUCKETS - 1)
    }

    fn has_shelves(bucket: usize) -> bool {
        bucket != 0 && bucket != Self::BUCKETS - 1
    }

    #[inline]
    fn shelf(self) -> usize {
        usize::try_from(self >> 39 & 0x3f).unwrap_or(0)
    }

    #[inline]
    fn low(self) -> Self {
        self
    }

    fn pack(self, depth: u8, [i, j]: [u8; 2]) -> [u8; 11] {
        let [a, b, c, d, e, f, g, h] = self.to_be_bytes();
        [a, b, c, d, e, f, g, h, depth, i, j]
    }

    #[inline]
    fn low_of(&[a, b, c, d, e, f, g, h, ..]: &[u8; 11]) -> Self {
        Self::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    #[inline]
    fn rest_of(&[.., depth, a, b]: &[u8; 11]) -> [u8; 3] {
        [depth, a, b]
    }

    fn middle(self, depth: u8) -> Self {
        self | 1 << (63 - depth)
    }

    fn last(self, depth: u8) -> Self {
        self | Self::MAX.checked_shr(depth.into()).unwrap_or(0)
    }

    fn is_upper(self, depth: u8) -> bool {
        self >> (64 - depth) & 1 != 0
    }
}

/// Up to so many leaves are counted when a prefix is asked for; more are kept counted.
const FEW: usize = 64;

/// The leaves of a space of [`Key::BITS`] bits.
#[derive(Clone, Debug)]
pub struct PrefixMap<K: Key> {
    /// In order of addresses, and one more that is where the last one ends. Small maps
    /// have none and are searched whole.
    buckets: Box<[Bucket]>,
    /// Of the buckets with more than [`many`] leaves: how many of them begin before each
    /// of [`SHELVES`] equal parts.
    shelves: Box<[[u16; SHELVES]]>,
    leaves: Box<[K::Entry]>,
    /// The third octet of each label, if there are that many labels.
    high: Option<Box<[u8]>>,
    /// The inner nodes with more than [`FEW`] leaves, by the leaf in their middle.
    middles: Box<[u32]>,
    /// For each of those, its label in the low 24 bits and the depth in the high 8.
    most: Box<[u32]>,
}

/// A part of the space.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// The position of the first leaf that begins in it or later.
    first: u32,
    /// Position of its shelves, [`NO_SHELVES`] if it has few leaves.
    shelves: u32,
}

const NO_SHELVES: u32 = u32::MAX;

/// How many cache lines of leaves a look-up may have to choose from, and are read ahead.
const LINES: usize = 8;

/// Leaves in a cache line.
const fn per_line<K: Key>() -> usize {
    64 / size_of::<K::Entry>()
}

/// A bucket with more leaves has shelves: a look-up then reads two or three cache lines,
/// however many leaves there are.
const fn many<K: Key>() -> usize {
    LINES * per_line::<K>()
}

/// How many shelves such a bucket has: as many as six bits tell.
const SHELVES: usize = 64;

impl<K: Key> PrefixMap<K> {
    /// Finds what is known of a client from the first `source` bits of its address, the
    /// others being zero. One index step and a binary search; no allocation.
    #[inline]
    pub fn lookup(&self, address: K, source: u8) -> Found {
        let leaf = self.leaf_of(address);
        let found = self.at(leaf);
        if found.depth <= source { found } else { self.lookup_inner(leaf, address, source) }
    }

    /// `address` begins the prefix, an inner node, and its first leaf.
    #[cold]
    fn lookup_inner(&self, first: usize, address: K, source: u8) -> Found {
        let end = self.leaf_of(address.last(source)) + 1;
        if end - first <= FEW {
            return self.at(self.most_of_few(first, end));
        }
        let middle = u32::try_from(self.leaf_of(address.middle(source))).unwrap_or(u32::MAX);
        let kept = self.middles.binary_search(&middle).ok().and_then(|at| self.most.get(at));
        let [depth, a, b, c] = kept.copied().unwrap_or(0).to_be_bytes();
        Found { label: LeafLabel(u32::from_be_bytes([0, a, b, c])), depth }
    }

    /// The first leaf with the label that covers most of the leaves `first..end`; O(leaves ×
    /// labels among them).
    fn most_of_few(&self, first: usize, end: usize) -> usize {
        let mut tallies = [(LeafLabel(0), 0_u128, 0_usize); FEW];
        let mut used = 0;
        for leaf in first..end {
            let Found { label, depth } = self.at(leaf);
            let size = 1 << (K::BITS - depth);
            let known = tallies.iter_mut().take(used).find(|tally| tally.0 == label);
            if let Some((_, count, _)) = known {
                *count += size;
            } else if let Some(slot) = tallies.get_mut(used) {
                *slot = (label, size, leaf);
                used += 1;
            }
        }
        let most = tallies.iter().take(used).max_by_key(|(label, n, _)| (*n, Reverse(*label)));
        most.map_or(first, |(_, _, leaf)| *leaf)
    }

    #[inline]
    fn at(&self, leaf: usize) -> Found {
        let [depth, a, b] = self.leaves.get(leaf).map(K::rest_of).unwrap_or_default();
        let high = self.high.as_ref().and_then(|high| high.get(leaf)).copied().unwrap_or(0);
        Found { label: LeafLabel(u32::from_be_bytes([0, high, a, b])), depth }
    }

    /// The leaf that holds an address.
    #[inline]
    fn leaf_of(&self, address: K) -> usize {
        let (low, high) = self.candidates(address);
        let within = self.leaves.get(low..high).unwrap_or_default();
        let key = address.low();
        // None: a leaf that began in an earlier bucket or shelf reaches into this one.
        (low + within.partition_point(|leaf| K::low_of(leaf) <= key)).saturating_sub(1)
    }

    /// The leaves that begin in the same bucket or shelf as an address.
    #[inline]
    fn candidates(&self, address: K) -> (usize, usize) {
        let bucket = address.bucket();
        let Some(&[here, next]) = self.buckets.get(bucket..).and_then(|rest| rest.first_chunk())
        else {
            return (0, self.leaves.len());
        };
        let (first, end) = (here.first as usize, next.first as usize);
        let Some(shelves) = self.shelves.get(here.shelves as usize) else { return (first, end) };
        let shelf = address.shelf();
        let before = |shelf: usize| shelves.get(shelf).map(|n| first + usize::from(*n));
        (before(shelf).unwrap_or(first), before(shelf + 1).unwrap_or(end))
    }

    /// Reads, for nothing, what a look-up of this address reads first: so that it comes
    /// from memory while others are waited for. `step` 0 to 2, each needs what the one before
    /// read.
    #[inline]
    pub fn anticipate(&self, address: K, step: u8) {
        let bucket = address.bucket();
        match step {
            0 => _ = black_box(self.buckets.get(bucket).map(|bucket| bucket.first)),
            1 => _ = black_box(self.candidates(address)),
            _ => {
                let (low, high) = self.candidates(address);
                let within = self.leaves.get(low..high).unwrap_or_default();
                // One leaf per cache line.
                for leaf in within.iter().step_by(per_line::<K>()).take(LINES) {
                    black_box(K::rest_of(leaf));
                }
            }
        }
    }

    /// How many leaves there are.
    pub fn n_leaves(&self) -> usize {
        self.leaves.len()
    }

    /// Octets of memory that the map holds.
    pub fn memory(&self) -> usize {
        size_of_val(&*self.buckets)
            + size_of_val(&*self.shelves)
            + size_of_val(&*self.leaves)
            + self.high.as_ref().map_or(0, |high| high.len())
            + size_of_val(&*self.middles)
            + size_of_val(&*self.most)
    }
}

// ---- Builder ---------------------------------------------------------------

/// Takes prefixes in address order and merges siblings with equal labels.
#[derive(Debug)]
pub struct PrefixMapBuilder<K> {
    starts: Vec<K>,
    depths: Vec<u8>,
    labels: Vec<LeafLabel>,
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
        debug_assert!(label.0 < 1 << 24, "labels have 24 bits");
        let (mut start, mut depth) = (start, depth);
        // An upper half whose lower half is the leaf before, with the same label, makes
        // their parent a leaf; which may be an upper half again.
        while depth > 0
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

    /// The label, if all that was pushed merged into one leaf.
    fn single(&self) -> Option<LeafLabel> {
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

    fn finish_with(self, buckets: Vec<Bucket>, shelves: Vec<[u16; SHELVES]>) -> PrefixMap<K> {
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

fn position(leaf: usize) -> u32 {
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

// ---- IPv6 ------------------------------------------------------------------

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn build(leaves: &[(u32, u8, u32)]) -> PrefixMap<u32> {
        let mut builder = PrefixMapBuilder::default();
        for &(start, depth, label) in leaves {
            builder.push(start, depth, LeafLabel(label));
        }
        builder.finish()
    }

    fn found(label: u32, depth: u8) -> Found {
        Found { label: LeafLabel(label), depth }
    }

    #[test]
    fn siblings_with_one_label_become_their_parent() {
        let map = build(&[(0, 2, 7), (1 << 30, 2, 7), (1 << 31, 2, 7), (3 << 30, 2, 8)]);
        assert_eq!(map.n_leaves(), 3);
        assert_eq!(map.lookup(1 << 30, 32), found(7, 1));
        assert_eq!(map.lookup(1 << 31, 32), found(7, 2));
        assert_eq!(map.lookup(3 << 30, 32), found(8, 2));
        assert_eq!(build(&[(0, 1, 3), (1 << 31, 1, 3)]).lookup(5, 0), found(3, 0));
    }

    #[test]
    fn a_short_prefix_gets_what_covers_most_of_it() {
        let map = build(
            &[(0x0a00_0000, 9, 1), (0x0a80_0000, 10, 2), (0x0ac0_0000, 10, 1)]
                .iter()
                .fold(vec![(0, 5, 0), (0x0800_0000, 7, 0)], |mut all, leaf| {
                    all.push(*leaf);
                    all
                })
                .into_iter()
                .chain([
                    (0x0b00_0000, 8, 0),
                    (0x0c00_0000, 6, 0),
                    (0x1000_0000, 4, 0),
                    (0x2000_0000, 3, 0),
                    (0x4000_0000, 2, 0),
                    (0x8000_0000, 1, 0),
                ])
                .collect::<Vec<_>>(),
        );
        assert_eq!(map.lookup(0x0a00_0000, 8), found(1, 9));
        assert_eq!(map.lookup(0x0a80_0000, 9), found(1, 10));
        assert_eq!(map.lookup(0x0a80_0000, 24), found(2, 10));
        assert_eq!(map.lookup(0, 1), found(0, 5));
    }

    /// Random tries over the first eight bits, with labels from a small set.
    fn tries() -> impl Strategy<Value = Vec<(u32, u8, u32)>> {
        proptest::collection::vec(0_u32..3, 256).prop_map(|cells| {
            cells.iter().zip(0_u32..).map(|(label, i)| (i << 24, 8, *label)).collect()
        })
    }

    proptest! {
        #[test]
        fn lookup_agrees_with_counting(cells in tries(), address: u32, source in 0_u8..=32) {
            let map = build(&cells);
            let masked = if source == 0 { 0 } else { address >> (32 - source) << (32 - source) };
            let got = map.lookup(masked, source);
            let label_at = |a: u32| cells[(a >> 24) as usize].2;
            let within = |a: u32, bits: u8| bits == 0 || (a ^ masked) >> (32 - bits) == 0;
            if got.depth <= source {
                // Sound: one label in the block. Tight: two in its parent.
                let labels = |bits: u8| {
                    cells.iter().filter(|c| within(c.0, bits.min(8)) && within(c.0, bits))
                        .map(|c| c.2).chain([label_at(masked)])
                        .collect::<std::collections::BTreeSet<_>>()
                };
                prop_assert!(got.depth <= 8);
                prop_assert_eq!(labels(got.depth).into_iter().collect::<Vec<_>>(), vec![got.label.0]);
                if got.depth > 0 {
                    prop_assert!(labels(got.depth - 1).len() > 1);
                }
            } else {
                let mut counts = BTreeMap::new();
                for cell in cells.iter().filter(|c| within(c.0, source)) {
                    *counts.entry(cell.2).or_insert(0) += 1;
                }
                let most = counts.values().max().unwrap();
                prop_assert_eq!(&counts[&got.label.0], most);
                let first = cells.iter().find(|c| within(c.0, source) && c.2 == got.label.0);
                let first = map.lookup(first.unwrap().0, 32);
                prop_assert_eq!(first.depth, got.depth);
            }
        }
    }

    /// The whole space, with 256 leaves of `base`/`depth` whose labels differ in turn.
    fn crowded<K: Key>(base: K, depth: u8) -> (PrefixMap<K>, Vec<(K, u32)>) {
        let mut leaves: Vec<(K, u8, u32)> = Vec::new();
        let mut node = K::ZERO;
        for bit in 0..depth {
            let upper = node.middle(bit);
            let inside = base >= upper;
            leaves.push((if inside { node } else { upper }, bit + 1, 100 + u32::from(bit)));
            node = if inside { upper } else { node };
        }
        let mut starts = vec![node];
        for bit in depth..depth + 8 {
            starts = starts.into_iter().flat_map(|s| [s, s.middle(bit)]).collect();
        }
        let cells: Vec<(K, u32)> = starts.into_iter().zip((0..3).cycle()).collect();
        leaves.extend(cells.iter().map(|(start, label)| (*start, depth + 8, *label)));
        leaves.sort_unstable();
        let mut builder = PrefixMapBuilder::default();
        for (start, depth, label) in leaves {
            builder.push(start, depth, LeafLabel(label));
        }
        (builder.finish(), cells)
    }

    /// Buckets with shelves, and those that can't have any.
    #[test]
    fn crowded_buckets_are_searched_right() {
        fn check<K: Key>(base: K, depth: u8) {
            let (map, cells) = crowded(base, depth);
            for (start, label) in cells {
                for address in [start, start.last(depth + 8)] {
                    assert_eq!(
                        map.lookup(address, K::BITS),
                        found(label, depth + 8),
                        "{address:?}"
                    );
                }
            }
            let before = map.lookup(K::ZERO, K::BITS);
            assert!(before.label.0 >= 100 || base == K::ZERO, "{before:?}");
        }
        check(10_u32 << 24 | 1 << 16, 16);
        check(10_u32 << 24 | 1 << 16, 18);
        check(10_u32 << 24, 12);
        check(0_u32, 16);
        for top in [0x2a00_u64, 0x2001, 0x3fff, 0, 0x1fff, 0x4000, 0xfd00, 0xffff] {
            for depth in [16, 19, 32, 40, 56] {
                check(top << 48, depth);
            }
        }
    }

    #[test]
    fn ipv6_inside_and_outside_the_buckets_and_below_64_bits() {
        let unicast = 0x2000_u128 << 112;
        // One address of the first /64 is label 7; all others up to the /4 are label 1.
        let mut builder = PrefixMap6Builder::default();
        builder.push(0, 3, LeafLabel(0));
        builder.push(unicast, 128, LeafLabel(7));
        for depth in (65..=128).rev() {
            builder.push(unicast | 1 << (128 - depth), depth, LeafLabel(1));
        }
        for depth in (5..=64).rev() {
            builder.push(unicast | 1 << (128 - depth), depth, LeafLabel(1));
        }
        builder.push(0x3000 << 112, 4, LeafLabel(2));
        builder.push(0x4000 << 112, 2, LeafLabel(0));
        builder.push(1 << 127, 1, LeafLabel(3));
        let map = builder.finish();
        for (address, source, label, depth) in [
            (0, 128, 0, 3),
            (unicast, 128, 7, 128),
            (unicast | 1, 128, 1, 128),
            (unicast, 64, 1, 128),
            (unicast, 100, 1, 128),
            (unicast | 1 << 63, 128, 1, 65),
            (unicast | 1 << 64, 64, 1, 64),
            (0x2fff << 112, 128, 1, 5),
            (0x3fff << 112, 128, 2, 4),
            (0x4000 << 112, 128, 0, 2),
            (u128::MAX, 128, 3, 1),
            (0, 1, 0, 3),
        ] {
            assert_eq!(map.lookup(address, source), found(label, depth), "{address:x}/{source}");
        }
    }
}
