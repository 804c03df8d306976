//! Estimates, and orders made of them.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::latency::ClientPrefix;
use crate::latency::Level;
use crate::latency::Model;
use crate::latency::SCALE_MS;
use crate::latency::Table;
use crate::latency::Tick;
use crate::latency::cell::Summary;
use crate::latency::field::Forecast;
use crate::latency::levels::Group;
use crate::latency::light_us;
use crate::latency::model::Expected;
use crate::latency::model::Spot;
use crate::latency::model::scaled;
use crate::latency::trust::Deviation;
use crate::latency::trust::shrunk;
use crate::model::Place;
use crate::model::RegionId;

/// How much better a region must look than the nearest one, in standard deviations of the
/// difference: where the client's own networks were measured, and where they were not. Chosen
/// so that places without samples lost in three of 2,000 draws of regions; 3.0 lost in one, and
/// closed half as much of the gap.
const SURE_MEASURED: f64 = 0.25;
const SURE_INFERRED: f64 = 2.0;

/// And by how many milliseconds at the least: nobody notices one.
const WORTH_MS: f64 = 1.0;

/// Anchors without which nothing is inferred for places where nobody was measured: the distance model
/// alone has taken three numbers from them.
const ANCHORS: usize = 20;

/// Forecasts that an estimator keeps; past that it starts anew.
const KEPT: usize = 65_536;

/// For whom a round trip is estimated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Subject {
    /// Its prefix, if its own measurements matter.
    pub prefix: Option<ClientPrefix>,
    /// Where it is.
    pub place: Place,
}

/// An estimated round trip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// To which region.
    pub region: RegionId,
    /// The round trip: half of the truth is below.
    pub rtt: Duration,
    /// The standard deviation of its logarithm: 0.1 is about 10 %.
    pub spread: f64,
    /// The narrowest group of clients that was measured to this region.
    pub source: Level,
    /// How long ago that group was measured last.
    pub age: Option<Duration>,
    /// Samples of the client's prefix, or pairs of its group.
    pub count: u32,
    /// The mean of what the round trip may be, in milliseconds: what regions are ordered by.
    pub(super) mean_ms: f64,
    /// The great circle.
    pub(super) km: f64,
}

impl Estimate {
    /// The chance that the truth is within a quarter of it.
    pub fn confidence(&self) -> f64 {
        confidence(self.spread)
    }
}

/// Estimates from a table and a model of it, and remembers what it worked out.
#[derive(Debug)]
pub struct Estimator<'a> {
    table: &'a Table,
    model: &'a Model,
    now: Tick,
    forecasts: HashMap<Spot, Option<Forecast>>,
}

/// What is made of one subject.
struct Assessment {
    estimates: Vec<Estimate>,
    /// Variances of what each estimate does not share with the others, by region.
    apart: Vec<f64>,
    /// Which of them the field no longer decides, since clients of the area were measured.
    near: Vec<bool>,
    spot: Spot,
    measured: bool,
}

impl<'a> Estimator<'a> {
    /// An estimator for one moment.
    pub fn new(table: &'a Table, model: &'a Model, now: Timestamp) -> Self {
        Self { table, model, now: Tick::of(now), forecasts: HashMap::new() }
    }

    /// The regions in the order in which a subject should get them, the best first: those that
    /// have a location and are `wanted`. It is the order of distance but where what was
    /// measured says otherwise, and says it surely. Empty for a subject without coordinates.
    pub fn order(&mut self, subject: &Subject, wanted: impl Fn(RegionId) -> bool) -> Vec<Estimate> {
        let Some(made) = self.assess(subject) else { return Vec::new() };
        let forecast = self.forecasts.get(&made.spot).and_then(Option::as_ref);
        let is_near = made.measured || matches!(made.spot, Spot::Measured(_));
        let is_informed = is_near || self.model.anchors() >= ANCHORS;
        let mut left: Vec<Estimate> =
            made.estimates.iter().copied().filter(|estimate| wanted(estimate.region)).collect();
        // Stable, as in `nearest`: of equal distances the lower id comes first.
        left.sort_by(|a, b| a.km.total_cmp(&b.km));
        let mut order = Vec::with_capacity(left.len());
        while let Some(nearest) = left.first().copied() {
            let beats = |estimate: &&Estimate| {
                let gain = scale(nearest.rtt) - scale(estimate.rtt);
                let variance = difference(forecast, &made, nearest.region, estimate.region);
                is_informed
                    && is_surely_better(
                        nearest.mean_ms - estimate.mean_ms,
                        gain,
                        variance.sqrt(),
                        made.measured,
                    )
            };
            let better = left.iter().filter(beats);
            let better = better.min_by(|a, b| a.mean_ms.total_cmp(&b.mean_ms));
            let next = better.map_or(nearest.region, |better| better.region);
            order.extend(left.extract_if(.., |estimate| estimate.region == next));
        }
        order
    }

    fn assess(&mut self, subject: &Subject) -> Option<Assessment> {
        let at = subject.place.coordinates?;
        let model = self.model;
        let spot = model.spot(at);
        if self.forecasts.len() >= KEPT && !self.forecasts.contains_key(&spot) {
            self.forecasts.clear();
        }
        let forecast =
            self.forecasts.entry(spot).or_insert_with(|| model.forecast(spot)).as_ref()?;
        let expected = model.expected(at);
        let measured: Vec<(RegionId, Summary)> = subject
            .prefix
            .map(|prefix| self.table.measured(prefix, self.now).collect())
            .unwrap_or_default();
        let groups = Level::GROUPS.map(|level| Group::of(level, subject.prefix, &subject.place));
        let mut drafts: Vec<Draft> = (0_u16..)
            .map(RegionId)
            .zip(expected.iter().zip(&forecast.means))
            .filter_map(|(region, (expected, mean))| {
                let Expected { scaled, km } = (*expected)?;
                let variance = forecast.covariances.get(region.index())?.get(region.index())?;
                let mut draft = Draft::new(region, km, scaled + mean, variance.max(0.0));
                draft.add_groups(model, &groups);
                Some(draft)
            })
            .collect();
        add_own(&mut drafts, &measured);
        let is_near = |draft: &Draft| draft.is_near || draft.source < Level::AsnCountry;
        let is_own = !measured.is_empty() || drafts.iter().any(is_near);
        let mut near = vec![false; expected.len()];
        for draft in drafts.iter().filter(|draft| draft.is_near) {
            if let Some(near) = near.get_mut(draft.region.index()) {
                *near = true;
            }
        }
        let mut apart = vec![0.0; expected.len()];
        for draft in &drafts {
            if let Some(variance) = apart.get_mut(draft.region.index()) {
                *variance = draft.apart;
            }
        }
        let estimates = drafts.iter().map(|draft| draft.finish(self.now)).collect();
        Some(Assessment { estimates, apart, near, spot, measured: is_own })
    }
}

/// An estimate in the making, on the scale of residuals.
struct Draft {
    region: RegionId,
    km: f64,
    scaled: f64,
    /// Variances: of the field, and of what was learnt for this region alone.
    of_field: f64,
    apart: f64,
    /// Whether clients of the area were measured to this region: where the field is off is in what
    /// they say.
    is_near: bool,
    /// And of what is not known of the client, but is as likely to favour any region.
    unknown: f64,
    source: Level,
    last: Option<Tick>,
    count: u32,
}

impl Draft {
    const fn new(region: RegionId, km: f64, scaled: f64, of_field: f64) -> Self {
        let source = Level::Distance;
        Self {
            region,
            km,
            scaled,
            of_field,
            apart: 0.0,
            is_near: false,
            unknown: 0.0,
            source,
            last: None,
            count: 0,
        }
    }

    /// Adds what the groups of a client say, from the widest on.
    fn add_groups(&mut self, model: &Model, groups: &[Option<Group>]) {
        for (level, group) in Level::GROUPS.into_iter().zip(groups) {
            let (common, regional) = level.variances();
            let effect = group.and_then(|group| model.levels.common(group));
            self.scaled += effect.map_or(0.0, |effect| effect.mean);
            self.unknown += effect.map_or(common, |effect| effect.variance);
            let effect = group.and_then(|group| model.levels.regional(group, self.region.0));
            self.scaled += effect.map_or(0.0, |effect| effect.mean);
            if effect.is_none() {
                self.unknown += regional;
            }
            if let Some(effect) = effect {
                self.apart += effect.variance;
                self.is_near |= level == Level::Area;
                self.source = level;
                self.last = Some(effect.last);
                self.count = effect.pairs;
            }
        }
    }

    fn finish(&self, now: Tick) -> Estimate {
        let of_field = if self.is_near { 0.0 } else { self.of_field };
        let variance = of_field + self.apart;
        let ms = |scaled: f64| (scaled.exp() - SCALE_MS).max(light_us(self.km) / 1e3).max(0.01);
        let median = ms(self.scaled);
        Estimate {
            region: self.region,
            rtt: milliseconds(median),
            spread: (variance + self.unknown).sqrt() * (median + SCALE_MS) / median,
            source: self.source,
            age: self.last.map(|last| last.duration_until(now)),
            count: self.count,
            // Of what is spread in logarithms the mean lies above the median.
            mean_ms: ms(self.scaled + variance / 2.0),
            km: self.km,
        }
    }
}

/// Adds what the prefix itself was measured to: first what all its regions have in common.
fn add_own(drafts: &mut [Draft], measured: &[(RegionId, Summary)]) {
    let (common, regional) = Level::Prefix.variances();
    let off = |drafts: &[Draft], (region, summary): &(RegionId, Summary), within: f64| {
        let draft = drafts.iter().find(|draft| draft.region == *region)?;
        Some(Deviation {
            off: scaled(summary.ln_us, draft.km) - draft.scaled,
            variance: summary.variance + within,
            doubt: summary.doubt,
        })
    };
    let deviations: Vec<Deviation> = measured
        .iter()
        .filter_map(|one| {
            let of_field = drafts.iter().find(|draft| draft.region == one.0)?.of_field;
            off(drafts, one, regional + of_field)
        })
        .collect();
    let (mean, variance) = shrunk(&deviations, common);
    for draft in &mut *drafts {
        draft.scaled += mean;
        draft.unknown += variance;
    }
    for draft in 0..drafts.len() {
        let Some(region) = drafts.get(draft).map(|draft| draft.region) else { continue };
        let own = measured.iter().find(|(of, _)| *of == region);
        let deviation = own.and_then(|own| off(drafts, own, 0.0));
        let Some(draft) = drafts.get_mut(draft) else { continue };
        let Some((_, summary)) = own else {
            draft.unknown += regional;
            continue;
        };
        let (mean, variance) = shrunk(deviation.as_slice(), regional);
        draft.scaled += mean;
        draft.apart += variance;
        draft.source = Level::Prefix;
        draft.last = Some(summary.last);
        draft.count = summary.samples;
    }
}

/// The chance that the truth is within a quarter of an estimate of this spread.
pub(super) fn confidence(spread: f64) -> f64 {
    let x = 1.25_f64.ln() / (spread.max(1e-6) * std::f64::consts::SQRT_2);
    // The error function, to four digits.
    (x * (1.128 + 0.1009 * x * x)).tanh()
}

/// The variance of the difference between two regions.
fn difference(forecast: Option<&Forecast>, made: &Assessment, a: RegionId, b: RegionId) -> f64 {
    let is_near = |region: RegionId| made.near.get(region.index()) == Some(&true);
    let covariance = |a: RegionId, b: RegionId| {
        if is_near(a) || is_near(b) {
            return 0.0;
        }
        let row = forecast.and_then(|forecast| forecast.covariances.get(a.index()));
        row.and_then(|row| row.get(b.index())).copied().unwrap_or(0.0)
    };
    let own = |region: RegionId| made.apart.get(region.index()).copied().unwrap_or(0.0);
    (covariance(a, a) + covariance(b, b) - 2.0 * covariance(a, b)).max(0.0) + own(a) + own(b)
}

fn scale(rtt: Duration) -> f64 {
    (rtt.as_secs_f64() * 1e3 + SCALE_MS).ln()
}

fn milliseconds(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default()
}

/// Whether a region is to come before a nearer one, which it is expected to be better than by so
/// many milliseconds, and on the scale of the model by so much with such a standard deviation.
fn is_surely_better(ms: f64, gain: f64, deviation: f64, measured: bool) -> bool {
    let sure = if measured { SURE_MEASURED } else { SURE_INFERRED };
    ms >= WORTH_MS && gain > sure * deviation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_comes_first_unless_another_is_surely_and_noticeably_better() {
        for (ms, gain, deviation, measured, expected) in [
            (10.0, 1.9, 1.0, false, false),
            (10.0, 2.1, 1.0, false, true),
            (10.0, 0.2, 1.0, true, false),
            (10.0, 0.3, 1.0, true, true),
            (0.9, 9.0, 1.0, true, false),
            (0.9, 9.0, 1.0, false, false),
            (1.0, 9.0, 1.0, true, true),
        ] {
            let found = is_surely_better(ms, gain, deviation, measured);
            assert_eq!(found, expected, "{ms} ms, {gain} of {deviation}, measured: {measured}");
        }
    }
}
