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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAMPING: Damping = Damping {
        interval: Duration::from_secs(10),
        rise: 2,
        fall: 3,
        hold_down: Duration::from_secs(300),
    };

    fn at(seconds: u32) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + i64::from(seconds)).unwrap()
    }

    /// Feeds outcomes ten seconds apart; `.` is a success, `x` a failure. Returns the opinion
    /// after each: `U`, `D`.
    fn feed(damper: &mut Damper, outcomes: &str, start: u32) -> String {
        (0..)
            .zip(outcomes.chars())
            .map(|(nth, outcome)| {
                damper.take(outcome == '.', &DAMPING, at(start + 10 * nth));
                match damper.verdict() {
                    Verdict::Up => 'U',
                    Verdict::Down => 'D',
                    Verdict::Unknown => '?',
                }
            })
            .collect()
    }

    #[test]
    fn outcomes_become_opinions() {
        for (outcomes, expected) in [
            // The first decides at once.
            (".", "U"),
            ("x", "D"),
            // Three failures, in a row or not; one success between them clears nothing.
            (".xxx", "UUUD"),
            (".x.x.x", "UUUUUD"),
            // Two in a row do.
            (".x..x.x", "UUUUUUU"),
            // Two successes in a row bring it back, one does not.
            (".xxx.x..", "UUUDDDDU"),
            ("x..", "DDU"),
        ] {
            assert_eq!(feed(&mut Damper::new(), outcomes, 0), expected, "{outcomes}");
        }
    }

    #[test]
    fn each_flip_soon_after_the_last_doubles_the_time_to_come_back() {
        let mut damper = Damper::new();
        let mut start = 0;
        let mut held = Vec::new();
        feed(&mut damper, ".", start);
        for _ in 0..7 {
            start += 10;
            feed(&mut damper, "xxx", start);
            start += 20;
            let down_at = start;
            while damper.verdict() == Verdict::Down {
                start += 10;
                feed(&mut damper, ".", start);
            }
            held.push(start - down_at);
        }
        assert_eq!(held, [20, 200, 300, 300, 300, 300, 300]);
        // Calm for long enough, it is forgiven one by one.
        feed(&mut damper, &".".repeat(310), start + 10);
        start += 3_110;
        feed(&mut damper, "xxx", start);
        let held = damper.held_until().map(|until| until.duration_since(at(start + 20)).as_secs());
        assert_eq!(held, Some(200), "six of seven are");
    }

    #[test]
    fn who_is_held_down_says_since_when_it_would_be_up() {
        let mut damper = Damper::new();
        feed(&mut damper, ".xxx", 0);
        assert_eq!(damper.hold(), None, "the first time it is not held");
        feed(&mut damper, "..xxx", 40);
        let until = at(80 + 200);
        feed(&mut damper, "...", 100);
        assert_eq!(damper.hold(), Some(Held { until, up_since: Some(at(100)) }));
        feed(&mut damper, "x.", 130);
        assert_eq!(damper.hold(), Some(Held { until, up_since: Some(at(140)) }));
        damper.set_back(&DAMPING, at(50));
        assert_eq!(damper.hold().unwrap().up_since, Some(at(50)));
        // A clock that was set back releases nothing at once.
        feed(&mut damper, ".", 60);
        assert_eq!(damper.verdict(), Verdict::Down);
        assert_eq!(damper.hold().unwrap().until, until);
    }

    #[test]
    fn what_was_down_before_a_restart_needs_one_success() {
        let mut damper = Damper::restored(Verdict::Down, Some(at(0)), &DAMPING);
        assert_eq!(feed(&mut damper, ".", 100), "U");
        let mut damper = Damper::restored(Verdict::Down, Some(at(0)), &DAMPING);
        assert_eq!(feed(&mut damper, "x..", 100), "DDU");
        let mut damper = Damper::restored(Verdict::Up, Some(at(0)), &DAMPING);
        assert_eq!(feed(&mut damper, "xxx", 100), "UUD");
    }

    /// Neither that nobody looked for long nor a restart makes a clean record.
    #[test]
    fn what_flapped_is_remembered_by_whoever_looks_again() {
        let mut damper = Damper::new();
        feed(&mut damper, ".xxx..", 0);
        damper.forget_up();
        feed(&mut damper, ".xxx", 70);
        assert_eq!(damper.held_until(), Some(at(300)), "down a second time, at 100");
        let restored = Damper::restored(Verdict::Down, damper.since(), &DAMPING);
        let mut restored = restored.held(damper.downs(), damper.held_until());
        assert_eq!(feed(&mut restored, "..", 110), "DD", "it is held as before");
        assert_eq!(feed(&mut restored, ".", 300), "U");
    }

    #[test]
    fn the_time_until_it_can_turn_down_follows_the_failures() {
        let mut damper = Damper::new();
        let mut bound = |outcomes: &str| {
            feed(&mut damper, outcomes, 0);
            damper.down_in(&DAMPING).map(|bound| bound.as_secs())
        };
        assert_eq!(
            [bound("."), bound("x"), bound("x"), bound("x")],
            [Some(30), Some(20), Some(10), None]
        );
    }

    #[test]
    fn a_clock_that_is_set_back_neither_lets_go_at_once_nor_holds_for_longer() {
        let mut damper = Damper::new();
        feed(&mut damper, ".xxx..xxx", 10_000);
        let held = |damper: &Damper, from| {
            damper.held_until().map(|until| until.duration_since(at(from)).as_secs())
        };
        assert_eq!(held(&damper, 10_080), Some(200), "down a second time");
        // By an hour: the time that was left is no reason to let go, and is bounded from now on.
        damper.set_back(&DAMPING, at(6_480));
        assert_eq!(held(&damper, 6_480), Some(300));
        assert_eq!(feed(&mut damper, "..", 6_490), "DD", "it is held still");
        // By a second: what was left stays.
        let mut damper = Damper::new();
        feed(&mut damper, ".xxx..xxx", 10_000);
        damper.set_back(&DAMPING, at(10_079));
        assert_eq!(held(&damper, 10_080), Some(200));
        assert_eq!(damper.since(), Some(at(10_079)));
    }

    proptest! {
        /// Turning takes what it says, whatever the sequence.
        #[test]
        fn no_turn_without_its_evidence(outcomes in prop::collection::vec(any::<bool>(), 1..400)) {
            let mut damper = Damper::new();
            let (mut in_a_row, mut failed) = (0, 0);
            for (nth, success) in (0..).zip(&outcomes) {
                let before = damper.verdict();
                let turned = damper.take(*success, &DAMPING, at(10 * nth));
                in_a_row = if *success { in_a_row + 1 } else { 0 };
                failed += u32::from(!success);
                match (before, damper.verdict()) {
                    (Verdict::Up, Verdict::Down) => prop_assert!(failed >= 3),
                    (Verdict::Down, Verdict::Up) => prop_assert!(in_a_row >= 2),
                    (before, after) => prop_assert_eq!(turned, before != after),
                }
                if turned {
                    failed = 0;
                }
            }
        }
    }
}
