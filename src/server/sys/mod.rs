//! System calls that no safe crate offers; the only unsafe code of the crate.
//!
//! Safe wrappers, each around one or two calls: datagrams in batches, a few
//! socket options, file descriptors from and to the service manager, the
//! monotonic clock as systemd wants it. Nothing here knows what a datagram means.
//!
//! [`Batch`] has two implementations with one contract (`contract.rs` runs over
//! both): `batched` with `recvmmsg` and `sendmmsg` on Linux, `portable` with one
//! datagram at a time elsewhere.
//!
//! # Invariants
//!
//! - A pointer given to the kernel is made from an exclusive borrow just before
//!   the call and not kept past it, so no allocation is ever aliased.
//! - A descriptor taken over is owned exactly once ([`inherited`]).

#[cfg(target_os = "linux")]
mod batched;
mod clock;
#[cfg(test)]
mod contract;
mod descriptors;
mod options;
#[cfg(any(test, not(target_os = "linux")))]
mod portable;
mod process;

#[cfg(target_os = "linux")]
pub(in crate::server) use batched::Batch;
pub(in crate::server) use clock::monotonic_microseconds;
pub(in crate::server) use descriptors::inherited;
#[cfg(test)]
pub(in crate::server) use descriptors::receive_descriptors;
pub(in crate::server) use descriptors::send_descriptors;
pub(in crate::server) use options::ignore_path_mtu;
pub(in crate::server) use options::report_destination;
pub(in crate::server) use options::untaken;
#[cfg(not(target_os = "linux"))]
pub(in crate::server) use portable::Batch;

pub(in crate::server) use process::give_way;
pub(in crate::server) use process::settle_heap;
pub(in crate::server) use process::trim_heap;

/// How much a batch holds.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Capacity {
    /// Datagrams taken with one call.
    pub(in crate::server) datagrams: usize,
    /// Octets kept of each datagram; the rest is cut off.
    pub(in crate::server) request: usize,
    /// Octets of each reply buffer.
    pub(in crate::server) reply: usize,
}

/// What became of the replies of one batch.
#[must_use]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::server) struct Sent {
    /// Taken by the kernel.
    pub(in crate::server) sent: usize,
    /// Refused by it: no route, filtered, no room.
    pub(in crate::server) failed: usize,
}

/// What an error of a receive call means.
fn nothing_received(error: std::io::Error) -> std::io::Result<usize> {
    use std::io::ErrorKind;
    // The time-out, a signal, or an ICMP error about an earlier reply that the
    // kernel tells us here: nothing to read, nothing wrong with the socket.
    let harmless = matches!(
        error.kind(),
        ErrorKind::WouldBlock
            | ErrorKind::TimedOut
            | ErrorKind::Interrupted
            | ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
    );
    if harmless { Ok(0) } else { Err(error) }
}
