//! A gauge: what is taken for a region's load, of all that is said of it.
//!
//! A source that fails says nothing for a while, one that changed says something absurd. The
//! last good reading is kept over both, and after a while nothing is: a plan then goes by what
//! it expects, and whoever looks is told why.

use std::time::Duration;

use jiff::Timestamp;

/// A jump by more than this factor is held until it is confirmed.
const JUMP: f64 = 20.0;

/// Below this part of the capacity a load is as good as none: from there no factor counts.
const IDLE: f64 = 0.05;

/// So many readings in a row confirm a jump, the first included.
const CONFIRMED: u8 = 3;

/// So many intervals without a reading are late.
const LATE: u32 = 2;

/// One good reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The load, in the unit of the region's capacity; finite, at least 0.
    pub load: f64,
    /// When it was read.
    pub at: Timestamp,
    /// Over how long before that it is an average; zero if it is what was there then.
    pub span: Duration,
}

/// How long a reading counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Patience {
    /// How often readings are expected.
    pub interval: Duration,
    /// For how long the last good one counts when no other comes.
    pub hold: Duration,
}

impl Patience {
    /// Six intervals: a source that restarts is back by then, and a load is not what it was.
    pub const fn usual(interval: Duration) -> Self {
        Self { interval, hold: interval.saturating_mul(6) }
    }
}

/// What is wrong with what was said last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The source did not answer, or not in its format.
    Failed,
    /// It is no number, or infinite.
    NotANumber,
    /// It is below 0.
    Negative,
    /// It is more than twenty times the last good one, or less than a twentieth.
    Jump {
        /// What was said.
        load: f64,
        /// How often in a row something like it was said.
        times: u8,
    },
}

/// What a gauge is in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GaugeState {
    /// There was no good reading yet.
    Silent,
    /// The last reading is good.
    Good,
    /// None came for twice the interval; the last good one is kept.
    Late,
    /// The last one has a fault; the good one before is kept.
    Kept(Fault),
    /// The last good one is too old to count.
    Ignored(Option<Fault>),
}

/// What is known of a region's load.
#[derive(Clone, Debug)]
pub struct Gauge {
    patience: Patience,
    /// What the region can take: how much is next to nothing.
    amount: f64,
    good: Option<Reading>,
    fault: Option<Fault>,
}

impl Gauge {
    /// Of a region that can take so much.
    pub const fn new(patience: Patience, amount: f64) -> Self {
        Self { patience, amount, good: None, fault: None }
    }

    /// Takes what was read, whatever its load is. What is older than what it has is not taken.
    pub fn take(&mut self, reading: Reading) {
        let Reading { load, at, .. } = reading;
        if self.good.is_some_and(|good| at <= good.at) {
            return;
        }
        let fault = match load {
            _ if !load.is_finite() => Some(Fault::NotANumber),
            _ if load < 0.0 => Some(Fault::Negative),
            _ => self.jump(load),
        };
        if fault.is_none() {
            self.good = Some(reading);
        }
        self.fault = fault;
    }

    /// The same, of a region that can take another amount.
    #[must_use]
    pub const fn of_amount(self, amount: f64) -> Self {
        Self { amount, ..self }
    }

    /// The clock was set back to `now`: what was read before is of now at the latest.
    pub fn set_back(&mut self, now: Timestamp) {
        if let Some(good) = &mut self.good {
            good.at = good.at.min(now);
        }
    }

    /// Takes note that there was nothing to read.
    pub const fn fail(&mut self) {
        self.fault = Some(Fault::Failed);
    }

    fn jump(&self, load: f64) -> Option<Fault> {
        let good = self.good?;
        if !self.is_jump(good.load, load) {
            return None;
        }
        let times = match self.fault {
            Some(Fault::Jump { load: before, times }) if !self.is_jump(before, load) => times + 1,
            Some(_) | None => 1,
        };
        (times < CONFIRMED).then_some(Fault::Jump { load, times })
    }

    fn is_jump(&self, from: f64, to: f64) -> bool {
        let idle = self.amount * IDLE;
        from.max(to) > JUMP * from.min(to).max(idle)
    }

    /// What counts now, if anything does.
    pub fn reading(&self, now: Timestamp) -> Option<Reading> {
        self.good.filter(|good| now.duration_since(good.at) <= signed(self.patience.hold))
    }

    /// What it is in, and why.
    pub fn state(&self, now: Timestamp) -> GaugeState {
        match (self.reading(now), self.fault, self.good) {
            (None, fault, Some(_)) => GaugeState::Ignored(fault),
            (_, _, None) => GaugeState::Silent,
            (Some(_), Some(fault), _) => GaugeState::Kept(fault),
            (Some(good), None, _) => {
                let late = self.patience.interval.saturating_mul(LATE);
                match now.duration_since(good.at) > signed(late) {
                    true => GaugeState::Late,
                    false => GaugeState::Good,
                }
            }
        }
    }

    /// What was wrong with what was said last, before or since there was a good one.
    pub const fn fault(&self) -> Option<Fault> {
        self.fault
    }
}

fn signed(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn reading(load: f64, second: i64) -> Reading {
        Reading { load, at: at(second), span: INTERVAL }
    }

    fn gauge(good: f64) -> Gauge {
        let mut gauge = Gauge::new(Patience::usual(INTERVAL), 100.0);
        gauge.take(reading(good, 0));
        gauge
    }

    #[test]
    fn the_last_good_reading_is_kept_for_a_while_and_then_ignored_visibly() {
        let mut gauge = Gauge::new(Patience::usual(INTERVAL), 100.0);
        assert_eq!((gauge.state(at(0)), gauge.reading(at(0))), (GaugeState::Silent, None));
        gauge.take(reading(50.0, 0));
        assert_eq!(gauge.state(at(20)), GaugeState::Good);
        assert_eq!(gauge.state(at(21)), GaugeState::Late);
        gauge.fail();
        assert_eq!(gauge.state(at(30)), GaugeState::Kept(Fault::Failed));
        assert_eq!(gauge.reading(at(60)).unwrap().load, 50.0);
        assert_eq!(gauge.reading(at(61)), None);
        assert_eq!(gauge.state(at(61)), GaugeState::Ignored(Some(Fault::Failed)));
        gauge.take(reading(60.0, 70));
        assert_eq!((gauge.state(at(70)), gauge.fault()), (GaugeState::Good, None));
    }

    #[test]
    fn what_is_no_load_is_refused() {
        for (load, fault) in [
            (f64::NAN, Fault::NotANumber),
            (f64::INFINITY, Fault::NotANumber),
            (-1.0, Fault::Negative),
            (1001.0, Fault::Jump { load: 1001.0, times: 1 }),
        ] {
            let mut gauge = gauge(50.0);
            gauge.take(reading(load, 10));
            assert_eq!(gauge.state(at(10)), GaugeState::Kept(fault));
            assert_eq!(gauge.reading(at(10)).unwrap().load, 50.0);
        }
    }

    #[test]
    fn a_jump_counts_once_it_was_said_three_times_in_a_row() {
        let mut gauge = gauge(50.0);
        for (second, load, counts) in [
            (10, 5000.0, 50.0),
            (20, 5000.0, 50.0),
            // Not like the two before, and like the good one.
            (30, 60.0, 60.0),
            (40, 5000.0, 60.0),
            (50, 5100.0, 60.0),
            (60, 4900.0, 4900.0),
            (70, 5000.0, 5000.0),
        ] {
            gauge.take(reading(load, second));
            assert_eq!(gauge.reading(at(second)).unwrap().load, counts, "{second}");
        }
    }

    #[test]
    fn a_region_may_fall_silent_and_fill_up_again() {
        let mut gauge = gauge(90.0);
        gauge.take(reading(0.0, 10));
        assert_eq!(gauge.state(at(10)), GaugeState::Good);
        gauge.take(reading(100.0, 20));
        assert_eq!(gauge.state(at(20)), GaugeState::Good);
        // Old news.
        gauge.take(reading(7.0, 15));
        assert_eq!(gauge.reading(at(20)).unwrap().load, 100.0);
    }
}
