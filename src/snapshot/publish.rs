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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;
    use crate::snapshot::Standing;
    use crate::snapshot::World;

    fn snapshot() -> Snapshot {
        let folder = tempfile::tempdir().unwrap();
        let zone = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.7\n";
        std::fs::write(folder.path().join("zone"), zone).unwrap();
        let text = "[zone.test]\nfile = \"zone\"\n[region.a]\n[service.w]\nname = \"w.test\"\n\
                    pool.a.endpoints = [\"192.0.2.1\"]\n";
        let config = config::load_str(text, Path::new(folder.path())).config.unwrap();
        let world = Arc::new(World::build(config).unwrap().0);
        Snapshot { standing: Arc::new(Standing::all_admitted(&world)), world }
    }

    /// Each verdict publishes one: what is replaced is freed once its last reader has gone.
    #[test]
    fn what_was_replaced_is_freed_when_nobody_reads_it() {
        let first = snapshot();
        let world = Arc::clone(&first.world);
        let mut publisher = Publisher::new(first.clone());
        let held = Arc::strong_count(&world);
        let subscriber = publisher.subscribe();
        for _ in 0..100 {
            publisher.publish(first.clone());
        }
        assert_eq!((publisher.reclaim(), Arc::strong_count(&world)), (0, held));
        let reading = subscriber.load();
        publisher.publish(first.clone());
        publisher.publish(first.clone());
        assert_eq!(publisher.reclaim(), 1, "the one that is read, and no other");
        assert!(Arc::ptr_eq(&reading.world, &world));
        drop(reading);
        assert_eq!((publisher.reclaim(), Arc::strong_count(&world)), (0, held));
    }
}
