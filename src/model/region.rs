//! Places where virtual IPs live.

use std::fmt;

use crate::model::Capacity;
use crate::model::Coordinates;
use crate::model::MonitorId;
use crate::model::ProbeAt;
use crate::model::limits;

/// A region by its position in the configuration; below [`limits::REGIONS`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RegionId(pub u16);

impl RegionId {
    /// Position in arrays that hold one entry per region.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A place with a name and, mostly, coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// The operator's name for it: `us-east`.
    pub name: String,
    /// Where it is; a region without location is never ranked by distance.
    pub location: Option<Coordinates>,
    /// Pulls clients in (positive) or pushes them away, in percent, -99..=99:
    /// b > 0 scales the distance by (1 − b/100), b < 0 divides it by (1 − |b|/100).
    pub bias: i8,
    /// A monitor of its own, whose verdict takes the whole region out.
    pub monitor: Option<RegionMonitor>,
    /// Percent of its pools that must be up; below, the region is down. 0 = whatever they are.
    pub min_pools: u8,
    /// How much it can take; `None`: whatever comes.
    pub capacity: Option<Capacity>,
}

/// What tells whether a region as such is up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegionMonitor {
    /// Which monitor.
    pub monitor: MonitorId,
    /// Where; the monitor has a place of its own if the region says none.
    pub at: ProbeAt,
}

/// A set of regions; a bitmap, so that equality and intersection cost nothing.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RegionSet([u64; limits::REGIONS / 64]);

impl RegionSet {
    /// The set without members.
    pub const EMPTY: Self = Self([0; limits::REGIONS / 64]);

    /// Adds a region.
    ///
    /// # Panics
    ///
    /// If the id is not below [`limits::REGIONS`], which configuration checks.
    pub fn insert(&mut self, region: RegionId) {
        let word = self.0.get_mut(region.index() / 64).expect("RegionId is below limits::REGIONS");
        *word |= 1 << (region.0 % 64);
    }

    /// Whether the region is a member.
    pub fn contains(&self, region: RegionId) -> bool {
        self.0.get(region.index() / 64).is_some_and(|word| word & (1 << (region.0 % 64)) != 0)
    }

    /// Members in both sets.
    #[must_use]
    pub fn intersection(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a &= b);
        self
    }

    /// Members of either set.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a |= b);
        self
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        *self == Self::EMPTY
    }

    /// The members, lowest id first.
    pub fn iter(&self) -> impl Iterator<Item = RegionId> + '_ {
        (0_u16..).take(limits::REGIONS).map(RegionId).filter(|r| self.contains(*r))
    }
}

impl FromIterator<RegionId> for RegionSet {
    fn from_iter<I: IntoIterator<Item = RegionId>>(regions: I) -> Self {
        let mut set = Self::EMPTY;
        regions.into_iter().for_each(|r| set.insert(r));
        set
    }
}

impl fmt::Debug for RegionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|r| r.0)).finish()
    }
}
