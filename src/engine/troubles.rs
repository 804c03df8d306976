//! What is told; and what needs an operator, told now and then.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::engine::Engine;
use crate::engine::What;
use crate::model::limits;

/// How often the same is told.
const AGAIN: Duration = Duration::from_secs(3600);

/// What was told, and when.
#[derive(Debug, Default)]
pub(super) struct Troubles(BTreeMap<String, Timestamp>);

impl Troubles {
    /// Whether something was not told lately; it is remembered then.
    pub(super) fn is_news(&mut self, why: &str, now: Timestamp) -> bool {
        self.0.retain(|_, told| now < *told + AGAIN);
        if self.0.contains_key(why) || self.0.len() >= limits::COMPLAINTS {
            return false;
        }
        self.0.insert(why.to_owned(), now);
        true
    }

    /// The clock was set back to `now`.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        self.0.values_mut().for_each(|told| *told = (*told).min(now));
    }
}

impl Engine {
    /// Tells of what needs an operator, once an hour.
    pub(super) fn trouble(&mut self, why: String, now: Timestamp) {
        if self.troubles.is_news(&why, now) {
            self.tell(now, What::Trouble { why });
        }
    }

    /// Tells of what happened, with the next number.
    pub(super) fn tell(&mut self, at: Timestamp, what: What) {
        let notice = self.numbers.notice(&self.plan.node, at, what);
        self.notices.push(notice);
    }
}
