//! Checks on address families: what a service has, every client must be able to get.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use crate::config::codes;
use crate::config::policy::Checked;
use crate::config::pool;
use crate::config::reader::At;
use crate::config::service::Written;
use crate::config::service::WrittenAllDown;
use crate::model::AllDown;
use crate::model::Diagnostic;
use crate::model::Family;
use crate::model::Pool;
use crate::model::Region;
use crate::model::RegionId;
use crate::model::Service;
use crate::model::Span;

/// The families that a service has addresses of; none for host names.
fn families(service: &Service) -> impl Iterator<Item = Family> {
    Family::ALL.into_iter().filter(|family| service.has_family(*family))
}

const fn word(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

/// Host names and addresses in one service: a CNAME can't stand beside them (RFC 1034, 3.6.2).
pub(super) fn mixed(written: &Written) -> Option<Diagnostic> {
    let endpoints = || written.pools.iter().flat_map(|pool| &pool.endpoints);
    let host = endpoints().find(|at| at.value.target.family().is_none())?;
    let address = endpoints().find(|at| at.value.target.family().is_some())?;
    let name = &written.name.value;
    let message = format!("service `{name}` mixes host names and addresses, expected one kind");
    Some(
        Diagnostic::error(codes::MIXED_ENDPOINTS, host.span, message)
            .label(host.span, "a host name, answered as CNAME")
            .label(address.span, "an address, answered as A or AAAA")
            .help(format!(
                "replace `{}` by its addresses, or make every endpoint a host name",
                pool::show(&host.value.target)
            )),
    )
}

/// Checks that a fallback has one address per family of the service.
pub(super) fn all_down(
    written: &Written,
    service: &Service,
    problems: &mut Vec<Diagnostic>,
) -> AllDown {
    let addresses = match &written.all_down {
        WrittenAllDown::Word(word) => return *word,
        WrittenAllDown::Broken => return AllDown::FailOpen,
        WrittenAllDown::Fallback(addresses) => addresses,
    };
    let (mut v4, mut v6): (Option<At<Ipv4Addr>>, Option<At<Ipv6Addr>>) = (None, None);
    for at in &addresses.value {
        let first = match at.value {
            IpAddr::V4(value) => v4.replace(At { value, span: at.span }).map(|first| first.span),
            IpAddr::V6(value) => v6.replace(At { value, span: at.span }).map(|first| first.span),
        };
        let family = word(Family::from(at.value));
        let name = &service.name;
        if let Some(first) = first {
            let message = format!(
                "the fallback of service `{name}` has two {family} addresses, expected one"
            );
            problems.push(
                Diagnostic::error(codes::FALLBACK_FAMILIES, at.span, message)
                    .label(at.span, "second")
                    .label(first, "first")
                    .help("remove one of them"),
            );
        }
    }
    let complete = written.pools.iter().all(|pool| pool.complete) && !service.pools.is_empty();
    for family in Family::ALL {
        let found = match family {
            Family::V4 => v4.as_ref().map(|at| at.span),
            Family::V6 => v6.as_ref().map(|at| at.span),
        };
        let problem = match (service.has_family(family), found) {
            (true, None) => fallback_lacks(service, family, addresses.span),
            (false, Some(span)) => fallback_adds(service, family, span),
            (true, Some(_)) | (false, None) => continue,
        };
        if complete {
            problems.push(problem);
        }
    }
    AllDown::Fallback { v4: v4.map(|at| at.value), v6: v6.map(|at| at.value) }
}

fn fallback_lacks(service: &Service, family: Family, at: Span) -> Diagnostic {
    let (name, word) = (&service.name, word(family));
    let example = match family {
        Family::V4 => "192.0.2.99",
        Family::V6 => "2001:db8::99",
    };
    let message = format!(
        "the fallback of service `{name}` has no {word} address, but the service has; \
         expected one address per family"
    );
    Diagnostic::error(codes::FALLBACK_FAMILIES, at, message)
        .label(at, format!("no {word} address"))
        .help(format!("add one, such as \"{example}\""))
}

fn fallback_adds(service: &Service, family: Family, at: Span) -> Diagnostic {
    let (name, word) = (&service.name, word(family));
    let message = format!(
        "the fallback of service `{name}` has an {word} address, but no pool has one; \
         expected the families of the service"
    );
    Diagnostic::error(codes::FALLBACK_FAMILIES, at, message)
        .label(at, format!("no pool has {word}"))
        .help(format!("remove it, or add {word} endpoints"))
}

/// Fences behind which a family of the service does not exist.
pub(super) fn fences(
    written: &Written,
    service: &Service,
    checked: &Checked,
    regions: &[At<Region>],
) -> Vec<Diagnostic> {
    let lacks = |inside: &[RegionId], family| {
        let has = |id: &RegionId| service.pool(*id).is_some_and(|pool| pool.has_family(family));
        !inside.iter().any(has)
    };
    let mut problems = Vec::new();
    for At { value: inside, span } in &checked.fences {
        let span = *span;
        let lacking: Vec<&str> =
            families(service).filter(|family| lacks(inside, *family)).map(word).collect();
        let first = inside.first().and_then(|id| regions.get(id.index()));
        let (false, Some(first)) = (lacking.is_empty(), first) else { continue };
        let what = if service.is_alias() {
            "endpoint".to_owned()
        } else {
            format!("{} address", lacking.join(" or "))
        };
        let name = &service.name;
        let message = format!(
            "behind this fence service `{name}` has no {what}, but elsewhere it has; expected \
             what exists to exist for every client"
        );
        problems.push(
            Diagnostic::error(codes::FENCE_WITHOUT_FAMILY, span, message)
                .label(span, format!("no {what} of `{name}` in here"))
                .label(written.name.span, "the service")
                .help(format!(
                    "add one to `[service.{name}.pool.{}]`, add a region that has one to the \
                     rule, or write `only = false`",
                    first.value.name
                )),
        );
    }
    problems
}

/// Regions from which one family of dual-stack clients goes elsewhere.
pub(super) fn gaps(
    written: &Written,
    service: &Service,
    regions: &[At<Region>],
) -> Vec<Diagnostic> {
    if service.is_alias() || families(service).count() < 2 {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for pool in &service.pools {
        for family in Family::ALL.into_iter().filter(|family| !pool.has_family(*family)) {
            let Some(region) = regions.get(pool.region.index()) else { continue };
            let at = written.pools.iter().find(|w| w.region.value == region.value.name);
            let span = at.map_or(written.name.span, |w| w.region.span);
            let (name, word) = (&region.value.name, word(family));
            let goes = nearest(service, pool.region, family, regions);
            let (whereto, label) = match &goes {
                Some((other, km)) => (
                    format!("go {km} km further, to `{other}`"),
                    format!("no {word} here; the nearest is {km} km away, in `{other}`"),
                ),
                None => ("go to another region".to_owned(), format!("no {word} here")),
            };
            let message = format!(
                "dual-stack clients of region `{name}` {whereto}, for the {word} addresses of \
                 service `{}`",
                service.name
            );
            problems.push(
                Diagnostic::warning(codes::FAMILY_GAP, span, message).label(span, label).help(
                    format!("add an {word} endpoint to `[service.{}.pool.{name}]`", service.name),
                ),
            );
        }
    }
    problems
}

/// The region nearest to `from` in which the service has the family, and how far it is.
fn nearest<'a>(
    service: &Service,
    from: RegionId,
    family: Family,
    regions: &'a [At<Region>],
) -> Option<(&'a str, u64)> {
    let here = regions.get(from.index())?.value.location?;
    let distance = |pool: &Pool| {
        let region = &regions.get(pool.region.index())?.value;
        Some((region.name.as_str(), here.distance_km(region.location?)))
    };
    let (name, km) = service
        .pools
        .iter()
        .filter(|pool| pool.region != from && pool.has_family(family))
        .filter_map(distance)
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a distance on Earth, rounded"
    )]
    let km = km.round() as u64;
    Some((name, km))
}
