//! The load generator of the wire bench: DNS queries from a file, sent by the batch from one core.
//!
//! ```text
//!   queries.bin ─► Lanes (a socket and 65,536 IDs each) ─► server
//!                    │ closed loop: at most WINDOW unanswered, so the server is always busy
//!                    │ open loop:   RATE per second by the clock, whatever the server does
//!                    ▼
//!                  Tally: answered, lost, wrong, latencies ─► one line of JSON
//! ```
//!
//! What always holds: an answer counts once, and only with QR = 1 and the ID of an unanswered query of
//! its socket; a query not answered within a second is lost; open-loop latency runs from when
//! the query was due, not from when it went out, so that a stall of the server or of this program
//! can't hide (`late_max_us` tells the program's own share).
//!
//! Not here: what the queries are (`queries.py`) and which servers run (`servers.py`).
//! Start with [`run`], then `Generator::run`.

use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::time::Duration;
use std::time::Instant;

use socket2::SockRef;

use crate::batch::BATCH;
use crate::batch::Batch;
use crate::batch::send_segments;
use crate::tally::Tally;

/// A query not answered within this is lost (the budget of a reload, DESIGN section 9).
const LOST_AFTER: Duration = Duration::from_secs(1);

/// Octets asked for as socket buffers, so that the load generator itself loses nothing.
const SOCKET_BUFFER: usize = 4 << 20;

/// Runs a load as the arguments say and returns what came of it.
///
/// # Errors
///
/// The arguments make no sense, the file can't be read, or a system call failed.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> Result<Tally, Box<dyn Error>> {
    let options = Options::parse(arguments)?;
    let queries = Queries::read(&options.queries)?;
    Ok(Generator::new(&options, queries)?.run()?)
}

/// What the command line asks for.
struct Options {
    server: SocketAddr,
    queries: String,
    duration: Duration,
    /// Unanswered queries at most, of all sockets together; only without `rate`.
    window: usize,
    /// Queries per second; nothing = as fast as answers come.
    rate: Option<f64>,
    sockets: usize,
    /// The server echoes: an answer has no answer section.
    echo: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut places = Vec::new();
        let mut duration = Duration::from_secs(3);
        let mut window = 128;
        let mut rate = None;
        let mut sockets = None;
        let mut echo = false;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or("a flag lacks its value");
            match argument.as_str() {
                "--seconds" => duration = Duration::try_from_secs_f64(value()?.parse()?)?,
                "--window" => window = value()?.parse()?,
                "--rate" => rate = Some(value()?.parse()?),
                "--sockets" => sockets = Some(value()?.parse()?),
                "--echo" => echo = true,
                _ => places.push(argument),
            }
        }
        let [server, queries] = places.as_slice() else {
            return Err("a load needs SERVER:PORT and a file of queries".into());
        };
        Ok(Self {
            server: server.parse()?,
            queries: queries.clone(),
            duration,
            window,
            rate,
            // An open loop needs IDs for all that is on its way for a second.
            sockets: sockets.unwrap_or_else(|| if rate.is_some() { 4 } else { 1 }),
            echo,
        })
    }
}

/// The queries of a file, each after its length in two octets, as in DNS over TCP. They are kept by
/// length, because one system call sends queries of one length.
struct Queries {
    classes: Vec<Class>,
}

/// All queries of one length, one after the other, and how many of them were sent.
struct Class {
    length: u16,
    octets: Vec<u8>,
    sent: usize,
}

impl Queries {
    fn read(path: &str) -> Result<Self, Box<dyn Error>> {
        let octets = fs::read(path)?;
        let mut classes: Vec<Class> = Vec::new();
        let mut rest = octets.as_slice();
        while let Some((length, tail)) = rest.split_first_chunk::<2>() {
            let length = u16::from_be_bytes(*length);
            let (query, tail) =
                tail.split_at_checked(usize::from(length)).ok_or("the last query is cut short")?;
            if query.len() < HEADER_OCTETS {
                return Err("a query is shorter than its header".into());
            }
            match classes.iter_mut().find(|class| class.length == length) {
                Some(class) => class.octets.extend_from_slice(query),
                None => classes.push(Class { length, octets: query.to_vec(), sent: 0 }),
            }
            rest = tail;
        }
        if classes.is_empty() {
            return Err("no query in the file".into());
        }
        Ok(Self { classes })
    }

    /// Returns the next queries, at most `limit` and all of one length, as octets to write IDs into, with
    /// that length. Goes around and around; the lengths take turns by their share of the file.
    fn next(&mut self, limit: usize) -> (&mut [u8], u16) {
        let class = self.classes.iter_mut().min_by(|one, other| {
            // sent / count, compared crosswise; the octets are the count times the length.
            let left = one.sent * other.count();
            left.cmp(&(other.sent * one.count()))
        });
        class.map(|class| class.next(limit)).unwrap_or_default()
    }
}

impl Class {
    fn count(&self) -> usize {
        self.octets.len() / usize::from(self.length)
    }

    fn next(&mut self, limit: usize) -> (&mut [u8], u16) {
        let first = self.sent % self.count();
        let taken = limit.min(self.count() - first);
        self.sent += taken;
        let length = usize::from(self.length);
        let range = first * length..(first + taken) * length;
        (self.octets.get_mut(range).unwrap_or_default(), self.length)
    }
}

/// A socket with its IDs: when the query of each was due, while it is unanswered.
struct Lane {
    socket: UdpSocket,
    next_id: u16,
    due: Vec<Option<Instant>>,
    unanswered: usize,
}

impl Lane {
    fn connect(server: SocketAddr) -> io::Result<Self> {
        let any = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        let socket = UdpSocket::bind(any)?;
        let buffers = SockRef::from(&socket);
        buffers.set_recv_buffer_size(SOCKET_BUFFER)?;
        buffers.set_send_buffer_size(SOCKET_BUFFER)?;
        socket.connect(server)?;
        let due = vec![None; usize::from(u16::MAX) + 1];
        Ok(Self { socket, next_id: 0, due, unanswered: 0 })
    }

    /// Notes a query as sent and returns its ID. Counts as lost whatever last had that ID.
    fn note(&mut self, due: Instant, tally: &mut Tally) -> u16 {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        if let Some(slot) = self.due.get_mut(usize::from(id)) {
            if slot.replace(due).is_some() {
                tally.lost += 1;
            } else {
                self.unanswered += 1;
            }
        }
        id
    }

    /// Sends up to `limit` queries, due as `due` says one after the other. What the socket does not take is
    /// left to be found lost.
    fn send(
        &mut self,
        queries: &mut Queries,
        limit: usize,
        mut due: impl FnMut() -> Instant,
        tally: &mut Tally,
    ) -> io::Result<()> {
        let (octets, length) = queries.next(limit);
        let mut count = 0;
        for query in octets.chunks_exact_mut(usize::from(length)) {
            let id = self.note(due(), tally);
            if let Some(place) = query.first_chunk_mut::<2>() {
                *place = id.to_be_bytes();
            }
            count += 1;
        }
        tally.sent += count;
        send_segments(&self.socket, octets, length)?;
        Ok(())
    }

    /// Takes the answers that are there and returns how many datagrams came. O(datagrams).
    fn collect(
        &mut self,
        batch: &mut Batch,
        wait: bool,
        echo: bool,
        tally: &mut Tally,
    ) -> io::Result<usize> {
        let count = batch.receive(&self.socket, wait, false)?;
        let now = now();
        for datagram in batch.received(count) {
            let due = datagram
                .first_chunk::<2>()
                .and_then(|id| self.due.get_mut(usize::from(u16::from_be_bytes(*id))))
                .and_then(Option::take);
            let Some(due) = due else {
                tally.unasked += 1;
                continue;
            };
            self.unanswered -= 1;
            let latency = now.saturating_duration_since(due);
            if latency > LOST_AFTER {
                tally.lost += 1;
            } else if is_answer(datagram, echo) {
                tally.answer(latency);
            } else {
                tally.wrong += 1;
            }
        }
        Ok(count)
    }

    /// Gives up on what has waited too long; all of it if `end`. O(IDs): call it rarely.
    fn expire(&mut self, end: bool, tally: &mut Tally) {
        let now = now();
        for slot in &mut self.due {
            if slot.is_some_and(|due| end || now.saturating_duration_since(due) > LOST_AFTER) {
                *slot = None;
                self.unanswered -= 1;
                tally.lost += 1;
            }
        }
    }
}

/// True if `datagram` is a response with RCODE 0 and, unless echoed, an answer (RFC 1035, 4.1.1).
fn is_answer(datagram: &[u8], echo: bool) -> bool {
    let Some(header) = datagram.first_chunk::<HEADER_OCTETS>() else {
        return false;
    };
    let [_, _, flags, codes, _, _, answers_high, answers_low, ..] = *header;
    let answers = u16::from_be_bytes([answers_high, answers_low]);
    flags & 0x80 != 0 && codes & 0x0F == 0 && (echo || answers > 0)
}

/// Sends, receives, counts.
struct Generator {
    lanes: Vec<Lane>,
    queries: Queries,
    incoming: Batch,
    tally: Tally,
    duration: Duration,
    window: usize,
    rate: Option<f64>,
    echo: bool,
}

impl Generator {
    fn new(options: &Options, queries: Queries) -> io::Result<Self> {
        let lanes: io::Result<Vec<Lane>> =
            (0..options.sockets.max(1)).map(|_| Lane::connect(options.server)).collect();
        let lanes = lanes?;
        Ok(Self {
            window: (options.window / lanes.len()).max(1),
            lanes,
            queries,
            incoming: Batch::new(),
            tally: Tally::new(),
            duration: options.duration,
            rate: options.rate,
            echo: options.echo,
        })
    }

    /// Runs for the duration, waits for stragglers, and returns what happened.
    fn run(mut self) -> io::Result<Tally> {
        let start = now();
        match self.rate {
            None => self.closed_loop(start)?,
            Some(rate) => self.open_loop(start, rate)?,
        }
        self.tally.elapsed = start.elapsed();
        self.tally.close_rate();
        let end = now();
        while end.elapsed() < LOST_AFTER && self.lanes.iter().any(|lane| lane.unanswered > 0) {
            for lane in &mut self.lanes {
                lane.collect(&mut self.incoming, false, self.echo, &mut self.tally)?;
            }
        }
        for lane in &mut self.lanes {
            lane.expire(true, &mut self.tally);
        }
        Ok(self.tally)
    }

    fn closed_loop(&mut self, start: Instant) -> io::Result<()> {
        for lane in &self.lanes {
            // Wakes the loop when everything on its way is lost.
            lane.socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        }
        loop {
            let begin = now();
            if begin.duration_since(start) >= self.duration {
                return Ok(());
            }
            for lane in &mut self.lanes {
                let room = self.window.saturating_sub(lane.unanswered).min(BATCH);
                if room > 0 {
                    lane.send(&mut self.queries, room, || begin, &mut self.tally)?;
                }
                // Sleeping only with a full window keeps the server supplied.
                let wait = lane.unanswered >= self.window;
                let count = lane.collect(&mut self.incoming, wait, self.echo, &mut self.tally)?;
                if wait && count == 0 {
                    lane.expire(false, &mut self.tally);
                }
            }
        }
    }

    fn open_loop(&mut self, start: Instant, rate: f64) -> io::Result<()> {
        let gap = Duration::from_secs_f64(1.0 / rate);
        let end = start + self.duration;
        let mut due = start;
        let mut turn = 0;
        while due + gap <= end {
            let begin = now();
            let behind = begin.min(end).saturating_duration_since(due);
            let ready = usize::try_from(behind.as_nanos() / gap.as_nanos().max(1)).unwrap_or(0);
            let lanes = self.lanes.len();
            if let Some(lane) = self.lanes.get_mut(turn % lanes).filter(|_| ready > 0) {
                self.tally.note_late(behind);
                let each_due = || {
                    due += gap;
                    due
                };
                lane.send(&mut self.queries, ready.min(BATCH), each_due, &mut self.tally)?;
                turn += 1;
            }
            for lane in &mut self.lanes {
                lane.collect(&mut self.incoming, false, self.echo, &mut self.tally)?;
            }
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "measuring time is what this program is for")]
fn now() -> Instant {
    Instant::now()
}

/// RFC 1035, 4.1.1.
const HEADER_OCTETS: usize = 12;
