//! One stream of framed messages: read, answer in order, write (RFC 7766).
//!
//! ```text
//!   read ─► complete messages ─► answers ─► write ─┬─ all taken by the kernel ─► answer more, or read
//!     ▲                                            └─ not all ─► the rest is kept ─► write
//!     └── nothing complete left ◄─────────────────────────────────────────────────┘
//! ```
//!
//! It is one state that is polled: what it reads into, answers into and writes from is the [`Desk`]'s,
//! so that a stream has no buffer while it waits for a query, and only what is left over when it
//! has to wait for more.
//!
//! # Invariants
//!
//! - Nothing is answered or read while answers wait to be written, so a client that does not
//!   take its answers stops its own queries.
//! - What a stream holds is counted ([`Slot::hold`]): what it has read and not answered, what
//!   it has answered and not written, and what it has written and the client has not taken. The
//!   first [`FREE`] octets are not.
//! - What came complete is answered, also after the client closed its side.
//! - Every wait has a deadline: the first octet, the whole message, the write.
//! - A stream that ends with answers which nobody takes is reset, since the kernel would go on
//!   holding them.
//!
//! Generic over the stream, so that tests run it in virtual time.
#![forbid(unsafe_code)]

mod rest;

use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::pin::pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::time::Instant;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use crate::server::connections::Slot;
use crate::server::desk::Desk;
use crate::server::desk::Progress;
use crate::server::stream::rest::Rest;

/// How long a stream may take for what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) struct Patience {
    /// Between messages.
    pub(in crate::server) idle: Duration,
    /// From the first octet of a message to its last.
    pub(in crate::server) message: Duration,
    /// For taking the answers of one write.
    pub(in crate::server) write: Duration,
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub(in crate::server) enum End {
    /// The client closed it, or it broke.
    Closed,
    /// Nothing came for the idle time.
    Idle,
    /// A message too short to be one.
    Malformed,
    /// What it was to hold had no room.
    NoRoom,
    /// The responder panicked.
    Panicked,
    /// A message or a write took too long.
    Slow,
    /// The server stops.
    Stopping,
    /// It had to make room for another.
    ToldToGo,
}

/// What octets go over.
pub(in crate::server) trait Wire: AsyncRead + AsyncWrite + Unpin {
    /// Octets that were written and that the other end has not acknowledged.
    fn untaken(&self) -> usize;

    /// Has what is untaken thrown away when this is dropped.
    fn forget(&self);
}

/// Serves one stream to its end.
pub(in crate::server) async fn serve<W: Wire>(
    wire: W,
    slot: &Slot,
    desk: &Desk,
    patience: Patience,
    stop: &CancellationToken,
) -> End {
    let now = Instant::now();
    let mut stream = Stream {
        wire,
        slot,
        desk,
        patience,
        input: Vec::new(),
        output: Rest::default(),
        written: 0,
        untaken: 0,
        held: 0,
        ending: None,
        deadline: now + patience.idle,
        farewell: None,
        taken: now,
        look: None,
    };
    let mut go = pin!(slot.told_to_go());
    let mut stopped = pin!(stop.cancelled());
    let mut timer = pin!(sleep_until(stream.deadline));
    let end = poll_fn(|context| {
        if go.as_mut().poll(context).is_ready() {
            return Poll::Ready(End::ToldToGo);
        }
        loop {
            if let Poll::Ready(end) = stream.poll(context) {
                return Poll::Ready(end);
            }
            if stream.farewell.is_none() && stopped.as_mut().poll(context).is_ready() {
                stream.farewell = Some(Instant::now() + FAREWELL);
            }
            if stream.farewell.is_some() && stream.output.is_empty() && stream.ending.is_none() {
                stream.end(End::Stopping);
                continue;
            }
            let due = stream.due();
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            ready!(timer.as_mut().poll(context));
            if let Some(end) = stream.at_time(Instant::now()) {
                return Poll::Ready(end);
            }
        }
    })
    .await;
    if !stream.output.is_empty() || stream.untaken > 0 {
        stream.wire.forget();
    }
    end
}

struct Stream<'a, W> {
    wire: W,
    slot: &'a Slot,
    desk: &'a Desk,
    patience: Patience,
    /// Read and not answered.
    input: Vec<u8>,
    /// Answered and not written. While there is any, nothing else is done.
    output: Rest,
    /// Octets written since all was known to be taken.
    written: usize,
    /// Those of them that were not taken at the last look; 0 while they are too few to look.
    untaken: usize,
    /// As the table was told.
    held: usize,
    /// To end so, once the answers are taken.
    ending: Option<End>,
    /// When waiting for octets, or for their being written, ends.
    deadline: Instant,
    /// When it ends at the latest, since the server stops.
    farewell: Option<Instant>,
    /// When answers were last found to have been taken.
    taken: Instant,
    /// When it is looked again whether they are, and how long after the look before.
    look: Option<(Instant, Duration)>,
}

impl<W: Wire> Stream<'_, W> {
    /// Goes as far as it can: to an end, or until the wire or the time is to be waited for.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        loop {
            let step = if !self.output.is_empty() {
                self.write_rest(context)
            } else if let Some(end) = self.ending {
                ready!(self.linger(context));
                return Poll::Ready(end);
            } else {
                self.turn(context)
            };
            if let Err(end) = ready!(step) {
                return Poll::Ready(end);
            }
        }
    }

    /// Answers what there is, or else what can be read, and writes as much as the kernel takes.
    fn turn(&mut self, context: &mut Context<'_>) -> Poll<Result<(), End>> {
        let (desk, peer) = (self.desk, self.slot.peer());
        let mut seat = desk.sit();
        let had_input = !self.input.is_empty();
        let mut answered = seat.answer(&self.input, peer);
        if answered.is_waiting() {
            let mut room = ReadBuf::new(seat.input());
            let read = ready!(Pin::new(&mut self.wire).poll_read(context, &mut room));
            let length = room.filled().len();
            if read.is_err() {
                return Poll::Ready(Err(End::Closed));
            }
            if length == 0 {
                self.end(End::Closed);
                return Poll::Ready(Ok(()));
            }
            if had_input {
                self.input.extend_from_slice(seat.input().get(..length).unwrap_or_default());
                answered = seat.answer(&self.input, peer);
            } else {
                answered = seat.answer_read(length, peer);
                let rest = seat.input().get(answered.used..length).unwrap_or_default();
                self.input = rest.to_vec();
            }
        }
        if had_input && answered.used > 0 {
            self.input = self.input.get(answered.used..).unwrap_or_default().to_vec();
        }
        let now = Instant::now();
        if answered.used > 0 {
            self.deadline = now + self.between();
        } else if !had_input {
            self.deadline = now + self.patience.message;
        }
        match answered.progress {
            Progress::More | Progress::Wait => {}
            Progress::Malformed => self.end(End::Malformed),
            Progress::Panicked => self.end(End::Panicked),
        }
        let Some(written) = self.write(context, seat.output()) else {
            return Poll::Ready(Err(End::Closed));
        };
        self.output = Rest::new(seat.output().get(written..).unwrap_or_default());
        drop(seat);
        if !self.output.is_empty() {
            self.deadline = now + self.patience.write;
        } else if written > 0 && self.written <= FREE {
            self.slot.heard(now);
        }
        self.look(now);
        Poll::Ready(self.tell(now))
    }

    /// Writes what the kernel did not take before.
    fn write_rest(&mut self, context: &mut Context<'_>) -> Poll<Result<(), End>> {
        let mut output = std::mem::take(&mut self.output);
        let Some(written) = self.write(context, output.octets()) else {
            return Poll::Ready(Err(End::Closed));
        };
        output.pass_over(written);
        self.output = output;
        if written == 0 {
            return Poll::Pending;
        }
        let now = Instant::now();
        if self.output.is_empty() && self.ending.is_none() {
            // The time for writing is not the client's time for its next message.
            self.deadline = now + self.between();
        }
        self.look(now);
        Poll::Ready(self.tell(now))
    }

    /// Waits until the answers are taken, and passes over what comes meanwhile.
    fn linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        self.look(now);
        // Where to go on holding it there is no room, it has an end too.
        let has_room = self.tell(now).is_ok();
        if self.untaken == 0 || !has_room {
            return Poll::Ready(());
        }
        let mut seat = self.desk.sit();
        loop {
            let mut room = ReadBuf::new(seat.input());
            match ready!(Pin::new(&mut self.wire).poll_read(context, &mut room)) {
                Ok(()) if room.filled().is_empty() => return Poll::Pending,
                Ok(()) => {}
                Err(_) => return Poll::Ready(()),
            }
        }
    }

    /// Writes what the kernel takes at once; `None` if the stream is broken.
    fn write(&mut self, context: &mut Context<'_>, octets: &[u8]) -> Option<usize> {
        let mut written = 0;
        while let Some(rest) = octets.get(written..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut self.wire).poll_write(context, rest) {
                Poll::Ready(Ok(0) | Err(_)) => return None,
                Poll::Ready(Ok(n)) => written += n,
                Poll::Pending => break,
            }
        }
        self.written += written;
        Some(written)
    }

    /// Looks how many of the answers were taken, if there are enough of them to be worth it.
    fn look(&mut self, now: Instant) {
        if self.written <= FREE && self.untaken == 0 {
            return;
        }
        let untaken = self.wire.untaken();
        let is_less = untaken < self.written;
        (self.written, self.untaken) = (untaken, untaken);
        if is_less {
            self.taken = now;
            self.slot.heard(now);
        }
        let pause = match self.look {
            Some((_, pause)) if !is_less => (pause * 2).min(LOOK_LAST),
            Some(_) | None => LOOK_FIRST,
        };
        self.look = (untaken > 0).then_some((now + pause, pause));
    }

    /// Tells the table what is held.
    fn tell(&mut self, now: Instant) -> Result<(), End> {
        let holds = self.input.capacity() + self.output.capacity() + self.untaken;
        let holds = if holds > FREE { holds } else { 0 };
        if holds != self.held {
            self.held = holds;
            self.slot.hold(holds, now).map_err(|_| End::NoRoom)?;
        }
        Ok(())
    }

    /// Has the stream end once its answers are taken.
    fn end(&mut self, end: End) {
        self.input = Vec::new();
        self.ending = Some(end);
        self.deadline = Instant::now() + self.patience.write;
    }

    /// What the client has for what comes next.
    fn between(&self) -> Duration {
        if self.input.is_empty() { self.patience.idle } else { self.patience.message }
    }

    /// When something is to be done though nothing comes.
    fn due(&self) -> Instant {
        let look = self.look.map(|(look, _)| look);
        [look, self.farewell].into_iter().flatten().fold(self.deadline, Instant::min)
    }

    /// Does what is due; an end, if waiting has one.
    fn at_time(&mut self, now: Instant) -> Option<End> {
        if self.look.is_some_and(|(look, _)| look <= now) {
            self.look(now);
            if let Err(end) = self.tell(now) {
                return Some(end);
            }
            if self.untaken > 0 && now >= self.taken + self.patience.write {
                return Some(self.ending.unwrap_or(End::Slow));
            }
        }
        if now < self.deadline && self.farewell.is_none_or(|farewell| now < farewell) {
            return None;
        }
        match self.ending {
            _ if !self.output.is_empty() => Some(End::Slow),
            Some(end) => Some(end),
            None if self.input.is_empty() => Some(End::Idle),
            None => Some(End::Slow),
        }
    }
}

/// Octets that a stream may hold uncounted: nearly all answers, as long as they are on their way.
const FREE: usize = 2048;

/// After how long it is first looked whether answers were taken, and how far apart looks become.
const LOOK_FIRST: Duration = Duration::from_millis(50);
const LOOK_LAST: Duration = Duration::from_secs(1);

/// How long a client may still take its answers when the server stops.
const FAREWELL: Duration = Duration::from_secs(2);
