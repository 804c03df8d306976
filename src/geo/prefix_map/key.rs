//! Addresses as numbers, and how they are told apart.

use std::fmt;

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
