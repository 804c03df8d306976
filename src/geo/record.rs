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

use crate::geo::Countries;
use crate::geo::data_section::DataError;
use crate::geo::data_section::Decoder;
use crate::geo::data_section::Elements;
use crate::geo::data_section::Head;
use crate::geo::data_section::Value;
use crate::model::Asn;
use crate::model::Continent;
use crate::model::Coordinates;
use crate::model::Country;
use crate::model::Holder;
use crate::model::HolderName;
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

/// Whose network it is, in a database's own words.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HolderTexts {
    /// The provider of access.
    pub isp: Option<String>,
    /// Who has registered it, else who has registered its autonomous system.
    pub organization: Option<String>,
    /// The second-level domain that its addresses have names in.
    pub domain: Option<String>,
}

/// Whose network the record at an offset says it is.
pub(super) fn holder(decoder: &mut Decoder<'_>, at: usize) -> Result<HolderTexts, DataError> {
    let mut fields = Fields::default();
    if let Value::Map(map) = decoder.record(at)? {
        fields.read(decoder, map)?;
    }
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Ok(HolderTexts {
        isp: owned(fields.isp),
        organization: owned(fields.organization.or(fields.as_organization)),
        domain: owned(fields.domain),
    })
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
    isp: Option<&'a str>,
    organization: Option<&'a str>,
    as_organization: Option<&'a str>,
    domain: Option<&'a str>,
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
                _ => self.read_holder(decoder, key, head)?,
            }
            Ok(true)
        })
    }

    /// The fields of databases of ISPs, organizations and domains.
    fn read_holder(
        &mut self,
        decoder: &mut Decoder<'a>,
        key: &[u8],
        head: Head,
    ) -> Result<(), DataError> {
        let field = match key {
            b"isp" => &mut self.isp,
            b"org" | b"organization" => &mut self.organization,
            b"as_name" | b"autonomous_system_organization" => &mut self.as_organization,
            b"as_domain" | b"domain" => &mut self.domain,
            _ => return Ok(()),
        };
        if field.is_none() {
            *field = text_of(decoder, head, b"name")?;
        }
        Ok(())
    }

    /// `15169`, `"AS15169"`, or a map that holds one of them.
    fn read_asn(&mut self, decoder: &mut Decoder<'a>, head: Head) -> Result<(), DataError> {
        match decoder.value(head)? {
            Value::Map(map) => decoder.each_pair(map, |decoder, key, head| {
                if let b"asn" | b"autonomous_system_number" | b"number" = key {
                    let value = decoder.value(head)?;
                    self.asn = self.asn.or_else(|| asn(value));
                } else {
                    self.read_holder(decoder, key, head)?;
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
        let stated = self.lat.zip(self.lon).and_then(|(lat, lon)| Coordinates::new(lat, lon));
        let country = self.country.or_else(|| {
            let may_be = |country| Countries::builtin().may_be(country, self.continent, stated);
            self.registered.filter(|registered| may_be(*registered))
        });
        let coordinates = stated
            // Several vendors write 0,0 for "no idea"; it lies in the Gulf of Guinea.
            .filter(|at| country.is_some() || at.lat() != 0.0 || at.lon() != 0.0);
        Place {
            continent: self.continent,
            country,
            subdivision: self.subdivision.and_then(|code| subdivision(country?, code)),
            coordinates,
            asn: self.asn,
            holder: Holder {
                isp: self.isp.map(HolderName::of),
                organization: self.organization.or(self.as_organization).map(HolderName::of),
                domain: self.domain.map(HolderName::of),
            },
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
mod tests;
