//! What is to be put: the newest value per key.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tokio::sync::Notify;

use crate::cluster::bucket;
use crate::cluster::key::Key;
use crate::model::limits;

/// Shared by those who put and the task that sends.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<Key, Arc<[u8]>>,
    /// The keys of `waiting`, first come first.
    order: VecDeque<Key>,
    /// On their way: the next value of such a key waits until this one has arrived.
    in_flight: BTreeMap<Key, Arc<[u8]>>,
    /// Why a value was not taken, until somebody is told.
    refused: BTreeMap<Key, String>,
}

impl Outbox {
    /// Takes a value, or refuses it.
    pub(super) fn put(&self, key: Key, value: Arc<[u8]>) {
        let mut state = self.state();
        let is_new = !state.waiting.contains_key(&key);
        if !key.is_sound() {
            let why = format!("a name in `{key}` is empty or too long to be shared; shorten it");
            state.refuse(key, why);
        } else if let Err(fault) = bucket::check_value(&key, &value) {
            state.refuse(key, fault.to_string());
        } else if is_new && state.waiting.len() >= limits::PUTS {
            let why = format!("{} values wait for the cluster already", limits::PUTS);
            state.refuse(key, why);
        } else {
            state.wait(key, value);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Refuses a value that was taken.
    pub(super) fn refuse(&self, key: Key, why: String) {
        let mut state = self.state();
        state.in_flight.remove(&key);
        state.refuse(key, why);
    }

    /// The value to send next, which is on its way from now on.
    pub(super) fn take(&self) -> Option<(Key, Arc<[u8]>)> {
        let mut state = self.state();
        let at = state.order.iter().position(|key| !state.in_flight.contains_key(key))?;
        let key = state.order.remove(at)?;
        let value = state.waiting.remove(&key)?;
        state.in_flight.insert(key.clone(), Arc::clone(&value));
        Some((key, value))
    }

    /// A value has arrived.
    pub(super) fn arrived(&self, key: &Key) {
        self.state().in_flight.remove(key);
    }

    /// A value did not arrive: it waits again, unless a newer one does.
    pub(super) fn again(&self, key: &Key) {
        let mut state = self.state();
        let value = state.in_flight.remove(key);
        if let Some(value) = value.filter(|_| !state.waiting.contains_key(key)) {
            state.wait(key.clone(), value);
        }
    }

    /// [`Outbox::again`] for all that are on their way.
    pub(super) fn all_again(&self) {
        let keys: Vec<Key> = self.state().in_flight.keys().cloned().collect();
        for key in &keys {
            self.again(key);
        }
    }

    /// Takes a refusal that nobody was told of.
    pub(super) fn refusal(&self) -> Option<(Key, String)> {
        self.state().refused.pop_first()
    }

    /// Whether there is a refusal that nobody was told of.
    pub(super) fn has_refusals(&self) -> bool {
        !self.state().refused.is_empty()
    }

    /// Ends when something was put since it ended last. Cancel-safe.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait(&mut self, key: Key, value: Arc<[u8]>) {
        if self.waiting.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
    }

    fn refuse(&mut self, key: Key, why: String) {
        if self.refused.len() < limits::PUTS || self.refused.contains_key(&key) {
            self.refused.insert(key, why);
        } else {
            tracing::warn!(%key, why, "a value is not shared, and nobody listens");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> Key {
        Key::Server(n.to_string())
    }

    fn taken(outbox: &Outbox) -> Option<(Key, Vec<u8>)> {
        outbox.take().map(|(key, value)| (key, value.to_vec()))
    }

    #[test]
    fn the_newest_value_waits_in_the_place_of_the_first() {
        let outbox = Outbox::default();
        for (n, octet) in [(2, 1), (1, 2), (2, 3)] {
            outbox.put(key(n), Arc::new([octet]));
        }
        assert_eq!(taken(&outbox), Some((key(2), vec![3])));
        assert_eq!(taken(&outbox), Some((key(1), vec![2])));
        assert_eq!(taken(&outbox), None);
    }

    #[test]
    fn one_value_of_a_key_is_on_its_way_at_a_time() {
        let outbox = Outbox::default();
        outbox.put(key(1), Arc::new([1]));
        assert_eq!(taken(&outbox), Some((key(1), vec![1])));
        outbox.put(key(1), Arc::new([2]));
        assert_eq!(taken(&outbox), None);
        outbox.again(&key(1));
        assert_eq!(taken(&outbox), Some((key(1), vec![2])), "the older one is forgotten");
        outbox.all_again();
        assert_eq!(taken(&outbox), Some((key(1), vec![2])));
        outbox.arrived(&key(1));
        outbox.all_again();
        assert_eq!(taken(&outbox), None);
    }

    #[test]
    fn what_waits_is_bounded() {
        let outbox = Outbox::default();
        let most = limits::PUTS as u64;
        for n in 0..=most {
            outbox.put(key(n), Arc::new([]));
        }
        outbox.put(key(0), Arc::new([1]));
        assert_eq!(outbox.refusal().unwrap().0, key(most));
        assert_eq!((outbox.refusal(), outbox.has_refusals()), (None, false));
        outbox.put(Key::Server(String::new()), Arc::new([]));
        assert!(outbox.refusal().unwrap().1.contains("empty"));
    }
}
