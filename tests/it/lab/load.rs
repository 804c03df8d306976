//! Clients that ask all the time, and what they were answered.

use std::net::Ipv4Addr;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use meridian::model::RecordType;

use crate::asking::Answer;
use crate::asking::Ask;
use crate::lab::Fleet;
use crate::running::now;

/// A client of `www` per name server, each a thread that asks again once it was answered.
/// Dropped, they end.
pub(crate) struct Load {
    tallies: Vec<Arc<Mutex<Tally>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What one client was answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) sent: usize,
    /// Answered not at all, or with something else than one address.
    pub(crate) lost: usize,
    /// The longest that an answer took.
    pub(crate) slowest: Duration,
    /// The first answer and each that was another than the one before it, and when they came.
    pub(crate) answers: Vec<(Timestamp, Ipv4Addr)>,
}

impl Load {
    /// Asks each of these name servers once in every `pause`.
    pub(crate) fn start(fleet: &Fleet, nodes: &[&str], pause: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut tallies, mut threads) = (Vec::new(), Vec::new());
        for node in nodes {
            let tally = Arc::new(Mutex::new(Tally::default()));
            let client = Client { socket: fleet.socket(node), tally: Arc::clone(&tally) };
            let stop = Arc::clone(&stop);
            threads.push(thread::spawn(move || client.ask(pause, &stop)));
            tallies.push(tally);
        }
        Self { tallies, stop, threads }
    }

    /// What was answered so far, by name server.
    pub(crate) fn tallies(&self) -> Vec<Tally> {
        self.tallies.iter().map(|tally| tally.lock().unwrap().clone()).collect()
    }

    /// When each name server answered this first, after some moment; `None` until all have.
    pub(crate) fn first(&self, wanted: Ipv4Addr, after: Timestamp) -> Option<Vec<Timestamp>> {
        let first = |tally: Tally| {
            let mut answers = tally.answers.into_iter();
            answers.find(|(at, found)| *at > after && *found == wanted).map(|(at, _)| at)
        };
        self.tallies().into_iter().map(first).collect()
    }

    /// Fails if any query was lost, or any answer was another than these, in this order.
    pub(crate) fn must_have_been(&self, what: &str, answers: &[Ipv4Addr]) {
        for (n, tally) in self.tallies().into_iter().enumerate() {
            let Tally { sent, lost, slowest, .. } = tally;
            println!("{what}: client {n}: {sent} queries, {lost} lost, slowest {slowest:.1?}");
            assert_eq!(lost, 0, "{what}: client {n} was not answered");
            let found: Vec<Ipv4Addr> = tally.answers.iter().map(|(_, found)| *found).collect();
            assert_eq!(found, answers, "{what}: client {n}, at {:?}", tally.answers);
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // What it panicked of was printed; a second panic would hide the first.
            drop(thread.join());
        }
    }
}

/// Who waits longer for an answer has lost it. Resolvers give up sooner, but they do not run on
/// a machine that builds something beside.
const PATIENCE: Duration = Duration::from_secs(5);

struct Client {
    socket: UdpSocket,
    tally: Arc<Mutex<Tally>>,
}

impl Client {
    fn ask(&self, pause: Duration, stop: &AtomicBool) {
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut due = now();
        let mut id = 0_u16;
        while !stop.load(Ordering::Relaxed) {
            thread::sleep(due.saturating_duration_since(now()));
            // Who was held up does not hurry after.
            due = (due + pause).max(now());
            id = id.wrapping_add(1);
            let sent: Instant = now();
            let answer = self.answer(id);
            let at = Timestamp::now();
            let mut tally = self.tally.lock().unwrap();
            tally.sent += 1;
            tally.slowest = tally.slowest.max(sent.elapsed());
            match answer {
                None => tally.lost += 1,
                Some(found) if tally.answers.last().is_none_or(|(_, last)| *last != found) => {
                    tally.answers.push((at, found));
                }
                Some(_) => {}
            }
        }
    }

    /// The answer to one query.
    fn answer(&self, id: u16) -> Option<Ipv4Addr> {
        let mut ask = Ask::new("www.gslb.test", RecordType::A);
        ask.id = id;
        self.socket.send(&ask.octets()).ok()?;
        let mut reply = [0; 1500];
        loop {
            let length = self.socket.recv(&mut reply).ok()?;
            // One that was given up may come all the same.
            if reply.starts_with(&id.to_be_bytes()) {
                let addresses = Answer::read(&reply[..length]).addresses();
                return addresses.first()?.to_string().parse().ok();
            }
        }
    }
}
