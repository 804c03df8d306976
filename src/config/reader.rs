//! Walks a TOML tree, and reports every value that is not what was expected.
//!
//! serde stops at the first mistake; this goes on. A [`Section`] is a table that
//! remembers which keys it was asked for, so that [`Section::close`] can report
//! the others and suggest the nearest. A [`Value`] knows how to say what it is
//! called and what a right one looks like.
//!
//! A getter that returns `None` has reported why, or the key is not there.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Range;
use std::ops::RangeInclusive;
use std::path::Path;
use std::path::PathBuf;

use toml::de::DeTable;
use toml::de::DeValue;

use crate::config::codes;
use crate::config::notation;
use crate::config::suggest;
use crate::model::Code;
use crate::model::Diagnostic;
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
}

/// One file being read.
pub(super) struct Reader<'a> {
    /// Which file.
    pub(super) source: SourceId,
    /// What its relative paths are relative to.
    pub(super) folder: &'a Path,
    /// Everything that was wrong so far.
    problems: RefCell<Vec<Diagnostic>>,
}

impl<'a> Reader<'a> {
    /// Starts reading a file.
    pub(super) fn new(source: SourceId, folder: &'a Path) -> Self {
        Self { source, folder, problems: RefCell::default() }
    }

    /// A range of this file.
    pub(super) fn span(&self, range: Range<usize>) -> Span {
        Span { source: self.source, start: range.start, end: range.end }
    }

    /// Keeps a problem.
    pub(super) fn report(&self, problem: Diagnostic) {
        self.problems.borrow_mut().push(problem);
    }

    /// All problems, in the order in which they were found.
    pub(super) fn into_problems(self) -> Vec<Diagnostic> {
        self.problems.into_inner()
    }
}

/// A table, and which of its keys are known.
pub(super) struct Section<'a> {
    reader: &'a Reader<'a>,
    /// The dotted path; empty for the file itself.
    path: String,
    /// The last key of the path; for elements of arrays of tables their header.
    pub(super) name: At<String>,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(reader: &'a Reader<'a>, table: &'a DeTable<'a>) -> Self {
        let name = At { value: String::new(), span: reader.span(0..0) };
        Self { reader, path: String::new(), name, table, known: Vec::new() }
    }

    /// The file it is in.
    pub(super) fn reader(&self) -> &'a Reader<'a> {
        self.reader
    }

    /// Whether a key is there, of whatever type.
    pub(super) fn contains(&self, key: &str) -> bool {
        self.table.iter().any(|(k, _)| k.get_ref() == key)
    }

    /// The operator's name for what the table describes; reported if it can't be one.
    pub(super) fn identifier(&self) -> At<String> {
        if let Err(Fault { code, expected, help, .. }) = notation::identifier(&self.name.value) {
            let message = format!("expected {expected}, found {:?}", self.name.value);
            let mut problem = Diagnostic::error(code, self.name.span, message)
                .label(self.name.span, format!("expected {expected}"));
            problem.help = help;
            self.reader.report(problem);
        }
        self.name.clone()
    }

    /// The value of a key, if it is there.
    pub(super) fn value(&mut self, key: &'static str, example: &str) -> Option<Value<'a>> {
        self.known.push(key);
        let (_, value) = self.table.iter().find(|(k, _)| k.get_ref() == key)?;
        let title = if self.path.is_empty() {
            format!("`{key}`")
        } else {
            format!("`{key}` in `[{}]`", self.path)
        };
        Some(Value {
            reader: self.reader,
            title,
            example: format!("{key} = {example}"),
            value: value.get_ref(),
            span: self.reader.span(value.span()),
        })
    }

    /// The value of a key that must be there.
    pub(super) fn required(&mut self, key: &'static str, example: &str) -> Option<Value<'a>> {
        let value = self.value(key, example);
        if value.is_none() {
            let span = self.name.span;
            self.reader.report(
                Diagnostic::error(codes::MISSING_KEY, span, format!("{self} has no `{key}`"))
                    .label(span, format!("`{key}` is missing"))
                    .help(format!("add `{key} = {example}`")),
            );
        }
        value
    }

    /// The table under a key, if there is one.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Self> {
        self.known.push(key);
        let (name, value) = self.table.iter().find(|(k, _)| k.get_ref() == key)?;
        let name = At { value: key.to_owned(), span: self.reader.span(name.span()) };
        self.child(name, value.get_ref(), self.reader.span(value.span()))
    }

    /// The tables under the keys of the table under `key`: `[region.us]`, `[region.eu]`.
    pub(super) fn named(&mut self, key: &'static str) -> Vec<Self> {
        self.section(key).map(|outer| outer.children()).unwrap_or_default()
    }

    /// All entries as tables.
    pub(super) fn children(&self) -> Vec<Self> {
        let child =
            |(name, value): (At<String>, Value<'a>)| self.child(name, value.value, value.span);
        self.entries().filter_map(child).collect()
    }

    /// All entries, for tables whose keys are the operator's.
    pub(super) fn entries(&self) -> impl Iterator<Item = (At<String>, Value<'a>)> {
        self.table.iter().map(|(key, value)| {
            let name = At { value: key.get_ref().to_string(), span: self.reader.span(key.span()) };
            let value = Value {
                reader: self.reader,
                title: format!("`{}` in `[{}]`", name.value, self.path),
                example: format!("\"{}\" = …", name.value),
                value: value.get_ref(),
                span: self.reader.span(value.span()),
            };
            (name, value)
        })
    }

    /// The elements of an array of tables: `[[policy.global.rule]]`.
    pub(super) fn elements(&mut self, key: &'static str) -> Vec<Self> {
        let path = format!("{}.{key}", self.path);
        let Some(value) = self.value(key, "[{ … }]") else { return Vec::new() };
        let element = |value: Value<'a>| {
            let DeValue::Table(table) = value.value else {
                return value.wrong_type("a table");
            };
            let name = At { value: format!("[{path}]"), span: value.span };
            Some(Self { reader: self.reader, path: path.clone(), name, table, known: Vec::new() })
        };
        value.array().into_iter().filter_map(element).collect()
    }

    /// Reports every key that nobody asked for.
    pub(super) fn close(self) {
        for (key, _) in self.table {
            let found = key.get_ref().as_ref();
            if self.known.contains(&found) {
                continue;
            }
            let span = self.reader.span(key.span());
            let help = suggest::help(found, self.known.iter().copied(), "the keys here are");
            self.reader.report(
                Diagnostic::error(
                    codes::UNKNOWN_KEY,
                    span,
                    format!("unknown key `{found}` in {self}"),
                )
                .label(span, "no such key")
                .help(help),
            );
        }
    }

    fn child(&self, name: At<String>, value: &'a DeValue<'a>, span: Span) -> Option<Self> {
        let path = match self.path.as_str() {
            "" => name.value.clone(),
            path => format!("{path}.{}", quoted(&name.value)),
        };
        if let DeValue::Table(table) = value {
            return Some(Self { reader: self.reader, path, name, table, known: Vec::new() });
        }
        let example = format!("[{path}]");
        let title = format!("`{path}`");
        Value { reader: self.reader, title, example, value, span }.wrong_type("a table")
    }
}

impl Display for Section<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.as_str() {
            "" => f.write_str("the top level of the file"),
            path => write!(f, "`[{path}]`"),
        }
    }
}

/// A key as it must be written: quoted if it holds more than letters, digits, `-` and `_`.
fn quoted(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if key.chars().all(bare) && !key.is_empty() { key.to_owned() } else { format!("{key:?}") }
}

/// A value, what it is called, and what a right one looks like.
pub(super) struct Value<'a> {
    reader: &'a Reader<'a>,
    title: String,
    example: String,
    value: &'a DeValue<'a>,
    /// Where it is written.
    pub(super) span: Span,
}

impl<'a> Value<'a> {
    /// The text of a string.
    pub(super) fn text(&self) -> Option<At<String>> {
        match self.value {
            DeValue::String(text) => Some(At { value: text.to_string(), span: self.span }),
            _ => self.wrong_type("a string"),
        }
    }

    /// The text of a string, parsed.
    pub(super) fn parsed<T>(&self, parse: impl Fn(&str) -> Result<T, Fault>) -> Option<At<T>> {
        let text = self.text()?;
        match parse(&text.value) {
            Ok(value) => Some(At { value, span: self.span }),
            Err(fault) => self.fault(fault),
        }
    }

    /// A quantity with a unit; a bare number gets the unit suggested.
    pub(super) fn quantity<T>(
        &self,
        unit: &str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<At<T>> {
        let (DeValue::Integer(_) | DeValue::Float(_)) = self.value else {
            return self.parsed(parse);
        };
        let number = self.number_text();
        let expected = format!("a string with a unit such as \"10{unit}\"");
        let fault = Fault::new(codes::WRONG_TYPE, expected).found(self.found());
        self.fault(fault.help(format!("write `{} = \"{number}{unit}\"`", self.key())))
    }

    /// A path, relative to the folder of the file that says it.
    pub(super) fn path(&self) -> Option<At<PathBuf>> {
        self.text().map(|text| text.map(|path| self.reader.folder.join(path)))
    }

    /// A truth value.
    pub(super) fn boolean(&self) -> Option<At<bool>> {
        match self.value {
            DeValue::Boolean(value) => Some(At { value: *value, span: self.span }),
            _ => self.wrong_type("`true` or `false`"),
        }
    }

    /// Whether it is an integer.
    pub(super) fn is_integer(&self) -> bool {
        matches!(self.value, DeValue::Integer(_))
    }

    /// Whether it is an array without elements.
    pub(super) fn array_is_empty(&self) -> bool {
        matches!(self.value, DeValue::Array(items) if items.is_empty())
    }

    /// An integer in a range.
    pub(super) fn integer<T>(&self, range: RangeInclusive<T>) -> Option<At<T>>
    where
        T: Copy + Display + PartialOrd + TryFrom<i64>,
    {
        let DeValue::Integer(found) = self.value else {
            return self.wrong_type("an integer");
        };
        let wide = i64::from_str_radix(found.as_str(), found.radix()).ok();
        let value = wide.and_then(|n| T::try_from(n).ok()).filter(|n| range.contains(n));
        if let Some(value) = value {
            return Some(At { value, span: self.span });
        }
        let nearest = if found.as_str().starts_with('-') { range.start() } else { range.end() };
        let expected = format!("{} to {}", range.start(), range.end());
        let fault = Fault::new(codes::OUT_OF_RANGE, expected).found(found.to_string());
        self.fault(fault.help(format!("write `{} = {nearest}`, or less far out", self.key())))
    }

    /// A number, whole or not, in a range.
    pub(super) fn number(&self, range: RangeInclusive<f64>) -> Option<At<f64>> {
        let (DeValue::Integer(_) | DeValue::Float(_)) = self.value else {
            return self.wrong_type("a number");
        };
        let text = self.number_text();
        let value = text.parse::<f64>().ok().filter(|n| range.contains(n));
        let expected = || format!("{} to {}", range.start(), range.end());
        value
            .map(|value| At { value, span: self.span })
            .or_else(|| self.fault(Fault::new(codes::OUT_OF_RANGE, expected()).found(text.clone())))
    }

    /// The elements of an array.
    pub(super) fn array(&self) -> Vec<Self> {
        match self.value {
            DeValue::Array(_) => self.one_or_many(),
            _ => self.wrong_type("an array").unwrap_or_default(),
        }
    }

    /// The elements of an array, or the value itself.
    pub(super) fn one_or_many(&self) -> Vec<Self> {
        let one = |value, span| Self {
            reader: self.reader,
            title: self.title.clone(),
            example: self.example.clone(),
            value,
            span,
        };
        match self.value {
            DeValue::Array(items) => {
                items.iter().map(|v| one(v.get_ref(), self.reader.span(v.span()))).collect()
            }
            value => vec![one(value, self.span)],
        }
    }

    /// At least one element, or the value itself, each read by `read`; `None` if any was wrong.
    pub(super) fn list<T>(&self, read: impl Fn(&Self) -> Option<At<T>>) -> Option<At<Vec<At<T>>>> {
        let items = self.one_or_many();
        if items.is_empty() {
            let fault = Fault::new(codes::EMPTY_LIST, "at least one element");
            let help = format!("write `{}`, or leave the key out", self.example);
            return self.fault(fault.found("an empty array").help(help));
        }
        // Collected before it is judged, so that every wrong element is reported.
        let read: Vec<Option<At<T>>> = items.iter().map(read).collect();
        let all: Option<Vec<At<T>>> = read.into_iter().collect();
        all.map(|value| At { value, span: self.span })
    }

    /// The table, if it is one; nothing is reported otherwise.
    pub(super) fn as_section(&self) -> Option<Section<'a>> {
        let DeValue::Table(table) = self.value else { return None };
        let name = At { value: self.key().to_owned(), span: self.span };
        let path = self.title.replace('`', "");
        let path = path.split_once(" in [").map_or_else(
            || path.clone(),
            |(key, outer)| format!("{}.{key}", outer.trim_end_matches(']')),
        );
        Some(Section { reader: self.reader, path, name, table, known: Vec::new() })
    }

    /// The table.
    pub(super) fn section(&self) -> Option<Section<'a>> {
        self.as_section().or_else(|| self.wrong_type("a table"))
    }

    /// Reports that the value is of another type; returns `None` for the caller to return.
    pub(super) fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        let help = format!("write `{}`", self.example);
        self.fault(Fault::new(codes::WRONG_TYPE, expected).found(self.found()).help(help))
    }

    /// Reports what is wrong with the value; returns `None` for the caller to return.
    pub(super) fn fault<T>(&self, fault: Fault) -> Option<T> {
        let Fault { code, expected, found, help } = fault;
        let found = if found.is_empty() { self.found() } else { found };
        let message = format!("{}: expected {expected}, found {found}", self.title);
        let mut problem = Diagnostic::error(code, self.span, message)
            .label(self.span, format!("expected {expected}"));
        problem.help = help;
        self.reader.report(problem);
        None
    }

    fn key(&self) -> &str {
        self.example.split_once(" = ").map_or(&self.example, |(key, _)| key)
    }

    fn number_text(&self) -> String {
        match self.value {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| number.to_string(), |n| n.to_string()),
            DeValue::Float(number) => number.as_str().to_owned(),
            _ => String::new(),
        }
    }

    fn found(&self) -> String {
        match self.value {
            DeValue::Array(_) => "an array".to_owned(),
            DeValue::Boolean(value) => format!("`{value}`"),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Float(value) => format!("the number `{value}`"),
            DeValue::Integer(value) => format!("the integer `{value}`"),
            DeValue::String(text) => format!("{text:?}"),
            DeValue::Table(_) => "a table".to_owned(),
        }
    }
}

/// More of something than there may be.
pub(super) fn too_many(at: Span, what: &str, found: usize, most: usize) -> Diagnostic {
    Diagnostic::error(codes::TOO_MANY, at, format!("expected at most {most} {what}, found {found}"))
        .label(at, "the first too many")
        .help(format!("keep {most} and remove the rest"))
}
