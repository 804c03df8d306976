//! Cutoffs: what is published, and what a query makes of it.

use crate::load::Loss;
use crate::model::RegionId;

/// How far above the cutoff a loss is taken by all, in milliseconds. So wide that a share of one
/// label's clients can be refused, where all lose the same; so narrow that who loses least still
/// goes first.
pub const BAND_MS: f64 = 8.0;

/// [`BAND_MS`] in the unit of cutoffs.
pub(super) const BAND: i32 = 8 * 1024;

/// All clients, as a share.
const FULL: u32 = 1 << 16;

/// Up to which loss a region refuses clients, in 1/1024 ms. The greater, the more it refuses.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Cutoff(i32);

impl Cutoff {
    /// Everybody is taken.
    pub const NONE: Self = Self(-BAND);
    /// Nobody is taken who has somewhere else to go.
    pub const ALL: Self = Self(4096 * 1024);

    /// From milliseconds, within what makes a difference; NaN refuses nobody.
    pub fn from_ms(ms: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "an `as` from f64 saturates")]
        let fine = (ms * 1024.0) as i32;
        if ms.is_nan() { Self::NONE } else { Self(fine.clamp(Self::NONE.0, Self::ALL.0)) }
    }

    /// In milliseconds: who loses no more than that is refused.
    pub fn ms(self) -> f64 {
        f64::from(self.0) / 1024.0
    }

    /// Whether anybody is refused.
    pub fn refuses(self) -> bool {
        self != Self::NONE
    }

    /// Of the clients who lose that much, how many are taken, in 1/65536. Grows with the loss
    /// and falls with the cutoff.
    #[inline]
    pub const fn share(self, loss: Loss) -> u32 {
        let above = loss.fine().saturating_sub(self.0);
        if above >= BAND || matches!(loss, Loss::NOWHERE) {
            return FULL;
        }
        if above <= 0 { 0 } else { above.cast_unsigned() * (FULL / BAND.cast_unsigned()) }
    }

    /// The same as a number, 0..=1.
    pub fn taken(self, loss: Loss) -> f64 {
        f64::from(self.share(loss)) / f64::from(FULL)
    }

    pub(super) const fn fine(self) -> i32 {
        self.0
    }

    /// `fine` is clamped to what makes a difference.
    pub(super) fn from_fine(fine: i32) -> Self {
        Self(fine.clamp(Self::NONE.0, Self::ALL.0))
    }
}

/// A cutoff for each region: what is published. Small: four octets a region.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cutoffs(Box<[Cutoff]>);

impl Cutoffs {
    /// In the order of the regions' ids; regions past them refuse nobody.
    pub fn new(by_region: impl IntoIterator<Item = Cutoff>) -> Self {
        Self(by_region.into_iter().collect())
    }

    /// Of so many regions, none of which refuses anybody.
    pub fn none(n_regions: usize) -> Self {
        Self::new(std::iter::repeat_n(Cutoff::NONE, n_regions))
    }

    /// The cutoff of a region. Constant time.
    #[inline]
    pub fn of(&self, region: RegionId) -> Cutoff {
        self.0.get(region.index()).copied().unwrap_or(Cutoff::NONE)
    }

    /// Sets the cutoff of a region, if there is such a region.
    pub fn set(&mut self, region: RegionId, cutoff: Cutoff) {
        if let Some(slot) = self.0.get_mut(region.index()) {
            *slot = cutoff;
        }
    }

    /// Of how many regions.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no region refuses anybody.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|cutoff| *cutoff == Cutoff::NONE)
    }

    /// Whether a region takes a client that loses so much if it does not. `key` tells clients
    /// apart and is made only where a share of them is taken; who is taken stays so while the
    /// cutoff falls, so that each client moves once.
    #[inline]
    pub fn takes(&self, region: RegionId, loss: Loss, key: impl FnOnce() -> u64) -> bool {
        let share = self.of(region).share(loss);
        share == FULL || share > 0 && ((key() >> 48) as u32) < share
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::load::Cost;

    fn loss(ms: f64) -> Loss {
        Loss::between(Cost::from_ms(0.0), Cost::from_ms(ms))
    }

    #[test]
    fn the_band_is_linear_and_its_ends_are_whole() {
        for (cutoff, lost, share) in [
            (-8.0, 0.0, 1.0),
            (0.0, 0.0, 0.0),
            (-4.0, 0.0, 0.5),
            (-2.0, 0.0, 0.25),
            (20.0, 20.0, 0.0),
            (20.0, 21.0, 0.125),
            (20.0, 28.0, 1.0),
            (20.0, 400.0, 1.0),
        ] {
            assert_eq!(Cutoff::from_ms(cutoff).taken(loss(lost)), share, "{cutoff} {lost}");
        }
        assert_eq!(Cutoff::ALL.taken(loss(4090.0)), 0.0);
        assert_eq!(Cutoff::ALL.taken(Loss::between(Cost::from_ms(0.0), Cost::UNKNOWN)), 0.0);
        assert_eq!(Cutoff::ALL.taken(Loss::NOWHERE), 1.0);
        assert_eq!(Cutoff::from_ms(f64::NAN), Cutoff::NONE);
        assert_eq!(Cutoff::from_ms(f64::INFINITY), Cutoff::ALL);
    }

    proptest! {
        /// Who loses less is refused first, whoever is taken stays so while the cutoff falls,
        /// and a share takes about as many as it says.
        #[test]
        fn shares_are_monotone(a in -10.0..4100.0_f64, b in -10.0..4100.0_f64, lost in 0.0..4100.0_f64, more in 0.0..50.0_f64, key: u64) {
            let (low, high) = (Cutoff::from_ms(a.min(b)), Cutoff::from_ms(a.max(b)));
            let (little, much) = (loss(lost), loss(lost + more));
            prop_assert!(low.share(little) >= high.share(little));
            prop_assert!(low.share(little) <= low.share(much));
            let takes = |cutoff, loss| Cutoffs::new([cutoff]).takes(RegionId(0), loss, || key);
            prop_assert!(takes(low, little) || !takes(high, little));
            prop_assert!(takes(low, much) || !takes(low, little));
        }
    }
}
