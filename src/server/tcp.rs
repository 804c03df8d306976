//! Accepts TCP connections and serves each in a task.
#![forbid(unsafe_code)]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio::time::sleep;

use crate::server::Counters;
use crate::server::connections::Connections;
use crate::server::connections::Slot;
use crate::server::desk::Desk;
use crate::server::stream::End;
use crate::server::stream::Patience;
use crate::server::stream::Wire;
use crate::server::stream::serve;
use crate::server::sys;
use crate::tasks::Tasks;

/// What all connections share.
pub(in crate::server) struct Shared {
    pub(in crate::server) desk: Desk,
    pub(in crate::server) connections: Arc<Connections>,
    pub(in crate::server) patience: Patience,
    pub(in crate::server) counters: Arc<Counters>,
}

/// Accepts until `tasks` is stopped.
pub(in crate::server) async fn accept(listener: TcpListener, shared: Arc<Shared>, tasks: Tasks) {
    loop {
        let accepted = tokio::select! {
            () = tasks.stopping().cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => start(stream, peer, &shared, &tasks),
            Err(error) if concerns_one_connection(error.kind()) => {}
            Err(error) => {
                // Most likely out of descriptors: free one, and don't spin.
                if shared.counters.tcp_accept_errors.add(1) {
                    tracing::warn!(%error, "failed to accept a connection");
                }
                shared.connections.make_room(Instant::now());
                tokio::select! {
                    () = tasks.stopping().cancelled() => return,
                    () = sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
}

/// Serves a connection in a task of its own, if there is room.
fn start(stream: TcpStream, peer: SocketAddr, shared: &Arc<Shared>, tasks: &Tasks) {
    let counters = &shared.counters;
    let Some(slot) = shared.connections.admit(peer.ip().to_canonical(), Instant::now()) else {
        // Ended at once: the kernel would else go on keeping what is of no use to anybody.
        stream.forget();
        counters.tcp_refused.add(1);
        return;
    };
    let task = connection(stream, slot, Arc::clone(shared), tasks.clone());
    match tasks.spawn("tcp connection", task) {
        Ok(()) => counters.tcp_accepted.add(1),
        Err(_) => counters.tcp_refused.add(1),
    };
}

async fn connection(stream: TcpStream, slot: Slot, shared: Arc<Shared>, tasks: Tasks) {
    // Answers are written whole; there is nothing to wait for. If it can't be set, they are slower.
    drop(stream.set_nodelay(true));
    let end = serve(stream, &slot, &shared.desk, shared.patience, tasks.stopping()).await;
    let counters = &shared.counters;
    match end {
        // Panics, and who is told to go, are counted where it happens.
        End::Closed | End::Panicked | End::Stopping | End::ToldToGo => false,
        End::Idle => counters.tcp_idle.add(1),
        End::Malformed => counters.tcp_malformed.add(1),
        End::NoRoom => counters.tcp_unread.add(1),
        End::Slow => counters.tcp_slow.add(1),
    };
}

impl Wire for TcpStream {
    fn untaken(&self) -> usize {
        // Where the kernel does not say, its own bounds have to do.
        sys::untaken(self).unwrap_or(0)
    }

    fn forget(&self) {
        // Else the kernel goes on offering it; that also has an end.
        drop(SockRef::from(self).set_linger(Some(Duration::ZERO)));
    }
}

/// Errors that `accept(2)` passes on from the connection it would have returned.
fn concerns_one_connection(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::Interrupted
    )
}

/// Rest after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
