//! The link: a task that keeps a bucket in step with this process.

mod keeper;
mod outbox;
mod outlet;
mod pace;
mod seen;

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::cluster::bucket::Bucket;
use crate::cluster::bucket::Entry;
use crate::cluster::key::Key;
use crate::cluster::link::keeper::Keeper;
use crate::cluster::link::outbox::Outbox;
use crate::cluster::local::Hub;
use crate::cluster::nats::Nats;
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

/// The way to the others. When dropped it ends, and what was not sent is lost.
#[derive(Debug)]
pub struct Link {
    outbox: Arc<Outbox>,
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
    pub fn start(
        cluster: &Cluster,
        tasks: &Tasks,
    ) -> Result<(Self, mpsc::Receiver<News>), SpawnError> {
        if cluster.servers.is_empty() {
            Self::start_on(Hub::new(), tasks)
        } else {
            Self::start_on(Nats::new(cluster), tasks)
        }
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
    pub fn start_on(
        bucket: impl Bucket,
        tasks: &Tasks,
    ) -> Result<(Self, mpsc::Receiver<News>), SpawnError> {
        let (sender, news) = mpsc::channel(limits::NEWS);
        let (outbox, part) = (Arc::new(Outbox::default()), tasks.part());
        let keeper = Keeper::new(bucket, Arc::clone(&outbox), sender);
        let stop = part.stopping().clone();
        part.spawn("cluster link", async move {
            tokio::select! {
                () = keeper.run() => {}
                () = stop.cancelled() => {}
            }
        })?;
        Ok((Self { outbox, part }, news))
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
