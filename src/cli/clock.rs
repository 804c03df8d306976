//! The time as the engine is told it.

use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;

/// Wall-clock time that goes on evenly: what a step of the system's clock would do to probes,
/// ramps and ends of drains is put off until the step is too large to be ignored.
#[derive(Debug)]
pub(in crate::cli) struct Clock {
    wall: Timestamp,
    steady: Instant,
}

/// How far the system's clock may be from ours before ours is set by it.
const DRIFT: Duration = Duration::from_secs(5);

impl Clock {
    /// A clock that shows the system's time.
    #[expect(clippy::disallowed_methods, reason = "the edge, where the time is read")]
    pub(in crate::cli) fn new() -> Self {
        Self { wall: Timestamp::now(), steady: Instant::now() }
    }

    /// The time. Never before an earlier reading, unless the system's clock was set back by
    /// more than [`DRIFT`].
    pub(in crate::cli) fn now(&mut self) -> Timestamp {
        let (now, wall) = (self.ahead(), Timestamp::now());
        if wall.duration_since(now).unsigned_abs() < DRIFT {
            return now;
        }
        tracing::warn!(from = %now, to = %wall, "the system's clock was set; ours follows");
        *self = Self::new();
        self.wall
    }

    /// When on the steady clock a point in time is; now if it is over.
    #[expect(clippy::disallowed_methods, reason = "the edge, where the time is read")]
    pub(in crate::cli) fn instant(&self, at: Timestamp) -> Instant {
        let left = Duration::try_from(at.duration_since(self.ahead()));
        Instant::now() + left.unwrap_or_default()
    }

    fn ahead(&self) -> Timestamp {
        let gone = self.steady.elapsed();
        self.wall.checked_add(gone).unwrap_or(Timestamp::MAX)
    }
}
