//! The store of a node that is alone: a map in this process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use futures_util::StreamExt;
use futures_util::stream;
use futures_util::stream::BoxStream;
use jiff::SignedDuration;
use jiff::Timestamp;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::cluster::bucket;
use crate::cluster::bucket::Bucket;
use crate::cluster::bucket::Entry;
use crate::cluster::fault::Fault;
use crate::cluster::gathered::Gathered;
use crate::cluster::key::Key;
use crate::model::limits;

/// A store in this process; clones are the same one. What it holds ends with the last of them.
#[derive(Clone, Debug)]
pub struct Hub(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    shelves: Mutex<Shelves>,
    /// Sent to while the shelves are locked, so that all see one order.
    news: broadcast::Sender<Entry>,
}

#[derive(Debug, Default)]
struct Shelves {
    entries: BTreeMap<Key, Entry>,
    revision: u64,
}

impl Hub {
    /// An empty one.
    pub fn new() -> Self {
        let (news, _) = broadcast::channel(limits::NEWS);
        Self(Arc::new(Shared { shelves: Mutex::default(), news }))
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.0.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

impl Bucket for Hub {
    const IS_SHARED: bool = false;

    async fn watch(&self) -> Result<BoxStream<'static, Result<Entry, Fault>>, Fault> {
        let entries = stream::unfold(self.0.news.subscribe(), |mut news| async {
            let item = match news.recv().await {
                Ok(entry) => Ok(entry),
                Err(RecvError::Lagged(_)) => Err(Fault::Behind { of: "a watch".to_owned() }),
                Err(RecvError::Closed) => return None,
            };
            Some((item, news))
        });
        Ok(entries.boxed())
    }

    async fn read(&self) -> Result<Gathered, Fault> {
        let now = Timestamp::now();
        let mut shelves = self.shelves();
        shelves.entries.retain(|key, entry| {
            let most = key.shelf().max_age();
            let age = SignedDuration::from_nanos_i128(
                now.as_nanosecond().saturating_sub(entry.stored.as_nanosecond()),
            );
            most.is_zero() || age.unsigned_abs() < most
        });
        Ok(shelves.entries.values().cloned().collect())
    }

    async fn put(&self, key: Key, value: Arc<[u8]>) -> Result<u64, Fault> {
        bucket::check_value(&key, &value)?;
        let mut shelves = self.shelves();
        let most = limits::PUTS;
        if shelves.entries.len() >= most && !shelves.entries.contains_key(&key) {
            return Err(Fault::Full { key: key.to_string(), most });
        }
        shelves.revision += 1;
        let revision = shelves.revision;
        let entry = Entry { key: key.clone(), value, stored: Timestamp::now(), revision };
        shelves.entries.insert(key, entry.clone());
        // Nobody may be watching.
        drop(self.0.news.send(entry));
        Ok(revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_said_again_by_itself_goes_after_a_day() {
        let hub = Hub::new();
        let kept = Key::Admin("x".to_owned());
        for key in [kept.clone(), Key::Server("old".to_owned()), Key::Server("new".to_owned())] {
            hub.put(key, Arc::new([])).await.unwrap();
        }
        let old = Timestamp::now() - SignedDuration::from_hours(24);
        for key in [&kept, &Key::Server("old".to_owned())] {
            hub.shelves().entries.get_mut(key).unwrap().stored = old;
        }
        let entries = hub.read().await.unwrap().into_entries();
        let keys: Vec<Key> = entries.into_iter().map(|entry| entry.key).collect();
        assert_eq!(keys, [kept, Key::Server("new".to_owned())]);
    }
}
