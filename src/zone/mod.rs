//! Stand-in for the `zone` room; the lead replaces it.
#![forbid(unsafe_code)]

use std::path::Path;

use crate::model::Code;
use crate::model::Diagnostic;
use crate::model::Name;
use crate::model::RecordType;
use crate::model::Sources;
use crate::model::Span;
use crate::model::Ttl;

/// One record of a zone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// Where it stands.
    pub owner: Name,
    /// Its type.
    pub rtype: RecordType,
    /// How long it may be kept.
    pub ttl: Ttl,
    /// Its data in wire form.
    pub rdata: Box<[u8]>,
    /// Where it is written.
    pub span: Span,
}

/// Reads lines of `owner type rdata`, which is enough for the tests of `config`.
pub fn read(path: &Path, apex: &Name, sources: &mut Sources) -> (Vec<Record>, Vec<Diagnostic>) {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let source = sources.add(path, text.as_str());
    let mut records = Vec::new();
    let mut problems = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let line_start = start;
        start += line.len();
        if line.starts_with('$') {
            continue;
        }
        let mut words = line.split_whitespace();
        let (Some(owner), Some(rtype)) = (words.next(), words.next()) else { continue };
        let end = line_start + owner.len() + 1 + rtype.len();
        let span = Span { source, start: line_start, end };
        match (Name::parse(owner, Some(apex)), rtype.parse()) {
            (Ok(owner), Ok(rtype)) => {
                let ttl = Ttl::MAX;
                records.push(Record { owner, rtype, ttl, rdata: Box::default(), span });
            }
            _ => problems.push(Diagnostic::error(Code("zone-entry"), span, "not a record")),
        }
    }
    (records, problems)
}
