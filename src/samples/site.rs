//! A region as samples name it.

use crate::model::Coordinates;
use crate::model::Region;

/// The name of a region, and where it is; its position among its like is its
/// [`RegionId`](crate::model::RegionId).
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// The operator's name for it.
    pub name: String,
    /// Where it is.
    pub location: Option<Coordinates>,
}

impl Site {
    /// The sites of a configuration.
    pub fn all(regions: &[Region]) -> Vec<Self> {
        let site = |region: &Region| Self { name: region.name.clone(), location: region.location };
        regions.iter().map(site).collect()
    }
}
