//! Samples: round trips as they are reported, kept in one table, on disk too.
//!
//! ```text
//!   lines ───┐                ┌─► line: read ─► latency::Table ──┐
//!   looks ───┼─► Keeper ══queue══► Ledger ─────────┤             │
//!   pages ───┘   (full: said)  │   (one thread)     └─► Counts    ▼
//!   reload ──► Sites ──────────┘                        latency.bin, aside
//!
//!   copy of the table ─► Lesson ─► Published ─► maps, orders.bin, other nodes
//! ```
//!
//! # Invariants
//!
//! - Neither the node's loop nor a query waits for the table, nor for its file.
//! - Each line of a batch is taken, or refused with a reason; each batch is read, or refused as a
//!   whole. All of them are counted.
//! - `latency.bin` is whole or not used: a file that is damaged is set aside, with a warning.
//! - Regions go by name wherever a table outlives a configuration.
//!
//! # Not here
//!
//! What samples come to (`latency`), who may report them (`control`). Where clients are: a node
//! keeps no places, so what is faster than light is taken for light when a model is fitted, and
//! not before.
//!
//! # Start with
//!
//! [`Keeper`], then `ledger.rs`.
#![forbid(unsafe_code)]

mod counts;
mod file;
mod keeper;
mod known;
mod ledger;
mod lesson;
mod line;
mod parcel;
mod published;
mod reason;
mod shelved;
mod site;

pub use counts::Counts;
pub use keeper::Keeper;
pub use keeper::Unheard;
pub use known::Known;
pub use known::KnownPrefix;
pub use known::Page;
pub use known::Refused;
pub use known::Taken;
pub use lesson::Lesson;
pub use line::client;
pub use parcel::Parcels;
pub use published::Published;
pub use published::Sizes;
pub use reason::Reason;
pub use site::Site;

pub use crate::latency::ClientPrefix;
pub use crate::latency::SourceId;
