//! What is known of loads, and was counted, as one scrape sees it.

use jiff::Timestamp;

use crate::meters::Reason;
use crate::meters::Refusal;

/// Numbers since the start, but for the loads, which are of now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// The regions that have a load or a capacity, by name.
    pub regions: Vec<RegionFigures>,
    /// Loads that somebody told and that were taken.
    pub pushed: u64,
    /// Loads that somebody told and that were refused, in the order of [`Refusal::ALL`].
    pub refused: [u64; Refusal::ALL.len()],
}

/// One region.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RegionFigures {
    /// The operator's name for it.
    pub region: String,
    /// What it can take.
    pub capacity: Option<f64>,
    /// The last good reading, while it counts.
    pub load: Option<f64>,
    /// When that was, whether it counts or not.
    pub last: Option<Timestamp>,
    /// Readings that were good.
    pub taken: u64,
    /// Readings that failed, in the order of [`Reason::ALL`].
    pub failed: [u64; Reason::ALL.len()],
}
