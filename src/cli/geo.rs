//! `meridian geo`: what the databases and the operator's nets know.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use serde_json::json;

use crate::cli::Exit;
use crate::cli::arguments::Databases;
use crate::cli::arguments::Geo;
use crate::cli::chain;
use crate::cli::node::report;
use crate::config;
use crate::geo::Atlas;
use crate::geo::Database;
use crate::geo::Located;
use crate::geo::Nets;
use crate::model::Family;
use crate::model::Place;
use crate::snapshot;

pub(super) fn run(command: &Geo) -> Exit {
    match command {
        Geo::Lookup { address, from } => {
            with_atlas(from, |atlas| lookup(atlas, *address, from.json))
        }
        Geo::Info { from } => with_atlas(from, |atlas| info(atlas, from.json)),
    }
}

fn with_atlas(from: &Databases, show: impl FnOnce(&Atlas) -> Exit) -> Exit {
    if from.database.is_empty() {
        let loaded = config::load(&from.configured.config);
        if loaded.config.is_none() {
            report(&loaded.diagnostics, &loaded.sources);
        }
        return loaded.config.map_or(Exit::Usage, |config| show(&snapshot::atlas(&config)));
    }
    let open = |path: &PathBuf| Database::open(path).map(Arc::new);
    match from.database.iter().map(open).collect() {
        Ok(databases) => show(&Atlas::new(databases, Nets::default(), &[])),
        Err(error) => {
            eprintln!("meridian: {}", chain(&error));
            Exit::Usage
        }
    }
}

fn lookup(atlas: &Atlas, address: IpAddr, as_json: bool) -> Exit {
    let located = match atlas.locate(address) {
        Ok(located) => located,
        Err(error) => {
            eprintln!("meridian: {}", chain(&error));
            return Exit::Negative;
        }
    };
    if as_json {
        println!("{:#}", located_json(atlas, address, &located));
    } else {
        print_located(atlas, address, &located);
    }
    if located.place == Place::default() { Exit::Negative } else { Exit::Done }
}

fn located_json(atlas: &Atlas, address: IpAddr, located: &Located<'_>) -> Value {
    let sources: Vec<Value> = located
        .sources
        .iter()
        .map(|source| {
            json!({
                "database": source.database.label(),
                "network": source.network.to_string(),
                "place": source.place.as_ref().map(place_json),
            })
        })
        .collect();
    json!({
        "address": address,
        "network": located.network.to_string(),
        "place": place_json(&located.place),
        "tags": tags(atlas, located),
        "special_purpose": located.ask_resolver,
        "sources": sources,
    })
}

fn place_json(place: &Place) -> Value {
    json!({
        "continent": place.continent.map(|continent| continent.to_string()),
        "country": place.country.map(|country| country.to_string()),
        "subdivision": place.subdivision.map(|subdivision| subdivision.to_string()),
        "latitude": place.coordinates.map(|at| at.lat()),
        "longitude": place.coordinates.map(|at| at.lon()),
        "asn": place.asn.map(|asn| asn.0),
    })
}

fn print_located(atlas: &Atlas, address: IpAddr, located: &Located<'_>) {
    println!("{address}  {}  {}", located.network, place_text(&located.place));
    if located.ask_resolver {
        println!("  a special-purpose block: such clients are steered by their resolver");
    }
    if let Some(carrier) = located.carrier {
        println!("  located by the IPv4 address inside {}", carrier.block());
    }
    let tags = tags(atlas, located);
    if !tags.is_empty() {
        println!("  tags: {}", tags.join(", "));
    }
    for source in &located.sources {
        let place = source.place.as_ref().map_or_else(|| "no record".to_owned(), place_text);
        println!("  {}  {}  {place}", source.database.label(), source.network);
    }
}

fn tags(atlas: &Atlas, located: &Located<'_>) -> Vec<String> {
    located.overlay.tags().iter().map(|tag| atlas.nets().name(*tag).to_owned()).collect()
}

fn place_text(place: &Place) -> String {
    let parts = [
        place.continent.map(|continent| continent.to_string()),
        place.country.map(|country| country.to_string()),
        place.subdivision.map(|subdivision| subdivision.to_string()),
        place.coordinates.map(|at| format!("{:.4} {:.4}", at.lat(), at.lon())),
        place.asn.map(|asn| format!("AS{}", asn.0)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "nothing known".to_owned() } else { parts.join(" ") }
}

fn info(atlas: &Atlas, as_json: bool) -> Exit {
    let infos = atlas.databases().iter().map(|database| (database.label(), database.info()));
    if as_json {
        let all: Vec<Value> = infos
            .map(|(label, info)| {
                json!({
                    "file": label,
                    "type": info.database_type,
                    "description": info.description,
                    "built": info.build_epoch,
                    "families": info.families.iter().map(|family| name(*family)).collect::<Vec<_>>(),
                    "nodes": info.node_count,
                    "record_bits": info.record_size,
                    "languages": info.languages,
                })
            })
            .collect();
        println!("{:#}", Value::Array(all));
    } else {
        for (label, info) in infos {
            println!("{label}");
            println!("  type         {}", info.database_type);
            println!("  description  {}", info.description.as_deref().unwrap_or("-"));
            println!("  built        {}", date(info.build_epoch));
            let families: Vec<&str> = info.families.iter().map(|family| name(*family)).collect();
            println!("  families     {}", families.join(", "));
            println!("  nodes        {} of {} bits each", info.node_count, 2 * info.record_size);
        }
    }
    if atlas.databases().is_empty() {
        eprintln!("meridian: no GeoIP database is configured");
        return Exit::Negative;
    }
    Exit::Done
}

const fn name(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

/// The day of a Unix time, as ISO 8601 writes it.
fn date(seconds: u64) -> String {
    let mut days = seconds / 86_400;
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    // A damaged file may say anything; years past this are as good as any.
    while days >= 365 + u64::from(is_leap(year)) && year < 9999 {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_through_leap_years() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_700_000_000, "2023-11-14"),
            (1_735_603_200, "2024-12-31"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }
}
