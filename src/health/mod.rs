//! Health: from outcomes of probes to opinions and verdicts. Pure.
#![forbid(unsafe_code)]

mod check;
mod outcome;

pub use check::Check;
pub use check::CheckId;
pub use check::CheckKey;
pub use check::Checks;
pub use outcome::Outcome;
pub use outcome::Report;
