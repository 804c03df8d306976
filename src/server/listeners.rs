//! The sockets to listen on: bound, or taken over.
//!
//! Per address one UDP socket per worker, in one `SO_REUSEPORT` group, and a TCP listener.
//! `SO_REUSEPORT` would let a second server of the same user join the group in silence and
//! take a share of the queries; so the port is tried once without it first.
//!
//! An address that no interface has may come: it is waited for, and tried again now and then.
//! What else keeps an address from being had is an error.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::UdpSocket;
use std::sync::Arc;
use std::thread::available_parallelism;

use socket2::SockRef;

use crate::model::limits;
use crate::responder::Transport;
use crate::server::handover::HandedOver;
use crate::server::listen_error::ListenError;
use crate::server::sockets::bind_tcp;
use crate::server::sockets::bind_udp;
use crate::server::sockets::first_udp;
use crate::server::sockets::prepare_tcp;
use crate::server::sockets::prepare_udp;

/// The sockets of all addresses.
#[derive(Debug)]
pub struct Listeners {
    workers: usize,
    pub(in crate::server) each: Vec<Listener>,
    pub(in crate::server) waiting: Vec<Waiting>,
}

/// An address that is to be listened on and can't be had yet.
#[derive(Debug)]
pub struct Waiting {
    /// As configured.
    pub address: SocketAddr,
    /// Why not, at the last attempt.
    pub why: ListenError,
}

/// What became of addresses: bound, or waited for.
pub(in crate::server) type Bound = (Vec<Listener>, Vec<Waiting>);

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

impl Listeners {
    /// Binds UDP and TCP sockets for each address, `workers` UDP sockets each; 0 = one per core.
    ///
    /// # Errors
    ///
    /// [`ListenError`] for the first address that can't be had and will not come by itself; nothing
    /// stays bound.
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
            waiting: Vec::new(),
        };
        (listeners.each, listeners.waiting) = listeners.bind_more(addresses, &mut handed_over)?;
        handed_over.close_rest();
        Ok(listeners)
    }

    /// The addresses as bound, in the order of the configuration.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.each.iter().map(|listener| listener.bound)
    }

    /// The addresses that can't be had yet.
    pub fn waiting(&self) -> &[Waiting] {
        &self.waiting
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
    ) -> Result<Bound, ListenError> {
        let asked = || self.each.iter().map(|listener| listener.asked);
        let asked = || asked().chain(self.waiting.iter().map(|waiting| waiting.address));
        let total = asked().count() + addresses.len();
        if total > limits::LISTEN_ADDRESSES {
            return Err(ListenError::TooMany(total));
        }
        let mut known: Vec<SocketAddr> = asked().collect();
        for address in addresses {
            if let Some(by) = known.iter().find(|other| overlap(*address, **other)) {
                return Err(ListenError::Overlap { address: *address, by: *by });
            }
            known.push(*address);
        }
        let (mut bound, mut waiting) = (Vec::new(), Vec::new());
        for address in addresses {
            match self.listener(*address, handed_over) {
                Ok(listener) => bound.push(listener),
                Err(why) if why.may_come() => waiting.push(Waiting { address: *address, why }),
                Err(error) => return Err(error),
            }
        }
        Ok((bound, waiting))
    }

    /// Tries once more what is waited for; what was had, and is a listener now. Why the others can't
    /// be had is as of now, whatever it is.
    pub(in crate::server) fn retry(&mut self) -> Vec<Listener> {
        let mut bound = Vec::new();
        for mut waiting in std::mem::take(&mut self.waiting) {
            match self.listener(waiting.address, &mut HandedOver::none()) {
                Ok(listener) => bound.push(listener),
                Err(why) => {
                    if why.to_string() != waiting.why.to_string() {
                        tracing::warn!("{why}; trying on");
                    }
                    waiting.why = why;
                    self.waiting.push(waiting);
                }
            }
        }
        bound
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
            prepare_tcp(socket).map_err(explain(Transport::Tcp))?;
        }
        Ok(Listener {
            asked,
            bound,
            udp: udp.into_iter().map(Arc::new).collect(),
            tcp: tcp.into_iter().map(Arc::new).collect(),
        })
    }
}

/// Whether a socket on the one gets what is meant for the other. IPv6 sockets take no IPv4.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let any = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && a.is_ipv4() == b.is_ipv4() && (a.ip() == b.ip() || any)
}

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
    fn an_address_that_is_not_there_is_waited_for_and_the_others_are_had() {
        let asked = [address("192.0.2.77:5300"), address("127.0.0.1:0")];
        let mut listeners = Listeners::bind(&asked, 1).unwrap();
        assert_eq!(listeners.each.len(), 1);
        assert_eq!(listeners.waiting.len(), 1);
        assert!(listeners.retry().is_empty());
        let Waiting { address, why } = &listeners.waiting[0];
        assert_eq!(*address, asked[0]);
        assert!(matches!(why, ListenError::Absent { .. }), "{why}");
        // What is waited for can't be listed again either.
        let error = listeners.bind_more(&asked[..1], &mut HandedOver::none()).unwrap_err();
        assert!(matches!(error, ListenError::Overlap { .. }), "{error}");
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
