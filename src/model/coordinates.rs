//! A point on the globe.

/// Latitude and longitude in degrees, both finite and in range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coordinates {
    lat: f64,
    lon: f64,
}

impl Coordinates {
    /// Returns the point, or `None` unless `lat` is in -90..=90 and `lon` in -180..=180.
    pub fn new(lat: f64, lon: f64) -> Option<Self> {
        let ok = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
        ok.then_some(Self { lat, lon })
    }

    /// Degrees north.
    pub const fn lat(self) -> f64 {
        self.lat
    }

    /// Degrees east.
    pub const fn lon(self) -> f64 {
        self.lon
    }

    /// Great-circle distance in kilometres on a sphere, by the haversine formula.
    pub fn distance_km(self, other: Self) -> f64 {
        /// Mean radius of the Earth (IUGG).
        const RADIUS_KM: f64 = 6371.0088;
        let (from, to) = (self.lat.to_radians(), other.lat.to_radians());
        let half_lat = ((to - from) / 2.0).sin();
        let half_lon = ((other.lon - self.lon).to_radians() / 2.0).sin();
        let haversine = half_lat.powi(2) + from.cos() * to.cos() * half_lon.powi(2);
        2.0 * RADIUS_KM * haversine.clamp(0.0, 1.0).sqrt().asin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_great_circles() {
        let at = |lat, lon| Coordinates::new(lat, lon).unwrap();
        let half = std::f64::consts::PI * 6371.0088;
        for (a, b, km) in [
            (at(53.34, -6.27), at(53.34, -6.27), 0.0),
            (at(90.0, 0.0), at(-90.0, 0.0), half),
            (at(0.0, 179.0), at(0.0, -179.0), half / 90.0),
            (at(39.04, -77.49), at(53.34, -6.27), 5465.0),
        ] {
            assert!((a.distance_km(b) - km).abs() < 5.0, "{a:?} {b:?}: {}", a.distance_km(b));
        }
    }
}
