//! The ledger: who asked for how much, who served it before and after, and what that cost.
//!
//! Sums over regions, countries and moves are of the same entries, so that they agree.

use std::collections::BTreeMap;

use crate::cli::simulate::scene::Group;
use crate::cli::simulate::scene::Scene;
use crate::cli::simulate::setting::Asked;
use crate::cli::simulate::setting::NOBODY;
use crate::cli::simulate::setting::Outlook;
use crate::cli::simulate::spectrum::Mean;
use crate::cli::simulate::spectrum::Spectrum;
use crate::model::Country;
use crate::model::RegionId;
use crate::steer::Costs;
use crate::steer::LabelId;

/// From whom to whom; `None` is nobody.
pub(super) type Way = (Option<RegionId>, Option<RegionId>);

/// All entries, summed up. Loads are in the unit of the demand.
pub(super) struct Ledger {
    pub(super) all: f64,
    pub(super) before: Side,
    pub(super) after: Side,
    pub(super) moved: Moved,
    pub(super) ways: BTreeMap<Way, Moved>,
    pub(super) countries: BTreeMap<Option<Country>, OfCountry>,
}

/// How clients are served, before or after.
pub(super) struct Side {
    /// By region.
    pub(super) loads: Vec<f64>,
    /// Of those for whom nothing is left.
    pub(super) unserved: f64,
    /// How far off they are, in kilometres.
    pub(super) km: Spectrum,
    /// And in milliseconds there and back.
    pub(super) ms: Spectrum,
    /// Of these, how many are by an estimate.
    pub(super) estimated: f64,
}

/// What moved, and what that cost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moved {
    pub(super) load: f64,
    /// How many kilometres more.
    pub(super) km: Mean,
    /// How many milliseconds more.
    pub(super) ms: Mean,
}

/// One country.
#[derive(Clone, Debug, Default)]
pub(super) struct OfCountry {
    pub(super) load: f64,
    pub(super) unserved: f64,
    pub(super) moved: Moved,
    pub(super) ways: BTreeMap<Way, f64>,
}

/// What becomes of one label's clients.
struct Fate {
    each: f64,
    before: Vec<(Option<RegionId>, f64)>,
    after: Vec<(Option<RegionId>, f64)>,
    /// Who moves, as parts.
    ways: Vec<(Way, f64)>,
}

impl Side {
    fn new(n_regions: usize) -> Self {
        Self {
            loads: vec![0.0; n_regions],
            unserved: 0.0,
            km: Spectrum::new(1.0),
            ms: Spectrum::new(0.1),
            estimated: 0.0,
        }
    }

    fn add(&mut self, group: &Group<'_>, costs: &Costs<'_>, by: Option<RegionId>, load: f64) {
        let Some(region) = by else {
            self.unserved += load;
            return;
        };
        if let Some(slot) = self.loads.get_mut(region.index()) {
            *slot += load;
        }
        if let Some(km) = costs.km(&group.whereabouts, region) {
            self.km.add(km, load);
        }
        if let Some(trip) = costs.round_trip(&group.whereabouts, region) {
            self.ms.add(trip.ms, load);
            self.estimated += if trip.is_estimate { load } else { 0.0 };
        }
    }
}

impl Moved {
    fn add(&mut self, load: f64, km: Option<f64>, ms: Option<f64>) {
        self.load += load;
        if let Some(km) = km {
            self.km.add(km, load);
        }
        if let Some(ms) = ms {
            self.ms.add(ms, load);
        }
    }
}

impl Ledger {
    /// Lets all clients go, before and after.
    pub(super) fn of(scene: &Scene, asked: &Asked, before: &Outlook, after: &Outlook) -> Self {
        let n_regions = scene.regions.len();
        let mut ledger = Self {
            all: 0.0,
            before: Side::new(n_regions),
            after: Side::new(n_regions),
            moved: Moved::default(),
            ways: BTreeMap::new(),
            countries: BTreeMap::new(),
        };
        for map in 0..scene.world.maps().len() {
            let Some(costs) = scene.costs(map) else { continue };
            let n_services = scene.world.n_services(map);
            let fates = fates(scene, map, asked, before, after);
            for group in scene.groups(map) {
                let fate = fates.get(group.label.0 as usize).and_then(Option::as_ref);
                let Some(fate) = fate else { continue };
                ledger.enter(&group, &costs, fate, group.clients * n_services * fate.each);
            }
        }
        ledger
    }

    fn enter(&mut self, group: &Group<'_>, costs: &Costs<'_>, fate: &Fate, load: f64) {
        self.all += load;
        let country = self.countries.entry(group.whereabouts.place.country).or_default();
        country.load += load;
        for (by, part) in &fate.before {
            self.before.add(group, costs, *by, load * part);
        }
        for (by, part) in &fate.after {
            self.after.add(group, costs, *by, load * part);
            country.unserved += if by.is_none() { load * part } else { 0.0 };
        }
        for (way, part) in &fate.ways {
            let more = |of: &dyn Fn(RegionId) -> Option<f64>| Some(of(way.1?)? - of(way.0?)?);
            let client = &group.whereabouts;
            let km = more(&|region| costs.km(client, region));
            let ms = more(&|region| costs.round_trip(client, region).map(|trip| trip.ms));
            let load = load * part;
            self.moved.add(load, km, ms);
            self.ways.entry(*way).or_default().add(load, km, ms);
            country.moved.add(load, km, ms);
            *country.ways.entry(*way).or_default() += load;
        }
    }

    /// Of all that is asked for, the part that this is.
    pub(super) fn share(&self, load: f64) -> f64 {
        if self.all > 0.0 { load / self.all } else { 0.0 }
    }
}

/// What becomes of the clients of each label of a map; `None` where there are none.
fn fates(
    scene: &Scene,
    map: usize,
    asked: &Asked,
    before: &Outlook,
    after: &Outlook,
) -> Vec<Option<Fate>> {
    let mut fates = Vec::new();
    let weights = |of: &Outlook| of.setting.weights.get(map).cloned().unwrap_or_default();
    let (old, new) = (weights(before), weights(after));
    let labels = scene.labels(map, &old).zip(scene.labels(map, &new));
    for ((LabelId(label), _, steps), (_, _, changed)) in labels {
        let each = asked.each(&steps);
        let before = before.parts(map, steps);
        let after = after.parts(map, changed);
        let ways = ways(&before, &after);
        fates.resize_with(label as usize, || None);
        fates.push(Some(Fate { each, before, after, ways }));
    }
    fates
}

/// Who moves where, if as many as can stay where they are: who leaves a region goes to those that
/// gain, by how much they do.
fn ways(before: &[(Option<RegionId>, f64)], after: &[(Option<RegionId>, f64)]) -> Vec<(Way, f64)> {
    let of = |parts: &[(Option<RegionId>, f64)], by: Option<RegionId>| {
        parts.iter().filter(|(other, _)| *other == by).map(|(_, part)| part).sum::<f64>()
    };
    let more = |these: &[(Option<RegionId>, f64)], than: &[(Option<RegionId>, f64)]| {
        let mut more: Vec<(Option<RegionId>, f64)> = Vec::new();
        for (by, _) in these {
            let part = of(these, *by) - of(than, *by);
            if part > NOBODY && more.iter().all(|(other, _)| other != by) {
                more.push((*by, part));
            }
        }
        more
    };
    let (leave, gain) = (more(before, after), more(after, before));
    let all: f64 = gain.iter().map(|(_, part)| part).sum();
    let mut ways = Vec::new();
    for (from, leaves) in &leave {
        ways.extend(gain.iter().map(|(to, gains)| ((*from, *to), leaves * gains / all)));
    }
    ways
}
