//! What an operator asks of the engine, and why it may refuse.

use jiff::Timestamp;

use crate::model::AdminState;
use crate::model::AdminTarget;

/// A change of an admin state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AdminChange {
    /// Of what.
    pub target: AdminTarget,
    /// To what; `Auto` takes a state away.
    pub state: AdminState,
    /// Who asks: the name of a token.
    pub who: String,
    /// Why, in the operator's words.
    pub why: String,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// Do it although fewer regions than the safety minimum are left.
    pub force: bool,
}

/// What a change did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AdminDone {
    /// What the state was.
    pub before: AdminState,
    /// When the last answer that was given before has run out of caches.
    pub settled: Timestamp,
}

/// Why a change was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AdminRefusal {
    /// It would leave a service fewer regions than the safety minimum.
    #[error(
        "service `{service}` would have {left} of {regions} regions in service, expected at least {least}; \
         force it if that is meant"
    )]
    Safety {
        /// The first service of which that is so.
        service: String,
        /// Regions it would have.
        left: usize,
        /// Regions it has pools in.
        regions: usize,
        /// The safety minimum, for this service.
        least: usize,
    },
    /// Nothing has that name.
    #[error("{what} `{found}` is unknown; there are {known}")]
    Unknown {
        /// `region`, `service`, `pool` or `endpoint`.
        what: &'static str,
        /// What was asked for.
        found: String,
        /// What there is, or the first few of it.
        known: String,
    },
    /// It would end before it began.
    #[error("the end, {until}, is in the past")]
    Ended {
        /// The end.
        until: Timestamp,
    },
    /// There are as many admin states as there may be.
    #[error("there are {most} admin states already; take some away")]
    TooMany {
        /// How many there may be.
        most: usize,
    },
}
