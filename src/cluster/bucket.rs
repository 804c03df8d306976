//! What a store of shared values can do.

use std::future::Future;
use std::sync::Arc;

use futures_util::stream::BoxStream;
use jiff::Timestamp;

use crate::cluster::fault::Fault;
use crate::cluster::gathered::Gathered;
use crate::cluster::key::Key;

/// A shared value, as a store has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its name.
    pub key: Key,
    /// Its octets, which mean nothing here; at most
    /// [`limits::SHARED_VALUE`](crate::model::limits::SHARED_VALUE).
    pub value: Arc<[u8]>,
    /// When the store took it, by the store's clock.
    pub stored: Timestamp,
    /// Greater for what the store took later, within one shelf and as long as the store
    /// remembers.
    pub revision: u64,
}

/// A store of the newest value per key, on both shelves.
///
/// A future may be dropped at any time; a value that was being put is then stored or not.
pub trait Bucket: Send + Sync + 'static {
    /// Whether other processes have it too: only then there is a cluster to be in contact with.
    const IS_SHARED: bool = true;

    /// Comes into contact with the store, if there is none, and returns what it takes from now
    /// on, one's own values included; some of before may come first, and one that is replaced
    /// before it was sent may never come. The stream goes on after no
    /// fault: whoever wants more watches again.
    fn watch(
        &self,
    ) -> impl Future<Output = Result<BoxStream<'static, Result<Entry, Fault>>, Fault>> + Send;

    /// All that it has, as far as there is room for it. In contact only, which is what
    /// [`watch`](Self::watch) makes.
    fn read(&self) -> impl Future<Output = Result<Gathered, Fault>> + Send;

    /// Replaces a value; returns its revision. In contact only.
    fn put(&self, key: Key, value: Arc<[u8]>) -> impl Future<Output = Result<u64, Fault>> + Send;
}

/// Refuses what no store may take.
pub(super) fn check_value(key: &Key, value: &[u8]) -> Result<(), Fault> {
    let (octets, most) = (value.len(), key.kind().room().value);
    if octets > most {
        return Err(Fault::TooLarge { key: key.to_string(), octets, most });
    }
    Ok(())
}
