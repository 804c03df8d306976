//! `[latency]`: how orders follow from what is measured.

use std::time::Duration;

use crate::config::section::Section;
use crate::config::units;
use crate::latency::Exploration;
use crate::latency::Margin;
use crate::latency::Rules;

/// How often orders are made, at most, unless the file says otherwise.
const EVERY: Duration = Duration::from_mins(5);

/// Between what `every` may be. Each time takes up to a minute of a core, and maps are compiled
/// after it.
const EVERY_BOUNDS: [Duration; 2] = [Duration::from_secs(1), Duration::from_hours(24)];

/// What measured round trips do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// How often orders are made of what was measured, at most.
    pub every: Duration,
    /// How orders follow from estimates.
    pub rules: Rules,
}

impl Default for Latency {
    fn default() -> Self {
        Self { every: EVERY, rules: Rules::default() }
    }
}

/// Reads `[latency]`.
pub(super) fn read(mut section: Section<'_>) -> Latency {
    let every = section.value("every", "\"5m\"");
    let every = every.and_then(|v| v.quantity("m", |text| units::within(text, EVERY_BOUNDS)));
    let margin = section.section("margin").map(margin).unwrap_or_default();
    let explore = section.value("explore", "\"1%\"").and_then(|value| value.percent());
    section.close();
    let every = every.map_or(EVERY, |at| at.value);
    let share = explore.map_or(0.0, |at| f64::from(at.value) / 100.0);
    // A turn lasts until orders are made again, and not shorter than answers are remembered.
    let exploration = Exploration { share, turn: every.max(Exploration::default().turn) };
    Latency { every, rules: Rules { margin, exploration } }
}

fn margin(mut section: Section<'_>) -> Margin {
    let share = section.value("share", "\"10%\"").and_then(|value| value.percent());
    let least = section.value("least", "\"5ms\"");
    let least = least.and_then(|value| value.quantity("ms", units::duration));
    section.close();
    let usual = Margin::default();
    Margin {
        share: share.map_or(usual.share, |at| f64::from(at.value) / 100.0),
        least: least.map_or(usual.least, |at| at.value),
    }
}
