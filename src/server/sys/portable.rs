//! [`Batch`] of one datagram with plain `recv_from` and `send_to`.
//!
//! On a wildcard address the kernel chooses where replies leave from.

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::UdpSocket;

use crate::server::sys::Capacity;
use crate::server::sys::Sent;
use crate::server::sys::nothing_received;

/// Room for one datagram and its reply.
#[derive(Debug)]
pub(in crate::server) struct Batch {
    request: Box<[u8]>,
    reply: Box<[u8]>,
    received: Option<(usize, SocketAddr)>,
    answered: Option<(usize, SocketAddr)>,
}

impl Batch {
    /// Makes the buffers; takes one datagram at a time, whatever `capacity` says.
    pub(in crate::server) fn new(capacity: Capacity, _wildcard: bool) -> Self {
        Self {
            request: vec![0; capacity.request].into(),
            reply: vec![0; capacity.reply].into(),
            received: None,
            answered: None,
        }
    }

    /// Waits for a datagram, at most for the time-out of the socket; returns how many there are.
    pub(in crate::server) fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.received = None;
        self.answered = None;
        match socket.recv_from(&mut self.request) {
            Ok(received) => {
                self.received = Some(received);
                Ok(1)
            }
            Err(error) => nothing_received(error),
        }
    }

    /// The datagram that was received, with its sender.
    pub(in crate::server) fn requests(&self) -> impl Iterator<Item = (&[u8], IpAddr)> {
        let request = |(length, peer): (usize, SocketAddr)| {
            Some((self.request.get(..length)?, peer.ip().to_canonical()))
        };
        self.received.and_then(request).into_iter()
    }

    /// Calls `respond` with each datagram not yet seen, its sender and a buffer for the reply,
    /// of which as many octets are kept as it returns; none means no reply. If it panics, the
    /// next call goes on after that datagram.
    pub(in crate::server) fn answer<F>(&mut self, mut respond: F)
    where
        F: FnMut(&[u8], IpAddr, &mut [u8]) -> usize,
    {
        if let Some((length, peer)) = self.received.take()
            && peer.port() != 0
            && let Some(request) = self.request.get(..length)
        {
            let length =
                respond(request, peer.ip().to_canonical(), &mut self.reply).min(self.reply.len());
            self.answered = Some((length, peer)).filter(|_| length > 0);
        }
    }

    /// Sends what was answered.
    pub(in crate::server) fn send(&mut self, socket: &UdpSocket) -> Sent {
        let Some((length, peer)) = self.answered.take() else {
            return Sent::default();
        };
        let reply = self.reply.get(..length).unwrap_or_default();
        // Twice: the first error may be about an earlier reply.
        match socket.send_to(reply, peer).or_else(|_| socket.send_to(reply, peer)) {
            Ok(_) => Sent { sent: 1, failed: 0 },
            Err(_) => Sent { sent: 0, failed: 1 },
        }
    }
}
