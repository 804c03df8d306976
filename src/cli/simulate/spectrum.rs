//! Spectrum: how values are spread over clients, in bounded room.

/// Weights by value, in steps: percentiles are right to half a step. Grows with the greatest
/// value, to 1 MB.
#[derive(Clone, Debug)]
pub(super) struct Spectrum {
    step: f64,
    bins: Vec<f64>,
    mean: Mean,
}

impl Spectrum {
    /// A round trip or a distance is never that far off; more counts as that.
    const BINS: usize = 1 << 17;

    /// In steps of that size.
    pub(super) const fn new(step: f64) -> Self {
        Self { step, bins: Vec::new(), mean: Mean { sum: 0.0, weight: 0.0 } }
    }

    /// Adds what so many clients have, 0 or above.
    pub(super) fn add(&mut self, value: f64, weight: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "an `as` from f64 saturates")]
        #[expect(clippy::cast_sign_loss, reason = "the same")]
        let at = ((value / self.step).round() as usize).min(Self::BINS - 1);
        if self.bins.len() <= at {
            self.bins.resize(at + 1, 0.0);
        }
        if let Some(bin) = self.bins.get_mut(at) {
            *bin += weight;
        }
        self.mean.add(value, weight);
    }

    /// The mean; `None` of nobody.
    pub(super) fn mean(&self) -> Option<f64> {
        self.mean.get()
    }

    /// For how many clients there is a value.
    pub(super) const fn weight(&self) -> f64 {
        self.mean.weight
    }

    /// The least value that so large a part of the clients have or are below; `None` of nobody.
    pub(super) fn percentile(&self, part: f64) -> Option<f64> {
        let all: f64 = self.bins.iter().sum();
        if all <= 0.0 {
            return None;
        }
        let mut below = 0.0;
        let mut last = 0.0;
        for (bin, value) in self.bins.iter().zip(0_u32..) {
            below += bin;
            if *bin > 0.0 {
                last = f64::from(value) * self.step;
                // Sums of the same in another order differ in their last digits.
                if below >= part * all * (1.0 - 1e-12) {
                    break;
                }
            }
        }
        Some(last)
    }
}

/// A weighted mean.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    sum: f64,
    weight: f64,
}

impl Mean {
    pub(super) fn add(&mut self, value: f64, weight: f64) {
        self.sum += value * weight;
        self.weight += weight;
    }

    /// `None` of nobody.
    pub(super) fn get(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nobody_has_no_percentile() {
        let mut spectrum = Spectrum::new(1.0);
        assert_eq!((spectrum.percentile(0.5), spectrum.mean()), (None, None));
        spectrum.add(1e300, 1.0);
        assert_eq!(spectrum.percentile(0.5), Some(131_071.0), "bounded");
    }

    proptest! {
        /// As whoever sorts all values and counts has it.
        #[test]
        fn percentiles_are_those_of_a_sorted_list(values in prop::collection::vec((0..20_000_u32, 1..50_u32), 1..40), part in 1..100_u32) {
            let mut spectrum = Spectrum::new(0.1);
            let mut list = Vec::new();
            for (value, weight) in &values {
                spectrum.add(f64::from(*value) / 10.0, f64::from(*weight));
                list.extend(std::iter::repeat_n(*value, *weight as usize));
            }
            list.sort_unstable();
            let nth = (part as usize * list.len()).div_ceil(100).max(1);
            let found = spectrum.percentile(f64::from(part) / 100.0).unwrap();
            prop_assert!((found - f64::from(list[nth - 1]) / 10.0).abs() < 1e-6);
        }
    }
}
