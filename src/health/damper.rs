//! Damping: from outcomes to the opinion of one vantage.
//!
//! ```text
//!   first outcome ─► up or down at once
//!
//!   up ──(fall failures, unless rise successes in a row cleared them)──► down
//!   down ──(rise successes in a row, and held long enough)─────────────► up
//! ```
//!
//! A target that flaps never fails `fall` times in a row; so failures count up, and only
//! `rise` successes in a row clear the count (gdnsd's rule). Each flip, to up or to down, soon
//! after the last one doubles the time to come back, to a limit.

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;

use crate::health::Verdict;
use crate::model::Monitor;

/// What turns outcomes into an opinion.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Damping {
    /// From the start of one probe to the start of the next.
    pub interval: Duration,
    /// Successes in a row that make a target up; at least 1.
    pub rise: u8,
    /// Failures that make a target down; at least 1.
    pub fall: u8,
    /// How long a target that keeps flipping is held down at the most.
    pub hold_down: Duration,
}

impl From<&Monitor> for Damping {
    fn from(monitor: &Monitor) -> Self {
        let Monitor { interval, rise, fall, hold_down, .. } = *monitor;
        Self { interval, rise, fall, hold_down }
    }
}

impl Damping {
    /// How long turning down and coming back take together at the least.
    fn base(&self) -> Duration {
        let probes = u32::from(self.rise) + u32::from(self.fall);
        self.interval.saturating_mul(probes).max(Duration::from_millis(1))
    }

    /// How long a target is held down that went down `downs` times before, each soon after it
    /// had come back: nothing the first time; then each flip, to up and to down, doubles it.
    fn hold(&self, downs: u8) -> Duration {
        let factor = 1_u32.checked_shl(2 * u32::from(downs)).unwrap_or(u32::MAX);
        if downs == 0 {
            Duration::ZERO
        } else {
            self.base().saturating_mul(factor).min(self.hold_down)
        }
    }

    /// How long a target must be up for having been down once to be forgiven.
    fn calm(&self) -> Duration {
        self.base().saturating_mul(10)
    }
}

/// The opinion of one vantage on one target, and what it takes to change it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Damper {
    verdict: Verdict,
    since: Option<Timestamp>,
    /// While up: failures that count. While down: `fall`.
    failures: u8,
    /// Successes in a row.
    successes: u8,
    /// How often it went down that is not forgiven.
    downs: u8,
    held_until: Option<Timestamp>,
    /// Since when it has succeeded each time, while down.
    rising: Option<Timestamp>,
}

/// That a target is kept down although it may be well, since it kept flipping.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Held {
    /// Until when at the least.
    pub until: Timestamp,
    /// Since when it has succeeded each time; nothing if it does not.
    pub up_since: Option<Timestamp>,
}

impl Damper {
    /// Of a target that was never probed.
    pub const fn new() -> Self {
        Self {
            verdict: Verdict::Unknown,
            since: None,
            failures: 0,
            successes: 0,
            downs: 0,
            held_until: None,
            rising: None,
        }
    }

    /// As it was before a restart. What was up is up; what was down comes back with one
    /// success, since nobody looked in between.
    pub const fn restored(verdict: Verdict, since: Option<Timestamp>, damping: &Damping) -> Self {
        let (failures, successes) = match verdict {
            Verdict::Down => (damping.fall, damping.rise.saturating_sub(1)),
            Verdict::Up | Verdict::Unknown => (0, 0),
        };
        Self { verdict, since, failures, successes, downs: 0, held_until: None, rising: None }
    }

    /// The same, with what it was remembered for: a restart makes no clean record.
    #[must_use]
    pub const fn held(mut self, downs: u8, held_until: Option<Timestamp>) -> Self {
        self.downs = downs;
        self.held_until = held_until;
        self
    }

    /// How often it went down that is not forgiven.
    pub const fn downs(&self) -> u8 {
        self.downs
    }

    /// What it is.
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Since when.
    pub const fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// Failures that count.
    pub const fn failures(&self) -> u8 {
        self.failures
    }

    /// Until when it stays down whatever comes.
    pub const fn held_until(&self) -> Option<Timestamp> {
        self.held_until
    }

    /// Whether it is held down, until when, and since when it would be up.
    pub fn hold(&self) -> Option<Held> {
        let until = self.held_until.filter(|_| self.verdict == Verdict::Down)?;
        Some(Held { until, up_since: self.rising })
    }

    /// Takes an outcome; whether the opinion changed.
    pub fn take(&mut self, success: bool, damping: &Damping, now: Timestamp) -> bool {
        self.successes = if success { self.successes.saturating_add(1) } else { 0 };
        self.rising = if success { self.rising.or(Some(now)) } else { None };
        let is_settled = self.successes >= damping.rise;
        match (self.verdict, success) {
            (Verdict::Unknown, true) => self.turn(Verdict::Up, now),
            (Verdict::Unknown, false) => self.turn_down(damping, now),
            (Verdict::Up, true) => {
                if is_settled {
                    self.failures = 0;
                }
                return false;
            }
            (Verdict::Up, false) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures < damping.fall {
                    return false;
                }
                self.turn_down(damping, now);
            }
            (Verdict::Down, true) => {
                let is_held = self.held_until.is_some_and(|until| now < until);
                if !is_settled || is_held {
                    return false;
                }
                self.turn(Verdict::Up, now);
            }
            (Verdict::Down, false) => return false,
        }
        true
    }

    /// Nobody looked for so long that having been up says nothing any more: the next outcome
    /// decides at once, as the first. What was down is not up for that.
    pub fn forget_up(&mut self) {
        if self.verdict == Verdict::Up {
            let Self { downs, .. } = *self;
            *self = Self { downs, ..Self::new() };
        }
    }

    /// The clock was set back to `now`: it is held no longer than if it had turned down now.
    pub fn set_back(&mut self, damping: &Damping, now: Timestamp) {
        let longest = now.saturating_add(damping.hold_down).unwrap_or(now);
        self.held_until = self.held_until.map(|until| until.min(longest));
        self.since = self.since.map(|since| since.min(now));
        self.rising = self.rising.map(|since| since.min(now));
    }

    /// The earliest time until it can turn down, counted from its last outcome; `None` unless
    /// it is up.
    pub fn down_in(&self, damping: &Damping) -> Option<Duration> {
        let left = damping.fall.saturating_sub(self.failures).max(1);
        (self.verdict == Verdict::Up).then(|| damping.interval.saturating_mul(u32::from(left)))
    }

    fn turn(&mut self, verdict: Verdict, now: Timestamp) {
        self.verdict = verdict;
        self.since = Some(now);
        self.failures = 0;
        self.held_until = None;
        self.rising = None;
    }

    fn turn_down(&mut self, damping: &Damping, now: Timestamp) {
        if let (Verdict::Up, Some(since)) = (self.verdict, self.since) {
            let up = Duration::try_from(now.duration_since(since)).unwrap_or_default();
            let forgiven = up.as_millis() / damping.calm().as_millis().max(1);
            self.downs = self.downs.saturating_sub(u8::try_from(forgiven).unwrap_or(u8::MAX));
        }
        let hold = damping.hold(self.downs);
        self.downs = self.downs.saturating_add(1).min(15);
        self.turn(Verdict::Down, now);
        self.failures = damping.fall;
        self.held_until = (!hold.is_zero()).then(|| now.saturating_add(hold).unwrap_or(now));
    }
}

impl Default for Damper {
    fn default() -> Self {
        Self::new()
    }
}
