//! The report as text, 100 columns at most where names are short.

use std::array;
use std::fmt::Write;

use crate::cli::columns;
use crate::cli::columns::Cell;
use crate::cli::columns::Colour;
use crate::cli::output::plain;
use crate::cli::simulate::report::Load;
use crate::cli::simulate::report::OfMoved;
use crate::cli::simulate::report::OfRegion;
use crate::cli::simulate::report::Report;
use crate::cli::simulate::report::Spread;

/// Moves and countries that are shown; `--json` has all.
const SHOWN: usize = 10;

/// Columns of the table of regions.
const CAPACITY: usize = 5;
const REFUSED: usize = 6;

/// Draws it, in colours if a terminal reads it.
pub(super) fn draw(report: &Report, color: bool) -> String {
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ok = write(&mut out, report, color);
    out
}

fn write(out: &mut String, report: &Report, color: bool) -> std::fmt::Result {
    write_head(out, report)?;
    writeln!(out)?;
    write_moved(out, report, color)?;
    out.push('\n');
    out.push_str(&regions(report, color));
    out.push('\n');
    out.push_str(&distances(report, color));
    writeln!(out, "{}", round_trips(report))?;
    if !report.moves.is_empty() {
        out.push('\n');
        out.push_str(&moves(report, color));
        out.push('\n');
        out.push_str(&countries(report, color));
    }
    match &report.credit {
        Some(credit) => writeln!(out, "\n{credit}"),
        None => Ok(()),
    }
}

fn write_head(out: &mut String, report: &Report) -> std::fmt::Result {
    let changed = report.regions.iter().filter(|region| !region.changes.is_empty());
    let changed = changed.map(|region| format!("{} {}", region.region, region.changes.join(", ")));
    let changed: Vec<String> = changed.collect();
    let change = if changed.is_empty() { "nothing changes".into() } else { changed.join("; ") };
    match &report.service {
        Some(service) => writeln!(out, "{change}; service {service}")?,
        None => writeln!(out, "{change}")?,
    }
    let total = report.demand.total.map(amount).unwrap_or_default();
    match &report.demand.region {
        Some(region) => writeln!(out, "asked for: {total}, {region} at its soft limit before")?,
        None if report.demand.total.is_some() => writeln!(out, "asked for: {total}")?,
        None => writeln!(out, "asked for: shares of one whole, since no region has a capacity")?,
    }
    match &report.population {
        Some(file) => writeln!(out, "clients: {}", plain(file))?,
        None => writeln!(out, "clients: the people who use the Internet")?,
    }
    match report.left_out.as_slice() {
        [] => Ok(()),
        left_out => writeln!(out, "left out: no network in {}", left_out.join(", ")),
    }
}

fn write_moved(out: &mut String, report: &Report, color: bool) -> std::fmt::Result {
    let OfMoved { share, added_km, added_ms } = report.moved;
    write!(out, "moved: {} of all", percent(share))?;
    if let Some(km) = added_km {
        write!(out, ", on average {} km further", signed(km, 0))?;
    }
    if let Some(ms) = added_ms {
        write!(out, ", {} ms", signed(ms, 1))?;
    }
    writeln!(out)?;
    if report.after.unserved > 0.0 {
        let text = format!(
            "nothing is left for {}: they get what `all-down` says",
            percent(report.after.unserved)
        );
        writeln!(out, "{}", Colour::Bad.paint(&text, color))?;
    }
    Ok(())
}

fn regions(report: &Report, color: bool) -> String {
    let head = ["REGION", "BEFORE", "", "AFTER", "", "CAPACITY", "REFUSED", ""];
    let refused = |load: &Load| match (report.demand.total, load.refused) {
        (_, refused) if refused <= 0.0 => String::new(),
        (Some(total), refused) => amount(refused * total),
        (None, refused) => percent(refused),
    };
    let capacity = |region: &OfRegion| {
        let [before, after] = [&region.before, &region.after].map(|load| load.capacity.map(amount));
        match (before, after) {
            (Some(before), Some(after)) if before != after => format!("{before} → {after}"),
            (before, after) => after.or(before).unwrap_or_default(),
        }
    };
    let row = |region: &OfRegion| {
        let mut notes = region.changes.clone();
        if !matches!(region.after.reason, "unlimited" | "room" | "away") {
            notes.push(region.after.reason.to_owned());
        }
        let [load, used, later, used_later] = array::from_fn(|nth| match nth {
            0 => served(&region.before),
            1 => region.before.used.map(percent).unwrap_or_default(),
            2 => served(&region.after),
            _ => region.after.used.map(percent).unwrap_or_default(),
        });
        let name = plain(&region.region);
        let (capacity, refused) = (capacity(region), refused(&region.after));
        [name, load, used, later, used_later, capacity, refused, notes.join(", ")]
    };
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(report.regions.iter().map(row));
    // No head over a column that says nothing.
    for column in [CAPACITY, REFUSED] {
        let is_said = |row: &[String; 8]| row.get(column).is_some_and(|cell| !cell.is_empty());
        if let Some((head, rows)) = rows.split_first_mut()
            && !rows.iter().any(is_said)
            && let Some(cell) = head.get_mut(column)
        {
            cell.clear();
        }
    }
    let colour = |row: usize, column: usize| {
        let after = row.checked_sub(1).and_then(|at| report.regions.get(at)).map(|r| &r.after);
        match (column, after.map(|load| load.reason)) {
            (_, None) => Some(Colour::Faint),
            (3.., Some("captive" | "overloaded")) => Some(Colour::Bad),
            (3.., Some("pressed" | "sparing")) => Some(Colour::Odd),
            (_, Some(_)) => None,
        }
    };
    aligned(&rows, 1..=6, colour, color)
}

fn distances(report: &Report, color: bool) -> String {
    let line = |name: &str, before: &Spread, after: &Spread, digits: usize, unit: &str| {
        let both = |before: Option<f64>, after: Option<f64>| match (before, after) {
            (None, None) => "unknown".to_owned(),
            (before, after) => {
                let shown = |value: Option<f64>| {
                    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
                };
                format!("{} → {} {unit}", shown(before), shown(after))
            }
        };
        [
            name.to_owned(),
            both(before.p50, after.p50),
            both(before.p95, after.p95),
            both(before.mean, after.mean),
        ]
    };
    let (before, after) = (&report.before, &report.after);
    let rows = [
        ["", "P50", "P95", "MEAN"].map(str::to_owned),
        line("distance", &before.distance_km, &after.distance_km, 0, "km"),
        line("round trip", &before.rtt_ms, &after.rtt_ms, 1, "ms"),
    ];
    aligned(&rows, 1..=3, |row, _| (row == 0).then_some(Colour::Faint), color)
}

/// By what round trips are known.
fn round_trips(report: &Report) -> String {
    let least = "the least over the great circle, 1 ms for 100 km";
    match (&report.orders, report.before.estimated.max(report.after.estimated)) {
        (None, _) => format!("round trips are {least}"),
        (Some(orders), estimated) if estimated <= 0.0 => {
            let at = &orders.at;
            format!("round trips are {least}; nobody is ranked by the orders of {at}")
        }
        (Some(orders), _) => {
            let [before, after] = [&report.before, &report.after].map(|s| percent(s.estimated));
            let at = &orders.at;
            format!("round trips: {before} → {after} as estimated {at}, the rest {least}")
        }
    }
}

fn moves(report: &Report, color: bool) -> String {
    let mut rows = vec![["FROM", "TO", "OF ALL", "KM", "MS"].map(str::to_owned)];
    rows.extend(report.moves.iter().take(SHOWN).map(|of| {
        let [km, ms] = added(&of.moved);
        [end(of.from.as_ref()), end(of.to.as_ref()), percent(of.moved.share), km, ms]
    }));
    more(report.moves.len(), "moves")
        + &aligned(&rows, 2..=4, |row, _| (row == 0).then_some(Colour::Faint), color)
}

fn countries(report: &Report, color: bool) -> String {
    let head = ["", "COUNTRY", "OF ALL", "MOVED", "KM", "MS", "MOSTLY FROM", "TO"];
    let mut rows = vec![head.map(str::to_owned)];
    let moved = report.countries.iter().filter(|of| of.moved.share > 0.0);
    rows.extend(moved.clone().take(SHOWN).map(|of| {
        let [km, ms] = added(&of.moved);
        let largest = of.moves.first();
        let [from, to] = match largest {
            Some(largest) => [end(largest.from.as_ref()), end(largest.to.as_ref())],
            None => [String::new(), String::new()],
        };
        let code = of.country.clone().unwrap_or_default();
        let name = of.name.unwrap_or("in no country");
        let name: String = name.chars().take(24).collect();
        [code, name, percent(of.share), percent(of.moved_of_country), km, ms, from, to]
    }));
    more(moved.count(), "countries")
        + &aligned(&rows, 2..=5, |row, _| (row == 0).then_some(Colour::Faint), color)
}

/// Says that there are more than are shown.
fn more(n: usize, what: &str) -> String {
    if n > SHOWN { format!("the largest {SHOWN} of {n} {what}:\n") } else { String::new() }
}

fn end(region: Option<&String>) -> String {
    region.map_or_else(|| "nothing".to_owned(), |region| plain(region))
}

fn added(moved: &OfMoved) -> [String; 2] {
    let text = |value: Option<f64>, digits| value.map(|value| signed(value, digits));
    [text(moved.added_km, 0), text(moved.added_ms, 1)].map(Option::unwrap_or_default)
}

fn served(load: &Load) -> String {
    load.load.map_or_else(|| percent(load.share), amount)
}

/// Draws rows, those columns to the right.
fn aligned<const N: usize>(
    rows: &[[String; N]],
    right: std::ops::RangeInclusive<usize>,
    colour: impl Fn(usize, usize) -> Option<Colour>,
    color: bool,
) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: [usize; N] = array::from_fn(width);
    let rows: Vec<[Cell; N]> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| {
            array::from_fn(|column| {
                let text = row.get(column).map_or("", String::as_str);
                let width = widths.get(column).copied().unwrap_or(0);
                let cell = match right.contains(&column) && !text.is_empty() {
                    true => Cell::new(format!("{text:>width$}")),
                    false => Cell::new(text),
                };
                match colour(at, column) {
                    Some(colour) => cell.colour(colour),
                    None => cell,
                }
            })
        })
        .collect();
    columns::draw(&rows, 0, color)
}

/// A load, to three digits at least.
fn amount(load: f64) -> String {
    match load.abs() {
        at_least if at_least >= 100.0 || at_least == 0.0 => format!("{load:.0}"),
        at_least if at_least >= 10.0 => format!("{load:.1}"),
        _ => format!("{load:.2}"),
    }
}

fn percent(share: f64) -> String {
    match share * 100.0 {
        none if none <= 0.0 => "0 %".to_owned(),
        little if little < 0.05 => "< 0.1 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}

fn signed(value: f64, digits: usize) -> String {
    format!("{value:+.digits$}")
}
