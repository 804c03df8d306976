//! What a prober reads: a few keys, which it asks for now and then.
//!
//! It creates no consumers, as name servers do, so that its login need not be permitted to: a
//! consumer names the subject that the server is to deliver to, and a server does not ask whether
//! the login may publish there.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::DirectGetErrorKind;
use futures_util::StreamExt;
use futures_util::stream;
use futures_util::stream::BoxStream;
use tokio::time::sleep;

use crate::cluster::bucket::Entry;
use crate::cluster::fault::Fault;
use crate::cluster::key::Key;
use crate::cluster::nats::contact::Contact;
use crate::cluster::nats::contact::Place;
use crate::cluster::nats::dial;
use crate::cluster::nats::sieve::Sieve;

/// How often it asks.
const EVERY: Duration = Duration::from_secs(3);

/// A prober's way to its keys.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub(super) contact: Contact,
    pub(super) places: Vec<Place>,
    pub(super) keys: Vec<Key>,
    pub(super) sieve: Arc<Sieve>,
}

/// What is known of the keys so far.
struct Watch {
    asking: Asking,
    revisions: BTreeMap<Key, u64>,
    due: VecDeque<Entry>,
    ended: bool,
}

/// The keys that a prober of this name reads: what it is to probe, and what was put under its own
/// name, by itself or by another.
pub(super) fn keys(name: &str) -> Vec<Key> {
    let name = || name.to_owned();
    vec![Key::Monitors, Key::Opinions(name()), Key::Checks(name()), Key::Prober(name())]
}

impl Asking {
    /// All values that there are.
    pub(super) async fn read(&self) -> Result<Vec<Entry>, Fault> {
        let mut entries = Vec::new();
        for key in &self.keys {
            entries.extend(self.get(key).await?);
        }
        Ok(entries)
    }

    /// What replaces them from now on. It ends with the first fault.
    pub(super) fn watch(self) -> BoxStream<'static, Result<Entry, Fault>> {
        let watch =
            Watch { asking: self, revisions: BTreeMap::new(), due: VecDeque::new(), ended: false };
        stream::unfold(watch, step).boxed()
    }

    async fn get(&self, key: &Key) -> Result<Option<Entry>, Fault> {
        let of_shelf = self.places.iter().find(|place| place.shelf == key.shelf());
        let place = of_shelf.ok_or_else(|| Fault::lost("there is no bucket yet"))?;
        let prefix = format!("$KV.{}.", place.bucket);
        let api = format!("$JS.API.DIRECT.GET.KV_{}.{prefix}{key}", place.bucket);
        let get = place.stream.direct_get_last_for_subject(format!("{prefix}{key}"));
        match self.contact.ask(&api, get).await? {
            Ok(message) => Ok(self.sieve.answer(&message, &prefix)),
            Err(error) => match error.kind() {
                DirectGetErrorKind::NotFound => Ok(None),
                DirectGetErrorKind::TimedOut => Err(Fault::timeout(&api)),
                DirectGetErrorKind::ErrorResponse(..)
                | DirectGetErrorKind::InvalidSubject
                | DirectGetErrorKind::Other
                | DirectGetErrorKind::Request => {
                    Err(Fault::Unavailable { asked: api, found: dial::chain(&error) })
                }
            },
        }
    }
}

async fn step(mut watch: Watch) -> Option<(Result<Entry, Fault>, Watch)> {
    while !watch.ended {
        if let Some(entry) = watch.due.pop_front() {
            return Some((Ok(entry), watch));
        }
        let gone = watch.asking.contact.connection.gone.clone();
        let read = tokio::select! {
            () = sleep(EVERY) => watch.asking.read().await,
            () = gone.cancelled() => Err(Fault::lost("by the server or the network")),
        };
        match read {
            Ok(entries) => {
                let revisions = &mut watch.revisions;
                let is_new = |entry: &Entry| {
                    revisions.insert(entry.key.clone(), entry.revision) != Some(entry.revision)
                };
                watch.due = entries.into_iter().filter(is_new).collect();
            }
            Err(fault) => {
                watch.ended = true;
                return Some((Err(fault), watch));
            }
        }
    }
    None
}
