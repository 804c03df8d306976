//! From a record of any vendor to a [`Place`].
//!
//! Vendors agree on little: MaxMind nests (`country.iso_code`), DB-IP and
//! IPinfo are flat (`country_code`), numbers come as numbers or as text, `ZZ`,
//! `-` and 0 stand for nothing. A field of an unexpected type is ignored, so
//! that a schema we have not seen gives what it can.
//!
//! # Invariants
//!
//! - What comes out is what the record says; what it leaves out is filled in
//!   by `countries`, after several databases were merged.

use crate::geo::data_section::DataError;
use crate::geo::data_section::Decoder;
use crate::geo::data_section::Elements;
use crate::geo::data_section::Head;
use crate::geo::data_section::Value;
use crate::model::Asn;
use crate::model::Continent;
use crate::model::Coordinates;
use crate::model::Country;
use crate::model::Place;
use crate::model::Subdivision;

/// What the record at an offset says of where a network is.
pub(super) fn place(decoder: &mut Decoder<'_>, at: usize) -> Result<Place, DataError> {
    let mut fields = Fields::default();
    if let Value::Map(map) = decoder.record(at)? {
        fields.read(decoder, map)?;
    }
    Ok(fields.place())
}

/// The fields of a record that say where a network is, before they are checked
/// against each other.
#[derive(Debug, Default)]
struct Fields<'a> {
    asn: Option<Asn>,
    continent: Option<Continent>,
    country: Option<Country>,
    /// Where the network is registered, which is better than nothing.
    registered: Option<Country>,
    /// `CA` or `US-CA`.
    subdivision: Option<&'a str>,
    lat: Option<f64>,
    lon: Option<f64>,
}

impl<'a> Fields<'a> {
    /// Reads the top of a record. Where several fields say the same thing, the
    /// first that says anything wins.
    fn read(&mut self, decoder: &mut Decoder<'a>, map: Elements) -> Result<(), DataError> {
        decoder.each_pair(map, |decoder, key, head| {
            match key {
                b"as" | b"as_number" | b"asn" | b"autonomous_system_number" | b"traits" => {
                    self.read_asn(decoder, head)?;
                }
                b"continent" | b"continent_code" => {
                    let text = text_of(decoder, head, b"code")?;
                    self.continent = self.continent.or_else(|| continent(text?));
                }
                b"country" | b"country_code" | b"country_iso_code" => {
                    let text = text_of(decoder, head, b"iso_code")?;
                    self.country = self.country.or_else(|| text?.parse().ok());
                }
                b"registered_country" => {
                    let text = text_of(decoder, head, b"iso_code")?;
                    self.registered = self.registered.or_else(|| text?.parse().ok());
                }
                b"region" | b"region_code" | b"state" | b"state1" | b"subdivision"
                | b"subdivisions" => {
                    let text = text_of(decoder, head, b"iso_code")?.filter(|text| is_code(text));
                    self.subdivision = self.subdivision.or(text);
                }
                b"lat" | b"latitude" => self.lat = self.lat.or(number(decoder.value(head)?)),
                b"lng" | b"lon" | b"longitude" => {
                    self.lon = self.lon.or(number(decoder.value(head)?));
                }
                b"loc" | b"location" => self.read_location(decoder, head)?,
                _ => {}
            }
            Ok(true)
        })
    }

    /// `15169`, `"AS15169"`, or a map that holds one of them.
    fn read_asn(&mut self, decoder: &mut Decoder<'a>, head: Head) -> Result<(), DataError> {
        match decoder.value(head)? {
            Value::Map(map) => decoder.each_pair(map, |decoder, key, head| {
                if let b"asn" | b"autonomous_system_number" | b"number" = key {
                    let value = decoder.value(head)?;
                    self.asn = self.asn.or_else(|| asn(value));
                }
                Ok(true)
            }),
            value @ (Value::Array(_) | Value::Number(_) | Value::Other | Value::Text(_)) => {
                self.asn = self.asn.or_else(|| asn(value));
                Ok(())
            }
        }
    }

    /// `{ latitude: 1.2, longitude: 3.4 }` or `"1.2,3.4"`.
    fn read_location(&mut self, decoder: &mut Decoder<'a>, head: Head) -> Result<(), DataError> {
        match decoder.value(head)? {
            Value::Map(map) => decoder.each_pair(map, |decoder, key, head| {
                match key {
                    b"lat" | b"latitude" => self.lat = self.lat.or(number(decoder.value(head)?)),
                    b"lng" | b"lon" | b"longitude" => {
                        self.lon = self.lon.or(number(decoder.value(head)?));
                    }
                    _ => {}
                }
                Ok(self.lat.is_none() || self.lon.is_none())
            }),
            Value::Text(octets) => {
                let pair = text(octets).and_then(|text| text.split_once(','));
                if let Some((lat, lon)) = pair {
                    self.lat = self.lat.or_else(|| number(Value::Text(lat.as_bytes())));
                    self.lon = self.lon.or_else(|| number(Value::Text(lon.as_bytes())));
                }
                Ok(())
            }
            Value::Array(_) | Value::Number(_) | Value::Other => Ok(()),
        }
    }

    fn place(self) -> Place {
        let country = self.country.or(self.registered);
        let coordinates = self
            .lat
            .zip(self.lon)
            .and_then(|(lat, lon)| Coordinates::new(lat, lon))
            // Several vendors write 0,0 for "no idea"; it lies in the Gulf of Guinea.
            .filter(|at| country.is_some() || at.lat() != 0.0 || at.lon() != 0.0);
        Place {
            continent: self.continent,
            country,
            subdivision: self.subdivision.and_then(|code| subdivision(country?, code)),
            coordinates,
            asn: self.asn,
        }
    }
}

/// A text that says something, also as a field of a map or of the first of several.
fn text_of<'a>(
    decoder: &mut Decoder<'a>,
    head: Head,
    field: &'static [u8],
) -> Result<Option<&'a str>, DataError> {
    Ok(decoder.text(head, field)?.and_then(text))
}

/// A text that says something.
fn text(octets: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(octets).ok()?.trim();
    (!text.is_empty() && text != "-").then_some(text)
}

/// A finite number, also where it is written as text.
fn number(value: Value<'_>) -> Option<f64> {
    let number = match value {
        Value::Number(number) => Some(number),
        Value::Text(octets) => text(octets).and_then(|text| text.parse().ok()),
        Value::Array(_) | Value::Map(_) | Value::Other => None,
    };
    number.filter(|number: &f64| number.is_finite())
}

/// An AS number; 0 is reserved (RFC 7607) and stands for nothing.
fn asn(value: Value<'_>) -> Option<Asn> {
    let number = match value {
        Value::Number(number) => format!("{number}").parse().ok(),
        Value::Text(octets) => {
            let text = text(octets)?;
            let digits = text.trim_start_matches(['A', 'S', 'a', 's']);
            digits.parse().ok()
        }
        Value::Array(_) | Value::Map(_) | Value::Other => None,
    };
    number.filter(|number| *number != 0).map(Asn)
}

/// A continent by its code or its English name.
fn continent(text: &str) -> Option<Continent> {
    let by_name = || {
        let name = text.to_ascii_lowercase();
        Some(match name.as_str() {
            "africa" => Continent::Africa,
            "antarctica" => Continent::Antarctica,
            "asia" => Continent::Asia,
            "europe" => Continent::Europe,
            "north america" => Continent::NorthAmerica,
            "oceania" | "australia" => Continent::Oceania,
            "south america" => Continent::SouthAmerica,
            _ => return None,
        })
    };
    text.parse().ok().or_else(by_name)
}

/// Whether a text is the code of a subdivision rather than its name; names of
/// three letters exist (Ain, Goa), but not in capitals.
fn is_code(text: &str) -> bool {
    text.len() <= 6 && !text.bytes().any(|octet| octet.is_ascii_lowercase())
}

/// A subdivision by `CA` or `US-CA`; the latter only of this country.
fn subdivision(country: Country, code: &str) -> Option<Subdivision> {
    match code.split_once('-') {
        Some((of, code)) if of == country.as_str() => Subdivision::new(country, code),
        Some(_) => None,
        None => Subdivision::new(country, code),
    }
}

#[cfg(test)]
mod tests {
    use crate::geo::Database;
    use crate::geo::mmdb_writer::MmdbWriter;
    use crate::geo::mmdb_writer::Value;

    /// The place that a record gives, as text: `continent country subdivision lat,lon ASn`.
    fn read(record: Value) -> String {
        let file = MmdbWriter::new(28, 4).insert("192.0.2.0/24", record).write();
        let database = Database::from_bytes(file, "test").unwrap();
        let (place, _) = database.lookup("192.0.2.1".parse().unwrap()).unwrap();
        let place = place.unwrap();
        let parts = [
            place.continent.map(|c| c.to_string()),
            place.country.map(|c| c.to_string()),
            place.subdivision.map(|s| s.to_string()),
            place.coordinates.map(|at| format!("{},{}", at.lat(), at.lon())),
            place.asn.map(|asn| format!("AS{}", asn.0)),
        ];
        parts.map(|part| part.unwrap_or_else(|| "?".to_owned())).join(" ")
    }

    fn flat<const N: usize>(pairs: [(&str, &str); N]) -> Value {
        Value::map(pairs.map(|(key, value)| (key, Value::text(value))))
    }

    fn check<const N: usize>(cases: [(Value, &str); N]) {
        for (record, expected) in cases {
            assert_eq!(read(record.clone()), expected, "{record:?}");
        }
    }

    #[test]
    fn nested_records_as_maxmind_writes_them() {
        let location = |lat, lon| {
            Value::map([
                ("accuracy_radius", Value::Uint16(100)),
                ("latitude", lat),
                ("longitude", lon),
            ])
        };
        let country = |code| {
            Value::map([
                ("geoname_id", Value::Uint32(6)),
                ("iso_code", Value::text(code)),
                ("names", Value::map([("de", Value::text("x")), ("en", Value::text("y"))])),
            ])
        };
        check([
            (
                Value::map([
                    ("city", Value::map([("names", Value::map([("en", Value::text("Berlin"))]))])),
                    ("continent", Value::map([("code", Value::text("EU"))]).shared()),
                    ("country", country("DE").shared()),
                    ("location", location(Value::Double(52.52), Value::Double(13.4))),
                    ("registered_country", country("FR")),
                    ("subdivisions", Value::Array(vec![country("BE"), country("XX")])),
                    ("traits", Value::map([("autonomous_system_number", Value::Uint32(3320))])),
                ]),
                "EU DE DE-BE 52.52,13.4 AS3320",
            ),
            (Value::map([("registered_country", country("FR"))]), "? FR ? ? ?"),
            (
                Value::map([
                    ("country", country("DE")),
                    ("location", location(Value::Float(52.37), Value::Float(-4.8945))),
                ]),
                "? DE ? 52.37,-4.8945 ?",
            ),
            (
                Value::map([("location", location(Value::Double(0.0), Value::Double(0.0)))]),
                "? ? ? ? ?",
            ),
            (
                Value::map([("location", location(Value::Double(91.0), Value::Double(0.0)))]),
                "? ? ? ? ?",
            ),
            (
                Value::map([("location", location(Value::Double(1.0), Value::Double(f64::NAN)))]),
                "? ? ? ? ?",
            ),
            (Value::map([("autonomous_system_number", Value::Uint32(0))]), "? ? ? ? ?"),
            (Value::map([("autonomous_system_number", Value::Uint64(64496))]), "? ? ? ? AS64496"),
        ]);
    }

    #[test]
    fn flat_records_as_db_ip_ipinfo_and_ip2location_write_them() {
        check([
            (flat([("country_code", "US")]), "? US ? ? ?"),
            (flat([("country_code", "us"), ("state1", "California")]), "? US ? ? ?"),
            (flat([("country_code", "US"), ("state1", "CA")]), "? US US-CA ? ?"),
            (flat([("region", "US-CA"), ("country", "US")]), "? US US-CA ? ?"),
            (flat([("region", "CA-ON"), ("country", "US")]), "? US ? ? ?"),
            (
                flat([
                    ("asn", "AS15169"),
                    ("continent", "North America"),
                    ("country", "United States"),
                    ("country_code", "US"),
                    ("lat", "37.4056"),
                    ("lng", "-122.0775"),
                ]),
                "NA US ? 37.4056,-122.0775 AS15169",
            ),
            (flat([("country", "DE"), ("loc", "52.5, 13.4")]), "? DE ? 52.5,13.4 ?"),
            (flat([("as_number", "64496"), ("continent_code", "oc")]), "OC ? ? ? AS64496"),
            (
                Value::map([
                    ("country_code", Value::text("FR")),
                    ("latitude", Value::Float(48.85)),
                    ("longitude", Value::Float(2.35)),
                ]),
                "? FR ? 48.85,2.35 ?",
            ),
            (flat([("latitude", "0"), ("longitude", "0"), ("country_code", "-")]), "? ? ? ? ?"),
            (flat([("latitude", "0"), ("longitude", "0"), ("country_code", "GH")]), "? GH ? 0,0 ?"),
            (Value::map([("as", Value::map([("asn", Value::text("AS1"))]))]), "? ? ? ? AS1"),
        ]);
    }

    #[test]
    fn what_says_nothing_or_has_another_type_is_ignored() {
        let odd = [
            Value::Array(vec![]),
            Value::Bool(true),
            Value::Bytes(vec![1; 300]),
            Value::Double(-1.5),
            Value::Int32(-3),
            Value::Map(vec![]),
            Value::text(""),
            Value::text("-"),
            Value::text("ZZ"),
            Value::text(&"x".repeat(70_000)),
            Value::Uint128(u128::MAX),
            Value::Array(vec![Value::Array(vec![Value::Bool(false)])]),
        ];
        for value in odd {
            let keys = [
                "asn",
                "continent",
                "country",
                "country_code",
                "location",
                "subdivisions",
                "traits",
                "latitude",
                "registered_country",
            ];
            let record = Value::map(keys.map(|key| (key, value.clone())));
            assert_eq!(read(record), "? ? ? ? ?", "{value:?}");
        }
        assert_eq!(read(Value::text("US")), "? ? ? ? ?");
    }

    #[test]
    fn pointers_of_every_width_are_followed() {
        for padding in [0, 3000, 600_000, 135_000_000] {
            let country = Value::map([("iso_code", Value::text("NZ").shared())]).shared();
            let record =
                Value::map([("country", country.clone()), ("registered_country", country)]);
            let file =
                MmdbWriter::new(32, 4).padding(padding).insert("192.0.2.0/24", record).write();
            let database = Database::from_bytes(file, "test").unwrap();
            let (place, _) = database.lookup("192.0.2.1".parse().unwrap()).unwrap();
            assert_eq!(place.unwrap().country, "NZ".parse().ok(), "{padding}");
        }
    }

    #[test]
    fn a_record_of_more_values_than_any_real_one_is_damaged() {
        let record = |n| Value::map([("names", Value::Array(vec![Value::Bool(true); n]))]);
        assert_eq!(read(record(10_000)), "? ? ? ? ?");
        let file = MmdbWriter::new(28, 4).insert("192.0.2.0/24", record(20_000)).write();
        let database = Database::from_bytes(file, "test").unwrap();
        let error = database.lookup("192.0.2.1".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("more than 16384 values"), "{error}");
    }
}
