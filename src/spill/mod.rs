//! Spill: what each region's load comes to, and whom it refuses from now on.
//!
//! ```text
//!   readings, told or pulled ─┐                          ┌─► Shares ═► maps' standing, others
//!   world and standing ───────┼─► Spill ═══► one thread ─┤
//!   shares of who decides ────┘   (the last of each)     └─► LoadStatus, for whoever looks
//! ```
//!
//! One node decides for all, by the [`Planner`](crate::load::Planner): shares depend on what was
//! published before. The others read loads too, so that any of them can go on, and apply what it
//! publishes.
//!
//! # Invariants
//!
//! - Nobody waits for a plan: it is made on a thread of its own, that gives way.
//! - What is not planned from loads refuses nobody.
//! - Shares go by the names of regions wherever they outlive a configuration.
//!
//! # Not here
//!
//! How a plan is made (`load`), where readings come from (`meters`), publishing (`cli`).
//!
//! # Start with
//!
//! [`Spill`], then `book.rs`.
#![forbid(unsafe_code)]

mod book;
mod shares;
mod stage;
#[cfg(test)]
mod tests;
mod thread;

pub use shares::Shares;
pub use stage::Stage;
pub use thread::Spill;
