//! The longest-prefix-match structure that a policy is compiled into.
//!
//! The address space is cut into prefixes, the *leaves* of a binary trie in which
//! siblings with equal labels were merged. Leaves are kept as sorted arrays:
//! where each begins, and its label. How long a leaf's prefix is follows from
//! where the next one begins, so it is not stored.
//!
//! ```text
//!   starts  0      64      96   112 128              (of 0..=255)
//!   labels  A      B       A    C   B
//!   depth   2      3       4    4   1
//! ```
//!
//! A full binary trie with n leaves has n − 1 inner nodes, and the middle of each
//! is where exactly one leaf begins. So what is kept per inner node (for clients
//! that sent fewer bits than the leaf has) is an array beside the leaves, found
//! by the middle of the prefix that was sent.
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

use std::fmt;

use crate::model::Family;

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

/// An address as a number: `u32` or `u128`.
pub trait Key: Copy + Ord + fmt::Debug + Send + Sync + 'static {
    /// The family whose addresses these are.
    const FAMILY: Family;
    /// How many buckets the first-level index has.
    const BUCKETS: usize;
    /// The lowest address.
    const ZERO: Self;

    /// The bucket of an address; `None` for the parts of the space without buckets.
    fn bucket(self) -> Option<usize>;
    /// The first address of a bucket; for `BUCKETS`, one past the last bucket.
    fn bucket_start(bucket: usize) -> Self;
    /// One bit, counted from the left.
    fn bit(position: u8) -> Self;
    /// Bitwise or.
    fn or(self, other: Self) -> Self;
    /// Whether any bit of `other` is set.
    fn intersects(self, other: Self) -> bool;
    /// The depth of a block that begins here and ends before `next`; `None` is the
    /// end of the space.
    fn depth_until(self, next: Option<Self>) -> u8;
}

impl Key for u32 {
    const FAMILY: Family = Family::V4;
    const BUCKETS: usize = 1 << 16;
    const ZERO: Self = 0;

    fn bucket(self) -> Option<usize> {
        Some((self >> 16) as usize)
    }

    fn bucket_start(bucket: usize) -> Self {
        Self::try_from(bucket << 16).unwrap_or(Self::MAX)
    }

    fn bit(position: u8) -> Self {
        1 << (31 - position)
    }

    fn or(self, other: Self) -> Self {
        self | other
    }

    fn intersects(self, other: Self) -> bool {
        self & other != 0
    }

    fn depth_until(self, next: Option<Self>) -> u8 {
        // The size of the block is a power of two; the whole space wraps to 0.
        let size = next.unwrap_or(0).wrapping_sub(self);
        u8::try_from(32 - size.trailing_zeros()).unwrap_or(0)
    }
}

/// IPv6 unicast is allocated from 2000::/3 (RFC 4291, 2.4): buckets by the 16 bits
/// that follow its first three spread it, buckets by the first 16 bits would not.
const UNICAST: usize = 1 << 16;

impl Key for u128 {
    const FAMILY: Family = Family::V6;
    const BUCKETS: usize = 1 << 16;
    const ZERO: Self = 0;

    fn bucket(self) -> Option<usize> {
        let top = usize::try_from(self >> 109).unwrap_or(0);
        top.checked_sub(UNICAST).filter(|bucket| *bucket < Self::BUCKETS)
    }

    fn bucket_start(bucket: usize) -> Self {
        ((bucket + UNICAST) as Self) << 109
    }

    fn bit(position: u8) -> Self {
        1 << (127 - position)
    }

    fn or(self, other: Self) -> Self {
        self | other
    }

    fn intersects(self, other: Self) -> bool {
        self & other != 0
    }

    fn depth_until(self, next: Option<Self>) -> u8 {
        let size = next.unwrap_or(0).wrapping_sub(self);
        u8::try_from(128 - size.trailing_zeros()).unwrap_or(0)
    }
}

/// The leaves of one address family.
#[derive(Clone, Debug)]
pub struct PrefixMap<K> {
    starts: Box<[K]>,
    labels: Box<[LeafLabel]>,
    /// For the inner node whose middle is `starts[i]`: its most frequent label in the
    /// low 24 bits, and the depth that goes with it in the high 8.
    inner: Box<[u32]>,
    /// For each bucket, the first leaf that begins in it or after it.
    buckets: Box<[u32]>,
}

impl<K: Key> PrefixMap<K> {
    /// Finds what is known of a client from the first `source` bits of its address, the
    /// others being zero. One index step and a binary search; no allocation.
    pub fn lookup(&self, address: K, source: u8) -> Found {
        let leaf = self.leaf_of(address);
        let depth = self.depth(leaf);
        if depth <= source {
            let label = self.labels.get(leaf).copied().unwrap_or(LeafLabel(0));
            return Found { label, depth };
        }
        // The prefix is an inner node, and its middle begins a leaf.
        let middle = self.leaf_of(address.or(K::bit(source)));
        let packed = self.inner.get(middle).copied().unwrap_or(0);
        let [depth, ..] = packed.to_be_bytes();
        Found { label: LeafLabel(packed & LABEL_MASK), depth }
    }

    /// The leaf that holds an address.
    fn leaf_of(&self, address: K) -> usize {
        let (low, high) = match address.bucket() {
            Some(bucket) => match self.buckets.get(bucket..bucket + 2) {
                Some(&[low, high]) => (low as usize, high as usize),
                _ => (0, self.starts.len()),
            },
            None => (0, self.starts.len()),
        };
        let within = self.starts.get(low..high).unwrap_or_default();
        (low + within.partition_point(|start| *start <= address)).saturating_sub(1)
    }

    fn depth(&self, leaf: usize) -> u8 {
        let start = self.starts.get(leaf).copied().unwrap_or(K::ZERO);
        start.depth_until(self.starts.get(leaf + 1).copied())
    }

    /// How many leaves there are.
    pub fn n_leaves(&self) -> usize {
        self.starts.len()
    }

    /// The leaves in order: first address, depth, label.
    pub fn leaves(&self) -> impl Iterator<Item = (K, u8, LeafLabel)> + '_ {
        self.starts
            .iter()
            .zip(&self.labels)
            .enumerate()
            .map(|(at, (start, label))| (*start, self.depth(at), *label))
    }

    /// Octets of memory that the map holds.
    pub fn memory(&self) -> usize {
        size_of_val(&*self.starts)
            + size_of_val(&*self.labels)
            + size_of_val(&*self.inner)
            + size_of_val(&*self.buckets)
    }
}

const LABEL_MASK: u32 = 0x00ff_ffff;

// ---- Builder ---------------------------------------------------------------

/// Takes prefixes in address order and merges siblings with equal labels.
#[derive(Debug)]
pub struct PrefixMapBuilder<K> {
    starts: Vec<K>,
    labels: Vec<LeafLabel>,
}

impl<K: Key> Default for PrefixMapBuilder<K> {
    fn default() -> Self {
        Self { starts: Vec::new(), labels: Vec::new() }
    }
}

impl<K: Key> PrefixMapBuilder<K> {
    /// Appends the prefix that begins at `start`, which is where the one before ends.
    /// Constant time, amortised.
    pub fn push(&mut self, start: K, depth: u8, label: LeafLabel) {
        debug_assert!(label.0 <= LABEL_MASK, "labels have 24 bits");
        let (mut start, mut depth) = (start, depth);
        // A right child whose left sibling is the leaf before, with the same label,
        // makes their parent a leaf; which may be a right child again.
        while depth > 0
            && start.intersects(K::bit(depth - 1))
            && let (Some(before), Some(label_before)) = (self.starts.last(), self.labels.last())
            && *label_before == label
            && before.depth_until(Some(start)) == depth
        {
            start = *before;
            depth -= 1;
            self.starts.pop();
            self.labels.pop();
        }
        self.starts.push(start);
        self.labels.push(label);
    }

    /// Computes what is kept per inner node and per bucket. O(n log n) in the leaves.
    pub fn finish(self) -> PrefixMap<K> {
        let mut inner = vec![0; self.starts.len()];
        let n_labels = self.labels.iter().map(|l| l.0 as usize + 1).max().unwrap_or(1);
        let mut majority = Majority {
            starts: &self.starts,
            labels: &self.labels,
            inner: &mut inner,
            tally: vec![Tally::EMPTY; n_labels],
            best: None,
        };
        majority.solve(0, self.starts.len(), K::ZERO, 0);
        let mut leaf = 0;
        let buckets = (0..=K::BUCKETS)
            .map(|bucket| {
                let start = K::bucket_start(bucket);
                let past = bucket == K::BUCKETS && K::FAMILY == Family::V4;
                while self.starts.get(leaf).is_some_and(|s| past || *s < start) {
                    leaf += 1;
                }
                u32::try_from(leaf).unwrap_or(u32::MAX)
            })
            .collect();
        PrefixMap {
            starts: self.starts.into(),
            labels: self.labels.into(),
            inner: inner.into(),
            buckets,
        }
    }
}

/// The most frequent label of every inner node, by the share of the space.
///
/// The counts of the larger child are kept and those of the smaller added to them, so
/// that each leaf is added O(log n) times in all.
struct Majority<'a, K> {
    starts: &'a [K],
    labels: &'a [LeafLabel],
    inner: &'a mut [u32],
    tally: Vec<Tally>,
    best: Option<LeafLabel>,
}

/// One label within the node at hand.
#[derive(Clone, Copy)]
struct Tally {
    /// Addresses, in units of the smallest block.
    count: u128,
    /// The first leaf that has it.
    first: usize,
}

impl Tally {
    const EMPTY: Self = Self { count: 0, first: usize::MAX };
}

#[expect(clippy::indexing_slicing, reason = "indices come from the arrays' own lengths")]
impl<K: Key> Majority<'_, K> {
    /// Leaves `low..high` are the node that begins at `start` with `depth` bits. Leaves
    /// its tally behind. The recursion is as deep as an address has bits.
    fn solve(&mut self, low: usize, high: usize, start: K, depth: u8) {
        if high - low <= 1 {
            self.add(low, high);
            return;
        }
        let middle_address = start.or(K::bit(depth));
        let middle = low + self.starts[low..high].partition_point(|s| *s < middle_address);
        if middle - low <= high - middle {
            self.solve(low, middle, start, depth + 1);
            self.forget(low, middle);
            self.solve(middle, high, middle_address, depth + 1);
            self.add(low, middle);
        } else {
            self.solve(middle, high, middle_address, depth + 1);
            self.forget(middle, high);
            self.solve(low, middle, start, depth + 1);
            self.add(middle, high);
        }
        let label = self.best.unwrap_or(LeafLabel(0));
        let leaf = self.tally[label.0 as usize].first;
        self.inner[middle] = u32::from(self.depth(leaf)) << 24 | label.0;
    }

    fn depth(&self, leaf: usize) -> u8 {
        self.starts[leaf].depth_until(self.starts.get(leaf + 1).copied())
    }

    fn add(&mut self, low: usize, high: usize) {
        for leaf in low..high {
            let label = self.labels[leaf];
            let size = 1_u128.checked_shl(u32::from(128 - self.depth(leaf))).unwrap_or(u128::MAX);
            let tally = &mut self.tally[label.0 as usize];
            tally.count = tally.count.saturating_add(size);
            tally.first = tally.first.min(leaf);
            // Counts only grow, so the best is the best of before or this one. A tie
            // goes to the lower label: any rule will do that does not depend on the order.
            let key = (tally.count, std::cmp::Reverse(label));
            let ahead = self.best.is_none_or(|best| {
                key > (self.tally[best.0 as usize].count, std::cmp::Reverse(best))
            });
            if ahead {
                self.best = Some(label);
            }
        }
    }

    fn forget(&mut self, low: usize, high: usize) {
        for label in &self.labels[low..high] {
            self.tally[label.0 as usize] = Tally::EMPTY;
        }
        self.best = None;
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
        let leaves: Vec<_> = map.leaves().map(|(s, d, l)| (s, d, l.0)).collect();
        assert_eq!(leaves, [(0, 1, 7), (1 << 31, 2, 7), (3 << 30, 2, 8)]);
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
                let (_, depth, _) = map.leaves()
                    .find(|(s, _, l)| within(*s, source) && *l == got.label).unwrap();
                prop_assert_eq!(depth, got.depth);
            }
        }
    }

    #[test]
    fn ipv6_inside_and_outside_the_buckets() {
        let mut builder = PrefixMapBuilder::<u128>::default();
        let unicast = 0x2000_u128 << 112;
        builder.push(0, 3, LeafLabel(0));
        builder.push(unicast, 4, LeafLabel(1));
        builder.push(0x3000 << 112, 4, LeafLabel(2));
        builder.push(0x4000 << 112, 2, LeafLabel(0));
        builder.push(1 << 127, 1, LeafLabel(3));
        let map = builder.finish();
        for (address, label, depth) in [
            (0, 0, 3),
            (unicast, 1, 4),
            (0x2fff << 112, 1, 4),
            (0x3fff << 112, 2, 4),
            (0x4000 << 112, 0, 2),
            (u128::MAX, 3, 1),
        ] {
            assert_eq!(map.lookup(address, 128), found(label, depth), "{address:x}");
        }
    }
}
