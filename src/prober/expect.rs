//! What an answer must have in it.

use serde_json::Value;

use crate::model::BodyMatch;
use crate::model::HttpProbe;
use crate::model::limits;
use crate::model::sound;
use crate::prober::failure::Fault;

/// What some writers put before UTF-8, and a reader of JSON may skip (RFC 8259, 8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// KiB of a body that are judged, in words.
const JUDGED: usize = limits::PROBE_BODY / 1024;

/// Characters of what was found that are shown.
const SHOWN: usize = 60;

/// What was read of a body.
#[derive(Debug)]
pub(super) struct Read {
    /// The first octets.
    pub(super) octets: Vec<u8>,
    /// Whether there are more than are read.
    pub(super) is_cut: bool,
}

/// The expectations of an HTTP probe, ready to use.
#[derive(Debug)]
pub(super) struct Expected {
    status: Vec<std::ops::RangeInclusive<u16>>,
    contains: Option<String>,
    matches: Option<regex::bytes::Regex>,
    json: Vec<(String, Value)>,
}

impl Expected {
    /// Compiles what a monitor expects; `None` if its pattern is none, which
    /// configuration excludes.
    pub(super) fn new(probe: &HttpProbe) -> Option<Self> {
        let (contains, matches) = match &probe.expect_body {
            None => (None, None),
            Some(BodyMatch::Contains(text)) => (Some(text.clone()), None),
            Some(BodyMatch::Matches(pattern)) => (None, Some(sound::pattern(pattern).ok()?)),
        };
        let (status, json) = (probe.expect_status.clone(), probe.expect_json.clone());
        Some(Self { status, contains, matches, json })
    }

    /// Whether anything of the body matters.
    pub(super) fn wants_body(&self) -> bool {
        self.contains.is_some() || self.matches.is_some() || !self.json.is_empty()
    }

    /// Judges a status.
    pub(super) fn status(&self, found: u16) -> Result<(), Fault> {
        if self.status.iter().any(|range| range.contains(&found)) {
            return Ok(());
        }
        let ranges = self.status.iter().map(|range| match (range.start(), range.end()) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        });
        let ranges: Vec<String> = ranges.collect();
        Err(Fault::target(format!("status {found}, expected {}", ranges.join(", "))))
    }

    /// Whether a body may end here, since all that is expected was found; the last `n_new` octets
    /// are new.
    pub(super) fn is_met_by(&self, body: &[u8], n_new: usize) -> bool {
        let Some(text) = self.contains.as_ref().filter(|_| self.json.is_empty()) else {
            return false;
        };
        let new = body.len().saturating_sub(n_new + text.len());
        contains(body.get(new..).unwrap_or(body), text.as_bytes())
    }

    /// Judges a body.
    pub(super) fn body(&self, read: &Read) -> Result<(), Fault> {
        let body = read.octets.as_slice();
        let wrong = |what: String| {
            Err(Fault::target(match read.is_cut {
                true => format!("{what}; the body is longer than the {JUDGED} KiB that are read"),
                false => what,
            }))
        };
        if let Some(text) = self.contains.as_ref().filter(|t| !contains(body, t.as_bytes())) {
            return wrong(format!("body {}, expected {text:?} in it", shown(body)));
        }
        let without_mark = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        if let Some(pattern) = self.matches.as_ref().filter(|one| !one.is_match(without_mark)) {
            return wrong(format!("body {}, expected /{}/", shown(body), pattern.as_str()));
        }
        if self.json.is_empty() {
            return Ok(());
        }
        let parsed: Result<Value, _> = serde_json::from_slice(without_mark);
        let Ok(parsed) = parsed else {
            return wrong(format!("body {}, expected JSON", shown(body)));
        };
        for (pointer, expected) in &self.json {
            match parsed.pointer(pointer) {
                Some(found) if same(found, expected) => {}
                Some(found) => {
                    let found = clipped(&found.to_string());
                    return wrong(format!("{pointer} {found}, expected {expected}"));
                }
                None => return wrong(format!("no {pointer}, expected {expected}")),
            }
        }
        Ok(())
    }
}

/// Whether two values of JSON are the same: it has one kind of number (RFC 8259, 6), so that 100,
/// 100.0 and 1e2 are one.
fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() != b.is_f64() => {
            a.as_f64() == b.as_f64()
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => found == expected,
    }
}

/// Whether octets are somewhere in others.
pub(super) fn contains(all: &[u8], part: &[u8]) -> bool {
    part.is_empty() || all.windows(part.len()).any(|window| window == part)
}

/// The first of what was found, as text.
pub(super) fn shown(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets.get(..SHOWN).unwrap_or(octets));
    let more = if octets.len() > SHOWN { "…" } else { "" };
    if octets.is_empty() { "nothing".to_owned() } else { format!("{text:?}{more}") }
}

/// The first of a text.
fn clipped(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text)),
        None => text.to_owned(),
    }
}
