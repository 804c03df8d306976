//! Draws diagnostics: for a person, for a log, for a program.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::AnnotationKind;
use annotate_snippets::Group;
use annotate_snippets::Level;
use annotate_snippets::Renderer;
use annotate_snippets::Snippet;
use serde::Serialize;

use crate::model::Diagnostic;
use crate::model::Label;
use crate::model::Severity;
use crate::model::SourceId;
use crate::model::Sources;
use crate::model::Span;

/// How diagnostics are drawn.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Format {
    /// With the lines of the files, the labels and the help, and a count at the end.
    #[default]
    Full,
    /// An array of objects.
    Json,
    /// One line each: `path:line:column: error[code]: message`.
    Line,
}

/// Draws diagnostics by file and position, those without a place first. `color` is for
/// [`Format::Full`] only.
pub fn render(
    diagnostics: &[Diagnostic],
    sources: &Sources,
    format: Format,
    color: bool,
) -> String {
    let place = |problem: &&Diagnostic| {
        problem.labels.first().map(|label| (label.span.source, label.span.start))
    };
    let mut diagnostics: Vec<&Diagnostic> = diagnostics.iter().collect();
    diagnostics.sort_by_key(place);
    match format {
        Format::Full => full(&diagnostics, sources, color),
        Format::Json => json(&diagnostics, sources),
        Format::Line => diagnostics.iter().map(|problem| line(problem, sources)).collect(),
    }
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// What the operator wrote may hold control characters; none of them reaches a terminal.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { plain.extend(c.escape_default()) } else { plain.push(c) }
    }
    plain
}

// ---- Full ----

fn full(diagnostics: &[&Diagnostic], sources: &Sources, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for problem in diagnostics {
        out.push_str(&renderer.render(&[group(problem, sources)]));
        out.push_str("\n\n");
    }
    let count = |wanted| diagnostics.iter().filter(|p| p.severity == wanted).count();
    let counts = [(count(Severity::Error), "error"), (count(Severity::Warning), "warning")];
    let words: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}{}", if *count == 1 { "" } else { "s" }))
        .collect();
    if !words.is_empty() {
        out.push_str(&words.join(", "));
        out.push('\n');
    }
    out
}

fn group<'a>(problem: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(plain(&problem.message)).id(problem.code.0);
    let mut files: Vec<SourceId> = Vec::new();
    for label in &problem.labels {
        if !files.contains(&label.span.source) {
            files.push(label.span.source);
        }
    }
    let locus = problem.labels.first().map(|label| label.span);
    let snippet = |file: &SourceId| {
        let text = sources.text(*file);
        let here = || problem.labels.iter().filter(|label| label.span.source == *file);
        let window = window(text, here().map(|label| within(text, label.span)));
        let annotation = |label: &Label| {
            let is_locus = Some(label.span) == locus;
            let kind = if is_locus { AnnotationKind::Primary } else { AnnotationKind::Context };
            let range = within(text, label.span);
            let range = range.start - window.start..range.end - window.start;
            kind.span(range).label(plain(&label.text))
        };
        let first = Span { source: *file, start: window.start, end: window.start };
        Snippet::source(text.get(window.clone()).unwrap_or_default())
            .line_start(sources.line_column(first).0)
            .path(sources.path(*file).display().to_string())
            .annotations(here().map(annotation))
    };
    let group = Group::with_title(title).elements(files.iter().map(snippet));
    match &problem.help {
        Some(help) => group.element(Level::HELP.message(plain(help))),
        None => group,
    }
}

/// The whole lines that hold all ranges: drawing costs by the size of what is given to draw.
fn window(text: &str, ranges: impl Iterator<Item = Range<usize>>) -> Range<usize> {
    let all = ranges.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).unwrap_or(0..0);
    let before = text.get(..all.start).and_then(|before| before.rfind('\n'));
    let after = text.get(all.end..).and_then(|after| after.find('\n'));
    before.map_or(0, |at| at + 1)..after.map_or(text.len(), |at| all.end + at)
}

/// The range of a span, moved to where the text has characters.
fn within(text: &str, span: Span) -> Range<usize> {
    let floor = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    let start = floor(span.start).unwrap_or(0);
    start..floor(span.end).unwrap_or(0).max(start)
}

// ---- Line ----

fn line(problem: &Diagnostic, sources: &Sources) -> String {
    let mut out = String::new();
    if let Some(label) = problem.labels.first() {
        let path = sources.path(label.span.source).display();
        let (line, column) = sources.line_column(label.span);
        write!(out, "{path}:{line}:{column}: ").expect("a String takes all text");
    }
    let (severity, code) = (severity(problem.severity), problem.code);
    writeln!(out, "{severity}[{code}]: {}", plain(&problem.message))
        .expect("a String takes all text");
    out
}

// ---- JSON ----

#[derive(Serialize)]
struct JsonProblem<'a> {
    code: &'a str,
    severity: &'a str,
    #[serde(flatten)]
    place: Option<JsonPlace>,
    message: &'a str,
    help: Option<&'a str>,
    labels: Vec<JsonLabel<'a>>,
}

#[derive(Serialize)]
struct JsonLabel<'a> {
    #[serde(flatten)]
    place: JsonPlace,
    text: &'a str,
}

/// Lines and columns count from 1, columns in characters; `end` is one past the last.
#[derive(Serialize)]
struct JsonPlace {
    file: String,
    line: usize,
    column: usize,
    end: JsonEnd,
}

#[derive(Serialize)]
struct JsonEnd {
    line: usize,
    column: usize,
}

fn json(diagnostics: &[&Diagnostic], sources: &Sources) -> String {
    let all: Vec<JsonProblem<'_>> =
        diagnostics.iter().map(|problem| json_problem(problem, sources)).collect();
    let mut out = serde_json::to_string_pretty(&all).expect("strings and numbers are JSON");
    out.push('\n');
    out
}

fn json_problem<'a>(problem: &'a Diagnostic, sources: &Sources) -> JsonProblem<'a> {
    let label =
        |label: &'a Label| JsonLabel { place: json_place(label.span, sources), text: &label.text };
    JsonProblem {
        code: problem.code.0,
        severity: severity(problem.severity),
        place: problem.labels.first().map(|label| json_place(label.span, sources)),
        message: &problem.message,
        help: problem.help.as_deref(),
        labels: problem.labels.iter().map(label).collect(),
    }
}

fn json_place(span: Span, sources: &Sources) -> JsonPlace {
    let (line, column) = sources.line_column(span);
    let end = Span { start: span.end, ..span };
    let (end_line, end_column) = sources.line_column(end);
    let file = sources.path(span.source).display().to_string();
    JsonPlace { file, line, column, end: JsonEnd { line: end_line, column: end_column } }
}
