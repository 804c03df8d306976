//! Problems in the operator's files, as data.
//!
//! Rooms that read files make these and collect all of them; `config` draws
//! them. Nothing here prints.

use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::InputFiles;

/// A stable, kebab-case name of a kind of problem, listed in the manual.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Code(pub &'static str);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Whether the configuration can be used all the same.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// It can't.
    Error,
    /// It can, but it will surprise.
    Warning,
}

/// A file that was read, by its position in [`Sources`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SourceId(u32);

/// A range of octets of one file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    /// Which file.
    pub source: SourceId,
    /// The first octet.
    pub start: usize,
    /// One past the last octet; not before `start`.
    pub end: usize,
}

/// A span with what there is to say about it; an empty text only points.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What, in a few words.
    pub text: String,
}

/// One problem in the operator's files.
///
/// `message` must stand alone: it is all that the one-line form shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// Which kind.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// One phrase, lower case, no full stop, the user's names in backticks:
    /// what was found and what was expected.
    pub message: String,
    /// The first is the locus; as short a span as can be. Empty only for
    /// problems that no file holds, such as a missing one.
    pub labels: Vec<Label>,
    /// What to type instead, in the imperative.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: Code, at: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message).label(at, "")
    }

    /// A warning at a place.
    pub fn warning(code: Code, at: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message).label(at, "")
    }

    /// A problem without a place, to which [`Diagnostic::label`] may add some.
    pub fn new(code: Code, severity: Severity, message: impl Into<String>) -> Self {
        Self { code, severity, message: message.into(), labels: Vec::new(), help: None }
    }

    /// Says something about a place. Said of the locus, it is its text.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        let text = text.into();
        match self.labels.first_mut() {
            Some(locus) if locus.span == span && locus.text.is_empty() => locus.text = text,
            _ => self.labels.push(Label { span, text }),
        }
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The files that were read, so that a [`Span`] can be shown.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    texts: Vec<(PathBuf, Arc<str>)>,
    files: InputFiles,
}

impl Sources {
    /// Those of files that are read from there.
    pub const fn of(files: InputFiles) -> Self {
        Self { texts: Vec::new(), files }
    }

    /// Where files are read from.
    pub const fn files(&self) -> &InputFiles {
        &self.files
    }

    /// Adds a file and returns its id.
    ///
    /// # Panics
    ///
    /// After 2³² files.
    pub fn add(&mut self, path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> SourceId {
        let id = u32::try_from(self.texts.len()).expect("fewer than 2^32 files");
        self.texts.push((path.into(), text.into()));
        SourceId(id)
    }

    /// The paths of all files, in the order in which they were read.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.texts.iter().map(|(path, _)| path.as_path())
    }

    /// The path as the operator would type it.
    pub fn path(&self, id: SourceId) -> &Path {
        self.texts.get(id.0 as usize).map_or_else(|| Path::new(""), |(path, _)| path)
    }

    /// The text; empty for an id of another `Sources`.
    pub fn text(&self, id: SourceId) -> &str {
        self.texts.get(id.0 as usize).map_or("", |(_, text)| text)
    }

    /// Line and column of the start of a span, both from 1, columns in characters.
    pub fn line_column(&self, span: Span) -> (usize, usize) {
        let text = self.text(span.source);
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        (line, before.get(line_start..).map_or(0, |l| l.chars().count()) + 1)
    }
}
