//! Socket options that `socket2` does not have.

use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;

use crate::model::Family;

/// Makes the kernel ignore path MTU news for this socket (`IP_PMTUDISC_OMIT`): forged
/// ICMP then can't make it fragment replies, which is how caches get poisoned.
pub(in crate::server) fn ignore_path_mtu(socket: &impl AsFd, family: Family) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return match family {
        Family::V4 => set(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_OMIT),
        Family::V6 => {
            set(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT)
        }
    };
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (socket, family);
        Ok(())
    }
}

/// Makes the kernel say at which of our addresses each datagram arrived.
pub(in crate::server) fn report_destination(socket: &impl AsFd, family: Family) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return match family {
        Family::V4 => set(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1),
        Family::V6 => set(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1),
    };
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (socket, family);
        Ok(())
    }
}

/// Octets that were written to a TCP socket and that the other end has not acknowledged.
pub(in crate::server) fn untaken(socket: &impl AsFd) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    {
        let mut octets: libc::c_int = 0;
        let descriptor = socket.as_fd().as_raw_fd();
        // SAFETY: the descriptor is borrowed and so open; the call writes one int, into a local
        // that outlives it. `TIOCOUTQ` is the number of `SIOCOUTQ` too.
        match unsafe { libc::ioctl(descriptor, libc::TIOCOUTQ, &raw mut octets) } {
            0 => Ok(usize::try_from(octets).unwrap_or(0)),
            _ => Err(io::Error::last_os_error()),
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = socket;
        Ok(0)
    }
}

#[cfg(target_os = "linux")]
fn set(
    socket: &impl AsFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let size = libc::socklen_t::try_from(size_of_val(&value)).expect("an int is small");
    let value = (&raw const value).cast();
    let descriptor = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is borrowed and so open; `value` points to `size` octets
    // of a local that outlives the call, which only reads them.
    match unsafe { libc::setsockopt(descriptor, level, name, value, size) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
