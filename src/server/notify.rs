//! What systemd is told over `NOTIFY_SOCKET` (`sd_notify(3)`), the sockets to keep included.
//!
//! With `FileDescriptorStoreMax=` set, systemd keeps copies of the listening sockets. While
//! the service restarts, the kernel goes on queueing queries on them, and the next run takes
//! them over: none is lost.
//!
//! Every method does nothing when there is no one to tell. Failing to tell is logged and has
//! no other consequence.
#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

use socket2::Domain;
use socket2::SockAddr;
use socket2::Socket;
use socket2::Type;

use crate::model::limits;
use crate::server::listeners::Listener;
use crate::server::listeners::Listeners;
use crate::server::sys;

/// The way to the service manager, if there is one.
#[derive(Debug, Default)]
pub struct Notify(Option<(Socket, SockAddr)>);

impl Notify {
    /// To nobody.
    pub fn none() -> Self {
        Self(None)
    }

    /// To whom `NOTIFY_SOCKET` names.
    pub fn from_environment() -> Self {
        match std::env::var_os("NOTIFY_SOCKET") {
            Some(path) => Self::to(Path::new(&path)).unwrap_or_else(|error| {
                tracing::warn!(%error, "failed to open NOTIFY_SOCKET");
                Self::none()
            }),
            None => Self::none(),
        }
    }

    /// To the datagram socket at `path`; a first `@` stands for the abstract namespace.
    ///
    /// # Errors
    ///
    /// If there is no socket to be had, or the path is too long for one.
    pub fn to(path: &Path) -> io::Result<Self> {
        use std::os::unix::ffi::OsStrExt;
        let address = match path.as_os_str().as_bytes().split_first() {
            Some((b'@', name)) => {
                let name = [&[0], name].concat();
                SockAddr::unix(Path::new(std::ffi::OsStr::from_bytes(&name)))?
            }
            _ => SockAddr::unix(path)?,
        };
        let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(Some((socket, address))))
    }

    /// The service answers; also ends [`Notify::reloading`].
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={}", one_line(status)), &[]);
    }

    /// A reload begins (`Type=notify-reload`).
    pub fn reloading(&self) {
        let now = sys::monotonic_microseconds().unwrap_or(0);
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={now}"), &[]);
    }

    /// The service stops.
    pub fn stopping(&self) {
        self.send("STOPPING=1", &[]);
    }

    /// What to show next to the service.
    pub fn status(&self, status: &str) {
        self.send(&format!("STATUS={}", one_line(status)), &[]);
    }

    /// Has all sockets kept; those that are kept already stay as they are.
    pub fn store(&self, listeners: &Listeners) {
        for Listener { bound, udp, tcp, .. } in &listeners.each {
            let udp: Vec<_> = udp.iter().map(|socket| socket.as_fd()).collect();
            let tcp: Vec<_> = tcp.iter().map(|socket| socket.as_fd()).collect();
            for (name, sockets) in [(name("udp", *bound), udp), (name("tcp", *bound), tcp)] {
                // FDPOLL=0: else the manager drops a socket that has an error to report.
                let text = format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0");
                for sockets in sockets.chunks(limits::HANDED_OVER) {
                    self.send(&text, sockets);
                }
            }
        }
    }

    /// Has the sockets of an address kept no longer.
    pub fn forget(&self, address: SocketAddr) {
        for transport in ["udp", "tcp"] {
            self.send(&format!("FDSTOREREMOVE=1\nFDNAME={}", name(transport, address)), &[]);
        }
    }

    fn send(&self, text: &str, descriptors: &[BorrowedFd<'_>]) {
        let Some((socket, address)) = &self.0 else {
            return;
        };
        if let Err(error) = sys::send_descriptors(socket, address, text.as_bytes(), descriptors) {
            if error.kind() == io::ErrorKind::WouldBlock {
                // Once is enough to wait: it may be told a hundred things.
                drop(socket.set_nonblocking(true));
            }
            tracing::warn!(%error, what = %one_line(text), "failed to notify the service manager");
        }
    }
}

/// The name of an address's sockets in the store; colons are not allowed there.
fn name(transport: &str, address: SocketAddr) -> String {
    format!("{transport}-{address}").replace(':', "_")
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

/// How long the manager may keep us waiting.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn messages_are_as_sd_notify_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let receive = || sys::receive_descriptors(&manager).unwrap();
        let notify = Notify::to(&path).unwrap();

        notify.ready("1 zone,\n2 services");
        assert_eq!(receive().0, "READY=1\nSTATUS=1 zone, 2 services");
        notify.reloading();
        let (text, _) = receive();
        let time = text.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(time.parse::<u64>().unwrap() > 0);
        notify.stopping();
        assert_eq!(receive().0, "STOPPING=1");

        let listeners = Listeners::bind(&["[::1]:0".parse().unwrap()], 2).unwrap();
        let at = listeners.addresses().next().unwrap();
        notify.store(&listeners);
        let (text, udp) = receive();
        let port = at.port();
        assert_eq!(text, format!("FDSTORE=1\nFDNAME=udp-[__1]_{port}\nFDPOLL=0"));
        assert_eq!(udp.len(), 2);
        let (text, tcp) = receive();
        assert_eq!(text, format!("FDSTORE=1\nFDNAME=tcp-[__1]_{port}\nFDPOLL=0"));
        assert_eq!(tcp.len(), 1);
        notify.forget(at);
        assert_eq!(receive().0, format!("FDSTOREREMOVE=1\nFDNAME=udp-[__1]_{port}"));
        assert_eq!(receive().0, format!("FDSTOREREMOVE=1\nFDNAME=tcp-[__1]_{port}"));
    }

    #[test]
    fn without_a_manager_nothing_happens() {
        Notify::none().ready("fine");
        let gone = Notify::to(Path::new("/nonexistent/notify")).unwrap();
        gone.ready("nobody hears it");
    }

    #[test]
    fn a_manager_that_does_not_read_is_waited_for_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _manager = UnixDatagram::bind(&path).unwrap();
        let notify = Notify::to(&path).unwrap();
        // More than the queue of any socket takes, and more than a minute if each were waited for.
        for _ in 0..5_000 {
            notify.status("answering");
        }
        let (socket, _) = notify.0.as_ref().unwrap();
        assert!(socket.nonblocking().unwrap());
    }

    #[test]
    fn abstract_names_are_understood() {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::net::SocketAddr;
        let name = format!("meridian-test-{}", std::process::id());
        let at = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
        let manager = UnixDatagram::bind_addr(&at).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Notify::to(Path::new(&format!("@{name}"))).unwrap().stopping();
        assert_eq!(sys::receive_descriptors(&manager).unwrap().0, "STOPPING=1");
    }
}
