//! An echo request (RFC 792, RFC 4443), by a ping socket or, failing that, a raw one.

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;

use socket2::Domain;
use socket2::Protocol;
use socket2::Socket;
use socket2::Type;
use tokio::net::UdpSocket;

use crate::prober::connect::Found;
use crate::prober::connect::Stage;
use crate::prober::failure::Fault;
use crate::prober::race;

/// Octets before the payload: type, code, checksum, identifier, sequence number.
const HEAD: usize = 8;

/// Sends a request, and waits for the reply; of several addresses the first to reply will do.
pub(super) async fn probe(found: &Found, stage: &Stage) -> Result<(), Fault> {
    stage.begin("waiting for the echo");
    race::first(found, stage, echo).await.map(drop)
}

/// Sends one request and waits for its reply.
async fn echo(address: IpAddr) -> Result<(), Fault> {
    let fault = |error: &io::Error| Fault::of_socket("waiting for the echo", error);
    let (socket, is_raw) = open(address)?;
    // A route may be missing, which the kernel says here.
    socket.connect(&SocketAddr::new(address, 0).into()).map_err(|error| fault(&error))?;
    // Only `send` and `recv` are used of it, which any datagram socket has.
    let socket = UdpSocket::from_std(socket.into()).map_err(|error| fault(&error))?;
    // Where a ping socket is used the kernel puts its own identifier in.
    let (id, sequence, payload) = (fastrand::u16(..), fastrand::u16(..), fastrand::u128(..));
    let request = request(address.is_ipv4(), id, sequence, payload);
    socket.send(&request).await.map_err(|error| fault(&error))?;
    let mut octets = [0; 1500];
    loop {
        let n = socket.recv(&mut octets).await.map_err(|error| fault(&error))?;
        let mut reply = octets.get(..n).unwrap_or_default();
        if is_raw && address.is_ipv4() {
            let head = usize::from(reply.first().copied().unwrap_or_default() & 0x0f) * 4;
            reply = reply.get(head..).unwrap_or_default();
        }
        // A raw socket hears the replies to everybody's requests.
        if is_reply(reply, address.is_ipv4(), is_raw.then_some(id), sequence, payload) {
            return Ok(());
        }
    }
}

/// A socket for echo requests, and whether it is a raw one. That there is none is never the
/// target's fault.
fn open(address: IpAddr) -> Result<(Socket, bool), Fault> {
    let (domain, protocol) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let open = |kind: Type| Socket::new(domain, kind.nonblocking().cloexec(), Some(protocol));
    if let Ok(socket) = open(Type::DGRAM) {
        return Ok((socket, false));
    }
    open(Type::RAW).map(|socket| (socket, true)).map_err(|error| {
        let advice = match error.kind() == io::ErrorKind::PermissionDenied {
            true => "; CAP_NET_RAW or net.ipv4.ping_group_range would permit it",
            false => "",
        };
        Fault::Ours(format!("can't open a socket for echo requests: {error}{advice}"))
    })
}

fn request(is_v4: bool, id: u16, sequence: u16, payload: u128) -> Vec<u8> {
    let kind = if is_v4 { 8 } else { 128 };
    let mut octets = vec![kind, 0, 0, 0];
    octets.extend(id.to_be_bytes());
    octets.extend(sequence.to_be_bytes());
    octets.extend(payload.to_be_bytes());
    if is_v4 {
        // For ICMPv6 the kernel does it, which knows the addresses (RFC 3542, 3.1).
        let sum = checksum(&octets).to_be_bytes();
        octets.splice(2..4, sum);
    }
    octets
}

/// RFC 1071.
fn checksum(octets: &[u8]) -> u16 {
    let words = octets.chunks(2).map(|pair| {
        let [high, low] = [0, 1].map(|at| pair.get(at).copied().unwrap_or_default());
        u32::from(u16::from_be_bytes([high, low]))
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

fn is_reply(octets: &[u8], is_v4: bool, id: Option<u16>, sequence: u16, payload: u128) -> bool {
    let kind = if is_v4 { 0 } else { 129 };
    octets.get(..2) == Some(&[kind, 0])
        && id.is_none_or(|id| octets.get(4..6) == Some(&id.to_be_bytes()))
        && octets.get(6..HEAD) == Some(&sequence.to_be_bytes())
        && octets.get(HEAD..) == Some(&payload.to_be_bytes())
}
