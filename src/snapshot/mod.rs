//! Stand-in until the room of this name lands: what a query may read.
#![forbid(unsafe_code)]

use std::ops::Deref;
use std::sync::Arc;

/// What a query may read.
#[derive(Debug, Default)]
pub struct Snapshot {}

/// Hands out the current snapshot.
#[derive(Clone, Debug, Default)]
pub struct Subscriber(Arc<Snapshot>);

/// One snapshot, kept for the length of a batch.
#[derive(Debug)]
pub struct Guard(Arc<Snapshot>);

impl Subscriber {
    /// Takes the current snapshot.
    pub fn load(&self) -> Guard {
        Guard(Arc::clone(&self.0))
    }
}

impl Deref for Guard {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.0
    }
}
