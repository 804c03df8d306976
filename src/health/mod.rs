//! Health: from outcomes of probes to opinions and verdicts.
//!
//! ```text
//!   probe ─► Outcome ─► Damper ─► opinion ─► of_vantages ─► verdict of a check
//!                       per vantage                           │
//!                                                        of_monitors
//!                                                             ▼
//!                                                    verdict of an endpoint
//! ```
//!
//! # Invariants
//!
//! - Pure: outcomes and the time are arguments.
//! - A verdict holds until evidence replaces it; unknown is only what was never probed.
//! - What can't be probed for a reason of ours counts as neither up nor down.
//!
//! # Not here
//!
//! Probing (`prober`), what verdicts do to answers (`engine`).
//!
//! # Start with
//!
//! [`Damper`], then [`Checks`]: which monitor is pointed at what.
#![forbid(unsafe_code)]

mod check;
mod damper;
mod outcome;
mod verdict;

pub use check::Check;
pub use check::CheckId;
pub use check::CheckKey;
pub use check::Checks;
pub use damper::Damper;
pub use damper::Damping;
pub use outcome::Outcome;
pub use outcome::Report;
pub use verdict::Verdict;
pub use verdict::down_in;
pub use verdict::of_monitors;
pub use verdict::of_vantages;
