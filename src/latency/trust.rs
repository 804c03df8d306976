//! Whom to believe: samples against what else is known.
//!
//! A sample is right, right and a surprise, or wrong. What fits what its neighbours say is
//! right. What does not, and stands alone, is wrong. What does not, but many samples agree on,
//! is a surprise: some routes do take a way that nobody expects.

use crate::latency::cell::weighted_median;

/// Variance of what is wrong: a factor of five, either way.
const WRONG: f64 = 2.56;

/// Of routes, those that surprise, and by what variance: a factor of two.
const SURPRISES: f64 = 0.01;
const SURPRISE: f64 = 0.49;

/// And those that may be off as far as what is wrong: a tunnel, a satellite, a place that a
/// database has on the wrong continent. A lone source must have said it hundreds of times.
const WONDERS: f64 = 0.001;

/// The chance that something is right which is `error` off what was expected, where `variance`
/// was expected; `doubt` is the chance that it is wrong before it is looked at.
pub(super) fn trust(error: f64, variance: f64, doubt: f64) -> f64 {
    let density = |variance: f64| (-0.5 * error * error / variance).exp() / variance.sqrt();
    let far = density(variance + WRONG);
    let usual = (1.0 - SURPRISES - WONDERS) * density(variance);
    let right = usual + SURPRISES * density(variance + SURPRISE) + WONDERS * far;
    let right = (1.0 - doubt) * right;
    let wrong = doubt * far;
    right / (right + wrong).max(f64::MIN_POSITIVE)
}

/// The variance to give an observation that is right with some chance, where `prior` is how much
/// was open without it: so large that what is expected moves that share of the way.
pub(super) fn blurred(variance: f64, prior: f64, trust: f64) -> f64 {
    (variance + prior) / trust.max(1e-3) - prior
}

/// An observed deviation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deviation {
    pub(super) off: f64,
    pub(super) variance: f64,
    pub(super) doubt: f64,
}

/// The mean of deviations that are 0 with variance `prior` before any is seen, and the variance
/// of that mean. From three on they are judged by their median, below that by the prior.
pub(super) fn shrunk(deviations: &[Deviation], prior: f64) -> (f64, f64) {
    let mut center = 0.0;
    if deviations.len() > 2 {
        let mut words: Vec<(f64, f64)> =
            deviations.iter().map(|one| (one.off, 1.0 / (one.variance + prior))).collect();
        center = weighted_median(&mut words).unwrap_or(0.0);
    }
    let (mut weights, mut sum) = (1.0 / prior, 0.0);
    for one in deviations {
        let trust = trust(one.off - center, one.variance + prior, one.doubt);
        let weight = 1.0 / blurred(one.variance, prior, trust);
        weights += weight;
        sum += weight * one.off;
    }
    (sum / weights, 1.0 / weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_stands_alone_is_wrong_and_many_that_agree_are_a_surprise() {
        let off = 5.0_f64.ln();
        assert!(trust(0.1, 0.03, 0.1) > 0.97);
        assert!(trust(off, 0.03, 0.1) < 0.2);
        assert!(trust(off, 0.03, 0.001) > 0.7);
        // Fifty times as long as expected: a few hundred samples, or three sources.
        let far = 50.0_f64.ln();
        assert!(trust(far, 0.03, 0.1) < 0.05);
        assert!(trust(far, 0.03, 0.1 / 255.0) > 0.6);
        assert!(trust(far, 0.03, 0.001 / 10.0) > 0.8);
    }

    #[test]
    fn one_wrong_deviation_in_ten_hardly_counts() {
        let one = |off| Deviation { off, variance: 0.004, doubt: 0.1 };
        let mut ten = [one(0.2); 10];
        let (clean, variance) = shrunk(&ten, 0.02);
        ten[3] = one(0.2 + 5.0_f64.ln());
        let (mean, _) = shrunk(&ten, 0.02);
        assert!((clean - 0.2).abs() < 0.01 && variance < 0.001, "{clean} {variance}");
        assert!((mean - clean).abs() < 0.02, "{mean} {clean}");
        // Alone it is not believed at all.
        assert!(shrunk(&[one(5.0_f64.ln())], 0.02).0 < 0.3);
    }
}
