//! Sockets that the service manager hands over (`sd_listen_fds(3)`): those of a socket
//! unit, and those that an earlier run left in its store.
//!
//! They are told apart by what they are, not by their names: a socket belongs to a
//! configured address if it is bound to exactly that.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;

use socket2::SockRef;
use socket2::Type;

use crate::model::limits;
use crate::server::sys;

/// Sockets that were handed over and not yet taken. Dropping it closes the rest.
#[derive(Debug, Default)]
pub struct HandedOver {
    udp: Vec<(SocketAddr, UdpSocket)>,
    tcp: Vec<(SocketAddr, TcpListener)>,
}

impl HandedOver {
    /// No sockets.
    pub fn none() -> Self {
        Self::default()
    }

    /// Takes what `LISTEN_FDS` announces, if `LISTEN_PID` names this process; nothing when
    /// called again. Call it before anything else opens files.
    pub fn from_environment() -> Self {
        let variable = |name| std::env::var(name).ok();
        let count = announced(variable("LISTEN_PID"), variable("LISTEN_FDS"), std::process::id());
        let descriptors = sys::inherited(count);
        let open: Vec<_> = descriptors.into_iter().flatten().collect();
        if open.len() < count {
            let (announced, open) = (count, open.len());
            tracing::warn!(announced, open, "fewer sockets were handed over than announced");
        }
        Self::new(open)
    }

    /// Sorts descriptors by what they are; others than UDP sockets and TCP listeners are
    /// closed with a warning.
    pub fn new(descriptors: impl IntoIterator<Item = OwnedFd>) -> Self {
        let mut sockets = Self::default();
        for descriptor in descriptors {
            let socket = SockRef::from(&descriptor);
            let address = socket.local_addr().ok().and_then(|address| address.as_socket());
            let kind = socket.r#type().ok();
            let listens = socket.is_listener().unwrap_or(false);
            match (address, kind) {
                (Some(address), Some(Type::DGRAM)) => {
                    sockets.udp.push((address, UdpSocket::from(descriptor)));
                }
                (Some(address), Some(Type::STREAM)) if listens => {
                    sockets.tcp.push((address, TcpListener::from(descriptor)));
                }
                _ => tracing::warn!("closed what was handed over but is no socket to listen on"),
            }
        }
        sockets
    }

    /// Whether there is nothing left to take.
    pub fn is_empty(&self) -> bool {
        self.udp.is_empty() && self.tcp.is_empty()
    }

    /// Takes all UDP sockets bound to `address`. Each must be read: the kernel spreads
    /// datagrams over all of them.
    pub(in crate::server) fn take_udp(&mut self, address: SocketAddr) -> Vec<UdpSocket> {
        take(&mut self.udp, address)
    }

    /// Takes all TCP listeners bound to `address`.
    pub(in crate::server) fn take_tcp(&mut self, address: SocketAddr) -> Vec<TcpListener> {
        take(&mut self.tcp, address)
    }

    /// Closes what is left, with a warning for each.
    pub(in crate::server) fn close_rest(self) {
        let udp = self.udp.iter().map(|(address, _)| ("udp", address));
        let tcp = self.tcp.iter().map(|(address, _)| ("tcp", address));
        for (transport, address) in udp.chain(tcp) {
            tracing::warn!(
                transport,
                %address,
                "closed a socket that was handed over but is not in `[server] listen`"
            );
        }
    }
}

fn take<S>(sockets: &mut Vec<(SocketAddr, S)>, address: SocketAddr) -> Vec<S> {
    let (taken, left): (Vec<_>, Vec<_>) =
        sockets.drain(..).partition(|(bound, _)| same(*bound, address));
    *sockets = left;
    taken.into_iter().map(|(_, socket)| socket).collect()
}

/// Whether two addresses are one to a socket; flow labels are none of our business.
fn same(a: SocketAddr, b: SocketAddr) -> bool {
    let scope = |address: SocketAddr| match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(v6) => v6.scope_id(),
    };
    a.ip() == b.ip() && a.port() == b.port() && scope(a) == scope(b)
}

/// How many sockets were announced to this process.
fn announced(pid: Option<String>, count: Option<String>, own: u32) -> usize {
    if pid.and_then(|pid| pid.parse().ok()) != Some(own) {
        return 0;
    }
    let count: usize = count.and_then(|count| count.parse().ok()).unwrap_or(0);
    count.min(limits::HANDED_OVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_for_the_process_that_is_named() {
        let check = |pid: &str, count: &str, expected| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            assert_eq!(announced(some(pid), some(count), 7), expected, "{pid} {count}");
        };
        check("7", "2", 2);
        check("8", "2", 0);
        check("", "2", 0);
        check("7", "", 0);
        check("7", "-1", 0);
        check("7", "many", 0);
        check("7", "1000000", limits::HANDED_OVER);
    }

    #[test]
    fn sockets_are_matched_by_what_they_are() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let (at_udp, at_tcp) = (udp.local_addr().unwrap(), tcp.local_addr().unwrap());
        let file = std::fs::File::open("/dev/null").unwrap();
        let mut sockets = HandedOver::new([udp.into(), tcp.into(), OwnedFd::from(file)]);
        assert!(sockets.take_tcp(at_udp).is_empty());
        assert_eq!(sockets.take_udp(at_udp).len(), 1);
        assert_eq!(sockets.take_tcp(at_tcp).len(), 1);
        assert!(sockets.is_empty());
    }
}
