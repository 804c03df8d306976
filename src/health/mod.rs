//! Health: from outcomes of probes to opinions and verdicts.
//!
//! ```text
//!   probe ─► Outcome ─► Sighting ─► vote ────┐
//!                       (Damper)             ├─► Panel ─► verdict of a check
//!   other vantages ─► Opinions ─► their votes┘               │
//!                                                       of_monitors
//!                                                            ▼
//!                                                   verdict of an endpoint
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
//! [`Damper`], then [`Checks`]: which monitor is pointed at what, then [`Panel`]: who decides.
#![forbid(unsafe_code)]

mod ballot;
mod check;
mod damper;
mod echo;
mod handed;
mod opinions;
mod outcome;
mod panel;
mod roll;
mod sighting;
mod vantage;
mod verdict;
pub mod written;

pub use check::Check;
pub use check::CheckId;
pub use check::CheckKey;
pub use check::Checks;
pub(crate) use check::digest;
pub use damper::Damper;
pub use damper::Damping;
pub use damper::Held;
pub use echo::Echo;
pub use handed::Endpoints;
pub use handed::Handed;
pub use opinions::Exception;
pub use opinions::Opinions;
pub use opinions::Unreadable;
pub use outcome::Outcome;
pub use outcome::Report;
pub use panel::Absorbed;
pub use panel::Finding;
pub use panel::Hearing;
pub use panel::Item;
pub use panel::Panel;
pub use panel::Seat;
pub use roll::Roll;
pub use sighting::Seen;
pub use sighting::Sighting;
pub use sighting::Vote;
pub use vantage::Published;
pub use vantage::Vantage;
pub use verdict::Verdict;
pub use verdict::down_in;
pub use verdict::of_monitors;
