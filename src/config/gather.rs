//! Reads what the configuration names: zones, databases, files of networks.

use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;

use crate::config::codes;
use crate::config::control;
use crate::config::control::Token;
use crate::config::files;
use crate::config::geography;
use crate::config::owners::Zone;
use crate::config::raw::Raw;
use crate::config::reader;
use crate::config::reader::At;
use crate::geo::Database;
use crate::model::Diagnostic;
use crate::model::InputFiles;
use crate::model::Severity;
use crate::model::Sources;
use crate::model::limits;
use crate::zone;
use crate::zone::Record;

/// What was read.
pub(super) struct Gathered {
    pub(super) zones: Vec<Zone>,
    pub(super) databases: Vec<Arc<Database>>,
    /// From files of networks.
    pub(super) nets: Vec<(IpNet, At<String>)>,
    /// With what their files hold.
    pub(super) tokens: Vec<Token>,
    /// The time: some things are over.
    pub(super) now: Timestamp,
}

/// Reads every file that is named.
pub(super) fn gather(raw: &Raw, sources: &mut Sources, problems: &mut Vec<Diagnostic>) -> Gathered {
    Gathered {
        zones: zones(raw, sources, problems),
        databases: databases(raw, sources.files(), problems),
        nets: nets(raw, sources, problems),
        tokens: tokens(raw, sources.files(), problems),
        now: Timestamp::now(),
    }
}

fn zones(raw: &Raw, sources: &mut Sources, problems: &mut Vec<Diagnostic>) -> Vec<Zone> {
    let mut zones: Vec<Zone> = Vec::new();
    let mut size = 0;
    for written in &raw.zones {
        let apex = &written.apex;
        if let Some(first) = zones.iter().find(|zone| zone.apex.value == apex.value) {
            let message = format!("zone `{}` is there twice, expected once", apex.value);
            problems.push(
                Diagnostic::error(codes::DUPLICATE_ZONE, apex.span, message)
                    .label(apex.span, "second time")
                    .label(first.apex.span, "first time")
                    .help("remove one of them; a zone has one file, which may `$INCLUDE` others"),
            );
            continue;
        }
        let (mut records, mut is_whole) = (Vec::new(), false);
        if let Some(file) = &written.file {
            match files::missing(file, sources.files()) {
                Some(problem) => problems.push(problem),
                None => {
                    let (read, wrong) = zone::read(&file.value, &apex.value, sources);
                    records = read;
                    is_whole = wrong.iter().all(|problem| problem.severity != Severity::Error);
                    problems.extend(wrong);
                    // Each zone is within the limit: told where all together leave it.
                    let before = size;
                    size += records.iter().map(Record::size).sum::<usize>();
                    if before <= limits::ZONE_DATA && size > limits::ZONE_DATA {
                        let what = "octets of records in all zones";
                        problems.push(reader::too_many(file.span, what, size, limits::ZONE_DATA));
                    }
                }
            }
        }
        zones.push(Zone { apex: apex.clone(), records, is_whole });
    }
    zones
}

fn tokens(raw: &Raw, files: &InputFiles, problems: &mut Vec<Diagnostic>) -> Vec<Token> {
    let controls = raw.control.iter();
    controls.flat_map(|at| control::tokens(&at.value, files, problems)).collect()
}

fn databases(raw: &Raw, inputs: &InputFiles, problems: &mut Vec<Diagnostic>) -> Vec<Arc<Database>> {
    let paths = raw.geoip.iter().flat_map(|geoip| &geoip.value);
    let mut databases = Vec::new();
    for (position, path) in paths.enumerate() {
        if position == limits::DATABASES {
            let found = raw.geoip.as_ref().map_or(0, |geoip| geoip.value.len());
            problems.push(reader::too_many(path.span, "databases", found, limits::DATABASES));
            break;
        }
        if let Some(problem) = files::missing(path, inputs) {
            problems.push(problem);
            continue;
        }
        match Database::open(&inputs.open_at(&path.value)) {
            Ok(database) => databases.push(Arc::new(database)),
            Err(error) => problems.push(error.diagnostic().label(path.span, "named here")),
        }
    }
    databases
}

fn nets(
    raw: &Raw,
    sources: &mut Sources,
    problems: &mut Vec<Diagnostic>,
) -> Vec<(IpNet, At<String>)> {
    let mut nets = Vec::new();
    for path in &raw.nets.files {
        match files::read(path, sources) {
            Ok((source, text)) => {
                let (read, wrong) = geography::read_lines(source, &text);
                nets.extend(read);
                problems.extend(wrong);
            }
            Err(problem) => problems.push(problem),
        }
    }
    nets
}
