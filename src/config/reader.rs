//! A file that is being read: values with their places, and what is wrong with them.
//!
//! serde stops at the first mistake; this goes on. A `Section` is a table that
//! remembers which keys it was asked for, so that it can report the others; a
//! `Value` knows what it is called and what a right one looks like.

use std::cell::Cell;
use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;

use crate::config::codes;
use crate::model::Code;
use crate::model::Diagnostic;
use crate::model::InputFiles;
use crate::model::SourceId;
use crate::model::Span;

/// A value and the place where it is written.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    /// What.
    pub(super) value: T,
    /// Where.
    pub(super) span: Span,
}

impl<T> At<T> {
    /// The same place, something else.
    pub(super) fn map<U>(self, f: impl FnOnce(T) -> U) -> At<U> {
        At { value: f(self.value), span: self.span }
    }
}

/// Why a text is not what it should be, before it is known where it stands.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// The kind of problem.
    pub(super) code: Code,
    /// What was expected, with its article.
    pub(super) expected: String,
    /// What was found; the text itself if empty.
    pub(super) found: String,
    /// What to type instead, in the imperative.
    pub(super) help: Option<String>,
}

impl Fault {
    /// A fault that shows the text it is about.
    pub(super) fn new(code: Code, expected: impl Into<String>) -> Self {
        Self { code, expected: expected.into(), found: String::new(), help: None }
    }

    /// Says what was found in words.
    pub(super) fn found(mut self, found: impl Into<String>) -> Self {
        self.found = found.into();
        self
    }

    /// Says what to do.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What is reported where a key stands that was right by itself.
    pub(super) fn at(self, key: &str, span: Span) -> Diagnostic {
        let Self { code, expected, found, help } = self;
        let message = format!("`{key}`: expected {expected}, found {found}");
        let problem = Diagnostic::error(code, span, message);
        Diagnostic { help, ..problem.label(span, format!("expected {expected}")) }
    }
}

/// One file being read.
pub(super) struct Reader<'a> {
    /// Which file.
    pub(super) source: SourceId,
    /// What its relative paths are relative to.
    pub(super) folder: &'a Path,
    /// Where files that it names are read from.
    pub(super) inputs: &'a InputFiles,
    /// Everything that was wrong so far.
    problems: RefCell<Vec<Diagnostic>>,
    /// Files that it names, whether they are there or not.
    files: RefCell<Vec<PathBuf>>,
    /// Whether names are missing that the file would define were it right.
    has_lost_names: Cell<bool>,
}

impl<'a> Reader<'a> {
    /// Starts reading a file.
    pub(super) fn new(source: SourceId, folder: &'a Path, inputs: &'a InputFiles) -> Self {
        let (problems, files) = (RefCell::default(), RefCell::default());
        Self { source, folder, inputs, problems, files, has_lost_names: Cell::default() }
    }

    /// A range of this file.
    pub(super) fn span(&self, range: Range<usize>) -> Span {
        Span { source: self.source, start: range.start, end: range.end }
    }

    /// Keeps a problem.
    pub(super) fn report(&self, problem: Diagnostic) {
        self.problems.borrow_mut().push(problem);
    }

    /// Names that the file would define are not known: what refers to them is not wrong.
    pub(super) fn lose_names(&self) {
        self.has_lost_names.set(true);
    }

    /// Whether all names are known that the file defines.
    pub(super) fn has_all_names(&self) -> bool {
        !self.has_lost_names.get()
    }

    /// Keeps the path of a file that matters: once it changes or is created, what is read
    /// here may have become right or wrong.
    pub(super) fn depend(&self, path: &Path) {
        self.files.borrow_mut().push(path.to_owned());
    }

    /// All problems, in the order in which they were found, and the files that matter.
    pub(super) fn into_parts(self) -> (Vec<Diagnostic>, Vec<PathBuf>) {
        (self.problems.into_inner(), self.files.into_inner())
    }
}

/// More of something than there may be.
pub(super) fn too_many(at: Span, what: &str, found: usize, most: usize) -> Diagnostic {
    Diagnostic::error(codes::TOO_MANY, at, format!("expected at most {most} {what}, found {found}"))
        .label(at, "the first too many")
        .help(format!("keep {most} and remove the rest"))
}
