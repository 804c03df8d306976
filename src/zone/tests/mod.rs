//! The room as a whole: text in, lookups out.

mod bindings;
mod data;
mod generated;
mod load;
mod lookup;
mod master;
mod once;
mod oracle;

use crate::model::Diagnostic;
use crate::model::Name;
use crate::model::Severity;
use crate::model::Sources;
use crate::zone::Record;
use crate::zone::read_text;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Reads the zone `example.com` from a text.
fn read(text: &str) -> (Vec<Record>, Vec<Diagnostic>) {
    read_text(text, &name("example.com."), &mut Sources::default())
}

/// The records of a zone without errors.
fn records(apex: &str, text: &str) -> (Name, Vec<Record>) {
    let (records, diagnostics) = read_text(text, &name(apex), &mut Sources::default());
    let errors: Vec<_> =
        diagnostics.into_iter().filter(|d| d.severity == Severity::Error).collect();
    assert_eq!(errors, [], "{text}");
    (name(apex), records)
}
