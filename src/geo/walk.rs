//! One walk over the whole address space.
//!
//! The tries of all databases and of the overlay are descended side by side,
//! each cursor waiting at its leaf while others go deeper; where all are at
//! leaves, a network is emitted.
//!
//! # Invariants
//!
//! - What is emitted are prefixes that partition IPv4, then IPv6, in order.
//! - Nothing is kept per network: memory grows with distinct combinations of
//!   records only.
//! - A tree that is none, because its branches meet again, ends the walk with an
//!   error after [`VISITS_PER_NODE`] times its nodes.

use crate::geo::Atlas;
use crate::geo::DatabaseError;
use crate::geo::Loci;
use crate::geo::Locus;
use crate::geo::LocusId;
use crate::geo::Network;
use crate::geo::atlas::Situation;
use crate::geo::data_section::Decoder;
use crate::geo::locus::FastMap;
use crate::geo::locus::Interner;
use crate::geo::overlay::Ground;
use crate::geo::overlay::OverlayCursor;
use crate::geo::overlay::OverlayTrie;
use crate::geo::search_tree::Cursor;
use crate::geo::search_tree::SearchTree;
use crate::geo::search_tree::TreeError;
use crate::model::Family;
use crate::model::Place;

/// How often a node may be visited on average. Vendors share subtrees for
/// blocks that carry IPv4, which the walk leaves out; a tree has one visit a node.
const VISITS_PER_NODE: u64 = 4;

/// Visits that small trees may have on top.
const SPARE_VISITS: u64 = 4096;

/// Leaves kept at hand. Neighbours repeat each other: on a City file 512 of them
/// answer 62 % of all networks, and 458,435 first sights are 13 %; the rest
/// costs two misses of the cache each. 32,768 would answer 73 %.
const RECENT: usize = 512;

/// Who is shown the networks of a walk.
pub trait Visitor {
    /// Takes the next network. Neighbours may have the same locus.
    fn network(&mut self, loci: &Loci, network: Network, locus: LocusId);
}

impl<F: FnMut(&Loci, Network, LocusId)> Visitor for F {
    #[inline]
    fn network(&mut self, loci: &Loci, network: Network, locus: LocusId) {
        self(loci, network, locus);
    }
}

impl Atlas {
    /// Shows every network of IPv4, then of IPv6, in order and without gap or
    /// overlap, and returns the loci they were at. Blocks of IPv6 that carry
    /// IPv4 are one network each.
    ///
    /// # Errors
    ///
    /// If a database is damaged; what was shown until then is of no use.
    pub fn walk(&self, visitor: &mut impl Visitor) -> Result<Loci, DatabaseError> {
        // The number of tries is known to the compiler in the innermost loop.
        match self.databases.len() {
            0 | 1 => Walk::<1, _>::run(self, visitor),
            2 => Walk::<2, _>::run(self, visitor),
            3 | 4 => Walk::<4, _>::run(self, visitor),
            _ => Walk::<8, _>::run(self, visitor),
        }
    }
}

impl Atlas {
    /// The places of all networks, each once. Takes as long as a walk.
    ///
    /// # Errors
    ///
    /// If a database is damaged.
    pub fn places(&self) -> Result<Vec<Place>, DatabaseError> {
        let mut seen: Vec<bool> = Vec::new();
        let mut places = Vec::new();
        self.walk(&mut |loci: &Loci, _: Network, id: LocusId| {
            if seen.len() <= id.index() {
                seen.resize(id.index() + 1, false);
            }
            let Some(slot) = seen.get_mut(id.index()).filter(|slot| !**slot) else { return };
            *slot = true;
            match loci.locus(id) {
                Locus::Claimed { place, .. } | Locus::Known { place, .. } => {
                    places.push(*loci.place(place));
                }
                Locus::AskResolver | Locus::Carried(_) => {}
            }
        })?;
        Ok(places)
    }
}

/// A walk over `K` databases, of which the last may be empty stand-ins.
struct Walk<'a, const K: usize, V> {
    atlas: &'a Atlas,
    visitor: &'a mut V,
    trees: [SearchTree<'a>; K],
    /// One per database.
    decoders: Vec<Decoder<'a>>,
    visits_left: [u64; K],
    seen: FastMap<Leaves<K>, LocusId>,
    recent: [Option<(Leaves<K>, LocusId)>; RECENT],
    interner: Interner,
}

/// Where all tries stand.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Leaves<const K: usize> {
    cursors: [Cursor; K],
    overlay: OverlayCursor,
}

impl<const K: usize> Leaves<K> {
    /// Where to look among the recent ones.
    #[inline]
    fn slot(&self) -> usize {
        let fold =
            |hash: u32, cursor: &Cursor| (hash.rotate_left(5) ^ cursor.0).wrapping_mul(0x9e37_79b1);
        (self.cursors.iter().fold(0, fold) >> 8) as usize % RECENT
    }
}

impl<'a, const K: usize, V: Visitor> Walk<'a, K, V> {
    fn run(atlas: &'a Atlas, visitor: &'a mut V) -> Result<Loci, DatabaseError> {
        let trees: [SearchTree<'_>; K] = std::array::from_fn(|n| {
            atlas.databases.get(n).map_or(SearchTree::EMPTY, |database| database.tree())
        });
        let mut walk = Self {
            atlas,
            visitor,
            visits_left: trees.map(|tree| u64::from(tree.nodes()) * VISITS_PER_NODE + SPARE_VISITS),
            trees,
            decoders: atlas.databases.iter().map(|database| database.decoder()).collect(),
            seen: FastMap::default(),
            recent: [None; RECENT],
            interner: Interner::new(atlas.overlays.overlays().clone()),
        };
        for family in Family::ALL {
            let mut cursors = trees.map(|tree| tree.empty());
            for (cursor, database) in cursors.iter_mut().zip(&atlas.databases) {
                *cursor = database.root(family);
            }
            let roots = Leaves { cursors, overlay: atlas.overlays.root(family) };
            walk.descend(roots, Network::all(family))?;
        }
        Ok(walk.interner.loci)
    }

    /// Walks `network`. As deep as an address is long, at most.
    fn descend(&mut self, at: Leaves<K>, network: Network) -> Result<(), DatabaseError> {
        let at_leaf = OverlayTrie::is_leaf(at.overlay);
        let mut cursors = at.cursors.iter().zip(&self.trees);
        if at_leaf && cursors.all(|(cursor, tree)| !tree.is_node(*cursor)) {
            return self.emit(at, network);
        }
        if at_leaf && let Ground::Carried(_) = self.atlas.overlays.patch(at.overlay).ground {
            // Located by IPv4; vendors alias these blocks to it, if they have them at all.
            let cursors = self.trees.map(|tree| tree.empty());
            return self.emit(Leaves { cursors, ..at }, network);
        }
        let Some([lower, upper]) = network.halves() else {
            return Err(self.damaged(at, TreeError::Depth(network.family().bits())));
        };
        let [zero, one] = self.children(at)?;
        self.descend(zero, lower)?;
        self.descend(one, upper)
    }

    /// Where the tries stand one bit on; leaves stay where they are.
    #[inline]
    fn children(&mut self, at: Leaves<K>) -> Result<[Leaves<K>; 2], DatabaseError> {
        let [zero, one] = self.atlas.overlays.children(at.overlay);
        let mut zero = Leaves { overlay: zero, ..at };
        let mut one = Leaves { overlay: one, ..at };
        let sides = zero.cursors.iter_mut().zip(&mut one.cursors);
        for ((tree, visits_left), (zero, one)) in
            self.trees.iter().zip(&mut self.visits_left).zip(sides)
        {
            if !tree.is_node(*zero) {
                continue;
            }
            let children = match visits_left.checked_sub(1) {
                Some(left) => {
                    *visits_left = left;
                    tree.children(*zero)
                }
                None => Err(TreeError::Shared { nodes: tree.nodes() }),
            };
            match children {
                Ok(children) => [*zero, *one] = children,
                Err(error) => return Err(self.damaged(at, error)),
            }
        }
        Ok([zero, one])
    }

    /// Shows a network that no trie divides.
    #[inline]
    fn emit(&mut self, at: Leaves<K>, network: Network) -> Result<(), DatabaseError> {
        let slot = at.slot();
        let locus = match self.recent.get(slot) {
            Some(Some((leaves, locus))) if *leaves == at => *locus,
            Some(_) | None => {
                let locus = match self.seen.get(&at) {
                    Some(locus) => *locus,
                    None => self.first_sight(at)?,
                };
                if let Some(recent) = self.recent.get_mut(slot) {
                    *recent = Some((at, locus));
                }
                locus
            }
        };
        self.visitor.network(&self.interner.loci, network, locus);
        Ok(())
    }

    /// The locus of records and a patch that were not met together before.
    #[inline(never)]
    fn first_sight(&mut self, at: Leaves<K>) -> Result<LocusId, DatabaseError> {
        let mut places = [None; K];
        let sources = self.atlas.databases.iter().zip(&mut self.decoders);
        for (((database, decoder), cursor), place) in sources.zip(at.cursors).zip(&mut places) {
            *place = database.place(decoder, cursor)?;
        }
        let patch = self.atlas.overlays.patch(at.overlay);
        let locus = match self.atlas.situate(patch, places.into_iter().flatten()) {
            Situation::AskResolver => Locus::AskResolver,
            Situation::Carried(carrier) => Locus::Carried(carrier),
            Situation::Claimed(place) => {
                Locus::Claimed { place: self.interner.place(place), overlay: patch.overlay }
            }
            Situation::Known(place) => {
                Locus::Known { place: self.interner.place(place), overlay: patch.overlay }
            }
        };
        let locus = self.interner.locus(locus);
        self.seen.insert(at, locus);
        Ok(locus)
    }

    /// The error of the database that has it: the one whose tree still goes on
    /// at `at`, or whose node can't be read.
    #[cold]
    fn damaged(&self, at: Leaves<K>, error: TreeError) -> DatabaseError {
        let culprit = self.atlas.databases.iter().zip(at.cursors).zip(self.visits_left).find(
            |((database, cursor), visits_left)| {
                let tree = database.tree();
                tree.is_node(*cursor)
                    && match error {
                        TreeError::Depth(_) => true,
                        TreeError::Shared { .. } => *visits_left == 0,
                        TreeError::Wild { .. } => tree.children(*cursor).is_err(),
                    }
            },
        );
        let ((database, _), _) = culprit.expect("some database's tree goes on, or it is no error");
        database.tree_error(error)
    }
}

#[cfg(test)]
mod tests;
