//! The simulated store.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::Timestamp;
use meridian::cluster::Entry;
use meridian::cluster::Key;
use meridian::cluster::Shelf;

/// What is shared, and the clock of who keeps it.
#[derive(Default)]
pub(super) struct Stored {
    values: BTreeMap<Key, Entry>,
    revision: u64,
    pub(super) skew: SignedDuration,
    /// Octets and values that were put.
    pub(super) octets: u64,
    pub(super) puts: u64,
}

impl Stored {
    pub(super) fn put(&mut self, key: Key, value: Vec<u8>, now: Timestamp) -> Entry {
        self.revision += 1;
        self.puts += 1;
        self.octets += value.len() as u64;
        let stored = now + self.skew;
        let entry =
            Entry { key: key.clone(), value: value.into(), stored, revision: self.revision };
        self.values.insert(key, entry.clone());
        entry
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.values.values().cloned().collect()
    }

    /// Starts again: what is in memory is gone, or all of it.
    pub(super) fn restart(&mut self, keeps_disk: bool) {
        self.values.retain(|key, _| keeps_disk && key.shelf() == Shelf::Kept);
    }
}
