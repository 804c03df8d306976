//! What a region costs a client, and what it loses if that region refuses it.

/// What going to a region costs the clients of a label: a round trip, in 1/16 ms.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Cost(u16);

impl Cost {
    /// Nobody knows, for instance of a region without location: dearer than all that is known.
    pub const UNKNOWN: Self = Self(u16::MAX);

    /// From milliseconds; below 0 is 0, and from 4095 on, and NaN, it is as if unknown.
    pub fn from_ms(ms: f64) -> Self {
        let sixteenths = (ms * 16.0).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to what fits"
        )]
        match sixteenths.is_nan() {
            true => Self::UNKNOWN,
            false => Self(sixteenths.clamp(0.0, f64::from(u16::MAX)) as u16),
        }
    }

    /// In milliseconds; `None` if unknown.
    pub fn ms(self) -> Option<f64> {
        (self != Self::UNKNOWN).then(|| f64::from(self.0) / 16.0)
    }
}

/// What a client loses if a region refuses it: what its next step costs more, in 1/16 ms.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Loss(u16);

impl Loss {
    /// Nothing: as good a region is left.
    pub const ZERO: Self = Self(0);
    /// There is nowhere to go: such a client is never refused.
    pub const NOWHERE: Self = Self(u16::MAX);

    /// From the one to the other; nothing if the other is cheaper.
    pub fn between(here: Cost, next: Cost) -> Self {
        Self(next.0.saturating_sub(here.0).min(u16::MAX - 1))
    }

    /// In milliseconds; `None` if there is nowhere to go.
    pub fn ms(self) -> Option<f64> {
        (self != Self::NOWHERE).then(|| f64::from(self.0) / 16.0)
    }

    /// In the unit of cutoffs, 1/1024 ms. Who has nowhere to go loses more than any cutoff.
    pub(super) const fn fine(self) -> i32 {
        if matches!(self, Self::NOWHERE) { i32::MAX } else { self.0 as i32 * 64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_clamped_and_losses_are_never_negative() {
        assert_eq!(Cost::from_ms(-3.0), Cost::from_ms(0.0));
        assert_eq!(Cost::from_ms(12.5).ms(), Some(12.5));
        for unknown in [f64::NAN, f64::INFINITY, 5000.0] {
            assert_eq!(Cost::from_ms(unknown), Cost::UNKNOWN);
        }
        let (near, far) = (Cost::from_ms(10.0), Cost::from_ms(70.25));
        assert_eq!(Loss::between(near, far).ms(), Some(60.25));
        assert_eq!(Loss::between(far, near), Loss::ZERO);
        // Far, but somewhere.
        assert!(Loss::between(Cost::from_ms(0.0), Cost::UNKNOWN) < Loss::NOWHERE);
        assert_eq!(Loss::between(Cost::UNKNOWN, Cost::UNKNOWN), Loss::ZERO);
    }
}
