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
    let place = |error: &Error| error.span().map_or(0, |span| span.start);
    errors.sort_by_key(place);
    let unclosed = errors
        .iter()
        .filter(|error| error.message().starts_with("unclosed"))
        .find_map(|error| opening(tree.get_ref(), place(error)));
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
        let span = Span { source, start, end: start + 1 };
        problems.push(
            Diagnostic::error(codes::TOML_SYNTAX, span, "this bracket is never closed")
                .label(span, "opened here")
                .help("write the closing bracket after its last element"),
        );
    }
    Parsed { tree, problems, unreliable_from }
}

/// Whether the tree is right all the same: the value is there, or the first of two is.
fn is_harmless(error: &Error) -> bool {
    error.message().starts_with("string values must be quoted") || is_duplicate(error)
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
        return Diagnostic::error(codes::TOML_SYNTAX, span, message)
            .label(span, "text must be quoted")
            .help(format!("write \"{found}\""));
    }
    Diagnostic::error(codes::TOML_SYNTAX, span, error.message())
        .label(span, "not TOML")
        .help("see https://toml.io for the notation")
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
