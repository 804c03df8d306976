//! What can be wrong with a zone, before it is known in which file.
//!
//! A [`Flaw`] is a `Diagnostic` whose octets are still relative to the text at hand;
//! [`Problems`] turns it into one and keeps each file to its limit.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::model::Code;
use crate::model::Diagnostic;
use crate::model::Severity;
use crate::model::SourceId;
use crate::model::Span;
use crate::model::limits;

macro_rules! codes {
    ($($name:ident = $text:literal: $meaning:literal;)+) => {
        $(
            #[doc = $meaning]
            pub(super) const $name: Code = Code($text);
        )+

        /// Every code that this room reports, with one line of explanation.
        pub const CODES: &[(Code, &str)] = &[$(($name, $meaning)),+];
    };
}

codes! {
    CLASS = "zone-class": "Another class than IN.";
    CNAME = "zone-cname": "A CNAME beside other data, or two of them.";
    DIRECTIVE = "zone-directive": "A directive that does not exist or lacks its argument.";
    DOT = "zone-dot": "A name that ends in the zone's name, without a dot at its end.";
    DNAME = "zone-dname": "A DNAME with data below it, or two of them.";
    FILE = "zone-file": "A file that can't be read.";
    GLUE = "zone-glue": "A name server of the zone or of a delegation without an address.";
    INCLUDE = "zone-include": "An included file that may not be read.";
    MORE = "zone-more": "More problems than are shown.";
    NS = "zone-ns": "No NS at the apex.";
    OWNER = "zone-owner": "An owner that is no name, or none at all.";
    OUTSIDE = "zone-outside": "An owner outside the zone; its records are left out.";
    RDATA = "zone-rdata": "Record data that do not fit the type.";
    SIGNED = "zone-signed": "A zone that is signed, and is served without signatures.";
    SIZE = "zone-size": "More records, or a larger RRset, than can be served.";
    SOA = "zone-soa": "No SOA at the apex, several, or one elsewhere.";
    SYNTAX = "zone-syntax": "Parentheses or quotes that do not match.";
    TARGET = "zone-target": "NS, MX or SRV that lead to a CNAME, or an address where a name belongs.";
    TTL = "zone-ttl": "No TTL before any `$TTL`, or too long a one.";
    TTL_MIXED = "zone-ttl-mixed": "TTLs that differ in one RRset.";
    TYPE = "zone-type": "A type that does not exist or can't stand in a zone.";
    WILDCARD = "zone-wildcard": "A type that has no meaning at a wildcard.";
}

/// One mistake at a range of octets of the text at hand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Flaw {
    pub(super) code: Code,
    pub(super) at: Range<usize>,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Flaw {
    pub(super) fn new(code: Code, at: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, at, message: message.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The problems found so far, as many as are shown: of one file at most
/// [`limits::DIAGNOSTICS_PER_FILE`] errors and as many warnings.
#[derive(Debug, Default)]
pub(super) struct Problems {
    kept: Vec<Diagnostic>,
    files: BTreeMap<Option<SourceId>, Tally>,
}

/// What one file has so far.
#[derive(Debug, Default)]
struct Tally {
    n_errors: usize,
    n_warnings: usize,
    n_hidden: usize,
    /// The first problem that was not kept.
    beyond: Option<Span>,
    /// Whether an error is among those.
    error_beyond: bool,
}

impl Problems {
    pub(super) fn flaw(&mut self, source: SourceId, flaw: Flaw) {
        self.report(Severity::Error, source, flaw);
    }

    pub(super) fn warning(&mut self, source: SourceId, flaw: Flaw) {
        self.report(Severity::Warning, source, flaw);
    }

    fn report(&mut self, severity: Severity, source: SourceId, flaw: Flaw) {
        let span = Span { source, start: flaw.at.start, end: flaw.at.end };
        let mut diagnostic = Diagnostic::new(flaw.code, severity, flaw.message).label(span, "");
        diagnostic.help = flaw.help;
        self.push(diagnostic);
    }

    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        let locus = diagnostic.labels.first().map(|label| label.span);
        let tally = self.files.entry(locus.map(|span| span.source)).or_default();
        let of_severity = match diagnostic.severity {
            Severity::Error => &mut tally.n_errors,
            Severity::Warning => &mut tally.n_warnings,
        };
        *of_severity += 1;
        if *of_severity <= limits::DIAGNOSTICS_PER_FILE
            && self.kept.len() < limits::DIAGNOSTICS_PER_ZONE
        {
            self.kept.push(diagnostic);
        } else {
            tally.n_hidden += 1;
            tally.beyond = tally.beyond.or(locus);
            tally.error_beyond |= diagnostic.severity == Severity::Error;
        }
    }

    /// The problems by file and place; then, for each file, how many are not shown.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.kept.sort_by_key(|d| d.labels.first().map(|l| (l.span.source, l.span.start)));
        for tally in self.files.into_values() {
            let Some(span) = tally.beyond else { continue };
            let severity = if tally.error_beyond { Severity::Error } else { Severity::Warning };
            let message = format!("{} more problems in this file are not shown", tally.n_hidden);
            let more = Diagnostic::new(MORE, severity, message).label(span, "the first of them");
            self.kept.push(more.help("fix the ones above first"));
        }
        self.kept
    }
}
