//! `[server]`: where this node listens and how it is sized.

use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::time::Duration;

use crate::config::codes;
use crate::config::notation;
use crate::config::reader;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::units;
use crate::config::value::Value;
use crate::model::Diagnostic;
use crate::model::limits;

/// Octets of an NSID; what an answer has room for beside records (RFC 5001 names no limit).
const NSID: usize = 64;

/// The least and the longest time an idle TCP connection may be kept.
const TCP_IDLE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3600)];

/// What every resolver takes (RFC 1035, 4.2.1).
const UDP_PAYLOAD_LEAST: u16 = 512;

/// How this node serves DNS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Server {
    /// Addresses for UDP and TCP; at least one, each once.
    pub listen: Vec<SocketAddr>,
    /// UDP workers; 0 is one per core.
    pub workers: usize,
    /// What to answer to the NSID option (RFC 5001); at most 64 octets.
    pub nsid: Option<String>,
    /// Octets of a UDP response at most.
    pub udp_payload: u16,
    /// How long a TCP connection may be idle (RFC 7766, 6.2.3).
    pub tcp_idle: Duration,
    /// Open TCP connections at most.
    pub tcp_connections: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: vec![
                SocketAddr::from((Ipv4Addr::LOCALHOST, 5300)),
                SocketAddr::from((Ipv6Addr::LOCALHOST, 5300)),
            ],
            workers: 0,
            nsid: None,
            udp_payload: limits::UDP_PAYLOAD,
            tcp_idle: Duration::from_secs(10),
            tcp_connections: limits::TCP_CONNECTIONS,
        }
    }
}

/// Reads `[server]`.
pub(super) fn read(mut section: Section<'_>) -> Server {
    let mut server = Server::default();
    if let Some(value) = section.value("listen", "[\"127.0.0.1:5300\", \"[::1]:5300\"]") {
        server.listen = listen(&section, &value);
    }
    if let Some(workers) =
        section.value("workers", "0").and_then(|v| v.integer(0..=limits::WORKERS))
    {
        server.workers = workers.value;
    }
    if let Some(value) = section.value("nsid", "\"fra1\"") {
        server.nsid = value.parsed(nsid).map(|nsid| nsid.value);
    }
    if let Some(value) = section.value("udp-payload", "1232")
        && let Some(most) = value.integer(UDP_PAYLOAD_LEAST..=limits::UDP_PAYLOAD)
    {
        server.udp_payload = most.value;
    }
    if let Some(value) = section.value("tcp-idle", "\"10s\"")
        && let Some(idle) = value.quantity("s", tcp_idle)
    {
        server.tcp_idle = idle.value;
    }
    if let Some(value) = section.value("tcp-connections", "4096")
        && let Some(most) = value.integer(1..=limits::TCP_CONNECTIONS)
    {
        server.tcp_connections = most.value;
    }
    section.close();
    server
}

fn listen(section: &Section<'_>, value: &Value<'_>) -> Vec<SocketAddr> {
    let mut all: Vec<At<SocketAddr>> = Vec::new();
    let found = value.list(|item| item.parsed(notation::socket));
    for address in found.into_iter().flat_map(|at| at.value) {
        if let Some(first) = all.iter().find(|other| other.value == address.value) {
            let message = format!("`{}` is listed twice in `listen`", address.value);
            section.reader().report(
                Diagnostic::error(codes::DUPLICATE_LISTEN, address.span, message)
                    .label(address.span, "second time")
                    .label(first.span, "first time")
                    .help("remove one of them: a node listens once at an address"),
            );
            continue;
        }
        all.push(address);
    }
    if let Some(over) = all.get(limits::LISTEN_ADDRESSES) {
        let (found, most) = (all.len(), limits::LISTEN_ADDRESSES);
        section.reader().report(reader::too_many(over.span, "addresses", found, most));
    }
    all.into_iter().map(|at| at.value).collect()
}

fn nsid(text: &str) -> Result<String, Fault> {
    if text.len() <= NSID {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(codes::NSID_TOO_LONG, format!("at most {NSID} octets"));
    Err(fault.found(format!("{}", text.len())).help("write a short name, such as \"fra1\""))
}

fn tcp_idle(text: &str) -> Result<Duration, Fault> {
    units::within(text, TCP_IDLE)
}
