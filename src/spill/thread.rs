//! The thread, and what is handed over to it: of everything the last, so that nothing piles up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use jiff::SignedDuration;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::load::LoadStatus;
use crate::load::Reading;
use crate::model::limits;
use crate::spill::Shares;
use crate::spill::Stage;
use crate::spill::book::Book;
use crate::tasks::SpawnError;
use crate::tasks::Tasks;

/// How often it decides though nothing was said: readings become too old, and clients come back
/// little by little.
const EVERY: Duration = Duration::from_secs(5);

/// How often the thread looks whether it should stop.
const LOOK: Duration = Duration::from_millis(100);

/// A clock that is set back by more than this is set back; by less, readings wait.
const BACK: SignedDuration = SignedDuration::from_secs(1);

/// From the end of a plan to the next, in times what it took: it keeps no core busy.
const TIMES: u32 = 4;

/// The way to the thread that plans; clones lead to the same.
#[derive(Clone, Debug)]
pub struct Spill {
    shared: Arc<Shared>,
    decided: watch::Receiver<Arc<Shares>>,
}

#[derive(Debug, Default)]
struct Shared {
    inbox: Mutex<Inbox>,
    news: Condvar,
    status: Mutex<BTreeMap<String, LoadStatus>>,
}

/// What was handed over and not taken yet.
#[derive(Debug, Default)]
struct Inbox {
    stage: Option<Stage>,
    /// By region: what was read, unless it could not be.
    said: BTreeMap<String, Option<Reading>>,
    adopted: Option<Shares>,
    /// Whether this node decides.
    leads: bool,
    is_new: bool,
}

impl Spill {
    /// Starts the thread, which goes on from the shares that hold.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if there is no thread to be had.
    pub fn start(shares: Shares, tasks: &Tasks) -> Result<Self, SpawnError> {
        let shared = Arc::new(Shared::default());
        let (tell, decided) = watch::channel(Arc::new(shares.clone()));
        let mut thread = Thread {
            shared: Arc::clone(&shared),
            book: Book::new(shares),
            tell,
            last: Timestamp::now(),
            due: now(),
        };
        tasks.thread("spill", move |stop| thread.run(stop))?;
        Ok(Self { shared, decided })
    }

    /// Hands over another world, or who may take clients in it now.
    pub fn enter(&self, stage: Stage) {
        self.hand(|inbox| inbox.stage = Some(stage));
    }

    /// Hands over what was said of a region's load, or that it could not be read.
    pub fn hear(&self, region: &str, reading: Option<Reading>) {
        self.hand(|inbox| {
            if inbox.said.len() < limits::REGIONS || inbox.said.contains_key(region) {
                inbox.said.insert(region.to_owned(), reading);
            }
        });
    }

    /// Says whether this node decides.
    pub fn lead(&self, leads: bool) {
        if lock(&self.shared.inbox).leads != leads {
            self.hand(|inbox| inbox.leads = leads);
        }
    }

    /// Hands over the shares of the node that decides.
    pub fn adopt(&self, shares: Shares) {
        self.hand(|inbox| inbox.adopted = Some(shares));
    }

    /// Waits for shares that differ from those before; never ends once the thread has. Cancel-safe.
    pub async fn decided(&mut self) -> Arc<Shares> {
        match self.decided.changed().await {
            Ok(()) => Arc::clone(&self.decided.borrow_and_update()),
            Err(_) => std::future::pending().await,
        }
    }

    /// What is known of each region's load, by name.
    pub fn status(&self) -> BTreeMap<String, LoadStatus> {
        lock(&self.shared.status).clone()
    }

    fn hand(&self, over: impl FnOnce(&mut Inbox)) {
        let mut inbox = lock(&self.shared.inbox);
        over(&mut inbox);
        inbox.is_new = true;
        self.shared.news.notify_one();
    }
}

struct Thread {
    shared: Arc<Shared>,
    book: Book,
    tell: watch::Sender<Arc<Shares>>,
    /// When it took what was handed over last, by the system's clock.
    last: Timestamp,
    /// When it decides next, if nothing is said before.
    due: Instant,
}

impl Thread {
    fn run(&mut self, stop: &CancellationToken) {
        let mut rest = now();
        while !stop.is_cancelled() {
            let is_said = self.wait(rest);
            if !is_said && now() < self.due {
                continue;
            }
            let begin = now();
            self.turn();
            self.due = now() + EVERY;
            rest = now() + (now() - begin) * TIMES;
        }
    }

    /// Waits a moment for something to be said, and not before the rest is over. Returns whether
    /// there is something.
    fn wait(&self, rest: Instant) -> bool {
        let left = rest.saturating_duration_since(now());
        if !left.is_zero() {
            std::thread::sleep(left.min(LOOK));
            return false;
        }
        let inbox = lock(&self.shared.inbox);
        if inbox.is_new {
            return true;
        }
        let waited = self.shared.news.wait_timeout(inbox, LOOK);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_new
    }

    fn turn(&mut self) {
        let Inbox { stage, said, adopted, leads, .. } = {
            let mut inbox = lock(&self.shared.inbox);
            let next = Inbox { leads: inbox.leads, ..Inbox::default() };
            std::mem::replace(&mut *inbox, next)
        };
        let now = Timestamp::now();
        if self.last.duration_since(now) > BACK {
            self.book.set_back(now);
        }
        self.last = now;
        if let Some(stage) = stage {
            self.book.enter(stage, now);
        }
        for (region, reading) in said {
            // Another node's clock may be fast: nothing is read after it was told.
            let reading = reading.map(|reading| Reading { at: reading.at.min(now), ..reading });
            self.book.hear(&region, reading);
        }
        if !leads
            && let Some(shares) = adopted
            && self.book.adopt(shares.clone(), now)
        {
            self.tell.send_replace(Arc::new(shares));
        }
        if !leads {
            self.book.follow(now);
        } else if let Some(shares) = self.book.decide(now) {
            self.tell.send_replace(Arc::new(shares));
        }
        *lock(&self.shared.status) = self.book.status(now).into_iter().collect();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "the pace of a thread, and no reading's time")]
fn now() -> Instant {
    Instant::now()
}
