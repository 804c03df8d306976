//! How loaded regions are, and what follows from it.

use crate::cli::columns;
use crate::cli::columns::Cell;
use crate::cli::columns::Colour;
use crate::engine::Status;
use crate::load::LoadStatus;

/// A table of the regions that have a load or a capacity; nothing if none has.
pub(super) fn draw(status: &Status, color: bool) -> String {
    let loads: Vec<(&str, &LoadStatus)> = status
        .regions
        .iter()
        .filter_map(|region| Some((region.region.as_str(), region.load.as_ref()?)))
        .collect();
    if loads.is_empty() {
        return String::new();
    }
    let head = ["REGION", "LOAD", "CAPACITY", "COMES", "TAKES", "READINGS", "WHY"];
    let mut rows = vec![head.map(|text| Cell::new(text).colour(Colour::Faint))];
    for (region, load) in loads {
        let share = load.share.map_or_else(|| "–".to_owned(), |share| format!("{share} %"));
        let share = Cell::new(share);
        let is_whole = load.share.is_none_or(|share| share == 100);
        let (word, rest) = load.readings.split_once(": ").unwrap_or((&load.readings, ""));
        let readings = Cell::new(word);
        let mut why = load.reason.clone();
        if let Some(ms) = load.cutoff_ms {
            why += &format!("; who loses less than {:.0} ms, or a little more", ms.max(0.0));
        }
        if !rest.is_empty() {
            why = if why.is_empty() { rest.to_owned() } else { format!("{why}; {rest}") };
        }
        rows.push([
            Cell::new(region),
            Cell::new(number(load.load)),
            Cell::new(number(load.capacity)),
            Cell::new(number(load.arrivals)),
            if is_whole { share } else { share.colour(Colour::Odd) },
            if word == "good" { readings } else { readings.colour(Colour::Odd) },
            Cell::new(why),
        ]);
    }
    format!("\nloads\n{}", columns::draw(&rows, 2, color))
}

/// To four digits or whole.
fn number(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value < 100.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}
