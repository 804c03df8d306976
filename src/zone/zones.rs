//! The compiled zones: what a query reads.
//!
//! Flat arrays that point into each other by number; octets of names and record data lie in
//! one arena. Nothing here changes after `compile`.
//!
//! ```text
//!   table: name ─► Node ─► Entry (RRset) ─► Piece (record data) ─► arena
//!                   │        └─► target in the arena, or nodes with addresses to add
//!                   └─► zone, cut or DNAME above, wildcard child, service
//! ```

use crate::model::RecordType;
use crate::model::Ttl;
use crate::zone::check::parent;
use crate::zone::lookup::Answers;
use crate::zone::table::Table;

/// A number that no node, entry or owner has.
pub(super) const NONE: u32 = u32::MAX;

/// All zones of one load with the balanced owners in them; immutable.
#[derive(Debug, Default)]
pub struct Zones {
    pub(super) table: Table,
    pub(super) nodes: Vec<Node>,
    pub(super) entries: Vec<Entry>,
    pub(super) pieces: Vec<Piece>,
    /// Nodes whose addresses go along with an RRset; [`IN_DOMAIN`] may be set.
    pub(super) along: Vec<u32>,
    pub(super) octets: Vec<u8>,
    pub(super) zones: Vec<ZoneEntry>,
    pub(super) balanced: Vec<Balanced>,
    /// Labels of the deepest name in the table.
    pub(super) n_labels: usize,
}

/// A run of one of the arrays.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Run {
    pub(super) start: u32,
    pub(super) length: u32,
}

impl Run {
    pub(super) fn of<T>(self, all: &[T]) -> &[T] {
        let start = self.start as usize;
        all.get(start..start + self.length as usize).unwrap_or_default()
    }
}

/// A name that exists, records or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) name: Run,
    /// Its RRsets, the one for ANY first.
    pub(super) entries: Run,
    pub(super) zone: u32,
    /// What hides the name, if anything.
    pub(super) shade: Shade,
    /// The child `*`.
    pub(super) wildcard: u32,
    /// Position in `Zones::balanced`.
    pub(super) balanced: u32,
    /// For the apex of a zone below another one: the node that stands for it up there.
    pub(super) above: u32,
}

/// Why a node is not answered from its own data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shade {
    /// It is.
    None,
    /// It is at or below this zone cut.
    Cut(u32),
    /// It is below this DNAME.
    Dname(u32),
}

/// An RRset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) rtype: RecordType,
    pub(super) ttl: Ttl,
    pub(super) pieces: Run,
    pub(super) beside: Beside,
}

/// What comes with an RRset.
#[derive(Clone, Copy, Debug)]
pub(super) enum Beside {
    None,
    /// The name that CNAME and DNAME lead to, lower case, in the arena.
    Target(Run),
    /// Addresses of the hosts it names: a run of `Zones::along`.
    Along(Run),
}

/// Set in `Zones::along` for a host at or below the RRset's owner, which can't be found
/// without the address (RFC 9471, 3.1).
pub(super) const IN_DOMAIN: u32 = 1 << 31;

/// The data of one record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) start: u32,
    pub(super) length: u16,
}

/// A zone.
#[derive(Clone, Copy, Debug)]
pub(super) struct ZoneEntry {
    pub(super) apex: u32,
    /// The SOA RRset with the TTL of negative answers.
    pub(super) negative: Entry,
}

/// A balanced owner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Balanced {
    pub(super) service: u32,
    pub(super) answers: Answers,
}

impl Zones {
    /// Octets that the arrays take, for figures of memory.
    pub fn size(&self) -> usize {
        self.table.size()
            + size_of_val(&*self.nodes)
            + size_of_val(&*self.entries)
            + size_of_val(&*self.pieces)
            + size_of_val(&*self.along)
            + size_of_val(&*self.octets)
            + size_of_val(&*self.zones)
            + size_of_val(&*self.balanced)
    }

    pub(super) fn node(&self, number: u32) -> Option<&Node> {
        self.nodes.get(number as usize)
    }

    pub(super) fn name(&self, number: u32) -> &[u8] {
        self.node(number).map_or(&[], |node| node.name.of(&self.octets))
    }

    /// The node with this very name. O(length), no allocation.
    pub(super) fn find(&self, name: &[u8]) -> Option<u32> {
        self.table.find(name, |number| self.name(number))
    }

    /// The deepest node at or above `name`. A hash for each label that may exist.
    pub(super) fn closest(&self, name: &[u8]) -> Option<u32> {
        let n_labels = n_labels(name);
        let mut rest = name;
        for _ in self.n_labels..n_labels {
            rest = parent(rest)?;
        }
        loop {
            if let Some(number) = self.find(rest) {
                return Some(number);
            }
            rest = parent(rest)?;
        }
    }

    pub(super) fn entry(&self, node: &Node, rtype: RecordType) -> Option<&Entry> {
        node.entries.of(&self.entries).iter().find(|entry| entry.rtype == rtype)
    }
}

/// Labels of a name on the wire, the root label not counted.
pub(super) fn n_labels(name: &[u8]) -> usize {
    let mut rest = name;
    let mut count = 0;
    while let Some(above) = parent(rest) {
        rest = above;
        count += 1;
    }
    count
}
