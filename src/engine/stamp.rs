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

#[cfg(test)]
mod tests {
    use super::*;

    /// Of two orders the later one wins, also those of one millisecond and under a clock that
    /// was set back.
    #[test]
    fn each_stamp_is_greater_than_all_that_were_seen() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        let first = Stamp::next(&Stamp::default(), "b", at(1_000));
        assert_eq!((first.ms, first.count), (1_000, 0));
        let same = Stamp::next(&first, "a", at(1_000));
        assert_eq!((same.ms, same.count), (1_000, 1));
        let back = Stamp::next(&same, "a", at(500));
        assert!(first < same && same < back);
        let later = Stamp::next(&back, "a", at(1_001));
        assert_eq!((later.ms, later.count), (1_001, 0));
        let last = Stamp { count: u32::MAX, ..later.clone() };
        assert!(Stamp::next(&last, "a", at(1_001)) > last);
        assert_eq!((later.ahead_of(at(1_000)), later.ahead_of(at(2_000))), (1, 0));
    }
}
