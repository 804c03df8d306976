//! What of the others is not used: counted, and told once an hour for each sender.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::cluster::key::Key;
use crate::cluster::key::Kind;
use crate::model::limits;

/// How often it is told of a sender that its values are not used.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// What values without a key of ours count as.
const OTHER: &str = "other";

/// Why a value is not used.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Why {
    /// It is under no key of Meridian.
    Foreign,
    /// It is that of another key.
    NotOwn,
    /// It has too many octets for its kind.
    TooLarge,
    /// There are too many of its kind.
    TooMany,
    /// It is damaged, or of another version of Meridian.
    Unreadable,
}

/// The counts of a process; clones are the same ones.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    counts: BTreeMap<(Option<Kind>, Why), u64>,
    /// When the value was put of which it was told last, by the store's clock: nobody else's
    /// matters.
    told: BTreeMap<(Option<Kind>, String), Timestamp>,
}

/// How often values of a kind were not used for a reason.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refused {
    /// What the keys begin with; `other` for what is no key.
    pub kind: &'static str,
    /// The reason.
    pub why: &'static str,
    /// How often: a value that stays where it is counts each time all is read.
    pub count: u64,
}

impl Why {
    /// All reasons.
    pub const ALL: [Self; 5] =
        [Self::Foreign, Self::NotOwn, Self::TooLarge, Self::TooMany, Self::Unreadable];

    /// The word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::NotOwn => "not-own",
            Self::TooLarge => "too-large",
            Self::TooMany => "too-many",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Refusals {
    /// Counts a value that was put at that time, by the store's clock. Returns whether it is to be
    /// told.
    pub fn note(&self, key: &Key, why: Why, stored: Timestamp) -> bool {
        self.count(Some(key.kind()), why, 1);
        self.is_due(Some(key.kind()), key.sender(), stored)
    }

    /// The same of a value under no key of ours.
    pub(super) fn note_foreign(&self, stored: Timestamp) -> bool {
        self.count(None, Why::Foreign, 1);
        self.is_due(None, "", stored)
    }

    /// The same of values of one kind, whoever sent them.
    pub(super) fn note_all(&self, kind: Kind, why: Why, count: u64, stored: Timestamp) -> bool {
        self.count(Some(kind), why, count);
        self.is_due(Some(kind), "", stored)
    }

    fn count(&self, kind: Option<Kind>, why: Why, count: u64) {
        *self.state().counts.entry((kind, why)).or_default() += count;
    }

    fn is_due(&self, kind: Option<Kind>, sender: &str, stored: Timestamp) -> bool {
        let mut state = self.state();
        let told = (kind, sender.to_owned());
        let is_over = |at: &Timestamp| stored.duration_since(*at).abs() >= AGAIN;
        if state.told.get(&told).is_some_and(|at| !is_over(at)) {
            return false;
        }
        if state.told.len() >= limits::COMPLAINTS {
            state.told.retain(|_, at| !is_over(at));
        }
        if state.told.len() >= limits::COMPLAINTS && !state.told.contains_key(&told) {
            return false;
        }
        state.told.insert(told, stored);
        true
    }

    /// All counts, those of nothing too, so that who watches them sees the first.
    pub fn counts(&self) -> Vec<Refused> {
        let state = self.state();
        let of = |kind: Option<Kind>, why: Why| Refused {
            kind: kind.map_or(OTHER, Kind::as_str),
            why: why.as_str(),
            count: state.counts.get(&(kind, why)).copied().unwrap_or_default(),
        };
        let whys = Why::ALL.into_iter().filter(|why| *why != Why::Foreign);
        let kinds = Kind::ALL.into_iter().flat_map(|kind| whys.clone().map(move |why| (kind, why)));
        let known = kinds.map(|(kind, why)| of(Some(kind), why));
        std::iter::once(of(None, Why::Foreign)).chain(known).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn each_is_counted_and_each_sender_told_of_once_an_hour() {
        let refusals = Refusals::default();
        let told = |n: i64| {
            let key = Key::Opinions("ams".to_owned());
            refusals.note(&key, Why::Unreadable, at(n))
        };
        assert_eq!((0..3600).filter(|n| told(*n)).count(), 1);
        assert!(!told(3599) && told(3600) && !told(3601));
        assert!(!told(1) && told(0), "the store's clock was set back");
        assert!(refusals.note(&Key::Opinions("nyc".to_owned()), Why::NotOwn, at(5)));
        assert!(refusals.note_foreign(at(5)) && !refusals.note_foreign(at(6)));
        let counts = refusals.counts();
        let of = |kind: &str, why: &str| {
            counts.iter().find(|of| (of.kind, of.why) == (kind, why)).unwrap().count
        };
        assert_eq!((of("opinions", "unreadable"), of("opinions", "not-own")), (3605, 1));
        assert_eq!((of("other", "foreign"), of("admin", "unreadable")), (2, 0));
    }

    #[test]
    fn a_sender_with_many_names_is_told_of_so_often_and_no_more() {
        let refusals = Refusals::default();
        let told = |n: usize, second| {
            refusals.note(&Key::Checks(n.to_string()), Why::Unreadable, at(second))
        };
        assert_eq!((0..10_000).filter(|n| told(*n, 0)).count(), limits::COMPLAINTS);
        assert!(told(20_000, 3600), "an hour later there is room again");
    }
}
