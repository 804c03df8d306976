//! Stand-in until the room of this name lands: echoes the query with QR set.
#![forbid(unsafe_code)]

use std::net::IpAddr;

use crate::snapshot::Snapshot;

/// How the query came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// A stream.
    Tcp,
}

/// What belongs to one worker alone.
#[derive(Debug)]
pub struct Worker {
    seed: u64,
}

impl Worker {
    /// A worker with a random generator of this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }
}

/// All that an answer is made of.
#[derive(Debug)]
pub struct View<'a> {
    /// Shared by all.
    pub snapshot: &'a Snapshot,
    /// The worker's own.
    pub worker: &'a mut Worker,
}

/// What to do with one query.
#[must_use]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Send nothing.
    Drop,
    /// Send so many octets of the reply buffer.
    Send(usize),
}

/// Answers one query: echoes it with QR set; drops what has it set already;
/// the room itself is still to come.
pub fn respond(
    request: &[u8],
    _peer: IpAddr,
    _transport: Transport,
    view: &mut View<'_>,
    reply: &mut [u8],
) -> Outcome {
    view.worker.seed = view.worker.seed.wrapping_add(1);
    if request.get(2).is_none_or(|flags| flags & 0x80 != 0) {
        return Outcome::Drop;
    }
    let length = request.len().min(reply.len());
    for (to, from) in reply.iter_mut().zip(request) {
        *to = *from;
    }
    if let Some(flags) = reply.get_mut(2) {
        *flags |= 0x80;
    }
    Outcome::Send(length)
}
