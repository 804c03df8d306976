//! Own: what a region's load is multiplied by for reasons of its own.
//!
//! While a region takes all who come, that is which of an origin's clients ask more than others,
//! and whoever comes without being steered: it changes slowly. While it refuses some, it is above
//! all that clients come in lumps: the leaves that it takes are not that part of the clients that
//! they are of the leaves. Nobody can know that before, and it shows at once; so it is believed
//! as far as a reading can tell it from noise, in the manner of a Kalman filter.

use crate::load::demand::HURRIES;

/// How fast what is slow follows, and how fast it is forgotten.
const FOLLOWS: f64 = 0.15;
const FORGETS: f64 = 0.01;

/// How far one of the two factors may go.
const MOST: f64 = 2.0;

/// What the leaves taken are expected to differ from that share of clients by at first, and by
/// how much that changes from reading to reading.
const LUMPS: f64 = 0.1;
const DRIFT: f64 = 0.01;

/// The least that a reading is taken to be wrong by; and what the load of those is taken to be
/// wrong by who came before the region refused: caches end about when they are to end.
const EXACT: f64 = 0.01;
const LATE: f64 = 0.05;

/// What a client's load is multiplied by in one region.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    open: f64,
    /// On top for clients who came since it refuses some.
    chosen: f64,
    /// The variance of `chosen`.
    doubt: f64,
}

impl Own {
    /// Nothing is known yet.
    pub(super) const UNKNOWN: Self = Self { open: 1.0, chosen: 1.0, doubt: LUMPS * LUMPS };

    /// For clients who came while all were taken.
    pub(super) const fn open(self) -> f64 {
        self.open
    }

    /// For clients who come now.
    pub(super) fn factor(self) -> f64 {
        self.open * self.chosen
    }

    /// Learns how lumpy those are whom it took since it refuses some, from a load where two loads
    /// were expected: of those from before, and of these. `kept` says how much of the surprise is
    /// to be put down to it, 0..=1.
    pub(super) fn learn_chosen(&mut self, load: f64, expected: [f64; 2], noise: f64, kept: f64) {
        let [before, chosen] = expected;
        if chosen <= 0.0 {
            (self.chosen, self.doubt) = (1.0, LUMPS * LUMPS);
            return;
        }
        self.doubt += DRIFT * DRIFT;
        let wrong = (noise.max(EXACT) * (before + chosen) + LATE * before) / chosen;
        let gain = kept * self.doubt / (self.doubt + wrong * wrong);
        self.doubt *= 1.0 - gain;
        let seen = ((load - before) / chosen).clamp(1.0 / MOST, MOST);
        self.chosen = (self.chosen * seen.powf(gain)).clamp(1.0 / MOST, MOST);
    }

    /// Learns what is slow from what is left to explain while nobody is refused: what the load is
    /// over what was expected.
    pub(super) fn learn_open(&mut self, left: f64, noise: f64, is_over: bool) {
        let follows = if is_over { HURRIES / (1.0 + 10.0 * noise) } else { FOLLOWS };
        let left = left.clamp(1.0 / MOST, MOST);
        let next = self.open.powf(1.0 - FORGETS) * left.powf(follows);
        self.open = next.clamp(1.0 / MOST, MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lumps_are_believed_as_far_as_a_reading_tells_them_from_noise() {
        let factor_after = |load: f64, expected: [f64; 2], noise: f64, kept: f64| {
            let mut own = Own::UNKNOWN;
            own.learn_chosen(load, expected, noise, kept);
            own.factor()
        };
        // Everybody came since: 10 % more is 10 % more.
        assert!((1.08..1.1).contains(&factor_after(110.0, [0.0, 100.0], 0.02, 1.0)));
        assert!((0.9..0.92).contains(&factor_after(90.0, [0.0, 100.0], 0.02, 1.0)));
        // Readings that are wrong by a fifth say little, and so does one of which most is old.
        assert!((1.01..1.03).contains(&factor_after(110.0, [0.0, 100.0], 0.2, 1.0)));
        assert!((1.0..1.06).contains(&factor_after(310.0, [280.0, 20.0], 0.02, 1.0)));
        // A crowd is not lumps.
        assert_eq!(factor_after(300.0, [0.0, 100.0], 0.02, 0.0), 1.0);
    }

    #[test]
    fn what_is_known_of_lumps_is_forgotten_when_nobody_is_refused() {
        let mut own = Own::UNKNOWN;
        (0..9).for_each(|_| own.learn_chosen(120.0, [0.0, 100.0 * own.factor()], 0.02, 1.0));
        assert!((1.19..1.21).contains(&own.factor()), "{own:?}");
        own.learn_chosen(100.0, [100.0, 0.0], 0.02, 1.0);
        assert_eq!(own.factor(), 1.0);
    }

    #[test]
    fn what_is_slow_is_slow_unless_there_is_too_much() {
        let after = |is_over: bool| {
            let mut own = Own::UNKNOWN;
            own.learn_open(1.2, 0.0, is_over);
            own.open()
        };
        assert!((1.02..1.04).contains(&after(false)));
        assert!((1.15..1.17).contains(&after(true)));
        let mut own = Own::UNKNOWN;
        (0..99).for_each(|_| own.learn_open(f64::MAX, 0.0, true));
        assert_eq!(own.open(), MOST);
    }
}
