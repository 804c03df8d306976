//! What waits for one hook.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::engine::Notice;
use crate::model::limits;

/// Notices, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<Arc<Notice>>);

impl Queue {
    /// Adds one, and returns how many had to go for it: what is new matters more.
    pub(super) fn add(&mut self, notice: Arc<Notice>) -> u64 {
        let is_full = self.0.len() >= limits::HOOK_QUEUE;
        if is_full {
            self.0.pop_front();
        }
        self.0.push_back(notice);
        u64::from(is_full)
    }

    /// Takes the oldest.
    pub(super) fn take(&mut self) -> Option<Arc<Notice>> {
        self.0.pop_front()
    }
}
