//! When what the engine knows goes to the state directory.

use jiff::SignedDuration;
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::cli::node::helm::Helm;

/// The least time between two saves.
const LEAST_PAUSE: SignedDuration = SignedDuration::from_millis(100);

impl Helm {
    /// Has all that is known saved at once; returns its number.
    pub(super) fn save(&mut self) -> u64 {
        self.unsaved = None;
        self.store.save(self.engine.saved().text())
    }

    /// The same; says when it is on disk, or in words why it is not.
    pub(super) fn saved(&mut self) -> oneshot::Receiver<Result<(), String>> {
        let number = self.save();
        self.store.saved(number)
    }

    /// Saves at once, unless it was just done: the text of all that is known takes a while to
    /// make.
    pub(super) fn save_if_due(&mut self, now: Timestamp) {
        if self.unsaved.is_some() && self.save_due.is_none_or(|due| due <= now) {
            let begin = self.now();
            self.store.save(self.engine.saved().text());
            let took = self.now().duration_since(begin);
            self.unsaved = None;
            self.save_due = now.checked_add((took * 20).max(LEAST_PAUSE)).ok();
        }
    }
}
