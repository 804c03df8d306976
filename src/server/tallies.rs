//! What all workers answered, summed for whoever asks.
//!
//! Each worker stores its totals into a cell of its own after a batch; nobody waits for anybody.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::responder::Tally;
use crate::responder::TallyCell;

/// The cells of all workers.
#[derive(Debug, Default)]
pub struct Tallies(Mutex<Cells>);

#[derive(Debug, Default)]
struct Cells {
    /// Of workers that ended.
    ended: Tally,
    running: Vec<Arc<TallyCell>>,
}

impl Tallies {
    /// What was answered since the start.
    pub fn sum(&self) -> Tally {
        let cells = self.cells();
        let mut sum = cells.ended;
        cells.running.iter().for_each(|cell| sum.add(&cell.load()));
        sum
    }

    /// A cell for a new worker. What it holds in the end counts for good.
    pub(in crate::server) fn cell(&self) -> Arc<TallyCell> {
        let mut cells = self.cells();
        let Cells { ended, running } = &mut *cells;
        running.retain(|cell| {
            let is_used = Arc::strong_count(cell) > 1;
            if !is_used {
                ended.add(&cell.load());
            }
            is_used
        });
        let cell = Arc::new(TallyCell::default());
        running.push(Arc::clone(&cell));
        cell
    }

    fn cells(&self) -> MutexGuard<'_, Cells> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::responder::Class;

    #[test]
    fn what_a_worker_answered_counts_after_its_end() {
        let tallies = Tallies::default();
        let mut tally = Tally::default();
        let (first, second) = (tallies.cell(), tallies.cell());
        tally.count(Class::NoError);
        first.store(&tally);
        second.store(&tally);
        drop(first);
        assert_eq!(tallies.sum().sum(), 2);
        let _third = tallies.cell();
        assert_eq!(tallies.cells().running.len(), 2, "the cell of the first is gone");
        assert_eq!(tallies.sum().of(Class::NoError), 2);
    }
}
