//! The DNS message format, as much of it as a query and its response need.
//!
//! [`Query::parse`] reads one message without allocating and says what to do
//! with one that can't be answered; [`Reply`] writes one into a borrowed
//! buffer and never past its limit. Record data is made elsewhere (`zone`, at load)
//! and copied here, the names in it written as short as can be ([`Names`]).
//!
//! ```text
//!   octets ─► Query::parse ─► Query ─────────────► Reply ─► octets
//!                  │            question, EDNS, ECS   ▲
//!                  └─► Reject ────────────────────────┘ question and OPT where readable
//! ```
//!
//! # Invariants
//!
//! - No function here allocates, panics on any input, or reads past a slice.
//! - A [`ClientSubnet`] obeys RFC 7871, 6: what does not is FORMERR.
//! - A [`Reply`] is never longer than the limit it was made with.
//! - A message with an OPT record gets one back, whatever else is wrong with it
//!   (RFC 6891, 6.1.1): without, the resolver takes us for a server without EDNS.
//!
//! # Not here
//!
//! Which answer is right (`zone`, `steer`, `responder`), streams and their
//! length prefix (`server`).
//!
//! # Start with
//!
//! [`Query`], then [`Reply`].
#![forbid(unsafe_code)]

mod client_subnet;
mod edns;
mod header;
mod names;
mod opt;
mod query;
mod question;
mod reply;

pub use client_subnet::ClientSubnet;
pub use client_subnet::ScopePrefix;
pub use client_subnet::SourcePrefix;
pub use edns::Edns;
pub use edns::ExtendedError;
pub use header::Header;
pub use header::Opcode;
pub use names::Names;
pub use opt::Extras;
pub use query::Query;
pub use query::Reject;
pub use query::Rejected;
pub use query::glimpse_client_subnet;
pub use question::Question;
pub use reply::Asked;
pub use reply::Full;
pub use reply::Mark;
pub use reply::Owner;
pub use reply::Record;
pub use reply::Reply;
pub use reply::Section;
