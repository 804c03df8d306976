//! `$ORIGIN`, `$TTL`, `$INCLUDE` and `$GENERATE`: what a line does that is no record.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::model::Code;
use crate::model::Name;
use crate::model::SourceId;
use crate::model::Span;
use crate::model::Ttl;
use crate::model::limits;
use crate::zone::field;
use crate::zone::flaw;
use crate::zone::flaw::Flaw;
use crate::zone::generate;
use crate::zone::head;
use crate::zone::head::Head;
use crate::zone::reader::Reader;
use crate::zone::reader::Scope;
use crate::zone::splitter::Splitter;
use crate::zone::splitter::Token;
use crate::zone::text;

impl Reader<'_> {
    /// Does what a directive says.
    ///
    /// # Errors
    ///
    /// A flaw at the directive or at an argument.
    pub(super) fn directive(
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
            // Records behind one that can't be read have a TTL all the same: that is said once.
            self.default_ttl = self.default_ttl.or(Some(Ttl::ZERO));
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
        scope: &Scope,
    ) -> Result<(), Flaw> {
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
        let real = text::real(&from.join(&*name), self.sources).map_err(unreadable)?;
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
        let shown = self.sources.path(source).parent().map(|parent| parent.join(&*name));
        let shown = shown.unwrap_or_else(|| real.clone());
        let copy = self.sources.files().open_as(&shown, &real);
        let text = text::load(&copy).map_err(unreadable)?;
        let included = self.sources.add(shown, Arc::clone(&text));
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
