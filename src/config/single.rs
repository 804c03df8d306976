//! Single values in the notation of the configuration, as command lines and requests have them.

use std::time::Duration;

use crate::config::cluster;
use crate::config::notation;
use crate::config::reader::Fault;
use crate::config::units;

/// Reads a duration in the notation of the configuration: `"500ms"`, `"10s"`, `"2h"`.
///
/// # Errors
///
/// What was expected, and what to write instead.
pub fn duration(text: &str) -> Result<Duration, String> {
    units::duration(text).map_err(|fault| in_words(&fault, text))
}

/// Reads a name of a node or vantage.
///
/// # Errors
///
/// What was expected, and what to write instead.
pub fn node_name(text: &str) -> Result<String, String> {
    notation::node_name(text).map_err(|fault| in_words(&fault, text))
}

/// Reads the URL of a NATS server; the port may be left out.
///
/// # Errors
///
/// What was expected, and what to write instead.
pub fn nats_server(text: &str) -> Result<String, String> {
    cluster::server(text).map_err(|fault| in_words(&fault, text))
}

fn in_words(fault: &Fault, found: &str) -> String {
    let help = fault.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!("expected {}, found {found:?}{help}", fault.expected)
}
