//! File descriptors from and to the service manager.

use std::io;
use std::io::IoSlice;
use std::mem::offset_of;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use socket2::MsgHdr;
use socket2::SockAddr;
use socket2::Socket;

/// The first descriptor that a service manager hands over (`sd_listen_fds(3)`).
const FIRST: RawFd = 3;

/// Takes the descriptors 3 to 3 + `count` - 1, which the service manager opened for us; those
/// that are not open are `None`. They are closed on exec from now on. Nothing the second
/// time: whoever called first owns them.
pub(in crate::server) fn inherited(count: usize) -> Vec<Option<OwnedFd>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if count == 0 || TAKEN.swap(true, Ordering::AcqRel) {
        return Vec::new();
    }
    (FIRST..).take(count).map(take).collect()
}

fn take(descriptor: RawFd) -> Option<OwnedFd> {
    // SAFETY: F_SETFD on a number that is not an open descriptor fails and does nothing else.
    let set = unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    if set != 0 {
        return None;
    }
    // SAFETY: it is open, as fcntl just found. It is not owned by anything else: the protocol
    // gives the process these numbers, nothing in it opened them, and `inherited` takes each
    // of them only once.
    Some(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Sends a datagram with descriptors attached to it; the receiver gets copies of its own.
pub(in crate::server) fn send_descriptors(
    socket: &Socket,
    to: &SockAddr,
    text: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let text = [IoSlice::new(text)];
    let control = rights(descriptors);
    let mut message = MsgHdr::new().with_addr(to).with_buffers(&text);
    if !descriptors.is_empty() {
        message = message.with_control(&control);
    }
    socket.sendmsg(&message, 0).map(drop)
}

/// A control message of type `SCM_RIGHTS`.
fn rights(descriptors: &[BorrowedFd<'_>]) -> Vec<u8> {
    let size = libc::c_uint::try_from(size_of_val(descriptors)).expect("at most SCM_MAX_FD");
    // SAFETY: CMSG_SPACE only computes; it is unsafe for want of a safe const form.
    let space = unsafe { libc::CMSG_SPACE(size) };
    // SAFETY: CMSG_LEN only computes, as above.
    let length = unsafe { libc::CMSG_LEN(size) };
    // SAFETY: CMSG_LEN only computes, as above.
    let data = unsafe { libc::CMSG_LEN(0) };
    let mut control = vec![0; space as usize];
    let mut put = |at: usize, octets: &[u8]| {
        control.iter_mut().skip(at).zip(octets).for_each(|(to, from)| *to = *from);
    };
    put(offset_of!(libc::cmsghdr, cmsg_len), &(length as usize).to_ne_bytes());
    put(offset_of!(libc::cmsghdr, cmsg_level), &libc::SOL_SOCKET.to_ne_bytes());
    put(offset_of!(libc::cmsghdr, cmsg_type), &libc::SCM_RIGHTS.to_ne_bytes());
    for (i, descriptor) in descriptors.iter().enumerate() {
        put(data as usize + i * size_of::<RawFd>(), &descriptor.as_raw_fd().to_ne_bytes());
    }
    control
}

/// Plays the service manager: receives one datagram and the descriptors attached to it.
#[cfg(test)]
pub(in crate::server) fn receive_descriptors(
    socket: &std::os::unix::net::UnixDatagram,
) -> io::Result<(String, Vec<OwnedFd>)> {
    use socket2::MaybeUninitSlice;
    use socket2::MsgHdrMut;
    use socket2::SockRef;
    use std::mem::MaybeUninit;

    let mut text = [MaybeUninit::new(0_u8); 4096];
    let mut control = [MaybeUninit::new(0_u8); 2048];
    let (length, control_length) = {
        let mut buffers = [MaybeUninitSlice::new(&mut text)];
        let mut message = MsgHdrMut::new().with_buffers(&mut buffers).with_control(&mut control);
        let length = SockRef::from(socket).recvmsg(&mut message, 0)?;
        (length, message.control_len())
    };
    // SAFETY: both arrays were initialised in full above.
    let octet = |o: &MaybeUninit<u8>| unsafe { o.assume_init() };
    let text = String::from_utf8(text[..length].iter().map(octet).collect()).unwrap();
    let control: Vec<u8> = control[..control_length].iter().map(octet).collect();
    // SAFETY: CMSG_LEN only computes.
    let data = unsafe { libc::CMSG_LEN(0) } as usize;
    let descriptors = control
        .get(data..)
        .unwrap_or_default()
        .chunks_exact(size_of::<RawFd>())
        .map(|octets| RawFd::from_ne_bytes(octets.try_into().unwrap()))
        .filter(|descriptor| *descriptor > 0)
        // SAFETY: SCM_RIGHTS has just made these descriptors for us alone; 0 is padding.
        .map(|descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) })
        .collect();
    Ok((text, descriptors))
}
