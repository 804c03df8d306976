//! What was delivered: so that of one key nothing older follows on something newer.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::cluster::bucket::Entry;
use crate::cluster::fault::Fault;
use crate::cluster::key::Key;
use crate::model::limits;

/// The revision of each key that was delivered last.
#[derive(Debug, Default)]
pub(super) struct Seen {
    revisions: BTreeMap<Key, (u64, Timestamp)>,
    /// Said once: whoever fills a store has no reason to stop.
    complained: bool,
}

impl Seen {
    /// Whether an entry is news; it is remembered then.
    pub(super) fn is_news(&mut self, entry: &Entry) -> bool {
        let now = (entry.revision, entry.stored);
        if let Some(before) = self.revisions.get_mut(&entry.key) {
            // By both: a store that was emptied counts from the beginning again, and one whose
            // leader changed may have another clock.
            if now.0 <= before.0 && now.1 <= before.1 {
                return false;
            }
            *before = now;
            return true;
        }
        if self.revisions.len() >= limits::SHARED_KEYS {
            // What was said of checks goes first: it is read again if it matters.
            let found = self.revisions.keys().find(|key| matches!(key, Key::Checks(_))).cloned();
            let Some(found) = found else {
                self.complain();
                return false;
            };
            self.revisions.remove(&found);
        }
        self.revisions.insert(entry.key.clone(), now);
        true
    }

    /// Forgets all: the contact has ended, and the store may be another.
    pub(super) fn forget(&mut self) {
        self.revisions.clear();
    }

    /// Begins afresh with all that was read, and what came meanwhile; returns the newest of each
    /// key, as far as the bounds allow.
    ///
    /// # Errors
    ///
    /// [`Fault::Behind`] if something older was read than was delivered: one of the store's
    /// servers lags, and another should be asked.
    pub(super) fn all(
        &mut self,
        read: Vec<Entry>,
        meanwhile: BTreeMap<Key, Entry>,
    ) -> Result<Vec<Entry>, Fault> {
        let mut newest: BTreeMap<Key, Entry> = BTreeMap::new();
        let mut octets = 0_usize;
        let mut all: Vec<Entry> = read.into_iter().chain(meanwhile.into_values()).collect();
        // Whoever fills the store with one kind of value leaves the others their room.
        all.sort_by_key(|entry| (entry.key.rank(), Reverse(entry.revision)));
        let mut rolls = 0;
        let mut is_left_out = false;
        for entry in all {
            rolls += usize::from(matches!(entry.key, Key::Checks(_)));
            let known = newest.get(&entry.key);
            if known.is_some_and(|known| known.revision >= entry.revision) {
                continue;
            }
            let before = known.map_or(0, |known| known.value.len());
            let after = octets.saturating_sub(before).saturating_add(entry.value.len());
            // Of these all but the newest are of the past.
            if rolls > limits::ROLLS {
                continue;
            }
            let is_full = known.is_none() && newest.len() >= limits::SHARED_KEYS;
            if is_full || after > limits::SHARED {
                is_left_out = true;
                continue;
            }
            octets = after;
            newest.insert(entry.key.clone(), entry);
        }
        if newest.values().any(|entry| self.is_older(entry)) {
            return Err(Fault::Behind { of: "a reading".to_owned() });
        }
        if is_left_out {
            self.complain();
        } else {
            self.complained = false;
        }
        let entries: Vec<Entry> = newest.into_values().collect();
        let revision = |entry: &Entry| (entry.key.clone(), (entry.revision, entry.stored));
        self.revisions = entries.iter().map(revision).collect();
        Ok(entries)
    }

    fn is_older(&self, entry: &Entry) -> bool {
        let before = self.revisions.get(&entry.key);
        before.is_some_and(|before| entry.revision < before.0 && entry.stored < before.1)
    }

    fn complain(&mut self) {
        if !self.complained {
            self.complained = true;
            tracing::warn!(
                keys = limits::SHARED_KEYS,
                octets = limits::SHARED,
                "the cluster's buckets hold more than fits: some of it is left out; remove what \
                 is not from nodes of this cluster"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn entry(n: u64, revision: u64, second: i64) -> Entry {
        let stored = Timestamp::from_second(second).unwrap();
        Entry { key: Key::Node(n.to_string()), value: Arc::new([]), stored, revision }
    }

    #[test]
    fn nothing_older_follows_on_something_newer() {
        let mut seen = Seen::default();
        assert!(seen.is_news(&entry(1, 5, 100)));
        assert!(!seen.is_news(&entry(1, 5, 100)), "twice");
        assert!(!seen.is_news(&entry(1, 4, 99)), "late");
        assert!(seen.is_news(&entry(1, 6, 98)), "a leader whose clock is behind");
        assert!(seen.is_news(&entry(1, 1, 101)), "a store that was emptied");
        let meanwhile = BTreeMap::from([(Key::Node("1".into()), entry(1, 9, 100))]);
        let read = vec![entry(1, 8, 99), entry(2, 3, 90)];
        let all = seen.all(read, meanwhile);
        assert_eq!(all, Ok(vec![entry(1, 9, 100), entry(2, 3, 90)]));
        assert!(!seen.is_news(&entry(1, 9, 100)));
        let lagging = seen.all(vec![entry(1, 8, 99)], BTreeMap::new());
        assert!(matches!(lagging, Err(Fault::Behind { .. })));
        seen.forget();
        let restored = seen.all(vec![entry(1, 8, 99)], BTreeMap::new());
        assert_eq!(restored, Ok(vec![entry(1, 8, 99)]));
    }

    #[test]
    fn keys_are_bounded() {
        let mut seen = Seen::default();
        let most = limits::SHARED_KEYS as u64;
        let read = (0..most + 3).map(|n| entry(n, n, 1)).collect();
        assert_eq!(seen.all(read, BTreeMap::new()).unwrap().len(), limits::SHARED_KEYS);
        assert!(!seen.is_news(&entry(most + 9, most + 9, 2)));
        let known = seen.revisions.keys().next().cloned().unwrap();
        assert!(seen.is_news(&Entry { key: known, ..entry(0, most + 9, 2) }));
    }

    #[test]
    fn who_fills_the_store_with_one_kind_leaves_the_others_their_room() {
        let mut seen = Seen::default();
        let checks = |n: u64| Entry { key: Key::Checks(n), ..entry(n, n + 1, 1) };
        let most = limits::SHARED_KEYS as u64;
        let last = entry(1, most * 2, 1);
        let read = (0..most + 3).map(checks).chain([last.clone()]).collect();
        let all = seen.all(read, BTreeMap::new()).unwrap();
        assert_eq!(all.len(), limits::ROLLS + 1);
        assert!(all.contains(&last));
        assert!(all.contains(&checks(most + 2)), "the newest of them");
        for n in 0..most {
            seen.is_news(&checks(n));
        }
        assert!(seen.is_news(&entry(2, most * 3, 2)));
    }
}
