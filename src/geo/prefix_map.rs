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
use std::hint::black_box;

mod builder;
mod key;
mod six;

pub use builder::PrefixMapBuilder;
pub use key::Key;
pub use six::PrefixMap6;
pub use six::PrefixMap6Builder;

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

#[cfg(test)]
mod tests;
