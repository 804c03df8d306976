//! What nodes share: opaque values by key, kept in step between this process and the others.
//!
//! ```text
//!              put: newest per key, never waits            News: bounded, never loses
//!  engine ───────────► outbox ──┐                     ┌──► outlet ───────────────► engine
//!                               │   Link: one task    │
//!                               └──► watch, read, ────┘
//!                                    put, try again
//!                                          │ Bucket
//!                        ┌─────────────────┴─────────────────┐
//!                    Hub: a map in               Nats: two JetStream buckets
//!                    this process                `…-kept` on disk, `…-live` in memory
//! ```
//!
//! # Invariants
//!
//! - [`Link::put`] returns at once. Of the values of one key the newest that was put gets
//!   there, also after the connection was lost; older ones may never be sent.
//! - Nothing is missed for good: a watch begins before the reading that it follows on, and what
//!   did not fit into the queue of [`News`] is read again.
//! - Of one key no older value is delivered after a newer one, as long as the store remembers.
//! - The end of the connection is said at once, and once; it is tried again for ever.
//! - What comes from outside is bounded before it is kept: by value, by kind and in sum. What is
//!   no key of ours, too large or too much is skipped, counted, and told once an hour a sender.
//! - What a sender may say follows from the keys that its login may put, and from nothing that a
//!   value says.
//!
//! # Not here
//!
//! Which of two nodes is right, and what follows from what they say: that is for the engine,
//! which gets the events that a [`Session`] makes of [`News`]. A store's order is none of the cluster's: it may have been emptied.
//!
//! # Start with
//!
//! [`Link::start`], then `link/keeper.rs`: the task.
#![forbid(unsafe_code)]

mod bucket;
mod fault;
mod gathered;
mod key;
mod link;
mod local;
mod nats;
mod refusals;
mod session;

#[cfg(test)]
mod tests;

pub use bucket::Bucket;
pub use bucket::Entry;
pub use fault::Fault;
pub use gathered::Gathered;
pub use key::Key;
pub use key::Kind;
pub use key::Shelf;
pub use link::Link;
pub use link::News;
pub use link::NewsQueue;
pub use local::Hub;
pub use nats::Nats;
pub use refusals::Refusals;
pub use refusals::Refused;
pub use refusals::Why;
pub use session::Session;
