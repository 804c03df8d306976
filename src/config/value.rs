//! A value of the file, whatever it is, and what is wrong with it.
//!
//! A getter that returns `None` has reported why.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeString;
use toml::de::DeValue;

use crate::config::codes;
use crate::config::files;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::reader::Reader;
use crate::config::section::Section;
use crate::model::Diagnostic;
use crate::model::Span;

/// A value, what it is called, and what a right one looks like.
pub(super) struct Value<'a> {
    reader: &'a Reader<'a>,
    /// The dotted path of the table it is in; empty for the file itself.
    outer: String,
    /// Its key; of an element of an array, the key of the array at the place of the element.
    pub(super) key: At<String>,
    /// What a right value looks like.
    example: String,
    value: &'a DeValue<'a>,
    /// Where it is written.
    pub(super) span: Span,
}

impl<'a> Value<'a> {
    /// An entry of a table.
    pub(super) fn new(
        reader: &'a Reader<'a>,
        outer: &str,
        key: &Spanned<DeString<'_>>,
        example: &str,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Self {
        let name = At { value: key.get_ref().to_string(), span: reader.span(key.span()) };
        Self {
            reader,
            outer: outer.to_owned(),
            key: name,
            example: example.to_owned(),
            value: value.get_ref(),
            span: reader.span(value.span()),
        }
    }

    /// The text of a string.
    pub(super) fn text(&self) -> Option<At<String>> {
        let Some(text) = self.value.as_str() else { return self.wrong_type("a string") };
        Some(At { value: text.to_owned(), span: self.span })
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
        self.fault(fault.help(format!("write `{} = \"{number}{unit}\"`", self.written())))
    }

    /// A path, relative to the folder of the file that says it.
    pub(super) fn path(&self) -> Option<At<PathBuf>> {
        self.text().map(|text| text.map(|path| self.reader.folder.join(path)))
    }

    /// A path, and what `read` makes of the text of the file there; `wrong` is what is said
    /// when it can't.
    pub(super) fn content<T>(
        &self,
        read: impl Fn(&str) -> Result<T, String>,
        wrong: impl Fn(&At<PathBuf>, &str) -> Diagnostic,
    ) -> Option<(At<PathBuf>, T)> {
        let path = self.path()?;
        // It may become right by a change of the file alone.
        self.reader.depend(&path.value);
        let inputs = self.reader.inputs;
        let problem = match files::text(&path.value, inputs).map(|text| read(&text)) {
            // A copy is also what is read when it is used.
            Ok(Ok(content)) => return Some((path.map(|path| inputs.open_at(&path)), content)),
            Ok(Err(why)) => wrong(&path, &why),
            Err(problem) => {
                let message = problem.message.clone();
                problem.label(path.span, message)
            }
        };
        self.reader.report(problem);
        None
    }

    /// A truth value.
    pub(super) fn boolean(&self) -> Option<At<bool>> {
        let Some(value) = self.value.as_bool() else {
            return self.wrong_type("`true` or `false`");
        };
        Some(At { value, span: self.span })
    }

    /// Percent: an integer, or a text such as `"50%"`.
    pub(super) fn percent(&self) -> Option<At<u8>> {
        if self.is_integer() {
            return self.integer(0..=100);
        }
        self.parsed(|text| {
            let number = text.trim().strip_suffix('%').map(|number| number.trim().parse::<u8>());
            match number {
                Some(Ok(percent)) if percent <= 100 => Ok(percent),
                _ => {
                    let fault = Fault::new(codes::PERCENT, "a percentage, \"0%\" to \"100%\"");
                    Err(fault.help("write \"50%\", or `50`"))
                }
            }
        })
    }

    /// A value as JSON has it.
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        match self.value {
            DeValue::Array(_) => {
                let items: Vec<_> = self.one_or_many().iter().map(Self::json).collect();
                items.into_iter().collect::<Option<_>>().map(serde_json::Value::Array)
            }
            DeValue::Boolean(value) => Some((*value).into()),
            DeValue::Datetime(_) => self.wrong_type("a value that JSON has"),
            DeValue::Float(_) => {
                // TOML has `inf` and `nan`, JSON does not.
                let number = self.value.as_float().and_then(|n| n.as_str().parse::<f64>().ok());
                let number = number.and_then(serde_json::Number::from_f64);
                number.map(Into::into).or_else(|| self.wrong_type("a value that JSON has"))
            }
            DeValue::Integer(_) => self.integer(i64::MIN..=i64::MAX).map(|at| at.value.into()),
            DeValue::String(text) => Some(text.as_ref().into()),
            DeValue::Table(_) => {
                let entries = self.as_section().into_iter().flat_map(|section| {
                    let read = |entry: Value<'_>| Some((entry.key.value.clone(), entry.json()?));
                    section.entries().map(read).collect::<Vec<_>>()
                });
                entries.collect::<Option<_>>().map(serde_json::Value::Object)
            }
        }
    }

    /// Reports a problem of its own.
    pub(super) fn report(&self, problem: Diagnostic) {
        self.reader.report(problem);
    }

    /// Whether it is a string.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.value, DeValue::String(_))
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
        self.fault(fault.help(format!("write `{} = {nearest}`, or less far out", self.written())))
    }

    /// A number of degrees in a range.
    pub(super) fn degrees(&self, range: RangeInclusive<f64>, example: f64) -> Option<At<f64>> {
        let help = || format!("write degrees, such as `{} = {example}`", self.written());
        self.number(range, help)
    }

    /// A number in a range; `help` is what to do about another one.
    pub(super) fn number(
        &self,
        range: RangeInclusive<f64>,
        help: impl Fn() -> String,
    ) -> Option<At<f64>> {
        let (DeValue::Integer(_) | DeValue::Float(_)) = self.value else {
            return self.wrong_type("a number");
        };
        let text = self.number_text();
        let value = text.parse::<f64>().ok().filter(|n| range.contains(n));
        let expected = || format!("{} to {}", range.start(), range.end());
        value.map(|value| At { value, span: self.span }).or_else(|| {
            let fault = Fault::new(codes::OUT_OF_RANGE, expected()).found(text.clone());
            self.fault(fault.help(help()))
        })
    }

    /// The elements of an array of tables.
    pub(super) fn tables(&self) -> Vec<Self> {
        if self.value.is_array() {
            return self.one_or_many();
        }
        let fault = Fault::new(codes::WRONG_TYPE, "an array of tables").found(self.found());
        self.fault(fault.help(format!("write `[[{}]]`", self.dotted()))).unwrap_or_default()
    }

    /// The elements of an array, or the value itself.
    pub(super) fn one_or_many(&self) -> Vec<Self> {
        let one = |value, span| Self {
            reader: self.reader,
            outer: self.outer.clone(),
            key: At { value: self.key.value.clone(), span },
            example: self.example.clone(),
            value,
            span,
        };
        let Some(items) = self.value.as_array() else { return vec![one(self.value, self.span)] };
        items.iter().map(|item| one(item.get_ref(), self.reader.span(item.span()))).collect()
    }

    /// At least one element, or the value itself, each read by `read`; `None` if any was wrong.
    pub(super) fn list<T>(&self, read: impl Fn(&Self) -> Option<At<T>>) -> Option<At<Vec<At<T>>>> {
        let items = self.one_or_many();
        if items.is_empty() {
            let fault = Fault::new(codes::EMPTY_LIST, "at least one element");
            let help =
                format!("write `{} = {}`, or leave the key out", self.written(), self.example);
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
        Some(Section::new(self.reader, self.dotted(), self.key.clone(), table))
    }

    /// The table.
    pub(super) fn section(&self) -> Option<Section<'a>> {
        self.as_section().or_else(|| {
            let help = format!("write `[{}]`, or `{} = {{ … }}`", self.dotted(), self.written());
            let fault = Fault::new(codes::WRONG_TYPE, "a table").found(self.found());
            self.fault(fault.help(help))
        })
    }

    /// Reports that it is not tables by name, in which `first` would be a name; returns `None` for
    /// the caller to return.
    pub(super) fn misshapen<T>(&self, first: Option<&Self>) -> Option<T> {
        let path = self.dotted();
        let fault = Fault::new(codes::WRONG_TYPE, "a table with a name of its own");
        let (found, at) = match first {
            Some(first) => (format!("`{}` in `[{path}]`", first.key.value), first),
            None if self.value.is_array() => (format!("an array of tables, `[[{path}]]`"), self),
            None => (self.found(), self),
        };
        at.fault(
            fault.found(found).help(format!("write `[{path}.NAME]`, with a name of your choice")),
        )
    }

    /// Reports that the value is of another type; returns `None` for the caller to return.
    pub(super) fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        let help = format!("write `{} = {}`", self.written(), self.example);
        self.fault(Fault::new(codes::WRONG_TYPE, expected).found(self.found()).help(help))
    }

    /// Reports what is wrong with the value; returns `None` for the caller to return.
    pub(super) fn fault<T>(&self, fault: Fault) -> Option<T> {
        let Fault { code, expected, found, help } = fault;
        let found = if found.is_empty() { self.found() } else { found };
        let message = format!("{}: expected {expected}, found {found}", self.title());
        let mut problem = Diagnostic::error(code, self.span, message)
            .label(self.span, format!("expected {expected}"));
        problem.help = help;
        self.reader.report(problem);
        None
    }

    /// What messages call it.
    fn title(&self) -> String {
        let key = &self.key.value;
        match self.outer.as_str() {
            "" => format!("`{key}`"),
            outer => format!("`{key}` in `[{outer}]`"),
        }
    }

    /// Its key as it must be written.
    pub(super) fn written(&self) -> String {
        quoted(&self.key.value)
    }

    /// Its dotted path.
    fn dotted(&self) -> String {
        match self.outer.as_str() {
            "" => self.written(),
            outer => format!("{outer}.{}", self.written()),
        }
    }

    /// A number in decimal notation.
    fn number_text(&self) -> String {
        let integer = |text: &str, radix| i64::from_str_radix(text, radix).ok();
        let decimal = self.value.as_integer().and_then(|n| integer(n.as_str(), n.radix()));
        let whole = decimal.map(|n| n.to_string());
        let float = self.value.as_float().map(|n| n.as_str().to_owned());
        whole.or(float).unwrap_or_else(|| "10".to_owned())
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

/// A key as it must be written: quoted if it holds more than letters, digits, `-` and `_`.
pub(super) fn quoted(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if key.chars().all(bare) && !key.is_empty() { key.to_owned() } else { format!("{key:?}") }
}
