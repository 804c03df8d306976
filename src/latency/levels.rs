//! Groups of clients: what a country, an area or a network in it, or a wider prefix adds to the
//! field.
//!
//! From the widest group to the narrowest, each takes the mean of what the wider ones left
//! over: one for all regions (access networks differ), then one per region (routes differ),
//! shrunk towards nothing as far as few samples say it.

use std::collections::HashMap;

use serde::Deserialize;
use serde::Serialize;

use crate::latency::ClientPrefix;
use crate::latency::Tick;
use crate::latency::WidePrefix;
use crate::latency::model::Square;
use crate::latency::trust::Deviation;
use crate::latency::trust::shrunk;
use crate::model::Place;

/// By what an estimate was made: the narrowest group that has samples of the region.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Level {
    /// The client's own /24 or /48.
    Prefix,
    /// The /20 or /40 around it.
    WidePrefix,
    /// The autonomous system in the country.
    AsnCountry,
    /// Half a degree around, in the country.
    Area,
    /// The country.
    Country,
    /// The distance, corrected by what other places were measured to have.
    Distance,
}

impl Level {
    /// The groups, widest first.
    pub(super) const GROUPS: [Self; 4] =
        [Self::Country, Self::Area, Self::AsnCountry, Self::WidePrefix];

    /// Variances of what a member adds to its group, for all regions and for one. Networks of
    /// one country differ by a tenth, prefixes of one network by as much again.
    pub(super) const fn variances(self) -> (f64, f64) {
        match self {
            Self::Prefix => (0.0144, 0.0225),
            Self::WidePrefix => (0.01, 0.01),
            Self::AsnCountry => (0.0144, 0.0064),
            // As much as the field may be off at one place.
            Self::Area => (0.02, 0.0225),
            Self::Country => (0.01, 0.0064),
            Self::Distance => (0.0, 0.0),
        }
    }

    /// What members of a group still differ by.
    fn below(self) -> f64 {
        let narrower = [Self::Prefix, Self::WidePrefix, Self::AsnCountry, Self::Area];
        let narrower = narrower.into_iter().filter(|level| *level < self);
        narrower.map(|level| level.variances().0 + level.variances().1).sum()
    }

    /// The word in `explain` and in problems.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::WidePrefix => "wide-prefix",
            Self::AsnCountry => "asn-country",
            Self::Area => "area",
            Self::Country => "country",
            Self::Distance => "distance",
        }
    }
}

/// Which group of a level.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Group {
    Country([u8; 2]),
    Area(Square, Option<[u8; 2]>),
    AsnCountry(u32, [u8; 2]),
    WidePrefix(WidePrefix),
}

impl Group {
    /// The group of a client at a level.
    pub(super) fn of(level: Level, prefix: Option<ClientPrefix>, place: &Place) -> Option<Self> {
        let country = || <[u8; 2]>::try_from(place.country?.as_str().as_bytes()).ok();
        match level {
            Level::WidePrefix => Some(Self::WidePrefix(prefix?.widened())),
            Level::AsnCountry => Some(Self::AsnCountry(place.asn?.0, country()?)),
            Level::Area => Some(Self::Area(Square::of_place(place.coordinates?), country())),
            Level::Country => Some(Self::Country(country()?)),
            Level::Prefix | Level::Distance => None,
        }
    }
}

/// What one pair of prefix and region is off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observation {
    pub(super) groups: [Option<Group>; Level::GROUPS.len()],
    pub(super) prefix: ClientPrefix,
    pub(super) region: u16,
    pub(super) deviation: Deviation,
    pub(super) last: Tick,
}

/// What a group adds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effect {
    pub(super) mean: f64,
    pub(super) variance: f64,
    /// Pairs that it was learnt from.
    pub(super) pairs: u32,
    pub(super) last: Tick,
}

/// What all groups add: to all regions, and to one.
#[derive(Debug, Default)]
pub(super) struct Levels {
    common: HashMap<Group, Effect>,
    regional: HashMap<(Group, u16), Effect>,
}

impl Levels {
    /// Learns from observations, whose deviations become what is left of them.
    pub(super) fn fit(observations: &mut [Observation]) -> Self {
        let mut levels = Self::default();
        for (at, level) in Level::GROUPS.into_iter().enumerate() {
            let group = |one: &Observation| one.groups.get(at).copied().flatten();
            observations.sort_unstable_by_key(|one| (group(one), one.region, one.prefix));
            for members in observations.chunk_by_mut(|a, b| group(a) == group(b)) {
                levels.learn(level, members.first().and_then(group), members);
            }
        }
        levels
    }

    fn learn(&mut self, level: Level, group: Option<Group>, members: &mut [Observation]) {
        let Some(group) = group else { return };
        let lone = members.windows(2).all(|pair| matches!(pair, [a, b] if a.prefix == b.prefix));
        if matches!(level, Level::WidePrefix | Level::Area) && lone {
            // It would say the same of its one prefix that this says itself.
            return;
        }
        let (common, regional) = level.variances();
        let effect = absorb(members, common, level.below() + regional);
        self.common.insert(group, effect);
        for members in members.chunk_by_mut(|a, b| a.region == b.region) {
            let effect = absorb(members, regional, level.below());
            if let Some(one) = members.first() {
                self.regional.insert((group, one.region), effect);
            }
        }
    }

    /// What a group adds to every region.
    pub(super) fn common(&self, group: Group) -> Option<&Effect> {
        self.common.get(&group)
    }

    /// What a group adds to one region.
    pub(super) fn regional(&self, group: Group, region: u16) -> Option<&Effect> {
        self.regional.get(&(group, region))
    }
}

/// Takes the mean out of what members are off.
fn absorb(members: &mut [Observation], prior: f64, within: f64) -> Effect {
    let deviations: Vec<Deviation> = members
        .iter()
        .map(|one| Deviation { variance: one.deviation.variance + within, ..one.deviation })
        .collect();
    let (mean, variance) = shrunk(&deviations, prior);
    members.iter_mut().for_each(|one| one.deviation.off -= mean);
    let last = members.iter().map(|one| one.last).max().unwrap_or_default();
    let pairs = u32::try_from(members.len()).unwrap_or(u32::MAX);
    Effect { mean, variance, pairs, last }
}
