//! What one probe came to.

use std::time::Duration;

use jiff::Timestamp;

use crate::health::CheckKey;

/// What one probe says of its target.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// As it should be.
    Success,
    /// Not as it should be, and why: `status 503, expected 200-299`.
    Failure(String),
    /// The probe could not be made for a reason that is ours, which says nothing of the
    /// target: no permission, no such file. Never counts as up or down.
    Unable(String),
}

/// The outcome of one probe, as the prober hands it on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// Of which check.
    pub check: CheckKey,
    /// What it came to.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
    /// When the certificate that was presented ends, where there was one.
    pub certificate_ends: Option<Timestamp>,
}
