//! Meters: how loaded each region is, as its balancers say, or as somebody tells the API.
//!
//! ```text
//!   balancers ◄─ GET ─ one Round per region ─► Scan ─► Rate ─► sum ─┐
//!                      at its interval         format   counters    ▼
//!   API ─► Meters::push ─► each item checked ───────────────────► Board ══► Readings::next
//!   reload ─► Meters::renew: what is the same goes on               │ one per region: the last
//!                                                                   └──► figures, for metrics
//! ```
//!
//! # Invariants
//!
//! - Nothing here is on the way of a query, and nobody waits for whoever takes readings: of each
//!   region the last one counts.
//! - A source that is slow or dead, or sends without end, delays no other region, and costs at
//!   most its timeout, [`LOAD_BODY`] octets read and [`LOAD_DOCUMENT`] kept.
//! - A region's reading is of all its sources, or a [`Fault`]: a sum with a part missing is none.
//! - What only grows becomes a rate between two readings; what went back is a restart, never a
//!   jump.
//! - A load is finite, 0 to [`limits::LOAD`]. Nothing panics on any octets.
//!
//! # Not here
//!
//! How long a good reading counts, what jumps too far, and what a load does to answers (`load`,
//! `engine`). Which keys say it (`config`), who may tell it (`control`).
//!
//! # Start with
//!
//! [`Meters::start`], then `round.rs`, `source.rs` and `format`.
//!
//! [`LOAD_BODY`]: crate::model::limits::LOAD_BODY
//! [`LOAD_DOCUMENT`]: crate::model::limits::LOAD_DOCUMENT
//! [`limits::LOAD`]: crate::model::limits::LOAD
#![forbid(unsafe_code)]

mod board;
mod fault;
mod figures;
mod format;
mod phase;
mod pushed;
mod rate;
mod round;
mod source;
#[cfg(test)]
mod tests;

pub use board::Reading;
pub use board::Readings;
pub use fault::Fault;
pub use fault::Reason;
pub use figures::Figures;
pub use figures::RegionFigures;
pub use pushed::Pushed;
pub use pushed::Refusal;
pub use pushed::Refused;
pub use pushed::TooMany;

use std::sync::Arc;

use jiff::Timestamp;

use crate::meters::board::Board;
use crate::meters::round::Round;
use crate::model::LoadFrom;
use crate::model::Region;
use crate::tasks::SpawnError;
use crate::tasks::Tasks;

/// What reads the loads of a node's regions; clones are the same. Reading ends with `tasks`.
#[derive(Clone, Debug)]
pub struct Meters {
    board: Arc<Board>,
    tasks: Tasks,
}

impl Meters {
    /// Starts reading, one task for each region that has balancers to ask, on the current
    /// runtime. The first readings come within a second, of counters after the second one.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if there are too many tasks.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn start(regions: &[Region], tasks: &Tasks) -> Result<Self, SpawnError> {
        let meters = Self { board: Arc::default(), tasks: tasks.clone() };
        meters.renew(regions)?;
        Ok(meters)
    }

    /// Takes another configuration: regions whose load is found out as before go on, the others
    /// begin afresh or end, and nothing that was read before of these is handed out after.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if there are too many tasks; all regions but some are read.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn renew(&self, regions: &[Region]) -> Result<(), SpawnError> {
        let mut failed = Ok(());
        for (post, load) in self.board.renew(regions, &self.tasks) {
            let LoadFrom::Pulled(sources) = &load.from else { continue };
            let (part, name) = (post.part().clone(), format!("load of {}", post.region()));
            let (stop, round) = (part.stopping().clone(), Round::new(&load, sources, post));
            let spawned = part.spawn(name, async move {
                tokio::select! {
                    () = round.run() => {}
                    () = stop.cancelled() => {}
                }
            });
            failed = failed.and(spawned);
        }
        failed
    }

    /// Takes loads that somebody tells: an object, an array or lines of JSON. Each is taken, or
    /// refused with a reason. Of several for one region the last counts.
    ///
    /// # Errors
    ///
    /// [`TooMany`]: nothing was taken.
    pub fn push(&self, octets: &[u8]) -> Result<Pushed, TooMany> {
        let items = pushed::items(octets)?;
        Ok(self.board.push(&items, Timestamp::now()))
    }

    /// Where readings come out. There should be one: what it takes no other gets.
    pub fn readings(&self) -> Readings {
        Readings::of(&self.board)
    }

    /// What is known and was counted, for metrics.
    pub fn figures(&self) -> Figures {
        self.board.figures(Timestamp::now())
    }
}
