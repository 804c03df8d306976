//! What the node counts outside of its status, as one scrape sees it.

use std::fmt;
use std::sync::Arc;

use crate::responder::Tally;

/// Numbers since the start.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Traffic {
    /// What all workers answered.
    pub responses: Tally,
    /// Queries at which the responder panicked.
    pub responder_panics: u64,
    /// Calls to receive that failed.
    pub udp_receive_errors: u64,
    /// UDP replies that the kernel refused.
    pub udp_send_failures: u64,
    /// Connections accepted.
    pub tcp_accepted: u64,
    /// Calls to accept that failed.
    pub tcp_accept_errors: u64,
    /// Idle connections closed to make room.
    pub tcp_evicted: u64,
    /// Connections closed for being idle.
    pub tcp_idle: u64,
    /// Connections closed because of a message too short to be one.
    pub tcp_malformed: u64,
    /// Connections closed at once for want of room.
    pub tcp_refused: u64,
    /// Connections closed for being slow.
    pub tcp_slow: u64,
    /// TCP connections closed to make room, because answers for them were not taken.
    pub tcp_unread: u64,
    /// Lines of the log that were lost because nobody read them in time.
    pub log_lost: u64,
    /// Tasks that ended in a panic.
    pub task_panics: u64,
    /// The hooks, in the order of the configuration.
    pub hooks: Vec<HookTraffic>,
    /// Values of other nodes that were not used: kind, why, and how many.
    pub cluster_refused: Vec<(&'static str, &'static str, u64)>,
}

/// What one hook came to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HookTraffic {
    /// The operator's name for it.
    pub hook: String,
    /// Events that it took.
    pub delivered: u64,
    /// Events that it did not take, after all tries.
    pub failed: u64,
    /// Events that were lost because too many waited.
    pub dropped: u64,
}

/// Where a scrape has its numbers from: the rooms that count are beside this one.
#[derive(Clone)]
pub struct TrafficSource(Arc<dyn Fn() -> Traffic + Send + Sync>);

impl TrafficSource {
    /// A source that calls `read` at each scrape; it should neither wait nor take long.
    pub fn new(read: impl Fn() -> Traffic + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The numbers now.
    pub(super) fn read(&self) -> Traffic {
        (self.0)()
    }
}

impl fmt::Debug for TrafficSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrafficSource")
    }
}
