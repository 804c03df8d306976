//! `[policy.NAME]`: how regions are ranked for a client.

use crate::config::codes;
use crate::config::directory::Directory;
use crate::config::notation;
use crate::config::reader;
use crate::config::reader::At;
use crate::config::rule;
use crate::config::section::Section;
use crate::config::units;
use crate::config::value::Value;
use crate::model::Diagnostic;
use crate::model::Policy;
use crate::model::Rank;
use crate::model::Region;
use crate::model::RegionId;
use crate::model::Rule;
use crate::model::Span;
use crate::model::Tie;
use crate::model::limits;

/// The criteria unless the file says otherwise.
const RANK: [Rank; 3] = [Rank::Rules, Rank::Latency, Rank::Nearest];

/// How many regions of the computed order make a label unless the file says otherwise.
const DEPTH: u8 = 3;

/// The name of the policy that services have when none is written.
pub(super) const IMPLICIT: &str = "default";

/// A policy as written.
pub(super) struct Written {
    /// Its name.
    pub(super) name: At<String>,
    rank: Option<At<Vec<At<Rank>>>>,
    regions: Option<At<Vec<At<String>>>>,
    /// Whether `regions` is there but wrong.
    regions_broken: bool,
    /// Whether `rank` is there but wrong.
    rank_broken: bool,
    tie: Tie,
    depth: u8,
    ecs: bool,
    rules: Vec<rule::Written>,
}

/// A checked policy, and what services are checked against.
pub(super) struct Checked {
    /// The policy.
    pub(super) policy: Policy,
    /// Where its name stands; `None` for the implicit one.
    pub(super) span: Option<Span>,
    /// Whether its regions are all known, so that the absence of one means something.
    pub(super) complete: bool,
    /// The fences among its rules, whose regions are all known: these, written there.
    pub(super) fences: Vec<At<Vec<RegionId>>>,
    /// Where its rules say for whom they are: see [`rule::places`].
    pub(super) rules: Vec<Option<Span>>,
}

/// Reads `[policy.NAME]`.
pub(super) fn read(mut section: Section<'_>) -> Written {
    let name = section.identifier();
    let rank_value = section.value("rank", "[\"rules\", \"latency\", \"nearest\"]");
    let rank = rank_value.as_ref().and_then(|value| match value.array_is_empty() {
        true => Some(At { value: Vec::new(), span: value.span }),
        false => value.list(|item| item.parsed(notation::rank)),
    });
    let regions_value = section.value("regions", "[\"us-east\", \"eu-west\"]");
    let regions = regions_value.as_ref().and_then(|value| value.list(Value::text));
    let tie = section.section("tie").map(tie).unwrap_or_default();
    let depth = section.value("depth", "3").and_then(|value| value.integer(0..=u8::MAX));
    let ecs = section.value("ecs", "true").and_then(|value| value.boolean());
    let rules = section.elements("rule");
    if let Some(first_over) = rules.get(limits::RULES) {
        section.reader().report(reader::too_many(
            first_over.name.span,
            "rules in a policy",
            rules.len(),
            limits::RULES,
        ));
    }
    let rules = rules.into_iter().map(rule::read).collect();
    section.close();
    Written {
        name,
        rank_broken: rank.is_none() && rank_value.is_some(),
        rank,
        regions_broken: regions.is_none() && regions_value.is_some(),
        regions,
        tie,
        depth: depth.map_or(DEPTH, |at| at.value),
        ecs: ecs.is_none_or(|at| at.value),
        rules,
    }
}

fn tie(mut section: Section<'_>) -> Tie {
    let rtt = section.value("rtt", "\"5ms\"");
    let rtt = rtt.and_then(|value| value.quantity("ms", units::duration));
    let distance = section.value("distance", "\"50km\"");
    let distance = distance.and_then(|value| value.quantity("km", units::distance_km));
    section.close();
    Tie {
        rtt: rtt.map_or_else(Default::default, |at| at.value),
        distance_km: distance.map_or(0.0, |at| at.value),
    }
}

/// The policy of services when no policy is written: all regions, all defaults.
pub(super) fn implicit(regions: &Directory) -> Checked {
    let policy = Policy {
        name: IMPLICIT.to_owned(),
        rank: RANK.to_vec(),
        regions: all(regions),
        tie: Tie::default(),
        depth: DEPTH,
        rules: Vec::new(),
        ecs: true,
    };
    Checked { policy, span: None, complete: true, fences: Vec::new(), rules: Vec::new() }
}

/// Resolves the names in a policy and looks for what can't work in it.
pub(super) fn check(
    written: &Written,
    places: &[At<Region>],
    regions: &Directory,
    tags: &mut Directory,
    problems: &mut Vec<Diagnostic>,
) -> Checked {
    let (ranked, complete) = match &written.regions {
        Some(names) => {
            let (found, complete) = resolve(&names.value, regions, problems);
            (found.into_iter().map(|at| at.value).collect(), complete)
        }
        None => (all(regions), !written.regions_broken),
    };
    let known = complete.then_some(ranked.as_slice());
    let check_rule = |rule| rule::check(rule, &written.name, known, regions, tags, problems);
    let (rules, spans): (Vec<Rule>, Vec<Option<Span>>) =
        written.rules.iter().map(check_rule).unzip();
    let fence = |(rule, span): (&Rule, Option<Span>)| {
        rule.only.then_some(At { value: rule.regions.clone(), span: span? })
    };
    let fences = rules.iter().zip(spans).filter_map(fence).collect();
    let shadowed = rule::shadowed(&written.rules);
    let of_rules = rule::places(&written.rules, &shadowed);
    problems.extend(shadowed);
    problems.extend(rank_problems(written));
    if complete && !written.rank_broken {
        problems.extend(ranks_nothing(written, &ranked, places));
        problems.extend(partly_located(written, &ranked, places));
    }
    let rank = written
        .rank
        .as_ref()
        .map_or_else(|| RANK.to_vec(), |rank| rank.value.iter().map(|at| at.value).collect());
    let policy = Policy {
        name: written.name.value.clone(),
        rank,
        regions: ranked,
        tie: written.tie,
        depth: written.depth,
        rules,
        ecs: written.ecs,
    };
    Checked { policy, span: Some(written.name.span), complete, fences, rules: of_rules }
}

/// Finds regions by name; reports unknown and repeated ones. True if none was unknown.
pub(super) fn resolve(
    names: &[At<String>],
    regions: &Directory,
    problems: &mut Vec<Diagnostic>,
) -> (Vec<At<RegionId>>, bool) {
    let mut found: Vec<At<RegionId>> = Vec::new();
    let mut complete = true;
    for name in names {
        let Some(position) = regions.find(name, problems) else {
            complete = false;
            continue;
        };
        let id = region_id(position);
        if let Some(first) = found.iter().find(|other| other.value == id) {
            problems.push(
                Diagnostic::error(
                    codes::DUPLICATE_REGION,
                    name.span,
                    format!("region `{}` is listed twice; expected each region once", name.value),
                )
                .label(name.span, "second time")
                .label(first.span, "first time")
                .help("remove one of them"),
            );
            continue;
        }
        found.push(At { value: id, span: name.span });
    }
    (found, complete)
}

/// The id of a position; positions past the limit are an error of their own.
pub(super) fn region_id(position: usize) -> RegionId {
    RegionId(u16::try_from(position).unwrap_or(u16::MAX))
}

fn all(regions: &Directory) -> Vec<RegionId> {
    (0..regions.len()).map(region_id).collect()
}

/// Criteria that never decide anything, and rules that nobody reads.
fn rank_problems(written: &Written) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let Some(rank) = &written.rank else { return problems };
    for (position, criterion) in rank.value.iter().enumerate() {
        let total = |at: &&At<Rank>| match at.value {
            Rank::Equal | Rank::Priority => true,
            Rank::Latency | Rank::Nearest | Rank::Rules => at.value == criterion.value,
        };
        let Some(by) = rank.value.iter().take(position).find(total) else { continue };
        let (name, by_name) = (criterion.value.as_str(), by.value.as_str());
        problems.push(
            Diagnostic::warning(
                codes::RANK_UNREACHABLE,
                criterion.span,
                format!("`{name}` never decides: `{by_name}` before it leaves nothing undecided"),
            )
            .label(criterion.span, "never decides")
            .label(by.span, "decides all that gets here")
            .help(format!("remove \"{name}\", or put it before \"{by_name}\"")),
        );
    }
    let ranked = rank.value.iter().any(|at| at.value == Rank::Rules);
    if let (false, Some(first)) = (ranked, written.rules.first()) {
        let message = format!("the rules of policy `{}` are never read", written.name.value);
        problems.push(
            Diagnostic::warning(codes::RULES_NOT_RANKED, first.span, message)
                .label(first.span, "the first rule")
                .label(rank.span, "\"rules\" is not in here")
                .help("write \"rules\" first in `rank`, or remove the rules"),
        );
    }
    problems
}

/// A policy of several regions in which no criterion can tell them apart.
fn ranks_nothing(
    written: &Written,
    ranked: &[RegionId],
    places: &[At<Region>],
) -> Option<Diagnostic> {
    let rank: Vec<Rank> = written
        .rank
        .as_ref()
        .map_or_else(|| RANK.to_vec(), |rank| rank.value.iter().map(|at| at.value).collect());
    let decides = |criterion: &Rank| match criterion {
        Rank::Equal | Rank::Priority => true,
        Rank::Latency => false,
        Rank::Nearest => ranked.iter().any(|id| is_located(places, *id)),
        Rank::Rules => !written.rules.is_empty(),
    };
    let name = &written.name.value;
    if rank.iter().any(decides) || (ranked.len() < 2 && !rank.is_empty()) {
        return None;
    }
    // Who asks for measured round trips and for no distance gets what was asked for.
    if rank.contains(&Rank::Latency) && !rank.contains(&Rank::Nearest) {
        return None;
    }
    let at = written.rank.as_ref().map_or(written.name.span, |rank| rank.span);
    let (text, help) = if rank.is_empty() {
        ("it has no criterion", "write `rank = [\"rules\", \"latency\", \"nearest\"]`")
    } else {
        (
            "no region has a location, and there is no rule",
            "give its regions a `location`, or write `rank = [\"priority\"]`",
        )
    };
    let message = format!("policy `{name}` can rank nothing: {text}");
    let code = codes::POLICY_RANKS_NOTHING;
    // Latency may rank once something measures it, so that is no mistake.
    let problem = match rank.contains(&Rank::Latency) {
        true => Diagnostic::warning(code, at, message)
            .label(at, "every client gets the order of `regions`"),
        false => Diagnostic::error(code, at, message).label(at, "nothing to rank by"),
    };
    Some(problem.help(help))
}

/// A policy that ranks by distance, of which some regions have no location.
fn partly_located(
    written: &Written,
    ranked: &[RegionId],
    places: &[At<Region>],
) -> Option<Diagnostic> {
    let by_distance = written
        .rank
        .as_ref()
        .is_none_or(|rank| rank.value.iter().any(|at| at.value == Rank::Nearest));
    let nowhere = ranked.iter().copied().find(|id| !is_located(places, *id))?;
    if !by_distance || !ranked.iter().any(|id| is_located(places, *id)) {
        return None;
    }
    let region = places.get(nowhere.index())?;
    let (name, policy) = (&region.value.name, &written.name.value);
    let message =
        format!("region `{name}` has no location, but policy `{policy}` ranks by distance");
    Some(
        Diagnostic::warning(codes::REGION_WITHOUT_LOCATION, region.span, message)
            .label(region.span, "is never nearest")
            .label(written.name.span, "ranks by distance")
            .help("add `location = { lat = …, lon = … }` to the region"),
    )
}

fn is_located(places: &[At<Region>], id: RegionId) -> bool {
    places.get(id.index()).is_some_and(|region| region.value.location.is_some())
}
