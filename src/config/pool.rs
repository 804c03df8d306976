//! `[service.NAME.pool.REGION]`: a service's endpoints in one region.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::config::codes;
use crate::config::directory::Directory;
use crate::config::monitor;
use crate::config::monitor::Place;
use crate::config::notation;
use crate::config::policy;
use crate::config::policy::Checked;
use crate::config::reader;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::value::Value;
use crate::model::Diagnostic;
use crate::model::Endpoint;
use crate::model::Pool;
use crate::model::Span;
use crate::model::Target;
use crate::model::Weight;
use crate::model::limits;

/// The weight of a pool unless the file says otherwise.
const POOL_WEIGHT: Weight = Weight(100);

/// The weight of an endpoint unless the file says otherwise.
const ENDPOINT_WEIGHT: Weight = Weight(1);

/// Percent of a pool's weight that must be up unless the file says otherwise.
const MIN_HEALTHY: u8 = 50;

/// A pool as written.
pub(super) struct Written {
    /// The name of its region.
    pub(super) region: At<String>,
    /// Its weight, and where that stands: the name if it is left out.
    pub(super) weight: At<Weight>,
    /// Percent of its weight that must be up.
    min_healthy: u8,
    /// The endpoints that were right.
    pub(super) endpoints: Vec<At<Endpoint>>,
    /// Where some of them are probed.
    pub(super) places: Vec<At<Place>>,
    /// Where `endpoints` stands; the name if it is left out.
    pub(super) span: Span,
    /// Whether all of them were right.
    pub(super) complete: bool,
}

/// Reads `[service.NAME.pool.REGION]`.
pub(super) fn read(mut section: Section<'_>) -> Written {
    let region = section.name.clone();
    let weight = weight(&mut section, POOL_WEIGHT, region.span);
    let value = section.required("endpoints", "[\"192.0.2.10\", \"2001:db8::10\"]");
    let endpoints = value.as_ref().and_then(|value| value.list(endpoint));
    let min_healthy = section.value("min-healthy", "\"50%\"").and_then(|value| value.percent());
    section.close();
    let complete = endpoints.is_some();
    let endpoints = endpoints.map(|at| at.value).unwrap_or_default().into_iter();
    let (endpoints, places): (_, Vec<_>) = endpoints
        .map(|At { value: (endpoint, place), span }| (At { value: endpoint, span }, place))
        .unzip();
    Written {
        min_healthy: min_healthy.map_or(MIN_HEALTHY, |at| at.value),
        span: value.map_or(region.span, |value| value.span),
        complete,
        endpoints,
        places: places.into_iter().flatten().collect(),
        region,
        weight,
    }
}

fn weight(section: &mut Section<'_>, default: Weight, at: Span) -> At<Weight> {
    let found = section.value("weight", &default.0.to_string());
    let found = found.and_then(|value| value.integer(0..=limits::WEIGHT));
    found.map_or(At { value: default, span: at }, |at| at.map(Weight))
}

/// An endpoint: text, or a table with a weight.
fn endpoint(item: &Value<'_>) -> Option<At<(Endpoint, Option<At<Place>>)>> {
    let Some(mut section) = item.as_section() else {
        let target = item.parsed(notation::target)?;
        let weight = ENDPOINT_WEIGHT;
        return Some(target.map(|target| (Endpoint { target, weight, probe: None }, None)));
    };
    let weight = weight(&mut section, ENDPOINT_WEIGHT, item.span).value;
    let address = section.value("address", "\"192.0.2.10\"");
    let host = section.value("host", "\"lb.example.net\"");
    let target = match (address, host) {
        (Some(address), None) => address.parsed(only_address).map(|at| at.map(Target::Address)),
        (None, Some(host)) => host.parsed(notation::host).map(|at| at.map(Target::Host)),
        (found, _) => {
            let found = if found.is_some() { "both" } else { "neither" };
            let fault = Fault::new(codes::ENDPOINT_TARGET, "either `address` or `host`");
            item.fault(fault.found(found).help("write `{ address = \"192.0.2.10\", weight = 1 }`"))
        }
    };
    let probe = section.value("probe", "\"10.0.0.1:8080\"");
    let place = probe.map(|value| value.parsed(monitor::place));
    section.close();
    let (target, place) = (target?, place.map_or(Some(None), |found| found.map(Some))?);
    let probe = place.as_ref().map(|place| place.value.at.clone());
    Some(target.map(|target| (Endpoint { target, weight, probe }, place)))
}

fn only_address(text: &str) -> Result<IpAddr, Fault> {
    notation::address(text).map_err(|fault| match notation::target(text) {
        Ok(_) => fault.help(format!("write `host = \"{text}\"`")),
        Err(_) => fault,
    })
}

/// Resolves a pool and looks for what can't work in it; `None` if its region is unknown.
pub(super) fn check(
    written: &Written,
    service: &At<String>,
    policy: Option<&Checked>,
    regions: &mut Directory,
    problems: &mut Vec<Diagnostic>,
) -> Option<Pool> {
    problems.extend(without_weight(written, service));
    problems.extend(duplicates(written));
    if let Some(over) = written.endpoints.get(limits::ENDPOINTS_PER_POOL) {
        let (found, most) = (written.endpoints.len(), limits::ENDPOINTS_PER_POOL);
        problems.push(reader::too_many(over.span, "endpoints in a pool", found, most));
    }
    let position = regions.find(&written.region, problems)?;
    regions.mark(position);
    let region = policy::region_id(position);
    if let Some(checked) = policy
        && checked.complete
        && !checked.policy.regions.contains(&region)
    {
        let (name, policy) = (&written.region.value, &checked.policy.name);
        let message = format!(
            "policy `{policy}` does not rank region `{name}`, where service `{}` has a pool",
            service.value
        );
        let mut problem = Diagnostic::error(codes::POOL_NOT_RANKED, written.region.span, message)
            .label(written.region.span, "would never be answered");
        if let Some(span) = checked.span {
            problem = problem.label(span, "the policy");
        }
        let help =
            format!("add \"{name}\" to the `regions` of policy `{policy}`, or remove the pool");
        problems.push(problem.help(help));
    }
    let endpoints = distinct(&written.endpoints);
    Some(Pool { region, weight: written.weight.value, min_healthy: written.min_healthy, endpoints })
}

/// Each endpoint once, since an RRset has no record twice (RFC 2181, 5). Who lists one twice wants
/// it to get more: the weights add up.
fn distinct(written: &[At<Endpoint>]) -> Vec<Endpoint> {
    let mut endpoints: Vec<Endpoint> = Vec::with_capacity(written.len());
    let mut first: HashMap<&Target, usize> = HashMap::new();
    for At { value, .. } in written {
        let at = *first.entry(&value.target).or_insert(endpoints.len());
        match endpoints.get_mut(at) {
            Some(endpoint) => {
                let sum = endpoint.weight.0.saturating_add(value.weight.0);
                endpoint.weight = Weight(sum.min(limits::WEIGHT));
            }
            None => endpoints.push(value.clone()),
        }
    }
    endpoints
}

fn without_weight(written: &Written, service: &At<String>) -> Option<Diagnostic> {
    let weightless = written.endpoints.iter().all(|at| at.value.weight.0 == 0);
    if !written.complete || !weightless || written.endpoints.is_empty() {
        return None;
    }
    let name = &written.region.value;
    let message = format!(
        "pool `{name}` of service `{}` can never answer: all its weights are 0",
        service.value
    );
    Some(
        Diagnostic::error(codes::POOL_WITHOUT_WEIGHT, written.span, message)
            .label(written.span, "the weights sum to 0")
            .label(written.region.span, "in this pool")
            .help("give one endpoint a `weight` of 1 or more"),
    )
}

fn duplicates(written: &Written) -> Vec<Diagnostic> {
    let mut first: HashMap<&Target, Span> = HashMap::new();
    let mut problems = Vec::new();
    for at in &written.endpoints {
        let Some(earlier) = first.insert(&at.value.target, at.span) else { continue };
        let shown = show(&at.value.target);
        let message = format!("endpoint `{shown}` is twice in pool `{}`", written.region.value);
        problems.push(
            Diagnostic::warning(codes::DUPLICATE_ENDPOINT, at.span, message)
                .label(at.span, "again")
                .label(earlier, "before")
                .help("write it once, for a larger share with a `weight`; it gets the sum of both"),
        );
    }
    problems
}

/// A target as the operator writes it.
pub(super) fn show(target: &Target) -> String {
    match target {
        Target::Address(address) => address.to_string(),
        Target::Host(name) => name.to_string(),
    }
}
