//! `[[policy.NAME.rule]]`: clients that the operator steers by hand.

use std::collections::HashMap;

use crate::config::codes;
use crate::config::country;
use crate::config::directory::Directory;
use crate::config::notation;
use crate::config::policy;
use crate::config::reader::At;
use crate::config::section::Section;
use crate::config::value::Value;
use crate::model::Asn;
use crate::model::Country;
use crate::model::Diagnostic;
use crate::model::Match;
use crate::model::RegionId;
use crate::model::Rule;
use crate::model::Span;

/// A rule as written.
pub(super) struct Written {
    /// Its header.
    pub(super) span: Span,
    /// For whom, but for the tags.
    matches: Match,
    /// Where `match` stands; the header if it is left out.
    match_span: Span,
    tags: Vec<At<String>>,
    /// The regions; `None` if they were wrong.
    regions: Option<At<Vec<At<String>>>>,
    only: bool,
    /// Whether all of `match` was right.
    complete: bool,
}

/// Reads one rule.
pub(super) fn read(mut section: Section<'_>) -> Written {
    let span = section.name.span;
    let regions = section.required("regions", "[\"us-east\"]");
    let regions = regions.and_then(|value| value.list(Value::text));
    let only = section.value("only", "true").and_then(|value| value.boolean());
    let mut written = Written {
        span,
        matches: Match::default(),
        match_span: span,
        tags: Vec::new(),
        regions,
        only: only.is_some_and(|at| at.value),
        complete: true,
    };
    if let Some(value) = section.value("match", "{ country = [\"DE\"] }") {
        written.match_span = value.span;
        match value.section() {
            Some(keys) => read_match(keys, &mut written),
            None => written.complete = false,
        }
    }
    section.close();
    written
}

fn read_match(mut keys: Section<'_>, written: &mut Written) {
    fn values<T>(found: Option<At<Vec<At<T>>>>) -> Option<Vec<T>> {
        found.map(|at| at.value.into_iter().map(|item| item.value).collect())
    }
    let mut complete = true;
    let mut kept = |right: bool| complete &= right;
    let matches = &mut written.matches;
    if let Some(value) = keys.value("continent", "[\"EU\"]") {
        let read = values(value.list(|item| item.parsed(notation::continent)));
        kept(read.is_some());
        matches.continents = read.unwrap_or_default();
    }
    if let Some(value) = keys.value("country", "[\"DE\"]") {
        let read = values(value.list(country));
        kept(read.is_some());
        matches.countries = read.unwrap_or_default();
    }
    if let Some(value) = keys.value("subdivision", "[\"US-CA\"]") {
        let read = values(value.list(|item| item.parsed(notation::subdivision)));
        kept(read.is_some());
        matches.subdivisions = read.unwrap_or_default();
    }
    if let Some(value) = keys.value("asn", "[64496]") {
        let read = values(value.list(asn));
        kept(read.is_some());
        matches.asns = read.unwrap_or_default();
    }
    let example = "[\"Example Net\"]";
    let names = [
        ("isp", &mut matches.isps, example),
        ("organization", &mut matches.organizations, example),
        ("domain", &mut matches.domains, "[\"example.net\"]"),
    ];
    for (key, names, example) in names {
        if let Some(value) = keys.value(key, example) {
            let read = values(value.list(Value::text));
            kept(read.is_some());
            *names = read.unwrap_or_default();
        }
    }
    if let Some(value) = keys.value("net", "[\"192.0.2.0/24\"]") {
        let read = values(value.list(|item| item.parsed(notation::prefix)));
        kept(read.is_some());
        matches.nets = read.unwrap_or_default();
    }
    if let Some(value) = keys.value("tag", "[\"office\"]") {
        let read = value.list(Value::text);
        kept(read.is_some());
        written.tags = read.map(|at| at.value).unwrap_or_default();
    }
    written.complete = complete;
    keys.close();
}

/// A country. One that is none (any more) is warned of, and matches where a database still has it:
/// perhaps nobody, and never everybody.
fn country(item: &Value<'_>) -> Option<At<Country>> {
    let text = item.text()?;
    let Some((what, instead)) = country::withdrawn(&text.value) else {
        return item.parsed(country::country);
    };
    let code = text.value.to_ascii_uppercase();
    let message = format!("\"{code}\" is no country code of ISO 3166-1, but {what}");
    item.report(
        Diagnostic::warning(codes::WITHDRAWN_COUNTRY, text.span, message)
            .label(text.span, "current databases place no client there")
            .help(format!("write {instead}")),
    );
    let country = code.parse().ok().or_else(|| Country::nowhere(&code))?;
    Some(text.map(|_| country))
}

fn asn(item: &Value<'_>) -> Option<At<Asn>> {
    if item.is_integer() {
        item.integer(0..=u32::MAX).map(|at| at.map(Asn))
    } else {
        item.parsed(notation::asn)
    }
}

/// Resolves the names in a rule, and checks that its policy ranks its regions. The span is
/// that of the regions, if all are known.
pub(super) fn check(
    written: &Written,
    policy: &At<String>,
    ranked: Option<&[RegionId]>,
    regions: &Directory,
    tags: &mut Directory,
    problems: &mut Vec<Diagnostic>,
) -> (Rule, Option<Span>) {
    let mut matches = written.matches.clone();
    for tag in &written.tags {
        if let Some(position) = tags.find(tag, problems) {
            tags.mark(position);
        }
        matches.tags.push(tag.value.clone());
    }
    let names = written.regions.as_ref().map(|at| at.value.as_slice()).unwrap_or_default();
    let (found, complete) = policy::resolve(names, regions, problems);
    for region in found.iter().filter(|r| ranked.is_some_and(|all| !all.contains(&r.value))) {
        let name = regions.name(region.value.index());
        let message =
            format!("policy `{}` does not rank region `{name}` of this rule", policy.value);
        problems.push(
            Diagnostic::error(codes::RULE_REGION_NOT_RANKED, region.span, message)
                .label(region.span, "not among the policy's regions")
                .label(policy.span, "the policy")
                .help(format!("add \"{name}\" to the policy's `regions`, or remove it here")),
        );
    }
    let regions = found.into_iter().map(|at| at.value).collect();
    let span = written.regions.as_ref().filter(|_| complete).map(|at| at.span);
    (Rule { matches, regions, only: written.only }, span)
}

/// Where each rule says for whom it is, by position; `None` where somebody was already told that
/// nobody is: it is `shadowed`, or asks for a country that is none.
pub(super) fn places(written: &[Written], shadowed: &[Diagnostic]) -> Vec<Option<Span>> {
    let is_told = |rule: &Written| {
        let at = rule.match_span;
        let mut countries = rule.matches.countries.iter();
        shadowed.iter().any(|told| told.labels.first().is_some_and(|locus| locus.span == at))
            || countries.any(|code| country::withdrawn(code.as_str()).is_some())
    };
    written.iter().map(|rule| (!is_told(rule)).then_some(rule.match_span)).collect()
}

/// Warns of rules that no client reaches, since an earlier one takes them all.
pub(super) fn shadowed(written: &[Written]) -> Vec<Diagnostic> {
    let mut everybody: Option<&Written> = None;
    let mut earlier: HashMap<String, &Written> = HashMap::new();
    let mut problems = Vec::new();
    for rule in written.iter().filter(|rule| rule.complete) {
        let key = key(rule);
        let (by, why) = match (everybody, earlier.get(&key)) {
            (Some(by), _) => (by, "matches every client"),
            (None, Some(by)) => (*by, "matches the same clients"),
            (None, None) => {
                if key == key_of(&Match::default(), &[]) {
                    everybody = Some(rule);
                }
                earlier.insert(key, rule);
                continue;
            }
        };
        problems.push(
            Diagnostic::warning(
                codes::RULE_SHADOWED,
                rule.match_span,
                format!("this rule is never reached: an earlier one {why}"),
            )
            .label(rule.match_span, "never reached")
            .label(by.match_span, why)
            .help("remove this rule, or put it before the other"),
        );
    }
    problems
}

fn key(rule: &Written) -> String {
    key_of(&rule.matches, &rule.tags)
}

/// A text that is equal for matches that match the same clients.
fn key_of(matches: &Match, tags: &[At<String>]) -> String {
    let mut matches = matches.clone();
    matches.tags = tags.iter().map(|tag| tag.value.clone()).collect();
    matches.continents.sort_unstable();
    matches.countries.sort_unstable();
    matches.subdivisions.sort_unstable();
    matches.asns.sort_unstable();
    for names in [&mut matches.isps, &mut matches.organizations, &mut matches.domains] {
        names.iter_mut().for_each(|name| *name = name.trim().to_ascii_lowercase());
        names.sort_unstable();
    }
    matches.nets.sort_unstable();
    matches.tags.sort_unstable();
    format!("{matches:?}")
}
