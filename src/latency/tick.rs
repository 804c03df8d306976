//! Time in steps of four minutes.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

/// Steps of four minutes since 1970, in 24 bits: enough until 2097.
#[derive(
    Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize,
)]
pub struct Tick(u32);

impl Tick {
    const SECONDS: u32 = 240;

    /// The age past which nothing counts: thirty days, as for samples.
    pub(super) const OLDEST: u32 = 10_800;

    const LAST: u32 = (1 << 24) - 1;

    /// The step that a time is in.
    pub fn of(at: Timestamp) -> Self {
        let steps = at.as_second() / i64::from(Self::SECONDS);
        Self(u32::try_from(steps.max(0)).unwrap_or(Self::LAST).min(Self::LAST))
    }

    /// How many steps before `now` it is; 0 if it is not.
    pub const fn age(self, now: Self) -> u32 {
        now.0.saturating_sub(self.0)
    }

    /// Whether no sample that is taken at `now` is of this step: two steps are more than the clocks
    /// of samples may be ahead.
    pub(super) const fn is_ahead(self, now: Self) -> bool {
        self.0 > now.0 + 2
    }

    /// That age as a time.
    pub fn duration_until(self, now: Self) -> Duration {
        Duration::from_secs(u64::from(self.age(now)) * u64::from(Self::SECONDS))
    }

    /// The step so long before.
    pub(super) fn before(self, age: Duration) -> Self {
        let steps = age.as_secs() / u64::from(Self::SECONDS);
        Self(self.0.saturating_sub(u32::try_from(steps).unwrap_or(u32::MAX)))
    }

    /// When the step begins.
    pub fn begin(self) -> Timestamp {
        Timestamp::from_second(i64::from(self.0) * i64::from(Self::SECONDS)).unwrap_or_default()
    }

    /// The bare number; below 2^24.
    pub(super) const fn number(self) -> u32 {
        self.0
    }

    /// From a number; more than 24 bits are the last step.
    pub(super) const fn from_number(number: u32) -> Self {
        Self(if number > Self::LAST { Self::LAST } else { number })
    }
}
