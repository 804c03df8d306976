//! `meridian latency`: round trips of clients, to and from a running node.

mod import;
mod table;

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use crate::cli::Exit;
use crate::cli::api;
use crate::cli::api::Api;
use crate::cli::api::Failure;
use crate::cli::api::Intent;
use crate::cli::arguments::live::Latency;
use crate::cli::columns;
use crate::cli::columns::Cell;
use crate::cli::output::plain;
use crate::cli::output::show;
use crate::cli::output::show_more;
use crate::cli::output::span;

/// Where all of this is in the API.
pub(super) const PATH: &str = "/api/v1/latency";

/// What a node made of a batch.
#[derive(Debug, Deserialize)]
pub(super) struct Taken {
    pub(super) taken: usize,
    pub(super) refused: Vec<Refused>,
    pub(super) refused_total: usize,
}

/// A line that it did not take.
#[derive(Debug, Deserialize)]
pub(super) struct Refused {
    pub(super) line: usize,
    pub(super) reason: String,
    pub(super) found: String,
}

/// What a node knows, as far as it is printed.
#[derive(Debug, Deserialize)]
struct Page {
    prefixes: Vec<Prefix>,
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Prefix {
    prefix: String,
    regions: Vec<Region>,
}

#[derive(Debug, Deserialize)]
struct Region {
    region: String,
    rtt_ms: f64,
    spread: f64,
    samples: u64,
    sources: u64,
    last: String,
    age_s: i64,
}

pub(super) fn run(command: &Latency) -> Exit {
    match command {
        Latency::Show { prefix, json, configured, remote } => api::run(async {
            let api = Api::reach(configured, remote, Intent::Look)?;
            look(&api, *prefix, *json).await
        }),
        Latency::Import { file, configured, remote } => api::run(async {
            let api = Api::reach(configured, remote, Intent::Change)?;
            import::run(&api, file).await
        }),
        Latency::Export { configured, remote } => api::run(async {
            let api = Api::reach(configured, remote, Intent::Look)?;
            export(&api).await
        }),
    }
}

async fn look(api: &Api, client: IpAddr, as_json: bool) -> Result<Exit, Failure> {
    let json: Value = api.get(PATH, &[("prefix", client.to_string())]).await?;
    let page: Page = api.understood(json.clone())?;
    let is_known = page.prefixes.iter().any(|prefix| !prefix.regions.is_empty());
    let exit = if is_known { Exit::Done } else { Exit::Negative };
    let text =
        if as_json { format!("{json:#}\n") } else { page.prefixes.iter().map(drawn).collect() };
    Ok(show(&text, exit))
}

/// One prefix with its regions, the nearest first.
fn drawn(prefix: &Prefix) -> String {
    let shown = plain(&prefix.prefix);
    if prefix.regions.is_empty() {
        return format!("{shown}  nothing was measured\n");
    }
    let mut regions: Vec<&Region> = prefix.regions.iter().collect();
    regions.sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms));
    let header = ["REGION", "RTT", "SPREAD", "SAMPLES", "SOURCES", "AGE"].map(Cell::new);
    let mut rows = vec![header];
    rows.extend(regions.into_iter().map(|region| {
        [
            Cell::new(&region.region),
            Cell::new(format!("{:.1} ms", region.rtt_ms)),
            Cell::new(format!("{:.0} %", region.spread * 100.0)),
            Cell::new(region.samples.to_string()),
            Cell::new(region.sources.to_string()),
            Cell::new(span(jiff::SignedDuration::from_secs(region.age_s))),
        ]
    }));
    format!(
        "{shown}\n{}  as measured of this prefix alone; nothing is inferred\n",
        columns::draw(&rows, 2, false)
    )
}

/// Prints page by page, so that nothing is held of a table that is large.
async fn export(api: &Api) -> Result<Exit, Failure> {
    let mut text = table::HEADER.to_owned();
    let mut after = None;
    loop {
        let query: Vec<_> = after.take().map(|after| ("after", after)).into_iter().collect();
        let page: Page = api.page(PATH, &query).await?;
        for prefix in &page.prefixes {
            for Region { region, rtt_ms, last, .. } in &prefix.regions {
                text += &table::row([&prefix.prefix, region, &rtt_ms.to_string(), last]);
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(show(&text, Exit::Done));
        }
        if !show_more(&text) {
            return Ok(Exit::Done);
        }
        text.clear();
    }
}
