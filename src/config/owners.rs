//! Checks of the names of services against each other and against the zones.

use std::collections::HashMap;
use std::collections::HashSet;

use crate::config::codes;
use crate::config::reader::At;
use crate::config::service::Written;
use crate::config::suggest;
use crate::model::Diagnostic;
use crate::model::Endpoint;
use crate::model::Family;
use crate::model::Name;
use crate::model::RecordType;
use crate::model::Service;
use crate::model::Span;
use crate::model::Target;
use crate::zone::Record;

/// A zone: its apex, where that is written, and its records.
pub(super) struct Zone {
    /// The name of the zone.
    pub(super) apex: At<Name>,
    /// What its file holds.
    pub(super) records: Vec<Record>,
    /// Whether those are all that it should hold: of a name that is not there nothing is known
    /// otherwise.
    pub(super) is_whole: bool,
}

/// A name that a service answers at.
struct Owner<'a> {
    written: &'a Written,
    service: &'a Service,
    name: &'a At<Name>,
}

/// Checks every name of every service. `services` are in step with `written`.
pub(super) fn check(written: &[Written], services: &[Service], zones: &[Zone]) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let mut first: HashMap<&Name, (Span, &str)> = HashMap::new();
    let mut by_zone: HashMap<usize, Vec<Owner<'_>>> = HashMap::new();
    let owners = written.iter().zip(services).flat_map(|(written, service)| {
        written.owners.iter().flatten().map(move |name| Owner { written, service, name })
    });
    for owner in owners {
        if let Some(earlier) = first.get(&owner.name.value) {
            problems.push(duplicate(&owner, *earlier));
            continue;
        }
        first.insert(&owner.name.value, (owner.name.span, &owner.written.name.value));
        let apexes = zones.iter().enumerate();
        let holds = |(_, zone): &(usize, &Zone)| owner.name.value.is_within(&zone.apex.value);
        match apexes.filter(holds).max_by_key(|(_, zone)| zone.apex.value.n_labels()) {
            Some((position, zone)) => {
                problems.extend(at_apex(&owner, zone));
                by_zone.entry(position).or_default().push(owner);
            }
            None if zones.is_empty() => {}
            None => problems.push(outside(&owner, zones)),
        }
    }
    problems.extend(written.iter().flat_map(to_itself));
    for (position, zone) in zones.iter().enumerate() {
        let owners = by_zone.remove(&position).unwrap_or_default();
        problems.extend(against_records(&owners, zone));
    }
    problems
}

fn duplicate(owner: &Owner<'_>, (earlier, other): (Span, &str)) -> Diagnostic {
    let (name, at, service) = (&owner.name.value, owner.name.span, &owner.written.name.value);
    let (message, help) = if service == other {
        (format!("service `{service}` lists `{name}` twice, expected once"), "remove one of them")
    } else {
        (
            format!("services `{other}` and `{service}` both answer at `{name}`, expected one"),
            "give one of them another name, or make them one service",
        )
    };
    Diagnostic::error(codes::DUPLICATE_OWNER, at, message)
        .label(at, format!("again, in service `{service}`"))
        .label(earlier, "before")
        .help(help)
}

fn outside(owner: &Owner<'_>, zones: &[Zone]) -> Diagnostic {
    let (name, at) = (&owner.name.value, owner.name.span);
    let apexes: Vec<String> = zones.iter().map(|zone| zone.apex.value.to_string()).collect();
    let message = format!(
        "name `{name}` of service `{}` is in no zone; expected a name within {}",
        owner.written.name.value,
        suggest::choice(apexes.iter().map(String::as_str))
    );
    let help = match apexes.as_slice() {
        [apex] => {
            let label = name.labels().next().map(String::from_utf8_lossy).unwrap_or_default();
            format!("write \"{label}.{}\", or add a `[zone]`", apex.trim_end_matches('.'))
        }
        _ => "move it into one of them, or add a `[zone]`".to_owned(),
    };
    Diagnostic::error(codes::SERVICE_OUTSIDE_ZONES, at, message)
        .label(at, "no zone holds this name")
        .help(help)
}

/// An endpoint that is a name of its own service: resolvers would go round in a circle.
fn to_itself(written: &Written) -> Vec<Diagnostic> {
    let owners = || written.owners.iter().flatten();
    let endpoints = written.pools.iter().flat_map(|pool| &pool.endpoints);
    let problem = |at: &At<Endpoint>| {
        let Target::Host(host) = &at.value.target else { return None };
        let owner = owners().find(|owner| owner.value == *host)?;
        let name = &written.name.value;
        let message = format!("service `{name}` answers its own name `{host}`, expected another");
        Some(
            Diagnostic::error(codes::ALIAS_TO_ITSELF, at.span, message)
                .label(at.span, "leads back to the service")
                .label(owner.span, "the service's name")
                .help("write the name of the load balancer in that region"),
        )
    };
    endpoints.filter_map(problem).collect()
}

/// RFC 1034, 3.6.2: a CNAME stands alone, and an apex has a SOA.
fn at_apex(owner: &Owner<'_>, zone: &Zone) -> Option<Diagnostic> {
    if owner.name.value != zone.apex.value || !owner.service.is_alias() {
        return None;
    }
    let (name, at) = (&owner.name.value, owner.name.span);
    let message = format!(
        "service `{}` has host names at the apex `{name}`, where no CNAME can be; expected addresses",
        owner.written.name.value
    );
    Some(
        Diagnostic::error(codes::ALIAS_AT_APEX, at, message)
            .label(at, "the apex has SOA and NS records (RFC 1034, 3.6.2)")
            .label(zone.apex.span, "the zone")
            .help("write the addresses of the hosts, or move the service to a name below the apex"),
    )
}

/// Compares the records of a zone with the names of services in it.
fn against_records(owners: &[Owner<'_>], zone: &Zone) -> Vec<Diagnostic> {
    let mut at: HashMap<&Name, &Owner<'_>> = HashMap::new();
    let mut below: HashMap<Name, Vec<&Owner<'_>>> = HashMap::new();
    for owner in owners {
        at.insert(&owner.name.value, owner);
        let mut name = owner.name.value.parent();
        while let Some(ancestor) = name.filter(|name| name.is_within(&zone.apex.value)) {
            name = ancestor.parent();
            below.entry(ancestor).or_default().push(owner);
        }
    }
    let mut problems = Vec::new();
    // One problem per service name and type is enough: an RRset may have many records.
    let mut said: HashSet<(&Name, RecordType)> = HashSet::new();
    for record in &zone.records {
        let is_apex = record.owner == zone.apex.value;
        let cuts = match record.rtype {
            RecordType::NS => !is_apex,
            RecordType::DNAME => true,
            _ => false,
        };
        // Host names at the apex are wrong whatever else is there, and reported as such.
        let here = at
            .get(&record.owner)
            .filter(|owner| !(is_apex && owner.service.is_alias()))
            .filter(|owner| cuts || collides(owner.service, record));
        let above = below.get(&record.owner).filter(|_| cuts).into_iter().flatten();
        for owner in here.into_iter().chain(above) {
            if said.insert((&owner.name.value, record.rtype)) {
                problems.push(collision(owner, record));
            }
        }
    }
    problems
}

/// Whether a record at the name of a service has a type that only the service may answer.
fn collides(service: &Service, record: &Record) -> bool {
    match record.rtype {
        RecordType::CNAME => true,
        // DNSSEC's records are the only ones beside a CNAME (RFC 4034, 3 and 4).
        RecordType::RRSIG | RecordType::NSEC => false,
        _ if service.is_alias() => true,
        RecordType::A => service.has_family(Family::V4),
        RecordType::AAAA => service.has_family(Family::V6),
        _ => false,
    }
}

fn collision(owner: &Owner<'_>, record: &Record) -> Diagnostic {
    let (name, service, rtype) = (&owner.name.value, &owner.written.name.value, record.rtype);
    let why = match rtype {
        RecordType::NS => "delegates it to other name servers",
        RecordType::DNAME => "redirects the names below it",
        RecordType::CNAME => "makes it an alias of another name",
        _ if owner.service.is_alias() => "can't stand beside the service's CNAME",
        _ => "is of a type that the service answers",
    };
    let place = if record.owner == *name { "at" } else { "above" };
    let message = format!(
        "the zone has a record of type {rtype} {place} `{name}`, which service `{service}` answers: it {why}"
    );
    Diagnostic::error(codes::STATIC_RECORD, record.span, message)
        .label(record.span, format!("this record {why}"))
        .label(owner.name.span, "the service's name")
        .help("remove the record, or give the service another name")
}
