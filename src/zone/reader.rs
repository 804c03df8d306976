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

use std::io;
use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::Code;
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
use crate::zone::field;
use crate::zone::flaw;
use crate::zone::flaw::Flaw;
use crate::zone::flaw::Problems;
use crate::zone::generate;
use crate::zone::head;
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
    let text = path.canonicalize().and_then(|real| Ok((text::load(&real)?, real)));
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
struct Scope {
    origin: Name,
    owner: Owner,
}

/// The owner of the entry before, which one without an owner shares.
#[derive(Clone)]
enum Owner {
    /// A name in the zone.
    Here(Name),
    /// There is no entry before.
    Missing,
    /// One that was reported: its records are left out.
    Skipped,
}

struct Reader<'s> {
    apex: &'s Name,
    sources: &'s mut Sources,
    /// The zone's folder, links resolved; `None` if nothing may be included.
    folder: Option<PathBuf>,
    /// The files being read, the innermost last.
    open: Vec<PathBuf>,
    n_included: usize,
    n_generated: u32,
    /// `$TTL` (RFC 2308, 4); it holds across files.
    default_ttl: Option<Ttl>,
    /// The last TTL that a record had (RFC 1035, 5.1).
    last_ttl: Option<Ttl>,
    /// Positions of the records that have no TTL at all.
    without_ttl: Vec<usize>,
    records: Vec<Record>,
    /// Octets of owners and data of the records.
    size: usize,
    reading: Reading,
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

    fn file(&mut self, source: SourceId, text: &str, scope: &mut Scope) {
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
        let reading = &mut self.reading;
        let local = [flaw::CLASS, flaw::RDATA, flaw::TTL, flaw::TYPE].contains(&flaw.code);
        match &scope.owner {
            Owner::Here(owner) if local && !tokens.first().is_some_and(is_directive) => {
                let has = |rtype: &str| tokens.iter().any(|t| t.text.eq_ignore_ascii_case(rtype));
                reading.soa |= has("SOA");
                reading.ns |= has("NS");
                reading.owners.insert(owner.clone());
            }
            // It may have been anything.
            _ => reading.anything = true,
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
            }
        }
        let span = Span { source, start: first.start, end: head.type_at.end };
        self.record(owner, &head, &scope.origin, span)
    }

    /// Reads the data of a record and keeps it.
    fn record(
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
        match ttl {
            Some(ttl) => record.ttl = ttl,
            None => self.without_ttl.push(self.records.len()),
        }
        self.records.push(record);
        Ok(())
    }

    /// Gives the records in front of any TTL that of the SOA's MINIMUM, as BIND does: files of
    /// before RFC 2308 mean that by it.
    fn ttls_of_soa(&mut self) {
        let Some(&first) = self.without_ttl.first() else { return };
        let soa = self.records.iter().find(|record| record.rtype == RecordType::SOA);
        let minimum = soa.and_then(|soa| soa.rdata.last_chunk::<4>());
        // Without a SOA record the zone is not served, and that is what is reported.
        let Some(minimum) = minimum.map(|octets| u32::from_be_bytes(*octets)) else { return };
        let ttl = Ttl::from_secs(minimum).unwrap_or(Ttl::MAX);
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
    fn outside(&mut self, source: SourceId, first: &Token<'_>, owner: Name, rest: &[Token<'_>]) {
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
    fn dot(&mut self, source: SourceId, token: &Token<'_>, origin: &Name) {
        // A single label, as in zone `test`, may well be a host of that name.
        if token.text.ends_with('.') || self.apex.n_labels() < 2 {
            return;
        }
        let meant = Name::parse(token.text, None).is_ok_and(|name| name.is_within(self.apex));
        let Some(name) = Name::parse(token.text, Some(origin)).ok().filter(|_| meant) else {
            return;
        };
        if !self.reading.dotless.insert(name) {
            return;
        }
        let message =
            format!("`{}` has no dot at its end: `{origin}` is appended to it", token.text);
        let flaw = Flaw::new(flaw::DOT, token.at(), message);
        self.problems.warning(source, flaw.help(format!("write `{}.`", token.text)));
    }

    fn directive(
        &mut self,
        source: SourceId,
        first: &Token<'_>,
        arguments: &[Token<'_>],
        scope: &mut Scope,
    ) -> Result<(), Flaw> {
        let is = |name: &str| first.text.eq_ignore_ascii_case(name);
        let wrong = |form: &str| {
            let message = format!("expected {form}");
            Err(Flaw::new(flaw::DIRECTIVE, first.at(), message))
        };
        if is("$ORIGIN") {
            self.reading.origin = true;
            let [name] = arguments else { return wrong("`$ORIGIN` and one name") };
            let changed = origin(name, &scope.origin)?;
            self.dot(source, name, &scope.origin);
            scope.origin = changed;
            self.reading.origin = false;
            return Ok(());
        }
        if is("$TTL") {
            let [time] = arguments else { return wrong("`$TTL` and one time") };
            self.default_ttl = Some(head::ttl(time)?);
            return Ok(());
        }
        if is("$INCLUDE") {
            return match arguments {
                [file] => self.include(source, file, scope.clone()),
                [file, name] => {
                    let origin = origin(name, &scope.origin)?;
                    self.include(source, file, Scope { origin, ..scope.clone() })
                }
                _ => wrong("`$INCLUDE`, one file and, if it differs, the origin"),
            };
        }
        if is("$GENERATE") {
            return match arguments {
                [range, owner, rest @ ..] if !rest.is_empty() => {
                    self.generate(source, range, owner, rest, scope)
                }
                _ => wrong("`$GENERATE`, a range, an owner, a type and data"),
            };
        }
        let message = format!("`{}` is no directive that is known here", first.text);
        let flaw = Flaw::new(flaw::DIRECTIVE, first.at(), message);
        Err(flaw.help("use `$ORIGIN`, `$TTL`, `$INCLUDE` or `$GENERATE`"))
    }

    /// One record for each number of a range.
    fn generate(
        &mut self,
        source: SourceId,
        range: &Token<'_>,
        owner: &Token<'_>,
        rest: &[Token<'_>],
        scope: &mut Scope,
    ) -> Result<(), Flaw> {
        scope.owner = Owner::Skipped;
        let numbers = generate::Range::read(range)?;
        self.n_generated = self.n_generated.saturating_add(numbers.count());
        if self.n_generated > limits::GENERATED {
            let message = format!("`$GENERATE` would make more than {} records", limits::GENERATED);
            return Err(Flaw::new(flaw::DIRECTIVE, range.at(), message)
                .help("use a wildcard, or a narrower range"));
        }
        let head = Head::read(owner, rest)?;
        let span = Span { source, start: owner.start, end: head.type_at.end };
        let mut reported = false;
        for number in numbers.numbers() {
            let name = generate::expand(owner, number)?;
            let name = Name::parse(&name, Some(&scope.origin)).map_err(|error| {
                let message = format!("`{name}` is no owner: it has {error}");
                Flaw::new(flaw::OWNER, owner.at(), message).help("correct what is generated")
            })?;
            if !name.is_within(self.apex) {
                if !reported {
                    self.outside(source, owner, name, &[]);
                }
                reported = true;
                continue;
            }
            self.generated(name, number, &head, &scope.origin, span)?;
        }
        Ok(())
    }

    fn generated(
        &mut self,
        owner: Name,
        number: u32,
        head: &Head<'_, '_>,
        origin: &Name,
        span: Span,
    ) -> Result<(), Flaw> {
        let texts = head.rdata.iter().map(|token| generate::expand(token, number));
        let mut texts = texts.collect::<Result<Vec<String>, Flaw>>()?;
        let mut tokens = Vec::new();
        let at: Range<usize> = match head.rdata {
            [first, .., last] => first.start..last.end,
            [only] => only.at(),
            [] => head.end(),
        };
        match texts.as_mut_slice() {
            // One token holds all of the data, in quotes if those are several fields; strings
            // in it have quotes of their own.
            [text] => {
                if head.rdata.iter().any(|only| only.quoted) {
                    *text = text.replace("\\\"", "\"");
                }
                let entry = Splitter::new(text).next_entry(&mut tokens);
                entry.transpose().map_err(|flaw| Flaw { at: at.clone(), ..flaw })?;
            }
            texts => {
                tokens.extend(texts.iter().zip(head.rdata).map(|(text, t)| Token { text, ..*t }));
            }
        }
        for token in &mut tokens {
            (token.start, token.end) = (at.start, at.end);
        }
        let type_at = head.type_at.clone();
        let head = Head { ttl: head.ttl, rtype: head.rtype, type_at, rdata: &tokens };
        self.record(owner, &head, origin, span).map_err(|flaw| {
            let message = format!("with {number} for `$`: {}", flaw.message);
            Flaw { message, at, ..flaw }
        })
    }

    /// Reads another file in its place (RFC 1035, 5.1); origin and owner here stay as they are.
    fn include(
        &mut self,
        source: SourceId,
        file: &Token<'_>,
        mut scope: Scope,
    ) -> Result<(), Flaw> {
        let refuse = |code: Code, message: String| Flaw::new(code, file.at(), message);
        let (Some(folder), Some(here)) = (&self.folder, self.open.last()) else {
            return Err(refuse(flaw::INCLUDE, "this text can't include files".into()));
        };
        let mut name = Vec::new();
        field::octets(file, &mut name)?;
        let name = String::from_utf8_lossy(&name);
        let unreadable =
            |error: io::Error| refuse(flaw::FILE, format!("can't read `{name}`: {error}"));
        let from = here.parent().unwrap_or(folder);
        let real = from.join(&*name).canonicalize().map_err(unreadable)?;
        if !real.starts_with(folder) {
            let message = format!("`{name}` is outside the folder of the zone's file");
            let help = format!("move it below `{}`", folder.display());
            return Err(refuse(flaw::INCLUDE, message).help(help));
        }
        if self.open.contains(&real) {
            return Err(refuse(flaw::INCLUDE, format!("`{name}` would include itself")));
        }
        if self.open.len() > limits::INCLUDE_DEPTH {
            let message = format!("more than {} files deep", limits::INCLUDE_DEPTH);
            return Err(refuse(flaw::INCLUDE, message));
        }
        if self.n_included >= limits::INCLUDES {
            let message = format!("more than {} files in one zone", limits::INCLUDES);
            return Err(refuse(flaw::INCLUDE, message));
        }
        let text = text::load(&real).map_err(unreadable)?;
        let shown = self.sources.path(source).parent().map(|parent| parent.join(&*name));
        let included = self.sources.add(shown.unwrap_or_else(|| real.clone()), Arc::clone(&text));
        self.n_included += 1;
        self.open.push(real);
        self.file(included, &text, &mut scope);
        self.open.pop();
        Ok(())
    }
}

fn is_directive(token: &Token<'_>) -> bool {
    token.text.starts_with('$') && !token.quoted
}

fn origin(name: &Token<'_>, origin: &Name) -> Result<Name, Flaw> {
    Name::parse(name.text, Some(origin)).map_err(|error| {
        let message = format!("`{}` is no origin: it has {error}", name.text);
        Flaw::new(flaw::DIRECTIVE, name.at(), message)
    })
}
