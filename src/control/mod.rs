//! The control API: HTTP in, requests to the node out; and hooks that are told of notices.
//!
//! ```text
//!   HTTP ─► http ─► rate, places, guard ─► answer ─► Desk ═Request═► node
//!                                          │ ▲                       │
//!     latency, load, beacon: Intake ◄──────┘ │                       │
//!             status, page, metrics, JSON ◄──┴────── one reply ◄─────┤
//!                                                                    │
//!   event streams, hooks ◄════════════ Notice, to all ◄══════════════┘
//! ```
//!
//! # Invariants
//!
//! - Whatever the node does not answer in time is answered with 503 here; the node never
//!   waits for the API, for an event stream or for a hook.
//! - Nothing changes without a token whose role suffices, wherever it is asked from; but
//!   browsers may report round trips of their own prefix, if that is configured.
//! - Header, body, rate, connections and streams have bounds in [`limits`]: for each token, or
//!   each address without one, and in sum. Whoever shows a token has room of its own, so that no
//!   flood keeps an operator out.
//! - Every refusal is a problem of RFC 9457 with a stable name.
//! - `openapi.json` and the table of routes are the same; a test compares them.
//!
//! # Not here
//!
//! What requests do (`engine`), TLS (a proxy's work), names of host and client in logs.
//!
//! # Start with
//!
//! [`Control::start`], then `route.rs` and `answer.rs`.
//!
//! [`limits`]: crate::model::limits
#![forbid(unsafe_code)]

mod answer;
mod beacon;
mod desk;
mod drawn;
mod events;
#[cfg(test)]
mod fixture;
mod guard;
mod hook;
mod http;
mod intake;
mod loads;
mod metrics;
mod order;
mod page;
mod payload;
mod places;
mod problem;
mod rate;
mod request;
mod room;
mod route;
mod samples;
#[cfg(test)]
mod tests;
pub mod token;
mod traffic;
mod view;

use std::io;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::Mutex;

use arc_swap::ArcSwap;
use socket2::Domain;
use socket2::Socket;
use socket2::Type;
use tokio::sync::Semaphore;
use tokio::sync::broadcast;
use tokio::sync::mpsc;

pub use hook::{HookCounts, Hooks};
pub use intake::Intake;
pub use request::{Explain, Heartbeat, NoSuchCheck, Ordered, Request, Taken};
pub use traffic::{HookTraffic, Traffic, TrafficSource};

use crate::config::Beacon;
use crate::config::Token;
use crate::control::desk::Desk;
use crate::control::drawn::Drawn;
use crate::control::places::Places;
use crate::control::rate::Rates;
use crate::control::room::Room;
use crate::engine::Notice;
use crate::model::limits;
use crate::tasks::SpawnError;
use crate::tasks::Tasks;

/// The API can't have its address.
#[derive(Debug, thiserror::Error)]
#[error(
    "failed to listen for the control API at {address}; change or free it, or set \
     `listen = \"off\"` in `[control]`"
)]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the operating system said.
    #[source]
    pub source: io::Error,
}

/// Why the API did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The runtime did not take the socket.
    #[error("failed to serve the control API")]
    Serve(#[source] io::Error),
    /// There are too many tasks.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

/// Takes the address of the API. One that no interface has is taken all the same, on Linux: it is
/// reached there once one has it.
///
/// # Errors
///
/// [`BindError`] says what to do.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    let bound = TcpListener::bind(address).or_else(|error| {
        let may_come = error.kind() == ErrorKind::AddrNotAvailable;
        if may_come { bind_ahead(address) } else { Err(error) }
    });
    bound.map_err(|source| BindError { address, source })
}

/// Listens at an address that no interface has: connections come once one has it.
fn bind_ahead(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    #[cfg(target_os = "linux")]
    match address {
        SocketAddr::V4(_) => socket.set_freebind_v4(true)?,
        SocketAddr::V6(_) => socket.set_freebind_v6(true)?,
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Connections that may wait to be accepted, as the standard library has it.
const BACKLOG: i32 = 128;

/// The running API. Dropping it stops nothing; [`Tasks`] does.
#[derive(Debug)]
pub struct Control {
    room: Arc<Room>,
    address: SocketAddr,
}

impl Control {
    /// Starts answering at `listener`, on the current runtime.
    ///
    /// What is asked goes to `requests`, whose capacity bounds what may wait; what happened
    /// comes from `notices`; samples and loads go to `intake`. `tokens` are those of the configuration,
    /// and of [`token::with_local`].
    ///
    /// # Errors
    ///
    /// [`StartError`] if the runtime does not take the socket, or there are too many tasks.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn start(
        listener: TcpListener,
        tokens: Vec<Token>,
        requests: mpsc::Sender<Request>,
        notices: broadcast::Sender<Arc<Notice>>,
        traffic: TrafficSource,
        intake: Intake,
        tasks: &Tasks,
    ) -> Result<Self, StartError> {
        let address = listener.local_addr().map_err(StartError::Serve)?;
        listener.set_nonblocking(true).map_err(StartError::Serve)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(StartError::Serve)?;
        let room = Arc::new(Room {
            desk: Desk::new(requests),
            drawn: Drawn::default(),
            notices,
            traffic,
            intake,
            tokens: ArcSwap::from_pointee(tokens),
            beacon: ArcSwap::from_pointee(None),
            of_peers: Mutex::new(Rates::default()),
            of_tokens: Mutex::new(Rates::of_tokens()),
            of_beacons: Mutex::new(beacon::rates()),
            places: Places::default(),
            farewells: Semaphore::new(limits::API_FAREWELLS),
            tasks: tasks.part(),
        });
        room.tasks.spawn("api", http::serve(listener, Arc::clone(&room)))?;
        Ok(Self { room, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces what browsers are asked to measure; at first that is nothing.
    pub fn set_beacon(&self, beacon: Option<Beacon>) {
        self.room.beacon.store(Arc::new(beacon));
    }

    /// Replaces the tokens; what was admitted before is answered still.
    pub fn set_tokens(&self, tokens: Vec<Token>) {
        self.room.tokens.store(Arc::new(tokens));
    }
}
