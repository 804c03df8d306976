//! All that a store has, as far as there is room: what is read goes in one by one, and what does
//! not fit is gone before the next one comes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::cluster::bucket::Entry;
use crate::cluster::key::Key;
use crate::cluster::key::Kind;

/// The newest value of each key. Each kind has room of its own; where there is not enough, the
/// values that were put longest ago go.
#[derive(Debug, Default)]
pub struct Gathered {
    entries: BTreeMap<Key, Entry>,
    held: BTreeMap<Kind, Held>,
    left_out: BTreeMap<Kind, u64>,
}

/// What there is of one kind.
#[derive(Debug, Default)]
struct Held {
    octets: usize,
    /// By revision, which is an order within a kind: a kind is in one bucket.
    by_age: BTreeSet<(u64, Key)>,
}

impl Gathered {
    /// Takes an entry, unless there is a newer one of its key, or no room for it.
    pub fn add(&mut self, entry: Entry) {
        let kind = entry.key.kind();
        let room = kind.room();
        if entry.value.len() > room.value {
            *self.left_out.entry(kind).or_default() += 1;
            return;
        }
        if self.entries.get(&entry.key).is_some_and(|known| known.revision >= entry.revision) {
            return;
        }
        self.remove(&entry.key.clone());
        let held = self.held.entry(kind).or_default();
        held.octets += entry.value.len();
        held.by_age.insert((entry.revision, entry.key.clone()));
        self.entries.insert(entry.key.clone(), entry);
        while let Some(oldest) = self.too_many(kind) {
            self.remove(&oldest);
            *self.left_out.entry(kind).or_default() += 1;
        }
    }

    /// The key to leave out next, if there are too many of its kind.
    fn too_many(&self, kind: Kind) -> Option<Key> {
        let (held, room) = (self.held.get(&kind)?, kind.room());
        let is_full = held.by_age.len() > room.keys || held.octets > room.octets;
        let (_, oldest) = held.by_age.first().filter(|_| is_full)?;
        Some(oldest.clone())
    }

    fn remove(&mut self, key: &Key) {
        let Some(entry) = self.entries.remove(key) else { return };
        if let Some(held) = self.held.get_mut(&key.kind()) {
            held.octets -= entry.value.len();
            held.by_age.remove(&(entry.revision, entry.key));
        }
    }

    /// How many values of each kind there was no room for.
    pub(super) fn left_out(&self) -> impl Iterator<Item = (Kind, u64)> {
        self.left_out.iter().map(|(kind, count)| (*kind, *count))
    }

    /// Takes all that another has, and counts what that left out.
    pub(super) fn merge(&mut self, other: Self) {
        for (kind, count) in other.left_out() {
            *self.left_out.entry(kind).or_default() += count;
        }
        self.extend(other.into_entries());
    }

    /// What there is.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// What there is, in the order of the keys.
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries.into_values().collect()
    }
}

impl Extend<Entry> for Gathered {
    fn extend<T: IntoIterator<Item = Entry>>(&mut self, entries: T) {
        entries.into_iter().for_each(|entry| self.add(entry));
    }
}

impl FromIterator<Entry> for Gathered {
    fn from_iter<T: IntoIterator<Item = Entry>>(entries: T) -> Self {
        let mut gathered = Self::default();
        gathered.extend(entries);
        gathered
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn entry(key: Key, revision: u64, octets: usize) -> Entry {
        let value = vec![0; octets].into();
        Entry { key, value, stored: Timestamp::UNIX_EPOCH, revision }
    }

    /// What is gathered of a kind: how many, and of what size.
    fn gathered(entries: impl Iterator<Item = Entry>) -> (Gathered, usize) {
        let gathered: Gathered = entries.collect();
        let octets = gathered.entries.values().map(|entry| entry.value.len()).sum();
        (gathered, octets)
    }

    #[test]
    fn the_newest_of_a_key_is_there_once() {
        let key = || Key::Server("a".to_owned());
        let all = [entry(key(), 2, 5), entry(key(), 3, 4), entry(key(), 1, 9)];
        let (gathered, octets) = gathered(all.into_iter());
        assert_eq!((octets, gathered.held[&Kind::Server].octets), (4, 4));
        assert_eq!(gathered.into_entries(), [entry(key(), 3, 4)]);
    }

    #[test]
    fn each_kind_has_a_room_and_what_is_older_leaves_it() {
        for kind in Kind::ALL {
            let room = kind.room();
            let key = |n: u64| {
                let name = n.to_string();
                match kind {
                    Kind::Admin => Key::Admin(name),
                    Kind::Checks => Key::Checks(name),
                    Kind::Load => Key::Load(name),
                    Kind::Monitors => Key::Monitors,
                    Kind::Opinions => Key::Opinions(name),
                    Kind::Orders => Key::Orders(u16::try_from(n % 256).unwrap()),
                    Kind::Prober => Key::Prober(name),
                    Kind::Samples => Key::Samples(name, 0),
                    Kind::Server => Key::Server(name),
                    Kind::Shares => Key::Shares,
                }
            };
            let most = u64::try_from(room.keys).unwrap() + 3;
            let (small, _) = gathered((0..most).map(|n| entry(key(n), n + 1, 1)));
            assert!(small.entries.len() <= room.keys, "{kind:?}");
            assert!(small.entries.contains_key(&key(most - 1)), "{kind:?}: the newest is there");
            let fit = room.octets / room.value;
            let most = u64::try_from(fit).unwrap() + 3;
            let (large, octets) = gathered((0..most).map(|n| entry(key(n), n + 1, room.value)));
            assert!(octets <= room.octets, "{kind:?}: {octets}");
            assert!(large.entries.contains_key(&key(most - 1)), "{kind:?}");
            let (none, _) = gathered([entry(key(1), 1, room.value + 1)].into_iter());
            assert_eq!(none.left_out().collect::<Vec<_>>(), [(kind, 1)]);
            assert!(none.into_entries().is_empty(), "{kind:?}: too large");
        }
    }

    #[test]
    fn what_both_left_out_is_counted_together() {
        let large = || entry(Key::Server("a".to_owned()), 1, Kind::Server.room().value + 1);
        let (mut all, _) = gathered([large()].into_iter());
        all.merge(gathered([large(), large()].into_iter()).0);
        assert_eq!(all.left_out().collect::<Vec<_>>(), [(Kind::Server, 3)]);
    }

    #[test]
    fn who_fills_one_kind_leaves_the_others_their_room() {
        let order = entry(Key::Admin("x".to_owned()), 1, 100);
        let flood = (0..100_u64).map(|n| entry(Key::Checks(n.to_string()), n + 2, 1 << 20));
        let (gathered, octets) = gathered([order.clone()].into_iter().chain(flood));
        assert!(octets <= Kind::Checks.room().octets + 100);
        assert!(gathered.into_entries().contains(&order));
    }
}
