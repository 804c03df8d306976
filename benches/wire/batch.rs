//! Datagrams by the batch: `recvmmsg` and `sendmmsg` for the echo and the load generator.
//!
//! A [`Batch`] owns [`BATCH`] buffers and the message headers that point at them. Receiving fills
//! the buffers and the peers' addresses; sending sends them from there, so what was received goes
//! back to where it came from without a copy.
//!
//! What always holds: the headers point only into memory of the same `Batch`, on the heap, which
//! neither moves nor shrinks while the `Batch` lives; a length never exceeds its buffer.
//!
//! Not here: what the datagrams mean.

use std::io;
use std::mem;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::ptr;

/// Datagrams of one system call. Past 32 the gain on loopback is lost in the noise.
pub(crate) const BATCH: usize = 32;

/// Octets of one buffer: more than any answer without TCP is (EDNS buffer size 1232).
const BUFFER_OCTETS: usize = 1280;

/// Buffers for one system call, and the headers that name them.
pub(crate) struct Batch {
    buffers: Vec<[u8; BUFFER_OCTETS]>,
    headers: Vec<libc::mmsghdr>,
    // Only pointed to by `headers`; held to keep them alive.
    vectors: Vec<libc::iovec>,
    peers: Vec<libc::sockaddr_storage>,
}

impl Batch {
    /// Returns a batch of empty datagrams.
    pub(crate) fn new() -> Self {
        // SAFETY: all-zero is a valid socket address storage: plain octets and integers.
        let peer: libc::sockaddr_storage = unsafe { mem::zeroed() };
        let mut batch = Self {
            buffers: vec![[0; BUFFER_OCTETS]; BATCH],
            headers: Vec::with_capacity(BATCH),
            vectors: Vec::with_capacity(BATCH),
            peers: vec![peer; BATCH],
        };
        for buffer in &mut batch.buffers {
            let iov_base = buffer.as_mut_ptr().cast();
            batch.vectors.push(libc::iovec { iov_base, iov_len: 0 });
        }
        for vector in &mut batch.vectors {
            // SAFETY: all-zero is a valid header: no address, no vector, no control data.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            header.msg_hdr.msg_iov = ptr::from_mut(vector);
            header.msg_hdr.msg_iovlen = 1;
            batch.headers.push(header);
        }
        batch
    }

    /// Receives up to [`BATCH`] datagrams and returns how many. With `wait` it sleeps until there is
    /// one (or the socket's receive timeout is over); else none is 0. With `peers` it notes where
    /// each came from.
    ///
    /// # Errors
    ///
    /// What the system call says; `WouldBlock` and `Interrupted` count as 0 datagrams.
    pub(crate) fn receive(
        &mut self,
        socket: &UdpSocket,
        wait: bool,
        peers: bool,
    ) -> io::Result<usize> {
        for vector in &mut self.vectors {
            vector.iov_len = BUFFER_OCTETS;
        }
        for (header, peer) in self.headers.iter_mut().zip(&mut self.peers) {
            if peers {
                header.msg_hdr.msg_name = ptr::from_mut(peer).cast();
                header.msg_hdr.msg_namelen = ADDRESS_OCTETS;
            } else {
                header.msg_hdr.msg_name = ptr::null_mut();
                header.msg_hdr.msg_namelen = 0;
            }
        }
        let flags = if wait { libc::MSG_WAITFORONE } else { libc::MSG_DONTWAIT };
        // SAFETY: `headers` holds `BATCH` headers, which point into `self` (see the module).
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH_COUNT,
                flags,
                ptr::null_mut(),
            )
        };
        counted(count)
    }

    /// Returns the datagrams of the last `receive`, which returned `count`.
    pub(crate) fn received(&mut self, count: usize) -> impl Iterator<Item = &mut [u8]> {
        self.headers.iter().zip(&mut self.buffers).take(count).map(|(header, buffer)| {
            let length = usize::try_from(header.msg_len).unwrap_or(0).min(BUFFER_OCTETS);
            buffer.split_at_mut(length).0
        })
    }

    /// Makes the first `count` datagrams, just received with their peers, ready to be sent back.
    pub(crate) fn turn_around(&mut self, count: usize) {
        for (header, vector) in self.headers.iter().zip(&mut self.vectors).take(count) {
            vector.iov_len = usize::try_from(header.msg_len).unwrap_or(0).min(BUFFER_OCTETS);
        }
    }

    /// Sends the first `count` datagrams and returns how many were sent.
    ///
    /// # Errors
    ///
    /// What the system call says; `WouldBlock` and `Interrupted` count as 0 datagrams.
    pub(crate) fn send(&mut self, socket: &UdpSocket, count: usize) -> io::Result<usize> {
        let count = libc::c_uint::try_from(count.min(BATCH)).unwrap_or(0);
        // SAFETY: `count` is at most the number of headers, which point into `self`.
        let sent =
            unsafe { libc::sendmmsg(socket.as_raw_fd(), self.headers.as_mut_ptr(), count, 0) };
        counted(sent)
    }
}

/// Sends `octets`, which hold datagrams of `length` octets each, by one system call, and returns how many
/// octets were taken: all or, when the socket is full, none.
///
/// The kernel cuts them apart (UDP_SEGMENT, Linux 4.18), on loopback only where they are received: that
/// halves what a datagram costs the sender.
///
/// # Errors
///
/// What the system calls say.
pub(crate) fn send_segments(socket: &UdpSocket, octets: &[u8], length: u16) -> io::Result<usize> {
    let length = libc::c_int::from(length);
    // SAFETY: the option's value is an integer of the size given, alive during the call.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_UDP,
            libc::UDP_SEGMENT,
            ptr::from_ref(&length).cast(),
            INTEGER_OCTETS,
        )
    };
    counted(done)?;
    match socket.send(octets) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}

fn counted(result: libc::c_int) -> io::Result<usize> {
    match usize::try_from(result) {
        Ok(count) => Ok(count),
        Err(_negative) => {
            let error = io::Error::last_os_error();
            let try_later = [io::ErrorKind::Interrupted, io::ErrorKind::WouldBlock];
            if try_later.contains(&error.kind()) { Ok(0) } else { Err(error) }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "32 fits")]
const BATCH_COUNT: libc::c_uint = BATCH as libc::c_uint;

#[expect(clippy::cast_possible_truncation, reason = "128 fits")]
const ADDRESS_OCTETS: libc::socklen_t = size_of::<libc::sockaddr_storage>() as libc::socklen_t;

#[expect(clippy::cast_possible_truncation, reason = "4 fits")]
const INTEGER_OCTETS: libc::socklen_t = size_of::<libc::c_int>() as libc::socklen_t;
