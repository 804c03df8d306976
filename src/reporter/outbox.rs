//! What waits for one node: batches, the oldest of which go where there are too many.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use serde_json::json;

use crate::latency::ClientPrefix;
use crate::model::limits;

/// The first pause after a failure; each further one doubles it.
const FIRST: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(30);

/// How often it is said that a node is away.
const SAID: Duration = Duration::from_secs(60);

/// Samples as the API takes them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Batch {
    /// A line of JSON each. Nodes share it.
    pub lines: Arc<str>,
    /// How many there are.
    pub samples: usize,
}

impl Batch {
    /// Samples of one region, in microseconds by client prefix, measured just now; `None` of
    /// nothing.
    pub fn of(region: &str, at: Timestamp, thinned: Vec<(ClientPrefix, u32)>) -> Option<Self> {
        let samples = thinned.len();
        let line = |(prefix, us): (ClientPrefix, u32)| {
            let (client, rtt_ms) = (prefix.to_string(), f64::from(us) / 1e3);
            let json = json!({ "client": client, "region": region, "rtt_ms": rtt_ms, "at": at });
            format!("{json}\n")
        };
        let lines: String = thinned.into_iter().map(line).collect();
        (samples > 0).then(|| Self { lines: lines.into(), samples })
    }
}

/// The batches for one node, at most [`limits::REPORT_QUEUE`].
#[derive(Debug, Default)]
pub struct Outbox {
    /// Each with its number.
    queue: VecDeque<(u64, Batch)>,
    next: u64,
    failures: u32,
    said: Option<Instant>,
    /// Samples that went, since it was said last.
    dropped: u64,
}

impl Outbox {
    /// Adds a batch, in place of the oldest if there is no room.
    pub fn push(&mut self, batch: Batch) {
        if self.queue.len() >= limits::REPORT_QUEUE
            && let Some((_, oldest)) = self.queue.pop_front()
        {
            self.dropped += oldest.samples as u64;
        }
        self.queue.push_back((self.next, batch));
        self.next += 1;
    }

    /// The oldest batch, and its number for [`Outbox::sent`].
    pub fn first(&self) -> Option<(u64, Batch)> {
        self.queue.front().cloned()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// A batch arrived; it may have been dropped meanwhile. Returns whether that is news, since
    /// failures were told of.
    pub fn sent(&mut self, number: u64) -> bool {
        if self.queue.front().is_some_and(|(first, _)| *first == number) {
            self.queue.pop_front();
        }
        self.failures = 0;
        self.said.take().is_some()
    }

    /// A batch did not arrive: how long to rest, `jitter` being 0 to 1, and how many samples
    /// were dropped, if that is to be said now.
    pub fn failed(&mut self, jitter: f64, now: Instant) -> (Duration, Option<u64>) {
        let pause = (FIRST * 2_u32.saturating_pow(self.failures.min(10))).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        // Half of it at least: followers that failed together should not come back together.
        let pause = pause.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
        let is_due = self.said.is_none_or(|said| now.saturating_duration_since(said) >= SAID);
        if !is_due {
            return (pause, None);
        }
        self.said = Some(now);
        (pause, Some(std::mem::take(&mut self.dropped)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(samples: usize) -> Batch {
        Batch { lines: Arc::from(""), samples }
    }

    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn what_is_too_much_goes_oldest_first_and_is_counted() {
        let mut outbox = Outbox::default();
        assert!(outbox.is_empty());
        for samples in 0..limits::REPORT_QUEUE + 3 {
            outbox.push(batch(samples));
        }
        let (number, first) = outbox.first().unwrap();
        assert_eq!((number, first.samples), (3, 3));
        assert_eq!(outbox.failed(1.0, now()).1, Some(3), "1 and 2");
        // One that was dropped while it was under way takes no other with it.
        outbox.sent(2);
        assert_eq!(outbox.first().unwrap().0, 3);
        outbox.sent(3);
        assert_eq!(outbox.first().unwrap().0, 4);
    }

    #[test]
    fn pauses_double_to_a_limit_and_are_told_of_once_a_minute() {
        let mut outbox = Outbox::default();
        outbox.push(batch(1));
        let begin = now();
        let pauses: Vec<u64> = (0..7).map(|_| outbox.failed(1.0, begin).0.as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(outbox.failed(0.0, begin), (Duration::from_secs(15), None));
        assert_eq!(outbox.failed(0.0, begin + SAID).1, Some(0));
        assert!(outbox.sent(0), "it is back, which is news");
        assert!(!outbox.sent(0));
        assert_eq!(outbox.failed(1.0, begin + SAID), (FIRST, Some(0)));
    }
}
