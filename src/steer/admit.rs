//! Admit: which regions may take clients now.

use crate::model::RegionId;
use crate::steer::Balanced;

/// Whether a pool may be answered; the greater, the sooner.
///
/// Failing open goes down this list: first as if all were up, then, when nothing else is
/// left, what an operator drained.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Admission {
    /// Drained by an operator: only when nothing else is left.
    Drained,
    /// Its verdict is down: only when everything is.
    Down,
    /// In service.
    Admitted,
}

/// What the pools of one service may take, in the order of the service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServiceStanding {
    pools: Box<[Admission]>,
}

impl ServiceStanding {
    /// Asks `admission` for each of the service's regions.
    pub fn new(service: &Balanced, admission: impl Fn(RegionId) -> Admission) -> Self {
        Self { pools: service.pools.iter().map(|pool| admission(pool.region)).collect() }
    }

    /// The admission of a pool by its position. Constant time.
    pub fn pool(&self, position: usize) -> Admission {
        self.pools.get(position).copied().unwrap_or(Admission::Drained)
    }
}
