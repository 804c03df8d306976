//! What is known of where a client is.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use crate::model::Coordinates;

/// An autonomous system number (RFC 6793).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Asn(pub u32);

/// A continent by the two-letter codes that GeoIP vendors use.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Continent {
    /// AF
    Africa,
    /// AN
    Antarctica,
    /// AS
    Asia,
    /// EU
    Europe,
    /// NA
    NorthAmerica,
    /// OC
    Oceania,
    /// SA
    SouthAmerica,
}

impl Continent {
    /// All seven, by code.
    pub const ALL: [Self; 7] = [
        Self::Africa,
        Self::Antarctica,
        Self::Asia,
        Self::Europe,
        Self::NorthAmerica,
        Self::Oceania,
        Self::SouthAmerica,
    ];

    /// The two-letter code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Africa => "AF",
            Self::Antarctica => "AN",
            Self::Asia => "AS",
            Self::Europe => "EU",
            Self::NorthAmerica => "NA",
            Self::Oceania => "OC",
            Self::SouthAmerica => "SA",
        }
    }
}

impl FromStr for Continent {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|c| c.code().eq_ignore_ascii_case(text)).ok_or(())
    }
}

impl fmt::Display for Continent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A country by its ISO 3166-1 alpha-2 code, upper case.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Country([u8; 2]);

impl Country {
    /// One by a code that no place is read with, such as `A1` and `ZZ`, so that a rule for it is
    /// for nobody.
    pub fn nowhere(code: &str) -> Option<Self> {
        let code: [u8; 2] = code.to_ascii_uppercase().into_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_alphanumeric).then_some(Self(code))
    }

    /// The two letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Country {
    type Err = ();

    /// Takes two ASCII letters in any case. `ZZ`, which vendors write for "none", is refused.
    fn from_str(text: &str) -> Result<Self, ()> {
        let [a, b] = *text.as_bytes() else { return Err(()) };
        let code = [a.to_ascii_uppercase(), b.to_ascii_uppercase()];
        (code.iter().all(u8::is_ascii_uppercase) && code != *b"ZZ").then_some(Self(code)).ok_or(())
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A subdivision of a country by ISO 3166-2: `US-CA`.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Subdivision {
    country: Country,
    /// One to three letters or digits, upper case, padded with NUL.
    code: [u8; 3],
}

impl Subdivision {
    /// Returns the subdivision, or `None` unless `code` is one to three ASCII letters or digits.
    pub fn new(country: Country, code: &str) -> Option<Self> {
        let bytes = code.as_bytes();
        if !(1..=3).contains(&bytes.len()) || !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let mut padded = [0; 3];
        padded.iter_mut().zip(bytes).for_each(|(p, b)| *p = b.to_ascii_uppercase());
        Some(Self { country, code: padded })
    }

    /// The country it is in.
    pub const fn country(self) -> Country {
        self.country
    }

    /// The part after the hyphen: `CA`.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).unwrap_or_default().trim_end_matches('\0')
    }
}

impl FromStr for Subdivision {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (country, code) = text.split_once('-').ok_or(())?;
        Self::new(country.parse()?, code).ok_or(())
    }
}

impl fmt::Display for Subdivision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.country, self.code())
    }
}

impl fmt::Debug for Subdivision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The name of a holder of networks, to be compared with others; the text stays where it is
/// from. Upper and lower case are alike, and so are blanks around.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HolderName(NonZeroU64);

impl HolderName {
    /// The name that a text stands for.
    pub fn of(text: &str) -> Self {
        // FNV-1a. Texts are the operator's and of the databases that the operator chose.
        let octets = text.trim().bytes().map(|octet| octet.to_ascii_lowercase());
        let hash = octets.fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(NonZeroU64::new(hash).unwrap_or(NonZeroU64::MIN))
    }
}

/// Whose network it is, as databases of ISPs, organizations and domains name it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Holder {
    /// The provider of access.
    pub isp: Option<HolderName>,
    /// Who has registered it, else who has registered its autonomous system.
    pub organization: Option<HolderName>,
    /// The second-level domain that its addresses have names in.
    pub domain: Option<HolderName>,
}

impl Holder {
    /// What this leaves open, by another.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            isp: self.isp.or(other.isp),
            organization: self.organization.or(other.organization),
            domain: self.domain.or(other.domain),
        }
    }

    /// The names of it that are wanted.
    #[must_use]
    pub fn among(self, wanted: impl Fn(HolderName) -> bool) -> Self {
        Self {
            isp: self.isp.filter(|name| wanted(*name)),
            organization: self.organization.filter(|name| wanted(*name)),
            domain: self.domain.filter(|name| wanted(*name)),
        }
    }
}

/// Where a network is, as far as the databases say; every part may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    /// The continent; from the country where the database has none.
    pub continent: Option<Continent>,
    /// The country.
    pub country: Option<Country>,
    /// The largest subdivision of the country: state, province, region.
    pub subdivision: Option<Subdivision>,
    /// The best coordinates: the database's, else the centroid of the
    /// subdivision, the country or the continent.
    pub coordinates: Option<Coordinates>,
    /// The autonomous system that announces the network.
    pub asn: Option<Asn>,
    /// Whose network it is.
    pub holder: Holder,
}
