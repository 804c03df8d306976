//! Parts of the status.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::control::problem::Kind;
use crate::control::problem::Problem;
use crate::engine::Status;
use crate::engine::VantageStatus;
use crate::health::Hearing;
use crate::health::Verdict;
use crate::model::AdminTarget;

/// What `/readyz` says besides that the node answers.
pub(super) fn readiness(status: &Status) -> Value {
    let unknown = status.checks.iter().filter(|check| check.verdict == Verdict::Unknown).count();
    let oldest: Option<Timestamp> = status.checks.iter().filter_map(|check| check.last).min();
    let cluster = &status.cluster;
    let is_heard = |vantage: &&VantageStatus| vantage.hearing == Hearing::Heard;
    let heard = cluster.vantages.iter().filter(is_heard).count();
    json!({
        "generation": status.generation,
        "started": status.started,
        "checks": status.checks.len(),
        "checks_unknown": unknown,
        "oldest_outcome": oldest,
        "contact": cluster.contact,
        "contact_since": cluster.since,
        "contact_why": cluster.why,
        "vantages": cluster.vantages.len(),
        "vantages_heard": heard,
        "problems": status.problems,
    })
}

/// Only one service, or one region, or where they meet.
///
/// # Errors
///
/// 404 for one that is unknown.
pub(super) fn cut(
    mut status: Status,
    service: Option<&str>,
    region: Option<&str>,
) -> Result<Status, Problem> {
    let unknown = |what: &str, found: &str| {
        Problem::new(Kind::NotFound, format!("no {what} is called {found:?}"))
    };
    if let Some(wanted) = service {
        status.services.retain(|service| service.service == wanted);
        if status.services.is_empty() {
            return Err(unknown("service", wanted));
        }
        let regions: HashSet<&str> = status
            .services
            .iter()
            .flat_map(|s| &s.pools)
            .map(|pool| pool.region.as_str())
            .collect();
        status.regions.retain(|region| regions.contains(region.region.as_str()));
    }
    if let Some(wanted) = region {
        let known = status.regions.iter().any(|region| region.region == wanted);
        if !known {
            return Err(unknown("region", wanted));
        }
        status.regions.retain(|region| region.region == wanted);
        for service in &mut status.services {
            service.pools.retain(|pool| pool.region == wanted);
        }
        status.services.retain(|service| !service.pools.is_empty());
    }
    if service.is_some() || region.is_some() {
        let endpoints = status.services.iter().flat_map(|s| &s.pools).flat_map(|p| &p.endpoints);
        let of_endpoints = endpoints.flat_map(|endpoint| &endpoint.checks);
        let of_regions = status.regions.iter().filter_map(|region| region.check.as_ref());
        let checks: HashSet<&String> = of_endpoints.chain(of_regions).collect();
        status.checks.retain(|check| checks.contains(&check.check));
        status.admin.retain(|admin| concerns(&admin.target, service, region));
    }
    Ok(status)
}

/// Whether an admin state may change what a service answers in a region.
fn concerns(target: &AdminTarget, service: Option<&str>, region: Option<&str>) -> bool {
    let (of_service, of_region) = match target {
        AdminTarget::Region { region } => (None, region),
        AdminTarget::Pool { service, region } | AdminTarget::Endpoint { service, region, .. } => {
            (Some(service), region)
        }
    };
    let fits = |wanted: Option<&str>, found: &String| wanted.is_none_or(|wanted| wanted == found);
    of_service.is_none_or(|of| fits(service, of)) && fits(region, of_region)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::fixture;

    #[test]
    fn a_cut_holds_what_belongs_together() {
        let whole = cut(fixture::status(), None, None).unwrap();
        assert_eq!(whole, fixture::status());
        let www = cut(fixture::status(), Some("www"), None).unwrap();
        assert_eq!(www.services.len(), 1);
        assert_eq!(www.checks.len(), 3);
        let east = cut(fixture::status(), Some("www"), Some("us-east")).unwrap();
        assert_eq!(east.regions.len(), 1);
        assert_eq!(east.services[0].pools.len(), 1);
        assert_eq!(east.checks.len(), 2);
        assert_eq!(east.admin.len(), 0);
        let west = cut(fixture::status(), None, Some("eu-west")).unwrap();
        assert_eq!(west.admin.len(), 1);
        assert!(cut(fixture::status(), Some("wwww"), None).is_err());
        assert!(cut(fixture::status(), None, Some("mars")).is_err());
    }

    #[test]
    fn readiness_counts_what_is_not_known() {
        let ready = readiness(&fixture::status());
        assert_eq!(ready["checks_unknown"], 1);
        assert_eq!(ready["oldest_outcome"], "2026-01-02T03:03:55Z");
        assert_eq!(ready["problems"][0]["code"], "address-unavailable");
    }
}
