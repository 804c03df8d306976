//! Against counting by hand, on small spaces.

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
fn a_label_may_be_cut_up_into_leaves_of_a_width() {
    let mut builder = PrefixMapBuilder::default();
    builder.push_cut(0_u32, 1, LeafLabel(1), 3);
    builder.push(1 << 31, 3, LeafLabel(2));
    // Halves merge, up to that width.
    builder.push_cut(5 << 29, 4, LeafLabel(1), 3);
    builder.push_cut(11 << 28, 4, LeafLabel(1), 3);
    builder.push(6 << 29, 3, LeafLabel(2));
    builder.push(7 << 29, 3, LeafLabel(2));
    let map = builder.finish();
    assert_eq!(map.n_leaves(), 7);
    for (address, label, depth) in
        [(0, 1, 3), (1 << 29, 1, 3), (1 << 31, 2, 3), (11 << 28, 1, 3), (u32::MAX, 2, 2)]
    {
        assert_eq!(map.lookup(address, 32), found(label, depth), "{address:x}");
    }
    assert_eq!(map.lookup(0, 1), found(1, 3), "a shorter source is told to ask again");
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
                assert_eq!(map.lookup(address, K::BITS), found(label, depth + 8), "{address:?}");
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
