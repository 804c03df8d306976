//! TOML text to a tree, with every syntax error that is not the echo of another.

use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;
use toml::de::Error;

use crate::config::codes;
use crate::model::Diagnostic;
use crate::model::SourceId;
use crate::model::Span;

/// A parsed file.
pub(super) struct Parsed<'t> {
    /// The tree, as far as it could be read.
    pub(super) tree: Spanned<DeTable<'t>>,
    /// What is not TOML.
    pub(super) problems: Vec<Diagnostic>,
    /// From where on keys may have been read into the wrong table, or not at all.
    pub(super) unreliable_from: Option<usize>,
}

/// Parses a file.
pub(super) fn parse(source: SourceId, text: &str) -> Parsed<'_> {
    let (tree, mut errors) = DeTable::parse_recoverable(text);
    errors.sort_by_key(place);
    let unclosed = unclosed(text, tree.get_ref(), &errors);
    let unreliable_from =
        errors.iter().filter(|error| !is_harmless(error)).map(place).chain(unclosed).min();
    let mut problems = Vec::new();
    let mut last_line = None;
    for error in &errors {
        let at = place(error);
        if unclosed.is_some_and(|open| at >= open) {
            break;
        }
        let line = text.get(..at).map(|before| before.matches('\n').count());
        // The second error of a line is mostly an echo of the first.
        if last_line != Some(line) {
            problems.push(problem(source, text, error));
        }
        last_line = Some(line);
    }
    if let Some(start) = unclosed {
        // A quote that is missing swallows the bracket that follows it.
        let quote = errors.iter().find(|error| place(error) >= start && is_open_string(error));
        problems.push(
            quote.map_or_else(|| never_closed(source, start), |error| problem(source, text, error)),
        );
    }
    Parsed { tree, problems, unreliable_from }
}

/// Whether the tree is right all the same: the values are there, or the first of two is.
fn is_harmless(error: &Error) -> bool {
    let message = error.message();
    message.starts_with("string values must be quoted")
        || message.starts_with("missing comma")
        || is_duplicate(error)
}

/// Where an array or inline table begins that is never closed. What comes after it is an echo.
fn unclosed(text: &str, tree: &DeTable<'_>, errors: &[Error]) -> Option<usize> {
    let is_unclosed = |error: &&Error| {
        let message = error.message();
        message.starts_with("unclosed array") || message.starts_with("unclosed inline table")
    };
    let end = errors.iter().find(is_unclosed)?;
    opening(tree, place(end)).or_else(|| {
        // The tree ends before it. Where a line begins that looks like no element, it should
        // have been closed.
        let begins_line = |error: &&Error| {
            let before = text.get(..place(error)).unwrap_or_default();
            let line = before.rsplit('\n').next().unwrap_or_default();
            error.message().starts_with("missing comma") && line.trim().is_empty()
        };
        errors.iter().find(begins_line).map(place)
    })
}

fn place(error: &Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

fn never_closed(source: SourceId, start: usize) -> Diagnostic {
    let span = Span { source, start, end: start + 1 };
    Diagnostic::error(codes::TOML_SYNTAX, span, "this array or table is never closed")
        .label(span, "its closing bracket is missing")
        .help("write the closing bracket after its last element")
}

fn is_open_string(error: &Error) -> bool {
    let message = error.message();
    message.starts_with("invalid") && message.contains(" string, expected")
}

fn is_duplicate(error: &Error) -> bool {
    error.message().starts_with("duplicate key")
}

fn problem(source: SourceId, text: &str, error: &Error) -> Diagnostic {
    let range = error.span().unwrap_or(0..0);
    let found = text.get(range.clone()).unwrap_or_default();
    let span = Span { source, start: range.start, end: range.end };
    if is_duplicate(error) {
        return Diagnostic::error(
            codes::TOML_SYNTAX,
            span,
            format!("`{found}` is there twice in one table, expected once"),
        )
        .label(span, "second time")
        .help("remove one of them, or rename it");
    }
    if error.message().starts_with("string values must be quoted") {
        let message = format!("expected a value, found `{found}` without quotes");
        let help = match found.to_ascii_lowercase().as_str() {
            "yes" | "on" | "true" => "write `true`".to_owned(),
            "no" | "off" | "false" => "write `false`".to_owned(),
            _ => format!("write \"{found}\""),
        };
        return Diagnostic::error(codes::TOML_SYNTAX, span, message)
            .label(span, "text must be quoted")
            .help(help);
    }
    let (label, help) = advice(error, found);
    Diagnostic::error(codes::TOML_SYNTAX, span, error.message()).label(span, label).help(help)
}

/// What to say at the place, and what to type.
fn advice(error: &Error, found: &str) -> (&'static str, String) {
    let message = error.message();
    let is = |start: &str| message.starts_with(start);
    if is("missing comma") {
        ("a comma is missing before this", "write `,` between the elements".to_owned())
    } else if is("key with no value") {
        ("`=` and a value are missing here", "write `key = value`".to_owned())
    } else if is_open_string(error) {
        ("the closing quote is missing", "write a quote after the text".to_owned())
    } else if is("unclosed table") {
        ("the closing bracket is missing", "write `]` after the name of the table".to_owned())
    } else if is("unexpected key or value") {
        ("this does not belong to the value before it", "begin a new line here".to_owned())
    } else if is("invalid") && !found.is_empty() {
        ("not a number or a date", format!("write \"{found}\" if it is text"))
    } else if is("missing escaped value") {
        ("not an escape", "write `\\\\` for a backslash".to_owned())
    } else {
        ("not TOML", "see https://toml.io for the notation".to_owned())
    }
}

/// Where the outermost array or inline table begins that ends at `end`, if one does.
fn opening(table: &DeTable<'_>, end: usize) -> Option<usize> {
    let inner = |value: &Spanned<DeValue<'_>>| opening(value.get_ref().as_table()?, end);
    table.iter().find_map(|(_, value)| match value.get_ref().as_array() {
        Some(items) if value.span().end == end && !items.is_empty() => Some(value.span().start),
        Some(items) => items.iter().find_map(inner),
        None => inner(value),
    })
}
