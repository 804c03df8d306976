//! The model: what everything that was measured says of everything that was not.
//!
//! ```text
//!   table ─► observations ─┬─► anchors ─► DistanceModel ─► Field
//!            (clamped by   │   (neighbours                   │
//!             light)       │    put together)               ▼
//!                          └──────────────────────────► what is left ─► Levels
//! ```

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::latency::ClientPrefix;
use crate::latency::DistanceModel;
use crate::latency::Level;
use crate::latency::SCALE_MS;
use crate::latency::Table;
use crate::latency::Tick;
use crate::latency::cell::Summary;
use crate::latency::cell::weighted_median;
use crate::latency::corridors::Corridors;
use crate::latency::corridors::Junction;
use crate::latency::field::Anchor;
use crate::latency::field::Field;
use crate::latency::field::Forecast;
use crate::latency::levels::Group;
use crate::latency::levels::Levels;
use crate::latency::levels::Observation;
use crate::latency::light_us;
use crate::latency::trust::Deviation;
use crate::model::Coordinates;
use crate::model::Place;
use crate::model::RegionId;
use crate::model::limits;

/// Variance of what prefixes at one place differ by: 6 %, added to what each was measured to.
const WITHIN: f64 = 0.0036;

/// Degrees of the squares in which clients share an order, and the finest in which they share an
/// anchor: at the equator 55 km, far less than the field reaches.
const GRAIN: f64 = 0.5;

/// Degrees of the squares in which clients share a forecast where nobody was measured: a forecast
/// takes milliseconds, and the globe has 30,000 squares with clients but 3,000 of these.
const COARSE: f64 = 2.0;

/// Everything that was learnt, at one moment. Not changed by what comes later: fit another.
#[derive(Debug)]
pub struct Model {
    distance: DistanceModel,
    pub(super) field: Field,
    pub(super) levels: Levels,
    junctions: Vec<Option<Junction>>,
    /// The place of an anchor stands for its square.
    sites: HashMap<Square, Coordinates>,
}

/// A square of [`GRAIN`] degrees, or of a multiple: latitude, then longitude, in steps.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub(super) struct Square(i16, i16);

impl Square {
    /// The one of [`GRAIN`] degrees that a place is in.
    pub(super) fn of_place(at: Coordinates) -> Self {
        Self::of(at, GRAIN)
    }

    fn of(at: Coordinates, degrees: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "at most 360 steps each way")]
        let step = |degree: f64| (degree / degrees).floor() as i16;
        Self(step(at.lat()), step(at.lon()))
    }

    /// Both steps in one number.
    pub(super) fn number(self) -> u32 {
        u32::from(self.0.cast_unsigned()) << 16 | u32::from(self.1.cast_unsigned())
    }

    fn center(self, degrees: f64) -> Option<Coordinates> {
        let middle = |step: i16| (f64::from(step) + 0.5) * degrees;
        Coordinates::new(middle(self.0).clamp(-90.0, 90.0), middle(self.1).clamp(-180.0, 180.0))
    }
}

/// Whose forecast a place shares: that of its square, or of a coarse one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Spot {
    Measured(Square),
    Coarse(Square),
}

/// What the distance model says of one route.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) scaled: f64,
    /// The great circle.
    pub(super) km: f64,
}

/// One pair, before it is put together with its neighbours.
struct Pair {
    prefix: ClientPrefix,
    region: RegionId,
    place: Place,
    at: Coordinates,
    scaled: f64,
    summary: Summary,
}

impl Model {
    /// Learns from a table; `ground` tells where a prefix is.
    ///
    /// Takes some 300 ns per pair, and seconds with [`limits::LATENCY_ANCHORS`] anchors: not for
    /// a thread that has anything else to do.
    pub fn fit(table: &Table, ground: impl Fn(ClientPrefix) -> Place, now: Timestamp) -> Self {
        let corridors = Corridors::builtin();
        let regions = table.regions();
        let junctions: Vec<Option<Junction>> =
            regions.iter().map(|at| at.map(|at| corridors.junction(at))).collect();
        let pairs = gather(table, ground, Tick::of(now));
        let mut anchors = put_together(&pairs);
        let sites: HashMap<Square, Coordinates> =
            anchors.iter().map(|anchor| (Square::of(anchor.at, GRAIN), anchor.at)).collect();
        let lengths = |at: Coordinates, region: usize| {
            let to = junctions.get(region).copied().flatten();
            to.map(|to| corridors.lengths(&corridors.junction(at), &to))
        };
        let data: Vec<((f64, f64), f64)> = anchors
            .iter()
            .filter_map(|anchor| Some((lengths(anchor.at, anchor.region)?, anchor.off)))
            .collect();
        let distance = DistanceModel::fit(&data);
        for anchor in &mut anchors {
            let expected = lengths(anchor.at, anchor.region).map(|km| distance.scaled(km));
            anchor.off -= expected.unwrap_or(anchor.off);
        }
        let field = Field::fit(anchors, regions);
        let mut model = Self { distance, field, levels: Levels::default(), junctions, sites };
        let mut observations = model.left_over(&pairs);
        model.levels = Levels::fit(&mut observations);
        model
    }

    /// The distance model that was fitted.
    pub const fn distance(&self) -> &DistanceModel {
        &self.distance
    }

    /// How many groups of clients, times regions, it was learnt from.
    pub const fn anchors(&self) -> usize {
        self.field.len()
    }

    /// What the distance model says of a place, per region; `None` for those without location.
    pub(super) fn expected(&self, at: Coordinates) -> Vec<Option<Expected>> {
        let corridors = Corridors::builtin();
        let from = corridors.junction(at);
        let region = |to: &Option<Junction>| {
            let lengths = corridors.lengths(&from, to.as_ref()?);
            Some(Expected { scaled: self.distance.scaled(lengths), km: lengths.0 })
        };
        self.junctions.iter().map(region).collect()
    }

    /// Whose forecast a place shares.
    pub(super) fn spot(&self, at: Coordinates) -> Spot {
        let square = Square::of_place(at);
        match self.sites.contains_key(&square) {
            true => Spot::Measured(square),
            false => Spot::Coarse(Square::of(at, COARSE)),
        }
    }

    /// The forecast of a spot.
    pub(super) fn forecast(&self, spot: Spot) -> Option<Forecast> {
        let at = match spot {
            Spot::Measured(square) => self.stand_in(square),
            Spot::Coarse(square) => square.center(COARSE),
        };
        Some(self.field.forecast(at?))
    }

    /// The place that stands for a square: of an anchor there, or its middle.
    pub(super) fn stand_in(&self, square: Square) -> Option<Coordinates> {
        self.sites.get(&square).copied().or_else(|| square.center(GRAIN))
    }

    /// Whether clients of a square were measured.
    pub(super) fn is_measured(&self, square: Square) -> bool {
        self.sites.contains_key(&square)
    }

    /// Whether clients of a group were measured.
    pub(super) fn knows(&self, group: Group) -> bool {
        self.levels.common(group).is_some()
    }

    /// What distance and field leave over of each pair.
    fn left_over(&self, pairs: &[Pair]) -> Vec<Observation> {
        let mut means: HashMap<Square, Vec<f64>> = HashMap::new();
        let mut left = Vec::with_capacity(pairs.len());
        let mut last: Option<(Coordinates, Vec<Option<Expected>>)> = None;
        for pair in pairs {
            let square = Square::of_place(pair.at);
            let means = means.entry(square).or_insert_with(|| {
                self.stand_in(square).map(|at| self.field.means(at)).unwrap_or_default()
            });
            // All of a prefix come in a row, and mostly all of a place.
            let (_, expected) = match last.take() {
                Some((at, expected)) if at == pair.at => last.insert((at, expected)),
                _ => last.insert((pair.at, self.expected(pair.at))),
            };
            let region = pair.region.index();
            let expected = expected.get(region).copied().flatten();
            let Some((expected, mean)) = expected.zip(means.get(region)) else { continue };
            let deviation = Deviation {
                off: pair.scaled - expected.scaled - mean,
                variance: pair.summary.variance,
                doubt: pair.summary.doubt,
            };
            left.push(Observation {
                groups: Level::GROUPS.map(|level| Group::of(level, Some(pair.prefix), &pair.place)),
                prefix: pair.prefix,
                region: pair.region.0,
                deviation,
                last: pair.summary.last,
            });
        }
        left
    }
}

/// The pairs whose ends are both known; of more than [`limits::LATENCY_FIT`], those of some
/// prefixes only.
fn gather(table: &Table, ground: impl Fn(ClientPrefix) -> Place, now: Tick) -> Vec<Pair> {
    let one_in = table.pairs(now).count() / limits::LATENCY_FIT + 1;
    let kept = table.pairs(now).filter(|(prefix, ..)| prefix.spread() % one_in == 0);
    let mut last: Option<(ClientPrefix, Place)> = None;
    kept.filter_map(|(prefix, region, summary)| {
        let place = match last {
            Some((of, place)) if of == prefix => place,
            _ => ground(prefix),
        };
        last = Some((prefix, place));
        let at = place.coordinates?;
        let km = at.distance_km((*table.regions().get(region.index())?)?);
        let scaled = scaled(summary.ln_us, km);
        Some(Pair { prefix, region, place, at, scaled, summary })
    })
    .collect()
}

/// A measured logarithm of microseconds on the scale of residuals; not below light.
pub(super) fn scaled(ln_us: f64, km: f64) -> f64 {
    (ln_us.exp().max(light_us(km)) / 1e3 + SCALE_MS).ln()
}

/// Puts pairs of one region and one square together, in squares as small as the bound on
/// anchors lets them be. Returns anchors with the scaled round trip for deviation.
fn put_together(pairs: &[Pair]) -> Vec<Anchor> {
    let mut degrees = GRAIN;
    loop {
        let mut groups: HashMap<(Square, RegionId), Vec<&Pair>> = HashMap::new();
        for pair in pairs {
            groups.entry((Square::of(pair.at, degrees), pair.region)).or_default().push(pair);
        }
        if groups.len() <= limits::LATENCY_ANCHORS || degrees > 360.0 {
            // In an order of its own, so that equal tables give equal models.
            let mut groups: Vec<_> = groups.into_iter().collect();
            groups.sort_unstable_by_key(|(key, _)| *key);
            let groups = groups.into_iter().take(limits::LATENCY_ANCHORS);
            return groups.filter_map(|((_, region), pairs)| anchor(region, &pairs)).collect();
        }
        degrees *= 2.0;
    }
}

/// What several pairs say together.
fn anchor(region: RegionId, pairs: &[&Pair]) -> Option<Anchor> {
    let first = pairs.first()?;
    let weigh = |pair: &&Pair| (pair.scaled, 1.0 / (pair.summary.variance + WITHIN));
    let mut words: Vec<(f64, f64)> = pairs.iter().map(weigh).collect();
    let off = weighted_median(&mut words)?;
    let all: f64 = words.iter().map(|(_, weight)| weight).sum();
    let spread: f64 = words.iter().map(|(word, weight)| weight * (word - off).powi(2)).sum();
    let members = f64::from(u32::try_from(pairs.len()).unwrap_or(u32::MAX));
    let close = words.iter().filter(|(word, _)| (word - off).abs() < 0.47).count();
    let doubt = if pairs.len() == 1 {
        first.summary.doubt
    } else if 2 * close > pairs.len() {
        let doubts: f64 = pairs.iter().map(|pair| pair.summary.doubt).sum();
        doubts / members.powi(2)
    } else {
        0.1
    };
    // A median is half as sure again as a mean; where they scatter, so much less.
    let scatter = (spread / all).min(0.6) / members;
    Some(Anchor {
        at: first.at,
        region: region.index(),
        off,
        variance: 1.0 / all + 1.5 * scatter,
        doubt,
    })
}
