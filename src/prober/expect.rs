//! What an answer must have in it.

use crate::model::BodyMatch;
use crate::model::HttpProbe;
use crate::model::sound;
use crate::prober::failure::Fault;

/// The expectations of an HTTP probe, ready to use.
#[derive(Debug)]
pub(super) struct Expected {
    status: Vec<std::ops::RangeInclusive<u16>>,
    contains: Option<String>,
    matches: Option<regex::bytes::Regex>,
    json: Vec<(String, serde_json::Value)>,
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

    /// Judges a body.
    pub(super) fn body(&self, body: &[u8]) -> Result<(), Fault> {
        if let Some(text) = self.contains.as_ref().filter(|t| !contains(body, t.as_bytes())) {
            return Err(Fault::target(format!("body {}, expected {text:?} in it", shown(body))));
        }
        if let Some(pattern) = self.matches.as_ref().filter(|pattern| !pattern.is_match(body)) {
            let pattern = pattern.as_str();
            return Err(Fault::target(format!("body {}, expected /{pattern}/", shown(body))));
        }
        if self.json.is_empty() {
            return Ok(());
        }
        let parsed: Result<serde_json::Value, _> = serde_json::from_slice(body);
        let parsed =
            parsed.map_err(|_| Fault::target(format!("body {}, expected JSON", shown(body))))?;
        for (pointer, expected) in &self.json {
            match parsed.pointer(pointer) {
                Some(found) if found == expected => {}
                Some(found) => {
                    return Err(Fault::target(format!("{pointer} {found}, expected {expected}")));
                }
                None => {
                    return Err(Fault::target(format!("no {pointer}, expected {expected}")));
                }
            }
        }
        Ok(())
    }
}

/// Whether octets are somewhere in others.
pub(super) fn contains(all: &[u8], part: &[u8]) -> bool {
    part.is_empty() || all.windows(part.len()).any(|window| window == part)
}

/// The first of what was found, as text.
pub(super) fn shown(octets: &[u8]) -> String {
    const MOST: usize = 60;
    let text = String::from_utf8_lossy(octets.get(..MOST).unwrap_or(octets));
    let more = if octets.len() > MOST { "…" } else { "" };
    if octets.is_empty() { "nothing".to_owned() } else { format!("{text:?}{more}") }
}
