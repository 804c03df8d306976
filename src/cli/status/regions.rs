//! What regions come to.

use crate::cli::columns;
use crate::cli::columns::Cell;
use crate::cli::columns::Colour;
use crate::cli::status::age;
use crate::cli::status::verdict;
use crate::engine::RegionStatus;
use crate::engine::Status;
use crate::model::AdminState;

/// A table of the regions.
pub(super) fn draw(status: &Status, color: bool) -> String {
    if status.regions.is_empty() {
        return String::new();
    }
    let head = ["REGION", "VERDICT", "ADMIN", "POOLS UP", "AGE", "REASON"];
    let head = head.map(|text| Cell::new(text).colour(Colour::Faint));
    let row = |region: &RegionStatus| {
        let admin = if region.admin == AdminState::Auto { "" } else { region.admin.as_str() };
        [
            Cell::new(&region.region),
            verdict(region.verdict),
            Cell::new(admin).colour(Colour::Odd),
            Cell::new(region.pools_shown()),
            Cell::new(age(status.at, region.since)),
            Cell::new(&region.reason),
        ]
    };
    let rows: Vec<[Cell; 6]> = status.regions.iter().map(row).collect();
    format!("\nregions\n{}", columns::draw(&[vec![head], rows].concat(), 2, color))
}
