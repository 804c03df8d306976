//! Transports: sockets in, the responder's answers out.
//!
//! ```text
//!   UDP  one thread per worker and address: recvmmsg ─► respond ─► sendmmsg
//!   TCP  tasks on one thread: accept ─► read ─► respond in order ─► write
//!                                          ▲
//!                            snapshot ─────┘ taken per batch or message
//! ```
//!
//! [`HandedOver`] and [`Notify`] speak with systemd, [`Listeners`] has the sockets,
//! [`Server`] runs them.
//!
//! # Invariants
//!
//! - Both transports call the same `respond`, and hold a snapshot only while they do.
//! - A panic of the responder costs one UDP answer or one TCP connection, never a worker.
//! - What a peer can make grow has a limit, and what it can make wait a deadline.
//! - No log line per datagram or connection: they are counted ([`Counters`]).
//! - `unsafe` is in `sys` and nowhere else.
//!
//! # Not here
//!
//! What is answered (`responder`), when to reload (`cli`), anything of the HTTP API.
//!
//! # Start with
//!
//! [`Server::start`], then `udp.rs` and `stream.rs`.

// `forbid` would bind `sys` too; every file but those of `sys` begins with it.
#[expect(unsafe_code, reason = "batched socket calls")]
mod sys;

mod connections;
mod counters;
mod desk;
mod handover;
mod listen_error;
mod listeners;
mod notify;
mod open_files;
mod sockets;
mod stream;
mod tallies;
mod tcp;
mod udp;

#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub use counters::Counter;
pub use counters::Counters;
pub use handover::HandedOver;
pub use listen_error::ListenError;
pub use listeners::Listeners;
pub use listeners::Waiting;
pub use notify::Notify;
pub use open_files::OpenFiles;
pub use tallies::Tallies;

use crate::model::limits;
use crate::responder;
use crate::responder::Outcome;
use crate::responder::Transport;
use crate::responder::View;
use crate::server::connections::Connections;
use crate::server::desk::Desk;
use crate::server::listeners::Listener;
use crate::server::stream::Patience;
use crate::server::udp::UdpWorker;
use crate::snapshot::Subscriber;
use crate::tasks::SpawnError;
use crate::tasks::Stopped;
use crate::tasks::Tasks;

/// What an operator may set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// How long a TCP connection may be idle; default 10 s (RFC 7766, 6.2.3 wants seconds).
    pub tcp_idle: Duration,
    /// How long one message may take to come by TCP, and the answers of one write to be
    /// taken; default 5 s.
    pub tcp_message: Duration,
    /// TCP connections in all; default and ceiling [`limits::TCP_CONNECTIONS`].
    pub tcp_connections: usize,
    /// TCP connections per client, an IPv4 address or an IPv6 /64; default and ceiling
    /// [`limits::TCP_CONNECTIONS_PER_CLIENT`].
    pub tcp_connections_per_client: usize,
}

/// Why the server did not start or change its addresses.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address can't be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The runtime did not take a socket.
    #[error("failed to serve tcp {address}")]
    Serve {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A worker could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

/// What a change of addresses did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    /// Bound now.
    pub added: Vec<SocketAddr>,
    /// To be bound once they can be had ([`Listeners::waiting`] says why they can't).
    pub waiting: Vec<SocketAddr>,
    /// Closed.
    pub removed: Vec<SocketAddr>,
}

/// The running transports. Dropping it stops nothing; [`Tasks`] does.
pub struct Server {
    listeners: Listeners,
    /// The tasks of each listener, in the same order.
    parts: Vec<Tasks>,
    tasks: Tasks,
    subscriber: Subscriber,
    counters: Arc<Counters>,
    tallies: Arc<Tallies>,
    respond: Respond,
    tcp: Arc<tcp::Shared>,
}

/// The responder as a value: tests put one of their own in its place.
#[derive(Clone, Copy)]
struct Respond(fn(&[u8], IpAddr, Transport, &mut View<'_>, &mut [u8]) -> Outcome);

impl Server {
    /// Starts the workers of all listeners on threads of their own: one per UDP worker and address,
    /// and one for all TCP connections.
    ///
    /// # Errors
    ///
    /// [`ServerError`] if a thread or task can't be started; those that were are told to stop.
    pub fn start(
        listeners: Listeners,
        subscriber: Subscriber,
        settings: Settings,
        tasks: &Tasks,
    ) -> Result<Self, ServerError> {
        Self::start_with(Respond(responder::respond), listeners, subscriber, settings, tasks)
    }

    fn start_with(
        respond: Respond,
        listeners: Listeners,
        subscriber: Subscriber,
        settings: Settings,
        tasks: &Tasks,
    ) -> Result<Self, ServerError> {
        let counters = Arc::new(Counters::default());
        let tallies = Arc::new(Tallies::default());
        let tcp = Arc::new(tcp::Shared {
            desk: Desk::new(respond, subscriber.clone(), Arc::clone(&counters), tallies.cell()),
            connections: Arc::new(Connections::new(
                settings.tcp_connections.min(limits::TCP_CONNECTIONS),
                settings.tcp_connections_per_client.min(limits::TCP_CONNECTIONS_PER_CLIENT),
                Arc::clone(&counters),
            )),
            patience: Patience {
                idle: settings.tcp_idle,
                message: settings.tcp_message,
                write: settings.tcp_message,
            },
            counters: Arc::clone(&counters),
        });
        let tasks = tasks.part_on_thread("tcp")?;
        let parts = Vec::new();
        let mut server =
            Self { listeners, parts, tasks, subscriber, counters, tallies, respond, tcp };
        match server.serve_all(&server.listeners.each) {
            Ok(parts) => {
                server.parts = parts;
                Ok(server)
            }
            Err(error) => {
                server.tasks.cancel();
                Err(error)
            }
        }
    }

    /// The sockets, to have them kept ([`Notify::store`]).
    pub fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// What the transports counted.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// What all workers answered.
    pub fn tallies(&self) -> &Arc<Tallies> {
        &self.tallies
    }

    /// Whether many TCP connections have left since this was asked last: a good moment to return
    /// memory to the system.
    pub fn have_left(&self) -> bool {
        self.tcp.connections.have_left()
    }

    /// Makes the addresses those given: binds new ones, closes those not listed, leaves the
    /// others as they are. New ones that may come by themselves are waited for. On an error nothing
    /// has changed. A change that swaps an address for a wildcard that covers it needs a restart.
    ///
    /// # Errors
    ///
    /// [`ServerError`] says which address can't be had.
    pub async fn relisten(&mut self, addresses: &[SocketAddr]) -> Result<Changes, ServerError> {
        let is_known = |address: &SocketAddr| {
            self.listeners.each.iter().any(|listener| listener.asked == *address)
                || self.listeners.waiting.iter().any(|waiting| waiting.address == *address)
        };
        let new: Vec<SocketAddr> =
            addresses.iter().filter(|address| !is_known(address)).copied().collect();
        let (bound, waiting) = self.listeners.bind_more(&new, &mut HandedOver::none())?;
        let parts = self.serve_all(&bound)?;
        let mut changes = Changes::default();
        let before = std::mem::take(&mut self.listeners.each).into_iter();
        for (listener, part) in before.zip(std::mem::take(&mut self.parts)) {
            if addresses.contains(&listener.asked) {
                self.listeners.each.push(listener);
                self.parts.push(part);
            } else {
                let address = listener.bound;
                if let Stopped::Late(left) = part.stop(CLOSE_DEADLINE).await {
                    tracing::warn!(%address, ?left, "still busy on an address that was removed");
                }
                changes.removed.push(address);
            }
        }
        changes.added = bound.iter().map(|listener| listener.bound).collect();
        changes.waiting = waiting.iter().map(|waiting| waiting.address).collect();
        self.listeners.each.extend(bound);
        self.listeners.waiting.retain(|waiting| addresses.contains(&waiting.address));
        self.listeners.waiting.extend(waiting);
        self.parts.extend(parts);
        Ok(changes)
    }

    /// Tries once more the addresses that could not be had, and serves those that have come. Returns
    /// these, as bound.
    pub fn retry(&mut self) -> Vec<SocketAddr> {
        let mut came = Vec::new();
        for listener in self.listeners.retry() {
            match self.serve_all(std::slice::from_ref(&listener)) {
                Ok(parts) => {
                    came.push(listener.bound);
                    self.listeners.each.push(listener);
                    self.parts.extend(parts);
                }
                Err(error) => {
                    // Of threads or memory: it is tried again.
                    tracing::error!(address = %listener.asked, "failed to serve: {error}");
                    let address = listener.asked;
                    let why = ListenError::new(Transport::Udp, address, io::Error::other(error));
                    self.listeners.waiting.push(Waiting { address, why });
                }
            }
        }
        came
    }

    /// Stops all workers and connections and waits for them, at most for `deadline`. What was
    /// received is answered. Sockets stay open until the server is dropped.
    pub async fn stop(&self, deadline: Duration) -> Stopped {
        self.tasks.stop(deadline).await
    }

    /// Serves listeners; on an error those that were begun are told to stop.
    fn serve_all(&self, listeners: &[Listener]) -> Result<Vec<Tasks>, ServerError> {
        let mut parts = Vec::with_capacity(listeners.len());
        for listener in listeners {
            let part = self.tasks.part();
            let result = self.serve(listener, &part);
            parts.push(part);
            if let Err(error) = result {
                parts.iter().for_each(Tasks::cancel);
                return Err(error);
            }
        }
        Ok(parts)
    }

    fn serve(&self, listener: &Listener, part: &Tasks) -> Result<(), ServerError> {
        let address = listener.bound;
        let _entered = self.tasks.enter();
        for (i, socket) in listener.udp.iter().enumerate() {
            let worker = UdpWorker {
                respond: self.respond,
                socket: Arc::clone(socket),
                subscriber: self.subscriber.clone(),
                counters: Arc::clone(&self.counters),
                tally: self.tallies.cell(),
            };
            part.thread(format!("udp-{i} {address}"), move |stop| worker.run(stop))?;
        }
        for socket in &listener.tcp {
            let socket = socket
                .try_clone()
                .and_then(tokio::net::TcpListener::from_std)
                .map_err(|source| ServerError::Serve { address, source })?;
            let accept = tcp::accept(socket, Arc::clone(&self.tcp), part.clone());
            part.spawn(format!("tcp {address}"), accept)?;
        }
        Ok(())
    }
}

/// Runs `work` on a thread of its own that gives way to all others, and returns what it
/// made. Memory that was freed meanwhile goes back to the system.
///
/// # Errors
///
/// [`SpawnError`] if there is no thread to be had. The receiver fails if `work` panics.
pub fn in_background<R: Send + 'static>(
    tasks: &Tasks,
    name: &'static str,
    work: impl FnOnce() -> R + Send + 'static,
) -> Result<tokio::sync::oneshot::Receiver<R>, SpawnError> {
    let (result, receiver) = tokio::sync::oneshot::channel();
    tasks.thread(name, move |_| {
        sys::give_way();
        // Nobody waits any longer: the node is being stopped.
        drop(result.send(work()));
    })?;
    Ok(receiver)
}

/// Sets the heap up for a process that replaces large worlds. To be called first of all, before
/// there is a second thread.
pub fn settle_heap() {
    sys::settle_heap();
}

/// Returns memory that was freed to the system.
pub fn trim_heap() {
    sys::trim_heap();
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tcp_idle: Duration::from_secs(10),
            tcp_message: Duration::from_secs(5),
            tcp_connections: limits::TCP_CONNECTIONS,
            tcp_connections_per_client: limits::TCP_CONNECTIONS_PER_CLIENT,
        }
    }
}

/// How long closing an address may take.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);
