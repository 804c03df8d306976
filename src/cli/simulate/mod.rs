//! `meridian simulate`: who would move where, and what becomes of loads, if something changed.
//!
//! ```text
//!   configuration ─► World ── labels, steps ──┐
//!   databases ─► Census: who lives where ─────┼─► Setting before ─► Plan ─┐
//!   population ──┘                            └─► Setting after ──► Plan ─┼─► Ledger ─► Report
//!   --down --drain --weight --capacity ──► Changes ──┘                    │     └─► table, JSON
//!   --demand ──────────────────────────────────────► Asked ───────────────┘
//! ```
//!
//! It goes by the maps that queries are answered from and by the planner of load, so it can't
//! disagree with them; what it adds is where the clients of a label are.
//!
//! # Invariants
//!
//! - Sums over regions, countries and moves, and who has nothing left, come to all that is asked.
//! - Who could stay stays: what is called moved is the least that has to.
//! - Equal files give equal output: no clock, no dice.
//!
//! # Not here
//!
//! How long it takes until caches have ended, and what a planner does on the way: this is where
//! it ends.
//!
//! # Start with
//!
//! [`Scene`], then [`Ledger`](ledger::Ledger).

mod changes;
mod ledger;
mod population;
mod report;
mod scene;
mod setting;
mod spectrum;
mod table;

use std::io::IsTerminal;
use std::sync::Arc;

use crate::cli::Exit;
use crate::cli::arguments::simulate::Simulate;
use crate::cli::geo::credit_to;
use crate::cli::node::any_error;
use crate::cli::node::orders_in;
use crate::cli::node::report;
use crate::cli::output::complain;
use crate::cli::output::fail;
use crate::cli::output::show;
use crate::cli::simulate::changes::Changes;
use crate::cli::simulate::report::OfOrders;
use crate::cli::simulate::report::Report;
use crate::cli::simulate::report::Simulated;
use crate::cli::simulate::scene::Scene;
use crate::cli::simulate::setting::Asked;
use crate::cli::simulate::setting::Setting;
use crate::cli::state;
use crate::config;
use crate::config::Config;
use crate::config::Loaded;
use crate::model::Country;
use crate::samples::Published;
use crate::steer::Population;

pub(super) fn run(options: &Simulate) -> Exit {
    let Loaded { config, diagnostics, sources, .. } = config::load(&options.configured.path());
    if any_error(&diagnostics) {
        report(&diagnostics, &sources);
    }
    let Some(config) = config else { return Exit::Usage };
    match simulate(options, config) {
        Ok(report) => {
            let color = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let text =
                if options.json { report.json() + "\n" } else { table::draw(&report, color) };
            show(&text, if report.is_well() { Exit::Done } else { Exit::Negative })
        }
        Err(problem) => {
            fail(&problem);
            Exit::Usage
        }
    }
}

fn simulate(options: &Simulate, mut config: Config) -> Result<Report, String> {
    let changes = Changes::of(options, &config.regions)?;
    if let Some(name) = &options.service {
        only(&mut config, name)?;
    }
    let population = match &options.population {
        Some(path) => Population::Listed(population::read(path)?),
        None => Population::Shipped,
    };
    let folder = state::folder(config.state.as_deref(), &options.configured.path());
    let published = orders_in(&folder).unwrap_or_else(|problem| {
        complain(&format!("meridian: {problem}\n"));
        Published::default()
    });
    let names: Vec<&str> = config.regions.iter().map(|region| region.name.as_str()).collect();
    config.orders = Arc::new(published.orders_for(&names));
    let credit = credit_to(config.databases.iter().map(Arc::as_ref)).map(str::to_owned);
    let scene = Scene::of(config, &changes, &population)?;
    let before = Setting::of(&scene, &Changes::default());
    let after = Setting::of(&scene, &changes);
    let asked = Asked::of(&scene, &changes.demand, &before, &after)?;
    let (before, after) = (before.planned(&asked), after.planned(&asked));
    let simulated = Simulated {
        scene: &scene,
        changes: &changes,
        asked: &asked,
        before: &before,
        after: &after,
    };
    Ok(Report {
        service: options.service.clone(),
        population: options.population.as_ref().map(|path| path.display().to_string()),
        left_out: left_out(&scene, &population),
        orders: orders(&published),
        credit,
        ..Report::of(&simulated)
    })
}

/// Leaves only that service.
fn only(config: &mut Config, name: &str) -> Result<(), String> {
    let known: Vec<String> = config.services.iter().map(|service| service.name.clone()).collect();
    config.services.retain(|service| service.name == name);
    match config.services.is_empty() {
        true => Err(format!("no service is called `{name}`; there are {}", known.join(", "))),
        false => Ok(()),
    }
}

/// Countries whose clients are nowhere, since no database has a network there.
fn left_out(scene: &Scene, population: &Population) -> Vec<String> {
    let Population::Listed(listed) = population else { return Vec::new() };
    let found = scene.countries();
    let asks =
        listed.iter().filter(|(country, weight)| **weight > 0.0 && !found.contains(*country));
    let mut left_out: Vec<Country> = asks.map(|(country, _)| *country).collect();
    left_out.sort_unstable();
    left_out.into_iter().map(|country| country.to_string()).collect()
}

fn orders(published: &Published) -> Option<OfOrders> {
    let sizes = published.sizes();
    let is_there = sizes.areas + sizes.blocks > 0;
    is_there.then(|| OfOrders {
        at: sizes.at.to_string(),
        areas: sizes.areas,
        blocks: sizes.blocks,
    })
}
