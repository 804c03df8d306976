//! Where all streams have their queries answered: one responder worker, and buffers to read into, to
//! answer into and to write from.
//!
//! Answering takes microseconds and never waits, so connections share all of it, and hold only
//! what is left over of their own when they have to wait. The lock is free, since one
//! thread serves them all.
#![forbid(unsafe_code)]

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
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
    shared: Mutex<Shared>,
}

/// What whoever sits down may use until it gets up.
pub(in crate::server) struct Seat<'d> {
    desk: &'d Desk,
    shared: MutexGuard<'d, Shared>,
}

struct Shared {
    worker: Worker,
    reply: Box<[u8]>,
    input: Box<[u8]>,
    output: Vec<u8>,
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
        let shared = Shared {
            worker: Worker::new(fastrand::u64(..)),
            reply: vec![0; limits::MESSAGE].into(),
            input: vec![0; READ].into(),
            output: Vec::with_capacity(OUTPUT + FRAME + limits::MESSAGE),
        };
        Self { respond, subscriber, counters, tally, shared: Mutex::new(shared) }
    }

    /// Takes the seat; not to be kept over a wait. The output is empty.
    pub(in crate::server) fn sit(&self) -> Seat<'_> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.output.clear();
        Seat { desk: self, shared }
    }
}

impl Seat<'_> {
    /// Room for one read.
    pub(in crate::server) fn input(&mut self) -> &mut [u8] {
        &mut self.shared.input
    }

    /// Takes the first octets of the room that was read into, and answers what is complete in
    /// them.
    pub(in crate::server) fn answer_read(&mut self, length: usize, client: IpAddr) -> Answered {
        let input = std::mem::take(&mut self.shared.input);
        let answered = self.answer(input.get(..length).unwrap_or_default(), client);
        self.shared.input = input;
        answered
    }

    /// Appends framed answers to the output, until it is long enough to be written or no complete
    /// message is left.
    pub(in crate::server) fn answer(&mut self, input: &[u8], client: IpAddr) -> Answered {
        let mut rest = input;
        let progress = loop {
            if self.shared.output.len() >= OUTPUT {
                break Progress::More;
            }
            let Some((length, after)) = rest.split_first_chunk() else {
                break Progress::Wait;
            };
            let length = usize::from(u16::from_be_bytes(*length));
            if length < HEADER {
                break Progress::Malformed;
            }
            let Some((message, after)) = after.split_at_checked(length) else {
                break Progress::Wait;
            };
            if self.answer_one(message, client).is_err() {
                break Progress::Panicked;
            }
            rest = after;
        };
        Answered { used: input.len() - rest.len(), progress }
    }

    /// What is to be written.
    pub(in crate::server) fn output(&self) -> &[u8] {
        &self.shared.output
    }

    /// Appends a framed answer to the output, or nothing if there is none to send.
    fn answer_one(&mut self, request: &[u8], client: IpAddr) -> Result<(), Panicked> {
        let desk = self.desk;
        let Shared { worker, reply, output, .. } = &mut *self.shared;
        let outcome = {
            let snapshot = desk.subscriber.load();
            let mut view = View { snapshot: &snapshot, worker };
            catch_unwind(AssertUnwindSafe(|| {
                (desk.respond.0)(request, client, Transport::Tcp, &mut view, reply)
            }))
        };
        desk.tally.store(&worker.tally);
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
                if desk.counters.responder_panics.add(1) {
                    tracing::error!(message = panic_message(&*panic), "panic at a query by TCP");
                }
                Err(Panicked)
            }
        }
    }
}

/// How far answering came.
pub(in crate::server) struct Answered {
    /// Octets of the input that were answered.
    pub(in crate::server) used: usize,
    /// What stopped it.
    pub(in crate::server) progress: Progress,
}

impl Answered {
    /// Whether nothing was done, for want of octets.
    pub(in crate::server) fn is_waiting(&self) -> bool {
        self.used == 0 && self.progress == Progress::Wait
    }
}

/// What to do after answering, once the output is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) enum Progress {
    /// Answer more.
    More,
    /// End: there is a message too short to be one.
    Malformed,
    /// End: the responder panicked.
    Panicked,
    /// Read.
    Wait,
}

/// Octets of answers that are written together, give or take one answer. What the kernel takes at
/// once is not much more.
const OUTPUT: usize = 16 * 1024;

/// Octets of the length before a message.
const FRAME: usize = 2;

/// Octets of room for one read.
const READ: usize = 4096;

/// Octets of a message header (RFC 1035, 4.1.1); a shorter message is none.
const HEADER: usize = 12;
