//! The octets of what is handed over.
//!
//! Each thing is there once: hosts that are endpoints and the names of services are referred to
//! by position, and keys are made again. A check of an endpoint takes about ten octets.

use std::collections::HashMap;
use std::collections::HashSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::health::Check;
use crate::health::Unreadable;
use crate::health::check::CheckKey;
use crate::health::check::plain;
use crate::health::handed;
use crate::health::handed::Endpoints;
use crate::health::handed::Handed;
use crate::health::handed::damaged;
use crate::model::BodyMatch;
use crate::model::DnsProbe;
use crate::model::GrpcProbe;
use crate::model::HttpProbe;
use crate::model::Monitor;
use crate::model::MonitorId;
use crate::model::Name;
use crate::model::Probe;
use crate::model::ProbeAt;
use crate::model::ProbeHost;
use crate::model::RecordType;
use crate::model::TcpProbe;
use crate::model::TlsOptions;
use crate::model::TlsProbe;
use crate::model::Voting;
use crate::model::limits;
use crate::model::sound;

/// All of it.
#[derive(Deserialize, Serialize)]
pub(super) struct Written {
    /// Names and [`Definition`]s; these are octets of their own, so that what can't be read
    /// can be named.
    monitors: Vec<(String, Vec<u8>)>,
    addresses: Vec<IpAddr>,
    hosts: Vec<String>,
    /// Those that checks present.
    names: Vec<String>,
    checks: Vec<WrittenCheck>,
}

#[derive(Deserialize, Serialize)]
struct WrittenCheck {
    monitor: u16,
    host: WrittenHost,
    /// Only if it is not the monitor's.
    port: Option<u16>,
    path: Option<String>,
    /// Position among the names, from 1; 0 for none.
    name: u32,
}

#[derive(Deserialize, Serialize)]
enum WrittenHost {
    /// By position: the addresses, then the hosts.
    Endpoint(u32),
    Address(IpAddr),
    Name(String),
}

/// A monitor but for its name.
#[derive(Deserialize, Serialize)]
struct Definition {
    probe: WrittenProbe,
    interval: Duration,
    timeout: Duration,
    rise: u8,
    fall: u8,
    hold_down: Duration,
    hold_unable: Duration,
}

/// Only probes that may be handed over have a form.
#[derive(Deserialize, Serialize)]
enum WrittenProbe {
    Dns {
        port: u16,
        /// On the wire.
        name: Vec<u8>,
        rtype: u16,
        expect_rcode: u16,
        expect_answer: Vec<String>,
    },
    Grpc {
        port: u16,
        service: String,
        host: Option<String>,
        tls: Option<WrittenTls>,
    },
    Http {
        tls: Option<WrittenTls>,
        method: String,
        path: String,
        host: Option<String>,
        port: u16,
        headers: Vec<(String, String)>,
        expect_status: Vec<RangeInclusive<u16>>,
        expect_body: Option<WrittenMatch>,
        /// Pointers and JSON as text.
        expect_json: Vec<(String, String)>,
        redirects: u8,
    },
    Icmp,
    Tcp {
        port: u16,
        send: Option<String>,
        expect: Option<String>,
    },
    Tls {
        port: u16,
        tls: WrittenTls,
    },
}

/// Without files, which have no form.
#[derive(Deserialize, Serialize)]
struct WrittenTls {
    server_name: Option<String>,
    verify: bool,
    expiry_warning: Duration,
}

#[derive(Deserialize, Serialize)]
enum WrittenMatch {
    Contains(String),
    Matches(String),
}

impl Written {
    pub(super) fn new(handed: &Handed) -> Self {
        let Endpoints { addresses, hosts } = &handed.endpoints;
        let hosts_of_endpoints: Vec<ProbeHost> = addresses
            .iter()
            .map(|address| ProbeHost::Address(*address))
            .chain(hosts.iter().map(|host| ProbeHost::Name(host.clone())))
            .collect();
        let positions: HashMap<&ProbeHost, u32> = hosts_of_endpoints.iter().zip(0..).collect();
        let mut names: Vec<String> = Vec::new();
        let mut known: HashMap<&str, u32> = HashMap::new();
        let checks = handed.checks.iter().map(|check| {
            let name = check.name.as_deref().map_or(0, |name| {
                *known.entry(name).or_insert_with(|| {
                    names.push(name.to_owned());
                    u32::try_from(names.len()).unwrap_or_default()
                })
            });
            let of_monitor = handed.monitors.get(check.monitor.index());
            let of_monitor = of_monitor.and_then(|monitor| monitor.probe.port());
            let host = match (positions.get(&check.at.host), &check.at.host) {
                (Some(position), _) => WrittenHost::Endpoint(*position),
                (None, ProbeHost::Address(address)) => WrittenHost::Address(*address),
                (None, ProbeHost::Name(name)) => WrittenHost::Name(name.clone()),
            };
            let port = check.at.port.filter(|port| Some(*port) != of_monitor);
            let (monitor, path) = (check.monitor.0, check.at.path.clone());
            WrittenCheck { monitor, host, port, path, name }
        });
        let checks = checks.collect();
        let monitor = |monitor: &Monitor| (monitor.name.clone(), definition(monitor));
        Self {
            monitors: handed.monitors.iter().map(monitor).collect(),
            addresses: addresses.iter().copied().collect(),
            hosts: hosts.iter().cloned().collect(),
            names,
            checks,
        }
    }

    /// What it says, if that is sound.
    pub(super) fn read(self) -> Result<Handed, Unreadable> {
        if self.monitors.len() > limits::MONITORS || self.checks.len() > limits::CHECKS {
            return Err(damaged("it has too many monitors or checks"));
        }
        if let Some(host) = self.hosts.iter().find(|host| !sound::is_host_name(host)) {
            return Err(damaged(format!("{host:?} is no name of an endpoint")));
        }
        let monitors = monitors(self.monitors)?;
        let addresses = self.addresses.iter().map(|address| ProbeHost::Address(*address));
        let hosts = self.hosts.iter().map(|host| ProbeHost::Name(host.clone()));
        let hosts: Vec<ProbeHost> = addresses.chain(hosts).collect();
        let mut keys = HashSet::with_capacity(self.checks.len());
        let mut checks = Vec::with_capacity(self.checks.len());
        for written in self.checks {
            let id = MonitorId(written.monitor);
            let monitor = monitors.get(id.index());
            let monitor = monitor.ok_or_else(|| damaged("a check has no monitor"))?;
            let wrong =
                |why: &str| damaged(format!("a check of monitor `{}`: {why}", monitor.name));
            let host = match written.host {
                WrittenHost::Endpoint(position) => {
                    let found = usize::try_from(position).ok().and_then(|at| hosts.get(at));
                    found.cloned().ok_or_else(|| wrong("no such endpoint"))?
                }
                WrittenHost::Address(address) => ProbeHost::Address(address),
                WrittenHost::Name(name) => ProbeHost::Name(name),
            };
            let name = match usize::try_from(written.name).unwrap_or(usize::MAX).checked_sub(1) {
                None => None,
                Some(at) => Some(self.names.get(at).ok_or_else(|| wrong("no such name"))?.clone()),
            };
            let at = ProbeAt { host, port: written.port, path: written.path };
            let at = plain(&at, &monitor.probe);
            let key = CheckKey::of(&monitor.name, &at, name.as_deref());
            let check = Check { key, monitor: id, at, name };
            handed::sound_check(&check, monitor).map_err(|why| wrong(&why))?;
            if !keys.insert(check.key.clone()) {
                return Err(wrong("it is there twice"));
            }
            checks.push(check);
        }
        let endpoints = Endpoints {
            addresses: self.addresses.into_iter().collect(),
            hosts: self.hosts.into_iter().collect(),
        };
        Ok(Handed { monitors, checks, endpoints })
    }
}

fn monitors(written: Vec<(String, Vec<u8>)>) -> Result<Vec<Monitor>, Unreadable> {
    let mut names = HashSet::with_capacity(written.len());
    let mut patterns = 0;
    let mut monitors = Vec::with_capacity(written.len());
    for (name, octets) in written {
        if !sound::is_identifier(&name) || !names.insert(name.clone()) {
            return Err(damaged("a monitor's name is none, or is there twice"));
        }
        let wrong = |why: &str| damaged(format!("monitor `{name}`: {why}"));
        let read = postcard::take_from_bytes::<Definition>(&octets);
        let (definition, rest) =
            read.map_err(|_| wrong("it is of no kind that may be handed over"))?;
        if !rest.is_empty() {
            return Err(wrong("something follows it"));
        }
        let probe = definition.probe.read().map_err(|why| wrong(&why))?;
        let monitor = Monitor {
            name: name.clone(),
            probe,
            at: None,
            interval: definition.interval,
            timeout: definition.timeout,
            rise: definition.rise,
            fall: definition.fall,
            hold_down: definition.hold_down,
            hold_unable: definition.hold_unable,
            voting: Voting::default(),
        };
        handed::fit(&monitor, &mut patterns).map_err(|why| wrong(&why))?;
        monitors.push(monitor);
    }
    Ok(monitors)
}

/// The octets of a [`Definition`]; none, which is no definition, of what has no form.
fn definition(monitor: &Monitor) -> Vec<u8> {
    let Some(probe) = WrittenProbe::new(&monitor.probe) else { return Vec::new() };
    let definition = Definition {
        probe,
        interval: monitor.interval,
        timeout: monitor.timeout,
        rise: monitor.rise,
        fall: monitor.fall,
        hold_down: monitor.hold_down,
        hold_unable: monitor.hold_unable,
    };
    // Plain data always has an encoding.
    postcard::to_stdvec(&definition).unwrap_or_default()
}

impl WrittenProbe {
    fn new(probe: &Probe) -> Option<Self> {
        Some(match probe.clone() {
            Probe::Exec(_) | Probe::Push => return None,
            Probe::Dns(DnsProbe { port, name, rtype, expect_rcode, expect_answer }) => {
                let name = name.as_wire().to_vec();
                Self::Dns { port, name, rtype: rtype.0, expect_rcode, expect_answer }
            }
            Probe::Grpc(GrpcProbe { port, service, host, tls }) => {
                let tls = WrittenTls::of(tls)?;
                Self::Grpc { port, service, host, tls }
            }
            Probe::Http(http) => Self::Http {
                tls: WrittenTls::of(http.tls)?,
                method: http.method,
                path: http.path,
                host: http.host,
                port: http.port,
                headers: http.headers,
                expect_status: http.expect_status,
                expect_body: http.expect_body.map(|body| match body {
                    BodyMatch::Contains(text) => WrittenMatch::Contains(text),
                    BodyMatch::Matches(text) => WrittenMatch::Matches(text),
                }),
                expect_json: http
                    .expect_json
                    .into_iter()
                    .map(|(pointer, value)| (pointer, value.to_string()))
                    .collect(),
                redirects: http.redirects,
            },
            Probe::Icmp => Self::Icmp,
            Probe::Tcp(TcpProbe { port, send, expect }) => Self::Tcp { port, send, expect },
            Probe::Tls(TlsProbe { port, tls }) => Self::Tls { port, tls: WrittenTls::new(tls)? },
        })
    }

    fn read(self) -> Result<Probe, String> {
        Ok(match self {
            Self::Dns { port, name, rtype, expect_rcode, expect_answer } => {
                let name = Name::from_wire(&name).map_err(|error| error.to_string())?;
                let rtype = RecordType(rtype);
                Probe::Dns(DnsProbe { port, name, rtype, expect_rcode, expect_answer })
            }
            Self::Grpc { port, service, host, tls } => {
                Probe::Grpc(GrpcProbe { port, service, host, tls: tls.map(WrittenTls::read) })
            }
            Self::Http {
                tls,
                method,
                path,
                host,
                port,
                headers,
                expect_status,
                expect_body,
                expect_json,
                redirects,
            } => {
                let value = |(pointer, text): (String, String)| {
                    let value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
                    Ok((pointer, value))
                };
                let expect_body = expect_body.map(|body| match body {
                    WrittenMatch::Contains(text) => BodyMatch::Contains(text),
                    WrittenMatch::Matches(text) => BodyMatch::Matches(text),
                });
                Probe::Http(HttpProbe {
                    tls: tls.map(WrittenTls::read),
                    method,
                    path,
                    host,
                    port,
                    headers,
                    expect_status,
                    expect_body,
                    expect_json: expect_json
                        .into_iter()
                        .map(value)
                        .collect::<Result<_, String>>()?,
                    redirects,
                })
            }
            Self::Icmp => Probe::Icmp,
            Self::Tcp { port, send, expect } => Probe::Tcp(TcpProbe { port, send, expect }),
            Self::Tls { port, tls } => Probe::Tls(TlsProbe { port, tls: tls.read() }),
        })
    }
}

impl WrittenTls {
    fn of(options: Option<TlsOptions>) -> Option<Option<Self>> {
        options.map_or(Some(None), |options| Self::new(options).map(Some))
    }

    /// `None` if it names files.
    fn new(options: TlsOptions) -> Option<Self> {
        let TlsOptions { server_name, verify, authorities, identity, expiry_warning } = options;
        let is_without = authorities.is_none() && identity.is_none();
        is_without.then_some(Self { server_name, verify, expiry_warning })
    }

    fn read(self) -> TlsOptions {
        let Self { server_name, verify, expiry_warning } = self;
        TlsOptions { server_name, verify, authorities: None, identity: None, expiry_warning }
    }
}
