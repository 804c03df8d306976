//! The report as data: what `--json` prints, and the tables are drawn from.

use serde::Serialize;

use crate::cli::simulate::changes::Changes;
use crate::cli::simulate::ledger::Ledger;
use crate::cli::simulate::ledger::Moved;
use crate::cli::simulate::ledger::OfCountry;
use crate::cli::simulate::ledger::Side;
use crate::cli::simulate::ledger::Way;
use crate::cli::simulate::scene::Scene;
use crate::cli::simulate::setting::Asked;
use crate::cli::simulate::setting::Basis;
use crate::cli::simulate::setting::NOBODY;
use crate::cli::simulate::setting::Outlook;
use crate::cli::simulate::spectrum::Spectrum;
use crate::geo::Countries;
use crate::load::Reason;
use crate::model::Country;
use crate::model::RegionId;

/// What would become of everybody.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    /// The service, if only one was looked at.
    pub(super) service: Option<String>,
    /// The file of the population; `None` for what comes with Meridian.
    pub(super) population: Option<String>,
    /// Countries of the population of which the databases have no network.
    pub(super) left_out: Vec<String>,
    pub(super) demand: OfDemand,
    /// What was measured, if a node left it.
    pub(super) orders: Option<OfOrders>,
    pub(super) before: OfSide,
    pub(super) after: OfSide,
    pub(super) moved: OfMoved,
    pub(super) regions: Vec<OfRegion>,
    /// The largest first, all of them.
    pub(super) moves: Vec<Move>,
    /// Those of which most moves first, as a part of all; all in which somebody is.
    pub(super) countries: Vec<InCountry>,
    pub(super) credit: Option<String>,
}

/// How much is asked for.
#[derive(Clone, Debug, Serialize)]
pub(super) struct OfDemand {
    /// `given`, `soft-limit` of a region before the change, or `shares` of one whole.
    pub(super) basis: &'static str,
    /// The region that is at its soft limit.
    pub(super) region: Option<String>,
    /// In the unit of the capacities; `None` for shares.
    pub(super) total: Option<f64>,
}

/// The orders that the maps were compiled by.
#[derive(Clone, Debug, Serialize)]
pub(super) struct OfOrders {
    /// When they were made.
    pub(super) at: String,
    pub(super) areas: usize,
    pub(super) blocks: usize,
}

/// How clients are served, before or after. Shares are of what all ask for.
#[derive(Clone, Debug, Serialize)]
pub(super) struct OfSide {
    /// For whom nothing is left.
    pub(super) unserved: f64,
    /// Of the round trips, the share that was estimated; the rest is the least there may be.
    pub(super) estimated: f64,
    pub(super) distance_km: Spread,
    pub(super) rtt_ms: Spread,
}

/// How values are spread; `None` if nobody's is known.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Spread {
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
    pub(super) mean: Option<f64>,
}

/// What moved, as a share of what all ask for, and what that costs on average.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct OfMoved {
    pub(super) share: f64,
    pub(super) added_km: Option<f64>,
    pub(super) added_ms: Option<f64>,
}

/// One region.
#[derive(Clone, Debug, Serialize)]
pub(super) struct OfRegion {
    pub(super) region: String,
    /// What was changed: `down`, `drained`, `weight 0`, `capacity 900`.
    pub(super) changes: Vec<String>,
    pub(super) before: Load,
    pub(super) after: Load,
    /// Who leaves it, and who comes, of all.
    pub(super) left: f64,
    pub(super) came: f64,
}

/// The load of one region.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Load {
    /// Of all that is asked for.
    pub(super) share: f64,
    /// In the unit of the capacity; `None` for shares.
    pub(super) load: Option<f64>,
    pub(super) capacity: Option<f64>,
    /// The load as a part of the capacity.
    pub(super) used: Option<f64>,
    /// What it refuses since it is full, of all.
    pub(super) refused: f64,
    /// Why it refuses whom it refuses.
    pub(super) reason: &'static str,
}

/// Who goes from one region to another.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Move {
    /// `None`: had nothing before.
    pub(super) from: Option<String>,
    /// `None`: has nothing left.
    pub(super) to: Option<String>,
    #[serde(flatten)]
    pub(super) moved: OfMoved,
}

/// One country.
#[derive(Clone, Debug, Serialize)]
pub(super) struct InCountry {
    /// `None`: what is in no country.
    pub(super) country: Option<String>,
    pub(super) name: Option<&'static str>,
    /// Of what all ask for, what its clients do.
    pub(super) share: f64,
    /// Of them, for whom nothing is left.
    pub(super) unserved: f64,
    /// Of what all ask for, what moves.
    pub(super) moved: OfMoved,
    /// Of its own, what moves.
    pub(super) moved_of_country: f64,
    /// The largest first; shares are of all.
    pub(super) moves: Vec<InCountryMove>,
}

/// Who of a country goes from one region to another.
#[derive(Clone, Debug, Serialize)]
pub(super) struct InCountryMove {
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) share: f64,
}

/// What was simulated.
pub(super) struct Simulated<'a> {
    pub(super) scene: &'a Scene,
    pub(super) changes: &'a Changes,
    pub(super) asked: &'a Asked,
    pub(super) before: &'a Outlook,
    pub(super) after: &'a Outlook,
}

impl Report {
    /// What comes of it. What only the command knows, from which files it was, is left empty.
    pub(super) fn of(simulated: &Simulated<'_>) -> Self {
        let Simulated { scene, changes, asked, before, after } = simulated;
        let ledger = Ledger::of(scene, asked, before, after);
        let told = |of: RegionId| changes.told(of);
        let ids = (0..).map(RegionId).take(scene.regions.len());
        let ranked = scene.ranked();
        let shown = ids.filter(|id| ranked.contains(*id) || !told(*id).is_empty());
        let regions = shown.map(|id| region(simulated, &ledger, id)).collect();
        let moves = ledger.ways.iter().map(|(way, moved)| Move {
            from: way.0.map(|region| scene.name(region).to_owned()),
            to: way.1.map(|region| scene.name(region).to_owned()),
            moved: OfMoved::of(moved, &ledger),
        });
        let mut moves: Vec<Move> = moves.collect();
        // Stable: equal ones stay in the order of the configuration.
        moves.sort_by(|a, b| b.moved.share.total_cmp(&a.moved.share));
        let in_country = |(country, of): (&Option<Country>, &OfCountry)| {
            InCountry::of(scene, &ledger, *country, of)
        };
        let mut countries: Vec<InCountry> = ledger.countries.iter().map(in_country).collect();
        let key = |of: &InCountry| (of.moved.share, of.share);
        countries.sort_by(|a, b| {
            let ((moved, share), (other_moved, other_share)) = (key(a), key(b));
            other_moved.total_cmp(&moved).then(other_share.total_cmp(&share))
        });
        Self {
            service: None,
            population: None,
            left_out: Vec::new(),
            demand: OfDemand::of(scene, asked, &ledger),
            orders: None,
            before: OfSide::of(&ledger.before, &ledger),
            after: OfSide::of(&ledger.after, &ledger),
            moved: OfMoved::of(&ledger.moved, &ledger),
            regions,
            moves,
            countries,
            credit: None,
        }
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Whether everybody is served after the change, and no region is over its hard limit.
    pub(super) fn is_well(&self) -> bool {
        let is_over = |of: &OfRegion| matches!(of.after.reason, "captive" | "overloaded");
        self.after.unserved <= 0.0 && !self.regions.iter().any(is_over)
    }
}

fn region(simulated: &Simulated<'_>, ledger: &Ledger, id: RegionId) -> OfRegion {
    let Simulated { scene, changes, asked, before, after } = simulated;
    let load = |outlook: &Outlook, side: &Side| {
        let load = side.loads.get(id.index()).copied().unwrap_or(0.0);
        let capacity = outlook.setting.capacities.get(id.index()).copied().flatten();
        let planned = outlook.plan.regions.get(id.index());
        let refused = planned.map_or(0.0, |plan| (plan.arrivals - plan.served).max(0.0));
        Load {
            share: share(load, ledger),
            load: (asked.basis != Basis::Shares).then(|| rounded(load, 1e3)),
            capacity: capacity.map(|capacity| capacity.amount),
            used: capacity.map(|capacity| rounded(load / capacity.amount, 1e6)),
            refused: share(refused, ledger),
            reason: planned.map_or("unlimited", |plan| word(plan.reason)),
        }
    };
    let sum = |is_it: &dyn Fn(&Way) -> bool| -> f64 {
        ledger.ways.iter().filter(|(way, _)| is_it(way)).map(|(_, moved)| moved.load).sum()
    };
    OfRegion {
        region: scene.name(id).to_owned(),
        changes: changes.told(id),
        before: load(before, &ledger.before),
        after: load(after, &ledger.after),
        left: share(sum(&|way| way.0 == Some(id)), ledger),
        came: share(sum(&|way| way.1 == Some(id)), ledger),
    }
}

const fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::Unlimited => "unlimited",
        Reason::Unknown => "unknown",
        Reason::Away => "away",
        Reason::Room => "room",
        Reason::Sparing => "sparing",
        Reason::Pressed => "pressed",
        Reason::Overloaded => "overloaded",
        Reason::Captive => "captive",
        Reason::Returning => "returning",
    }
}

impl OfDemand {
    fn of(scene: &Scene, asked: &Asked, ledger: &Ledger) -> Self {
        let total = Some(rounded(ledger.all, 1e3));
        match asked.basis {
            Basis::Given => Self { basis: "given", region: None, total },
            Basis::SoftLimit(region) => {
                let region = Some(scene.name(region).to_owned());
                Self { basis: "soft-limit", region, total }
            }
            Basis::Shares => Self { basis: "shares", region: None, total: None },
        }
    }
}

impl OfSide {
    fn of(side: &Side, ledger: &Ledger) -> Self {
        let unserved = if side.unserved > ledger.all * NOBODY { side.unserved } else { 0.0 };
        let of = side.ms.weight();
        Self {
            unserved: share(unserved, ledger),
            estimated: if of > 0.0 { rounded(side.estimated / of, 1e6) } else { 0.0 },
            distance_km: Spread::of(&side.km),
            rtt_ms: Spread::of(&side.ms),
        }
    }
}

impl Spread {
    fn of(spectrum: &Spectrum) -> Self {
        let percentile = |part| spectrum.percentile(part).map(|value| rounded(value, 10.0));
        Self {
            p50: percentile(0.5),
            p95: percentile(0.95),
            mean: spectrum.mean().map(|mean| rounded(mean, 10.0)),
        }
    }
}

impl OfMoved {
    fn of(moved: &Moved, ledger: &Ledger) -> Self {
        Self {
            share: share(moved.load, ledger),
            added_km: moved.km.get().map(|km| rounded(km, 10.0)),
            added_ms: moved.ms.get().map(|ms| rounded(ms, 10.0)),
        }
    }
}

impl InCountry {
    fn of(scene: &Scene, ledger: &Ledger, country: Option<Country>, of: &OfCountry) -> Self {
        let name = |region: RegionId| scene.name(region).to_owned();
        let part = |load: f64| if of.load > 0.0 { rounded(load / of.load, 1e6) } else { 0.0 };
        let moves = of.ways.iter().map(|((from, to), load)| InCountryMove {
            from: from.map(name),
            to: to.map(name),
            share: share(*load, ledger),
        });
        let mut moves: Vec<InCountryMove> = moves.collect();
        moves.sort_by(|a, b| b.share.total_cmp(&a.share));
        Self {
            country: country.map(|country| country.to_string()),
            name: country.and_then(|country| Countries::builtin().name(country)),
            share: share(of.load, ledger),
            unserved: part(of.unserved),
            moved: OfMoved::of(&of.moved, ledger),
            moved_of_country: part(of.moved.load),
            moves,
        }
    }
}

/// Of what all ask for, to a millionth.
fn share(load: f64, ledger: &Ledger) -> f64 {
    rounded(ledger.share(load), 1e6)
}

/// To so many parts of one: more digits are noise, and differ from machine to machine.
fn rounded(value: f64, parts: f64) -> f64 {
    // Adding 0 makes a negative zero a positive one.
    (value * parts).round() / parts + 0.0
}
