//! Why a command that talks to a node ends, and how that is said.

use crate::cli::Exit;
use crate::cli::output::fail;

/// Why a command ends without having done what was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// The node refused.
    Negative(String),
    /// No node answers.
    Unreachable(String),
    /// The command line or the configuration is wrong.
    Usage(String),
}

impl Failure {
    /// It in words.
    pub(super) fn why(&self) -> &str {
        let (Self::Negative(why) | Self::Unreachable(why) | Self::Usage(why)) = self;
        why
    }
}

/// Says why it failed.
pub(super) fn failed(failure: Failure) -> Exit {
    fail(failure.why());
    match failure {
        Failure::Negative(_) | Failure::Unreachable(_) => Exit::Negative,
        Failure::Usage(_) => Exit::Usage,
    }
}
