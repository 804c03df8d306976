//! Points on the globe as vectors, for ranking many by distance.

use crate::model::Coordinates;

/// A point on a sphere of radius 1.
///
/// The straight line through the globe between two points grows with the great
/// circle between them, and its square costs three subtractions and three
/// multiplications: ranking needs no trigonometry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitVector([f64; 3]);

/// The square of a chord of the unit sphere: 0 at the same point, 4 at the antipode.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct ChordSquared(f64);

impl UnitVector {
    /// The square of the chord to another point. Six operations.
    #[inline]
    pub fn chord_squared(self, other: Self) -> ChordSquared {
        let [x, y, z] = self.0;
        let [a, b, c] = other.0;
        let (dx, dy, dz) = (x - a, y - b, z - c);
        ChordSquared(dx * dx + dy * dy + dz * dz)
    }

    /// The mean direction of weighted points; `None` without weight, or where
    /// they cancel out.
    pub fn mean(points: impl IntoIterator<Item = (Self, f64)>) -> Option<Self> {
        let mut sum = [0.0; 3];
        for (Self(point), weight) in points {
            sum.iter_mut().zip(point).for_each(|(sum, part)| *sum += part * weight);
        }
        let length = sum.iter().map(|part| part * part).sum::<f64>().sqrt();
        (length > 0.0).then(|| Self(sum.map(|part| part / length)))
    }
}

impl ChordSquared {
    /// The length of the great circle, in kilometres.
    pub fn km(self) -> f64 {
        2.0 * Coordinates::EARTH_RADIUS_KM * (self.0.sqrt() / 2.0).min(1.0).asin()
    }

    /// The square of a chord that [`ChordSquared::value`] gave.
    pub const fn from_value(value: f64) -> Self {
        Self(value)
    }

    /// The bare number; order is kept.
    pub const fn value(self) -> f64 {
        self.0
    }
}

impl From<Coordinates> for UnitVector {
    fn from(at: Coordinates) -> Self {
        let (lat, lon) = (at.lat().to_radians(), at.lon().to_radians());
        Self([lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()])
    }
}

impl From<UnitVector> for Coordinates {
    fn from(UnitVector([x, y, z]): UnitVector) -> Self {
        let lat = z.clamp(-1.0, 1.0).asin().to_degrees();
        Self::new(lat, y.atan2(x).to_degrees()).expect("asin and atan2 stay in range")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(lat: f64, lon: f64) -> Coordinates {
        Coordinates::new(lat, lon).unwrap()
    }

    #[test]
    fn the_mean_of_two_points_is_between_them_and_leans_to_the_heavier() {
        let [west, east] = [at(0.0, 0.0), at(0.0, 90.0)].map(UnitVector::from);
        let mean = |a: f64, b: f64| UnitVector::mean([(west, a), (east, b)]).map(Coordinates::from);
        assert!((mean(1.0, 1.0).unwrap().lon() - 45.0).abs() < 1e-9);
        assert!(mean(3.0, 1.0).unwrap().lon() < 20.0);
        assert_eq!(mean(0.0, 0.0), None);
    }

    proptest! {
        #[test]
        fn the_chord_agrees_with_the_great_circle(
            a in (-90.0..90.0, -180.0..180.0), b in (-90.0..90.0, -180.0..180.0)
        ) {
            let (a, b) = (at(a.0, a.1), at(b.0, b.1));
            let chord = UnitVector::from(a).chord_squared(b.into());
            let km = a.distance_km(b);
            prop_assert!((chord.km() - km).abs() < 1e-3, "{} {}", chord.km(), km);
            let back = Coordinates::from(UnitVector::from(a));
            prop_assert!(back.distance_km(a) < 1e-3);
        }
    }
}
