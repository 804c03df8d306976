//! The search tree of an MMDB file: a binary trie over address bits.
//!
//! # Invariants
//!
//! - Every [`Cursor`] that [`SearchTree::children`] returns is a node of the
//!   tree, the empty leaf, or a record whose offset is inside the data section;
//!   anything else is a [`TreeError`].

/// Octets between the search tree and the data section.
pub(super) const SEPARATOR: usize = 16;

/// What breaks a search tree.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TreeError {
    /// A branch goes on after the last bit of an address.
    #[error("a branch of the search tree is longer than an address: expected at most {0} bits")]
    Depth(u8),
    /// Nodes are reached more than once: a cycle, or sharing beyond reason.
    #[error("the search tree of {nodes} nodes has branches that meet again: expected a tree")]
    Shared {
        /// How many nodes the metadata announces.
        nodes: u32,
    },
    /// A child that is neither a node nor in the data section.
    #[error("node {node} of the search tree leads to {child}, past the end of the data section")]
    Wild {
        /// The node.
        node: u32,
        /// Where it leads.
        child: u32,
    },
}

/// Where a descent stands: at a node or at a leaf, as the file writes it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Cursor(pub(super) u32);

/// What a [`Cursor`] stands at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Position {
    /// A leaf without a record.
    Empty,
    /// An inner node.
    Node,
    /// A leaf with a record: octets from the start of the data section.
    Record(usize),
}

/// How wide the two records of a node are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Width {
    /// Three octets each.
    Bits24,
    /// Three and a half octets each; the middle octet holds the high halves.
    Bits28,
    /// Four octets each.
    Bits32,
}

impl Width {
    /// The width that the metadata names.
    pub(super) const fn of(bits: u16) -> Option<Self> {
        match bits {
            24 => Some(Self::Bits24),
            28 => Some(Self::Bits28),
            32 => Some(Self::Bits32),
            _ => None,
        }
    }

    /// Octets of a node.
    pub(super) const fn node(self) -> usize {
        match self {
            Self::Bits24 => 6,
            Self::Bits28 => 7,
            Self::Bits32 => 8,
        }
    }
}

/// A search tree, borrowed from the file's contents.
#[derive(Clone, Copy, Debug)]
pub(super) struct SearchTree<'a> {
    octets: &'a [u8],
    width: Width,
    nodes: u32,
    /// The first child that is past the end of the data section.
    wild: u64,
}

impl<'a> SearchTree<'a> {
    /// A tree of `nodes` nodes over `octets`, and a data section of `section` octets.
    pub(super) const fn new(octets: &'a [u8], width: Width, nodes: u32, section: usize) -> Self {
        let wild = nodes as u64 + SEPARATOR as u64 + section as u64;
        Self { octets, width, nodes, wild }
    }

    /// A tree without networks.
    pub(super) const EMPTY: SearchTree<'static> = SearchTree::new(&[], Width::Bits24, 0, 0);

    /// How many nodes the metadata announces.
    pub(super) const fn nodes(&self) -> u32 {
        self.nodes
    }

    /// Where every descent starts.
    pub(super) const fn root(&self) -> Cursor {
        Cursor(0)
    }

    /// The leaf without a record.
    pub(super) const fn empty(&self) -> Cursor {
        Cursor(self.nodes)
    }

    /// Whether there are children.
    #[inline]
    pub(super) const fn is_node(&self, cursor: Cursor) -> bool {
        cursor.0 < self.nodes
    }

    /// What a cursor stands at.
    pub(super) const fn position(&self, cursor: Cursor) -> Position {
        match cursor.0.checked_sub(self.nodes) {
            None => Position::Node,
            Some(0) => Position::Empty,
            // `children` checked that it is past the separator.
            Some(past) => Position::Record((past as usize).saturating_sub(SEPARATOR)),
        }
    }

    /// The two children of a node, for the address bits 0 and 1.
    #[inline]
    pub(super) fn children(&self, node: Cursor) -> Result<[Cursor; 2], TreeError> {
        let at = node.0 as usize * self.width.node();
        let octets = self.octets.get(at..at + self.width.node()).unwrap_or_default();
        let children = match (self.width, octets) {
            (Width::Bits24, &[a, b, c, d, e, f]) => {
                [u32::from_be_bytes([0, a, b, c]), u32::from_be_bytes([0, d, e, f])]
            }
            (Width::Bits28, &[a, b, c, high, d, e, f]) => [
                u32::from_be_bytes([high >> 4, a, b, c]),
                u32::from_be_bytes([high & 0xf, d, e, f]),
            ],
            (Width::Bits32, &[a, b, c, d, e, f, g, h]) => {
                [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])]
            }
            // A cursor that is no node, or octets shorter than announced.
            (Width::Bits24 | Width::Bits28 | Width::Bits32, _) => {
                return Err(TreeError::Wild { node: node.0, child: node.0 });
            }
        };
        match children.into_iter().find(|child| self.is_wild(*child)) {
            Some(child) => Err(TreeError::Wild { node: node.0, child }),
            None => Ok(children.map(Cursor)),
        }
    }

    /// Whether a child lies in the separator or past the data section.
    #[inline]
    const fn is_wild(&self, child: u32) -> bool {
        let child = child as u64;
        let nodes = self.nodes as u64;
        child > nodes && (child < nodes + SEPARATOR as u64 || child >= self.wild)
    }

    /// Descends from `cursor` by the bits of `address`, most significant of
    /// `bits` first; returns the leaf and its depth below `cursor`.
    pub(super) fn descend(
        &self,
        mut cursor: Cursor,
        address: u128,
        bits: u8,
    ) -> Result<(Cursor, u8), TreeError> {
        for depth in 0..bits {
            if !self.is_node(cursor) {
                return Ok((cursor, depth));
            }
            let [zero, one] = self.children(cursor)?;
            cursor = if address >> (bits - 1 - depth) & 1 == 0 { zero } else { one };
        }
        if self.is_node(cursor) { Err(TreeError::Depth(bits)) } else { Ok((cursor, bits)) }
    }

    /// Descends by `bits` zero bits; stops early at a leaf.
    pub(super) fn descend_zeros(&self, bits: u8) -> Result<Cursor, TreeError> {
        let mut cursor = self.root();
        for _ in 0..bits {
            if !self.is_node(cursor) {
                break;
            }
            let [zero, _] = self.children(cursor)?;
            cursor = zero;
        }
        Ok(cursor)
    }
}
