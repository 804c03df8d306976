//! The names of one kind of thing, so that others can refer to them.

use std::cell::Cell;
use std::collections::HashMap;

use crate::config::codes;
use crate::config::reader::At;
use crate::config::suggest;
use crate::model::Code;
use crate::model::Diagnostic;
use crate::model::Span;

/// All things of one kind by name, and which of them something refers to.
pub(super) struct Directory {
    /// What they are called: `region`.
    kind: &'static str,
    /// Where they are defined: "a `[region.…]` table".
    defined_in: &'static str,
    /// The code for a name that is not among them.
    unknown: Code,
    names: Vec<At<String>>,
    positions: HashMap<String, usize>,
    used: Vec<bool>,
    /// Whether an unknown name was looked for: it may have meant any of the unused ones.
    missed: Cell<bool>,
}

impl Directory {
    /// Lists the names; equal ones must have been refused by [`unique`].
    pub(super) fn new(
        kind: &'static str,
        defined_in: &'static str,
        unknown: Code,
        names: impl IntoIterator<Item = At<String>>,
    ) -> Self {
        let names: Vec<At<String>> = names.into_iter().collect();
        let positions = names.iter().enumerate().map(|(i, at)| (at.value.clone(), i)).collect();
        let used = vec![false; names.len()];
        Self { kind, defined_in, unknown, names, positions, used, missed: Cell::new(false) }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The names, in the order of the files.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.names.iter().map(|at| at.value.as_str())
    }

    /// The name at a position; empty past the end.
    pub(super) fn name(&self, position: usize) -> &str {
        self.names.get(position).map_or("", |at| &at.value)
    }

    /// Returns the position of a name, or reports that it is unknown.
    pub(super) fn find(
        &self,
        wanted: &At<String>,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<usize> {
        let found = self.positions.get(&wanted.value).copied();
        if found.is_none() {
            self.missed.set(true);
            problems.extend(self.unknown(wanted));
        }
        found
    }

    fn unknown(&self, wanted: &At<String>) -> Option<Diagnostic> {
        let Self { kind, defined_in, unknown, .. } = self;
        let found = &wanted.value;
        if self.names.is_empty() && *unknown == codes::UNKNOWN_REGION {
            // That there is no region at all is said once.
            return None;
        }
        let help = if self.names.is_empty() {
            format!("add `{found}` as {defined_in}")
        } else {
            suggest::help(found, self.names(), &format!("there are the {kind} names"))
        };
        let message = format!("unknown {kind} `{found}`: expected the name of {defined_in}");
        Some(
            Diagnostic::error(*unknown, wanted.span, message)
                .label(wanted.span, format!("no such {kind}"))
                .help(help),
        )
    }

    /// Notes that something refers to a position.
    pub(super) fn mark(&mut self, position: usize) {
        if let Some(used) = self.used.get_mut(position) {
            *used = true;
        }
    }

    /// The positions that nothing refers to; none if an unknown name may have meant them.
    pub(super) fn unused(&self) -> impl Iterator<Item = (usize, &At<String>)> {
        let missed = self.missed.get();
        let unused = move |(_, used): &((usize, &At<String>), &bool)| !missed && !**used;
        self.names.iter().enumerate().zip(&self.used).filter(unused).map(|(name, _)| name)
    }

    /// A warning for each name that nothing refers to.
    pub(super) fn warn_unused(&self, code: Code, help: &str) -> Vec<Diagnostic> {
        let warn = |(_, name): (usize, &At<String>)| {
            let message = format!("{} `{}` is never used", self.kind, name.value);
            Diagnostic::warning(code, name.span, message)
                .label(name.span, "nothing refers to it")
                .help(help)
        };
        self.unused().map(warn).collect()
    }
}

/// Drops all but the first of equally named things, and reports the others with both places.
pub(super) fn unique<T>(
    kind: &str,
    things: Vec<T>,
    name: impl Fn(&T) -> At<String>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<T> {
    let mut first: HashMap<String, Span> = HashMap::new();
    let mut kept = Vec::with_capacity(things.len());
    for thing in things {
        let At { value, span } = name(&thing);
        if let Some(earlier) = first.get(&value) {
            problems.push(
                Diagnostic::error(
                    codes::DUPLICATE_NAME,
                    span,
                    format!("{kind} `{value}` is there twice; expected one {kind} of a name"),
                )
                .label(span, "second time")
                .label(*earlier, "first time")
                .help(format!(
                    "rename or remove one of them: all files share one list of {kind} names"
                )),
            );
            continue;
        }
        first.insert(value, span);
        kept.push(thing);
    }
    kept
}
