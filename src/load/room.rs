//! Room: how many of those who come a region may take.

use crate::model::Capacity;

/// How far towards the hard limit the curve goes while others have room: the rest is for what
/// readings, estimates and lumps of clients are wrong by until the next reading tells. In the
/// closed loop of the tests 0.6 is too much.
const TOP: f64 = 0.45;

/// The limits of a region, in the unit of its load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Room {
    soft: f64,
    hard: f64,
}

impl Room {
    /// From a capacity; what is out of range is put right.
    pub(super) fn new(capacity: &Capacity) -> Self {
        let amount = if capacity.amount > 0.0 { capacity.amount } else { 0.0 };
        let soft = amount * capacity.soft.clamp(0.0, 1.0);
        Self { soft, hard: (amount * capacity.hard).max(soft) }
    }

    /// Past what the load is to be at no time.
    pub(super) const fn hard(&self) -> f64 {
        self.hard
    }

    /// With limits that `factor` multiplies: for another unit of load.
    #[must_use]
    pub(super) fn scaled(self, factor: f64) -> Self {
        Self { soft: self.soft * factor, hard: self.hard * factor }
    }

    /// The limit under a pressure, see [`Room::allowed`].
    pub(super) fn limit(&self, pressure: f64) -> f64 {
        self.hard * pressure.max(1.0)
    }

    /// Of `arrivals`, how many may be taken: all up to the soft limit, then ever fewer of those
    /// that come on top. It grows with the arrivals, no faster than they do, and stays below
    /// the hard limit.
    ///
    /// `pressure` is 0 while others have room. Up to 1 it straightens the curve until all are
    /// taken up to the hard limit; beyond, it multiplies that.
    pub(super) fn allowed(&self, arrivals: f64, pressure: f64) -> f64 {
        if pressure >= 1.0 {
            return arrivals.min(self.limit(pressure));
        }
        let soft = self.soft + (self.hard - self.soft) * pressure;
        let over = arrivals - soft;
        if over <= 0.0 {
            return arrivals;
        }
        let most = (self.hard - soft) * (TOP + (1.0 - TOP) * pressure);
        if most > 0.0 { soft + most * over / (most + over) } else { soft }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUNDRED: Capacity = Capacity { amount: 100.0, soft: 0.8, hard: 0.95 };

    #[test]
    fn the_curve_grows_no_faster_than_arrivals_and_stays_below_the_limit() {
        let room = Room::new(&HUNDRED);
        for pressure in [0.0, 0.3, 0.999, 1.0, 1.5] {
            let mut before = 0.0;
            for arrivals in (0..4000).map(f64::from) {
                let allowed = room.allowed(arrivals, pressure);
                assert!(allowed >= before - 1e-9 && allowed <= before + 1.0 + 1e-9);
                assert!(allowed <= room.limit(pressure));
                before = allowed;
            }
            assert_eq!(room.allowed(79.0, pressure), 79.0);
        }
        assert!(room.allowed(1e6, 0.0) < 88.0, "the rest is for what readings are wrong by");
        // More pressure, more room.
        assert!(room.allowed(200.0, 0.5) > room.allowed(200.0, 0.0));
        assert_eq!(room.allowed(200.0, 1.0), 95.0);
        assert_eq!(room.allowed(200.0, 1.2), 114.0);
    }

    #[test]
    fn odd_capacities_are_put_right() {
        let nothing = Room::new(&Capacity { amount: f64::NAN, soft: 0.8, hard: 0.9 });
        assert_eq!(nothing.allowed(5.0, 0.0), 0.0);
        let crossed = Room::new(&Capacity { amount: 10.0, soft: 0.9, hard: 0.5 });
        assert_eq!(crossed.allowed(20.0, 0.0), 9.0);
    }
}
