//! What a maintenance is about: the names of its targets resolved.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::codes;
use crate::config::directory::Directory;
use crate::config::notation;
use crate::config::policy;
use crate::config::pool;
use crate::config::reader::At;
use crate::config::suggest;
use crate::model::AdminTarget;
use crate::model::Code;
use crate::model::Diagnostic;
use crate::model::Pool;
use crate::model::RegionId;
use crate::model::Service;
use crate::model::Span;
use crate::model::Target;

/// What targets may name.
pub(super) struct Named<'a> {
    pub(super) regions: &'a Directory,
    pub(super) service_names: &'a Directory,
    /// In step with their names.
    pub(super) services: &'a [Service],
}

impl Named<'_> {
    /// The target with its endpoint as it is shown everywhere, if everything it names exists.
    pub(super) fn resolve(
        &self,
        target: &At<AdminTarget>,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<AdminTarget> {
        let at = target.span;
        match &target.value {
            AdminTarget::Region { region } => {
                self.region(region, at, problems)?;
            }
            AdminTarget::Pool { service, region } => {
                self.pool(service, region, at, problems)?;
            }
            AdminTarget::Endpoint { service, region, endpoint } => {
                let pool = self.pool(service, region, at, problems)?;
                let Some(shown) = endpoint_of(pool, endpoint) else {
                    problems.push(no_endpoint(service, region, endpoint, pool, at));
                    return None;
                };
                return Some(AdminTarget::Endpoint {
                    service: service.clone(),
                    region: region.clone(),
                    endpoint: shown,
                });
            }
        }
        Some(target.value.clone())
    }

    /// The longest TTL with which something of a target may be in caches.
    pub(super) fn longest_ttl(&self, target: &AdminTarget) -> Duration {
        let is_concerned = |service: &&Service| match target {
            AdminTarget::Region { region } => service
                .pools
                .iter()
                .any(|pool| self.regions.name(pool.region.index()) == region.as_str()),
            AdminTarget::Pool { service: name, .. }
            | AdminTarget::Endpoint { service: name, .. } => service.name == *name,
        };
        let ttls = self.services.iter().filter(is_concerned).map(|service| service.ttl.secs());
        Duration::from_secs(ttls.max().unwrap_or_default().into())
    }

    fn region(&self, name: &str, at: Span, problems: &mut Vec<Diagnostic>) -> Option<RegionId> {
        let wanted = At { value: name.to_owned(), span: at };
        self.regions.find(&wanted, problems).map(policy::region_id)
    }

    fn pool(
        &self,
        service: &str,
        region: &str,
        at: Span,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<&Pool> {
        let wanted = At { value: service.to_owned(), span: at };
        // Both are looked for, so that both are reported.
        let position = self.service_names.find(&wanted, problems);
        let id = self.region(region, at, problems);
        let (found, id) = (self.services.get(position?)?, id?);
        let pool = found.pool(id);
        if pool.is_none() {
            let others: Vec<&str> =
                found.pools.iter().map(|pool| self.regions.name(pool.region.index())).collect();
            let message = format!("service `{service}` has no pool in region `{region}`");
            let help = suggest::help(region, others.iter().copied(), "it has pools in");
            problems.push(unknown(codes::UNKNOWN_POOL, at, message, "no such pool").help(help));
        }
        pool
    }
}

fn no_endpoint(service: &str, region: &str, found: &str, pool: &Pool, at: Span) -> Diagnostic {
    let known: Vec<String> = pool.endpoints.iter().map(|e| shown(&e.target)).collect();
    let message = format!("pool `{service}/{region}` has no endpoint `{found}`");
    let help = suggest::help(found, known.iter().map(String::as_str), "its endpoints are");
    unknown(codes::UNKNOWN_ENDPOINT, at, message, "no such endpoint").help(help)
}

fn unknown(code: Code, at: Span, message: String, label: &str) -> Diagnostic {
    Diagnostic::error(code, at, message).label(at, label)
}

/// The endpoint of a pool that a text means, as it is shown.
fn endpoint_of(pool: &Pool, text: &str) -> Option<String> {
    let address = text.parse::<IpAddr>().ok().map(Target::Address);
    let wanted = address.or_else(|| notation::host(text).ok().map(Target::Host))?;
    let found = pool.endpoints.iter().find(|endpoint| endpoint.target == wanted)?;
    Some(shown(&found.target))
}

/// An endpoint without the last dot of a host name.
fn shown(target: &Target) -> String {
    pool::show(target).trim_end_matches('.').to_owned()
}
