//! Master files to records (RFC 1035, 5), with every mistake that is in them.
//!
//! ```text
//!   file ─► splitter ─► entry ─► directive: $ORIGIN, $TTL, $INCLUDE ─► the next file
//!                         │
//!                         └────► owner, TTL, class, type ─► rdata ─► Record
//!                                                                      │
//!                              check: SOA, NS, CNAME, DNAME, glue … ◄──┘
//! ```
//!
//! # Invariants
//!
//! - Records that are returned are of class IN, within the zone, and their data fit their type.
//! - An entry with a mistake yields no record, and reading goes on at the next.
//! - No file outside the folder of the zone's file is opened, links followed.
//!
//! # Start with
//!
//! [`read`], then [`Reader::entry`].

use std::io;
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
use crate::zone::field;
use crate::zone::flaw;
use crate::zone::flaw::Flaw;
use crate::zone::flaw::Problems;
use crate::zone::rdata;
use crate::zone::record::Record;
use crate::zone::splitter::Splitter;
use crate::zone::splitter::Token;

/// Reads the zone `apex` from a file and from what that includes.
///
/// The records serve only if no diagnostic is an error. Texts are kept in `sources`, so
/// that the diagnostics can be shown. A file that can't be read is a diagnostic without a
/// label: the caller knows where it was named.
pub fn read(path: &Path, apex: &Name, sources: &mut Sources) -> (Vec<Record>, Vec<Diagnostic>) {
    let text = path.canonicalize().and_then(|real| Ok((load(&real)?, real)));
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
    reader.file(source, &text, &mut Scope { origin: apex.clone(), owner: None });
    reader.finish(source)
}

/// Reads the zone `apex` from a text, which can't include files.
pub fn read_text(text: &str, apex: &Name, sources: &mut Sources) -> (Vec<Record>, Vec<Diagnostic>) {
    let text: Arc<str> = text.into();
    let mut reader = Reader::new(apex, sources, None);
    let source = reader.sources.add(format!("{apex}zone"), Arc::clone(&text));
    reader.file(source, &text, &mut Scope { origin: apex.clone(), owner: None });
    reader.finish(source)
}

/// Reads a regular file of UTF-8; a pipe would make the load wait.
fn load(path: &Path) -> io::Result<Arc<str>> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let octets = std::fs::read(path)?;
    match String::from_utf8(octets) {
        Ok(text) => Ok(text.into()),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let before = error.as_bytes().get(..valid).unwrap_or_default();
            let line = before.iter().filter(|octet| **octet == b'\n').count() + 1;
            let what = format!("line {line} is not UTF-8; write other octets as `\\233`");
            Err(io::Error::new(io::ErrorKind::InvalidData, what))
        }
    }
}

/// What an entry takes from those before it, within one file.
#[derive(Clone)]
struct Scope {
    origin: Name,
    owner: Option<Name>,
}

struct Reader<'s> {
    apex: &'s Name,
    sources: &'s mut Sources,
    /// The zone's folder, links resolved; `None` if nothing may be included.
    folder: Option<PathBuf>,
    /// The files being read, the innermost last.
    open: Vec<PathBuf>,
    n_included: usize,
    /// `$TTL` (RFC 2308, 4); it holds across files.
    default_ttl: Option<Ttl>,
    /// The last TTL that a record had (RFC 1035, 5.1).
    last_ttl: Option<Ttl>,
    records: Vec<Record>,
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
            default_ttl: None,
            last_ttl: None,
            records: Vec::new(),
            problems: Problems::default(),
            rdata: Vec::new(),
        }
    }

    fn finish(mut self, source: SourceId) -> (Vec<Record>, Vec<Diagnostic>) {
        let start = Span { source, start: 0, end: 0 };
        check::check(self.apex, start, &mut self.records, &mut self.problems);
        (self.records, self.problems.finish())
    }

    fn file(&mut self, source: SourceId, text: &str, scope: &mut Scope) {
        let mut splitter = Splitter::new(text);
        let mut tokens = Vec::new();
        while let Some(entry) = splitter.next_entry(&mut tokens) {
            let read = entry.and_then(|blank| self.entry(source, blank, &tokens, scope));
            if let Err(flaw) = read {
                self.problems.flaw(source, flaw);
            }
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
        if first.text.starts_with('$') && !first.quoted {
            return self.directive(source, first, rest, scope);
        }
        let rest = if blank { tokens } else { rest };
        if !blank {
            // What follows must not fall to the owner before this one.
            scope.owner = None;
            let owner = Name::parse(first.text, Some(&scope.origin)).map_err(|error| {
                let message = format!("`{}` is no owner: it has {error}", first.text);
                Flaw::new(flaw::OWNER, first.at(), message)
            })?;
            scope.owner = Some(owner);
        }
        let Some(owner) = &scope.owner else {
            let flaw = Flaw::new(flaw::OWNER, first.at(), "a record without an owner");
            return Err(flaw.help("begin the line with the owner; `@` is the origin"));
        };
        if !owner.is_within(self.apex) {
            let message = format!("`{owner}` is outside the zone `{}`", self.apex);
            return Err(Flaw::new(flaw::OUTSIDE, first.at(), message)
                .help("end absolute names, and only those, with a dot"));
        }
        let owner = owner.clone();
        let head = Head::read(first, rest)?;
        let ttl = self.ttl(&head, first)?;
        self.rdata.clear();
        let end = head.type_at.end..head.type_at.end;
        let end = head.rdata.last().map_or(end, |last| last.end..last.end);
        rdata::write(head.rtype, head.rdata, end, &scope.origin, &mut self.rdata)?;
        let span = Span { source, start: first.start, end: head.type_at.end };
        let rdata = self.rdata.as_slice().into();
        self.records.push(Record { owner, rtype: head.rtype, ttl, rdata, span });
        Ok(())
    }

    /// RFC 2308, 4: the record's own TTL, else `$TTL`, else that of the record before it.
    fn ttl(&mut self, head: &Head<'_, '_>, first: &Token<'_>) -> Result<Ttl, Flaw> {
        if head.ttl.is_some() {
            self.last_ttl = head.ttl;
        }
        head.ttl.or(self.default_ttl).or(self.last_ttl).ok_or_else(|| {
            let at = first.start..head.type_at.end;
            Flaw::new(flaw::TTL, at, "a record without a TTL, before any `$TTL`")
                .help("put a line such as `$TTL 1h` at the top of the file")
        })
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
            let [name] = arguments else { return wrong("`$ORIGIN` and one name") };
            scope.origin = origin(name, &scope.origin)?;
            return Ok(());
        }
        if is("$TTL") {
            let [time] = arguments else { return wrong("`$TTL` and one time") };
            self.default_ttl = Some(ttl(time)?);
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
        let message = format!("`{}` is no directive that is known here", first.text);
        let flaw = Flaw::new(flaw::DIRECTIVE, first.at(), message);
        Err(flaw.help(if is("$GENERATE") {
            "write the records out"
        } else {
            "use `$ORIGIN`, `$TTL` or `$INCLUDE`"
        }))
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
        let text = load(&real).map_err(unreadable)?;
        let shown = self.sources.path(source).parent().map(|parent| parent.join(&*name));
        let included = self.sources.add(shown.unwrap_or_else(|| real.clone()), Arc::clone(&text));
        self.n_included += 1;
        self.open.push(real);
        self.file(included, &text, &mut scope);
        self.open.pop();
        Ok(())
    }
}

fn origin(name: &Token<'_>, origin: &Name) -> Result<Name, Flaw> {
    Name::parse(name.text, Some(origin)).map_err(|error| {
        let message = format!("`{}` is no origin: it has {error}", name.text);
        Flaw::new(flaw::DIRECTIVE, name.at(), message)
    })
}

fn ttl(token: &Token<'_>) -> Result<Ttl, Flaw> {
    field::duration(token.text).and_then(Ttl::from_secs).ok_or_else(|| {
        let message =
            format!("expected a TTL from 0 to 2147483647 seconds, found `{}`", token.text);
        Flaw::new(flaw::TTL, token.at(), message).help("write seconds, or units as in `1h30m`")
    })
}

/// What stands between the owner and the data.
struct Head<'t, 'a> {
    ttl: Option<Ttl>,
    rtype: RecordType,
    type_at: std::ops::Range<usize>,
    rdata: &'t [Token<'a>],
}

impl<'t, 'a> Head<'t, 'a> {
    /// RFC 1035, 5.1: TTL and class in either order, both may be missing, then the type.
    fn read(first: &Token<'a>, tokens: &'t [Token<'a>]) -> Result<Self, Flaw> {
        let mut time = None;
        let mut class = false;
        let mut rest = tokens;
        while let Some((token, rdata)) = rest.split_first() {
            if time.is_none() && token.text.starts_with(|c: char| c.is_ascii_digit()) {
                time = Some(ttl(token)?);
            } else if !class && let Some(number) = class_number(token.text) {
                if number != 1 {
                    let message = format!("class `{}`; a zone is served in IN only", token.text);
                    return Err(Flaw::new(flaw::CLASS, token.at(), message).help("write IN"));
                }
                class = true;
            } else {
                let rtype = record_type(token)?;
                return Ok(Self { ttl: time, rtype, type_at: token.at(), rdata });
            }
            rest = rdata;
        }
        let last = tokens.last().unwrap_or(first);
        let flaw = Flaw::new(flaw::TYPE, last.end..last.end, "a record without a type");
        Err(flaw.help("write owner, TTL, class, type and data: `www 300 IN A 192.0.2.1`"))
    }
}

/// The number of a class mnemonic (RFC 1035, 3.2.4) or of `CLASS32` (RFC 3597, 5).
fn class_number(text: &str) -> Option<u16> {
    const MNEMONICS: [(&str, u16); 4] = [("IN", 1), ("CS", 2), ("CH", 3), ("HS", 4)];
    let named = MNEMONICS.iter().find(|(mnemonic, _)| mnemonic.eq_ignore_ascii_case(text));
    named.map(|(_, number)| *number).or_else(|| {
        let prefix = text.get(..5).filter(|prefix| prefix.eq_ignore_ascii_case("CLASS"))?;
        text.get(prefix.len()..)?.parse().ok()
    })
}

fn record_type(token: &Token<'_>) -> Result<RecordType, Flaw> {
    let Ok(rtype) = token.text.parse::<RecordType>() else {
        let message = format!("`{}` is no record type that is known here", token.text);
        let flaw = Flaw::new(flaw::TYPE, token.at(), message);
        return Err(flaw.help(match similar_type(token.text) {
            Some(similar) => format!("did you mean `{similar}`?"),
            None => r"write a newer type as RFC 3597 has it: `TYPE65280 \# 4 0A000001`".into(),
        }));
    };
    if rtype.is_meta() {
        let message = format!("{rtype} can be asked for, but never stands in a zone");
        return Err(Flaw::new(flaw::TYPE, token.at(), message).help("remove the record"));
    }
    Ok(rtype)
}

/// The mnemonic that is closest to `text`, at most two edits away and fewer than its length.
fn similar_type(text: &str) -> Option<RecordType> {
    let text = text.to_ascii_uppercase();
    let most = 2.min(text.len().saturating_sub(1));
    (1..=u16::MAX)
        .take_while(|code| *code < 300)
        .map(RecordType)
        .filter(|rtype| !rtype.is_meta())
        .map(|rtype| (edits(&text, &rtype.to_string()), rtype))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, rtype)| rtype)
}

/// The edit distance of two short texts; long ones are far from all.
fn edits(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.bytes().zip(row.iter().skip(1)) {
            let value = (diagonal + usize::from(x != y)).min(left + 1).min(above + 1);
            diagonal = *above;
            left = value;
            next.push(value);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}
