//! What the transports count; each worker adds, telemetry reads.
//!
//! Only what is rare is counted here: queries are counted by the responder.
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// A number of events since the start.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The number so far.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds to it and returns whether it is worth a log line now: at 1, 2, 4, 8, …, so that
    /// no peer can fill a disk.
    pub(in crate::server) fn add(&self, n: u64) -> bool {
        let before = self.0.fetch_add(n, Ordering::Relaxed);
        let bits = |n: u64| u64::BITS - n.leading_zeros();
        bits(before.saturating_add(n)) > bits(before)
    }
}

/// Events of the transports.
#[derive(Debug, Default)]
pub struct Counters {
    /// Queries, by any transport, at which the responder panicked; each cost one answer.
    pub responder_panics: Counter,
    /// Calls to receive that failed for no fault of a peer.
    pub udp_receive_errors: Counter,
    /// UDP replies that the kernel refused: no route, filtered, no room.
    pub udp_send_failures: Counter,
    /// Connections accepted and served.
    pub tcp_accepted: Counter,
    /// Calls to accept that failed, for want of descriptors for instance.
    pub tcp_accept_errors: Counter,
    /// Connections closed to make room for others, all of whose answers were taken.
    pub tcp_evicted: Counter,
    /// Connections that ended because nothing came for the idle time.
    pub tcp_idle: Counter,
    /// Connections closed because of a message too short to be one.
    pub tcp_malformed: Counter,
    /// Connections closed at once because there was no room.
    pub tcp_refused: Counter,
    /// Connections closed because a message or the taking of answers took too long.
    pub tcp_slow: Counter,
    /// Connections closed to make room, because answers for them were not taken.
    pub tcp_unread: Counter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_thin_out() {
        let counter = Counter::default();
        let logged: Vec<u64> = (1..=20).filter(|_| counter.add(1)).collect();
        assert_eq!(logged, [1, 2, 4, 8, 16]);
        assert_eq!(counter.value(), 20);
        assert!(!counter.add(0));
        assert!(counter.add(1000));
    }
}
