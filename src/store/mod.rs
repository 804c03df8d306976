//! The state that outlives a restart: one text in one file, written behind the engine's back;
//! and shelves beside it, for what is large and has an owner with time to write.
//!
//! ```text
//!   open ──► folder made, lock taken, state.json read ──► (Store, text, warnings)
//!
//!   save(text) ──► its number; the newest text ──► writer thread ──► state.json.new ─fsync─► rename ─fsync─►
//!                  (older ones are      paced; never
//!                   forgotten)          makes save wait
//! ```
//!
//! # Invariants
//!
//! - `state.json` is whole: of an old text or of a new one, whatever ends the process or the
//!   machine. A reader that finds it broken has met a broken disk, or another program.
//! - [`Store::save`] touches no file and waits for none.
//! - One node writes to a folder. A second one reads what is there, says so and writes nothing,
//!   until the first is gone.
//! - What is said to be saved is on disk, synced, with the number that was asked for.
//! - Nothing here keeps a node from answering: each failure is a warning, said once until the
//!   state is written again.
//!
//! # Not here
//!
//! What the text says: `engine` makes and reads it. What is on shelves.
//!
//! # Start with
//!
//! [`Store::open`].
#![forbid(unsafe_code)]

mod folder;
mod last_good;
mod shelf;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::oneshot;

pub use last_good::{Digests, Kept, LastGood, digests, last_good};
pub use shelf::Shelf;

use crate::model::NodeProblems;
use crate::model::ProblemCode;

use crate::store::folder::Folder;
use crate::store::writer::Pace;
use crate::store::writer::Shared;
use crate::tasks::Tasks;

/// Where a node keeps its state.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

impl Store {
    /// Opens a folder, which is made if need be; returns the text that was saved last, if there
    /// is one, and what an operator should know. Reads a file: not for the query path.
    ///
    /// The writer is a thread of `tasks`. When they are told to stop it writes what it was
    /// handed over, and ends.
    pub fn open(
        directory: &Path,
        problems: &NodeProblems,
        tasks: &Tasks,
    ) -> (Self, Option<String>, Vec<String>) {
        Self::paced(directory, problems, tasks, Pace::default())
    }

    fn paced(
        directory: &Path,
        problems: &NodeProblems,
        tasks: &Tasks,
        pace: Pace,
    ) -> (Self, Option<String>, Vec<String>) {
        let mut warnings = Vec::new();
        let folder = Folder::open(directory, &mut warnings);
        if let (false, Some(warning)) = (folder.is_locked(), warnings.last()) {
            let path = folder.path(folder::STATE).display().to_string();
            problems.set(ProblemCode::StateNotSaved, &path, warning, Timestamp::now());
        }
        let text = folder.read(&mut warnings);
        let shared = Arc::new(Shared::new(folder, problems.clone()));
        let of_writer = Arc::clone(&shared);
        let started = tasks.thread("state", move |stop| writer::run(&of_writer, stop, &pace));
        if let Err(error) = started {
            warnings.push(format!("{error}: the state is not kept over a restart"));
        }
        (Self { shared }, text, warnings)
    }

    /// Hands over the newest text; an older one that is not written yet is forgotten, since this
    /// one holds what it did. Returns at once, with its number.
    pub fn save(&self, text: String) -> u64 {
        self.shared.hand_over(text)
    }

    /// Has the text of this number, or a newer one, written now, and says when it is on disk, or
    /// in words why it is not. Who waits is told by a write that holds that text and by no
    /// other, or that nobody writes any longer. Returns at once; bounded by who may ask.
    pub fn saved(&self, number: u64) -> oneshot::Receiver<Result<(), String>> {
        self.shared.saved(number)
    }

    /// Puts a file that could not be read out of the way, where somebody can look at it; at
    /// most three are kept. Returns what an operator should know.
    pub fn set_aside(&self, reason: &str) -> String {
        self.shared.folder().set_aside(folder::STATE, reason)
    }

    /// Where copies of the files of a configuration are kept, in the same folder and under its lock.
    pub fn last_good(&self) -> LastGood {
        LastGood::new(Arc::clone(&self.shared))
    }

    /// A file of its own, of at most so many octets, in the same folder and under its lock.
    pub fn shelf(&self, name: &'static str, most: usize) -> Shelf {
        Shelf::new(Arc::clone(&self.shared), name, most)
    }
}
