//! One swap for all readers.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::snapshot::Snapshot;

/// Publishes snapshots. There is one per node.
#[derive(Debug)]
pub struct Publisher {
    current: Arc<ArcSwap<Snapshot>>,
    /// Replaced, but perhaps still read.
    retired: Vec<Arc<Snapshot>>,
}

/// Takes snapshots; one per reader.
#[derive(Clone, Debug)]
pub struct Subscriber(Arc<ArcSwap<Snapshot>>);

/// A snapshot that is being read. It is meant to be held for one batch of queries.
pub struct Guard(arc_swap::Guard<Arc<Snapshot>>);

impl Publisher {
    /// Publishes the first snapshot.
    pub fn new(first: Snapshot) -> Self {
        Self { current: Arc::new(ArcSwap::from_pointee(first)), retired: Vec::new() }
    }

    /// A reader of what is published here.
    pub fn subscribe(&self) -> Subscriber {
        Subscriber(Arc::clone(&self.current))
    }

    /// Replaces the snapshot for all readers at once, and frees those that nobody reads.
    pub fn publish(&mut self, snapshot: Snapshot) {
        self.retired.push(self.current.swap(Arc::new(snapshot)));
        self.reclaim();
    }

    /// Frees replaced snapshots that nobody reads; returns how many are left.
    ///
    /// A reader never frees one: as long as it reads, the one in `retired` is another
    /// reference.
    pub fn reclaim(&mut self) -> usize {
        self.retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
        self.retired.len()
    }
}

impl Subscriber {
    /// Takes the snapshot. Lock-free, no allocation.
    pub fn load(&self) -> Guard {
        Guard(self.0.load())
    }
}

impl Deref for Guard {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.0
    }
}
