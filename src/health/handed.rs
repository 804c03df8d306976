//! What a name server hands over to probers that have no configuration: its monitors, where
//! they are pointed, and where its endpoints are.
//!
//! What a prober takes came over a network from a store that others write to. So what must not
//! be has no form in the octets: no program, no file of the prober's machine. All else is held
//! to what a configuration is held to, and one mistake spoils the whole value: there is no
//! telling what else is wrong with it.

mod written;

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::net::IpAddr;

use crate::health::Check;
use crate::health::Unreadable;
use crate::health::check::CheckKey;
use crate::health::check::plain;
use crate::health::handed::written::Written;
use crate::health::opinions::decoded;
use crate::health::opinions::encoded;
use crate::model::BodyMatch;
use crate::model::HttpProbe;
use crate::model::Monitor;
use crate::model::MonitorId;
use crate::model::Probe;
use crate::model::ProbeHost;
use crate::model::Service;
use crate::model::Target;
use crate::model::Voting;
use crate::model::limits;
use crate::model::sound;

/// What is handed over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Handed {
    /// Those that something is checked with and that any prober can run, without what only
    /// concerns who judges: their voting is the default, and they have no place of their own.
    pub monitors: Vec<Monitor>,
    /// Where they are pointed; `Check::monitor` is a position in `monitors`.
    pub checks: Vec<Check>,
    /// Where the endpoints are.
    pub endpoints: Endpoints,
}

/// The endpoints of all services by what they are answered as, wherever they are probed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Endpoints {
    /// Their addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// Their host names, without the last dot.
    pub hosts: BTreeSet<String>,
}

impl Endpoints {
    /// Of these services.
    pub fn of(services: &[Service]) -> Self {
        let mut found = Self::default();
        let pools = services.iter().flat_map(|service| &service.pools);
        for endpoint in pools.flat_map(|pool| &pool.endpoints) {
            match &endpoint.target {
                Target::Address(address) => {
                    found.addresses.insert(*address);
                }
                Target::Host(name) => {
                    found.hosts.insert(name.to_string().trim_end_matches('.').to_owned());
                }
            }
        }
        found
    }
}

impl Handed {
    /// What may be handed over of this, and each monitor of which something may not, with the
    /// reason.
    pub fn of(monitors: &[Monitor], checks: &[Check], services: &[Service]) -> (Self, Vec<String>) {
        let mut endpoints = Endpoints::of(services);
        endpoints.hosts.retain(|host| sound::is_host_name(host));
        let mut handed = Self { endpoints, ..Self::default() };
        let mut left_out = Vec::new();
        let used: HashSet<MonitorId> = checks.iter().map(|check| check.monitor).collect();
        let mut positions = HashMap::new();
        let mut patterns = 0;
        for (id, monitor) in (0..).map(MonitorId).zip(monitors) {
            if !used.contains(&id) {
                continue;
            }
            if let Err(why) = fit(monitor, &mut patterns) {
                left_out.push(format!("`{}`: {why}", monitor.name));
                continue;
            }
            let position = u16::try_from(handed.monitors.len()).unwrap_or(u16::MAX);
            positions.insert(id, MonitorId(position));
            let monitor = Monitor { at: None, voting: Voting::default(), ..monitor.clone() };
            handed.monitors.push(monitor);
        }
        let mut told = HashSet::new();
        for check in checks {
            let Some(position) = positions.get(&check.monitor) else { continue };
            let check = Check { monitor: *position, ..check.clone() };
            let Some(monitor) = handed.monitors.get(position.index()) else { continue };
            match sound_check(&check, monitor) {
                Ok(()) => handed.checks.push(check),
                Err(why) if told.insert(*position) => {
                    left_out.push(format!("`{}` at {}: {why}", monitor.name, check.at.host));
                }
                Err(_) => {}
            }
        }
        (handed, left_out)
    }

    /// As octets. Whoever shares them looks whether they are at most
    /// [`limits::SHARED_VALUE`]: more are not taken.
    pub fn encode(&self) -> Vec<u8> {
        encoded(&Written::new(self))
    }

    /// From octets.
    ///
    /// # Errors
    ///
    /// [`Unreadable`]; what is wrong with a monitor is said with its name.
    pub fn decode(octets: &[u8]) -> Result<Self, Unreadable> {
        if octets.len() > limits::SHARED_VALUE {
            return Err(damaged("it is too long"));
        }
        decoded::<Written>(octets)?.read()
    }
}

/// The text of others is in it: in logs it must neither fill them nor steer a terminal.
fn damaged(what: impl AsRef<str>) -> Unreadable {
    const MOST: usize = 300;
    let plain = what.as_ref().chars().map(|c| if c.is_control() { ' ' } else { c });
    Unreadable::Damaged(plain.take(MOST).collect())
}

/// Whether a monitor may be handed over, after so many patterns of others.
fn fit(monitor: &Monitor, patterns: &mut usize) -> Result<(), String> {
    match &monitor.probe {
        Probe::Exec(_) => return Err("it runs a program".to_owned()),
        Probe::Push => return Err("nobody probes it".to_owned()),
        Probe::Http(HttpProbe { expect_body: Some(BodyMatch::Matches(_)), .. }) => *patterns += 1,
        Probe::Dns(_)
        | Probe::Grpc(_)
        | Probe::Http(_)
        | Probe::Icmp
        | Probe::Tcp(_)
        | Probe::Tls(_) => {}
    }
    let names_files =
        |tls: &crate::model::TlsOptions| tls.authorities.is_some() || tls.identity.is_some();
    if monitor.probe.tls().is_some_and(names_files) {
        return Err("it needs files of TLS".to_owned());
    }
    // Counted before it is looked at: looking costs what it may cost.
    if *patterns > limits::HANDED_PATTERNS {
        return Err(format!("there are over {} patterns", limits::HANDED_PATTERNS));
    }
    monitor.sound()
}

/// Whether a check is one that [`Checks`](crate::health::Checks) makes of a configuration.
fn sound_check(check: &Check, monitor: &Monitor) -> Result<(), String> {
    let at = &check.at;
    match &at.host {
        ProbeHost::Address(address) if address.is_unspecified() || address.is_multicast() => {
            return Err(format!("{address} is not the address of one host"));
        }
        ProbeHost::Name(name) if !sound::is_host_name(name) => {
            return Err(format!("{name:?} is not the name of one host"));
        }
        ProbeHost::Address(_) | ProbeHost::Name(_) => {}
    }
    if at.port == Some(0) {
        return Err("it has port 0".to_owned());
    }
    if let Some(path) = at.path.as_deref().filter(|path| !sound::is_path(path)) {
        return Err(format!("{path:?} is no path"));
    }
    if let Some(name) = &check.name
        && !(monitor.probe.names_service() && sound::is_host_name(name))
    {
        return Err(format!("{name:?} is no name to present"));
    }
    let is_plain = plain(at, &monitor.probe) == *at;
    let is_own = || check.key == CheckKey::of(&monitor.name, at, check.name.as_deref());
    match is_plain && is_own() {
        true => Ok(()),
        false => Err("its key is that of another".to_owned()),
    }
}

#[cfg(test)]
mod tests;
