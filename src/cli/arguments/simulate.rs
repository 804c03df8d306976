//! Options of `meridian simulate`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::arguments::Configured;
use crate::model::Weight;
use crate::model::limits;

#[derive(Args, Debug)]
pub(in crate::cli) struct Simulate {
    /// As if this region were down; may be given several times, as all of these.
    #[arg(long, value_name = "REGION")]
    pub(in crate::cli) down: Vec<String>,
    /// As if this region were drained.
    #[arg(long, value_name = "REGION")]
    pub(in crate::cli) drain: Vec<String>,
    /// As if all pools of this region had this weight among those that are as good.
    #[arg(long, value_name = "REGION=N", value_parser = weight)]
    pub(in crate::cli) weight: Vec<(String, Weight)>,
    /// As if this region could take that much.
    #[arg(long, value_name = "REGION=N", value_parser = capacity)]
    pub(in crate::cli) capacity: Vec<(String, f64)>,
    /// How much all clients ask for, in the unit of the capacities; or only those whose first
    /// region this is, whatever the others do.
    ///
    /// Left out: as much as brings the fullest region to its soft limit before the change.
    #[arg(long, value_name = "TOTAL|REGION=N", value_parser = demand)]
    pub(in crate::cli) demand: Vec<(Option<String>, f64)>,
    /// How many clients each country has: lines of `country,weight`; left out: the people who
    /// use the Internet.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) population: Option<PathBuf>,
    /// Only what this service's clients do.
    #[arg(long, value_name = "SERVICE")]
    pub(in crate::cli) service: Option<String>,
    /// Print JSON: all countries and moves, not only the largest.
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) configured: Configured,
}

/// What is left and right of the last `=`; names of regions have none.
fn setting(text: &str) -> Result<(&str, &str), String> {
    text.rsplit_once('=').ok_or_else(|| "expected REGION=N".to_owned())
}

fn weight(text: &str) -> Result<(String, Weight), String> {
    let (region, weight) = setting(text)?;
    let weight = weight.parse().ok().filter(|weight| *weight <= limits::WEIGHT);
    let weight = weight.ok_or_else(|| format!("expected 0 to {} after the `=`", limits::WEIGHT))?;
    Ok((region.to_owned(), Weight(weight)))
}

fn capacity(text: &str) -> Result<(String, f64), String> {
    let (region, amount) = setting(text)?;
    Ok((region.to_owned(), load(amount)?))
}

fn demand(text: &str) -> Result<(Option<String>, f64), String> {
    match setting(text) {
        Ok((region, amount)) => Ok((Some(region.to_owned()), load(amount)?)),
        Err(_) => Ok((None, load(text)?)),
    }
}

fn load(text: &str) -> Result<f64, String> {
    let (least, most) = (limits::CAPACITY_LEAST, limits::LOAD);
    let load = text.parse().ok().filter(|load| (least..=most).contains(load));
    load.ok_or_else(|| format!("expected a number from {least} to {most:e}"))
}
