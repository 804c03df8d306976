//! `[vantage.NAME]`: the places whose opinions count.

use crate::config::cluster;
use crate::config::codes;
use crate::config::notation;
use crate::config::reader;
use crate::config::reader::At;
use crate::config::region;
use crate::config::section::Section;
use crate::model::Coordinates;
use crate::model::Diagnostic;
use crate::model::Span;
use crate::model::Vantage;
use crate::model::VantageGroupId;
use crate::model::Vantages;
use crate::model::limits;

/// A vantage as written.
pub(super) struct Written {
    /// Its name.
    pub(super) name: At<String>,
    /// The group it votes with; its own name if absent.
    group: Option<At<String>>,
    location: Option<Coordinates>,
}

/// Reads `[vantage.NAME]`.
pub(super) fn read(mut section: Section<'_>) -> Written {
    let name = section.node_name();
    let group = section.value("group", "\"europe\"");
    let group = group.and_then(|value| value.parsed(notation::node_name));
    let location = region::location(&mut section);
    section.close();
    Written { name, group, location }
}

/// Who votes: nobody but the node itself where there is no cluster.
pub(super) fn check(
    written: &[Written],
    cluster: Option<&At<cluster::Written>>,
    problems: &mut Vec<Diagnostic>,
) -> Vantages {
    if let Some(over) = written.get(limits::VANTAGES) {
        let (found, most) = (written.len(), limits::VANTAGES);
        problems.push(reader::too_many(over.name.span, "vantages", found, most));
    }
    let mut vantages = Vantages::default();
    let mut over: Option<Span> = None;
    for Written { name, group, location } in written.iter().take(limits::VANTAGES) {
        let group = group.as_ref().unwrap_or(name);
        let known = vantages.groups.iter().position(|other| *other == group.value);
        let position = known.unwrap_or_else(|| {
            if vantages.groups.len() == limits::VANTAGE_GROUPS {
                over = Some(group.span);
            }
            vantages.groups.push(group.value.clone());
            vantages.groups.len() - 1
        });
        let group = VantageGroupId(u8::try_from(position).unwrap_or(u8::MAX));
        vantages.all.push(Vantage { name: name.value.clone(), group, location: *location });
    }
    if let Some(at) = over {
        let (found, most) = (vantages.groups.len(), limits::VANTAGE_GROUPS);
        problems.push(
            reader::too_many(at, "vantage groups", found, most)
                .help("write `group = \"…\"`, the same in several vantages"),
        );
    }
    match cluster {
        None => {
            let why = "there is no `[cluster]`, so this node is alone";
            problems.extend(written.first().map(|first| unheard(&first.name, why)));
            Vantages::default()
        }
        Some(at) => {
            // One of them may be this node; a second is somebody else.
            let other = at.value.cluster.servers.is_empty().then(|| written.get(1)).flatten();
            let why = "`[cluster]` has no `nats`";
            problems.extend(other.map(|other| unheard(&other.name, why)));
            vantages
        }
    }
}

fn unheard(name: &At<String>, why: &str) -> Diagnostic {
    let message = format!("vantage `{}` is never heard: {why}", name.value);
    Diagnostic::warning(codes::VANTAGES_WITHOUT_CLUSTER, name.span, message)
        .label(name.span, "its opinions reach nobody")
        .help("write `nats = \"nats://10.0.0.1:4222\"` in `[cluster]`, or remove the vantages")
}
