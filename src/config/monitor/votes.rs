//! How vantages decide together: `quorum`, `group-quorum`, `min-vantages` and `scope`.

use crate::config::codes;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::suggest;
use crate::config::value::Value;
use crate::config::value::quoted;
use crate::model::Diagnostic;
use crate::model::Probe;
use crate::model::Quorum;
use crate::model::Span;
use crate::model::Vantages;
use crate::model::Voting;
use crate::model::VotingScope;
use crate::model::limits;

/// The scopes of a verdict by their words.
const SCOPES: [(&str, VotingScope); 2] =
    [("everyone", VotingScope::Everyone), ("vantage", VotingScope::Vantage)];

/// The voting of heartbeats: each reaches one node, which tells the others, and they take its
/// word. That no other node got one says nothing.
const OF_PUSH: Voting = Voting {
    quorum: Quorum::Count(1),
    of_groups: None,
    min_vantages: Some(1),
    scope: VotingScope::Everyone,
};

/// What a monitor says of votes.
pub(in crate::config) struct Votes {
    /// The monitor.
    name: String,
    is_push: bool,
    quorum: Option<At<Quorum>>,
    of_groups: Option<At<Quorum>>,
    min_vantages: Option<At<u16>>,
    scope: Option<At<VotingScope>>,
}

impl Votes {
    /// Reads the keys of a monitor.
    pub(super) fn read(section: &mut Section<'_>, probe: &Probe) -> Self {
        let most = u16::try_from(limits::VANTAGES).unwrap_or(u16::MAX);
        let quorum = section.value("quorum", "\"majority\"");
        let of_groups = section.value("group-quorum", "\"majority\"");
        let min_vantages = section.value("min-vantages", "2");
        let scope = section.value("scope", "\"everyone\"");
        let (name, is_push) = (section.name.value.clone(), matches!(probe, Probe::Push));
        if is_push {
            let all = [&quorum, &of_groups, &min_vantages, &scope];
            let keys: Vec<&Value<'_>> = all.into_iter().flatten().collect();
            if let Some(first) = keys.first() {
                section.reader().report(push(&name, &keys, first.key.span));
            }
            let (quorum, of_groups, min_vantages, scope) = (None, None, None, None);
            return Self { name, is_push, quorum, of_groups, min_vantages, scope };
        }
        Self {
            name,
            is_push,
            quorum: quorum.and_then(|value| quorum_in(&value)),
            of_groups: of_groups.and_then(|value| quorum_in(&value)),
            min_vantages: min_vantages.and_then(|value| value.integer(1..=most)),
            scope: scope.and_then(|value| value.parsed(scope_of)),
        }
    }

    /// What they come to.
    pub(super) fn voting(&self) -> Voting {
        if self.is_push {
            return OF_PUSH;
        }
        Voting {
            quorum: self.quorum.as_ref().map_or_else(Quorum::default, |at| at.value),
            of_groups: self.of_groups.as_ref().map(|at| at.value),
            min_vantages: self.min_vantages.as_ref().map(|at| at.value),
            scope: self.scope.as_ref().map_or_else(VotingScope::default, |at| at.value),
        }
    }

    /// A number of votes that there can never be.
    fn too_few(&self, vantages: &Vantages, most_in_group: usize) -> Vec<Diagnostic> {
        let count = |at: &Option<At<Quorum>>| {
            let at = at.as_ref()?;
            let Quorum::Count(count) = at.value else { return None };
            Some(At { value: count, span: at.span })
        };
        let all = vantages.all.len().max(1);
        let (of_one, of_one_there) = match &self.of_groups {
            Some(_) => (most_in_group, "vantages in any group"),
            None => (all, "vantages"),
        };
        [
            ("quorum", count(&self.quorum), of_one, of_one_there),
            ("group-quorum", count(&self.of_groups), vantages.groups.len().max(1), "groups"),
            ("min-vantages", self.min_vantages.clone(), all, "vantages"),
        ]
        .into_iter()
        .filter_map(|(key, asked, most, what)| {
            let asked = asked.filter(|at| usize::from(at.value) > most)?;
            let name = &self.name;
            let message = format!(
                "`{key}` of monitor `{name}` is more than there are {what}: expected at most \
                 {most}, found {}",
                asked.value
            );
            let (label, or_else) = match vantages.all.is_empty() {
                true => ("only this node counts".to_owned(), "`[cluster]` and `[vantage.NAME]`"),
                false => (format!("at most {most}"), "`[vantage.NAME]` tables"),
            };
            Some(
                Diagnostic::error(codes::TOO_FEW_VANTAGES, asked.span, message)
                    .label(asked.span, label)
                    .help(format!("write `{key} = {most}` or less, or add {or_else}")),
            )
        })
        .collect()
    }

    /// Verdicts for the nearest clients, and no telling who these are.
    fn scope_of_nobody(&self, vantages: &Vantages, has_database: bool) -> Option<Diagnostic> {
        let at = self.scope.as_ref().filter(|at| at.value == VotingScope::Vantage)?.span;
        let name = &self.name;
        let start = format!("verdicts of monitor `{name}` are to hold near a vantage");
        let Some(first) = vantages.all.first() else {
            let message = format!("{start}, but no vantage is heard");
            return Some(
                Diagnostic::error(codes::SCOPE_WITHOUT_VANTAGES, at, message)
                    .label(at, "there is nobody to be near to")
                    .help("write \"everyone\", or add `[cluster]` and `[vantage.NAME]` tables"),
            );
        };
        let (code, why, help) = if vantages.all.iter().all(|one| one.location.is_none()) {
            let name = quoted(&first.name);
            let help =
                format!("add `location = {{ lat = 50.11, lon = 8.68 }}` to `[vantage.{name}]`");
            (codes::SCOPE_WITHOUT_LOCATION, "no vantage has a location", help)
        } else if has_database {
            return None;
        } else {
            let help = "add `[geoip]` with `databases = [\"geoip/dbip-country-lite.mmdb\"]`";
            (codes::NO_DATABASE, "there is no GeoIP database: nobody is near", help.to_owned())
        };
        Some(
            Diagnostic::warning(code, at, format!("{start}, but {why}"))
                .label(at, "they hold for everyone")
                .help(help),
        )
    }
}

/// Compares what all monitors say with the vantages there are.
pub(in crate::config) fn check(
    all: &[Votes],
    vantages: &Vantages,
    has_database: bool,
) -> Vec<Diagnostic> {
    let mut sizes = vec![0_usize; vantages.groups.len()];
    for vantage in &vantages.all {
        if let Some(size) = sizes.get_mut(vantage.group.index()) {
            *size += 1;
        }
    }
    let most_in_group = sizes.into_iter().max().unwrap_or(1);
    let mut problems = Vec::new();
    for votes in all {
        problems.extend(votes.too_few(vantages, most_in_group));
        problems.extend(votes.scope_of_nobody(vantages, has_database));
    }
    problems
}

fn push(name: &str, keys: &[&Value<'_>], at: Span) -> Diagnostic {
    let list = suggest::list(keys.iter().map(|value| value.key.value.as_str()));
    let message = format!(
        "nobody votes on the heartbeats of monitor `{name}`: expected no such keys, found {list}"
    );
    let problem = Diagnostic::error(codes::PUSH_VOTES, at, message)
        .label(at, "a heartbeat reaches one node, and all take its word");
    let others = keys.iter().skip(1);
    let problem = others.fold(problem, |all, value| all.label(value.key.span, "likewise"));
    problem.help(format!("leave out {list}"))
}

fn quorum_in(value: &Value<'_>) -> Option<At<Quorum>> {
    if value.is_integer() {
        let most = u16::try_from(limits::VANTAGES).unwrap_or(u16::MAX);
        return value.integer(1..=most).map(|at| at.map(Quorum::Count));
    }
    value.parsed(quorum)
}

/// Reads `"majority"` or `"18%"`.
fn quorum(text: &str) -> Result<Quorum, Fault> {
    if text == "majority" {
        return Ok(Quorum::Majority);
    }
    let share = text.strip_suffix('%').map(|number| number.trim().parse::<u32>());
    if let Some(Ok(percent @ 0..=99)) = share {
        return Ok(Quorum::Share(u8::try_from(percent).unwrap_or_default()));
    }
    let expected = "\"majority\", a share from \"0%\" to \"99%\", or a number";
    let fault = Fault::new(codes::QUORUM, expected);
    Err(match (share, text.trim().parse::<u32>()) {
        (Some(Ok(_)), _) => {
            fault.help("write \"99%\": a share must be exceeded, so that means all")
        }
        (_, Ok(number)) => fault.help(format!("write `{number}` without quotes, or \"{number}%\"")),
        _ => fault.help("write \"majority\": half of those who vote"),
    })
}

fn scope_of(text: &str) -> Result<VotingScope, Fault> {
    let known = SCOPES.iter().find(|(word, _)| *word == text);
    known.map(|(_, scope)| *scope).ok_or_else(|| {
        let words = SCOPES.map(|(word, _)| word);
        let fault = Fault::new(codes::VOTING_SCOPE, suggest::choice(words));
        fault.help(suggest::value_help(text, words))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_is_a_word_or_a_share() {
        for (text, expected) in [
            ("majority", Quorum::Majority),
            ("18%", Quorum::Share(18)),
            ("0%", Quorum::Share(0)),
            ("99 %", Quorum::Share(99)),
        ] {
            assert_eq!(quorum(text).unwrap(), expected, "{text}");
        }
        for (text, help) in [
            ("100%", "\"99%\""),
            ("150%", "\"99%\""),
            ("2", "`2` without quotes"),
            ("most", "\"majority\""),
            ("-1%", "\"majority\""),
            ("1.5%", "\"majority\""),
            ("", "\"majority\""),
        ] {
            let fault = quorum(text).unwrap_err();
            assert_eq!(fault.code, codes::QUORUM, "{text}");
            assert!(fault.help.unwrap().contains(help), "{text}");
        }
    }
}
