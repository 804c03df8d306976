//! The stage: what shares are planned for.

use std::sync::Arc;
use std::time::Duration;

use crate::model::Region;
use crate::model::Service;
use crate::snapshot::Standing;
use crate::snapshot::World;

/// A world, who may take clients in it, and what its regions can take.
#[derive(Clone, Debug)]
pub struct Stage {
    /// What was configured.
    pub world: Arc<World>,
    /// What services may be answered with.
    pub standing: Arc<Standing>,
    /// The regions, with capacities and how their loads are known.
    pub regions: Arc<[Region]>,
    /// How long caches keep answers, at the longest.
    pub ttl: Duration,
}

impl Stage {
    /// How long answers of these services are kept, at the longest.
    pub fn ttl_of(services: &[Service]) -> Duration {
        let seconds = services.iter().map(|service| service.ttl.secs()).max();
        Duration::from_secs(u64::from(seconds.unwrap_or_default().max(1)))
    }

    /// Whether there is anything to plan: a region that can take so much, and whose load somebody
    /// knows.
    pub(super) fn is_planned(&self) -> bool {
        self.regions.iter().any(|region| region.capacity.is_some() && region.load.is_some())
    }
}
