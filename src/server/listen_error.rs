//! Why an address can't be listened on, and what to do about it.
#![forbid(unsafe_code)]

use std::io;
use std::io::ErrorKind;
use std::net::SocketAddr;

use rustix::io::Errno;

use crate::model::limits;
use crate::responder::Transport;

/// Why the server can't listen. One line says what to do; the cause is the source.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is not one of this machine, or not yet.
    #[error(
        "failed to listen on {}: no interface has this address (`ip address` lists them)",
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
    #[error("failed to listen on {}: {}", Shown(*transport, *address), permission(*address))]
    Denied {
        /// Which transport.
        transport: Transport,
        /// Which address.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The machine does not have addresses of this family.
    #[error(
        "failed to listen on {}: this machine has no {}",
        Shown(*transport, *address),
        if address.is_ipv6() { "IPv6" } else { "IPv4" }
    )]
    NoFamily {
        /// Which transport.
        transport: Transport,
        /// Which address.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// There is no interface with the number that the address names, or it names none.
    #[error(
        "failed to listen on {}: {}",
        Shown(*transport, *address),
        interface(*address)
    )]
    NoInterface {
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

impl ListenError {
    pub(in crate::server) fn new(
        transport: Transport,
        address: SocketAddr,
        source: io::Error,
    ) -> Self {
        let kind = source.kind();
        let errno = source.raw_os_error();
        if kind == ErrorKind::AddrInUse {
            Self::Taken { transport, address, source }
        } else if kind == ErrorKind::AddrNotAvailable {
            Self::Absent { transport, address, source }
        } else if kind == ErrorKind::PermissionDenied {
            Self::Denied { transport, address, source }
        } else if errno == Some(Errno::AFNOSUPPORT.raw_os_error()) {
            Self::NoFamily { transport, address, source }
        } else if errno == Some(Errno::NODEV.raw_os_error()) || is_without_interface(address) {
            Self::NoInterface { transport, address, source }
        } else {
            Self::Bind { transport, address, source }
        }
    }

    /// Whether the address may come without anybody changing the configuration: an interface gets
    /// it, another node gives it up, IPv6 is switched on, it was not yet known to be unique.
    pub fn may_come(&self) -> bool {
        match self {
            Self::Absent { .. } | Self::NoFamily { .. } => true,
            Self::NoInterface { address, .. } => !is_without_interface(*address),
            Self::Bind { .. }
            | Self::Denied { .. }
            | Self::Overlap { .. }
            | Self::Taken { .. }
            | Self::TooMany(_) => false,
        }
    }
}

/// Whether it is a link-local address that does not say of which link.
fn is_without_interface(address: SocketAddr) -> bool {
    match address {
        SocketAddr::V4(_) => false,
        SocketAddr::V6(v6) => v6.ip().is_unicast_link_local() && v6.scope_id() == 0,
    }
}

/// What is wrong with the interface of an address.
fn interface(address: SocketAddr) -> String {
    let port = address.port();
    match address {
        SocketAddr::V6(v6) if v6.scope_id() > 0 => {
            format!("no interface has the number {} (`ip link` lists them)", v6.scope_id())
        }
        SocketAddr::V4(_) | SocketAddr::V6(_) => format!(
            "a link-local address needs the number of its interface, as in `[{}%2]:{port}` \
             (`ip link` lists them)",
            address.ip()
        ),
    }
}

/// What is missing, and what to do. Capabilities of a file don't count under `no_new_privs`.
fn permission(address: SocketAddr) -> String {
    if address.port() >= PRIVILEGED {
        return "the operating system forbids it, by a rule of SELinux, AppArmor or the like"
            .to_owned();
    }
    let missing = "ports below 1024 need CAP_NET_BIND_SERVICE: set \
                   `AmbientCapabilities=CAP_NET_BIND_SERVICE` in the unit";
    if rustix::thread::no_new_privs().unwrap_or(false) {
        format!(
            "{missing}, or give it to the container (`cap_add: [NET_BIND_SERVICE]`); `setcap` on \
             the program has no effect here, since `NoNewPrivileges` (no_new_privs) is set"
        )
    } else {
        format!("{missing}, or run `setcap cap_net_bind_service=+ep` on the program")
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

/// Ports below it need a permission, unless `net.ipv4.ip_unprivileged_port_start` says otherwise.
const PRIVILEGED: u16 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: &str, errno: Errno) -> ListenError {
        let source = io::Error::from_raw_os_error(errno.raw_os_error());
        ListenError::new(Transport::Udp, address.parse().unwrap(), source)
    }

    #[test]
    fn errors_say_in_one_line_what_to_do() {
        for (address, errno, expected) in [
            ("192.0.2.77:53", Errno::ADDRNOTAVAIL, "no interface has this address (`ip address`"),
            (
                "[::]:53",
                Errno::ACCESS,
                "set `AmbientCapabilities=CAP_NET_BIND_SERVICE` in the unit",
            ),
            ("[::]:5300", Errno::ACCESS, "the operating system forbids it, by a rule of SELinux"),
            ("[::1]:53", Errno::AFNOSUPPORT, "this machine has no IPv6"),
            ("[fe80::1%9]:53", Errno::NODEV, "no interface has the number 9 (`ip link` lists"),
            ("[fe80::1]:53", Errno::INVAL, "its interface, as in `[fe80::1%2]:53`"),
            ("127.0.0.1:53", Errno::ADDRINUSE, "`ss -lunp 'sport = :53'` shows which"),
        ] {
            let message = refused(address, errno).to_string();
            assert!(message.starts_with("failed to listen on udp "), "{message}");
            assert!(message.contains(expected) && !message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn only_what_nobody_has_to_mend_is_waited_for() {
        for (address, errno, expected) in [
            ("192.0.2.77:53", Errno::ADDRNOTAVAIL, true),
            ("[::1]:53", Errno::AFNOSUPPORT, true),
            ("[fe80::1%9]:53", Errno::NODEV, true),
            ("[fe80::1]:53", Errno::INVAL, false),
            ("127.0.0.1:53", Errno::ADDRINUSE, false),
            ("127.0.0.1:53", Errno::ACCESS, false),
            ("127.0.0.1:53", Errno::MFILE, false),
        ] {
            assert_eq!(refused(address, errno).may_come(), expected, "{address} {errno}");
        }
    }
}
