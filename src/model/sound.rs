//! What a monitor must be like, whoever says so: a file, or another node.
//!
//! `config` explains to the operator what is wrong with a file, and asks here what is right;
//! what comes from elsewhere is asked the same. The parsers are those that the requests are
//! built with later, so that what is sound can be sent.

use std::fmt::Debug;
use std::net::Ipv6Addr;
use std::ops::RangeInclusive;
use std::time::Duration;

use hyper::Method;
use hyper::header::HeaderName;
use hyper::header::HeaderValue;
use regex::bytes::Regex;
use regex::bytes::RegexBuilder;
use rustls::pki_types::ServerName;

use crate::model::BodyMatch;
use crate::model::DnsProbe;
use crate::model::GrpcProbe;
use crate::model::HttpProbe;
use crate::model::Monitor;
use crate::model::Name;
use crate::model::Probe;
use crate::model::TlsOptions;
use crate::model::limits;

/// Headers that describe the connection or the message, and so are the probe's to say.
const OWN_HEADERS: [&str; 5] =
    ["connection", "content-length", "host", "transfer-encoding", "upgrade"];

/// What a status of HTTP is.
pub const STATUSES: RangeInclusive<u16> = 100..=599;

impl Monitor {
    /// Whether it is as a configuration would have it.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without its name.
    pub fn sound(&self) -> Result<(), String> {
        named("name", Some(&self.name), is_identifier)?;
        within("interval", self.interval, limits::PROBE_INTERVAL)?;
        within("timeout", self.timeout, limits::PROBE_TIMEOUT)?;
        if self.timeout > self.interval {
            return Err("its timeout is longer than its interval".to_owned());
        }
        within("hold-down", self.hold_down, limits::HOLD_DOWN)?;
        within("hold-unable", self.hold_unable, limits::HOLD_UNABLE)?;
        let counts = 1..=limits::OUTCOMES_IN_A_ROW;
        fits("rise", counts.contains(&self.rise), &self.rise)?;
        fits("fall", counts.contains(&self.fall), &self.fall)?;
        self.probe.sound()
    }
}

impl Probe {
    fn sound(&self) -> Result<(), String> {
        fits("port", self.port() != Some(0), &0)?;
        self.tls().map_or(Ok(()), tls)?;
        match self {
            Self::Dns(probe) => dns(probe),
            Self::Grpc(GrpcProbe { host, .. }) => named("host", host.as_deref(), is_host),
            Self::Http(probe) => http(probe),
            Self::Exec(_) | Self::Icmp | Self::Push | Self::Tcp(_) | Self::Tls(_) => Ok(()),
        }
    }
}

fn tls(options: &TlsOptions) -> Result<(), String> {
    named("server-name", options.server_name.as_deref(), is_server_name)?;
    within("expiry-warning", options.expiry_warning, limits::EXPIRY_WARNING)
}

fn dns(probe: &DnsProbe) -> Result<(), String> {
    fits("type", !probe.rtype.is_meta(), &probe.rtype)?;
    fits("expect-rcode", probe.expect_rcode <= limits::RCODE, &probe.expect_rcode)
}

fn http(probe: &HttpProbe) -> Result<(), String> {
    named("method", Some(&probe.method), is_method)?;
    named("path", Some(&probe.path), is_path)?;
    named("host", probe.host.as_deref(), is_host)?;
    for (name, text) in &probe.headers {
        named("header", Some(name), |name| is_header_name(name) && !is_own_header(name))?;
        named("header", Some(text), is_header_value)?;
    }
    let is_range = |range: &RangeInclusive<u16>| {
        !range.is_empty() && STATUSES.contains(range.start()) && STATUSES.contains(range.end())
    };
    let statuses = &probe.expect_status;
    fits("expect-status", !statuses.is_empty() && statuses.iter().all(is_range), statuses)?;
    if let Some(BodyMatch::Matches(text)) = &probe.expect_body {
        pattern(text).map_err(|error| {
            format!(
                "its pattern is no regular expression: {}",
                error.to_string().replace('\n', " ")
            )
        })?;
    }
    for (pointer, _) in &probe.expect_json {
        named("expect-json", Some(pointer), is_pointer)?;
    }
    fits("redirects", probe.redirects <= limits::REDIRECTS, &probe.redirects)
}

fn within(what: &str, found: Duration, [least, most]: [Duration; 2]) -> Result<(), String> {
    fits(what, (least..=most).contains(&found), &found)
}

fn named(what: &str, text: Option<&str>, is_fit: impl Fn(&str) -> bool) -> Result<(), String> {
    text.map_or(Ok(()), |text| fits(what, is_fit(text), &text))
}

fn fits(what: &str, is_fit: bool, found: &dyn Debug) -> Result<(), String> {
    /// Characters of what was found that are shown.
    const SHOWN: usize = 60;
    if is_fit {
        return Ok(());
    }
    let found: String = format!("{found:?}").chars().take(SHOWN).collect();
    Err(format!("its {what} can't be {found}"))
}

/// Whether it is an operator's name for a region, a service, a policy, a monitor or a tag.
pub fn is_identifier(text: &str) -> bool {
    let fine = |c: char| !c.is_whitespace() && !c.is_control();
    !text.is_empty() && text.chars().count() <= limits::IDENTIFIER && text.chars().all(fine)
}

/// Whether it is the method of a request. A tunnel is none: there would be nothing to judge.
pub fn is_method(text: &str) -> bool {
    let is_upper = !text.bytes().any(|octet| octet.is_ascii_lowercase());
    is_upper && Method::from_bytes(text.as_bytes()).is_ok_and(|method| method != Method::CONNECT)
}

/// Whether it is a path and query, as they stand in a request.
pub fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'#')
}

/// Whether it may stand in a Host header: a name or address, and perhaps a port. An IPv6 address
/// may be without its brackets: the probe puts them around it.
pub fn is_host(text: &str) -> bool {
    let is_of_name = |octet: u8| octet.is_ascii_alphanumeric() || b".-_".contains(&octet);
    let is_name =
        |host: &str| !host.is_empty() && host.len() <= limits::NAME && host.bytes().all(is_of_name);
    let is_port = |port: &str| {
        let is_number = port.bytes().all(|octet| octet.is_ascii_digit());
        is_number && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    if text.parse::<Ipv6Addr>().is_ok() {
        return true;
    }
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        let port = port.strip_prefix(':');
        let is_whole = rest.ends_with(']') || port.is_some_and(is_port);
        return address.parse::<Ipv6Addr>().is_ok() && is_whole;
    }
    match text.split_once(':') {
        Some((host, port)) => is_name(host) && is_port(port),
        None => is_name(text),
    }
}

/// Whether it is the name of one host in its one spelling: lower case, without the last dot.
pub fn is_host_name(text: &str) -> bool {
    let name: Result<Name, _> = text.parse();
    name.is_ok_and(|name| {
        let spelling = name.to_string();
        name.n_labels() > 0 && !name.is_wildcard() && spelling.strip_suffix('.') == Some(text)
    })
}

/// Whether it is what a certificate can be for.
pub fn is_server_name(text: &str) -> bool {
    ServerName::try_from(text).is_ok()
}

/// Whether it is the name of a header.
pub fn is_header_name(text: &str) -> bool {
    HeaderName::from_bytes(text.as_bytes()).is_ok()
}

/// Whether a probe sends the header of that name itself.
pub fn is_own_header(name: &str) -> bool {
    OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Whether it is the value of a header: no line ends in it.
pub fn is_header_value(text: &str) -> bool {
    HeaderValue::from_str(text).is_ok()
}

/// Whether it is a JSON pointer.
pub fn is_pointer(text: &str) -> bool {
    // RFC 6901, 3: `~` stands only before `0` or `1`.
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    (text.is_empty() || text.starts_with('/')) && escapes
}

/// The regular expression that a text is.
///
/// # Errors
///
/// That it is none, or one that takes more memory than [`limits::PATTERN`].
pub fn pattern(text: &str) -> Result<Regex, regex::Error> {
    let mut builder = RegexBuilder::new(text);
    builder.size_limit(limits::PATTERN).dfa_size_limit(limits::PATTERN).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TcpProbe;
    use crate::model::Voting;

    fn monitor() -> Monitor {
        Monitor {
            name: "web".to_owned(),
            probe: Probe::Tcp(TcpProbe { port: 80, send: None, expect: None }),
            at: None,
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(3),
            rise: 2,
            fall: 3,
            hold_down: Duration::ZERO,
            hold_unable: Duration::ZERO,
            voting: Voting::default(),
        }
    }

    fn flaw(change: impl Fn(&mut Monitor)) -> String {
        let mut monitor = monitor();
        change(&mut monitor);
        monitor.sound().unwrap_err()
    }

    #[test]
    fn a_flaw_is_named() {
        assert_eq!(monitor().sound(), Ok(()));
        assert_eq!(flaw(|m| m.name = "a\nb".to_owned()), "its name can't be \"a\\nb\"");
        assert_eq!(flaw(|m| m.interval = Duration::ZERO), "its interval can't be 0ns");
        assert_eq!(flaw(|m| m.rise = 0), "its rise can't be 0");
        assert_eq!(flaw(|m| m.fall = 101), "its fall can't be 101");
        let late = flaw(|m| m.timeout = Duration::from_secs(11));
        assert_eq!(late, "its timeout is longer than its interval");
    }

    #[test]
    fn a_host_may_be_an_address_and_have_a_port() {
        for text in ["a.example", "a_b:80", "192.0.2.1:65535", "2001:db8::1", "[::1]", "[::1]:80"] {
            assert!(is_host(text), "{text}");
        }
        for text in [
            "",
            "a.example:99999",
            "a.example:0",
            "a.example:",
            "a:b",
            "a:+1",
            ":80",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[a.example]",
            "a b",
            "a/b",
            "[::1]:99999",
            "a:1:2",
        ] {
            assert!(!is_host(text), "{text}");
        }
    }

    #[test]
    fn a_pattern_has_a_bound() {
        for text in ["^ready$", r#""status":\s*"(ok|up|\w+)""#, r"\w{8}-\w{4}", "(?i)healthy"] {
            pattern(text).unwrap();
        }
        pattern(r"(\w{100}){100}").unwrap_err();
    }
}
