//! Along which ways traffic goes around the world.
//!
//! Great circles cross oceans and borders where no cable does: between Brazil and the Cape, or
//! Israel and the Gulf, packets go by Europe or America. This is a coarse map of the corridors
//! that do carry traffic, drawn from the public maps of submarine and terrestrial cables: some
//! gateways, and which of them are joined.
//!
//! ```text
//!   client ─► nearest gateway ─► … corridors … ─► nearest gateway ─► region
//!        └──────── the great circle, where both gateways are one, or joined ───┘
//! ```
//!
//! It is a prior, no more: how much its detours count is fitted to what was measured, and
//! without measurements nothing is ranked by it.

use std::sync::LazyLock;

use crate::model::Coordinates;

/// The gateways: a name for the links, latitude, longitude.
const GATEWAYS: &[(&str, f64, f64)] = &[
    ("africa-east", -4.0, 39.7),
    ("africa-south", -26.2, 28.0),
    ("africa-west", 6.5, 3.4),
    ("america-central", 9.0, -79.5),
    ("america-east", 40.7, -74.0),
    ("america-middle", 32.8, -96.8),
    ("america-west", 37.4, -122.0),
    ("andes", -12.0, -77.0),
    ("asia-central", 43.2, 76.9),
    ("australia-east", -33.9, 151.2),
    ("australia-west", -32.0, 115.9),
    ("brazil", -23.0, -45.0),
    ("cape", -33.9, 18.4),
    ("china-north", 39.9, 116.4),
    ("china-south", 22.3, 114.2),
    ("egypt", 30.0, 31.2),
    ("europe-east", 50.0, 20.0),
    ("europe-north", 59.3, 15.0),
    ("europe-south", 43.3, 5.4),
    ("europe-west", 50.5, 1.0),
    ("florida", 25.8, -80.2),
    ("gulf", 25.2, 55.3),
    ("india-east", 13.1, 80.3),
    ("india-west", 19.1, 72.9),
    ("japan", 35.7, 139.7),
    ("korea", 37.5, 127.0),
    ("levant", 32.0, 34.8),
    ("malacca", 1.35, 103.8),
    ("new-zealand", -36.8, 174.8),
    ("plata", -34.0, -65.0),
    ("russia", 55.8, 37.6),
    ("turkey", 41.0, 29.0),
];

/// What is joined.
const LINKS: &[(&str, &[&str])] = &[
    ("africa-east", &["africa-south", "egypt", "gulf", "india-west"]),
    ("africa-west", &["cape", "europe-south", "europe-west"]),
    ("america-central", &["andes", "america-middle", "florida"]),
    ("america-east", &["america-middle", "america-west", "europe-west", "florida"]),
    ("america-middle", &["america-west", "florida"]),
    ("america-west", &["australia-east", "china-south", "japan", "new-zealand"]),
    ("australia-east", &["australia-west", "china-south", "japan", "malacca", "new-zealand"]),
    ("brazil", &["florida", "plata"]),
    ("cape", &["africa-south"]),
    ("china-north", &["china-south", "korea"]),
    ("china-south", &["japan", "korea", "malacca"]),
    ("egypt", &["europe-south", "gulf", "india-west"]),
    ("europe-east", &["europe-north", "europe-south", "europe-west", "russia", "turkey"]),
    ("europe-north", &["europe-south", "europe-west", "russia"]),
    ("europe-south", &["europe-west", "levant", "turkey"]),
    ("gulf", &["india-west", "malacca"]),
    ("india-east", &["india-west", "malacca"]),
    ("india-west", &["malacca"]),
    ("japan", &["korea", "malacca"]),
    ("malacca", &["australia-west"]),
    ("plata", &["andes"]),
    ("russia", &["asia-central"]),
    ("turkey", &["levant"]),
];

/// The map, with the shortest way between any two gateways.
#[derive(Debug)]
pub(super) struct Corridors {
    at: Vec<Coordinates>,
    /// Kilometres, a row per gateway.
    ways: Vec<Vec<f64>>,
    joined: Vec<Vec<bool>>,
}

/// A place on the map: the nearest gateway, and the way there in kilometres.
#[derive(Clone, Copy, Debug)]
pub(super) struct Junction {
    at: Coordinates,
    gateway: usize,
    km: f64,
}

impl Corridors {
    /// The built-in map.
    pub(super) fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Corridors> = LazyLock::new(Corridors::new);
        &BUILTIN
    }

    fn new() -> Self {
        let at: Vec<Coordinates> =
            GATEWAYS.iter().filter_map(|(_, lat, lon)| Coordinates::new(*lat, *lon)).collect();
        let lists = |from: &str, to: &str| {
            LINKS.iter().any(|(name, ends)| *name == from && ends.contains(&to))
        };
        let names = || GATEWAYS.iter().map(|(name, ..)| *name);
        let joined: Vec<Vec<bool>> = names()
            .map(|a| names().map(|b| a == b || lists(a, b) || lists(b, a)).collect())
            .collect();
        let row = |(from, joined): (&Coordinates, &Vec<bool>)| {
            let ends = at.iter().zip(joined);
            ends.map(|(to, is)| if *is { from.distance_km(*to) } else { f64::INFINITY }).collect()
        };
        let mut ways: Vec<Vec<f64>> = at.iter().zip(&joined).map(row).collect();
        // Floyd and Warshall: the shortest ways that pass through one more gateway each time.
        for via in 0..ways.len() {
            let onwards = ways.get(via).cloned().unwrap_or_default();
            for row in &mut ways {
                let first = row.get(via).copied().unwrap_or(f64::INFINITY);
                row.iter_mut().zip(&onwards).for_each(|(km, rest)| *km = km.min(first + rest));
            }
        }
        Self { at, ways, joined }
    }

    /// Where a place joins the map.
    pub(super) fn junction(&self, at: Coordinates) -> Junction {
        let distances = self.at.iter().map(|gateway| gateway.distance_km(at)).enumerate();
        let nearest = distances.min_by(|(_, a), (_, b)| a.total_cmp(b));
        let (gateway, km) = nearest.unwrap_or_default();
        Junction { at, gateway, km }
    }

    /// The great circle between two places, and the way along the corridors, in kilometres.
    /// The latter is never shorter.
    pub(super) fn lengths(&self, from: &Junction, to: &Junction) -> (f64, f64) {
        let direct = from.at.distance_km(to.at);
        let joined = self.joined.get(from.gateway).and_then(|row| row.get(to.gateway));
        if joined.copied().unwrap_or(true) {
            return (direct, direct);
        }
        let way = self.ways.get(from.gateway).and_then(|row| row.get(to.gateway));
        (direct, way.map_or(direct, |way| (from.km + way + to.km).max(direct)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_name_gateways_and_lead_everywhere() {
        for (from, ends) in LINKS {
            for name in ends.iter().chain([from]) {
                assert!(GATEWAYS.iter().any(|(gateway, ..)| gateway == name), "{name}");
            }
        }
        let corridors = Corridors::builtin();
        assert_eq!(corridors.at.len(), GATEWAYS.len());
        assert!(corridors.ways.iter().flatten().all(|km| *km < 40_000.0));
    }

    #[test]
    fn ways_go_around_where_no_cable_is() {
        let corridors = Corridors::builtin();
        let at = |lat, lon| corridors.junction(Coordinates::new(lat, lon).unwrap());
        let [sao_paulo, cape_town] = [at(-23.55, -46.63), at(-33.92, 18.42)];
        let [london, new_york] = [at(51.5, -0.13), at(40.7, -74.0)];
        let (direct, way) = corridors.lengths(&sao_paulo, &cape_town);
        assert!((6_300.0..6_400.0).contains(&direct), "{direct}");
        assert!(way > 3.0 * direct, "{way}");
        let (direct, way) = corridors.lengths(&london, &new_york);
        assert_eq!(direct, way);
        // There and back are the same.
        assert_eq!(corridors.lengths(&cape_town, &sao_paulo).1, {
            corridors.lengths(&sao_paulo, &cape_town).1
        });
    }
}
