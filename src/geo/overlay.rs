//! What lies over the databases: the operator's nets, the prefixes that rules name, blocks that
//! were measured, special-purpose blocks and blocks of IPv6 that carry IPv4.
//!
//! ```text
//!   prefixes with marks ─ sort ─► one trie per family ─ leaf ─► Patch { overlay, ground }
//! ```
//!
//! # Invariants
//!
//! - A leaf's patch has the marks of every prefix that covers it; of blocks that were measured,
//!   that of the closest.
//! - A prefix inside a block that carries IPv4 lies over the IPv4 network it
//!   stands for; the block itself is one leaf.

use std::collections::HashMap;
use std::sync::Arc;

use ipnet::IpNet;

use crate::geo::Nets;
use crate::geo::Network;
use crate::geo::TagId;
use crate::geo::special;
use crate::geo::special::Reach;
use crate::model::Carrier;
use crate::model::Family;

/// The nets and prefixes that cover a network; equal sets have one id.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct OverlayId(u32);

impl OverlayId {
    /// The overlay of all that nothing covers.
    pub const NONE: Self = Self(0);

    /// Position in arrays with one entry per overlay.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The tags, the rules' prefixes and the measured block that cover a network.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Overlay {
    tags: Box<[TagId]>,
    prefixes: Box<[u32]>,
    measured: Option<u32>,
}

impl Overlay {
    /// The tags, ascending.
    pub fn tags(&self) -> &[TagId] {
        &self.tags
    }

    /// The prefixes, ascending, as positions in the list that the atlas was given.
    pub fn prefixes(&self) -> &[u32] {
        &self.prefixes
    }

    /// The closest of the measured blocks that hold it, by its position in the list that the
    /// atlas was given.
    pub const fn measured(&self) -> Option<u32> {
        self.measured
    }

    /// Whether a tag is among them. O(log n).
    pub fn has_tag(&self, tag: TagId) -> bool {
        self.tags.binary_search(&tag).is_ok()
    }

    /// Whether a prefix covers the network, by its position. O(log n).
    pub fn covers(&self, prefix: u32) -> bool {
        self.prefixes.binary_search(&prefix).is_ok()
    }

    /// Whether nothing covers the network.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.prefixes.is_empty() && self.measured.is_none()
    }
}

/// What a leaf of the trie is, regardless of databases.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Patch {
    pub(super) overlay: OverlayId,
    pub(super) ground: Ground,
}

/// What kind of addresses a leaf holds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Ground {
    /// Clients are located as the IPv4 addresses inside.
    Carried(Carrier),
    /// Ordinary addresses.
    Global,
    /// Clients can't be located, unless a database or the operator knows better.
    Special,
}

/// Where a descent stands: at a node or, with the highest bit set, at a patch.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct OverlayCursor(u32);

const LEAF: u32 = 1 << 31;

/// The trie of both families.
#[derive(Debug)]
pub(super) struct OverlayTrie {
    nodes: Vec<[OverlayCursor; 2]>,
    roots: [OverlayCursor; 2],
    patches: Vec<Patch>,
    overlays: Arc<[Overlay]>,
}

impl OverlayTrie {
    /// Lays the nets, prefixes and measured blocks over the special-purpose blocks.
    pub(super) fn new(nets: &Nets, prefixes: &[IpNet], measured: &[IpNet]) -> Self {
        let mut marks = Vec::new();
        let tags = nets.iter().map(|(net, tag)| (net, Mark::Tag(tag)));
        let numbers = (0_u32..).zip(prefixes).map(|(n, net)| (*net, Mark::Prefix(n)));
        let blocks = (0_u32..).zip(measured).map(|(n, net)| (*net, Mark::Measured(n)));
        for (net, mark) in tags.chain(numbers).chain(blocks) {
            let network = Network::from(net);
            marks.push((Carrier::unpack(network).unwrap_or(network), mark));
        }
        for (block, reach) in special::BLOCKS {
            let block = block.parse::<IpNet>().expect("a test parses every block");
            let ground = match reach {
                Reach::Global => Ground::Global,
                Reach::Special => Ground::Special,
            };
            marks.push((block.into(), Mark::Ground(ground)));
        }
        for carrier in Carrier::ALL {
            marks.push((carrier.block(), Mark::Ground(Ground::Carried(carrier))));
        }
        marks.sort_unstable_by_key(|(network, _)| *network);
        let mut builder = Builder::default();
        builder.overlays.insert(Overlay::default(), OverlayId::NONE);
        let roots = Family::ALL.map(|family| {
            let split = marks.partition_point(|(network, _)| network.family() < family);
            let end = marks.partition_point(|(network, _)| network.family() <= family);
            let marks = marks.get(split..end).unwrap_or_default();
            builder.build(marks, Network::all(family), &mut Vec::new())
        });
        let mut overlays = vec![Overlay::default(); builder.overlays.len()];
        for (overlay, id) in builder.overlays {
            if let Some(slot) = overlays.get_mut(id.index()) {
                *slot = overlay;
            }
        }
        Self { nodes: builder.nodes, roots, patches: builder.patches, overlays: overlays.into() }
    }

    /// Where the descent for a family starts.
    pub(super) const fn root(&self, family: Family) -> OverlayCursor {
        let [v4, v6] = self.roots;
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
    }

    /// The two children, for the address bits 0 and 1; a leaf is its own.
    #[inline]
    pub(super) fn children(&self, cursor: OverlayCursor) -> [OverlayCursor; 2] {
        // A leaf's number is past the end of the nodes.
        self.nodes.get(cursor.0 as usize).copied().unwrap_or([cursor; 2])
    }

    /// Whether a cursor stands at a leaf.
    #[inline]
    pub(super) const fn is_leaf(cursor: OverlayCursor) -> bool {
        cursor.0 & LEAF != 0
    }

    /// The patch of a leaf.
    #[inline]
    pub(super) fn patch(&self, leaf: OverlayCursor) -> Patch {
        let none = Patch { overlay: OverlayId::NONE, ground: Ground::Global };
        self.patches.get((leaf.0 & !LEAF) as usize).copied().unwrap_or(none)
    }

    /// The patch of an address and the depth of its leaf.
    pub(super) fn descend(&self, family: Family, address: u128) -> (Patch, u8) {
        let mut cursor = self.root(family);
        let mut depth = 0;
        while !Self::is_leaf(cursor) && depth < family.bits() {
            let [zero, one] = self.children(cursor);
            depth += 1;
            cursor = if address >> (family.bits() - depth) & 1 == 0 { zero } else { one };
        }
        (self.patch(cursor), depth)
    }

    /// The overlay of a patch.
    pub(super) fn overlay(&self, id: OverlayId) -> &Overlay {
        self.overlays.get(id.index()).expect("patches have ids of this trie")
    }

    /// All overlays, by id.
    pub(super) const fn overlays(&self) -> &Arc<[Overlay]> {
        &self.overlays
    }
}

/// What a prefix says of all that it covers.
#[derive(Clone, Copy, Debug)]
enum Mark {
    Ground(Ground),
    Measured(u32),
    Prefix(u32),
    Tag(TagId),
}

#[derive(Debug, Default)]
struct Builder {
    nodes: Vec<[OverlayCursor; 2]>,
    patches: Vec<Patch>,
    patch_ids: HashMap<Patch, OverlayCursor>,
    overlays: HashMap<Overlay, OverlayId>,
}

impl Builder {
    /// The trie over `here`, with marks inside it in order, below a path with
    /// the marks in `above`. As deep as an address is long, at most.
    fn build(
        &mut self,
        marks: &[(Network, Mark)],
        here: Network,
        above: &mut Vec<Mark>,
    ) -> OverlayCursor {
        let n_inherited = above.len();
        // Sorted by start, then depth: what covers all of `here` comes first.
        let n_here = marks.partition_point(|(network, _)| *network == here);
        let (own, inside) = marks.split_at(n_here);
        above.extend(own.iter().map(|(_, mark)| mark));
        let carried = own.iter().any(|(_, mark)| matches!(mark, Mark::Ground(Ground::Carried(_))));
        let cursor = match here.halves() {
            Some(halves) if !inside.is_empty() && !carried => {
                let [lower, upper] = halves;
                let split = inside.partition_point(|(network, _)| network.start() < upper.start());
                let (in_lower, in_upper) = inside.split_at(split);
                // Numbered before its children: an address is then read forwards.
                let at = self.nodes.len();
                self.nodes.push([OverlayCursor(LEAF); 2]);
                let children =
                    [self.build(in_lower, lower, above), self.build(in_upper, upper, above)];
                if let Some(node) = self.nodes.get_mut(at) {
                    *node = children;
                }
                OverlayCursor(u32::try_from(at).expect("128 nodes a prefix fit 31 bits"))
            }
            Some(_) | None => self.leaf(above),
        };
        above.truncate(n_inherited);
        cursor
    }

    /// The leaf below a path with these marks, widest first.
    fn leaf(&mut self, marks: &[Mark]) -> OverlayCursor {
        let mut tags = Vec::new();
        let mut prefixes = Vec::new();
        let mut measured = None;
        let mut ground = Ground::Global;
        for mark in marks {
            match *mark {
                Mark::Ground(closer) => ground = closer,
                Mark::Measured(block) => measured = Some(block),
                Mark::Prefix(prefix) => prefixes.push(prefix),
                Mark::Tag(tag) => tags.push(tag),
            }
        }
        tags.sort_unstable();
        tags.dedup();
        prefixes.sort_unstable();
        let overlay = Overlay { tags: tags.into(), prefixes: prefixes.into(), measured };
        let fresh = OverlayId(u32::try_from(self.overlays.len()).expect("one per leaf at most"));
        let overlay = *self.overlays.entry(overlay).or_insert(fresh);
        let patch = Patch { overlay, ground };
        let fresh = u32::try_from(self.patches.len()).expect("one per leaf at most");
        *self.patch_ids.entry(patch).or_insert_with(|| {
            self.patches.push(patch);
            OverlayCursor(LEAF | fresh)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn every_special_block_parses_and_has_no_host_bits() {
        for (block, _) in special::BLOCKS {
            assert_eq!(net(block), net(block).trunc(), "{block}");
        }
    }

    #[test]
    fn a_leaf_has_the_marks_of_every_prefix_that_covers_it() {
        let mut nets = Nets::default();
        for (prefix, tag) in [
            ("10.0.0.0/8", "corp"),
            ("10.1.0.0/16", "lab"),
            ("10.1.0.0/16", "corp"),
            ("::ffff:10.2.0.0/112", "mapped"),
            ("2001:db8::/32", "corp"),
            ("::/0", "six"),
        ] {
            nets.insert(net(prefix), tag);
        }
        let prefixes = [net("10.1.2.0/24"), net("0.0.0.0/0"), net("10.1.2.3/32")];
        let trie = OverlayTrie::new(&nets, &prefixes, &[]);
        let special = Ground::Special;
        let cases: &[(&str, &[&str], &[u32], Ground)] = &[
            ("10.9.9.9", &["corp"], &[1], special),
            ("10.1.9.9", &["corp", "lab"], &[1], special),
            ("10.1.2.9", &["corp", "lab"], &[0, 1], special),
            ("10.1.2.3", &["corp", "lab"], &[0, 1, 2], special),
            ("10.2.2.3", &["corp", "mapped"], &[1], special),
            ("8.8.8.8", &[], &[1], Ground::Global),
            ("192.0.0.8", &[], &[1], special),
            ("192.0.0.9", &[], &[1], Ground::Global),
            ("2001:db8::1", &["corp", "six"], &[], special),
            ("2600::1", &["six"], &[], Ground::Global),
            ("2001::1", &["six"], &[], Ground::Carried(Carrier::Teredo)),
            ("2001:1::1", &["six"], &[], Ground::Global),
            ("2001:1::4", &["six"], &[], special),
            ("::ffff:10.2.2.3", &["six"], &[], Ground::Carried(Carrier::Mapped)),
        ];
        for (address, tags, prefixes, ground) in cases {
            let network = Network::from(address.parse::<IpAddr>().unwrap());
            let (patch, _) = trie.descend(network.family(), network.start());
            let overlay = &trie.overlays()[patch.overlay.index()];
            let names: Vec<_> = overlay.tags().iter().map(|tag| nets.name(*tag)).collect();
            assert_eq!((names.as_slice(), overlay.prefixes()), (*tags, *prefixes), "{address}");
            assert_eq!(patch.ground, *ground, "{address}");
        }
    }

    #[test]
    fn of_measured_blocks_the_closest_holds() {
        let blocks = [net("192.0.0.0/20"), net("8.8.0.0/20"), net("8.8.8.0/24")];
        let trie = OverlayTrie::new(&Nets::default(), &[], &blocks);
        for (address, measured) in [
            ("8.8.8.8", Some(2)),
            ("8.8.9.8", Some(1)),
            ("8.8.16.8", None),
            ("192.0.2.1", Some(0)),
            ("192.0.9.1", Some(0)),
        ] {
            let network = Network::from(address.parse::<IpAddr>().unwrap());
            let (patch, _) = trie.descend(network.family(), network.start());
            assert_eq!(trie.overlay(patch.overlay).measured(), measured, "{address}");
        }
    }

    #[test]
    fn a_trie_of_the_special_blocks_alone_has_one_overlay() {
        let trie = OverlayTrie::new(&Nets::default(), &[], &[]);
        assert_eq!(trie.overlays().len(), 1);
        assert_eq!(trie.overlays()[0], Overlay::default());
    }
}
