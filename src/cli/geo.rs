//! `meridian geo`: what the databases and the operator's nets know.

use std::net::IpAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use serde_json::json;

use crate::cli::Exit;
use crate::cli::arguments::Databases;
use crate::cli::arguments::Geo;
use crate::cli::chain;
use crate::cli::node::report;
use crate::cli::output::fail;
use crate::cli::output::show;
use crate::config;
use crate::geo::Atlas;
use crate::geo::Database;
use crate::geo::DatabaseInfo;
use crate::geo::HolderTexts;
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
        let loaded = config::load(&from.configured.path());
        if loaded.config.is_none() {
            report(&loaded.diagnostics, &loaded.sources);
        }
        return loaded.config.map_or(Exit::Usage, |config| {
            show(&snapshot::atlas(
                &config.databases,
                &config.nets,
                &config.policies,
                &config.orders,
            ))
        });
    }
    let open = |path: &PathBuf| Database::open(path).map(Arc::new);
    match from.database.iter().map(open).collect() {
        Ok(databases) => show(&Atlas::new(databases, Nets::default(), &[], &[])),
        Err(error) => {
            fail(&chain(&error));
            Exit::Usage
        }
    }
}

fn lookup(atlas: &Atlas, address: IpAddr, as_json: bool) -> Exit {
    let located = match atlas.locate(address) {
        Ok(located) => located,
        Err(error) => {
            fail(&chain(&error));
            return Exit::Negative;
        }
    };
    let text = if as_json {
        format!("{:#}\n", located_json(atlas, address, &located))
    } else {
        located_text(atlas, address, &located)
    };
    let known = located.place != Place::default() || located.holder() != HolderTexts::default();
    let exit = if known { Exit::Done } else { Exit::Negative };
    show(&text, exit)
}

fn located_json(atlas: &Atlas, address: IpAddr, located: &Located<'_>) -> Value {
    let sources: Vec<Value> = located
        .sources
        .iter()
        .map(|source| {
            json!({
                "database": source.database.label(),
                "network": source.network.to_string(),
                "place": source.place.as_ref().map(|place| place_json(place, &source.holder)),
            })
        })
        .collect();
    json!({
        "address": address,
        "network": located.network.to_string(),
        "place": place_json(&located.place, &located.holder()),
        "tags": tags(atlas, located),
        "special_purpose": located.ask_resolver,
        "sources": sources,
    })
}

fn place_json(place: &Place, holder: &HolderTexts) -> Value {
    json!({
        "continent": place.continent.map(|continent| continent.to_string()),
        "country": place.country.map(|country| country.to_string()),
        "subdivision": place.subdivision.map(|subdivision| subdivision.to_string()),
        "latitude": place.coordinates.map(|at| at.lat()),
        "longitude": place.coordinates.map(|at| at.lon()),
        "asn": place.asn.map(|asn| asn.0),
        "isp": holder.isp,
        "organization": holder.organization,
        "domain": holder.domain,
    })
}

fn located_text(atlas: &Atlas, address: IpAddr, located: &Located<'_>) -> String {
    let place = place_text(&located.place, &located.holder());
    let mut lines = vec![format!("{address}  {}  {place}", located.network)];
    let special = "  a special-purpose block: such clients are steered by their resolver";
    if located.ask_resolver {
        lines.push(special.to_owned());
    } else if located.is_claimed && located.overlay.tags().is_empty() {
        lines.push(format!("{special}, unless a rule asks for what is known of them"));
    }
    if let Some(carrier) = located.carrier {
        lines.push(format!("  located by the IPv4 address inside {}", carrier.block()));
    }
    let tags = tags(atlas, located);
    if !tags.is_empty() {
        lines.push(format!("  tags: {}", tags.join(", ")));
    }
    for source in &located.sources {
        let text = |place| place_text(place, &source.holder);
        let place = source.place.as_ref().map_or_else(|| "no record".to_owned(), text);
        lines.push(format!("  {}  {}  {place}", source.database.label(), source.network));
    }
    lines.extend(credit(located).map(|credit| format!("\n{credit}")));
    lines.join("\n") + "\n"
}

/// The line that the licence of a database asks for where its results show (CC BY 4.0).
pub(super) fn credit(located: &Located<'_>) -> Option<&'static str> {
    let known = located.sources.iter().filter(|source| source.place.is_some());
    credit_to(known.map(|source| source.database))
}

/// The same for results of all of these databases.
pub(super) fn credit_to<'a>(
    databases: impl IntoIterator<Item = &'a Database>,
) -> Option<&'static str> {
    let is_credited = databases.into_iter().any(is_db_ip);
    is_credited.then_some("IP Geolocation by DB-IP, https://db-ip.com")
}

/// Whether the database, or its file for one that does not say, is named after DB-IP.
fn is_db_ip(database: &Database) -> bool {
    let info = database.info();
    let file = Path::new(database.label()).file_name().and_then(|name| name.to_str());
    let words = [Some(info.database_type.as_str()), info.description.as_deref(), file];
    let names = |text: &str| text.to_ascii_lowercase().replace('-', "").contains("dbip");
    words.into_iter().flatten().any(names)
}

fn tags(atlas: &Atlas, located: &Located<'_>) -> Vec<String> {
    located.overlay.tags().iter().map(|tag| atlas.nets().name(*tag).to_owned()).collect()
}

fn place_text(place: &Place, holder: &HolderTexts) -> String {
    let parts = [
        place.continent.map(|continent| continent.to_string()),
        place.country.map(|country| country.to_string()),
        place.subdivision.map(|subdivision| subdivision.to_string()),
        place.coordinates.map(|at| format!("{:.4} {:.4}", at.lat(), at.lon())),
        place.asn.map(|asn| format!("AS{}", asn.0)),
        holder.isp.as_ref().map(|name| format!("isp \"{name}\"")),
        holder.organization.as_ref().map(|name| format!("organization \"{name}\"")),
        holder.domain.as_ref().map(|name| format!("domain {name}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "nothing known".to_owned() } else { parts.join(" ") }
}

fn info(atlas: &Atlas, as_json: bool) -> Exit {
    let infos = atlas.databases().iter().map(|database| (database.label(), database.info()));
    let text = if as_json {
        format!("{:#}\n", Value::Array(infos.map(|(file, info)| info_json(file, info)).collect()))
    } else {
        infos.map(|(file, info)| info_text(file, info)).collect()
    };
    let exit = if atlas.databases().is_empty() {
        fail("no GeoIP database is configured");
        Exit::Negative
    } else {
        Exit::Done
    };
    show(&text, exit)
}

fn info_json(file: &str, info: &DatabaseInfo) -> Value {
    json!({
        "file": file,
        "type": info.database_type,
        "description": info.description,
        "built": info.build_epoch,
        "families": info.families.iter().map(|family| name(*family)).collect::<Vec<_>>(),
        "nodes": info.node_count,
        "record_bits": info.record_size,
        "languages": info.languages,
    })
}

fn info_text(file: &str, info: &DatabaseInfo) -> String {
    let families: Vec<&str> = info.families.iter().map(|family| name(*family)).collect();
    format!(
        "{file}\n  type         {}\n  description  {}\n  built        {}\n  \
         families     {}\n  nodes        {} of {} bits each\n",
        info.database_type,
        info.description.as_deref().unwrap_or("-"),
        date(info.build_epoch),
        families.join(", "),
        info.node_count,
        2 * info.record_size,
    )
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
    fn db_ip_is_credited_by_whatever_name() {
        let octets = include_bytes!("../../geoip/dbip-country-lite.mmdb");
        let address = IpAddr::from([81, 2, 69, 1]);
        for (label, credited) in [
            ("geoip/dbip-country-lite.mmdb", true),
            ("dbip/DB-IP.mmdb", true),
            ("dbip/country.mmdb", false),
        ] {
            let database = Database::from_bytes(octets.to_vec(), label).unwrap();
            let atlas = Atlas::new(vec![Arc::new(database)], Nets::default(), &[], &[]);
            let located = atlas.locate(address).unwrap();
            assert_eq!(credit(&located).is_some(), credited, "{label}");
            let text = located_text(&atlas, address, &located);
            assert_eq!(
                text.ends_with("\n\nIP Geolocation by DB-IP, https://db-ip.com\n"),
                credited
            );
        }
    }

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
