//! The link: a task that keeps a bucket in step with this process.

mod keeper;
mod outbox;
mod outlet;
mod pace;
mod seen;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use crate::cluster::bucket::Bucket;
use crate::cluster::bucket::Entry;
use crate::cluster::key::Key;
use crate::cluster::link::keeper::Keeper;
use crate::cluster::link::outbox::Outbox;
use crate::cluster::link::outlet::Outlet;
use crate::cluster::local::Hub;
use crate::cluster::nats::Nats;
use crate::cluster::refusals::Refusals;
use crate::config::Cluster;
use crate::model::limits;
use crate::tasks::SpawnError;
use crate::tasks::Tasks;

/// What comes of the others.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum News {
    /// One value, one's own that were put included. One that was removed is not news: it is
    /// missing when all is read the next time.
    Entry(Entry),
    /// There is no contact from now on; said once until all is read again.
    Lost {
        /// What was found, what was expected, what to do: one line.
        why: String,
    },
    /// All there is: at first, after the contact was lost, and each minute in between.
    Read {
        /// In no order; the newest of each key.
        entries: Vec<Entry>,
        /// Whether it is the first after the start or after [`News::Lost`].
        joined: bool,
    },
    /// A value was not put, for a reason that trying again does not mend.
    Refused {
        /// Its key.
        key: Key,
        /// One line.
        why: String,
    },
}

/// News that wait to be taken: bounded in number and in octets.
#[derive(Debug)]
pub struct NewsQueue {
    news: mpsc::Receiver<News>,
    waiting: Arc<AtomicUsize>,
}

impl NewsQueue {
    /// The next news; `None` once the link has ended. Cancel-safe.
    pub async fn recv(&mut self) -> Option<News> {
        let news = self.news.recv().await?;
        self.taken(&news);
        Some(news)
    }

    /// Adds what waits, at most so many, and returns how many; 0 once the link has ended.
    /// Cancel-safe.
    pub async fn recv_many(&mut self, news: &mut Vec<News>, most: usize) -> usize {
        let before = news.len();
        let count = self.news.recv_many(news, most).await;
        news.iter().skip(before).for_each(|news| self.taken(news));
        count
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.news.len()
    }

    /// Whether none wait.
    pub fn is_empty(&self) -> bool {
        self.news.is_empty()
    }

    fn taken(&self, news: &News) {
        if let News::Entry(entry) = news {
            self.waiting.fetch_sub(entry.value.len(), Ordering::Relaxed);
        }
    }
}

/// The way to the others. When dropped it ends, and what was not sent is lost.
#[derive(Debug)]
pub struct Link {
    outbox: Arc<Outbox>,
    refusals: Refusals,
    part: Tasks,
}

impl Link {
    /// Starts to read, watch and put, on the current runtime: through NATS, or in this process
    /// if the settings name no servers. Returns at once; a store that can't be reached is
    /// [`News::Lost`].
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if there are too many tasks, or everything is being stopped.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn start(cluster: &Cluster, tasks: &Tasks) -> Result<(Self, NewsQueue), SpawnError> {
        if cluster.servers.is_empty() {
            Self::start_on(Hub::new(), tasks)
        } else {
            let refusals = Refusals::default();
            Self::start_with(Nats::new(cluster, refusals.clone()), refusals, tasks)
        }
    }

    /// The same for a prober of this name, which hears of the others only what it is to probe.
    ///
    /// # Errors
    ///
    /// As [`Link::start`].
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn start_prober(
        cluster: &Cluster,
        name: &str,
        tasks: &Tasks,
    ) -> Result<(Self, NewsQueue), SpawnError> {
        let refusals = Refusals::default();
        Self::start_with(Nats::of_prober(cluster, name, refusals.clone()), refusals, tasks)
    }

    /// The same, on a store of the caller's.
    ///
    /// # Errors
    ///
    /// As [`Link::start`].
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn start_on(bucket: impl Bucket, tasks: &Tasks) -> Result<(Self, NewsQueue), SpawnError> {
        Self::start_with(bucket, Refusals::default(), tasks)
    }

    fn start_with(
        bucket: impl Bucket,
        refusals: Refusals,
        tasks: &Tasks,
    ) -> Result<(Self, NewsQueue), SpawnError> {
        let (sender, news) = mpsc::channel(limits::NEWS);
        let waiting = Arc::new(AtomicUsize::new(0));
        let (outbox, part) = (Arc::new(Outbox::default()), tasks.part());
        let outlet = Outlet::new(sender.clone(), Arc::clone(&waiting), Arc::clone(&outbox));
        let keeper = Keeper::new(bucket, Arc::clone(&outbox), sender, outlet, refusals.clone());
        let stop = part.stopping().clone();
        part.spawn("cluster link", async move {
            tokio::select! {
                () = keeper.run() => {}
                () = stop.cancelled() => {}
            }
        })?;
        Ok((Self { outbox, refusals, part }, NewsQueue { news, waiting }))
    }

    /// What of the others is not used.
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Has a value put as soon as may be. Returns at once; a value of the same key that still
    /// waits is forgotten.
    pub fn put(&self, key: Key, value: Vec<u8>) {
        self.outbox.put(key, value.into());
    }

    /// The same, for another thread.
    pub fn putter(&self) -> impl Fn(Key, Vec<u8>) + Send + use<> {
        let outbox = Arc::clone(&self.outbox);
        move |key, value| outbox.put(key, value.into())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.part.cancel();
    }
}
