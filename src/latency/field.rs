//! The field: how routes deviate from the distance model, learnt from all places at once.
//!
//! Kriging, that is a Gaussian process: the deviations of two routes are alike as far as their
//! ends are near each other. A route is alike
//!
//! - another that shares one end, in what that end's network adds to every route;
//! - another whose both ends are near its own, in the way it takes;
//! - and since round trips are the same there and back, it does not matter which end is the
//!   region: what vantages in regions measure to other regions helps clients near them.
//!
//! Each observation is judged by what all others predict for it, so one that lies alone is
//! recognised even where its place has no second sample.

use crate::latency::matrix::Matrix;
use crate::latency::matrix::dot;
use crate::latency::trust::blurred;
use crate::latency::trust::trust;
use crate::model::Coordinates;

/// Kilometres over which likeness falls to 37 %: about where another country's networks begin.
const REACH_KM: f64 = 1500.0;

/// Ends whose closeness is above this are the same site: within 30 km.
const SITE: f64 = 0.98;

/// Variances, in logarithms: of what an end's surroundings add, what its site adds, and what
/// the way adds: 10 %, 10 %, 15 %. Chosen on the matrix in `tests`, over many choices of regions;
/// twice as much changes little.
const OF_END: f64 = 0.01;
const OF_SITE: f64 = 0.01;
const OF_ROUTE: f64 = 0.0225;

/// Rounds of judging; after four nothing changes that matters.
const ROUNDS: usize = 4;

/// What was observed of clients at one place and a region.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    pub(super) at: Coordinates,
    /// The region's position.
    pub(super) region: usize,
    /// Off the distance model, in logarithms.
    pub(super) off: f64,
    pub(super) variance: f64,
    pub(super) doubt: f64,
}

/// What all anchors say of every place.
#[derive(Debug)]
pub(super) struct Field {
    anchors: Vec<Anchor>,
    regions: Vec<Option<Coordinates>>,
    /// How close regions are to regions, and to the anchors' places: a row per region.
    region_to_region: Vec<Vec<f64>>,
    region_to_anchor: Vec<Vec<f64>>,
    inverse: Matrix,
    weights: Vec<f64>,
}

/// What the field says of one place: per region, the deviation; and their covariances.
#[derive(Clone, Debug)]
pub(super) struct Forecast {
    pub(super) means: Vec<f64>,
    pub(super) covariances: Vec<Vec<f64>>,
}

/// How close the four pairs of ends of two routes are: client and client, region and region,
/// then crosswise.
struct Ends {
    clients: f64,
    regions: f64,
    out: f64,
    back: f64,
}

impl Ends {
    fn covariance(&self) -> f64 {
        let Self { clients, regions, out, back } = self;
        let same = |close: &f64| if *close > SITE { 1.0 } else { 0.0 };
        let sites = same(clients) + same(regions) + same(out) + same(back);
        OF_END * (clients + regions + out + back)
            + OF_SITE * sites
            + OF_ROUTE * (clients * regions + out * back)
    }
}

fn closeness(a: Coordinates, b: Coordinates) -> f64 {
    (-a.distance_km(b) / REACH_KM).exp()
}

impl Field {
    /// Learns from anchors, whose regions must have a location.
    pub(super) fn fit(anchors: Vec<Anchor>, regions: &[Option<Coordinates>]) -> Self {
        let close = |a: &Option<Coordinates>, b: Option<Coordinates>| {
            a.zip(b).map_or(0.0, |(a, b)| closeness(a, b))
        };
        let region_to_region: Vec<Vec<f64>> =
            regions.iter().map(|a| regions.iter().map(|b| close(a, *b)).collect()).collect();
        let region_to_anchor: Vec<Vec<f64>> = regions
            .iter()
            .map(|a| anchors.iter().map(|anchor| close(a, Some(anchor.at))).collect())
            .collect();
        let at = |table: &[Vec<f64>], row: usize, column: usize| {
            table.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0.0)
        };
        let covariances = Matrix::symmetric(anchors.len(), |i, j| {
            let (Some(a), Some(b)) = (anchors.get(i), anchors.get(j)) else { return 0.0 };
            let ends = Ends {
                clients: closeness(a.at, b.at),
                regions: at(&region_to_region, a.region, b.region),
                out: at(&region_to_anchor, b.region, i),
                back: at(&region_to_anchor, a.region, j),
            };
            ends.covariance()
        });
        let (inverse, weights) = judge(&anchors, &covariances);
        let regions = regions.to_vec();
        Self { anchors, regions, region_to_region, region_to_anchor, inverse, weights }
    }

    /// How many anchors there are.
    pub(super) const fn len(&self) -> usize {
        self.anchors.len()
    }

    /// The deviations at a place.
    pub(super) fn means(&self, at: Coordinates) -> Vec<f64> {
        self.likenesses(at).iter().map(|row| dot(row, &self.weights)).collect()
    }

    /// The deviations at a place, and how sure they are. As many multiplications as there are
    /// regions, times the square of the anchors.
    pub(super) fn forecast(&self, at: Coordinates) -> Forecast {
        let likenesses = self.likenesses(at);
        let to_region = self.to_regions(at);
        let means = likenesses.iter().map(|row| dot(row, &self.weights)).collect();
        let covariances = likenesses
            .iter()
            .zip(&self.region_to_region)
            .zip(&to_region)
            .map(|((mine, close), back)| {
                let known = self.inverse.times(mine);
                let pairs = likenesses.iter().zip(close).zip(&to_region);
                pairs
                    .map(|((theirs, regions), out)| {
                        let ends = Ends { clients: 1.0, regions: *regions, out: *out, back: *back };
                        ends.covariance() - dot(&known, theirs)
                    })
                    .collect()
            })
            .collect();
        Forecast { means, covariances }
    }

    fn to_regions(&self, at: Coordinates) -> Vec<f64> {
        self.regions.iter().map(|to| to.map_or(0.0, |to| closeness(at, to))).collect()
    }

    /// The covariances of the routes from a place with the anchors, a row per region.
    fn likenesses(&self, at: Coordinates) -> Vec<Vec<f64>> {
        let to_region = self.to_regions(at);
        let to_anchor: Vec<f64> =
            self.anchors.iter().map(|anchor| closeness(at, anchor.at)).collect();
        let row = |(regions, backs): (&Vec<f64>, &Vec<f64>)| {
            let anchors = self.anchors.iter().zip(&to_anchor).zip(backs);
            anchors
                .map(|((anchor, clients), back)| {
                    let of = |row: &[f64]| row.get(anchor.region).copied().unwrap_or(0.0);
                    let (regions, out) = (of(regions), of(&to_region));
                    Ends { clients: *clients, regions, out, back: *back }.covariance()
                })
                .collect()
        };
        self.region_to_region.iter().zip(&self.region_to_anchor).map(row).collect()
    }
}

/// Believes each anchor as far as the others bear it out. Returns the inverse of the covariance
/// of what was observed, and its product with that.
fn judge(anchors: &[Anchor], covariances: &Matrix) -> (Matrix, Vec<f64>) {
    let observed: Vec<f64> = anchors.iter().map(|anchor| anchor.off).collect();
    let mut blur: Vec<f64> = anchors.iter().map(|anchor| anchor.variance).collect();
    for round in 0..ROUNDS {
        let inverse = covariances.inverse_with(&blur);
        let weights = inverse.times(&observed);
        let judged = anchors.iter().zip(&weights).zip(inverse.rows().enumerate());
        let fresh = judged.map(|((anchor, weight), (at, row))| {
            // What all others predict, and how surely, is on the diagonal of the inverse.
            let variance = 1.0 / row.get(at).copied().unwrap_or(1.0).max(f64::MIN_POSITIVE);
            let error = weight * variance;
            (anchor, error, variance)
        });
        for ((anchor, error, variance), blur) in fresh.zip(&mut blur) {
            let open = (variance - *blur).max(0.0);
            let trust = trust(error, open + anchor.variance, anchor.doubt);
            let next = blurred(anchor.variance, open, trust);
            // Halfway, so that two that contradict each other don't take turns.
            *blur = if round == 0 { next } else { (*blur * next).sqrt() };
        }
    }
    let inverse = covariances.inverse_with(&blur);
    let weights = inverse.times(&observed);
    (inverse, weights)
}
