//! [`Batch`] with `recvmmsg` and `sendmmsg`.
//!
//! ```text
//!   receive: arm headers ─► recvmmsg(WAITFORONE) ─► n datagrams
//!   answer:  each datagram ─► reply length (0 = none)
//!   send:    headers of those with a reply ─► sendmmsg until none is left
//! ```
//!
//! Headers are written anew for every call: a few hundred stores, against two
//! system calls, buy that no pointer outlives the borrow it was made from.

use std::io;
use std::mem::offset_of;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::ptr::null_mut;

use crate::server::sys::Capacity;
use crate::server::sys::Sent;
use crate::server::sys::nothing_received;

/// Buffers for a number of datagrams, their senders and their replies.
pub(in crate::server) struct Batch {
    capacity: Capacity,
    /// Whether datagrams say at which address they arrived.
    wildcard: bool,
    received: usize,
    /// The first datagram that was not yet given to be answered.
    next: usize,
    requests: Buffers,
    replies: Buffers,
    peers: Box<[Peer]>,
    controls: Box<[Control]>,
    /// Octets of each reply.
    reply_lengths: Box<[usize]>,
    vectors: Box<[libc::iovec]>,
    inward: Box<[libc::mmsghdr]>,
    outward: Box<[libc::mmsghdr]>,
}

impl Batch {
    /// Makes the buffers; `wildcard` if the socket reports destinations.
    pub(in crate::server) fn new(capacity: Capacity, wildcard: bool) -> Self {
        let n = capacity.datagrams;
        Self {
            capacity,
            wildcard,
            received: 0,
            next: 0,
            requests: Buffers::new(n, capacity.request),
            replies: Buffers::new(n, capacity.reply),
            peers: (0..n).map(|_| Peer::new()).collect(),
            controls: (0..n).map(|_| Control([0; CONTROL])).collect(),
            reply_lengths: vec![0; n].into(),
            vectors: vec![libc::iovec { iov_base: null_mut(), iov_len: 0 }; n].into(),
            inward: vec![empty_header(); n].into(),
            outward: vec![empty_header(); n].into(),
        }
    }

    /// Waits for a datagram, at most for the time-out of the socket, and takes what else is
    /// there already; returns how many. 0 after a time-out or a signal.
    pub(in crate::server) fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.received = 0;
        self.next = 0;
        self.reply_lengths.fill(0);
        self.arm();
        let count = libc::c_uint::try_from(self.inward.len()).unwrap_or(libc::c_uint::MAX);
        let headers = self.inward.as_mut_ptr();
        let descriptor = socket.as_raw_fd();
        // SAFETY: `headers` are `count` headers of ours; `arm` has just pointed each of them
        // at buffers of this batch with their true sizes, and the exclusive borrow of `self`
        // keeps all of them ours and alive during the call. A null time-out is allowed.
        let n =
            unsafe { libc::recvmmsg(descriptor, headers, count, libc::MSG_WAITFORONE, null_mut()) };
        match usize::try_from(n) {
            Ok(n) => {
                self.received = n;
                Ok(n)
            }
            Err(_) => nothing_received(io::Error::last_os_error()),
        }
    }

    /// The datagrams that were received, with their senders.
    pub(in crate::server) fn requests(&self) -> impl Iterator<Item = (&[u8], IpAddr)> {
        self.inward.iter().zip(&self.peers).take(self.received).enumerate().filter_map(
            |(at, (header, peer))| {
                let length = (header.msg_len as usize).min(self.capacity.request);
                Some((self.requests.slot(at)?.get(..length)?, peer.address()?))
            },
        )
    }

    /// Calls `respond` with each datagram not yet seen, its sender and a buffer for the reply,
    /// of which as many octets are kept as it returns; none means no reply. If it panics, the
    /// next call goes on after that datagram.
    pub(in crate::server) fn answer<F>(&mut self, mut respond: F)
    where
        F: FnMut(&[u8], IpAddr, &mut [u8]) -> usize,
    {
        while self.next < self.received {
            let at = self.next;
            self.next += 1;
            let (Some(header), Some(peer), Some(reply_length)) =
                (self.inward.get(at), self.peers.get(at), self.reply_lengths.get_mut(at))
            else {
                return;
            };
            let length = (header.msg_len as usize).min(self.capacity.request);
            if let Some(address) = peer.address()
                && let Some(request) = self.requests.slot(at).and_then(|r| r.get(..length))
                && let Some(reply) = self.replies.slot_mut(at)
            {
                *reply_length = respond(request, address, reply).min(self.capacity.reply);
            }
        }
    }

    /// Sends what was answered. One that the kernel refuses does not hold up the others.
    pub(in crate::server) fn send(&mut self, socket: &UdpSocket) -> Sent {
        let n = self.load();
        let descriptor = socket.as_raw_fd();
        let mut done = 0;
        let mut result = Sent::default();
        let mut repeated = false;
        while let Some(rest) = self.outward.get_mut(done..n).filter(|rest| !rest.is_empty()) {
            let count = libc::c_uint::try_from(rest.len()).unwrap_or(libc::c_uint::MAX);
            let headers = rest.as_mut_ptr();
            // SAFETY: `headers` are `count` headers of ours; `load` has just pointed each of
            // them at buffers of this batch with their true sizes, and the exclusive borrow
            // of `self` keeps all of them ours and alive during the call.
            let sent = unsafe { libc::sendmmsg(descriptor, headers, count, 0) };
            match usize::try_from(sent) {
                Ok(sent) => {
                    done += sent.max(1);
                    result.sent += sent;
                    repeated = false;
                }
                Err(_) => {
                    let error = io::Error::last_os_error().kind();
                    if error == io::ErrorKind::ConnectionRefused && !repeated {
                        // May be about an earlier reply: this one gets another chance, once.
                        repeated = true;
                    } else if error != io::ErrorKind::Interrupted {
                        // No route, filtered, no room: this one is lost, the next one is tried.
                        done += 1;
                        result.failed += 1;
                        repeated = false;
                    }
                }
            }
        }
        self.reply_lengths.fill(0);
        result
    }

    /// Points the inward headers at the buffers.
    fn arm(&mut self) {
        let buffers = self
            .requests
            .slots_mut()
            .zip(self.peers.iter_mut())
            .zip(self.controls.iter_mut())
            .zip(self.vectors.iter_mut());
        for (header, (((request, peer), control), vector)) in self.inward.iter_mut().zip(buffers) {
            vector.iov_base = request.as_mut_ptr().cast();
            vector.iov_len = request.len();
            let header = &mut header.msg_hdr;
            header.msg_iov = vector;
            header.msg_iovlen = 1;
            header.msg_name = (&raw mut *peer).cast();
            header.msg_namelen = PEER;
            header.msg_flags = 0;
            if self.wildcard {
                header.msg_control = control.0.as_mut_ptr().cast();
                header.msg_controllen = CONTROL;
            }
        }
    }

    /// Points the outward headers at the replies there are; returns how many.
    fn load(&mut self) -> usize {
        let buffers = self
            .replies
            .slots_mut()
            .zip(self.peers.iter_mut())
            .zip(self.controls.iter_mut())
            .zip(self.inward.iter())
            .zip(self.reply_lengths.iter())
            .take(self.received)
            .filter(|(_, length)| **length > 0);
        let mut n = 0;
        for ((outward, vector), ((((reply, peer), control), inward), length)) in
            self.outward.iter_mut().zip(self.vectors.iter_mut()).zip(buffers)
        {
            vector.iov_base = reply.as_mut_ptr().cast();
            vector.iov_len = *length;
            let header = &mut outward.msg_hdr;
            header.msg_iov = vector;
            header.msg_iovlen = 1;
            header.msg_name = (&raw mut *peer).cast();
            header.msg_namelen = inward.msg_hdr.msg_namelen.min(PEER);
            header.msg_control = null_mut();
            header.msg_controllen = 0;
            if self.wildcard && control.turn_around(inward.msg_hdr.msg_controllen) {
                header.msg_control = control.0.as_mut_ptr().cast();
                header.msg_controllen = inward.msg_hdr.msg_controllen;
            }
            n += 1;
        }
        n
    }
}

/// A header that points nowhere.
fn empty_header() -> libc::mmsghdr {
    // SAFETY: mmsghdr is a C struct of integers and raw pointers; all of them may be 0.
    unsafe { std::mem::zeroed() }
}

// ---- Buffers ----------------------------------------------------------------

/// Equal buffers in one allocation.
struct Buffers {
    octets: Box<[u8]>,
    length: usize,
    stride: usize,
}

impl Buffers {
    /// An odd number of cache lines apart: at a power of two all first lines, which are
    /// the ones in use, would compete for one set of the first-level cache.
    fn new(n: usize, length: usize) -> Self {
        let stride = (length.div_ceil(CACHE_LINE) | 1) * CACHE_LINE;
        Self { octets: vec![0; n * stride].into(), length, stride }
    }

    fn slot(&self, at: usize) -> Option<&[u8]> {
        self.octets.get(at * self.stride..)?.get(..self.length)
    }

    fn slot_mut(&mut self, at: usize) -> Option<&mut [u8]> {
        self.octets.get_mut(at * self.stride..)?.get_mut(..self.length)
    }

    fn slots_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let length = self.length;
        self.octets.chunks_exact_mut(self.stride).filter_map(move |slot| slot.get_mut(..length))
    }
}

/// Octets of a cache line on most machines.
const CACHE_LINE: usize = 64;

// ---- Peer -------------------------------------------------------------------

/// A socket address as the kernel writes it.
#[repr(C)]
union Peer {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl Peer {
    fn new() -> Self {
        // SAFETY: the fields are C structs of integers; all of them may be 0.
        unsafe { std::mem::zeroed() }
    }

    /// The address; `None` for other families and for port 0, which can't be replied to.
    fn address(&self) -> Option<IpAddr> {
        // SAFETY: all octets were zeroed at first, and any octets are a valid number.
        let family = libc::c_int::from(unsafe { self.family });
        if family == libc::AF_INET {
            // SAFETY: as above; any octets are a valid sockaddr_in.
            let v4 = unsafe { self.v4 };
            let address = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            (v4.sin_port != 0).then_some(IpAddr::V4(address))
        } else if family == libc::AF_INET6 {
            // SAFETY: as above; any octets are a valid sockaddr_in6.
            let v6 = unsafe { self.v6 };
            let address = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            // A socket that was handed over may be of both families; IPv4 then looks like this.
            (v6.sin6_port != 0).then_some(IpAddr::V6(address).to_canonical())
        } else {
            None
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "28 octets")]
const PEER: libc::socklen_t = size_of::<Peer>() as libc::socklen_t;

// ---- Control ----------------------------------------------------------------

/// Room for one control message: the address a datagram arrived at.
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// Octets; an `in6_pktinfo` with its header takes 40.
const CONTROL: usize = 64;

/// Where the data of a control message begins.
// SAFETY: CMSG_LEN only computes; it is unsafe for want of a safe const form.
const CONTROL_DATA: usize = unsafe { libc::CMSG_LEN(0) } as usize;

impl Control {
    /// Turns "arrived at" into "leave from"; whether there was such a message.
    ///
    /// Both directions share one layout. The interface is cleared, so that routes, not the
    /// way in, choose the way out; only link-local addresses mean nothing without it.
    fn turn_around(&mut self, length: usize) -> bool {
        let level = self.int(offset_of!(libc::cmsghdr, cmsg_level));
        let kind = self.int(offset_of!(libc::cmsghdr, cmsg_type));
        let Some(data) = self.0.get_mut(CONTROL_DATA..length.min(CONTROL)) else {
            return false;
        };
        if level == libc::IPPROTO_IP && kind == libc::IP_PKTINFO {
            let interface = offset_of!(libc::in_pktinfo, ipi_ifindex);
            clear(data, interface);
            data.len() >= size_of::<libc::in_pktinfo>()
        } else if level == libc::IPPROTO_IPV6 && kind == libc::IPV6_PKTINFO {
            let link_local =
                matches!(data.first_chunk(), Some(&[0xFE, second]) if second & 0xC0 == 0x80);
            if !link_local {
                clear(data, offset_of!(libc::in6_pktinfo, ipi6_ifindex));
            }
            data.len() >= size_of::<libc::in6_pktinfo>()
        } else {
            false
        }
    }

    fn int(&self, at: usize) -> libc::c_int {
        let octets = self.0.get(at..).and_then(|rest| rest.first_chunk());
        octets.map_or(0, |octets| libc::c_int::from_ne_bytes(*octets))
    }
}

/// Clears the integer at an offset.
fn clear(data: &mut [u8], at: usize) {
    if let Some(integer) = data.get_mut(at..at + size_of::<libc::c_int>()) {
        integer.fill(0);
    }
}
