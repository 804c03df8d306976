//! Checks: which monitor probes what, each once, whoever needs it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::model::Monitor;
use crate::model::MonitorId;
use crate::model::ProbeAt;
use crate::model::ProbeHost;
use crate::model::Region;
use crate::model::Service;
use crate::model::Target;

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
/// directory: `web@192.0.2.10:80 www.example.com`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CheckKey(Arc<str>);

impl CheckKey {
    /// The key that this text is.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
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
    /// service's. Without its last dot; `None` where nothing is presented.
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
        let name = service.owners.first().map(|owner| {
            // A wildcard is no host: whatever stands for it is.
            let text = owner.to_string();
            let text = text.strip_prefix("*.").unwrap_or(&text);
            text.trim_end_matches('.').to_owned()
        });
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
        let name = name.filter(|_| probe.is_some_and(crate::model::Probe::names_service));
        let likeness = (monitor, at.clone(), name.map(str::to_owned));
        if let Some(id) = self.found.get(&likeness) {
            return *id;
        }
        let id = CheckId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        let key = self.key(monitor, at, name);
        self.all.push(Check { key, monitor, at: at.clone(), name: name.map(str::to_owned) });
        self.found.insert(likeness, id);
        id
    }

    fn monitor(&self, id: MonitorId) -> Option<&Monitor> {
        self.monitors.get(id.index())
    }

    /// The first monitor that does the same under whatever name.
    fn first_alike(&self, id: MonitorId) -> MonitorId {
        let Some(monitor) = self.monitor(id) else { return id };
        let alike =
            |other: &Monitor| Monitor { name: monitor.name.clone(), ..other.clone() } == *monitor;
        (0..).zip(self.monitors).find(|(_, other)| alike(other)).map_or(id, |(at, _)| MonitorId(at))
    }

    fn key(&self, id: MonitorId, at: &ProbeAt, name: Option<&str>) -> CheckKey {
        let monitor = self.monitor(id);
        let mut text = monitor.map(|monitor| monitor.name.clone()).unwrap_or_default();
        text += "@";
        match &at.host {
            ProbeHost::Address(std::net::IpAddr::V6(v6)) => text += &format!("[{v6}]"),
            host @ (ProbeHost::Address(_) | ProbeHost::Name(_)) => text += &host.to_string(),
        }
        if let Some(port) = at.port.or_else(|| monitor.and_then(|monitor| monitor.probe.port())) {
            text += &format!(":{port}");
        }
        text += at.path.as_deref().unwrap_or_default();
        if let Some(name) = name {
            text += &format!(" {name}");
        }
        CheckKey::new(text)
    }
}

fn itself(target: &Target) -> ProbeAt {
    let host = match target {
        Target::Address(address) => ProbeHost::Address(*address),
        Target::Host(name) => ProbeHost::Name(name.to_string().trim_end_matches('.').to_owned()),
    };
    ProbeAt { host, port: None, path: None }
}
