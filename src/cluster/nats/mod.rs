//! The store of many nodes: two key-value buckets of NATS JetStream.
//!
//! A bucket is a stream by convention: the subject `$KV.BUCKET.KEY` per key, the newest message
//! of each, and a header on those that remove one. Here it is used as that, since what watches
//! it has to notice within seconds what a key-value client is silent about.

mod asking;
mod contact;
mod dial;
mod shape;
mod sieve;
mod tail;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use async_nats::jetstream::context::PublishError;
use async_nats::jetstream::context::PublishErrorKind;
use futures_util::StreamExt;
use futures_util::stream;
use futures_util::stream::BoxStream;

use crate::cluster::bucket;
use crate::cluster::bucket::Bucket;
use crate::cluster::bucket::Entry;
use crate::cluster::fault::Fault;
use crate::cluster::gathered::Gathered;
use crate::cluster::key::Key;
use crate::cluster::nats::asking::Asking;
use crate::cluster::nats::contact::Contact;
use crate::cluster::nats::contact::Place;
use crate::cluster::nats::sieve::Sieve;
use crate::cluster::refusals::Refusals;
use crate::config::Cluster;

/// A store at NATS servers. It connects when it is watched, and only then.
#[derive(Debug)]
pub struct Nats {
    cluster: Cluster,
    state: Mutex<State>,
    sieve: Arc<Sieve>,
    /// What a prober asks for; a name server reads all.
    keys: Option<Vec<Key>>,
}

#[derive(Debug, Default)]
struct State {
    contact: Option<Contact>,
    places: Vec<Place>,
}

impl Nats {
    /// Of these settings; what is skipped is counted there.
    pub fn new(cluster: &Cluster, refusals: Refusals) -> Self {
        let sieve = Arc::new(Sieve::new(refusals));
        Self { cluster: cluster.clone(), state: Mutex::default(), sieve, keys: None }
    }

    /// The same for a prober of this name: it reads what concerns it, and nothing else.
    pub fn of_prober(cluster: &Cluster, name: &str, refusals: Refusals) -> Self {
        Self { keys: Some(asking::keys(name)), ..Self::new(cluster, refusals) }
    }

    fn asking(&self, contact: &Contact, places: &[Place]) -> Option<Asking> {
        let keys = self.keys.clone()?;
        let (contact, places, sieve) = (contact.clone(), places.to_vec(), Arc::clone(&self.sieve));
        Some(Asking { contact, places, keys, sieve })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The contact that there is, or a new one. What a lost one had ends before.
    async fn contact(&self) -> Result<Contact, Fault> {
        let before = std::mem::take(&mut *self.state()).contact;
        let contact = match before.filter(|contact| !contact.is_gone()) {
            Some(contact) => contact,
            None => Contact::make(&self.cluster).await?,
        };
        self.state().contact = Some(contact.clone());
        Ok(contact)
    }

    fn places(&self) -> Result<(Contact, Vec<Place>), Fault> {
        let state = self.state();
        match &state.contact {
            Some(contact) if !state.places.is_empty() => {
                Ok((contact.clone(), state.places.clone()))
            }
            Some(_) | None => Err(Fault::lost("there is none yet")),
        }
    }
}

impl Bucket for Nats {
    async fn watch(&self) -> Result<BoxStream<'static, Result<Entry, Fault>>, Fault> {
        let contact = self.contact().await?;
        let places = contact.open(&self.cluster).await?;
        if let Some(asking) = self.asking(&contact, &places) {
            self.state().places = places;
            return Ok(asking.watch());
        }
        let mut tails = Vec::new();
        for place in &places {
            tails.push(tail::watch(&contact, place, Arc::clone(&self.sieve)).await?);
        }
        self.state().places = places;
        Ok(stream::select_all(tails).boxed())
    }

    async fn read(&self) -> Result<Gathered, Fault> {
        let (contact, places) = self.places()?;
        if let Some(asking) = self.asking(&contact, &places) {
            return asking.read().await.map(Gathered::from_iter);
        }
        let mut gathered = Gathered::default();
        for place in &places {
            tail::read(&contact, place, &self.sieve, &mut gathered).await?;
        }
        Ok(gathered)
    }

    async fn put(&self, key: Key, value: Arc<[u8]>) -> Result<u64, Fault> {
        bucket::check_value(&key, &value)?;
        let (contact, _) = self.places()?;
        let subject = format!("$KV.{}.{key}", key.shelf().bucket(&self.cluster.bucket));
        let most = contact.connection.client.max_payload();
        if value.len() > most {
            let octets = value.len();
            return Err(Fault::TooLarge { key: key.to_string(), octets, most });
        }
        let payload = value.to_vec().into();
        let publish = async {
            let acknowledged = contact.context.publish(subject.clone(), payload).await?;
            acknowledged.await
        };
        match contact.ask(&subject, publish).await? {
            Ok(acknowledged) => Ok(acknowledged.sequence),
            Err(error) => Err(not_put(&error, &key, value.len(), most)),
        }
    }
}

fn not_put(error: &PublishError, key: &Key, octets: usize, most: usize) -> Fault {
    let (asked, found) = (format!("the put of `{key}`"), dial::chain(error));
    match error.kind() {
        PublishErrorKind::BrokenPipe => Fault::lost(found),
        PublishErrorKind::MaxPayloadExceeded => {
            Fault::TooLarge { key: key.to_string(), octets, most }
        }
        PublishErrorKind::StreamNotFound => Fault::Unavailable { asked, found },
        PublishErrorKind::TimedOut => Fault::Timeout { asked },
        PublishErrorKind::MaxAckPending
        | PublishErrorKind::Other
        | PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::WrongLastSequence => Fault::Store { asked, found },
    }
}
