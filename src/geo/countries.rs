//! What every country is known for: its continent and where its people live.
//!
//! Country databases have no coordinates and often no continent; this table has.
//! The data is GeoNames' (<https://www.geonames.org>, CC BY 4.0), centroids are
//! means of its cities weighted by population. Clients are people who use the Internet, by the
//! World Bank (CC BY 4.0); where it says nothing, the mean part of the population.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::geo::UnitVector;
use crate::model::Continent;
use crate::model::Coordinates;
use crate::model::Country;
use crate::model::Place;
use crate::model::Subdivision;

/// The table of countries, US states and continents.
#[derive(Debug)]
pub struct Countries {
    countries: HashMap<Country, Facts>,
    subdivisions: HashMap<Subdivision, Coordinates>,
    continents: [Option<Coordinates>; Continent::ALL.len()],
    clients: HashMap<Country, f64>,
}

/// One country.
#[derive(Debug)]
struct Facts {
    name: &'static str,
    continent: Continent,
    /// None for places where nobody lives.
    centroid: Option<Coordinates>,
}

impl Countries {
    /// The table that comes with Meridian.
    ///
    /// # Panics
    ///
    /// Never: a test reads the whole table.
    pub fn builtin() -> &'static Self {
        static TABLE: LazyLock<Countries> = LazyLock::new(|| {
            Countries::parse(
                include_str!("data/country_centroids.csv"),
                include_str!("data/us_state_centroids.csv"),
            )
            .with_clients(include_str!("data/country_clients.csv"))
        });
        &TABLE
    }

    /// Whether ISO 3166-1 knows a country, or did; Kosovo's `XK` too.
    pub fn contains(&self, country: Country) -> bool {
        self.countries.contains_key(&country)
    }

    /// All countries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = Country> {
        self.countries.keys().copied()
    }

    /// The English name of a country.
    pub fn name(&self, country: Country) -> Option<&'static str> {
        self.countries.get(&country).map(|facts| facts.name)
    }

    /// The continent of a country.
    pub fn continent(&self, country: Country) -> Option<Continent> {
        let listed = self.countries.get(&country).map(|facts| facts.continent);
        // Vendors write these for networks of a continent's many countries.
        listed.or_else(|| match country.as_str() {
            "AP" => Some(Continent::Asia),
            "EU" => Some(Continent::Europe),
            _ => None,
        })
    }

    /// Where the people of a country live, on average.
    pub fn centroid(&self, country: Country) -> Option<Coordinates> {
        self.countries.get(&country)?.centroid
    }

    /// Where the people of a subdivision live, on average. US states only.
    pub fn subdivision_centroid(&self, subdivision: Subdivision) -> Option<Coordinates> {
        self.subdivisions.get(&subdivision).copied()
    }

    /// Where the people of a continent live, on average.
    pub fn continent_centroid(&self, continent: Continent) -> Option<Coordinates> {
        self.continents.get(continent as usize).copied().flatten()
    }

    /// How many people of a country use the Internet; `None` for places where nobody lives.
    pub fn clients(&self, country: Country) -> Option<f64> {
        self.clients.get(&country).copied()
    }

    /// Whether a client may be in a country, by what else is said of it: the continent, and
    /// coordinates. These contradict if they are twice as near to another country's people: large
    /// countries have borders that are far from theirs.
    pub fn may_be(
        &self,
        country: Country,
        continent: Option<Continent>,
        at: Option<Coordinates>,
    ) -> bool {
        let same_continent = continent.is_none_or(|said| self.continent(country) == Some(said));
        let near = at.map(UnitVector::from).is_none_or(|at| {
            let km = |centroid: Coordinates| at.chord_squared(centroid.into()).km();
            let own = self.centroid(country).map_or(f64::INFINITY, km);
            let others = self.countries.values().filter_map(|facts| facts.centroid);
            others.map(km).all(|other| other * 2.0 >= own)
        });
        same_continent && near
    }

    /// Fills in what follows from what is known: the continent from the country;
    /// coordinates from the subdivision, else the country, else the continent.
    #[must_use]
    pub fn complete(&self, place: Place) -> Place {
        let continent = place.continent.or_else(|| self.continent(place.country?));
        let coordinates = place
            .coordinates
            .or_else(|| self.subdivision_centroid(place.subdivision?))
            .or_else(|| self.centroid(place.country?))
            .or_else(|| self.continent_centroid(continent?));
        Place { continent, coordinates, ..place }
    }

    fn with_clients(mut self, rows: &'static str) -> Self {
        for row in rows.lines().skip(1) {
            let Some((code, clients)) = row.split_once(',') else { continue };
            if let (Ok(code), Ok(clients)) = (code.parse(), clients.parse()) {
                self.clients.insert(code, clients);
            }
        }
        self
    }

    fn parse(countries: &'static str, states: &'static str) -> Self {
        let mut table = Self {
            countries: HashMap::new(),
            subdivisions: HashMap::new(),
            continents: [None; Continent::ALL.len()],
            clients: HashMap::new(),
        };
        let mut people = Vec::new();
        for row in countries.lines().skip(1) {
            let mut fields = Fields(row);
            let [code, _, continent, name, population, lat, lon] =
                std::array::from_fn(|_| fields.next().unwrap_or_default());
            let (Ok(code), Ok(continent)) = (code.parse::<Country>(), continent.parse()) else {
                continue;
            };
            let centroid = point(lat, lon);
            if let Some(centroid) = centroid {
                let weight = population.parse().unwrap_or(0.0);
                people.push((continent, UnitVector::from(centroid), weight));
            }
            table.countries.insert(code, Facts { name: name.trim(), continent, centroid });
        }
        for row in states.lines().skip(1) {
            let mut fields = Fields(row);
            let [code, lat, lon] = std::array::from_fn(|_| fields.next().unwrap_or_default());
            let state = format!("US-{code}").parse().ok();
            table.subdivisions.extend(state.zip(point(lat, lon)));
        }
        table.continents = Continent::ALL.map(|continent| {
            let here = people.iter().filter(|(of, ..)| *of == continent);
            UnitVector::mean(here.map(|(_, at, weight)| (*at, *weight))).map(Coordinates::from)
        });
        table
    }
}

/// The fields of a row of CSV; quoted ones hold no quotes in our tables.
struct Fields(&'static str);

impl Iterator for Fields {
    type Item = &'static str;

    fn next(&mut self) -> Option<&'static str> {
        let (field, rest) = match self.0.strip_prefix('"') {
            Some(quoted) => {
                let (field, rest) = quoted.split_once('"')?;
                (field, rest.strip_prefix(',').unwrap_or(rest))
            }
            None => self.0.split_once(',').unwrap_or((self.0, "")),
        };
        self.0 = rest;
        Some(field)
    }
}

fn point(lat: &str, lon: &str) -> Option<Coordinates> {
    Coordinates::new(lat.parse().ok()?, lon.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn country(code: &str) -> Country {
        code.parse().unwrap()
    }

    #[test]
    fn every_row_of_the_tables_is_read() {
        let table = Countries::builtin();
        assert_eq!(table.countries.len(), 252);
        assert_eq!(table.subdivisions.len(), 51);
        assert_eq!(table.clients.len(), 248);
        assert_eq!(table.clients(country("DE")), Some(73_268_677.0));
        assert_eq!(table.name(country("BQ")), Some("Bonaire, Saint Eustatius and Saba"));
        let mut nowhere: Vec<_> =
            table.iter().filter(|c| table.centroid(*c).is_none()).map(|c| c.to_string()).collect();
        nowhere.sort();
        // Nobody lives there, or the country is no more.
        assert_eq!(nowhere, ["AN", "AQ", "BV", "CS", "HM", "IO", "UM"]);
    }

    #[test]
    fn every_continent_has_a_centroid_on_it() {
        let table = Countries::builtin();
        let near = [
            (Continent::Africa, (7.0, 20.0)),
            (Continent::Antarctica, (-56.0, 59.0)),
            (Continent::Asia, (27.0, 90.0)),
            (Continent::Europe, (49.0, 18.0)),
            (Continent::NorthAmerica, (32.0, -94.0)),
            (Continent::Oceania, (-27.0, 148.0)),
            (Continent::SouthAmerica, (-13.0, -57.0)),
        ];
        for (continent, (lat, lon)) in near {
            let at = table.continent_centroid(continent).unwrap();
            let km = at.distance_km(Coordinates::new(lat, lon).unwrap());
            assert!(km < 1500.0, "{continent} {at:?} {km}");
        }
    }

    #[test]
    fn a_place_falls_from_coordinates_to_subdivision_country_and_continent() {
        let table = Countries::builtin();
        let here = Coordinates::new(1.0, 2.0).unwrap();
        let us = Place { country: Some(country("US")), ..Place::default() };
        let california = "US-CA".parse().ok();
        let bavaria = "DE-BY".parse().ok();
        let cases = [
            (Place { coordinates: Some(here), subdivision: california, ..us }, Some(here)),
            (
                Place { subdivision: california, ..us },
                table.subdivision_centroid("US-CA".parse().unwrap()),
            ),
            (
                Place { subdivision: bavaria, country: Some(country("DE")), ..us },
                table.centroid(country("DE")),
            ),
            (us, table.centroid(country("US"))),
            (
                Place { country: Some(country("IO")), ..us },
                table.continent_centroid(Continent::Asia),
            ),
            (
                Place { country: Some(country("EU")), ..us },
                table.continent_centroid(Continent::Europe),
            ),
            (Place { country: Some(country("QQ")), ..us }, None),
            (Place::default(), None),
        ];
        for (place, expected) in cases {
            assert_eq!(table.complete(place).coordinates, expected, "{place:?}");
        }
        assert_eq!(table.complete(us).continent, Some(Continent::NorthAmerica));
        let odd = Place { continent: Some(Continent::Oceania), ..us };
        assert_eq!(table.complete(odd).continent, Some(Continent::Oceania));
    }
}
