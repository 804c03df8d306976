//! `[geoip]` and `[nets]`: the databases, and the operator's own networks.

use std::path::PathBuf;

use ipnet::IpNet;

use crate::config::codes;
use crate::config::notation;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::value::Value;
use crate::model::Diagnostic;
use crate::model::SourceId;
use crate::model::Span;

/// `[nets]` as written.
#[derive(Default)]
pub(super) struct Nets {
    /// Prefixes and their tags.
    pub(super) tagged: Vec<(IpNet, At<String>)>,
    /// Files that hold more of them.
    pub(super) files: Vec<At<PathBuf>>,
}

/// Reads `[geoip]`: the paths of databases.
pub(super) fn read_geoip(mut section: Section<'_>) -> Vec<At<PathBuf>> {
    let value = section.value("databases", "[\"geoip/dbip-country-lite.mmdb\"]");
    let paths = value.and_then(|value| value.list(Value::path));
    section.close();
    paths.map(|at| at.value).unwrap_or_default()
}

/// Reads `[nets]`: a tag or several per prefix, and files of them.
pub(super) fn read_nets(section: &Section<'_>) -> Nets {
    let mut nets = Nets::default();
    for value in section.entries() {
        let key = &value.key;
        if key.value == "file" {
            let files = value.list(Value::path);
            nets.files.extend(files.map(|at| at.value).unwrap_or_default());
            continue;
        }
        let tags = value.list(|item| item.parsed(notation::identifier));
        let tags = tags.map(|at| at.value).unwrap_or_default();
        match notation::prefix(&key.value) {
            Ok(net) => nets.tagged.extend(tags.into_iter().map(|tag| (net, tag))),
            Err(mut fault) => {
                let swapped = tags.first().filter(|tag| notation::prefix(&tag.value).is_ok());
                if let Some(net) = swapped {
                    fault = fault.help(format!("write `\"{}\" = \"{}\"`", net.value, key.value));
                }
                section.reader().report(problem(key.span, &key.value, fault));
            }
        }
    }
    nets
}

/// Reads a file of lines `CIDR tag`; what follows a `#` is a comment.
pub(super) fn read_lines(
    source: SourceId,
    text: &str,
) -> (Vec<(IpNet, At<String>)>, Vec<Diagnostic>) {
    let mut nets = Vec::new();
    let mut problems = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let line_start = start;
        start += line.len();
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<At<&str>> = words(source, line_start, line);
        let (net, tag) = match words.as_slice() {
            [] => continue,
            [net, tag] => (net, tag),
            [.., last] => {
                let count = words.len();
                let message = format!("expected a prefix and a tag on a line, found {count} words");
                problems.push(
                    Diagnostic::error(codes::NETS_LINE, last.span, message)
                        .label(last.span, "a line is a prefix and one tag")
                        .help("write `192.0.2.0/24 office`; for two tags write two lines"),
                );
                continue;
            }
        };
        let prefix = notation::prefix(net.value);
        let name = notation::identifier(tag.value);
        match (prefix, name) {
            (Ok(prefix), Ok(name)) => nets.push((prefix, At { value: name, span: tag.span })),
            (prefix, name) => {
                let wrong = [(net, prefix.err()), (tag, name.err())];
                let wrong = wrong.into_iter().filter_map(|(at, fault)| Some((at, fault?)));
                problems.extend(wrong.map(|(at, fault)| problem(at.span, at.value, fault)));
            }
        }
    }
    (nets, problems)
}

/// The words of a line, with their places.
fn words(source: SourceId, line_start: usize, line: &str) -> Vec<At<&str>> {
    let mut words = Vec::new();
    let mut at = 0;
    for word in line.split(char::is_whitespace) {
        let start = line_start + at;
        at += word.len() + line.get(at + word.len()..).map_or(0, first_len);
        if !word.is_empty() {
            words.push(At { value: word, span: Span { source, start, end: start + word.len() } });
        }
    }
    words
}

/// Octets of the first character.
fn first_len(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

/// A fault in a key or a word, which has no name to show.
pub(super) fn problem(span: Span, text: &str, fault: Fault) -> Diagnostic {
    let message = format!("expected {}, found `{}`", fault.expected, text.escape_debug());
    let mut problem = Diagnostic::error(fault.code, span, message)
        .label(span, format!("expected {}", fault.expected));
    problem.help = fault.help;
    problem
}
