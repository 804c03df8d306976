//! Availability: where there is a region to go to.

use crate::model::RegionId;

/// For each map and region, the part of the services (0..=1) that may be answered with that
/// region. What was not said is 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Availability {
    n_regions: usize,
    /// By map, then by region.
    parts: Vec<f64>,
}

impl Availability {
    /// Everything is there, whatever the number of maps.
    pub const fn whole(n_regions: usize) -> Self {
        Self { n_regions, parts: Vec::new() }
    }

    /// Says the part of the services of a map that may be answered with a region; clamped to
    /// 0..=1, and NaN is 0. O(maps × regions) the first time a map is named.
    pub fn set(&mut self, map: usize, region: RegionId, part: f64) {
        if region.index() >= self.n_regions {
            return;
        }
        let needed = (map + 1) * self.n_regions;
        if self.parts.len() < needed {
            self.parts.resize(needed, 1.0);
        }
        if let Some(slot) = self.parts.get_mut(map * self.n_regions + region.index()) {
            *slot = if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) };
        }
    }

    /// The part of the services of a map that may be answered with a region.
    pub fn of(&self, map: usize, region: RegionId) -> f64 {
        if region.index() >= self.n_regions {
            return 1.0;
        }
        self.parts.get(map * self.n_regions + region.index()).copied().unwrap_or(1.0)
    }
}
