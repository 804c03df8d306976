//! What the load generator saw: counts, and a histogram of latencies of one bucket a microsecond.
//!
//! What always holds: `answered + lost + wrong` is what was sent, once the run is over. `rate` covers
//! only answers that came while queries were being sent.

use std::time::Duration;

/// Buckets: latencies up to two seconds; longer ones count in the last.
const BUCKETS: usize = 2_000_000;

/// Counts and latencies of one run.
pub(crate) struct Tally {
    pub(crate) sent: u64,
    pub(crate) lost: u64,
    /// Responses with an RCODE other than 0, or without an answer.
    pub(crate) wrong: u64,
    /// Datagrams with an ID that no unanswered query has.
    pub(crate) unasked: u64,
    /// For how long queries were sent.
    pub(crate) elapsed: Duration,
    answered: u64,
    rate: f64,
    late_max: Duration,
    histogram: Vec<u32>,
}

impl Tally {
    /// Returns a tally of nothing.
    pub(crate) fn new() -> Self {
        Self {
            sent: 0,
            lost: 0,
            wrong: 0,
            unasked: 0,
            elapsed: Duration::ZERO,
            answered: 0,
            rate: 0.0,
            late_max: Duration::ZERO,
            histogram: vec![0; BUCKETS],
        }
    }

    /// Counts an answer.
    pub(crate) fn answer(&mut self, latency: Duration) {
        self.answered += 1;
        let bucket = usize::try_from(latency.as_micros()).unwrap_or(BUCKETS).min(BUCKETS - 1);
        if let Some(count) = self.histogram.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
    }

    /// Notes how late a query left.
    pub(crate) fn note_late(&mut self, late: Duration) {
        self.late_max = self.late_max.max(late);
    }

    /// Fixes the rate: answers so far over the time elapsed.
    pub(crate) fn close_rate(&mut self) {
        // Counts of a bounded run are far below 2^52.
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let answered = self.answered as f64;
        self.rate = answered / self.elapsed.as_secs_f64();
    }

    /// Returns the tally as one JSON object; latencies in microseconds.
    pub(crate) fn to_json(&self) -> String {
        let elapsed = self.elapsed.as_secs_f64();
        format!(
            "{{\"sent\":{},\"answered\":{},\"lost\":{},\"wrong\":{},\"unasked\":{},\
             \"seconds\":{elapsed:.6},\"rate\":{:.1},\"p50_us\":{},\"p99_us\":{},\
             \"p999_us\":{},\"max_us\":{},\"late_max_us\":{}}}",
            self.sent,
            self.answered,
            self.lost,
            self.wrong,
            self.unasked,
            self.rate,
            self.percentile_us(500),
            self.percentile_us(990),
            self.percentile_us(999),
            self.percentile_us(1000),
            self.late_max.as_micros(),
        )
    }

    /// Returns the latency in microseconds that `per_mille` of the answers stayed within.
    fn percentile_us(&self, per_mille: u64) -> usize {
        let wanted = (self.answered * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (bucket, count) in self.histogram.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return bucket;
            }
        }
        0
    }
}
