//! What one worker answered.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::model::Rcode;

/// A kind of outcome. Every message is of exactly one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// Not answered: a response, or too short for a header.
    Dropped,
    /// NOERROR.
    NoError,
    /// NXDOMAIN.
    NxDomain,
    /// REFUSED.
    Refused,
    /// FORMERR.
    FormErr,
    /// NOTIMP.
    NotImp,
    /// BADVERS.
    BadVers,
    /// SERVFAIL and whatever else is ours to blame.
    ServFail,
}

impl Class {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Dropped,
        Self::NoError,
        Self::NxDomain,
        Self::Refused,
        Self::FormErr,
        Self::NotImp,
        Self::BadVers,
        Self::ServFail,
    ];

    /// What metrics call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::NoError => "noerror",
            Self::NxDomain => "nxdomain",
            Self::Refused => "refused",
            Self::FormErr => "formerr",
            Self::NotImp => "notimp",
            Self::BadVers => "badvers",
            Self::ServFail => "servfail",
        }
    }

    /// The kind that a response code belongs to.
    pub const fn of(rcode: Rcode) -> Self {
        match rcode {
            Rcode::NOERROR => Self::NoError,
            Rcode::NXDOMAIN => Self::NxDomain,
            Rcode::REFUSED => Self::Refused,
            Rcode::FORMERR => Self::FormErr,
            Rcode::NOTIMP => Self::NotImp,
            Rcode::BADVERS => Self::BadVers,
            _ => Self::ServFail,
        }
    }
}

/// How many messages of each kind there were; they sum to all messages.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    classes: [u64; Class::ALL.len()],
    /// Outside of the partition: these are among the answers.
    failed_open: u64,
}

impl Tally {
    /// Counts one message.
    pub fn count(&mut self, class: Class) {
        if let Some(cell) = self.classes.get_mut(class as usize) {
            *cell += 1;
        }
    }

    pub(super) fn count_failed_open(&mut self) {
        self.failed_open += 1;
    }

    /// How many messages of a kind there were.
    pub fn of(&self, class: Class) -> u64 {
        self.classes.get(class as usize).copied().unwrap_or(0)
    }

    /// How many messages there were.
    pub fn sum(&self) -> u64 {
        self.classes.iter().sum()
    }

    /// How many answers of a balanced name there were although nothing was admitted.
    pub fn failed_open(&self) -> u64 {
        self.failed_open
    }

    /// Adds what another worker answered.
    pub fn add(&mut self, other: &Self) {
        for (mine, other) in self.classes.iter_mut().zip(other.classes) {
            *mine += other;
        }
        self.failed_open += other.failed_open;
    }
}

/// Where one worker shows its tally to others: it alone writes, with plain stores.
///
/// A reader may see some numbers of before a batch and some of after; each of them only grows.
#[derive(Debug, Default)]
#[repr(align(128))] // Two lines of the cache: no worker's stores disturb another's.
pub struct TallyCell {
    classes: [AtomicU64; Class::ALL.len()],
    failed_open: AtomicU64,
}

impl TallyCell {
    /// Shows these totals.
    pub fn store(&self, tally: &Tally) {
        for (cell, value) in self.classes.iter().zip(tally.classes) {
            cell.store(value, Ordering::Relaxed);
        }
        self.failed_open.store(tally.failed_open, Ordering::Relaxed);
    }

    /// The totals that were shown last.
    pub fn load(&self) -> Tally {
        let mut tally = Tally::default();
        for (value, cell) in tally.classes.iter_mut().zip(&self.classes) {
            *value = cell.load(Ordering::Relaxed);
        }
        tally.failed_open = self.failed_open.load(Ordering::Relaxed);
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_what_was_counted() {
        let mut tally = Tally::default();
        for class in Class::ALL {
            tally.count(class);
        }
        tally.count(Class::NoError);
        tally.count_failed_open();
        let cell = TallyCell::default();
        cell.store(&tally);
        assert_eq!(cell.load(), tally);
        let mut sum = cell.load();
        sum.add(&tally);
        assert_eq!((sum.sum(), sum.of(Class::NoError), sum.failed_open()), (18, 4, 2));
    }
}
