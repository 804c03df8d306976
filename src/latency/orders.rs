//! Orders: which regions suit which clients by round trips. One node makes them, all apply them.
//!
//! ```text
//!   own prefix ─► wider prefix ─► network in the area ─► area ─► none: by the next criterion
//!   └───── Block (/24, /48, /20, /40) ──┘ └──── Area (half a degree, country, perhaps ASN) ─┘
//! ```
//!
//! The closest order that there is holds for a client. Few blocks have one: only those whose
//! order differs from that of their area by a margin.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde::Serializer;

use crate::latency::ClientPrefix;
use crate::latency::Estimate;
use crate::latency::Level;
use crate::latency::Tick;
use crate::latency::cell::Summary;
use crate::latency::estimate::confidence;
use crate::latency::model::Square;
use crate::model::Asn;
use crate::model::Place;
use crate::model::RegionId;

/// Clients that share an order by where they are: a square of half a degree, a country, and an
/// autonomous system where that was measured to be another.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Area {
    pub(super) square: Square,
    pub(super) country: Option<[u8; 2]>,
    pub(super) asn: Option<u32>,
}

impl Area {
    /// The area of a place, whatever its autonomous system; `None` without coordinates.
    pub fn of(place: &Place) -> Option<Self> {
        let country = place.country.and_then(|c| <[u8; 2]>::try_from(c.as_str().as_bytes()).ok());
        Some(Self { square: Square::of_place(place.coordinates?), country, asn: None })
    }

    /// A number of its own that all nodes compute alike.
    pub(super) fn number(&self) -> u64 {
        let [a, b] = self.country.unwrap_or_default();
        let asn = self.asn.map_or(0, |asn| u64::from(asn) + 1);
        (u64::from(self.square.number()) << 16 | u64::from(a) << 8 | u64::from(b)) ^ asn << 20
    }

    /// The part of it that is of one autonomous system.
    #[must_use]
    pub const fn of_asn(self, asn: Asn) -> Self {
        Self { asn: Some(asn.0), ..self }
    }
}

/// Neighbouring addresses that share an order since some of them were measured.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Block {
    pub(super) first: ClientPrefix,
    pub(super) is_wide: bool,
}

impl Block {
    /// Its network.
    pub fn net(&self) -> IpNet {
        let bits = match (self.first.address().is_ipv4(), self.is_wide) {
            (true, false) => 24,
            (true, true) => 20,
            (false, false) => 48,
            (false, true) => 40,
        };
        let whole = IpNet::from(self.first.address());
        IpNet::new(self.first.address(), bits).unwrap_or(whole).trunc()
    }
}

/// What was estimated for one region when an order was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Rated {
    region: u16,
    /// In tenths of a millisecond.
    rtt: u16,
    /// In percent.
    confidence: u8,
    level: Level,
    /// When that was measured last.
    last: Option<Tick>,
    /// Samples of the prefix, or pairs of the group.
    count: u32,
}

impl Rated {
    /// Of an estimate that was made at `now`.
    pub(super) fn of(estimate: &Estimate, now: Tick) -> Self {
        Self {
            region: estimate.region.0,
            rtt: whole(estimate.mean_ms * 10.0, u16::MAX),
            confidence: percent(estimate.confidence()),
            level: estimate.source,
            last: estimate.age.map(|age| now.before(age)),
            count: estimate.count,
        }
    }

    /// Of what was measured, where nothing else is known.
    pub(super) fn measured(region: RegionId, summary: &Summary) -> Self {
        Self {
            region: region.0,
            rtt: whole(summary.ln_us.exp() / 100.0, u16::MAX),
            confidence: percent(confidence(summary.spread.max(summary.variance.sqrt()))),
            level: Level::Prefix,
            last: Some(summary.last),
            count: summary.samples,
        }
    }

    /// To which region.
    pub const fn region(&self) -> RegionId {
        RegionId(self.region)
    }

    /// The mean of what the round trip may be, to a tenth of a millisecond.
    pub fn rtt(&self) -> Duration {
        Duration::from_micros(u64::from(self.rtt) * 100)
    }

    /// The chance that the truth is within a quarter of the estimate, in percent.
    pub const fn confidence(&self) -> u8 {
        self.confidence
    }

    /// The narrowest group of clients that was measured to the region.
    pub const fn level(&self) -> Level {
        self.level
    }

    /// When that group was measured last, if it was.
    pub fn last(&self) -> Option<Timestamp> {
        self.last.map(Tick::begin)
    }

    /// Samples of the client's prefix, or pairs of its group.
    pub const fn count(&self) -> u32 {
        self.count
    }

    fn ms(&self) -> f64 {
        f64::from(self.rtt) / 10.0
    }
}

/// Regions, the best first.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Order {
    rated: Box<[Rated]>,
    /// Where the first region belongs, if it is there to be measured.
    pub(super) explored: Option<u16>,
}

impl Order {
    pub(super) fn new(rated: impl IntoIterator<Item = Rated>) -> Self {
        Self { rated: rated.into_iter().collect(), explored: None }
    }

    /// The regions, the best first. Those without location are not among them, unless they were
    /// measured.
    pub fn rated(&self) -> &[Rated] {
        &self.rated
    }

    /// Whether its first region is there to be measured, not because it is the best.
    pub const fn is_exploring(&self) -> bool {
        self.explored.is_some()
    }

    /// Whether the regions are in the same order.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let regions = |order: &Self| order.rated.iter().map(Rated::region).collect::<Vec<_>>();
        regions(self) == regions(other)
    }

    /// How much sooner its first region is than the first of another order, by its own
    /// estimates, in milliseconds.
    pub(super) fn gain_over(&self, other: &Self) -> f64 {
        let ms = |region: u16| self.rated.iter().find(|r| r.region == region).map(Rated::ms);
        let [own, others] = [self, other].map(|o| o.rated.first().and_then(|r| ms(r.region)));
        own.zip(others).map_or(0.0, |(own, others)| others - own)
    }

    /// With another region in front, which is the `nth` now.
    pub(super) fn exploring(&self, nth: u16) -> Self {
        let mut order = self.base();
        if let Some(head) = order.rated.get_mut(..=usize::from(nth)) {
            head.rotate_right(1);
            order.explored = Some(nth);
        }
        order
    }

    /// As it is when nothing is explored.
    pub(super) fn base(&self) -> Self {
        let mut order = self.clone();
        let head = order.explored.take().map(usize::from);
        if let Some(head) = head.and_then(|nth| order.rated.get_mut(..=nth)) {
            head.rotate_left(1);
        }
        order
    }

    /// What is published: the order that was, with those overtaken that are behind in `wanted` and
    /// beaten by a margin. Regions that are gone leave, new ones start where they are wanted.
    #[must_use]
    pub(super) fn settled(&self, wanted: &Self, margin: &Margin) -> Self {
        let place = |region: u16| wanted.rated.iter().position(|one| one.region == region);
        let mut order: Vec<(usize, &Rated)> = self
            .rated
            .iter()
            .filter_map(|rated| place(rated.region))
            .filter_map(|at| Some((at, wanted.rated.get(at)?)))
            .collect();
        for (at, rated) in wanted.rated.iter().enumerate() {
            if order.iter().all(|(other, _)| *other != at) {
                let behind = order.iter().position(|(other, _)| *other > at);
                order.insert(behind.unwrap_or(order.len()), (at, rated));
            }
        }
        // Each passes the foremost that it beats, with all between that it is to be ahead of: a chain
        // of small steps is none that holds up a large one. That ends, as each brings the order
        // closer to what is wanted.
        for _ in 0..order.len() {
            for at in 1..order.len() {
                let Some((ahead, [own, ..])) = order.split_at_checked(at) else { break };
                let passed = ahead.iter().rev().take_while(|other| own.0 < other.0);
                let beaten = passed.enumerate().filter(|(_, o)| margin.is_beaten(o.1, own.1));
                let steps = beaten.map(|(step, _)| step + 1).last().unwrap_or(0);
                if let Some(part) = order.get_mut(at - steps..=at) {
                    part.rotate_right(1);
                }
            }
        }
        let was = |now: &Rated| self.rated.iter().find(|one| one.region == now.region);
        // Round trips that moved little stay too: they decide who shares a tier.
        let keep = |(_, now): (usize, &Rated)| match was(now) {
            Some(was) if !margin.is_beaten(was, now) && !margin.is_beaten(now, was) => {
                Rated { rtt: was.rtt, ..*now }
            }
            Some(_) | None => *now,
        };
        Self::new(order.into_iter().map(keep))
    }

    const fn is_of_use(&self) -> bool {
        !self.rated.is_empty()
    }

    fn renumbered(&self, position: &impl Fn(RegionId) -> Option<RegionId>) -> Self {
        let base = self.base();
        let rated = base.rated.iter().filter_map(|rated| {
            let RegionId(region) = position(rated.region())?;
            Some(Rated { region, ..*rated })
        });
        let order = Self { rated: rated.collect(), explored: None };
        let first = self.rated.first().filter(|_| self.is_exploring());
        // It belongs where it is among those that are left.
        let explored =
            first.and_then(|first| position(first.region())).and_then(|RegionId(first)| {
                let at = order.rated.iter().position(|rated| rated.region == first)?;
                u16::try_from(at).ok().filter(|at| *at > 0)
            });
        explored.map(|nth| order.exploring(nth)).unwrap_or(order)
    }
}

/// By how much a region must be better to overtake another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin {
    /// A share of the other's round trip, 0 to 1.
    pub share: f64,
    /// A time.
    pub least: Duration,
}

impl Default for Margin {
    /// A tenth, and 5 ms: what the ordinary day moves round trips by.
    fn default() -> Self {
        Self { share: 0.1, least: Duration::from_millis(5) }
    }
}

impl Margin {
    /// Whether `better` is better than `other` by it.
    fn is_beaten(&self, other: &Rated, better: &Rated) -> bool {
        let needed = (self.share * other.ms()).max(self.least.as_secs_f64() * 1e3);
        other.ms() - better.ms() > needed
    }
}

/// All orders that were made of what was measured; empty where nothing was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Orders {
    #[serde(serialize_with = "in_order")]
    pub(super) areas: HashMap<Area, Order>,
    /// In order of the blocks.
    pub(super) blocks: Vec<(Block, Order)>,
}

impl Orders {
    /// The order of the clients at a place, if there is one. Constant time.
    pub fn of_place(&self, place: &Place) -> Option<&Order> {
        let area = Area::of(place).filter(|_| !self.areas.is_empty())?;
        let narrow = place.asn.and_then(|asn| self.areas.get(&area.of_asn(asn)));
        narrow.or_else(|| self.areas.get(&area))
    }

    /// The blocks that have an order of their own.
    pub fn blocks(&self) -> impl Iterator<Item = (IpNet, &Order)> {
        self.blocks.iter().map(|(block, order)| (block.net(), order))
    }

    /// The order of the `nth` of the blocks. Constant time.
    pub fn block(&self, nth: u32) -> Option<&Order> {
        self.blocks.get(nth as usize).map(|(_, order)| order)
    }

    /// The order of a block, if it has one of its own. O(log blocks).
    pub(super) fn of_block(&self, block: &Block) -> Option<&Order> {
        let at = self.blocks.binary_search_by_key(block, |(block, _)| *block).ok()?;
        self.blocks.get(at).map(|(_, order)| order)
    }

    /// How many areas have an order.
    pub fn n_areas(&self) -> usize {
        self.areas.len()
    }

    /// How many blocks have one of their own.
    pub fn n_blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Whether nobody has one.
    pub fn is_empty(&self) -> bool {
        self.areas.is_empty() && self.blocks.is_empty()
    }

    /// Whether the same clients get the same regions in the same tiers as with others: what is
    /// only shown may differ.
    pub fn steers_like(&self, other: &Self) -> bool {
        let steers = |a: &Order, b: &Order| {
            let by = |order: &Order| {
                let rated = order.rated.iter();
                rated.map(|rated| (rated.region, rated.rtt)).collect::<Vec<_>>()
            };
            by(a) == by(b)
        };
        let areas = |(area, order): (&Area, &Order)| {
            other.areas.get(area).is_some_and(|others| steers(order, others))
        };
        self.areas.len() == other.areas.len()
            && self.blocks.len() == other.blocks.len()
            && self.areas.iter().all(areas)
            && self.blocks.iter().zip(&other.blocks).all(|(a, b)| a.0 == b.0 && steers(&a.1, &b.1))
    }

    /// The regions by the positions that another configuration gives them; those that it lacks
    /// are left out, and so is who has none left: the next wider order holds for them.
    #[must_use]
    pub fn renumbered(self, position: impl Fn(RegionId) -> Option<RegionId>) -> Self {
        let renumbered = |order: Order| Some(order.renumbered(&position)).filter(Order::is_of_use);
        let areas = self.areas.into_iter().filter_map(|(area, o)| Some((area, renumbered(o)?)));
        let blocks = self.blocks.into_iter().filter_map(|(block, o)| Some((block, renumbered(o)?)));
        Self { areas: areas.collect(), blocks: blocks.collect() }
    }
}

/// Equal orders are equal octets, on every node.
fn in_order<S: Serializer>(areas: &HashMap<Area, Order>, serializer: S) -> Result<S::Ok, S::Error> {
    areas.iter().collect::<BTreeMap<_, _>>().serialize(serializer)
}

fn percent(share: f64) -> u8 {
    u8::try_from(whole(share * 100.0, 100)).unwrap_or(100)
}

/// Rounded, between 0 and a bound.
fn whole(value: f64, most: u16) -> u16 {
    #[expect(clippy::cast_possible_truncation, reason = "it is clamped")]
    #[expect(clippy::cast_sign_loss, reason = "it is clamped")]
    let whole = value.round().clamp(0.0, f64::from(most)) as u16;
    whole
}

#[cfg(test)]
mod tests;
