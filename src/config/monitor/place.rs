//! Where a probe goes: `"10.0.0.1:8080"`, `"probe.example.net"`, a URL.

use std::net::IpAddr;
use std::net::SocketAddr;

use crate::config::codes;
use crate::config::monitor::http;
use crate::config::notation;
use crate::config::reader::Fault;
use crate::model::Monitor;
use crate::model::Probe;
use crate::model::ProbeAt;
use crate::model::ProbeHost;

/// A place before it is known which monitors go there.
#[derive(Clone, Debug)]
pub(in crate::config) struct Place {
    /// Where.
    pub(in crate::config) at: ProbeAt,
    /// The URL that it was written as, if it was one.
    url: Option<String>,
}

impl Place {
    /// What is wrong with it if this monitor goes there: a URL has the scheme of requests.
    pub(in crate::config) fn fault(&self, monitor: &Monitor) -> Option<Fault> {
        let Monitor { name, probe: Probe::Http(_), .. } = monitor else { return None };
        let (url, kind) = (self.url.as_ref()?, monitor.probe.kind());
        let (scheme, rest) = url.split_once("://")?;
        (scheme != kind).then(|| {
            let found = format!("{url:?}, while monitor `{name}` has `{kind}`");
            let help = format!("write \"{kind}://{rest}\", or use a monitor with `{scheme}`");
            fault().found(found).help(help)
        })
    }

    /// What is wrong with it if these monitors go there.
    pub(in crate::config) fn fault_of_all(&self, monitors: &[&Monitor]) -> Option<Fault> {
        let is_request = |monitor: &&Monitor| matches!(monitor.probe, Probe::Http(_));
        let wrong = monitors.iter().find_map(|monitor| self.fault(monitor));
        let no_request = || {
            let (url, first) = (self.url.as_ref()?, monitors.first()?);
            let (scheme, rest) = url.split_once("://")?;
            let (name, kind) = (&first.name, first.probe.kind());
            let found = format!("{url:?}, while monitor `{name}` has `{kind}`");
            let help = format!("write {:?}, or use a monitor with `{scheme}`", authority(rest));
            (!monitors.iter().any(is_request)).then(|| fault().found(found).help(help))
        };
        wrong.or_else(no_request)
    }
}

/// The `probe` of an endpoint or region, which may be a URL.
pub(in crate::config) fn any(text: &str) -> Result<Place, Fault> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(Place { at: target(text)?, url: None });
    };
    let scheme = scheme.to_ascii_lowercase();
    if !["http", "https"].contains(&&*scheme) {
        let fault = fault().found(format!("a URL with `{scheme}`"));
        return Err(
            fault.help(format!("write {:?}, or a URL with `http` or `https`", authority(rest)))
        );
    }
    Ok(Place { at: of_url(rest)?, url: Some(format!("{scheme}://{rest}")) })
}

/// The `at` of a monitor, which may be a URL if the probe is a request.
pub(super) fn of_probe(text: &str, probe: &Probe) -> Result<ProbeAt, Fault> {
    let kind = probe.kind();
    let Some((scheme, rest)) = text.split_once("://") else { return target(text) };
    let Probe::Http(_) = probe else { return Err(url(rest)) };
    if !scheme.eq_ignore_ascii_case(kind) {
        let fault = fault().found(format!("{text:?}, while the monitor has `{kind}`"));
        return Err(fault.help(format!("write \"{kind}://{rest}\"")));
    }
    of_url(rest)
}

/// What follows the scheme.
fn of_url(rest: &str) -> Result<ProbeAt, Fault> {
    let (authority, path) = match rest.find(['/', '?']) {
        Some(end) => rest.split_at(end),
        None => (rest, ""),
    };
    let path = match path {
        "" => None,
        query if query.starts_with('?') => Some(http::path(&format!("/{query}"))?),
        path => Some(http::path(path)?),
    };
    Ok(ProbeAt { path, ..target(authority)? })
}

/// An address, an address and a port, a host, a host and a port.
fn target(text: &str) -> Result<ProbeAt, Fault> {
    if let Some((_, rest)) = text.split_once("://") {
        return Err(url(rest));
    }
    let at = |host, port| Ok(ProbeAt { host, port, path: None });
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return at(ProbeHost::Address(usable(socket.ip())?), Some(port(socket.port())?));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return at(ProbeHost::Address(usable(address)?), None);
    }
    let (host, number) = match text.split_once(':') {
        Some((host, number)) => {
            let number = number.parse::<u16>().map_err(|_| fault().help(FORMS))?;
            (host, Some(port(number)?))
        }
        None => (text, None),
    };
    let looks_numeric =
        host.rsplit('.').next().is_none_or(|label| label.bytes().all(|b| b.is_ascii_digit()));
    if host.is_empty() || looks_numeric {
        return Err(fault().help(FORMS));
    }
    let name = notation::host(host)?;
    at(ProbeHost::Name(name.to_string().trim_end_matches('.').to_owned()), number)
}

const FORMS: &str = "write \"10.0.0.1\", \"10.0.0.1:8080\", \"[2001:db8::1]:8080\" or a host name";

fn fault() -> Fault {
    Fault::new(codes::PROBE_PLACE, "an address or a host, perhaps with a port")
}

fn url(rest: &str) -> Fault {
    let fault = fault().help(format!("write {:?}", authority(rest)));
    fault.found("a URL, to which only an `http` or `https` monitor can send requests")
}

fn authority(rest: &str) -> &str {
    rest.split(['/', '?']).next().unwrap_or_default()
}

fn usable(address: IpAddr) -> Result<IpAddr, Fault> {
    match address.is_unspecified() || address.is_multicast() {
        true => Err(fault().help("write the address of one host")),
        false => Ok(address),
    }
}

fn port(port: u16) -> Result<u16, Fault> {
    if port == 0 { Err(fault().help("write a port of 1 to 65535")) } else { Ok(port) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_a_host_and_perhaps_a_port() {
        for (text, host, port) in [
            ("10.0.0.1", "10.0.0.1", None),
            ("10.0.0.1:80", "10.0.0.1", Some(80)),
            ("::1", "::1", None),
            ("[::1]", "::1", None),
            ("[::1]:80", "::1", Some(80)),
            ("a.example.net", "a.example.net", None),
            ("localhost:8080", "localhost", Some(8080)),
        ] {
            let found = target(text).unwrap();
            assert_eq!((found.host.to_string(), found.port), (host.to_owned(), port), "{text}");
        }
        for text in ["", "10.0.0", "a:b", "a:0", "0.0.0.0", ":80", "http://a/", "10.0.0.1:99999"] {
            assert!(target(text).is_err(), "{text}");
        }
    }
}
