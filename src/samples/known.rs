//! What the keeper answers.

use jiff::Timestamp;
use serde::Serialize;

use crate::samples::Reason;

/// What became of a batch.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Taken {
    /// How many lines were taken.
    pub taken: usize,
    /// The first lines that were not, at most
    /// [`LATENCY_REFUSALS`](crate::model::limits::LATENCY_REFUSALS).
    pub refused: Vec<Refused>,
    /// How many lines were not.
    pub refused_total: usize,
}

/// A line that was not taken.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Refused {
    /// Which line of the batch; the first is 1.
    pub line: usize,
    /// Why.
    pub reason: Reason,
    /// What was found there, perhaps cut off.
    pub found: String,
}

/// What is known of some prefixes, in the order of addresses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page {
    /// The prefixes.
    pub prefixes: Vec<KnownPrefix>,
    /// After which prefix the next page begins, if there is one.
    pub next: Option<String>,
}

/// What is known of one prefix.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KnownPrefix {
    /// The /24 or /48.
    pub prefix: String,
    /// The regions that it was measured to, in the order of the configuration.
    pub regions: Vec<Known>,
}

/// What was measured of one prefix and region.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Known {
    /// The region.
    pub region: String,
    /// The round trip in milliseconds, to a thousandth.
    pub rtt_ms: f64,
    /// The standard deviation among sources, of the logarithm, to a thousandth.
    pub spread: f64,
    /// How many samples it comes from.
    pub samples: u32,
    /// How many sources are heard.
    pub sources: u8,
    /// When it was measured last, to four minutes.
    pub last: Timestamp,
    /// How long ago that is, in seconds.
    pub age_s: u64,
}
