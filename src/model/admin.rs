//! What an operator decided, whatever the probes say.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

/// What an operator wants of a region, pool or endpoint.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum AdminState {
    /// The verdict decides.
    #[default]
    Auto,
    /// Up whatever the verdict.
    ForcedUp,
    /// No new clients; answered only when nothing else is left.
    Drained,
    /// Never answered.
    ForcedDown,
}

impl AdminState {
    /// The word in commands, the API and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::ForcedUp => "forced-up",
            Self::Drained => "drained",
            Self::ForcedDown => "forced-down",
        }
    }
}

impl fmt::Display for AdminState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an admin state is about, by the operator's names.
///
/// As text: `us-east`, `www/us-east`, `www/us-east/192.0.2.10`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum AdminTarget {
    /// All that is in a region.
    Region {
        /// Its name.
        region: String,
    },
    /// One service's pool in a region.
    Pool {
        /// The service.
        service: String,
        /// The region.
        region: String,
    },
    /// One endpoint of a pool.
    Endpoint {
        /// The service.
        service: String,
        /// The region.
        region: String,
        /// The address or host name, as `meridian status` shows it.
        endpoint: String,
    },
}

impl AdminTarget {
    /// Whether it covers an endpoint, or is this very target.
    pub fn covers(&self, other: &Self) -> bool {
        let Self::Endpoint { service, region, .. } = other else { return self == other };
        match self {
            Self::Region { region: own } => own == region,
            Self::Pool { service: s, region: own } => s == service && own == region,
            Self::Endpoint { .. } => self == other,
        }
    }

    /// Whether some endpoint may be in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        fn parts(target: &AdminTarget) -> (&str, Option<&str>, Option<&str>) {
            match target {
                AdminTarget::Region { region } => (region, None, None),
                AdminTarget::Pool { service, region } => (region, Some(service), None),
                AdminTarget::Endpoint { service, region, endpoint } => {
                    (region, Some(service), Some(endpoint))
                }
            }
        }
        let same = |a: Option<&str>, b: Option<&str>| a.is_none() || b.is_none() || a == b;
        let (a, b) = (parts(self), parts(other));
        a.0 == b.0 && same(a.1, b.1) && same(a.2, b.2)
    }
}

impl FromStr for AdminTarget {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '/').map(str::to_owned);
        let found = (parts.next(), parts.next(), parts.next());
        let all_named = !text.split('/').any(str::is_empty);
        match found {
            (Some(region), None, _) if all_named => Ok(Self::Region { region }),
            (Some(service), Some(region), None) if all_named => Ok(Self::Pool { service, region }),
            (Some(service), Some(region), Some(endpoint)) if all_named => {
                Ok(Self::Endpoint { service, region, endpoint: as_shown(&endpoint) })
            }
            _ => Err(()),
        }
    }
}

/// An endpoint as `meridian status` shows it, however an operator writes it.
fn as_shown(endpoint: &str) -> String {
    endpoint.parse().map_or_else(
        |_| endpoint.trim_end_matches('.').to_ascii_lowercase(),
        |address: IpAddr| address.to_string(),
    )
}

impl fmt::Display for AdminTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region { region } => f.write_str(region),
            Self::Pool { service, region } => write!(f, "{service}/{region}"),
            Self::Endpoint { service, region, endpoint } => {
                write!(f, "{service}/{region}/{endpoint}")
            }
        }
    }
}

impl Serialize for AdminTarget {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AdminTarget {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|()| {
            serde::de::Error::custom(format!(
                "expected `REGION`, `SERVICE/REGION` or `SERVICE/REGION/ENDPOINT`, found {text:?}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_overlap_where_one_holds_the_other() {
        for (a, b, expected) in [
            ("us", "us", true),
            ("us", "eu", false),
            ("us", "www/us", true),
            ("www/us", "api/us", false),
            ("www/us/192.0.2.1", "us", true),
            ("www/us/192.0.2.1", "www/us", true),
            ("www/us/192.0.2.1", "www/us/192.0.2.2", false),
            ("www/us/192.0.2.1", "www/eu", false),
        ] {
            let (a, b): (AdminTarget, AdminTarget) = (a.parse().unwrap(), b.parse().unwrap());
            assert_eq!((a.overlaps(&b), b.overlaps(&a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn targets_read_as_they_print() {
        for text in ["us-east", "www/us-east", "www/us-east/2001:db8::1"] {
            assert_eq!(text.parse::<AdminTarget>().unwrap().to_string(), text);
        }
        // An endpoint is the same however it is written.
        for (text, shown) in [
            ("w/us/2001:DB8:0:0::0001", "w/us/2001:db8::1"),
            ("w/us/LB.Example.net.", "w/us/lb.example.net"),
        ] {
            assert_eq!(text.parse::<AdminTarget>().unwrap().to_string(), shown);
        }
        for text in ["", "/", "a/", "/a", "a//b", "a/b/"] {
            assert_eq!(text.parse::<AdminTarget>(), Err(()), "{text}");
        }
    }
}
