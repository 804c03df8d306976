//! One line of a batch: `{"client": "203.0.113.7", "region": "eu-west", "rtt_ms": 23.4}`.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::error::Category;

use crate::model::Carrier;
use crate::model::limits;
use crate::samples::Reason;

/// A line that says something, of a region that may not be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Line {
    pub(super) client: IpAddr,
    pub(super) region: String,
    pub(super) rtt_us: i64,
    /// Now, if it says nothing.
    pub(super) at: Option<Timestamp>,
}

/// Why a line is refused, and what was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Flaw(pub(super) Reason, pub(super) String);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    client: Option<String>,
    region: Option<String>,
    rtt_ms: Option<f64>,
    at: Option<String>,
}

impl Line {
    /// Reads one line.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub(super) fn read(octets: &[u8]) -> Result<Self, Flaw> {
        let raw: Raw = serde_json::from_slice(octets).map_err(|error| match error.classify() {
            Category::Data if octets.trim_ascii().starts_with(b"{") => {
                Flaw::of(Reason::WrongField, &error.to_string())
            }
            Category::Data | Category::Syntax | Category::Eof | Category::Io => {
                Flaw::of(Reason::NotJson, &String::from_utf8_lossy(octets))
            }
        })?;
        let missing = |name: &'static str| move || Flaw::of(Reason::MissingField, name);
        let client = raw.client.ok_or_else(missing("client"))?;
        let region = raw.region.ok_or_else(missing("region"))?;
        let rtt_ms = raw.rtt_ms.ok_or_else(missing("rtt_ms"))?;
        let time = |text: String| text.parse().map_err(|_| Flaw::of(Reason::NoTime, &text));
        Ok(Self {
            client: self::client(&client).map_err(|reason| Flaw::of(reason, &client))?,
            region,
            rtt_us: microseconds(rtt_ms),
            at: raw.at.map(time).transpose()?,
        })
    }
}

impl Flaw {
    /// With what was found, as much as is told of it.
    pub(super) fn of(reason: Reason, found: &str) -> Self {
        Self(reason, found.chars().take(limits::LATENCY_FOUND).collect())
    }
}

/// The address of a client that is given as address or prefix.
///
/// # Errors
///
/// [`Reason::NoClient`], or [`Reason::WideClient`] for a prefix that is wider than what is kept:
/// which of the clients in it was measured is not said.
pub fn client(text: &str) -> Result<IpAddr, Reason> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address);
    }
    let net: IpNet = text.parse().map_err(|_| Reason::NoClient)?;
    let narrow = match net.addr() {
        IpAddr::V4(_) => 24,
        // Of an IPv4 address that is carried, what stands ahead of it counts too.
        IpAddr::V6(v6) => Carrier::of(v6.into()).map_or(48, |carrier| carrier.offset() + 24),
    };
    if net.prefix_len() < narrow { Err(Reason::WideClient) } else { Ok(net.addr()) }
}

/// Milliseconds as whole microseconds, up; what is no number of them is more than any.
#[expect(clippy::cast_possible_truncation, reason = "it saturates, and that is absurd enough")]
fn microseconds(ms: f64) -> i64 {
    // Rounded up, so that what is shorter than one is not taken for nothing.
    (ms * 1e3 - 1e-6).ceil() as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_says_who_where_and_how_long() {
        for (text, client, rtt_us, at) in [
            (
                r#"{"client":"203.0.113.7","region":"eu","rtt_ms":23.4}"#,
                "203.0.113.7",
                23_400,
                None,
            ),
            (r#"{"client":"203.0.113.0/24","region":"eu","rtt_ms":1}"#, "203.0.113.0", 1000, None),
            (r#"{"rtt_ms":1e1,"region":"eu","client":"::1"}"#, "::1", 10_000, None),
            (r#" {"client":"2001:db8::/48","region":"eu","rtt_ms":1} "#, "2001:db8::", 1000, None),
            (
                r#"{"client":"::ffff:1.2.3.0/120","region":"eu","rtt_ms":1}"#,
                "::ffff:1.2.3.0",
                1000,
                None,
            ),
            (r#"{"client":"1.1.1.1","region":"eu","rtt_ms":0.0001}"#, "1.1.1.1", 1, None),
            (r#"{"client":"1.1.1.1","region":"eu","rtt_ms":0}"#, "1.1.1.1", 0, None),
            (r#"{"client":"1.1.1.1","region":"eu","rtt_ms":-3}"#, "1.1.1.1", -3000, None),
            (r#"{"client":"1.1.1.1","region":"eu","rtt_ms":1e300}"#, "1.1.1.1", i64::MAX, None),
            (r#"{"client":"1.1.1.1","region":"eu","rtt_ms":1,"at":null}"#, "1.1.1.1", 1000, None),
            (
                r#"{"client":"1.1.1.1","region":"eu","rtt_ms":1,"at":"2026-01-02T03:04:05+01:00"}"#,
                "1.1.1.1",
                1000,
                Some("2026-01-02T02:04:05Z"),
            ),
        ] {
            let at = at.map(|text: &str| text.parse().unwrap());
            let client = client.parse().unwrap();
            let expected = Line { client, region: "eu".into(), rtt_us, at };
            assert_eq!(Line::read(text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said() {
        for (text, reason, found) in [
            (r"hello", Reason::NotJson, "hello"),
            (r#"{"client":"1.1.1.1""#, Reason::NotJson, r#"{"client":"1.1.1.1""#),
            (r"[1]", Reason::NotJson, "[1]"),
            (r"3", Reason::NotJson, "3"),
            (r#"{"client":"1.1.1.1","region":"eu","rtt_ms":1} x"#, Reason::NotJson, ""),
            (r#"{"client":"1.1.1.1","region":"eu","rtt_ms":NaN}"#, Reason::NotJson, ""),
            (r#"{"client":"1.1.1.1","region":"eu","rtt_ms":1e999}"#, Reason::NotJson, ""),
            (r"{}", Reason::MissingField, "client"),
            (r#"{"client":"1.1.1.1","rtt_ms":1}"#, Reason::MissingField, "region"),
            (r#"{"client":"1.1.1.1","region":"eu"}"#, Reason::MissingField, "rtt_ms"),
            (r#"{"client":"1.1.1.1","region":"eu","rtt_ms":null}"#, Reason::MissingField, "rtt_ms"),
            (r#"{"client":"1.1.1.1","region":"eu","rtt_ms":"1"}"#, Reason::WrongField, ""),
            (r#"{"client":1,"region":"eu","rtt_ms":1}"#, Reason::WrongField, ""),
            (r#"{"client":"1.1.1.1","region":"eu","rtt_ms":1,"rtt":1}"#, Reason::WrongField, ""),
            (r#"{"client":"a.example","region":"eu","rtt_ms":1}"#, Reason::NoClient, "a.example"),
            (r#"{"client":"1.1.1.1/33","region":"eu","rtt_ms":1}"#, Reason::NoClient, "1.1.1.1/33"),
            (
                r#"{"client":"1.1.0.0/23","region":"eu","rtt_ms":1}"#,
                Reason::WideClient,
                "1.1.0.0/23",
            ),
            (r#"{"client":"2001:db8::/47","region":"eu","rtt_ms":1}"#, Reason::WideClient, ""),
            (r#"{"client":"::ffff:1.2.0.0/112","region":"eu","rtt_ms":1}"#, Reason::WideClient, ""),
            (
                r#"{"client":"64:ff9b::1.2.0.0/112","region":"eu","rtt_ms":1}"#,
                Reason::WideClient,
                "",
            ),
            (r#"{"client":"64:ff9b::/96","region":"eu","rtt_ms":1}"#, Reason::WideClient, ""),
            (r#"{"client":"2002:102::/32","region":"eu","rtt_ms":1}"#, Reason::WideClient, ""),
            (r#"{"client":"2001::/48","region":"eu","rtt_ms":1}"#, Reason::WideClient, ""),
            (r#"{"client":"1.1.1.1","region":"eu","rtt_ms":1,"at":"now"}"#, Reason::NoTime, "now"),
        ] {
            let Flaw(why, what) = Line::read(text.as_bytes()).unwrap_err();
            assert_eq!(why, reason, "{text}");
            assert!(what.starts_with(found), "{text}: {what}");
        }
        let Flaw(_, long) = Line::read(&[b'x'; 1000]).unwrap_err();
        assert_eq!(long.len(), limits::LATENCY_FOUND);
        assert_eq!(Line::read(b"\xff\xfe").unwrap_err().0, Reason::NotJson);
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(Line::read(&octets));
        }

        #[test]
        fn what_is_written_is_read(address: u32, ms in -10.0..1e5_f64, second in 0..4_000_000_000_i64) {
            let client = IpAddr::from(address.to_be_bytes());
            let at = Timestamp::from_second(second).unwrap();
            let json = serde_json::json!({
                "client": client, "region": "r", "rtt_ms": ms, "at": at.to_string(),
            });
            let line = Line::read(json.to_string().as_bytes()).unwrap();
            prop_assert_eq!((line.client, line.at), (client, Some(at)));
            let us = f64::from(i32::try_from(line.rtt_us).unwrap());
            let off: f64 = us - ms * 1e3;
            prop_assert!(off.abs() <= 1.0);
        }
    }
}
