//! UDP workers: one thread per socket, blocking in the kernel until datagrams come.
//!
//! ```text
//!   receive up to 32 ─► load snapshot ─► respond to each ─► drop snapshot ─► send ─┐
//!         ▲                                                                        │
//!         └────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! # Invariants
//!
//! - A worker holds a snapshot only between two receive calls, never while it waits.
//! - A panic costs the query it happened at; the worker goes on with the next one and fresh
//!   responder state.
//! - A worker ends within [`WAKE`] of being told to, and not before its queue was empty once,
//!   unless the load never lets up.
//!
//! # Not here
//!
//! There is no epoll: it would cost a system call per batch. Stopping wakes nobody either
//! (`shutdown(2)` would also break the copies of the socket that the service manager keeps);
//! the receive call times out by itself.
#![forbid(unsafe_code)]

use std::net::UdpSocket;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::model::limits;
use crate::responder;
use crate::responder::Outcome;
use crate::responder::TallyCell;
use crate::responder::Transport;
use crate::responder::View;
use crate::responder::Worker;
use crate::server::Counters;
use crate::server::Respond;
use crate::server::sys::Batch;
use crate::server::sys::Capacity;
use crate::snapshot::Subscriber;
use crate::tasks::panic_message;

/// What one thread needs.
pub(in crate::server) struct UdpWorker {
    pub(in crate::server) respond: Respond,
    pub(in crate::server) socket: Arc<UdpSocket>,
    pub(in crate::server) subscriber: Subscriber,
    pub(in crate::server) counters: Arc<Counters>,
    /// Where others see what it answered.
    pub(in crate::server) tally: Arc<TallyCell>,
}

/// The time-out of receive calls: how long stopping takes at most, and how often an idle
/// worker wakes up.
pub(in crate::server) const WAKE: Duration = Duration::from_millis(100);

/// The time-out of send calls: how long a congested link may hold up a worker.
pub(in crate::server) const SEND_TIMEOUT: Duration = Duration::from_millis(100);

impl UdpWorker {
    /// Answers until told to stop.
    pub(in crate::server) fn run(&self, stop: &CancellationToken) {
        let wildcard = self.socket.local_addr().is_ok_and(|address| address.ip().is_unspecified());
        let mut batch = Batch::new(CAPACITY, wildcard);
        let mut worker = fresh_worker();
        let mut full_batches = 0_u32;
        let mut unlooked = 0_u32;
        loop {
            let received = match batch.receive(&self.socket) {
                Ok(received) => received,
                Err(error) => {
                    self.receive_failed(&error);
                    0
                }
            };
            if received > 0 {
                self.answer(&mut batch, &mut worker);
                self.tally.store(&worker.tally);
                let result = batch.send(&self.socket);
                if result.failed > 0 {
                    self.counters.udp_send_failures.add(result.failed as u64);
                }
            }
            // A batch that was not full emptied the queue: a good moment to stop. The token has
            // a lock inside, so it is looked at when there is nothing to do, and now and then.
            full_batches = if received == limits::BATCH { full_batches + 1 } else { 0 };
            unlooked += 1;
            let may_stop = full_batches.is_multiple_of(FULL_BATCHES);
            if may_stop && (received == 0 || unlooked >= UNLOOKED_BATCHES) {
                unlooked = 0;
                if stop.is_cancelled() {
                    return;
                }
            }
        }
    }

    fn answer(&self, batch: &mut Batch, worker: &mut Worker) {
        let snapshot = self.subscriber.load();
        // Only a hint: should it ever panic, the queries are answered all the same.
        drop(catch_unwind(AssertUnwindSafe(|| {
            responder::anticipate(batch.requests(), &snapshot);
        })));
        loop {
            let mut view = View { snapshot: &snapshot, worker };
            let answered = catch_unwind(AssertUnwindSafe(|| {
                batch.answer(|request, peer, reply| {
                    match (self.respond.0)(request, peer, Transport::Udp, &mut view, reply) {
                        Outcome::Drop => 0,
                        Outcome::Send(length) => length,
                    }
                });
            }));
            match answered {
                Ok(()) => return,
                Err(panic) => {
                    // What it counted so far stays: counters only grow.
                    let tally = worker.tally;
                    *worker = fresh_worker();
                    worker.tally = tally;
                    if self.counters.responder_panics.add(1) {
                        let message = panic_message(&*panic);
                        tracing::error!(message, "panic at a query by UDP");
                    }
                }
            }
        }
    }

    fn receive_failed(&self, error: &std::io::Error) {
        if self.counters.udp_receive_errors.add(1) {
            tracing::error!(%error, "failed to receive by UDP");
        }
        std::thread::sleep(RECEIVE_PAUSE);
    }
}

fn fresh_worker() -> Worker {
    Worker::new(fastrand::u64(..))
}

const CAPACITY: Capacity = Capacity {
    datagrams: limits::BATCH,
    request: limits::UDP_QUERY,
    reply: limits::UDP_PAYLOAD as usize,
};

/// After so many batches without a pause the token is looked at: within three seconds at the
/// slowest rate that leaves no pause of 100 ms.
const UNLOOKED_BATCHES: u32 = 32;

/// After so many full batches in a row the token is looked at, and obeyed.
const FULL_BATCHES: u32 = 64;

/// Rest after a failed receive call, so that a lasting failure does not eat the core.
const RECEIVE_PAUSE: Duration = Duration::from_millis(10);
