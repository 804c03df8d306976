//! `monitor` of a service: which monitors, and how many of them must agree.

use std::collections::HashMap;

use crate::config::codes;
use crate::config::directory::Directory;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::value::Value;
use crate::model::Diagnostic;
use crate::model::MonitorId;
use crate::model::Monitors;
use crate::model::Span;

/// Monitors of one service.
const MOST: usize = 16;

/// What a table may say.
const FORMS: &str = "`{ all = […] }`, `{ any = […] }` or `{ at-least = 2, of = […] }`";

/// The monitors of a service as written.
pub(super) struct Written {
    names: Vec<At<String>>,
    /// How many must say up; `None`: all.
    need: Option<u8>,
}

/// Reads a name, names, or a table that says how many must agree.
pub(super) fn read(value: &Value<'_>) -> Option<Written> {
    let names = |value: &Value<'_>| {
        let names = value.list(Value::text)?.value;
        if names.len() <= MOST {
            return Some(names);
        }
        let fault = Fault::new(codes::TOO_MANY, format!("at most {MOST} monitors"));
        value.fault(fault.found(names.len().to_string()).help("keep those that tell most"))
    };
    let Some(mut section) = value.as_section() else {
        return Some(Written { names: names(value)?, need: None });
    };
    let all = section.value("all", "[\"web\", \"tls\"]");
    let any = section.value("any", "[\"web\", \"tls\"]");
    let least = section.value("at-least", "2");
    let of = section.value("of", "[\"web\", \"tls\", \"ping\"]");
    section.close();
    match (all, any, least, of) {
        (Some(all), None, None, None) => Some(Written { names: names(&all)?, need: None }),
        (None, Some(any), None, None) => Some(Written { names: names(&any)?, need: Some(1) }),
        (None, None, Some(least), Some(of)) => {
            let names = names(&of)?;
            let most = u8::try_from(names.len()).unwrap_or(u8::MAX);
            Some(Written { names, need: Some(least.integer(1..=most)?.value) })
        }
        _ => {
            let fault = Fault::new(codes::MONITORS_OF_SERVICE, format!("one of {FORMS}"));
            let fault = fault.found("another set of keys");
            value.fault(fault.help("write `monitor = { any = [\"web\", \"tls\"] }`"))
        }
    }
}

/// Resolves the names; `None` if one is unknown.
pub(super) fn check(
    written: &Written,
    names: &mut Directory,
    problems: &mut Vec<Diagnostic>,
) -> Option<Monitors> {
    let mut first: HashMap<&str, Span> = HashMap::new();
    for At { value, span } in &written.names {
        if let Some(earlier) = first.insert(value, *span) {
            let message = format!("monitor `{value}` is named twice, expected each once");
            problems.push(
                Diagnostic::error(codes::DUPLICATE_MONITOR, *span, message)
                    .label(*span, "again")
                    .label(earlier, "before")
                    .help("remove one of them"),
            );
        }
    }
    let found: Vec<_> = written.names.iter().map(|name| names.find(name, problems)).collect();
    found.iter().flatten().for_each(|position| names.mark(*position));
    let of: Option<Vec<MonitorId>> =
        found.into_iter().map(|position| position.map(monitor_id)).collect();
    let of = of?;
    let all = u8::try_from(of.len()).unwrap_or(u8::MAX);
    Some(Monitors { of, need: written.need.unwrap_or(all) })
}

/// The id of the monitor at a position; there are no more of them than ids.
pub(super) fn monitor_id(position: usize) -> MonitorId {
    MonitorId(u16::try_from(position).unwrap_or(u16::MAX))
}
