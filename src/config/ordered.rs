//! Problems in the order of the files, and no more of one than anybody reads.

use crate::config::codes;
use crate::config::locus;
use crate::model::Diagnostic;
use crate::model::limits;

/// Sorts by file and position, and cuts what one file has too much of.
pub(super) fn ordered(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let place = |problem: &Diagnostic| locus(problem).map(|at| (at.source, at.start));
    diagnostics.sort_by_key(place);
    let mut kept: Vec<Diagnostic> = Vec::with_capacity(diagnostics.len());
    for of_file in diagnostics.chunk_by(|a, b| place(a).map(|p| p.0) == place(b).map(|p| p.0)) {
        // One more is fine: the room that read the file may have counted the rest itself.
        let is_over = of_file.len() > limits::DIAGNOSTICS_PER_FILE + 1;
        let most = if is_over { limits::DIAGNOSTICS_PER_FILE } else { of_file.len() };
        kept.extend(of_file.iter().take(most).cloned());
        if let Some((over, at)) = of_file.get(most).and_then(|over| Some((over, locus(over)?))) {
            let rest = of_file.iter().skip(most);
            let severity = rest.map(|p| p.severity).min().unwrap_or(over.severity);
            let count = of_file.len() - most;
            let message = format!("{count} more problems in this file");
            kept.push(
                Diagnostic::new(codes::TOO_MANY_PROBLEMS, severity, message)
                    .label(at, "the first of them")
                    .help("correct those above first"),
            );
        }
    }
    kept
}
