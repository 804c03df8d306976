//! Keeps what a decision says of itself while it is made.

use crate::model::RegionId;
use crate::steer::Admission;
use crate::steer::Answered;
use crate::steer::Finding;
use crate::steer::LabelId;
use crate::steer::Located;
use crate::steer::Trace;

/// All that one decision said.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorder {
    /// What the map said of the client; `None` if no balanced name was asked for.
    pub(super) located: Option<Located>,
    /// The walks through the tiers; more than one if nothing was admitted in the first.
    pub(super) walks: Vec<Walk>,
    /// The region drawn.
    pub(super) region: Option<RegionId>,
    /// The endpoints drawn, by position in the lane.
    pub(super) endpoints: Vec<u8>,
    /// How it was answered.
    pub(super) answered: Option<Answered>,
}

/// One walk through the tiers of a label.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// The least admission it took.
    pub(super) least: Admission,
    /// Tier, region, and what was found there, as far as it went.
    pub(super) considered: Vec<(usize, RegionId, Finding)>,
}

impl Trace for Recorder {
    fn located(&mut self, located: &Located) {
        self.located = Some(*located);
    }

    fn walk(&mut self, _label: LabelId, least: Admission) {
        self.walks.push(Walk { least, considered: Vec::new() });
    }

    fn considered(&mut self, tier: usize, region: RegionId, finding: Finding) {
        if let Some(walk) = self.walks.last_mut() {
            walk.considered.push((tier, region, finding));
        }
    }

    fn region_drawn(&mut self, region: RegionId) {
        self.region = Some(region);
    }

    fn endpoint_drawn(&mut self, position: u8) {
        self.endpoints.push(position);
    }

    fn answered(&mut self, answered: Answered) {
        self.answered = Some(answered);
    }
}
