//! Checks: which monitor probes what, each once, whoever needs it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::model::Monitor;
use crate::model::MonitorId;
use crate::model::Name;
use crate::model::Probe;
use crate::model::ProbeAt;
use crate::model::ProbeHost;
use crate::model::Region;
use crate::model::Service;
use crate::model::Target;

/// What stands for the `*` of a wildcard in the name that probes present: unlikely to be a name of
/// its own, and seen in logs for what it is.
const WILDCARD_LABEL: &str = "meridian-probe";

/// A check by its position in [`Checks`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CheckId(pub u32);

impl CheckId {
    /// Position in arrays that hold one entry per check.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What tells a check from others, also after a reload, on other nodes and in the state
/// directory: `web@192.0.2.10:80 www.example.com`. No two checks have the same: what would
/// make a part of it end early is percent-encoded.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CheckKey(Arc<str>);

impl CheckKey {
    /// The key that this text is.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// That of a monitor, by its name, which is pointed at a place and presents that name.
    pub(super) fn of(monitor: &str, at: &ProbeAt, name: Option<&str>) -> Self {
        let mut text = format!("{}@", encoded(monitor, "@% "));
        match &at.host {
            ProbeHost::Address(IpAddr::V4(v4)) => text += &v4.to_string(),
            ProbeHost::Address(IpAddr::V6(v6)) => text += &format!("[{v6}]"),
            ProbeHost::Name(name) => text += &encoded(name, ":/% "),
        }
        if let Some(port) = at.port {
            text += &format!(":{port}");
        }
        text += at.path.as_deref().unwrap_or_default();
        if let Some(name) = name {
            text += &format!(" {name}");
        }
        Self::new(text)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a number that is even over all of them: equal on every node and in every version.
    pub fn digest(&self) -> u64 {
        digest(self.0.as_bytes())
    }
}

impl fmt::Display for CheckKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A monitor that is pointed at something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Check {
    /// What it is known by.
    pub key: CheckKey,
    /// Which monitor.
    pub monitor: MonitorId,
    /// Where the probe goes.
    pub at: ProbeAt,
    /// The name to present where the monitor names none (Host, SNI, `:authority`): the
    /// service's, or of one of wildcards alone that of some host below. Without its last dot;
    /// `None` where nothing is presented.
    pub name: Option<String>,
}

/// All checks of a configuration, and what each endpoint and region is judged by.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Checks {
    /// Each once.
    pub all: Vec<Check>,
    /// Per service, pool and endpoint, in the order of the configuration: the checks of the
    /// service's monitors there, in the order of the monitors.
    pub endpoints: Vec<Vec<Vec<Box<[CheckId]>>>>,
    /// Per region: the check of its own monitor.
    pub regions: Vec<Option<CheckId>>,
}

impl Checks {
    /// Points every monitor at what it is for. A probe that several would send alike is one
    /// check, under the name of the first monitor that has it.
    pub fn new(regions: &[Region], services: &[Service], monitors: &[Monitor]) -> Self {
        let mut maker = Maker { monitors, found: HashMap::new(), all: Vec::new() };
        let regions = regions
            .iter()
            .map(|region| {
                region.monitor.as_ref().map(|own| maker.check(own.monitor, &own.at, None))
            })
            .collect();
        let endpoints = services.iter().map(|service| maker.service(service)).collect();
        Self { all: maker.all, endpoints, regions }
    }

    /// A check by its id.
    pub fn get(&self, id: CheckId) -> Option<&Check> {
        self.all.get(id.index())
    }
}

/// What makes two probes alike, beside the monitor's definition.
type Likeness = (MonitorId, ProbeAt, Option<String>);

struct Maker<'a> {
    monitors: &'a [Monitor],
    found: HashMap<Likeness, CheckId>,
    all: Vec<Check>,
}

impl Maker<'_> {
    fn service(&mut self, service: &Service) -> Vec<Vec<Box<[CheckId]>>> {
        let name = presented(&service.owners);
        let monitors = service.monitors.as_ref().map_or(&[][..], |monitors| &monitors.of);
        let endpoints = |pool: &crate::model::Pool| {
            pool.endpoints
                .iter()
                .map(|endpoint| {
                    let place = |id: MonitorId| {
                        let fixed = self.monitor(id).and_then(|monitor| monitor.at.clone());
                        endpoint.probe.clone().or(fixed).unwrap_or_else(|| itself(&endpoint.target))
                    };
                    let places: Vec<_> = monitors.iter().map(|id| (*id, place(*id))).collect();
                    let checks = places.iter().map(|(id, at)| self.check(*id, at, name.as_deref()));
                    checks.collect()
                })
                .collect()
        };
        service.pools.iter().map(endpoints).collect()
    }

    fn check(&mut self, monitor: MonitorId, at: &ProbeAt, name: Option<&str>) -> CheckId {
        let monitor = self.first_alike(monitor);
        let probe = self.monitor(monitor).map(|monitor| &monitor.probe);
        let name = name.filter(|_| probe.is_some_and(Probe::names_service));
        let at = &probe.map_or_else(|| at.clone(), |probe| plain(at, probe));
        let likeness = (monitor, at.clone(), name.map(str::to_owned));
        if let Some(id) = self.found.get(&likeness) {
            return *id;
        }
        let id = CheckId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        let of = self.monitor(monitor).map_or("", |monitor| &monitor.name);
        let key = CheckKey::of(of, at, name);
        self.all.push(Check { key, monitor, at: at.clone(), name: name.map(str::to_owned) });
        self.found.insert(likeness, id);
        id
    }

    fn monitor(&self, id: MonitorId) -> Option<&Monitor> {
        self.monitors.get(id.index())
    }

    /// The first monitor that does the same under whatever name. A heartbeat is of the
    /// monitor that it names, and a program is told the name: those are only like themselves.
    fn first_alike(&self, id: MonitorId) -> MonitorId {
        let Some(monitor) = self.monitor(id) else { return id };
        if matches!(monitor.probe, Probe::Exec(_) | Probe::Push) {
            return id;
        }
        let alike =
            |other: &Monitor| Monitor { name: monitor.name.clone(), ..other.clone() } == *monitor;
        (0..).zip(self.monitors).find(|(_, other)| alike(other)).map_or(id, |(at, _)| MonitorId(at))
    }
}

/// The name that a service is asked for: its first that is one of a host. A wildcard is none, and
/// no certificate of it is for what is above it: some host stands for those that it matches.
fn presented(owners: &[Name]) -> Option<String> {
    let host = owners.iter().find(|owner| !owner.is_wildcard());
    let text = host.or_else(|| owners.first())?.to_string();
    let text = text.trim_end_matches('.');
    let Some(parent) = text.strip_prefix("*.") else { return Some(text.to_owned()) };
    let name = format!("{WILDCARD_LABEL}.{parent}");
    // A name may have no room for the label.
    Some(if name.parse::<Name>().is_ok() { name } else { parent.to_owned() })
}

/// The same place in the one way of saying it, so that what is probed alike is one check:
/// with the port it comes to if there are ports, without a path that is the monitor's anyway.
pub(super) fn plain(at: &ProbeAt, probe: &Probe) -> ProbeAt {
    let host = match &at.host {
        ProbeHost::Name(name) => {
            let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
            let address = bare.unwrap_or(name).parse().ok();
            address.map_or_else(|| at.host.clone(), ProbeHost::Address)
        }
        ProbeHost::Address(_) => at.host.clone(),
    };
    let port = probe.port().map(|of_monitor| at.port.unwrap_or(of_monitor));
    let path = match probe {
        Probe::Http(http) => at.path.clone().filter(|path| *path != http.path),
        Probe::Dns(_)
        | Probe::Exec(_)
        | Probe::Grpc(_)
        | Probe::Icmp
        | Probe::Push
        | Probe::Tcp(_)
        | Probe::Tls(_) => None,
    };
    ProbeAt { host, port, path }
}

/// Text with some characters, all ASCII, percent-encoded.
fn encoded<'a>(text: &'a str, special: &str) -> Cow<'a, str> {
    if !text.contains(|c| special.contains(c)) {
        return Cow::Borrowed(text);
    }
    let mut found = String::new();
    for c in text.chars() {
        match special.contains(c) {
            true => found += &format!("%{:02X}", u32::from(c)),
            false => found.push(c),
        }
    }
    Cow::Owned(found)
}

/// FNV-1a, then a mix.
pub(crate) fn digest(octets: &[u8]) -> u64 {
    let fold = |hash: u64, octet: &u8| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
    let hash = octets.iter().fold(0xcbf2_9ce4_8422_2325, fold);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

fn itself(target: &Target) -> ProbeAt {
    let host = match target {
        Target::Address(address) => ProbeHost::Address(*address),
        Target::Host(name) => ProbeHost::Name(name.to_string().trim_end_matches('.').to_owned()),
    };
    ProbeAt { host, port: None, path: None }
}

#[cfg(test)]
mod tests;
