//! What became of samples, as one scrape sees it.

use std::time::Duration;

use crate::samples::Reason;
use crate::samples::Sizes;

/// Numbers since the start, but for the prefixes that are held now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Samples that were taken.
    pub taken: u64,
    /// Pairs of prefix and region of which other nodes told something.
    pub merged: u64,
    /// Values of other nodes that could not be read.
    pub unreadable: u64,
    /// Prefixes that are held.
    pub prefixes: usize,
    /// Prefixes that were forgotten to make room.
    pub evicted: u64,
    /// Batches of which nothing was taken, for want of room in the queue.
    pub overflows: u64,
    /// The orders that hold.
    pub orders: Sizes,
    /// How long this node took to learn them; zero if another did.
    pub learning: Duration,
    /// Lines that were refused, in the order of [`Reason::ALL`].
    pub refused: [u64; Reason::ALL.len()],
}

impl Counts {
    /// How much was heard, of clients and of other nodes: whether something is new shows in it.
    pub const fn heard(&self) -> u64 {
        self.taken + self.merged
    }

    /// The lines that were refused, by reason.
    pub fn by_reason(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.into_iter().zip(self.refused)
    }

    pub(super) fn refuse(&mut self, reason: Reason) {
        for (of, count) in Reason::ALL.into_iter().zip(&mut self.refused) {
            *count += u64::from(of == reason);
        }
    }
}
