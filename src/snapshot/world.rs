//! What was configured, compiled for queries.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::config::Config;
use crate::geo::Atlas;
use crate::geo::Database;
use crate::geo::DatabaseError;
use crate::geo::Nets;
use crate::latency::Orders;
use crate::model::Code;
use crate::model::Diagnostic;
use crate::model::Family;
use crate::model::Policy;
use crate::model::Rank;
use crate::model::RegionSet;
use crate::model::Service;
use crate::model::Span;
use crate::snapshot::plan::Plans;
use crate::snapshot::plan::PoolTables;
use crate::steer::Balanced;
use crate::steer::MapOfService;
use crate::steer::MapPlan;
use crate::steer::Partition;
use crate::steer::SteeringMap;
use crate::steer::compile;
use crate::steer::rule_names;
use crate::steer::rule_prefixes;
use crate::zone::Answers;
use crate::zone::BalancedOwner;
use crate::zone::Zones;

/// The problems that only show when a configuration is compiled.
pub const CODES: &[(Code, &str)] = &[
    (NEVER_FIRST, "No client is nearest to a region, by what the databases know."),
    (RULE_FOR_NOBODY, "No network that the databases know has all that a rule asks for."),
];

const NEVER_FIRST: Code = Code("region-never-first");
const RULE_FOR_NOBODY: Code = Code("rule-for-nobody");

/// Why a checked configuration could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A database that opened turned out to be damaged.
    #[error("a database is damaged")]
    Database {
        /// What is wrong with it.
        source: DatabaseError,
        /// Where the configuration names it.
        at: Option<Span>,
    },
}

impl BuildError {
    fn of(source: DatabaseError, config: &Config) -> Self {
        let is_it = |database: &Arc<Database>| database.label() == source.label();
        let position = config.databases.iter().position(is_it);
        let at = position.and_then(|position| config.places.databases.get(position).copied());
        Self::Database { source, at }
    }

    /// The problem as the operator sees it.
    pub fn diagnostic(&self) -> Diagnostic {
        let Self::Database { source, at } = self;
        let problem = source.diagnostic();
        match at {
            Some(at) => problem.label(*at, "named here"),
            None => problem,
        }
    }
}

/// What a map was compiled for.
#[derive(Clone, Copy, Debug)]
pub struct MapScope {
    /// Position of the policy in the configuration.
    pub policy: usize,
    /// The regions that it ranks.
    pub regions: RegionSet,
    /// Whether the policy's depth was ignored; see [`MapPlan`].
    pub whole_order: bool,
    /// Whether clients are told apart by the vantage group nearest to them.
    pub is_partitioned: bool,
}

/// The rules of a policy that let clients have no other regions.
#[derive(Debug)]
struct Fences {
    policy: Box<str>,
    /// By their number, from 1.
    rules: Box<[(usize, RegionSet)]>,
}

/// Zones, maps and services.
#[derive(Debug)]
pub struct World {
    zones: Zones,
    maps: Box<[SteeringMap]>,
    scopes: Box<[MapScope]>,
    services: Box<[Balanced]>,
    /// Per policy, as operators name them.
    fences: Box<[Fences]>,
    nsid: Option<Box<[u8]>>,
    udp_payload: u16,
    keepalive: u16,
}

impl World {
    /// Compiles a configuration. Takes as long as one walk over its databases.
    ///
    /// Returns warnings beside the world: what only compiling shows.
    ///
    /// # Errors
    ///
    /// If a database is damaged.
    pub fn build(config: Config) -> Result<(Self, Vec<Diagnostic>), BuildError> {
        let atlas = atlas(&config.databases, &config.nets, &config.policies, &config.orders);
        let prefixes = rule_prefixes(&config.policies);
        let partition = Partition::new(&config.vantages);
        let plans = Plans::new(&config, partition.as_ref());
        let maps = compile(&atlas, &config.regions, &plans.maps, &prefixes)
            .map_err(|error| BuildError::of(error, &config))?;
        drop(atlas);
        let mut warnings = never_first(&config, &plans, &maps);
        warnings.extend(for_nobody(&config, &plans, &maps));
        let mut tables = PoolTables::default();
        let services: Box<[Balanced]> = config
            .services
            .iter()
            .zip(&plans.of_service)
            .map(|(service, position)| {
                let ties = maps.get(*position).is_some_and(|map| map.labels().has_ties());
                let ecs = config.policies.get(service.policy).is_none_or(|policy| policy.ecs);
                let pool_at = tables.of(service);
                let map = MapOfService { position: *position, ecs, ties, pool_at };
                Balanced::new(service, &config.regions, map)
            })
            .collect();
        let scope = |plan: &MapPlan<'_>| MapScope {
            policy: config
                .policies
                .iter()
                .position(|policy| std::ptr::eq(policy, plan.policy))
                .unwrap_or(0),
            regions: plan.regions,
            whole_order: plan.whole_order,
            is_partitioned: plan.partition.is_some(),
        };
        let scopes = plans.maps.iter().map(scope).collect();
        let fences = config.policies.iter().map(Fences::of).collect();
        let owners = balanced_owners(&config.services);
        let nsid = config.server.nsid.as_ref().map(|id| id.as_bytes().into());
        let udp_payload = config.server.udp_payload;
        let keepalive = tenths(config.server.tcp_idle);
        let zones = Zones::compile(config.zones, &owners);
        let maps = maps.into();
        let world = Self { zones, maps, scopes, services, fences, nsid, udp_payload, keepalive };
        Ok((world, warnings))
    }

    /// The zones.
    pub fn zones(&self) -> &Zones {
        &self.zones
    }

    /// The maps, one per policy, set of regions, and whether it is partitioned.
    pub fn maps(&self) -> &[SteeringMap] {
        &self.maps
    }

    /// What each of the maps was compiled for.
    pub fn scopes(&self) -> &[MapScope] {
        &self.scopes
    }

    /// The services, in the order of the configuration.
    pub fn services(&self) -> &[Balanced] {
        &self.services
    }

    /// The rules that let clients of a service, by its position, have these regions only, as an
    /// operator calls them; nothing if these are all that there are.
    pub fn rules_of(&self, service: usize, regions: &RegionSet) -> Option<String> {
        let scope = self.scopes.get(self.services.get(service)?.map)?;
        if scope.regions == *regions {
            return None;
        }
        let Fences { policy, rules } = self.fences.get(scope.policy)?;
        let is_it = |set: &RegionSet| set.intersection(&scope.regions) == *regions;
        let numbers: Vec<String> =
            rules.iter().filter(|(_, set)| is_it(set)).map(|(at, _)| at.to_string()).collect();
        let word = if numbers.len() == 1 { "rule" } else { "rules" };
        (!numbers.is_empty()).then(|| format!("{word} {} of policy `{policy}`", numbers.join(", ")))
    }

    /// The name server's identifier (RFC 5001).
    pub fn nsid(&self) -> Option<&[u8]> {
        self.nsid.as_deref()
    }

    /// Octets of a UDP response at most.
    pub fn udp_payload(&self) -> u16 {
        self.udp_payload
    }

    /// How long a stream may be idle, in units of 100 ms (RFC 7828, 3.1).
    pub fn keepalive(&self) -> u16 {
        self.keepalive
    }
}

impl Fences {
    fn of(policy: &Policy) -> Self {
        let rules = (1..).zip(&policy.rules).filter(|(_, rule)| rule.only);
        let rules = rules.map(|(at, rule)| (at, rule.regions.iter().copied().collect()));
        Self { policy: policy.name.as_str().into(), rules: rules.collect() }
    }
}

/// What is known of networks by these databases, nets of the operator's with their tags, rules,
/// and blocks that were measured.
pub fn atlas(
    databases: &[Arc<Database>],
    nets: &[(IpNet, String)],
    policies: &[Policy],
    orders: &Orders,
) -> Atlas {
    let mut tagged = Nets::default();
    for (net, tag) in nets {
        tagged.insert(*net, tag);
    }
    let measured: Vec<IpNet> = orders.blocks().map(|(net, _)| net).collect();
    Atlas::new(databases.to_vec(), tagged, &rule_prefixes(policies), &measured)
        .with_names(rule_names(policies))
}

fn tenths(duration: Duration) -> u16 {
    u16::try_from(duration.as_millis() / 100).unwrap_or(u16::MAX)
}

fn balanced_owners(services: &[Service]) -> Vec<BalancedOwner> {
    let owners = |(service, noun): (u32, &Service)| {
        let alias = noun.is_alias();
        let has = |family| !alias && noun.has_family(family);
        let answers = Answers { a: has(Family::V4), aaaa: has(Family::V6), alias };
        let owner = move |owner| BalancedOwner { owner, service, answers };
        noun.owners.clone().into_iter().map(owner)
    };
    (0..).zip(services).flat_map(owners).collect()
}

/// Warns of regions that are the nearest for nobody.
fn never_first(config: &Config, plans: &Plans<'_>, maps: &[SteeringMap]) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    for (at, policy) in config.policies.iter().enumerate() {
        if !policy.rank.contains(&Rank::Nearest) {
            continue;
        }
        let (mut used, mut first) = (RegionSet::EMPTY, RegionSet::EMPTY);
        let compiled = plans.maps.iter().zip(maps);
        for (plan, map) in compiled.filter(|(plan, _)| std::ptr::eq(plan.policy, policy)) {
            used = used.union(&plan.regions);
            for label in map.labels().ids() {
                first = first.union(&map.labels().first_tier(label));
            }
        }
        for region in used.iter().filter(|region| !first.contains(*region)) {
            let (Some(noun), Some(span)) = (
                config.regions.get(region.index()),
                config.places.regions.get(region.index()).copied(),
            ) else {
                continue;
            };
            let message = format!(
                "region `{}` is never the first choice of policy `{}`: no network that the \
                 databases know is nearer to it than to the others",
                noun.name, policy.name
            );
            let mut warning = Diagnostic::warning(NEVER_FIRST, span, message)
                .label(span, "gets clients only when others are down")
                .help(
                    "use a database with coordinates (City), name its clients in a rule, or give \
                     it a `bias`",
                );
            if let Some(policy) = config.places.policies.get(at).copied().flatten() {
                warning = warning.label(policy, "ranked by this policy");
            }
            warnings.push(warning);
        }
    }
    warnings
}

/// Warns of rules that no network comes to: keys that contradict each other, or ask for what no
/// database has.
fn for_nobody(config: &Config, plans: &Plans<'_>, maps: &[SteeringMap]) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    // That there is no database at all is a warning of its own.
    let policies = config.policies.iter().zip(&config.places.rules);
    for (policy, places) in policies.filter(|_| !config.databases.is_empty()) {
        let compiled = plans.maps.iter().zip(maps);
        let compiled = compiled.filter(|(plan, _)| std::ptr::eq(plan.policy, policy));
        let of_policy: Vec<&SteeringMap> = compiled.map(|(_, map)| map).collect();
        if of_policy.is_empty() || !policy.rank.contains(&Rank::Rules) {
            continue;
        }
        for (at, place) in places.iter().enumerate() {
            let Some(span) = *place else { continue };
            if of_policy.iter().any(|map| map.reaches_rule(at)) {
                continue;
            }
            let message = format!(
                "rule {} of policy `{}` is for nobody: no network that the databases know has all \
                 that it asks for, and is in no rule before it",
                at + 1,
                policy.name
            );
            warnings.push(
                Diagnostic::warning(RULE_FOR_NOBODY, span, message)
                    .label(span, "every key must match")
                    .help(
                        "see what is known of a client: `meridian geo lookup ADDRESS`; \
                         `subdivision` needs a City database, `asn`, `isp`, `organization` and \
                         `domain` one of networks' holders",
                    ),
            );
        }
    }
    warnings
}
