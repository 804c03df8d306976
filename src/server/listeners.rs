//! The sockets to listen on: bound, or taken over.
//!
//! Per address one UDP socket per worker, in one `SO_REUSEPORT` group, and a TCP listener.
//! `SO_REUSEPORT` would let a second server of the same user join the group in silence and
//! take a share of the queries; so the port is tried once without it first.
#![forbid(unsafe_code)]

use std::io;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::UdpSocket;
use std::sync::Arc;
use std::thread::available_parallelism;

use socket2::Domain;
use socket2::SockRef;
use socket2::Socket;
use socket2::Type;

use crate::model::Family;
use crate::model::limits;
use crate::responder::Transport;
use crate::server::handover::HandedOver;
use crate::server::sys;
use crate::server::udp::SEND_TIMEOUT;
use crate::server::udp::WAKE;

/// The sockets of all addresses.
#[derive(Debug)]
pub struct Listeners {
    workers: usize,
    pub(in crate::server) each: Vec<Listener>,
}

/// The sockets of one address.
#[derive(Clone, Debug)]
pub(in crate::server) struct Listener {
    /// As configured; the port may be 0.
    pub(in crate::server) asked: SocketAddr,
    /// As bound.
    pub(in crate::server) bound: SocketAddr,
    /// At least one.
    pub(in crate::server) udp: Vec<Arc<UdpSocket>>,
    /// At least one; more only if they were handed over.
    pub(in crate::server) tcp: Vec<Arc<TcpListener>>,
}

/// Why the server can't listen. One line says what to do; the cause is the source.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is not one of this machine.
    #[error(
        "failed to listen on {}: no interface has this address (`ip address` lists them); \
         listen on one that is there, or on all",
        Shown(*transport, *address)
    )]
    Absent {
        /// Which transport.
        transport: Transport,
        /// Which address.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The operating system refused for another reason.
    #[error("failed to listen on {}", Shown(*transport, *address))]
    Bind {
        /// Which transport.
        transport: Transport,
        /// Which address.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// No permission for the port.
    #[error(
        "failed to listen on {}: ports below 1024 need CAP_NET_BIND_SERVICE: set \
         `AmbientCapabilities=CAP_NET_BIND_SERVICE` in the unit, or run \
         `setcap cap_net_bind_service=+ep` on the program",
        Shown(*transport, *address)
    )]
    Denied {
        /// Which transport.
        transport: Transport,
        /// Which address.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Two addresses of the configuration are one to the operating system.
    #[error("{address} is covered by {by}: remove one of them from `[server] listen`")]
    Overlap {
        /// The one.
        address: SocketAddr,
        /// The other.
        by: SocketAddr,
    },
    /// Another process has the port.
    #[error(
        "failed to listen on {}: another process has it; \
         `ss -l{}np 'sport = :{}'` shows which",
        Shown(*transport, *address),
        letter(*transport),
        address.port()
    )]
    Taken {
        /// Which transport.
        transport: Transport,
        /// Which address.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// More than [`limits::LISTEN_ADDRESSES`] addresses.
    #[error("{0} addresses to listen on, at most {max} are possible", max = limits::LISTEN_ADDRESSES)]
    TooMany(usize),
}

impl Listeners {
    /// Binds UDP and TCP sockets for each address, `workers` UDP sockets each; 0 = one per core.
    ///
    /// # Errors
    ///
    /// [`ListenError`] for the first address that can't be had; nothing stays bound.
    pub fn bind(addresses: &[SocketAddr], workers: usize) -> Result<Self, ListenError> {
        Self::take_or_bind(addresses, workers, HandedOver::none())
    }

    /// As [`Listeners::bind`], but takes sockets that were handed over where there are any;
    /// what is left of them is closed.
    ///
    /// # Errors
    ///
    /// As [`Listeners::bind`].
    pub fn take_or_bind(
        addresses: &[SocketAddr],
        workers: usize,
        mut handed_over: HandedOver,
    ) -> Result<Self, ListenError> {
        let workers = match workers {
            0 => available_parallelism().map_or(1, usize::from),
            workers => workers,
        };
        let mut listeners = Self {
            workers: workers.min(limits::WORKERS),
            each: Vec::with_capacity(addresses.len()),
        };
        listeners.each = listeners.bind_more(addresses, &mut handed_over)?;
        handed_over.close_rest();
        Ok(listeners)
    }

    /// The addresses as bound, in the order of the configuration.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.each.iter().map(|listener| listener.bound)
    }

    /// UDP workers per address.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// Binds further addresses, none of which may overlap those there are.
    pub(in crate::server) fn bind_more(
        &self,
        addresses: &[SocketAddr],
        handed_over: &mut HandedOver,
    ) -> Result<Vec<Listener>, ListenError> {
        let total = self.each.len() + addresses.len();
        if total > limits::LISTEN_ADDRESSES {
            return Err(ListenError::TooMany(total));
        }
        let mut known: Vec<SocketAddr> = self.each.iter().map(|listener| listener.asked).collect();
        for address in addresses {
            if let Some(by) = known.iter().find(|other| overlap(*address, **other)) {
                return Err(ListenError::Overlap { address: *address, by: *by });
            }
            known.push(*address);
        }
        addresses.iter().map(|address| self.listener(*address, handed_over)).collect()
    }

    fn listener(
        &self,
        asked: SocketAddr,
        handed_over: &mut HandedOver,
    ) -> Result<Listener, ListenError> {
        let mut attempts = if asked.port() == 0 { PORT_ATTEMPTS } else { 1 };
        loop {
            attempts -= 1;
            match self.try_listener(asked, handed_over) {
                // The port that was free for UDP is not for TCP: try another.
                Err(ListenError::Taken { .. }) if attempts > 0 => {}
                result => return result,
            }
        }
    }

    fn try_listener(
        &self,
        asked: SocketAddr,
        handed_over: &mut HandedOver,
    ) -> Result<Listener, ListenError> {
        let explain = |transport| move |source| ListenError::new(transport, asked, source);
        let mut udp = handed_over.take_udp(asked);
        let handed_over_udp = udp.len();
        for socket in &udp {
            prepare_udp(socket, asked).map_err(explain(Transport::Udp))?;
        }
        if udp.is_empty() {
            udp.push(first_udp(asked).map_err(explain(Transport::Udp))?);
        }
        let bound = udp
            .first()
            .map_or(Ok(asked), UdpSocket::local_addr)
            .map_err(explain(Transport::Udp))?;
        // A socket unit without `ReusePort=yes` hands over one that can't be joined.
        let shareable =
            udp.iter().all(|socket| SockRef::from(socket).reuse_port().unwrap_or(false));
        while shareable && udp.len() < self.workers {
            udp.push(bind_udp(bound, true).map_err(explain(Transport::Udp))?);
        }
        if handed_over_udp > 0 && udp.len() < self.workers {
            let (workers, sockets) = (self.workers, udp.len());
            tracing::warn!(
                address = %bound, workers, sockets,
                "fewer UDP workers than asked for: the sockets that were handed over can't be \
                 shared; set `ReusePort=yes` in the socket unit"
            );
        }
        let mut tcp = handed_over.take_tcp(asked);
        if tcp.is_empty() {
            tcp.push(bind_tcp(bound).map_err(explain(Transport::Tcp))?);
        }
        for socket in &tcp {
            socket.set_nonblocking(true).map_err(explain(Transport::Tcp))?;
        }
        Ok(Listener {
            asked,
            bound,
            udp: udp.into_iter().map(Arc::new).collect(),
            tcp: tcp.into_iter().map(Arc::new).collect(),
        })
    }
}

impl ListenError {
    fn new(transport: Transport, address: SocketAddr, source: io::Error) -> Self {
        let kind = source.kind();
        if kind == ErrorKind::AddrInUse {
            Self::Taken { transport, address, source }
        } else if kind == ErrorKind::AddrNotAvailable {
            Self::Absent { transport, address, source }
        } else if kind == ErrorKind::PermissionDenied {
            Self::Denied { transport, address, source }
        } else {
            Self::Bind { transport, address, source }
        }
    }
}

/// `udp 0.0.0.0:53`
struct Shown(Transport, SocketAddr);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let transport = match self.0 {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        write!(f, "{transport} {}", self.1)
    }
}

/// What `ss` calls the transport.
fn letter(transport: Transport) -> char {
    match transport {
        Transport::Tcp => 't',
        Transport::Udp => 'u',
    }
}

/// Whether a socket on the one gets what is meant for the other. IPv6 sockets take no IPv4.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let any = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && a.is_ipv4() == b.is_ipv4() && (a.ip() == b.ip() || any)
}

/// The first socket of a group, after a try that finds out whether anybody else has the port.
fn first_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    if address.port() != 0 {
        drop(bind_udp(address, false)?);
    }
    bind_udp(address, true)
}

fn bind_udp(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    prepare_udp(&socket, address)?;
    Ok(socket)
}

/// Sets what a UDP worker relies on, whoever made the socket.
fn prepare_udp(socket: &UdpSocket, address: SocketAddr) -> io::Result<()> {
    let family = Family::from(address.ip());
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(WAKE))?;
    socket.set_write_timeout(Some(SEND_TIMEOUT))?;
    sys::ignore_path_mtu(socket, family)?;
    if address.ip().is_unspecified() {
        sys::report_destination(socket, family)?;
    }
    // The kernel cuts it to net.core.rmem_max; any more is better than none.
    SockRef::from(socket).set_recv_buffer_size(RECEIVE_BUFFER)
}

/// `SO_REUSEADDR`, so that connections of an earlier run don't block the port; a second
/// server fails all the same.
fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Octets that may wait in the kernel per socket: at 256 octets of overhead and data each some
/// 10,000 queries, so that a reload or restart may take 20 ms at 500,000 queries/s.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// Connections that may wait to be accepted; the kernel cuts it to net.core.somaxconn.
const BACKLOG: i32 = 1024;

/// How many ports are tried when any will do.
const PORT_ATTEMPTS: u32 = 16;

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_overlap_within_a_family_only() {
        for (a, b, expected) in [
            ("127.0.0.1:53", "127.0.0.1:53", true),
            ("127.0.0.1:53", "127.0.0.2:53", false),
            ("127.0.0.1:53", "0.0.0.0:53", true),
            ("0.0.0.0:53", "127.0.0.1:53", true),
            ("0.0.0.0:53", "[::]:53", false),
            ("[::]:53", "[::1]:53", true),
            ("127.0.0.1:53", "127.0.0.1:54", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ] {
            assert_eq!(overlap(address(a), address(b)), expected, "{a} {b}");
        }
        let twice = [address("127.0.0.1:5399"), address("0.0.0.0:5399")];
        assert_eq!(
            Listeners::bind(&twice, 1).unwrap_err().to_string(),
            "0.0.0.0:5399 is covered by 127.0.0.1:5399: remove one of them from `[server] listen`"
        );
    }

    #[test]
    fn a_group_has_a_socket_per_worker_on_one_port() {
        let listeners = Listeners::bind(&[address("127.0.0.1:0"), address("[::1]:0")], 3).unwrap();
        for listener in &listeners.each {
            assert_ne!(listener.bound.port(), 0);
            assert_eq!(listener.udp.len(), 3);
            for socket in &listener.udp {
                assert_eq!(socket.local_addr().unwrap(), listener.bound);
            }
            assert_eq!(listener.tcp.len(), 1);
            assert_eq!(listener.tcp[0].local_addr().unwrap(), listener.bound);
        }
    }

    #[test]
    fn a_second_server_is_told_that_the_port_is_taken() {
        let first = Listeners::bind(&[address("127.0.0.1:0")], 2).unwrap();
        let at = first.each[0].bound;
        let port = at.port();
        let error = Listeners::bind(&[at], 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "failed to listen on udp 127.0.0.1:{port}: another process has it; \
                 `ss -lunp 'sport = :{port}'` shows which"
            )
        );
        assert!(error.source().is_some());
    }

    #[test]
    fn a_taken_tcp_port_is_named_as_such() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = other.local_addr().unwrap().port();
        let error = Listeners::bind(&[other.local_addr().unwrap()], 1).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(&format!("tcp 127.0.0.1:{port}")), "{message}");
        assert!(message.contains("ss -ltnp"), "{message}");
    }

    #[test]
    fn errors_say_in_one_line_what_to_do() {
        let error = Listeners::bind(&[address("192.0.2.77:5300")], 1).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("failed to listen on udp 192.0.2.77:5300: "), "{message}");
        assert!(message.contains("ip address"), "{message}");
        let denied = ListenError::new(
            Transport::Udp,
            address("[::]:53"),
            ErrorKind::PermissionDenied.into(),
        );
        let message = denied.to_string();
        assert!(message.contains("AmbientCapabilities=CAP_NET_BIND_SERVICE"), "{message}");
        assert!(!message.contains('\n'));
    }

    #[test]
    fn sockets_handed_over_are_all_kept_and_joined_by_more() {
        let first = Listeners::bind(&[address("127.0.0.1:0")], 2).unwrap();
        let at = first.each[0].bound;
        let copies = |listeners: &Listeners| -> Vec<std::os::fd::OwnedFd> {
            let listener = &listeners.each[0];
            let udp = listener.udp.iter().map(|s| s.try_clone().unwrap().into());
            let tcp = listener.tcp.iter().map(|s| s.try_clone().unwrap().into());
            udp.chain(tcp).collect()
        };
        for (workers, expected) in [(1, 2), (2, 2), (3, 3)] {
            let handed_over = HandedOver::new(copies(&first));
            let second = Listeners::take_or_bind(&[at], workers, handed_over).unwrap();
            assert_eq!(second.each[0].udp.len(), expected);
            assert_eq!(second.each[0].tcp.len(), 1);
        }
    }
}
