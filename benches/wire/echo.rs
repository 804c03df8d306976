//! The least a UDP server can do: `recvmmsg`, set the QR bit, `sendmmsg`. No server that gives an
//! answer per datagram is faster on the same machine, so its rate is the ceiling of the wire bench.

use std::io;
use std::net::SocketAddr;
use std::net::UdpSocket;

use crate::batch::Batch;

/// Echoes what arrives at `address` until the process is killed.
///
/// # Errors
///
/// The address is taken, or a system call failed.
pub(crate) fn run(address: SocketAddr) -> io::Result<()> {
    let socket = UdpSocket::bind(address)?;
    let mut batch = Batch::new();
    loop {
        let received = batch.receive(&socket, true, true)?;
        for datagram in batch.received(received) {
            // RFC 1035, 4.1.1: QR is the first bit of the third octet.
            if let Some(flags) = datagram.get_mut(2) {
                *flags |= 0x80;
            }
        }
        batch.turn_around(received);
        batch.send(&socket, received)?;
    }
}
