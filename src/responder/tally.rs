//! What one worker answered.

use crate::wire::Rcode;

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
pub struct Tally([u64; Class::ALL.len()]);

impl Tally {
    pub(super) fn count(&mut self, class: Class) {
        if let Some(cell) = self.0.get_mut(class as usize) {
            *cell += 1;
        }
    }

    /// How many messages of a kind there were.
    pub fn of(&self, class: Class) -> u64 {
        self.0.get(class as usize).copied().unwrap_or(0)
    }

    /// How many messages there were.
    pub fn sum(&self) -> u64 {
        self.0.iter().sum()
    }
}
