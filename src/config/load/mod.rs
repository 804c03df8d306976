//! `capacity`, `limits` and `load` of a region: how much it can take, and how loaded it is.

mod login;
mod source;

use std::time::Duration;

use crate::config::codes;
use crate::config::reader;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::units;
use crate::config::value::Value;
use crate::model::Capacity;
use crate::model::Diagnostic;
use crate::model::LoadFrom;
use crate::model::LoadSource;
use crate::model::Region;
use crate::model::RegionLoad;
use crate::model::limits;

/// Read so often unless the file says otherwise.
const INTERVAL: Duration = Duration::from_secs(10);

/// So many intervals a reading counts for unless the file says otherwise.
const HELD: u32 = 6;

/// Reads what a region says of capacity and load.
pub(super) fn read(section: &mut Section<'_>) -> (Option<Capacity>, Option<RegionLoad>) {
    let capacity = capacity(section);
    let load = load(section);
    if let (Some(capacity), false) = (&capacity, section.contains("load")) {
        let name = &section.name.value;
        let message = format!("region `{name}` has a capacity, but nothing says how loaded it is");
        section.reader().report(
            Diagnostic::warning(codes::CAPACITY_WITHOUT_LOAD, capacity.span, message)
                .label(capacity.span, "of this it is not known how much is used")
                .help("add `load = [{ … }]` with its balancers, or `load = \"push\"`"),
        );
    }
    (capacity.map(|at| at.value), load)
}

/// Reads `capacity` and `limits`.
fn capacity(section: &mut Section<'_>) -> Option<At<Capacity>> {
    let amount = section.value("capacity", "10000");
    let is_there = amount.is_some();
    let amount = amount.and_then(|value| {
        let help = || "write what the region can take, in the unit of its load".to_owned();
        value.number(limits::CAPACITY_LEAST..=limits::LOAD, help)
    });
    let limits = section.value("limits", "{ soft = \"80%\", hard = \"95%\" }");
    if let (Some(lone), false) = (&limits, is_there) {
        let message = format!("region `{}` has limits, but no capacity", section.name.value);
        section.reader().report(
            Diagnostic::error(codes::LIMITS_WITHOUT_CAPACITY, lone.key.span, message)
                .label(lone.key.span, "of what?")
                .help("add `capacity = 10000`, or remove `limits`"),
        );
    }
    let (soft, hard) = limits.and_then(|value| shares(&value)).unwrap_or_default();
    amount.map(|at| {
        at.map(|amount| Capacity {
            amount,
            soft: soft.unwrap_or_else(|| Capacity::SOFT.min(hard.unwrap_or(1.0))),
            hard: hard.unwrap_or_else(|| Capacity::HARD.max(soft.unwrap_or(0.0))),
        })
    })
}

/// Reads `{ soft = "80%", hard = "95%" }` as shares.
fn shares(value: &Value<'_>) -> Option<(Option<f64>, Option<f64>)> {
    let mut section = value.section()?;
    let soft = section.value("soft", "\"80%\"").and_then(|value| value.percent());
    let hard = section.value("hard", "\"95%\"").and_then(|value| value.percent());
    section.close();
    let is_zero = |at: &&At<u8>| at.value == 0;
    let is_crossed = |hard: &&At<u8>| soft.as_ref().is_some_and(|soft| soft.value > hard.value);
    if let Some(at) = hard.as_ref().filter(is_zero) {
        let message = "`hard`: expected \"1%\" to \"100%\", found 0";
        let problem = Diagnostic::error(codes::LOAD_LIMITS, at.span, message);
        value.report(
            problem
                .label(at.span, "nobody could be sent there")
                .help("write \"95%\"; a region that is to have no clients is drained, not limited"),
        );
    } else if let Some(at) = hard.as_ref().filter(is_crossed) {
        let least = soft.as_ref().map_or(0, |soft| soft.value);
        let message = format!("`hard`: expected at least `soft`, {least} %, found {} %", at.value);
        let problem = Diagnostic::error(codes::LOAD_LIMITS, at.span, message);
        let problem = problem.label(at.span, "clients are sent elsewhere from `soft` on");
        value.report(problem.help("write the greater of the two for `hard`"));
    }
    let share = |at: Option<At<u8>>| at.map(|at| f64::from(at.value) / 100.0);
    Some((share(soft), share(hard)))
}

/// Reads `load`, `load-interval` and `load-hold`.
fn load(section: &mut Section<'_>) -> Option<RegionLoad> {
    let value = section.value("load", "[{ nginx-status = { url = \"http://10.0.0.5/status\" } }]");
    let interval = section.value("load-interval", "\"10s\"");
    let hold = section.value("load-hold", "\"60s\"");
    if value.is_none() {
        let lone = interval.or(hold)?;
        let key = &lone.key.value;
        let message =
            format!("region `{}` has `{key}`, but not where its load is read", section.name.value);
        section.reader().report(
            Diagnostic::error(codes::LOAD_TIMES_WITHOUT_LOAD, lone.key.span, message)
                .label(lone.key.span, "of what?")
                .help(format!("add `load = [{{ … }}]`, or remove `{key}`")),
        );
        return None;
    }
    let interval = interval
        .and_then(|v| v.quantity("s", |text| units::within(text, limits::LOAD_INTERVAL)))
        .map_or(INTERVAL, |at| at.value);
    let hold = hold.and_then(|v| v.quantity("s", |text| units::within(text, limits::LOAD_HOLD)));
    if let Some(short) = hold.as_ref().filter(|at| at.value < interval) {
        let (least, found) = (units::show(interval), units::show(short.value));
        let message = format!("`load-hold`: expected at least \"{least}\", found \"{found}\"");
        section.reader().report(
            Diagnostic::error(codes::LOAD_HOLD, short.span, message)
                .label(short.span, "it would be over before the next reading")
                .help(format!("write \"{}\" or more", units::show(interval * HELD))),
        );
    }
    let most = limits::LOAD_HOLD[1];
    let hold = hold.map_or_else(|| (interval * HELD).min(most), |at| at.value);
    Some(RegionLoad { interval, hold, from: from(&value?, interval)? })
}

/// `"push"`, or the sources.
fn from(value: &Value<'_>, interval: Duration) -> Option<LoadFrom> {
    if value.is_text() {
        let push = |text: &str| match text {
            "push" => Ok(LoadFrom::Pushed),
            _ => Err(Fault::new(codes::LOAD_KIND, "\"push\", or a list of sources")
                .help("write \"push\", or `[{ prometheus = { … } }]`")),
        };
        return value.parsed(push).map(|at| at.value);
    }
    let read = |item: &Value<'_>| {
        let span = item.span;
        source::read(item.section()?, interval).map(|source| At { value: source, span })
    };
    let all: Vec<At<LoadSource>> = value.list(read)?.value;
    if let Some(over) = all.get(limits::LOAD_SOURCES_PER_REGION) {
        let most = limits::LOAD_SOURCES_PER_REGION;
        let problem = reader::too_many(over.span, "sources of a region's load", all.len(), most);
        value.report(problem);
    }
    Some(LoadFrom::Pulled(all.into_iter().map(|at| at.value).collect()))
}

/// Reports if all regions together have too many sources.
pub(super) fn check(regions: &[At<Region>]) -> Option<Diagnostic> {
    let count = |region: &Region| match region.load.as_ref().map(|load| &load.from) {
        Some(LoadFrom::Pulled(sources)) => sources.len(),
        Some(LoadFrom::Pushed) | None => 0,
    };
    let all: usize = regions.iter().map(|at| count(&at.value)).sum();
    let last = regions.iter().rev().find(|at| count(&at.value) > 0)?;
    let most = limits::LOAD_SOURCES;
    (all > most).then(|| reader::too_many(last.span, "sources of load", all, most))
}
