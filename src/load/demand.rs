//! Demand: how much the clients of each origin ask for, from what regions were seen to serve.
//!
//! A region's load is the sum of what it serves of each origin's clients. Where clients were sent
//! is known, by the [`Past`]; so a load that is old news is expected, and changes nothing. What
//! is not expected changes the origins' demand by the part they have in it: a few
//! multiplicative steps, which stay above 0 and leave alone what no reading speaks of. What
//! origins can't explain, a region has to itself: see [`Own`].

use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::load::Reading;
use crate::load::own::Own;
use crate::load::past::Past;
use crate::load::past::Seen;

/// Steps by which the demand is brought to the readings. What mixes strongly needs more, and
/// gets them with the next reading.
const STEPS: usize = 12;

/// What follows another reading sooner is not learnt from: whoever tells a load twenty times a
/// second knows no more than who tells it once, and would be believed twenty times.
const APART: SignedDuration = SignedDuration::from_millis(500);

/// The least part of a surprise that is believed at once, and how great (as a logarithm) one is
/// that is believed whole; between them it grows with the square. Noise is small and is averaged;
/// a crowd is not, and is followed.
const BELIEVED: f64 = 0.25;
const GREAT: f64 = 0.6;

/// The same of what is more than expected where a region is over its hard limit: there is no time
/// to make sure.
pub(super) const HURRIES: f64 = 0.8;

/// How much the last surprises count for how great they usually are, and how great one may be
/// to count there: more is news, not noise.
const USUAL: f64 = 0.05;
const NOISE: f64 = 0.3;

/// The greatest factor by which one reading changes anything.
const MOST: f64 = 20.0;

/// Up to this part of its hard limit a region is idle, and how idle is not learnt: else what is
/// known of a demand would sink with every reading of a quiet night, and take as many to come
/// back. So it takes two, from idle to the limit.
const IDLE: f64 = 1.0 / (MOST * MOST);

/// What is known of the demand.
#[derive(Clone, Debug)]
pub(super) struct Demand {
    /// By origin: the load of one client.
    pub(super) by_origin: Vec<f64>,
    /// By region: what a client's load is multiplied by there.
    pub(super) own: Vec<Own>,
    /// Whether there was a reading.
    pub(super) is_known: bool,
    /// How great surprises are on average, as a logarithm: what readings are wrong by.
    pub(super) noise: f64,
    /// By region, the last reading that was learnt from.
    pub(super) last: Vec<Option<Timestamp>>,
}

/// What one reading says.
struct Evidence {
    region: usize,
    /// By origin, the clients it saw.
    seen: Vec<f64>,
    /// The same in two parts.
    parts: Seen,
    load: f64,
    /// Up to which load it is idle.
    idle: f64,
    /// Whether that is beyond the hard limit.
    is_over: bool,
}

impl Demand {
    /// Nothing is known yet.
    pub(super) fn new(n_regions: usize) -> Self {
        Self {
            by_origin: vec![1.0; n_regions],
            own: vec![Own::UNKNOWN; n_regions],
            is_known: false,
            noise: 0.0,
            last: vec![None; n_regions],
        }
    }

    /// Learns from those readings that are new. `clients` are those of each origin, `hard` the
    /// hard limit of each region that has one.
    pub(super) fn learn(
        &mut self,
        readings: &[Option<Reading>],
        past: &Past,
        ttl: Duration,
        clients: &[f64],
        hard: impl Fn(usize) -> Option<f64>,
    ) {
        // Where there is no limit, it is idle when the least of the others would be.
        let least = (0..clients.len()).filter_map(&hard).reduce(f64::min).unwrap_or_default();
        let mut news = Vec::new();
        for ((region, reading), last) in readings.iter().enumerate().zip(&mut self.last) {
            let Some(reading) = reading else { continue };
            if last.is_none_or(|last| reading.at.duration_since(last) >= APART) {
                *last = Some(reading.at);
                let parts = past.seen(region, reading.at, [ttl, reading.span]);
                let seen: Vec<f64> =
                    parts.open.iter().zip(&parts.chosen).map(|(a, b)| a + b).collect();
                let idle = IDLE * hard(region).unwrap_or(least);
                let is_over = hard(region).is_some_and(|hard| reading.load > hard);
                // Whoever is there without being sent says nothing of those who are.
                if seen.iter().any(|clients| *clients > 0.0) {
                    news.push(Evidence { region, seen, parts, load: reading.load, idle, is_over });
                }
            }
        }
        if news.is_empty() {
            return;
        }
        if !self.is_known {
            self.begin(&news);
            if !self.is_known {
                // Nobody asks for anything yet. Once the first do, that the others do not counts.
                self.last.fill(None);
                return;
            }
            let all: Vec<f64> = news.iter().map(|evidence| evidence.load).collect();
            self.follow(&news, &all, clients);
            return;
        }
        for evidence in &news {
            let surprise = self.surprise(evidence, evidence.load).ln().abs();
            self.noise += USUAL * (surprise.min(NOISE) - self.noise);
        }
        for evidence in &news {
            let loads = self.loads(evidence);
            let kept = 1.0 - self.news(evidence);
            if let Some(own) = self.own.get_mut(evidence.region) {
                own.learn_chosen(evidence.load, loads, self.noise, kept);
            }
        }
        let aims: Vec<f64> = news.iter().map(|evidence| self.aim(evidence)).collect();
        self.follow(&news, &aims, clients);
        for evidence in &news {
            let left = self.surprise(evidence, evidence.load);
            let [_, chosen] = self.loads(evidence);
            if let Some(own) = self.own.get_mut(evidence.region).filter(|_| chosen <= 0.0) {
                own.learn_open(left, self.noise, evidence.is_over);
            }
        }
    }

    /// The same for all origins, so that the sum is right.
    fn begin(&mut self, news: &[Evidence]) {
        let loads: f64 = news.iter().map(|evidence| evidence.load).sum();
        let seen: f64 = news.iter().flat_map(|evidence| &evidence.seen).sum();
        if loads > 0.0 && seen > 0.0 {
            self.by_origin.fill(loads / seen);
            self.is_known = true;
        }
    }

    /// The load that a reading would have shown.
    fn expected(&self, evidence: &Evidence) -> f64 {
        self.loads(evidence).iter().sum()
    }

    /// The same in two parts, as [`Seen`] has them.
    fn loads(&self, evidence: &Evidence) -> [f64; 2] {
        let own = self.own.get(evidence.region).copied().unwrap_or(Own::UNKNOWN);
        let load = |seen: &[f64]| -> f64 {
            seen.iter().zip(&self.by_origin).map(|(n, each)| n * each).sum()
        };
        let Seen { open, chosen } = &evidence.parts;
        [own.open() * load(open), own.factor() * load(chosen)]
    }

    /// A load over what a reading would have shown, within bounds; all that is idle is alike.
    fn surprise(&self, evidence: &Evidence, load: f64) -> f64 {
        ratio(load.max(evidence.idle), self.expected(evidence).max(evidence.idle))
    }

    /// The load that is taken for true: some of a small surprise, all of a great one.
    fn aim(&self, evidence: &Evidence) -> f64 {
        // From idle on, however idle it was thought to be: else it would take for ever.
        let expected = self.expected(evidence).max(evidence.idle);
        let least = if evidence.is_over && evidence.load > expected { HURRIES } else { BELIEVED };
        let believed = self.news(evidence).max(least / (1.0 + 10.0 * self.noise));
        expected * self.surprise(evidence, evidence.load).powf(believed)
    }

    /// How much a reading looks like news of the demand, rather than an error or lumps: 0..=1.
    fn news(&self, evidence: &Evidence) -> f64 {
        let surprise = self.surprise(evidence, evidence.load).ln().abs();
        (surprise / GREAT).powi(2).min(1.0)
    }

    /// Brings the demand to what readings are taken to say.
    fn follow(&mut self, news: &[Evidence], aims: &[f64], clients: &[f64]) {
        let before = self.by_origin.clone();
        (0..STEPS).for_each(|_| self.step(news, aims, clients, &before));
    }

    fn step(&mut self, news: &[Evidence], aims: &[f64], clients: &[f64], before: &[f64]) {
        // Not a surprise: what was thought to be far below idle has to come up all the way.
        let ratio = |(news, aim): (&Evidence, &f64)| {
            let (expected, idle) = (self.expected(news), news.idle);
            if aim.max(expected) <= idle { 1.0 } else { ratio(aim.max(idle), expected) }
        };
        let ratios: Vec<f64> = news.iter().zip(aims).map(ratio).collect();
        let origins = self.by_origin.iter_mut().zip(before).zip(clients).enumerate();
        for (origin, ((each, before), clients)) in origins {
            if *clients <= 0.0 {
                continue;
            }
            let (mut said, mut seen) = (0.0, 0.0);
            for (evidence, ratio) in news.iter().zip(&ratios) {
                let part = evidence.seen.get(origin).copied().unwrap_or(0.0) / clients;
                said += part * ratio;
                seen += part;
            }
            // What no new reading saw of them is as it was thought to be.
            *each = (*each * said + before * (1.0 - seen).max(0.0)) / seen.max(1.0);
        }
    }
}

/// What was over what was expected, within bounds; 1 if both are nothing.
fn ratio(was: f64, expected: f64) -> f64 {
    if expected <= 0.0 {
        return if was > 0.0 { MOST } else { 1.0 };
    }
    (was / expected).clamp(1.0 / MOST, MOST)
}
