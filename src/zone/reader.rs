//! Master files to records (RFC 1035, 5), with every mistake that is in them.
//!
//! ```text
//!   file ─► splitter ─► entry ─► directive: $ORIGIN, $TTL, $INCLUDE ─► the next file
//!                         │                 $GENERATE ─► many entries ─┐
//!                         └────► owner ─► head: TTL, class, type ─► rdata ─► Record
//!                                                                              │
//!                              check: SOA, NS, CNAME, DNAME, glue … ◄──────────┘
//! ```
//!
//! # Invariants
//!
//! - Records that are returned are of class IN, within the zone, and their data fit their type.
//! - An entry with a mistake yields no record, and reading goes on at the next.
//! - A mistake is reported once: what follows from it alone is not.
//! - No file outside the folder of the zone's file is opened, links followed.
//!
//! # Start with
//!
//! [`read`], then [`Reader::entry`].

use std::net::IpAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::Diagnostic;
use crate::model::Name;
use crate::model::RecordType;
use crate::model::Severity;
use crate::model::SourceId;
use crate::model::Sources;
use crate::model::Span;
use crate::model::Ttl;
use crate::model::limits;
use crate::zone::check;
use crate::zone::check::Reading;
use crate::zone::flaw;
use crate::zone::flaw::Flaw;
use crate::zone::flaw::Problems;
use crate::zone::head::Head;
use crate::zone::layout;
use crate::zone::rdata;
use crate::zone::record::Record;
use crate::zone::splitter::Splitter;
use crate::zone::splitter::Token;
use crate::zone::text;

/// Reads the zone `apex` from a file and from what that includes.
///
/// The records serve only if no diagnostic is an error. Texts are kept in `sources`, so
/// that the diagnostics can be shown. A file that can't be read is a diagnostic without a
/// label: the caller knows where it was named.
pub fn read(path: &Path, apex: &Name, sources: &mut Sources) -> (Vec<Record>, Vec<Diagnostic>) {
    let text = text::real(path, sources)
        .and_then(|real| Ok((text::load(&sources.files().open_as(path, &real))?, real)));
    let (text, real) = match text {
        Ok(found) => found,
        Err(error) => {
            let message = format!("can't read zone file `{}`: {error}", path.display());
            let missing = Diagnostic::new(flaw::FILE, Severity::Error, message);
            let help = format!("create the file, or correct the path of zone `{apex}`");
            return (Vec::new(), vec![missing.help(help)]);
        }
    };
    let folder = real.parent().map(Path::to_path_buf);
    let mut reader = Reader::new(apex, sources, folder);
    let source = reader.sources.add(path, Arc::clone(&text));
    reader.open.push(real);
    reader.file(source, &text, &mut Scope { origin: apex.clone(), owner: Owner::Missing });
    reader.finish(source)
}

/// Reads the zone `apex` from a text, which can't include files.
pub fn read_text(text: &str, apex: &Name, sources: &mut Sources) -> (Vec<Record>, Vec<Diagnostic>) {
    let text: Arc<str> = text.into();
    let mut reader = Reader::new(apex, sources, None);
    let source = reader.sources.add(format!("{apex}zone"), Arc::clone(&text));
    reader.file(source, &text, &mut Scope { origin: apex.clone(), owner: Owner::Missing });
    reader.finish(source)
}

/// What an entry takes from those before it, within one file.
#[derive(Clone)]
pub(super) struct Scope {
    pub(super) origin: Name,
    pub(super) owner: Owner,
}

/// The owner of the entry before, which one without an owner shares.
#[derive(Clone)]
pub(super) enum Owner {
    /// A name in the zone.
    Here(Name),
    /// There is no entry before.
    Missing,
    /// One that was reported: its records are left out.
    Skipped,
}

/// One reading of a zone.
pub(super) struct Reader<'s> {
    pub(super) apex: &'s Name,
    pub(super) sources: &'s mut Sources,
    /// The zone's folder, links resolved; `None` if nothing may be included.
    pub(super) folder: Option<PathBuf>,
    /// The files being read, the innermost last.
    pub(super) open: Vec<PathBuf>,
    pub(super) n_included: usize,
    pub(super) n_generated: u32,
    /// `$TTL` (RFC 2308, 4); it holds across files.
    pub(super) default_ttl: Option<Ttl>,
    /// The last TTL that a record had (RFC 1035, 5.1).
    last_ttl: Option<Ttl>,
    /// Positions of the records that have no TTL at all.
    without_ttl: Vec<usize>,
    records: Vec<Record>,
    /// Octets of owners and data of the records.
    size: usize,
    pub(super) reading: Reading,
    problems: Problems,
    /// Scratch for one record's data.
    rdata: Vec<u8>,
}

impl<'s> Reader<'s> {
    fn new(apex: &'s Name, sources: &'s mut Sources, folder: Option<PathBuf>) -> Self {
        Self {
            apex,
            sources,
            folder,
            open: Vec::new(),
            n_included: 0,
            n_generated: 0,
            default_ttl: None,
            last_ttl: None,
            without_ttl: Vec::new(),
            records: Vec::new(),
            size: 0,
            reading: Reading::default(),
            problems: Problems::default(),
            rdata: Vec::new(),
        }
    }

    fn finish(mut self, source: SourceId) -> (Vec<Record>, Vec<Diagnostic>) {
        self.ttls_of_soa();
        let start = Span { source, start: 0, end: 0 };
        check::check(self.apex, start, &self.reading, &mut self.records, &mut self.problems);
        (self.records, self.problems.finish())
    }

    pub(super) fn file(&mut self, source: SourceId, text: &str, scope: &mut Scope) {
        let mut splitter = Splitter::new(text);
        let mut tokens = Vec::new();
        while let Some(entry) = splitter.next_entry(&mut tokens) {
            let read = entry.and_then(|blank| self.entry(source, blank, &tokens, scope));
            if let Err(flaw) = read {
                self.unread(&flaw, &tokens, scope);
                let full = flaw.code == flaw::SIZE;
                self.problems.flaw(source, flaw);
                if full {
                    return;
                }
            }
        }
    }

    /// Notes what an entry that could not be read may have held.
    fn unread(&mut self, flaw: &Flaw, tokens: &[Token<'_>], scope: &Scope) {
        // No record is missing for a `$TTL`.
        if tokens.first().is_some_and(|first| first.text.eq_ignore_ascii_case("$TTL")) {
            return;
        }
        let reading = &mut self.reading;
        let local = [flaw::CLASS, flaw::RDATA, flaw::TTL, flaw::TYPE].contains(&flaw.code);
        let local = local && !tokens.first().is_some_and(is_directive);
        match &scope.owner {
            Owner::Here(owner) if local => {
                let has = |rtype: &str| tokens.iter().any(|t| t.text.eq_ignore_ascii_case(rtype));
                reading.soa |= has("SOA");
                reading.ns |= has("NS");
                reading.owners.insert(owner.clone());
            }
            // It may have been anything.
            Owner::Here(_) | Owner::Missing | Owner::Skipped => reading.anything = true,
        }
    }

    fn entry(
        &mut self,
        source: SourceId,
        blank: bool,
        tokens: &[Token<'_>],
        scope: &mut Scope,
    ) -> Result<(), Flaw> {
        let Some((first, rest)) = tokens.split_first() else { return Ok(()) };
        if is_directive(first) {
            return self.directive(source, first, rest, scope);
        }
        let rest = if blank { tokens } else { rest };
        if !blank {
            // What follows must not fall to the owner before this one.
            scope.owner = Owner::Skipped;
            let owner = Name::parse(first.text, Some(&scope.origin)).map_err(|error| {
                let message = format!("`{}` is no owner: it has {error}", first.text);
                Flaw::new(flaw::OWNER, first.at(), message)
                    .help("begin the line with a name, or with a blank for the owner before")
            })?;
            if !owner.is_within(self.apex) {
                self.outside(source, first, owner, rest);
                return Ok(());
            }
            self.dot(source, first, &scope.origin);
            scope.owner = Owner::Here(owner);
        }
        let owner = match &scope.owner {
            Owner::Here(owner) => owner.clone(),
            Owner::Skipped => return Ok(()),
            Owner::Missing => {
                let flaw = Flaw::new(flaw::OWNER, first.at(), "a record without an owner");
                return Err(flaw.help("begin the line with the owner; `@` is the origin"));
            }
        };
        let head = Head::read(first, rest)?;
        for position in layout::names(head.rtype) {
            if let Some(name) = head.rdata.get(position).filter(|name| !name.text.starts_with('\\'))
            {
                self.dot(source, name, &scope.origin);
                self.address(source, name, &scope.origin);
            }
        }
        let span = Span { source, start: first.start, end: head.type_at.end };
        self.record(owner, &head, &scope.origin, span)
    }

    /// Reads the data of a record and keeps it.
    pub(super) fn record(
        &mut self,
        owner: Name,
        head: &Head<'_, '_>,
        origin: &Name,
        span: Span,
    ) -> Result<(), Flaw> {
        self.rdata.clear();
        let warning = rdata::write(head.rtype, head.rdata, head.end(), origin, &mut self.rdata)?;
        if let Some(warning) = warning {
            self.problems.warning(span.source, warning);
        }
        let rdata = self.rdata.as_slice().into();
        let mut record = Record { owner, rtype: head.rtype, ttl: Ttl::MAX, rdata, span };
        self.size += record.size();
        if self.size > limits::ZONE_DATA {
            let most = limits::ZONE_DATA / (1024 * 1024);
            let message = format!("the records of the zone are more than {most} MiB");
            return Err(Flaw::new(flaw::SIZE, span.start..span.end, message)
                .help("delegate a part of the zone to other servers"));
        }
        // RFC 2308, 4: the record's own TTL, else `$TTL`, else that of the record before it.
        self.last_ttl = head.ttl.or(self.last_ttl);
        let ttl = head.ttl.or(self.default_ttl).or(self.last_ttl);
        if ttl.is_none() && record.rtype == RecordType::SOA {
            // What a file of before RFC 2308 means by its SOA; it goes for all behind, as in BIND.
            self.default_ttl = minimum(&record);
        }
        match ttl {
            Some(ttl) => record.ttl = ttl,
            None => self.without_ttl.push(self.records.len()),
        }
        self.records.push(record);
        Ok(())
    }

    /// Gives the records in front of any TTL that of the SOA's MINIMUM, the SOA among them.
    fn ttls_of_soa(&mut self) {
        let Some(&first) = self.without_ttl.first() else { return };
        let soa = self.records.iter().find(|record| record.rtype == RecordType::SOA);
        // Without a SOA record the zone is not served, and that is what is reported.
        let Some(ttl) = soa.and_then(minimum) else { return };
        for position in &self.without_ttl {
            if let Some(record) = self.records.get_mut(*position) {
                record.ttl = ttl;
            }
        }
        let Some(record) = self.records.get(first) else { return };
        let message = format!(
            "no TTL, before any `$TTL`: the last number of the SOA, {} seconds, is used",
            ttl.secs()
        );
        self.problems.push(
            Diagnostic::warning(flaw::TTL, record.span, message)
                .help("put a line such as `$TTL 1h` at the top of the file"),
        );
    }

    /// Reports an owner that is not in the zone; the records that it begins are left out.
    pub(super) fn outside(
        &mut self,
        source: SourceId,
        first: &Token<'_>,
        owner: Name,
        rest: &[Token<'_>],
    ) {
        let message = format!("`{owner}` is outside the zone `{}`: it is left out", self.apex);
        let flaw = Flaw::new(flaw::OUTSIDE, first.at(), message);
        let help = "end absolute names, and only those, with a dot; or remove the record";
        self.problems.warning(source, flaw.help(help));
        let is_soa = rest.iter().any(|token| token.text.eq_ignore_ascii_case("SOA"));
        if is_soa && self.reading.other.is_none() {
            self.reading.other = Some((owner, Span { source, start: first.start, end: first.end }));
        }
    }

    /// Warns of a name that is meant to be absolute, as it ends in the zone's own name.
    pub(super) fn dot(&mut self, source: SourceId, token: &Token<'_>, origin: &Name) {
        // A single label, as in zone `test`, may well be a host of that name.
        if !token.text.contains('.') || token.text.ends_with('.') || self.apex.n_labels() < 2 {
            return;
        }
        let meant = Name::parse(token.text, None).is_ok_and(|name| name.is_within(self.apex));
        let Some(name) = Name::parse(token.text, Some(origin)).ok().filter(|_| meant) else {
            return;
        };
        if !self.reading.explained.insert(name) {
            return;
        }
        let message =
            format!("`{}` has no dot at its end: `{origin}` is appended to it", token.text);
        let flaw = Flaw::new(flaw::DOT, token.at(), message);
        self.problems.warning(source, flaw.help(format!("write `{}.`", token.text)));
    }

    /// Warns of an address where the name of a host belongs.
    fn address(&mut self, source: SourceId, token: &Token<'_>, origin: &Name) {
        if token.text.trim_end_matches('.').parse::<IpAddr>().is_err() {
            return;
        }
        self.reading.explained.extend(Name::parse(token.text, Some(origin)));
        let message = format!("`{}` is an address, expected the name of a host", token.text);
        let help = "give the address to a name, by A or AAAA, and write that name here";
        self.problems.warning(source, Flaw::new(flaw::TARGET, token.at(), message).help(help));
    }
}

/// MINIMUM of a SOA record; RFC 2181, 8: past 2³¹-1 it is 0.
fn minimum(soa: &Record) -> Option<Ttl> {
    let octets = soa.rdata.last_chunk::<4>()?;
    Some(Ttl::from_secs(u32::from_be_bytes(*octets)).unwrap_or(Ttl::ZERO))
}

fn is_directive(token: &Token<'_>) -> bool {
    token.text.starts_with('$') && !token.quoted
}
