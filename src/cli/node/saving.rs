//! When what the engine knows goes to the state directory, and what the others are to have in
//! common with this node.

use jiff::SignedDuration;
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::cli::node::helm::Helm;
use crate::engine::Differing;
use crate::engine::InputDigests;
use crate::model::ProblemCode;

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

    /// What of the configuration decides answers, as a digest for the others.
    pub(super) fn set_configuration(&mut self, configuration: String) {
        let (now, databases) = (self.now(), self.engine.inputs().databases.clone());
        self.engine.set_inputs(InputDigests { configuration, databases }, now);
    }

    /// The same of the databases, if they could be read.
    pub(super) fn set_databases(&mut self, databases: Option<String>) {
        let Some(databases) = databases else { return };
        let (now, configuration) = (self.now(), self.engine.inputs().configuration.clone());
        self.engine.set_inputs(InputDigests { configuration, databases }, now);
    }

    /// Says which of the others answer by something else, or have the name of this one.
    pub(super) fn compare_others(&mut self) {
        let now = self.now();
        let Differing { configuration, databases } = self.engine.differing(now);
        let codes = [ProblemCode::ConfigurationDiffers, ProblemCode::DatabasesDiffer];
        for (code, found) in codes.into_iter().zip([configuration, databases]) {
            for (node, words) in self.problems.replace(code, found, now) {
                tracing::warn!("node {node}: {words}");
            }
        }
        // The engine tells of it, to the log too.
        drop(self.problems.replace(ProblemCode::NameTaken, self.engine.doubles(now), now));
    }
}
