//! Sockets to listen on, with all that is set on them.
#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::UdpSocket;
#[cfg(target_os = "linux")]
use std::time::Duration;

use socket2::Domain;
use socket2::SockRef;
use socket2::Socket;
use socket2::Type;

use crate::model::Family;
use crate::server::sys;
use crate::server::udp::SEND_TIMEOUT;
use crate::server::udp::WAKE;

/// The first socket of a group, after a try that finds out whether anybody else has the port.
pub(in crate::server) fn first_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    if address.port() != 0 {
        drop(bind_udp(address, false)?);
    }
    bind_udp(address, true)
}

pub(in crate::server) fn bind_udp(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    prepare_udp(&socket, address)?;
    Ok(socket)
}

/// Sets what a UDP worker relies on, whoever made the socket.
pub(in crate::server) fn prepare_udp(socket: &UdpSocket, address: SocketAddr) -> io::Result<()> {
    let family = Family::from(address.ip());
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(WAKE))?;
    socket.set_write_timeout(Some(SEND_TIMEOUT))?;
    sys::ignore_path_mtu(socket, family)?;
    if address.ip().is_unspecified() {
        sys::report_destination(socket, family)?;
    }
    // The kernel cuts it to net.core.rmem_max; any more is better than none.
    SockRef::from(socket).set_recv_buffer_size(RECEIVE_BUFFER)
}

/// `SO_REUSEADDR`, so that connections of an earlier run don't block the port; a second
/// server fails all the same.
pub(in crate::server) fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    bound_buffers(&socket)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Sets what connections take over from their listener, whoever made it.
pub(in crate::server) fn prepare_tcp(socket: &TcpListener) -> io::Result<()> {
    bound_buffers(&SockRef::from(socket))?;
    socket.set_nonblocking(true)
}

/// Bounds what the kernel keeps for one connection: left to itself it lends megabytes to whoever
/// sends and does not read.
fn bound_buffers(socket: &Socket) -> io::Result<()> {
    socket.set_send_buffer_size(TCP_SEND_BUFFER)?;
    socket.set_recv_buffer_size(TCP_RECEIVE_BUFFER)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNTAKEN))?;
    Ok(())
}

/// Octets of answers that the kernel keeps for a connection; it doubles that for its own needs.
/// As much as a first flight: an answer that is larger takes a round trip more for as much again.
const TCP_SEND_BUFFER: usize = 16 * 1024;

/// Octets of queries that the kernel keeps for a connection, doubled likewise; some hundred.
const TCP_RECEIVE_BUFFER: usize = 8 * 1024;

/// How long the kernel keeps what a client does not take, also once the connection is closed.
#[cfg(target_os = "linux")]
const UNTAKEN: Duration = Duration::from_secs(10);

/// Octets that may wait in the kernel per socket: at 256 octets of overhead and data each some
/// 10,000 queries, so that a reload or restart may take 20 ms at 500,000 queries/s.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// Connections that may wait to be accepted; the kernel cuts it to net.core.somaxconn.
const BACKLOG: i32 = 4096;
