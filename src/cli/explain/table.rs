//! The explanation as text.

use std::fmt::Write;

use crate::cli::explain::explanation::Explanation;
use crate::cli::explain::explanation::Locate;

/// Draws the steps, one paragraph each.
pub(super) fn draw(explanation: &Explanation) -> String {
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ok = write(&mut out, explanation);
    out.truncate(out.trim_end().len());
    out
}

fn write(out: &mut String, explanation: &Explanation) -> std::fmt::Result {
    let Explanation { name, qtype, client, resolver, .. } = explanation;
    match client {
        Some(client) if explanation.client_asks => {
            writeln!(out, "{name} {qtype} for client {client}, which itself asks")?;
        }
        Some(client) => writeln!(out, "{name} {qtype} for client {client} by resolver {resolver}")?,
        None => writeln!(out, "{name} {qtype} for resolver {resolver}")?,
    }
    match (&explanation.service, &explanation.policy) {
        (Some(service), Some(policy)) => writeln!(out, "service {service}, policy {policy}\n")?,
        _ => writeln!(out, "no service answers this: static data or nothing\n")?,
    }
    if let Some(locate) = &explanation.locate {
        write_locate(out, locate)?;
    }
    for (at, ranked) in explanation.rank.iter().flatten().enumerate() {
        let head = if at == 0 { "rank" } else { "" };
        writeln!(out, "{head:8} tier {}  {:16} {}", ranked.tier, ranked.region, ranked.reason)?;
    }
    for (at, admitted) in explanation.admit.iter().flatten().enumerate() {
        let head = if at == 0 { "admit" } else { "" };
        write!(out, "{head:8} tier {}  ", admitted.tier)?;
        write!(out, "{:16} {}", admitted.region, admitted.finding)?;
        match admitted.walk.as_str() {
            "admitted" => writeln!(out)?,
            open => writeln!(out, ", {open}")?,
        }
    }
    if let Some(split) = &explanation.split {
        match &split.region {
            Some(region) => {
                let endpoints = split.endpoints.join(" ");
                writeln!(out, "{:8} {region}: {endpoints} ({})", "split", split.how)?;
            }
            None => writeln!(out, "{:8} {}", "split", split.how)?,
        }
    }
    write_answer(out, explanation)?;
    match &explanation.credit {
        Some(credit) => writeln!(out, "\n{credit}"),
        None => Ok(()),
    }
}

fn write_locate(out: &mut String, locate: &Locate) -> std::fmt::Result {
    let by = match locate.by.as_str() {
        "client-subnet" => "by the client subnet",
        _ => "by the resolver's address",
    };
    let mut parts: Vec<String> = [&locate.continent, &locate.country, &locate.subdivision]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    parts.extend(locate.coordinates.map(|(lat, lon)| format!("{lat:.2} {lon:.2}")));
    parts.extend(locate.asn.map(|asn| format!("AS{asn}")));
    parts.extend(locate.isp.iter().map(|name| format!("isp \"{name}\"")));
    parts.extend(locate.organization.iter().map(|name| format!("organization \"{name}\"")));
    parts.extend(locate.domain.iter().map(|name| format!("domain {name}")));
    parts.extend(locate.tags.iter().map(|tag| format!("tag {tag}")));
    if locate.special_purpose {
        parts.push("special-purpose address, nowhere".to_owned());
    }
    if parts.is_empty() {
        parts.push("nothing is known of it".to_owned());
    }
    writeln!(
        out,
        "{:8} {by}, {} in {}: {}",
        "locate",
        locate.address,
        locate.network,
        parts.join(", ")
    )?;
    match &locate.vantage_group {
        Some(group) => writeln!(out, "{:8} nearest vantage group: {group}", ""),
        None => Ok(()),
    }
}

fn write_answer(out: &mut String, explanation: &Explanation) -> std::fmt::Result {
    let answer = &explanation.answer;
    write!(out, "{:8} {}", "answer", answer.rcode)?;
    match answer.scope {
        Some(scope) => writeln!(out, ", scope /{scope}")?,
        None => writeln!(out)?,
    }
    for record in answer.records.iter().chain(&answer.authority) {
        writeln!(out, "{:8} {record}", "")?;
    }
    match &answer.ttl_bound {
        Some(bound) => writeln!(out, "{:8} TTL: {bound}", ""),
        None => Ok(()),
    }
}
