//! What is known of a region's load, for whoever looks.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::load::Fault;
use crate::load::GaugeState;
use crate::load::Reading;
use crate::load::Reason;
use crate::load::RegionPlan;
use crate::model::Capacity;

/// The load of a region, and what follows from it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct LoadStatus {
    /// What was read last of those readings that count, in the unit of its capacity.
    pub load: Option<f64>,
    /// When.
    pub read: Option<Timestamp>,
    /// How the readings are: `good`, `late`, `kept`, `ignored`, `silent`; and why.
    pub readings: String,
    /// How much it can take; `None` if nobody said.
    pub capacity: Option<f64>,
    /// What would come if it refused nobody, once caches have ended; `None` until it was planned.
    pub arrivals: Option<f64>,
    /// Of that, how much it takes, in percent; `None` until it was planned, and where another
    /// node plans.
    pub share: Option<u8>,
    /// Whom it refuses: who loses less than that by going elsewhere, in milliseconds.
    pub cutoff_ms: Option<f64>,
    /// Why.
    pub reason: String,
}

impl LoadStatus {
    /// Of what was read, and perhaps planned.
    pub fn new(
        reading: Option<Reading>,
        state: GaugeState,
        capacity: Option<Capacity>,
        plan: Option<&RegionPlan>,
    ) -> Self {
        let cutoff = plan.map(|plan| plan.cutoff).filter(|cutoff| cutoff.refuses());
        Self {
            load: reading.map(|reading| rounded(reading.load)),
            read: reading.map(|reading| reading.at),
            readings: words(state),
            capacity: capacity.map(|capacity| capacity.amount),
            arrivals: plan.map(|plan| rounded(plan.arrivals)),
            share: plan.map(|plan| percent(plan.share())),
            cutoff_ms: cutoff.map(|cutoff| rounded(cutoff.ms())),
            reason: plan.map(|plan| plan.reason.as_str().to_owned()).unwrap_or_default(),
        }
    }

    /// The same, where another node plans: of that only the cutoff is known, in milliseconds.
    #[must_use]
    pub fn or_cutoff(self, ms: Option<f64>) -> Self {
        Self { cutoff_ms: self.cutoff_ms.or_else(|| ms.map(rounded)), ..self }
    }
}

impl Reason {
    /// In words, for a person.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unlimited => "without a capacity it takes whoever comes",
            Self::Unknown => "no reading yet: all stays as it is",
            Self::Away => "no service may be answered with it",
            Self::Room => "below its soft limit",
            Self::Sparing => "above its soft limit: who loses least goes elsewhere",
            Self::Pressed => "above its soft limit, and there is little room elsewhere",
            Self::Overloaded => "all that its clients can go to is full: each is over alike",
            Self::Captive => "over its limit with clients who can go nowhere else",
            Self::Returning => "takes its clients back little by little",
        }
    }
}

fn words(state: GaugeState) -> String {
    match state {
        GaugeState::Good => "good".to_owned(),
        GaugeState::Silent => "silent: nothing was read yet".to_owned(),
        GaugeState::Late => "late: the last one is kept".to_owned(),
        GaugeState::Kept(fault) => format!("kept: {}", fault_words(fault)),
        GaugeState::Ignored(None) => "ignored: the last one is too old".to_owned(),
        GaugeState::Ignored(Some(fault)) => {
            format!("ignored: the last good one is too old; {}", fault_words(fault))
        }
    }
}

fn fault_words(fault: Fault) -> String {
    match fault {
        Fault::Failed => "its sources did not say it, see the log".to_owned(),
        Fault::NotANumber => "what was said is no number".to_owned(),
        Fault::Negative => "what was said is below 0".to_owned(),
        Fault::Jump { load, times } => {
            format!("a jump to {load}, said {times} of 3 times that confirm it")
        }
    }
}

/// In percent, rounded up, so that only nothing is 0.
fn percent(share: f64) -> u8 {
    #[expect(clippy::cast_possible_truncation, reason = "it is clamped")]
    #[expect(clippy::cast_sign_loss, reason = "it is clamped")]
    let percent = (share * 100.0).ceil().clamp(0.0, 100.0) as u8;
    percent
}

/// To a thousandth.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
