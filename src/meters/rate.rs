//! From counters to how fast they grow. Pure; time is an argument.

use std::collections::HashMap;
use std::time::Duration;

use crate::meters::fault::Flaw;
use crate::meters::fault::Reason;
use crate::meters::format::Found;
use crate::meters::format::load;

/// So many intervals after a reading it is too old to be grown from: what happened between the
/// two is no news.
const OLDEST: u32 = 6;

/// What one source said before.
#[derive(Debug, Default)]
pub(super) struct Rate {
    /// When, since some start, and each counter.
    before: Option<(Duration, HashMap<u64, f64>)>,
}

impl Rate {
    /// The load of what was found at `now`, and over how long before that it is an average;
    /// `None` if there is nothing yet to grow from.
    ///
    /// Each series is compared with itself: one that is new counts from the next time on, one
    /// that is gone no more.
    pub(super) fn read(
        &mut self,
        found: Found,
        now: Duration,
        interval: Duration,
    ) -> Result<Option<(f64, Duration)>, Flaw> {
        let counters: HashMap<u64, f64> = match found {
            Found::Counters(counters) => counters.into_iter().collect(),
            Found::Gauge(value) => {
                self.before = None;
                return Ok(Some((value, Duration::ZERO)));
            }
        };
        let before = self.before.replace((now, counters.clone()));
        let usable = before.filter(|(at, _)| *at < now && now - *at <= interval * OLDEST);
        let Some((at, before)) = usable else { return Ok(None) };
        let grown: Vec<f64> = counters
            .iter()
            .filter_map(|(key, value)| before.get(key).map(|before| value - before))
            .collect();
        if grown.is_empty() || grown.iter().any(|grown| *grown < 0.0) {
            let found = "counters went back or are others: the balancer began anew".to_owned();
            return Err(Flaw::new(Reason::Restart, found));
        }
        let span = now - at;
        load(grown.iter().sum::<f64>() / span.as_secs_f64()).map(|load| Some((load, span)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);

    fn at(rate: &mut Rate, second: u64, counters: &[(u64, f64)]) -> Result<Option<f64>, Reason> {
        let found = Found::Counters(counters.to_vec());
        let read = rate.read(found, Duration::from_secs(second), INTERVAL);
        read.map(|read| read.map(|(load, _)| load)).map_err(|flaw| flaw.reason)
    }

    #[test]
    fn growth_is_by_the_second() {
        let mut rate = Rate::default();
        assert_eq!(at(&mut rate, 0, &[(0, 1000.0)]), Ok(None));
        assert_eq!(at(&mut rate, 10, &[(0, 1500.0)]), Ok(Some(50.0)));
        assert_eq!(at(&mut rate, 30, &[(0, 1600.0)]), Ok(Some(5.0)));
        assert_eq!(at(&mut rate, 40, &[(0, 1600.0)]), Ok(Some(0.0)));
    }

    #[test]
    fn growth_is_an_average_since_the_reading_before() {
        let mut rate = Rate::default();
        for (second, read) in [(0, None), (10, Some(10)), (32, Some(22))] {
            let found = Found::Counters(vec![(0, 5.0 * second as f64)]);
            let read = read.map(|span| (5.0, Duration::from_secs(span)));
            assert_eq!(rate.read(found, Duration::from_secs(second), INTERVAL), Ok(read));
        }
    }

    #[test]
    fn what_went_back_is_no_load_and_no_jump() {
        let mut rate = Rate::default();
        assert_eq!(at(&mut rate, 0, &[(0, 1000.0)]), Ok(None));
        assert_eq!(at(&mut rate, 10, &[(0, 20.0)]), Err(Reason::Restart));
        assert_eq!(at(&mut rate, 20, &[(0, 120.0)]), Ok(Some(10.0)), "grown from after it");
        // One of several is enough: what it had before it began anew is not known.
        assert_eq!(at(&mut rate, 30, &[(0, 220.0), (1, 5.0)]), Ok(Some(10.0)));
        assert_eq!(at(&mut rate, 40, &[(0, 320.0), (1, 1.0)]), Err(Reason::Restart));
    }

    #[test]
    fn series_come_and_go_without_a_jump() {
        let mut rate = Rate::default();
        assert_eq!(at(&mut rate, 0, &[(0, 10.0), (1, 1e9)]), Ok(None));
        assert_eq!(at(&mut rate, 10, &[(0, 20.0), (2, 1e9)]), Ok(Some(1.0)));
        assert_eq!(at(&mut rate, 20, &[(0, 30.0), (2, 1e9 + 10.0)]), Ok(Some(2.0)));
        assert_eq!(at(&mut rate, 30, &[(3, 5.0)]), Err(Reason::Restart));
    }

    #[test]
    fn what_is_too_old_is_not_grown_from() {
        let mut rate = Rate::default();
        assert_eq!(at(&mut rate, 0, &[(0, 10.0)]), Ok(None));
        assert_eq!(at(&mut rate, 61, &[(0, 20.0)]), Ok(None));
        assert_eq!(at(&mut rate, 61, &[(0, 20.0)]), Ok(None), "no time has gone");
        let gauge = rate.read(Found::Gauge(3.0), INTERVAL, INTERVAL);
        assert_eq!(gauge, Ok(Some((3.0, Duration::ZERO))));
        assert_eq!(at(&mut rate, 62, &[(0, 30.0)]), Ok(None), "it was no counter meanwhile");
        assert_eq!(at(&mut rate, 63, &[(0, 1e30)]), Err(Reason::Number));
    }
}
