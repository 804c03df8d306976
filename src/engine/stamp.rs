//! Stamps: which of two orders, given on two nodes, is the later.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

/// A hybrid clock's time and the node that read it: the greater of two is the later order.
/// It follows the node's clock, but is always greater than every stamp that the node saw.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Stamp {
    /// Milliseconds since 1970.
    pub ms: i64,
    /// Tells orders of one millisecond apart.
    pub count: u32,
    /// The node on which it was given.
    pub node: String,
}

impl Stamp {
    /// One that is greater than `seen`, by the clock if that is.
    pub(super) fn next(seen: &Self, node: &str, now: Timestamp) -> Self {
        let ms = now.as_millisecond();
        let (ms, count) = match ms > seen.ms {
            true => (ms, 0),
            false if seen.count == u32::MAX => (seen.ms.saturating_add(1), 0),
            false => (seen.ms, seen.count + 1),
        };
        Self { ms, count, node: node.to_owned() }
    }

    /// How far ahead of a clock it is, in milliseconds; 0 if it is not.
    pub(super) fn ahead_of(&self, now: Timestamp) -> i64 {
        self.ms.saturating_sub(now.as_millisecond()).max(0)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}@{}", self.ms, self.count, self.node)
    }
}
