//! One stream of framed messages: read, answer in order, write (RFC 7766).
//!
//! ```text
//!   read ─► complete messages ─► answers, up to OUTPUT octets ─► one write ─┐
//!     ▲         ▲                                                           │
//!     │         └── more in the buffer ◄────────────────────────────────────┤
//!     └──────────── nothing complete left ◄─────────────────────────────────┘
//! ```
//!
//! # Invariants
//!
//! - Nothing is read while answers wait to be written, so a client that does not take its
//!   answers stops its own queries, and memory is bounded.
//! - What came complete is answered, also after the client closed its side.
//! - Every wait has a deadline: the first octet, the whole message, the write.
//!
//! Generic over the stream, so that tests run it in virtual time.
#![forbid(unsafe_code)]

use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

use crate::server::connections::Slot;
use crate::server::desk::Desk;

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
    /// It had to make room for another.
    Evicted,
    /// Nothing came for the idle time.
    Idle,
    /// A message too short to be one.
    Malformed,
    /// The responder panicked.
    Panicked,
    /// A message or a write took too long.
    Slow,
    /// The server stops.
    Stopping,
}

/// Serves one stream to its end.
pub(in crate::server) async fn serve<S>(
    stream: S,
    slot: &Slot,
    desk: &Desk,
    patience: Patience,
    stop: &CancellationToken,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = Stream {
        stream,
        slot,
        desk,
        patience,
        input: Vec::new(),
        output: Vec::new(),
        deadline: Instant::now() + patience.idle,
    };
    loop {
        let progress = stream.answer();
        if let Err(end) = stream.write().await {
            return end;
        }
        match progress {
            Progress::More => {}
            Progress::Wait => {
                if let Err(end) = stream.read(stop).await {
                    return end;
                }
            }
            Progress::End(end) => return end,
        }
    }
}

struct Stream<'a, S> {
    stream: S,
    slot: &'a Slot,
    desk: &'a Desk,
    patience: Patience,
    input: Vec<u8>,
    output: Vec<u8>,
    /// When waiting for octets ends.
    deadline: Instant,
}

/// What to do after answering.
enum Progress {
    /// Write, then answer more.
    More,
    /// Write, then read.
    Wait,
    /// Write, then end.
    End(End),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<'_, S> {
    /// Answers complete messages until none is left or enough output waits.
    fn answer(&mut self) -> Progress {
        let mut rest = self.input.as_slice();
        let mut any = false;
        let progress = loop {
            if self.output.len() >= OUTPUT {
                break Progress::More;
            }
            let Some((length, after)) = rest.split_first_chunk() else {
                break Progress::Wait;
            };
            let length = usize::from(u16::from_be_bytes(*length));
            if length < HEADER {
                break Progress::End(End::Malformed);
            }
            let Some((message, after)) = after.split_at_checked(length) else {
                break Progress::Wait;
            };
            if self.desk.answer(message, self.slot.client(), &mut self.output).is_err() {
                break Progress::End(End::Panicked);
            }
            rest = after;
            any = true;
        };
        let used = self.input.len() - rest.len();
        self.input.drain(..used);
        if any {
            let limit =
                if self.input.is_empty() { self.patience.idle } else { self.patience.message };
            self.deadline = Instant::now() + limit;
        }
        progress
    }

    async fn write(&mut self) -> Result<(), End> {
        if self.output.is_empty() {
            return Ok(());
        }
        self.slot.busy();
        let started = Instant::now();
        let written = timeout(self.patience.write, self.stream.write_all(&self.output)).await;
        let now = Instant::now();
        self.slot.idle(now);
        // The time for writing is not the client's time for its next message.
        self.deadline += now - started;
        self.output.clear();
        self.output.shrink_to(OUTPUT);
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Closed),
            Err(_) => Err(End::Slow),
        }
    }

    /// Waits for octets; an error is the end of the stream.
    async fn read(&mut self, stop: &CancellationToken) -> Result<(), End> {
        let empty = self.input.is_empty();
        if empty {
            self.input.shrink_to(READ);
        }
        self.input.reserve(READ);
        let read = timeout_at(self.deadline, self.stream.read_buf(&mut self.input));
        let read = tokio::select! {
            biased;
            () = self.slot.evicted().cancelled() => return Err(End::Evicted),
            read = read => read,
            () = stop.cancelled() => return Err(End::Stopping),
        };
        match read {
            Ok(Ok(0) | Err(_)) => Err(End::Closed),
            Ok(Ok(_)) => {
                if empty {
                    self.deadline = Instant::now() + self.patience.message;
                }
                Ok(())
            }
            Err(_) if empty => Err(End::Idle),
            Err(_) => Err(End::Slow),
        }
    }
}

/// Octets of answers that wait for one write, give or take one answer.
const OUTPUT: usize = 65_536;

/// Octets of room for one read.
const READ: usize = 4096;

/// Octets of a message header (RFC 1035, 4.1.1); a shorter message is none.
const HEADER: usize = 12;
