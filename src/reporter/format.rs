//! What a line of a log says: who, and how far away.

use std::fmt;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::str::FromStr;

use serde_json::Value;

use crate::latency::Refusal;
use crate::reporter::Template;

/// How the lines of a log are to be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Format {
    /// Text with fields in it.
    Template(Template),
    /// An object a line.
    Json(Fields),
}

/// Where in an object what stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fields {
    /// The client: a member's name, or a pointer (RFC 6901) that begins with `/`.
    pub client: String,
    /// The round trip, in the same way.
    pub rtt: String,
    /// What the round trip is counted in.
    pub unit: Unit,
}

/// What round trips are counted in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
}

/// What one line says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reading {
    /// The peer of the connection.
    pub client: IpAddr,
    /// Microseconds, at least one.
    pub rtt_us: u32,
}

/// Why a line is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Misread {
    /// There is no address where the client should be.
    Client,
    /// There is no number where the round trip should be, or one that is none.
    Rtt,
    /// It does not look like that at all.
    Shape,
}

impl Format {
    /// What the names of load balancers that log round trips stand for.
    const PLAIN: &str = "{client} {us}";

    /// Finds a format by its name, or reads a template; `fields` are for `json`.
    ///
    /// # Errors
    ///
    /// What there is instead, and for a load balancer that logs no round trip, why.
    pub fn parse(text: &str, fields: Option<Fields>) -> Result<Self, String> {
        match (text, fields) {
            ("json", Some(fields)) => Ok(Self::Json(fields)),
            ("json", None) => Err("`json` needs `--client-field` and `--rtt-field`".to_owned()),
            (_, Some(_)) => Err("`--client-field` and `--rtt-field` are for `json`".to_owned()),
            ("nginx" | "haproxy", None) => Self::template(Self::PLAIN),
            ("envoy", None) => {
                Err("Envoy has no operator that logs the round trip of a TCP connection \
                 (%ROUNDTRIP_DURATION% is a whole request of HTTP/3), and how long a request took \
                 is none; where a filter of yours writes one, use `json`"
                    .to_owned())
            }
            ("traefik", None) => Err(
                "Traefik logs no round trip, and how long a request took is none; measure from \
                 the region, or have browsers measure"
                    .to_owned(),
            ),
            (text, None) if text.contains('{') => Self::template(text),
            (text, None) => Err(format!(
                "expected `nginx`, `haproxy`, `json` or a template such as `{}`, found {text:?}",
                Self::PLAIN
            )),
        }
    }

    fn template(text: &str) -> Result<Self, String> {
        text.parse().map(Self::Template)
    }

    /// Reads a line; `None` if it says that no round trip is known.
    ///
    /// # Errors
    ///
    /// Why it can't be taken.
    pub fn read(&self, line: &[u8]) -> Result<Option<Reading>, Misread> {
        match self {
            Self::Template(template) => {
                let text = std::str::from_utf8(line).map_err(|_| Misread::Shape)?;
                let (client, rtt, unit) = template.find(text).ok_or(Misread::Shape)?;
                reading(client, rtt, unit)
            }
            Self::Json(fields) => {
                let json: Value = serde_json::from_slice(line).map_err(|_| Misread::Shape)?;
                let client = member(&json, &fields.client).and_then(Value::as_str);
                let rtt = match member(&json, &fields.rtt) {
                    Some(Value::Number(number)) => number.to_string(),
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Null) | None => return Ok(None),
                    Some(Value::Array(_) | Value::Bool(_) | Value::Object(_)) => {
                        return Err(Misread::Rtt);
                    }
                };
                reading(client.ok_or(Misread::Client)?, &rtt, fields.unit)
            }
        }
    }
}

fn member<'a>(json: &'a Value, name: &str) -> Option<&'a Value> {
    if name.starts_with('/') { json.pointer(name) } else { json.get(name) }
}

fn reading(client: &str, rtt: &str, unit: Unit) -> Result<Option<Reading>, Misread> {
    // What NGINX, HAProxy and Envoy log for a connection that is none of TCP.
    if matches!(rtt.trim(), "-" | "") {
        return Ok(None);
    }
    let number: f64 = rtt.trim().parse().map_err(|_| Misread::Rtt)?;
    let us = (number * unit.microseconds()).ceil();
    // A kernel that has measured nothing yet says 0, and so does one that rounds down.
    if us == 0.0 {
        return Ok(None);
    }
    let most = Refusal::LONGEST_RTT.as_secs_f64() * 1e6;
    if !(us > 0.0 && us <= most) {
        return Err(Misread::Rtt);
    }
    #[expect(clippy::cast_possible_truncation, reason = "ten seconds fit")]
    #[expect(clippy::cast_sign_loss, reason = "it is above zero")]
    let rtt_us = us as u32;
    let client = address(client.trim()).ok_or(Misread::Client)?;
    Ok(Some(Reading { client, rtt_us }))
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse().map(|at: SocketAddr| at.ip()).ok();
    let address = text.parse().ok().or_else(with_port)?;
    Some(IpAddr::to_canonical(&address))
}

impl Unit {
    fn microseconds(self) -> f64 {
        match self {
            Self::Us => 1.0,
            Self::Ms => 1e3,
            Self::S => 1e6,
        }
    }
}

impl FromStr for Unit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "us" => Ok(Self::Us),
            "ms" => Ok(Self::Ms),
            "s" => Ok(Self::S),
            _ => Err("expected `us`, `ms` or `s`".to_owned()),
        }
    }
}

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "no address where the client should be",
            Self::Rtt => "no round trip where one should be",
            Self::Shape => "not of the format",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(client: &str, rtt: &str, unit: Unit) -> Format {
        let fields = Fields { client: client.to_owned(), rtt: rtt.to_owned(), unit };
        Format::parse("json", Some(fields)).unwrap()
    }

    fn read(format: &Format, line: &str) -> Result<Option<(String, u32)>, Misread> {
        let reading = format.read(line.as_bytes())?;
        Ok(reading.map(|reading| (reading.client.to_string(), reading.rtt_us)))
    }

    /// Lines as NGINX 1.22 and HAProxy 2.6 wrote them.
    #[test]
    fn lines_of_real_load_balancers_are_read() {
        let some = |client: &str, us| Ok(Some((client.to_owned(), us)));
        let plain = Format::parse("nginx", None).unwrap();
        assert_eq!(plain, Format::parse("haproxy", None).unwrap());
        for (line, expected) in [
            ("127.0.0.1 16", some("127.0.0.1", 16)),
            ("::1 80", some("::1", 80)),
            ("unix: -", Ok(None)),
            ("- -", Ok(None)),
            ("::ffff:192.0.2.1 20123", some("192.0.2.1", 20_123)),
            (
                "127.0.0.1 16 - - [27/Nov/2026:05:10:48 +0000] \"GET / HTTP/1.1\" 200 3 \"-\" \"x\"",
                some("127.0.0.1", 16),
            ),
            ("192.0.2.1 0", Ok(None)),
            ("192.0.2.1 10000000", some("192.0.2.1", 10_000_000)),
            ("192.0.2.1 10000001", Err(Misread::Rtt)),
            ("192.0.2.1 -5", Err(Misread::Rtt)),
            ("192.0.2.1 NaN", Err(Misread::Rtt)),
            ("192.0.2.1 inf", Err(Misread::Rtt)),
            ("192.0.2.1 fast", Err(Misread::Rtt)),
            ("a.example 16", Err(Misread::Client)),
            ("192.0.2.1", Err(Misread::Shape)),
            ("", Err(Misread::Shape)),
        ] {
            assert_eq!(read(&plain, line), expected, "{line}");
        }
        assert_eq!(plain.read(b"\xff\xfe 16"), Err(Misread::Shape));
    }

    #[test]
    fn members_of_objects_are_found_by_name_or_pointer() {
        let some = |us| Ok(Some(("192.0.2.1".to_owned(), us)));
        let flat = json("client", "rtt", Unit::Us);
        for (line, expected) in [
            (r#"{"client":"192.0.2.1","rtt":16,"status":200}"#, some(16)),
            (r#"{"client":"192.0.2.1","rtt":"16"}"#, some(16)),
            (r#"{"client":"192.0.2.1:443","rtt":16}"#, some(16)),
            (r#"{"client":"192.0.2.1","rtt":"-"}"#, Ok(None)),
            (r#"{"client":"192.0.2.1","rtt":null}"#, Ok(None)),
            (r#"{"client":"192.0.2.1"}"#, Ok(None)),
            (r#"{"rtt":16}"#, Err(Misread::Client)),
            (r#"{"client":7,"rtt":16}"#, Err(Misread::Client)),
            (r#"{"client":"192.0.2.1","rtt":[16]}"#, Err(Misread::Rtt)),
            // What NGINX makes of a number that it does not know, unless there are quotes.
            (r#"{"client":"unix:","rtt":,"status":200}"#, Err(Misread::Shape)),
            ("[]", Ok(None)),
        ] {
            assert_eq!(read(&flat, line), expected, "{line}");
        }
        let deep = json("/peer/ip", "/tcp/rtt", Unit::Ms);
        let line = r#"{"peer":{"ip":"192.0.2.1"},"tcp":{"rtt":1.25}}"#;
        assert_eq!(read(&deep, line), some(1250));
        let line = r#"{"c":"192.0.2.1","r":0.02}"#;
        assert_eq!(read(&json("c", "r", Unit::S), line), some(20_000));
    }

    #[test]
    fn what_is_no_round_trip_is_not_taken_for_one() {
        let refused = |text: &str| Format::parse(text, None).unwrap_err();
        assert!(refused("traefik").starts_with("Traefik logs no round trip"));
        assert!(refused("envoy").starts_with("Envoy has no operator"));
        assert!(refused("json").contains("--client-field"));
        assert!(refused("apache").contains("expected `nginx`"));
        let fields = Fields { client: "c".into(), rtt: "r".into(), unit: Unit::Ms };
        assert!(Format::parse("nginx", Some(fields)).unwrap_err().contains("are for `json`"));
        assert_eq!("us".parse(), Ok(Unit::Us));
        assert!("m".parse::<Unit>().is_err());
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            for format in [Format::parse("nginx", None).unwrap(), json("a", "/b", Unit::S)] {
                let reading = format.read(&octets).ok().flatten();
                prop_assert!(reading.is_none_or(|reading| reading.rtt_us > 0));
            }
        }

        #[test]
        fn what_is_logged_is_read(address: u32, us in 1..10_000_000_u32, rest: String) {
            let client = IpAddr::from(address.to_be_bytes());
            let line = format!("{client} {us} {rest}");
            let read = Format::parse("haproxy", None).unwrap().read(line.as_bytes());
            prop_assert_eq!(read, Ok(Some(Reading { client, rtt_us: us })));
        }
    }
}
