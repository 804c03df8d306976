//! The roll: which checks the positions in opinions mean.

use std::collections::HashMap;

use crate::health::Check;
use crate::health::CheckId;
use crate::health::check::digest;
use crate::health::opinions::FORMAT;
use crate::health::opinions::Unreadable;

/// The checks of a vantage in order, each by a hash of its key. It changes with the
/// configuration only, so that opinions need not say it each time: they name its digest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Roll {
    digest: u64,
    hashes: Vec<u64>,
}

impl Roll {
    /// Of checks in order.
    pub fn of(checks: &[Check]) -> Self {
        Self::new(checks.iter().map(|check| check.key.digest()).collect())
    }

    fn new(hashes: Vec<u64>) -> Self {
        let octets: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        Self { digest: digest(&octets), hashes }
    }

    /// What opinions call it by.
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// How many checks it has.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Which of `checks` each position means; `None` for one that is not among them.
    pub(super) fn positions(&self, checks: &HashMap<u64, CheckId>) -> Vec<Option<CheckId>> {
        self.hashes.iter().map(|hash| checks.get(hash).copied()).collect()
    }

    /// What [`Roll::positions`] finds checks by.
    pub(super) fn index(checks: &[Check]) -> HashMap<u64, CheckId> {
        let hashes = checks.iter().map(|check| check.key.digest());
        hashes.zip((0..).map(CheckId)).collect()
    }

    /// As octets.
    pub fn encode(&self) -> Vec<u8> {
        let hashes = self.hashes.iter().flat_map(|hash| hash.to_le_bytes());
        std::iter::once(FORMAT).chain(hashes).collect()
    }

    /// From octets.
    ///
    /// # Errors
    ///
    /// [`Unreadable`].
    pub fn decode(octets: &[u8]) -> Result<Self, Unreadable> {
        let damaged = || Unreadable::Damaged("it is no list of hashes".to_owned());
        let (format, rest) = octets.split_first().ok_or_else(damaged)?;
        if *format != FORMAT {
            return Err(Unreadable::Version { found: *format, expected: FORMAT });
        }
        let (hashes, rest) = rest.as_chunks::<8>();
        match rest {
            [] => Ok(Self::new(hashes.iter().map(|hash| u64::from_le_bytes(*hash)).collect())),
            _ => Err(damaged()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_not_whole_is_refused() {
        let roll = Roll::new(vec![3, 1, 2]);
        assert_eq!(Roll::decode(&roll.encode()), Ok(roll.clone()));
        assert_ne!(Roll::new(vec![1, 2, 3]).digest(), roll.digest(), "the order counts");
        for broken in [&[][..], &[FORMAT, 1, 2, 3], &[FORMAT + 1]] {
            Roll::decode(broken).unwrap_err();
        }
    }
}
