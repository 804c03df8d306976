//! From what is written to what is meant: names resolved, parts compared with each other.
//!
//! Pure: everything was read before. A value that is wrong is replaced by some
//! right one and reported, so that the rest can be checked all the same; the
//! caller drops the result if anything was an error.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::config::Config;
use crate::config::Places;
use crate::config::aliases;
use crate::config::cluster;
use crate::config::codes;
use crate::config::control;
use crate::config::directory;
use crate::config::directory::Directory;
use crate::config::families;
use crate::config::gather::Gathered;
use crate::config::hook;
use crate::config::load;
use crate::config::maintenance;
use crate::config::measure;
use crate::config::monitor;
use crate::config::owners;
use crate::config::policy;
use crate::config::policy::Checked;
use crate::config::raw::Raw;
use crate::config::reader;
use crate::config::reader::At;
use crate::config::region;
use crate::config::service;
use crate::config::service::Against;
use crate::config::targets::Named;
use crate::config::vantage;
use crate::health::Checks;
use crate::model::Code;
use crate::model::Diagnostic;
use crate::model::Endpoint;
use crate::model::Maintenance;
use crate::model::Monitor;
use crate::model::Probe;
use crate::model::Rank;
use crate::model::Region;
use crate::model::RegionId;
use crate::model::Rule;
use crate::model::Service;
use crate::model::Span;
use crate::model::Target;
use crate::model::Vantages;
use crate::model::limits;

/// The names of everything that can be referred to.
struct Names {
    regions: Directory,
    policies: Directory,
    monitors: Directory,
    services: Directory,
    tags: Directory,
}

/// Checks everything. `start` is the start of the main file.
pub(super) fn check(
    mut raw: Raw,
    gathered: Gathered,
    start: Span,
    problems: &mut Vec<Diagnostic>,
) -> Config {
    problems.extend(absences(&raw, start));
    deduplicate(&mut raw, problems);
    raw.nets.tagged.extend(gathered.nets);
    let mut names = names(&raw, start);
    let regions = regions(&raw, &mut names, problems);
    if let Some(over) = regions.get(limits::REGIONS) {
        problems.push(reader::too_many(over.span, "regions", regions.len(), limits::REGIONS));
    }
    problems.extend(load::check(&regions));
    if let Some(over) = raw.monitors.get(limits::MONITORS) {
        problems.push(reader::too_many(
            over.span,
            "monitors",
            raw.monitors.len(),
            limits::MONITORS,
        ));
    }
    let vantages = check_vantages(&raw, problems);
    let policies = check_policies(&raw, &regions, &mut names, problems);
    let services = check_services(&raw, &policies, &regions, &mut names, problems);
    let maintenance = check_maintenance(&raw, &services, &names, gathered.now, problems);
    problems.extend(owners::check(&raw.services, &services, &gathered.zones));
    problems.extend(aliases::check(&raw.services, &gathered.zones));
    problems.extend(loopback(&raw));
    problems.extend(unused(&raw, &regions, &names));
    problems.extend(monitor::not_permitted(&raw.monitors));
    problems.extend(no_database(&raw, &policies, &regions));
    let written = raw.control.map(|at| at.value).unwrap_or_default();
    let control = control::check(written, gathered.tokens, &names.regions, problems);
    let measure = measure::check(raw.measure.map(|at| at.value), &names.regions, problems);
    let places = Places {
        regions: regions.iter().map(|at| at.span).collect(),
        policies: policies.iter().map(|checked| checked.span).collect(),
        rules: policies.iter().map(|checked| checked.rules.clone()).collect(),
        services: raw.services.iter().map(|written| written.name.span).collect(),
        databases: raw.geoip.iter().flat_map(|geoip| &geoip.value).map(|at| at.span).collect(),
    };
    let regions: Vec<Region> = regions.into_iter().map(|at| at.value).collect();
    let monitors: Vec<Monitor> = raw.monitors.into_iter().map(|at| at.value).collect();
    let checks = Checks::new(&regions, &services, &monitors);
    if checks.all.len() > limits::CHECKS {
        let (found, most) = (checks.all.len(), limits::CHECKS);
        problems.push(reader::too_many(start, "endpoints to probe", found, most));
    }
    Config {
        checks,
        server: raw.server.map(|at| at.value).unwrap_or_default(),
        control,
        hooks: hook::check(raw.hooks, problems),
        zones: gathered.zones.into_iter().map(|z| (z.apex.value, z.records)).collect(),
        databases: gathered.databases,
        orders: Arc::default(),
        nets: raw.nets.tagged.into_iter().map(|(net, tag)| (net, tag.value)).collect(),
        regions,
        policies: policies.into_iter().map(|checked| checked.policy).collect(),
        services,
        monitors,
        maintenance,
        measure,
        cluster: raw.cluster.map(|at| at.value.cluster),
        vantages,
        latency: raw.latency.map(|at| at.value).unwrap_or_default(),
        state: raw.state.and_then(|at| at.value),
        places,
    }
}

/// What a configuration can't be without.
fn absences(raw: &Raw, start: Span) -> Vec<Diagnostic> {
    let absence = |code: Code, is_absent: bool, what: &str, help: &str| {
        let message = format!("there is no {what}, expected at least one");
        is_absent.then(|| {
            Diagnostic::error(code, start, message).label(start, format!("no {what}")).help(help)
        })
    };
    let zone = "add `[zone.\"gslb.example.com\"]` with `file = \"zones/gslb.example.com.zone\"`";
    let region = "add `[region.us-east]` with `location = { lat = 39.04, lon = -77.49 }`";
    let service = "add `[service.www]` with `name = \"www.gslb.example.com\"` and a pool";
    [
        absence(codes::NO_ZONE, raw.zones.is_empty(), "zone", zone),
        absence(codes::NO_REGION, raw.regions.is_empty(), "region", region),
        absence(codes::NO_SERVICE, raw.services.is_empty(), "service", service),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Across files, names may repeat; within one TOML forbids it.
fn deduplicate(raw: &mut Raw, problems: &mut Vec<Diagnostic>) {
    /// Lets one function read the names of all kinds.
    fn only<T>(
        kind: &str,
        list: &mut Vec<T>,
        name: impl Fn(&T) -> At<String>,
        problems: &mut Vec<Diagnostic>,
    ) {
        *list = directory::unique(kind, std::mem::take(list), name, problems);
    }
    only("region", &mut raw.regions, |w| w.region.clone().map(|r| r.name), problems);
    only("vantage", &mut raw.vantages, |w| w.name.clone(), problems);
    only("monitor", &mut raw.monitors, |w| w.clone().map(|m| m.name), problems);
    only("policy", &mut raw.policies, |w| w.name.clone(), problems);
    only("service", &mut raw.services, |w| w.name.clone(), problems);
    only("hook", &mut raw.hooks, |w| w.clone().map(|hook| hook.name), problems);
}

fn names(raw: &Raw, start: Span) -> Names {
    let regions = raw.regions.iter().map(|w| w.region.clone().map(|region| region.name));
    let monitors = raw.monitors.iter().map(|at| at.clone().map(|monitor: Monitor| monitor.name));
    let mut policies: Vec<At<String>> = raw.policies.iter().map(|w| w.name.clone()).collect();
    if policies.is_empty() {
        policies.push(At { value: policy::IMPLICIT.to_owned(), span: start });
    }
    let mut tags: Vec<At<String>> = raw.nets.tagged.iter().map(|(_, tag)| tag.clone()).collect();
    let mut seen = HashSet::new();
    tags.retain(|tag| seen.insert(tag.value.clone()));
    Names {
        regions: Directory::new("region", "a `[region.…]` table", codes::UNKNOWN_REGION, regions),
        policies: Directory::new("policy", "a `[policy.…]` table", codes::UNKNOWN_POLICY, policies),
        monitors: Directory::new(
            "monitor",
            "a `[monitor.…]` table",
            codes::UNKNOWN_MONITOR,
            monitors,
        ),
        services: Directory::new(
            "service",
            "a `[service.…]` table",
            codes::UNKNOWN_SERVICE,
            raw.services.iter().map(|written| written.name.clone()),
        ),
        tags: Directory::new("tag", "a tag in `[nets]`", codes::UNKNOWN_TAG, tags),
    }
}

/// The regions, each with its monitor.
fn regions(raw: &Raw, names: &mut Names, problems: &mut Vec<Diagnostic>) -> Vec<At<Region>> {
    let resolve = |written: &region::Written| {
        let monitor = region::monitor_of(written, &raw.monitors, &mut names.monitors, problems);
        written.region.clone().map(|region| Region { monitor, ..region })
    };
    raw.regions.iter().map(resolve).collect()
}

/// Who votes, and whether monitors ask for more than that.
fn check_vantages(raw: &Raw, problems: &mut Vec<Diagnostic>) -> Vantages {
    let vantages = vantage::check(&raw.vantages, raw.cluster.as_ref(), problems);
    // Who probes does not matter where nothing is probed; a heartbeat needs nobody who does.
    if raw.monitors.iter().any(|at| !matches!(at.value.probe, Probe::Push)) {
        let written = raw.cluster.as_ref();
        problems.extend(written.and_then(|at| cluster::check(at, raw.vantages.len())));
    }
    problems.extend(monitor::check_votes(&raw.votes, &vantages, has_database(raw)));
    vantages
}

fn check_policies(
    raw: &Raw,
    regions: &[At<Region>],
    names: &mut Names,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Checked> {
    if raw.policies.is_empty() {
        return vec![policy::implicit(&names.regions)];
    }
    let check =
        |written| policy::check(written, regions, &names.regions, &mut names.tags, problems);
    raw.policies.iter().map(check).collect()
}

fn check_services(
    raw: &Raw,
    policies: &[Checked],
    regions: &[At<Region>],
    names: &mut Names,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Service> {
    let mut services = Vec::with_capacity(raw.services.len());
    for written in &raw.services {
        let mut against = Against {
            policies,
            policy_names: &mut names.policies,
            monitors: &mut names.monitors,
            regions: &mut names.regions,
        };
        let (service, policy) = service::check(written, &mut against, problems);
        let complete = written.pools.iter().all(|pool| pool.complete);
        if let (true, Some(checked)) = (complete, policy) {
            problems.extend(families::fences(written, &service, checked, regions));
        }
        // What is missing may be just what was wrong.
        if complete && service.pools.len() == written.pools.len() {
            problems.extend(families::gaps(written, &service, regions));
        }
        problems.extend(service::ttl_never_served(written, &service, &raw.monitors));
        let ids = service.monitors.iter().flat_map(|monitors| &monitors.of);
        let used: Vec<&Monitor> =
            ids.filter_map(|id| Some(&raw.monitors.get(id.index())?.value)).collect();
        let places = written.pools.iter().flat_map(|pool| &pool.places);
        problems.extend(
            places.filter_map(|at| Some(at.value.fault_of_all(&used)?.at("probe", at.span))),
        );
        services.push(service);
    }
    services
}

fn check_maintenance(
    raw: &Raw,
    services: &[Service],
    names: &Names,
    now: Timestamp,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Maintenance> {
    if let Some(over) = raw.maintenance.get(limits::MAINTENANCES) {
        let (found, most) = (raw.maintenance.len(), limits::MAINTENANCES);
        problems.push(reader::too_many(over.span, "maintenance tables", found, most));
    }
    let named = Named { regions: &names.regions, service_names: &names.services, services };
    let mut checked = Vec::new();
    for written in raw.maintenance.iter().take(limits::MAINTENANCES) {
        if let Some(over) = written.targets.get(limits::MAINTENANCE_TARGETS) {
            let (found, most) = (written.targets.len(), limits::MAINTENANCE_TARGETS);
            problems.push(reader::too_many(over.span, "targets", found, most));
        }
        let targets = written.targets.iter().filter_map(|at| named.resolve(at, problems));
        let targets: Vec<_> = targets.collect();
        let ttl = targets.iter().map(|target| named.longest_ttl(target)).max();
        let ttl = ttl.unwrap_or(Duration::ZERO);
        checked.extend(maintenance::check(written, targets, ttl, now, problems));
    }
    checked
}

/// Endpoints on loopback, of a node that answers others than this machine.
fn loopback(raw: &Raw) -> Vec<Diagnostic> {
    let server = raw.server.as_ref().map(|at| &at.value);
    if server.is_none_or(|server| server.listen.iter().all(|at| at.ip().is_loopback())) {
        return Vec::new();
    }
    let of_service = |service: &service::Written| {
        let endpoints = service.pools.iter().flat_map(|pool| &pool.endpoints);
        let is_loopback = |at: &&At<Endpoint>| match at.value.target {
            Target::Address(address) => address.is_loopback(),
            Target::Host(_) => false,
        };
        let first = endpoints.clone().find(is_loopback)?;
        let message = format!(
            "service `{}` answers a loopback address: each client would connect to itself",
            service.name.value
        );
        Some(
            Diagnostic::warning(codes::LOOPBACK_ENDPOINT, first.span, message)
                .label(first.span, "the machine of the client, whichever that is")
                .help("write the address that clients are to connect to"),
        )
    };
    raw.services.iter().filter_map(of_service).collect()
}

fn unused(raw: &Raw, regions: &[At<Region>], names: &Names) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    if !raw.services.is_empty() {
        let unused = names.regions.unused();
        // One whose pools could not be read may have some in any region.
        let is_known = raw.services.iter().all(|service| !service.pools.is_empty());
        let unused = unused.filter(|_| is_known);
        problems.extend(unused.filter_map(|(at, _)| regions.get(at)).map(region::unused));
        if !raw.policies.is_empty() {
            let help = "remove it, or name it in the `policy` of a service";
            problems.extend(names.policies.warn_unused(codes::UNUSED_POLICY, help));
        }
        let help = "remove it, or name it in the `monitor` of a service or region";
        problems.extend(names.monitors.warn_unused(codes::UNUSED_MONITOR, help));
    }
    let help = "remove it, or name it in the `match` of a rule: `tag = [\"…\"]`";
    problems.extend(names.tags.warn_unused(codes::UNUSED_TAG, help));
    problems
}

fn has_database(raw: &Raw) -> bool {
    raw.geoip.as_ref().is_some_and(|geoip| !geoip.value.is_empty())
}

/// Clients that are to be located, and nothing to locate them with.
fn no_database(raw: &Raw, policies: &[Checked], regions: &[At<Region>]) -> Option<Diagnostic> {
    if has_database(raw) {
        return None;
    }
    let located = |id: &RegionId| {
        regions.get(id.index()).is_some_and(|region| region.value.location.is_some())
    };
    let by_place = |rule: &Rule| {
        let wanted = &rule.matches;
        !(wanted.continents.is_empty()
            && wanted.countries.is_empty()
            && wanted.subdivisions.is_empty()
            && !wanted.asks_for_holder())
    };
    let locates = |checked: &&Checked| {
        let policy = &checked.policy;
        let by_distance = policy.rank.contains(&Rank::Nearest)
            && policy.regions.len() > 1
            && policy.regions.iter().any(located);
        by_distance || policy.rules.iter().any(by_place)
    };
    let checked = policies.iter().find(locates)?;
    let at = checked.span.or_else(|| regions.first().map(|region| region.span))?;
    let message = format!(
        "policy `{}` locates clients, but there is no GeoIP database: nobody can be located",
        checked.policy.name
    );
    Some(
        Diagnostic::warning(codes::NO_DATABASE, at, message)
            .label(at, "every client gets the order of `regions`")
            .help("add `[geoip]` with `databases = [\"geoip/dbip-country-lite.mmdb\"]`"),
    )
}
