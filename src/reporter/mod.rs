//! Reporter: round trips that load balancers log, on their way to nodes.
//!
//! ```text
//!   file ───► Tail ─────┐
//!                       ├ lines ─► Format ─► Thinner ══window══► Outbox ─► a node
//!   syslog ─► message ──┘           │          one sample          one each, the
//!                                   ▼          a prefix            oldest dropped
//!                                 Counts
//! ```
//!
//! # Invariants
//!
//! - Nothing panics and nothing grows, whatever a log holds: lines, prefixes, hosts and batches
//!   have bounds.
//! - Nothing here waits: who calls reads clocks, and sends.
//! - A sample is of the peer of a TCP connection, as a kernel measured it. What is no round trip
//!   is not taken for one.
//!
//! # Not here
//!
//! Sockets, and the calls of the API (`cli`). What samples come to (`latency`).
//!
//! # Start with
//!
//! [`Format::read`], then [`Thinner`].
#![forbid(unsafe_code)]

mod format;
mod outbox;
mod syslog;
mod tail;
mod template;
mod thinner;

pub use format::Fields;
pub use format::Format;
pub use format::Misread;
pub use format::Reading;
pub use format::Unit;
pub use outbox::Batch;
pub use outbox::Outbox;
pub use syslog::message;
pub use tail::Tail;
pub use template::Template;
pub use thinner::Thinner;
