//! A table of the file, key by key.

use std::fmt::Display;

use toml::de::DeTable;

use crate::config::codes;
use crate::config::notation;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::reader::Reader;
use crate::config::suggest;
use crate::config::value::Value;
use crate::model::Diagnostic;

/// A table, and which of its keys are known.
pub(super) struct Section<'a> {
    reader: &'a Reader<'a>,
    /// The dotted path; empty for the file itself.
    path: String,
    /// The last key of the path; of an element of an array of tables, the place of its header.
    pub(super) name: At<String>,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// A table that is the value of something.
    pub(super) fn new(
        reader: &'a Reader<'a>,
        path: String,
        name: At<String>,
        table: &'a DeTable<'a>,
    ) -> Self {
        Self { reader, path, name, table, known: Vec::new() }
    }

    /// The whole file.
    pub(super) fn root(reader: &'a Reader<'a>, table: &'a DeTable<'a>) -> Self {
        let name = At { value: String::new(), span: reader.span(0..0) };
        Self::new(reader, String::new(), name, table)
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
        self.name_by(notation::identifier)
    }

    /// The name of a node or vantage; reported if it can't be one.
    pub(super) fn node_name(&self) -> At<String> {
        self.name_by(notation::node_name)
    }

    fn name_by(&self, read: impl Fn(&str) -> Result<String, Fault>) -> At<String> {
        if let Err(Fault { code, expected, help, .. }) = read(&self.name.value) {
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
        let (key, value) = self.table.iter().find(|(k, _)| k.get_ref() == key)?;
        Some(Value::new(self.reader, &self.path, key, example, value))
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
        self.value(key, "{ … }")?.section()
    }

    /// The tables under the keys of the table under `key`: `[region.us]`, `[region.eu]`.
    pub(super) fn named(&mut self, key: &'static str) -> Vec<Self> {
        let Some(value) = self.value(key, "{ … }") else { return Vec::new() };
        let Some(outer) = value.as_section() else {
            self.reader.lose_names();
            return value.misshapen(None).unwrap_or_default();
        };
        let (tables, others): (Vec<_>, Vec<_>) = outer
            .entries()
            .map(|entry| (entry.as_section(), entry))
            .partition(|(t, _)| t.is_some());
        // One mistake: the name is missing, and so every key stands where a name should.
        if let Some((_, first)) = others.first() {
            self.reader.lose_names();
            return value.misshapen(Some(first)).unwrap_or_default();
        }
        tables.into_iter().filter_map(|(table, _)| table).collect()
    }

    /// All entries, for tables whose keys are the operator's.
    pub(super) fn entries(&self) -> impl Iterator<Item = Value<'a>> {
        self.table.iter().map(|(key, value)| Value::new(self.reader, &self.path, key, "…", value))
    }

    /// The elements of an array of tables: `[[policy.global.rule]]`.
    pub(super) fn elements(&mut self, key: &'static str) -> Vec<Self> {
        let array = self.value(key, "[{ … }]").map(|value| value.tables());
        array.iter().flatten().filter_map(Value::section).collect()
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
}

impl Display for Section<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.as_str() {
            "" => f.write_str("the top level of the file"),
            path => write!(f, "`[{path}]`"),
        }
    }
}
