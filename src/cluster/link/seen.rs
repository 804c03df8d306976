//! What was delivered: so that of one key nothing older follows on something newer.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::cluster::bucket::Entry;
use crate::cluster::fault::Fault;
use crate::cluster::gathered::Gathered;
use crate::cluster::key::Key;
use crate::cluster::key::Kind;

/// The revision of each key that was delivered last.
#[derive(Debug, Default)]
pub(super) struct Seen {
    revisions: BTreeMap<Key, (u64, Timestamp)>,
    /// How many keys there are of each kind.
    counts: BTreeMap<Kind, usize>,
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
        let count = self.counts.entry(entry.key.kind()).or_default();
        if *count >= entry.key.kind().room().keys {
            // When all is read the next time the newest are taken, and this one may be.
            return false;
        }
        *count += 1;
        self.revisions.insert(entry.key.clone(), now);
        true
    }

    /// Forgets all: the contact has ended, and the store may be another.
    pub(super) fn forget(&mut self) {
        self.revisions.clear();
        self.counts.clear();
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
        mut read: Gathered,
        meanwhile: Gathered,
    ) -> Result<Gathered, Fault> {
        read.merge(meanwhile);
        if read.entries().any(|entry| self.is_older(entry)) {
            return Err(Fault::Behind { of: "a reading".to_owned() });
        }
        self.forget();
        for entry in read.entries() {
            *self.counts.entry(entry.key.kind()).or_default() += 1;
            self.revisions.insert(entry.key.clone(), (entry.revision, entry.stored));
        }
        Ok(read)
    }

    fn is_older(&self, entry: &Entry) -> bool {
        let before = self.revisions.get(&entry.key);
        before.is_some_and(|before| entry.revision < before.0 && entry.stored < before.1)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn entry(n: u64, revision: u64, second: i64) -> Entry {
        let stored = Timestamp::from_second(second).unwrap();
        Entry { key: Key::Server(n.to_string()), value: Arc::new([]), stored, revision }
    }

    /// What is delivered of what was read and what came meanwhile.
    fn all(seen: &mut Seen, read: &[Entry], meanwhile: &[Entry]) -> Result<Vec<Entry>, Fault> {
        let gathered = |entries: &[Entry]| entries.iter().cloned().collect();
        seen.all(gathered(read), gathered(meanwhile)).map(Gathered::into_entries)
    }

    #[test]
    fn nothing_older_follows_on_something_newer() {
        let mut seen = Seen::default();
        assert!(seen.is_news(&entry(1, 5, 100)));
        assert!(!seen.is_news(&entry(1, 5, 100)), "twice");
        assert!(!seen.is_news(&entry(1, 4, 99)), "late");
        assert!(seen.is_news(&entry(1, 6, 98)), "a leader whose clock is behind");
        assert!(seen.is_news(&entry(1, 1, 101)), "a store that was emptied");
        let read = [entry(1, 8, 99), entry(2, 3, 90)];
        let read = all(&mut seen, &read, &[entry(1, 9, 100)]);
        assert_eq!(read, Ok(vec![entry(1, 9, 100), entry(2, 3, 90)]));
        assert!(!seen.is_news(&entry(1, 9, 100)));
        let lagging = all(&mut seen, &[entry(1, 8, 99)], &[]);
        assert!(matches!(lagging, Err(Fault::Behind { .. })));
        seen.forget();
        let restored = all(&mut seen, &[entry(1, 8, 99)], &[]);
        assert_eq!(restored, Ok(vec![entry(1, 8, 99)]));
    }

    #[test]
    fn keys_are_bounded_by_kind() {
        let mut seen = Seen::default();
        let most = u64::try_from(Kind::Server.room().keys).unwrap();
        let read: Vec<Entry> = (0..most).map(|n| entry(n, n + 1, 1)).collect();
        assert_eq!(all(&mut seen, &read, &[]).unwrap().len(), Kind::Server.room().keys);
        assert!(!seen.is_news(&entry(most, most + 9, 2)));
        assert!(seen.is_news(&entry(7, most + 9, 2)), "one that is known");
        let other = Entry { key: Key::Admin("x".to_owned()), ..entry(0, most + 9, 2) };
        assert!(seen.is_news(&other), "another kind has its own room");
    }
}
