//! Where all streams have their queries answered: one responder worker, one reply buffer.
//!
//! Answering takes microseconds and never waits, so connections share both instead of
//! holding 64 KiB each. The lock is free unless the runtime has several threads.
#![forbid(unsafe_code)]

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::model::limits;
use crate::responder::Outcome;
use crate::responder::TallyCell;
use crate::responder::Transport;
use crate::responder::View;
use crate::responder::Worker;
use crate::server::Counters;
use crate::server::Respond;
use crate::snapshot::Subscriber;
use crate::tasks::panic_message;

/// Answers the queries of streams.
pub(in crate::server) struct Desk {
    respond: Respond,
    subscriber: Subscriber,
    counters: Arc<Counters>,
    /// Where others see what was answered.
    tally: Arc<TallyCell>,
    seat: Mutex<Seat>,
}

struct Seat {
    worker: Worker,
    reply: Box<[u8]>,
}

/// The responder panicked at this query; the connection should be closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) struct Panicked;

impl Desk {
    pub(in crate::server) fn new(
        respond: Respond,
        subscriber: Subscriber,
        counters: Arc<Counters>,
        tally: Arc<TallyCell>,
    ) -> Self {
        let worker = Worker::new(fastrand::u64(..));
        let reply = vec![0; limits::MESSAGE].into();
        Self { respond, subscriber, counters, tally, seat: Mutex::new(Seat { worker, reply }) }
    }

    /// Appends the framed answer to `output`, or nothing if there is none to send.
    pub(in crate::server) fn answer(
        &self,
        request: &[u8],
        client: IpAddr,
        output: &mut Vec<u8>,
    ) -> Result<(), Panicked> {
        let mut seat = self.seat.lock().unwrap_or_else(PoisonError::into_inner);
        let Seat { worker, reply } = &mut *seat;
        let outcome = {
            let snapshot = self.subscriber.load();
            let mut view = View { snapshot: &snapshot, worker };
            catch_unwind(AssertUnwindSafe(|| {
                (self.respond.0)(request, client, Transport::Tcp, &mut view, reply)
            }))
        };
        self.tally.store(&worker.tally);
        match outcome {
            Ok(Outcome::Drop) => Ok(()),
            Ok(Outcome::Send(length)) => {
                let answer = reply.get(..length).unwrap_or(reply);
                let length = u16::try_from(answer.len()).expect("the buffer is of 65,535 octets");
                output.extend_from_slice(&length.to_be_bytes());
                output.extend_from_slice(answer);
                Ok(())
            }
            Err(panic) => {
                // What it counted so far stays: counters only grow.
                let tally = worker.tally;
                *worker = Worker::new(fastrand::u64(..));
                worker.tally = tally;
                if self.counters.responder_panics.add(1) {
                    tracing::error!(message = panic_message(&*panic), "panic at a query by TCP");
                }
                Err(Panicked)
            }
        }
    }
}
