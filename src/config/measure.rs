//! `[measure]`: hosts to which nodes measure round trips, and from which regions.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::config::codes;
use crate::config::directory::Directory;
use crate::config::notation;
use crate::config::reader;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::units;
use crate::config::value::Value;
use crate::model::Diagnostic;
use crate::model::Landmark;
use crate::model::limits;

/// How often, unless the file says otherwise.
const INTERVAL: Duration = Duration::from_secs(60);

/// What nodes measure.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Measure {
    /// The nodes that measure, and the region that each stands in.
    pub from: Vec<(String, String)>,
    /// How often each host.
    pub interval: Duration,
    /// The hosts.
    pub hosts: Vec<Landmark>,
}

/// The section as written.
pub(super) struct Written {
    from: Vec<(String, At<String>)>,
    interval: Duration,
    hosts: Vec<At<Landmark>>,
}

impl Measure {
    /// The region that a node stands in, if it is to measure.
    pub fn region_of(&self, node: &str) -> Option<&str> {
        let found = self.from.iter().find(|(name, _)| name == node);
        found.map(|(_, region)| region.as_str())
    }
}

/// Reads `[measure]`.
pub(super) fn read(mut section: Section<'_>) -> Written {
    let table = section.required("from", "{ ams = \"eu-west\" }").and_then(|v| v.section());
    let entries = table.iter().flat_map(Section::entries);
    let from = entries.filter_map(|value| Some((value.key.value.clone(), value.text()?)));
    let from = from.collect();
    let interval = section.value("interval", "\"1m\"");
    let within = |text: &str| units::within(text, limits::LANDMARK_INTERVAL);
    let interval = interval.and_then(|value| value.quantity("s", within));
    let interval = interval.map_or(INTERVAL, |at| at.value);
    let hosts = section.required("hosts", "[\"198.51.100.1:443\"]");
    let hosts = hosts.and_then(|value| value.list(host)).map(|at| at.value).unwrap_or_default();
    section.close();
    Written { from, interval, hosts }
}

/// What is meant.
pub(super) fn check(
    written: Option<Written>,
    regions: &Directory,
    problems: &mut Vec<Diagnostic>,
) -> Measure {
    let Some(written) = written else { return Measure::default() };
    if let Some(over) = written.hosts.get(limits::LANDMARKS) {
        let (found, most) = (written.hosts.len(), limits::LANDMARKS);
        problems.push(reader::too_many(over.span, "hosts to measure", found, most));
    }
    for (_, region) in &written.from {
        regions.find(region, problems);
    }
    Measure {
        from: written.from.into_iter().map(|(node, region)| (node, region.value)).collect(),
        interval: written.interval,
        hosts: written.hosts.into_iter().map(|at| at.value).collect(),
    }
}

/// Reads an address, or a table with it and the prefix that it stands for.
fn host(value: &Value<'_>) -> Option<At<Landmark>> {
    let Some(mut section) = value.as_section() else {
        let at = value.parsed(address)?;
        return Some(at.map(|(address, port)| Landmark { address, port, client: address }));
    };
    let at = section.required("address", "\"198.51.100.1:443\"");
    let at = at.and_then(|value| value.parsed(address));
    let client = section.value("client", "\"198.51.100.0/24\"");
    let client = client.map(|value| value.parsed(client_of));
    section.close();
    let (address, port) = at.as_ref()?.value;
    let client = match client {
        Some(client) => client?.value,
        None => address,
    };
    Some(at?.map(|_| Landmark { address, port, client }))
}

fn address(text: &str) -> Result<(IpAddr, Option<u16>), Fault> {
    if let Ok(at) = text.parse::<SocketAddr>()
        && at.port() > 0
    {
        return notation::address(&at.ip().to_string()).map(|address| (address, Some(at.port())));
    }
    let Ok(address) = text.parse::<IpAddr>() else {
        let expected = "an address, with a port or without";
        return Err(Fault::new(codes::MEASURE_ADDRESS, expected).help(
            "write \"198.51.100.1:443\" or \"[2001:db8::1]:443\" for a connection, and an address \
             alone for an echo",
        ));
    };
    notation::address(&address.to_string()).map(|address| (address, None))
}

fn client_of(text: &str) -> Result<IpAddr, Fault> {
    let net = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => notation::prefix(text)?,
    };
    let narrow = if net.addr().is_ipv4() { 24 } else { 48 };
    if net.prefix_len() < narrow {
        let expected = "a prefix no wider than /24 (IPv4) or /48 (IPv6)";
        let fault = Fault::new(codes::MEASURE_CLIENT, expected);
        return Err(fault.help("name a host for each of those that it stands for"));
    }
    Ok(net.addr())
}
