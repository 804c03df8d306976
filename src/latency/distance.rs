//! The distance model: a round trip by how far it is.
//!
//! ```text
//!   milliseconds = access + pace × kilometres × (corridor / great circle) ^ detour
//! ```
//!
//! Fitted on a grid by least absolute deviations of logarithms: three numbers, no gradients,
//! and half the samples may lie. What it starts from are the usual values, which weigh as much
//! as a few samples do.

use crate::latency::SCALE_MS;
use crate::latency::SPEED_US_PER_KM;

/// The distance model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DistanceModel {
    /// Milliseconds that are spent whatever the distance.
    pub access_ms: f64,
    /// How much longer than light in fibre along the way a round trip takes.
    pub pace: f64,
    /// How much of the detour along the corridors counts: 0 is the great circle.
    pub detour: f64,
}

impl DistanceModel {
    /// Without data: what is usual, along great circles.
    pub const USUAL: Self = Self { access_ms: 4.0, pace: 1.5, detour: 0.0 };

    /// The round trip in milliseconds, by the great circle and the way along the corridors.
    /// Grows with each.
    pub fn ms(&self, (direct_km, way_km): (f64, f64)) -> f64 {
        let ratio = if direct_km > 1.0 { way_km / direct_km } else { 1.0 };
        let km = direct_km * ratio.powf(self.detour);
        self.access_ms + self.pace * SPEED_US_PER_KM / 1e3 * km
    }

    /// On the scale on which residuals are taken.
    pub(super) fn scaled(&self, lengths: (f64, f64)) -> f64 {
        (self.ms(lengths) + SCALE_MS).ln()
    }

    /// Fits lengths in kilometres and scaled round trips.
    pub(super) fn fit(data: &[((f64, f64), f64)]) -> Self {
        let cost = |model: &Self| {
            let misfit: f64 = data.iter().map(|(km, y)| (y - model.scaled(*km)).abs()).sum();
            // The usual values weigh as much as a few samples.
            let usual = 3.0 * (model.pace / Self::USUAL.pace).ln().abs()
                + (model.access_ms / Self::USUAL.access_ms).ln().abs()
                + 0.5 * model.detour;
            misfit + usual
        };
        let mut best = (cost(&Self::USUAL), Self::USUAL);
        for access_ms in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0] {
            for pace in (5_u8..=17).map(|tenth| 0.5 + f64::from(tenth) / 10.0) {
                for detour in [0.0, 0.25, 0.5, 0.75, 1.0] {
                    let model = Self { access_ms, pace, detour };
                    let cost = cost(&model);
                    if cost < best.0 {
                        best = (cost, model);
                    }
                }
            }
        }
        best.1
    }
}
