//! When readings are due: spread, so that not all balancers are asked at once. Pure.

use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::time::Duration;

/// The first readings are spread over so much, or an interval if that is shorter.
const FIRST_ROUND: Duration = Duration::from_secs(1);

/// How long after the start the first reading of a region is, and how long after that the
/// second; from then on they are an interval apart. The second is at least half an interval
/// after the first: what grows is measured over no less.
pub(super) fn of(region: &str, interval: Duration) -> [Duration; 2] {
    let mut hasher = DefaultHasher::new();
    region.hash(&mut hasher);
    let hash = hasher.finish();
    let first = fraction(hash, interval.min(FIRST_ROUND));
    [first, interval / 2 + fraction(hash.rotate_left(32), interval)]
}

/// A part of a duration.
fn fraction(hash: u64, of: Duration) -> Duration {
    of.mul_f64(f64::from((hash >> 40) as u32) / f64::from(1_u32 << 24))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_spread_over_the_interval() {
        let interval = Duration::from_secs(10);
        let mut halves = [0; 2];
        for n in 0..1000 {
            let [first, second] = of(&format!("region {n}"), interval);
            assert!(first < FIRST_ROUND);
            assert!((interval / 2..interval * 3 / 2).contains(&second));
            halves[usize::from(second > interval)] += 1;
            assert_eq!(of(&format!("region {n}"), interval), [first, second]);
        }
        assert!(halves.iter().all(|half| (450..550).contains(half)), "{halves:?}");
    }
}
