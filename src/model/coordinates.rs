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
}
