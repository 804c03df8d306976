//! Where host names lead, as far as the operator's own zones say.
//!
//! A chain of services and static records that comes back to itself is SERVFAIL at every
//! resolver, and one that ends at a name that is not there is NXDOMAIN. What leads out of the
//! zones can't be told here.

use std::collections::HashMap;
use std::collections::HashSet;

use crate::config::codes;
use crate::config::owners::Zone;
use crate::config::reader::At;
use crate::config::service::Written;
use crate::model::Diagnostic;
use crate::model::Endpoint;
use crate::model::Name;
use crate::model::RecordType;
use crate::model::Severity;
use crate::model::Span;
use crate::model::Target;
use crate::zone::Record;

/// Names in a chain at most; what is longer is not looked at, for resolvers give up long before.
const CHAIN: usize = 64;

/// What is at a name.
enum Here<'a> {
    /// An address, or a name of somebody else's.
    Fine,
    /// A service.
    Service(&'a Written),
    /// An alias of another name.
    To(Name),
    /// Something, but no address.
    NoAddress,
    /// Nothing.
    Nothing,
}

/// Why a chain leads nowhere.
enum Flaw {
    Loop,
    NoAddress(Name),
    Nothing(Name),
}

impl Flaw {
    /// Whether it is one also if what could not be read of the zones were there.
    fn is_certain(&self, zones: &[Zone]) -> bool {
        let (Self::Nothing(end) | Self::NoAddress(end)) = self else { return true };
        zones.iter().all(|zone| zone.is_whole || !end.is_within(&zone.apex.value))
    }
}

/// Checks the host names of all services, and the aliases of all zones.
pub(super) fn check(written: &[Written], zones: &[Zone]) -> Vec<Diagnostic> {
    let mut problems = static_loops(zones);
    let is_own = |at: &At<Endpoint>| {
        let host = host(at);
        host.is_some_and(|host| zones.iter().any(|zone| host.is_within(&zone.apex.value)))
    };
    let endpoints = |service: &Written| -> Vec<At<Endpoint>> {
        service.pools.iter().flat_map(|pool| &pool.endpoints).cloned().collect()
    };
    // A large zone is walked through only if it matters.
    if !written.iter().flat_map(endpoints).any(|at| is_own(&at)) {
        return problems;
    }
    let ground = Ground::new(written, zones);
    // A loop is one mistake, however many services are in it.
    let mut looped: HashSet<&str> = HashSet::new();
    for service in written {
        let name = service.name.value.as_str();
        let owners: Vec<&Name> = service.owners.iter().flatten().map(|at| &at.value).collect();
        for at in endpoints(service).iter().filter(|at| is_own(at)) {
            let Some(host) = host(at).filter(|host| !owners.contains(host)) else { continue };
            let mut walk = Walk {
                ground: &ground,
                path: Vec::new(),
                services: vec![name],
                fine: HashSet::new(),
            };
            let Some(flaw) = walk.to(host).filter(|flaw| flaw.is_certain(zones)) else { continue };
            if matches!(flaw, Flaw::Loop) && looped.contains(name) {
                continue;
            }
            looped.extend(walk.services.iter().filter(|_| matches!(flaw, Flaw::Loop)));
            problems.push(problem(service, at.span, &walk.path, &flaw));
        }
    }
    problems
}

fn host(at: &At<Endpoint>) -> Option<&Name> {
    match &at.value.target {
        Target::Host(host) => Some(host),
        Target::Address(_) => None,
    }
}

fn problem(service: &Written, at: Span, path: &[Name], flaw: &Flaw) -> Diagnostic {
    let name = &service.name.value;
    let by: Vec<String> = path.iter().map(|name| format!("`{name}`")).collect();
    let by = by.join(" to ");
    match flaw {
        Flaw::Loop => {
            let message = format!("service `{name}` leads back to where it came from, by {by}");
            Diagnostic::error(codes::ALIAS_LOOP, at, message)
                .label(at, "resolvers would go round in a circle")
                .label(service.name.span, "the service")
                .help("write the name of a load balancer, which has addresses")
        }
        Flaw::Nothing(end) => {
            let message = format!(
                "service `{name}` leads to `{end}`, which is in an own zone and does not exist"
            );
            Diagnostic::error(codes::ALIAS_TO_NOTHING, at, message)
                .label(at, format!("leads to {by}"))
                .help(format!(
                    "add an A or AAAA record at `{end}` to the zone, or correct the name"
                ))
        }
        Flaw::NoAddress(end) => {
            let message = format!("service `{name}` leads to `{end}`, which has no address");
            Diagnostic::new(codes::ALIAS_TO_NOTHING, Severity::Warning, message)
                .label(at, format!("leads to {by}"))
                .help(format!(
                    "add an A or AAAA record at `{end}` to the zone, or correct the name"
                ))
        }
    }
}

/// All that is in the zones, by name.
struct Ground<'a> {
    zones: &'a [Zone],
    services: HashMap<&'a Name, &'a Written>,
    records: HashMap<&'a Name, Vec<&'a Record>>,
    /// Every name that exists, those between others too (RFC 4592, 2.2.2).
    names: HashSet<Name>,
}

impl<'a> Ground<'a> {
    fn new(written: &'a [Written], zones: &'a [Zone]) -> Self {
        let owners = written.iter().flat_map(|service| {
            service.owners.iter().flatten().map(move |at| (&at.value, service))
        });
        let services: HashMap<_, _> = owners.collect();
        let mut records: HashMap<&Name, Vec<&Record>> = HashMap::new();
        for record in zones.iter().flat_map(|zone| &zone.records) {
            records.entry(&record.owner).or_default().push(record);
        }
        let mut names = HashSet::new();
        for &name in services.keys().chain(records.keys()) {
            let mut next = Some(name.clone());
            while let Some(name) = next.filter(|name| !names.contains(name)) {
                next = name.parent();
                names.insert(name);
            }
        }
        Self { zones, services, records, names }
    }

    fn at(&self, name: &Name) -> Here<'a> {
        let holds = |zone: &&Zone| name.is_within(&zone.apex.value);
        let deepest = self.zones.iter().filter(holds).max_by_key(|zone| zone.apex.value.n_labels());
        let Some(zone) = deepest else { return Here::Fine };
        // From the apex down: what is below a cut is somebody else's.
        let above = std::iter::successors(Some(name.clone()), Name::parent);
        let mut above: Vec<Name> =
            above.take_while(|name| name.is_within(&zone.apex.value)).collect();
        above.reverse();
        for ancestor in &above {
            if self.of_type(ancestor, RecordType::NS).is_some() && *ancestor != zone.apex.value {
                return Here::Fine;
            }
            if let Some(record) =
                self.of_type(ancestor, RecordType::DNAME).filter(|_| ancestor != name)
            {
                return redirected(name, ancestor, record).map_or(Here::Fine, Here::To);
            }
        }
        let wildcard = || {
            let encloser = above.iter().rev().find(|name| self.names.contains(name))?;
            encloser.child(b"*").filter(|name| self.names.contains(name))
        };
        let exact = self.names.contains(name).then(|| name.clone());
        let Some(here) = exact.or_else(wildcard) else { return Here::Nothing };
        if let Some(service) = self.services.get(&here) {
            return Here::Service(service);
        }
        if let Some(record) = self.of_type(&here, RecordType::CNAME) {
            let target = record.target().and_then(|wire| Name::from_wire(wire).ok());
            return target.map_or(Here::Fine, Here::To);
        }
        let has = |rtype| self.of_type(&here, rtype).is_some();
        match has(RecordType::A) || has(RecordType::AAAA) {
            true => Here::Fine,
            false => Here::NoAddress,
        }
    }

    fn of_type(&self, name: &Name, rtype: RecordType) -> Option<&'a Record> {
        self.records.get(name)?.iter().copied().find(|record| record.rtype == rtype)
    }
}

/// RFC 6672, 2.2: the name with what is at `ancestor` in place of it.
fn redirected(name: &Name, ancestor: &Name, record: &Record) -> Option<Name> {
    let target = Name::from_wire(record.target()?).ok()?;
    let n_own = name.n_labels() - ancestor.n_labels();
    let own: Vec<&[u8]> = name.labels().take(n_own).collect();
    own.into_iter().rev().try_fold(target, |name, label| name.child(label))
}

/// A way through the names.
struct Walk<'w, 'a> {
    ground: &'w Ground<'a>,
    path: Vec<Name>,
    services: Vec<&'a str>,
    /// Names that lead to addresses, whatever came before.
    fine: HashSet<Name>,
}

impl Walk<'_, '_> {
    /// What is wrong with where a name leads to; `path` is then the way there.
    fn to(&mut self, name: &Name) -> Option<Flaw> {
        if self.fine.contains(name) || self.path.len() >= CHAIN {
            return None;
        }
        let was_here = self.path.contains(name);
        self.path.push(name.clone());
        if was_here {
            return Some(Flaw::Loop);
        }
        let flaw = match self.ground.at(name) {
            Here::Fine => None,
            Here::Nothing => Some(Flaw::Nothing(name.clone())),
            Here::NoAddress => Some(Flaw::NoAddress(name.clone())),
            Here::To(next) => self.to(&next),
            Here::Service(service) => self.through(service),
        };
        if flaw.is_none() {
            self.path.pop();
            self.fine.insert(name.clone());
        }
        flaw
    }

    fn through(&mut self, service: &Written) -> Option<Flaw> {
        let name = service.name.value.as_str();
        if self.services.contains(&name) {
            return Some(Flaw::Loop);
        }
        let known = self.ground.services.values().find(|known| known.name.value == name)?;
        self.services.push(&known.name.value);
        let endpoints = known.pools.iter().flat_map(|pool| &pool.endpoints);
        let flaw = endpoints.filter_map(host).find_map(|host| self.to(host));
        if flaw.is_none() {
            self.services.pop();
        }
        flaw
    }
}

/// Aliases of zones that lead back to themselves, without a service between.
fn static_loops(zones: &[Zone]) -> Vec<Diagnostic> {
    let all = zones.iter().flat_map(|zone| &zone.records);
    let aliases = all.filter(|record| record.rtype == RecordType::CNAME).filter_map(|record| {
        Some((&record.owner, (Name::from_wire(record.target()?).ok()?, record.span)))
    });
    let aliases: HashMap<&Name, (Name, Span)> = aliases.collect();
    let mut seen: HashSet<&Name> = HashSet::new();
    let mut problems = Vec::new();
    let mut starts: Vec<&Name> = aliases.keys().copied().collect();
    starts
        .sort_unstable_by_key(|name| aliases.get(name).map(|(_, span)| (span.source, span.start)));
    for start in starts {
        let mut path: Vec<&Name> = Vec::new();
        let mut next = Some(start);
        while let Some((owner, (target, _))) = next.and_then(|name| aliases.get_key_value(name)) {
            if !seen.insert(owner) {
                break;
            }
            path.push(owner);
            next = Some(target);
        }
        // Seen on this very way, and not on one before.
        let Some(again) = next.filter(|name| path.contains(name)) else { continue };
        let Some((_, span)) = aliases.get(again) else { continue };
        let message = format!("the alias `{again}` leads back to itself");
        problems.push(
            Diagnostic::warning(codes::ALIAS_LOOP, *span, message)
                .label(*span, "resolvers would go round in a circle")
                .help("give one name of the circle addresses instead of a CNAME"),
        );
    }
    problems
}
