//! The keeper: one thread that owns the table, and a queue to it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::TrySendError;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::latency::SourceId;
use crate::model::limits;
use crate::samples::Counts;
use crate::samples::Lesson;
use crate::samples::Page;
use crate::samples::Site;
use crate::samples::Sizes;
use crate::samples::Taken;
use crate::samples::ledger::Ledger;
use crate::samples::shelved::Shelved;
use crate::store::Shelf;
use crate::tasks::SpawnError;
use crate::tasks::Tasks;

/// How often the thread looks whether it should stop: nobody wakes it for that.
const LOOK: Duration = Duration::from_millis(100);

/// How often other nodes are told what is new, and in how many parts at the most: a node that is
/// told of more than some thousand pairs a second is behind with telling.
const TELL: Duration = Duration::from_secs(5);
const PARTS: usize = 4;

/// How often it is said that what another node tells can't be read.
const COMPLAINTS: Duration = Duration::from_hours(1);

/// How often what is too old is forgotten: it counts for nothing long before.
const EXPIRY: Duration = Duration::from_hours(1);

/// The way to the table of a node; clones lead to the same.
#[derive(Clone, Debug)]
pub struct Keeper {
    queue: SyncSender<Work>,
    shared: Arc<Shared>,
}

/// Why the keeper was not asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unheard {
    /// It is being stopped, or has ended in a panic.
    Gone,
    /// [`limits::LATENCY_QUEUE`] batches and questions wait already.
    Overflow,
}

/// What is asked of the thread.
#[derive(Debug)]
enum Work {
    Copy(oneshot::Sender<Lesson>),
    LearnOf(Arc<[u8]>),
    Look(IpAddr, oneshot::Sender<Page>),
    Page(Option<IpAddr>, oneshot::Sender<Page>),
    Take(Vec<u8>, SourceId, oneshot::Sender<Taken>),
}

/// Tells other nodes something.
type Tell = Box<dyn FnMut(Vec<u8>) + Send>;

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("counts", &self.counts).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Shared {
    /// How other nodes are told, until the thread has taken it over.
    tell: Mutex<Option<Tell>>,
    /// The regions of a configuration that was taken since; not in the queue, which may be full.
    sites: Mutex<Option<Vec<Site>>>,
    counts: Mutex<Counts>,
    learnt: Mutex<(Sizes, Duration)>,
    overflows: AtomicU64,
    /// What others told that waits in the queue.
    told: AtomicUsize,
}

impl Keeper {
    /// Starts the thread, which begins with what is on the shelf, if there is one.
    ///
    /// When `tasks` are told to stop it takes what waits, writes what it has, and ends.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if there is no thread to be had.
    pub fn start(
        sites: Vec<Site>,
        shelf: Option<Shelf>,
        tasks: &Tasks,
    ) -> Result<Self, SpawnError> {
        let (queue, work) = sync_channel(limits::LATENCY_QUEUE);
        let shared = Arc::new(Shared::default());
        let mut thread = Thread {
            ledger: Ledger::new(sites),
            shelved: shelf.map(|shelf| Shelved::new(shelf, tasks.clone(), now())),
            shared: Arc::clone(&shared),
            expiry: now() + EXPIRY,
            tell: None,
            told: now(),
            complained: None,
        };
        tasks.thread("latency", move |stop| thread.run(&work, stop))?;
        Ok(Self { queue, shared })
    }

    /// Has a batch of lines taken, all of them from one source.
    ///
    /// # Errors
    ///
    /// [`Unheard`]: nothing of it was taken. The receiver fails if the keeper ends meanwhile.
    pub fn take(
        &self,
        lines: Vec<u8>,
        source: SourceId,
    ) -> Result<oneshot::Receiver<Taken>, Unheard> {
        let asked = self.ask(|reply| Work::Take(lines, source, reply));
        if asked.as_ref().is_err_and(|why| *why == Unheard::Overflow) {
            self.shared.overflows.fetch_add(1, Ordering::Relaxed);
        }
        asked
    }

    /// Asks what is known of the prefix of a client.
    ///
    /// # Errors
    ///
    /// [`Unheard`]. The receiver fails if the keeper ends meanwhile.
    pub fn look(&self, client: IpAddr) -> Result<oneshot::Receiver<Page>, Unheard> {
        self.ask(|reply| Work::Look(client, reply))
    }

    /// Asks what is known, page by page; `after` is the end of the page before.
    ///
    /// # Errors
    ///
    /// [`Unheard`]. The receiver fails if the keeper ends meanwhile.
    pub fn page(&self, after: Option<IpAddr>) -> Result<oneshot::Receiver<Page>, Unheard> {
        self.ask(|reply| Work::Page(after, reply))
    }

    /// Asks for a copy of the table, to learn from it. It takes as much memory as the table, and
    /// of a million prefixes a tenth of a second, in which no sample is taken.
    ///
    /// # Errors
    ///
    /// [`Unheard`]. The receiver fails if the keeper ends meanwhile.
    pub fn lesson(&self) -> Result<oneshot::Receiver<Lesson>, Unheard> {
        self.ask(Work::Copy)
    }

    /// Has other nodes told what this one is told, every five seconds some of it.
    pub fn share_by(&self, tell: impl FnMut(Vec<u8>) + Send + 'static) {
        *lock(&self.shared.tell) = Some(Box::new(tell));
    }

    /// Has what another node told taken; returns whether it will be. Of the queue it may fill a
    /// half: the rest is for batches of clients.
    pub fn learn_of(&self, told: Arc<[u8]>) -> bool {
        let waiting = &self.shared.told;
        let has_room = waiting.fetch_add(1, Ordering::Relaxed) < limits::LATENCY_QUEUE / 2;
        let is_taken = has_room && self.queue.try_send(Work::LearnOf(told)).is_ok();
        if !is_taken {
            waiting.fetch_sub(1, Ordering::Relaxed);
        }
        is_taken
    }

    /// Hands over the regions of another configuration: what is asked after this is answered
    /// with them.
    pub fn set_sites(&self, sites: Vec<Site>) {
        *lock(&self.shared.sites) = Some(sites);
    }

    /// Notes what was learnt, and how long that took here, for whoever asks for the counts.
    pub fn note(&self, orders: Sizes, took: Option<Duration>) {
        *lock(&self.shared.learnt) = (orders, took.unwrap_or_default());
    }

    /// What became of samples.
    pub fn counts(&self) -> Counts {
        let overflows = self.shared.overflows.load(Ordering::Relaxed);
        let (orders, learning) = *lock(&self.shared.learnt);
        Counts { overflows, orders, learning, ..*lock(&self.shared.counts) }
    }

    fn ask<T>(
        &self,
        work: impl FnOnce(oneshot::Sender<T>) -> Work,
    ) -> Result<oneshot::Receiver<T>, Unheard> {
        let (reply, answer) = oneshot::channel();
        match self.queue.try_send(work(reply)) {
            Ok(()) => Ok(answer),
            Err(TrySendError::Full(_)) => Err(Unheard::Overflow),
            Err(TrySendError::Disconnected(_)) => Err(Unheard::Gone),
        }
    }
}

/// What the thread has.
struct Thread {
    ledger: Ledger,
    shelved: Option<Shelved>,
    shared: Arc<Shared>,
    /// When to forget what is too old.
    expiry: Instant,
    tell: Option<Tell>,
    /// When other nodes were told last.
    told: Instant,
    /// When it was said last that what they tell can't be read.
    complained: Option<Instant>,
}

impl Thread {
    fn run(&mut self, queue: &Receiver<Work>, stop: &CancellationToken) {
        if let Some(shelved) = &mut self.shelved {
            shelved.restore(&mut self.ledger);
        }
        self.count();
        while !stop.is_cancelled() {
            match queue.recv_timeout(LOOK) {
                Ok(work) => self.answer(work),
                Err(RecvTimeoutError::Timeout) => self.follow(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if now() >= self.expiry {
                self.expiry = now() + EXPIRY;
                self.ledger.expire(Timestamp::now());
                self.changed();
            }
            if let Some(shelved) = &mut self.shelved {
                shelved.write_if_due(&self.ledger, now());
            }
            self.tell_if_due();
        }
        while let Ok(work) = queue.try_recv() {
            self.answer(work);
        }
        if let Some(shelved) = &mut self.shelved {
            shelved.close(&self.ledger);
        }
    }

    /// Answers; whoever asked may have gone.
    fn answer(&mut self, work: Work) {
        self.follow();
        let now = Timestamp::now();
        match work {
            Work::Copy(reply) => drop(reply.send(self.ledger.copy())),
            Work::LearnOf(octets) => {
                self.shared.told.fetch_sub(1, Ordering::Relaxed);
                if let Err(problem) = self.ledger.learn_of(&octets, now) {
                    self.complain(&problem);
                }
                self.changed();
            }
            Work::Look(client, reply) => drop(reply.send(self.ledger.look(client, now))),
            Work::Page(after, reply) => drop(reply.send(self.ledger.page(after, now))),
            Work::Take(lines, source, reply) => {
                let taken = self.ledger.take(&lines, source, now);
                if taken.taken > 0 {
                    self.changed();
                }
                self.count();
                drop(reply.send(taken));
            }
        }
    }

    /// Counts what another node told that can't be read, and says so once an hour.
    fn complain(&mut self, problem: &str) {
        let now = now();
        self.ledger.count_unreadable();
        if self.complained.is_none_or(|before| now >= before + COMPLAINTS) {
            self.complained = Some(now);
            tracing::warn!("what another node tells of round trips is lost: {problem}");
        }
    }

    /// Tells other nodes some of what they were not told.
    fn tell_if_due(&mut self) {
        let Some(tell) = self.tell.as_mut().filter(|_| now() >= self.told + TELL) else { return };
        self.told = now();
        let parts = std::iter::from_fn(|| self.ledger.unshared());
        parts.take(PARTS).for_each(tell);
    }

    /// Takes what was handed over beside the queue: another configuration's regions, and how other
    /// nodes are told.
    fn follow(&mut self) {
        if let Some(tell) = lock(&self.shared.tell).take() {
            self.tell = Some(tell);
            self.ledger.share();
        }
        let sites = lock(&self.shared.sites).take();
        if sites.is_some_and(|sites| self.ledger.renumber(sites, Timestamp::now())) {
            self.changed();
        }
    }

    fn changed(&mut self) {
        self.shelved.iter_mut().for_each(Shelved::changed);
        self.count();
    }

    fn count(&self) {
        *lock(&self.shared.counts) = self.ledger.counts();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "the pace of a thread, and no sample's time")]
pub(super) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
