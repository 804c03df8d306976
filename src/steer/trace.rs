//! What a decision tells an observer while it is made.

use crate::load::Cutoff;
use crate::load::Loss;
use crate::model::RegionId;
use crate::steer::Admission;
use crate::steer::Answered;
use crate::steer::LabelId;
use crate::steer::Located;

/// An observer of one decision. Every method does nothing unless it is implemented, so
/// that a query, which passes [`NoTrace`], pays nothing.
pub trait Trace {
    /// Whether anybody looks: what is only found out to be told is left out otherwise.
    const OBSERVES: bool = true;

    /// The client was found in the map, or not looked up (`label` of everybody).
    fn located(&mut self, _located: &Located) {}
    /// A label is walked, taking regions of this admission or better.
    fn walk(&mut self, _label: LabelId, _least: Admission) {}
    /// A region of a tier was looked at: the weight it has in the draw, or why it has none.
    fn considered(&mut self, _tier: usize, _region: RegionId, _finding: Finding) {}
    /// A region was drawn.
    fn region_drawn(&mut self, _region: RegionId) {}
    /// An endpoint of that region was drawn, by its position in the lane.
    fn endpoint_drawn(&mut self, _position: u8) {}
    /// The decision was made.
    fn answered(&mut self, _answered: Answered) {}
}

/// What was found when a region was considered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Finding {
    /// In the draw, with this weight.
    Candidate(u32),
    /// The service has no pool there.
    NoPool,
    /// The pool has no endpoint of the family asked for.
    NoFamily,
    /// Not admitted in this walk.
    NotAdmitted(Admission),
    /// Its endpoints take a share of the clients, and this one is not in it.
    OutsideShare,
    /// It is full, and sends away those who lose least, this one among them: up to which loss,
    /// and what this one loses.
    Spilled(Cutoff, Loss),
    /// Weight 0: kept for when nobody else is admitted.
    Standby,
}

/// Observes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTrace;

impl Trace for NoTrace {
    const OBSERVES: bool = false;
}
